//! Reads a store that no node runs with, and leaves the file as it is, byte for byte: to check it, and to carry it elsewhere.
//!
//! What the database does when it is opened is held back and forgotten (`store/file.rs`).

use std::sync::Arc;

use redb::{Database, ReadableDatabase as _, ReadableTable};
use tidings_protocol::ground::item::{Item, ItemId, ItemKind};
use tidings_protocol::machine::RestoredAs;

use super::file::HeldFile;
use super::format::{ITEMS, ORPHANS, Record, UNBROADCAST};
use super::{OpenError, StoreConfig, map, open, restore};

/// Most of what is wrong that is told one by one; the rest is counted. A guess: more than anybody reads.
const TOLD_MAX: usize = 20;

/// Most items that are verified at once. As when they come back.
const BATCH_MAX: usize = 64;

/// An item as the store has it.
#[derive(Debug)]
pub struct Stored<'a> {
    /// What it was.
    pub was: RestoredAs,
    /// Which it is, as the store says.
    pub id: ItemId,
    /// For how long processes have held it, seconds.
    pub age_s: u64,
    /// Its canonical bytes.
    pub bytes: &'a [u8],
}

/// What is in a store. All of it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Version of its form.
    pub format: u64,
    /// Size of the file, bytes.
    pub file_bytes: u64,
    /// Transactions and blocks that are kept.
    pub items: u64,
    /// Those of them that were submitted here and that no peer has asked for.
    pub own: u64,
    /// Transactions that wait for their parents.
    pub orphans: u64,
    /// Entries of the fleet's map.
    pub map_entries: u64,
    /// Items that the network's rules refuse, with the rule; at most 20.
    pub refused: Vec<(ItemId, &'static str)>,
    /// How many those are in all.
    pub refused_count: u64,
}

/// A store that is open to be read.
pub struct ReadStore<'a> {
    config: &'a StoreConfig,
    db: Database,
    file: Arc<HeldFile>,
    format: u64,
    /// The store's time when it was last written, seconds; 0 in a format that has none.
    held_s: u64,
}

impl std::fmt::Debug for ReadStore<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadStore").field("config", &self.config).finish_non_exhaustive()
    }
}

impl<'a> ReadStore<'a> {
    /// Opens a store to read it; `None` if there is none. All of its pages are checked against their checksums.
    ///
    /// # Errors
    /// When it can't be used.
    pub fn open(config: &'a StoreConfig) -> Result<Option<Self>, OpenError> {
        let is_there = config.path.metadata().is_ok_and(|there| there.len() > 0);
        if !is_there {
            return Ok(None);
        }
        let (db, file, format, times) = open::to_read(config)?;
        Ok(Some(Self { config, db, file, format, held_s: times.held_s }))
    }

    /// Hands over everything: blocks first and what waits for its parents last, else in the order in which it came.
    ///
    /// # Errors
    /// When the disk refuses, or whoever takes it.
    pub fn each<E>(
        &self,
        mut take: impl FnMut(Stored<'_>) -> Result<(), E>,
    ) -> Result<Result<(), E>, OpenError> {
        for pass in [Pass::Blocks, Pass::Transactions, Pass::Orphans] {
            if let Err(refused) = self.pass(pass, &mut take).map_err(|e| self.refusal(e))? {
                return Ok(Err(refused));
            }
        }
        Ok(Ok(()))
    }

    fn pass<E>(
        &self,
        pass: Pass,
        take: &mut impl FnMut(Stored<'_>) -> Result<(), E>,
    ) -> Result<Result<(), E>, redb::Error> {
        let transaction = self.db.begin_read()?;
        let own = transaction.open_table(UNBROADCAST)?;
        let table = transaction.open_table(if pass == Pass::Orphans { ORPHANS } else { ITEMS })?;
        for entry in table.iter()? {
            let (key, value) = entry?;
            let record = Record::decode(value.value()).ok_or_else(|| none(key.value()))?;
            let is_block = record.kind == ItemKind::Block;
            let was = match pass {
                Pass::Blocks | Pass::Transactions if is_block != (pass == Pass::Blocks) => continue,
                Pass::Orphans => RestoredAs::Orphan,
                _ if own.get(key.value())?.is_some() => RestoredAs::Own,
                _ => RestoredAs::Kept,
            };
            let age_s = self.held_s.saturating_sub(record.at_s);
            let stored = Stored { was, id: record.id, age_s, bytes: record.bytes };
            if let Err(refused) = take(stored) {
                return Ok(Err(refused));
            }
        }
        Ok(Ok(()))
    }

    /// Reads everything, and verifies it by the network's rules.
    ///
    /// # Errors
    /// When something in it isn't what it should be, or the disk refuses.
    pub fn check(&self) -> Result<Checked, OpenError> {
        let io = |source| OpenError::Io { path: self.config.path.clone(), source };
        let mut checked = Checked {
            format: self.format,
            file_bytes: self.file.len().map_err(io)?,
            ..Checked::default()
        };
        let mut batch = Vec::new();
        let read = self.each(|stored| {
            match stored.was {
                RestoredAs::Orphan => checked.orphans += 1,
                RestoredAs::Own => {
                    checked.items += 1;
                    checked.own += 1;
                }
                RestoredAs::Kept => checked.items += 1,
            }
            let record =
                Record { kind: stored.id.kind(), at_s: 0, id: stored.id, bytes: stored.bytes };
            match restore::check(&record, self.config) {
                Ok(item) => batch.push(item),
                Err(rule) => checked.refuse(stored.id, rule),
            }
            if batch.len() >= BATCH_MAX {
                self.verify(&mut batch, &mut checked);
            }
            Ok::<(), std::convert::Infallible>(())
        })?;
        match read {
            Ok(()) => self.verify(&mut batch, &mut checked),
        }
        let entries = map::read(&self.db).map_err(|error| self.refusal(error))?;
        checked.map_entries = entries.len() as u64;
        Ok(checked)
    }

    fn verify(&self, batch: &mut Vec<Arc<Item>>, checked: &mut Checked) {
        let verdicts = self.config.chain.verify_batch(batch);
        for (item, verdict) in batch.drain(..).zip(verdicts) {
            if let Err(rejection) = verdict {
                checked.refuse(item.id(), rejection.rule);
            }
        }
    }

    fn refusal(&self, error: redb::Error) -> OpenError {
        open::refusal(&self.config.path, error)
    }
}

impl Checked {
    fn refuse(&mut self, id: ItemId, rule: &'static str) {
        self.refused_count += 1;
        if self.refused.len() < TOLD_MAX {
            self.refused.push((id, rule));
        }
    }
}

/// What is read of the tables, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    Blocks,
    Transactions,
    Orphans,
}

fn none(key: u64) -> redb::Error {
    redb::Error::Corrupted(format!("record {key} is none"))
}
