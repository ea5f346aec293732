//! The fleet's map on the disk: each entry under its key, and who we are among the writers.
//!
//! *Who we are*: a replica may keep its name among the writers only with all that it wrote, or it gives out numbers again
//! that its peers know with another content. A write spreads before it is saved, and a crash may come in between. So the
//! name is in the file only while no process has it open: it is [taken](take) out when the file is opened, and
//! put back when all is saved and the process ends in order. Whoever was killed takes another name.
//!
//! A file of an earlier version has no such table, and gets it with the first entry; an earlier version leaves it alone.

use redb::{
    Database, ReadOnlyTable, ReadableDatabase as _, ReadableTable as _, TableDefinition, TableError,
};
use tidings_protocol::replica::{Entry, Key, ReplicaId};

use super::Change;
use super::format::META;

/// Entries by key: kind and name. The value is both, as messages have them.
pub(super) const MAP: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("map");

/// Who we are, little-endian; in [`META`].
const KEY_WRITER: &str = "writer";

/// What an earlier run held of the map.
#[derive(Debug, Default)]
pub struct Recalled {
    /// Who it was; `None` if it ended otherwise than in order.
    pub writer: Option<ReplicaId>,
    /// What it held, in the order of keys.
    pub entries: Vec<Entry>,
}

type Map = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The table, if there is one.
fn open(db: &Database) -> Result<Option<Map>, redb::Error> {
    match db.begin_read()?.open_table(MAP) {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Bytes of all entries, whether or not they are read.
pub(super) fn bytes(db: &Database) -> Result<u64, redb::Error> {
    let Some(table) = open(db)? else { return Ok(0) };
    let mut bytes = 0;
    for entry in table.iter()? {
        bytes += entry?.1.value().len() as u64;
    }
    Ok(bytes)
}

/// Reads the map, before anything is changed.
pub(super) fn read(db: &Database) -> Result<Vec<Entry>, redb::Error> {
    let Some(table) = open(db)? else { return Ok(Vec::new()) };
    let mut entries = Vec::new();
    for entry in table.iter()? {
        let (_, value) = entry?;
        let entry = Entry::of_bytes(value.value()).map_err(|problem| {
            redb::Error::Corrupted(format!("an entry of the map is none: {problem}"))
        })?;
        entries.push(entry);
    }
    Ok(entries)
}

/// Takes out who we were: from now on the file doesn't say.
pub(super) fn take(db: &Database) -> Result<Option<ReplicaId>, redb::Error> {
    let transaction = db.begin_write()?;
    let writer = {
        let mut meta = transaction.open_table(META)?;
        let writer = meta.remove(KEY_WRITER)?;
        let bytes = writer.and_then(|writer| writer.value().try_into().ok());
        bytes.map(|bytes| ReplicaId(u64::from_le_bytes(bytes)))
    };
    transaction.commit()?;
    Ok(writer)
}

/// Says who we were, to the next run.
pub(super) fn put_back(
    meta: &mut redb::Table<'_, &'static str, &'static [u8]>,
    ReplicaId(id): ReplicaId,
) -> Result<(), redb::Error> {
    meta.insert(KEY_WRITER, &id.to_le_bytes()[..])?;
    Ok(())
}

/// Makes a change of the map but for who we are, as part of a transaction. Says how many bytes came, and how many left.
pub(super) fn apply(
    transaction: &redb::WriteTransaction,
    change: &MapChange,
) -> Result<(u64, u64), redb::Error> {
    match change {
        MapChange::Hold(entry) => {
            let (mut table, bytes) = (transaction.open_table(MAP)?, entry.to_bytes());
            let before = super::len(table.insert(entry.key.as_ref(), &*bytes)?);
            Ok((bytes.len() as u64, before))
        }
        MapChange::Forget(key) => {
            Ok((0, super::len(transaction.open_table(MAP)?.remove(key.as_ref())?)))
        }
        MapChange::Writer(_) => Ok((0, 0)),
    }
}

/// One thing to change of the map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapChange {
    /// Keep an entry, in place of what its key had.
    Hold(Box<Entry>),
    /// Forget a key.
    Forget(Key),
    /// All that this writer wrote is kept, and it writes no more.
    Writer(ReplicaId),
}

impl MapChange {
    /// What it is about, if a later change of the same makes it needless.
    const fn subject(&self) -> Option<&Key> {
        match self {
            Self::Hold(entry) => Some(&entry.key),
            Self::Forget(key) => Some(key),
            Self::Writer(_) => None,
        }
    }
}

/// Leaves out changes of the map that later ones make needless: while the disk refuses, no key is kept twice.
pub(super) fn thin_out(changes: &mut Vec<Change>) {
    let mut later = std::collections::BTreeSet::new();
    let needed = changes.iter().rev().map(|change| match change {
        Change::Map(map) => map.subject().is_none_or(|key| later.insert(key.clone())),
        _ => true,
    });
    let mut needed: Vec<bool> = needed.collect();
    changes.retain(|_| needed.pop().unwrap_or(true));
}
