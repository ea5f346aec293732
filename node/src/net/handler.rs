//! The connection's side of a [`Pipe`]: opens one stream, accepts one, writes on the first and reads
//! from the second.
//!
//! Each side opens one stream and only writes on it, so neither has to agree with the other on who
//! opens, and a stream that fails to negotiate says that the peer speaks another network's protocol.
//! The pipe is announced to the driver once both are open. Both then stay open for the connection's
//! life, and either's end is the link's end.

use std::convert::Infallible;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError};
use libp2p::swarm::{
    ConnectionHandler, ConnectionHandlerEvent, Stream, StreamProtocol, StreamUpgradeError,
    SubstreamProtocol,
};
use tidings_protocol::chain::Chain;
use tidings_protocol::ground::link::Direction;
use tidings_protocol::ground::peer::DialError;
use tokio::time::Sleep;

use crate::clock::Clock;
use crate::net::flow::{Inflow, Outflow};
use crate::net::pipe::{Phase, Pipe};
use crate::net::progress::{self, Progress};

/// How long both streams may take to open once the connection is secured: what libp2p itself gives a
/// negotiation. The peer needs one round trip.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// The handler asks its behaviour to close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Close;

/// Handler of one connection.
pub(crate) struct Handler {
    pipe: Arc<Pipe>,
    protocol: StreamProtocol,
    chain: Arc<dyn Chain>,
    open_timeout: Duration,
    outflow: Option<Outflow<Stream>>,
    inflow: Option<Inflow<Stream>>,
    /// The open timeout, and then the end of what is held.
    timer: Option<Pin<Box<Sleep>>>,
    progress: Progress,
    progress_period: Duration,
    next: Next,
}

/// What the handler tells libp2p when it is next asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Open our stream.
    OpenStream,
    /// Nothing: it is moving bytes.
    Nothing,
    /// Close the connection.
    Close,
    /// Nothing any more: closing has been asked for.
    Over,
}

type ToSwarm = ConnectionHandlerEvent<ReadyUpgrade<StreamProtocol>, (), Close>;

impl Handler {
    /// A handler whose streams are yet to be opened.
    pub(crate) fn new(
        pipe: Arc<Pipe>,
        protocol: StreamProtocol,
        chain: Arc<dyn Chain>,
        clock: &Clock,
    ) -> Self {
        let open_timeout = clock.stretched(OPEN_TIMEOUT);
        let timer = Some(Box::pin(tokio::time::sleep(open_timeout)));
        let next = Next::OpenStream;
        Self {
            pipe,
            protocol,
            chain,
            open_timeout,
            outflow: None,
            inflow: None,
            timer,
            progress: Progress::default(),
            progress_period: clock.stretched(progress::PERIOD),
            next,
        }
    }

    /// Announces the pipe once both streams are open.
    fn on_open(&mut self) {
        if self.inflow.is_none() || self.outflow.is_none() {
            return;
        }
        self.timer = None;
        let mut state = self.pipe.state();
        if state.phase == Phase::Opening {
            state.phase = Phase::Open;
            self.pipe.list(&mut state);
        }
    }

    /// Notes why this never becomes a link. The dialler closes; who was dialled waits for that until
    /// the open timeout, since closing early could overtake the answer that tells the dialler why.
    fn on_refused(&mut self, why: DialError) {
        self.pipe.state().failure = Some(why);
        if self.pipe.direction == Direction::Outbound {
            self.close();
        }
    }

    fn close(&mut self) {
        if self.next != Next::Over {
            self.next = Next::Close;
        }
    }

    /// Registers for the driver's wake-ups and sees what it changed.
    fn poll_driver(&mut self, cx: &mut Context<'_>) {
        let mut state = self.pipe.state();
        state.register(cx);
        if state.phase == Phase::Over {
            drop(state);
            return self.close();
        }
        if self.inflow.is_none() || self.outflow.is_none() {
            drop(state);
            if self.timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready()) {
                self.timer = None;
                self.close(); // The open timeout.
            }
            return;
        }
        while let Some(until) = state.next_release() {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
            if timer.deadline() != until {
                timer.as_mut().reset(until);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return;
            }
            self.timer = None;
            if state.release(until) {
                self.pipe.list(&mut state);
            }
        }
        self.timer = None;
    }

    /// Moves bytes both ways, once both streams are open.
    fn poll_flows(&mut self, cx: &mut Context<'_>) {
        let (Some(outflow), Some(inflow)) = (&mut self.outflow, &mut self.inflow) else { return };
        let wrote = outflow.poll(&self.pipe, cx);
        let read = inflow.poll(&self.pipe, &*self.chain, cx);
        if let (Poll::Ready(error), _) | (_, Poll::Ready(error)) = (wrote, read) {
            tracing::debug!(peer = %self.pipe.peer, %error, "a link's stream ended");
            return self.close();
        }
        let (oldest, is_reading) = (inflow.oldest_unfinished(), self.pipe.state().wants_input());
        if self.progress.poll(oldest, is_reading, self.progress_period, cx).is_ready() {
            tracing::debug!(peer = %self.pipe.peer, "a message didn't end");
            self.close();
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Close;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(self.protocol.clone()), ())
            .with_timeout(self.open_timeout)
    }

    fn connection_keep_alive(&self) -> bool {
        self.next != Next::Over
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedOutbound(opened) => {
                self.outflow = Some(Outflow::new(opened.protocol));
                self.on_open();
            }
            // A second inbound stream is dropped, which resets it: a link has one.
            ConnectionEvent::FullyNegotiatedInbound(opened) if self.inflow.is_none() => {
                self.inflow = Some(Inflow::new(opened.protocol));
                self.on_open();
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, .. }) => {
                self.on_refused(match error {
                    StreamUpgradeError::NegotiationFailed => DialError::WrongNetwork,
                    StreamUpgradeError::Timeout
                    | StreamUpgradeError::Apply(_)
                    | StreamUpgradeError::Io(_) => DialError::Unreachable,
                });
            }
            _ => {}
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm> {
        if self.next == Next::OpenStream {
            self.next = Next::Nothing;
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: self.listen_protocol(),
            });
        }
        if self.next == Next::Nothing {
            self.poll_driver(cx);
        }
        if self.next == Next::Nothing {
            self.poll_flows(cx);
        }
        if self.next == Next::Close {
            self.next = Next::Over;
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(Close));
        }
        Poll::Pending
    }
}

impl Drop for Handler {
    /// libp2p drops the handler when the connection is over, however it ended: the one place from
    /// which the driver always learns of it.
    fn drop(&mut self) {
        let mut state = self.pipe.state();
        state.closed = true;
        (state.unfinished, state.leaving) = (0, 0);
        state.count();
        self.pipe.list(&mut state);
    }
}
