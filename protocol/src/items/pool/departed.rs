//! Transactions that left the pool lately and may be in a block all the same.
//!
//! Another miner may have kept what gave way here, and whoever found a block at the same height confirmed much of what ours did. So
//! the latest block's are kept, and some of what was replaced, evicted or in conflict; nothing is served of the latter. (Bitcoin Core:
//! `vExtraTxnForCompact`, `net_processing.cpp`.)

use std::collections::VecDeque;
use std::sync::Arc;

use crate::ground::item::{Item, ItemId, Name};
use crate::ground::map::{Map, Salt};
use crate::report::event::Departure;

/// Most transactions that gave way to others (Bitcoin Core: `DEFAULT_BLOCK_RECONSTRUCTION_EXTRA_TXN`, `net_processing.h`).
const GAVE_WAY_MAX: usize = 100;

/// Most bytes of them. A guess: a hundred of ten kilobytes.
const GAVE_WAY_BYTES_MAX: usize = 1_000_000;

/// Transactions that left the pool lately.
#[derive(Clone, Debug)]
pub(super) struct Departed {
    /// What the latest block confirmed and we had; bounded by the size of a block.
    confirmed: Map<ItemId, Arc<Item>>,
    /// The same, in order.
    confirmed_ids: Vec<ItemId>,
    /// What gave way to others, the oldest first.
    gave_way: VecDeque<Arc<Item>>,
    bytes: usize,
}

impl Departed {
    pub(super) fn new(salt: Salt) -> Self {
        let (confirmed_ids, gave_way) = (Vec::new(), VecDeque::new());
        Self { confirmed: Map::new(salt), confirmed_ids, gave_way, bytes: 0 }
    }

    /// Another block is the latest one now.
    pub(super) fn begin_block(&mut self) {
        self.confirmed = Map::new(*self.confirmed.salt());
        self.confirmed_ids = Vec::new();
    }

    /// A transaction left, for a reason.
    pub(super) fn on_departed(&mut self, item: &Arc<Item>, why: Departure) {
        match why {
            Departure::Expired => {}
            Departure::Confirmed => {
                self.confirmed.insert(item.id(), item.clone());
                self.confirmed_ids.push(item.id());
            }
            Departure::Evicted | Departure::Replaced | Departure::Conflicted => {
                self.bytes += item.size();
                self.gave_way.push_back(item.clone());
                while self.gave_way.len() > GAVE_WAY_MAX || self.bytes > GAVE_WAY_BYTES_MAX {
                    self.bytes -= self.gave_way.pop_front().map_or(0, |oldest| oldest.size());
                }
            }
        }
    }

    /// One that the latest block confirmed.
    pub(super) fn confirmed(&self, id: Name) -> Option<&Arc<Item>> {
        self.confirmed.get(&id)
    }

    /// One that gave way to others. It looks all of them through.
    pub(super) fn gave_way(&self, id: Name) -> Option<&Arc<Item>> {
        self.gave_way.iter().find(|item| Name::from(item.id()).short() == id.short())
    }

    /// All of them.
    pub(super) fn ids(&self) -> impl Iterator<Item = ItemId> {
        let gave_way = self.gave_way.iter().map(|item| item.id());
        self.confirmed_ids.iter().copied().chain(gave_way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::item::Hash256;

    fn item(n: u8, size: usize) -> Arc<Item> {
        Item::identified(ItemId::tx(Hash256([n; 32])), vec![n; size].into())
    }

    #[test]
    fn what_gave_way_is_kept_as_far_as_there_is_room_and_what_expired_is_not() {
        let mut departed = Departed::new(Salt::new(1));
        for n in 0..110 {
            departed.on_departed(&item(n, 10), Departure::Replaced);
        }
        departed.on_departed(&item(200, 10), Departure::Expired);
        let ids: Vec<_> = departed.ids().collect();
        assert_eq!((ids.len(), ids[0]), (GAVE_WAY_MAX, item(10, 10).id()));
        assert!(departed.gave_way(item(50, 10).id().into()).is_some());
        departed.on_departed(&item(201, GAVE_WAY_BYTES_MAX), Departure::Evicted);
        assert_eq!(departed.ids().collect::<Vec<_>>(), [item(201, 1).id()]);
        assert_eq!(departed.bytes, GAVE_WAY_BYTES_MAX);
    }

    #[test]
    fn what_one_block_confirmed_is_kept_until_the_next_begins() {
        let mut departed = Departed::new(Salt::new(1));
        departed.on_departed(&item(1, 10), Departure::Confirmed);
        let id = item(1, 10).id();
        assert!(departed.confirmed(id.into()).is_some());
        assert_eq!(departed.ids().collect::<Vec<_>>(), [id]);
        departed.begin_block();
        assert_eq!((departed.confirmed(id.into()), departed.ids().count()), (None, 0));
    }
}
