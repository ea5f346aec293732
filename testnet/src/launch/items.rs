//! What is submitted, where and when: all built before the run, so that it costs nothing during it.

pub mod bitcoin;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use rand::Rng;
use tidings_protocol::chain::{Limits, Rules, Settings};
use tidings_protocol::ground::item::{Hash256, ItemId, ItemKind};
use tidings_sim::random::shared::{Stream, stream};
use tidings_sim::workload::sizes::Sizes;
use tidings_sim::workload::{self, Transfers};
use tidings_tools::load::transfers::Maker;

use crate::manifest::{Manifest, Workload};

/// One item to submit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Its id, which of a transaction is the same under all rules: a hash of its whole canonical bytes.
    pub id: ItemId,
    /// Its canonical bytes.
    pub bytes: Bytes,
    /// It is due when all before it have arrived everywhere: a block that confirms transactions makes it needless to
    /// relay them.
    pub follows: bool,
}

impl Planned {
    fn new(kind: ItemKind, bytes: Bytes) -> Self {
        Self { id: ItemId::new(kind, Hash256::of(&bytes)), bytes, follows: false }
    }
}

/// A workload that can't be built.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// The block's file can't be read.
    #[error("cannot read the block {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no block.
    #[error("{} is no raw Bitcoin block: {source}", path.display())]
    NoBlock {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: bitcoin::BlockError,
    },
}

/// Builds all items of a run, in the order of their submission.
///
/// # Errors
/// When the block's file can't be used.
pub fn build(manifest: &Manifest, genesis: Hash256) -> Result<Vec<Planned>, WorkloadError> {
    match &manifest.workload {
        Workload::Transfers(Transfers { txs, sizes, .. }) => {
            let (seed, nodes) = (manifest.seed, manifest.network.nodes);
            Ok(if manifest.network.rules == Rules::Tidings {
                transfers(*txs, *sizes, nodes, genesis, &mut stream(seed, Stream::Items))
            } else {
                random_bytes(*txs, *sizes, seed)
            })
        }
        Workload::BitcoinBlock { file, .. } => {
            let bytes = std::fs::read(file)
                .map_err(|source| WorkloadError::Read { path: file.clone(), source })?;
            let block = bitcoin::parse(bytes.into())
                .map_err(|source| WorkloadError::NoBlock { path: file.clone(), source })?;
            let rules = manifest.network.rules;
            // Where transactions mean something, the first is a coinbase: it comes with its block or not at all.
            let loose = block.transactions().skip(usize::from(rules != Rules::Opaque));
            let txs = loose.map(|bytes| Planned::new(ItemKind::Tx, bytes));
            let whole = whole(rules, block.bytes().clone());
            Ok(txs.chain([whole]).collect())
        }
    }
}

/// A block, after its transactions.
fn whole(rules: Rules, bytes: Bytes) -> Planned {
    let chain = rules.chain(Limits::default(), &Settings::default());
    let hash = chain.identify(ItemKind::Block, &bytes).expect("it was parsed with a header");
    Planned { id: ItemId::block(hash), bytes, follows: rules != Rules::Opaque }
}

/// Signed transfers of `accounts` senders who take turns. Sizes below the least become the least.
fn transfers(
    count: usize,
    sizes: Sizes,
    accounts: usize,
    genesis: Hash256,
    rng: &mut impl Rng,
) -> Vec<Planned> {
    let mut maker = Maker::new(accounts, genesis, rng);
    let transfer = |_| {
        let size = sizes.draw(rng);
        let (id, bytes) = maker.next(size, rng);
        Planned { id, bytes, follows: false }
    };
    (0..count).map(transfer).collect()
}

/// The same transactions as in a simulation of that seed.
fn random_bytes(count: usize, sizes: Sizes, seed: u64) -> Vec<Planned> {
    let payload = |number| workload::payload(sizes, seed, number);
    (0..count as u64).map(|number| Planned::new(ItemKind::Tx, payload(number).into())).collect()
}

/// When each item is due: on an absolute grid, so that a late submission delays no other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Submissions a second; more than 0.
    pub rate: f64,
}

impl Schedule {
    /// When the `index`th item is due after the first.
    #[must_use]
    pub fn due(self, index: usize) -> Duration {
        Duration::from_secs_f64(index as f64 / self.rate)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use tidings_protocol::chain::tidings::{TRANSFER_LEN_MIN, Tidings};
    use tidings_protocol::chain::{Chain, GOOD, opaque::Opaque};

    use super::*;

    const GENESIS: Hash256 = Hash256([7; 32]);

    fn rng() -> impl Rng {
        stream(1, Stream::Items)
    }

    #[test]
    fn transfers_pass_the_rules_and_never_conflict() {
        let chain = Tidings::new(GENESIS, 16);
        let planned = transfers(50, Sizes::Fixed(300), 7, GENESIS, &mut rng());
        let mut used = HashSet::new();
        for item in &planned {
            assert_eq!(item.bytes.len(), 300);
            let checked = chain.item(item.id.kind(), item.bytes.clone()).unwrap();
            assert_eq!(checked.id(), item.id);
            let inspection = chain.inspect(&checked).unwrap();
            assert_eq!(chain.verify(&checked), GOOD);
            assert!(inspection.spends.into_iter().all(|key| used.insert(key.0)));
        }
    }

    #[test]
    fn a_transfer_is_never_smaller_than_the_rules_allow() {
        let planned = transfers(3, Sizes::Fixed(10), 2, GENESIS, &mut rng());
        assert!(planned.iter().all(|item| item.bytes.len() == TRANSFER_LEN_MIN));
    }

    #[test]
    fn random_bytes_are_distinct_opaque_items() {
        let chain = Opaque::default();
        let planned = random_bytes(100, Sizes::Fixed(16), 1);
        let ids: HashSet<[u8; 32]> = planned
            .iter()
            .map(|item| chain.item(item.id.kind(), item.bytes.clone()).unwrap().id().hash().0)
            .collect();
        assert_eq!(ids.len(), 100);
    }

    #[test]
    fn the_seed_decides_all_bytes() {
        let build = || transfers(5, Sizes::Bitcoin, 2, GENESIS, &mut rng());
        assert_eq!(build(), build());
    }

    #[test]
    fn due_times_do_not_drift() {
        let schedule = Schedule { rate: 3.0 };
        assert_eq!(schedule.due(0), Duration::ZERO);
        assert_eq!(schedule.due(3_000_000), Duration::from_secs(1_000_000));
    }
}
