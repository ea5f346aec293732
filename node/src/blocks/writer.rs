//! The thread that writes blocks.
//!
//! A commit waits for the disk twice, once for the blocks and once for the index. All that has come while one ran shares
//! the next. A block that somebody waits for is committed at once; what nobody waits for gathers for [`GATHER`] before, or until it is
//! [`GATHER_BYTES`], so that the blocks of a node that catches up share few commits, and a block doesn't wake the thread.
//!
//! # When the disk refuses
//! Whoever waits is told why. The blocks stay in memory, where they can still be read, and are tried again with the next
//! ones and every second. There is room for [`WAITING_MAX_BYTES`] of them: further ones aren't kept, and counted.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use metrics::Histogram;
use tidings_protocol::ground::item::{Item, ItemId};

use super::reader::{Reader, Shared};
use super::{BlockStore, BlocksConfig, Change, Failure, OpenError, WAITING_MAX_BYTES};
use crate::store::{NotSaved, Waiter, is_full};

/// Most jobs waiting for the thread. A guess: small blocks, beside the bound in bytes.
const JOBS_MAX: usize = 4_096;

/// Most jobs of one commit. A guess.
const COMMIT_MAX: usize = 1_024;

/// How long blocks gather for a commit while nobody waits for them. A guess: as long as a commit takes on a slow disk.
const GATHER: Duration = Duration::from_millis(20);

/// Bytes of blocks that wait to be written from which on they don't gather. A guess: an eighth of [`WAITING_MAX_BYTES`].
const GATHER_BYTES: usize = WAITING_MAX_BYTES / 8;

/// How long to wait after a failure before the disk is tried again; ten times as long as a try takes, if that is longer.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// One thing for the thread to do.
#[derive(Debug)]
struct Job {
    change: Change,
    /// The height of the last block of the chain by then.
    tip: u32,
    waiters: Vec<Waiter>,
}

/// What the thread tells of itself.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Blocks that are kept.
    pub blocks: AtomicU64,
    /// Blocks that ever were, whose headers are kept.
    pub headers: AtomicU64,
    /// Files of blocks.
    pub segments: AtomicUsize,
    /// Bytes of these.
    pub bytes: AtomicU64,
    /// Batches written.
    pub commits: AtomicU64,
    /// Batches that the disk refused.
    pub failures: AtomicU64,
    /// Blocks that couldn't be kept, since too many waited to be.
    pub dropped: AtomicU64,
    /// Blocks that weren't on the disk what they had been.
    pub damaged: AtomicU64,
    /// Blocks that left, since enough came after them.
    pub pruned: AtomicU64,
    /// Submissions waiting to be saved.
    pub waiting: AtomicUsize,
}

/// The shell's end of the thread. When it is dropped, the thread finishes what it was given and ends.
#[derive(Debug)]
pub struct BlocksHandle {
    jobs: SyncSender<Job>,
    thread: JoinHandle<()>,
    gauges: Arc<Gauges>,
    shared: Arc<Shared>,
    reader: Reader,
}

impl BlocksHandle {
    /// Opens a folder of blocks and starts its thread; with the headers of all blocks that were ever kept. Waits for the disk.
    /// `took` records how long batches take to be written.
    ///
    /// # Errors
    /// When the folder can't be used, or the system has no thread left.
    pub fn start(config: &BlocksConfig, took: Histogram) -> Result<(Self, Vec<Bytes>), OpenError> {
        let store = BlockStore::open(config)?;
        let damaged = |error: redb::Error| OpenError::Damaged {
            path: config.folder.join(super::open::INDEX),
            problem: error.to_string(),
        };
        let headers = store.headers().map_err(damaged)?;
        let (jobs, inbox) = sync_channel(JOBS_MAX);
        let (gauges, shared) = (Arc::new(Gauges::default()), Arc::new(store.shared()));
        let writer = Writer {
            config: config.clone(),
            store: Some(store),
            inbox,
            gauges: Arc::clone(&gauges),
            shared: Arc::clone(&shared),
            took,
            kept: Vec::new(),
            tip: 0,
            refused: None,
        };
        writer.measure();
        let thread = thread::Builder::new().name("blocks".to_owned()).spawn(|| writer.run());
        let failed = |source| OpenError::Io { path: config.folder.clone(), source };
        let (thread, reader) = (thread.map_err(failed)?, config.reader(Arc::clone(&shared)));
        Ok((Self { jobs, thread, gauges, shared, reader }, headers))
    }

