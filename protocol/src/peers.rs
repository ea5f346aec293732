//! With whom: who is connected, whom to dial, and what addresses to tell to whom.
//!
//! # Model
//! Every address we know stands in the [`Book`], a bounded table. The outbound set dials addresses
//! drawn uniformly from it until `peers.outbound` links of our own choice are up, and refills itself.
//! Peers may dial us up to `peers.inbound_max`. Gossip spreads addresses: a new outbound peer is asked
//! for a sample of its book, and an address that is new to us is passed on to a few random links.
//!
//! # Rules
//! 1. **One link per peer.** When two peers dial each other at once, the link stays that the peer with
//!    the smaller [`PeerKey`] dialled. *Rationale:* both ends see both links and both keys, in whatever
//!    order, so they close the same one. Of two links dialled by the same side the older one stays.
//! 2. **Never ourselves.** A dial that finds our own key marks the address as ours.
//! 3. **Misbehaved peers stay out** for a day: the last [`DISCOURAGED_MAX`] keys, and the addresses they were
//!    dialled at. *Attack:* new keys are free, so this stops only those that don't care; what bounds
//!    an attacker is what each link may cost us, see [`crate::limits::budget`].
//! 4. **An address that is connected isn't dialled**, where "connected" is what we dialled or what
//!    the peer advertises. *Attack:* a peer that advertises somebody else's address hides it from us,
//!    but one address per link, and only while the link lasts.
//! 5. **A node that finds nobody to dial asks.** New outbound peers are asked for addresses, and others too,
//!    inbound ones included, by a node whose set isn't full and whose book has no address to offer. *Why:* two
//!    bootstrap nodes that everybody dials dial nobody, so that they would never ask, and nobody would tell
//!    them of one another: each is known to all by name and thus no news. *Attack:* inbound peers may
//!    answer with addresses of their own, within their share of the book ([`book`]).
//! 6. **Seeds are left.** The first addresses that our operator names are dialled beside the outbound
//!    set and given up once it stands. *Rationale:* otherwise every node of a network stays linked to
//!    its bootstrap nodes: a star, whose centres are full for newcomers.
//!
//! A refused or replaced link is forgotten at once; what arrives for it later is ignored.

mod admission;
mod backoff;
pub mod book;
mod feeler;
mod fixed;
mod gossip;
mod outbound;
pub mod ping;
mod recent;
mod table;
#[cfg(test)]
mod tests;

use crate::ground::peer::AddressRecord;
use std::time::Duration;

use rand::RngExt as _;
use rand::seq::IteratorRandom as _;

use crate::ground::link::{Direction, Link};
use crate::ground::map::Salt;
use crate::ground::peer::{DialError, PeerAddr, PeerKey};
use crate::ground::time::Time;
use crate::machine::{Cx, Part};
use crate::params::{Params, PeerParams};
use crate::wire::message::{Message, PeerExchange};

pub use admission::Admission;

use backoff::jittered;
use book::{Added, Book};
use feeler::Feeler;
use gossip::Gossip;
use outbound::{Live, Outbound};
use recent::Recent;
use table::{Peer, Question, Table};

/// Most peers remembered as misbehaved; over it the oldest are forgotten (Bitcoin Core:
/// `BanMan::m_discouraged`, `banman.h`).
pub const DISCOURAGED_MAX: usize = 50_000;

/// Peers are asked for addresses while the book holds fewer than this. A guess: one
/// full message of addresses.
pub const ASK_BELOW: usize = 1_000;

/// A link that lasted less counts as a failure of its address even if the peer said hello, so that a
/// peer which lets us in only to close is dialled ever more rarely. A guess.
pub const SHORT_LIVED: Duration = Duration::from_secs(10);

/// Everything about with whom we are and want to be connected. See the [module](self).
#[derive(Clone, Debug)]
pub struct Peers {
    own: PeerKey,
    advertise: Option<PeerAddr>,
    table: Table,
    book: Book,
    outbound: Outbound,
    feeler: Feeler,
    gossip: Gossip,
    /// When our own address is told again.
    announce_at: Time,
    discouraged: Recent<PeerKey>,
    /// What is to be sent; whoever drives this takes it out after each call. At most one message a link and call.
    outbox: Vec<(Link, Message)>,
    deadline: Time,
}

