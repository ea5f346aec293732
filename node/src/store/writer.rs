//! The thread that writes the store.
//!
//! A commit waits for the disk, a few milliseconds or worse; the event loop must not. So it hands what is to
//! be saved to this thread, with whoever is to be told afterwards, and goes on. All that has come while
//! one commit waited shares the next (group commit): one submission at a time costs a commit each, a
//! thousand at once cost a few.
//!
//! At first the thread also reads back what is stored, between commits.
//!
//! # When the disk refuses, or is slow
//! Whoever waits is told why. The changes are kept, at most [`KEPT_MAX`] and half of [`WAITING_MAX_BYTES`], and tried again with the next ones
//! and every second. A database that failed once can't be trusted, so it is opened afresh for that. What waits for a slow disk
//! is bounded in bytes, too: over it submitters are told so, and what peers sent is asked for again later.
//!
//! # Compaction
//! When most of a large file is free and no submitter waits, it is compacted, at most every [`COMPACT_INTERVAL`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{io, mem};

use metrics::Histogram;
use tokio::sync::mpsc;

use super::age::SAVE_INTERVAL;
use super::restore::{EXPIRED, Restore};
use super::{Change, OpenError, Recalled, Restored, Store, StoreConfig, map};

/// Most jobs waiting for the thread. The shell takes fewer submissions than that at once.
const JOBS_MAX: usize = 8_192;

/// Most jobs of one commit: it shouldn't make the first of them wait for long. A guess.
const COMMIT_MAX: usize = 1_024;

/// Most batches of restored items waiting for the shell.
const RESTORED_MAX: usize = 2;

/// Most bytes of items that wait to be written, one item aside. A guess: some seconds of a disk that writes slowly, and sixteen of
/// the largest blocks.
pub const WAITING_MAX_BYTES: usize = 64 << 20;

/// Least time from one compaction to the next. A guess: it writes as much as is kept, and those who submit meanwhile wait for it.
const COMPACT_INTERVAL: Duration = Duration::from_secs(600);

/// Most changes kept while the disk refuses; over it they are dropped and counted. A guess: a busy minute.
const KEPT_MAX: usize = 65_536;

/// How long to wait after a failure before the disk is tried again. Longer where a try takes long: ten
/// times as long as it took, since it reads the whole file.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Why a change couldn't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NotSaved {
    /// Whether the disk is full.
    pub disk_full: bool,
    /// What the system said.
    pub reason: String,
}

impl NotSaved {
    /// What to do about it.
    pub(crate) const fn todo(&self) -> &'static str {
        if self.disk_full { "Make room on the disk" } else { "Look after the disk (`dmesg`)" }
    }
}

/// Somebody who waits for a change, and is told once whether it was made.
pub struct Waiter(Box<dyn FnOnce(Result<(), NotSaved>) + Send>);

impl Waiter {
    /// Who is told by calling something; it mustn't wait.
    pub fn new(tell: impl FnOnce(Result<(), NotSaved>) + Send + 'static) -> Self {
        Self(Box::new(tell))
    }

    /// Tells them.
    pub fn tell(self, saved: Result<(), NotSaved>) {
        (self.0)(saved);
    }
}

impl std::fmt::Debug for Waiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiter").finish_non_exhaustive()
    }
}

/// One thing for the thread to do.
#[derive(Debug)]
enum Job {
    /// Make a change, then tell those who wait for it.
    Save(Change, Vec<Waiter>),
    /// Make changes that nobody waits for.
    Note(Vec<Change>),
}

/// What the thread tells of itself.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Items stored.
    pub items: AtomicUsize,
    /// Size of the file, bytes.
    pub file_bytes: AtomicU64,
    /// Batches of changes made.
    pub commits: AtomicU64,
    /// Batches that the disk refused.
    pub failures: AtomicU64,
    /// Changes dropped because the disk refused for too long.
    pub dropped: AtomicU64,
    /// Whether items of an earlier run are still coming back.
    pub restoring: AtomicBool,
    /// Submissions waiting to be saved.
    pub waiting: AtomicUsize,
    /// Bytes of items that wait to be written.
    pub waiting_bytes: AtomicUsize,
}

