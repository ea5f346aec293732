//! Brings the active chain to the best block that can be connected, one step after the other.
//!
//! A step needs to know what its block confirms, or leaves behind. Of a block that was just verified that is at hand; any other is read
//! by the driver, one at a time. What a block does to the pool is done in portions, since it may hold tens of thousands of
//! transactions; the next step waits for the last portion.
//!
//! # Bounds
//! What blocks confirm that wait for blocks before them is kept up to `WAITING_MAX` transactions; over it the earliest are read again.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::blocks::limbo::Limbo;
use crate::blocks::tree::Step;
use crate::chain::{Confirmed, ConflictKey, Disconnected};
use crate::ground::item::{Hash256, Item};

/// Most transactions of blocks that wait to be connected: some 30 MB. A guess: what 64 blocks of 4,000 confirm.
const WAITING_MAX: usize = 1 << 18;

/// Most of a block's transactions that are taken out of the chain in one input: half a millisecond's work. A guess.
const PORTION: usize = 128;

/// How far the active chain is on its way.
#[derive(Clone, Debug, Default)]
pub struct Activation {
    /// The step for which the driver reads a block.
    loading: Option<Step>,
    /// What blocks confirm that were verified and wait to be connected.
    waiting: VecDeque<(Hash256, Vec<Confirmed>)>,
    waiting_txs: usize,
    /// Of the block that is leaving: what comes back of it, and isn't in limbo yet.
    leaving: Option<Leaving>,
    /// What left the chain, and may come back to the pool.
    pub limbo: Limbo,
}

#[derive(Clone, Debug)]
struct Leaving {
    returns: VecDeque<Arc<Item>>,
    void: Vec<ConflictKey>,
}

/// A part of a block that leaves.
#[derive(Clone, Debug, Default)]
pub struct Portion {
    /// What comes back.
    pub returns: Vec<Arc<Item>>,
    /// What can't be used any more, with the last portion.
    pub void: Vec<ConflictKey>,
}

impl Activation {
    /// A block was verified that isn't connected yet.
    pub fn on_verified(&mut self, id: Hash256, confirms: Vec<Confirmed>) {
        self.waiting_txs += confirms.len();
        self.waiting.push_back((id, confirms));
        while self.waiting_txs > WAITING_MAX
            && let Some((_, confirms)) = self.waiting.pop_front()
        {
            self.waiting_txs -= confirms.len();
        }
    }

    /// What a block confirms, if that is at hand.
    pub fn take_verified(&mut self, id: Hash256) -> Option<Vec<Confirmed>> {
        let place = self.waiting.iter().position(|(other, _)| *other == id)?;
        let (_, confirms) = self.waiting.remove(place)?;
        self.waiting_txs -= confirms.len();
        Some(confirms)
    }

    /// The driver is asked to read a block for a step.
    pub const fn load(&mut self, step: Step) {
        self.loading = Some(step);
    }

    /// The driver has read a block. The step that waited for it, if any.
    pub fn on_loaded(&mut self, id: Hash256) -> Option<Step> {
        self.loading.take_if(|step| step.block() == id)
    }

    /// A block left the chain.
    pub fn leave(&mut self, disconnected: Disconnected) {
        let Disconnected { returns, void } = disconnected;
        self.limbo.begin_block(returns.len());
        self.leaving = Some(Leaving { returns: returns.into(), void });
    }

    /// The next part of the block that is leaving.
    pub fn next_leaving(&mut self) -> Option<Portion> {
        let Leaving { returns, void } = self.leaving.as_mut()?;
        let some = returns.drain(..PORTION.min(returns.len())).collect();
        let is_last = returns.is_empty();
        let void = if is_last { std::mem::take(void) } else { Vec::new() };
        if is_last {
            self.leaving = None;
        }
        Some(Portion { returns: some, void })
    }

    /// Whether a block is leaving.
    #[must_use]
    pub const fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// Whether the next step can be begun: nothing is being read, and no block is leaving.
    #[must_use]
    pub const fn is_free(&self) -> bool {
        self.loading.is_none() && self.leaving.is_none()
    }

    /// # Panics
    /// When a bound doesn't hold.
    pub fn check(&self) {
        let txs: usize = self.waiting.iter().map(|(_, confirms)| confirms.len()).sum();
        assert!(txs == self.waiting_txs && txs <= WAITING_MAX, "blocks that wait: {txs}");
        self.limbo.check();
    }
}
