//! Whether a node works, and whether it has the peers that it needs.

use serde::{Deserialize, Serialize};

use super::status::Status;

/// Whether the node's main loop answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Whether it does.
    pub healthy: bool,
    /// The same in words.
    pub reason: String,
}

/// Whether the node has the peers that it needs to relay: as many links, of either direction, as it
/// wants outbound ones. In a network smaller than that, as many as it knows addresses, but at least 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Whether it has.
    pub ready: bool,
    /// The same in words.
    pub reason: String,
    /// Links that it has.
    pub peers: usize,
    /// Links that it needs.
    pub wanted: usize,
}

impl Readiness {
    /// How ready a node in this state is.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        let peers = status.outbound + status.inbound;
        let wanted = status.outbound_target.min(status.addresses).max(1);
        let reason = format!("{peers} of {wanted} peers connected");
        Self { ready: peers >= wanted, reason, peers, wanted }
    }
}
