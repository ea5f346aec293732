//! libp2p's side of a connection: opens one stream, accepts one, and hands both to the link's own task ([`Carrier`]).
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
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use crate::clock::Clock;
use crate::net::carrier::Carrier;
use crate::net::pipe::{Phase, Pipe};
use crate::net::progress;

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
    progress_period: Duration,
    /// Our stream and the peer's, until both are open.
    outbound: Option<Stream>,
    inbound: Option<Stream>,
    /// The open timeout.
    timer: Option<Pin<Box<Sleep>>>,
    /// The task that moves bytes, once both are open. A panic there ends it, and with it the connection.
    carrier: Option<JoinHandle<()>>,
    next: Next,
}

/// What the handler tells libp2p when it is next asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Open our stream.
    OpenStream,
    /// Nothing: the streams are being opened, or bytes are moved.
    Nothing,
    /// Nothing, until the peer opens a stream: this is to become no link, and the peer has seen it then.
    Wait,
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
        Self {
            pipe,
            protocol,
            chain,
            open_timeout,
            progress_period: clock.stretched(progress::PERIOD),
            outbound: None,
            inbound: None,
            timer: Some(Box::pin(tokio::time::sleep(open_timeout))),
            carrier: None,
            next: Next::OpenStream,
        }
    }

    /// The same of a connection that is to become no link: it opens nothing, and ends when the peer does, or in a while.
    pub(crate) fn mute(mut self) -> Self {
        (self.timer, self.next) = (None, Next::Wait);
        self
    }

    /// Starts the link's task once both streams are open, and announces the pipe.
    fn on_open(&mut self) {
        let is_open = self.inbound.is_some();
        let Some(outbound) = self.outbound.take_if(|_| is_open) else { return };
        let Some(inbound) = self.inbound.take() else { return };
        self.timer = None;
        let (pipe, chain) = (Arc::clone(&self.pipe), Arc::clone(&self.chain));
        let carrier = Carrier::new(pipe, chain, outbound, inbound, self.progress_period);
        self.carrier = Some(tokio::spawn(carrier));
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

    /// Whether the link has ended, or will never be one.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(carrier) = &mut self.carrier {
            return Pin::new(carrier).poll(cx).map(drop);
        }
        let mut state = self.pipe.state();
        state.register(cx);
        let is_over = state.phase == Phase::Over;
        drop(state);
        let is_late = self.timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready());
        if is_over || is_late { Poll::Ready(()) } else { Poll::Pending }
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
        !matches!(self.next, Next::Wait | Next::Over)
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
                self.outbound = Some(opened.protocol);
                self.on_open();
            }
            ConnectionEvent::FullyNegotiatedInbound(_) if self.next == Next::Wait => self.close(),
            // A second inbound stream is dropped, which resets it: a link has one.
            ConnectionEvent::FullyNegotiatedInbound(opened)
                if self.inbound.is_none() && self.carrier.is_none() =>
            {
                self.inbound = Some(opened.protocol);
                self.on_open();
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, .. }) => {
                self.on_refused(match error {
                    StreamUpgradeError::NegotiationFailed => DialError::WrongNetwork,
                    StreamUpgradeError::Timeout
                    | StreamUpgradeError::Apply(_)
                    | StreamUpgradeError::Io(_) => DialError::Handshake,
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
        if self.next == Next::Nothing && self.poll_end(cx).is_ready() {
            self.next = Next::Close;
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
        if let Some(carrier) = &self.carrier {
            carrier.abort();
        }
        let mut state = self.pipe.state();
        state.closed = true;
        (state.unfinished, state.leaving) = (0, 0);
        state.count();
        self.pipe.list(&mut state);
    }
}
