//! The simulated world: nodes, what lies between them, and the loop that drives both.
//!
//! One queue of events ordered by time and sequence, one thread, no tasks. Each node is the
//! [`Node`] that `tidings` ships, driven as [`tidings_protocol::machine`] says; all share one
//! [`Params`], one list of actions and one set of rules. Nodes and links are found by number:
//! a [`Link`] names a slot of its node, the slot names node and slot at the other end.
//!
//! - `world/build.rs`: makes nodes, sets up the overlay, and schedules what is to come
//! - `world/links.rs`: dialling, connecting, breaking
//! - `world/traffic.rs`: a message's way from one node to another
//! - `world/trouble.rs`: faults begin and end
//! - `world/fetch.rs`: memory is read before it is needed
//!
//! A clone of a world is a complete snapshot: it goes on as its original does (`fork`).

mod build;
mod fetch;
mod links;
mod traffic;
mod trouble;

use std::collections::BTreeMap;
use std::sync::Arc;

use tidings_protocol::chain::Chain;
use tidings_protocol::counters::{Counters, Traffic};
use tidings_protocol::event::Event as Report;
use tidings_protocol::ground::item::{Item, ShortId};
use tidings_protocol::ground::link::Link;
use tidings_protocol::ground::map::Map;
use tidings_protocol::ground::peer::PeerAddr;
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::{Action, Cx, Input, Machine as _};
use tidings_protocol::node::Node;
use tidings_protocol::params::Params;
use tidings_protocol::wire::message::Message;

use super::check;
use super::fault::Faults;
use super::hash::EventHash;
use super::latency::Latencies;
use super::queue::Queue;
use super::random::SplitMix64;
use super::record::Record;
use super::spies::Spies;
use super::workload;
use links::{End, Held};

pub use build::{Outlook, Plan};

/// Wake-ups of a node that may be pending at once: more than the core has kinds of deadlines far apart.
/// A wake-up beyond them is merely pushed again.
const WAKES: usize = 4;

/// A whole simulated network at a moment.
#[derive(Clone)]
pub struct World {
    /// What doesn't change; shared by all forks.
    fixed: Arc<Fixed>,
    seats: Vec<Seat>,
    queue: Queue<Entry>,
    now: Time,
    hash: EventHash,
    events: u64,
    record: Record,
    spies: Spies,
    faults: Faults,
    /// Receiving ends that are not read now, by node and slot.
    held: BTreeMap<(u32, u32), Held>,
    /// What waits for paused nodes.
    paused: BTreeMap<u32, Vec<Event>>,
    /// What nodes counted before they crashed.
    former: BTreeMap<u32, Former>,
    living: usize,
    /// Messages that arrived on a link that was gone.
    strays: u64,
    /// Reused for every input.
    actions: Vec<Action>,
    /// How many of the next events had their memory fetched.
    fetched: usize,
}

/// What doesn't change during a run.
struct Fixed {
    seed: u64,
    params: Params,
    chain: Box<dyn Chain + Send + Sync>,
    latencies: Latencies,
    plan: Plan,
    /// Where all items are submitted, if not anywhere.
    origin: Option<u32>,
    items: Vec<Arc<Item>>,
    numbers: Map<ShortId, u32>,
}

/// A node's place in the world. It begins with a cache line of what each event touches besides the node.
#[derive(Clone)]
#[repr(C, align(64))]
struct Seat {
    /// By slot.
    ends: Vec<End>,
    /// Pending wake-ups, the next one last; NEVER where there is none.
    wakes: [Time; WAKES],
    /// Tells its lives apart.
    life: u32,
    alive: bool,
    paused: bool,
    /// Whether it can be dialled.
    listens: bool,
    node: Node,
    /// The node's own random source.
    rng: SplitMix64,
    /// What the messages that it sends draw their jitter from.
    jitter: SplitMix64,
    /// When its lines will have carried what was given to them.
    line_up: u64,
    line_down: u64,
}

/// An event and whom it concerns.
#[derive(Clone)]
struct Entry {
    node: u32,
    event: Event,
}

