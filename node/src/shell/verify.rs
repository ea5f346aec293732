//! Expensive checks: each once, many at a time, on all cores, and off the event loop.
//!
//! - **Alone or many at once.** A batch starts as soon as there is a core for it and takes what has come together
//!   meanwhile: a few items when the node is hardly busy, up to [`BATCH_MAX`] when it is, which is when batches
//!   are cheaper. What is less than a hand-over to a thread and back is worth (two wake-ups) is verified here, at
//!   the end of a turn: a node that takes a few transactions a second has no second thread.
//! - **All cores.** Batches run on the runtime's blocking threads, which start when they are needed and end when
//!   they have been idle for ten seconds. What waits is divided among the cores that are free, and a block into
//!   its transactions, so that one block keeps all of them busy; blocks go first. What is cheap of a block grows
//!   with it as well, so it is opened here, and not on the event loop; and by whom it is opened it is verified, if little of it is
//!   new. Blocks that came together are opened by few threads: a hand-over costs as much as ten thousand bytes.
//! - **Once.** Good verdicts are remembered ([`Verdicts`]), so a block whose transactions came before it costs
//!   next to nothing, nor does one that left the pool and came again.
//! - **Fair.** How much of one peer may wait here is the core's business (`memory.verifying_max`).

mod job;
mod verdicts;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use metrics::{Histogram, histogram, with_local_recorder};
use tidings_protocol::chain::{self, Chain, Confirmed, GOOD, Rejection};
use tidings_protocol::ground::item::{Item, ItemId, ItemKind};
use tokio::task::{JoinError, JoinSet};

use self::job::{BATCH_MIN, Body, Done, Job, confirming};
use self::verdicts::Verdicts;
use crate::measured::Registry;

/// Most items of one batch. A signature takes 18 microseconds of CPU in a batch of 256, 23 in one of 64 and 37 alone;
/// but a verdict waits for its whole batch, and this one takes 4.6 milliseconds.
const BATCH_MAX: usize = 256;

/// Most blocks that one thread opens before it tells of any, and most bytes of them besides the last. A guess: two milliseconds' work.
const OPENED_MAX: usize = 4;
const OPENED_BYTES_MAX: usize = 1 << 20;

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
    /// No block is opened now.
    holds_blocks: bool,
    under_way: JoinSet<Done>,
    under_way_max: usize,
    /// Verdicts that the shell hasn't taken.
    verdicts: Vec<Verdict>,
    remembered: Verdicts,
    counters: Verified,
    /// How long batches took, waiting for a core not included.
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

impl Verifier {
    /// A verifier that uses at most as many threads as there are cores.
    pub(super) fn new(chain: Arc<dyn Chain>, registry: &Registry) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            chain,
            waiting: VecDeque::new(),
            blocks: VecDeque::new(),
            parts: VecDeque::new(),
            opened: HashMap::new(),
            holds_blocks: false,
            under_way: JoinSet::new(),
            under_way_max: cores,
            verdicts: Vec::new(),
            remembered: Verdicts::default(),
            counters: Verified::default(),
            took: with_local_recorder(registry, || histogram!("tidings_verification_seconds")),
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
    pub(super) fn remember(&self, item: &Item) {
        self.remembered.remember(item, &*self.chain);
    }

    /// Opens no further blocks for now, or does so again.
    pub(super) const fn hold_blocks(&mut self, holds: bool) {
        self.holds_blocks = holds;
    }

    /// Whether a block waits for that alone.
    pub(super) fn holds_some(&self) -> bool {
        self.holds_blocks && !self.blocks.is_empty()
    }

    /// What it did so far.
    pub(super) const fn counters(&self) -> Verified {
        self.counters
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
            let (chain, remembered) = (Arc::clone(&self.chain), self.remembered.clone());
            self.under_way.spawn_blocking(move || job.run(&*chain, &remembered));
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
        if !self.blocks.is_empty() && !self.holds_blocks {
            return Some(Job::Open(self.next_blocks()));
        }
        if self.waiting.is_empty() {
            return None;
        }
        let cores = self.under_way_max - self.under_way.len();
        let take = batch_size(self.waiting.len(), cores);
        Some(Job::Verify(None, self.waiting.drain(..take).collect()))
    }

    /// The blocks that one thread opens: its share of those that wait.
    fn next_blocks(&mut self) -> Vec<Arc<Item>> {
        let most = self.blocks.len().div_ceil(self.under_way_max).min(OPENED_MAX);
        let (mut next, mut bytes) = (Vec::with_capacity(most), 0);
        while next.len() < most
            && bytes < OPENED_BYTES_MAX
            && let Some(block) = self.blocks.pop_front()
        {
            bytes += block.size();
            next.push(block);
        }
        next
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
            Done::Opened(blocks, [known, verified], took) => {
                if verified > 0 {
                    self.took.record(took);
                }
                self.counters.remembered += known;
                self.counters.items += verified;
                self.counters.batches += u64::from(verified > 0);
                blocks.into_iter().for_each(|(block, body)| self.on_opened(block, body));
            }
            Done::Batch(whole, items, verdicts, took) => {
                self.took.record(took);
                debug_assert_eq!(verdicts.len(), items.len(), "one verdict for each item");
                self.counters.items += items.len() as u64;
                self.counters.batches += 1;
                self.remembered.learn(&items, &verdicts, &*self.chain);
                match whole {
                    Some(block) => self.on_parts(block, verdicts),
                    None => {
                        self.verdicts.extend(items.into_iter().zip(verdicts));
                    }
                }
            }
        }
    }

    /// A block is opened: queues what is to be verified of it.
    fn on_opened(&mut self, block: Arc<Item>, body: Body) {
        let (parts, confirms) = match body {
            Body::Whole => return self.waiting.push_front(block),
            Body::Judged(verdict) => return self.verdicts.push((block, verdict)),
            Body::Parts(parts, confirms) => (parts, confirms),
        };
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
        let known = self.remembered.knows(item, &*self.chain);
        self.counters.remembered += u64::from(known);
        known
    }
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
