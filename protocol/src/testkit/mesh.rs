//! An in-memory network of real nodes, for tests: a small driver that follows the contract.
//!
//! One queue of deliveries ordered by (time, sequence), one seeded random stream per node, a fixed
//! latency. Every action of every node goes into a log, so that two runs can be compared byte for byte.
//! [`rounds`](crate::testkit::rounds) runs single strategies in the rounds of the theory instead.

use crate::report::event::Event;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::fmt::Write as _;
use std::hash::BuildHasher as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::chain::Chain;
use crate::ground::item::{Item, ItemId};
use crate::ground::link::{Direction, Link};
use crate::ground::map::Salt;
use crate::ground::peer::{DialError, PeerAddr, PeerKey};
use crate::ground::time::Time;
use crate::machine::{Action, Cx, Input, Machine as _};
use crate::node::{Identity, Node};
use crate::params::Params;
use crate::wire::message::{Items, Message};

/// A network of nodes in memory.
pub struct Mesh {
    /// Parameters of all nodes.
    pub params: Params,
    chain: Arc<dyn Chain>,
    seats: Vec<Seat>,
    queue: BinaryHeap<Reverse<Entry>>,
    /// When each live node wants waking.
    wakes: BTreeSet<(Time, usize)>,
    sequence: u64,
    now: Time,
    /// Of each pair of nodes: between these.
    latency: (Duration, Duration),
    loss: f64,
    /// Nodes below this index and the others can't hear one another.
    split: Option<usize>,
    mute: Option<usize>,
    withholding: Option<usize>,
    /// Decides what is lost.
    rng: ChaCha8Rng,
    log: String,
    actions: Vec<Action>,
}

struct Seat {
    node: Node,
    rng: ChaCha8Rng,
    alive: bool,
    /// As it stands in `wakes`.
    wake: Time,
    /// By slot: the node and link at the other end.
    ends: Vec<Option<(Link, usize, Link)>>,
    generations: Vec<u32>,
    /// By slot: nothing is handed in before, because the node throttled the link.
    held_until: Vec<Time>,
    accepted: Vec<(Time, ItemId)>,
    events: Vec<Event>,
}

/// Ordered by time, then by sequence.
struct Entry {
    at: Time,
    sequence: u64,
    to: usize,
    what: Scheduled,
}

enum Scheduled {
    Message { link: Link, message: Message },
    Dialled { from: usize, addr: PeerAddr },
    DialFailed { addr: PeerAddr, why: DialError },
    Broken { link: Link },
    Verdict { item: Arc<Item> },
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.sequence) == (other.at, other.sequence)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl std::fmt::Debug for Mesh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mesh({} nodes at {})", self.seats.len(), self.now)
    }
}

impl Mesh {
    /// `nodes` nodes without links. `seed` decides every random choice; `hash_seed` salts the hash
    /// maps, and must make no difference.
    #[must_use]
    pub fn new(
        nodes: usize,
        seed: u64,
        hash_seed: u64,
        params: Params,
        chain: Arc<dyn Chain>,
    ) -> Self {
        Self::in_regions(nodes, seed, hash_seed, params, chain, |_| None)
    }

    /// The same, with nodes that say which region they are in.
    #[must_use]
    pub fn in_regions(
        nodes: usize,
        seed: u64,
        hash_seed: u64,
        params: Params,
        chain: Arc<dyn Chain>,
        region: impl Fn(usize) -> Option<u8>,
    ) -> Self {
        let seats = (0..nodes).map(|index| {
            let identity = Identity {
                key: PeerKey(index as u64 + 1),
                advertise: Some(Self::addr(index)),
                fixed: Vec::new(),
                region: region(index),
                salt: hash_seed.wrapping_add(index as u64),
            };
            Seat {
                node: Node::new(identity, &params),
                rng: ChaCha8Rng::seed_from_u64(seed.wrapping_mul(1_000_003) + index as u64),
                alive: true,
                wake: Time::NEVER,
                ends: Vec::new(),
                generations: Vec::new(),
                held_until: Vec::new(),
                accepted: Vec::new(),
                events: Vec::new(),
            }
        });
        Self {
            seats: seats.collect(),
            params,
            chain,
            queue: BinaryHeap::new(),
            wakes: BTreeSet::new(),
            sequence: 0,
            now: Time::ZERO,
            latency: (Duration::from_millis(20), Duration::from_millis(20)),
            loss: 0.0,
            split: None,
            mute: None,
            withholding: None,
            rng: ChaCha8Rng::seed_from_u64(seed.wrapping_add(0x6c6f_7373)),
            log: String::new(),
            actions: Vec::new(),
        }
    }

    /// The address at which a node can be dialled.
    #[must_use]
    pub fn addr(index: usize) -> PeerAddr {
        let [.., a, b] = (u32::try_from(index).unwrap_or(u32::MAX) + 1).to_be_bytes();
        PeerAddr::tcp(SocketAddr::new(Ipv4Addr::new(10, 0, a, b).into(), 4_000))
    }

