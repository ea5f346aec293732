//! Whom to ask for which announced item, and when.
//!
//! # Model
//! An item that was announced and isn't here yet is *wanted*. It remembers its *announcers*, in the
//! order in which they spoke. At most one of them is *asked* at a time.
//!
//! # Rules
//! 1. One request is in flight per item, over all links.
//!    *Rationale*: every ecosystem that asked several announcers at once paid for it; deduplicating
//!    cut Besu's inbound transaction traffic by 80 % (libp2p.md §2).
//! 2. No peer is asked twice for the same item.
//! 3. When an asked peer says notfound, breaks, or lets the time run out, the next announcer is asked
//!    in the same moment: outbound ones first, then in the order of announcement.
//!    *Rationale*: we chose our outbound peers; an attacker who only waits for connections can then
//!    delay an item by one timeout for each of his links that spoke before the first outbound one.
//! 4. At most `in_flight_max` items are in flight from one link; further ones wait until one arrives.
//!    *Attack*: without it one peer fills the queue with ids that don't exist (zebra's advisory
//!    GHSA-4fc2-h7jh-287c, libp2p.md §5).
//! 5. At most `announced_max` wanted items are remembered per announcer; further announcements of that
//!    link are dropped. So memory is bounded by links x `announced_max` (relay.md §1, "Announce cap").
//! 6. A strategy may have an announcer wait before it is asked, to see whether somebody sends the item
//!    unasked. Once a request has failed, waiting has no purpose any more.
//! 7. An item whose announcers have all failed or left is forgotten; a new announcement starts afresh.
//!
//! # Cost
//! Everything is constant per announcement but a disconnect, which looks at all requests in flight and
//! all items that wait for a turn.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use crate::backlog::Backlog;
use crate::item::{ItemKind, Name, ShortId};
use crate::link::{Direction, Link, LinkTable};
use crate::map::{Map, Salt};
use crate::message::{GETDATA_MAX, Message, Verb};
use crate::params::RequestParams;
use crate::time::Time;

/// What became of an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// The peer will be asked at once.
    Requested,
    /// Remembered, in case whoever is asked fails.
    Remembered,
    /// The link has too many open announcements: dropped.
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
}

impl Wanted {
    const fn new(kind: ItemKind, name: Name) -> Self {
        Self { kind, name, announcers: Vec::new(), asked: None, failed: false }
    }
}

#[derive(Clone, Copy, Debug)]
struct Announcer {
    link: Link,
    was_asked: bool,
    /// It isn't asked before, unless a request has failed.
    turn: Time,
}

#[derive(Clone, Debug)]
struct LinkRequests {
    direction: Direction,
    /// Wanted items that this link announced.
    announced: u32,
    /// Items asked from this link.
    in_flight: u32,
    /// Items to ask for when something in flight has arrived. Those got elsewhere meanwhile stay until
    /// they come to the front or there are `announced_max`, and are skipped.
    waiting: Backlog<ShortId>,
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

    /// Makes room for so many links.
    pub fn reserve(&mut self, links: usize) {
        self.links.reserve(links);
    }

    /// A link came up.
    pub fn on_connected(&mut self, link: Link, direction: Direction) {
        let state =
            LinkRequests { direction, announced: 0, in_flight: 0, waiting: Backlog::default() };
        self.links.insert(link, state);
    }

    /// A link went down: what was asked from it is asked elsewhere at once.
    pub fn on_disconnected(&mut self, link: Link, now: Time, params: &RequestParams) {
        let Some(mut gone) = self.links.remove(link) else {
            return;
        };
        self.unsent.retain(|(to, _, _)| *to != link);
        let in_flight = self.expiries.iter().flatten().filter(|expiry| expiry.link == link);
        let affected: Vec<_> =
            in_flight.map(|expiry| expiry.id).chain(gone.waiting.take()).collect();
        for id in affected {
            let Some(wanted) = self.wanted.get_mut(&id) else {
                continue;
            };
            match wanted.asked {
                Some((asked, _)) if asked == link => {
                    wanted.asked = None;
                    wanted.failed = true;
                    self.failed += 1;
                    self.ask_next(id, now, params);
                }
                // It waited for this link's capacity, and perhaps for nobody else's.
                None => self.ask_next(id, now, params),
                Some(_) => {}
            }
        }
        // What waited only for this link's turn waits in vain.
        let mut waiting: Vec<_> = self.turns.iter().map(|Reverse((_, id))| *id).collect();
        waiting.sort_unstable();
        waiting.dedup();
        for id in waiting {
            if !self.has_hope(&id) {
                self.forget(&id);
            }
        }
        self.drop_answered();
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
        let wanted = self.wanted.get(&id);
        if wanted.is_some_and(|wanted| wanted.announcers.iter().any(|held| held.link == link)) {
            return Announced::Repeated;
        }
        if state.announced as usize >= params.announced_max {
            return Announced::Dropped;
        }
        state.announced += 1;
        let wanted = self.wanted.entry(id).or_insert_with(|| Wanted::new(kind, name));
        let wait = if wanted.failed { Duration::ZERO } else { wait };
        wanted.announcers.push(Announcer { link, was_asked: false, turn: now + wait });
        if wanted.asked.is_some() {
            return Announced::Remembered;
        }
        if !wait.is_zero() {
            self.turns.push(Reverse((now + wait, id)));
            return Announced::Remembered;
        }
        if state.in_flight as usize >= params.in_flight_max {
            if state.waiting.len() >= params.announced_max {
                state.waiting.retain(|id| self.wanted.contains(id));
            }
            state.waiting.push_back(id);
            return Announced::Remembered;
        }
        self.ask(link, id, now, params);
        Announced::Requested
    }