impl Peers {
    /// Nobody connected yet. `advertise` is where we tell peers to dial us. A non-empty `fixed` names
    /// the addresses to stay connected to; the book is then not dialled. Wants waking at once if so.
    #[must_use]
    pub fn new(
        own: PeerKey,
        advertise: Option<PeerAddr>,
        fixed: Vec<PeerAddr>,
        salt: Salt,
    ) -> Self {
        let outbound = Outbound::new(fixed);
        Self {
            own,
            advertise,
            table: Table::default(),
            book: Book::new(advertise, salt),
            deadline: outbound.deadline(),
            outbound,
            feeler: Feeler::new(),
            gossip: Gossip::new(),
            announce_at: Time::NEVER,
            discouraged: Recent::new(DISCOURAGED_MAX, salt),
            outbox: Vec::new(),
        }
    }

    /// Makes room for so many links.
    pub fn reserve(&mut self, links: usize) {
        self.table.reserve(links);
    }

    /// Takes addresses kept from an earlier run into the book, until it is full.
    pub fn import(&mut self, records: &[AddressRecord], params: &PeerParams, now: Time) {
        self.book.import(records, params, now);
        self.outbound.nudge(now);
        self.deadline = self.deadline.min(now);
    }

    /// Our operator names addresses worth trying: they are tried first.
    pub fn on_learned(&mut self, addrs: &[PeerAddr], cx: &mut Cx<'_>) {
        for addr in addrs {
            let added = self.book.name(*addr, cx);
            self.on_added(*addr, added);
            if added != Added::Refused {
                self.outbound.try_first(*addr);
            }
        }
        self.settle(cx);
    }

    /// A link came up; `addr` is where we dialled it. The caller carries out the [`Admission`].
    pub fn on_connected(
        &mut self,
        link: Link,
        key: PeerKey,
        direction: Direction,
        addr: Option<PeerAddr>,
        cx: &mut Cx<'_>,
    ) -> Admission {
        let seed = addr.is_some_and(|addr| self.outbound.dial_ended(addr));
        let feeler = addr.is_some_and(|addr| self.feeler.dial_ended(addr));
        let mut peer = Peer::new(key, direction, addr, seed, cx.now);
        let admission = self.admit(&peer, cx);
        match admission {
            Admission::Refused(_) => {}
            Admission::Welcome => self.insert(link, peer),
            Admission::Replaces(old) => {
                if let Some(old) = self.remove(old) {
                    peer.dialled = peer.dialled.or(old.dialled);
                }
                self.insert(link, peer);
            }
        }
        if feeler && !matches!(admission, Admission::Refused(_)) {
            self.feeler.found(link, cx.now);
        }
        self.settle(cx);
        admission
    }

    /// The peer's hello came: the link is ready. (Our own hello tells the peer our address.)
    pub fn on_hello(&mut self, link: Link, advertise: Option<PeerAddr>, cx: &mut Cx<'_>) {
        let Some(peer) = self.table.make_ready(link) else { return };
        let (key, dialled) = (peer.key, peer.dialled.filter(|_| peer.is_outbound()));
        self.feeler.hello(link);
        // The book of a node in fixed mode holds only what peers tell of themselves and of others.
        if let Some(addr) = dialled
            && (!self.outbound.is_fixed_mode() || self.book.contains(addr))
        {
            self.book.reach(addr, cx);
        }
        if let Some(addr) = advertise {
            self.on_advertised(link, key, addr, cx);
        }
        if dialled.is_some() && !self.outbound.is_fixed_mode() && self.book.len() < ASK_BELOW {
            self.ask(link);
        }
        if self.advertise.is_some() && self.announce_at == Time::NEVER {
            self.arm_announcement(cx);
        }
        self.settle(cx);
    }

    /// A dial came to nothing.
    pub fn on_dial_failed(&mut self, addr: PeerAddr, why: DialError, cx: &mut Cx<'_>) {
        self.outbound.dial_ended(addr);
        self.feeler.dial_ended(addr);
        match why {
            DialError::Unreachable => self.fail(addr, cx),
            DialError::Busy => self.outbound.pause(cx),
            // The operator wants it all the same: the node there may yet be put right.
            DialError::WrongNetwork if self.outbound.is_fixed(addr) => self.fail(addr, cx),
            DialError::WrongNetwork => self.book.shun(addr, cx.now),
            DialError::Myself => self.found_ourselves_at(addr, cx.now),
        }
        self.settle(cx);
    }

