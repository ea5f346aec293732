//! What a miner would take of the pool for the next block.
//!
//! The best fee rate goes first, and of equals whoever came first. A child never goes without its pooled parents: it counts for
//! what all of them that aren't taken yet pay together, if that is less than what it pays itself, and takes them with it
//! (Bitcoin Core did so up to release 30: `BlockAssembler::addPackageTxs`, `CompareTxMemPoolEntryByAncestorFee`). What doesn't fit is
//! passed over, for others that do.
//!
//! # Cost
//! As many look-ups as transactions are taken, or passed over, each times those of its family. The pool isn't walked: those that pay
//! lie in its order of eviction, which no transaction is worth more than, and those that don't lie in the order of arrival.
//! Once [`IN_VAIN_MAX`] in a row didn't fit, the template is done.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::{Pool, Pooled};
use crate::ground::fee::FeeRate;
use crate::ground::item::{Item, ItemId};
use crate::ground::map::Map;

/// So many in a row that don't fit end the search (Bitcoin Core: `MAX_CONSECUTIVE_FAILURES`, `node/miner.cpp`).
pub const IN_VAIN_MAX: usize = 1_000;

/// How much a template may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes of all transactions.
    pub bytes: usize,
    /// What each takes besides its own bytes, such as its length before it.
    pub each: usize,
    /// Most transactions.
    pub transactions: usize,
}

/// A transaction that may be taken next, and what it was worth when that was last counted.
type Offer = (FeeRate, Reverse<u64>, ItemId);

impl Pool {
    /// The transactions that a miner would take, parents before children.
    #[must_use]
    pub fn template(&self, mut room: Room) -> Vec<Arc<Item>> {
        let mut taken: Map<ItemId, ()> = Map::new(*self.items.salt());
        let mut template = Vec::new();
        let mut offers = BinaryHeap::new();
        let mut paying = self.by_key.iter().rev().peekable();
        let mut free = self.unpaid().peekable();
        let mut in_vain = 0;
        while in_vain < IN_VAIN_MAX && room.transactions > 0 {
            let best: Option<&Offer> = offers.peek();
            if let Some(key) =
                paying.next_if(|key| best.is_none_or(|(worth, ..)| key.rate >= *worth))
            {
                offers.extend(self.offer(key.id, &taken));
                continue;
            }
            if let Some((id, _)) = free.next_if(|(_, sequence)| {
                best.is_none_or(|(worth, Reverse(before), _)| {
                    *worth == FeeRate::ZERO && sequence < before
                })
            }) {
                offers.extend(self.offer(id, &taken));
                continue;
            }
            let Some(offer) = offers.pop() else { break };
            let id = offer.2;
            // One that was offered twice, or whose family was taken meanwhile and offered anew.
            if self.offer(id, &taken) != Some(offer) {
                continue;
            }
            // Most have no relatives, and then there is nobody to bring along, or to offer anew.
            let is_alone = self.items.get(&id).is_some_and(|pooled| pooled.family.is_none());
            let package = if is_alone { vec![id] } else { self.package(id, &taken) };
            let bytes = self.sum(&package).bytes + package.len() * room.each;
            if bytes > room.bytes || package.len() > room.transactions {
                in_vain += 1;
                continue;
            }
            in_vain = 0;
            room.bytes -= bytes;
            room.transactions -= package.len();
            for id in &package {
                taken.insert(*id, ());
                template.extend(self.get(*id).cloned());
            }
            if !is_alone {
                let concerned = self.with_descendants(&package);
                offers.extend(concerned.into_iter().filter_map(|id| self.offer(id, &taken)));
            }
        }
        template
    }

    /// What a transaction is worth that isn't taken yet.
    fn offer(&self, id: ItemId, taken: &Map<ItemId, ()>) -> Option<Offer> {
        let pooled = self.items.get(&id).filter(|_| !taken.contains(&id))?;
        let mut worth = pooled.own_rate();
        if !pooled.parents().is_empty() {
            worth = worth.min(self.sum(&self.untaken(id, taken)).rate());
        }
        Some((worth, Reverse(pooled.sequence), id))
    }

    /// A transaction with its ancestors that aren't taken.
    fn untaken(&self, id: ItemId, taken: &Map<ItemId, ()>) -> Vec<ItemId> {
        let mut family = self.with_ancestors(&[id]);
        family.retain(|id| !taken.contains(id));
        family
    }

    /// The same, parents before children: whoever descends from another has more ancestors.
    fn package(&self, id: ItemId, taken: &Map<ItemId, ()>) -> Vec<ItemId> {
        let mut family = self.untaken(id, taken);
        if family.len() > 1 {
            family.sort_by_cached_key(|id| {
                let sequence = self.items.get(id).map(|pooled: &Pooled| pooled.sequence);
                (self.with_ancestors(&[*id]).len(), sequence)
            });
        }
        family
    }

    /// Those that pay nothing, the oldest first, with their number in the order of arrival.
    fn unpaid(&self) -> impl Iterator<Item = (ItemId, u64)> {
        let current = self.free.iter().filter(|(_, key)| super::is_current(&self.items, key));
        current.map(|(_, key)| (key.id, key.sequence))
    }
}