/// What happens to a node.
#[derive(Clone, Debug)]
enum Event {
    /// It wanted waking.
    Wake,
    /// A message comes out of a link.
    Message { link: Link, message: Message },
    /// A message reaches its line.
    OnLine { link: Link, message: Message },
    /// Its end of a link breaks.
    Broken { link: Link },
    /// Messages that were held on a link go on.
    Release { slot: u32 },
    /// A dial of its reaches its target, or doesn't.
    Dialled { addr: PeerAddr, life: u32 },
    /// Its checks of an item are done.
    Verdict { item: u32, life: u32 },
    /// Its operator names addresses.
    Learn(Box<[PeerAddr]>),
    /// An item is submitted somewhere.
    Submit { item: u32 },
    /// A fault begins or goes on.
    Begin { fault: u32 },
    /// A fault ends.
    End { fault: u32 },
    /// It crashes as part of a churn.
    Crash { fault: u32, life: u32 },
    /// It comes back, knowing these.
    Restart(Box<[u32]>),
    /// The moment of its next crash as part of a churn is drawn.
    Doom { fault: u32 },
}

/// What a node sent and received before it crashed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Former {
    /// What it sent.
    pub sent: Traffic,
    /// What it received.
    pub received: Traffic,
    /// Bytes that it sent to other regions.
    pub cross_region_bytes: u64,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "World({} nodes at {}, {} events)", self.seats.len(), self.now, self.events)
    }
}

impl World {
    /// Handles everything up to and including a moment.
    pub fn run_until(&mut self, until: Time) {
        while self.step(until) {}
    }

    /// Handles the next event, unless it is later than `until`; false if it is or there is none.
    pub fn step(&mut self, until: Time) -> bool {
        self.fetch_ahead(until);
        let Some((at, Entry { node, event })) = self.queue.pop_until(until) else {
            if until != Time::NEVER {
                self.now = self.now.max(until);
            }
            return false;
        };
        self.now = at;
        match event {
            Event::Submit { item } => self.submit(item as usize),
            Event::Begin { fault } => self.begin(fault as usize),
            Event::End { fault } => self.end(fault as usize),
            event if self.seats[node as usize].paused => {
                self.paused.entry(node).or_default().push(event);
            }
            event => self.happen(node, event),
        }
        true
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// Inputs handed to nodes so far.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The hash over all of them.
    #[must_use]
    pub const fn hash(&self) -> EventHash {
        self.hash
    }

    /// First deliveries.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// What spies noted.
    #[must_use]
    pub const fn spies(&self) -> &Spies {
        &self.spies
    }

    /// The faults, with what they have met.
    #[must_use]
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// How many nodes there are, dead ones included.
    #[must_use]
    pub const fn nodes(&self) -> usize {
        self.seats.len()
    }

    /// How many of them live.
    #[must_use]
    pub const fn living(&self) -> usize {
        self.living
    }

    /// Whether a node lives.
    #[must_use]
    pub fn is_alive(&self, node: u32) -> bool {
        self.seats[node as usize].alive
    }

    /// A node.
    #[must_use]
    pub fn node(&self, node: u32) -> &Node {
        &self.seats[node as usize].node
    }

    /// What a node has counted, in its former lives as well.
    #[must_use]
    pub fn counters(&self, node: u32) -> (Counters, Option<&Former>) {
        (self.seats[node as usize].node.counters(), self.former.get(&node))
    }

    /// The items, in the order of their submission.
    #[must_use]
    pub fn items(&self) -> &[Arc<Item>] {
        &self.fixed.items
    }

    /// The link model.
    #[must_use]
    pub fn latencies(&self) -> &Latencies {
        &self.fixed.latencies
    }

    /// Events that wait in the queue.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.queue.len()
    }

    /// Messages that arrived on a link that was gone: their senders didn't know yet.
    #[must_use]
    pub const fn strays(&self) -> u64 {
        self.strays
    }

    // An event is large: it is made where it will lie.
    #[inline]
    fn push(&mut self, at: Time, node: u32, event: Event) {
        self.queue.push(at, Entry { node, event });
    }

    fn happen(&mut self, node: u32, event: Event) {
        match event {
            Event::Wake => self.wake(node),
            Event::Message { link, message } => self.receive(node, link, message),
            Event::OnLine { link, message } => self.on_line(node, link, message),
            Event::Broken { link } => self.broken(node, link),
            Event::Release { slot } => self.release(node, slot),
            Event::Dialled { addr, life } => self.dialled(node, addr, life),
            Event::Verdict { item, life } if self.lives(node, life) => {
                let item = &self.fixed.items[item as usize];
                let (id, verdict) = (item.id(), self.fixed.chain.verify(item));
                self.hand(node, Input::Verdict { id, verdict });
            }
            Event::Learn(addrs) => self.hand(node, Input::Learned(&addrs)),
            Event::Crash { fault, life } if self.lives(node, life) => self.churn(node, fault),
            Event::Restart(known) => self.restart(node, &known),
            Event::Doom { fault } => self.doomed(node, fault),
            Event::Verdict { .. } | Event::Crash { .. } => {} // of a former life
            Event::Submit { .. } | Event::Begin { .. } | Event::End { .. } => {
                unreachable!("these concern no single node")
            }
        }
    }