    /// One node dials another at once.
    pub fn connect(&mut self, from: usize, to: usize) {
        self.establish(from, to, Self::addr(to));
    }

    /// A node learns addresses from its operator.
    pub fn learn(&mut self, index: usize, of: &[usize]) {
        let addrs: Vec<_> = of.iter().map(|index| Self::addr(*index)).collect();
        self.hand(index, Input::Learned(&addrs));
    }

    /// A node's operator submits an item.
    pub fn submit(&mut self, index: usize, item: Arc<Item>) {
        self.hand(index, Input::Submitted(item));
    }

    /// Hands an input to a node, as if its driver had.
    pub fn hand(&mut self, index: usize, input: Input<'_>) {
        let mut actions = std::mem::take(&mut self.actions);
        let seat = &mut self.seats[index];
        let mut cx = Cx {
            now: self.now,
            params: &self.params,
            chain: &*self.chain,
            rng: &mut seat.rng,
            actions: &mut actions,
        };
        seat.node.handle(input, &mut cx);
        for action in actions.drain(..) {
            // Writing to a string can't fail.
            let _ = writeln!(self.log, "{} {index} {action:?}", self.now);
            self.carry_out(index, action);
        }
        self.actions = actions;
        let seat = &mut self.seats[index];
        let wake = if seat.alive { seat.node.deadline() } else { Time::NEVER };
        if wake != seat.wake {
            self.wakes.remove(&(seat.wake, index));
            seat.wake = wake;
            if wake != Time::NEVER {
                self.wakes.insert((wake, index));
            }
        }
    }

    /// Gives each pair of nodes a latency of its own, evenly spread between two; 20 ms otherwise.
    pub const fn spread_latency(&mut self, min: Duration, max: Duration) {
        self.latency = (min, max);
    }

    /// From now on this share of all messages is lost, while the links stay up.
    pub const fn lose(&mut self, share: f64) {
        self.loss = share;
    }

    /// Cuts the nodes below an index off from the others, while the links stay up; `None` heals it.
    pub const fn split(&mut self, at: Option<usize>) {
        self.split = at;
    }

    /// From now on nothing that a node sends arrives, while its links stay up.
    pub const fn mute(&mut self, index: usize) {
        self.mute = Some(index);
    }

    /// From now on no item that a node sends arrives: it announces, and never delivers.
    pub const fn withhold(&mut self, index: usize) {
        self.withholding = Some(index);
    }

    /// A node dies without a word; its links break.
    pub fn kill(&mut self, index: usize) {
        self.seats[index].alive = false;
        self.wakes.remove(&(self.seats[index].wake, index));
        let links: Vec<_> = self.seats[index].ends.iter().flatten().map(|end| end.0).collect();
        for link in links {
            self.break_link(index, link);
        }
    }

    /// Runs for a while.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
        self.now = until;
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// A node.
    #[must_use]
    pub fn node(&self, index: usize) -> &Node {
        &self.seats[index].node
    }

    /// What a node accepted, and when.
    #[must_use]
    pub fn accepted(&self, index: usize) -> &[(Time, ItemId)] {
        &self.seats[index].accepted
    }

    /// What a node reported.
    #[must_use]
    pub fn events(&self, index: usize) -> &[Event] {
        &self.seats[index].events
    }

    /// A node's live links and the nodes at their other ends, in slot order.
    #[must_use]
    pub fn links(&self, index: usize) -> Vec<(Link, usize)> {
        self.seats[index].ends.iter().flatten().map(|(link, peer, _)| (*link, *peer)).collect()
    }

    /// Every action of every node so far, one a line.
    #[must_use]
    pub fn log(&self) -> &str {
        &self.log
    }

    /// How many nodes there are, dead ones included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.seats.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// One delivery or one wake-up, whichever comes first; false if neither comes by `until`.
    fn step(&mut self, until: Time) -> bool {
        let wake = self.wakes.first().copied();
        let delivery = self.queue.peek().map_or(Time::NEVER, |Reverse(entry)| entry.at);
        match wake {
            Some((at, index)) if at < delivery && at <= until => {
                self.now = self.now.max(at);
                self.hand(index, Input::Wake);
                true
            }
            _ if delivery <= until => {
                let Some(Reverse(entry)) = self.queue.pop() else {
                    return false;
                };
                self.now = self.now.max(entry.at);
                self.deliver(entry);
                true
            }
            _ => false,
        }
    }

