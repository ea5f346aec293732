//! A node under siege: peers that flood it with announcements of what doesn't exist, peers that announce what
//! does and never deliver it, peers that lie about it, and honest ones. How much later does it get transactions because of them?
//!
//! Only the node is real; its peers follow a script. What the node throttles is held back, as its driver
//! would; a peer that it closes the link to comes back under another name.

use crate::report::event::Event;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::chain::Chain as _;
use crate::chain::opaque::Opaque;
use crate::ground::item::{Hash256, Item, ItemId, ItemKind, Name, ShortId, twin};
use crate::ground::link::{Direction, Link};
use crate::ground::peer::{DialError, PeerAddr, PeerKey};
use crate::ground::time::Time;
use crate::limits::misbehavior::Reason;
use crate::machine::{Action, Cx, Input, Machine as _};
use crate::node::{Identity, Node};
use crate::params::Params;
use crate::wire::message::{Hello, Items, Message, Names, Session, VERSION};

/// Ids in each message of a flooder.
const FLOOD: usize = 1_000;

/// How far ahead of the first honest peer those are who never deliver.
const HEAD_START: Duration = Duration::from_millis(50);

/// How long a peer that was thrown out takes to come back.
const RETURN: Duration = Duration::from_secs(2);

/// Who is there, and what happens.
#[derive(Clone, Debug)]
pub struct Siege {
    /// Honest peers that the node dialled.
    pub outbound: usize,
    /// Honest peers that dialled it.
    pub inbound: usize,
    /// Peers that announce what doesn't exist, as fast as they can.
    pub flooders: usize,
    /// Peers that announce each transaction before anybody else, and never deliver.
    pub stallers: usize,
    /// Peers that announce each transaction before anybody else and lie, each in one way: see [`Lie`].
    pub liars: usize,
    /// How long a flooder waits from one message of a thousand ids to the next.
    pub flood_interval: Duration,
    /// Transactions.
    pub txs: usize,
    /// From one to the next.
    pub interval: Duration,
    /// Decides latencies and who hears of what when: the same whoever besieges the node.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// When each transaction was accepted.
    pub accepted: Vec<Option<Time>>,
    /// Most items wanted at any time.
    pub wanted_max: usize,
    /// Links closed because the peer kept flooding.
    pub closed: usize,
    /// Times that a link was slowed.
    pub throttled: usize,
    /// Ids that flooders announced, and those of them that were dropped for being too many.
    pub flooded: usize,
    /// See there.
    pub dropped: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Honest,
    Flooder,
    Staller,
    Liar(Lie),
}

/// What is false of what a liar says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// The kind: a transaction is announced as a block. Silent when asked for it.
    Kind,
    /// The name: an id that shares eight bytes with the true one. When asked, it denies having it.
    Name,
    /// The bytes: others come than those that were announced.
    Bytes,
    /// That it has it: when asked, it denies it.
    Presence,
}

impl Lie {
    /// All of them, which liars tell by turns.
    pub const ALL: [Self; 4] = [Self::Kind, Self::Name, Self::Bytes, Self::Presence];

    /// What a transaction is called by a liar.
    fn name_of(self, id: ItemId) -> ItemId {
        match self {
            Self::Kind => ItemId::block(id.hash()),
            Self::Name => twin(id),
            Self::Bytes | Self::Presence => id,
        }
    }

    /// What a liar answers when he is asked for an item.
    fn answer(self, id: ItemId) -> Option<Items> {
        match self {
            Self::Kind => None,
            Self::Name | Self::Presence => {
                Some(Items::NotFound(Names::Whole { kind: id.kind(), ids: [id].into() }))
            }
            Self::Bytes => {
                let bytes = id.hash().0.to_vec().into();
                Opaque::default().item(ItemKind::Tx, bytes).ok().map(Items::Item)
            }
        }
    }
}

#[derive(Debug)]
struct Peer {
    role: Role,
    direction: Direction,
    link: Option<Link>,
    latency: Duration,
    held_until: Time,
    generation: u32,
}

