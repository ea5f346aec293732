mod anchors;
mod bans;
mod capture;
mod feeler;
mod gossip;
mod hyparview;
mod lookups;
mod lost;
mod network;
mod outage;
mod outbound;
mod places;
mod telling;
mod useless;
mod views;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::table::Census;
use super::*;
use crate::chain::opaque::Opaque;
use crate::ground::peer::AddressRecord;
use crate::limits::misbehavior::Reason;
use crate::machine::Action;
use crate::params::Params;
use crate::wire::message::Message;

/// One node's peers, and everything around them.
struct World {
    peers: Peers,
    params: Params,
    chain: Opaque,
    rng: ChaCha8Rng,
    now: Time,
    /// What was appended since it was last looked at.
    actions: Vec<Action>,
    links: u32,
    /// Links that became superfluous while time went by.
    surplus: Vec<Link>,
    /// What links' peers did, where that matters.
    standings: Vec<(Link, Standing)>,
}

const OWN: PeerKey = PeerKey(1_000);

impl World {
    fn new() -> Self {
        Self::with(Vec::new(), 1)
    }

    fn fixed(fixed: &[u32]) -> Self {
        Self::with(fixed.iter().map(|n| addr(*n)).collect(), 1)
    }

    fn with(fixed: Vec<PeerAddr>, salt: u64) -> Self {
        let mut params = Params::default();
        params.peers.local_addresses = true;
        Self {
            peers: Peers::new(OWN, Some(addr(0)), fixed, Salt::new(salt)),
            params,
            chain: Opaque::default(),
            rng: ChaCha8Rng::seed_from_u64(1),
            now: Time::ZERO,
            actions: Vec::new(),
            links: 0,
            surplus: Vec::new(),
            standings: Vec::new(),
        }
    }

    fn run<T>(&mut self, run: impl FnOnce(&mut Peers, &mut Cx<'_>) -> T) -> T {
        let mut cx = Cx {
            now: self.now,
            params: &self.params,
            chain: &self.chain,
            rng: &mut self.rng,
            actions: &mut self.actions,
        };
        let result = run(&mut self.peers, &mut cx);
        let sends = self.peers.take_outbox().into_iter();
        self.actions.extend(sends.map(|(link, message)| Action::Send { link, message }));
        self.check();
        result
    }

    fn learn(&mut self, addrs: impl IntoIterator<Item = u32>) {
        let addrs: Vec<_> = addrs.into_iter().map(addr).collect();
        self.run(|peers, cx| peers.on_learned(&addrs, cx));
    }

    /// Takes up addresses from an earlier run.
    fn remember(&mut self, addrs: impl IntoIterator<Item = u32>) {
        let reached = |n| AddressRecord::reached(addr(n));
        let records: Vec<_> = addrs.into_iter().map(reached).collect();
        self.import(&records.into());
        self.wait(Duration::ZERO);
    }

    fn import(&mut self, kept: &BookRecord) {
        self.run(|peers, cx| peers.import(kept, cx));
    }

    /// A peer connects, in a slot of its own.
    fn connect(&mut self, key: u64, dialled: Option<u32>) -> (Link, Admission) {
        let link = Link::new(self.links, 1);
        self.links += 1;
        let direction = if dialled.is_some() { Direction::Outbound } else { Direction::Inbound };
        let dialled = dialled.map(addr);
        let admission = self.run(|peers, cx| {
            peers.on_connected(
                link,
                PeerKey(key),
                (direction, dialled),
                &|_| Standing::default(),
                cx,
            )
        });
        (link, admission)
    }

    /// A peer that we dialled is there and says hello; its key is the number of its address.
    fn outbound(&mut self, n: u32) -> Link {
        let (link, admission) = self.connect(u64::from(n), Some(n));
        assert_eq!(admission, Admission::Welcome);
        self.hello(link, Some(n));
        link
    }

    /// A peer dials us and says hello.
    fn inbound(&mut self, n: u32) -> Link {
        let (link, admission) = self.connect(u64::from(n), None);
        assert_eq!(admission, Admission::Welcome);
        self.hello(link, Some(n));
        link
    }

    fn hello(&mut self, link: Link, advertise: Option<u32>) {
        self.run(|peers, cx| peers.on_hello(link, advertise.map(addr), cx));
    }

    fn disconnect(&mut self, link: Link) {
        self.run(|peers, cx| peers.on_disconnected(link, cx));
    }

    fn dial_failed(&mut self, n: u32, why: DialError) {
        self.run(|peers, cx| peers.on_dial_failed(addr(n), why, cx));
    }

    fn tell(&mut self, link: Link, addrs: impl IntoIterator<Item = u32>) -> usize {
        let addrs: Vec<_> = addrs.into_iter().map(addr).collect();
        self.run(|peers, cx| peers.on_addresses(link, &addrs, cx))
    }

    fn wake(&mut self) {
        let standings = self.standings.clone();
        let of = |link| standings.iter().find(|(other, _)| *other == link).map(|(_, it)| *it);
        self.run(|peers, cx| peers.on_wake(&|link| of(link).unwrap_or_default(), cx));
    }

    /// Lets time pass, waking when asked to. As in the node, a feeler whose time is up goes at once.
    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        let mut wakes = 0;
        while self.peers.deadline() <= until {
            // What a feeler kept from being done is due at the moment it goes.
            wakes = if self.peers.deadline() > self.now { 0 } else { wakes + 1 };
            assert!(wakes < 3, "a deadline must not stay in the past");
            self.now = self.now.max(self.peers.deadline());
            self.wake();
            while self.peers.deadline() <= self.now
                && let Some(link) = self.run(Peers::take_surplus)
            {
                self.surplus.push(link);
            }
        }
        self.now = until;
    }

