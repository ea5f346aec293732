//! Files for their owner only: keys and tokens.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{guard, whole};

/// Longest private file that is read, bytes; keys and tokens are shorter than 100.
const PRIVATE_MAX: u64 = 4_096;

/// Why a private file can't be used. The file was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// It isn't there.
    #[error("{} is missing", .0.display())]
    Missing(PathBuf),
    /// Others than its owner may read or write it.
    #[error(
        "{} can be read or written by others (mode {mode:04o}): run `chmod 600 {}`, and consider whether it was copied",
        path.display(),
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is somebody else's, who may change it.
    #[error("{} belongs to user {owner}: make it yours (`chown`), if what is in it is yours", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Number of its owner.
        owner: u32,
    },
    /// A system call failed.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Reads a file that only its owner may read or write; at most 4 KiB of it.
///
/// # Errors
/// When it is missing, unreadable, somebody else's, or open to others.
pub fn read(path: &Path) -> Result<Vec<u8>, PrivateFileError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => PrivateFileError::Missing(path.to_owned()),
        _ => PrivateFileError::Io { path: path.to_owned(), source },
    };
    let file = guard::open(path, OpenOptions::new().read(true)).map_err(failed)?;
    // Asked of the open file, so that it can't be swapped in between.
    let metadata = file.metadata().map_err(failed)?;
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o777);
    if !guard::is_trusted(owner, guard::me()) {
        return Err(PrivateFileError::Foreign { path: path.to_owned(), owner });
    }
    if mode & 0o077 != 0 {
        return Err(PrivateFileError::Exposed { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::new();
    file.take(PRIVATE_MAX).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Creates a file with mode 0600 and writes it through to the disk. Never overwrites.
///
/// # Errors
/// When the file exists or can't be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), PrivateFileError> {
    whole::create(path, bytes, 0o600)
        .map_err(|source| PrivateFileError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_private_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write(&path, b"secret").unwrap();
        assert_eq!(read(&path).unwrap(), b"secret");
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = read(&path).unwrap_err();
            assert!(matches!(error, PrivateFileError::Exposed { mode: m, .. } if m == mode));
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn a_private_file_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write(&path, b"first").unwrap();
        assert!(write(&path, b"second").is_err());
        assert_eq!(read(&path).unwrap(), b"first");
    }
}
