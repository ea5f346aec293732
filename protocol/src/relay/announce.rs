//! Announcing: which items wait for which link, and when they leave.
//!
//! Ids are collected per link and leave in one batch when the link's timer fires. Timers are drawn
//! from an exponential distribution, so that the moment of an announcement tells little about the
//! moment of arrival (Poisson trickle, as Bitcoin Core's: `INBOUND_INVENTORY_BROADCAST_INTERVAL`). Outbound
//! links have a timer each; all inbound links share one, so that a spy who dials us many times learns
//! no more than one who dials once. A mean of 0 sends at the next wake-up: still one batch for all that
//! happened in the same moment.
//!
//! A timer runs only while something waits: an idle node sleeps, and so does one whose peer announces the
//! only id that waited for it. This changes nothing for an observer, because exponential waits have no
//! memory.
//!
//! Where privacy counts less than frames, `batch_ms` sets a fixed wait instead, from the first id in the
//! queue on, and holds back whole items too. With `flush_on_full` a batch of `batch_max` leaves before
//! that: then the mean wait at a rate of r ids a second is min(`batch_ms`, `batch_max`/r)/2 and not
//! `batch_ms`/2.
//!
//! Nothing leaves faster than the peer takes it: a queue whose peer has given no credit waits for it. One wake-up hands
//! over `WAKE_MAX` at most and the next one, at once, the rest: what else a node has to do doesn't wait for all.
//!
//! # Nothing is lost
//! Each queue holds `announce_queue_max` ids, and all together [`FULL_QUEUES`] times as many, beside [`SHORT`] each; over
//! it the oldest is dropped and counted, and the link has *fallen behind*. So have all links when the [backlog](crate::relay::rate_limiter) of all of them drops something. What was
//! dropped is still in the pool, which knows the order in which items came; so a link that fell behind remembers one
//! number, that of the earliest item that it may lack, and when its queue has room again the pool is gone through from
//! there, in portions. What the peer is known to have is passed over. (Bitcoin Core leaves what its queues drop to
//! other peers.) What leaves the pool before its turn is announced to nobody: it couldn't be given.

mod timers;
mod waiting;

use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::ground::item::{ItemId, Name};
use crate::ground::link::{Direction, Link, LinkTable};
use crate::ground::time::Time;
use crate::machine::{Cx, Part};
use crate::params::{Params, RelayParams};

use timers::Timers;
use waiting::{SORTED_MAX, Waiting};

/// Most ids handed over at one wake-up, of all links together: less than a millisecond's work. A guess.
const WAKE_MAX: usize = 512;

/// As many ids are put in order in the time in which one is handed over. A guess.
const SORTED_PER_ID: usize = 4;

/// As much waits on all links together as on so many that are full; after that no queue grows that isn't short. A guess:
/// most peers take what is announced to them.
pub const FULL_QUEUES: usize = 8;

/// A queue is short with fewer ids, and loses none for the sake of others. A guess: what a busy node announces in a tenth
/// of a second.
pub const SHORT: usize = 512;

/// The waiting announcements of all links.
#[derive(Clone, Debug)]
pub struct Announcer {
    links: LinkTable<Queue>,
    /// How many ids wait in all queues.
    waiting: usize,
    /// When each queue leaves: never while it is empty, or while the link is congested.
    timers: Timers,
    /// The timer that inbound links share.
    inbound_at: Time,
    /// Links that fell behind, once one did.
    behind: Option<Box<Behind>>,
    unsent: u64,
}

/// How an item leaves a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Its id.
    Id,
    /// All of it.
    Whole,
    /// Its id, even if the peer was told of it before.
    Again,
}

#[derive(Clone, Debug)]
struct Queue {
    ids: Waiting,
    direction: Direction,
    congested: bool,
}

/// The links that fell behind.
#[derive(Clone, Debug)]
struct Behind {
    links: LinkTable<Place>,
    /// When the pool is gone through next, for any of them.
    next: Time,
}

/// Where a link is that fell behind.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The number in the pool of the earliest item that its peer may not have heard of.
    since: u64,
    /// When the pool is gone through next.
    at: Time,
}

impl Default for Behind {
    fn default() -> Self {
        Self { links: LinkTable::default(), next: Time::NEVER }
    }
}

