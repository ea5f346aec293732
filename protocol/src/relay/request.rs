//! Whom to ask for which announced item, and when.
//!
//! # Model
//! An item that was announced and isn't here yet is *wanted*. It remembers its *announcers*, in the
//! order in which they spoke, each with the name by which it called the item: names that share a short id may
//! mean the same item, and are one wanted item until it comes. At most one announcer is *asked* at a time, in its
//! own terms: so a false kind, or an id that shares eight bytes with a true one, misleads nobody else.
//!
//! # Rules
//! 1. One request is in flight per item, over all links.
//!    *Rationale*: every ecosystem that asked several announcers at once paid for it; deduplicating
//!    cut Besu's inbound transaction traffic by 80 % (its pull request 9937).
//! 2. No peer is asked twice for the same item.
//! 3. When an asked peer says notfound, breaks, or lets the time run out, the next announcer is asked
//!    in the same moment: those that are no stallers first (rule 5), of them outbound ones, of them a random
//!    one, which no peer can foretell (a secret is drawn whenever a first link comes up).
//!    *Rationale*: we chose our outbound peers; an attacker can only wait for connections. And he mustn't
//!    be able to place himself at the front by speaking first.
//! 4. At most `in_flight_max` transactions are in flight from one link; further ones wait until one arrives.
//!    *Attack*: without it one peer fills the queue with ids that don't exist (zebra's advisory
//!    GHSA-4fc2-h7jh-287c).
//! 5. A peer that let a request run out, or denies having what it announced, is a *staller* until it has delivered
//!    again, more often each time (see `request/reliability.rs`). Whatever is in flight from a staller gives way at once to an announcer
//!    that is none, and has room: the staller counts as having failed.
//!    An inbound peer has `inbound_patience_ms` for a transaction, `block_patience_ms` for a block, from the
//!    moment on in which an outbound one that is no staller announced it too (a quarter of it before it has
//!    delivered anything); then that counts as running out.
//! 6. At most `announced_max` wanted transactions are remembered per announcer; further announcements of that link
//!    are dropped. A staller is granted more only while fewer than `in_flight_max` are. Of one item at most as many announcers are remembered as
//!    there are links (Bitcoin Core's `MAX_PEER_TX_ANNOUNCEMENTS`). All links together have a bound, too
//!    (`request/crowding.rs`).
//! 7. A strategy may have an announcer wait before it is asked, to see whether somebody sends the item
//!    unasked. Once a request has failed, waiting has no purpose any more.
//! 8. An item whose announcers have all failed or left is forgotten; a new announcement starts afresh.
//! 9. Blocks have bounds and queues of their own: no number of transactions delays one.
//! 10. What comes late is welcome: an item that a peer was asked for is in order even after the request ran
//!     out or gave way, for the last `in_flight_max` of them on a link.
//! 11. From a peer that sends more of a kind than it may none of that kind are asked for, until its debt is paid or somebody
//!     else has them. What was asked for is in order.
//! 12. One input deals with `WORK_MAX` items at most, whatever ran out or was lost in one moment; the rest is due
//!     again at once.
//!
//! # The bound
//! Once an honest outbound peer that has room announces a transaction, it comes
//! - within a round trip to that peer, if nobody was asked yet or a staller was;
//! - within `inbound_patience_ms` and a round trip, if an inbound peer was, however many of them announced it
//!   and never deliver: by rule 3 an outbound peer is next;
//! - within `tx_timeout_ms` and a round trip, if another outbound peer was, which we chose ourselves.
//!
//! What an inbound link can delay by that is what was in flight from it until the first request ran out, at
//! most `in_flight_max` items: afterwards it is a staller, until it has delivered. (Bitcoin Core waits 2 s
//! before it asks any inbound peer, and 60 s for an answer: there every item that only inbound peers announce
//! comes 2 s later, and a stalled one 60 s.)
//!
//! The same holds for a block with `block_patience_ms` and `block_timeout_ms`.
//!
//! # Cost
//! An announcement costs a search among the announcers of its item, which are no more than there are links; and so
//! does each request that runs out. A disconnect looks at what the link announced.

