//! The database's file, which isn't changed before it has proved sound.
//!
//! A database writes as soon as it is opened: at least that it is in use, and repairs after a crash. A file
//! that turns out to be damaged, or of a newer version, must be kept as it was, though. So what the
//! database does at first is only noted, and done when the file is [let go](HeldFile::let_go), in the same
//! order; after that, everything goes straight through.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use redb::StorageBackend;

use crate::files::whole;

/// How much is copied at once, bytes. A guess.
const COPY_BYTES: usize = 1 << 20;

/// A file whose changes may be held back.
#[derive(Debug)]
pub(crate) struct HeldFile {
    file: File,
    /// What was changed, while changes are held back.
    held: Mutex<Option<Held>>,
    /// Whether the disk is to behave as if it were full.
    #[cfg(test)]
    pub(crate) is_full: std::sync::atomic::AtomicBool,
    /// What was done to the file, if somebody wants to know.
    #[cfg(test)]
    pub(crate) journal: Mutex<Option<Vec<Change>>>,
}

#[derive(Debug)]
struct Held {
    /// How long the file is on the disk, and how long it would be.
    on_disk: u64,
    len: u64,
    /// What is to be done, in order; a few pages.
    changes: Vec<Change>,
}

/// Something done to a file.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Sync,
}

impl HeldFile {
    /// Holds back changes of a file from now on.
    pub(crate) fn new(file: File) -> io::Result<Arc<Self>> {
        let len = file.metadata()?.len();
        let held = Mutex::new(Some(Held { on_disk: len, len, changes: Vec::new() }));
        #[cfg(test)]
        return Ok(Arc::new(Self {
            file,
            held,
            is_full: false.into(),
            journal: Mutex::new(tests::KEEPS_JOURNAL.get().then(Vec::new)),
        }));
        #[cfg(not(test))]
        Ok(Arc::new(Self { file, held }))
    }

