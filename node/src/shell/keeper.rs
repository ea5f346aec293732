//! What the shell has stored, and who is told "accepted" only once that is done.
//!
//! A submitted item goes to the store as soon as it is accepted, with its submitters, whom the store tells.
//! What else changes is noted, and handed over once a second, or sooner when it is much.

mod map;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use metrics::{histogram, with_local_recorder};
use tidings_protocol::ground::item::{Item, ItemId, ItemKind};
use tidings_protocol::machine::{Input, RestoredAs};
use tidings_protocol::node::Node;
use tidings_protocol::report::event::Event;
use tokio::sync::mpsc;

use self::map::MapNotes;
use super::Shell;
use crate::api::StoreStatus;
use crate::measured::Registry;
use crate::store::{Change, OpenError, Restored, StoreConfig, StoreHandle};

/// Most changes that are noted; while the store takes none, further ones are dropped and counted. A guess:
/// a busy minute.
const NOTES_MAX: usize = 65_536;

/// How many notes are handed over at once, before their second is over: a turn shouldn't take longer for more. A
/// guess: half a millisecond's work.
const MANY_NOTES: usize = 2_048;

/// The shell's side of the store; without one it does nothing.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    store: Option<StoreHandle>,
    /// Items of an earlier run, until all are back.
    restored: Option<mpsc::Receiver<Vec<Restored>>>,
    /// What happened since the store was last told.
    notes: Vec<Note>,
    /// Whether the store gave the last notes back, since it has too much to do.
    is_refused: bool,
    dropped: u64,
    /// Blocks that are stored, as many as the core keeps.
    blocks: HashSet<ItemId>,
    /// Transactions stored that wait for their parents, as many as the core keeps.
    orphans: HashSet<ItemId>,
    map: MapNotes,
}

#[derive(Clone, Copy, Debug)]
enum Note {
    Pooled(ItemId),
    Orphaned(ItemId),
    Broadcast(ItemId),
    Gone(ItemId),
}

