//! What is kept of transactions.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ParamError, at_least_one};

use crate::ground::fee::FeeRate;

/// Which transactions are worth keeping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolParams {
    /// Least fee rate of a transaction, in the chain's smallest unit per megabyte. Bitcoin Core asks
    /// 100,000 (`DEFAULT_MIN_RELAY_TX_FEE`, 100 sat/kvB). The default takes what is free: not every chain
    /// has fees.
    pub min_fee_rate: FeeRate,
    /// What a replacement must pay for its own size on top of the fees that it does away with, and how
    /// far the minimum rises above what was evicted (Bitcoin Core's
    /// `DEFAULT_INCREMENTAL_RELAY_FEE`, 100 sat/kvB).
    pub fee_rate_step: FeeRate,
    /// In which time a minimum that rose falls by half, seconds; in half of it while the pool is less
    /// than half full, and in a quarter while it is less than a quarter full (Bitcoin Core's
    /// `ROLLING_FEE_HALFLIFE`: 12 h).
    pub half_life_s: u64,
    /// Most transactions that one may replace, their descendants included (Bitcoin Core's
    /// `MAX_REPLACEMENT_CANDIDATES`: 100; it counts clusters now).
    pub replaced_max: usize,
    /// Most pooled ancestors, and most pooled descendants, that a transaction may have, itself included.
    /// Bitcoin Core's limits until its version 30; it now allows 64 in all that hang together
    /// (`DEFAULT_CLUSTER_LIMIT`).
    pub family_max: usize,
    /// Most bytes that the pool keeps of one sender, where a chain has senders. A guess: a quarter of
    /// the pool, so that no three of them fill it.
    pub sender_max_bytes: usize,
}

impl PoolParams {
    pub(super) fn validate(&self) -> Result<(), ParamError> {
        at_least_one(&[
            ("pool.family_max", self.family_max as u64),
            ("pool.sender_max_bytes", self.sender_max_bytes as u64),
            ("pool.half_life_s", self.half_life_s),
        ])
    }

    /// In which time a minimum that rose falls by half.
    #[must_use]
    pub const fn half_life(&self) -> Duration {
        Duration::from_secs(self.half_life_s)
    }
}

impl Default for PoolParams {
    fn default() -> Self {
        Self {
            min_fee_rate: FeeRate::ZERO,
            fee_rate_step: FeeRate(100_000),
            half_life_s: 12 * 3_600,
            replaced_max: 100,
            family_max: 25,
            sender_max_bytes: 16_000_000,
        }
    }
}

/// How many transactions may wait for their parents, and for how long (see [`crate::items::orphanage`]). The bounds are
/// Bitcoin Core's (`node/txorphanage.h`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrphanParams {
    /// Most announcements of them, over all links; one with many parents counts for more.
    pub announcements_max: usize,
    /// Bytes that are kept for each link: 404,000 weight units.
    pub reserve_bytes: usize,
    /// How long one of an earlier run waits without an announcer, seconds; none that came longer ago comes
    /// back. (20 minutes: what Bitcoin Core gave every orphan until 2025.)
    pub expiry_s: u64,
}

impl OrphanParams {
    pub(super) fn validate(&self) -> Result<(), ParamError> {
        at_least_one(&[
            ("orphans.announcements_max", self.announcements_max as u64),
            ("orphans.reserve_bytes", self.reserve_bytes as u64),
        ])
    }

    /// How long one of an earlier run waits.
    #[must_use]
    pub const fn expiry(&self) -> Duration {
        Duration::from_secs(self.expiry_s)
    }
}

impl Default for OrphanParams {
    fn default() -> Self {
        Self { announcements_max: 3_000, reserve_bytes: 101_000, expiry_s: 1_200 }
    }
}