impl Gauges {
    /// So many bytes are to be written. False if there is no room for them; one item always has room.
    fn admit(&self, bytes: usize) -> bool {
        let waiting = self.waiting_bytes.load(Ordering::Relaxed);
        if bytes > 0 && waiting > 0 && waiting.saturating_add(bytes) > WAITING_MAX_BYTES {
            return false;
        }
        self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        true
    }

    /// So many bytes are written, or won't be.
    fn release(&self, changes: &[Change]) {
        let bytes = changes.iter().map(Change::bytes).sum();
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The shell's end of the thread. When it is dropped, the thread finishes what it was given and ends.
#[derive(Debug)]
pub struct StoreHandle {
    jobs: SyncSender<Job>,
    thread: JoinHandle<()>,
    gauges: Arc<Gauges>,
    clock_before_s: Option<u64>,
    recalled: Option<Recalled>,
}

impl StoreHandle {
    /// Opens a store and starts its thread, which reads back what is stored. Waits for the disk.
    /// `took` records how long batches take to be written.
    ///
    /// # Errors
    /// When the store can't be used, or the system has no thread left.
    pub fn start(
        config: StoreConfig,
        took: Histogram,
    ) -> Result<(Self, mpsc::Receiver<Vec<Restored>>), OpenError> {
        let path = config.path.clone();
        let mut store = Store::open(&config)?;
        let recalled = store.take_recalled();
        let (jobs, inbox) = sync_channel(JOBS_MAX);
        let (restored, back) = mpsc::channel(RESTORED_MAX);
        let gauges = Arc::new(Gauges::default());
        gauges.restoring.store(!store.is_empty(), Ordering::Relaxed);
        let clock_before_s = store.clock_before_s();
        let writer = Writer {
            config,
            store: Some(store),
            inbox,
            gauges: Arc::clone(&gauges),
            took,
            kept: Vec::new(),
            refused: None,
            compact_at: Instant::now(),
        };
        writer.measure();
        let run = move || writer.run(restored);
        let thread = thread::Builder::new().name("store".to_owned()).spawn(run);
        let thread = thread.map_err(|source| OpenError::Io { path, source })?;
        Ok((Self { jobs, thread, gauges, clock_before_s, recalled }, back))
    }

    /// Makes a change, then tells those who wait for it; or why not, if that's how it is.
    pub fn save(&self, change: Change, waiters: Vec<Waiter>) {
        self.gauges.waiting.fetch_add(waiters.len(), Ordering::Relaxed);
        let busy = NotSaved { disk_full: false, reason: "the disk is too slow".to_owned() };
        if !self.gauges.admit(change.bytes()) {
            return tell(&self.gauges, waiters, Err(&busy));
        }
        if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) =
            self.jobs.try_send(Job::Save(change, waiters))
            && let Job::Save(change, waiters) = job
        {
            self.gauges.release(&[change]);
            tell(&self.gauges, waiters, Err(&busy));
        }
    }

    /// Makes changes that nobody waits for.
    ///
    /// # Errors
    /// With the changes, when the thread has too much to do.
    pub fn note(&self, changes: Vec<Change>) -> Result<(), Vec<Change>> {
        if !self.gauges.admit(changes.iter().map(Change::bytes).sum()) {
            return Err(changes);
        }
        match self.jobs.try_send(Job::Note(changes)) {
            Err(
                TrySendError::Full(Job::Note(changes))
                | TrySendError::Disconnected(Job::Note(changes)),
            ) => {
                self.gauges.release(&changes);
                Err(changes)
            }
            _ => Ok(()),
        }
    }

    /// What the system's clock showed when an earlier process last wrote, seconds of Unix time.
    #[must_use]
    pub const fn clock_before_s(&self) -> Option<u64> {
        self.clock_before_s
    }

    /// What an earlier run held of the map; nothing if it was taken before.
    pub const fn take_recalled(&mut self) -> Option<Recalled> {
        self.recalled.take()
    }

    /// What the thread tells of itself.
    #[must_use]
    pub fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// Whether the thread has ended, which before [`StoreHandle::close`] only a panic makes it.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until everything is saved and the file closed. Whoever takes what is restored must be gone.
    pub fn close(self) {
        drop(self.jobs);
        if self.thread.join().is_err() {
            tracing::error!("the store's thread failed; what was saved is on the disk");
        }
    }
}

/// The thread's own.
struct Writer {
    config: StoreConfig,
    /// None after the disk refused, until it is tried again.
    store: Option<Store>,
    inbox: Receiver<Job>,
    gauges: Arc<Gauges>,
    /// How long batches took that the disk took.
    took: Histogram,
    /// Changes that the disk refused.
    kept: Vec<Change>,
    /// Why, and when to try again.
    refused: Option<(NotSaved, Instant)>,
    /// When it may be compacted again.
    compact_at: Instant,
}

/// What one commit is about.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    waiters: Vec<Waiter>,
}

