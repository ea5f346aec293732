//! A log in a file: it is renamed when it is large, and opened anew when somebody else renamed it.
//!
//! Only the log's own thread is here, so that no disk holds up the node. What the disk refuses is counted by the writer
//! above ([`Lossy`](super::Lossy)), and said once on standard error; no line is there in part. Files are called as `logrotate`
//! would call them: `tidings.log`, then `tidings.log.1` and so on, the oldest last.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::config::log::KEEP_MAX;
use crate::files::guard;

/// What the file's writer is told from elsewhere, while it runs.
#[derive(Debug, Default)]
pub(super) struct Orders {
    /// From which size on the file is renamed, bytes; 0 is never.
    max_bytes: AtomicU64,
    /// How many are kept besides.
    keep: AtomicU32,
    /// The file is to be opened anew, since it may be another one now.
    reopen: AtomicBool,
}

impl Orders {
    /// When to rename the file, and how many to keep.
    pub(super) fn set_rotation(&self, max_bytes: u64, keep: u32) {
        self.max_bytes.store(max_bytes, Ordering::Relaxed);
        self.keep.store(keep, Ordering::Relaxed);
    }

    /// Opens the file anew before the next line.
    pub(super) fn reopen(&self) {
        self.reopen.store(true, Ordering::Relaxed);
    }
}

/// A log file that lines are written to: each call of [`Write::write`] is one line, or some, and is there whole or not at all.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    /// None while it can't be opened.
    file: Option<File>,
    orders: Arc<Orders>,
    /// What has been said of the disk's refusals since it last took a line.
    complained: bool,
    /// Says something to whoever reads standard error.
    tell: fn(&str),
}

/// The file, to go on at its end. Its owner's group may read it, as logs of other programs.
fn open(path: &Path) -> io::Result<File> {
    guard::open(path, OpenOptions::new().create(true).append(true).mode(0o640))
}

/// The name of an earlier file: the greater the number, the older.
fn earlier(path: &Path, number: u32) -> PathBuf {
    path.with_added_extension(number.to_string())
}

impl LogFile {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// When it can't be written.
    pub(super) fn open(path: &Path, orders: Arc<Orders>, tell: fn(&str)) -> io::Result<Self> {
        let file = Some(open(path)?);
        Ok(Self { path: path.to_owned(), file, orders, complained: false, tell })
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        if self.orders.reopen.swap(false, Ordering::Relaxed) {
            self.file = None;
        }
        let mut file = self.file.take().map_or_else(|| open(&self.path), Ok)?;
        // Asked each time: others may have cut it off meanwhile.
        let mut before = file.metadata()?.len();
        let max_bytes = self.orders.max_bytes.load(Ordering::Relaxed);
        if max_bytes > 0 && before > 0 && before.saturating_add(line.len() as u64) > max_bytes {
            match self.rotate() {
                Ok(()) => (file, before) = (open(&self.path)?, 0),
                // A log that grows is better than none.
                Err(error) => self.complain("renamed, so it grows", &error),
            }
        }
        let written = file.write_all(line);
        if written.is_err() {
            // A part of a line would look like a line.
            let _ = file.set_len(before);
        }
        self.file = Some(file);
        written
    }

    /// Renames the file and all earlier ones; those that are too many leave.
    fn rotate(&self) -> io::Result<()> {
        let keep = self.orders.keep.load(Ordering::Relaxed);
        for number in keep.max(1)..=KEEP_MAX {
            match fs::remove_file(earlier(&self.path, number)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                removed => removed?,
            }
        }
        for number in (1..keep).rev() {
            match fs::rename(earlier(&self.path, number), earlier(&self.path, number + 1)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                renamed => renamed?,
            }
        }
        match keep {
            0 => fs::remove_file(&self.path),
            _ => fs::rename(&self.path, earlier(&self.path, 1)),
        }
    }

