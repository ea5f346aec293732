//! The store: what a node must not forget when its process ends, however that happens.
//!
//! One file in the data folder holds every item that was submitted here, every pooled transaction, and those
//! that wait for their parents, so that the next run begins where this one ended. An item that was submitted
//! is in it before its submitter is told "accepted"; what peers sent follows within a second, since nobody was
//! promised anything.
//!
//! - `store/format.rs`: tables, records, and the version of both
//! - `store/open.rs`: opens the file, or says why not and leaves it as it was
//! - `store/age.rs`: how old things are, without asking the system's clock
//! - `store/map.rs`: the fleet's map, and who we are among its writers
//! - `store/file.rs`: keeps back what is written until the file has proved sound
//! - `store/writer.rs`: the one thread that writes; submissions that come together share a commit
//! - `store/restore.rs`: reads everything back and has it verified again
//! - `store/read.rs`: reads it all and changes nothing, for those who check it or carry it elsewhere
//!
//! # The database
//! redb: pure Rust, one file, copy-on-write B-trees whose pages are checksummed, so that a crash at any
//! moment leaves the last commit. A commit costs one `fdatasync`. Keys are numbers that count up, so that a
//! batch touches a few neighbouring pages; which number an item has is kept in memory (40 bytes an item).
//!
//! # What it leaves out
//! Who announced an orphan: after a restart nobody has, and it waits only for so long. A block that peers sent:
//! they have it still.
//!
//! # Bounds
//! The file holds what the pool, the orphanage and the recent blocks submitted here hold, hence
//! `memory.pool_max_bytes`, `memory.blocks_max_bytes` and `orphans.reserve_bytes` for each link, what came
//! and went within a second, and `kv.bytes_max`; about twice that with the database's own needs. Freed pages are used again, and a file
//! that is mostly free is compacted when it is opened. In memory it takes the index and a cache of [`CACHE_BYTES`].

mod age;
pub(crate) mod file;
mod format;
mod map;
mod open;
mod read;
mod restore;
mod writer;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use redb::{Database, ReadableDatabase as _, ReadableTable as _};
use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::{Item, ItemId, ItemKind};
use tidings_protocol::machine::RestoredAs;

pub use map::{MapChange, Recalled};
pub use open::OpenError;
pub use read::{Checked, ReadStore, Stored};
pub use restore::Restored;
pub(crate) use writer::is_full;
pub use writer::{Gauges, NotSaved, StoreHandle, WAITING_MAX_BYTES, Waiter};

use crate::clock::SystemClock;
use crate::files::network::Meaning;
use age::StoreTime;
use file::HeldFile;
use format::{ITEMS, KEY_TIME, META, ORPHANS, Record, Times, UNBROADCAST};
use restore::Key;

/// Most memory that the database's cache takes, bytes; it grows with use. A guess: what one commit of a
/// busy second touches.
pub const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// A file below this size isn't worth compacting, bytes. A guess.
const COMPACT_MIN: u64 = 32 * 1024 * 1024;

/// A larger one is compacted when it is so many times as large as what it holds. A guess: a file in use is
/// about twice as large.
const COMPACT_FACTOR: u64 = 4;

/// Where a store is and what it is for.
#[derive(Clone)]
pub struct StoreConfig {
    /// The file.
    pub path: PathBuf,
    /// The network's name: items of another one are no use.
    pub network: String,
    /// What the network's file says about which items are valid: those that other rules let in are no use either.
    pub rules: Meaning,
    /// The network's rules, by which items are verified when they come back.
    pub chain: Arc<dyn Chain>,
    /// Age at which transactions don't come back: when the pool would have dropped them. Only time counts during
    /// which a process had the store open.
    pub expiry: Duration,
    /// Age at which transactions that waited for their parents don't come back.
    pub orphan_expiry: Duration,
    /// What the next run is told that the system's clock showed.
    pub clock: SystemClock,
    /// Whether the node takes part in a map; else what is there of one stays as it is.
    pub map: bool,
}

impl std::fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreConfig").field("path", &self.path).finish_non_exhaustive()
    }
}

/// One thing to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Keep an item. One that is kept already stays, and becomes an own one if it wasn't.
    Put {
        /// The item.
        item: Arc<Item>,
        /// Our operator submitted it: it is to be announced until somebody asks.
        own: bool,
    },
    /// Keep a transaction that waits for its parents, unless it is kept already.
    Orphan(Arc<Item>),
    /// An own transaction needn't be announced again.
    Broadcast(ItemId),
    /// Forget an item.
    Remove(ItemId),
    /// Change the fleet's map.
    Map(MapChange),
    /// Time has passed, and nothing else.
    Time,
}

impl Change {
    /// What it takes in memory until it is made, bytes. The map's aren't counted: no key waits twice, so that they are as
    /// many as the map has.
    fn bytes(&self) -> usize {
        match self {
            Self::Put { item, .. } | Self::Orphan(item) => item.size(),
            Self::Broadcast(_) | Self::Remove(_) | Self::Map(_) | Self::Time => 0,
        }
    }
}

/// An open store. Its calls wait for the disk.
#[derive(Debug)]
pub struct Store {
    db: Database,
    file: Arc<HeldFile>,
    /// The key of each item.
    index: HashMap<ItemId, u64>,
    /// The key of each transaction that waits for its parents.
    orphans: HashMap<ItemId, u64>,
    /// Bytes of all records.
    bytes: u64,
    /// The next free key.
    next: u64,
    time: StoreTime,
    clock: SystemClock,
    /// What the system's clock showed when the store was last written; `None` if that isn't known.
    clock_before_s: Option<u64>,
    /// What an earlier run held of the map, until it is taken.
    recalled: Option<Recalled>,
}

