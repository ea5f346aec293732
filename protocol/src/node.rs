//! The node: where the mechanisms meet. It only dispatches; each mechanism stands in a file of its own.
//!
//! - `node/links.rs`: links come up, say hello, misbehave and go down
//! - `node/intake.rs`: an item is announced, comes in, is checked and accepted
//! - `node/orphans.rs`: a transaction waits for its parents, or pays for one
//! - `node/own.rs`: items outlive the process, and own ones are announced again
//! - `node/relay.rs`: the strategy decides who gets it, and that is carried out
//! - `node/serve.rs`: a peer asks for items and gets them
//! - `node/fees.rs`: peers are told what we take, and aren't told of what they don't
//! - `node/digest.rs`: two peers compare what they have
//! - `node/wake.rs`: what is due, and when the next thing will be
//! - `node/check.rs`: what must hold after every input
//! - `node/warm.rs`: what an input will read, for drivers of very many nodes

mod check;
mod digest;
mod fees;
mod intake;
mod links;
mod orphans;
mod own;
mod relay;
mod serve;
mod wake;
mod warm;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::chain::Inspection;
use crate::counters::Counters;
use crate::event::Event;
use crate::ground::backlog::Backlog;
use crate::ground::fee::FeeRate;
use crate::ground::item::{Item, ItemId, ItemKind, Name, ShortId};
use crate::ground::link::{Direction, Link, LinkTable};
use crate::ground::map::{Map, Salt};
use crate::ground::peer::PeerAddr;
use crate::ground::peer::PeerKey;
use crate::ground::time::Time;
use crate::items::blocks::BlockStore;
use crate::items::orphanage::{Orphan, Orphanage};
use crate::items::pool::Pool;
use crate::items::seen::SeenCache;
use crate::items::unbroadcast::Unbroadcast;
use crate::limits::budget::LinkBudget;
use crate::limits::misbehavior::{Offence, Reason};
use crate::machine::{Action, Cx, Input, Machine, Was};
use crate::params::Params;
use crate::peers::Peers;
use crate::peers::book::AddressRecord;
use crate::peers::ping::Health;
use crate::reconcile::anti_entropy::SafetyNet;
use crate::record::{Dealings, Record, Recorder, Story, What};
use crate::relay::announce::Announcer;
use crate::relay::fee_filter::FeeFilter;
use crate::relay::quota::Quota;
use crate::relay::request::Requests;
use crate::relay::{AnyStrategy, Neighbour, Strategy as _};
use crate::wire::codec;
use crate::wire::message::{Message, Verb};

use wake::Reach;

/// Who a node is, and what its operator tells it before it starts.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The key that peers know it by.
    pub key: PeerKey,
    /// Where it can be dialled, if it wants to be.
    pub advertise: Option<PeerAddr>,
    /// Addresses to stay connected to. If there are any, no others are chosen from the book.
    pub fixed: Vec<PeerAddr>,
    /// The region that it says it is in, if regions are to count (see [`crate::relay::topology`]).
    pub region: Option<u8>,
    /// Salt of all hash maps: secret in production, fixed where runs are to be repeated.
    pub salt: u64,
}

impl Identity {
    /// An identity without an address, for tests and examples.
    #[must_use]
    pub const fn for_tests(key: u64) -> Self {
        Self { key: PeerKey(key), advertise: None, fixed: Vec::new(), region: None, salt: key }
    }
}