mod audit;
mod crowding;
mod gone;
mod link;
mod overdue;
mod reliability;
mod room;
mod wanted;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use crate::ground::item::{ItemId, ItemKind, Name, ShortId};
use crate::ground::link::{Direction, Link, LinkTable};
use crate::ground::map::{Map, Salt};
use crate::ground::time::Time;
use crate::machine::{Cx, Part};
use crate::params::{Params, RequestParams};
use crate::wire::message::{GETDATA_MAX, Names};

pub use crowding::{ANNOUNCED_BYTES, FULL_LINKS};
use link::LinkRequests;
use room::Withheld;
use wanted::{Announcer, Asked, Wanted};

/// Most items that one input deals with of those that ran out, or that a link that went down had announced: half a
/// millisecond's work with a hundred announcers each. A guess.
const WORK_MAX: usize = 256;

/// Most requests that were answered and are forgotten by one input, where they had waited behind one that wasn't. A
/// guess: a tenth of a millisecond's work.
const STALE_MAX: usize = 1_024;

/// What became of an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// The peer will be asked at once.
    Requested,
    /// Remembered, in case whoever is asked fails.
    Remembered,
    /// Dropped, since the link has too many open ones.
    Dropped,
    /// The peer announced this item before.
    Repeated,
}

/// All wanted items.
#[derive(Clone, Debug)]
pub struct Requests {
    wanted: Map<ShortId, Wanted>,
    links: LinkTable<LinkRequests>,
    /// What all links have announced that is wanted, by [`ItemKind`].
    announced: [usize; 2],
    /// Requests in the order in which they run out, by [`ItemKind`]. Those that were answered stay
    /// until they come to the front.
    expiries: [VecDeque<Expiry>; 2],
    /// When an item that waits for an announcer's turn is looked at again.
    turns: BinaryHeap<Reverse<(Time, ShortId)>>,
    /// Of which links nothing is asked for now.
    withheld: Withheld,
    /// Items that links announced which are gone, yet to be looked at.
    bereft: VecDeque<(Link, ShortId)>,
    /// Requests decided on and not yet sent.
    unsent: Vec<(Link, Name)>,
    expired: u64,
    failed: u64,
    /// An item was forgotten since the driver last asked.
    gave_up: bool,
    /// Unknown to peers; decides among equals.
    secret: Salt,
    /// How long a peer has for a transaction, if not `tx_timeout_ms`.
    patience: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Expiry {
    at: Time,
    link: Link,
    id: ShortId,
}

impl Requests {
    /// Nothing wanted.
    #[must_use]
    pub fn new(salt: Salt) -> Self {
        Self {
            wanted: Map::new(salt),
            links: LinkTable::default(),
            announced: [0; 2],
            expiries: [VecDeque::new(), VecDeque::new()],
            turns: BinaryHeap::new(),
            withheld: Withheld::default(),
            bereft: VecDeque::new(),
            unsent: Vec::new(),
            expired: 0,
            failed: 0,
            gave_up: false,
            secret: Salt::new(0),
            patience: None,
        }
    }

    /// Sets how long an asked peer has for a transaction before the next one is asked, instead of
    /// `tx_timeout_ms`.
    #[must_use]
    pub const fn with_patience(mut self, patience: Option<Duration>) -> Self {
        self.patience = patience;
        self
    }

    /// Sets a random number that no peer knows: it decides whose turn it is among equals.
    pub const fn set_secret(&mut self, secret: u64) {
        self.secret = Salt::new(secret);
    }

    /// Makes room for so many links.
    pub fn reserve(&mut self, links: usize) {
        self.links.reserve(links);
    }

    /// A link came up.
    pub fn on_connected(&mut self, link: Link, direction: Direction) {
        if let Some((_, lost)) = self.links.insert(link, LinkRequests::new(direction)) {
            self.discount(&lost);
        }
    }

