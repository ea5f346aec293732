//! How long what is ready in a host waits for its turn on the one thread: what a node of its own process waits for a
//! processor, a node in a host waits for the others as well, and the kernel knows nothing of that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

use crate::api::HostQueue;

/// How often it is looked. A guess: often enough for a mean over seconds.
const EVERY: Duration = Duration::from_millis(20);

/// What was seen so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue(Arc<(AtomicU64, AtomicU64)>);

impl Queue {
    /// Lines up now and then behind all that is ready, for ever.
    pub(super) async fn watch(self) {
        let (turns, waited_us) = &*self.0;
        loop {
            sleep(EVERY).await;
            let began = Instant::now();
            yield_now().await;
            let us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            turns.fetch_add(1, Ordering::Relaxed);
            waited_us.fetch_add(us, Ordering::Relaxed);
        }
    }

    pub(super) fn seen(&self) -> HostQueue {
        let (turns, waited_us) = &*self.0;
        HostQueue {
            turns: turns.load(Ordering::Relaxed),
            waited_us: waited_us.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_is_busy_makes_others_wait() {
        const BUSY: Duration = Duration::from_millis(30);
        let queue = Queue::default();
        let watching = tokio::spawn(queue.clone().watch());
        while queue.seen().turns == 0 {
            std::thread::sleep(BUSY);
            yield_now().await;
        }
        assert!(queue.seen().waited_us >= 30_000, "{:?}", queue.seen());
        watching.abort();
    }
}
