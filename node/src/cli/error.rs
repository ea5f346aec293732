//! Everything that can stop a command, as a sentence and an exit code.
//!
//! The sentences say what was wrong and what to do about it. The codes are those of `sysexits.h`
//! where it has one that fits:
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done; for `tidings run`: shut down gracefully |
//! | 1 | failed, or the item was rejected, or shut down by a second signal |
//! | 64 | the command line makes no sense (`EX_USAGE`) |
//! | 69 | no node is running, the data folder is in use, or an address can't be listened on (`EX_UNAVAILABLE`) |
//! | 70 | a fault of the program stopped the node; what it acknowledged is saved (`EX_SOFTWARE`) |
//! | 78 | data folder, settings, keys, network file or store can't be used (`EX_CONFIG`) |

use std::io;
use std::path::PathBuf;

use crate::blocks::OpenError as BlocksError;
use crate::cli::descriptors::TooFew;
use crate::client::ClientError;
use crate::config::ConfigError;
use crate::files::advice;
use crate::files::asmap::AsMapError;
use crate::files::datadir::DataDirError;
use crate::files::identity::IdentityError;
use crate::files::network::NetworkError;
use crate::files::token::TokenError;
use crate::http::bind::BindError;
use crate::members::MembersError;
use crate::members::keyring::KeyringError;
use crate::net::NetError;
pub use crate::panics::EXIT_SOFTWARE;
use crate::shell::ShellError;
use crate::store::OpenError;

/// Failed.
pub const EXIT_FAILURE: u8 = 1;
/// The command line makes no sense.
pub const EXIT_USAGE: u8 = 64;
/// Not running, in use, or not to be listened on.
pub const EXIT_UNAVAILABLE: u8 = 69;
/// Data folder, settings, keys, network file or store can't be used.
pub const EXIT_CONFIG: u8 = 78;

/// What stopped a command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The arguments are fine one by one, and make no sense together.
    #[error("{0}")]
    Usage(String),
    /// Settings can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The network file can't be used.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The map of autonomous systems.
    #[error(transparent)]
    AsMap(#[from] AsMapError),
    /// A key can't be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The API's token can't be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The data folder can't be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// `tidings init` found a data folder that is in use or was.
    #[error(
        "data folder {} has {} already, and nothing was changed: choose another --data-dir, or move these away first",
        folder.display(),
        files.join(", ")
    )]
    Exists {
        /// The folder.
        folder: PathBuf,
        /// What is there.
        files: Vec<&'static str>,
    },
    /// The API can't listen.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The system allows too few descriptors.
    #[error(transparent)]
    Descriptors(#[from] TooFew),
    /// The node can't start.
    #[error(transparent)]
    Shell(#[from] ShellError),
    /// The node can't be a member of a fleet.
    #[error(transparent)]
    Members(#[from] MembersError),
    /// The keys of members can't be changed.
    #[error(transparent)]
    Keys(#[from] KeyringError),
    /// Nobody answers for this data folder.
    #[error(
        "no node is running with data folder {} (cannot connect to {target}: {source}): start one with `tidings run`",
        folder.display()
    )]
    NotRunning {
        /// The folder.
        folder: PathBuf,
        /// Where it should have answered.
        target: String,
        /// What the system said.
        source: io::Error,
    },
    /// An exported file can't be taken in.
    #[error("cannot import {}: {problem}; nothing was changed", path.display())]
    NotImported {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// What was there a moment ago isn't any more.
    #[error("the node has {0} no more, or only its header")]
    Gone(String),
    /// A request had no good answer.
    #[error(transparent)]
    Client(ClientError),
    /// A system call failed.
    #[error("cannot {doing}: {source}{}", advice(source))]
    Io {
        /// What was tried.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// The exit code of a command that it stopped.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => EXIT_USAGE,
            Self::DataDir(error) => code_of_data_dir(error),
            Self::NotRunning { .. }
            | Self::Bind(BindError::Answered(_) | BindError::Unix { .. } | BindError::Tcp { .. })
            | Self::Shell(
                ShellError::Net(NetError::Listen { .. })
                | ShellError::Store(OpenError::InUse(_))
                | ShellError::Blocks(BlocksError::InUse(_)),
            )
            | Self::Members(MembersError::Listen { .. })
            | Self::Client(ClientError::Connect { .. }) => EXIT_UNAVAILABLE,
            Self::Shell(ShellError::Fault { .. } | ShellError::Lost(_)) => EXIT_SOFTWARE,
            Self::Config(_)
            | Self::Network(_)
            | Self::AsMap(_)
            | Self::Identity(
                IdentityError::Damaged { .. }
                | IdentityError::Missing { .. }
                | IdentityError::File(_),
            )
            | Self::Token(TokenError::File(_) | TokenError::Damaged(_))
            | Self::Descriptors(_)
            | Self::Members(
                MembersError::NoKey(_)
                | MembersError::NoAddress(_)
                | MembersError::Keys(_)
                | MembersError::Generation { .. }
                | MembersError::Profile(_),
            )
            | Self::Keys(KeyringError::File(_) | KeyringError::Damaged { .. })
            | Self::Bind(BindError::PathTooLong(_) | BindError::NoSocket(_))
            | Self::Shell(
                ShellError::Net(
                    NetError::Network(_) | NetError::Identity(_) | NetError::NoTransport { .. },
                )
                | ShellError::Addresses(_)
                | ShellError::Bans { .. }
                | ShellError::Params(_)
                | ShellError::Trace { .. }
                | ShellError::Capture(_)
                | ShellError::Store(
                    OpenError::Damaged { .. }
                    | OpenError::Newer { .. }
                    | OpenError::Network { .. }
                    | OpenError::Rules { .. },
                )
                | ShellError::Blocks(
                    BlocksError::Damaged { .. }
                    | BlocksError::Newer { .. }
                    | BlocksError::Network { .. }
                    | BlocksError::Rules { .. }
                    | BlocksError::Unsafe(_),
                ),
            ) => EXIT_CONFIG,
            Self::Exists { .. }
            | Self::Members(MembersError::Entropy(_))
            | Self::Keys(
                KeyringError::Write { .. }
                | KeyringError::NoKey
                | KeyringError::Full
                | KeyringError::Collides(_)
                | KeyringError::Unknown(_)
                | KeyringError::Primary(_)
                | KeyringError::Entropy(_),
            )
            | Self::Gone(_)
            | Self::NotImported { .. }
            | Self::Io { .. }
            | Self::Identity(IdentityError::Entropy(_))
            | Self::Token(TokenError::Entropy(_))
            | Self::Shell(
                ShellError::Entropy(_)
                | ShellError::Store(OpenError::Io { .. } | OpenError::NoCopy { .. })
                | ShellError::Blocks(BlocksError::Io { .. } | BlocksError::NoCopy { .. }),
            )
            | Self::Client(
                ClientError::Broken { .. } | ClientError::Refused(_) | ClientError::Answer { .. },
            ) => EXIT_FAILURE,
        }
    }
}

const fn code_of_data_dir(error: &DataDirError) -> u8 {
    match error {
        DataDirError::NoHome => EXIT_USAGE,
        DataDirError::InUse { .. } => EXIT_UNAVAILABLE,
        DataDirError::Missing(_) | DataDirError::NotMade(_) | DataDirError::Unsafe(_) => {
            EXIT_CONFIG
        }
        DataDirError::Io { .. } => EXIT_FAILURE,
    }
}
