//! The task of a link: moves bytes between its two streams and its [`Pipe`].
//!
//! libp2p polls a connection as a whole, its handler, its negotiations, its muxer and its protocols, whatever woke it,
//! and twice for what a muxer hands to a handler. Once a link's streams are open nothing of that has to do with its
//! bytes, so they have a task of their own, which drives the muxer as far as its streams need that
//! (`muxer/stream.rs`). What wakes it is told apart: the driver, which queued something, or the transport, which
//! has something to read or room to write; and only that is looked at.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::swarm::Stream;
use tidings_protocol::chain::Chain;
use tokio::time::Sleep;

use crate::called::Called;
use crate::net::flow::{Inflow, Outflow};
use crate::net::pipe::{Phase, Pipe};
use crate::net::progress::Progress;

/// Moves bytes until the link's end: when the driver says so, when a stream ends, or when a message doesn't.
pub(crate) struct Carrier {
    pipe: Arc<Pipe>,
    chain: Arc<dyn Chain>,
    outflow: Outflow<Stream>,
    inflow: Inflow<Stream>,
    /// The end of what is held.
    timer: Option<Pin<Box<Sleep>>>,
    progress: Progress,
    progress_period: Duration,
    /// By its streams.
    called: Called,
}

/// What the driver wants of the task.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    is_over: bool,
    output: bool,
    input: bool,
}

impl Carrier {
    /// Writes on the one stream and reads from the other.
    pub(crate) fn new(
        pipe: Arc<Pipe>,
        chain: Arc<dyn Chain>,
        outbound: Stream,
        inbound: Stream,
        progress_period: Duration,
    ) -> Self {
        Self {
            pipe,
            chain,
            outflow: Outflow::new(outbound),
            inflow: Inflow::new(inbound),
            timer: None,
            progress: Progress::default(),
            progress_period,
            called: Called::new(),
        }
    }

    /// Registers for the driver's wake-ups and sees what it wants.
    fn poll_driver(&mut self, cx: &mut Context<'_>) -> Wanted {
        let mut state = self.pipe.state();
        state.register(cx);
        while let Some(until) = state.next_release() {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
            if timer.deadline() != until {
                timer.as_mut().reset(until);
            }
            if timer.as_mut().poll(cx).is_pending() {
                break;
            }
            if state.release(until) {
                self.pipe.list(&mut state);
            }
        }
        if state.next_release().is_none() {
            self.timer = None;
        }
        Wanted {
            is_over: state.phase == Phase::Over,
            output: !state.writer.is_empty(),
            input: state.wants_input(),
        }
    }

    /// Reads, and sees whether messages end. Ready when the link is to.
    fn poll_input(&mut self, is_reading: bool) -> Poll<()> {
        let cx = &mut Context::from_waker(self.called.waker());
        if let Poll::Ready(error) = self.inflow.poll(&self.pipe, &*self.chain, cx) {
            tracing::debug!(peer = %self.pipe.peer, %error, "the peer's stream ended");
            return Poll::Ready(());
        }
        let oldest = self.inflow.oldest_unfinished();
        let stalled = self.progress.poll(oldest, is_reading, self.progress_period, cx);
        if stalled.is_ready() {
            tracing::debug!(peer = %self.pipe.peer, "a message didn't end");
        }
        stalled
    }

    /// Writes. Ready when the link is to end.
    fn poll_output(&mut self) -> Poll<()> {
        let cx = &mut Context::from_waker(self.called.waker());
        self.outflow.poll(&self.pipe, cx).map(|error| {
            tracing::debug!(peer = %self.pipe.peer, %error, "our stream ended");
        })
    }
}

impl Future for Carrier {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let is_called = this.called.take(cx);
        let wanted = this.poll_driver(cx);
        let writes = wanted.output || this.outflow.has_rest();
        if wanted.is_over || writes && this.poll_output().is_ready() {
            return Poll::Ready(());
        }
        let reads = is_called || !wanted.input || !this.inflow.is_waiting();
        if reads && this.poll_input(wanted.input).is_ready() {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}