impl Store {
    /// Makes changes, in order, all or none; they are on the disk when this returns.
    ///
    /// # Errors
    /// When the disk refuses. The store must then be dropped and opened again.
    pub fn apply(&mut self, changes: &[Change]) -> Result<(), redb::Error> {
        let times = Times { held_s: self.time.now_s(), unix_s: self.clock.unix_s() };
        let transaction = self.db.begin_write()?;
        let (mut changed, mut writer, mut bytes) = (false, None, self.bytes);
        {
            let mut items = transaction.open_table(ITEMS)?;
            let mut unbroadcast = transaction.open_table(UNBROADCAST)?;
            let mut orphans = transaction.open_table(ORPHANS)?;
            for change in changes {
                match change {
                    Change::Put { item, own } => {
                        if let Some(key) = self.orphans.remove(&item.id()) {
                            bytes -= len(orphans.remove(key)?);
                            changed = true;
                        }
                        let key = self.index.get(&item.id()).copied().unwrap_or(self.next);
                        if key == self.next {
                            let record = Record::encode(item, times.held_s);
                            items.insert(key, &*record)?;
                            bytes += record.len() as u64;
                            self.index.insert(item.id(), key);
                            self.next += 1;
                            changed = true;
                        }
                        if *own && item.kind() == ItemKind::Tx {
                            changed |= unbroadcast.insert(key, ())?.is_none();
                        }
                    }
                    Change::Orphan(item) => {
                        let id = item.id();
                        if !self.index.contains_key(&id) && !self.orphans.contains_key(&id) {
                            let record = Record::encode(item, times.held_s);
                            orphans.insert(self.next, &*record)?;
                            bytes += record.len() as u64;
                            self.orphans.insert(id, self.next);
                            self.next += 1;
                            changed = true;
                        }
                    }
                    Change::Broadcast(id) => {
                        if let Some(key) = self.index.get(id) {
                            changed |= unbroadcast.remove(key)?.is_some();
                        }
                    }
                    Change::Remove(id) => {
                        if let Some(key) = self.index.remove(id) {
                            bytes -= len(items.remove(key)?);
                            unbroadcast.remove(key)?;
                            changed = true;
                        }
                        if let Some(key) = self.orphans.remove(id) {
                            bytes -= len(orphans.remove(key)?);
                            changed = true;
                        }
                    }
                    Change::Map(MapChange::Writer(id)) => (writer, changed) = (Some(*id), true),
                    Change::Map(change) => {
                        let (added, removed) = map::apply(&transaction, change)?;
                        bytes = (bytes + added).saturating_sub(removed);
                        changed = true;
                    }
                    Change::Time => changed = true,
                }
            }
            if changed {
                let mut meta = transaction.open_table(META)?;
                meta.insert(KEY_TIME, &times.encode()[..])?;
                if let Some(writer) = writer {
                    map::put_back(&mut meta, writer)?;
                }
            }
        }
        if !changed {
            return Ok(transaction.abort()?);
        }
        transaction.commit()?;
        self.bytes = bytes;
        Ok(())
    }

    /// Whether the file is large and most of it is free.
    fn is_mostly_free(&self) -> bool {
        let len = self.file.len().unwrap_or_default();
        len > COMPACT_MIN && len > COMPACT_FACTOR.saturating_mul(self.bytes)
    }

    /// Gives what is free in the file back to the disk. A crash at any moment of it loses nothing.
    fn compact(&mut self) -> Result<(), redb::Error> {
        self.db.compact()?;
        Ok(())
    }

    /// How many items it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len() + self.orphans.len()
    }

    /// What the system's clock showed when the store was last written, seconds of Unix time.
    #[must_use]
    pub const fn clock_before_s(&self) -> Option<u64> {
        self.clock_before_s
    }

    /// What an earlier run held of the map; nothing if it was taken before, or this node has none.
    pub fn take_recalled(&mut self) -> Option<Recalled> {
        self.recalled.take()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Size of the file, bytes.
    ///
    /// # Errors
    /// When the system doesn't tell.
    pub fn file_bytes(&self) -> io::Result<u64> {
        self.file.len()
    }

    /// The keys of all items in the order in which they have to come back: blocks first, since what they
    /// confirm must not come back; what waited for its parents last, since they may be among the others.
    fn order(&self) -> Result<Vec<Key>, redb::Error> {
        let transaction = self.db.begin_read()?;
        let (items, unbroadcast) =
            (transaction.open_table(ITEMS)?, transaction.open_table(UNBROADCAST)?);
        let (mut blocks, mut order) = (Vec::new(), Vec::with_capacity(self.len()));
        for entry in items.iter()? {
            let (key, value) = entry?;
            let is_own = unbroadcast.get(key.value())?.is_some();
            let key = Key {
                number: key.value(),
                was: if is_own { RestoredAs::Own } else { RestoredAs::Kept },
            };
            match Record::decode(value.value()).map(|record| record.kind) {
                Some(ItemKind::Block) => blocks.push(key),
                _ => order.push(key),
            }
        }
        for entry in transaction.open_table(ORPHANS)?.iter()? {
            order.push(Key { number: entry?.0.value(), was: RestoredAs::Orphan });
        }
        blocks.extend(order);
        Ok(blocks)
    }
}

/// How long a record was that a table had.
fn len(record: Option<redb::AccessGuard<'_, &'static [u8]>>) -> u64 {
    record.map_or(0, |record| record.value().len() as u64)
}

#[cfg(test)]
mod tests;
