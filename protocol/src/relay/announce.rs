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
//! Each queue holds `announce_queue_max` ids; over it the oldest is dropped and counted. One wake-up hands over
//! `WAKE_MAX` at most and the next one, at once, the rest: what else a node has to do doesn't wait for all.

mod waiting;

use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::ground::item::{ItemId, Name};
use crate::ground::link::{Direction, Link, LinkTable};
use crate::ground::time::Time;
use crate::machine::{Cx, Part};
use crate::params::{Params, RelayParams};
use crate::wire::message::ANNOUNCE_MAX;

use waiting::Waiting;

/// Most ids handed over at one wake-up, of all links together: about a millisecond's work. A guess, as many as one
/// message holds.
const WAKE_MAX: usize = ANNOUNCE_MAX;

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
        let queue = Queue { direction, ids: Waiting::default(), at: Time::NEVER, congested: false };
        self.links.insert(link, queue);
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
            if !queue.ids.is_empty() {
                queue.at = now;
                self.next = self.next.min(now);
            }
        }
    }

    /// Adds an item to what a link will be told or sent.
    pub fn enqueue(
        &mut self,
        link: Link,
        (id, form): (ItemId, Form),
        now: Time,
        params: &RelayParams,
        rng: &mut dyn Rng,
    ) {
        let Some(queue) = self.links.get_mut(link) else {
            return;
        };
        self.unsent += u64::from(queue.push(id, form, params));
        if queue.congested {
            return;
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
    }

    /// Adds an id to what waits for a link, without a timer: it leaves with the next batch, or when it is
    /// [taken](Announcer::take).
    pub fn hold(&mut self, link: Link, id: ItemId, params: &RelayParams) {
        let Some(queue) = self.links.get_mut(link) else { return };
        self.unsent += u64::from(queue.push(id, Form::Id, params));
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

    /// Takes all that waits for a link, but what `knows` says its peer has by now. A congested link
    /// keeps its queue.
    pub fn take(&mut self, link: Link, knows: impl Fn(&ItemId) -> bool) -> Vec<ItemId> {
        let Some(queue) = self.links.get_mut(link).filter(|queue| !queue.congested) else {
            return Vec::new();
        };
        let had_timer = queue.at != Time::NEVER;
        let ids = queue.leave(usize::MAX, knows).into_iter().map(|(id, _)| id).collect();
        if had_timer {
            self.find_next();
        }
        ids
    }

    /// Hands over the batches that are due, in slot order, at most `batch_max` items each; beyond
    /// `WAKE_MAX` they stay due. Items that `knows` says the peer has by now are left out. A queue leaves
    /// sorted by id, so that its order doesn't tell the order of arrival.
    pub fn on_wake(
        &mut self,
        now: Time,
        params: &RelayParams,
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
                let mut batch = queue.leave(room, |id| knows(link, id));
                room -= waited - queue.ids.len();
                while !batch.is_empty() {
                    let rest = batch.split_off(batch.len().min(params.batch_max));
                    send(link, std::mem::replace(&mut batch, rest));
                }
            }
            next = next.min(queue.at);
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
        self.links.get(link).map_or(0, |queue| queue.ids.len() as u64 ^ queue.at.as_nanos())
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
            next = next.min(queue.at);
            if next <= self.next {
                break;
            }
        }
        self.next = next;
    }
}

impl Queue {
    /// Adds an id; true if the oldest one was dropped for it.
    fn push(&mut self, id: ItemId, form: Form, params: &RelayParams) -> bool {
        let full = self.ids.len() >= params.announce_queue_max;
        if full {
            self.ids.pop_front();
        }
        self.ids.push_back((id, form));
        full
    }