    /// Keeps a block, then tells those who wait for it; or why not, if that's how it is. `height`: how many blocks come before it,
    /// if that is known. `tip`: the height of the last block of the chain, by which old ones leave.
    pub fn keep(&self, block: &Arc<Item>, height: Option<u32>, tip: u32, waiters: Vec<Waiter>) {
        self.gauges.waiting.fetch_add(waiters.len(), Ordering::Relaxed);
        let id = block.id();
        if !self.shared.add(block, WAITING_MAX_BYTES) {
            return self.drop_block(id, waiters);
        }
        let change = Change::Keep { block: Arc::clone(block), height };
        let is_urgent = !waiters.is_empty() || self.unwritten_bytes() >= GATHER_BYTES;
        if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) =
            self.jobs.try_send(Job { change, tip, waiters })
        {
            self.shared.remove(id);
            self.drop_block(id, job.waiters);
        }
        if is_urgent {
            self.thread.thread().unpark();
        }
    }

    fn drop_block(&self, id: ItemId, waiters: Vec<Waiter>) {
        if self.gauges.dropped.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::error!(%id, "a block can't be kept, and others may follow: the disk is too slow");
        }
        let busy = NotSaved { disk_full: false, reason: "the disk is too slow".to_owned() };
        tell(&self.gauges, waiters, Err(&busy));
    }

    /// A block isn't on the disk what it was: it counts as not kept from now on.
    pub fn lost(&self, id: ItemId) {
        self.gauges.damaged.fetch_add(1, Ordering::Relaxed);
        // If the thread has too much to do, the next one who reads it finds out again.
        let _ = self.jobs.try_send(Job { change: Change::Lost(id), tip: 0, waiters: Vec::new() });
    }

    /// Who reads what is kept, and what is still to be.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// A block that is still to be written.
    #[must_use]
    pub fn unwritten(&self, id: ItemId) -> Option<Arc<Item>> {
        self.shared.waiting(id)
    }

    /// Bytes of blocks that are still to be written.
    #[must_use]
    pub fn unwritten_bytes(&self) -> usize {
        self.shared.waiting_bytes()
    }

    /// What the thread tells of itself.
    #[must_use]
    pub fn gauges(&self) -> &Gauges {
        &self.gauges
    }

    /// Whether the thread has ended, which before [`BlocksHandle::close`] only a panic makes it.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until everything is written.
    pub fn close(self) {
        drop(self.jobs);
        self.thread.thread().unpark();
        if self.thread.join().is_err() {
            tracing::error!("the thread of the blocks failed; what was saved is on the disk");
        }
    }
}

/// The thread's own.
struct Writer {
    config: BlocksConfig,
    /// None after the index couldn't be written, until it is tried again.
    store: Option<BlockStore>,
    inbox: Receiver<Job>,
    gauges: Arc<Gauges>,
    shared: Arc<Shared>,
    /// How long batches took that the disk took.
    took: Histogram,
    /// Changes that the disk refused; their blocks count among those that wait to be written.
    kept: Vec<Change>,
    tip: u32,
    /// Why, and when to try again.
    refused: Option<(NotSaved, Instant)>,
}