    /// Whether a peer was asked for an item that is still wanted, so that its sending it is in order.
    #[must_use]
    pub fn was_asked(&self, link: Link, id: impl Into<ShortId>) -> bool {
        self.wanted.get(&id.into()).is_some_and(|wanted| {
            wanted.announcers.iter().any(|held| held.link == link && held.was_asked)
        })
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
    /// are asked.
    pub fn on_wake(&mut self, now: Time, params: &RequestParams) {
        while let Some(Reverse((at, id))) = self.turns.peek().copied() {
            if at > now {
                break;
            }
            self.turns.pop();
            if self.wanted.get(&id).is_some_and(|wanted| wanted.asked.is_none()) {
                self.ask_next(id, now, params);
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
                if let Some(wanted) = self.wanted.get_mut(&expiry.id) {
                    wanted.asked = None;
                    wanted.failed = true;
                }
                self.expired += 1;
                self.ask_next(expiry.id, now, params);
                self.release(expiry.link, now, params);
            }
        }
        self.drop_answered();
    }

    /// When the next request runs out or the next turn comes.
    #[must_use]
    pub fn deadline(&self) -> Time {
        let fronts = self.expiries.iter().filter_map(|queue| queue.front());
        let expiry = fronts.map(|expiry| expiry.at).min().unwrap_or(Time::NEVER);
        self.turns.peek().map_or(expiry, |Reverse((at, _))| expiry.min(*at))
    }

    /// Hands over the requests decided on since the last call, one message per link and kind (more
    /// only beyond [`GETDATA_MAX`]), in slot order. Returns how many ids they hold.
    pub fn flush(&mut self, mut send: impl FnMut(Link, Message)) -> usize {
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
                send(link, Message::naming(Verb::GetData, kind, names));
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
        let mut best: Option<(Direction, Link)> = None;
        let mut busy = Vec::new();
        for held in wanted.announcers.iter().filter(|held| !held.was_asked) {
            let Some(state) = self.links.get(held.link) else {
                continue;
            };
            if held.turn > now && !impatient {
                next_turn = next_turn.min(held.turn);
            } else if state.in_flight as usize >= params.in_flight_max {
                busy.push(held.link);
            } else if best.is_none_or(|(direction, _)| {
                direction == Direction::Inbound && state.direction == Direction::Outbound
            }) {
                best = Some((state.direction, held.link));
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
        if !busy.is_empty() {
            for link in busy {
                let Some(state) = self.links.get_mut(link) else {
                    continue;
                };
                if !state.waiting.contains(&id) {
                    state.waiting.push_back(id);
                }
            }
        }
    }

    /// Whether somebody is being asked for an item, or may yet be.
    fn has_hope(&self, id: &ShortId) -> bool {
        let Some(wanted) = self.wanted.get(id) else { return true };
        wanted.asked.is_some()
            || wanted
                .announcers
                .iter()
                .any(|held| !held.was_asked && self.links.get(held.link).is_some())
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
            if state.in_flight as usize >= params.in_flight_max {
                return;
            }
            let Some(id) = state.waiting.pop_front() else {
                return;
            };
            let Some(wanted) = self.wanted.get(&id) else {
                continue;
            };
            let is_next = wanted.asked.is_none()
                && wanted.announcers.iter().any(|held| {
                    held.link == link && !held.was_asked && (held.turn <= now || wanted.failed)
                });
            if is_next {
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
            if self.wanted.get(id).is_some_and(|wanted| wanted.asked.is_none()) {
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

#[cfg(test)]
mod tests;