/// One relay node. Drive it as [`crate::machine`] says.
///
/// It lies in memory as it stands here: first what most inputs touch, which are announcements of what is known and
/// wake-ups to announce something (see `node/warm.rs`).
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Node {
    /// The earliest deadline of all parts but the announcer and the strategy.
    rest_at: Time,
    announcer: Announcer,
    links: LinkTable<LinkState>,
    unbroadcast: Unbroadcast,
    /// Transactions that wait for their parents; most nodes have none.
    orphans: Option<Box<Orphans>>,
    record: Recorder,
    region: Option<u8>,
    /// A peer has a fee filter, or had one.
    any_filter: bool,
    seen: SeenCache,
    strategy: AnyStrategy,
    counters: Counters,
    /// The links that the strategy may use, in the order in which they became ready.
    ready: Vec<Neighbour>,
    requests: Requests,
    safety_net: SafetyNet,
    /// Items whose expensive checks are under way; bounded by `memory.verifying_max`.
    verifying: Map<ShortId, Verifying>,
    pool: Pool,
    blocks: BlockStore,
    fee_filter: FeeFilter,
    quota: Quota,
    /// When the quota lets the next transaction be announced.
    quota_at: Time,
    /// When a getdata that was too large to answer at once goes on.
    serve_at: Time,
    health: Health,
    peers: Peers,
    advertise: Option<PeerAddr>,
}

/// What the node keeps for each link itself; each mechanism keeps its own part. What every message touches comes last
/// and together.
#[derive(Clone, Debug)]
#[repr(C)]
struct LinkState {
    peer: PeerKey,
    since: Time,
    advertise: Option<PeerAddr>,
    direction: Direction,
    region: Option<u8>,
    /// What the peer asked for and we haven't sent yet; bounded by `memory.serve_queue_max`.
    serving: Backlog<(ItemKind, Name)>,
    /// The peer wants to hear of nothing that pays less.
    fee_filter: FeeRate,
    budget: LinkBudget,
    /// We are closing it, and why: nothing more is taken from it.
    closing: Option<Box<Reason>>,
    /// Items that came by it and are being checked.
    checking: u32,
    /// The peer's hello has arrived.
    ready: bool,
    congested: bool,
}

/// An item that waits for its verdict.
#[derive(Clone, Debug)]
struct Verifying {
    item: Arc<Item>,
    inspection: Inspection,
    ingress: Option<Link>,
    /// Links whose peers have the item: at most one entry per link.
    holders: Vec<Link>,
    /// It is judged together with another one.
    pair: Option<Pair>,
}

/// A parent and a child that pays for it, both being checked.
#[derive(Clone, Copy, Debug)]
struct Pair {
    /// The other one.
    other: ShortId,
    is_parent: bool,
    /// This one has passed its checks.
    is_verified: bool,
}

/// What waits for its parents, and what need not any more.
#[derive(Clone, Debug)]
struct Orphans {
    waiting: Orphanage,
    /// Taken out, to be dealt with before the input is finished.
    ready: VecDeque<Orphan>,
    refused: Vec<Orphan>,
    /// Transactions of an earlier run that pay too little without the child that they came with. They have at
    /// most `orphans.reserve_bytes`, until a moment.
    cheap: Vec<Comeback>,
    cheap_until: Time,
}

/// A transaction of an earlier run.
#[derive(Clone, Debug)]
struct Comeback {
    item: Arc<Item>,
    inspection: Inspection,
    was: Was,
}

/// A link, as the operator sees it.
#[derive(Clone, Copy, Debug)]
pub struct LinkView {
    /// Its handle.
    pub link: Link,
    /// Who is there.
    pub peer: PeerKey,
    /// Who dialled.
    pub direction: Direction,
    /// When it came up.
    pub since: Time,
    /// Whether both sides have said hello.
    pub ready: bool,
    /// Where the peer says that it can be dialled.
    pub advertise: Option<PeerAddr>,
    /// Last round trip.
    pub rtt: Option<Duration>,
    /// Items requested and not yet here.
    pub in_flight: usize,
}

