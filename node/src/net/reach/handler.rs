//! What is said about dials back on one connection: three bytes on a stream, one stream for each thing said, each by whoever says it.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError};
use libp2p::swarm::{
    ConnectionHandler, ConnectionHandlerEvent, Stream, StreamProtocol, SubstreamProtocol,
};

use super::Verdict;

/// How long saying or hearing something may take. A guess: some round trips.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most things to be said at a time; further ones are dropped. A guess: a question of ours and an answer.
const SAYING_MAX: usize = 4;

/// What is said: by our behaviour to the peer, and by the peer to our behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Dial me, at this port of where I come from.
    Ask(u16),
    /// What came of that.
    Answer(Verdict),
}

impl Order {
    const fn bytes(self) -> [u8; 3] {
        match self {
            Self::Ask(port) => {
                let [high, low] = port.to_be_bytes();
                [0, high, low]
            }
            Self::Answer(Verdict::Untried) => [1, 0, 0],
            Self::Answer(Verdict::Reached) => [1, 1, 0],
            Self::Answer(Verdict::NotReached) => [1, 2, 0],
        }
    }

    const fn read(bytes: [u8; 3]) -> Option<Self> {
        Some(match bytes {
            [0, high, low] => Self::Ask(u16::from_be_bytes([high, low])),
            [1, 0, 0] => Self::Answer(Verdict::Untried),
            [1, 1, 0] => Self::Answer(Verdict::Reached),
            [1, 2, 0] => Self::Answer(Verdict::NotReached),
            _ => return None,
        })
    }
}

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Handler of one connection.
pub(crate) struct Handler {
    protocol: StreamProtocol,
    /// To be said. At most [`SAYING_MAX`].
    to_say: VecDeque<Order>,
    /// A stream is being opened for it.
    opening: Option<Order>,
    saying: Option<Work<()>>,
    /// The peer says one thing at a time.
    hearing: Option<Work<Option<Order>>>,
    heard: Option<Order>,
    waker: Option<Waker>,
}

impl Handler {
    /// A handler on which nothing was said yet.
    pub(crate) const fn new(protocol: StreamProtocol) -> Self {
        let to_say = VecDeque::new();
        Self {
            protocol,
            to_say,
            opening: None,
            saying: None,
            hearing: None,
            heard: None,
            waker: None,
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

async fn say(mut stream: Stream, order: Order) {
    let said = async {
        stream.write_all(&order.bytes()).await?;
        stream.close().await
    };
    // Who doesn't hear it misses it.
    let _ = tokio::time::timeout(PATIENCE, said).await;
}

async fn hear(mut stream: Stream) -> Option<Order> {
    let mut bytes = [0; 3];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut bytes)).await.ok()?.ok()?;
    Order::read(bytes)
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Order;
    type ToBehaviour = Order;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(self.protocol.clone()), ()).with_timeout(PATIENCE)
    }

    fn on_behaviour_event(&mut self, order: Order) {
        if self.to_say.len() < SAYING_MAX {
            self.to_say.push_back(order);
            self.wake();
        }
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedOutbound(opened) => {
                if let Some(order) = self.opening.take() {
                    self.saying = Some(Box::pin(say(opened.protocol, order)));
                }
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { .. }) => {
                // The peer doesn't speak of this: as if it had said so.
                if let Some(Order::Ask(_)) = self.opening.take() {
                    self.heard = Some(Order::Answer(Verdict::Untried));
                }
            }
            ConnectionEvent::FullyNegotiatedInbound(opened) if self.hearing.is_none() => {
                self.hearing = Some(Box::pin(hear(opened.protocol)));
            }
            _ => {}
        }
        self.wake();
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Order>> {
        if let Some(hearing) = &mut self.hearing
            && let Poll::Ready(order) = hearing.as_mut().poll(cx)
        {
            self.hearing = None;
            self.heard = self.heard.or(order);
        }
        if let Some(heard) = self.heard.take() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(heard));
        }
        if let Some(saying) = &mut self.saying
            && saying.as_mut().poll(cx).is_ready()
        {
            self.saying = None;
        }
        if self.opening.is_none()
            && self.saying.is_none()
            && let Some(order) = self.to_say.pop_front()
        {
            self.opening = Some(order);
            let protocol = self.listen_protocol();
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_reads_back_and_nothing_else_does() {
        let verdicts = [Verdict::Untried, Verdict::Reached, Verdict::NotReached];
        let all =
            verdicts.map(Order::Answer).into_iter().chain([0, 1, 4_000, 65_535].map(Order::Ask));
        for order in all {
            assert_eq!(Order::read(order.bytes()), Some(order));
        }
        for bad in [[1, 3, 0], [1, 0, 1], [2, 0, 0], [255, 255, 255]] {
            assert_eq!(Order::read(bad), None);
        }
    }
}
