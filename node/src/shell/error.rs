//! Why a node can't start or go on.

use std::io;
use std::path::PathBuf;

use tidings_protocol::params::ParamError;

use crate::blocks::OpenError as BlocksError;
use crate::capture::CaptureError;
use crate::files::addresses::AddressesError;
use crate::net::NetError;
use crate::store::OpenError;

/// Why a node can't start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// The file of bans.
    #[error("cannot read the bans in {}: {source}; put it right, or move the file away to ban nobody", path.display())]
    Bans {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The network can't be had.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The address book of an earlier run can't be used.
    #[error(transparent)]
    Addresses(#[from] AddressesError),
    /// A parameter makes no sense.
    #[error("[params] {0}")]
    Params(#[from] ParamError),
    /// The trace can't be opened.
    #[error("cannot write the trace {}: {source}", path.display())]
    Trace {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The capture can't begin.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The store can't be used.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The blocks can't be used.
    #[error(transparent)]
    Blocks(#[from] BlocksError),
    /// The system gives no randomness.
    #[error("the system gives no randomness: {0}")]
    Entropy(String),
    /// The core panicked.
    #[error(
        "a fault of the program stopped the node: {why}; it was dealing with {doing}. What it had acknowledged is \
         saved. Please report it with the lines of the log before this one, and start the node again"
    )]
    Fault {
        /// What the panic says.
        why: String,
        /// What the core was asked to do.
        doing: String,
    },
    /// A part of the node failed that it can't do without.
    #[error(
        "a fault of the program stopped the node: {0}. What it had acknowledged is saved; start it again"
    )]
    Lost(&'static str),
}
