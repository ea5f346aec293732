//! What peers asked for and haven't been sent yet.
//!
//! A portion of what was asked for is sent at once; the rest waits here, and the next portion goes with each
//! wake-up, so that the driver can say in between that the link is congested. So does what the peer takes later only.
//!
//! # Bounds
//! At most `memory.serve_queue_max` ids a link. Nothing is kept for links for which nothing waits.

use std::collections::VecDeque;

use rand::{Rng, RngExt as _};

use crate::ground::item::{ItemKind, Name};
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::machine::{Cx, Part};
use crate::params::Params;

/// Bytes of items that one link is sent at a time. Large enough for a batch of several hundred
/// transactions, small against the driver's bound on what it queues per link. A guess.
pub const PORTION: usize = 256 * 1024;

/// Items that one link is sent at a time, or told that they aren't here: half a millisecond's work. A guess.
pub const PORTION_MAX: usize = 500;

/// A requested id pays for an answer of so many bytes; what is larger is charged as several. So 5,000 requests a second
/// pay for 50 Mbit/s, as is taken of transactions. A guess.
pub const BYTES_PER_REQUEST: usize = 1_250;

/// Most links that get a portion at one wake-up: some milliseconds' work, after which the driver looks after
/// everything else. A guess.
const PORTIONS_MAX: usize = 4;

/// What a peer asked for, in that order.
pub type Asked = VecDeque<(ItemKind, Name)>;

/// The queues of all links.
#[derive(Clone, Debug)]
pub struct Serving {
    /// Never an empty queue, and before which moment nothing of it is sent.
    queues: Vec<(Link, Asked, Time)>,
    /// When the next portions are due.
    at: Time,
}

impl Default for Serving {
    fn default() -> Self {
        Self { queues: Vec::new(), at: Time::NEVER }
    }
}

impl Serving {
    /// A peer asks for items: each waits behind those of its kind that it asked for before, blocks before transactions.
    /// Returns those for which there is no room.
    pub fn on_asked(
        &mut self,
        link: Link,
        kind: ItemKind,
        mut names: impl Iterator<Item = Name>,
        params: &Params,
    ) -> Vec<Name> {
        let (mut queue, not_before) = self.take(link);
        let room = params.memory.serve_queue_max.saturating_sub(queue.len());
        let txs = match kind {
            ItemKind::Tx => Asked::new(),
            ItemKind::Block => {
                let blocks = queue.partition_point(|(kind, _)| *kind == ItemKind::Block);
                queue.split_off(blocks)
            }
        };
        queue.extend(names.by_ref().take(room).map(|name| (kind, name)));
        queue.extend(txs);
        self.keep(link, queue, not_before);
        names.collect()
    }

    /// Takes out all that waits for a link, and before which moment nothing of it is to be sent.
    pub fn take(&mut self, link: Link) -> (Asked, Time) {
        let place = self.queues.iter().position(|(waiting, ..)| *waiting == link);
        let taken = place.map(|place| self.queues.remove(place));
        taken.map_or((Asked::new(), Time::ZERO), |(_, queue, not_before)| (queue, not_before))
    }

    /// Keeps what is left of it, of which nothing is sent before a moment.
    pub fn keep(&mut self, link: Link, queue: Asked, not_before: Time) {
        if !queue.is_empty() {
            self.queues.push((link, queue, not_before));
        }
    }

    /// There is something to send from a moment on.
    pub fn hurry(&mut self, at: Time) {
        self.at = self.at.min(at);
    }

    /// The links that get a portion now, among those that `may` get one. Where it begins is chosen at random when
    /// not all get their turn; the others get theirs at the next wake-up.
    pub fn due(&mut self, now: Time, rng: &mut dyn Rng, may: impl Fn(Link) -> bool) -> Vec<Link> {
        let ready =
            self.queues.iter().filter(|(link, _, not_before)| *not_before <= now && may(*link));
        let mut links: Vec<Link> = ready.map(|(link, ..)| *link).collect();
        let later = self.queues.iter().map(|(.., not_before)| *not_before);
        self.at = later.filter(|not_before| *not_before > now).min().unwrap_or(Time::NEVER);
        if links.len() > PORTIONS_MAX {
            let first = rng.random_range(0..links.len());
            links.rotate_left(first);
            links.truncate(PORTIONS_MAX);
            self.at = now;
        }
        links
    }

