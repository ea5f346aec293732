//! Whether peers can dial us: one is asked to try, and we try for those who ask.
//!
//! # How it goes
//! The asker sends its port on a stream of its own, over a link that it dialled. The asked one dials that port of the address from which
//! the link comes, on a new connection, secured with the asker's own key; closes it when the
//! asker has seen it, and sends on a stream of its own whether that came about. (`AutoNAT`, libp2p specs. rust-libp2p's second version dials any address that it is told, without a
//! rate, and finds out by `identify` who speaks it: hence this.) A connection of that kind is no link: nothing is said on it.
//!
//! # What a stranger could do
//! - *Have us dial others*: only the address that it comes from is dialled, at a port of its choice. The key there must be its
//!   own, so nothing but a handshake is sent.
//! - *Have us dial much*: [`Rate`]: 30 a minute, three for each network, [`BACKS_MAX`] under way.
//! - *Say that we can be dialled, though we can't*: it is believed only once its own connection has come in.
//! - *Say that we can't, though we can*: one is not enough (`shell/reach.rs`), and only those are asked whom we dialled.

mod handler;
mod rate;

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use libp2p::core::transport::PortUse;
use libp2p::core::{ConnectedPoint, Endpoint};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, DialError, FromSwarm, NetworkBehaviour, NotifyHandler,
    StreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use tidings_protocol::ground::bringer;
use tidings_protocol::ground::peer::{PeerAddr, Transport};
use tidings_protocol::ground::reach::Reach as Range;
use tokio::time::Instant;

use self::handler::{Handler, Order};
use self::rate::Rate;
use super::transport::{from_multiaddr, to_multiaddr};

/// Most dials for askers under way. A guess: each may take ten seconds, and none is of use to us.
const BACKS_MAX: usize = 4;

/// What came of an attempt to dial us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The peer didn't try, or doesn't speak the protocol.
    Untried,
    /// Its connection came in.
    Reached,
    /// It could not connect.
    NotReached,
}

/// The connections that are no links. Bounded by [`BACKS_MAX`], and those that are being closed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mute(Arc<Mutex<HashSet<ConnectionId>>>);

impl Mute {
    fn lock(&self) -> MutexGuard<'_, HashSet<ConnectionId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing is to be said on a connection.
    pub(crate) fn has(&self, id: ConnectionId) -> bool {
        self.lock().contains(&id)
    }
}

/// A live connection.
#[derive(Clone, Copy, Debug)]
struct Open {
    peer: PeerId,
    /// Where the peer dialled from; `None` if we did.
    from: Option<IpAddr>,
}

/// Our own question.
#[derive(Clone, Copy, Debug)]
struct Asked {
    peer: PeerId,
    id: ConnectionId,
    /// A connection of that peer has come in since.
    has_come: bool,
    /// It says that it reached us.
    says_so: bool,
}

type Event = ToSwarm<(PeerId, Verdict), Order>;

/// The behaviour.
pub(crate) struct Reach {
    protocol: StreamProtocol,
    /// Whether addresses of this site are dialled, too.
    local: bool,
    mute: Mute,
    /// Bounded by the swarm's limits.
    open: HashMap<ConnectionId, Open>,
    /// Dials for askers, by their own id: who asked, and on which connection. At most [`BACKS_MAX`].
    backs: HashMap<ConnectionId, (PeerId, ConnectionId)>,
    rate: Rate,
    asked: Option<Asked>,
    /// One or two for each event of the swarm's.
    events: VecDeque<Event>,
    waker: Option<Waker>,
}

impl Reach {
    /// Speaks the protocol of a network. `local` allows addresses that aren't the world's.
    pub(crate) fn new(protocol: StreamProtocol, local: bool, mute: Mute) -> Self {
        Self {
            protocol,
            local,
            mute,
            open: HashMap::new(),
            backs: HashMap::new(),
            rate: Rate::default(),
            asked: None,
            events: VecDeque::new(),
            waker: None,
        }
    }

    /// Asks a peer, over a link that we dialled, to dial us at a port. Answered by one event, unless it never answers;
    /// an earlier question is forgotten.
    pub(crate) fn ask(&mut self, peer: PeerId, port: u16) {
        let ours = |(_, open): &(&ConnectionId, &Open)| open.peer == peer && open.from.is_none();
        match self.open.iter().filter(ours).map(|(id, _)| *id).min() {
            Some(id) => {
                self.asked = Some(Asked { peer, id, has_come: false, says_so: false });
                self.order(peer, id, Order::Ask(port));
            }
            None => self.say(peer, Verdict::Untried),
        }
    }

