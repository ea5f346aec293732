//! Stands between the listeners and the swarm, and does what the [`Gate`] says.
//!
//! libp2p hands on every connection that a listener accepts, and whoever owns the swarm can refuse one but not end one that is
//! being secured. So the transport itself is wrapped: what it accepts is a future that ends when its time is up, or
//! when it has to give way.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{DialOpts, ListenerId, TransportEvent};
use libp2p::{Multiaddr, PeerId, Transport, TransportError};
use tidings_protocol::ground::subnet::Subnet;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::net::gate::{Gate, HANDSHAKE_TIMEOUT, Ticket};
use crate::net::transport::{BoxedTransport, from_multiaddr};

/// The gate, and those who are being secured at it.
#[derive(Clone, Debug)]
pub(crate) struct Door(Arc<Mutex<Guarding>>);

#[derive(Debug)]
struct Guarding {
    gate: Gate,
    /// Whoever waits at one of these has to give way once it is dropped.
    stay: HashMap<Ticket, oneshot::Sender<()>>,
}

impl Door {
    /// A door with a gate.
    pub(crate) fn new(gate: Gate) -> Self {
        Self(Arc::new(Mutex::new(Guarding { gate, stay: HashMap::new() })))
    }

    fn lock(&self) -> MutexGuard<'_, Guarding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whom the operator keeps out from now on, and until when.
    pub(crate) fn keep_out(&self, banned: Vec<(Subnet, Instant)>) {
        self.lock().gate.keep_out(banned);
    }

    /// Whether all inbound places are taken from now on.
    pub(crate) fn set_full(&self, full: bool) {
        self.lock().gate.set_full(full);
    }

    /// An inbound connection is open.
    pub(crate) fn opened(&self, from: &Multiaddr) {
        if let Some(addr) = from_multiaddr(from) {
            self.lock().gate.opened(addr.ip);
        }
    }

    /// An inbound connection that was open isn't any more.
    pub(crate) fn closed(&self, from: &Multiaddr) {
        if let Some(addr) = from_multiaddr(from) {
            self.lock().gate.closed(addr.ip);
        }
    }

    fn knock(&self, ip: IpAddr) -> Option<Guest> {
        let mut inner = self.lock();
        let (ticket, gives_way) = inner.gate.knock(ip, Instant::now())?;
        if let Some(other) = gives_way {
            inner.stay.remove(&other);
        }
        let (stay, gives_way) = oneshot::channel();
        inner.stay.insert(ticket, stay);
        Some(Guest { ticket, gives_way, door: self.clone() })
    }
}

/// A connection that is being secured.
struct Guest {
    ticket: Ticket,
    gives_way: oneshot::Receiver<()>,
    door: Door,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut inner = self.door.lock();
        inner.gate.leave(self.ticket);
        inner.stay.remove(&self.ticket);
    }
}

/// A transport behind a door.
pub(crate) struct Guarded {
    inner: BoxedTransport,
    door: Door,
    /// How long securing an inbound connection may take.
    patience: Duration,
}

impl Guarded {
    /// A transport whose listeners are guarded; how much slower than real its clock runs is in `stretched`.
    pub(crate) fn new(
        inner: BoxedTransport,
        door: Door,
        stretched: impl Fn(Duration) -> Duration,
    ) -> Self {
        Self { inner, door, patience: stretched(HANDSHAKE_TIMEOUT) }
    }
}

type Output = (PeerId, StreamMuxerBox);
type Upgrade = Pin<Box<dyn Future<Output = io::Result<Output>> + Send>>;

/// Secures a connection, unless it has to give way or takes too long.
async fn secure(
    upgrade: impl Future<Output = io::Result<Output>>,
    mut guest: Guest,
    patience: Duration,
) -> io::Result<Output> {
    tokio::select! {
        biased;
        secured = upgrade => secured,
        _ = &mut guest.gives_way => Err(io::Error::other("it gave way to a newcomer")),
        () = tokio::time::sleep(patience) => Err(io::ErrorKind::TimedOut.into()),
    }
}

impl Transport for Guarded {
    type Output = Output;
    type Error = io::Error;
    type ListenerUpgrade = Upgrade;
    type Dial = <BoxedTransport as Transport>::Dial;

    fn listen_on(
        &mut self,
        id: ListenerId,
        addr: Multiaddr,
    ) -> Result<(), TransportError<io::Error>> {
        self.inner.listen_on(id, addr)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(
        &mut self,
        addr: Multiaddr,
        opts: DialOpts,
    ) -> Result<Self::Dial, TransportError<io::Error>> {
        self.inner.dial(addr, opts)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        let event = std::task::ready!(Pin::new(&mut self.inner).poll(cx));
        let TransportEvent::Incoming { listener_id, upgrade, local_addr, send_back_addr } = event
        else {
            return Poll::Ready(event.map_upgrade(|upgrade| -> Upgrade { upgrade }));
        };
        let ip = from_multiaddr(&send_back_addr).map(|addr| addr.ip);
        let upgrade: Upgrade = match ip.and_then(|ip| self.door.knock(ip)) {
            Some(guest) => Box::pin(secure(upgrade, guest, self.patience)),
            // Dropping what was accepted closes it.
            None => Box::pin(std::future::ready(Err(io::ErrorKind::ConnectionRefused.into()))),
        };
        Poll::Ready(TransportEvent::Incoming { listener_id, upgrade, local_addr, send_back_addr })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use std::future::pending;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_has_three_seconds_and_then_its_place_is_free() {
        let door = Door::new(Gate::new(100, false));
        let guest = door.knock(ip("1.2.3.4")).unwrap();
        let began = Instant::now();
        let secured = secure(pending(), guest, HANDSHAKE_TIMEOUT).await;
        assert_eq!(secured.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed(), Duration::from_secs(3));
        assert!(door.lock().stay.is_empty(), "nothing is kept of it");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gives_way_ends_at_once_and_nobody_else() {
        let door = Door::new(Gate::new(100, false));
        let mut waiting: Vec<_> = (0..5)
            .map(|_| {
                let guest = door.knock(ip("1.2.3.4")).unwrap();
                Box::pin(secure(pending(), guest, HANDSHAKE_TIMEOUT))
            })
            .collect();
        let ended: Vec<_> =
            waiting.iter_mut().map(|one| one.as_mut().now_or_never().is_some()).collect();
        assert_eq!(ended, [true, false, false, false, false], "the oldest of the address");
    }
}