impl Behind {
    fn find_next(&mut self) {
        self.next = self.links.iter().map(|(_, place)| place.at).min().unwrap_or(Time::NEVER);
    }
}

impl Default for Announcer {
    fn default() -> Self {
        Self {
            links: LinkTable::default(),
            waiting: 0,
            timers: Timers::default(),
            inbound_at: Time::NEVER,
            behind: None,
            unsent: 0,
        }
    }
}

impl Announcer {
    /// Makes room for so many links.
    pub fn reserve(&mut self, links: usize) {
        self.links.reserve(links);
        self.timers.reserve(links);
    }

    /// A link came up.
    pub fn on_connected(&mut self, link: Link, direction: Direction) {
        let queue = Queue { ids: Waiting::default(), direction, congested: false };
        let before = self.links.insert(link, queue);
        self.waiting -= before.map_or(0, |(_, lost)| lost.ids.len());
    }

    /// A link went down.
    pub fn on_disconnected(&mut self, link: Link) {
        if let Some(gone) = self.links.remove(link) {
            self.waiting -= gone.ids.len();
            self.timers.stop(link);
            self.catch_up(link, None);
        }
    }

    /// A link takes nothing for now: its queue waits.
    pub fn on_congested(&mut self, link: Link) {
        if let Some(queue) = self.links.get_mut(link) {
            queue.congested = true;
            self.timers.stop(link);
        }
    }

    /// A link takes something again.
    pub fn on_drained(&mut self, link: Link, now: Time) {
        if let Some(queue) = self.links.get_mut(link) {
            queue.congested = false;
        }
        self.hurry(link, now);
    }

    /// What waits for a link leaves from a moment on, unless it is congested.
    pub fn hurry(&mut self, link: Link, at: Time) {
        if let Some(queue) = self.links.get_mut(link)
            && !queue.congested
            && !queue.ids.is_empty()
        {
            self.timers.set(link, self.timers.get(link).min(at));
        }
    }

    /// Adds an item to what a link will be told or sent. Returns what a full queue dropped for it.
    pub fn enqueue(
        &mut self,
        link: Link,
        (id, form): (ItemId, Form),
        now: Time,
        params: &RelayParams,
        rng: &mut dyn Rng,
    ) -> Option<ItemId> {
        let queue = self.links.get_mut(link)?;
        let dropped = queue.push((id, form), &mut self.waiting, params);
        self.unsent += u64::from(dropped.is_some());
        if queue.congested {
            return dropped;
        }
        let is_full = queue.ids.len() >= params.batch_max;
        if params.batch_ms > 0 && params.flush_on_full && is_full {
            self.timers.set(link, now);
        } else if self.timers.get(link) == Time::NEVER {
            let at = match queue.direction {
                _ if params.batch_ms > 0 => now + Duration::from_millis(params.batch_ms),
                Direction::Outbound => now + exponential(params.trickle_outbound(), rng),
                Direction::Inbound => {
                    if self.inbound_at <= now || self.inbound_at == Time::NEVER {
                        self.inbound_at = now + exponential(params.trickle_inbound(), rng);
                    }
                    self.inbound_at
                }
            };
            self.timers.set(link, at);
        }
        dropped
    }

    /// Adds an id to what waits for a link, without a timer: it leaves with the next batch, or when it is
    /// [taken](Announcer::take). Returns what a full queue dropped for it.
    pub fn hold(&mut self, link: Link, id: ItemId, params: &RelayParams) -> Option<ItemId> {
        let queue = self.links.get_mut(link)?;
        let dropped = queue.push((id, Form::Id), &mut self.waiting, params);
        self.unsent += u64::from(dropped.is_some());
        dropped
    }

    /// A link's peer may not have heard of the pool's item of this number: the pool is gone through from there.
    pub fn fall_behind(&mut self, link: Link, sequence: u64, now: Time) {
        if self.links.get(link).is_none() {
            return;
        }
        let behind = self.behind.get_or_insert_default();
        let place = behind.links.get(link).copied().unwrap_or(Place { since: sequence, at: now });
        behind.links.insert(link, Place { since: place.since.min(sequence), ..place });
        behind.next = behind.next.min(place.at);
    }

