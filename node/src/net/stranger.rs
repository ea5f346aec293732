//! The other end of a connection within this process, for whoever plays a peer that keeps to nothing.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures::{AsyncRead, AsyncWrite, StreamExt as _};
use libp2p::core::Endpoint;
use libp2p::core::transport::{DialOpts, MemoryTransport, PortUse};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm, Transport as _};

use crate::net::behaviour::Behaviours;

/// Most bytes read at once.
const READ_MAX: usize = 64 << 10;

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A stranger: sends bytes, and reads those that are sent to it or doesn't. It never waits; whoever plays it lets the
/// node's tasks run in between.
pub struct Stranger(Box<dyn Duplex>);

impl std::fmt::Debug for Stranger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stranger")
    }
}

impl Stranger {
    /// Connects to a swarm within this process.
    pub(crate) async fn connect(swarm: &mut Swarm<Behaviours>) -> Self {
        let any = Multiaddr::empty().with(Protocol::Memory(0));
        let listener = swarm.listen_on(any).expect("this process has ports enough");
        let addr = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address;
            }
        };
        let opts = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
        let dialled = MemoryTransport::new().dial(addr, opts).expect("it is such an address");
        let stranger = Self(Box::new(dialled.await.expect("somebody listens there")));
        while !matches!(swarm.select_next_some().await, SwarmEvent::IncomingConnection { .. }) {}
        // Else the process keeps the port, and all that is to be woken by it, for ever.
        swarm.remove_listener(listener);
        stranger
    }

    /// Sends bytes; how many were taken now. `None` once the connection is over.
    pub fn send(&mut self, bytes: &[u8]) -> Option<usize> {
        let cx = &mut Context::from_waker(Waker::noop());
        let written = match Pin::new(&mut self.0).poll_write(cx, bytes) {
            Poll::Ready(written) => Some(written.ok()?),
            Poll::Pending => Some(0),
        };
        match Pin::new(&mut self.0).poll_flush(cx) {
            Poll::Ready(Err(_)) => None,
            Poll::Ready(Ok(())) | Poll::Pending => written,
        }
    }

    /// Reads what has come. `None` once the connection is over.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        let cx = &mut Context::from_waker(Waker::noop());
        let mut bytes = vec![0; READ_MAX];
        match Pin::new(&mut self.0).poll_read(cx, &mut bytes) {
            Poll::Ready(Ok(0) | Err(_)) => None,
            Poll::Ready(Ok(read)) => {
                bytes.truncate(read);
                Some(bytes)
            }
            Poll::Pending => Some(Vec::new()),
        }
    }
}
