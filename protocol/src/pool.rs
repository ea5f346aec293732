//! The pool: transactions that were accepted and can be served.
//!
//! Bounded in bytes, oldest out first; a transaction leaves after `pool_expiry_s`. Of two that claim
//! the same [conflict key](ConflictKey) the first stays. Fee rates, replacement and parents are
//! policies on top of this, and come with the fee market.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::chain::{ConflictKey, Facts, Rejection};
use crate::item::{Item, ItemId, ShortId};
use crate::map::{Map, Salt};
use crate::params::MemoryParams;
use crate::time::Time;

/// The transactions of one node.
#[derive(Clone, Debug)]
pub struct Pool {
    items: Map<ShortId, Pooled>,
    /// Who holds which conflict key.
    claims: Map<ConflictKey, ItemId>,
    /// All items in the order of their arrival, with the time when they expire.
    by_age: VecDeque<(Time, ItemId)>,
    bytes: usize,
    evicted: u64,
}

#[derive(Clone, Debug)]
struct Pooled {
    item: Arc<Item>,
    conflicts: Vec<ConflictKey>,
}

impl Pool {
    /// An empty pool.
    #[must_use]
    pub fn new(salt: Salt) -> Self {
        Self {
            items: Map::new(salt),
            claims: Map::new(salt),
            by_age: VecDeque::new(),
            bytes: 0,
            evicted: 0,
        }
    }

    /// Adds a transaction that passed the rules; the oldest ones make room.
    ///
    /// # Errors
    /// When another transaction holds one of its conflict keys, or it is larger than the pool.
    pub fn insert(
        &mut self,
        item: Arc<Item>,
        facts: Facts,
        now: Time,
        params: &MemoryParams,
    ) -> Result<(), Rejection> {
        if facts.conflicts.iter().any(|key| self.claims.contains(key)) {
            return Err(Rejection::policy("conflicts-with-pool"));
        }
        if item.size() > params.pool_max_bytes {
            return Err(Rejection::policy("larger-than-pool"));
        }
        let id = item.id();
        if let Some(pooled) = self.items.get(&id.into()) {
            let same = pooled.item.id() == id;
            return if same { Ok(()) } else { Err(Rejection::policy("short-id-taken")) };
        }
        while self.bytes + item.size() > params.pool_max_bytes {
            self.remove_oldest();
            self.evicted += 1;
        }
        for key in &facts.conflicts {
            self.claims.insert(*key, id);
        }
        self.bytes += item.size();
        self.by_age.push_back((now + Duration::from_secs(params.pool_expiry_s), id));
        self.items.insert(id.into(), Pooled { item, conflicts: facts.conflicts });
        Ok(())
    }

    /// A transaction, if it is pooled.
    #[must_use]
    pub fn get(&self, id: impl Into<ShortId>) -> Option<&Arc<Item>> {
        self.items.get(&id.into()).map(|pooled| &pooled.item)
    }

    /// Time passed: drops what has expired.
    pub fn on_wake(&mut self, now: Time) {
        while self.deadline() <= now && !self.by_age.is_empty() {
            self.remove_oldest();
        }
    }

    /// When the next transaction expires.
    #[must_use]
    pub fn deadline(&self) -> Time {
        self.by_age.front().map_or(Time::NEVER, |(expires, _)| *expires)
    }

    /// How many transactions are pooled.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether the pool is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes of all pooled transactions.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Transactions dropped for want of room, so far.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    fn remove_oldest(&mut self) {
        let Some((_, id)) = self.by_age.pop_front() else {
            return;
        };
        let Some(pooled) = self.items.remove(&id.into()) else {
            return;
        };
        self.bytes -= pooled.item.size();
        for key in pooled.conflicts {
            self.claims.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::opaque::Opaque;
    use crate::item::ItemKind;

    fn tx(n: u8, size: usize) -> Arc<Item> {
        Item::new(ItemKind::Tx, vec![n; size].into(), &Opaque::default()).unwrap()
    }

    fn claiming(key: u8) -> Facts {
        Facts { conflicts: vec![ConflictKey([key; 32])], ..Facts::default() }
    }

    fn params(pool_max_bytes: usize) -> MemoryParams {
        MemoryParams { pool_max_bytes, pool_expiry_s: 10, ..MemoryParams::default() }
    }

    #[test]
    fn of_two_conflicting_transactions_the_first_stays() {
        let mut pool = Pool::new(Salt::new(0));
        let params = params(1_000);
        pool.insert(tx(1, 10), claiming(1), Time::ZERO, &params).unwrap();
        let refused = pool.insert(tx(2, 10), claiming(1), Time::ZERO, &params);
        assert_eq!(refused.unwrap_err().rule, "conflicts-with-pool");
        assert!(pool.get(tx(1, 10).id()).is_some() && pool.get(tx(2, 10).id()).is_none());
    }

    #[test]
    fn a_full_pool_drops_its_oldest_and_frees_what_they_claimed() {
        let mut pool = Pool::new(Salt::new(0));
        let params = params(25);
        pool.insert(tx(1, 10), claiming(1), Time::ZERO, &params).unwrap();
        pool.insert(tx(2, 10), claiming(2), Time::ZERO, &params).unwrap();
        pool.insert(tx(3, 10), claiming(3), Time::ZERO, &params).unwrap();
        assert!(pool.get(tx(1, 10).id()).is_none());
        assert_eq!((pool.len(), pool.bytes(), pool.evicted()), (2, 20, 1));
        pool.insert(tx(4, 5), claiming(1), Time::ZERO, &params).unwrap();
    }

    #[test]
    fn what_is_larger_than_the_pool_is_refused_and_evicts_nothing() {
        let mut pool = Pool::new(Salt::new(0));
        let params = params(25);
        pool.insert(tx(1, 10), claiming(1), Time::ZERO, &params).unwrap();
        let refused = pool.insert(tx(2, 26), claiming(2), Time::ZERO, &params);
        assert_eq!(refused.unwrap_err().rule, "larger-than-pool");
        assert_eq!((pool.len(), pool.evicted()), (1, 0));
    }

    #[test]
    fn transactions_expire() {
        let mut pool = Pool::new(Salt::new(0));
        let params = params(1_000);
        assert_eq!(pool.deadline(), Time::NEVER);
        pool.insert(tx(1, 10), Facts::default(), Time::ZERO, &params).unwrap();
        pool.insert(tx(2, 10), Facts::default(), Time::from_millis(500), &params).unwrap();
        assert_eq!(pool.deadline(), Time::from_millis(10_000));
        pool.on_wake(Time::from_millis(10_000));
        assert_eq!((pool.len(), pool.bytes()), (1, 10));
    }
}
