//! What may be asked of a member: of the task that drives it, over a bounded channel, and of its keys.

mod shared;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidings_protocol::membership::Refused;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

pub(super) use self::shared::{Reply, SharedCommand};
use super::keyring::{Key, Keyring, KeyringError};
use super::seal::Seal;
use crate::api::members::{Joined, KeyOp, KeyRequest, KeysView, MemberView, MembersStatus};
use crate::control::Unanswered;

/// Most commands that wait for a member; over it the asker waits.
pub(super) const COMMANDS_MAX: usize = 64;

/// How long a member may take to answer. Joining and leaving take up to ten seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Why a member doesn't do what it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembersRefused {
    /// Nobody is called so.
    #[error("no member is called `{0}`: `tidings members` shows their names and ids")]
    Unknown(String),
    /// Several are called so.
    #[error("{count} members are called `{name}`: name the one that is meant by its id")]
    Ambiguous {
        /// How.
        name: String,
        /// How many.
        count: usize,
    },
    /// Several have an id that begins so.
    #[error(
        "the ids of {count} members begin with `{beginning}`: say more of the one that is meant"
    )]
    Beginning {
        /// How.
        beginning: String,
        /// How many.
        count: usize,
    },
    /// It is the node itself.
    #[error("this node is `{0}` itself: `tidings members leave` takes it out of the fleet")]
    Itself(String),
    /// Too many addresses.
    #[error("{0} addresses are too many: at most 16 members are asked at a time")]
    TooMany(usize),
    /// There is nobody to ask.
    #[error("there is nobody to ask: name the address of another member")]
    Nobody,
    /// What is shared besides can't be as it is wanted.
    #[error("{0}")]
    Shared(#[from] Refused),
    /// Too many names or tags.
    #[error(
        "a filter has at most 16 names and 8 tags, each of at most 64 bytes, and 512 bytes in all"
    )]
    Filter,
    /// A time out of range.
    #[error("answers are waited for at least 100 ms and at most {QUERY_PATIENCE_MAX_MS} ms")]
    Patience,
    /// Nobody asked, or too long ago.
    #[error("no query `{0}` waits for an answer of this node")]
    NoQuery(String),
    /// Nothing is known of a distance.
    #[error(
        "it isn't known yet how far `{0}` and `{1}` are apart: both need to have answered some pings"
    )]
    NoDistance(String, String),
    /// Too many wait for members that don't answer.
    #[error("too many members are being asked already: try again in some seconds")]
    Busy,
}

/// Longest that an answer to a query is waited for over the API, milliseconds: less than a request may take.
pub const QUERY_PATIENCE_MAX_MS: u64 = 15_000;

/// One thing asked of a member. An asker that has gone away is no error.
#[derive(Debug)]
pub(super) enum MembersCommand {
    /// Whom do you know?
    List(oneshot::Sender<Vec<MemberView>>),
    /// How are you?
    Status(oneshot::Sender<MembersStatus>),
    /// Ask them who is there.
    Join {
        /// Whom.
        addrs: Vec<SocketAddr>,
        /// What became of it, once all have answered or been silent for long.
        reply: oneshot::Sender<Result<Joined, MembersRefused>>,
    },
    /// Leave the fleet.
    Leave(oneshot::Sender<()>),
    /// Take somebody for one that has left.
    ForceLeave {
        /// Name or id.
        member: String,
        /// What it is taken for then.
        reply: oneshot::Sender<Result<MemberView, MembersRefused>>,
    },
    /// Something of what is shared besides who lives.
    Shared(SharedCommand),
}

/// The asker's end of the channel to a member.
#[derive(Clone, Debug)]
pub struct MembersControl {
    commands: mpsc::Sender<MembersCommand>,
    keys: Arc<KeyDesk>,
}

