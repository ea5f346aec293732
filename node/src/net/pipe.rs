//! What the driver and the task of one link ([`Carrier`](super::carrier::Carrier)) share: a queue each way.
//!
//! libp2p runs each connection as a task of its own and offers two bounded channels between it and
//! the swarm. Both are wrong for payload: the way in stops every behaviour when it is full, the way
//! out holds seven events, and each event polls the whole swarm. So messages don't go through the
//! swarm at all. They go through a [`Pipe`], and the swarm's task sleeps while links are merely busy.
//!
//! Out: the driver appends frames; the connection takes up to 64 KiB of them at once and flushes once.
//! In: the connection appends what one wake-up brought, and puts the pipe on the [`Ready`] list, from
//! which the driver takes everything at once. Either side wakes the other only when it could be asleep
//! and has something new to do: wake-ups are what relaying small messages costs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::task::AtomicWaker;
use libp2p::PeerId;
use libp2p::swarm::ConnectionId;
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::peer::{DialError, PeerAddr};
use tidings_protocol::wire::error::DecodeError;
use tidings_protocol::wire::frame::Writer;
use tidings_protocol::wire::kinds::Class;
use tidings_protocol::wire::message::Message;
use tokio::time::Instant;

use crate::net::held::{Account, Share};
use crate::net::inbox::Inbox;

/// Queued bytes besides the first block at which a link counts as congested: Bitcoin Core's send buffer per peer
/// (`DEFAULT_MAXSENDBUFFER` in its `src/net.h`).
pub(crate) const HIGH_MARK: usize = 1 << 20;

/// The same at which a congested link counts as drained again. A guess: a quarter, so that the two
/// states don't flutter.
pub(crate) const LOW_MARK: usize = HIGH_MARK / 4;

/// Bytes of memory in a send queue at which a link is cut, the largest block not counted. The core stops at
/// [`HIGH_MARK`] but for small answers; what it appends before it notices is bounded by one reaction
/// to one input, for which this is ample (items leave in portions of 256 KiB). A guess.
pub(crate) const HARD_BOUND: usize = 3 << 20;

/// One connection, as driver and connection task see it.
#[derive(Debug)]
pub(crate) struct Pipe {
    /// libp2p's name of the connection.
    pub(crate) id: ConnectionId,
    /// Who is there.
    pub(crate) peer: PeerId,
    /// Who dialled.
    pub(crate) direction: Direction,
    /// The other end as the transport sees it.
    pub(crate) remote: Option<PeerAddr>,
    ready: Arc<Ready>,
    state: Mutex<State>,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not both streams are open yet.
    Opening,
    /// Both streams are open; the driver doesn't know yet.
    Open,
    /// The driver gave it a link.
    Live(Link),
    /// The driver is done with it.
    Over,
}

/// The part that changes.
#[derive(Debug)]
pub(crate) struct State {
    /// How far it has come.
    pub(crate) phase: Phase,
    /// The connection task has ended; nothing more will come.
    pub(crate) closed: bool,
    /// Why it never came to be a link, if the handler knows.
    pub(crate) failure: Option<DialError>,
    /// Frames to send.
    pub(crate) writer: Writer,
    /// The queue passed its high mark, and has not fallen below its low mark since.
    pub(crate) congested: bool,
    /// It just fell below its low mark; the driver doesn't know yet.
    pub(crate) drained: bool,
    inbox: Inbox,
    /// Bytes that the reader holds of messages that aren't complete.
    pub(crate) unfinished: usize,
    /// Bytes on their way from the queue to the stream.
    pub(crate) leaving: usize,
    /// All that it holds, as it was last counted.
    share: Share,
    /// What ended reading.
    pub(crate) malformed: Option<DecodeError>,
    /// The task of the connection, if it may be asleep with nothing to send.
    task: Option<Waker>,
    /// The connection has been told that there is something to send, or is waiting for the socket.
    told: bool,
    /// The pipe is on the ready list.
    listed: bool,
}

impl Pipe {
    /// A pipe for a new connection of a network whose blocks have up to `block_max` bytes.
    pub(crate) fn new(
        (id, peer, direction): (ConnectionId, PeerId, Direction),
        remote: Option<PeerAddr>,
        block_max: usize,
        ready: Arc<Ready>,
        account: Arc<Account>,
    ) -> Arc<Self> {
        let state = State {
            phase: Phase::Opening,
            closed: false,
            failure: None,
            writer: Writer::new(HARD_BOUND + block_max),
            congested: false,
            drained: false,
            inbox: Inbox::default(),
            unfinished: 0,
            leaving: 0,
            share: Share::new(account),
            malformed: None,
            task: None,
            told: false,
            listed: false,
        };
        Arc::new(Self { id, peer, direction, remote, ready, state: Mutex::new(state) })
    }

    /// The part that changes. Never held across a wait, nor while another pipe's is held.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Called by the connection: there is something for the driver.
    pub(crate) fn list(self: &Arc<Self>, state: &mut State) {
        if !state.listed {
            state.listed = true;
            self.ready.push(Arc::clone(self));
        }
    }
}

