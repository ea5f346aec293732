//! Whether a node works, and whether it has the peers that it needs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::status::Status;

/// Whether the node's main loop answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Whether it does.
    pub healthy: bool,
    /// The same in words.
    pub reason: String,
}

/// Whether the node has the peers that it needs to relay: as many links, of either direction, as it
/// wants outbound ones. In a network smaller than that, as many as it knows addresses, but at least 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// How ready a node with so many links is.
    #[must_use]
    pub fn with_links(peers: usize, outbound_target: usize, addresses: usize) -> Self {
        let wanted = outbound_target.min(addresses).max(1);
        let reason = format!("{peers} of {wanted} peers connected");
        Self { ready: peers >= wanted, reason, peers, wanted }
    }

    /// How ready a node in this state is.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        let peers = status.outbound + status.inbound;
        Self::with_links(peers, status.outbound_target, status.addresses)
    }
}