    fn deliver(&mut self, entry: Entry) {
        let to = entry.to;
        if !self.seats[to].alive {
            if let Scheduled::Dialled { from, addr } = entry.what {
                let why = DialError::Unreachable;
                self.push(self.latency(from, to), from, Scheduled::DialFailed { addr, why });
            }
            return;
        }
        match entry.what {
            Scheduled::Message { link, message } => {
                if self.end(to, link).is_none() {
                    return;
                }
                let held_until = self.seats[to].held_until[link.slot()];
                if held_until > self.now {
                    return self.push(
                        held_until - self.now,
                        to,
                        Scheduled::Message { link, message },
                    );
                }
                self.hand(to, Input::Received { link, message: &message });
            }
            Scheduled::Dialled { from, addr } => self.establish(from, to, addr),
            Scheduled::DialFailed { addr, why } => self.hand(to, Input::DialFailed { addr, why }),
            Scheduled::Broken { link } => {
                if self.end(to, link).is_some() {
                    self.seats[to].ends[link.slot()] = None;
                    self.hand(to, Input::Disconnected { link });
                }
            }
            Scheduled::Verdict { item } => {
                let verdict = self.chain.verify(&item);
                self.hand(to, Input::Verdict { item: &item, verdict });
            }
        }
    }

    fn carry_out(&mut self, index: usize, action: Action) {
        match action {
            Action::Send { link, message } => {
                if let Some((peer, far)) = self.end(index, link)
                    && !self.is_lost(index, peer)
                    && !(self.withholding == Some(index)
                        && matches!(message, Message::Items(Items::Item(_))))
                {
                    self.push(
                        self.latency(index, peer),
                        peer,
                        Scheduled::Message { link: far, message },
                    );
                }
            }
            Action::Throttle { link, until } => {
                if let Some(held) = self.seats[index].held_until.get_mut(link.slot()) {
                    *held = until.max(*held);
                }
            }
            Action::Verify(item) => self.push(Duration::ZERO, index, Scheduled::Verdict { item }),
            Action::Dial { addr } => {
                let target = (0..self.seats.len()).find(|other| Self::addr(*other) == addr);
                match target {
                    Some(to) if to != index => {
                        self.push(
                            self.latency(index, to),
                            to,
                            Scheduled::Dialled { from: index, addr },
                        );
                    }
                    Some(_) => {
                        let why = DialError::Myself;
                        self.push(
                            self.latency(index, index),
                            index,
                            Scheduled::DialFailed { addr, why },
                        );
                    }
                    None => {
                        let why = DialError::Unreachable;
                        self.push(
                            self.latency(index, index),
                            index,
                            Scheduled::DialFailed { addr, why },
                        );
                    }
                }
            }
            Action::Disconnect { link, .. } => self.break_link(index, link),
            Action::Report(event) => {
                let seat = &mut self.seats[index];
                if let Event::Accepted { id, .. } = event {
                    seat.accepted.push((self.now, id));
                }
                seat.events.push(event);
            }
        }
    }

    fn latency(&self, from: usize, to: usize) -> Duration {
        let (min, max) = self.latency;
        let rank = Salt::new(0).hash_one((from.min(to), from.max(to)));
        min + (max - min).mul_f64(rank as f64 / u64::MAX as f64)
    }

    fn is_lost(&mut self, from: usize, to: usize) -> bool {
        self.split.is_some_and(|split| (from < split) != (to < split))
            || self.mute == Some(from)
            || (self.loss > 0.0 && self.rng.random_bool(self.loss))
    }

    fn establish(&mut self, from: usize, to: usize, addr: PeerAddr) {
        let (near, far) = (self.seats[from].take_slot(), self.seats[to].take_slot());
        self.seats[from].ends[near.slot()] = Some((near, to, far));
        self.seats[to].ends[far.slot()] = Some((far, from, near));
        let (dialler, listener) = (PeerKey(from as u64 + 1), PeerKey(to as u64 + 1));
        self.hand(
            from,
            Input::Connected {
                link: near,
                peer: listener,
                direction: Direction::Outbound,
                addr: Some(addr),
            },
        );
        self.hand(
            to,
            Input::Connected {
                link: far,
                peer: dialler,
                direction: Direction::Inbound,
                addr: Some(Self::addr(from)),
            },
        );
    }

    fn break_link(&mut self, index: usize, link: Link) {
        let Some((peer, far)) = self.end(index, link) else {
            return;
        };
        self.push(Duration::ZERO, index, Scheduled::Broken { link });
        self.push(self.latency(index, peer), peer, Scheduled::Broken { link: far });
    }

    fn end(&self, index: usize, link: Link) -> Option<(usize, Link)> {
        let end = self.seats[index].ends.get(link.slot())?.as_ref()?;
        (end.0 == link).then_some((end.1, end.2))
    }

    fn push(&mut self, delay: Duration, to: usize, what: Scheduled) {
        self.sequence += 1;
        let entry = Entry { at: self.now + delay, sequence: self.sequence, to, what };
        self.queue.push(Reverse(entry));
    }
}

impl Seat {
    /// The lowest free slot, with a generation never used in it before.
    fn take_slot(&mut self) -> Link {
        let slot = self.ends.iter().position(Option::is_none).unwrap_or_else(|| {
            self.ends.push(None);
            self.generations.push(0);
            self.held_until.push(Time::ZERO);
            self.ends.len() - 1
        });
        self.generations[slot] += 1;
        self.held_until[slot] = Time::ZERO;
        Link::new(u32::try_from(slot).unwrap_or(u32::MAX), self.generations[slot])
    }
}