    /// How many ids wait for a link.
    #[must_use]
    pub fn waiting(&self, link: Link) -> usize {
        let queue = self.queues.iter().find(|(waiting, ..)| *waiting == link);
        queue.map_or(0, |(_, queue, _)| queue.len())
    }
}

impl Part for Serving {
    fn on_link_down(&mut self, link: Link, _cx: &mut Cx<'_>) {
        self.take(link);
    }

    fn deadline(&self) -> Time {
        self.at
    }

    fn check(&self, params: &Params) {
        for (link, queue, _) in &self.queues {
            let (len, max) = (queue.len(), params.memory.serve_queue_max);
            assert!(0 < len && len <= max, "serving on {link}: {len} of at most {max}");
        }
    }

    fn keeps(&self, link: Link) -> bool {
        self.waiting(link) > 0
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::ground::item::ShortId;

    fn names(count: u8) -> impl Iterator<Item = Name> {
        (0..count).map(|n| Name::Short(ShortId([n; 8])))
    }

    #[test]
    fn what_is_over_the_bound_is_given_back() {
        let mut params = Params::default();
        params.memory.serve_queue_max = 3;
        let (mut serving, link) = (Serving::default(), Link::new(0, 1));
        assert!(serving.on_asked(link, ItemKind::Tx, names(2), &params).is_empty());
        assert_eq!(serving.on_asked(link, ItemKind::Tx, names(2), &params).len(), 1);
        assert_eq!(serving.waiting(link), 3);
        serving.check(&params);
    }

    #[test]
    fn what_a_peer_takes_later_waits_and_keeps_nobody_else_waiting() {
        let (params, mut serving) = (Params::default(), Serving::default());
        let later = Time::from_millis(9);
        for slot in 0..6 {
            let link = Link::new(slot, 1);
            serving.on_asked(link, ItemKind::Tx, names(1), &params);
            if slot > 0 {
                let (queue, _) = serving.take(link);
                serving.keep(link, queue, later);
            }
        }
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert_eq!(serving.due(Time::from_millis(7), &mut rng, |_| true), [Link::new(0, 1)]);
        assert_eq!(serving.deadline(), later);
    }

    #[test]
    fn a_block_is_sent_before_transactions() {
        let (params, mut serving, link) = (Params::default(), Serving::default(), Link::new(0, 1));
        for kind in [ItemKind::Tx, ItemKind::Block] {
            serving.on_asked(link, kind, names(1), &params);
        }
        assert_eq!(serving.take(link).0[0].0, ItemKind::Block);
    }

    #[test]
    fn a_few_links_get_their_turn_and_the_others_theirs_at_once_afterwards() {
        let (params, mut serving) = (Params::default(), Serving::default());
        for slot in 0..6 {
            serving.on_asked(Link::new(slot, 1), ItemKind::Tx, names(1), &params);
        }
        let (mut rng, now) = (ChaCha8Rng::seed_from_u64(1), Time::from_millis(7));
        let links = serving.due(now, &mut rng, |_| true);
        assert_eq!((links.len(), serving.deadline()), (PORTIONS_MAX, now));
        for link in links {
            serving.take(link);
        }
        assert_eq!(serving.due(now, &mut rng, |_| true).len(), 2);
        assert_eq!(serving.deadline(), Time::NEVER);
    }

    #[test]
    fn a_link_that_takes_nothing_large_waits_without_a_timer() {
        let (params, mut serving) = (Params::default(), Serving::default());
        let link = Link::new(0, 1);
        serving.on_asked(link, ItemKind::Tx, names(1), &params);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert!(serving.due(Time::ZERO, &mut rng, |_| false).is_empty());
        assert_eq!((serving.deadline(), serving.waiting(link)), (Time::NEVER, 1));
    }
}
