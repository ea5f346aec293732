//! The node under attack, and its links: a driver for one.

use std::time::Duration;

use rand::RngExt as _;
use rand::seq::IteratorRandom as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::peer::{BookRecord, DialError, PeerAddr};
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::{Action, Cx, Input, Machine as _};
use tidings_protocol::node::{Identity, Node};
use tidings_protocol::params::Params;
use tidings_protocol::wire::message::{Hello, Message, Session};

use super::internet::{Grouping, Host, Internet};
use crate::random::{SplitMix64, Use, stream};

/// A link that is younger isn't counted as one of the set: a feeler lasts ten seconds and a round trip.
const YOUNG: Duration = Duration::from_secs(15);

/// What the node wants of the world.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    /// It dials an address.
    Dials(PeerAddr),
    /// It says something on a link.
    Says(Link, Message),
}

/// One link.
#[derive(Clone, Copy, Debug)]
struct Conn {
    link: Link,
    host: Host,
    direction: Direction,
    since: Time,
}

/// The node, with its links.
#[derive(Debug)]
pub(super) struct Victim {
    node: Node,
    identity: Identity,
    grouping: Grouping,
    params: Params,
    chain: Opaque,
    /// By slot.
    links: Vec<Option<Conn>>,
    /// The latest generation of each slot.
    generations: Vec<u32>,
    actions: Vec<Action>,
    inputs: u64,
}

impl Victim {
    pub(super) fn new(seed: u64, params: &Params, grouping: Grouping) -> Self {
        let mut rng = stream(seed, Use::Gym, 2);
        let identity = Identity {
            advertise: Some("9.9.9.9:4000".parse().expect("it is an address")),
            salt: rng.random(),
            ..Identity::for_tests(rng.random())
        };
        Self {
            node: node(&identity, params, grouping),
            identity,
            grouping,
            params: params.clone(),
            chain: Opaque::default(),
            links: Vec::new(),
            generations: Vec::new(),
            actions: Vec::new(),
            inputs: 0,
        }
    }

    /// A new process with the same identity: all links are gone, and what it knew.
    pub(super) fn restart(&mut self) {
        self.node = node(&self.identity, &self.params, self.grouping);
        self.links.clear();
    }

    pub(super) fn deadline(&self) -> Time {
        self.node.deadline()
    }

    pub(super) const fn inputs(&self) -> u64 {
        self.inputs
    }

    /// What the node keeps over a restart. Nobody relays here, so all links count as if they had brought something: the
    /// attacker's would, too.
    pub(super) fn book(&self, now: Time) -> BookRecord {
        self.node.peers().export(|_| true, now)
    }

    pub(super) fn host(&self, link: Link) -> Option<Host> {
        self.conn(link).map(|conn| conn.host)
    }

    fn conn(&self, link: Link) -> Option<&Conn> {
        self.links.get(link.slot())?.as_ref().filter(|conn| conn.link == link)
    }

    fn conns(&self) -> impl Iterator<Item = &Conn> {
        self.links.iter().flatten()
    }

    pub(super) fn links_of(&self, host: Host) -> Vec<Link> {
        self.conns().filter(|conn| conn.host == host).map(|conn| conn.link).collect()
    }

    /// The links of the outbound set, feelers aside, and who is there.
    pub(super) fn outbound(&self, now: Time) -> impl Iterator<Item = (Link, Host)> {
        let is_old = move |conn: &&Conn| now.since(conn.since) >= YOUNG;
        let outbound = self.conns().filter(|conn| conn.direction == Direction::Outbound);
        outbound.filter(is_old).map(|conn| (conn.link, conn.host))
    }

    pub(super) fn inbound(&self) -> usize {
        self.conns().filter(|conn| conn.direction == Direction::Inbound).count()
    }

    pub(super) fn attackers(&self, direction: Direction) -> usize {
        let is_attacker = |conn: &&Conn| matches!(conn.host, Host::Attacker(_));
        self.conns().filter(|conn| conn.direction == direction).filter(is_attacker).count()
    }

    pub(super) fn random_honest_link(&self, rng: &mut SplitMix64) -> Option<Link> {
        let honest = self.conns().filter(|conn| matches!(conn.host, Host::Honest(_)));
        honest.map(|conn| conn.link).choose(rng)
    }

