//! What the shell needs to know before it starts: everything resolved, typed and readable.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use libp2p::identity::Keypair;
use tidings_protocol::chain::Chain;
use tidings_protocol::ground::peer::PeerAddr;
use tidings_protocol::params::Params;
use tidings_protocol::peers::book::asmap::Program;

use super::error::ShellError;
use crate::blocks::BlocksConfig;
use crate::capture::CaptureConfig;
use crate::clock::Clock;
use crate::config::kv::Kv;
use crate::config::seeds::Seed;
use crate::lab::Lab;
use crate::links::Region;
use crate::net::{self, NetConfig};
use crate::store::StoreConfig;

/// Settings of one [`Shell`](crate::shell::Shell): [`new`](Self::new) makes them, and what is to be otherwise is set by the fields, or by the
/// methods of the same names.
///
/// ```
/// use std::sync::Arc;
/// use tidings::Keypair;
/// use tidings::shell::ShellConfig;
/// use tidings_protocol::chain::opaque::Opaque;
///
/// let config = ShellConfig::new("demo", Arc::new(Opaque::default()))
///     .keypair(Keypair::generate_ed25519())
///     .listen("127.0.0.1:0".parse()?)
///     .bootstrap("127.0.0.1:4000".parse()?);
/// assert_eq!((config.listen.len(), config.bootstrap.len()), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ShellConfig {
    /// Identity on the network.
    pub keypair: Keypair,
    /// Name of the network, which becomes part of the protocol name. See [`is_name`](crate::files::network::is_name).
    pub network: String,
    /// Rules of the chain.
    pub chain: Arc<dyn Chain>,
    /// Parameters of the core; validated again when the shell starts.
    pub params: Params,
    /// Where to listen; port 0 lets the system choose. Empty: only dial.
    pub listen: Vec<PeerAddr>,
    /// Where peers can dial us, if they can.
    pub advertise: Option<PeerAddr>,
    /// Addresses worth trying first, and names that lead to some.
    pub bootstrap: Vec<Seed>,
    /// Addresses to stay connected to; if there are any, no others are dialled.
    pub connect: Vec<PeerAddr>,
    /// Whether to find out whether peers can dial us, and to find it out for others.
    pub autonat: bool,
    /// The region that peers are told we are in, if any.
    pub region: Option<Region>,
    /// Where to write the trace, if anywhere.
    pub trace: Option<PathBuf>,
    /// Where to write all that the core is handed, if anywhere.
    pub capture: Option<CaptureConfig>,
    /// Where the address book is kept between runs, if anywhere.
    pub addresses: Option<PathBuf>,
    /// A map of autonomous systems, if there is one.
    pub asmap: Option<Program>,
    /// Where the operator's bans are kept between runs, if anywhere.
    pub bans: Option<PathBuf>,
    /// Where items are kept between runs, if anywhere.
    pub store: Option<StoreConfig>,
    /// Where the chain of blocks is kept, if anywhere; of no use under rules without a root.
    pub blocks: Option<BlocksConfig>,
    /// The fleet's map, if the node takes part in one.
    pub kv: Option<Kv>,
    /// What makes the node one of a test network.
    pub lab: Lab,
    /// Seed of everything random in the core; `None` takes it from the system, as it should be
    /// outside tests.
    pub seed: Option<u64>,
}

impl ShellConfig {
    /// A node of a network, of which it has the name and the rules: with an identity made up for it, the default parameters, and
    /// nothing on the disk. It listens nowhere and knows nobody until it is told to.
    #[must_use]
    pub fn new(network: impl Into<String>, chain: Arc<dyn Chain>) -> Self {
        Self {
            keypair: Keypair::generate_ed25519(),
            network: network.into(),
            chain,
            params: Params::default(),
            listen: Vec::new(),
            advertise: None,
            bootstrap: Vec::new(),
            connect: Vec::new(),
            autonat: false,
            region: None,
            trace: None,
            capture: None,
            addresses: None,
            asmap: None,
            bans: None,
            store: None,
            blocks: None,
            kv: None,
            lab: Lab::default(),
            seed: None,
        }
    }

    /// The same with this identity.
    #[must_use]
    pub fn keypair(self, keypair: Keypair) -> Self {
        Self { keypair, ..self }
    }

    /// The same with these parameters.
    #[must_use]
    pub fn params(self, params: Params) -> Self {
        Self { params, ..self }
    }

    /// The same, and it listens there too.
    #[must_use]
    pub fn listen(mut self, addr: PeerAddr) -> Self {
        self.listen.push(addr);
        self
    }

    /// The same, and it tries that first too.
    #[must_use]
    pub fn bootstrap(mut self, seed: Seed) -> Self {
        self.bootstrap.push(seed);
        self
    }

    /// The same, and it stays connected to that too, and dials nobody else.
    #[must_use]
    pub fn connect(mut self, addr: PeerAddr) -> Self {
        self.connect.push(addr);
        self
    }

    /// The same, and what it accepts survives it.
    #[must_use]
    pub fn store(self, store: StoreConfig) -> Self {
        Self { store: Some(store), ..self }
    }

    /// Refuses what makes no sense, or what this build can't do.
    pub(super) fn check(&self) -> Result<(), ShellError> {
        self.params.validate()?;
        net::check("node.listen", &self.listen, self.lab.position.as_ref())?;
        net::check("node.connect", &self.connect, self.lab.position.as_ref())?;
        Ok(())
    }

    /// What of it concerns the network.
    pub(super) fn net(&self, clock: &Clock) -> NetConfig {
        let peers = &self.params.peers;
        NetConfig {
            keypair: self.keypair.clone(),
            network: self.network.clone(),
            chain: Arc::clone(&self.chain),
            listen: self.listen.clone(),
            // Whoever dials back may keep the place in the outbound set.
            inbound_max: peers.inbound_max + peers.outbound,
            local_addresses: peers.local_addresses,
            autonat: self.autonat,
            position: self.lab.position.clone(),
            clock: clock.clone(),
        }
    }
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
