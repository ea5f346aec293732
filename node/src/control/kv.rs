//! What may be asked of the fleet's map, and why it may be refused.

use tokio::sync::oneshot;

use crate::api::kv::{KvConflicts, KvEntry, KvKind, KvPage, KvText, KvWrite};
use crate::store::NotSaved;

/// One thing asked of the map.
#[derive(Debug)]
pub enum KvCommand {
    /// What is under this name?
    Get {
        /// The name.
        key: KvText,
        /// One entry, or several of different kinds; deleted ones aren't told.
        reply: oneshot::Sender<Result<Vec<KvEntry>, KvRefused>>,
    },
    /// What does one key hold, deleted or not?
    Look {
        /// The name.
        key: KvText,
        /// The kind.
        kind: KvKind,
        /// Nothing if it was forgotten.
        reply: oneshot::Sender<Option<KvEntry>>,
    },
    /// Which keys are there?
    List {
        /// How their names begin.
        prefix: KvText,
        /// Where the page before ended.
        after: Option<String>,
        /// A page of them.
        reply: oneshot::Sender<Result<KvPage, KvRefused>>,
    },
    /// What wants attention?
    Conflicts(oneshot::Sender<Result<KvConflicts, KvRefused>>),
    /// Write this.
    Write {
        /// What.
        write: KvWrite,
        /// What the key holds then. Answered once that is saved.
        reply: KvReply,
    },
    /// Is there a map?
    Has(oneshot::Sender<Result<(), KvRefused>>),
}

impl KvCommand {
    /// Answers where there is no map.
    pub fn refuse(self) {
        let off = KvRefused::Off;
        match self {
            Self::Get { reply, .. } => drop(reply.send(Err(off))),
            Self::Look { reply, .. } => drop(reply.send(None)),
            Self::List { reply, .. } => drop(reply.send(Err(off))),
            Self::Conflicts(reply) => drop(reply.send(Err(off))),
            Self::Write { reply, .. } => drop(reply.send(Err(off))),
            Self::Has(reply) => drop(reply.send(Err(off))),
        }
    }
}

/// Where the answer to a write goes.
pub type KvReply = oneshot::Sender<Result<KvEntry, KvRefused>>;

/// Why the map doesn't do what it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KvRefused {
    /// There is none.
    #[error(
        "this node has no map: set kv.model to last-writer, versions or convergent, and name the peers that share it in \
         kv.fleet, at each of them; then start the node again"
    )]
    Off,
    /// It keeps other data.
    #[error("{0}")]
    Kind(String),
    /// Something is too long, or too much.
    #[error("{0}")]
    Bound(String),
    /// There is no room.
    #[error(
        "the map is full: it has {keys} of at most {keys_max} keys and {bytes} of at most {bytes_max} bytes, and nobody \
         begins a new key in the last quarter of the bytes. Deleted keys make room only after ten days"
    )]
    Full {
        /// Keys that there are.
        keys: usize,
        /// Most keys.
        keys_max: usize,
        /// Their bytes.
        bytes: usize,
        /// Most bytes.
        bytes_max: usize,
    },
    /// There is nothing to delete.
    #[error("there is nothing to delete or exclude")]
    Absent,
    /// The page before ended nowhere.
    #[error("`after` is no end of a page")]
    NoPage,
    /// Too many wait for the disk.
    #[error("the node has too much to save: try again later")]
    Busy,
    /// It is written and spreads, but the disk refused.
    #[error(
        "the write is made and spreads, but it could not be saved, so that a crash may lose it ({0})"
    )]
    NotSaved(#[from] NotSaved),
}
