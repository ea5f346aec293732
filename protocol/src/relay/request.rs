//! Whom to ask for which announced item, and when.
//!
//! # Model
//! An item that was announced and isn't here yet is *wanted*. It remembers its *announcers*, in the
//! order in which they spoke. At most one of them is *asked* at a time.
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
//! 4. At most `in_flight_max` items are in flight from one link; further ones wait until one arrives.
//!    *Attack*: without it one peer fills the queue with ids that don't exist (zebra's advisory
//!    GHSA-4fc2-h7jh-287c).
//! 5. A peer that let a request run out is a *staller* until it has delivered again, more often each time
//!    (see `request/reliability.rs`). Whatever is in flight from a staller gives way at once to an announcer
//!    that is none, and has room: the staller counts as having failed.
//!    An inbound peer has `inbound_patience_ms` for a transaction from the moment on in which an outbound
//!    one that is no staller announced it too (a quarter of it before it has delivered anything); then
//!    that counts as running out.
//! 6. At most `announced_max` wanted items are remembered per announcer; further announcements of that link are
//!    dropped. A staller is granted more only while fewer than `in_flight_max` are. So memory is bounded by links x `announced_max`
//!    (Bitcoin Core's `MAX_PEER_TX_ANNOUNCEMENTS`), at 350 bytes each at worst: 1.75 MB for a link.
//! 7. A strategy may have an announcer wait before it is asked, to see whether somebody sends the item
//!    unasked. Once a request has failed, waiting has no purpose any more.
//! 8. An item whose announcers have all failed or left is forgotten; a new announcement starts afresh.
//! 9. What comes late is welcome: an item that a peer was asked for is in order even after the request ran
//!    out or gave way, for the last `in_flight_max` of them on a link.
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
//! # Cost
//! Everything is constant per announcement but a disconnect, which looks once at all requests in flight
//! and all items that wait for a turn.

mod gone;
mod link;
mod overdue;
mod reliability;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use crate::ground::item::{ItemKind, Name, ShortId};
use crate::ground::link::{Direction, Link, LinkTable};
use crate::ground::map::{Map, Salt};
use crate::ground::time::Time;
use crate::machine::{Cx, Part};
use crate::params::{Params, RequestParams};
use crate::wire::message::{GETDATA_MAX, Names};

use link::LinkRequests;

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
    /// Requests in the order in which they run out, by [`ItemKind`]. Those that were answered stay
    /// until they come to the front.
    expiries: [VecDeque<Expiry>; 2],
    /// When an item that waits for an announcer's turn is looked at again.
    turns: BinaryHeap<Reverse<(Time, ShortId)>>,
    /// Requests decided on and not yet sent.
    unsent: Vec<(Link, ItemKind, Name)>,
    expired: u64,
    failed: u64,
    /// An item was forgotten since the driver last asked.
    gave_up: bool,
    /// Unknown to peers; decides among equals.
    secret: Salt,
    /// How long a peer has for a transaction, if not `tx_timeout_ms`.
    patience: Option<Duration>,
}

#[derive(Clone, Debug)]
struct Wanted {
    kind: ItemKind,
    /// As it was first announced, and will be asked for.
    name: Name,
    announcers: Vec<Announcer>,
    /// Who is asked, and when that runs out.
    asked: Option<(Link, Time)>,
    /// Somebody was asked in vain.
    failed: bool,
    /// When an inbound peer that is asked has to give way to an outbound one.
    contested: Time,
}