impl Node {
    /// A node without links, which remembers nothing.
    #[must_use]
    pub fn new(identity: Identity, params: &Params) -> Self {
        let salt = Salt::new(identity.salt);
        let strategy = AnyStrategy::from(params.relay.strategy);
        let patience = strategy.patience(&params.relay);
        let mut node = Self {
            advertise: identity.advertise,
            region: identity.region,
            links: LinkTable::default(),
            peers: Peers::new(identity.key, identity.advertise, identity.fixed, salt),
            health: Health::default(),
            strategy,
            ready: Vec::new(),
            seen: SeenCache::new(params.memory.seen_max, salt),
            requests: Requests::new(salt).with_patience(patience),
            announcer: Announcer::default(),
            safety_net: SafetyNet::default(),
            verifying: Map::new(salt),
            pool: Pool::new(salt),
            unbroadcast: Unbroadcast::default(),
            fee_filter: FeeFilter::default(),
            any_filter: false,
            quota: Quota::default(),
            quota_at: Time::NEVER,
            orphans: None,
            blocks: BlockStore::default(),
            counters: Counters::default(),
            record: Recorder::new(params.record),
            serve_at: Time::NEVER,
            rest_at: Time::NEVER,
        };
        node.rest_at = node.find_rest_at();
        node
    }

    /// Makes room for so many links at once, for a driver that knows beforehand how many there will be.
    /// More are welcome.
    pub fn reserve_links(&mut self, links: usize) {
        self.links.reserve(links);
        self.ready.reserve_exact(links);
        self.requests.reserve(links);
        self.announcer.reserve(links);
        self.health.reserve(links);
        self.peers.reserve(links);
    }

