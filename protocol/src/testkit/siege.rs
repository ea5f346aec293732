//! A node under siege: peers that flood it with announcements of what doesn't exist, peers that announce what
//! does and never deliver it, peers that lie about it, and honest ones. How much later does it get transactions because of them?
//!
//! Only the node is real; its peers follow a script. What the node throttles is held back, as its driver
//! would; a peer that it closes the link to comes back under another name.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::hostile::{Act, Deed, Hostile, Lie, Lies};
use super::queue::{Ends, Queue};
use crate::chain::Chain as _;
use crate::chain::opaque::Opaque;
use crate::ground::item::{Hash256, Item, ItemId, ItemKind, Name, ShortId};
use crate::ground::link::{Direction, Link};
use crate::ground::peer::{DialError, PeerAddr, PeerKey};
use crate::ground::time::Time;
use crate::limits::misbehavior::Reason;
use crate::machine::{Action, Cx, Input, Machine as _};
use crate::node::{Identity, Node};
use crate::params::Params;
use crate::report::event::Event;
use crate::wire::codec::frame_len;
use crate::wire::error::DecodeError;
use crate::wire::kinds::Class;
use crate::wire::message::{Items, Message, Names, Session};

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
    /// Peers that would announce each transaction before anybody else, and are [`Hostile`]: each tells one of the lies.
    pub liars: usize,
    /// Which lies, by turns.
    pub lies: Vec<Lie>,
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
pub struct Aftermath {
    /// When each transaction was accepted.
    pub accepted: Vec<Option<Time>>,
    /// When a peer that the node dialled first announced each.
    pub told: Vec<Time>,
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
    /// Bytes that the node sent, and that its peers did.
    pub sent: u64,
    /// See there.
    pub received: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Honest,
    Flooder,
    Staller,
    /// What an honest peer would say is made false.
    Liar,
}

#[derive(Debug)]
struct Peer {
    role: Role,
    direction: Direction,
    latency: Duration,
    /// Who speaks in its place.
    hostile: Option<Hostile>,
}

#[derive(Debug)]
enum Scheduled {
    /// A peer's message arrives.
    Arrives(Link, Message),
    /// Bytes of a peer's arrive that are no message.
    Malformed(Link, DecodeError),
    /// A peer would say this, and reaches the node with it a latency later.
    Speaks(Message),
    /// A peer dials, or is dialled.
    Connects,
    /// A link breaks.
    Breaks(Link),
    /// A flooder's next message leaves.
    Floods(Link),
}

impl Siege {
    /// The same without attackers.
    #[must_use]
    pub fn lifted(&self) -> Self {
        Self { flooders: 0, stallers: 0, liars: 0, ..self.clone() }
    }

    /// Runs it, until 10 seconds after the last transaction.
    #[must_use]
    pub fn run(&self, params: &Params) -> Aftermath {
        let mut field = Field::new(self, params);
        let length = self.interval * u32::try_from(self.txs).unwrap_or(u32::MAX);
        field.run_until(Time::ZERO + length + Duration::from_secs(10));
        field.aftermath()
    }
}