impl Keeper {
    /// Opens the store, if there is to be one, on a thread that may wait for the disk.
    pub(super) async fn start(
        config: Option<StoreConfig>,
        registry: &Registry,
    ) -> Result<Self, OpenError> {
        let Some(config) = config else { return Ok(Self::default()) };
        let took = with_local_recorder(
            registry,
            || histogram!("tidings_commit_seconds", "store" => "items"),
        );
        let start = tokio::task::spawn_blocking(|| StoreHandle::start(config, took));
        let (store, restored) =
            start.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))?;
        Ok(Self { store: Some(store), restored: Some(restored), ..Self::default() })
    }

    /// The store, if there is one.
    pub(super) const fn store(&self) -> Option<&StoreHandle> {
        self.store.as_ref()
    }

    /// What the system's clock showed when an earlier run last stored something, seconds of Unix time.
    pub(super) fn clock_before_s(&self) -> Option<u64> {
        self.store.as_ref().and_then(StoreHandle::clock_before_s)
    }

    /// Items that come back; none ever again once all have.
    pub(super) fn poll_restored(&mut self, cx: &mut Context<'_>) -> Poll<Vec<Restored>> {
        if let Some(restored) = &mut self.restored {
            if let Some(batch) = ready!(restored.poll_recv(cx)) {
                return Poll::Ready(batch);
            }
            self.restored = None;
        }
        Poll::Pending
    }

    /// Submitters who wait for the store.
    pub(super) fn waiting(&self) -> usize {
        self.store.as_ref().map_or(0, |store| store.gauges().waiting.load(Ordering::Relaxed))
    }

    /// Whether nothing is to be told to the store.
    pub(super) fn is_clean(&self) -> bool {
        self.notes.is_empty() && self.map.is_clean()
    }

    /// Whether so much is to be told to the store that it shouldn't wait.
    pub(super) const fn has_many(&self) -> bool {
        self.notes.len() >= MANY_NOTES && !self.is_refused
    }

    /// Notes what an event means for the store.
    pub(super) fn observe(&mut self, event: &Event) {
        if self.store.is_none() {
            return;
        }
        match *event {
            Event::Accepted { id, ingress: Some(_), .. } if id.kind() == ItemKind::Tx => {
                self.note(Note::Pooled(id));
            }
            Event::Restored { id } if id.kind() == ItemKind::Block => {
                self.blocks.insert(id);
            }
            Event::Orphaned { id } => {
                self.orphans.insert(id);
                self.note(Note::Orphaned(id));
            }
            // It was confirmed until now, and forgotten.
            Event::Returned { id } => self.note(Note::Pooled(id)),
            // It waited for its parents until now.
            Event::Restored { id } if self.orphans.contains(&id) => {
                self.note(Note::Pooled(id));
            }
            Event::Broadcast { id } => self.note(Note::Broadcast(id)),
            // One that is submitted now isn't stored; one that comes back is, and must not.
            Event::Left { id, .. } | Event::Rejected { id, ingress: None, .. } => {
                self.note(Note::Gone(id));
            }
            _ => {}
        }
    }

    fn note(&mut self, note: Note) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(note);
        } else {
            self.dropped += 1;
        }
    }

    /// A submitted block is stored, too.
    pub(super) fn note_block(&mut self, id: ItemId) {
        self.blocks.insert(id);
    }

    /// An item comes back. One that waited for its parents is stored as such.
    fn expect(&mut self, item: &Item, was: RestoredAs) {
        if was == RestoredAs::Orphan {
            self.orphans.insert(item.id());
        }
    }

    /// Tells the store what was noted.
    pub(super) fn flush(&mut self, node: &Node) {
        let Some(store) = &self.store else { return };
        let mut changes: Vec<Change> = Vec::new();
        changes.extend(self.notes.drain(..).filter_map(|note| match note {
            // What has left since needs no place.
            Note::Pooled(id) => {
                node.pool().get(id).map(|item| Change::Put { item: item.clone(), own: false })
            }
            Note::Orphaned(id) => {
                let orphan = node.orphanage().and_then(|orphanage| orphanage.get(id));
                orphan.map(|orphan| Change::Orphan(orphan.item.clone()))
            }
            Note::Broadcast(id) => Some(Change::Broadcast(id)),
            Note::Gone(id) => Some(Change::Remove(id)),
        }));
        changes.extend(node.replica().into_iter().flat_map(|replica| self.map.flush(replica)));
        let old = self.blocks.extract_if(|id| node.blocks().get(id).is_none());
        changes.extend(old.map(Change::Remove));
        let waits = |id: &ItemId| node.orphanage().is_some_and(|held| held.get(id).is_some());
        changes.extend(self.orphans.extract_if(|id| !waits(id)).map(Change::Remove));
        // What came again meanwhile must stay: its submitter may have been told that it is saved.
        changes.retain(|change| match change {
            Change::Remove(id) => !node.pool().contains(*id) && node.blocks().get(id).is_none(),
            Change::Put { .. }
            | Change::Orphan(_)
            | Change::Broadcast(_)
            | Change::Map(_)
            | Change::Time => true,
        });
        if changes.is_empty() {
            return;
        }
        let given_back = store.note(changes).err();
        self.is_refused = given_back.is_some();
        self.take_back(given_back.unwrap_or_default());
    }

    /// The store has too much to do: what it was to be told is noted again, without the items, which may leave the pool
    /// meanwhile.
    fn take_back(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.notes.push(match change {
                Change::Put { item, .. } => Note::Pooled(item.id()),
                Change::Orphan(item) => Note::Orphaned(item.id()),
                Change::Broadcast(id) => Note::Broadcast(id),
                Change::Remove(id) => Note::Gone(id),
                Change::Map(change) => {
                    self.map.take_back(change);
                    continue;
                }
                Change::Time => continue,
            });
        }
        let excess = self.notes.len().saturating_sub(NOTES_MAX);
        self.dropped += excess as u64;
        self.notes.drain(..excess);
    }

    /// Waits until all is saved.
    pub(super) async fn close(mut self, node: &Node) {
        drop(self.restored.take());
        self.flush(node);
        self.bow_out();
        if let Some(store) = self.store {
            // Its panics are told by its own thread.
            let _ = tokio::task::spawn_blocking(|| store.close()).await;
        }
    }

    /// Whether the store's thread ended though nobody asked it to.
    pub(super) fn has_failed(&self) -> bool {
        self.store.as_ref().is_some_and(StoreHandle::has_ended)
    }

    /// Waits until all that the store was told is saved. What was only noted is forgotten: nobody was promised it, and
    /// the core that knows the items isn't to be asked any more.
    pub(super) async fn abandon(mut self) {
        drop(self.restored.take());
        if let Some(store) = self.store {
            let _ = tokio::task::spawn_blocking(|| store.close()).await;
        }
    }

    /// How it is.
    pub(super) fn status(&self) -> Option<StoreStatus> {
        let gauges = self.store.as_ref()?.gauges();
        let load = |gauge: &AtomicU64| gauge.load(Ordering::Relaxed);
        Some(StoreStatus {
            items: gauges.items.load(Ordering::Relaxed),
            file_bytes: load(&gauges.file_bytes),
            commits: load(&gauges.commits),
            failures: load(&gauges.failures),
            dropped: load(&gauges.dropped) + self.dropped,
            unwritten_bytes: gauges.waiting_bytes.load(Ordering::Relaxed),
            restoring: self.restored.is_some(),
        })
    }
}

impl Shell {
    /// Hands back what was stored.
    pub(super) fn on_restored(&mut self, batch: Vec<Restored>) {
        for Restored { item, was, age, verified } in batch {
            self.keeper.expect(&item, was);
            self.verifier.remember(&item);
            self.handle(Input::Restored { item, was, age, verified });
        }
    }
}

#[cfg(test)]
mod tests;