impl MembersControl {
    pub(super) fn new(commands: mpsc::Sender<MembersCommand>, keys: KeyDesk) -> Self {
        Self { commands, keys: Arc::new(keys) }
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> MembersCommand,
    ) -> Result<T, Unanswered> {
        let (reply, answer) = oneshot::channel();
        let answered = async {
            self.commands.send(command(reply)).await.ok()?;
            answer.await.ok()
        };
        match timeout(ANSWER_TIMEOUT, answered).await {
            Ok(answer) => answer.ok_or(Unanswered::Stopped),
            Err(_) => Err(Unanswered::Overloaded),
        }
    }

    /// All members that it knows, itself among them, by name.
    ///
    /// # Errors
    /// When it has ended, or doesn't answer in time; so with all that follow.
    pub async fn list(&self) -> Result<Vec<MemberView>, Unanswered> {
        self.ask(MembersCommand::List).await
    }

    /// How it is.
    ///
    /// # Errors
    /// As [`MembersControl::list`].
    pub async fn status(&self) -> Result<MembersStatus, Unanswered> {
        self.ask(MembersCommand::Status).await
    }

    /// Has it ask others who is there, and waits for their answers. One that has left comes back by that.
    ///
    /// # Errors
    /// As [`MembersControl::list`]; and why it doesn't ask.
    pub async fn join(
        &self,
        addrs: Vec<SocketAddr>,
    ) -> Result<Result<Joined, MembersRefused>, Unanswered> {
        self.ask(|reply| MembersCommand::Join { addrs, reply }).await
    }

    /// Has it leave the fleet, and waits until that is told.
    ///
    /// # Errors
    /// As [`MembersControl::list`].
    pub async fn leave(&self) -> Result<(), Unanswered> {
        self.ask(MembersCommand::Leave).await
    }

    /// Has it take another one, by name or id, for one that has left.
    ///
    /// # Errors
    /// As [`MembersControl::list`]; and who isn't known.
    pub async fn force_leave(
        &self,
        member: String,
    ) -> Result<Result<MemberView, MembersRefused>, Unanswered> {
        self.ask(|reply| MembersCommand::ForceLeave { member, reply }).await
    }

    /// Its keys.
    #[must_use]
    pub const fn keys(&self) -> &Arc<KeyDesk> {
        &self.keys
    }
}

/// Keys of a member that runs, and their file: both change together.
#[derive(Debug)]
pub struct KeyDesk {
    seal: Arc<Seal>,
    path: PathBuf,
    /// One change at a time.
    changing: Mutex<()>,
}

impl KeyDesk {
    pub(super) const fn new(seal: Arc<Seal>, path: PathBuf) -> Self {
        Self { seal, path, changing: Mutex::new(()) }
    }

    /// What keys there are.
    #[must_use]
    pub fn view(&self) -> KeysView {
        view(&self.seal.ring())
    }

    /// Changes them, in the file first. Waits for the disk.
    ///
    /// # Errors
    /// Why not; nothing is changed then.
    pub fn change(&self, request: &KeyRequest) -> Result<KeysView, KeyringError> {
        let _alone = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ring = Keyring::clone(&self.seal.ring());
        apply(&mut ring, request)?;
        ring.save(&self.path)?;
        let view = view(&ring);
        tracing::info!(op = ?request.op, primary = view.primary, keys = view.keys.len(), "the keys of members changed");
        self.seal.set_ring(ring);
        Ok(view)
    }
}

/// Changes keys as a request says.
///
/// # Errors
/// Why not.
pub fn apply(ring: &mut Keyring, request: &KeyRequest) -> Result<(), KeyringError> {
    match request.op {
        KeyOp::Install => ring.install(Key::parse(&request.key)?),
        KeyOp::Use => ring.make_primary(&request.key),
        KeyOp::Remove => ring.remove(&request.key),
    }
}

/// Keys by their ids.
#[must_use]
pub fn view(ring: &Keyring) -> KeysView {
    let keys: Vec<String> = ring.ids().map(|id| id.to_string()).collect();
    KeysView { primary: keys.first().cloned(), keys }
}
