//! With whom: who is connected, whom to dial, and what addresses to tell to whom.
//!
//! # Model
//! Every address we know stands in the [`Book`], in bounded tables. The outbound set dials addresses
//! drawn from it, each network group alike, until `peers.outbound` links of our own choice are up, and refills itself.
//! Peers may dial us up to `peers.inbound_max`. Gossip spreads addresses: a new outbound peer is asked
//! for a sample of its book, and an address that is new to us is passed on to a few random links.
//!
//! # Rules
//! 1. **One link per peer.** When two peers dial each other at once, the link stays that the peer with
//!    the smaller [`PeerKey`] dialled. *Rationale:* both ends see both links and both keys, in whatever
//!    order, so they close the same one. Of two links dialled by the same side the older one stays.
//! 2. **Never ourselves.** A dial that finds our own key marks the address as ours.
//! 3. **Who is banned stays out**: nobody dials them and nobody lets them in (`bans.rs`). **Misbehaved peers stay out** for a day: the last [`DISCOURAGED_MAX`] keys, and the addresses they were
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
//! 7. **Addresses are taken from, and told to, whoever they mean the same to** (`ground/reach.rs`), unless the network
//!    is one whose addresses are local.
//! 8. **Our own network's failures are no address's fault** (`outage.rs`).
//! 9. **A restart begins with old acquaintances** (`anchors.rs`).
//! 10. **Whoever was at the other end of a link that broke is asked first** (`lost.rs`).
//! 11. **Of our own links one of no use is exchanged first** (`useless.rs`).
//! 12. **Some links are for blocks alone**, where our operator wants such (`roles.rs`).
//! 13. **Inbound places are shared out by network**: when all are taken, a link of the largest may give way (`eviction.rs`),
//!     and a few are for newcomers of networks that never came before (`trial.rs`).
//! 14. **What our operator has looked up is hearsay** of one source for each look-up (`telling.rs`, `on_heard`): a name that is
//!     resolved tells whatever whoever answers for it wants, and only addresses written down are our operator's own word.
//!
//! # The other overlay
//! With `peers.overlay = "hyparview"` links are the active view of HyParView (`hyparview.rs`, and `neighbours.rs` for how it fits in
//! here). Rules 1 to 4 and 7 to 9 hold all the same.
//!
//! A link that is refused, replaced or displaced is forgotten at once; what arrives for it later is ignored.

mod admission;
mod anchors;
mod backoff;
pub mod bans;
mod blame;
pub mod book;
mod eviction;
mod exchange;
mod feeler;
mod fixed;
mod gossip;
mod hyparview;
mod lost;
mod neighbours;
mod outage;
mod outbound;
pub mod ping;
mod recent;
mod roles;
mod table;
mod telling;
mod tenure;
#[cfg(test)]
mod tests;
mod trial;
pub mod useless;

use std::time::Duration;

use crate::ground::link::{Direction, Link};
use crate::ground::map::Salt;
use crate::ground::peer::{BookRecord, DialError, PeerAddr, PeerKey};
use crate::ground::time::Time;
use crate::limits::misbehavior::Reason;
use crate::machine::{Cx, Part};
use crate::params::{OverlayKind, Params, PeerParams};
use crate::wire::message::Message;

pub use admission::Admission;
pub use anchors::{ANCHORS_MAX, ANCHORS_STAY};
pub use eviction::{Shield, Standing};
pub use roles::Role;
pub use tenure::Tenure;

use bans::Bans;
use book::groups::Groups;
use book::{Added, Book};
use feeler::Feeler;
use gossip::Gossip;
use hyparview::HyParView;
use outage::{Outage, Scope};
use outbound::{Live, Outbound};
use recent::Recent;
use table::{Peer, Table};
use telling::Answer;
use trial::Trials;
use useless::Replacing;

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
    /// Nobody can dial us there.
    is_hidden: bool,
    table: Table,
    book: Book,
    outbound: Outbound,
    feeler: Feeler,
    outage: Outage,
    gossip: Gossip,
    /// Chooses whom to be linked with in the place of `outbound`, `feeler` and `gossip`, if the overlay is its own.
    views: Option<Box<HyParView>>,
    /// When our own address is told again.
    announce_at: Time,
    discouraged: Recent<PeerKey, DISCOURAGED_MAX>,
    bans: Bans,
    /// Made when it is needed: most nodes are never full.
    trials: Option<Box<Trials>>,
    rare: Option<Box<Rare>>,
    /// Unknown to peers; decides which networks are protected.
    secret: Salt,
    /// What is to be sent; whoever drives this takes it out after each call. At most one message a link and call.
    outbox: Vec<(Link, Message)>,
    deadline: Time,
}

