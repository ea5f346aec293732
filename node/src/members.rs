//! The node as a member of a fleet: who is in it, who of them is alive.
//!
//! The machine is the core's ([`tidings_protocol::membership`]); here is what drives it. The relay's [`Shell`](crate::shell::Shell) and the
//! member don't know of each other: each has a task and sockets of its own, and either can be had alone. What is told to an operator
//! comes together in the API.
//!
//! - [`keyring`]: the keys, and their file
//! - `replay`, `seal`: what is sealed and opened, and that nothing is heard twice
//! - `socket`: datagrams; `streams`: questions and answers over TCP, on the same port
//! - `charges`: what an address may have us do; `round_trips`: how long pings take; `generation`: which life this is
//! - [`control`]: what may be asked of it
//! - `driver`: the task that owns the machine; `driver/sharing` is state, leaders, events, queries and distances
//!
//! # Streams
//! They are TCP connections of their own and not streams over the relay's libp2p connections. *Why:* members must hear each other when all inbound
//! places of the relay are taken by strangers, and refuse when the process is gone, whatever the relay is set to; a link's connection opens
//! one stream each way and lets a peer answer nothing on ours (`net/muxer.rs`); and the seal that datagrams need vouches for streams, too.

pub mod control;
pub mod keyring;

mod charges;
mod driver;
mod generation;
mod replay;
mod round_trips;
mod seal;
mod socket;
mod streams;
mod view;

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use libp2p::PeerId;
use rand::rngs::SysRng;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tidings_protocol::membership::{Invalid, MemberId, Settings};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub use self::control::MembersControl;
use self::control::{COMMANDS_MAX, KeyDesk};
use self::driver::{Driver, Life};
use self::keyring::{Keyring, KeyringError};
use self::seal::Seal;
use self::streams::Streams;
use crate::clock::Clock;
use crate::config::members::MembersConfig;
use crate::control::Events;
use crate::net::peer_key;

/// The file of keys in the data folder.
pub const KEYS_FILE: &str = "members.keys";

/// The file of the generation in the data folder.
pub const GENERATION_FILE: &str = "members.generation";

/// Most sockets that a member has: both of its own, and streams.
pub const SOCKETS_MAX: usize = 2 + streams::GUESTS_MAX + streams::ASKED_MAX;

/// How many characters of a peer id a member is called by that has no name. The beginning is the same for all.
const NAME_LEN: usize = 12;

/// What a member needs to know before it starts.
#[derive(Clone, Debug)]
pub struct MembersSetup {
    /// The settings.
    pub config: MembersConfig,
    /// Who the node is.
    pub peer_id: PeerId,
    /// Name of the network: members of others aren't heard.
    pub network: String,
    /// The address of the relay that peers are told, if there is one.
    pub advertise: Option<IpAddr>,
    /// The folder of keys and generation.
    pub folder: PathBuf,
    /// Seconds since 1970.
    pub unix_s: u64,
}