    /// Takes the first so many by id. If that is all, the queue's timer stops.
    fn leave(&mut self, max: usize, knows: impl Fn(&ItemId) -> bool) -> Vec<(ItemId, Form)> {
        if self.ids.len() > max {
            let mut ids = self.ids.take_least(max);
            ids.retain(|entry| is_news(entry, &knows));
            return ids;
        }
        self.at = Time::NEVER;
        let mut ids = self.ids.take(|entry| is_news(entry, &knows));
        ids.sort_unstable();
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::item::Hash256;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    fn link(slot: u32) -> Link {
        Link::new(slot, 1)
    }

    fn id(n: u8) -> ItemId {
        ItemId::tx(Hash256([n; 32]))
    }

    fn params(trickle_ms: u64) -> RelayParams {
        RelayParams {
            trickle_outbound_ms: trickle_ms,
            trickle_inbound_ms: trickle_ms,
            announce_queue_max: 3,
            ..RelayParams::default()
        }
    }

    fn plain(batch: &[(ItemId, Form)]) -> Vec<ItemId> {
        batch.iter().map(|(id, _)| *id).collect()
    }

    fn drain(announcer: &mut Announcer, now: Time) -> Vec<(Link, Vec<ItemId>)> {
        let mut sent = Vec::new();
        let params = params(0);
        announcer.on_wake(now, &params, |_, _| false, |link, ids| sent.push((link, plain(&ids))));
        sent
    }

    #[test]
    fn without_trickle_a_batch_leaves_at_the_next_wake_up() {
        let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
        announcer.on_connected(link(0), Direction::Outbound);
        assert_eq!(announcer.deadline(), Time::NEVER);
        let now = Time::from_millis(5);
        announcer.enqueue(link(0), (id(2), Form::Id), now, &params(0), &mut rng);
        announcer.enqueue(link(0), (id(1), Form::Id), now, &params(0), &mut rng);
        assert_eq!(announcer.deadline(), now);
        assert_eq!(drain(&mut announcer, now), [(link(0), vec![id(1), id(2)])]);
        assert_eq!(announcer.deadline(), Time::NEVER);
    }

    #[test]
    fn inbound_links_share_a_timer_and_outbound_ones_do_not() {
        let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
        for slot in 0..4 {
            let direction = if slot < 2 { Direction::Inbound } else { Direction::Outbound };
            announcer.on_connected(link(slot), direction);
            announcer.enqueue(link(slot), (id(1), Form::Id), Time::ZERO, &params(100), &mut rng);
        }
        let at: Vec<Time> = announcer.links.iter().map(|(_, queue)| queue.at).collect();
        assert_eq!(at[0], at[1]);
        assert!(at[0] != at[2] && at[2] != at[3] && at[3] != at[0]);
    }

    #[test]
    fn what_comes_in_the_moment_of_the_shared_timer_waits_for_the_next() {
        let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
        for slot in 0..2 {
            announcer.on_connected(link(slot), Direction::Inbound);
        }
        announcer.enqueue(link(0), (id(1), Form::Id), Time::ZERO, &params(100), &mut rng);
        let fires = announcer.deadline();
        announcer.enqueue(link(1), (id(2), Form::Id), fires, &params(100), &mut rng);
        assert_eq!(drain(&mut announcer, fires), [(link(0), vec![id(1)])]);
        assert!(announcer.deadline() > fires);
    }

    #[test]
    fn waits_have_the_mean_that_was_set() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mean = Duration::from_millis(100);
        let waits: Vec<f64> =
            (0..20_000).map(|_| exponential(mean, &mut rng).as_secs_f64()).collect();
        let average = waits.iter().sum::<f64>() / waits.len() as f64;
        assert!((average - 0.1).abs() < 0.003, "{average}");
        // A property of the exponential distribution alone: 63 % are below the mean.
        let below = waits.iter().filter(|wait| **wait < 0.1).count() as f64 / waits.len() as f64;
        assert!((below - (1.0 - (-1.0_f64).exp())).abs() < 0.02, "{below}");
    }

    #[test]
    fn what_the_peer_knows_by_now_is_left_out() {
        let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
        announcer.on_connected(link(0), Direction::Outbound);
        for n in [1, 2] {
            announcer.enqueue(link(0), (id(n), Form::Id), Time::ZERO, &params(0), &mut rng);
        }
        let mut sent = Vec::new();
        let is_known = |_, known: &ItemId| *known == id(1);
        announcer.on_wake(Time::ZERO, &params(0), is_known, |_, ids| sent.extend(plain(&ids)));
        assert_eq!(sent, [id(2)]);
    }