#[derive(Debug)]
enum Scheduled {
    /// A peer's message arrives.
    Arrives(Link, Message),
    /// A peer dials, or is dialled.
    Connects,
    /// A link breaks.
    Breaks(Link),
    /// A flooder's next message leaves.
    Floods(Link),
}

struct Entry {
    at: Time,
    sequence: u64,
    peer: usize,
    what: Scheduled,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
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

impl Siege {
    /// The same without attackers.
    #[must_use]
    pub fn lifted(&self) -> Self {
        Self { flooders: 0, stallers: 0, liars: 0, ..self.clone() }
    }

    /// Runs it, until 10 seconds after the last transaction.
    #[must_use]
    pub fn run(&self, params: &Params) -> Outcome {
        let mut field = Field::new(self, params);
        let length = self.interval * u32::try_from(self.txs).unwrap_or(u32::MAX);
        field.run_until(Time::ZERO + length + Duration::from_secs(10));
        field.outcome()
    }
}

/// The node and all around it.
struct Field<'a> {
    params: &'a Params,
    flood_interval: Duration,
    node: Node,
    rng: ChaCha8Rng,
    peers: Vec<Peer>,
    items: BTreeMap<ShortId, (usize, Arc<Item>)>,
    queue: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
    now: Time,
    outcome: Outcome,
}

impl<'a> Field<'a> {
    fn new(siege: &Siege, params: &'a Params) -> Self {
        let roles = [
            (siege.outbound, Role::Honest, Direction::Outbound),
            (siege.inbound, Role::Honest, Direction::Inbound),
            (siege.flooders, Role::Flooder, Direction::Inbound),
            (siege.stallers, Role::Staller, Direction::Inbound),
        ];
        let mut script = ChaCha8Rng::seed_from_u64(siege.seed);
        let mut peers = Vec::new();
        for (count, role, direction) in roles {
            peers.extend((0..count).map(|_| Peer {
                role,
                direction,
                link: None,
                latency: Duration::from_millis(script.random_range(10..60)),
                held_until: Time::ZERO,
                generation: 0,
            }));
        }
        for lie in Lie::ALL.into_iter().cycle().take(siege.liars) {
            peers.push(Peer {
                role: Role::Liar(lie),
                direction: Direction::Inbound,
                link: None,
                latency: Duration::from_millis(script.random_range(10..60)),
                held_until: Time::ZERO,
                generation: 0,
            });
        }
        let mut field = Self {
            params,
            flood_interval: siege.flood_interval,
            node: Node::new(Identity::for_tests(1_000_000), params),
            rng: ChaCha8Rng::seed_from_u64(siege.seed + 1),
            peers,
            items: BTreeMap::new(),
            queue: BinaryHeap::new(),
            sequence: 0,
            now: Time::ZERO,
            outcome: Outcome { accepted: vec![None; siege.txs], ..Outcome::default() },
        };
        for peer in 0..field.peers.len() {
            field.push(Time::ZERO, peer, Scheduled::Connects);
        }
        field.write_script(siege);
        field
    }