    /// The links that fell behind and for which the pool is to be gone through now, and from which number.
    pub fn lagging(&self, now: Time) -> Vec<(Link, u64)> {
        let behind = self.behind.iter().flat_map(|behind| behind.links.iter());
        behind
            .filter(|(_, place)| place.at <= now)
            .map(|(link, place)| (link, place.since))
            .collect()
    }

    /// The pool was gone through for a link up to a number, and is again at a moment; if there is none, all of it was.
    pub fn caught_up(&mut self, link: Link, since: u64, again: Option<Time>) {
        if self.links.get(link).is_some() {
            self.catch_up(link, again.map(|at| Place { since, at }));
        }
    }

    fn catch_up(&mut self, link: Link, place: Option<Place>) {
        let Some(behind) = &mut self.behind else { return };
        match place {
            Some(place) => drop(behind.links.insert(link, place)),
            None => drop(behind.links.remove(link)),
        }
        behind.find_next();
    }

    /// A peer turns out to have an item. If that is all that waits for its link, nothing does any more.
    pub fn on_known(&mut self, link: Link, name: Name) {
        let Some(queue) = self.links.get_mut(link) else { return };
        if queue.ids.only().is_some_and(|only| name.fits(only)) {
            queue.ids = Waiting::default();
            self.waiting -= 1;
            self.timers.stop(link);
        }
    }

    /// Takes what waits for a link, at most so much, but what `knows` says its peer has by now. A congested link
    /// keeps its queue.
    pub fn take(&mut self, link: Link, max: usize, knows: impl Fn(&ItemId) -> bool) -> Vec<ItemId> {
        let Some(queue) = self.links.get_mut(link).filter(|queue| !queue.congested) else {
            return Vec::new();
        };
        let waited = queue.ids.len();
        let ids = queue.leave(max, knows).into_iter().map(|(id, _)| id).collect();
        self.waiting -= waited - queue.ids.len();
        if queue.ids.is_empty() {
            self.timers.stop(link);
        }
        ids
    }

    /// Hands over the batches that are due, in slot order, at most `batch_max` items each; beyond
    /// `WAKE_MAX` they stay due. `may` tells how many ids a link's peer takes, or when it will. Items that `knows` says the peer has by now are left out. A queue leaves
    /// sorted by id, thousands at a time, so that its order doesn't tell the order of arrival.
    pub fn on_wake(
        &mut self,
        now: Time,
        params: &RelayParams,
        may: impl Fn(Link) -> Result<usize, Time>,
        knows: impl Fn(Link, &ItemId) -> bool,
        mut send: impl FnMut(Link, Vec<(ItemId, Form)>),
    ) {
        if now < self.timers.next() {
            return;
        }
        let (mut room, mut from) = (WAKE_MAX, 0);
        while let Some(slot) = self.timers.due(from, now).filter(|_| room > 0) {
            from = slot + 1;
            let Some((link, queue)) = self.links.at_mut(slot) else { continue };
            let waited = queue.ids.len();
            let max = may(link).map(|max| max.min(room));
            if queue.sorts(max.unwrap_or(0)) {
                room = room.saturating_sub(waited.min(SORTED_MAX) / SORTED_PER_ID);
            }
            let mut batch = queue.leave(max.unwrap_or(0), |id| knows(link, id));
            let waits = queue.ids.len();
            match max {
                _ if waits == 0 => self.timers.stop(link),
                Err(at) => self.timers.set(link, at),
                Ok(_) => {} // what is left is still due
            }
            self.waiting -= waited - waits;
            room = room.saturating_sub(waited - waits);
            while !batch.is_empty() {
                let rest = batch.split_off(batch.len().min(params.batch_max));
                send(link, std::mem::replace(&mut batch, rest));
            }
        }
    }

    /// Reads what a wake-up looks at first, see `node/warm.rs`.
    pub(crate) fn warm(&self) -> u64 {
        self.timers.warm()
    }

    /// Reads what a wake-up will, and tells of the links on which something is due.
    pub(crate) fn warm_due(&self, now: Time, mut due: impl FnMut(Link) -> u64) -> u64 {
        let (mut sum, mut from) = (0, 0);
        while let Some(slot) = self.timers.due(from, now) {
            sum ^= self.links.at(slot).map_or(0, |link| due(link) ^ self.warm_link(link));
            from = slot + 1;
        }
        sum
    }