/// Why a node can't be a member.
#[derive(Debug, thiserror::Error)]
pub enum MembersError {
    /// A socket can't be had.
    #[error(
        "cannot listen on {addr} ({which}) for members: {source}; stop whoever uses it, or set members.listen to another address"
    )]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// UDP or TCP.
        which: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// Anybody could join in.
    #[error(
        "members.listen is {0}, which others can reach, and there is no key: make one for the fleet with `tidings members keys \
         generate`, and install it at each member with `tidings members keys install`; or set members.insecure = true, if \
         nobody else can send to that address"
    )]
    NoKey(SocketAddr),
    /// Others must be told an address.
    #[error(
        "members.listen is {0}, which is no address that others can send to: set members.advertise to one that they can, or \
         members.listen to an address of this machine"
    )]
    NoAddress(SocketAddr),
    /// The keys can't be had.
    #[error(transparent)]
    Keys(#[from] KeyringError),
    /// The generation can't be kept.
    #[error("cannot write {}: {source}", path.display())]
    Generation {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// What the settings say of the member isn't allowed.
    #[error(transparent)]
    Profile(#[from] Invalid),
    /// The system gives no randomness.
    #[error("the system gives no randomness: {0}")]
    Entropy(String),
}

/// A member that runs. Dropping it ends it at once, as a crash would; see [`Members::leave`].
#[derive(Debug)]
pub struct Members {
    control: MembersControl,
    addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Members {
    /// Binds the sockets and starts the member. What happens to others is told to `events`.
    ///
    /// # Errors
    /// When a socket, a key, or an address that others can be told can't be had.
    pub fn start(setup: &MembersSetup, events: Events) -> Result<Self, MembersError> {
        Self::start_with(setup, setup.config.preset.settings(), events)
    }

    fn start_with(
        setup: &MembersSetup,
        settings: Settings,
        events: Events,
    ) -> Result<Self, MembersError> {
        let MembersSetup { config, folder, .. } = setup;
        let keys = folder.join(KEYS_FILE);
        let ring = Keyring::load(&keys)?;
        if ring.is_empty() && !config.listen.ip().is_loopback() && !config.insecure {
            return Err(MembersError::NoKey(config.listen));
        }
        let generation_file = folder.join(GENERATION_FILE);
        let generation = next_generation(&generation_file, setup.unix_s)?;
        let mut rng = ChaCha8Rng::try_from_rng(&mut SysRng)
            .map_err(|error| MembersError::Entropy(error.to_string()))?;
        let sockets = socket::bind(config.listen).map_err(|unbound| MembersError::Listen {
            addr: config.listen,
            which: unbound.which,
            source: unbound.source,
        })?;
        let addr = advertised(setup, sockets.addr).ok_or(MembersError::NoAddress(config.listen))?;
        let peer = setup.peer_id.to_string();
        let name = peer.get(peer.len().saturating_sub(NAME_LEN)..).unwrap_or(&peer);
        let profile = Arc::new(config.profile(name, addr)?);
        let mut session = [0; 16];
        rng.fill_bytes(&mut session);
        let is_sealed = !ring.is_empty();
        let seal = Arc::new(Seal::new(&setup.network, ring, session));
        let crossed = Arc::default();
        let (streams, news) =
            Streams::start(sockets.streams, Arc::clone(&seal), Arc::clone(&crossed));
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let control = MembersControl::new(commands, KeyDesk::new(Arc::clone(&seal), keys));
        let life = Life {
            id: MemberId(peer_key(&setup.peer_id).0),
            profile,
            settings,
            generation,
            generation_file,
        };
        tracing::info!(
            name = life.profile.name(), id = %life.id, %addr, sealed = is_sealed, "this node is a member of a fleet"
        );
        let driver = Driver::new(
            life,
            rng,
            Clock::start(),
            sockets.datagrams,
            (streams, news),
            crossed,
            seal,
            events,
        );
        let task = tokio::spawn(contained(driver.run(inbox, config.join.clone())));
        Ok(Self { control, addr, task })
    }

    /// Where others reach it.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What others ask it by.
    #[must_use]
    pub const fn control(&self) -> &MembersControl {
        &self.control
    }

    /// Leaves the fleet in order, and ends: others are told, so that nobody takes it for dead. It takes a second or so, and at most `patience`.
    pub async fn leave(mut self, patience: Duration) {
        let left = async {
            let _ = self.control.leave().await;
        };
        let _ = tokio::time::timeout(patience, left).await;
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

/// Runs a member. A panic in it costs the membership, and not the relay: of that it is told, and whoever asks hears that nobody
/// answers.
async fn contained(run: impl Future<Output = ()>) {
    // Nothing of it is looked at after a panic.
    if AssertUnwindSafe(run).catch_unwind().await.is_err() {
        tracing::error!(
            "a fault of the program ended this node's membership; it goes on relaying. Please report it with the lines of the \
             log before this one, and start the node again"
        );
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn next_generation(path: &Path, unix_s: u64) -> Result<u64, MembersError> {
    let failed = |source| MembersError::Generation { path: path.to_owned(), source };
    generation::next(path, unix_s).map_err(failed)
}

/// The address that others are told.
fn advertised(setup: &MembersSetup, bound: SocketAddr) -> Option<SocketAddr> {
    if let Some(addr) = setup.config.advertise {
        return Some(addr);
    }
    if !bound.ip().is_unspecified() {
        return Some(bound);
    }
    let same_family = |ip: &IpAddr| ip.is_ipv4() == bound.is_ipv4();
    setup.advertise.filter(same_family).map(|ip| SocketAddr::new(ip, bound.port()))
}

#[cfg(test)]
mod tests;
