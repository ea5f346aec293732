//! Transactions of blocks that left the chain, until it is known whether the blocks that joined it instead contain them too.
//!
//! While branches change nothing of it is pooled: most comes back confirmed at once. What the new branch doesn't contain, and what
//! doesn't conflict with it, is pooled again once the chain is settled, parents first.
//!
//! # Bound
//! At most `BYTES_MAX` bytes; over it those leave that were confirmed last (Bitcoin Core: `MAX_DISCONNECTED_TX_POOL_BYTES`,
//! `kernel/disconnected_transactions.h`, 20 MB), so that no child stays without its parents.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chain::{Confirmed, ConflictKey, Inspection};
use crate::ground::item::{Item, ItemId};

/// Most bytes of transactions that wait.
const BYTES_MAX: usize = 20_000_000;

/// A transaction that waits.
#[derive(Clone, Debug)]
pub struct Returning {
    /// The transaction.
    pub item: Arc<Item>,
    /// What its inspection found.
    pub inspection: Inspection,
}

/// Those that wait. Empty, it holds no memory.
#[derive(Clone, Debug, Default)]
pub struct Limbo {
    /// In the order in which they were confirmed.
    waiting: BTreeMap<i64, Returning>,
    places: BTreeMap<ItemId, i64>,
    /// Who uses what.
    claims: BTreeMap<ConflictKey, ItemId>,
    bytes: usize,
    /// Where the transactions of the block go that is leaving: before those of the block after it.
    next: i64,
    first: i64,
}

impl Limbo {
    /// A block with so many transactions begins to leave the chain: they come before all that wait.
    pub fn begin_block(&mut self, transactions: usize) {
        if self.is_empty() {
            *self = Self::default();
        }
        self.first -= i64::try_from(transactions).expect("a block's transactions are counted");
        self.next = self.first;
    }

    /// The next transaction of the block that leaves. Returns what there is no room for.
    pub fn add(&mut self, item: Arc<Item>, inspection: Inspection) -> Vec<Returning> {
        let (place, id) = (self.next, item.id());
        self.next += 1;
        if self.places.contains_key(&id) {
            return Vec::new();
        }
        self.bytes += item.size();
        self.places.insert(id, place);
        self.claims.extend(inspection.spends.iter().map(|key| (*key, id)));
        self.waiting.insert(place, Returning { item, inspection });
        let mut dropped = Vec::new();
        while self.bytes > BYTES_MAX
            && let Some((_, last)) = self.waiting.pop_last()
        {
            self.forget(&last);
            dropped.push(last);
        }
        dropped
    }

    /// A block that joined contains this. Returns what can't be confirmed any more, since it conflicts.
    pub fn on_confirmed(&mut self, confirmed: &Confirmed) -> Vec<Returning> {
        self.take(confirmed.id);
        let holders = confirmed.spends.iter().filter_map(|key| self.claims.get(key).copied());
        let holders: Vec<_> = holders.collect();
        holders.into_iter().filter_map(|id| self.take(id)).collect()
    }

    /// What conflicts with these can't be confirmed any more.
    pub fn on_void(&mut self, keys: &[ConflictKey]) -> Vec<Returning> {
        let holders: Vec<_> = keys.iter().filter_map(|key| self.claims.get(key).copied()).collect();
        holders.into_iter().filter_map(|id| self.take(id)).collect()
    }

    /// Takes out the one that was confirmed first.
    pub fn take_first(&mut self) -> Option<Returning> {
        let (_, first) = self.waiting.pop_first()?;
        self.forget(&first);
        Some(first)
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// # Panics
    /// When its bound doesn't hold, or what is kept in several places doesn't agree.
    pub fn check(&self) {
        let bytes: usize = self.waiting.values().map(|it| it.item.size()).sum();
        assert!(
            bytes == self.bytes && bytes <= BYTES_MAX,
            "limbo: {bytes}, {} counted",
            self.bytes
        );
        assert_eq!(self.waiting.len(), self.places.len(), "limbo: each once");
    }

    fn take(&mut self, id: ItemId) -> Option<Returning> {
        let returning = self.waiting.remove(self.places.get(&id)?)?;
        self.forget(&returning);
        Some(returning)
    }

    fn forget(&mut self, returning: &Returning) {
        let id = returning.item.id();
        self.bytes -= returning.item.size();
        self.places.remove(&id);
        for key in &returning.inspection.spends {
            if self.claims.get(key) == Some(&id) {
                self.claims.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Chain as _;
    use crate::testkit::ties::Draft;
    use crate::testkit::ties::Ties;

    fn returning(draft: &Draft) -> (Arc<Item>, Inspection) {
        let item = draft.item();
        let inspection = Ties.inspect(&item).unwrap();
        (item, inspection)
    }

    fn confirmed(item: &Item, keys: &[u8]) -> Confirmed {
        let spends = keys.iter().map(|key| ConflictKey([*key; 32])).collect();
        Confirmed { id: item.id(), referred: None, spends }
    }

    #[test]
    fn those_of_earlier_blocks_come_back_first_each_block_in_its_order() {
        let mut limbo = Limbo::default();
        for block in [2, 1, 0] {
            limbo.begin_block(3);
            for n in 0..3 {
                let (item, inspection) = returning(&Draft::paying(3 * block + n, 1));
                assert!(limbo.add(item, inspection).is_empty());
            }
        }
        limbo.check();
        let order = std::iter::from_fn(|| limbo.take_first()).map(|it| it.item.id());
        let order: Vec<_> = order.collect();
        let wanted: Vec<_> = (0..9).map(|n| Draft::paying(n, 1).item().id()).collect();
        assert_eq!(order, wanted);
        limbo.check();
    }

    #[test]
    fn what_is_confirmed_again_or_conflicts_with_that_does_not_come_back() {
        let mut limbo = Limbo::default();
        limbo.begin_block(3);
        let drafts = [0, 1, 2].map(|n| Draft::paying(n, 1).claiming(&[u8::try_from(n).unwrap()]));
        let items = drafts.clone().map(|draft| draft.item());
        for draft in &drafts {
            let (item, inspection) = returning(draft);
            limbo.add(item, inspection);
        }
        assert!(limbo.on_confirmed(&confirmed(&items[0], &[0])).is_empty());
        let other = Draft::paying(9, 1).item();
        let gone = limbo.on_confirmed(&confirmed(&other, &[1, 7]));
        assert_eq!(gone.iter().map(|it| it.item.id()).collect::<Vec<_>>(), [items[1].id()]);
        limbo.check();
        assert_eq!(limbo.take_first().unwrap().item.id(), items[2].id());
        assert!(limbo.is_empty());
    }

    #[test]
    fn what_is_too_much_is_dropped_from_the_end() {
        let mut limbo = Limbo::default();
        let filler = BYTES_MAX / 4;
        let mut dropped = Vec::new();
        for block in [1, 0] {
            limbo.begin_block(3);
            for n in 0..3 {
                let mut draft = Draft::paying(3 * block + n, 1);
                draft.filler = filler;
                let (item, inspection) = returning(&draft);
                dropped.extend(limbo.add(item, inspection).into_iter().map(|it| it.item.size()));
                limbo.check();
            }
        }
        assert_eq!((dropped.len(), limbo.len()), (3, 3));
    }
}
