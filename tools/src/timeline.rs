//! A run moment by moment ([`tidings_timeline`]): opened, whether it is a file or a run folder, and exported.
//!
//! A run folder has deliveries and no messages: its timeline has neither bytes nor queues, and links that the folder
//! doesn't list stand from the first delivery over them.

pub mod export;
mod folder;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use tidings_timeline::file::{COLUMNS_MAX, HEADER_MAX};
use tidings_timeline::{Timeline, TimelineError};

use crate::run::{self, Run, RunError};

/// Why there is no timeline.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The run folder or the file can't be read, or isn't there.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The file is no timeline.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: TimelineError,
    },
    /// Nothing is there.
    #[error("{}: nothing is there; name a timeline (`sim --trace FILE` writes one) or a run folder", .0.display())]
    Nothing(PathBuf),
}

impl OpenError {
    /// Whether the input isn't there at all, in contrast to being wrong.
    #[must_use]
    pub const fn is_missing_input(&self) -> bool {
        match self {
            Self::Run(error) => error.is_missing_input(),
            Self::File { .. } => false,
            Self::Nothing(_) => true,
        }
    }
}

/// Opens a timeline: a file of one, or a run folder.
///
/// # Errors
/// When nothing is there, or it is neither.
pub fn timeline_of(path: &Path) -> Result<Timeline, OpenError> {
    if path.is_dir() {
        return Ok(folder::timeline(&Run::read(path)?, &folder::Told::read(path)));
    }
    if !path.exists() {
        return Err(OpenError::Nothing(path.to_owned()));
    }
    let bytes = read(path).map_err(|source| RunError::reading(path, source))?;
    Timeline::from_bytes(&bytes).map_err(|source| OpenError::File { path: path.to_owned(), source })
}

/// At most as much as the largest timeline has, and a byte, so that it is told.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(HEADER_MAX + COLUMNS_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes a timeline whole or not at all. Returns its length, bytes.
///
/// # Errors
/// When the file can't be written.
pub fn write(path: &Path, timeline: &Timeline) -> Result<usize, RunError> {
    let bytes = timeline.to_bytes();
    run::write_bytes(path, &bytes)?;
    Ok(bytes.len())
}

#[cfg(test)]
mod tests;
