//! Expensive checks, off the event loop: batches of items on the runtime's blocking threads.
//!
//! A batch starts as soon as there is a core for it and takes all that has come together meanwhile:
//! alone when the node is idle, many at once when it is busy, which is when batches are cheaper.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use tidings_protocol::chain::{Chain, Rejection};
use tidings_protocol::item::{Item, ItemId};
use tokio::task::JoinSet;

/// Most items of one batch: batched verification of signatures gains little beyond, and a verdict
/// waits for its whole batch. A guess.
const BATCH_MAX: usize = 64;

/// One item's verdict.
pub(super) type Verdict = (ItemId, Result<(), Rejection>);

/// Items waiting and batches under way. The core bounds both by `memory.verifying_max`.
pub(super) struct Verifier {
    chain: Arc<dyn Chain>,
    waiting: VecDeque<Arc<Item>>,
    batches: JoinSet<Vec<Verdict>>,
    batches_max: usize,
}

impl Verifier {
    /// A verifier that uses at most as many threads as there are cores.
    pub(super) fn new(chain: Arc<dyn Chain>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { chain, waiting: VecDeque::new(), batches: JoinSet::new(), batches_max: cores }
    }

    /// Adds an item.
    pub(super) fn push(&mut self, item: Arc<Item>) {
        self.waiting.push_back(item);
    }

    /// Starts batches while there are items and cores for them. Must be called in a runtime.
    pub(super) fn start(&mut self) {
        while !self.waiting.is_empty() && self.batches.len() < self.batches_max {
            let take = self.waiting.len().min(BATCH_MAX);
            let items: Vec<_> = self.waiting.drain(..take).collect();
            let chain = Arc::clone(&self.chain);
            self.batches.spawn_blocking(move || {
                let verdicts = chain.verify_batch(&items);
                debug_assert_eq!(verdicts.len(), items.len(), "one verdict for each item");
                items.iter().map(|item| item.id()).zip(verdicts).collect()
            });
        }
    }

    /// Waits for the verdicts of a batch; for ever if there is none under way.
    pub(super) async fn wait(&mut self) -> Vec<Verdict> {
        match self.batches.join_next().await {
            Some(Ok(verdicts)) => verdicts,
            // Rules must not panic; if they do all the same, the node must not go on without them.
            Some(Err(error)) => panic!("checking items failed: {error}"),
            None => std::future::pending().await,
        }
    }

    /// The verdicts of a batch that is finished, if there is one.
    pub(super) fn next(&mut self) -> Option<Vec<Verdict>> {
        let verdicts = self.batches.try_join_next()?;
        Some(verdicts.unwrap_or_else(|error| panic!("checking items failed: {error}")))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (waiting, batches) = (self.waiting.len(), self.batches.len());
        f.debug_struct("Verifier").field("waiting", &waiting).field("batches", &batches).finish()
    }
}
