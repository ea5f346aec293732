//! What a turn of the loop waits for.
//!
//! Messages and deadlines come all the time, everything else seldom: that is looked at only after it has called
//! ([`Called`]). Local work goes before remote work.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tidings_protocol::ground::peer::PeerAddr;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Shell;
use super::blocks::Answer;
use super::verify::Verdict;
use crate::called::Called;
use crate::control::Command;
use crate::names::Told;
use crate::store::Restored;

/// What a turn begins with.
pub(super) enum First {
    /// Whoever runs the node wants it to stop.
    Shutdown,
    /// None once nobody is left to ask for anything.
    Command(Option<Command>),
    Verdicts(Vec<Verdict>),
    Loaded(Answer),
    Restored(Vec<Restored>),
    Told(Told),
    Neighbour(PeerAddr),
    /// Whatever is ready.
    Other,
}

/// Waits for the next turn.
pub(super) struct Waiting {
    seldom: Called,
    sleep: Pin<Box<Sleep>>,
    commands_open: bool,
}

impl Waiting {
    /// Waits until a moment at the latest.
    pub(super) fn new(until: Instant) -> Self {
        let sleep = Box::pin(sleep_until(until));
        Self { seldom: Called::new(), sleep, commands_open: true }
    }

    /// Waits until another moment.
    pub(super) fn until(&mut self, until: Instant) {
        if self.sleep.deadline() != until {
            self.sleep.as_mut().reset(until);
        }
    }

    /// Nobody is left to command anything.
    pub(super) const fn no_commands(&mut self) {
        self.commands_open = false;
    }

    /// What comes first.
    pub(super) fn poll(
        &mut self,
        shell: &mut Shell,
        shutdown: Pin<&mut impl Future<Output = ()>>,
        cx: &mut Context<'_>,
    ) -> Poll<First> {
        if self.seldom.take(cx) {
            let cx = &mut Context::from_waker(self.seldom.waker());
            if let Poll::Ready(first) = self.poll_seldom(shell, shutdown, cx) {
                self.seldom.again();
                return Poll::Ready(first);
            }
        }
        if let Poll::Ready(verdicts) = shell.verifier.poll(cx) {
            return Poll::Ready(First::Verdicts(verdicts));
        }
        if let Poll::Ready(answer) = shell.blocks.poll(cx) {
            return Poll::Ready(First::Loaded(answer));
        }
        let is_other =
            shell.net.poll_wait(cx).is_ready() || self.sleep.as_mut().poll(cx).is_ready();
        if is_other { Poll::Ready(First::Other) } else { Poll::Pending }
    }

    fn poll_seldom(
        &self,
        shell: &mut Shell,
        shutdown: Pin<&mut impl Future<Output = ()>>,
        cx: &mut Context<'_>,
    ) -> Poll<First> {
        if shutdown.poll(cx).is_ready() {
            return Poll::Ready(First::Shutdown);
        }
        if self.commands_open
            && let Poll::Ready(command) = shell.commands.poll_recv(cx)
        {
            return Poll::Ready(First::Command(command));
        }
        if let Poll::Ready(told) = shell.names.poll(cx, Instant::now()) {
            return Poll::Ready(First::Told(told));
        }
        if let Some(neighbours) = &mut shell.neighbours
            && let Poll::Ready(Some(addr)) = neighbours.poll_recv(cx)
        {
            return Poll::Ready(First::Neighbour(addr));
        }
        shell.keeper.poll_restored(cx).map(First::Restored)
    }
}
