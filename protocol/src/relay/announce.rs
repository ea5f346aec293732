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
//! Each queue holds `announce_queue_max` ids; over it the oldest is dropped and counted, and the link has *fallen
//! behind*. So have all links when the [backlog](crate::relay::rate_limiter) of all of them drops something. What was
//! dropped is still in the pool, which knows the order in which items came; so a link that fell behind remembers one
//! number, that of the earliest item that it may lack, and when its queue has room again the pool is gone through from
//! there, in portions. What the peer is known to have is passed over. (Bitcoin Core leaves what its queues drop to
//! other peers.) What leaves the pool before its turn is announced to nobody: it couldn't be given.

mod waiting;

use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::ground::item::{ItemId, Name};
use crate::ground::link::{Direction, Link, LinkTable};
use crate::ground::time::Time;
use crate::machine::{Cx, Part};
use crate::params::{Params, RelayParams};

use waiting::{SORTED_MAX, Waiting};

/// Most ids handed over at one wake-up, of all links together: less than a millisecond's work. A guess.
const WAKE_MAX: usize = 512;

/// As many ids are put in order in the time in which one is handed over. A guess.
const SORTED_PER_ID: usize = 4;

/// The waiting announcements of all links.
#[derive(Clone, Debug)]
pub struct Announcer {
    links: LinkTable<Queue>,
    /// The timer that inbound links share.
    inbound_at: Time,
    /// The earliest timer of all.
    next: Time,
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
    direction: Direction,
    ids: Waiting,
    /// When it leaves: never while it is empty, or while the link is congested.
    at: Time,
    congested: bool,
    /// Its link fell behind.
    behind: Option<Box<Behind>>,
}

/// Where a link is that fell behind.
#[derive(Clone, Copy, Debug)]
struct Behind {
    /// The number in the pool of the earliest item that its peer may not have heard of.
    since: u64,
    /// When the pool is gone through next.
    at: Time,
}

impl Default for Announcer {
    fn default() -> Self {
        Self { links: LinkTable::default(), inbound_at: Time::NEVER, next: Time::NEVER, unsent: 0 }
    }
}

impl Announcer {
    /// Makes room for so many links.
    pub fn reserve(&mut self, links: usize) {
        self.links.reserve(links);
    }

    /// A link came up.
    pub fn on_connected(&mut self, link: Link, direction: Direction) {
        let (ids, at) = (Waiting::default(), Time::NEVER);
        self.links.insert(link, Queue { direction, ids, at, congested: false, behind: None });
    }

    /// A link went down.
    pub fn on_disconnected(&mut self, link: Link) {
        self.links.remove(link);
        self.find_next();
    }