    /// A link went down, whoever closed it. A link that isn't known (refused, replaced) is ignored.
    pub fn on_disconnected(&mut self, link: Link, cx: &mut Cx<'_>) {
        let Some(peer) = self.remove(link) else {
            return;
        };
        if let Some(addr) = peer.dialled {
            let short = !peer.is_ready() || cx.now.since(peer.since) < SHORT_LIVED;
            if short && peer.is_outbound() { self.fail(addr, cx) } else { self.rest(addr, cx) }
        }
        self.settle(cx);
    }

    /// Addresses came, already cut to the link's budget. Returns how many were not kept: not dialable,
    /// our own, shunned, or over what one peer may put into the book.
    pub fn on_addresses(&mut self, link: Link, addrs: &[PeerAddr], cx: &mut Cx<'_>) -> usize {
        let Some(peer) = self.table.get_mut(link).filter(|peer| peer.is_ready()) else {
            return addrs.len();
        };
        // Within a link order is kept and questions are answered at once, so this is the answer.
        let is_sample = peer.question == Question::Open;
        if is_sample {
            peer.question = Question::Answered;
        }
        let (key, advertise) = (peer.key, peer.advertise);
        let mut dropped = 0;
        for addr in addrs {
            let added = self.book.hear(*addr, key, cx);
            self.on_added(*addr, added);
            match added {
                Added::New if is_sample => {}
                Added::New => self.pass_on(*addr, link, cx),
                Added::Known if advertise == Some(*addr) => self.book.refresh(*addr, cx.now),
                Added::Known => {}
                Added::Refused => dropped += 1,
            }
        }
        self.settle(cx);
        dropped
    }

    /// The peer asks for addresses. Returns false if it was answered before and is ignored now.
    pub fn on_get_addresses(&mut self, link: Link, cx: &mut Cx<'_>) -> bool {
        let Some(peer) = self.table.get_mut(link) else {
            return false;
        };
        if !peer.is_ready() || std::mem::replace(&mut peer.answered, true) {
            return false;
        }
        let (dialled, advertise) = (peer.dialled, peer.advertise);
        let mut addrs = self.book.sample(cx.now, cx.rng);
        addrs.retain(|addr| Some(*addr) != dialled && Some(*addr) != advertise);
        // Also when there are none: the peer takes our next message for the answer.
        self.outbox.push((link, Message::Peers(PeerExchange::Addresses(addrs.into()))));
        true
    }

    /// The deadline passed, or any other moment.
    pub fn on_wake(&mut self, cx: &mut Cx<'_>) {
        self.gossip.flush(cx.now, &mut self.outbox);
        if self.announce_at <= cx.now {
            self.announce_self(cx);
            self.arm_announcement(cx);
        }
        self.feel(cx);
        self.settle(cx);
    }

    /// A link that is no longer needed, to be closed by the caller, who asks again until there is none: a
    /// seed (rule 6), or one that a feeler is about. It is forgotten here at once. Cheap to ask after
    /// every input.
    pub fn take_surplus(&mut self, cx: &mut Cx<'_>) -> Option<Link> {
        let link = self.find_surplus_seed(cx).or_else(|| self.find_exchanged(cx))?;
        if let Some(addr) = self.remove(link).and_then(|peer| peer.dialled) {
            self.rest(addr, cx);
        }
        self.settle(cx);
        Some(link)
    }

    fn find_surplus_seed(&self, cx: &Cx<'_>) -> Option<Link> {
        let census = self.table.census();
        let stands = self.outbound_ready() - census.seeds_ready >= cx.params.peers.outbound;
        if census.seeds == 0 || !stands || !self.outbound.outgrows_seeds(&self.book, cx) {
            return None;
        }
        self.table.find_seed()
    }