impl Wanted {
    const fn new(kind: ItemKind, name: Name) -> Self {
        Self {
            kind,
            name,
            announcers: Vec::new(),
            asked: None,
            failed: false,
            contested: Time::NEVER,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Announcer {
    link: Link,
    was_asked: bool,
    /// The item is in the link's `waiting`.
    is_waiting: bool,
    /// It isn't asked before, unless a request has failed.
    turn: Time,
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
            expiries: [VecDeque::new(), VecDeque::new()],
            turns: BinaryHeap::new(),
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
        self.links.insert(link, LinkRequests::new(direction));
    }

    /// A peer says that it has an item which we don't have. If nobody is being asked for it, the peer
    /// will be after `wait`.
    pub fn on_announced(
        &mut self,
        link: Link,
        (kind, name): (ItemKind, Name),
        wait: Duration,
        now: Time,
        params: &RequestParams,
    ) -> Announced {
        let id = name.short();
        let Some(state) = self.links.get_mut(link) else {
            return Announced::Dropped;
        };
        if state.announced as usize >= params.announced_max {
            return Announced::Dropped; // before anything is looked up: this is what a flood comes to
        }
        let wanted = self.wanted.get(&id);
        if wanted.is_some_and(|wanted| wanted.announcers.iter().any(|held| held.link == link)) {
            return Announced::Repeated;
        }
        state.announced += 1;
        let wanted = self.wanted.entry(id).or_insert_with(|| Wanted::new(kind, name));
        let wait = if wanted.failed { Duration::ZERO } else { wait };
        let turn = now + wait;
        wanted.announcers.push(Announcer { link, was_asked: false, is_waiting: false, turn });
        let (has_room, is_good) = (state.has_room(params), !state.is_staller());
        let is_outbound = state.direction == Direction::Outbound;
        if let Some((asked, _)) = wanted.asked {
            let gives_way = has_room && is_good && self.is_staller(asked);
            if !gives_way {
                if is_good && is_outbound {
                    self.contest(asked, id, now, params);
                }
                return Announced::Remembered;
            }
            self.give_way(asked, id, params);
            self.ask(link, id, now, params);
            self.release(asked, now, params);
            return Announced::Requested;
        }
        if !wait.is_zero() {
            self.turns.push(Reverse((turn, id)));
            return Announced::Remembered;
        }
        if !has_room {
            self.wait_for_room(link, id, params);
            return Announced::Remembered;
        }
        self.ask(link, id, now, params);
        Announced::Requested
    }

    /// How many of a link's announcements wait for their item, and how many may.
    #[must_use]
    pub fn announced(&self, link: Link, params: &RequestParams) -> (usize, usize) {
        let of = |state: &LinkRequests| (state.announced as usize, state.announced_max(params));
        self.links.get(link).map_or((0, params.announced_max), of)
    }

    /// Whether a peer was asked for an item, so that its sending it is in order.
    #[must_use]
    pub fn was_asked(&self, link: Link, id: impl Into<ShortId>) -> bool {
        let id = id.into();
        let is_asked = self.wanted.get(&id).is_some_and(|wanted| {
            wanted.announcers.iter().any(|held| held.link == link && held.was_asked)
        });
        is_asked || self.links.get(link).is_some_and(|state| state.expects_late(id))
    }

    /// A peer sent something that it was asked for, which may make it reliable again.
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
    /// and are still up.
    pub fn on_arrived(
        &mut self,
        id: impl Into<ShortId>,
        now: Time,
        params: &RequestParams,
    ) -> Vec<Link> {
        let Some(wanted) = self.wanted.remove(&id.into()) else {
            return Vec::new();
        };
        let asked = wanted.asked.map(|(link, _)| link);
        let mut announcers = Vec::with_capacity(wanted.announcers.len());
        for Announcer { link, .. } in wanted.announcers {
            let Some(state) = self.links.get_mut(link) else {
                continue;
            };
            state.announced -= 1;
            announcers.push(link);
        }
        if let Some(link) = asked {
            self.release(link, now, params);
        }
        self.drop_answered();
        announcers
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
        if wanted.asked.is_none_or(|(asked, _)| asked != link) {
            return false;
        }
        wanted.asked = None;
        wanted.failed = true;
        self.failed += 1;
        self.ask_next(id, now, params);
        self.release(link, now, params);
        self.drop_answered();
        true
    }

    /// Time passed: requests that ran out go to the next announcer, and announcers whose turn has come
    /// are asked. Tells which requests ran out.
    pub fn on_wake(
        &mut self,
        now: Time,
        params: &RequestParams,
        mut ran_out: impl FnMut(Link, ShortId),
    ) {
        while let Some(Reverse((at, id))) = self.turns.peek().copied() {
            if at > now {
                break;
            }
            self.turns.pop();
            match self.wanted.get(&id) {
                Some(Wanted { asked: None, .. }) => self.ask_next(id, now, params),
                Some(Wanted { asked: Some((link, _)), contested, .. }) if *contested <= now => {
                    let link = *link;
                    if self.settle_contest(link, id, now, params) {
                        ran_out(link, id);
                    }
                }
                _ => {}
            }
        }
        for kind in [ItemKind::Tx, ItemKind::Block] {
            while let Some(expiry) = self.expiries[kind as usize].front().copied() {
                if !self.is_open(&expiry) {
                    self.expiries[kind as usize].pop_front();
                    continue;
                }
                if expiry.at > now {
                    break;
                }
                self.expiries[kind as usize].pop_front();
                ran_out(expiry.link, expiry.id);
                self.run_out(expiry.link, expiry.id, now, params);
            }
        }
        self.drop_answered();
    }

    /// Hands over the requests decided on since the last call, one list per link and kind (more
    /// only beyond [`GETDATA_MAX`]), in slot order. Returns how many ids they hold.
    pub fn flush(&mut self, mut send: impl FnMut(Link, Names)) -> usize {
        if self.unsent.is_empty() {
            return 0;
        }
        let group = |(link, kind, name): &(Link, ItemKind, Name)| {
            (*link, *kind as u8, matches!(name, Name::Short(_)))
        };
        self.unsent.sort_by_key(group);
        for requests in self.unsent.chunk_by(|a, b| group(a) == group(b)) {
            for requests in requests.chunks(GETDATA_MAX) {
                let (link, kind, _) = requests[0];
                let names = requests.iter().map(|(_, _, name)| *name);
                send(link, Names::of(kind, names));
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
        self.links.get(link).map_or(0, |state| state.in_flight as usize)
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
        let patience = self.patience.filter(|_| wanted.kind == ItemKind::Tx);
        let at = now + patience.unwrap_or_else(|| params.timeout(wanted.kind));
        wanted.asked = Some((link, at));
        wanted.contested = Time::NEVER;
        if let Some(held) = wanted.announcers.iter_mut().find(|held| held.link == link) {
            held.was_asked = true;
        }
        state.in_flight += 1;
        self.expiries[wanted.kind as usize].push_back(Expiry { at, link, id });
        self.unsent.push((link, wanted.kind, wanted.name));
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
            } else if !state.has_room(params) {
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
            self.wait_for_room(link, id, params);
        }
    }

    /// An item is asked from a link when something in flight from it has arrived.
    fn wait_for_room(&mut self, link: Link, id: ShortId, params: &RequestParams) {
        let Some(state) = self.links.get_mut(link) else {
            return;
        };
        let held = self.wanted.get_mut(&id).and_then(|wanted| {
            wanted.announcers.iter_mut().find(|held| held.link == link && !held.is_waiting)
        });
        if let Some(held) = held {
            held.is_waiting = true;
            state.queue_up(id, &self.wanted, params);
        }
    }

    fn forget(&mut self, id: &ShortId) {
        let Some(wanted) = self.wanted.remove(id) else {
            return;
        };
        self.gave_up = true;
        for held in wanted.announcers {
            if let Some(state) = self.links.get_mut(held.link) {
                state.announced -= 1;
            }
        }
    }

    /// One thing less is in flight from a link: asks for what waited.
    fn release(&mut self, link: Link, now: Time, params: &RequestParams) {
        let Some(state) = self.links.get_mut(link) else {
            return;
        };
        state.in_flight -= 1;
        while let Some(state) = self.links.get_mut(link) {
            if !state.has_room(params) {
                return;
            }
            let Some(id) = state.waiting.pop_front() else {
                return;
            };
            let Some(wanted) = self.wanted.get_mut(&id) else {
                continue;
            };
            let is_free = wanted.asked.is_none();
            let Some(held) = wanted.announcers.iter_mut().find(|held| held.link == link) else {
                continue;
            };
            held.is_waiting = false;
            if is_free && !held.was_asked && (held.turn <= now || wanted.failed) {
                self.ask(link, id, now, params);
            }
        }
    }

    fn is_open(&self, expiry: &Expiry) -> bool {
        let wanted = self.wanted.get(&expiry.id);
        wanted.is_some_and(|wanted| wanted.asked == Some((expiry.link, expiry.at)))
    }

    /// Keeps the fronts of the queues open, so that [`Requests::deadline`] is exact.
    fn drop_answered(&mut self) {
        while let Some(Reverse((_, id))) = self.turns.peek() {
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
            while let Some(expiry) = self.expiries[kind].front() {
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
        let fronts = self.expiries.iter().filter_map(|queue| queue.front());
        let expiry = fronts.map(|expiry| expiry.at).min().unwrap_or(Time::NEVER);
        self.turns.peek().map_or(expiry, |Reverse((at, _))| expiry.min(*at))
    }

    fn check(&self, params: &Params) {
        let max = params.requests.in_flight_max;
        for (link, state) in self.links.iter() {
            let len = state.in_flight as usize;
            assert!(len <= max, "in flight on {link}: {len} of at most {max}");
        }
    }
}

#[cfg(test)]
mod tests;