    /// A peer says that it has an item which we don't have. If nobody is being asked for it, the peer
    /// will be after `wait`.
    pub fn on_announced(
        &mut self,
        link: Link,
        name: Name,
        wait: Duration,
        now: Time,
        params: &RequestParams,
    ) -> Announced {
        let (id, kind) = (name.short(), name.kind());
        let Some(state) = self.links.get_mut(link) else {
            return Announced::Dropped;
        };
        let is_crowded = crowding::is_crowded(&self.announced, kind, params);
        if state.lane(kind).announced as usize >= state.remembered_max(kind, is_crowded, params) {
            return Announced::Dropped; // before anything is looked up: this is what a flood comes to
        }
        let wanted = self.wanted.get(&id);
        if wanted.is_some_and(|wanted| wanted.announcer(link).is_some()) {
            return Announced::Repeated;
        }
        state.lane_mut(kind).announced += 1;
        self.announced[kind as usize] += 1;
        let (has_room, is_good) = (state.has_room(kind, params), !state.is_staller());
        let is_outbound = state.direction == Direction::Outbound;
        let wanted = self.wanted.entry(id).or_default();
        if wanted.announcers.len() >= self.links.len() {
            let links = &self.links;
            wanted.announcers.retain(|held| links.get(held.link).is_some());
        }
        let wait = if wanted.failed { Duration::ZERO } else { wait };
        let turn = now + wait;
        if wanted.announcers.is_empty() {
            wanted.announcers.reserve_exact(1); // most have one, and a vector begins with room for four
        }
        wanted.announcers.push(Announcer { link, name, was_asked: false, is_waiting: false, turn });
        if let Some(Asked { link: asked, .. }) = wanted.asked {
            let gives_way = has_room && is_good && self.is_staller(asked);
            if gives_way {
                let asked_kind = self.give_way(asked, id, params);
                self.ask(link, id, now, params);
                self.release(asked, asked_kind, now, params);
                return Announced::Requested;
            }
            if is_good && is_outbound {
                self.contest(asked, id, now, params);
            }
        } else if wait.is_zero() && has_room {
            self.ask(link, id, now, params);
            return Announced::Requested;
        } else if wait.is_zero() {
            self.wait_for_room(link, id);
        } else {
            self.turns.push(Reverse((turn, id)));
        }
        self.remember(link, id);
        Announced::Remembered
    }

    /// Whether a peer was asked for an item, so that its sending it, or saying that it can't, is in order.
    #[must_use]
    pub fn was_asked(&self, link: Link, name: impl Into<Name>) -> bool {
        let name = name.into();
        let announcer = self.wanted.get(&name.short()).and_then(|wanted| wanted.announcer(link));
        announcer.is_some_and(|held| held.was_asked && held.name.may_be(name))
            || self.links.get(link).is_some_and(|state| state.expects_late(name.short()))
    }

    /// A peer sent something that it was asked for and that is worth checking, which may make it reliable again. (Junk
    /// pays no debt.)
    pub fn on_delivered(&mut self, link: Link) {
        if let Some(state) = self.links.get_mut(link) {
            state.deliver();
        }
    }

    /// Whether a peer is asked last, because it let requests run out.
    #[must_use]
    pub fn is_staller(&self, link: Link) -> bool {
        self.links.get(link).is_some_and(|state| state.is_staller())
    }

    /// Whether an item is wanted.
    #[must_use]
    pub fn is_wanted(&self, id: impl Into<ShortId>) -> bool {
        self.wanted.contains(&id.into())
    }

    /// An item has come, from wherever: it isn't wanted any more. Returns the links that announced it
    /// and are still up. Who called something else by a name like it is asked for that.
    pub fn on_arrived(&mut self, id: ItemId, now: Time, params: &RequestParams) -> Vec<Link> {
        let short = ShortId::from(id);
        let Some(wanted) = self.wanted.get_mut(&short) else {
            return Vec::new();
        };
        let asked = wanted
            .asked
            .filter(|asked| wanted.announcer(asked.link).is_none_or(|held| held.name.fits(&id)));
        let mut announcers = Vec::with_capacity(wanted.announcers.len());
        for held in wanted.announcers.extract_if(.., |held| held.name.fits(&id)) {
            let Some(state) = self.links.get_mut(held.link) else {
                continue;
            };
            state.lane_mut(held.name.kind()).announced -= 1;
            self.announced[held.name.kind() as usize] -= 1;
            announcers.push(held.link);
        }
        if asked.is_some() {
            wanted.asked = None;
        }
        if wanted.announcers.is_empty() {
            self.wanted.remove(&short);
        } else if wanted.asked.is_none() {
            self.ask_next(short, now, params);
        }
        if let Some(asked) = asked {
            // It may have come in the moment in which it was to be asked for.
            self.unsent.retain(|(link, name)| *link != asked.link || !name.fits(&id));
            self.release(asked.link, asked.kind, now, params);
        }
        self.drop_answered();
        announcers
    }