/// The node and all around it.
struct Field<'a> {
    params: &'a Params,
    flood_interval: Duration,
    node: Node,
    rng: ChaCha8Rng,
    /// Each has the slot of its number.
    peers: Vec<Peer>,
    ends: Ends<()>,
    items: BTreeMap<ShortId, (usize, Arc<Item>)>,
    queue: Queue<(usize, Scheduled)>,
    aftermath: Aftermath,
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
                latency: Duration::from_millis(script.random_range(10..60)),
                hostile: None,
            }));
        }
        for (number, lie) in (0..).zip(siege.lies.iter().cycle().take(siege.liars)) {
            peers.push(Peer {
                role: Role::Liar,
                direction: Direction::Inbound,
                latency: Duration::from_millis(script.random_range(10..60)),
                hostile: Some(Hostile::new(Lies::One(*lie), siege.seed << 32 | number)),
            });
        }
        let mut field = Self {
            params,
            flood_interval: siege.flood_interval,
            node: Node::new(Identity::for_tests(1_000_000), params),
            rng: ChaCha8Rng::seed_from_u64(siege.seed + 1),
            peers,
            ends: Ends::default(),
            items: BTreeMap::new(),
            queue: Queue::default(),
            aftermath: Aftermath { accepted: vec![None; siege.txs], ..Aftermath::default() },
        };
        for peer in 0..field.peers.len() {
            field.queue.push(Time::ZERO, (peer, Scheduled::Connects));
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
            let told = delays.iter().take(siege.outbound).copied().min();
            self.aftermath.told.push(told.map_or(Time::NEVER, |delay| born + delay));
            let roles: Vec<_> = self.peers.iter().map(|peer| peer.role).collect();
            for (peer, role) in roles.into_iter().enumerate() {
                let early = Time::ZERO + (first - Time::ZERO).saturating_sub(HEAD_START);
                let link = self.ends.next_in(peer);
                let names = Names::Whole { kind: ItemKind::Tx, ids: [item.id()].into() };
                let message = Message::Items(Items::Announce(names));
                let (at, what) = match role {
                    Role::Honest => (
                        born + delays.get(peer).copied().unwrap_or_default(),
                        Scheduled::Arrives(link, message),
                    ),
                    Role::Staller => (early, Scheduled::Arrives(link, message)),
                    Role::Liar => (early, Scheduled::Speaks(message)),
                    Role::Flooder => continue,
                };
                self.queue.push(at, (peer, what));
            }
        }
    }

    fn run_until(&mut self, end: Time) {
        loop {
            let (next, wake) = (self.queue.next_at(), self.node.deadline());
            if next.min(wake) > end {
                return;
            }
            if wake < next {
                self.queue.advance(wake);
                self.hand(Input::Wake);
            } else if let Some((peer, what)) = self.queue.pop() {
                self.happen(peer, what);
            }
            self.aftermath.wanted_max = self.aftermath.wanted_max.max(self.node.wanted());
        }
    }

    fn happen(&mut self, index: usize, what: Scheduled) {
        let now = self.queue.now();
        let live = self.ends.in_slot(index);
        let held_until = |class| live.map_or(Time::ZERO, |link| self.ends.held_until(link, class));
        match what {
            Scheduled::Arrives(link, message) if live == Some(link) => {
                let held_until = held_until(message.class());
                if held_until > now {
                    return self.queue.push(held_until, (index, Scheduled::Arrives(link, message)));
                }
                self.aftermath.received += frame_len(&message) as u64;
                self.hand(Input::Received { link, message: &message });
            }
            Scheduled::Malformed(link, error) if live == Some(link) => {
                self.hand(Input::Malformed { link, error });
            }
            // A liar is there for the whole siege, whatever he is called.
            Scheduled::Speaks(message) => {
                if let Some(link) = live {
                    self.speak(link, message);
                }
            }
            Scheduled::Floods(link) if live == Some(link) => {
                let held_until = held_until(Class::Control);
                let at = held_until.max(now + self.flood_interval);
                if held_until <= now {
                    let ids = (0..FLOOD).map(|_| ItemId::tx(Hash256(self.rng.random()))).collect();
                    self.aftermath.flooded += FLOOD;
                    let message =
                        Message::Items(Items::Announce(Names::Whole { kind: ItemKind::Tx, ids }));
                    self.aftermath.received += frame_len(&message) as u64;
                    self.hand(Input::Received { link, message: &message });
                }
                self.queue.push(at, (index, Scheduled::Floods(link)));
            }
            Scheduled::Breaks(link) if live == Some(link) => {
                self.ends.close(link);
                self.hand(Input::Disconnected { link });
                self.queue.push(now + RETURN, (index, Scheduled::Connects));
            }
            Scheduled::Connects => self.connect(index),
            // Of a link that is gone.
            Scheduled::Arrives(..)
            | Scheduled::Malformed(..)
            | Scheduled::Floods(_)
            | Scheduled::Breaks(_) => {}
        }
    }

    fn connect(&mut self, index: usize) {
        let link = self.ends.next_in(index);
        let Peer { direction, role, .. } = self.peers[index];
        let key = PeerKey(index as u64 + 1_000 * u64::from(link.generation()));
        let [.., a, b] = u32::try_from(index).unwrap_or(u32::MAX).to_be_bytes();
        let addr = PeerAddr::tcp(SocketAddr::new(Ipv4Addr::new(10, 0, a, b).into(), 4_000));
        let addr = (direction == Direction::Outbound).then_some(addr);
        self.ends.open(link, ());
        self.hand(Input::Connected { link, peer: key, direction, addr });
        let hello = Message::Session(Session::Hello(Box::default()));
        match role {
            Role::Liar => self.speak(link, hello),
            _ => self.hand(Input::Received { link, message: &hello }),
        }
        if role == Role::Flooder {
            self.queue.push(self.queue.now(), (index, Scheduled::Floods(link)));
        }
    }

    /// A liar would say something.
    fn speak(&mut self, link: Link, message: Message) {
        let (now, mut acts) = (self.queue.now(), Vec::new());
        if let Some(hostile) = &mut self.peers[link.slot()].hostile {
            hostile.says(now, message, &Opaque::default(), &mut acts);
        }
        self.commit(link, Duration::ZERO, acts);
    }

    /// What he does arrives so much later.
    fn commit(&mut self, link: Link, latency: Duration, acts: Vec<Act>) {
        for Act { after, deed } in acts {
            let what = match deed {
                Deed::Say(message) => Scheduled::Arrives(link, message),
                Deed::Garble(error) => Scheduled::Malformed(link, error),
                Deed::Leave => Scheduled::Breaks(link),
            };
            self.queue.push(self.queue.now() + after + latency, (link.slot(), what));
        }
    }

    fn hand(&mut self, input: Input<'_>) {
        let mut actions = Vec::new();
        let chain = Opaque::default();
        let mut cx = Cx {
            now: self.queue.now(),
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
            Action::Throttle { link, class, until } => {
                self.aftermath.throttled += 1;
                self.ends.hold(link, class, until);
            }
            Action::Disconnect { link, why } => {
                self.aftermath.closed += usize::from(matches!(why, Reason::Misbehaved(_)));
                self.queue.push(self.queue.now(), (link.slot(), Scheduled::Breaks(link)));
            }
            Action::Report(Event::Accepted { id, .. }) => {
                if let Some((n, _)) = self.items.get(&id.into()) {
                    self.aftermath.accepted[*n] = Some(self.queue.now());
                }
            }
            Action::Dial { addr } => {
                self.hand(Input::DialFailed { addr, why: DialError::Unreachable });
            }
            Action::Report(_)
            | Action::Verify(_)
            | Action::Load { .. }
            | Action::Changed(_)
            | Action::Written { .. } => {}
        }
    }

    /// A message reaches a peer, which answers.
    fn reach(&mut self, link: Link, message: &Message) {
        self.aftermath.sent += frame_len(message) as u64;
        let Peer { latency, role, .. } = self.peers[link.slot()];
        if role == Role::Liar {
            let mut acts = Vec::new();
            if let Some(hostile) = &mut self.peers[link.slot()].hostile {
                hostile.hears(message, &mut acts);
            }
            self.commit(link, 2 * latency, acts);
        }
        let mut answers = Vec::new();
        match message {
            Message::Session(Session::Ping { nonce }) => {
                answers.push(Message::Session(Session::Pong { nonce: *nonce }));
            }
            Message::Items(Items::GetData(names)) if matches!(role, Role::Honest | Role::Liar) => {
                let asked = names.iter().filter_map(|name| self.items.get(&Name::short(name)));
                answers.extend(asked.map(|(_, item)| Message::Items(Items::Item(item.clone()))));
            }
            _ => {}
        }
        let at = self.queue.now() + 2 * latency;
        for answer in answers {
            let what = match role {
                Role::Liar => Scheduled::Speaks(answer),
                _ => Scheduled::Arrives(link, answer),
            };
            self.queue.push(at, (link.slot(), what));
        }
    }

    fn aftermath(mut self) -> Aftermath {
        self.aftermath.dropped = self.node.counters().announcements_dropped;
        self.node.check_invariants(self.params);
        self.aftermath
    }
}

impl Aftermath {
    /// How long after an outbound peer had announced it each transaction was there, sorted; one that never came counts as
    /// [`Duration::MAX`].
    #[must_use]
    pub fn waits(&self) -> Vec<Duration> {
        let pairs = self.accepted.iter().zip(&self.told);
        let wait = |(accepted, told): (&Option<Time>, &Time)| {
            accepted.map_or(Duration::MAX, |accepted| accepted.since(*told))
        };
        let mut waits: Vec<_> = pairs.map(wait).collect();
        waits.sort_unstable();
        waits
    }
}

/// How much later each transaction came under siege than without, sorted; one that never came counts as
/// [`Duration::MAX`].
#[must_use]
pub fn added_delays(besieged: &Aftermath, quiet: &Aftermath) -> Vec<Duration> {
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
