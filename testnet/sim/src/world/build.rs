//! Makes the world of a scenario: nodes, links, hellos, and what is to come.
//!
//! Links of the overlay come up before the clock starts, hellos included, without a way through the queue:
//! this is what makes a million nodes affordable. First pings then take their real way, each node waking
//! at a random moment of the warm-up, as nodes that started one by one would. An overlay that forms by
//! gossip is simulated from the first dial.

use std::sync::Arc;

use rand::RngExt as _;
use tidings_protocol::chain::Chain;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::Item;
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::map::{Map, Salt};
use tidings_protocol::ground::peer::{AddressRecord, PeerAddr};
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::{Action, Input};
use tidings_protocol::node::{Identity, Node};
use tidings_protocol::wire::message::{Message, Session};

use super::fetch::AHEAD;
use super::links::{addr, key};
use super::state::{Event, Fixed, Layout, Seat, WAKES, World, narrow};
use crate::fault::{FaultSpec, Faults};
use crate::hash::EventHash;
use crate::latency::Latencies;
use crate::listing::Listing;
use crate::mining::Mined;
use crate::overlay::{self, Edge, Shape, shapes};
use crate::queue::Queue;
use crate::random::shared::{self, Stream};
use crate::random::{Use, stream};
use crate::record::Record;
use crate::scenario::Scenario;
use crate::spies::Spies;
use crate::units::nanos;
use crate::workload;

/// Nodes start within this many seconds, or half of the warm-up if that is less: long enough that not all
/// first pings are under way at once.
const STAGGER_S: f64 = 2.0;

/// How long nothing is submitted before what is measured: until announcements and copies of the last
/// item before have been sent, and no longer than nodes remember how fast their peers are.
const PAUSE_S: f64 = 10.0;

/// When things are to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// The first submission that is measured: the moment from which faults count.
    pub first: Time,
    /// The last submission.
    pub last: Time,
    /// The end of the last fault that has one.
    pub trouble_until: Time,
}

impl World {
    /// The world of a valid scenario at the beginning of its warm-up. Links are there already, unless the overlay
    /// forms by gossip.
    ///
    /// # Errors
    /// A sentence about an overlay or workload that can't be.
    pub fn new(scenario: &Scenario) -> Result<Self, String> {
        let chain = Opaque::default();
        let items =
            workload::items(&scenario.workload, scenario.write.len(), scenario.seed, &chain)?;
        match scenario.mining {
            Some(_) => Self::of(scenario, Box::new(Listing::default()), items),
            None => Self::of(scenario, Box::new(chain), items),
        }
    }

    /// The same, of other items, under other rules.
    ///
    /// # Errors
    /// A sentence about an overlay that can't be.
    pub fn of(
        scenario: &Scenario,
        chain: Box<dyn Chain + Send + Sync>,
        items: Vec<Arc<Item>>,
    ) -> Result<Self, String> {
        let (nodes, edges) = (scenario.network.nodes, edges(scenario)?);
        let mut numbers = Map::new(Salt::new(scenario.seed));
        for (item, number) in items.iter().zip(0..) {
            numbers.insert(item.id().into(), number);
        }
        let layout = layout(scenario, &edges);
        let mut params = scenario.params.clone();
        params.upload.unlimited = true; // a test network
        let mut world = Self {
            record: Record::new(nodes, items.len()),
            spies: Spies::new(scenario.spies, nodes, items.len(), scenario.seed),
            recording: None,
            faults: Faults::new(&scenario.fault, scenario.seed),
            healing: None,
            fixed: Arc::new(Fixed {
                seed: scenario.seed,
                params,
                chain,
                mining: scenario.mining,
                latencies: Latencies::new(&scenario.link, nodes, scenario.seed),
                layout,
                origin: scenario.origin,
                items,
                writes: scenario.write.iter().map(|write| write.node).collect(),
                numbers,
            }),
            seats: Vec::with_capacity(nodes),
            queue: Queue::default(),
            now: Time::ZERO,
            hash: EventHash::default(),
            events: 0,
            held: Default::default(),
            paused: Default::default(),
            kept: Default::default(),
            mined: Mined::default(),
            mines_until: Time::ZERO,
            mining_rng: shared::stream(scenario.seed, Stream::Blocks),
            former: Default::default(),
            living: nodes,
            strays: 0,
            otherwise: None,
            watch: None,
            actions: Vec::new(),
            fetched: 0,
        };
        world.seat_all(&edges);
        let is_fixed = world.fixed.layout.shape.is_fixed();
        for edges in edges.chunks(AHEAD) {
            world.fetch_nodes(edges.iter().map(|(_, to)| *to));
            for (from, to) in edges {
                world.link_up(*from, *to, is_fixed.then(|| addr(*to)));
            }
        }
        world.start_all(scenario);
        Ok(world)
    }

