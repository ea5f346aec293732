//! What the shell needs to know before it starts: everything resolved, typed and readable.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use libp2p::identity::Keypair;
use tidings_protocol::chain::Chain;
use tidings_protocol::ground::peer::PeerAddr;
use tidings_protocol::params::Params;

use crate::clock::SlowMotion;
use crate::links::{Place, Region};
use crate::store::StoreConfig;

/// Settings of one [`Shell`](crate::shell::Shell).
#[derive(Clone)]
pub struct ShellConfig {
    /// Identity on the network.
    pub keypair: Keypair,
    /// Name of the network, which becomes part of the protocol name. See [`check_network_name`].
    pub network: String,
    /// Rules of the chain.
    pub chain: Arc<dyn Chain>,
    /// Parameters of the core; validated again when the shell starts.
    pub params: Params,
    /// Where to listen; port 0 lets the system choose. Empty: only dial.
    pub listen: Vec<PeerAddr>,
    /// Where peers can dial us, if they can.
    pub advertise: Option<PeerAddr>,
    /// Addresses worth trying first.
    pub bootstrap: Vec<PeerAddr>,
    /// Addresses to stay connected to; if there are any, no others are dialled.
    pub connect: Vec<PeerAddr>,
    /// Emulated place in the world, for test networks: TCP is then shaped, and all peers must be, too.
    pub links: Option<Place>,
    /// The region that peers are told we are in, if any.
    pub region: Option<Region>,
    /// Where to write the trace, if anywhere.
    pub trace: Option<PathBuf>,
    /// Where the address book is kept between runs, if anywhere.
    pub addresses: Option<PathBuf>,
    /// Where items are kept between runs, if anywhere.
    pub store: Option<StoreConfig>,
    /// Whether to announce items and never deliver any: for test networks, which need somebody to suffer from.
    pub withhold: bool,
    /// How many times slower its clock runs once it is told to; `None`: it refuses.
    pub slow_motion: Option<SlowMotion>,
    /// Seed of everything random in the core; `None` takes it from the system, as it should be
    /// outside tests.
    pub seed: Option<u64>,
}

impl fmt::Debug for ShellConfig {
    /// Shows the identity, never the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShellConfig")
            .field("peer_id", &self.keypair.public().to_peer_id())
            .field("network", &self.network)
            .field("rules", &self.chain.name())
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

/// Longest name of a network, bytes. The protocol name is sent for every stream, so it is kept short.
pub const NETWORK_NAME_MAX: usize = 64;

/// Whether a name can name a network: 1 to [`NETWORK_NAME_MAX`] of `a-z`, `0-9`, `-`, `_` and `.`.
#[must_use]
pub fn check_network_name(name: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_.".contains(&c);
    (1..=NETWORK_NAME_MAX).contains(&name.len()) && name.bytes().all(allowed)
}
