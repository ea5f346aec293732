//! Settings of the network.

use std::sync::Arc;

use libp2p::identity::Keypair;
use tidings_protocol::chain::Chain;
use tidings_protocol::ground::peer::PeerAddr;

use crate::clock::Clock;
use crate::links::Position;

/// Settings of a [`Net`](super::Net).
#[derive(Clone)]
pub struct NetConfig {
    /// Identity on the network.
    pub keypair: Keypair,
    /// Name of the network, which becomes part of the protocol name.
    pub network: String,
    /// Rules of the chain: they name items and bound their sizes.
    pub chain: Arc<dyn Chain>,
    /// Where to listen; port 0 lets the system choose.
    pub listen: Vec<PeerAddr>,
    /// How many links that peers dialled the core has places for.
    pub inbound_max: usize,
    /// Whether many nodes may live at one address of this machine or site, as in test networks.
    pub local_addresses: bool,
    /// Whether to dial peers who ask whether they can be dialled, and to ask others.
    pub autonat: bool,
    /// Emulated position among others, for test networks.
    pub position: Option<Position>,
    /// The node's clock.
    pub clock: Clock,
}

impl std::fmt::Debug for NetConfig {
    /// Shows the identity, never the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let peer_id = self.keypair.public().to_peer_id();
        f.debug_struct("NetConfig").field("peer_id", &peer_id).finish_non_exhaustive()
    }
}