    fn push(&mut self, event: Event) {
        self.events.push_back(event);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn order(&mut self, peer_id: PeerId, id: ConnectionId, event: Order) {
        self.push(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::One(id), event });
    }

    fn say(&mut self, peer: PeerId, verdict: Verdict) {
        self.asked = None;
        self.push(ToSwarm::GenerateEvent((peer, verdict)));
    }

    /// Somebody asks us to dial it.
    fn on_question(&mut self, peer: PeerId, id: ConnectionId, port: u16) {
        match self.admit(peer, id, port) {
            Some(addr) => {
                let opts = self.begin(peer, id, &addr);
                self.push(ToSwarm::Dial { opts });
            }
            None => self.order(peer, id, Order::Answer(Verdict::Untried)),
        }
    }

    /// Where an asker is dialled, if it is; that counts.
    fn admit(&mut self, peer: PeerId, id: ConnectionId, port: u16) -> Option<PeerAddr> {
        let ip = self.open.get(&id)?.from?;
        let addr = PeerAddr::new(ip, port, Transport::Tcp);
        let is_allowed = self.local || Range::of(addr.ip) == Some(Range::World);
        let is_busy =
            self.backs.len() >= BACKS_MAX || self.backs.values().any(|(other, _)| *other == peer);
        if !is_allowed || !addr.is_dialable() || is_busy {
            return None;
        }
        let group = bringer::group(addr.ip, self.local);
        self.rate.allows(group, Instant::now()).then_some(addr)
    }

    fn begin(&mut self, peer: PeerId, id: ConnectionId, addr: &PeerAddr) -> DialOpts {
        let opts = DialOpts::peer_id(peer)
            .condition(PeerCondition::Always)
            .addresses(vec![to_multiaddr(addr)])
            .allocate_new_port()
            .build();
        self.mute.lock().insert(opts.connection_id());
        self.backs.insert(opts.connection_id(), (peer, id));
        opts
    }

    /// The peer that we asked answers.
    fn on_answer(&mut self, peer: PeerId, id: ConnectionId, verdict: Verdict) {
        let Some(asked) = self.asked.as_mut().filter(|asked| asked.id == id) else { return };
        match verdict {
            Verdict::Reached => {
                asked.says_so = true;
                self.look(peer);
            }
            Verdict::Untried | Verdict::NotReached => self.say(peer, verdict),
        }
    }

    /// Whether both signs have come that the peer reached us: its word, and its connection.
    fn look(&mut self, peer: PeerId) {
        if self.asked.is_some_and(|asked| asked.says_so && asked.has_come) {
            self.say(peer, Verdict::Reached);
        }
    }

    fn on_established(&mut self, id: ConnectionId, peer: PeerId, endpoint: &ConnectedPoint) {
        let from = match endpoint {
            ConnectedPoint::Listener { send_back_addr, .. } => {
                from_multiaddr(send_back_addr).map(|addr| addr.ip)
            }
            ConnectedPoint::Dialer { .. } => None,
        };
        if let Some((peer, asked_on)) = self.backs.remove(&id) {
            // It is closed once the asker has seen it, as it must to believe us (`net/handler.rs`).
            return self.order(peer, asked_on, Order::Answer(Verdict::Reached));
        }
        self.open.insert(id, Open { peer, from });
        if from.is_some()
            && let Some(asked) = self.asked.as_mut().filter(|asked| asked.peer == peer)
        {
            asked.has_come = true;
            self.look(peer);
        }
    }
}

