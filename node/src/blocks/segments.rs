//! The files that hold the blocks: they only grow, and leave as a whole.
//!
//! A segment is begun when the last one is full. What is appended is on the disk once it was [synced](Segments::sync),
//! and counts once the index says so; what lies behind the indexed end of a segment is what a crash left, and is cut off.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::format::{Magic, RECORD_HEAD, SEGMENT_HEAD, Spot, record, segment_head};
use crate::files::guard;
use tidings_protocol::ground::item::Item;

/// How names of segments begin, and how they end.
const NAME: (&str, &str) = ("blk", ".dat");

/// The segment that is written to.
#[derive(Debug)]
struct Current {
    number: u32,
    file: File,
    end: u64,
}

/// The segments of one folder, as whoever writes them sees them.
#[derive(Debug)]
pub(super) struct Segments {
    folder: PathBuf,
    magic: Magic,
    /// From which size on another one is begun, bytes.
    full: u64,
    current: Option<Current>,
    /// The number of the next one.
    next: u32,
    /// Whether the disk is to behave as if it were full.
    #[cfg(test)]
    pub(super) is_full: bool,
}

/// Where a segment is.
pub(super) fn path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{}{number:05}{}", NAME.0, NAME.1))
}

/// The segments that are in a folder: number and size.
pub(super) fn list(folder: &Path) -> io::Result<BTreeMap<u32, u64>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix(NAME.0)?.strip_suffix(NAME.1));
        if let Some(number) = digits.and_then(|digits| digits.parse().ok())
            && path(folder, number).file_name() == Some(&name)
        {
            found.insert(number, entry.metadata()?.len());
        }
    }
    Ok(found)
}

/// Reads the record of a block.
pub(super) fn read(folder: &Path, spot: Spot) -> io::Result<Vec<u8>> {
    let file = guard::open(&path(folder, spot.segment), OpenOptions::new().read(true))?;
    let mut bytes = vec![0; RECORD_HEAD + spot.len as usize];
    file.read_exact_at(&mut bytes, spot.offset)?;
    Ok(bytes)
}

/// Cuts off what lies behind the end of a segment.
pub(super) fn cut(folder: &Path, number: u32, end: u64) -> io::Result<()> {
    let file = guard::open(&path(folder, number), OpenOptions::new().write(true))?;
    file.set_len(end)?;
    file.sync_data()
}

