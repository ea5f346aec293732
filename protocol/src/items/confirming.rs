//! Blocks that were accepted, and what of them is yet to be confirmed: a block may hold tens of thousands of
//! transactions, and no input deals with so many.
//!
//! Until its turn comes a transaction of such a block is pooled, and can be served, for some milliseconds more.
//!
//! # Bound
//! The contents of `BLOCKS_MAX` blocks; when another comes, the first one is finished at once.

use std::collections::VecDeque;

use crate::chain::Confirmed;
use crate::ground::time::Time;
use crate::machine::Part;
use crate::params::Params;

/// Most transactions that one input confirms: half a millisecond's work, a whole one if many orphans wait. A guess.
const PORTION: usize = 128;

/// Most blocks that wait. A guess: more come together only when a node catches up.
const BLOCKS_MAX: usize = 4;

/// The blocks, the earliest first. Empty, it holds no memory.
#[derive(Clone, Debug, Default)]
pub struct Confirming {
    #[expect(clippy::box_collection, reason = "small when empty")]
    blocks: Option<Box<VecDeque<Block>>>,
}

#[derive(Clone, Debug)]
struct Block {
    has_begun: bool,
    rest: VecDeque<Confirmed>,
}

/// What is confirmed now.
#[derive(Clone, Debug)]
pub struct Portion {
    /// It is the first of its block.
    pub is_first: bool,
    /// The transactions, in the block's order.
    pub confirmed: Vec<Confirmed>,
}

impl Confirming {
    /// A block was accepted that contains these; nothing if that isn't known.
    pub fn begin(&mut self, confirmed: Vec<Confirmed>) {
        if !confirmed.is_empty() {
            let block = Block { has_begun: false, rest: confirmed.into() };
            self.blocks.get_or_insert_default().push_back(block);
        }
    }

    /// Whether more blocks wait than may.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.blocks.as_ref().is_some_and(|blocks| blocks.len() > BLOCKS_MAX)
    }

    /// Whether all is confirmed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.blocks.is_none()
    }

    /// Takes out what is confirmed next.
    pub fn next_portion(&mut self) -> Option<Portion> {
        let blocks = self.blocks.as_mut()?;
        let first = blocks.front_mut()?;
        let is_first = !std::mem::replace(&mut first.has_begun, true);
        let confirmed = first.rest.drain(..PORTION.min(first.rest.len())).collect();
        if first.rest.is_empty() {
            blocks.pop_front();
        }
        if blocks.is_empty() {
            self.blocks = None;
        }
        Some(Portion { is_first, confirmed })
    }
}

impl Part for Confirming {
    fn deadline(&self) -> Time {
        if self.blocks.is_some() { Time::ZERO } else { Time::NEVER }
    }

    fn check(&self, _params: &Params) {
        assert!(!self.is_full(), "more than {BLOCKS_MAX} blocks are being confirmed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::item::{Hash256, ItemId};

    fn contents(count: usize) -> Vec<Confirmed> {
        let id = |n: usize| ItemId::tx(Hash256::of(&n.to_le_bytes()));
        (0..count).map(|n| Confirmed { id: id(n), referred: None, spends: Vec::new() }).collect()
    }

    #[test]
    fn a_large_block_is_confirmed_in_portions_each_due_at_once() {
        let mut confirming = Confirming::default();
        confirming.begin(contents(2 * PORTION + 1));
        confirming.begin(contents(1));
        let mut portions = Vec::new();
        while confirming.deadline() == Time::ZERO {
            portions.push(confirming.next_portion().unwrap());
        }
        let sizes: Vec<_> = portions.iter().map(|it| (it.is_first, it.confirmed.len())).collect();
        assert_eq!(sizes, [(true, PORTION), (false, PORTION), (false, 1), (true, 1)]);
        assert!(confirming.blocks.is_none() && confirming.next_portion().is_none());
    }

    #[test]
    fn a_block_of_which_nothing_is_known_is_nothing_to_do() {
        let mut confirming = Confirming::default();
        confirming.begin(Vec::new());
        assert_eq!(confirming.deadline(), Time::NEVER);
    }
}
