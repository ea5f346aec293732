//! When what a node's streams hold back is due: one timer for all of them.
//!
//! tokio keeps timers in wheels, and wakes once more for each that is over 64 ms ahead, when it has to move it to the wheel
//! below. Most latencies are longer, and only the first of them needs a timer.

use std::collections::BTreeMap;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep};

/// When each stream of a node is to be woken, and by what.
#[derive(Debug, Default)]
pub(super) struct Dues(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// At most one a stream, by its number.
    wakers: BTreeMap<(Instant, u64), Waker>,
    /// Fires when the first is due.
    timer: Option<Pin<Box<Sleep>>>,
    /// Wakes the task that waits for it.
    task: Option<Waker>,
    running: Option<JoinHandle<()>>,
}

impl Dues {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the task that waits, unless it runs. Must be called in a runtime.
    pub(super) fn run(self: &Arc<Self>) {
        let dues = Arc::downgrade(self);
        self.state().running.get_or_insert_with(|| {
            tokio::spawn(std::future::poll_fn(move |cx| {
                Weak::upgrade(&dues).map_or(Poll::Ready(()), |dues| dues.poll(cx))
            }))
        });
    }

    /// Wakes a stream at a moment, instead of at the one that was set before.
    pub(super) fn set(
        &self,
        stream: u64,
        before: &mut Option<Instant>,
        at: Instant,
        waker: &Waker,
    ) {
        let mut state = self.state();
        if let Some(before) = before.replace(at) {
            state.wakers.remove(&(before, stream));
        }
        state.wakers.insert((at, stream), waker.clone());
        let is_first = state.wakers.first_key_value().is_some_and(|(key, _)| *key == (at, stream));
        // Without a task's waker it has yet to begin, and looks then.
        if is_first && let Some(task) = state.task.clone() {
            let _ = state.poll_timer(at, &mut Context::from_waker(&task));
        }
    }

    /// A stream is gone.
    pub(super) fn forget(&self, stream: u64, at: Instant) {
        self.state().wakers.remove(&(at, stream));
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        state.task = Some(cx.waker().clone());
        while let Some((&(at, _), _)) = state.wakers.first_key_value() {
            if at > Instant::now() && state.poll_timer(at, cx).is_pending() {
                break;
            }
            if let Some((_, waker)) = state.wakers.pop_first() {
                waker.wake();
            }
        }
        Poll::Pending
    }
}

impl State {
    fn poll_timer(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        let fired = timer.as_mut().poll(cx);
        if fired.is_ready() {
            cx.waker().wake_by_ref();
        }
        fired
    }
}

impl Drop for Dues {
    fn drop(&mut self) {
        if let Some(running) = &self.state().running {
            running.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::task::noop_waker_ref;
    use tokio::time::sleep_until;

    use super::*;
    use crate::called::Called;

    fn is_called(called: &Called) -> bool {
        called.take(&Context::from_waker(noop_waker_ref()))
    }

    #[tokio::test(start_paused = true)]
    async fn each_stream_is_woken_at_its_own_moment_and_one_that_is_gone_never() {
        let (dues, start) = (Arc::new(Dues::default()), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let streams = [(); 4].map(|()| Called::new());
        assert!(streams.iter().all(is_called));
        let mut set = [None; 4];
        dues.run();
        for (stream, ms) in [(0, 300), (1, 100), (2, 200), (3, 50), (2, 80)] {
            dues.set(stream as u64, &mut set[stream], at(ms), streams[stream].waker());
        }
        dues.forget(3, at(50));
        let mut woken = Vec::new();
        for ms in (0..500).step_by(10) {
            // A timer is up to a millisecond late.
            sleep_until(at(ms + 5)).await;
            woken.extend(
                (0..4).filter(|stream| is_called(&streams[*stream])).map(|stream| (stream, ms)),
            );
        }
        assert_eq!(woken, [(2, 80), (1, 100), (0, 300)]);
    }
}