impl Batch {
    fn add(&mut self, job: Job) {
        match job {
            Job::Save(change, waiters) => {
                self.changes.push(change);
                self.waiters.extend(waiters);
            }
            Job::Note(changes) => self.changes.extend(changes),
        }
    }
}

impl Writer {
    fn run(mut self, restored: mpsc::Sender<Vec<Restored>>) {
        self.restore(&restored);
        self.gauges.restoring.store(false, Ordering::Relaxed);
        drop(restored);
        loop {
            let wait = if self.kept.is_empty() { SAVE_INTERVAL } else { RETRY_INTERVAL };
            let mut batch = Batch::default();
            match self.inbox.recv_timeout(wait) {
                Ok(job) => batch.add(job),
                Err(RecvTimeoutError::Timeout) => batch.changes.extend(self.time()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.write_with(batch);
            self.compact();
        }
        self.refused = None; // one last try
        let changes = self.time().into_iter().collect();
        self.write(Batch { changes, waiters: Vec::new() });
    }

    /// That time has passed, if that has to be saved for its own sake.
    fn time(&self) -> Option<Change> {
        let is_idle = self.kept.is_empty() && self.store.as_ref().is_some_and(|it| !it.is_empty());
        is_idle.then_some(Change::Time)
    }

    /// Hands back what is stored, making changes in between.
    fn restore(&mut self, restored: &mpsc::Sender<Vec<Restored>>) {
        let Some(store) = &self.store else { return };
        let mut rest = match Restore::new(store) {
            Ok(rest) => rest,
            Err(error) => return tracing::error!(%error, "what is stored can't be read back"),
        };
        while !rest.is_done()
            && let Some(store) = &self.store
        {
            let batch = match rest.step(store, &self.config) {
                Ok(batch) => batch,
                Err(error) => return tracing::error!(%error, "what is stored can't be read back"),
            };
            for (id, rule) in batch.dropped.iter().filter(|(_, rule)| *rule != EXPIRED) {
                tracing::warn!(%id, rule, "a stored item is not valid any more, and forgotten");
            }
            let forgotten = batch.dropped.into_iter().map(|(id, _)| Change::Remove(id));
            let mut next = Batch { changes: forgotten.collect(), waiters: Vec::new() };
            if restored.blocking_send(batch.restored).is_err() {
                return; // the shell has ended
            }
            if let Ok(job) = self.inbox.try_recv() {
                next.add(job);
            }
            self.write_with(next);
        }
    }

    /// Writes a batch with all that has come since.
    fn write_with(&mut self, mut batch: Batch) {
        for job in self.inbox.try_iter().take(COMMIT_MAX) {
            batch.add(job);
        }
        self.write(batch);
    }

    /// Makes the changes of a batch, and tells those who wait for them.
    fn write(&mut self, batch: Batch) {
        let Batch { changes, waiters } = batch;
        let mut all = mem::take(&mut self.kept);
        all.extend(changes);
        if all.is_empty() {
            return;
        }
        let began = Instant::now();
        match self.try_write(&all) {
            Ok(()) => {
                self.gauges.commits.fetch_add(1, Ordering::Relaxed);
                self.took.record(began.elapsed());
                self.gauges.release(&all);
                self.measure();
                tell(&self.gauges, waiters, Ok(()));
            }
            Err(not_saved) => {
                map::thin_out(&mut all);
                let dropped = drop_excess(&mut all);
                self.gauges.failures.fetch_add(1, Ordering::Relaxed);
                self.gauges.dropped.fetch_add(dropped.len() as u64, Ordering::Relaxed);
                self.gauges.release(&dropped);
                self.kept = all;
                tell(&self.gauges, waiters, Err(&not_saved));
            }
        }
    }

    fn try_write(&mut self, changes: &[Change]) -> Result<(), NotSaved> {
        let start = Instant::now();
        if let Some((why, again)) = &self.refused
            && start < *again
        {
            return Err(why.clone());
        }
        let written = self
            .open_again()
            .and_then(|store| store.apply(changes).map_err(|error| not_saved(&error)));
        if let Err(why) = &written {
            if self.refused.is_none() {
                let path = self.config.path.display();
                let todo = why.todo();
                tracing::error!(%path, %why, "the store can't be written; the node goes on, and tries again. {todo}");
            }
            let wait = RETRY_INTERVAL.max(10 * start.elapsed());
            (self.store, self.refused) = (None, Some((why.clone(), Instant::now() + wait)));
        } else if self.refused.take().is_some() {
            tracing::info!("the store can be written again");
        }
        written
    }

    /// The store, opened afresh if the disk refused before.
    fn open_again(&mut self) -> Result<&mut Store, NotSaved> {
        let store = match self.store.take() {
            Some(store) => store,
            None => Store::open(&self.config).map_err(|error| match error {
                OpenError::Io { ref source, .. } => {
                    NotSaved { disk_full: is_full(source), reason: error.to_string() }
                }
                error => NotSaved { disk_full: false, reason: error.to_string() },
            })?,
        };
        Ok(self.store.insert(store))
    }

    /// Compacts the file if most of it is free, and nobody waits.
    fn compact(&mut self) {
        let is_busy = !self.kept.is_empty() || self.gauges.waiting.load(Ordering::Relaxed) > 0;
        let began = Instant::now();
        let Some(store) = &mut self.store else { return };
        if is_busy || began < self.compact_at || !store.is_mostly_free() {
            return;
        }
        self.compact_at = began + COMPACT_INTERVAL;
        let before = store.file_bytes().unwrap_or_default();
        match store.compact() {
            Ok(()) => {
                let after = store.file_bytes().unwrap_or_default();
                let took_s = began.elapsed().as_secs_f64();
                tracing::info!(
                    before,
                    after,
                    took_s,
                    "the store is compacted: most of it was free"
                );
                self.measure();
            }
            Err(error) => {
                let path = self.config.path.display();
                tracing::error!(%path, %error, "the store can't be compacted; nothing is lost, and the node goes on");
                // A database that failed once can't be trusted: it is opened afresh.
                self.store = None;
            }
        }
    }

    fn measure(&self) {
        let Some(store) = &self.store else { return };
        self.gauges.items.store(store.len(), Ordering::Relaxed);
        self.gauges.file_bytes.store(store.file_bytes().unwrap_or_default(), Ordering::Relaxed);
    }
}

/// Takes out what there is no room for while the disk refuses, the oldest first. Small changes go only when they are too many: they tell
/// of what has left.
fn drop_excess(kept: &mut Vec<Change>) -> Vec<Change> {
    let too_many = kept.len().saturating_sub(KEPT_MAX);
    let mut dropped: Vec<Change> = kept.drain(..too_many).collect();
    let mut over =
        kept.iter().map(Change::bytes).sum::<usize>().saturating_sub(WAITING_MAX_BYTES / 2);
    dropped.extend(kept.extract_if(.., |change| {
        let is_excess = over > 0 && change.bytes() > 0;
        over = over.saturating_sub(if is_excess { change.bytes() } else { 0 });
        is_excess
    }));
    dropped
}

/// Tells those who wait what came of it.
fn tell(gauges: &Gauges, waiters: Vec<Waiter>, saved: Result<(), &NotSaved>) {
    gauges.waiting.fetch_sub(waiters.len(), Ordering::Relaxed);
    for waiter in waiters {
        waiter.tell(saved.map_err(NotSaved::clone));
    }
}

fn not_saved(error: &redb::Error) -> NotSaved {
    let disk_full = matches!(error, redb::Error::Io(source) if is_full(source));
    NotSaved { disk_full, reason: error.to_string() }
}

/// Whether the system has no room: on the disk, in the quota, or under the limit on files.
pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

#[cfg(test)]
mod tests;
