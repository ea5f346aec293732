//! The node: where the mechanisms meet. It only dispatches; each mechanism stands in a file of its own.
//!
//! - `node/parts.rs`: the list of the parts, with what each does when its deadline has passed
//! - `node/send.rs`: everything that leaves
//! - `node/links.rs`: links come up, say hello, misbehave and go down
//! - `node/block_links.rs`: links on which blocks alone are spoken of
//! - `node/compact.rs`: blocks are sent as names, and put together again
//! - `node/templates.rs`: neighbours tell what they expect in a block, and send blocks as places in that
//! - `node/coded.rs`: large blocks are sent as symbols of a code, by several peers at once
//! - `node/blocks.rs`: a block is kept, and what it contains is confirmed
//! - `node/intake.rs`: an item is announced, comes in, is checked and accepted
//! - `node/orphans.rs`: a transaction waits for its parents
//! - `node/packages.rs`: a child pays for its parent
//! - `node/restoring.rs`: items outlive the process
//! - `node/own.rs`: own transactions go to first hops first, and are announced again
//! - `node/relay.rs`: the strategy decides who gets an item, and that is carried out
//! - `node/serve.rs`: a peer asks for items and gets them
//! - `node/credit.rs`: peers may announce so much
//! - `node/behind.rs`: what queues had no room for is found again
//! - `node/fees.rs`: peers are told what we take, and aren't told of what they don't
//! - `node/anti_entropy.rs`: two peers compare what they have
//! - `node/fleet.rs`: a replica of the fleet's map
//! - `node/wake.rs`: what is due
//! - `node/view.rs`: what drivers and operators may look at
//! - `node/bounds.rs`: what all links make a node hold at worst
//! - `node/warm.rs`: what an input will read, for drivers of very many nodes

mod anti_entropy;
mod behind;
mod block_links;
mod blocks;
pub mod bounds;
mod chain;
mod coded;
mod compact;
mod credit;
mod fees;
mod fleet;
mod headers;
mod intake;
mod links;
mod orphans;
mod own;
mod packages;
mod parts;
mod relay;
mod restoring;
mod send;
mod serve;
mod templates;
mod view;
mod wake;
mod warm;

use crate::items::orphans::Orphans;
use crate::items::rebuilding::Rebuilding;
use crate::items::restoring::Restoring;
use crate::items::verification::Verification;
use crate::relay::serve::Serving;
use crate::relay::upload::Upload;

use crate::blocks::blockchain::Blockchain;
use crate::ground::bringer::Bringer;
use crate::ground::item::Name;
use crate::ground::link::{Direction, Link, LinkTable};
use crate::ground::map::Salt;
use crate::ground::peer::{PeerAddr, PeerKey};
use crate::ground::time::Time;
use crate::items::blocks::BlockStore;
use crate::items::confirming::Confirming;
use crate::items::pool::Pool;
use crate::items::seen::SeenCache;
use crate::items::templates::Templates;
use crate::items::unbroadcast::Unbroadcast;
use crate::limits::allowance::Allowance;
use crate::limits::budget::LinkBudget;
use crate::limits::misbehavior::{Offence, Reason};
use crate::machine::{Cx, Input, Machine};
use crate::member::{Member, Membership};
use crate::params::Params;
use crate::peers::Peers;
use crate::peers::ping::Health;
use crate::peers::useless::{Rounds, Service};
use crate::reconcile::anti_entropy::AntiEntropy;
use crate::record::{ItemEvent, Recorder};
use crate::relay::announce::Announcer;
use crate::relay::announce_blocks::BlockNews;
use crate::relay::block_pushers::BlockPushers;
use crate::relay::coded::Coded;
use crate::relay::credit::Credits;
use crate::relay::embargo::Embargo;
use crate::relay::fee_filter::FeeFilter;
use crate::relay::found::Found;
use crate::relay::push_blocks::PushedBlocks;
use crate::relay::rate_limiter::RelayRateLimiter;
use crate::relay::reconcile_links::ReconcileLinks;
use crate::relay::request::Requests;
use crate::relay::symbol_streams::SymbolStreams;
use crate::relay::{AnyStrategy, Neighbour, Strategy as _};
use crate::report::counters::Counters;
use crate::wire::message::{Items, Message, PeerExchange, Reconcile, Session};

