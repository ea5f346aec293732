//! An in-memory network of real nodes, for tests: a small driver that follows the contract.
//!
//! One queue of deliveries, one seeded random stream per node, a fixed latency. Every action of every node goes into a
//! log, so that two runs can be compared byte for byte. Some of the nodes may be [hostile](crate::testkit::hostile), and
//! so may be what lies between two of them.
//! [`rounds`](crate::testkit::rounds) runs single strategies in the rounds of the theory instead.

mod traffic;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use self::traffic::Scheduled;
use super::hostile::{Act, Hostile};
use super::queue::{Ends, Queue};
use crate::chain::Chain;
use crate::ground::item::{Item, ItemId};
use crate::ground::link::Link;
use crate::ground::peer::{PeerAddr, PeerKey};
use crate::ground::time::Time;
use crate::limits::misbehavior::Reason;
use crate::machine::{Action, Cx, Input, Machine as _};
use crate::node::{Identity, Node};
use crate::params::Params;
use crate::replica::{Key, Refused, Write};
use crate::report::event::Event;

/// A network of nodes in memory.
pub struct Mesh {
    /// Parameters of all nodes.
    pub params: Params,
    chain: Arc<dyn Chain>,
    seats: Vec<Seat>,
    /// With the node to which it happens.
    queue: Queue<(usize, Scheduled)>,
    /// When each live node wants waking.
    wakes: BTreeSet<(Time, usize)>,
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
    /// Those who stand between two nodes, until they go.
    middles: Vec<Option<Hostile>>,
    /// Names that hostile ones took so far, besides their first.
    aliases: u64,
    acts: Vec<Act>,
    closings: Vec<Closing>,
    /// Times that a node slowed a link to an honest peer.
    slowed: usize,
    /// What became of the last write to the map.
    written: Option<Result<(), Refused>>,
}

/// A link that a node closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Which node.
    pub by: usize,
    /// Who was at the other end; `None` if somebody stood between the two.
    pub to: Option<usize>,
    /// Why.
    pub why: Reason,
}

struct Seat {
    node: Node,
    rng: ChaCha8Rng,
    alive: bool,
    /// As it stands in `wakes`.
    wake: Time,
    ends: Ends<End>,
    accepted: Vec<(Time, ItemId)>,
    /// Its blocks, as a disk would keep them.
    kept: BTreeMap<ItemId, Arc<Item>>,
    events: Vec<Event>,
    /// It says nothing but through this.
    hostile: Option<Hostile>,
    /// By what its peers know it.
    key: PeerKey,
}

/// What lies behind a link of a node's.
#[derive(Clone, Debug)]
struct End {
    peer: usize,
    /// The link at the peer.
    far: Link,
    /// Who stands between the two.
    middle: Option<usize>,
}