    /// Reads what an announcement on a link will.
    pub(crate) fn warm_link(&self, link: Link) -> u64 {
        self.links.get(link).map_or(0, |queue| {
            let only = queue.ids.only().map_or(0, |id| u64::from(id.hash().0[0]));
            queue.ids.len() as u64 ^ self.timers.get(link).as_nanos() ^ only
        })
    }

    /// Ids that were dropped from a full queue, so far.
    #[must_use]
    pub const fn unsent(&self) -> u64 {
        self.unsent
    }

    /// The items that wait for a link.
    pub fn items(&self, link: Link) -> impl Iterator<Item = ItemId> {
        self.links.get(link).into_iter().flat_map(|queue| queue.ids.iter()).map(|(id, _)| *id)
    }

    /// How many ids wait for all links together.
    #[must_use]
    pub const fn waiting_in_all(&self) -> usize {
        self.waiting
    }

    /// How many ids wait for a link.
    #[must_use]
    pub fn waiting(&self, link: Link) -> usize {
        self.links.get(link).map_or(0, |queue| queue.ids.len())
    }
}

impl Queue {
    /// Adds an id; returns the oldest one if that was dropped for it. `waiting`: in all queues.
    fn push(
        &mut self,
        entry: (ItemId, Form),
        waiting: &mut usize,
        params: &RelayParams,
    ) -> Option<ItemId> {
        let (len, max) = (self.ids.len(), params.announce_queue_max);
        let is_full = len >= max || (len >= SHORT && *waiting >= FULL_QUEUES * max);
        let dropped = is_full.then(|| self.ids.pop_front()).flatten();
        self.ids.push_back(entry);
        *waiting += usize::from(dropped.is_none());
        dropped.map(|(id, _)| id)
    }

    /// Whether all of it has to be put in order before the first so many by id can leave.
    fn sorts(&self, max: usize) -> bool {
        (1..self.ids.len()).contains(&max) && !self.ids.begins_sorted(max)
    }

    /// Takes the first so many by id, each once.
    fn leave(&mut self, max: usize, knows: impl Fn(&ItemId) -> bool) -> Vec<(ItemId, Form)> {
        let mut ids;
        if self.ids.len() > max {
            ids = self.ids.take_least(max);
            ids.retain(|entry| is_news(entry, &knows));
        } else {
            ids = self.ids.take(|entry| is_news(entry, &knows));
            ids.sort_unstable();
        }
        ids.dedup_by_key(|(id, _)| *id);
        ids
    }
}

/// Whether an item is still to leave.
fn is_news((id, form): &(ItemId, Form), knows: impl Fn(&ItemId) -> bool) -> bool {
    *form == Form::Again || !knows(id)
}

/// A wait of an exponential distribution, by inversion.
pub(crate) fn exponential(mean: Duration, rng: &mut dyn Rng) -> Duration {
    if mean.is_zero() {
        return Duration::ZERO;
    }
    // 1 - u lies in (0, 1], so the logarithm is finite and not positive.
    let u: f64 = rng.random();
    mean.mul_f64(-(1.0 - u).ln())
}

impl Part for Announcer {
    fn on_link_up(&mut self, link: Link, direction: Direction, _cx: &mut Cx<'_>) {
        self.on_connected(link, direction);
    }

    fn on_link_down(&mut self, link: Link, _cx: &mut Cx<'_>) {
        self.on_disconnected(link);
    }

    fn deadline(&self) -> Time {
        let behind = self.behind.as_ref().map_or(Time::NEVER, |behind| behind.next);
        self.timers.next().min(behind)
    }

    fn check(&self, params: &Params) {
        let max = params.relay.announce_queue_max;
        for (link, _) in self.links.iter() {
            let len = self.waiting(link);
            assert!(len <= max, "waiting on {link}: {len} of at most {max}");
        }
        let waiting: usize = self.links.iter().map(|(link, _)| self.waiting(link)).sum();
        assert_eq!(self.waiting, waiting, "waiting on all links");
        let max = FULL_QUEUES * max + self.links.len() * SHORT;
        assert!(waiting <= max, "waiting on all links: {waiting} of at most {max}");
    }

    fn keeps(&self, link: Link) -> bool {
        let is_behind = self.behind.as_ref().is_some_and(|it| it.links.get(link).is_some());
        is_behind || self.links.get(link).is_some()
    }
}

#[cfg(test)]
mod tests;
