//! What can be wrong with a run folder.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A run folder that can't be read or written. Nothing of it was used.
#[derive(Debug, Error)]
pub enum RunError {
    /// No folder is there.
    #[error("{}: there is no such folder; name the run folder that a launch or simulation wrote", .0.display())]
    NotAFolder(PathBuf),
    /// A file is missing.
    #[error("{}: the file is missing; is this a run folder, and did the run finish?", .0.display())]
    Missing(PathBuf),
    /// Nobody saw any link.
    #[error("{}: no link was seen then; the run ended before, or an earlier version wrote the folder", .0.display())]
    NoLinks(PathBuf),
    /// A file can't be read.
    #[error("{}: can't be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file can't be written.
    #[error("{}: can't be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A table has other columns.
    #[error("{}:1: expected the columns `{expected}`, found `{found}`", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// The columns that it should have.
        expected: String,
        /// Its first line.
        found: String,
    },
    /// A field of a table is wrong or missing.
    #[error("{}:{line}: column `{column}`: expected {expected}, found {found}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The name of the column.
        column: &'static str,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A row has more fields than the table has columns.
    #[error("{}:{line}: expected {expected} fields, found more", path.display())]
    TooManyFields {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// How many columns there are.
        expected: usize,
    },
    /// The last line of a table has no line end.
    #[error("{}:{line}: expected a line end, found the end of the file; it was cut short", path.display())]
    CutShort {
        /// The file.
        path: PathBuf,
        /// The last line, from 1.
        line: u64,
    },
    /// A TOML file is malformed.
    #[error("{}: is not valid TOML: {source}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A JSON file is malformed.
    #[error("{}: is not a summary: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
}

impl RunError {
    /// What an I/O error while reading `path` means.
    pub(crate) fn reading(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::Missing(path),
            _ => Self::Read { path, source },
        }
    }

    /// Whether the input isn't there at all, in contrast to being wrong.
    #[must_use]
    pub const fn is_missing_input(&self) -> bool {
        matches!(self, Self::NotAFolder(_) | Self::Missing(_) | Self::NoLinks(_))
    }
}