    /// Schedules the workload and the faults, from `warm_up_s` seconds after now: first what isn't
    /// measured, then, after a pause in which that comes to rest, the rest.
    pub fn schedule(&mut self, scenario: &Scenario, warm_up_s: f64) -> Outlook {
        let (rate, unmeasured) = (scenario.workload.rate, scenario.warmup_txs);
        // Not at this very moment: what comes before it has to be told apart.
        let begin = self.now.as_nanos() + nanos(warm_up_s).max(1);
        let pause = if unmeasured > 0 { unmeasured as f64 / rate + PAUSE_S } else { 0.0 };
        let first = Time::from_nanos(begin + nanos(pause));
        let after = |seconds: f64| Time::from_nanos(first.as_nanos() + nanos(seconds));
        let mut outlook = Outlook { first, last: first, trouble_until: first };
        let planned = self.fixed.items.len().saturating_sub(scenario.write.len());
        for item in 0..planned {
            outlook.last = match item.checked_sub(unmeasured) {
                Some(measured) => after(measured as f64 / rate),
                None => Time::from_nanos(begin + nanos(item as f64 / rate)),
            };
            self.push(outlook.last, 0, Event::Submit { item: narrow(item) });
        }
        if let Some(mining) = scenario.mining {
            self.mines_until = outlook.last;
            let gap = mining.gap(&mut self.mining_rng);
            self.push(Time::from_nanos(first.as_nanos() + gap), 0, Event::Mine);
        }
        for (fault, spec) in scenario.fault.iter().enumerate() {
            let (at, length) = spec.window();
            let (fault, begin) = (narrow(fault), after(at));
            let end = match (spec, length) {
                (FaultSpec::Churn { .. }, None) => Some(outlook.last.max(begin)),
                (_, length) => length.map(|length| after(at + length)),
            };
            let until = end.unwrap_or(begin);
            outlook.trouble_until = outlook.trouble_until.max(until);
            self.faults.get_mut(fault as usize).until = end.unwrap_or(Time::NEVER);
            if spec.is_from_the_beginning() {
                self.begin(fault as usize);
            } else {
                self.push(begin, 0, Event::Begin { fault });
            }
            if end.is_some() {
                self.push(until, 0, Event::End { fault });
            }
        }
        // Behind all else, which goes by the workload alone: a churn's end, and the last block.
        for (write, number) in scenario.write.iter().zip(planned..) {
            let at = after(write.at_s);
            outlook.last = outlook.last.max(at);
            self.push(at, 0, Event::Submit { item: narrow(number) });
        }
        outlook
    }

    /// Whether every node has as many ready links of its own as it wants, or can get. Where `HyParView`'s views are kept, whether
    /// every node has a neighbour, and nine of ten places are taken that there are.
    #[must_use]
    pub fn overlay_stands(&self) -> bool {
        if self.fixed.params.keeps_views() {
            return self.views_stand();
        }
        let others = self.fixed.layout.reachable.saturating_sub(1) as usize;
        let wanted = self.fixed.params.peers.outbound.min(others);
        let stands = |seat: &Seat| {
            let peers = seat.node.peers();
            // In a small network the peers that dialled us can't be dialled again.
            peers.outbound_ready() >= wanted
                || peers.outbound_ready() + peers.inbound_ready() >= others
        };
        self.seats.iter().filter(|seat| seat.alive).all(stands)
    }

    fn views_stand(&self) -> bool {
        let most = self.fixed.params.peers.hyparview.active_view.min(self.living - 1);
        let living = self.seats.iter().filter(|seat| seat.alive);
        let neighbours = living.map(|seat| seat.node.peers().views().map_or(0, |views| views.0));
        let (mut all, mut is_one_alone) = (0, false);
        for neighbours in neighbours {
            all += neighbours;
            is_one_alone |= neighbours == 0;
        }
        !is_one_alone && 10 * all >= 9 * most * self.living
    }

    /// A node in its place, before any link.
    fn seat_all(&mut self, edges: &[Edge]) {
        let mut degrees = vec![0; self.living];
        for (a, b) in edges {
            degrees[*a as usize] += 1;
            degrees[*b as usize] += 1;
        }
        let seed = self.fixed.seed;
        for (node, degree) in (0..).zip(degrees) {
            let mut fresh = self.make_node(node);
            fresh.reserve_links(degree);
            let seat = Seat {
                node: fresh,
                rng: stream(seed, Use::Node, u64::from(node)),
                jitter: stream(seed, Use::Jitter, u64::from(node)),
                ends: Vec::with_capacity(degree),
                wakes: [Time::NEVER; WAKES],
                line_up: 0,
                line_down: 0,
                life: 0,
                alive: true,
                paused: false,
                listens: node < self.fixed.layout.reachable,
            };
            self.seats.push(seat);
        }
    }

