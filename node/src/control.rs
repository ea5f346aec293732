//! What may be asked of the shell, and what it answers.
//!
//! The shell owns the node; everybody else sends it a [`Command`] over a bounded channel and waits for
//! the answer. A full channel makes the asker wait, never the shell.

mod chain;
mod events;
mod kv;
mod not_done;
mod unexplained;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::ground::peer::PeerAddr;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot, watch};
use tokio::time::timeout;

pub use self::chain::{ChainCommand, Found, NotFound, PoolFrom, Template};
pub use self::events::{EVENTS_MAX, EventReader, Events, Heard, READERS_MAX, TooManyReaders};
pub use self::kv::{KvCommand, KvRefused, KvReply};
pub use self::not_done::NotDone;
pub use self::unexplained::Unexplained;
use crate::api::bans::{BanList, BanRequest, Concerned, Subject};
use crate::api::explain::{PeerStory, TxStory};
use crate::api::trouble::Trouble;
use crate::api::{AddressPage, PeerStatus, Readiness, Status, Submitted};
use crate::lab::slow_motion::{NotSlowed, SlowMotion};
use crate::lab::trouble::NotTroubled;
use crate::measured::Registry;
use crate::store::NotSaved;

/// Most commands waiting for the shell; over it the API waits.
pub const COMMANDS_MAX: usize = 256;

/// A node's state, and all that it has counted and measured since its start. [`Status`] is for people and programs that ask now and then;
/// what is here besides is of use to whoever asks again and again, and compares.
#[derive(Clone, Debug)]
pub struct Readings {
    /// How it is.
    pub status: Status,
    /// What happened how often, and how long things took; it goes on.
    pub registry: Registry,
}

/// One thing asked of the shell. An asker that has gone away is no error.
#[derive(Debug)]
pub enum Command {
    /// How are you?
    Status(oneshot::Sender<Status>),
    /// How are you, and what have you measured? For metrics.
    Readings(oneshot::Sender<Box<Readings>>),
    /// Do you still listen? Answered with nothing, as soon as the shell gets to it.
    Alive(oneshot::Sender<()>),
    /// Who are your peers?
    Peers(oneshot::Sender<Vec<PeerStatus>>),
    /// Do you have the peers that you need? Costs next to nothing.
    Ready(oneshot::Sender<Readiness>),
    /// What addresses do you know?
    Addresses {
        /// Where the page before ended.
        after: Option<PeerAddr>,
        /// Most addresses.
        limit: usize,
        /// A page of them.
        reply: oneshot::Sender<AddressPage>,
    },
    /// Whom do you keep out?
    Bans(oneshot::Sender<BanList>),
    /// Keep somebody out.
    Ban {
        /// Whom, and for how long.
        request: BanRequest,
        /// How many links that closed.
        reply: oneshot::Sender<Result<Concerned, NotDone>>,
    },
    /// Let somebody in again.
    Unban {
        /// Whom; everybody if unset.
        subject: Option<Subject>,
        /// How many bans that were.
        reply: oneshot::Sender<Result<Concerned, NotDone>>,
    },
    /// Close the link with a peer.
    Disconnect {
        /// Its id, or the beginning of it, its address, or its link.
        peer: String,
        /// Whether there was one.
        reply: oneshot::Sender<Result<Concerned, NotDone>>,
    },
    /// Try an address before others.
    Connect {
        /// Which.
        addr: PeerAddr,
        /// It is noted.
        reply: oneshot::Sender<()>,
    },
    /// Relay this.
    Submit {
        /// What it is.
        kind: ItemKind,
        /// Its canonical bytes.
        bytes: Bytes,
        /// Answered once the item is refused, or accepted and saved.
        reply: SubmitReply,
    },
    /// What happened to this item?
    ExplainTx {
        /// Its id, or the beginning of it.
        query: String,
        /// What is known.
        reply: oneshot::Sender<Result<TxStory, Unexplained>>,
    },
    /// What passed between you and this peer?
    ExplainPeer {
        /// Its id, or the beginning of it, its address, or its link.
        query: String,
        /// What is known.
        reply: oneshot::Sender<Result<PeerStory, Unexplained>>,
    },
    /// Let your clock run slow.
    SlowDown {
        /// From when on, microseconds of Unix time, of the system's clock.
        from_unix_us: u64,
        /// How slow it will be.
        reply: oneshot::Sender<Result<SlowMotion, NotSlowed>>,
    },
    /// Let this go wrong from now on, and nothing else.
    Trouble {
        /// What.
        trouble: Trouble,
        /// How many messages met trouble so far.
        reply: oneshot::Sender<Result<u64, NotTroubled>>,
    },
    /// Something of the chain of blocks, the pool, or what is kept.
    Chain(ChainCommand),
    /// Something of the fleet's map.
    Kv(KvCommand),
    /// Shut down gracefully.
    Stop(oneshot::Sender<()>),
}

/// Where the answer to a submission goes.
pub type SubmitReply = oneshot::Sender<Result<Submitted, NotSaved>>;

/// How long the shell may take to answer; over it the asker is told that the node is overloaded. A
/// guess: far above what any command takes, signatures included.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Why the shell didn't answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// It has ended, or is about to.
    #[error("the node is shutting down")]
    Stopped,
    /// It has too much to do.
    #[error("the node is overloaded: it did not answer in time")]
    Overloaded,
}

/// The asker's end of the channel to the shell.
#[derive(Clone, Debug)]
pub struct Control {
    commands: mpsc::Sender<Command>,
    /// Held by whoever searches for a block.
    search: Arc<Mutex<()>>,
}

/// The right to search for a block: one search at a time.
pub type Search = OwnedMutexGuard<()>;

impl Control {
    /// Asks over a channel.
    #[must_use]
    pub fn new(commands: mpsc::Sender<Command>) -> Self {
        Self { commands, search: Arc::default() }
    }

    /// The right to search for a block, unless somebody does already.
    #[must_use]
    pub fn begin_search(&self) -> Option<Search> {
        Arc::clone(&self.search).try_lock_owned().ok()
    }

    /// Asks the shell.
    ///
    /// # Errors
    /// When the shell is gone, or doesn't answer in time.
    pub async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
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
}

/// The wish that this process end. All who share it hear of it.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Stop {
    /// Makes the wish.
    pub fn request(&self) {
        self.0.send_replace(true);
    }

    /// Waits until somebody makes the wish.
    pub async fn requested(&self) {
        // Fails only when all senders are gone, and we hold one.
        let _ = self.0.subscribe().wait_for(|requested| *requested).await;
    }
}