    /// The addresses dialled since last asked; other actions are forgotten.
    fn dials(&mut self) -> Vec<u32> {
        let dial = |action| match action {
            Action::Dial { addr } => Some(number(addr)),
            _ => None,
        };
        self.actions.drain(..).filter_map(dial).collect()
    }

    /// The messages sent since last asked; other actions are forgotten.
    fn sent(&mut self) -> Vec<(Link, Message)> {
        let send = |action| match action {
            Action::Send { link, message } => Some((link, message)),
            _ => None,
        };
        self.actions.drain(..).filter_map(send).collect()
    }

    /// Recomputes what is derived.
    fn check(&self) {
        let mut census = Census::default();
        self.peers.table.iter().for_each(|(_, peer)| census.add(peer));
        assert_eq!(self.peers.table.census(), census);
        assert!(self.peers.dialling() <= self.params.peers.dialling_max);
        let inbound = census.links[Direction::Inbound as usize];
        assert!(inbound <= self.params.peers.inbound_max, "{inbound} inbound places");
    }
}

fn addr(n: u32) -> PeerAddr {
    PeerAddr::tcp(SocketAddr::new(Ipv4Addr::from_bits(0x0a00_0000 + n).into(), 4_000))
}

fn number(addr: PeerAddr) -> u32 {
    match addr.ip {
        std::net::IpAddr::V4(ip) => ip.to_bits() - 0x0a00_0000,
        std::net::IpAddr::V6(_) => panic!("no such address in these tests"),
    }
}

#[test]
fn a_node_that_finds_itself_hangs_up_and_remembers_the_address() {
    let mut world = World::new();
    world.learn([7]);
    assert_eq!(world.dials(), [7]);
    let (_, admission) = world.connect(OWN.0, Some(7));
    assert_eq!(admission, Admission::Refused(Reason::Myself));
    assert_eq!(world.connect(OWN.0, None).1, Admission::Refused(Reason::Myself));
    let link = world.inbound(8);
    assert_eq!(world.tell(link, [7]), 1, "gossip doesn't bring it back");
    assert!(!world.peers.book().contains(addr(7)));
}

#[test]
fn inbound_peers_are_let_in_up_to_the_limit() {
    let mut world = World::new();
    world.params.peers.inbound_max = 2;
    let first = world.inbound(1);
    world.inbound(2);
    assert_eq!(world.connect(3, None).1, Admission::Refused(Reason::Full));
    world.disconnect(first);
    assert_eq!(world.connect(3, None).1, Admission::Welcome);
    assert_eq!(world.peers.inbound_ready(), 1, "the third has said nothing yet");
}

#[test]
fn a_peer_that_misbehaved_is_kept_out() {
    let mut world = World::new();
    world.learn([1]);
    let link = world.outbound(1);
    world.peers.on_misbehaved(link, world.now);
    world.disconnect(link);
    assert_eq!(world.connect(1, None).1, Admission::Refused(Reason::Discouraged));
    world.actions.clear();
    world.wait(Duration::from_secs(3_600));
    assert_eq!(world.dials(), [] as [u32; 0], "nor is it dialled");
}

#[test]
fn every_discouragement_ends() {
    let mut world = World::new();
    world.learn([1]);
    let link = world.outbound(1);
    world.peers.on_misbehaved(link, world.now);
    world.disconnect(link);
    world.wait(Duration::from_secs(86_399));
    assert_eq!(world.connect(1, None).1, Admission::Refused(Reason::Discouraged));
    world.wait(Duration::from_secs(1));
    assert_eq!(world.connect(1, None).1, Admission::Welcome);
}

