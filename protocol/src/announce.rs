//! Announcing: which ids wait for which link, and when they leave.
//!
//! Ids are collected per link and leave in one batch when the link's timer fires. Timers are drawn
//! from an exponential distribution, so that the moment of an announcement tells little about the
//! moment of arrival (Poisson trickle; Bitcoin Core since 2016, relay.md §1 "Inv trickle"). Outbound
//! links have a timer each; all inbound links share one, so that a spy who dials us many times learns
//! no more than one who dials once. A mean of 0 sends at the next wake-up: still one batch for all that
//! happened in the same moment.
//!
//! A timer runs only while something waits: an idle node sleeps. This changes nothing for an
//! observer, because exponential waits have no memory.
//!
//! Each queue holds `announce_queue_max` ids; over it the oldest is dropped and counted.

use std::collections::VecDeque;
use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::item::ItemId;
use crate::link::{Direction, Link, LinkTable};
use crate::message::ANNOUNCE_MAX;
use crate::params::RelayParams;
use crate::time::Time;

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

#[derive(Clone, Debug)]
struct Queue {
    direction: Direction,
    ids: VecDeque<ItemId>,
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
    /// A link came up.
    pub fn on_connected(&mut self, link: Link, direction: Direction) {
        let queue = Queue { direction, ids: VecDeque::new(), at: Time::NEVER, congested: false };
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

    /// Adds an id to what a link will be told.
    pub fn enqueue(
        &mut self,
        link: Link,
        id: ItemId,
        now: Time,
        params: &RelayParams,
        rng: &mut dyn Rng,
    ) {
        let Some(queue) = self.links.get_mut(link) else {
            return;
        };
        self.unsent += u64::from(queue.push(id, params));
        if queue.at != Time::NEVER || queue.congested {
            return;
        }
        queue.at = match queue.direction {
            Direction::Outbound => now + exponential(params.trickle_outbound(), rng),
            Direction::Inbound => {
                if self.inbound_at < now || self.inbound_at == Time::NEVER {
                    self.inbound_at = now + exponential(params.trickle_inbound(), rng);
                }
                self.inbound_at
            }
        };
        self.next = self.next.min(queue.at);
    }

    /// Adds an id to what waits for a link, without a timer: it leaves with the next batch, or when it is
    /// [taken](Announcer::take).
    pub fn hold(&mut self, link: Link, id: ItemId, params: &RelayParams) {
        let Some(queue) = self.links.get_mut(link) else { return };
        self.unsent += u64::from(queue.push(id, params));
    }

    /// Takes all that waits for a link, but what `knows` says its peer has by now. A congested link
    /// keeps its queue.
    pub fn take(&mut self, link: Link, knows: impl Fn(&ItemId) -> bool) -> Vec<ItemId> {
        let Some(queue) = self.links.get_mut(link).filter(|queue| !queue.congested) else {
            return Vec::new();
        };
        let had_timer = queue.at != Time::NEVER;
        let ids = queue.leave(knows);
        if had_timer {
            self.find_next();
        }
        ids
    }

    /// Hands over the batches that are due, in slot order, at most [`ANNOUNCE_MAX`] ids each. Ids
    /// that `knows` says the peer has by now are left out. A batch is sorted by id, so that its order
    /// doesn't tell the order of arrival.
    pub fn on_wake(
        &mut self,
        now: Time,
        knows: impl Fn(Link, &ItemId) -> bool,
        mut send: impl FnMut(Link, &[ItemId]),
    ) {
        if now < self.next {
            return;
        }
        for (link, queue) in self.links.iter_mut() {
            if queue.at > now {
                continue;
            }
            for batch in queue.leave(|id| knows(link, id)).chunks(ANNOUNCE_MAX) {
                send(link, batch);
            }
        }
        self.find_next();
    }

    /// When the next batch leaves.
    #[must_use]
    pub const fn deadline(&self) -> Time {
        self.next
    }

    /// Ids that were dropped from a full queue, so far.
    #[must_use]
    pub const fn unsent(&self) -> u64 {
        self.unsent
    }

    /// How many ids wait for a link.
    #[must_use]
    pub fn waiting(&self, link: Link) -> usize {
        self.links.get(link).map_or(0, |queue| queue.ids.len())
    }

    fn find_next(&mut self) {
        self.next = self.links.iter().map(|(_, queue)| queue.at).min().unwrap_or(Time::NEVER);
    }
}

impl Queue {
    /// Adds an id; true if the oldest one was dropped for it.
    fn push(&mut self, id: ItemId, params: &RelayParams) -> bool {
        let full = self.ids.len() >= params.announce_queue_max;
        if full {
            self.ids.pop_front();
        }
        self.ids.push_back(id);
        full
    }

