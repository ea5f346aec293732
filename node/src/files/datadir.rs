//! The data folder: what is in it, who may read it, and who is using it.
//!
//! A folder belongs to one running node at a time. The claim is an advisory lock on the file `lock`,
//! which the system drops together with the process, so that even `kill -9` leaves nothing stale.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::guard::{self, FolderError};

/// Identity on the network: a libp2p key pair as protobuf, mode 0600.
pub const IDENTITY: &str = "identity.key";
/// Seed of the Ed25519 key that signs transfers, hexadecimal, mode 0600.
pub const ACCOUNT: &str = "account.key";
/// Settings, see [`crate::config`].
pub const CONFIG: &str = "config.toml";
/// Address book, kept by the shell.
pub const ADDRESSES: &str = "addresses.json";
/// The operator's bans.
pub const BANS: &str = "bans.json";
/// Locked by the node that uses the folder; holds its process id.
pub const LOCK: &str = "lock";
/// Folder under the home folder that is used when none is named.
pub const DEFAULT_NAME: &str = ".tidings";

/// Why the data folder can't be used. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// No folder was named, and there is no home folder.
    #[error("no home folder is known: name the data folder with --data-dir or TIDINGS_DATA_DIR")]
    NoHome,
    /// There is no such folder.
    #[error("there is no data folder {}: create it with `tidings init --data-dir {}`", .0.display(), .0.display())]
    Missing(PathBuf),
    /// There is a folder, but nothing of a node is in it.
    #[error(
        "{} is no data folder: neither {IDENTITY} nor {CONFIG} is in it, and nothing was changed: name another --data-dir, or make one \
         with `tidings init --data-dir {}`",
        .0.display(), .0.display()
    )]
    NotMade(PathBuf),
    /// Another process is using the folder.
    #[error(
        "data folder {} is in use by {}: stop that node first (`tidings stop`), or use another --data-dir",
        path.display(),
        holder(*pid)
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process, as far as it left its id.
        pid: Option<u32>,
    },
    /// Others may put files into it.
    #[error("the data folder is not safe: {0}")]
    Unsafe(#[from] FolderError),
    /// A system call failed.
    #[error("cannot {doing} {}: {source}{}", path.display(), super::advice(source))]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// A data folder by its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir {
    path: PathBuf,
}

impl DataDir {
    /// The named folder, else `~/.tidings`. The path is made absolute, so that messages are clear.
    ///
    /// # Errors
    /// When no folder is named and there is no home folder.
    pub fn locate(named: Option<&Path>) -> Result<Self, DataDirError> {
        let path = match named {
            Some(path) => path.to_owned(),
            None => std::env::home_dir().ok_or(DataDirError::NoHome)?.join(DEFAULT_NAME),
        };
        Ok(Self { path: std::path::absolute(&path).unwrap_or(path) })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path in the folder; absolute ones stay as they are.
    #[must_use]
    pub fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.path.join(path)
    }

    /// Creates the folder with mode 0700, parents included. A folder that exists keeps its mode.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn create(&self) -> Result<(), DataDirError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        made.map_err(|source| self.io("create data folder", source))
    }

    /// That there is such a folder, and that it is a node's: what isn't one is left alone.
    ///
    /// # Errors
    /// When there is none, or when nothing of a node is in it.
    pub fn check_made(&self) -> Result<(), DataDirError> {
        if !self.path.is_dir() {
            return Err(DataDirError::Missing(self.path.clone()));
        }
        if [IDENTITY, CONFIG].iter().any(|file| self.join(file).exists()) {
            Ok(())
        } else {
            Err(DataDirError::NotMade(self.path.clone()))
        }
    }

    /// That nobody else can put anything into the folder; one that doesn't exist is as good.
    ///
    /// # Errors
    /// When others can.
    pub fn check(&self) -> Result<(), DataDirError> {
        if self.path.exists() { Ok(guard::check(&self.path)?) } else { Ok(()) }
    }

    /// Claims the folder for this process until the [`Lock`] is dropped or the process ends.
    ///
    /// # Errors
    /// When the folder is missing, others can write to it, or another process holds it.
    pub fn lock(&self) -> Result<Lock, DataDirError> {
        if !self.path.is_dir() {
            return Err(DataDirError::Missing(self.path.clone()));
        }
        self.check()?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let opened = options.open(self.join(LOCK));
        let mut file = opened.map_err(|source| self.io("open the lock of data folder", source))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = (&mut file).take(32).read_to_string(&mut pid);
                return Err(DataDirError::InUse {
                    path: self.path.clone(),
                    pid: pid.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(self.io("lock data folder", source)),
        }
        let noted = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        noted.map_err(|source| self.io("write the lock of data folder", source))?;
        Ok(Lock { _file: file })
    }

    fn io(&self, doing: &'static str, source: io::Error) -> DataDirError {
        DataDirError::Io { doing, path: self.path.clone(), source }
    }
}

/// A claim on a data folder. The file stays when the claim ends: removing it would let two processes
/// lock two files of the same name.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn folder() -> (tempfile::TempDir, DataDir) {
        let temp = tempfile::tempdir().unwrap();
        let dir = DataDir::locate(Some(temp.path())).unwrap();
        (temp, dir)
    }

    #[test]
    fn a_folder_has_one_user_at_a_time() {
        let (_temp, dir) = folder();
        let first = dir.lock().unwrap();
        let error = dir.lock().unwrap_err().to_string();
        let expected = format!(
            "data folder {} is in use by process {}",
            dir.path().display(),
            std::process::id()
        );
        assert!(error.starts_with(&expected), "{error}");
        drop(first);
        dir.lock().unwrap();
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_not_used() {
        let (_temp, dir) = folder();
        for mode in [0o777, 0o770] {
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
            let error = dir.lock().unwrap_err().to_string();
            assert!(error.contains("`chmod go-w "), "{error}");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was made in it");
        }
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        dir.lock().unwrap();
    }

    #[test]
    fn a_folder_that_is_no_nodes_is_left_alone() {
        let (_temp, dir) = folder();
        let error = dir.check_made().unwrap_err().to_string();
        assert!(error.contains("is no data folder") && error.contains("tidings init"), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was made in it");
        fs::write(dir.join(CONFIG), "").unwrap();
        dir.check_made().unwrap();
        let gone = DataDir::locate(Some(&dir.join("gone"))).unwrap();
        assert!(matches!(gone.check_made(), Err(DataDirError::Missing(_))));
    }

    #[test]
    fn a_missing_folder_says_how_to_make_it() {
        let dir = DataDir::locate(Some(Path::new("/nonexistent/tidings"))).unwrap();
        let error = dir.lock().unwrap_err().to_string();
        assert!(error.contains("`tidings init --data-dir /nonexistent/tidings`"), "{error}");
    }

    #[test]
    fn a_new_folder_is_closed_to_others() {
        let (_temp, parent) = folder();
        let dir = DataDir::locate(Some(&parent.join("a/b"))).unwrap();
        dir.create().unwrap();
        let mode = fs::metadata(dir.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