    /// The peer says that it hasn't got what it announced: the next announcer is asked at once, and the peer after others
    /// from now on. False if it wasn't being asked.
    pub fn on_denied(&mut self, link: Link, name: Name, now: Time, params: &RequestParams) -> bool {
        let was_asked = self.on_failed(link, name, now, params);
        if was_asked && let Some(state) = self.links.get_mut(link) {
            state.strike(now, params.timeout(name.kind()));
        }
        was_asked
    }

    /// The peer can't or didn't properly deliver: the next announcer is asked at once. False if the
    /// peer wasn't being asked, in which case nothing changes.
    pub fn on_failed(
        &mut self,
        link: Link,
        id: impl Into<ShortId>,
        now: Time,
        params: &RequestParams,
    ) -> bool {
        let id = id.into();
        let Some(wanted) = self.wanted.get_mut(&id) else {
            return false;
        };
        let Some(asked) = wanted.asked.take_if(|asked| asked.link == link) else {
            return false;
        };
        wanted.failed = true;
        self.failed += 1;
        self.remember(link, id);
        self.ask_next(id, now, params);
        self.release(link, asked.kind, now, params);
        self.drop_answered();
        true
    }

    /// Hands over the requests decided on since the last call, one list per link and kind (more
    /// only beyond [`GETDATA_MAX`]), in slot order, blocks first. Returns how many ids they hold.
    pub fn flush(&mut self, mut send: impl FnMut(Link, Names)) -> usize {
        if self.unsent.is_empty() {
            return 0;
        }
        let group = |(link, name): &(Link, Name)| {
            (*link, Reverse(name.kind()), matches!(name, Name::Short(_)))
        };
        self.unsent.sort_by_key(group);
        for requests in self.unsent.chunk_by(|a, b| group(a) == group(b)) {
            for requests in requests.chunks(GETDATA_MAX) {
                let (link, name) = requests[0];
                let names = requests.iter().map(|(_, name)| *name);
                send(link, Names::of(name.kind(), names));
            }
        }
        let sent = self.unsent.len();
        // An idle node keeps no buffer: a simulator holds a million of them.
        self.unsent = Vec::new();
        sent
    }

    /// Requests in flight from a link.
    #[must_use]
    pub fn in_flight(&self, link: Link) -> usize {
        self.links.get(link).map_or(0, LinkRequests::in_flight)
    }

    /// Whether an item was forgotten, because nobody who announced it delivered, since this was last
    /// asked.
    pub const fn take_gave_up(&mut self) -> bool {
        std::mem::replace(&mut self.gave_up, false)
    }

    /// How many items are wanted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.wanted.len()
    }

    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Requests that ran out of time, so far.
    #[must_use]
    pub const fn expired(&self) -> u64 {
        self.expired
    }

    /// Requests answered by notfound, badly, or by a broken link, so far.
    #[must_use]
    pub const fn failed(&self) -> u64 {
        self.failed
    }

    fn ask(&mut self, link: Link, id: ShortId, now: Time, params: &RequestParams) {
        let Some(wanted) = self.wanted.get_mut(&id) else {
            return;
        };
        let Some(state) = self.links.get_mut(link) else {
            return;
        };
        let Some(held) = wanted.announcers.iter_mut().find(|held| held.link == link) else {
            return;
        };
        held.was_asked = true;
        let (name, kind) = (held.name, held.name.kind());
        let patience = self.patience.filter(|_| kind == ItemKind::Tx);
        let until = now + patience.unwrap_or_else(|| params.timeout(kind));
        wanted.asked = Some(Asked { link, kind, until });
        wanted.contested = Time::NEVER;
        state.lane_mut(kind).in_flight += 1;
        self.expiries[kind as usize].push_back(Expiry { at: until, link, id });
        self.unsent.push((link, name));
    }