    pub(super) fn wake(&mut self, now: Time, rng: &mut SplitMix64) -> Vec<Heard> {
        self.hand(Input::Wake, now, rng)
    }

    pub(super) fn learn(
        &mut self,
        addrs: &[PeerAddr],
        now: Time,
        rng: &mut SplitMix64,
    ) -> Vec<Heard> {
        self.hand(Input::Learned(addrs), now, rng)
    }

    pub(super) fn remember(
        &mut self,
        kept: &BookRecord,
        now: Time,
        rng: &mut SplitMix64,
    ) -> Vec<Heard> {
        self.hand(Input::Remembered(kept), now, rng)
    }

    pub(super) fn receive(
        &mut self,
        link: Link,
        message: &Message,
        now: Time,
        rng: &mut SplitMix64,
    ) -> Vec<Heard> {
        if self.conn(link).is_none() {
            return Vec::new();
        }
        self.hand(Input::Received { link, message }, now, rng)
    }

    pub(super) fn dial_failed(
        &mut self,
        addr: PeerAddr,
        why: DialError,
        now: Time,
        rng: &mut SplitMix64,
    ) -> Vec<Heard> {
        self.hand(Input::DialFailed { addr, why }, now, rng)
    }

    /// A link comes up. It may be gone again when this returns.
    pub(super) fn connect(
        &mut self,
        host: Host,
        addr: PeerAddr,
        direction: Direction,
        now: Time,
        rng: &mut SplitMix64,
    ) -> (Link, Vec<Heard>) {
        let slot = self.links.iter().position(Option::is_none).unwrap_or(self.links.len());
        if slot == self.links.len() {
            self.links.push(None);
        }
        if slot == self.generations.len() {
            self.generations.push(0);
        }
        self.generations[slot] += 1;
        let link = Link::new(u32::try_from(slot).unwrap_or(u32::MAX), self.generations[slot]);
        self.links[slot] = Some(Conn { link, host, direction, since: now });
        let peer = Internet::key(host);
        let connected = Input::Connected { link, peer, direction, addr: Some(addr) };
        (link, self.hand(connected, now, rng))
    }

    pub(super) fn disconnect(&mut self, link: Link, now: Time, rng: &mut SplitMix64) -> Vec<Heard> {
        self.links[link.slot()] = None;
        self.hand(Input::Disconnected { link }, now, rng)
    }

    /// Hands an input in, and closes the links that the node wants closed.
    fn hand(&mut self, input: Input<'_>, now: Time, rng: &mut SplitMix64) -> Vec<Heard> {
        let mut heard = Vec::new();
        let mut closed = self.hand_one(input, now, rng, &mut heard);
        while let Some(link) = closed.pop() {
            if self.conn(link).is_some() {
                self.links[link.slot()] = None;
                closed.extend(self.hand_one(Input::Disconnected { link }, now, rng, &mut heard));
            }
        }
        heard
    }

    fn hand_one(
        &mut self,
        input: Input<'_>,
        now: Time,
        rng: &mut SplitMix64,
        heard: &mut Vec<Heard>,
    ) -> Vec<Link> {
        self.inputs += 1;
        let Self { node, params, chain, actions, .. } = self;
        node.handle(input, &mut Cx { now, params, chain, rng, actions });
        let mut closed = Vec::new();
        for action in self.actions.drain(..) {
            match action {
                Action::Send { link, message } => heard.push(Heard::Says(link, message)),
                Action::Dial { addr } => heard.push(Heard::Dials(addr)),
                Action::Disconnect { link, .. } => closed.push(link),
                _ => {}
            }
        }
        closed
    }
}

fn node(identity: &Identity, params: &Params, grouping: Grouping) -> Node {
    let mut node = Node::new(identity.clone(), params);
    node.set_groups(grouping.groups());
    node
}

/// What a host says first.
pub(super) fn hello(addr: PeerAddr) -> Message {
    let hello = Hello { advertise: Some(addr), features: Hello::KEEPS_NOTHING, ..Hello::default() };
    Session::Hello(Box::new(hello)).into()
}

/// What is answered to a ping.
pub(super) fn pong(message: &Message) -> Option<Message> {
    match message {
        Message::Session(Session::Ping { nonce }) => Some(Session::Pong { nonce: *nonce }.into()),
        _ => None,
    }
}
