//! Batches: when ids and feedback leave.
//!
//! A message of its own costs both ends far more than the ids in it, so nothing leaves alone but whole items and
//! requests, and these never wait. Everything else waits for one of three moments of the node, each for
//! all of its links, so that it wakes once and not once for each of them:
//!
//! - *prompt*: ids for peers that may well lack the item, within a short window ([`Preset::window`](crate::params::Preset::window))
//! - *hurried*: feedback to new links, within [`HURRIED`], so that their odds settle in seconds
//! - *lazy*: all the rest, within [`LAZY`]
//!
//! Whatever waits for a link leaves with its next batch of either kind. The moments are drawn at random, in
//! the later half of their range: so that of two peers one comes first and the other keeps silent.

use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::ground::link::{Link, LinkSet};
use crate::ground::time::Time;

/// The longest wait of a lazy announcement; the shortest is half of it. With 1 s neighbours announce to one
/// another before either is heard, which costs 0.04 bytes per payload byte.
pub const LAZY: Duration = Duration::from_secs(2);

/// The longest wait of feedback to a new link. A guess: a round trip.
pub(super) const HURRIED: Duration = Duration::from_millis(250);

/// The moments.
#[derive(Clone, Debug)]
pub(super) struct Batches {
    /// Links that something prompt waits for.
    prompt: LinkSet,
    prompt_at: Time,
    hurried_at: Time,
    lazy_at: Time,
}

impl Default for Batches {
    fn default() -> Self {
        Self {
            prompt: LinkSet::default(),
            prompt_at: Time::NEVER,
            hurried_at: Time::NEVER,
            lazy_at: Time::NEVER,
        }
    }
}

impl Batches {
    /// An id waits that is to leave within `window`.
    pub(super) fn be_prompt(&mut self, link: Link, window: Duration, now: Time, rng: &mut dyn Rng) {
        self.prompt.insert(link);
        schedule(&mut self.prompt_at, window, now, rng);
    }

    /// Feedback waits that is to leave soon.
    pub(super) fn hurry(&mut self, now: Time, rng: &mut dyn Rng) {
        schedule(&mut self.hurried_at, HURRIED, now, rng);
    }

    /// Something waits that may leave late.
    pub(super) fn be_lazy(&mut self, now: Time, rng: &mut dyn Rng) {
        schedule(&mut self.lazy_at, LAZY, now, rng);
    }

    /// The links whose prompt ids are due.
    pub(super) fn take_prompt(&mut self, now: Time) -> Option<LinkSet> {
        take_due(&mut self.prompt_at, now).then(|| std::mem::take(&mut self.prompt))
    }

    /// Whether hurried feedback is due.
    pub(super) fn take_hurried(&mut self, now: Time) -> bool {
        take_due(&mut self.hurried_at, now)
    }

    /// Whether everything is due; then nothing waits any more.
    pub(super) fn take_lazy(&mut self, now: Time) -> bool {
        let is_due = take_due(&mut self.lazy_at, now);
        if is_due {
            *self = Self::default();
        }
        is_due
    }

    /// A link is gone.
    pub(super) fn on_link_down(&mut self, link: Link) {
        self.prompt.remove(link);
    }

    /// Whether anything waits for a link.
    pub(super) fn keeps(&self, link: Link) -> bool {
        self.prompt.contains(link)
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Time {
        self.prompt_at.min(self.hurried_at).min(self.lazy_at)
    }
}

/// Draws a moment, unless one is drawn already.
fn schedule(at: &mut Time, longest: Duration, now: Time, rng: &mut dyn Rng) {
    if *at == Time::NEVER {
        *at = now + longest.mul_f64(rng.random_range(0.5..1.0));
    }
}

fn take_due(at: &mut Time, now: Time) -> bool {
    let is_due = *at <= now;
    if is_due {
        *at = Time::NEVER;
    }
    is_due
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    const WINDOW: Duration = Duration::from_millis(100);

    fn link(slot: u32) -> Link {
        Link::new(slot, 1)
    }

    #[test]
    fn a_batch_leaves_within_its_window_whatever_comes_meanwhile() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for round in 0..1_000 {
            let mut batches = Batches::default();
            let start = Time::from_millis(round);
            batches.be_prompt(link(0), WINDOW, start, &mut rng);
            let at = batches.deadline();
            assert!(start + WINDOW / 2 <= at && at <= start + WINDOW, "{at:?}");
            batches.be_prompt(link(1), WINDOW, start + WINDOW / 3, &mut rng);
            batches.be_lazy(start, &mut rng);
            assert_eq!(batches.deadline(), at);
            let due = batches.take_prompt(at).unwrap();
            assert!(due.contains(link(0)) && due.contains(link(1)));
            assert!(batches.take_prompt(at).is_none(), "once");
            assert!(batches.deadline() <= start + LAZY);
        }
    }

    #[test]
    fn the_lazy_batch_takes_everything_along() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut batches = Batches::default();
        batches.be_lazy(Time::ZERO, &mut rng);
        let at = batches.deadline();
        assert!(!batches.take_lazy(Time::ZERO), "not before its time");
        batches.be_prompt(link(0), WINDOW, at, &mut rng);
        batches.hurry(at, &mut rng);
        assert!(batches.take_lazy(at));
        assert_eq!(batches.deadline(), Time::NEVER);
        assert!(batches.take_prompt(at + WINDOW).is_none());
    }

    #[test]
    fn a_link_that_is_gone_is_in_no_batch() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut batches = Batches::default();
        batches.be_prompt(link(0), WINDOW, Time::ZERO, &mut rng);
        batches.on_link_down(link(0));
        assert!(!batches.take_prompt(Time::ZERO + WINDOW).unwrap().contains(link(0)));
    }
}