/// Takes a segment away.
pub(super) fn remove(folder: &Path, number: u32) -> io::Result<()> {
    match fs::remove_file(path(folder, number)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Writes through to the disk which files there are.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

impl Segments {
    /// Goes on behind the end of the last one, or with a new one.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn resume(
        folder: &Path,
        magic: Magic,
        full: u64,
        last: Option<(u32, u64)>,
    ) -> io::Result<Self> {
        let mut segments = Self {
            folder: folder.to_owned(),
            magic,
            full,
            current: None,
            next: last.map_or(0, |(number, _)| number + 1),
            #[cfg(test)]
            is_full: false,
        };
        if let Some((number, end)) = last {
            let file = guard::open(&path(folder, number), OpenOptions::new().write(true))?;
            segments.current = Some(Current { number, file, end });
        }
        Ok(segments)
    }

    /// Appends the record of a block. Says where it is.
    ///
    /// # Errors
    /// When the system refuses. Then nothing may be appended until [`Segments::take_back`].
    pub(super) fn append(&mut self, block: &Item) -> io::Result<Spot> {
        let record = record(block, self.magic);
        let len = u32::try_from(block.size()).map_err(io::Error::other)?;
        let is_full = |current: &Current| {
            current.end > SEGMENT_HEAD && current.end + record.len() as u64 > self.full
        };
        if self.current.as_ref().is_none_or(is_full) {
            self.sync()?;
            self.current = Some(self.begin()?);
        }
        self.check_space()?;
        let current = self.current.as_mut().expect("one was begun if there was none");
        current.file.write_all_at(&record, current.end)?;
        let spot = Spot { segment: current.number, offset: current.end, len };
        current.end = spot.end();
        Ok(spot)
    }

    /// Waits until all that was appended is on the disk.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.current.as_ref().map_or(Ok(()), |current| current.file.sync_data())
    }

    /// What was appended behind the ends that the index knows wasn't committed: it is written over.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn take_back(&mut self, last: Option<(u32, u64)>) -> io::Result<()> {
        let Self { folder, magic, full, .. } = self;
        for number in last.map_or(0, |(number, _)| number + 1)..self.next {
            remove(folder, number)?;
        }
        #[cfg(test)]
        let is_full = self.is_full;
        *self = Self::resume(folder, *magic, *full, last)?;
        #[cfg(test)]
        (self.is_full = is_full);
        Ok(())
    }

    /// The number of the segment that is written to.
    pub(super) fn current(&self) -> Option<u32> {
        self.current.as_ref().map(|current| current.number)
    }

    fn begin(&mut self) -> io::Result<Current> {
        self.check_space()?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = guard::open(&path(&self.folder, self.next), &mut options)?;
        // Only now: what others put there isn't even emptied.
        file.set_len(0)?;
        let current = Current { number: self.next, file, end: SEGMENT_HEAD };
        self.next += 1;
        current.file.write_all_at(&segment_head(self.magic), 0)?;
        sync_folder(&self.folder)?;
        Ok(current)
    }

    fn check_space(&self) -> io::Result<()> {
        #[cfg(test)]
        if self.is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::format::check_record;
    use super::*;
    use tidings_protocol::chain::Chain as _;
    use tidings_protocol::chain::opaque::Opaque;
    use tidings_protocol::ground::item::ItemKind;

    const MAGIC: Magic = Magic([1, 2, 3, 4]);

    fn block(n: u8) -> Arc<Item> {
        Opaque::default().item(ItemKind::Block, vec![n; 100].into()).unwrap()
    }

    #[test]
    fn a_segment_is_begun_when_the_last_is_full_and_each_block_is_where_it_was_put() {
        let folder = tempfile::tempdir().unwrap();
        let mut segments = Segments::resume(folder.path(), MAGIC, 400, None).unwrap();
        let spots: Vec<_> = (0..5).map(|n| segments.append(&block(n)).unwrap()).collect();
        segments.sync().unwrap();
        let placed: Vec<_> = spots.iter().map(|spot| (spot.segment, spot.offset)).collect();
        assert_eq!(placed, [(0, 16), (0, 164), (1, 16), (1, 164), (2, 16)]);
        for (n, spot) in (0..).zip(&spots) {
            let record = read(folder.path(), *spot).unwrap();
            assert_eq!(check_record(&record, MAGIC), Some(block(n).id().hash()));
        }
        assert_eq!(list(folder.path()).unwrap(), [(0, 312), (1, 312), (2, 164)].into());
    }

    #[test]
    fn what_was_not_committed_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut segments = Segments::resume(folder.path(), MAGIC, 400, None).unwrap();
        let first = segments.append(&block(0)).unwrap();
        (1..5).for_each(|n| _ = segments.append(&block(n)).unwrap());
        segments.take_back(Some((0, first.end()))).unwrap();
        let second = segments.append(&block(9)).unwrap();
        assert_eq!((second.segment, second.offset), (0, first.end()));
        assert_eq!(list(folder.path()).unwrap().len(), 1);
        segments.take_back(None).unwrap();
        assert_eq!(list(folder.path()).unwrap().len(), 0);
        assert_eq!(segments.append(&block(9)).unwrap().segment, 0);
    }

    #[test]
    fn other_files_are_no_segments() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["blk1.dat", "blk00001.dat.old", "xblk00001.dat", "blk+0001.dat", "index.redb"]
        {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::write(folder.path().join("blk123456.dat"), "123").unwrap();
        assert_eq!(list(folder.path()).unwrap(), [(123_456, 3)].into());
        remove(folder.path(), 7).unwrap();
    }
}