    /// Everything counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            requests_expired: self.requests.expired(),
            requests_failed: self.requests.failed(),
            announcements_unsent: self.announcer.unsent() + self.counters.announcements_unsent,
            pool_evicted: self.pool.evicted(),
            ..self.counters
        }
    }

    /// The live links, in slot order.
    pub fn links(&self) -> impl Iterator<Item = LinkView> {
        self.links.iter().map(|(link, state)| LinkView {
            link,
            peer: state.peer,
            direction: state.direction,
            since: state.since,
            ready: state.ready,
            advertise: state.advertise,
            rtt: self.health.rtt(link),
            in_flight: self.requests.in_flight(link),
        })
    }

    /// The pooled transactions.
    #[must_use]
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The own transactions that no peer has asked for.
    #[must_use]
    pub const fn unbroadcast(&self) -> &Unbroadcast {
        &self.unbroadcast
    }

    /// Whether an item's expensive checks are under way.
    #[must_use]
    pub fn is_verifying(&self, id: &ItemId) -> bool {
        self.verifying.contains(&id.into())
    }

    /// How many items were announced and aren't here yet.
    #[must_use]
    pub fn wanted(&self) -> usize {
        self.requests.len()
    }

    /// The transactions that wait for their parents, if there are any.
    #[must_use]
    pub fn orphanage(&self) -> Option<&Orphanage> {
        self.orphans.as_ref().map(|orphans| &orphans.waiting)
    }

    /// The recent blocks.
    #[must_use]
    pub const fn blocks(&self) -> &BlockStore {
        &self.blocks
    }

    /// The address book and the outbound set.
    #[must_use]
    pub const fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Takes in the address book of an earlier run.
    pub fn import_addresses(&mut self, records: &[AddressRecord], params: &Params, now: Time) {
        self.peers.import(records, &params.peers, now);
        self.rest_at = self.find_rest_at();
    }

    /// The seen cache.
    #[must_use]
    pub const fn seen(&self) -> &SeenCache {
        &self.seen
    }

    /// What happened to each item of late; `None` if that isn't recorded.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        self.record.get()
    }

    /// What happened to an item; `None` if nothing is known of it.
    #[must_use]
    pub fn story_of(&self, id: impl Into<ShortId>) -> Option<Story> {
        self.record.get()?.story_of(id.into())
    }

    /// What passed on each link to a peer, the latest link last.
    #[must_use]
    pub fn dealings_with(&self, peer: PeerKey) -> Vec<Dealings> {
        self.record.get().map_or_else(Vec::new, |record| record.dealings_with(peer))
    }

    /// An item that the node can serve, by the first bytes of its id.
    #[must_use]
    pub fn item_by_short_id(&self, id: ShortId) -> Option<&Arc<Item>> {
        self.pool.find(id).or_else(|| self.blocks.get_short(id))
    }

    /// An item that the node can serve.
    #[must_use]
    pub fn item(&self, id: &ItemId) -> Option<&Arc<Item>> {
        self.find(ItemKind::Tx, Name::Whole(*id)).or_else(|| self.blocks.get(id))
    }

    /// An item of a kind that the node can serve, by whatever name.
    fn find(&self, kind: ItemKind, name: Name) -> Option<&Arc<Item>> {
        match (kind, name) {
            // A parent is asked for as its child names it.
            (ItemKind::Tx, Name::Whole(id)) => {
                let own = self.pool.find(id).filter(|item| item.id() == id);
                own.or_else(|| self.pool.find_referred(id))
            }
            (ItemKind::Tx, Name::Short(id)) => self.pool.find(id),
            (ItemKind::Block, Name::Whole(id)) => self.blocks.get(&id),
            (ItemKind::Block, Name::Short(_)) => None,
        }
    }

    fn on_received(&mut self, link: Link, message: &Message, cx: &mut Cx<'_>) -> Reach {
        let (now, actions_before) = (cx.now, cx.actions.len());
        if !self.admit(link, message, cx) {
            return Reach::Everything;
        }
        let was_in_order = cx.actions.len() == actions_before;
        let reach = self.on_message(link, message, cx);
        if was_in_order && now < self.rest_at { reach } else { Reach::Everything }
    }

    fn on_message(&mut self, link: Link, message: &Message, cx: &mut Cx<'_>) -> Reach {
        match message {
            Message::Hello(hello) => self.on_hello(link, hello, cx),
            Message::Ping { nonce } => cx.send(link, Message::Pong { nonce: *nonce }),
            Message::Pong { nonce } => {
                self.health.on_pong(link, *nonce, cx.now, &cx.params.health, cx.rng);
            }
            Message::GetAddresses => {
                self.peers.on_get_addresses(link, cx); // a second one is ignored
            }
            Message::Addresses(addresses) => self.on_addresses(link, addresses, cx),
            Message::Announce { kind, ids } => {
                return self.on_announce(link, *kind, ids.iter().copied().map(Name::Whole), cx);
            }
            Message::GetData { kind, ids } => {
                self.on_get_data(link, *kind, ids.iter().copied().map(Name::Whole), cx);
            }
            Message::NotFound { ids, .. } => {
                self.on_not_found(link, ids.iter().map(ShortId::from), cx);
            }
            Message::Short(verb, ids) => return self.on_short(link, *verb, ids, cx),
            Message::Item(item) => return self.on_item(link, item, cx),
            Message::Signal(signal) => {
                self.relay(cx, |strategy, cx| strategy.on_signal(link, signal, cx));
            }
            Message::Digest(digest) => self.on_digest(link, digest, cx),
            Message::FeeFilter(rate) => self.on_fee_filter(link, *rate),
            Message::Unknown { .. } => {} // counted and charged like any other
        }
        Reach::Everything
    }

    /// The peer names transactions by their short ids.
    fn on_short(&mut self, link: Link, verb: Verb, ids: &[ShortId], cx: &mut Cx<'_>) -> Reach {
        let names = ids.iter().copied().map(Name::Short);
        match verb {
            Verb::Announce => return self.on_announce(link, ItemKind::Tx, names, cx),
            Verb::GetData => self.on_get_data(link, ItemKind::Tx, names, cx),
            Verb::NotFound => self.on_not_found(link, ids.iter().copied(), cx),
        }
        Reach::Everything
    }

    /// Hands over the requests that this input caused, and sees to what it left to be settled.
    fn settle(&mut self, cx: &mut Cx<'_>) {
        while let Some(link) = self.peers.take_surplus(cx) {
            self.disconnect(link, Reason::Surplus, cx);
        }
        if self.orphans.is_some() {
            self.settle_orphans(cx);
        }
        self.ask(cx);
        if self.requests.take_gave_up() {
            self.safety_net.hurry(cx.now, &cx.params.relay);
        }
        self.tell_gone(cx);
    }

    /// Counts what an input has sent. Says whether an own transaction was among it for the first time.
    fn count_sent(&mut self, actions_before: usize, cx: &mut Cx<'_>) -> bool {
        let mut broadcast = Vec::new();
        for action in &cx.actions[actions_before..] {
            let Action::Send { link, message } = action else {
                continue;
            };
            let len = codec::frame_len(message);
            self.counters.sent.count(message.kind(), len);
            if let Message::Item(item) = message {
                broadcast.extend(self.unbroadcast.remove(item.id()));
            }
            if self.region.is_some()
                && let Some(state) = self.links.get(*link)
                && state.region.is_some_and(|region| Some(region) != self.region)
            {
                self.counters.sent_cross_region_bytes += len as u64;
            }
            if *message == Message::GetAddresses
                && let Some(state) = self.links.get_mut(*link)
            {
                state.budget.expect_addresses();
            }
        }
        let any = !broadcast.is_empty();
        broadcast.into_iter().for_each(|id| cx.report(Event::Broadcast { id }));
        any
    }

    /// Sends the requests that were decided on, and tells the strategy.
    fn ask(&mut self, cx: &mut Cx<'_>) {
        let actions = &mut *cx.actions;
        let mut asked: Vec<(Link, Arc<[ShortId]>)> = Vec::new();
        let requested = self.requests.flush(|link, message| {
            match &message {
                Message::GetData { ids, .. } => {
                    asked.push((link, ids.iter().map(ShortId::from).collect()));
                }
                Message::Short(_, ids) => asked.push((link, ids.clone())),
                _ => {}
            }
            actions.push(Action::Send { link, message });
        });
        self.counters.requests += requested as u64;
        for (link, ids) in asked {
            ids.iter().for_each(|id| self.record.note(link, id, What::Asked, cx.now));
            self.relay(cx, |strategy, cx| {
                ids.iter().for_each(|id| strategy.on_asked(link, *id, cx));
            });
        }
    }
}

