//! Everything that was stored comes back: read in the order in which it came, and verified again, since
//! the rules may have changed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use redb::ReadableDatabase as _;
use tidings_protocol::chain::Verified;
use tidings_protocol::ground::item::{Item, ItemId, ItemKind};
use tidings_protocol::machine::RestoredAs;

use super::format::{ITEMS, ORPHANS, Record};
use super::{Store, StoreConfig};

/// Most items verified and handed over at once: batched verification of signatures gains little beyond,
/// and they hold up the loop for a few hundred microseconds. A guess.
const BATCH_MAX: usize = 64;

/// An item that is back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The item.
    pub item: Arc<Item>,
    /// What it was.
    pub was: RestoredAs,
    /// How long it was kept while a process had the store open.
    pub age: Duration,
    /// What verifying it again found out.
    pub verified: Verified,
}

/// Where an item is, and what it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) number: u64,
    pub(super) was: RestoredAs,
}

/// Why an item doesn't come back that is too old.
pub(super) const EXPIRED: &str = "expired";

/// What is still to be read.
#[derive(Debug)]
pub(super) struct Restore {
    keys: VecDeque<Key>,
}

/// One step of it.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// What is back.
    pub(super) restored: Vec<Restored>,
    /// What isn't valid any more, and why.
    pub(super) dropped: Vec<(ItemId, &'static str)>,
}

/// The item of a record, if it passes the cheap checks.
pub(super) fn check(record: &Record<'_>, config: &StoreConfig) -> Result<Arc<Item>, &'static str> {
    let bytes = record.bytes.to_vec().into();
    let item = (*config.chain).item(record.kind, bytes).map_err(|broken| broken.rule)?;
    config.chain.inspect(&item).map_err(|broken| broken.rule)?;
    if item.id() == record.id { Ok(item) } else { Err("other-id") }
}

impl Restore {
    pub(super) fn new(store: &Store) -> Result<Self, redb::Error> {
        Ok(Self { keys: store.order()?.into() })
    }

    /// Whether everything was read.
    pub(super) fn is_done(&self) -> bool {
        self.keys.is_empty()
    }

    /// Reads and verifies the next few items.
    pub(super) fn step(
        &mut self,
        store: &Store,
        config: &StoreConfig,
    ) -> Result<Batch, redb::Error> {
        let (mut batch, mut items) = (Batch::default(), Vec::new());
        let transaction = store.db.begin_read()?;
        let (table, orphans) = (transaction.open_table(ITEMS)?, transaction.open_table(ORPHANS)?);
        for Key { number, was } in self.keys.drain(..self.keys.len().min(BATCH_MAX)) {
            let (table, expiry) = match was {
                RestoredAs::Orphan => (&orphans, config.orphan_expiry),
                RestoredAs::Kept | RestoredAs::Own => (&table, config.expiry),
            };
            // Whatever was removed since is gone.
            let Some(value) = table.get(number)? else { continue };
            let Some(record) = Record::decode(value.value()) else { continue };
            let age = store.time.since(record.at_s);
            if record.kind == ItemKind::Tx && age >= expiry {
                batch.dropped.push((record.id, EXPIRED));
                continue;
            }
            match check(&record, config) {
                Ok(item) => items.push((item, (was, age))),
                Err(rule) => batch.dropped.push((record.id, rule)),
            }
        }
        let (items, kept): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        let verdicts = config.chain.verify_batch(&items);
        for ((item, (was, age)), verdict) in items.into_iter().zip(kept).zip(verdicts) {
            match verdict {
                Ok(verified) => batch.restored.push(Restored { item, was, age, verified }),
                Err(rejection) => batch.dropped.push((item.id(), rejection.rule)),
            }
        }
        Ok(batch)
    }
}