#[test]
fn a_misbehaving_peer_cannot_have_another_ones_address_shunned() {
    let mut world = World::new();
    let (liar, _) = world.connect(66, None);
    world.hello(liar, Some(5)); // the address of an honest peer
    world.peers.on_misbehaved(liar, world.now);
    world.disconnect(liar);
    assert!(world.peers.book().contains(addr(5)));
    assert_eq!(world.dials(), [5]);
    // Had it been the liar's own, we would know by now.
    assert_eq!(world.connect(66, Some(5)).1, Admission::Refused(Reason::Discouraged));
    assert!(!world.peers.book().contains(addr(5)));
}

#[test]
fn of_two_links_dialled_by_one_side_the_older_stays() {
    let mut world = World::new();
    world.inbound(1);
    assert_eq!(world.connect(1, None).1, Admission::Refused(Reason::Duplicate));
    world.outbound(2);
    assert_eq!(world.connect(2, Some(3)).1, Admission::Refused(Reason::Duplicate));
}

#[test]
fn an_address_that_led_to_a_connected_peer_is_not_dialled_while_it_is() {
    let mut world = World::new();
    let (link, _) = world.connect(1, None); // key 1 < ours: its own link wins
    world.hello(link, None);
    world.learn([7]);
    assert_eq!(world.dials(), [7]);
    assert_eq!(world.connect(1, Some(7)).1, Admission::Refused(Reason::Duplicate));
    world.wait(Duration::from_secs(3_600));
    assert_eq!(world.dials(), [] as [u32; 0]);
    world.disconnect(link);
    world.wait(Duration::from_secs(1));
    assert_eq!(world.dials(), [7]);
}

#[test]
fn links_and_addresses_that_are_unknown_are_tolerated() {
    let mut world = World::new();
    let dead = Link::new(9, 9);
    world.hello(dead, Some(1));
    world.disconnect(dead);
    world.peers.on_misbehaved(dead, world.now);
    assert_eq!(world.tell(dead, [1, 2]), 2);
    assert!(world.run(|peers, cx| peers.on_get_addresses(dead, cx)).is_none());
    for why in [DialError::Unreachable, DialError::WrongNetwork, DialError::Myself] {
        world.dial_failed(3, why);
    }
    assert!(world.actions.is_empty());
    assert!(world.peers.book().is_empty());
}

#[test]
fn an_idle_node_is_small() {
    // A simulator holds a million of them.
    assert!(size_of::<Peers>() <= 640, "{} bytes", size_of::<Peers>());
    assert!(size_of::<Peer>() <= 64, "{} bytes", size_of::<Peer>());
}

/// Two nodes that dial each other, once or more, and see the links come up in different orders.
#[derive(Debug)]
struct Pair {
    keys: [PeerKey; 2],
    /// For each link who dialled it.
    dialled_by: Vec<usize>,
    /// In what order each sees the links.
    orders: [Vec<usize>; 2],
}

/// Each node dials the other once, as nodes do; some third party may have closed an early link since.
fn pair() -> impl Strategy<Value = Pair> {
    let keys = (any::<u64>(), any::<u64>()).prop_filter("two peers", |(a, b)| a != b);
    let order = || Just(vec![0, 1]).prop_shuffle();
    (keys, Just(vec![0, 1]).prop_shuffle(), order(), order()).prop_map(
        |(keys, dialled_by, a, b)| Pair {
            keys: [PeerKey(keys.0), PeerKey(keys.1)],
            dialled_by,
            orders: [a, b],
        },
    )
}

/// Which links a node keeps, by number.
fn kept(pair: &Pair, me: usize) -> Vec<usize> {
    let mut world = World::new();
    world.peers = Peers::new(pair.keys[me], None, Vec::new(), Salt::new(1));
    let mut kept = Vec::new();
    for number in &pair.orders[me] {
        let dialled = (pair.dialled_by[*number] == me).then_some(7);
        let (link, admission) = world.connect(pair.keys[1 - me].0, dialled);
        match admission {
            Admission::Welcome => kept.push((link, *number)),
            Admission::Replaces(old) | Admission::Displaces(old) => {
                kept.retain(|(link, _)| *link != old);
                kept.push((link, *number));
            }
            Admission::Refused(why) => assert_eq!(why, Reason::Duplicate),
        }
        let live: Vec<_> = world.peers.table.iter().map(|(link, _)| link).collect();
        assert!(live.iter().eq(kept.iter().map(|(link, _)| link)), "what is closed is forgotten");
    }
    kept.into_iter().map(|(_, number)| number).collect()
}

proptest! {
    #[test]
    fn both_ends_of_a_simultaneous_dial_keep_the_same_link(pair in pair()) {
        let kept = [kept(&pair, 0), kept(&pair, 1)];
        prop_assert_eq!(&kept[0], &kept[1]);
        prop_assert_eq!(kept[0].len(), 1);
        let smaller = usize::from(pair.keys[1] < pair.keys[0]);
        prop_assert_eq!(pair.dialled_by[kept[0][0]], smaller);
    }
}
