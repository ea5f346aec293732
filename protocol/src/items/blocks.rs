//! Recent blocks, kept to serve them.
//!
//! Bounded in bytes and in number: the oldest leave first, but the latest always stays, or nobody could get it from
//! us. The chain of blocks, and which of its tips is best, isn't known here.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::ground::item::{Item, ItemId};
use crate::params::MemoryParams;

/// Most blocks kept, however small they are (Bitcoin Core: `MIN_BLOCKS_TO_KEEP`, two days' worth).
const KEPT_MAX: usize = 288;

/// The recent blocks of one node: few, so that a search in order is enough.
#[derive(Clone, Debug, Default)]
pub struct BlockStore {
    recent: VecDeque<Arc<Item>>,
    bytes: usize,
}

impl BlockStore {
    /// Keeps a block that passed the rules. Returns those that have to leave.
    pub fn insert(&mut self, block: Arc<Item>, params: &MemoryParams) -> Vec<ItemId> {
        if self.get(&block.id()).is_some() {
            return Vec::new();
        }
        self.bytes += block.size();
        self.recent.push_back(block);
        let mut gone = Vec::new();
        while self.recent.len() > KEPT_MAX
            || self.bytes > params.blocks_max_bytes && self.recent.len() > 1
        {
            if let Some(oldest) = self.recent.pop_front() {
                self.bytes -= oldest.size();
                gone.push(oldest.id());
            }
        }
        gone
    }

    /// A block, if it is kept.
    #[must_use]
    pub fn get(&self, id: &ItemId) -> Option<&Arc<Item>> {
        self.recent.iter().rev().find(|block| block.id() == *id)
    }

    /// Whether a block is one of so many that came last.
    #[must_use]
    pub fn is_among_latest(&self, id: &ItemId, count: usize) -> bool {
        self.recent.iter().rev().take(count).any(|block| block.id() == *id)
    }

    /// The block that came last.
    #[must_use]
    pub fn latest(&self) -> Option<&Arc<Item>> {
        self.recent.back()
    }

    /// All that are kept, the last that came first.
    pub fn recent(&self) -> impl Iterator<Item = &Arc<Item>> {
        self.recent.iter().rev()
    }

    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.recent.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.recent.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Chain as _;
    use crate::chain::opaque::Opaque;
    use crate::ground::item::ItemKind;

    fn block(n: u8, size: usize) -> Arc<Item> {
        Opaque::default().item(ItemKind::Block, vec![n; size].into()).unwrap()
    }

    #[test]
    fn a_block_that_comes_twice_is_kept_once() {
        let mut blocks = BlockStore::default();
        (0..2).for_each(|_| drop(blocks.insert(block(1, 100), &MemoryParams::default())));
        assert_eq!(blocks.len(), 1);
    }

    #[test]
    fn small_blocks_are_few_too() {
        let mut blocks = BlockStore::default();
        let gone: usize = (0..2 * KEPT_MAX)
            .map(|n| {
                let bytes = n.to_le_bytes().to_vec();
                let block = Opaque::default().item(ItemKind::Block, bytes.into()).unwrap();
                blocks.insert(block, &MemoryParams::default()).len()
            })
            .sum();
        assert_eq!((blocks.len(), gone), (KEPT_MAX, KEPT_MAX));
    }

    #[test]
    fn the_oldest_make_room_and_the_latest_stays_whatever_its_size() {
        let params = MemoryParams { blocks_max_bytes: 250, ..MemoryParams::default() };
        let mut blocks = BlockStore::default();
        for n in 1..=3 {
            blocks.insert(block(n, 100), &params);
        }
        assert!(blocks.get(&block(1, 100).id()).is_none());
        assert!(blocks.get(&block(3, 100).id()).is_some());
        blocks.insert(block(4, 1_000), &params);
        assert_eq!(blocks.len(), 1);
        assert!(blocks.get(&block(4, 1_000).id()).is_some());
    }
}
