//! Why what the operator wants of peers can't be done.

use std::path::PathBuf;

use tidings_protocol::peers::bans::BANS_MAX;

use crate::api::bans::Subject;

/// Why what the operator wants of peers can't be done. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// It isn't that kind of node.
    #[error("this node keeps nobody out")]
    Off,
    /// Too long a ban, or none.
    #[error("a ban lasts from 1 second to {longest_s} seconds")]
    Span {
        /// The longest, seconds.
        longest_s: u64,
    },
    /// No room for another.
    #[error("there are {BANS_MAX} bans already: take some back (`tidings unban`), or ban a subnet")]
    Full,
    /// It couldn't be saved, so that it would be over with the next start.
    #[error("the bans can't be saved in {}, so nothing was changed: {why}", path.display())]
    Unsaved {
        /// Where.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Nobody of that name is banned.
    #[error("{0} isn't banned; `tidings bans` shows who is")]
    Unknown(Subject),
    /// No such peer.
    #[error("no peer is linked that fits `{0}`; `tidings peers` shows those that are")]
    NoPeer(String),
    /// Several fit.
    #[error("`{query}` fits {count} peers: say more of it")]
    Several {
        /// What was asked for.
        query: String,
        /// How many.
        count: usize,
    },
}
