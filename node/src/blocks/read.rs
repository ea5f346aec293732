//! Reads a folder of blocks that no node runs with, and leaves it as it is, byte for byte: to check it, and to carry it elsewhere.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;
use redb::{Database, ReadableDatabase as _, ReadableTable as _};
use tidings_protocol::ground::item::{Hash256, ItemId, ItemKind};

use super::format::{BLOCKS, Extent, IDS, RECORD_HEAD, Row, SEGMENTS, Spot, check_record};
use super::{BlocksConfig, OpenError, open, segments};
use crate::files::guard;

/// Most of what is wrong that is told one by one; the rest is counted. A guess: more than anybody reads.
const TOLD_MAX: usize = 20;

/// What is in a folder of blocks. All of it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Version of the index's form.
    pub format: u32,
    /// Headers in the index: all blocks that were ever kept.
    pub headers: u64,
    /// Blocks that the index says are kept.
    pub blocks: u64,
    /// Bytes of the files of blocks.
    pub bytes: u64,
    /// How many of these there are.
    pub segments: usize,
    /// What is wrong, as sentences; at most 20.
    pub bad: Vec<String>,
    /// How much that is in all.
    pub bad_count: u64,
}

impl Checked {
    fn blame(&mut self, what: String) {
        self.bad_count += 1;
        if self.bad.len() < TOLD_MAX {
            self.bad.push(what);
        }
    }
}

/// A folder that is open to be read.
pub struct ReadBlocks<'a> {
    config: &'a BlocksConfig,
    db: Database,
    format: u32,
}

impl std::fmt::Debug for ReadBlocks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadBlocks").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A block and where it lies.
#[derive(Clone, Copy, Debug)]
struct Placed {
    height: u32,
    id: Hash256,
    spot: Spot,
}

/// The segment that was read last.
#[derive(Debug, Default)]
struct Last(Option<(u32, File)>);

impl<'a> ReadBlocks<'a> {
    /// Opens a folder to read it; `None` if there is none, or no index in it.
    ///
    /// # Errors
    /// When it can't be used.
    pub fn open(config: &'a BlocksConfig) -> Result<Option<Self>, OpenError> {
        let index = config.folder.join(open::INDEX);
        if index.metadata().map_or(0, |there| there.len()) == 0 {
            return Ok(None);
        }
        let (db, format) = open::to_read(config)?;
        Ok(Some(Self { config, db, format }))
    }

    /// Hands over every block that is kept, by its height: `None` instead of one that can't be read.
    ///
    /// # Errors
    /// When the index can't be read, or whoever takes them refuses.
    pub fn each<E>(
        &self,
        mut take: impl FnMut(u32, ItemId, Option<Bytes>) -> Result<(), E>,
    ) -> Result<Result<(), E>, OpenError> {
        let mut placed = self.placed().map_err(self.config.refusal())?;
        placed.sort_by_key(|placed| placed.height);
        let mut last = Last::default();
        for placed in placed {
            let block = self.read(&placed, &mut last).ok();
            if let Err(refused) = take(placed.height, ItemId::block(placed.id), block) {
                return Ok(Err(refused));
            }
        }
        Ok(Ok(()))
    }

    /// Where the blocks lie that are kept; in memory, 56 bytes each.
    fn placed(&self) -> Result<Vec<Placed>, redb::Error> {
        let mut placed = Vec::new();
        for entry in self.db.begin_read()?.open_table(BLOCKS)?.iter()? {
            let (number, row) = entry?;
            let row = Row::decode(row.value()).ok_or_else(|| none(number.value()))?;
            placed.extend(row.spot.map(|spot| Placed { height: row.height, id: row.id, spot }));
        }
        Ok(placed)
    }

    fn read(&self, placed: &Placed, last: &mut Last) -> Result<Bytes, String> {
        let Placed { id, spot, .. } = placed;
        let record = last.record(self.config, *spot).map_err(|error| error.to_string())?;
        if check_record(&record, self.config.magic()) != Some(*id) {
            return Err("its checksum is wrong".to_owned());
        }
        let block = Bytes::from(record).slice(RECORD_HEAD..);
        let item = (*self.config.chain).item(ItemKind::Block, block.clone());
        match item.map(|item| item.id().hash() == *id) {
            Ok(true) => Ok(block),
            Ok(false) => Err("it has another id now".to_owned()),
            Err(broken) => Err(format!("the rules refuse it: {}", broken.rule)),
        }
    }

    /// Reads everything: the index, and every block.
    ///
    /// # Errors
    /// When the index isn't what it should be, or the disk refuses.
    pub fn check(&self) -> Result<Checked, OpenError> {
        let (folder, failed) = (&self.config.folder, self.config.refusal());
        let mut checked = Checked { format: self.format, ..Checked::default() };
        self.check_rows(&mut checked).map_err(&failed)?;
        let extents = self.extents().map_err(&failed)?;
        let files = segments::list(folder).map_err(self.config.io())?;
        (checked.segments, checked.bytes) = (files.len(), files.values().sum());
        for (number, extent) in &extents {
            let path = segments::path(folder, *number);
            match files.get(number) {
                None => checked.blame(format!("{} is missing", path.display())),
                Some(len) if *len < extent.end => {
                    let (path, end) = (path.display(), extent.end);
                    checked.blame(format!("{path} has {len} bytes, and should have {end}"));
                }
                Some(_) => {}
            }
        }
        let mut last = Last::default();
        for placed in self.placed().map_err(&failed)? {
            checked.blocks += 1;
            if let Err(problem) = self.read(&placed, &mut last) {
                let Placed { id, height, spot } = placed;
                let path = segments::path(folder, spot.segment);
                checked.blame(format!(
                    "block {id} (height {height}, byte {} of {}): {problem}",
                    spot.offset,
                    path.display()
                ));
            }
        }
        Ok(checked)
    }

    /// That rows and their names lead to each other.
    fn check_rows(&self, checked: &mut Checked) -> Result<(), redb::Error> {
        let transaction = self.db.begin_read()?;
        let ids = transaction.open_table(IDS)?;
        for entry in transaction.open_table(BLOCKS)?.iter()? {
            let (number, row) = entry?;
            let row = Row::decode(row.value()).ok_or_else(|| none(number.value()))?;
            checked.headers += 1;
            if ids.get(&row.id.0)?.map(|number| number.value()) != Some(number.value()) {
                checked.blame(format!("the index doesn't lead to block {}", row.id));
            }
        }
        Ok(())
    }

    fn extents(&self) -> Result<BTreeMap<u32, Extent>, redb::Error> {
        let mut extents = BTreeMap::new();
        for entry in self.db.begin_read()?.open_table(SEGMENTS)?.iter()? {
            let (number, extent) = entry?;
            let extent =
                Extent::decode(extent.value()).ok_or_else(|| none(number.value().into()))?;
            extents.insert(number.value(), extent);
        }
        Ok(extents)
    }
}

impl Last {
    fn record(&mut self, config: &BlocksConfig, spot: Spot) -> io::Result<Vec<u8>> {
        let open = || {
            let path = segments::path(&config.folder, spot.segment);
            guard::open(&path, OpenOptions::new().read(true))
        };
        let file = match self.0.take() {
            Some((number, file)) if number == spot.segment => file,
            _ => open()?,
        };
        let mut bytes = vec![0; RECORD_HEAD + spot.len as usize];
        let read = file.read_exact_at(&mut bytes, spot.offset);
        self.0 = Some((spot.segment, file));
        read.map(|()| bytes)
    }
}

fn none(number: u64) -> redb::Error {
    redb::Error::Corrupted(format!("row {number} of the index is none"))
}
