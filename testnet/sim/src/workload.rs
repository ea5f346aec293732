//! What is submitted in a simulation, where and when; `launch` submits the same at the same nodes, unless
//! it has to sign.
//!
//! Transactions are opaque bytes that never repeat, so that nothing has to be signed or verified. Each
//! item draws its bytes and its origin from streams of its own: what happens to one leaves the others
//! alone.

pub mod sizes;

use std::sync::Arc;

use rand::{Rng as _, RngExt as _};
use serde::{Deserialize, Serialize};
use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::{Item, ItemKind};

use crate::random::{Use, stream};
use sizes::Sizes;

/// Least size of random bytes that never repeat by accident.
pub const SIZE_MIN: usize = 16;

/// Largest transaction: the default limit of all rule sets, bytes.
pub const SIZE_MAX: usize = 100_000;

/// Most writes of a run: more than anybody makes by hand. A guess.
pub const WRITES_MAX: usize = 1_000;

/// Latest write, seconds after the first submission: as long as a run may wait for anything else.
const WRITE_AT_MAX_S: f64 = 1e6;

/// Transactions made up for the run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Transfers {
    /// How many.
    pub txs: usize,
    /// How many a second.
    pub rate: f64,
    /// How large.
    pub sizes: Sizes,
}

/// One more transaction, submitted where and when somebody says so. It comes after the workload's own in number and
/// content, whenever it is submitted, so that nothing before it changes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// When, seconds after the first submission that is measured.
    pub at_s: f64,
    /// At which node. If it is dead or stands still then, nothing is submitted.
    pub node: u32,
}

impl Write {
    /// Checks both, in a network of so many nodes.
    ///
    /// # Errors
    /// A sentence about the first that makes no sense.
    pub fn validate(&self, nodes: usize) -> Result<(), String> {
        let Self { at_s, node } = *self;
        if !(0.0..=WRITE_AT_MAX_S).contains(&at_s) {
            return Err(format!("write.at_s is {at_s}, but must be 0 to {WRITE_AT_MAX_S} seconds"));
        }
        if node as usize >= nodes {
            return Err(format!("write: there is no node {node} among {nodes}"));
        }
        Ok(())
    }
}

impl Default for Transfers {
    fn default() -> Self {
        Self { txs: 100, rate: 20.0, sizes: Sizes::Fixed(300) }
    }
}

impl Transfers {
    /// Checks rate and sizes; how many there may be depends on the network.
    ///
    /// # Errors
    /// A sentence about the first that makes no sense.
    pub fn validate(&self) -> Result<(), String> {
        if !self.rate.is_finite() || self.rate <= 0.0 {
            return Err(format!(
                "workload.rate is {}, but must be more than 0 a second",
                self.rate
            ));
        }
        self.sizes.validate(SIZE_MIN, SIZE_MAX, "random bytes that never repeat")
    }
}

/// Builds all items of a run: the workload's in the order of their submission, then so many writes.
///
/// # Errors
/// A sentence about a workload that the chain's rules refuse.
pub fn items(
    transfers: &Transfers,
    writes: usize,
    seed: u64,
    chain: &dyn Chain,
) -> Result<Vec<Arc<Item>>, String> {
    let item = |number| {
        let bytes = payload(transfers.sizes, seed, number);
        chain.item(ItemKind::Tx, bytes.into()).map_err(|rejection| {
            format!("the chain's rules refuse a transaction of the workload: {rejection}")
        })
    };
    (0..(transfers.txs + writes) as u64).map(item).collect()
}

/// The bytes of one transaction: random ones that never repeat.
#[must_use]
pub fn payload(sizes: Sizes, seed: u64, number: u64) -> Vec<u8> {
    let mut rng = stream(seed, Use::Payload, number);
    let mut bytes = vec![0; sizes.draw(&mut rng).max(SIZE_MIN)];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// At which of the living nodes an item is submitted: the first living one that its stream names, so that
/// a crash elsewhere doesn't move it.
#[must_use]
pub fn origin(seed: u64, item: usize, nodes: u32, alive: impl Fn(u32) -> bool) -> Option<u32> {
    let mut rng = stream(seed, Use::Origin, item as u64);
    let drawn = (0..1_000).map(|_| rng.random_range(0..nodes)).find(|node| alive(*node));
    // With hardly anybody alive, drawing on is no way to find him.
    drawn.or_else(|| (0..nodes).find(|node| alive(*node)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_protocol::chain::opaque::Opaque;

    fn transfers(txs: usize) -> Transfers {
        Transfers { txs, rate: 10.0, sizes: Sizes::Fixed(300) }
    }

    #[test]
    fn payloads_have_their_size_and_never_repeat() {
        let items = items(&transfers(1_000), 0, 1, &Opaque::default()).unwrap();
        assert!(items.iter().all(|item| item.size() == 300));
        let mut ids: Vec<_> = items.iter().map(|item| item.id()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 1_000);
    }

    #[test]
    fn more_transactions_and_writes_leave_the_first_ones_as_they_were() {
        let ids = |txs, writes| -> Vec<_> {
            let items = items(&transfers(txs), writes, 1, &Opaque::default()).unwrap();
            items.iter().map(|item| item.id()).collect()
        };
        assert_eq!(ids(5, 0), ids(9, 0)[..5]);
        assert_eq!(ids(5, 0), ids(5, 2)[..5]);
    }

    #[test]
    fn origins_are_uniform_and_move_only_away_from_the_dead() {
        let mut counts = [0; 10];
        for item in 0..10_000 {
            let node = origin(1, item, 10, |_| true).unwrap();
            counts[node as usize] += 1;
            let without_three = origin(1, item, 10, |node| node != 3).unwrap();
            assert!(if node == 3 { without_three != 3 } else { without_three == node });
        }
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
        assert_eq!(origin(1, 0, 10_000, |node| node == 77), Some(77));
        assert_eq!(origin(1, 0, 10, |_| false), None);
    }
}