impl NetworkBehaviour for Reach {
    type ConnectionHandler = Handler;
    type ToSwarm = (PeerId, Verdict);

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::new(self.protocol.clone()))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::new(self.protocol.clone()))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(open) => {
                self.on_established(open.connection_id, open.peer_id, open.endpoint);
            }
            FromSwarm::ConnectionClosed(closed) => {
                let id = closed.connection_id;
                self.open.remove(&id);
                self.mute.lock().remove(&id);
                if self.asked.is_some_and(|asked| asked.id == id) {
                    self.say(closed.peer_id, Verdict::Untried);
                }
            }
            FromSwarm::DialFailure(failed) => {
                self.mute.lock().remove(&failed.connection_id);
                if let Some((peer, asked_on)) = self.backs.remove(&failed.connection_id) {
                    let verdict = match failed.error {
                        DialError::Transport(_) | DialError::WrongPeerId { .. } => {
                            Verdict::NotReached
                        }
                        // Our own trouble.
                        _ => Verdict::Untried,
                    };
                    self.order(peer, asked_on, Order::Answer(verdict));
                }
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        id: ConnectionId,
        said: THandlerOutEvent<Self>,
    ) {
        match said {
            Order::Ask(port) => self.on_question(peer, id, port),
            Order::Answer(verdict) => self.on_answer(peer, id, verdict),
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        match self.events.pop_front() {
            Some(event) => Poll::Ready(event),
            None => {
                self.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(local: bool) -> Reach {
        Reach::new(StreamProtocol::new("/test"), local, Mute::default())
    }

    fn id(n: usize) -> ConnectionId {
        ConnectionId::new_unchecked(n)
    }

    /// A connection that a peer dialled from an address, or that we dialled.
    fn open(reach: &mut Reach, n: usize, from: Option<&str>) -> PeerId {
        let peer = PeerId::random();
        let from = from.map(|from| from.parse().unwrap());
        reach.open.insert(id(n), Open { peer, from });
        peer
    }

    fn dialled(reach: &mut Reach, n: usize, peer: PeerId, port: u16) -> Option<String> {
        let addr = reach.admit(peer, id(n), port)?;
        let opts = reach.begin(peer, id(n), &addr);
        assert!(reach.mute.has(opts.connection_id()) && opts.get_peer_id() == Some(peer));
        Some(addr.to_string())
    }

    #[test]
    fn whoever_asks_is_dialled_where_it_comes_from_and_nowhere_else() {
        let mut one = reach(false);
        let peer = open(&mut one, 1, Some("8.8.8.8"));
        assert_eq!(dialled(&mut one, 1, peer, 4_001).as_deref(), Some("8.8.8.8:4001"));
        assert_eq!(dialled(&mut one, 1, peer, 4_002), None, "one at a time");
        for (n, from, port) in [
            (2, None, 4_001),
            (3, Some("192.168.1.1"), 80),
            (4, Some("127.0.0.1"), 80),
            (5, Some("8.9.8.8"), 0),
        ] {
            let peer = open(&mut one, n, from);
            assert_eq!(dialled(&mut one, n, peer, port), None, "{from:?}:{port}");
        }
        let mut local = reach(true);
        let peer = open(&mut local, 1, Some("127.0.0.1"));
        assert!(dialled(&mut local, 1, peer, 4_001).is_some(), "a test network");
    }

    #[test]
    fn few_dials_for_askers_are_under_way_whoever_asks() {
        let mut one = reach(false);
        let granted = (0..100).filter(|n| {
            let peer = open(&mut one, *n, Some(&format!("{}.1.1.1", 20 + n)));
            dialled(&mut one, *n, peer, 4_000).is_some()
        });
        assert_eq!(granted.count(), BACKS_MAX);
        assert_eq!(one.mute.lock().len(), BACKS_MAX);
    }

    #[test]
    fn a_peer_that_says_that_it_reached_us_is_believed_once_its_connection_came() {
        let verdict = |one: &mut Reach| match one.events.pop_front() {
            Some(ToSwarm::GenerateEvent((_, verdict))) => Some(verdict),
            _ => None,
        };
        let inbound = ConnectedPoint::Listener {
            local_addr: "/ip4/1.2.3.4/tcp/1".parse().unwrap(),
            send_back_addr: "/ip4/8.8.8.8/tcp/2".parse().unwrap(),
        };
        for comes_first in [true, false] {
            let mut one = reach(false);
            let peer = open(&mut one, 1, None);
            one.ask(peer, 4_000);
            assert_eq!(verdict(&mut one), None, "a question is sent");
            one.on_answer(PeerId::random(), id(7), Verdict::Reached);
            one.on_established(id(8), PeerId::random(), &inbound);
            if comes_first {
                one.on_established(id(2), peer, &inbound);
            } else {
                one.on_answer(peer, id(1), Verdict::Reached);
            }
            assert_eq!(verdict(&mut one), None, "half of it");
            if comes_first {
                one.on_answer(peer, id(1), Verdict::Reached);
            } else {
                one.on_established(id(2), peer, &inbound);
            }
            assert_eq!(verdict(&mut one), Some(Verdict::Reached));
            one.on_answer(peer, id(1), Verdict::NotReached);
            assert_eq!(verdict(&mut one), None, "it was answered");
        }
    }
}