    #[test]
    fn a_queue_sleeps_once_its_peer_has_all_that_waits() {
        let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
        for (slot, ids) in [(0, 1..=1), (1, 1..=2)] {
            announcer.on_connected(link(slot), Direction::Outbound);
            for n in ids {
                let (now, params) = (Time::ZERO, params(100));
                announcer.enqueue(link(slot), (id(n), Form::Id), now, &params, &mut rng);
            }
        }
        announcer.on_known(link(0), id(2).into());
        assert_eq!(announcer.waiting(link(0)), 1);
        announcer.on_known(link(0), id(1).into());
        announcer.on_known(link(1), id(1).into());
        assert_eq!((announcer.waiting(link(0)), announcer.waiting(link(1))), (0, 2));
        let now = announcer.deadline();
        assert_eq!(drain(&mut announcer, now), [(link(1), vec![id(1), id(2)])]);
        assert_eq!(announcer.deadline(), Time::NEVER);
    }

    #[test]
    fn a_full_queue_drops_its_oldest_id_and_counts_it() {
        let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
        announcer.on_connected(link(0), Direction::Outbound);
        for n in 1..=5 {
            announcer.enqueue(link(0), (id(n), Form::Id), Time::ZERO, &params(0), &mut rng);
        }
        assert_eq!(announcer.unsent(), 2);
        assert_eq!(drain(&mut announcer, Time::ZERO), [(link(0), vec![id(3), id(4), id(5)])]);
    }

    #[test]
    fn a_congested_link_keeps_its_queue_until_it_drains() {
        let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
        announcer.on_connected(link(0), Direction::Outbound);
        announcer.enqueue(link(0), (id(1), Form::Id), Time::ZERO, &params(0), &mut rng);
        announcer.on_congested(link(0));
        announcer.enqueue(link(0), (id(2), Form::Id), Time::ZERO, &params(0), &mut rng);
        assert_eq!(announcer.deadline(), Time::NEVER);
        assert!(drain(&mut announcer, Time::from_millis(1)).is_empty());
        announcer.on_drained(link(0), Time::from_millis(2));
        let sent = drain(&mut announcer, Time::from_millis(2));
        assert_eq!(sent, [(link(0), vec![id(1), id(2)])]);
    }

    #[test]
    fn a_batch_is_cut_at_the_largest_message_and_what_is_too_much_for_one_wake_up_follows_at_once()
    {
        let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
        let params = RelayParams { announce_queue_max: 10_000, ..params(0) };
        let mut all: Vec<_> =
            (0..WAKE_MAX + 10).map(|n| ItemId::tx(Hash256::of(&n.to_le_bytes()))).collect();
        for slot in 0..2 {
            announcer.on_connected(link(slot), Direction::Outbound);
            for id in &all {
                announcer.enqueue(link(slot), (*id, Form::Id), Time::ZERO, &params, &mut rng);
            }
        }
        all.sort_unstable();
        let mut sent = vec![Vec::new(); 2];
        for sizes in [&[ANNOUNCE_MAX][..], &[10, WAKE_MAX - 10], &[20]] {
            assert_eq!(announcer.deadline(), Time::ZERO, "the rest is due");
            let batches = drain(&mut announcer, Time::ZERO);
            assert_eq!(batches.iter().map(|(_, ids)| ids.len()).collect::<Vec<_>>(), sizes);
            batches.into_iter().for_each(|(link, ids)| sent[link.slot()].extend(ids));
        }
        assert_eq!(announcer.deadline(), Time::NEVER);
        assert!(sent == [all.clone(), all], "in no order of arrival, across batches as well");
    }

    fn batches(flush_on_full: bool) -> RelayParams {
        let announce_queue_max = 100;
        RelayParams { batch_ms: 50, batch_max: 3, flush_on_full, announce_queue_max, ..params(500) }
    }