impl std::fmt::Debug for Mesh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mesh({} nodes at {})", self.seats.len(), self.now())
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
        Self::of(nodes, (seed, hash_seed), params, chain, |index, identity| {
            identity.region = region(index);
        })
    }

    /// The same, of nodes that are told something else before they start. `seeds`: that of random choices, and the salt of hash
    /// maps.
    #[must_use]
    pub fn of(
        nodes: usize,
        (seed, hash_seed): (u64, u64),
        params: Params,
        chain: Arc<dyn Chain>,
        tell: impl Fn(usize, &mut Identity),
    ) -> Self {
        let seats = (0..nodes).map(|index| {
            let mut identity = Identity {
                key: PeerKey(index as u64 + 1),
                advertise: Some(Self::addr(index)),
                fixed: Vec::new(),
                region: None,
                member: None,
                salt: hash_seed.wrapping_add(index as u64),
            };
            tell(index, &mut identity);
            Seat {
                node: Node::new(identity, &params),
                rng: ChaCha8Rng::seed_from_u64(seed.wrapping_mul(1_000_003) + index as u64),
                alive: true,
                wake: Time::NEVER,
                ends: Ends::default(),
                accepted: Vec::new(),
                kept: BTreeMap::new(),
                events: Vec::new(),
                hostile: None,
                key: PeerKey(index as u64 + 1),
            }
        });
        Self {
            seats: seats.collect(),
            params,
            chain,
            queue: Queue::default(),
            wakes: BTreeSet::new(),
            latency: (Duration::from_millis(20), Duration::from_millis(20)),
            loss: 0.0,
            split: None,
            mute: None,
            withholding: None,
            rng: ChaCha8Rng::seed_from_u64(seed.wrapping_add(0x6c6f_7373)),
            log: String::new(),
            actions: Vec::new(),
            middles: Vec::new(),
            aliases: 0,
            acts: Vec::new(),
            closings: Vec::new(),
            slowed: 0,
            written: None,
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
        self.establish(from, to, Self::addr(to), None);
    }

    /// The same, with somebody between the two. When he is found out he comes back as somebody else.
    pub fn connect_through(&mut self, from: usize, to: usize, between: Hostile) {
        self.middles.push(Some(between));
        let middle = self.middles.len() - 1;
        self.establish(from, to, Self::addr(self.seats.len() + middle), Some(middle));
    }

    /// From now on a node says nothing but through a hostile actor. When its peers throw it out it comes back as somebody
    /// else.
    pub fn corrupt(&mut self, index: usize, hostile: Hostile) {
        self.seats[index].hostile = Some(hostile);
    }

    /// All who are hostile leave, for good.
    pub fn banish(&mut self) {
        for index in 0..self.len() {
            let through = |(link, end): (Link, &End)| end.middle.map(|_| link);
            let links: Vec<_> = self.seats[index].ends.iter().filter_map(through).collect();
            links.into_iter().for_each(|link| self.break_link(index, link, false));
            if self.is_hostile(index) {
                self.kill(index);
            }
        }
        self.middles.fill(None);
    }

    /// Whether a node lies.
    #[must_use]
    pub fn is_hostile(&self, index: usize) -> bool {
        self.seats[index].hostile.is_some()
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

    /// A node's operator writes to the map, and is answered at once.
    ///
    /// # Errors
    /// As [`Replica::write`](crate::replica::Replica::write).
    ///
    /// # Panics
    /// If the write isn't answered.
    pub fn write(&mut self, index: usize, key: &Key, write: &Write) -> Result<(), Refused> {
        self.hand(index, Input::Write { ticket: 0, key, write });
        self.written.take().expect("each write is answered at once")
    }

    /// Hands an input to a node, as if its driver had.
    pub fn hand(&mut self, index: usize, input: Input<'_>) {
        let mut actions = std::mem::take(&mut self.actions);
        let seat = &mut self.seats[index];
        let mut cx = Cx {
            now: self.queue.now(),
            params: &self.params,
            chain: &*self.chain,
            rng: &mut seat.rng,
            actions: &mut actions,
        };
        seat.node.handle(input, &mut cx);
        for action in actions.drain(..) {
            // Writing to a string can't fail.
            let _ = writeln!(self.log, "{} {index} {action:?}", self.queue.now());
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
        let links: Vec<_> = self.seats[index].ends.iter().map(|(link, _)| link).collect();
        for link in links {
            self.break_link(index, link, false);
        }
    }

    /// Runs for a while.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.now() + time;
        while self.step(until) {}
        self.queue.advance(until);
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.queue.now()
    }

    /// A block that a node accepted once, as its disk keeps it.
    #[must_use]
    pub fn kept(&self, index: usize, id: ItemId) -> Option<Arc<Item>> {
        self.seats[index].kept.get(&id).cloned()
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
        self.seats[index].ends.iter().map(|(link, end)| (link, end.peer)).collect()
    }

    /// Links that nodes closed of their own, in the order of time.
    #[must_use]
    pub fn closings(&self) -> &[Closing] {
        &self.closings
    }

    /// Times that an honest node slowed an honest peer.
    #[must_use]
    pub const fn slowed(&self) -> usize {
        self.slowed
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
}