    /// A node that remembers nothing.
    pub(super) fn make_node(&self, node: u32) -> Node {
        let Fixed { layout, params, seed, .. } = &*self.fixed;
        let gossips = layout.shape == Shape::Gossip && node < layout.reachable;
        let dials = layout.dials.get(node as usize).map_or(&[][..], |dials| dials);
        let identity = Identity {
            member: None,
            key: key(node),
            advertise: gossips.then(|| addr(node)),
            fixed: dials.iter().map(|node| addr(*node)).collect(),
            region: self.fixed.latencies.region(node),
            salt: seed.wrapping_add(u64::from(node)),
        };
        Node::new(identity, params)
    }

    /// Gives a node the addresses of an earlier run, or of its operator.
    pub(super) fn import(&mut self, node: u32, known: &[u32]) {
        let record = |node: &u32| AddressRecord::reached(addr(*node));
        let records: Vec<_> = known.iter().map(record).collect();
        if !records.is_empty() {
            self.hand_unarmed(node, &Input::Remembered(&records.into()));
            self.carry_out_all(node);
        }
    }

    /// A link between two nodes that have just met, hellos included.
    fn link_up(&mut self, from: u32, to: u32, dialled: Option<PeerAddr>) {
        let (near, far) = self.join(from, to);
        let (out, inb) = (Direction::Outbound, Direction::Inbound);
        let connected = |link: Link, peer, direction, addr| Input::Connected {
            link,
            peer: key(peer),
            direction,
            addr,
        };
        let theirs = self.first_word(to, connected(far, from, inb, Some(addr(from))));
        let ours = self.first_word(from, connected(near, to, out, dialled));
        for (node, link, hello) in [(from, near, theirs), (to, far, ours)] {
            if let Some(message) = hello {
                self.hand_unarmed(node, &Input::Received { link, message: &message });
                self.carry_out_all(node);
            }
        }
    }

    /// What a node has to say about a new link; everything else that it does about it is carried out.
    fn first_word(&mut self, node: u32, connected: Input<'_>) -> Option<Message> {
        self.hand_unarmed(node, &connected);
        let is_hello = |action: &Action| {
            matches!(action, Action::Send { message: Message::Session(Session::Hello(_)), .. })
        };
        let place = self.actions.iter().position(is_hello)?;
        let hello = self.actions.remove(place);
        self.carry_out_all(node);
        match hello {
            Action::Send { message, .. } => Some(message),
            _ => None,
        }
    }

    /// Lets every node start at its own moment, with what it knows.
    fn start_all(&mut self, scenario: &Scenario) {
        let gossips = scenario.network.topology == Shape::Gossip;
        let stagger = nanos(STAGGER_S.min(scenario.measure.idle_s / 2.0)).max(1);
        let mut topology = shared::stream(scenario.seed, Stream::Topology);
        let mut bootstrap = match gossips {
            true => {
                shapes::bootstrap(scenario.network.nodes, scenario.network.bootstrap, &mut topology)
            }
            false => Vec::new(),
        };
        for node in 0..self.fixed.layout.nodes {
            let mut rng = stream(scenario.seed, Use::Stagger, u64::from(node));
            let start = Time::from_nanos(rng.random_range(0..stagger));
            if gossips {
                let known = std::mem::take(&mut bootstrap[node as usize]);
                let known = known.into_iter().map(|node| addr(narrow(node))).collect();
                self.push(start, node, Event::Learn(known));
            }
            self.arm(node, start);
        }
    }

    /// Lets a node that is about to lose a link find others: it is given what it knows now, as if it had
    /// always known, since a million address books that are never opened would fill the memory.
    pub(super) fn remind(&mut self, node: u32) {
        let found = self.fixed.layout.shape == Shape::Outbound;
        if found && self.seats[node as usize].node.peers().book().is_empty() {
            self.import(node, &self.acquaintances(node));
        }
    }

    /// Reachable nodes that a node knows besides its links.
    fn acquaintances(&self, node: u32) -> Vec<u32> {
        let layout = &self.fixed.layout;
        let mut rng = stream(self.fixed.seed, Use::Known, u64::from(node));
        let drawn = (0..layout.known).map(|_| rng.random_range(0..layout.reachable));
        let mut known: Vec<u32> = drawn.filter(|other| *other != node).collect();
        known.sort_unstable();
        known.dedup();
        known
    }
}

fn edges(scenario: &Scenario) -> Result<Vec<Edge>, String> {
    let mut rng = shared::stream(scenario.seed, Stream::Topology);
    overlay::edges(&scenario.overlay(), &mut rng)
}

fn layout(scenario: &Scenario, edges: &[Edge]) -> Layout {
    let mut dials = Vec::new();
    if scenario.network.topology.is_fixed() {
        dials.resize(scenario.network.nodes, Vec::new());
        for (from, to) in edges {
            dials[*from as usize].push(*to);
        }
    }
    Layout {
        nodes: narrow(scenario.network.nodes),
        reachable: narrow(scenario.network.reachable()),
        shape: scenario.network.topology,
        known: scenario.network.known,
        dials,
    }
}