/// What few nodes ever have.
#[derive(Clone, Debug, Default)]
struct Rare {
    /// What whoever asks for addresses is told.
    answer: Option<Answer>,
    replacing: Replacing,
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
            is_hidden: false,
            table: Table::default(),
            book: Book::new(advertise, salt),
            deadline: outbound.deadline(),
            outbound,
            feeler: Feeler::new(),
            outage: Outage::new(),
            gossip: Gossip::new(),
            views: None,
            announce_at: Time::NEVER,
            discouraged: Recent::new(salt),
            bans: Bans::default(),
            trials: None,
            rare: None,
            secret: salt,
            outbox: Vec::new(),
        }
    }

    /// The same, over an overlay of that kind. Where fixed addresses are named, they are the overlay.
    #[must_use]
    pub fn over(mut self, overlay: OverlayKind) -> Self {
        if overlay == OverlayKind::Hyparview && !self.outbound.is_fixed_mode() {
            self.views = Some(Box::new(HyParView::new(self.advertise)));
        }
        self
    }

    /// Makes room for so many links.
    pub fn reserve(&mut self, links: usize) {
        self.table.reserve(links);
    }

    /// Groups addresses by another rule than by network. To be called before any address comes.
    pub fn set_groups(&mut self, groups: Groups) {
        self.book.set_groups(groups);
    }

    /// Takes addresses kept from an earlier run into the book, as far as they find their places free.
    pub fn import(&mut self, kept: &BookRecord, cx: &mut Cx<'_>) {
        self.book.import(kept, cx);
        self.outbound.import(kept, cx.now);
        self.deadline = self.deadline.min(cx.now);
    }

    /// What is worth keeping over a restart. `brought` tells whether a link brought anything that was new.
    #[must_use]
    pub fn export(&self, brought: impl Fn(Link) -> bool, now: Time) -> BookRecord {
        let mut kept = self.book.export(now);
        if !self.outbound.is_fixed_mode() {
            kept.anchors = anchors::find(&self.table, brought);
        }
        kept
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

    /// A link came up; `addr` is where we dialled it, or where the peer dialled from if that is known. `standing` tells of
    /// any link, this one included. The caller carries out the [`Admission`].
    pub fn on_connected(
        &mut self,
        link: Link,
        key: PeerKey,
        (direction, addr): (Direction, Option<PeerAddr>),
        standing: &dyn Fn(Link) -> Standing,
        cx: &mut Cx<'_>,
    ) -> Admission {
        let dialled = addr.filter(|_| direction == Direction::Outbound);
        let seed = dialled.is_some_and(|addr| self.outbound.dial_ended(addr));
        let feeler = dialled.is_some_and(|addr| self.feeler.dial_ended(addr));
        let aim = dialled.and_then(|addr| self.view_dial_ended(addr));
        let peer = Peer::new(key, direction, addr, seed, cx.now);
        let admission = match self.bans.keep_out(Some(key), addr.map(|addr| addr.ip), cx.now) {
            true => self.turn_away_banned(dialled, cx),
            false => self.admit(link, &peer, standing, cx),
        };
        match admission {
            Admission::Refused(_) => {}
            Admission::Welcome => {
                self.insert(link, peer);
                if feeler {
                    self.feeler.found(link, cx.now);
                }
            }
            Admission::Replaces(old) => self.replace((old, link), peer, feeler, cx),
            Admission::Displaces(other) => {
                if let Some(addr) = self.remove(other).and_then(|peer| peer.dialled) {
                    self.rest(addr, cx);
                }
                self.insert(link, peer);
            }
        }
        self.on_view_link(link, aim);
        self.settle(cx);
        admission
    }

    /// The peer's hello came: the link is ready. (Our own hello tells the peer our address.)
    pub fn on_hello(&mut self, link: Link, advertise: Option<PeerAddr>, cx: &mut Cx<'_>) {
        let before = self.table.census();
        let Some(peer) = self.table.make_ready(link) else { return };
        let is_outbound = peer.is_outbound();
        let dialled = peer.dialled.filter(|_| is_outbound);
        let scope = Scope::of(peer.origin);
        self.feeler.hello(link);
        self.outage.hear(scope, cx.now);
        if before.is_alone(scope) {
            self.end_outage(scope, cx);
        }
        // The book of a node in fixed mode holds only what peers tell of themselves and of others.
        if let Some(addr) = dialled
            && (!self.outbound.is_fixed_mode() || self.book.contains(addr))
        {
            self.book.reach(addr, cx);
        }
        let tells = self.table.get(link).is_some_and(Peer::tells);
        if let Some(addr) = advertise.filter(|_| tells) {
            self.on_advertised(link, addr, cx);
        }
        if self.views.is_some() {
            self.on_view_hello(link, is_outbound, cx);
            return self.settle(cx);
        }
        let asks = tells && dialled.is_some() && !self.outbound.is_fixed_mode();
        if asks && self.book.len() < ASK_BELOW {
            self.ask(link);
        }
        if self.advertise.is_some() && self.announce_at == Time::NEVER {
            self.arm_announcement(cx);
        }
        self.settle(cx);
    }

    /// A peer answered a ping.
    pub fn on_pong(&mut self, link: Link, now: Time) {
        if let Some(peer) = self.table.get(link) {
            self.outage.hear(Scope::of(peer.origin), now);
        }
    }

    /// A dial came to nothing.
    pub fn on_dial_failed(&mut self, addr: PeerAddr, why: DialError, cx: &mut Cx<'_>) {
        self.outbound.dial_ended(addr);
        self.feeler.dial_ended(addr);
        self.on_view_dial_failed(addr, why, cx);
        match why {
            DialError::Busy => self.pause(cx.params.peers.retry_min_ms, cx),
            // The operator wants it all the same: the node there may yet be put right.
            DialError::NoTransport if self.outbound.is_fixed(addr) => self.fail(addr, cx),
            _ if why.is_somebody_else() && self.outbound.is_fixed(addr) => self.fail(addr, cx),
            // All of them: the network that is wrong may be ours, in the operator's file.
            _ if why.is_somebody_else() && self.is_alone(addr) => self.not_reached(addr, why, cx),
            // Nor is there anything to be had from an address that this node can't dial.
            DialError::WrongNetwork
            | DialError::WrongPeer
            | DialError::OtherLinks
            | DialError::NoTransport => self.book.shun(addr, cx.now),
            DialError::Unreachable
            | DialError::Refused
            | DialError::Handshake
            | DialError::NoRoute => self.not_reached(addr, why, cx),
            DialError::Myself => self.found_ourselves_at(addr, cx.now),
        }
        self.settle(cx);
    }

    /// A link went down, whoever closed it. A link that isn't known (refused, replaced) is ignored.
    pub fn on_disconnected(&mut self, link: Link, cx: &mut Cx<'_>) {
        let was_feeler = self.feeler.is(link);
        let Some(peer) = self.remove(link) else {
            return;
        };
        if let Some(addr) = peer.dialled {
            let short = !peer.is_ready() || cx.now.since(peer.since) < SHORT_LIVED;
            match short && peer.is_outbound() {
                true => self.turned_away(addr, cx),
                false => self.rest(addr, cx),
            }
            if !short && !was_feeler && peer.is_of_the_set() && self.views.is_none() {
                self.outbound.on_lost(addr);
            }
        }
        self.settle(cx);
    }

    /// The deadline passed, or any other moment. `standing` tells of any link.
    pub fn on_wake(&mut self, standing: &dyn Fn(Link) -> Standing, cx: &mut Cx<'_>) {
        self.gossip.flush(cx.now, &mut self.outbox);
        self.wake_views(cx);
        if self.announce_at <= cx.now {
            self.announce_self(cx);
            self.arm_announcement(cx);
        }
        self.feel(standing, cx);
        self.settle(cx);
    }

    /// A link that is no longer needed, to be closed by the caller, who asks again until there is none: a
    /// seed (rule 6), or one that a feeler is about. It is forgotten here at once. Cheap to ask after
    /// every input.
    pub fn take_surplus(&mut self, cx: &mut Cx<'_>) -> Option<Link> {
        let by_views = self.views.as_mut().and_then(|views| views.take_surplus());
        let link = by_views.or_else(|| self.find_surplus_seed(cx));
        let link = link.or_else(|| self.find_exchanged(cx)).or_else(|| self.find_beside(cx))?;
        if let Some(addr) = self.remove(link).and_then(|peer| peer.dialled) {
            self.rest(addr, cx);
        }
        self.settle(cx);
        Some(link)
    }

    /// Why a link is to be closed that [`Peers::take_surplus`] just named.
    #[must_use]
    pub fn why_surplus(&self, link: Link) -> Reason {
        let fault = self.rare.as_ref().and_then(|rare| rare.replacing.fault_of(link));
        fault.map_or(Reason::Surplus, Reason::Useless)
    }

    fn find_surplus_seed(&self, cx: &Cx<'_>) -> Option<Link> {
        let census = self.table.census();
        let stands = self.outbound_ready() - census.seeds_ready >= cx.params.outbound();
        if census.seeds == 0 || !stands || !self.outbound.outgrows_seeds(&self.book, cx) {
            return None;
        }
        self.table.find_seed()
    }

    /// Dials a feeler if it is time for one and the set stands.
    fn feel(&mut self, standing: &dyn Fn(Link) -> Standing, cx: &mut Cx<'_>) {
        if self.feeler.take_due(cx.now)
            && self.stands(cx)
            && let useless = self.find_useless(standing, cx)
            && let exchanges = (useless.is_some() || self.feeler.is_exchange_due(cx.now))
            && let Some(addr) =
                self.outbound.probe(&self.table, &mut self.book, (&self.bans, !exchanges), cx)
        {
            self.feeler.dial(addr, exchanges);
            if useless.is_some() || self.rare.is_some() {
                self.rare.get_or_insert_default().replacing.aim(useless);
            }
        }
    }

    /// Whether we have as many links of our own choice as we want.
    const fn stands(&self, cx: &Cx<'_>) -> bool {
        self.outbound_ready() >= cx.params.outbound()
    }

    /// Takes out what is to be sent.
    pub fn take_outbox(&mut self) -> Vec<(Link, Message)> {
        std::mem::take(&mut self.outbox)
    }

    /// Reads what is asked after every input, see `node/warm.rs`.
    pub(crate) const fn warm(&self) -> u64 {
        (self.outbox.len() ^ self.outbox.capacity() ^ self.outbound_ready()) as u64
    }

    /// Ready links of our own choice: those that we dialled, and those that took over from them, but for a feeler.
    #[must_use]
    pub const fn outbound_ready(&self) -> usize {
        let ready = self.table.census().ready[Direction::Outbound as usize];
        ready - self.feeler.is_ready() as usize
    }

    /// Ready links that take an inbound place.
    #[must_use]
    pub const fn inbound_ready(&self) -> usize {
        self.table.census().ready[Direction::Inbound as usize]
    }

    /// Dials under way.
    #[must_use]
    pub fn dialling(&self) -> usize {
        self.outbound.dialling() + self.views.as_ref().map_or(0, |views| views.dialling())
    }

    /// The address book.
    #[must_use]
    pub const fn book(&self) -> &Book {
        &self.book
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
        if let Some(views) = self.views.as_mut().filter(|_| connected) {
            views.remove_candidate(addr);
        }
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
        if let Some(trials) = &mut self.trials {
            trials.forget(link);
        }
        if let Some(views) = &mut self.views {
            views.forget(link);
        }
        for addr in peer.dialled.into_iter().chain(peer.advertise()) {
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
            && self.book.len() > cx.params.outbound()
            && !self.outbound.is_fixed_mode()
    }

    /// After any change: dials what is missing, and notes when to wake.
    fn settle(&mut self, cx: &mut Cx<'_>) {
        self.judge_suspects(cx);
        if self.views.is_some() {
            return self.settle_views(cx);
        }
        let census = self.table.census();
        let links = census.links[Direction::Outbound as usize];
        let live = Live {
            bans: &self.bans,
            table: &self.table,
            links: links - usize::from(self.feeler.is_up()),
            seeds: census.seeds,
            probing: usize::from(self.feeler.is_dialling()),
        };
        self.outbound.refill(live, &mut self.book, cx);
        if self.outbound.is_starving(live, &self.book, cx) && self.book.len() < ASK_BELOW {
            self.ask_anybody(cx);
        }
        if self.wants_feelers(cx) {
            self.feeler.plan(self.book.len(), cx);
        }
        let deadline = self.outbound.deadline().min(self.gossip.deadline());
        let deadline = deadline.min(self.outbound.anchors().deadline());
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
        self.book.check(params.peers.book_max);
        let inbound = self.table.census().links[Direction::Inbound as usize];
        let max = params.peers.inbound_max;
        assert!(inbound <= max, "{inbound} inbound links of at most {max}");
        if let Some(views) = &self.views {
            views.check(params);
        }
    }

    fn keeps(&self, link: Link) -> bool {
        let by_views = self.views.as_ref().is_some_and(|views| views.keeps(link));
        self.table.get(link).is_some() || self.gossip.is_waiting(link) || by_views
    }
}