    /// Who announces which transaction when. Whom a transaction reaches when depends on nothing but the
    /// seed, so that runs can be compared.
    fn write_script(&mut self, siege: &Siege) {
        for n in 0..siege.txs {
            let mut script = ChaCha8Rng::seed_from_u64(siege.seed ^ (n as u64 + 1) << 20);
            let mut bytes = vec![0; 300];
            bytes[..8].copy_from_slice(&(n as u64).to_le_bytes());
            let item = Opaque::default().item(ItemKind::Tx, bytes.into());
            let item = item.expect("any bytes are a transaction");
            self.items.insert(item.id().into(), (n, item.clone()));
            let born = Time::from_millis(1_000)
                + siege.interval * u32::try_from(n).unwrap_or(u32::MAX)
                + HEAD_START;
            let honest = siege.outbound + siege.inbound;
            let delays: Vec<_> =
                (0..honest).map(|_| Duration::from_millis(script.random_range(0..1_000))).collect();
            let first = born + delays.iter().copied().min().unwrap_or_default();
            let roles: Vec<_> = self.peers.iter().map(|peer| peer.role).collect();
            for (peer, role) in roles.into_iter().enumerate() {
                let early = Time::ZERO + (first - Time::ZERO).saturating_sub(HEAD_START);
                let (at, id) = match role {
                    Role::Honest => {
                        (born + delays.get(peer).copied().unwrap_or_default(), item.id())
                    }
                    Role::Staller => (early, item.id()),
                    Role::Liar(lie) => (early, lie.name_of(item.id())),
                    Role::Flooder => continue,
                };
                let link = self.link_of(peer, 1);
                let names = Names::Whole { kind: id.kind(), ids: [id].into() };
                let message = Message::Items(Items::Announce(names));
                self.push(at, peer, Scheduled::Arrives(link, message));
            }
        }
    }

    fn link_of(&self, peer: usize, generation: u32) -> Link {
        debug_assert!(peer < self.peers.len());
        Link::new(u32::try_from(peer).unwrap_or(u32::MAX), generation)
    }

    fn push(&mut self, at: Time, peer: usize, what: Scheduled) {
        self.sequence += 1;
        self.queue.push(Reverse(Entry { at, sequence: self.sequence, peer, what }));
    }

    fn run_until(&mut self, end: Time) {
        loop {
            let next = self.queue.peek().map_or(Time::NEVER, |Reverse(entry)| entry.at);
            let wake = self.node.deadline();
            if next.min(wake) > end {
                return;
            }
            if wake < next {
                self.now = self.now.max(wake);
                self.hand(Input::Wake);
            } else if let Some(Reverse(entry)) = self.queue.pop() {
                self.now = self.now.max(entry.at);
                self.happen(entry.peer, entry.what);
            }
            self.outcome.wanted_max = self.outcome.wanted_max.max(self.node.wanted());
        }
    }

    fn happen(&mut self, index: usize, what: Scheduled) {
        let Peer { link: live, held_until, .. } = self.peers[index];
        match what {
            Scheduled::Arrives(link, message) if live == Some(link) => {
                if held_until > self.now {
                    return self.push(held_until, index, Scheduled::Arrives(link, message));
                }
                self.hand(Input::Received { link, message: &message });
            }
            Scheduled::Floods(link) if live == Some(link) => {
                let at = held_until.max(self.now + self.flood_interval);
                if held_until <= self.now {
                    let ids = (0..FLOOD).map(|_| ItemId::tx(Hash256(self.rng.random()))).collect();
                    self.outcome.flooded += FLOOD;
                    let message =
                        Message::Items(Items::Announce(Names::Whole { kind: ItemKind::Tx, ids }));
                    self.hand(Input::Received { link, message: &message });
                }
                self.push(at, index, Scheduled::Floods(link));
            }
            Scheduled::Breaks(link) if live == Some(link) => {
                self.peers[index].link = None;
                self.hand(Input::Disconnected { link });
                self.push(self.now + RETURN, index, Scheduled::Connects);
            }
            Scheduled::Connects => self.connect(index),
            Scheduled::Arrives(..) | Scheduled::Floods(_) | Scheduled::Breaks(_) => {} // of a link that is gone
        }
    }

    fn connect(&mut self, index: usize) {
        let peer = &mut self.peers[index];
        peer.generation += 1;
        let (direction, generation, role) = (peer.direction, peer.generation, peer.role);
        let link = self.link_of(index, generation);
        let key = PeerKey(index as u64 + 1_000 * u64::from(generation));
        let [.., a, b] = u32::try_from(index).unwrap_or(u32::MAX).to_be_bytes();
        let addr = PeerAddr::tcp(SocketAddr::new(Ipv4Addr::new(10, 0, a, b).into(), 4_000));
        let addr = (direction == Direction::Outbound).then_some(addr);
        self.peers[index].link = Some(link);
        self.peers[index].held_until = self.now;
        self.hand(Input::Connected { link, peer: key, direction, addr });
        let hello = Hello { version: VERSION, features: 0, advertise: None, region: None };
        self.hand(Input::Received {
            link,
            message: &Message::Session(Session::Hello(Box::new(hello))),
        });
        if role == Role::Flooder {
            self.push(self.now, index, Scheduled::Floods(link));
        }
    }