pub use view::LinkDetail;
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
    /// Its place in a fleet that shares a map, if it has one.
    pub member: Option<Box<Membership>>,
    /// Salt of all hash maps: secret in production, fixed where runs are to be repeated.
    pub salt: u64,
}

impl Identity {
    /// An identity without an address, for tests and examples.
    #[must_use]
    pub const fn for_tests(key: u64) -> Self {
        Self {
            key: PeerKey(key),
            advertise: None,
            fixed: Vec::new(),
            region: None,
            member: None,
            salt: key,
        }
    }
}

/// One relay node. Drive it as [`crate::machine`] says.
///
/// It lies in memory as it stands here: first what most inputs touch, which are announcements of what is known and
/// wake-ups to announce something (see `node/warm.rs`).
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Node {
    /// The earliest deadline of the parts at rest.
    rest_at: Time,
    /// The part at rest with which a wake-up begins, by its place in the list.
    turn: u8,
    /// A wake-up begins with the parts at rest: the last one ended before it came to them.
    is_rest_first: bool,
    rounds: Rounds,
    announcer: Announcer,
    links: LinkTable<LinkState>,
    block_news: BlockNews,
    unbroadcast: Unbroadcast,
    embargo: Embargo,
    orphans: Orphans,
    record: Recorder,
    region: Option<u8>,
    seen: SeenCache,
    strategy: AnyStrategy,
    counters: Counters,
    /// The links that the strategy may use, in the order in which they became ready.
    ready: Vec<Neighbour>,
    /// The links for blocks alone, in the same order. Bounded by the number of links that are up.
    block_links: Vec<Link>,
    requests: Requests,
    anti_entropy: AntiEntropy,
    reconcile_links: ReconcileLinks,
    found: Found,
    verification: Verification,
    pool: Pool,
    blocks: BlockStore,
    blockchain: Option<Box<Blockchain>>,
    confirming: Confirming,
    fee_filter: FeeFilter,
    rate_limiter: RelayRateLimiter,
    pushed_blocks: PushedBlocks,
    rebuilding: Rebuilding,
    templates: Templates,
    block_pushers: BlockPushers,
    coded: Coded,
    streams: SymbolStreams,
    serving: Serving,
    upload: Upload,
    credits: Credits,
    restoring: Restoring,
    health: Health,
    peers: Peers,
    member: Member,
    salt: Salt,
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
    /// When it last brought a new transaction and a new block, by [`ItemKind`]: seconds of the run, 0 if never.
    ///
    /// [`ItemKind`]: crate::ground::item::ItemKind
    brought: [u32; 2],
    service: Service,
    budget: LinkBudget,
    /// We are closing it, and why: nothing more is taken from it.
    closing: Option<Box<Reason>>,
    /// Who the peer is when something is shared out. Its tag also tells a free slot of the table, which every message reads.
    bringer: Bringer,
    /// The network that it shares inbound places with.
    group: u32,
    /// The peer's hello has arrived.
    ready: bool,
    /// It takes blocks as names.
    rebuilds: bool,
    /// It tells templates and takes them.
    templates: bool,
    congested: bool,
    /// Nothing is said there but of blocks.
    only_blocks: bool,
    allowance: Allowance,
}