    /// Makes the changes that were held back, and holds back no more.
    pub(crate) fn let_go(&self) -> io::Result<()> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for change in held.take().into_iter().flat_map(|held| held.changes) {
            self.note(&change);
            match change {
                Change::Write(offset, bytes) => self.file.write_all_at(&bytes, offset)?,
                Change::SetLen(len) => self.file.set_len(len)?,
                Change::Sync => self.file.sync_data()?,
            }
        }
        self.note(&Change::Sync);
        self.file.sync_all()
    }

    /// Something is about to be done to the file.
    #[cfg(test)]
    fn note(&self, change: &Change) {
        if let Some(journal) = &mut *self.journal.lock().unwrap() {
            journal.push(change.clone());
        }
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests keep a journal")]
    const fn note(&self, _: &Change) {}

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        self.note(&Change::Write(offset, data.to_vec()));
        self.file.write_all_at(data, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.note(&Change::SetLen(len));
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.note(&Change::Sync);
        self.file.sync_data()
    }

    /// Copies the file as it is on the disk to another one, whole or not at all.
    pub(crate) fn copy_to(&self, path: &Path) -> io::Result<()> {
        whole::replace(path, |copy| {
            let (mut at, mut buffer) = (0, vec![0; COPY_BYTES]);
            loop {
                match self.file.read_at(&mut buffer, at)? {
                    0 => return Ok(()),
                    len => {
                        copy.write_all(&buffer[..len])?;
                        at += len as u64;
                    }
                }
            }
        })
    }

    /// How long the file is, or would be.
    pub(crate) fn len(&self) -> io::Result<u64> {
        self.with(|held| held.len).map_or_else(|| Ok(self.file.metadata()?.len()), Ok)
    }

    /// Something with the changes, if they are held back.
    fn with<T>(&self, change: impl FnOnce(&mut Held) -> T) -> Option<T> {
        // A panic can't leave it half changed.
        self.held.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(change)
    }

    fn check_space(&self) -> io::Result<()> {
        #[cfg(test)]
        if self.is_full.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl Held {
    fn read(&self, file: &File, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let end = offset.saturating_add(out.len() as u64);
        if end > self.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let index = |at: u64| {
            let inside = at.clamp(offset, end) - offset;
            usize::try_from(inside).map_err(io::Error::other)
        };
        file.read_exact_at(&mut out[..index(self.on_disk)?], offset)?;
        out[index(self.on_disk)?..].fill(0);
        for change in &self.changes {
            match change {
                Change::Write(at, bytes) => {
                    let part = index(*at)?..index(at + bytes.len() as u64)?;
                    let skipped = usize::try_from(offset.saturating_sub(*at));
                    let bytes = bytes.get(skipped.map_err(io::Error::other)?..).unwrap_or_default();
                    let part_len = part.len();
                    out[part].copy_from_slice(&bytes[..part_len]);
                }
                Change::SetLen(len) => out[index(*len)?..].fill(0),
                Change::Sync => {}
            }
        }
        Ok(())
    }

    fn set_len(&mut self, len: u64) {
        self.len = len;
        self.changes.push(Change::SetLen(len));
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        self.len = self.len.max(offset + data.len() as u64);
        self.changes.push(Change::Write(offset, data.to_vec()));
    }
}

/// The same as the database sees it. Locks are taken on the file itself, before it comes here.
#[derive(Clone, Debug)]
pub(crate) struct Backend(pub(crate) Arc<HeldFile>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let held = self.0.with(|held| held.read(&self.0.file, offset, out));
        held.unwrap_or_else(|| self.0.file.read_exact_at(out, offset))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.check_space()?;
        self.0.with(|held| held.set_len(len)).map_or_else(|| self.0.set_len(len), Ok)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.check_space()?;
        let held = self.0.with(|held| held.changes.push(Change::Sync));
        held.map_or_else(|| self.0.sync(), Ok)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.check_space()?;
        let held = self.0.with(|held| held.write(offset, data));
        held.map_or_else(|| self.0.write(offset, data), Ok)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::Cell;
    use std::fs;

    thread_local! {
        /// Whether files that this thread opens keep a journal.
        pub(crate) static KEEPS_JOURNAL: Cell<bool> = const { Cell::new(false) };
    }

    fn held(content: &[u8]) -> (tempfile::NamedTempFile, Backend) {
        let temp = tempfile::NamedTempFile::new().unwrap();
        fs::write(&temp, content).unwrap();
        let file = File::options().read(true).write(true).open(&temp).unwrap();
        (temp, Backend(HeldFile::new(file).unwrap()))
    }

    fn all(backend: &Backend) -> Vec<u8> {
        let mut out = vec![9; usize::try_from(backend.len().unwrap()).unwrap()];
        backend.read(0, &mut out).unwrap();
        out
    }

    #[test]
    fn changes_are_seen_at_once_and_made_when_it_is_let_go() {
        let (temp, backend) = held(b"abcdef");
        backend.write(4, b"XYZ").unwrap();
        backend.write(5, b"-").unwrap();
        backend.sync_data().unwrap();
        assert_eq!(all(&backend), b"abcdX-Z");
        assert_eq!(fs::read(&temp).unwrap(), b"abcdef");
        backend.0.let_go().unwrap();
        assert_eq!(fs::read(&temp).unwrap(), b"abcdX-Z");
        backend.write(0, b"_").unwrap();
        assert_eq!(fs::read(&temp).unwrap(), b"_bcdX-Z");
    }

    #[test]
    fn what_is_cut_off_and_grows_again_is_zero() {
        let (temp, backend) = held(b"abcdef");
        backend.write(1, b"BCD").unwrap();
        backend.set_len(3).unwrap();
        backend.set_len(5).unwrap();
        assert_eq!(all(&backend), b"aBC\0\0");
        for (from, to, expected) in
            [(0, 2, &b"aB"[..]), (2, 4, b"C\0"), (2, 3, b"C"), (4, 5, b"\0")]
        {
            let mut out = vec![9; to - from];
            backend.read(from as u64, &mut out).unwrap();
            assert_eq!(out, expected, "{from} to {to}");
        }
        assert!(backend.read(4, &mut [0; 2]).is_err());
        backend.0.let_go().unwrap();
        assert_eq!(fs::read(&temp).unwrap(), b"aBC\0\0");
    }
}