    fn lives(&self, node: u32, life: u32) -> bool {
        let seat = &self.seats[node as usize];
        seat.alive && seat.life == life
    }

    fn submit(&mut self, item: usize) {
        let alive = |node: u32| {
            let able = self.is_alive(node) && !self.seats[node as usize].paused;
            able && self.faults.liar(node).is_none()
        };
        let fixed = self.fixed.origin.filter(|origin| alive(*origin));
        let drawn = || workload::origin(self.fixed.seed, item, self.fixed.plan.nodes, alive);
        let Some(origin) = fixed.or_else(drawn) else {
            return;
        };
        self.record.submit(item, origin, self.living, self.now);
        let item = self.fixed.items[item].clone();
        self.hand(origin, Input::Submitted(item));
    }

    /// Hands an input to a living node, carries out what it asks for, and sees to its next waking.
    fn hand(&mut self, node: u32, input: Input<'_>) {
        if self.seats[node as usize].alive {
            self.hand_unarmed(node, input);
            self.carry_out_all(node);
            self.arm(node, Time::ZERO);
        }
    }

    /// Hands an input to a node. What it asks for stands in the list of actions.
    fn hand_unarmed(&mut self, node: u32, input: Input<'_>) {
        let seat = &mut self.seats[node as usize];
        self.events += 1;
        self.hash.input(self.now, node, &input);
        let mut cx = Cx {
            now: self.now,
            params: &self.fixed.params,
            chain: &*self.fixed.chain,
            rng: &mut seat.rng,
            actions: &mut self.actions,
        };
        seat.node.handle(input, &mut cx);
        check::node(&seat.node, &self.fixed.params);
    }

    fn carry_out_all(&mut self, node: u32) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            self.carry_out(node, action);
        }
        self.actions = actions;
    }

    fn carry_out(&mut self, node: u32, action: Action) {
        match action {
            Action::Send { link, message } => self.send(node, link, message),
            Action::Throttle { link, until } => self.hold(node, link, until),
            Action::Verify(item) => {
                let life = self.seats[node as usize].life;
                if let Some(item) = self.fixed.numbers.get(&item.id().into()).copied() {
                    self.push(self.now, node, Event::Verdict { item, life });
                }
            }
            Action::Dial { addr } => self.dial(node, addr),
            Action::Disconnect { link, .. } => self.close(node, link),
            Action::Report(report) => self.take(node, &report),
        }
    }

    fn take(&mut self, node: u32, report: &Report) {
        if let Report::Accepted { id, ingress, .. } = report
            && let Some(item) = self.fixed.numbers.get(&id.into()).copied()
        {
            let end = ingress.and_then(|link| self.seats[node as usize].ends.get(link.slot()));
            let from = end.map(|end| end.peer);
            self.record.accept(item as usize, node, from, self.now);
        }
    }

    /// Sees to it that the node is woken at its deadline, but not before `earliest`.
    fn arm(&mut self, node: u32, earliest: Time) {
        let now = self.now;
        let seat = &mut self.seats[node as usize];
        let at = seat.node.deadline();
        if at == Time::NEVER {
            return;
        }
        let at = at.max(now).max(earliest);
        let next = seat.wakes.iter().rposition(|wake| *wake != Time::NEVER);
        if next.is_some_and(|next| seat.wakes[next] <= at) {
            return;
        }
        match next {
            Some(last) if last + 1 == WAKES => {
                // The latest is forgotten; its event will find nothing.
                seat.wakes.rotate_left(1);
                seat.wakes[last] = at;
            }
            Some(next) => seat.wakes[next + 1] = at,
            None => seat.wakes[0] = at,
        }
        self.push(at, node, Event::Wake);
    }

    fn wake(&mut self, node: u32) {
        let seat = &mut self.seats[node as usize];
        let next = seat.wakes.iter().rposition(|wake| *wake != Time::NEVER);
        let Some(next) = next.filter(|next| seat.wakes[*next] <= self.now) else {
            return; // forgotten, or of a former life
        };
        seat.wakes[next] = Time::NEVER;
        if seat.node.deadline() <= self.now {
            self.hand(node, Input::Wake);
        } else {
            self.arm(node, Time::ZERO);
        }
    }
}

/// A number of nodes or links, which is never near the limit.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
