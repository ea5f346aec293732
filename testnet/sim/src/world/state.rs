//! What there is: nodes, what lies between them, what is to happen, and what is remembered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::{Hash256, Item, ItemId, ShortId};
use tidings_protocol::ground::link::Link;
use tidings_protocol::ground::map::Map;
use tidings_protocol::ground::peer::PeerAddr;
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::{Action, Holds, Load};
use tidings_protocol::node::Node;
use tidings_protocol::params::{OverlayKind, Params};
use tidings_protocol::report::counters::{Counters, Traffic};
use tidings_protocol::wire::error::DecodeError;
use tidings_protocol::wire::message::Message;

use crate::fault::Faults;
use crate::hash::EventHash;
use crate::healing::{Healed, Healing};
use crate::latency::Latencies;
use crate::mining::{Mined, Mining};
use crate::otherwise::Otherwise;
use crate::overlay::Shape;
use crate::queue::Queue;
use crate::random::SplitMix64;
use crate::record::Record;
use crate::recording::Recording;
use crate::spies::Spies;
use crate::watch::Watch;

/// Wake-ups of a node that may be pending at once: more than the core has kinds of deadlines far apart.
/// A wake-up beyond them is merely pushed again.
pub(super) const WAKES: usize = 4;

/// A whole simulated network at a moment.
#[derive(Clone)]
pub struct World {
    /// What doesn't change; shared by all forks.
    pub(super) fixed: Arc<Fixed>,
    pub(super) seats: Vec<Seat>,
    pub(super) queue: Queue<Entry>,
    pub(super) now: Time,
    pub(super) hash: EventHash,
    pub(super) events: u64,
    pub(super) record: Record,
    pub(super) spies: Spies,
    /// Whoever listens to all that happens.
    pub(super) recording: Option<Box<Recording>>,
    pub(super) faults: Faults,
    /// The last partition that ended.
    pub(super) healing: Option<Healing>,
    /// Receiving ends that are not read now, by node and slot.
    pub(super) held: BTreeMap<(u32, u32), Held>,
    /// What waits for paused nodes.
    pub(super) paused: BTreeMap<u32, Vec<Event>>,
    /// What nodes counted before they crashed.
    pub(super) former: BTreeMap<u32, Former>,
    /// All blocks that anybody accepted, as disks would keep them.
    pub(super) kept: BTreeMap<ItemId, Arc<Item>>,
    /// Blocks that nodes made.
    pub(super) mined: Mined,
    /// Until when they make some.
    pub(super) mines_until: Time,
    pub(super) mining_rng: ChaCha8Rng,
    pub(super) living: usize,
    /// Messages that arrived on a link that was gone.
    pub(super) strays: u64,
    /// What is otherwise than it would be.
    pub(super) otherwise: Option<Arc<Otherwise>>,
    /// What is noted about one item.
    pub(super) watch: Option<Box<Watch>>,
    /// Reused for every input.
    pub(super) actions: Vec<Action>,
    /// How many of the next events had their memory fetched.
    pub(super) fetched: usize,
}

/// What doesn't change during a run.
pub(super) struct Fixed {
    pub(super) seed: u64,
    pub(super) params: Params,
    pub(super) chain: Box<dyn Chain + Send + Sync>,
    pub(super) mining: Option<Mining>,
    pub(super) latencies: Latencies,
    pub(super) layout: Layout,
    /// Where all items are submitted, if not anywhere.
    pub(super) origin: Option<u32>,
    pub(super) items: Vec<Arc<Item>>,
    /// Where each of the last items is submitted: somebody names the node.
    pub(super) writes: Vec<u32>,
    pub(super) numbers: Map<ShortId, u32>,
}

impl Fixed {
    /// The node that is named for an item, if it is a write.
    pub(super) fn written_at(&self, item: usize) -> Option<u32> {
        let write = item.checked_sub(self.items.len().checked_sub(self.writes.len())?)?;
        self.writes.get(write).copied()
    }

    /// The number of an item that is submitted. Liars make others, perhaps with its hash.
    pub(super) fn number(&self, id: ItemId) -> Option<u32> {
        let number = self.numbers.get(&ShortId::from(id)).copied()?;
        (self.items[number as usize].id() == id).then_some(number)
    }
}

/// A node's place in the world. It begins with a cache line of what each event touches besides the node.
#[derive(Clone)]
#[repr(C, align(64))]
pub(super) struct Seat {
    /// By slot.
    pub(super) ends: Vec<End>,
    /// Pending wake-ups, the next one last; NEVER where there is none.
    pub(super) wakes: [Time; WAKES],
    /// Tells its lives apart.
    pub(super) life: u32,
    pub(super) alive: bool,
    pub(super) paused: bool,
    /// Whether it can be dialled.
    pub(super) listens: bool,
    pub(super) node: Node,
    /// The node's own random source.
    pub(super) rng: SplitMix64,
    /// What the messages that it sends draw their jitter from.
    pub(super) jitter: SplitMix64,
    /// When its lines will have carried what was given to them.
    pub(super) line_up: u64,
    pub(super) line_down: u64,
}

/// An event and whom it concerns.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) node: u32,
    pub(super) event: Event,
}

