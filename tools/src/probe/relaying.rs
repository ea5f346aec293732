//! What a probe does if it is told to relay: it announces each valid transaction that it gets to all other peers, and gives it
//! to those who ask.
//!
//! Then it is a hop: peers get items by it that would have come by others, later or sooner. Its record says so. Blocks aren't
//! passed on.
//!
//! *Bounds*: the latest 10,000 transactions, of at most 32 MiB; who asks for an older one is told that
//! it isn't here. What is invalid is checked once for each time it comes, which the transport's own bounds limit.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::{Item, ItemKind, Name, ShortId};
use tidings_protocol::wire::message::{Items, Message, Names};

/// Most transactions that are held to be given. A guess: some minutes of a busy network.
const HELD_MAX: usize = 10_000;

/// Most bytes of them. A guess.
const BYTES_MAX: usize = 32 << 20;

/// The transactions that are passed on.
#[derive(Default)]
pub struct Relaying {
    held: BTreeMap<ShortId, Arc<Item>>,
    order: VecDeque<ShortId>,
    bytes: usize,
    passed_on: u64,
}

impl std::fmt::Debug for Relaying {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relaying").field("held", &self.held.len()).finish_non_exhaustive()
    }
}

impl Relaying {
    /// Transactions passed on so far.
    #[must_use]
    pub const fn passed_on(&self) -> u64 {
        self.passed_on
    }

    /// A peer sent an item: what all others are to be told, if it is new and valid.
    pub fn take(&mut self, item: &Arc<Item>, chain: &dyn Chain) -> Option<Message> {
        let short = ShortId::from(item.id());
        if item.kind() != ItemKind::Tx || self.held.contains_key(&short) {
            return None;
        }
        let inspection = chain.inspect(item).ok()?;
        if inspection.needs_verification && chain.verify(item).is_err() {
            return None;
        }
        self.bytes += item.size();
        self.held.insert(short, Arc::clone(item));
        self.order.push_back(short);
        while self.held.len() > HELD_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            self.bytes -= self.held.remove(&oldest).map_or(0, |item| item.size());
        }
        self.passed_on += 1;
        let ids = vec![item.id()].into();
        Some(Items::Announce(Names::Whole { kind: ItemKind::Tx, ids }).into())
    }

    /// A peer asked for items: those that are here, and word of those that aren't.
    #[must_use]
    pub fn give(&self, names: &Names) -> Vec<Message> {
        let (mut given, mut lacked): (Vec<Message>, Vec<Name>) = (Vec::new(), Vec::new());
        for name in names.iter() {
            match self.held.get(&name.short()) {
                Some(item) if name.fits(&item.id()) => {
                    given.push(Items::Item(Arc::clone(item)).into());
                }
                _ => lacked.push(name),
            }
        }
        if !lacked.is_empty() {
            given.push(Items::NotFound(Names::of(names.kind(), lacked.into_iter())).into());
        }
        given
    }
}

#[cfg(test)]
mod tests {
    use tidings_protocol::chain::opaque::Opaque;
    use tidings_protocol::chain::tidings::Tidings;
    use tidings_protocol::ground::item::{Hash256, ItemId};

    use super::*;

    /// Rules that allow items of the length of a test.
    const ROOMY: Opaque = Opaque { max_tx_bytes: 16 << 20, max_block_bytes: 16 << 20 };

    fn item(bytes: Vec<u8>) -> Arc<Item> {
        ROOMY.item(ItemKind::Tx, bytes.into()).unwrap()
    }

    #[test]
    fn what_is_new_and_valid_is_announced_once_and_given_to_who_asks() {
        let (mut relaying, chain) = (Relaying::default(), Opaque::default());
        let known = item(vec![1; 40]);
        let ids = vec![known.id()].into();
        let told = Items::Announce(Names::Whole { kind: ItemKind::Tx, ids }).into();
        assert_eq!(relaying.take(&known, &chain), Some(told));
        assert_eq!(relaying.take(&known, &chain), None, "it is known");
        let other = ItemId::tx(Hash256::of(b"?"));
        let asked = Names::Whole { kind: ItemKind::Tx, ids: vec![known.id(), other].into() };
        let lacked = Names::Whole { kind: ItemKind::Tx, ids: vec![other].into() };
        let expected: [Message; 2] = [Items::Item(known).into(), Items::NotFound(lacked).into()];
        assert_eq!(relaying.give(&asked), expected);
        assert_eq!(relaying.passed_on(), 1);
    }

    #[test]
    fn what_breaks_a_rule_is_not_passed_on() {
        let (mut relaying, chain) = (Relaying::default(), Tidings::new(Hash256([0; 32]), 1));
        assert_eq!(relaying.take(&item(vec![1; 200]), &chain), None);
        assert_eq!(relaying.passed_on(), 0);
    }

    #[test]
    fn the_oldest_give_way() {
        let (mut relaying, chain) = (Relaying::default(), ROOMY);
        let first = item(vec![0; 9 << 20]);
        for fill in 0..4 {
            let item = item(vec![fill; 9 << 20]);
            let _ = relaying.take(&item, &chain);
        }
        assert_eq!((relaying.held.len(), relaying.bytes), (3, 27 << 20));
        let asked = Names::Whole { kind: ItemKind::Tx, ids: vec![first.id()].into() };
        assert!(matches!(relaying.give(&asked)[..], [Message::Items(Items::NotFound(_))]));
    }
}