    /// Dials a feeler if it is time for one and the set stands.
    fn feel(&mut self, cx: &mut Cx<'_>) {
        if self.feeler.take_due(cx.now)
            && self.stands(cx)
            && let Some(addr) = self.outbound.probe(&mut self.book, cx)
        {
            self.feeler.dial(addr);
        }
    }

    /// Of a feeler that has stayed for long enough and the links of the set, the one that is to go;
    /// `None` if there is room for all.
    fn find_exchanged(&mut self, cx: &mut Cx<'_>) -> Option<Link> {
        if !self.feeler.is_over(cx.now) {
            return None;
        }
        let feeler = self.feeler.take_over(cx.now)?;
        let links = self.table.census().links[Direction::Outbound as usize];
        if links <= cx.params.peers.outbound {
            self.settle(cx);
            return None;
        }
        let found = self.table.get(feeler).is_some_and(Peer::is_ready);
        if !found || !self.feeler.take_rotation(cx) {
            return Some(feeler);
        }
        let ordinary = |(link, peer): &(Link, &Peer)| {
            *link != feeler && peer.is_outbound() && peer.is_ready() && !peer.is_seed()
        };
        let leaving = self.table.iter().filter(ordinary).choose(cx.rng);
        Some(leaving.map_or(feeler, |(link, _)| link))
    }

    /// Whether we have as many links of our own choice as we want.
    const fn stands(&self, cx: &Cx<'_>) -> bool {
        self.outbound_ready() >= cx.params.peers.outbound
    }

    /// Takes out what is to be sent.
    pub fn take_outbox(&mut self) -> Vec<(Link, Message)> {
        std::mem::take(&mut self.outbox)
    }

    /// Ready links of our own choice: those that we dialled, but for a feeler.
    #[must_use]
    pub const fn outbound_ready(&self) -> usize {
        let ready = self.table.census().ready[Direction::Outbound as usize];
        ready - self.feeler.is_ready() as usize
    }

    /// Ready links that the peer dialled.
    #[must_use]
    pub const fn inbound_ready(&self) -> usize {
        self.table.census().ready[Direction::Inbound as usize]
    }

    /// Dials under way.
    #[must_use]
    pub const fn dialling(&self) -> usize {
        self.outbound.dialling()
    }

    /// The address book.
    #[must_use]
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// The peer says where it can be dialled.
    fn on_advertised(&mut self, link: Link, key: PeerKey, addr: PeerAddr, cx: &mut Cx<'_>) {
        match self.book.hear(addr, key, cx) {
            Added::New => self.pass_on(addr, link, cx),
            Added::Known => self.book.refresh(addr, cx.now),
            Added::Refused => {}
        }
        if let Some(peer) = self.table.get_mut(link) {
            peer.advertise = Some(addr);
        }
        self.set_connected(addr, true);
    }

    fn ask(&mut self, link: Link) {
        if let Some(peer) = self.table.get_mut(link) {
            peer.question = Question::Open;
            self.outbox.push((link, Message::Peers(PeerExchange::GetAddresses)));
        }
    }

    /// Asks a random peer that wasn't asked yet (rule 5).
    fn ask_anybody(&mut self, cx: &mut Cx<'_>) {
        let unasked =
            |(_, peer): &(Link, &Peer)| peer.is_ready() && peer.question == Question::Unasked;
        if let Some((link, _)) = self.table.iter().filter(unasked).choose(cx.rng) {
            self.ask(link);
        }
    }

    /// Lets an address that is new to us wait for a few random links, but not for the one it came by.
    fn pass_on(&mut self, addr: PeerAddr, from: Link, cx: &mut Cx<'_>) {
        let slots = self.table.slots();
        for _ in 0..cx.params.peers.address_fanout.min(slots) {
            // Slots are dense, so the first good link from a random slot on is nearly uniform.
            let start = cx.rng.random_range(0..slots);
            for slot in (start..slots).chain(0..start) {
                let Some((link, peer)) = self.table.at(slot) else { continue };
                let wants = link != from && peer.is_ready() && !peer.is_at(addr);
                if wants && self.gossip.queue(link, addr, cx) {
                    break;
                }
            }
        }
    }

    fn announce_self(&mut self, cx: &mut Cx<'_>) {
        let Some(own) = self.advertise else { return };
        for (link, _) in self.table.iter().filter(|(_, peer)| peer.is_ready()) {
            self.gossip.queue(link, own, cx);
        }
    }