/// What happens to a node.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// It wanted waking.
    Wake,
    /// A message is on its way.
    Message { leg: Leg, link: Link, message: Message },
    /// Bytes that are no message come out of a link.
    Garbled { link: Link, error: DecodeError },
    /// Its end of a link breaks.
    Broken { link: Link },
    /// Messages that were held on a link go on.
    Release { slot: u32 },
    /// A dial of its reaches its target, or doesn't.
    Dialled { addr: PeerAddr, life: u32 },
    /// Its checks of an item are done.
    Verdict { item: u32, life: u32 },
    /// The same of what nobody submitted.
    VerdictOfJunk { item: Arc<Item>, life: u32 },
    /// It has read a block.
    Loaded { id: ItemId, what: Load, life: u32 },
    /// Its operator names addresses.
    Learn(Box<[PeerAddr]>),
    /// Somebody makes a block.
    Mine,
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

/// Where a message on its way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leg {
    /// The node lies, and has waited to do so.
    Lie,
    /// It reaches the node's line.
    OnLine,
    /// It comes out of the link.
    Out,
}

/// What a node sent and received before it crashed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Former {
    /// Messages.
    pub traffic: Traffic,
    /// Bytes that it sent to other regions.
    pub cross_region_bytes: u64,
}

/// One end of a link.
#[derive(Clone, Debug)]
pub(super) struct End {
    /// Its handle at this node. The generation stays when the link is gone.
    pub(super) near: Link,
    /// Its handle at the peer.
    pub(super) far: Link,
    /// Who is there.
    pub(super) peer: u32,
    /// The link is up.
    pub(super) live: bool,
    /// Nothing more is taken from this node for it.
    pub(super) closing: bool,
    /// What arrives waits in [`World::held`].
    pub(super) held: bool,
    /// This node dialled.
    pub(super) dialled: bool,
    /// The fixed part of the latency to the peer, nanoseconds.
    pub(super) latency: u64,
    /// When the last message to the peer arrives: control messages, and items.
    pub(super) last: [u64; 2],
}

/// What waits on a link of which not all classes are read.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    pub(super) holds: Holds,
    /// In the order in which they came.
    pub(super) messages: VecDeque<Message>,
    pub(super) bytes: usize,
    /// The sender was told.
    pub(super) congested: bool,
}

/// What decides how nodes are made, again after a crash.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// How many nodes.
    pub(super) nodes: u32,
    /// The first so many listen.
    pub(super) reachable: u32,
    /// Shape of the overlay.
    pub(super) shape: Shape,
    /// Addresses that a node knows besides its links.
    pub(super) known: usize,
    /// By node: whom it dials for ever. Empty unless the shape is fixed.
    pub(super) dials: Vec<Vec<u32>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "World({} nodes at {}, {} events)", self.seats.len(), self.now, self.events)
    }
}

impl World {
    /// The time.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// The last block that a node connected, and its height; none if it hasn't any.
    #[must_use]
    pub fn tip(&self, node: u32) -> Option<(Hash256, u32)> {
        let tip = self.seats[node as usize].node.tree()?.tip();
        Some((tip.id, tip.height))
    }

    /// The blocks that nodes made.
    #[must_use]
    pub const fn mined(&self) -> &Mined {
        &self.mined
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

    /// What the end of the last partition took until now; `None` if none has ended.
    #[must_use]
    pub fn healed(&self) -> Option<Healed> {
        let received = (0..self.fixed.layout.nodes).map(|node| self.counters(node).0.traffic);
        let healing = self.healing.as_ref()?;
        Some(healing.until(received, self.record.last(), self.record.open() == 0))
    }

    /// A partition ends now.
    pub(super) fn begin_healing(&mut self) {
        let size = |item: usize| self.fixed.items[item].size() as u64;
        let nodes = (0..self.fixed.layout.nodes).map(|node| {
            let lacked = self.record.lacked(node).map(size).sum();
            (lacked, self.counters(node).0.traffic)
        });
        self.healing = Some(Healing::new(self.now, nodes));
    }

    /// What a node has counted, in its former lives as well.
    #[must_use]
    pub fn counters(&self, node: u32) -> (Counters, Option<&Former>) {
        (self.seats[node as usize].node.counters(), self.former.get(&node))
    }

    /// The items: the workload's in the order of their submission, then the writes.
    #[must_use]
    pub fn items(&self) -> &[Arc<Item>] {
        &self.fixed.items
    }

    /// How nodes choose whom to be linked with.
    #[must_use]
    pub fn overlay(&self) -> OverlayKind {
        self.fixed.params.peers.overlay
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
    #[inline(always)]
    pub(super) fn push(&mut self, at: Time, node: u32, event: Event) {
        self.queue.push(at, Entry { node, event });
    }

    pub(super) fn lives(&self, node: u32, life: u32) -> bool {
        let seat = &self.seats[node as usize];
        seat.alive && seat.life == life
    }
}

impl End {
    /// The node at the other end, if this one dialled it.
    pub(super) fn dialled_peer(&self) -> Option<u32> {
        (self.live && self.dialled).then_some(self.peer)
    }
}

/// A number of nodes or links, which is never near the limit.
pub(super) fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