impl Node {
    /// A node without links, which remembers nothing.
    #[must_use]
    pub fn new(identity: Identity, params: &Params) -> Self {
        let salt = Salt::new(identity.salt);
        let strategy = AnyStrategy::from(params.relay.strategy);
        let patience = strategy.patience(&params.relay);
        let mut node = Self {
            region: identity.region,
            links: LinkTable::default(),
            peers: Peers::new(identity.key, identity.advertise, identity.fixed, salt)
                .over(params.peers.overlay),
            health: Health::default(),
            member: Member::new(identity.member.as_deref()),
            strategy,
            ready: Vec::new(),
            block_links: Vec::new(),
            seen: SeenCache::new(params.memory.seen_max, salt),
            requests: Requests::new(salt).with_patience(patience),
            announcer: Announcer::default(),
            anti_entropy: AntiEntropy::default(),
            reconcile_links: ReconcileLinks::default(),
            found: Found::default(),
            verification: Verification::new(salt),
            pool: Pool::new(salt).with_entry_bytes(params.memory.pool_entry_bytes),
            unbroadcast: Unbroadcast::default(),
            embargo: Embargo::default(),
            fee_filter: FeeFilter::default(),
            rate_limiter: RelayRateLimiter::default(),
            pushed_blocks: PushedBlocks::default(),
            rebuilding: Rebuilding::default(),
            templates: Templates::default(),
            block_pushers: BlockPushers::default(),
            coded: Coded::default(),
            streams: SymbolStreams::default(),
            block_news: BlockNews::default(),
            orphans: Orphans::new(salt),
            blocks: BlockStore::default(),
            blockchain: None,
            confirming: Confirming::default(),
            counters: Counters::default(),
            record: Recorder::new(params.record),
            serving: Serving::default(),
            upload: Upload::new(salt),
            credits: Credits::default(),
            restoring: Restoring::default(),
            salt,
            rest_at: Time::NEVER,
            turn: 0,
            is_rest_first: false,
            rounds: Rounds::default(),
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

    fn on_received(&mut self, link: Link, message: &Message, cx: &mut Cx<'_>) -> Reach {
        let (now, actions_before) = (cx.now, cx.actions.len());
        let Some(admitted) = self.admit(link, message, cx) else {
            return Reach::Everything;
        };
        let was_in_order = cx.actions.len() == actions_before;
        let reach = self.on_message(link, message, admitted, cx);
        if was_in_order && now < self.rest_at { reach } else { Reach::Everything }
    }

    /// `admitted`: how many of the ids or addresses in the message may be looked at.
    fn on_message(
        &mut self,
        link: Link,
        message: &Message,
        admitted: usize,
        cx: &mut Cx<'_>,
    ) -> Reach {
        match message {
            Message::Session(Session::Hello(hello)) => self.on_hello(link, hello, cx),
            Message::Session(Session::Ping { nonce }) => {
                self.send(link, Session::Pong { nonce: *nonce }, cx);
            }
            Message::Session(Session::Pong { nonce }) => {
                if self.health.on_pong(link, *nonce, cx.now, &cx.params.health, cx.rng) {
                    self.peers.on_pong(link, cx.now);
                }
            }
            Message::Peers(PeerExchange::GetAddresses) => {
                let told = self.peers.on_get_addresses(link, cx); // a second one is ignored
                self.charge_answer(link, told.unwrap_or(0), cx);
            }
            Message::Peers(PeerExchange::Addresses(addresses)) => {
                self.on_addresses(link, addresses, admitted, cx);
            }
            Message::Peers(about_views) => self.on_views(link, about_views, admitted, cx),
            Message::Items(Items::Announce(names)) => {
                let reach = self.on_announce(link, names, admitted, cx);
                return reach.max(self.grant(link, cx));
            }
            Message::Items(Items::GetData(names)) => {
                self.on_get_data(link, names.kind(), names.iter(), cx);
            }
            Message::Items(Items::NotFound(names)) => {
                self.on_not_found(link, names.iter(), cx);
            }
            Message::Items(Items::Item(item)) => return self.on_item(link, item, cx),
            Message::Blocks(about) => self.on_blocks(link, about, cx),
            Message::Symbols(about) => self.on_symbols(link, about, cx),
            Message::Relay(signal) => {
                self.relay_about(link, cx, |strategy, cx| strategy.on_signal(link, signal, cx));
            }
            Message::Reconcile(Reconcile::Digest(digest)) => self.on_digest(link, digest, cx),
            Message::Reconcile(Reconcile::Held(lists)) => self.on_held(link, lists, admitted, cx),
            Message::Reconcile(Reconcile::Cells(told)) => self.on_cells(link, told, admitted, cx),
            Message::Reconcile(Reconcile::Want(want)) => self.on_want(link, want, cx),
            Message::Reconcile(Reconcile::Lacked(ids)) => {
                self.on_found(link, ids.clone(), admitted, cx);
                self.grant(link, cx);
            }
            Message::Replica(said) => self.on_said(link, said, cx),
            Message::Items(Items::FeeFilter(rate)) => self.on_fee_filter(link, *rate),
            Message::Items(Items::Credit(ids)) => self.on_credit(link, *ids, cx),
            Message::Unknown { .. } => {} // counted and charged like any other
        }
        Reach::Everything
    }

    /// Hands over the requests that this input caused, and sees to what it left to be settled.
    fn settle(&mut self, cx: &mut Cx<'_>) {
        while let Some(link) = self.peers.take_surplus(cx) {
            let why = self.peers.why_surplus(link);
            self.counters.useless_replaced += u64::from(matches!(why, Reason::Useless(_)));
            self.disconnect(link, why, cx);
        }
        if !self.orphans.is_empty() {
            self.settle_orphans(cx);
        }
        self.ask(cx);
        if self.requests.take_gave_up() {
            self.anti_entropy.hurry(cx.now, &cx.params.relay);
        }
        self.tell_gone(cx);
        self.send_outbox(cx);
    }

    /// Sends the requests that were decided on, and tells the strategy.
    fn ask(&mut self, cx: &mut Cx<'_>) {
        let mut asked = Vec::new();
        let requested = self.requests.flush(|link, names| asked.push((link, names)));
        self.counters.requests += requested as u64;
        for (link, names) in &asked {
            self.send(*link, Items::GetData(names.clone()), cx);
        }
        for (link, names) in asked {
            let ids = || names.iter().map(Name::short);
            ids().for_each(|id| self.record.note(link, id, ItemEvent::Asked, cx.now));
            self.relay(cx, |strategy, cx| {
                ids().for_each(|id| strategy.on_asked(link, id, cx));
            });
        }
    }
}

impl Machine for Node {
    fn handle(&mut self, input: Input<'_>, cx: &mut Cx<'_>) {
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
            Input::Restored { item, was, age, verified } => {
                self.on_restored(item, was, age, verified, cx);
            }
            Input::Verdict { item, verdict } => self.on_verdict(item, verdict, cx),
            Input::Headers(headers) => self.on_kept_headers(headers, cx),
            Input::Loaded { id, what, loaded } => self.on_loaded(id, what, loaded, cx),
            Input::Congested { link } => self.on_congested(link, cx),
            Input::Drained { link } => self.on_drained(link, cx),
            Input::Clock { wall } => self.member.set_clock(wall, cx.now),
            Input::Write { ticket, key, write } => self.on_write(ticket, key, write, cx),
            Input::Recalled(entry) => {
                self.member.recall(entry, cx);
                // It is on the disk already.
                drop(self.member.take_actions());
            }
            Input::Learned(addresses) => self.peers.on_learned(addresses, cx),
            Input::Heard { from, addrs } => self.peers.on_heard(from, addrs, cx),
            Input::Reachable(reachable) => self.peers.set_hidden(!reachable),
            Input::Remembered(kept) => self.peers.import(kept, cx),
            Input::Ban { whom, span } => self.peers.ban(whom, span, cx.now),
            Input::Unban(whom) => self.peers.unban(whom),
            Input::Wake => reach = self.on_wake(cx),
        }
        if reach == Reach::Everything {
            self.settle(cx);
            self.rest_at = self.find_rest_at();
        }
    }

    fn deadline(&self) -> Time {
        self.rest_at.min(self.tidings_at())
    }
}

#[cfg(test)]
mod tests;