    /// Empties the queue and stops its timer.
    fn leave(&mut self, knows: impl Fn(&ItemId) -> bool) -> Vec<ItemId> {
        self.at = Time::NEVER;
        let mut ids: Vec<ItemId> = std::mem::take(&mut self.ids).into();
        ids.retain(|id| !knows(id));
        ids.sort_unstable();
        ids
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    fn link(slot: u32) -> Link {
        Link::new(slot, 1)
    }

    fn id(n: u8) -> ItemId {
        ItemId([n; 32])
    }

    fn params(trickle_ms: u64) -> RelayParams {
        RelayParams {
            trickle_outbound_ms: trickle_ms,
            trickle_inbound_ms: trickle_ms,
            announce_queue_max: 3,
            ..RelayParams::default()
        }
    }

    fn drain(announcer: &mut Announcer, now: Time) -> Vec<(Link, Vec<ItemId>)> {
        let mut sent = Vec::new();
        announcer.on_wake(now, |_, _| false, |link, ids| sent.push((link, ids.to_vec())));
        sent
    }

    #[test]
    fn without_trickle_a_batch_leaves_at_the_next_wake_up() {
        let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
        announcer.on_connected(link(0), Direction::Outbound);
        assert_eq!(announcer.deadline(), Time::NEVER);
        let now = Time::from_millis(5);
        announcer.enqueue(link(0), id(2), now, &params(0), &mut rng);
        announcer.enqueue(link(0), id(1), now, &params(0), &mut rng);
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
            announcer.enqueue(link(slot), id(1), Time::ZERO, &params(100), &mut rng);
        }
        let at: Vec<Time> = announcer.links.iter().map(|(_, queue)| queue.at).collect();
        assert_eq!(at[0], at[1]);
        assert!(at[0] != at[2] && at[2] != at[3] && at[3] != at[0]);
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
            announcer.enqueue(link(0), id(n), Time::ZERO, &params(0), &mut rng);
        }
        let mut sent = Vec::new();
        announcer.on_wake(
            Time::ZERO,
            |_, known| *known == id(1),
            |_, ids| sent.extend_from_slice(ids),
        );
        assert_eq!(sent, [id(2)]);
    }

    #[test]
    fn a_full_queue_drops_its_oldest_id_and_counts_it() {
        let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
        announcer.on_connected(link(0), Direction::Outbound);
        for n in 1..=5 {
            announcer.enqueue(link(0), id(n), Time::ZERO, &params(0), &mut rng);
        }
        assert_eq!(announcer.unsent(), 2);
        assert_eq!(drain(&mut announcer, Time::ZERO), [(link(0), vec![id(3), id(4), id(5)])]);
    }

    #[test]
    fn a_congested_link_keeps_its_queue_until_it_drains() {
        let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
        announcer.on_connected(link(0), Direction::Outbound);
        announcer.enqueue(link(0), id(1), Time::ZERO, &params(0), &mut rng);
        announcer.on_congested(link(0));
        announcer.enqueue(link(0), id(2), Time::ZERO, &params(0), &mut rng);
        assert_eq!(announcer.deadline(), Time::NEVER);
        assert!(drain(&mut announcer, Time::from_millis(1)).is_empty());
        announcer.on_drained(link(0), Time::from_millis(2));
        let sent = drain(&mut announcer, Time::from_millis(2));
        assert_eq!(sent, [(link(0), vec![id(1), id(2)])]);
    }

    #[test]
    fn a_batch_is_cut_at_the_largest_message() {
        let (mut announcer, mut rng) = (Announcer::default(), ChaCha8Rng::seed_from_u64(1));
        let params = RelayParams { announce_queue_max: 10_000, ..params(0) };
        announcer.on_connected(link(0), Direction::Outbound);
        for n in 0..=ANNOUNCE_MAX {
            let id = ItemId::of(&n.to_le_bytes());
            announcer.enqueue(link(0), id, Time::ZERO, &params, &mut rng);
        }
        let sizes: Vec<_> =
            drain(&mut announcer, Time::ZERO).iter().map(|(_, ids)| ids.len()).collect();
        assert_eq!(sizes, [ANNOUNCE_MAX, 1]);
    }
}