    /// Says once what the disk refuses, until it takes a line again.
    fn complain(&mut self, cannot: &str, error: &io::Error) {
        if !std::mem::replace(&mut self.complained, true) {
            let path = self.path.display();
            (self.tell)(&format!(
                "tidings: the log file {path} can't be {cannot}: {error}. Make room, or let this user write there; the node goes on"
            ));
        }
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.put(line) {
            Ok(()) => Ok(line.len()),
            Err(error) => {
                self.complain("written, so lines are lost and counted", &error);
                Err(error)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    struct Rig {
        folder: tempfile::TempDir,
        orders: Arc<Orders>,
        log: LogFile,
    }

    impl Rig {
        fn new(max_bytes: u64, keep: u32) -> Self {
            let (folder, orders) = (tempfile::tempdir().unwrap(), Arc::new(Orders::default()));
            orders.set_rotation(max_bytes, keep);
            let log = LogFile::open(&folder.path().join("log"), Arc::clone(&orders), |_| ());
            Self { folder, orders, log: log.unwrap() }
        }

        /// The files and what is in them, by name.
        fn files(&self) -> Vec<(String, String)> {
            let entries = fs::read_dir(self.folder.path()).unwrap().map(Result::unwrap);
            let mut files: Vec<_> = entries
                .map(|entry| {
                    let name = entry.file_name().into_string().unwrap();
                    (name, fs::read_to_string(entry.path()).unwrap())
                })
                .collect();
            files.sort();
            files
        }

        fn names(&self) -> Vec<String> {
            self.files().into_iter().map(|(name, _)| name).collect()
        }
    }

    #[test]
    fn a_full_file_is_renamed_and_the_oldest_leaves() {
        let mut rig = Rig::new(10, 2);
        for number in 0..8 {
            rig.log.write_all(format!("line{number}\n").as_bytes()).unwrap();
        }
        let expected = [("log", "line7\n"), ("log.1", "line6\n"), ("log.2", "line5\n")];
        assert_eq!(rig.files(), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
        let mode = fs::metadata(rig.folder.path().join("log")).unwrap().permissions().mode();
        assert_eq!(mode & 0o137, 0, "others have no business with it");
        rig.orders.set_rotation(10, 1);
        rig.log.write_all(b"line8\n").unwrap();
        assert_eq!(rig.names(), ["log", "log.1"]);
        rig.orders.set_rotation(10, 0);
        rig.log.write_all(b"line9\n").unwrap();
        assert_eq!(rig.names(), ["log"]);
        rig.orders.set_rotation(0, 0);
        (0..5).for_each(|_| rig.log.write_all(b"and more\n").unwrap());
        assert_eq!(rig.files()[0].1.len(), 6 + 5 * 9, "it may grow");
    }

    #[test]
    fn a_file_that_somebody_renamed_is_written_to_until_it_is_opened_anew() {
        let mut rig = Rig::new(0, 0);
        rig.log.write_all(b"one\n").unwrap();
        fs::rename(rig.folder.path().join("log"), rig.folder.path().join("old")).unwrap();
        rig.log.write_all(b"two\n").unwrap();
        assert_eq!(rig.files(), [("old".to_owned(), "one\ntwo\n".to_owned())]);
        rig.orders.reopen();
        rig.log.write_all(b"three\n").unwrap();
        assert_eq!(rig.files()[0], ("log".to_owned(), "three\n".to_owned()));
    }

    #[test]
    fn a_folder_that_is_gone_costs_lines_until_it_is_there_again() {
        let mut rig = Rig::new(0, 0);
        let (path, inner) = (rig.folder.path().join("log"), rig.folder.path().join("inner"));
        fs::create_dir(&inner).unwrap();
        rig.log = LogFile::open(&inner.join("log"), Arc::clone(&rig.orders), |_| ()).unwrap();
        fs::remove_dir_all(&inner).unwrap();
        rig.orders.reopen();
        assert!(rig.log.write_all(b"lost\n").is_err() && rig.log.complained);
        fs::create_dir(&inner).unwrap();
        rig.log.write_all(b"written\n").unwrap();
        assert_eq!(fs::read_to_string(inner.join("log")).unwrap(), "written\n");
        assert!(path.exists());
    }
}
