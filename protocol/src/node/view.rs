//! What drivers and operators may look at.

use super::Node;
use crate::ground::item::{Item, ItemId, ItemKind, Name, ShortId};
use crate::ground::link::{Direction, Link};
use crate::ground::peer::{BookRecord, PeerAddr, PeerKey};
use crate::ground::time::Time;
use crate::items::blocks::BlockStore;
use crate::items::orphanage::Orphanage;
use crate::items::pool::Pool;
use crate::items::seen::SeenCache;
use crate::items::unbroadcast::Unbroadcast;
use crate::limits::budget::Left;
use crate::params::Params;
use crate::peers::book::groups::Groups;
use crate::peers::{Peers, Standing, Tenure};
use crate::record::{Dealings, Passed, Record, Story};
use crate::replica::Replica;
use crate::report::counters::Counters;
use crate::wire::kinds::Budget;
use std::sync::Arc;
use std::time::Duration;

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
    /// Whether nothing is announced there but what a comparison found.
    pub only_compares: bool,
    /// Whether nothing is said there but of blocks.
    pub only_blocks: bool,
    /// Where the peer says that it can be dialled.
    pub advertise: Option<PeerAddr>,
    /// Last round trip.
    pub rtt: Option<Duration>,
    /// Items requested and not yet here.
    pub in_flight: usize,
}

/// What an operator asks of a link besides: what passed there, and what would become of it.
#[derive(Clone, Copy, Debug)]
pub struct LinkDetail {
    /// What its peer is and did, as far as that decides who keeps a place.
    pub standing: Standing,
    /// Whether it keeps its place, and why.
    pub tenure: Tenure,
    /// What is left of its budgets.
    pub budgets: [Left; Budget::ALL.len()],
    /// What passed there; `None` if nothing is recorded.
    pub passed: Option<Passed>,
}

impl Node {
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
            only_compares: self.reconcile_links.contains(link),
            only_blocks: self.is_for_blocks(link),
            advertise: state.advertise,
            rtt: self.health.rtt(link),
            in_flight: self.requests.in_flight(link),
        })
    }

    /// Details of the live links that have a place, in slot order. Walks and sorts all links some times.
    #[must_use]
    pub fn link_details(&self, now: Time, params: &Params) -> Vec<(Link, LinkDetail)> {
        let standing = |link: Link| {
            let state = self.links.get(link);
            state.map(|state| state.standing(link, &self.health, self.rounds.now()))
        };
        let of = |link| standing(link).unwrap_or_default();
        let detail = |(link, tenure)| {
            let budgets = self.links.get(link)?.budget.left(now, &params.budgets);
            let passed = self.record.get().and_then(|record| record.life(link));
            let passed = passed.map(|life| life.passed);
            Some((link, LinkDetail { standing: of(link), tenure, budgets, passed }))
        };
        self.peers.tenures(&of, now).into_iter().filter_map(detail).collect()
    }

    /// The links that are ready: first those that the strategy may use.
    pub(super) fn ready_links(&self) -> impl Iterator<Item = Link> {
        let relaying = self.ready.iter().map(|neighbour| neighbour.link);
        relaying.chain(self.reconcile_links.iter())
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
        self.verification.contains(id)
    }

    /// How many items were announced and aren't here yet.
    #[must_use]
    pub fn wanted(&self) -> usize {
        self.requests.len()
    }

    /// How many announcements wait to leave, for all links together.
    #[must_use]
    pub const fn unannounced(&self) -> usize {
        self.announcer.waiting_in_all()
    }

    /// The transactions that wait for their parents, if there are any.
    #[must_use]
    pub fn orphanage(&self) -> Option<&Orphanage> {
        self.orphans.orphanage()
    }

    /// The recent blocks.
    #[must_use]
    pub const fn blocks(&self) -> &BlockStore {
        &self.blocks
    }

    /// The replica of the fleet's map, if this node has one.
    #[must_use]
    pub fn replica(&self) -> Option<&Replica> {
        self.member.replica()
    }

    /// The address book and the outbound set.
    #[must_use]
    pub const fn peers(&self) -> &Peers {
        &self.peers
    }

    /// What is to be kept of the address book over a restart, and handed back then ([`Input::Remembered`]).
    ///
    /// [`Input::Remembered`]: crate::machine::Input::Remembered
    #[must_use]
    pub fn export_book(&self, now: Time) -> BookRecord {
        let brought = |link| {
            self.links.get(link).is_some_and(|state| state.brought.iter().any(|when| *when > 0))
        };
        self.peers.export(brought, now)
    }

    /// Groups addresses by another rule than by network. To be called before any address comes.
    pub fn set_groups(&mut self, groups: Groups) {
        self.peers.set_groups(groups);
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

    /// An item that the node can serve.
    #[must_use]
    pub fn item(&self, id: &ItemId) -> Option<&Arc<Item>> {
        self.find(Name::Whole(*id))
    }

    /// An item that the node can serve, by whatever name.
    #[must_use]
    pub fn find(&self, name: Name) -> Option<&Arc<Item>> {
        match name {
            // A parent is asked for as its child names it.
            Name::Whole(id) if id.kind() == ItemKind::Tx => {
                self.pool.find(id).or_else(|| self.pool.find_referred(id))
            }
            Name::Whole(id) => self.blocks.get(&id),
            Name::Short(_) => self.pool.find(name),
        }
    }
}