impl Machine for Node {
    fn handle(&mut self, input: Input<'_>, cx: &mut Cx<'_>) {
        let actions_before = cx.actions.len();
        let mut reach = Reach::Everything;
        match input {
            Input::Connected { link, peer, direction, addr } => {
                self.on_connected(link, peer, direction, addr, cx);
            }
            Input::Disconnected { link } => self.on_disconnected(link, cx),
            Input::DialFailed { addr, why } => self.on_dial_failed(addr, why, cx),
            Input::Received { link, message } => reach = self.on_received(link, message, cx),
            Input::Malformed { link, error } => {
                self.misbehave(link, Offence::Malformed(error), cx);
            }
            Input::Submitted(item) => self.on_submitted(item, cx),
            Input::Restored { item, was } => self.on_restored(item, was, cx),
            Input::Verdict { id, verdict } => self.on_verdict(id, verdict, cx),
            Input::Congested { link } => self.on_congested(link, cx.now),
            Input::Drained { link } => self.on_drained(link, cx.now),
            Input::Learned(addresses) => self.peers.on_learned(addresses, cx),
            Input::Wake => reach = self.on_wake(cx),
        }
        if reach == Reach::Everything {
            self.settle(cx);
        }
        let was_own = self.count_sent(actions_before, cx);
        if reach == Reach::Everything || was_own {
            self.rest_at = self.find_rest_at();
        }
    }

    fn deadline(&self) -> Time {
        self.rest_at.min(self.announcer.deadline()).min(self.strategy.deadline())
    }
}

#[cfg(test)]
mod tests;
