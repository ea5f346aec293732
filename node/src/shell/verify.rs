//! Expensive checks: each once, many at a time, on all cores, and off the event loop.
//!
//! - **Alone or many at once.** A batch starts as soon as there is a core for it and takes what has come together
//!   meanwhile: a few items when the node is hardly busy, up to [`BATCH_MAX`] when it is, which is when batches
//!   are cheaper. What is less than a hand-over to a thread and back is worth (two wake-ups) is verified here, at
//!   the end of a turn: a node that takes a few transactions a second has no second thread.
//! - **All cores.** Batches run on the runtime's blocking threads, which start when they are needed and end when
//!   they have been idle for ten seconds. What waits is divided among the cores that are free, and a block into
//!   its transactions, so that one block keeps all of them busy; blocks go first. What is cheap of a block grows
//!   with it as well, so it is opened here, and not on the event loop.
//! - **Once.** Good verdicts are remembered ([`Verdicts`]), so a block whose transactions came before it costs
//!   next to nothing, nor does one that left the pool and came again.
//! - **Fair.** How much of one peer may wait here is the core's business (`memory.verifying_max`).

mod verdicts;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tidings_protocol::chain::{self, Chain, Confirmed, GOOD, Opened, Rejection};
use tidings_protocol::ground::item::{Item, ItemId, ItemKind};
use tokio::task::{JoinError, JoinSet};

use self::verdicts::Verdicts;
use crate::measured::Histogram;

/// Most items of one batch. A signature takes 18 microseconds of CPU in a batch of 256, 23 in one of 64 and 37 alone;
/// but a verdict waits for its whole batch, and this one takes 4.6 milliseconds.
const BATCH_MAX: usize = 256;

/// Least items of a batch while more wait than one core takes at once: smaller ones cost more than they spread.
const BATCH_MIN: usize = 32;

/// Most items that are verified here, and most bytes of them. A signature takes at least 64, so these bound what a
/// turn can cost: for transfers of 300 bytes, 80 microseconds.
const HERE_MAX: usize = 3;
const HERE_BYTES_MAX: usize = 1_024;

/// One item's verdict.
pub(super) type Verdict = (Arc<Item>, chain::Verdict);

/// Counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Verified {
    /// Items verified, parts of blocks included.
    pub(super) items: u64,
    /// Batches of them, those of one included.
    pub(super) batches: u64,
    /// Items whose verdict was remembered.
    pub(super) remembered: u64,
}

/// Items waiting and batches under way. The core bounds both by `memory.verifying_max`.
pub(super) struct Verifier {
    chain: Arc<dyn Chain>,
    /// Transactions, and blocks that are verified as a whole.
    waiting: VecDeque<Arc<Item>>,
    /// Blocks that aren't opened yet. The next one is when nothing is left of the one before.
    blocks: VecDeque<Arc<Item>>,
    /// Batches of the parts of blocks, with whose they are.
    parts: VecDeque<(ItemId, Vec<Arc<Item>>)>,
    /// Blocks that are opened, and what is known of each.
    opened: HashMap<ItemId, Checked>,
    under_way: JoinSet<Done>,
    under_way_max: usize,
    /// Verdicts that the shell hasn't taken.
    verdicts: Vec<Verdict>,
    remembered: Verdicts,
    counters: Verified,
    took: Histogram,
}

/// A block whose parts are being verified.
#[derive(Debug)]
struct Checked {
    block: Arc<Item>,
    batches_left: usize,
    /// What it confirms, unless something of it is bad.
    confirms: Result<Vec<Confirmed>, Rejection>,
}

/// What a thread did.
enum Done {
    /// It opened a block, unless that has to be verified as a whole.
    Opened(Arc<Item>, Option<Result<Opened, Rejection>>),
    /// It verified a batch, of a block if one is named.
    /// The last is how long it took.
    Batch(Option<ItemId>, Vec<Arc<Item>>, Vec<chain::Verdict>, Duration),
}

