//! What the shell has kept of the chain of blocks, and what the core has read of it.
//!
//! Every block that was accepted is kept, whoever brought it; whoever submitted it is told so once it is on the disk. While the disk is
//! far behind no further ones are opened, so that whoever sends them is slowed, as by slow checks. What the
//! core wants of a block is read on the runtime's blocking threads, [`READERS`] at most: the loop neither waits for
//! the disk nor looks into a block. Without a folder for blocks there are only those that the core has itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use metrics::{histogram, with_local_recorder};
use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::{Item, ItemId};
use tidings_protocol::machine::{Input, Load, Loaded};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::{Shell, ShellConfig};
use crate::api::BlockStoreStatus;
use crate::blocks::{BlocksHandle, OpenError, Reader, Unreadable, WAITING_MAX_BYTES};
use crate::measured::Registry;
use crate::store::Waiter;

/// Most blocks that are read at once. A guess: a disk has more to do than one of them, and each is a block in memory.
const READERS: usize = 2;

/// Most blocks that one thread reads before it tells of any: a hand-over costs as much as reading a small one. A guess.
const READ_TOGETHER: usize = 4;

/// Most blocks that wait to be read. What the core asks for beyond it is answered at once as if it weren't kept. A guess: the core
/// asks for what it connects one by one, and for what peers want as fast as they take it.
const WAITING_MAX: usize = 4_096;

/// From so many bytes on that wait for the disk no further block is opened. What is being checked has room in the other half
/// (`memory.verifying_max_bytes`).
const BEHIND_BYTES: usize = WAITING_MAX_BYTES / 2;

/// For so long the node waits for a disk that writes nothing at all: then it goes on, and keeps what there is room for. A guess: longer
/// than a busy disk takes.
const STUCK: Duration = Duration::from_secs(10);

/// What was read.
#[derive(Debug)]
pub(super) struct Answer {
    id: ItemId,
    what: Load,
    loaded: Option<Loaded>,
    /// The block isn't what was written.
    is_damaged: bool,
}

/// What is to be read.
struct Question {
    id: ItemId,
    what: Load,
    /// The block, if the core has it itself.
    block: Option<Arc<Item>>,
}

/// The shell's side of the blocks.
pub(super) struct Blocks {
    chain: Arc<dyn Chain>,
    handle: Option<BlocksHandle>,
    waiting: VecDeque<Question>,
    under_way: JoinSet<Vec<Answer>>,
    /// Answers that the shell hasn't taken.
    answers: VecDeque<Answer>,
    /// While the disk is behind: how many commits there were, and since when there are as many.
    behind: Option<(u64, Instant)>,
}

impl std::fmt::Debug for Blocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blocks").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

impl Blocks {
    /// Opens the folder of blocks, if there is to be one, on a thread that may wait for the disk; with the headers of all blocks
    /// that were ever kept.
    ///
    /// # Errors
    /// When it can't be used.
    pub(super) async fn start(
        config: &ShellConfig,
        registry: &Registry,
    ) -> Result<(Self, Vec<Bytes>), OpenError> {
        let chain = Arc::clone(&config.chain);
        let (mut handle, mut headers) = (None, Vec::new());
        if let Some(config) = config.blocks.clone() {
            let took = with_local_recorder(
                registry,
                || histogram!("tidings_commit_seconds", "store" => "blocks"),
            );
            let start = tokio::task::spawn_blocking(move || BlocksHandle::start(&config, took));
            let started =
                start.await.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
            let (started, kept) = started?;
            (handle, headers) = (Some(started), kept);
        }
        let (waiting, answers) = (VecDeque::new(), VecDeque::new());
        let under_way = JoinSet::new();
        Ok((Self { chain, handle, waiting, under_way, answers, behind: None }, headers))
    }

    /// Whether the disk is so far behind that no further block should be opened: what comes faster than it writes would find no room.
    pub(super) fn is_behind(&mut self, now: Instant) -> bool {
        let waits = |handle: &&BlocksHandle| handle.unwritten_bytes() >= BEHIND_BYTES;
        let Some(handle) = self.handle.as_ref().filter(waits) else {
            self.behind = None;
            return false;
        };
        let commits = handle.gauges().commits.load(Ordering::Relaxed);
        let (_, since) = self.behind.filter(|(then, _)| *then == commits).unwrap_or((commits, now));
        self.behind = Some((commits, since));
        now - since < STUCK
    }

    /// Whether blocks are kept.
    pub(super) const fn keeps(&self) -> bool {
        self.handle.is_some()
    }

    /// Submitters who wait for a block to be saved.
    pub(super) fn waiting(&self) -> usize {
        self.handle.as_ref().map_or(0, |handle| handle.gauges().waiting.load(Ordering::Relaxed))
    }

    /// Whether the thread ended though nobody asked it to.
    pub(super) fn has_failed(&self) -> bool {
        self.handle.as_ref().is_some_and(BlocksHandle::has_ended)
    }

    /// Something is to be read of a block, which the core may have itself. Must be called in a runtime.
    pub(super) fn load(&mut self, id: ItemId, what: Load, block: Option<Arc<Item>>) {
        if let (Load::Block, Some(block)) = (what, &block) {
            let loaded = Some(Loaded::Block(Arc::clone(block)));
            return self.answers.push_back(Answer { id, what, loaded, is_damaged: false });
        }
        if (block.is_none() && !self.keeps()) || self.waiting.len() >= WAITING_MAX {
            return self.answers.push_back(Answer { id, what, loaded: None, is_damaged: false });
        }
        self.waiting.push_back(Question { id, what, block });
        self.start_reading();
    }