    /// A link takes nothing for now: its queue waits.
    pub fn on_congested(&mut self, link: Link) {
        if let Some(queue) = self.links.get_mut(link) {
            queue.congested = true;
            queue.at = Time::NEVER;
            self.find_next();
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
            queue.at = queue.at.min(at);
            self.next = self.next.min(queue.at);
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
        let dropped = queue.push(id, form, params);
        self.unsent += u64::from(dropped.is_some());
        if queue.congested {
            return dropped;
        }
        let is_full = queue.ids.len() >= params.batch_max;
        if params.batch_ms > 0 && params.flush_on_full && is_full {
            queue.at = now;
        } else if queue.at == Time::NEVER {
            queue.at = match queue.direction {
                _ if params.batch_ms > 0 => now + Duration::from_millis(params.batch_ms),
                Direction::Outbound => now + exponential(params.trickle_outbound(), rng),
                Direction::Inbound => {
                    if self.inbound_at <= now || self.inbound_at == Time::NEVER {
                        self.inbound_at = now + exponential(params.trickle_inbound(), rng);
                    }
                    self.inbound_at
                }
            };
        }
        self.next = self.next.min(queue.at);
        dropped
    }

    /// Adds an id to what waits for a link, without a timer: it leaves with the next batch, or when it is
    /// [taken](Announcer::take). Returns what a full queue dropped for it.
    pub fn hold(&mut self, link: Link, id: ItemId, params: &RelayParams) -> Option<ItemId> {
        let dropped = self.links.get_mut(link)?.push(id, Form::Id, params);
        self.unsent += u64::from(dropped.is_some());
        dropped
    }

    /// A link's peer may not have heard of the pool's item of this number: the pool is gone through from there.
    pub fn fall_behind(&mut self, link: Link, sequence: u64, now: Time) {
        let Some(queue) = self.links.get_mut(link) else { return };
        let behind =
            queue.behind.get_or_insert_with(|| Box::new(Behind { since: sequence, at: now }));
        behind.since = behind.since.min(sequence);
        self.next = self.next.min(behind.at);
    }

    /// The links that fell behind and for which the pool is to be gone through now, and from which number.
    pub fn lagging(&self, now: Time) -> Vec<(Link, u64)> {
        let behind = |queue: &Queue| {
            queue.behind.as_ref().filter(|behind| behind.at <= now).map(|it| it.since)
        };
        self.links.iter().filter_map(|(link, queue)| Some((link, behind(queue)?))).collect()
    }

    /// The pool was gone through for a link up to a number, and is again at a moment; if there is none, all of it was.
    pub fn caught_up(&mut self, link: Link, since: u64, again: Option<Time>) {
        let Some(queue) = self.links.get_mut(link) else { return };
        queue.behind = again.map(|at| Box::new(Behind { since, at }));
        self.find_next();
    }

    /// A peer turns out to have an item. If that is all that waits for its link, nothing does any more.
    pub fn on_known(&mut self, link: Link, name: Name) {
        let Some(queue) = self.links.get_mut(link) else { return };
        if queue.ids.only().is_some_and(|only| name.fits(*only)) {
            queue.ids = Waiting::default();
            if std::mem::replace(&mut queue.at, Time::NEVER) == self.next {
                self.find_next();
            }
        }
    }

    /// Takes what waits for a link, at most so much, but what `knows` says its peer has by now. A congested link
    /// keeps its queue.
    pub fn take(&mut self, link: Link, max: usize, knows: impl Fn(&ItemId) -> bool) -> Vec<ItemId> {
        let Some(queue) = self.links.get_mut(link).filter(|queue| !queue.congested) else {
            return Vec::new();
        };
        let had_timer = queue.at != Time::NEVER;
        let ids = queue.leave(max, knows).into_iter().map(|(id, _)| id).collect();
        if had_timer {
            self.find_next();
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
        if now < self.next {
            return;
        }
        let (mut room, mut next) = (WAKE_MAX, Time::NEVER);
        for (link, queue) in self.links.iter_mut() {
            if queue.at <= now && room > 0 {
                let waited = queue.ids.len();
                let max = may(link).map(|max| max.min(room));
                if queue.sorts(max.unwrap_or(0)) {
                    room = room.saturating_sub(waited.min(SORTED_MAX) / SORTED_PER_ID);
                }
                let mut batch = queue.leave(max.unwrap_or(0), |id| knows(link, id));
                if !queue.ids.is_empty()
                    && let Err(at) = max
                {
                    queue.at = at;
                }
                room = room.saturating_sub(waited - queue.ids.len());
                while !batch.is_empty() {
                    let rest = batch.split_off(batch.len().min(params.batch_max));
                    send(link, std::mem::replace(&mut batch, rest));
                }
            }
            next = next.min(queue.next());
        }
        self.next = next;
    }

    /// Reads what a wake-up will, see `node/warm.rs`, and tells of the links on which something is due.
    pub(crate) fn warm(&self, now: Time, mut due: impl FnMut(Link) -> u64) -> u64 {
        self.links.iter().fold(0, |sum, (link, queue)| {
            let more = if queue.at <= now { due(link) } else { 0 };
            sum ^ queue.at.as_nanos() ^ more
        })
    }

    /// Reads what an announcement on a link will.
    pub(crate) fn warm_link(&self, link: Link) -> u64 {
        self.links.get(link).map_or(0, |queue| {
            let only = queue.ids.only().map_or(0, |id| u64::from(id.hash().0[0]));
            queue.ids.len() as u64 ^ queue.at.as_nanos() ^ only
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

    /// How many ids wait for a link.
    #[must_use]
    pub fn waiting(&self, link: Link) -> usize {
        self.links.get(link).map_or(0, |queue| queue.ids.len())
    }

    /// Finds the earliest timer when one was stopped. Inbound links share theirs, and so one that is as early as
    /// the last, than which none is earlier, is mostly found soon.
    fn find_next(&mut self) {
        let mut next = Time::NEVER;
        for (_, queue) in self.links.iter() {
            next = next.min(queue.next());
            if next <= self.next {
                break;
            }
        }
        self.next = next;
    }
}

impl Queue {
    /// When something of it is due.
    fn next(&self) -> Time {
        self.behind.as_ref().map_or(self.at, |behind| self.at.min(behind.at))
    }

    /// Adds an id; returns the oldest one if that was dropped for it.
    fn push(&mut self, id: ItemId, form: Form, params: &RelayParams) -> Option<ItemId> {
        let is_full = self.ids.len() >= params.announce_queue_max;
        let dropped = is_full.then(|| self.ids.pop_front()).flatten();
        self.ids.push_back((id, form));
        dropped.map(|(id, _)| id)
    }

    /// Whether all of it has to be put in order before the first so many by id can leave.
    fn sorts(&self, max: usize) -> bool {
        (1..self.ids.len()).contains(&max) && !self.ids.begins_sorted(max)
    }

    /// Takes the first so many by id, each once. If that is all, the queue's timer stops.
    fn leave(&mut self, max: usize, knows: impl Fn(&ItemId) -> bool) -> Vec<(ItemId, Form)> {
        let mut ids;
        if self.ids.len() > max {
            ids = self.ids.take_least(max);
            ids.retain(|entry| is_news(entry, &knows));
        } else {
            self.at = Time::NEVER;
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
        self.next
    }

    fn check(&self, params: &Params) {
        let max = params.relay.announce_queue_max;
        for (link, _) in self.links.iter() {
            let len = self.waiting(link);
            assert!(len <= max, "waiting on {link}: {len} of at most {max}");
        }
    }

    fn keeps(&self, link: Link) -> bool {
        self.links.get(link).is_some()
    }
}

#[cfg(test)]
mod tests;