    fn hand(&mut self, input: Input<'_>) {
        let mut actions = Vec::new();
        let chain = Opaque::default();
        let mut cx = Cx {
            now: self.now,
            params: self.params,
            chain: &chain,
            rng: &mut self.rng,
            actions: &mut actions,
        };
        self.node.handle(input, &mut cx);
        for action in actions {
            self.carry_out(action);
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Send { link, message } => self.reach(link, &message),
            Action::Throttle { link, until } => {
                self.outcome.throttled += 1;
                let held = &mut self.peers[link.slot()].held_until;
                *held = until.max(*held);
            }
            Action::Disconnect { link, why } => {
                self.outcome.closed += usize::from(matches!(why, Reason::Misbehaved(_)));
                self.push(self.now, link.slot(), Scheduled::Breaks(link));
            }
            Action::Report(Event::Accepted { id, .. }) => {
                if let Some((n, _)) = self.items.get(&id.into()) {
                    self.outcome.accepted[*n] = Some(self.now);
                }
            }
            Action::Dial { addr } => {
                self.hand(Input::DialFailed { addr, why: DialError::Unreachable });
            }
            Action::Report(_) | Action::Verify(_) => {}
        }
    }

    /// A message reaches a peer, which answers.
    fn reach(&mut self, link: Link, message: &Message) {
        let index = link.slot();
        let peer = &self.peers[index];
        let (at, role) = (self.now + 2 * peer.latency, peer.role);
        match message {
            Message::Session(Session::Ping { nonce }) => {
                self.push(
                    at,
                    index,
                    Scheduled::Arrives(link, Message::Session(Session::Pong { nonce: *nonce })),
                );
            }
            Message::Items(Items::GetData(names)) if matches!(role, Role::Liar(_)) => {
                let Role::Liar(lie) = role else { return };
                let ids = names.iter().filter_map(|name| match name {
                    Name::Whole(id) => Some(id),
                    Name::Short(_) => None,
                });
                for answer in ids.filter_map(|id| lie.answer(id)) {
                    self.push(at, index, Scheduled::Arrives(link, Message::Items(answer)));
                }
            }
            Message::Items(Items::GetData(Names::Whole { ids, .. })) if role == Role::Honest => {
                for id in ids.iter() {
                    self.answer(at, link, id.into());
                }
            }
            Message::Items(Items::GetData(Names::Short(ids))) if role == Role::Honest => {
                for id in ids.iter() {
                    self.answer(at, link, *id);
                }
            }
            _ => {}
        }
    }

    fn answer(&mut self, at: Time, link: Link, id: ShortId) {
        if let Some((_, item)) = self.items.get(&id) {
            let message = Message::Items(Items::Item(item.clone()));
            self.push(at, link.slot(), Scheduled::Arrives(link, message));
        }
    }

    fn outcome(mut self) -> Outcome {
        self.outcome.dropped = self.node.counters().announcements_dropped;
        self.node.check_invariants(self.params);
        self.outcome
    }
}

/// How much later each transaction came under siege than without, sorted; one that never came counts as
/// [`Duration::MAX`].
#[must_use]
pub fn added_delays(besieged: &Outcome, quiet: &Outcome) -> Vec<Duration> {
    let pairs = besieged.accepted.iter().zip(&quiet.accepted);
    let mut delays: Vec<_> = pairs
        .map(|(besieged, quiet)| match (besieged, quiet) {
            (Some(besieged), Some(quiet)) => besieged.since(*quiet),
            _ => Duration::MAX,
        })
        .collect();
    delays.sort_unstable();
    delays
}