    fn arm_announcement(&mut self, cx: &mut Cx<'_>) {
        let wait_ms = cx.params.peers.self_announce_s.saturating_mul(1_000);
        self.announce_at = cx.now + jittered(wait_ms, cx.rng);
    }

    fn found_ourselves_at(&mut self, addr: PeerAddr, now: Time) {
        self.book.shun(addr, now);
        if let Some(fixed) = self.outbound.fixed_mut() {
            fixed.remove(addr);
        }
    }

    /// An address was offered to the book. One that is new to it may be free to dial, unless a link
    /// leads there already.
    fn on_added(&mut self, addr: PeerAddr, added: Added) {
        if added == Added::New {
            let connected = self.table.is_connected(addr);
            self.book.set_connected(addr, connected);
            self.outbound.nudge(Time::ZERO);
        }
    }

    fn set_connected(&mut self, addr: PeerAddr, connected: bool) {
        self.book.set_connected(addr, connected);
        if let Some(fixed) = self.outbound.fixed_mut() {
            fixed.set_connected(addr, connected);
        }
    }

    fn fail(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) {
        let fixed = self.outbound.fixed_mut().and_then(|fixed| fixed.fail(addr, cx));
        let until = fixed.or_else(|| self.book.fail(addr, cx));
        self.outbound.nudge(until.unwrap_or(cx.now));
    }

    fn rest(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) {
        let fixed = self.outbound.fixed_mut().and_then(|fixed| fixed.rest(addr, cx));
        let until = fixed.or_else(|| self.book.rest(addr, cx));
        self.outbound.nudge(until.unwrap_or(cx.now));
    }

    fn insert(&mut self, link: Link, peer: Peer) {
        if let Some(addr) = peer.dialled {
            self.set_connected(addr, true);
        }
        self.table.insert(link, peer);
    }

    /// Takes a link out of everything.
    fn remove(&mut self, link: Link) -> Option<Peer> {
        let peer = self.table.remove(link)?;
        self.gossip.forget(link);
        self.feeler.forget(link);
        for addr in peer.dialled.into_iter().chain(peer.advertise) {
            let connected = self.table.is_connected(addr);
            self.set_connected(addr, connected);
        }
        self.outbound.nudge(Time::ZERO);
        Some(peer)
    }

    /// Whether there is anybody to look for beside the set. A node that never dialled pays nothing.
    const fn wants_feelers(&self, cx: &Cx<'_>) -> bool {
        let PeerParams { outbound, feeler_s, .. } = cx.params.peers;
        feeler_s > 0
            && outbound > 0
            && self.stands(cx)
            && self.book.len() > outbound
            && !self.outbound.is_fixed_mode()
    }

    /// After any change: dials what is missing, and notes when to wake.
    fn settle(&mut self, cx: &mut Cx<'_>) {
        let census = self.table.census();
        let links = census.links[Direction::Outbound as usize];
        let live = Live {
            links: links - usize::from(self.feeler.is_up()),
            seeds: census.seeds,
            probing: usize::from(self.feeler.is_dialling()),
        };
        self.outbound.refill(live, &mut self.book, cx);
        if self.outbound.is_starving(live, &self.book, cx) && self.book.len() < ASK_BELOW {
            self.ask_anybody(cx);
        }
        if self.wants_feelers(cx) {
            self.feeler.plan(cx);
        }
        let deadline = self.outbound.deadline().min(self.gossip.deadline());
        self.deadline = deadline.min(self.announce_at).min(self.feeler.deadline());
    }
}

impl Part for Peers {
    fn on_link_down(&mut self, link: Link, cx: &mut Cx<'_>) {
        self.on_disconnected(link, cx);
    }

    fn deadline(&self) -> Time {
        self.deadline
    }

    fn check(&self, params: &Params) {
        let (len, max) = (self.book.len(), params.peers.book_max);
        assert!(len <= max, "book: {len} of at most {max}");
        let (inbound, max) = (self.inbound_ready(), params.peers.inbound_max);
        assert!(inbound <= max, "{inbound} inbound links of at most {max}");
    }
}