impl Writer {
    fn run(mut self) {
        loop {
            let first = if self.kept.is_empty() {
                self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.inbox.recv_timeout(RETRY_INTERVAL)
            };
            let jobs = match first {
                Ok(job) => self.gather(job),
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            self.write(jobs);
        }
        self.refused = None; // one last try
        self.write(Vec::new());
    }

    /// All that has come, and what comes soon if nobody waits for any of it.
    fn gather(&self, first: Job) -> Vec<Job> {
        let (mut jobs, until) = (vec![first], Instant::now() + GATHER);
        loop {
            jobs.extend(self.inbox.try_iter().take(COMMIT_MAX.saturating_sub(jobs.len())));
            let left = until.saturating_duration_since(Instant::now());
            let is_awaited = jobs.iter().any(|job| !job.waiters.is_empty());
            let is_much = jobs.len() >= COMMIT_MAX || self.shared.waiting_bytes() >= GATHER_BYTES;
            if is_awaited || is_much || left.is_zero() {
                return jobs;
            }
            // The handle ends it: a message alone doesn't.
            thread::park_timeout(left);
        }
    }

    /// Makes the changes of jobs, and tells those who wait for them.
    fn write(&mut self, jobs: Vec<Job>) {
        let (mut changes, mut waiters) = (mem::take(&mut self.kept), Vec::new());
        for Job { change, tip, waiters: more } in jobs {
            changes.push(change);
            waiters.extend(more);
            self.tip = self.tip.max(tip);
        }
        if changes.is_empty() {
            return;
        }
        let began = Instant::now();
        match self.try_write(&changes) {
            Ok(()) => {
                self.gauges.commits.fetch_add(1, Ordering::Relaxed);
                self.took.record(began.elapsed());
                for change in &changes {
                    if let Change::Keep { block, .. } = change {
                        self.shared.remove(block.id());
                    }
                }
                tell(&self.gauges, waiters, Ok(()));
                self.prune();
                self.measure();
            }
            Err(not_saved) => {
                self.gauges.failures.fetch_add(1, Ordering::Relaxed);
                self.kept = changes;
                // Bounded in bytes by what waits, and in number by this.
                let excess = self.kept.len().saturating_sub(JOBS_MAX);
                for change in self.kept.drain(..excess) {
                    if let Change::Keep { block, .. } = change {
                        self.shared.remove(block.id());
                        self.gauges.dropped.fetch_add(1, Ordering::Relaxed);
                    }
                }
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
        let written = self.open_again().and_then(|store| {
            store.apply(changes).map_err(|failure| match failure {
                Failure::Segment(error) => {
                    (false, NotSaved { disk_full: is_full(&error), reason: error.to_string() })
                }
                Failure::Index(error) => (true, not_saved(&error)),
            })
        });
        match written {
            Ok(()) => {
                if self.refused.take().is_some() {
                    tracing::info!("blocks can be written again");
                }
                Ok(())
            }
            Err((is_broken, why)) => {
                if self.refused.is_none() {
                    let folder = self.config.folder.display();
                    let todo = why.todo();
                    tracing::error!(%folder, %why, "blocks can't be written; the node goes on, and tries again. {todo}");
                }
                if is_broken {
                    self.give_up_index();
                }
                let wait = RETRY_INTERVAL.max(10 * start.elapsed());
                self.refused = Some((why.clone(), Instant::now() + wait));
                Err(why)
            }
        }
    }

    /// A database that failed once can't be trusted.
    fn give_up_index(&mut self) {
        self.shared.set_db(None);
        self.store = None;
    }

    /// The folder, opened afresh if its index couldn't be written before.
    fn open_again(&mut self) -> Result<&mut BlockStore, (bool, NotSaved)> {
        let store = match self.store.take() {
            Some(store) => store,
            None => {
                let store = BlockStore::open(&self.config).map_err(|error| {
                    let disk_full =
                        matches!(&error, OpenError::Io { source, .. } if is_full(source));
                    (true, NotSaved { disk_full, reason: error.to_string() })
                })?;
                self.shared.set_db(Some(Arc::clone(store.index.db())));
                store
            }
        };
        Ok(self.store.insert(store))
    }

    fn prune(&mut self) {
        let Some(store) = &mut self.store else { return };
        match store.prune(self.tip) {
            Ok(left) => drop(self.gauges.pruned.fetch_add(left, Ordering::Relaxed)),
            Err(error) => {
                tracing::error!(%error, "old blocks can't be taken away; the node goes on");
                self.give_up_index();
            }
        }
    }

    fn measure(&self) {
        let Some(store) = &self.store else { return };
        self.gauges.blocks.store(store.len(), Ordering::Relaxed);
        self.gauges.headers.store(store.headers_len(), Ordering::Relaxed);
        self.gauges.segments.store(store.segments_len(), Ordering::Relaxed);
        self.gauges.bytes.store(store.bytes(), Ordering::Relaxed);
    }
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

#[cfg(test)]
mod tests;
