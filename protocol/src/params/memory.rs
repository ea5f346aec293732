//! How much to remember, and how much of the past can be explained.

use serde::{Deserialize, Serialize};

use super::{ParamError, at_least_one};

/// How much to remember.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryParams {
    /// Most ids in the seen cache, least recently used forgotten first. Bitcoin Core remembers 50,000
    /// per peer (`m_tx_inventory_known_filter`); this cache serves all links.
    pub seen_max: usize,
    /// Most bytes of memory that pooled transactions take; over it those that pay least leave, of equals the oldest.
    /// (Bitcoin Core: 300 MB, by `DynamicMemoryUsage` too.) A guess.
    pub pool_max_bytes: usize,
    /// What a pooled transaction is counted for besides its bytes: its places in the pool, the seen cache, and what is compared.
    /// Measured: 780 bytes with 200,000 of them.
    pub pool_entry_bytes: usize,
    /// How long a transaction stays pooled, seconds (Bitcoin Core's `DEFAULT_MEMPOOL_EXPIRY_HOURS`: 336).
    pub pool_expiry_s: u64,
    /// Most bytes of recent blocks kept to serve; over it the oldest leave, but never the latest.
    /// A guess: four blocks of 4 MB.
    pub blocks_max_bytes: usize,
    /// Most items whose signatures are being checked; over it an arriving one is dropped and asked
    /// for again elsewhere. A guess.
    pub verifying_max: usize,
    /// Most bytes of such transactions, and of such blocks; likewise. A guess: four blocks of 4 MB.
    pub verifying_max_bytes: usize,
    /// Most ids of one link's getdata that wait while the link is congested; over it they are
    /// answered with notfound. A guess.
    pub serve_queue_max: usize,
}

impl MemoryParams {
    pub(super) fn validate(&self) -> Result<(), ParamError> {
        at_least_one(&[
            ("memory.seen_max", self.seen_max as u64),
            ("memory.pool_max_bytes", self.pool_max_bytes as u64),
            ("memory.blocks_max_bytes", self.blocks_max_bytes as u64),
            ("memory.verifying_max", self.verifying_max as u64),
            ("memory.verifying_max_bytes", self.verifying_max_bytes as u64),
            ("memory.pool_expiry_s", self.pool_expiry_s),
        ])
    }
}

impl Default for MemoryParams {
    fn default() -> Self {
        Self {
            seen_max: 200_000,
            pool_max_bytes: 88_000_000,
            pool_entry_bytes: 800,
            pool_expiry_s: 336 * 3_600,
            blocks_max_bytes: 16_000_000,
            verifying_max: 4_096,
            verifying_max_bytes: 16_000_000,
            serve_queue_max: 4_000,
        }
    }
}

/// How many steps a node of the real world keeps if it isn't told. A guess: 1 MiB, the last 2,000 items
/// of a node with 16 links.
pub const STEPS_DEFAULT: usize = 65_536;

/// How much of the past a node can explain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordParams {
    /// Most steps kept, 16 bytes each; 0 is off. An item takes some two steps for each link. Unset, it is
    /// the driver's to say: nodes of the real world keep [`STEPS_DEFAULT`], simulated ones none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
}
