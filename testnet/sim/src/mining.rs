//! Blocks that simulated nodes make of what waits in their pools, at random times: what became of them.
//!
//! Rules are those of [`Listing`](crate::listing::Listing), in which a proof of work costs nothing: what a miner's luck
//! would decide is drawn. The time from one block to the next is exponential, and each is made by a random living node.

use std::collections::BTreeMap;

use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};
use tidings_protocol::ground::item::{Hash256, Item, ItemId};
use tidings_protocol::ground::time::Time;

use crate::units::nanos;

/// Longest mean time between blocks, seconds.
const INTERVAL_MAX_S: f64 = 1e6;

/// That a node hasn't got a block.
const NEVER: u32 = u32::MAX;

/// When blocks are made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mining {
    /// Mean time from one to the next, seconds.
    pub interval_s: f64,
    /// Most transactions of a block; all that are pooled if it is left out.
    #[serde(default = "unlimited", skip_serializing_if = "is_unlimited")]
    pub txs_max: usize,
}

const fn unlimited() -> usize {
    usize::MAX
}

const fn is_unlimited(txs: &usize) -> bool {
    *txs == usize::MAX
}

impl Mining {
    /// Checks every setting.
    ///
    /// # Errors
    /// A sentence about the first that makes no sense.
    pub fn validate(&self) -> Result<(), String> {
        let Self { interval_s, txs_max } = *self;
        if !(interval_s > 0.0 && interval_s <= INTERVAL_MAX_S) {
            return Err(format!(
                "mining.interval_s is {interval_s}, but must be more than 0 and at most {INTERVAL_MAX_S}"
            ));
        }
        if txs_max == 0 {
            return Err("mining.txs_max is 0, but a block needs room for one".to_owned());
        }
        Ok(())
    }

    /// A time from one block to the next, nanoseconds.
    pub(crate) fn gap(&self, rng: &mut impl Rng) -> u64 {
        let left: f64 = 1.0 - rng.random::<f64>(); // never 0
        nanos(-left.ln() * self.interval_s)
    }
}

/// A block that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The block.
    pub id: ItemId,
    /// The block before.
    pub parent: Hash256,
    /// How many come before it.
    pub height: u32,
    /// The node that made it.
    pub origin: u32,
    /// When.
    pub at: Time,
    /// Its size, bytes.
    pub bytes: usize,
    /// Its transactions.
    pub transactions: Vec<ItemId>,
    /// By node: when it had it, microseconds later.
    arrivals: Vec<u32>,
}

impl Made {
    /// When nodes had it, microseconds after it was made, with their numbers.
    pub fn arrivals(&self) -> impl Iterator<Item = (u32, u32)> {
        (0..).zip(self.arrivals.iter().copied()).filter(|(_, us)| *us != NEVER)
    }
}

/// All blocks that were made.
#[derive(Clone, Debug, Default)]
pub struct Mined {
    blocks: Vec<Made>,
    numbers: BTreeMap<ItemId, usize>,
}

impl Mined {
    /// The blocks, in the order in which they were made.
    #[must_use]
    pub fn blocks(&self) -> &[Made] {
        &self.blocks
    }

    /// A node makes a block.
    pub(crate) fn make(
        &mut self,
        (block, transactions): (&Item, Vec<ItemId>),
        (parent, height): (Hash256, u32),
        (origin, nodes): (u32, usize),
        at: Time,
    ) {
        let (id, bytes, arrivals) = (block.id(), block.size(), vec![NEVER; nodes]);
        self.numbers.insert(id, self.blocks.len());
        self.blocks.push(Made { id, parent, height, origin, at, bytes, transactions, arrivals });
    }

    /// A node has a block. Its transactions, if it is the first time.
    pub(crate) fn arrive(&mut self, id: ItemId, node: u32, now: Time) -> Option<&[ItemId]> {
        let made = &mut self.blocks[*self.numbers.get(&id)?];
        let arrival = &mut made.arrivals[node as usize];
        if *arrival != NEVER {
            return None;
        }
        *arrival = u32::try_from(now.since(made.at).as_micros()).unwrap_or(NEVER - 1);
        Some(&made.transactions)
    }

    /// By block: whether it is on the chain that ends with a tip.
    #[must_use]
    pub fn on_chain(&self, tip: Hash256) -> Vec<bool> {
        let mut on_chain = vec![false; self.blocks.len()];
        let mut next = tip;
        while let Some(number) = self.numbers.get(&ItemId::block(next)) {
            on_chain[*number] = true;
            next = self.blocks[*number].parent;
        }
        on_chain
    }
}

#[cfg(test)]
mod tests;