impl Verifier {
    /// A verifier that uses at most as many threads as there are cores.
    pub(super) fn new(chain: Arc<dyn Chain>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            chain,
            waiting: VecDeque::new(),
            blocks: VecDeque::new(),
            parts: VecDeque::new(),
            opened: HashMap::new(),
            under_way: JoinSet::new(),
            under_way_max: cores,
            verdicts: Vec::new(),
            remembered: Verdicts::default(),
            counters: Verified::default(),
            took: Histogram::default(),
        }
    }

    /// Adds an item.
    pub(super) fn push(&mut self, item: Arc<Item>) {
        match item.kind() {
            ItemKind::Tx if self.is_remembered(&item) => self.verdicts.push((item, GOOD)),
            ItemKind::Tx => self.waiting.push_back(item),
            ItemKind::Block => self.blocks.push_back(item),
        }
    }

    /// Remembers that an item is good: somebody else verified it.
    pub(super) fn remember(&mut self, item: &Item) {
        self.remembered.extend(self.chain.verdict_key(item));
    }

    /// What it did so far.
    pub(super) const fn counters(&self) -> Verified {
        self.counters
    }

    /// How long batches took, waiting for a core not included.
    pub(super) const fn took(&self) -> &Histogram {
        &self.took
    }

    /// Starts batches while there is something to verify and a core for it. Must be called in a runtime.
    pub(super) fn start(&mut self) {
        if self.is_little() {
            let items: Vec<_> = self.waiting.drain(..).collect();
            let began = Instant::now();
            let verdicts = self.chain.verify_batch(&items);
            return self.on_done(Done::Batch(None, items, verdicts, began.elapsed()));
        }
        while self.under_way.len() < self.under_way_max
            && let Some(job) = self.next_job()
        {
            let chain = Arc::clone(&self.chain);
            self.under_way.spawn_blocking(move || job.run(&*chain));
        }
    }

    /// Verdicts, once there are any. While nothing is under way nobody is woken: what is started then is asked about again.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Vec<Verdict>> {
        while self.verdicts.is_empty() {
            match ready!(self.under_way.poll_join_next(cx)) {
                Some(done) => self.on_end(done),
                None => return Poll::Pending,
            }
        }
        Poll::Ready(std::mem::take(&mut self.verdicts))
    }

    /// Verdicts, if there are any.
    pub(super) fn next(&mut self) -> Option<Vec<Verdict>> {
        while self.verdicts.is_empty() {
            let done = self.under_way.try_join_next()?;
            self.on_end(done);
        }
        Some(std::mem::take(&mut self.verdicts))
    }

    /// Takes back verdicts, to be taken first next time.
    pub(super) fn give_back(&mut self, verdicts: impl Iterator<Item = Verdict>) {
        self.verdicts.splice(..0, verdicts);
    }

    /// Whether so little waits that it isn't worth a thread.
    fn is_little(&self) -> bool {
        (1..=HERE_MAX).contains(&self.waiting.len())
            && self.under_way.is_empty()
            && self.blocks.is_empty()
            && self.parts.is_empty()
            && self.waiting.iter().map(|item| item.size()).sum::<usize>() <= HERE_BYTES_MAX
    }

    fn next_job(&mut self) -> Option<Job> {
        if let Some((block, part)) = self.parts.pop_front() {
            return Some(Job::Verify(Some(block), part));
        }
        if let Some(block) = self.blocks.pop_front() {
            return Some(Job::Open(block));
        }
        if self.waiting.is_empty() {
            return None;
        }
        let cores = self.under_way_max - self.under_way.len();
        let take = batch_size(self.waiting.len(), cores);
        Some(Job::Verify(None, self.waiting.drain(..take).collect()))
    }

    fn on_end(&mut self, done: Result<Done, JoinError>) {
        match done {
            Ok(done) => self.on_done(done),
            // Rules must not panic; if they do all the same, the node must not go on without them.
            Err(error) => panic!("checking items failed: {error}"),
        }
        self.start();
    }

    fn on_done(&mut self, done: Done) {
        match done {
            Done::Opened(block, Some(opened)) => self.on_opened(block, opened),
            Done::Opened(block, None) => self.waiting.push_front(block),
            Done::Batch(whole, items, verdicts, took) => {
                self.took.observe(took);
                debug_assert_eq!(verdicts.len(), items.len(), "one verdict for each item");
                self.counters.items += items.len() as u64;
                self.counters.batches += 1;
                let good = items.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok());
                let keys = good.filter_map(|(item, _)| self.chain.verdict_key(item));
                self.remembered.extend(keys);
                match whole {
                    Some(block) => self.on_parts(block, verdicts),
                    None => {
                        self.verdicts.extend(items.into_iter().zip(verdicts));
                    }
                }
            }
        }
    }

    /// A block is opened: queues what isn't known to be good.
    fn on_opened(&mut self, block: Arc<Item>, opened: Result<Opened, Rejection>) {
        let Opened { mut parts, confirms } = match opened {
            Ok(opened) => opened,
            Err(rejection) => return self.verdicts.push((block, Err(rejection))),
        };
        parts.retain(|part| !self.is_remembered(part));
        if parts.is_empty() {
            return self.verdicts.push((block, confirming(confirms)));
        }
        let (id, batches) = (block.id(), parts.chunks(batch_size(parts.len(), self.under_way_max)));
        let checked = Checked { block, batches_left: batches.len(), confirms: Ok(confirms) };
        self.opened.insert(id, checked);
        self.parts.extend(batches.map(|batch| (id, batch.to_vec())));
    }

    /// Some parts of a block are verified.
    fn on_parts(&mut self, block: ItemId, verdicts: Vec<chain::Verdict>) {
        let Some(checked) = self.opened.get_mut(&block) else { return };
        checked.batches_left -= 1;
        if let Some(rejection) = verdicts.into_iter().find_map(Result::err)
            && checked.confirms.is_ok()
        {
            checked.confirms = Err(rejection);
            // What is under way is left to end by itself.
            let before = self.parts.len();
            self.parts.retain(|(whose, _)| *whose != block);
            checked.batches_left -= before - self.parts.len();
        }
        if checked.batches_left == 0 {
            let whole = self.opened.remove(&block);
            self.verdicts.extend(
                whole.map(|Checked { block, confirms, .. }| (block, confirms.and_then(confirming))),
            );
        }
    }

    fn is_remembered(&mut self, item: &Item) -> bool {
        let known = self.chain.verdict_key(item).is_some_and(|key| self.remembered.contains(&key));
        self.counters.remembered += u64::from(known);
        known
    }
}

/// What a thread is to do.
enum Job {
    Open(Arc<Item>),
    Verify(Option<ItemId>, Vec<Arc<Item>>),
}

impl Job {
    fn run(self, chain: &dyn Chain) -> Done {
        match self {
            Self::Open(block) => {
                let opened = chain.open(&block);
                Done::Opened(block, opened)
            }
            Self::Verify(block, items) => {
                let began = Instant::now();
                let verdicts = chain.verify_batch(&items);
                Done::Batch(block, items, verdicts, began.elapsed())
            }
        }
    }
}

/// The verdict on a block that is good.
fn confirming(confirms: Vec<Confirmed>) -> chain::Verdict {
    Ok(chain::Verified { confirms, ..chain::Verified::default() })
}

/// How many of so many items each of so many cores takes at once.
fn batch_size(items: usize, cores: usize) -> usize {
    items.div_ceil(cores).clamp(BATCH_MIN, BATCH_MAX).min(items)
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (waiting, batches) = (self.waiting.len(), self.under_way.len());
        f.debug_struct("Verifier").field("waiting", &waiting).field("batches", &batches).finish()
    }
}

#[cfg(test)]
mod tests;