    #[test]
    fn a_batch_leaves_a_fixed_time_after_its_first_id_on_every_link() {
        let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
        for (slot, direction) in [(0, Direction::Outbound), (1, Direction::Inbound)] {
            announcer.on_connected(link(slot), direction);
            let now = Time::from_millis(10);
            announcer.enqueue(link(slot), (id(1), Form::Id), now, &batches(true), &mut rng);
            let now = Time::from_millis(40);
            announcer.enqueue(link(slot), (id(2), Form::Whole), now, &batches(true), &mut rng);
        }
        assert_eq!(announcer.deadline(), Time::from_millis(60));
        let mut sent = Vec::new();
        let now = announcer.deadline();
        announcer.on_wake(now, &batches(true), |_, _| false, |_, ids| sent.extend(ids));
        let batch = [(id(1), Form::Id), (id(2), Form::Whole)];
        assert_eq!(sent, [batch, batch].concat());
    }

    #[test]
    fn a_full_batch_leaves_at_once_or_waits_as_told() {
        for (flush_on_full, leaves) in [(true, 20), (false, 50)] {
            let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
            let params = batches(flush_on_full);
            announcer.on_connected(link(0), Direction::Outbound);
            for n in 0..3 {
                let now = Time::from_millis(10 * u64::from(n));
                announcer.enqueue(link(0), (id(n), Form::Id), now, &params, &mut rng);
            }
            assert_eq!(announcer.deadline(), Time::from_millis(leaves));
        }
    }

    #[test]
    fn the_mean_wait_is_half_of_what_fills_first() {
        // An id each 10 ms: 5 of them fill within 50 ms, 10 of them don't.
        let mean_wait = |batch_max| {
            let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
            let params = RelayParams { batch_max, ..batches(true) };
            announcer.on_connected(link(0), Direction::Outbound);
            let (mut waited, mut since) = (Duration::ZERO, Vec::new());
            let count = 200;
            for n in 0..count {
                let now = Time::from_millis(10 * n);
                announcer.enqueue(link(0), (id(1), Form::Id), now, &params, &mut rng);
                since.push(now);
                if announcer.deadline() < Time::from_millis(10 * (n + 1)) {
                    let now = announcer.deadline();
                    announcer.on_wake(now, &params, |_, _| false, |_, _| ());
                    waited += since.drain(..).map(|since| now - since).sum::<Duration>();
                }
            }
            waited.as_secs_f64() * 1_000.0 / (count as f64 - since.len() as f64)
        };
        // n ids, 10 ms apart, wait 5(n - 1) ms on average.
        assert!((mean_wait(3) - 10.0).abs() < 0.01);
        // The sixth id comes as the wait of the first one ends, and leaves with it.
        assert!((mean_wait(10) - 25.0).abs() < 0.01);
    }

    #[test]
    fn the_deadline_is_the_earliest_timer_whichever_are_stopped() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let params = RelayParams { announce_queue_max: 100, ..params(100) };
        let mut announcer = Announcer::default();
        for slot in 0..8 {
            let direction = if slot < 3 { Direction::Outbound } else { Direction::Inbound };
            announcer.on_connected(link(slot), direction);
        }
        for round in 0..1_000_u64 {
            let (now, at) = (Time::from_millis(10 * round), link(rng.random_range(0..8)));
            announcer.on_wake(now, &params, |_, _| false, |_, _| ());
            let is_congested = announcer.links.get(at).is_some_and(|queue| queue.congested);
            match rng.random_range(0..8) {
                0..4 => announcer.enqueue(at, (id(1), Form::Id), now, &params, &mut rng),
                4 | 5 => announcer.on_known(at, id(1).into()),
                _ if is_congested => announcer.on_drained(at, now),
                _ => announcer.on_congested(at),
            }
            let earliest = announcer.links.iter().map(|(_, queue)| queue.at).min();
            assert_eq!(Some(announcer.deadline()), earliest, "round {round}");
        }
    }
}