    /// Our operator asks for a block that the core hasn't. Must be called in a runtime.
    pub(super) fn look_up(
        &self,
        id: ItemId,
        answer: impl FnOnce(Option<Arc<Item>>) + Send + 'static,
    ) {
        let Some(handle) = &self.handle else { return answer(None) };
        let reader = handle.reader().clone();
        // As many at once as the API takes requests.
        drop(tokio::task::spawn_blocking(move || answer(reader.read(id).unwrap_or_default())));
    }

    fn start_reading(&mut self) {
        while self.under_way.len() < READERS && !self.waiting.is_empty() {
            let share = self.waiting.len().div_ceil(READERS).min(READ_TOGETHER);
            let questions: Vec<_> = self.waiting.drain(..share).collect();
            let chain = Arc::clone(&self.chain);
            let reader = self.handle.as_ref().map(|handle| handle.reader().clone());
            self.under_way.spawn_blocking(move || {
                let answer = |question: Question| question.answer(reader.as_ref(), &*chain);
                questions.into_iter().map(answer).collect()
            });
        }
    }

    /// An answer, once there is one. While nothing is under way nobody is woken: what is started then is asked about again.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        loop {
            if let Some(answer) = self.answers.pop_front() {
                return Poll::Ready(answer);
            }
            match ready!(self.under_way.poll_join_next(cx)) {
                Some(ended) => self.on_end(ended),
                None => return Poll::Pending,
            }
        }
    }

    /// An answer, if there is one.
    pub(super) fn next(&mut self) -> Option<Answer> {
        if self.answers.is_empty() {
            let ended = self.under_way.try_join_next()?;
            self.on_end(ended);
        }
        self.answers.pop_front()
    }

    fn on_end(&mut self, ended: Result<Vec<Answer>, JoinError>) {
        let answers = match ended {
            Ok(answers) => answers,
            // Rules must not panic; if they do all the same, the node must not go on without them.
            Err(error) => panic!("reading a block failed: {error}"),
        };
        if let Some(handle) = &self.handle {
            answers.iter().filter(|it| it.is_damaged).for_each(|it| handle.lost(it.id));
        }
        self.answers.extend(answers);
        self.start_reading();
    }

    /// Waits until all is written.
    pub(super) async fn close(&mut self) {
        if let Some(handle) = self.handle.take() {
            // Its panics are told by its own thread.
            let _ = tokio::task::spawn_blocking(|| handle.close()).await;
        }
    }

    /// How it is.
    pub(super) fn status(&self) -> Option<BlockStoreStatus> {
        let handle = self.handle.as_ref()?;
        let gauges = handle.gauges();
        let load = |gauge: &AtomicU64| gauge.load(Ordering::Relaxed);
        Some(BlockStoreStatus {
            blocks: load(&gauges.blocks),
            headers: load(&gauges.headers),
            segments: gauges.segments.load(Ordering::Relaxed),
            bytes: load(&gauges.bytes),
            unwritten_bytes: handle.unwritten_bytes(),
            commits: load(&gauges.commits),
            failures: load(&gauges.failures),
            dropped: load(&gauges.dropped),
            damaged: load(&gauges.damaged),
            pruned: load(&gauges.pruned),
        })
    }
}

impl Question {
    /// Reads the block where the core hasn't it, and out of it what is asked for.
    fn answer(self, reader: Option<&Reader>, chain: &dyn Chain) -> Answer {
        let Self { id, what, block } = self;
        let read = match (block, reader) {
            (Some(block), _) => Ok(Some(block)),
            (None, Some(reader)) => reader.read(id),
            (None, None) => Ok(None),
        };
        let is_damaged = matches!(read, Err(Unreadable::Damaged(_)));
        let block = read.unwrap_or_else(|why| {
            tracing::error!(%id, %why, "a block can't be read");
            None
        });
        let loaded = block.and_then(|block| what.of(&block, chain));
        Answer { id, what, loaded, is_damaged }
    }
}

impl Shell {
    /// Hands in the headers of all blocks that were ever kept.
    pub(super) fn recall_headers(&mut self, headers: &[Bytes]) {
        if !headers.is_empty() {
            self.handle(Input::Headers(headers));
        }
    }

    /// A block that was accepted is kept, and then those who wait for that are told.
    pub(super) fn keep_block(&self, id: ItemId, waiters: Vec<Waiter>) {
        let Some(handle) = &self.blocks.handle else { return };
        let block = self.node.item(&id).cloned().or_else(|| handle.unwritten(id));
        let Some(block) = block else {
            // It was accepted long ago, and is saved.
            return waiters.into_iter().for_each(|waiter| waiter.tell(Ok(())));
        };
        let tree = self.node.tree();
        let height = tree.and_then(|tree| tree.get(id.hash())).map(|view| view.height);
        let tip = tree.map_or(0, |tree| tree.tip().height);
        handle.keep(&block, height, tip, waiters);
    }

    /// A block was read.
    pub(super) fn on_loaded(&mut self, answer: Answer) {
        let Answer { id, what, loaded, .. } = answer;
        self.handle(Input::Loaded { id, what, loaded });
    }
}

#[cfg(test)]
mod tests;
