//! Whom to connect to, and how to tell that a peer is gone.

use serde::{Deserialize, Serialize};

use super::{HyparviewParams, OverlayKind, ParamError, at_least_one};

/// Whom to connect to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeerParams {
    /// How whom to be linked with is chosen, see [`crate::peers`]. All nodes of a network must say the same.
    pub overlay: OverlayKind,
    /// How many peers we choose and dial ourselves (Bitcoin Core: 8, `MAX_OUTBOUND_FULL_RELAY_CONNECTIONS`).
    pub outbound: usize,
    /// How many links of our choice beside these are for blocks alone (`peers/roles.rs`; Bitcoin Core: 2,
    /// `MAX_BLOCK_RELAY_ONLY_CONNECTIONS`). None by default: where few blocks come they bring nothing and take
    /// places of those who are dialled, a quarter as many again; and all figures of simulated networks were measured without.
    pub block_only: usize,
    /// Most peers that may dial us (Bitcoin Core: 125 in all, `DEFAULT_MAX_PEER_CONNECTIONS`).
    pub inbound_max: usize,
    /// Most addresses in the book, a fifth of them such as were reached (`peers/book/tables.rs`). Bitcoin Core's tables
    /// hold 81,920 (`addrman_impl.h`); this is an eighth of that, a guess for smaller networks.
    pub book_max: usize,
    /// First wait after a failed dial, milliseconds; it doubles with each failure in a row. A guess.
    pub retry_min_ms: u64,
    /// Longest wait after failed dials, milliseconds. A guess.
    pub retry_max_ms: u64,
    /// Most dials under way at once. A guess.
    pub dialling_max: usize,
    /// Mean wait before passing on addresses, milliseconds, exponentially distributed, of a node that knows few; the more
    /// it knows, the longer it waits (`peers/gossip.rs`). Bitcoin Core waits 30 s; a guess for networks that start
    /// all at once.
    pub address_trickle_ms: u64,
    /// To how many random peers an address that is new to us is passed on (Bitcoin Core: 2, `RelayAddress`).
    pub address_fanout: usize,
    /// How often our own address is told to our peers, seconds (Bitcoin Core: 24 h).
    pub self_announce_s: u64,
    /// Mean wait between feelers, seconds, exponentially distributed; 0 is never (Bitcoin Core's
    /// `FEELER_INTERVAL`: 2 min). What they are for is told in `peers/feeler.rs`.
    pub feeler_s: u64,
    /// Whether peers may tell of addresses that only exist on this machine or site, and of those that are no host's
    /// (`ground/reach.rs`), wherever they are themselves: test networks are made of such. A node takes this from its
    /// network's file.
    pub local_addresses: bool,
    /// Least time between two links that a feeler takes the place of, seconds (Bitcoin Core looks for an
    /// extra block-relay peer to exchange every 5 min, `EXTRA_BLOCK_RELAY_ONLY_PEER_INTERVAL`).
    pub rotate_s: u64,
    /// Least time between two links of our choice that others take the place of since they are of no use, seconds; 0 is never
    /// (`peers/useless.rs`). A guess: a quarter as often as links are exchanged at random.
    pub useless_s: u64,
    /// The views, where the overlay is HyParView's.
    pub hyparview: HyparviewParams,
}

impl PeerParams {
    pub(super) fn validate(&self) -> Result<(), ParamError> {
        at_least_one(&[
            ("peers.book_max", self.book_max as u64),
            ("peers.dialling_max", self.dialling_max as u64),
            ("peers.retry_min_ms", self.retry_min_ms),
            ("peers.self_announce_s", self.self_announce_s),
        ])?;
        if self.retry_max_ms < self.retry_min_ms {
            let (key, must) = ("peers.retry_max_ms", "at least peers.retry_min_ms");
            return Err(ParamError { key, value: self.retry_max_ms.to_string(), must });
        }
        self.hyparview.validate()?;
        // Whoever asks to be a neighbour takes an inbound place.
        let may_ask = self.inbound_max > self.hyparview.active_view;
        if self.overlay == OverlayKind::Hyparview && !may_ask {
            let (key, must) = ("peers.inbound_max", "more than peers.hyparview.active_view");
            return Err(ParamError { key, value: self.inbound_max.to_string(), must });
        }
        Ok(())
    }
}

impl Default for PeerParams {
    fn default() -> Self {
        Self {
            overlay: OverlayKind::Random,
            outbound: 8,
            block_only: 0,
            inbound_max: 117,
            book_max: 10_240,
            retry_min_ms: 500,
            retry_max_ms: 600_000,
            dialling_max: 8,
            address_trickle_ms: 1_000,
            address_fanout: 2,
            self_announce_s: 86_400,
            feeler_s: 120,
            local_addresses: false,
            rotate_s: 300,
            useless_s: 1_800,
            hyparview: HyparviewParams::default(),
        }
    }
}

/// How to tell that a peer is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthParams {
    /// How often to ping, seconds (Bitcoin Core's `PING_INTERVAL`: 120).
    pub ping_interval_s: u64,
    /// How long to wait for a pong, seconds (Bitcoin Core's `TIMEOUT_INTERVAL`: 1,200). A guess: long enough
    /// for the largest block on a slow link.
    pub ping_timeout_s: u64,
    /// How long a new link may take to say hello, seconds (Bitcoin Core's `DEFAULT_PEER_CONNECT_TIMEOUT`: 60).
    pub hello_timeout_s: u64,
}

impl HealthParams {
    pub(super) fn validate(&self) -> Result<(), ParamError> {
        at_least_one(&[
            ("health.ping_interval_s", self.ping_interval_s),
            ("health.ping_timeout_s", self.ping_timeout_s),
            ("health.hello_timeout_s", self.hello_timeout_s),
        ])
    }
}

impl Default for HealthParams {
    fn default() -> Self {
        Self { ping_interval_s: 60, ping_timeout_s: 60, hello_timeout_s: 20 }
    }
}
