//! Whom to ask for what, and how long to wait.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ParamError, at_least_one};
use crate::ground::item::ItemKind;

/// Whom to ask for what, and how long to wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestParams {
    /// How long to wait for a requested transaction before asking the next announcer, milliseconds.
    /// geth's `txFetchTimeout`; Bitcoin Core's `GETDATA_TX_INTERVAL` is 60 s.
    pub tx_timeout_ms: u64,
    /// The same for a block: a block of 4 MB at 2 Mbit/s. A guess.
    pub block_timeout_ms: u64,
    /// How long an inbound peer has for a transaction once an outbound one has announced it too,
    /// milliseconds; a quarter of it before it has delivered anything. A guess: longer than nearly all round
    /// trips.
    pub inbound_patience_ms: u64,
    /// The same for a block, milliseconds. A guess: 4 MB come in 2 s at 16 Mbit/s, and what comes later is taken all
    /// the same.
    pub block_patience_ms: u64,
    /// Most announced and not yet received transactions remembered per link; further announcements are
    /// dropped and counted (Bitcoin Core's `MAX_PEER_TX_ANNOUNCEMENTS`).
    pub announced_max: usize,
    /// The same for blocks. A guess: a peer that was away for half an hour while one came every ten seconds.
    pub blocks_announced_max: usize,
    /// Most transactions in flight from one link; further ones wait. Without it one peer fills the queue with
    /// ids that don't exist (zebra's advisory GHSA-4fc2-h7jh-287c). The number is a guess: one
    /// batch at 500 transactions a second.
    pub in_flight_max: usize,
    /// The same for blocks: as many of 4 MB as a peer may send within `block_timeout_ms`, with some to spare (see
    /// `budgets.block_bytes`). Bitcoin Core's `MAX_BLOCKS_IN_TRANSIT_PER_PEER` is 16.
    pub blocks_in_flight_max: usize,
}

impl RequestParams {
    pub(super) fn validate(&self) -> Result<(), ParamError> {
        at_least_one(&[
            ("requests.announced_max", self.announced_max as u64),
            ("requests.in_flight_max", self.in_flight_max as u64),
            ("requests.blocks_announced_max", self.blocks_announced_max as u64),
            ("requests.blocks_in_flight_max", self.blocks_in_flight_max as u64),
            ("requests.tx_timeout_ms", self.tx_timeout_ms),
            ("requests.block_timeout_ms", self.block_timeout_ms),
        ])
    }

    /// How long an inbound peer has for an item of a kind once an outbound one could be asked.
    #[must_use]
    pub const fn inbound_patience(&self, kind: ItemKind) -> Duration {
        Duration::from_millis(match kind {
            ItemKind::Tx => self.inbound_patience_ms,
            ItemKind::Block => self.block_patience_ms,
        })
    }

    /// Most items of a kind that are remembered per link.
    #[must_use]
    pub const fn announced_max(&self, kind: ItemKind) -> usize {
        match kind {
            ItemKind::Tx => self.announced_max,
            ItemKind::Block => self.blocks_announced_max,
        }
    }

    /// Most items of a kind that are in flight from one link.
    #[must_use]
    pub const fn in_flight_max(&self, kind: ItemKind) -> usize {
        match kind {
            ItemKind::Tx => self.in_flight_max,
            ItemKind::Block => self.blocks_in_flight_max,
        }
    }

    /// How long to wait for an item of a kind.
    #[must_use]
    pub const fn timeout(&self, kind: ItemKind) -> Duration {
        Duration::from_millis(match kind {
            ItemKind::Tx => self.tx_timeout_ms,
            ItemKind::Block => self.block_timeout_ms,
        })
    }
}

impl Default for RequestParams {
    fn default() -> Self {
        Self {
            tx_timeout_ms: 5_000,
            inbound_patience_ms: 500,
            block_patience_ms: 2_000,
            block_timeout_ms: 20_000,
            announced_max: 5_000,
            in_flight_max: 256,
            blocks_announced_max: 200,
            blocks_in_flight_max: 8,
        }
    }
}
