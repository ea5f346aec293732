//! A panic in a connection's task costs that connection.
//!
//! A handler that panics isn't asked again and has its connection closed, as one that ends ([`Contained`]); a link's own
//! task (`net/carrier.rs`) ends for the runtime, and the handler sees that. Where libp2p
//! itself panics, the runtime drops the connection's task, and with it the handler, which tells the driver; only libp2p's
//! own books keep its place. Such losses are counted ([`Lost`]), and a node that has lost as many places as it has to spare
//! must end: else a stranger could take all of them, one by one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures::FutureExt as _;
use libp2p::swarm::handler::ConnectionEvent;
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, Executor, SubstreamProtocol};

use super::handler::Close;

/// A handler of which a panic is the end of its connection.
pub(crate) struct Contained<H> {
    handler: H,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Sound,
    /// It panicked: closing is to be asked for.
    Broken,
    Closing,
}

impl<H> Contained<H> {
    pub(crate) const fn new(handler: H) -> Self {
        Self { handler, state: State::Sound }
    }

    /// Asks the handler something, unless it panicked. The hook has told of the panic.
    fn ask<T>(&mut self, ask: impl FnOnce(&mut H) -> T) -> Option<T> {
        if self.state != State::Sound {
            return None;
        }
        // It isn't asked again, and what it shares with the driver is never half changed (`net/pipe.rs`).
        let asked = catch_unwind(AssertUnwindSafe(|| ask(&mut self.handler)));
        asked.inspect_err(|_| self.state = State::Broken).ok()
    }
}

impl<H> ConnectionHandler for Contained<H>
where
    H: ConnectionHandler<ToBehaviour = Close>,
{
    type FromBehaviour = H::FromBehaviour;
    type ToBehaviour = Close;
    type InboundProtocol = H::InboundProtocol;
    type OutboundProtocol = H::OutboundProtocol;
    type InboundOpenInfo = H::InboundOpenInfo;
    type OutboundOpenInfo = H::OutboundOpenInfo;

    fn listen_protocol(&self) -> SubstreamProtocol<H::InboundProtocol, H::InboundOpenInfo> {
        self.handler.listen_protocol()
    }

    fn connection_keep_alive(&self) -> bool {
        self.state == State::Sound && self.handler.connection_keep_alive()
    }

    fn on_behaviour_event(&mut self, event: H::FromBehaviour) {
        let _ = self.ask(|handler| handler.on_behaviour_event(event));
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<
            '_,
            H::InboundProtocol,
            H::OutboundProtocol,
            H::InboundOpenInfo,
            H::OutboundOpenInfo,
        >,
    ) {
        let _ = self.ask(|handler| handler.on_connection_event(event));
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<H::OutboundProtocol, H::OutboundOpenInfo, Close>> {
        if let Some(polled) = self.ask(|handler| handler.poll(cx)) {
            return polled;
        }
        if self.state == State::Broken {
            self.state = State::Closing;
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(Close));
        }
        Poll::Pending
    }
}

/// How many connections' tasks ended by a panic that no handler contained.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lost(Arc<AtomicUsize>);

impl Lost {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Executor for Lost {
    fn exec(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        let lost = Arc::clone(&self.0);
        tokio::spawn(AssertUnwindSafe(task).catch_unwind().map(move |ended| {
            lost.fetch_add(usize::from(ended.is_err()), Ordering::Relaxed);
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_counted_and_others_go_on() {
        let lost = Lost::default();
        let (done, is_done) = tokio::sync::oneshot::channel();
        lost.exec(Box::pin(async { panic!("a fault in a library") }));
        lost.exec(Box::pin(async move { done.send(()).unwrap() }));
        is_done.await.unwrap();
        assert_eq!(lost.count(), 1);
    }
}
