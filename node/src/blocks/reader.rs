//! Reads blocks, beside the thread that writes them.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use redb::Database;
use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::{Item, ItemId, ItemKind};

use super::format::{Magic, RECORD_HEAD, Spot, check_record};
use super::index::spot_of;
use super::segments;

/// Why a block can't be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It isn't what was written: it counts as not kept.
    #[error("{0}")]
    Damaged(String),
    /// Nobody knows: the disk refuses.
    #[error("{0}")]
    Refused(String),
}

/// What both sides know: where blocks lie, and those that are still to be written.
#[derive(Debug)]
pub(super) struct Shared {
    /// The index; none while it is opened again.
    db: Mutex<Option<Arc<Database>>>,
    waiting: Mutex<Waiting>,
}

/// Blocks that are still to be written.
#[derive(Debug, Default)]
struct Waiting {
    blocks: BTreeMap<ItemId, Arc<Item>>,
    bytes: usize,
}

impl Shared {
    pub(super) fn new(db: Arc<Database>) -> Self {
        Self { db: Mutex::new(Some(db)), waiting: Mutex::default() }
    }

    // Nothing below panics between two changes, so that what a lock guards is never half changed.

    /// Another index, or none for a while.
    pub(super) fn set_db(&self, db: Option<Arc<Database>>) {
        *self.db.lock().unwrap_or_else(PoisonError::into_inner) = db;
    }

    fn db(&self) -> Option<Arc<Database>> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn with<T>(&self, change: impl FnOnce(&mut Waiting) -> T) -> T {
        change(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A block is to be written. False if there is no room for it.
    pub(super) fn add(&self, block: &Arc<Item>, max: usize) -> bool {
        self.with(|waiting| {
            if waiting.blocks.contains_key(&block.id()) {
                return true;
            }
            // One always has room.
            if waiting.bytes > 0 && waiting.bytes + block.size() > max {
                return false;
            }
            waiting.bytes += block.size();
            waiting.blocks.insert(block.id(), Arc::clone(block));
            true
        })
    }

    /// A block is written, or won't be.
    pub(super) fn remove(&self, id: ItemId) {
        self.with(|waiting| {
            if let Some(block) = waiting.blocks.remove(&id) {
                waiting.bytes -= block.size();
            }
        });
    }

    /// A block that is still to be written.
    pub(super) fn waiting(&self, id: ItemId) -> Option<Arc<Item>> {
        self.with(|waiting| waiting.blocks.get(&id).cloned())
    }

    /// Bytes of those.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.with(|waiting| waiting.bytes)
    }
}

/// Reads blocks; as many threads as like to may have one.
#[derive(Clone)]
pub struct Reader {
    pub(super) shared: Arc<Shared>,
    pub(super) folder: PathBuf,
    pub(super) magic: Magic,
    pub(super) chain: Arc<dyn Chain>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Reader {
    /// A block, if it is kept: it waits for the disk. What is read is as it was written.
    ///
    /// # Errors
    /// When it was kept, and can't be read.
    pub fn read(&self, id: ItemId) -> Result<Option<Arc<Item>>, Unreadable> {
        if let Some(block) = self.shared.waiting(id) {
            return Ok(Some(block));
        }
        let Some(spot) = self.spot(id)? else { return Ok(None) };
        let record = match segments::read(&self.folder, spot) {
            Ok(record) => record,
            Err(error) => {
                use io::ErrorKind::{NotFound, UnexpectedEof};
                return match (error.kind(), self.spot(id)?) {
                    (_, None) => Ok(None), // it left meanwhile
                    (NotFound | UnexpectedEof, _) => Err(self.damaged(spot, &error.to_string())),
                    _ => Err(Unreadable::Refused(error.to_string())),
                };
            }
        };
        if check_record(&record, self.magic) != Some(id.hash()) {
            return Err(self.damaged(spot, "its checksum is wrong"));
        }
        let block = Bytes::from(record).slice(RECORD_HEAD..);
        match (*self.chain).item(ItemKind::Block, block) {
            Ok(block) if block.id() == id => Ok(Some(block)),
            _ => Err(self.damaged(spot, "it has another id now")),
        }
    }

    fn spot(&self, id: ItemId) -> Result<Option<Spot>, Unreadable> {
        let Some(db) = self.shared.db() else {
            return Err(Unreadable::Refused(
                "the index of blocks is being opened again".to_owned(),
            ));
        };
        spot_of(&db, id.hash()).map_err(|error| Unreadable::Refused(error.to_string()))
    }

    fn damaged(&self, spot: Spot, problem: &str) -> Unreadable {
        let path = segments::path(&self.folder, spot.segment);
        let Spot { offset, .. } = spot;
        Unreadable::Damaged(format!("the block at byte {offset} of {}: {problem}", path.display()))
    }
}
