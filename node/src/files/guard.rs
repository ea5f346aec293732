//! Folders in which only we put files, and files in folders where others might.
//!
//! Whoever may write to a folder may put a link in the place of a file in it. A node that opened that file would read
//! what it shouldn't, or write into a file of its operator's that has nothing to do with it. So a data folder that
//! others may write to [is refused](check). What the settings name elsewhere (a trace in `/tmp`) may lie among others'
//! files, and is then [opened](open) only if it is no link and ours alone.
//!
//! Folders above aren't looked at: whoever may write there can put another folder in the place of this one, but none of
//! ours with files of theirs in it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Why a folder isn't used. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Others may put files and links into it.
    #[error(
        "others can write to {} (mode {mode:04o}), and so lead this node to files elsewhere: look whether all in it is \
         yours, then run `chmod go-w {}`",
        path.display(),
        path.display()
    )]
    Writable {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is somebody else's.
    #[error(
        "{} belongs to user {owner}, and this process runs as user {me}: run it as its owner, or hand the folder over \
         with `chown -R {me} {}`",
        path.display(),
        path.display()
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Number of its owner.
        owner: u32,
        /// Number of the user as whom this process runs.
        me: u32,
    },
    /// The system doesn't tell.
    #[error("cannot look at {}: {source}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Whether nobody but us, and the system's administrator, can put anything into a folder.
///
/// # Errors
/// When others can, or nobody knows.
pub fn check(folder: &Path) -> Result<(), FolderError> {
    let path = folder.to_owned();
    let metadata = match fs::metadata(folder) {
        Ok(metadata) => metadata,
        Err(source) => return Err(FolderError::Io { path, source }),
    };
    let (owner, mode, me) = (metadata.uid(), metadata.mode() & 0o7777, me());
    if !is_trusted(owner, me) {
        return Err(FolderError::Foreign { path, owner, me });
    }
    if mode & 0o022 != 0 {
        return Err(FolderError::Writable { path, mode });
    }
    Ok(())
}

/// Opens a file. In a folder that others may write to, it must be a file of ours under one name only, and no link.
///
/// # Errors
/// When it can't be opened, or somebody else may have put it there.
pub fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if check(folder.unwrap_or_else(|| Path::new("."))).is_ok() {
        return options.open(path);
    }
    // Without waiting: what lies there may be a pipe that nobody writes to.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = options.custom_flags(flags.bits().cast_signed()).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.nlink() > 1 || !is_trusted(metadata.uid(), me()) {
        let why = "others can write to its folder, and it is no file of this user's alone";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    Ok(file)
}

/// Whether what a user owns is as good as ours: the administrator can change everything anyway.
pub(super) const fn is_trusted(owner: u32, me: u32) -> bool {
    owner == me || owner == 0
}

/// As whom this process uses files.
pub(super) fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn folder(mode: u32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        folder
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused_with_what_mends_it() {
        for mode in [0o700, 0o755, 0o750] {
            check(folder(mode).path()).unwrap();
        }
        for mode in [0o770, 0o707, 0o777, 0o1777, 0o720] {
            let folder = folder(mode);
            let error = check(folder.path()).unwrap_err().to_string();
            assert!(error.contains(&format!("mode {mode:04o}")), "{error}");
            let command = format!("`chmod go-w {}`", folder.path().display());
            assert!(error.contains(&command), "{error}");
        }
    }

    #[test]
    fn what_is_anothers_is_not_trusted() {
        assert!(is_trusted(1_000, 1_000) && is_trusted(0, 1_000));
        assert!(!is_trusted(1_000, 0) && !is_trusted(1_001, 1_000));
        let error = FolderError::Foreign { path: "/data".into(), owner: 7, me: 8 };
        assert!(error.to_string().contains("`chown -R 8 /data`"), "{error}");
    }

    #[test]
    fn no_link_is_followed_in_a_folder_that_others_can_write_to() {
        let (elsewhere, shared) = (folder(0o700), folder(0o1777));
        let target = elsewhere.path().join("target");
        fs::write(&target, "precious").unwrap();
        let link = shared.path().join("trace.csv");
        let append = |path: &Path| open(path, OpenOptions::new().create(true).append(true));
        symlink(&target, &link).unwrap();
        append(&link).unwrap_err();
        fs::remove_file(&link).unwrap();
        fs::hard_link(&target, &link).unwrap();
        append(&link).unwrap_err();
        fs::remove_file(&link).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &link, rustix::fs::Mode::RUSR).unwrap();
        open(&link, OpenOptions::new().read(true)).unwrap_err();
        fs::remove_file(&link).unwrap();
        append(&link).unwrap();
        append(&link).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"precious");
        // In a folder of ours a link is ours.
        symlink(&target, elsewhere.path().join("link")).unwrap();
        append(&elsewhere.path().join("link")).unwrap();
    }
}