impl State {
    /// Called by the connection whenever it is polled: whom to wake.
    pub(crate) fn register(&mut self, cx: &Context<'_>) {
        match &mut self.task {
            Some(task) => task.clone_from(cx.waker()),
            None => self.task = Some(cx.waker().clone()),
        }
    }

    /// Called by the connection when it has taken all there was to send.
    pub(crate) const fn sent_all(&mut self) {
        self.told = false;
    }

    /// Called by the driver: there is something to send. Wakes the connection the first time only.
    pub(crate) fn tell(&mut self) {
        if !std::mem::replace(&mut self.told, true) {
            self.wake();
        }
    }

    /// Called by the driver: something changed that the connection must see.
    pub(crate) fn wake(&self) {
        if let Some(task) = &self.task {
            task.wake_by_ref();
        }
    }

    /// Called by the driver when it takes the pipe off the list.
    pub(crate) const fn unlist(&mut self) {
        self.listed = false;
    }

    /// Whether the connection should read more: never while messages are held, nor when the driver has enough.
    pub(crate) fn wants_input(&self) -> bool {
        self.malformed.is_none() && self.is_open() && !self.inbox.is_full()
    }

    /// Called by the connection: a message arrived. It [counts](Self::count) once all have.
    pub(crate) fn arrive(&mut self, message: Message) {
        self.inbox.push(message);
    }

    /// Whether messages wait for the driver.
    pub(crate) fn has_input(&self) -> bool {
        self.inbox.has_input()
    }

    /// Called by the driver: hands nothing in before a moment, or nothing of a class.
    pub(crate) fn hold(&mut self, class: Option<Class>, until: Instant) {
        self.inbox.hold(class, until);
        self.count();
        self.wake();
    }

    /// Whether anything may be handed in.
    pub(crate) const fn is_open(&self) -> bool {
        self.inbox.is_open()
    }

    /// Whether one of these mustn't be handed in now.
    pub(crate) fn must_hold(&self, messages: &[Message]) -> bool {
        self.inbox.must_hold(messages)
    }

    /// When something that is held may go on.
    pub(crate) fn next_release(&self) -> Option<Instant> {
        self.inbox.next_release()
    }

    /// Called by the connection: what was held until a moment goes on. True if the driver should look.
    pub(crate) fn release(&mut self, now: Instant) -> bool {
        self.inbox.release(now);
        self.count();
        self.is_open() && (self.has_input() || self.malformed.is_some())
    }

    /// Called by the driver: takes what has arrived, and leaves an empty vector; `None` if there is nothing, if nothing is
    /// to be handed in now, or if the driver still has what it took before.
    pub(crate) fn lend(&mut self, spare: &mut Vec<Message>) -> Option<Vec<Message>> {
        let messages = self.inbox.lend(spare)?;
        self.count();
        Some(messages)
    }

    /// Called by the driver: it still has these of what it took.
    pub(crate) fn keep_lent(&mut self, messages: &Vec<Message>) {
        self.inbox.keep_lent(messages);
        self.count();
    }

    /// Called by the driver: it is done with what it took, but for these, which come before what arrived since.
    pub(crate) fn settle(&mut self, rest: Vec<Message>) {
        let was_full = self.inbox.is_full();
        self.inbox.settle(rest);
        self.count();
        if was_full && self.wants_input() {
            self.wake(); // It had stopped reading.
        }
    }

    /// Called by the driver when it is done with the link: nothing waits any more. What the link's task holds it lets go as soon as
    /// it runs, and isn't counted until then: else whoever cuts links for holding too much would go on to the next one, though
    /// this one was enough.
    pub(crate) fn end(&mut self) {
        self.phase = Phase::Over;
        self.writer = Writer::new(0);
        self.inbox = Inbox::default();
        (self.unfinished, self.leaving) = (0, 0);
        self.count();
        self.wake();
    }

    /// Counts all that it holds, whenever something came or went.
    pub(crate) fn count(&mut self) {
        let (came, goes) = (self.inbox.held() + self.unfinished, self.writer.held_bytes());
        self.share.set(came + goes + self.leaving);
    }

    /// All that it holds.
    pub(crate) const fn share(&self) -> &Share {
        &self.share
    }
}

/// Pipes with something for the driver; each is on it at most once.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    pipes: Mutex<Vec<Arc<Pipe>>>,
    driver: AtomicWaker,
}

impl Ready {
    fn push(&self, pipe: Arc<Pipe>) {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        pipes.push(pipe);
        let first = pipes.len() == 1;
        drop(pipes);
        if first {
            self.driver.wake();
        }
    }

    /// Moves the whole list to the end of `into`.
    pub(crate) fn take(&self, into: &mut Vec<Arc<Pipe>>) {
        into.append(&mut self.pipes.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Ready when there is at least one pipe on the list.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        self.driver.register(cx.waker());
        let pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        if pipes.is_empty() { Poll::Pending } else { Poll::Ready(()) }
    }
}

#[cfg(test)]
mod tests;