    /// Asks the best announcer that wasn't asked yet; waits if all of those are busy; forgets the item
    /// if there is none.
    fn ask_next(&mut self, id: ShortId, now: Time, params: &RequestParams) {
        let Some(wanted) = self.wanted.get_mut(&id) else {
            return;
        };
        wanted.announcers.retain(|held| self.links.get(held.link).is_some());
        let impatient = wanted.failed;
        let mut next_turn = Time::NEVER;
        let mut best: Option<((bool, bool, u64), Link)> = None;
        let mut busy = Vec::new();
        for held in wanted.announcers.iter().filter(|held| !held.was_asked) {
            let Some(state) = self.links.get(held.link) else {
                continue;
            };
            if held.turn > now && !impatient {
                next_turn = next_turn.min(held.turn);
            } else if !state.has_room(held.name.kind(), params) {
                busy.push(held.link);
            } else {
                let is_inbound = state.direction == Direction::Inbound;
                let order = (state.is_staller(), is_inbound, self.secret.rank((held.link, id)));
                if best.is_none_or(|(first, _)| order < first) {
                    best = Some((order, held.link));
                }
            }
        }
        if let Some((_, link)) = best {
            return self.ask(link, id, now, params);
        }
        if next_turn != Time::NEVER {
            self.turns.push(Reverse((next_turn, id)));
        } else if busy.is_empty() {
            return self.forget(&id);
        }
        for link in busy {
            self.wait_for_room(link, id);
        }
    }

    /// Notes that a link announced an item that it isn't asked for now, or not any more, for when it goes down.
    fn remember(&mut self, link: Link, id: ShortId) {
        if let Some(state) = self.links.get_mut(link) {
            state.remember(link, id, &self.wanted);
        }
    }

    fn forget(&mut self, id: &ShortId) {
        let Some(wanted) = self.wanted.remove(id) else {
            return;
        };
        self.gave_up = true;
        for held in wanted.announcers {
            if let Some(state) = self.links.get_mut(held.link) {
                state.lane_mut(held.name.kind()).announced -= 1;
                self.announced[held.name.kind() as usize] -= 1;
            }
        }
    }

    fn is_open(&self, expiry: &Expiry) -> bool {
        let wanted = self.wanted.get(&expiry.id);
        wanted
            .and_then(|wanted| wanted.asked)
            .is_some_and(|asked| (asked.link, asked.until) == (expiry.link, expiry.at))
    }

    /// Keeps the fronts of the queues open, so that [`Requests::deadline`] is exact; or nearly, where `STALE_MAX` of
    /// them were answered before the first: then the node wakes once too often, and goes on.
    fn drop_answered(&mut self) {
        for _ in 0..STALE_MAX {
            let Some(Reverse((_, id))) = self.turns.peek() else { break };
            let matters =
                |wanted: &Wanted| wanted.asked.is_none() || wanted.contested != Time::NEVER;
            if self.wanted.get(id).is_some_and(matters) {
                break;
            }
            self.turns.pop();
        }
        if self.turns.is_empty() {
            self.turns = BinaryHeap::new();
        }
        for kind in 0..self.expiries.len() {
            for _ in 0..STALE_MAX {
                let Some(expiry) = self.expiries[kind].front() else { break };
                if self.is_open(expiry) {
                    break;
                }
                self.expiries[kind].pop_front();
            }
            if self.expiries[kind].is_empty() {
                self.expiries[kind] = VecDeque::new();
            }
        }
    }
}

impl Part for Requests {
    fn on_link_up(&mut self, link: Link, direction: Direction, _cx: &mut Cx<'_>) {
        self.on_connected(link, direction);
    }

    fn on_link_down(&mut self, link: Link, cx: &mut Cx<'_>) {
        self.on_disconnected(link, cx.now, &cx.params.requests);
    }

    fn deadline(&self) -> Time {
        if !self.bereft.is_empty() {
            return Time::ZERO;
        }
        let fronts = self.expiries.iter().filter_map(|queue| queue.front());
        let expiry = fronts.map(|expiry| expiry.at).min().unwrap_or(Time::NEVER);
        let turn = self.turns.peek().map_or(Time::NEVER, |Reverse((at, _))| *at);
        expiry.min(turn).min(self.withheld.deadline())
    }

    fn check(&self, params: &Params) {
        self.audit(params);
    }

    fn keeps(&self, link: Link) -> bool {
        let is_named = |wanted: &Wanted| {
            let is_asked = wanted.asked.is_some_and(|asked| asked.link == link);
            is_asked || wanted.announcer(link).is_some()
        };
        self.links.get(link).is_some()
            || self.unsent.iter().any(|(to, _)| *to == link)
            || self.withheld.names(link)
            || (self.bereft.is_empty() && self.wanted.count(is_named) > 0)
    }
}

#[cfg(test)]
mod tests;
