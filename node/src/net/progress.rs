//! Notices a peer that begins messages and doesn't end them.
//!
//! What has arrived of a message is held until it is whole, up to a whole block. *Attack*: send all of a block but its last
//! byte on every link, or a byte a second, and ping in between. So the oldest message that isn't whole has to come on, by
//! [`LEAST_BYTES`] in each [`PERIOD`], whatever else arrives. Nothing is asked of a peer while we read nothing of it.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

/// How often an unfinished message is looked at: no longer than a ping may take by far. A guess.
pub(crate) const PERIOD: Duration = Duration::from_secs(20);

/// Least bytes of it that come in between: less than any modem's. A guess.
const LEAST_BYTES: usize = 16 << 10;

/// Watches the oldest unfinished message of a link.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    watch: Option<Watch>,
}

#[derive(Debug)]
struct Watch {
    timer: Pin<Box<Sleep>>,
    /// The message, by its number, and how much of it had arrived.
    began: (u64, usize),
    /// We didn't read all the time.
    excused: bool,
}

impl Progress {
    /// Looks at the oldest unfinished message: its number, and how much of it has arrived. Ready once it has stalled.
    ///
    /// An unfinished message is nothing special, and most end at once: a timer is left running until it fires.
    pub(crate) fn poll(
        &mut self,
        oldest: Option<(u64, usize)>,
        is_reading: bool,
        period: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        loop {
            let Some(watch) = &mut self.watch else {
                let Some(began) = oldest else { return Poll::Pending };
                let timer = Box::pin(tokio::time::sleep(period));
                self.watch = Some(Watch { timer, began, excused: false });
                continue;
            };
            watch.excused |= !is_reading;
            if watch.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let (number, before) = watch.began;
            let has_stalled = oldest.is_some_and(|(oldest, arrived)| {
                oldest == number && arrived < before + LEAST_BYTES
            });
            if has_stalled && !watch.excused {
                return Poll::Ready(());
            }
            self.watch = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::task::noop_waker;
    use tokio::time::advance;

    fn poll(progress: &mut Progress, oldest: Option<(u64, usize)>, is_reading: bool) -> bool {
        let waker = noop_waker();
        progress.poll(oldest, is_reading, PERIOD, &mut Context::from_waker(&waker)).is_ready()
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_comes_a_byte_a_second_has_stalled_and_one_that_comes_on_has_not() {
        let (mut slow, mut steady) = (Progress::default(), Progress::default());
        let mut stalled_at = None;
        for second in 0..100 {
            if stalled_at.is_none() && poll(&mut slow, Some((3, second)), true) {
                stalled_at = Some(second);
            }
            assert!(!poll(&mut steady, Some((3, second * 1_000)), true));
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(stalled_at, Some(20));
    }

    #[tokio::test(start_paused = true)]
    async fn other_messages_excuse_nothing_but_our_own_silence_does() {
        let mut progress = Progress::default();
        assert!(!poll(&mut progress, Some((0, 5)), true));
        advance(PERIOD).await;
        assert!(!poll(&mut progress, Some((1, 5)), true), "the first has ended");
        assert!(!poll(&mut progress, Some((1, 5)), false));
        advance(PERIOD).await;
        assert!(!poll(&mut progress, Some((1, 5)), true), "we didn't read");
        advance(PERIOD).await;
        assert!(poll(&mut progress, Some((1, 5)), true));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_asked_between_messages() {
        let mut progress = Progress::default();
        assert!(!poll(&mut progress, Some((0, 0)), true));
        advance(PERIOD).await;
        assert!(!poll(&mut progress, None, true));
        advance(PERIOD * 100).await;
        assert!(!poll(&mut progress, Some((1, 0)), true), "a new one has all its time");
    }
}
