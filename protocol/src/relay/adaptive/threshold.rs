//! The threshold: from which odds on a peer gets items whole, so that useless copies are as many as the dial says.
//!
//! # The law
//! Useless copies are counted on trials, whose receivers answer. An *epoch* begins with a threshold, and counts the trials
//! that were begun under it, and what was useless of them, until the dial allows for [`EPOCH`] useless copies of so many trials
//! (or there are four times as many). Then, with u counted and a allowed,
//! ```text
//! T <- T * (1 + (u - a)/2a)        by at most a factor of 1.41 either way
//! ```
//! and the next epoch begins. Only [verdicts](super::trials) count, and only of trials that are younger than the threshold: so
//! the answer to a change is never mistaken for a reason for the next one, however long answers take, and whatever
//! the rate. This is an integrator with a gain of a half in the logarithm of T.
//!
//! *Stability*: the higher T, the fewer copies leave. Where useless copies fall at most with the fourth power of T, each step
//! ends nearer to the dial than it began, whatever lies between nodes. *Noise*: where [`EPOCH`] copies are to be counted, a
//! third more or fewer are by chance, and T wavers by a sixth.
//!
//! *Speed*: one item in four is a trial, so an epoch takes 53 items with `balanced`, 320 with `lean`, and the time of a verdict
//! besides; where far too many copies are useless it is four times as fast.
//! *Forgetting*: nothing but T is kept of an epoch.

use crate::params::{Probability, Redundancy};

/// For how many useless copies the dial allows in an epoch. A guess: 4 waver by a half, 16 are twice as slow.
const EPOCH: u32 = 8;

/// Below this a copy is useless 32 times out of 33: fewer aren't told apart by odds that reach back 32 trials.
const LEAST: f32 = 0.03;

/// Above this only links get items whole that have never been second.
const MOST: f32 = 0.97;

/// The farthest that one epoch moves it, either way.
const STEP_MAX: f32 = std::f32::consts::SQRT_2;

/// The threshold of a node.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Threshold {
    /// `None` until an epoch has ended: then it is the dial's first guess.
    now: Option<f32>,
    /// Which epoch this is; wraps.
    epoch: u8,
    trials: u32,
    useless: u32,
}

impl Threshold {
    /// From which odds on a peer gets items whole.
    pub(super) fn value(self, first: Probability) -> Probability {
        self.now.map_or(first, Probability::of_share)
    }

    /// The epoch, which a trial is marked with.
    pub(super) const fn epoch(self) -> u8 {
        self.epoch
    }

    /// We asked for a trial that was on its way: what we are answered is useless, and nobody else's doing.
    pub(super) const fn on_waste(&mut self) {
        self.useless = self.useless.saturating_add(1);
    }

    /// A trial that was begun in an epoch is over; so many of its copies were useless.
    pub(super) fn on_verdict(
        &mut self,
        epoch: u8,
        useless: u32,
        dial: Redundancy,
        first: Probability,
    ) {
        if epoch != self.epoch {
            return;
        }
        self.trials += 1;
        self.useless += useless;
        let allowed = f32::from(dial) * self.trials as f32;
        if allowed < EPOCH as f32 && self.useless < 4 * EPOCH {
            return;
        }
        let off = (self.useless as f32 - allowed) / (2.0 * allowed.max(0.01));
        let factor = (1.0 + off).clamp(1.0 / STEP_MAX, STEP_MAX);
        let now = (self.value(first).share() * factor).clamp(LEAST, MOST);
        *self = Self { now: Some(now), epoch: self.epoch.wrapping_add(1), trials: 0, useless: 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Probability = Probability::percent(15);

    /// What a network makes of a threshold T: share * T^-steepness useless copies of an item, as whole copies of single
    /// items that come to that on average.
    struct Plant {
        share: f32,
        steepness: f32,
        carried: f32,
    }

    impl Plant {
        fn useless(&self, threshold: f32) -> f32 {
            (self.share * threshold.powf(-self.steepness)).min(15.0)
        }

        fn next(&mut self, threshold: f32) -> u32 {
            self.carried += self.useless(threshold);
            let mut whole = 0;
            while self.carried >= 1.0 {
                self.carried -= 1.0;
                whole += 1;
            }
            whole
        }
    }

    /// The mean of the useless copies over as many items as follow the first `skipped`, and whether the threshold was at an end
    /// of its range.
    fn mean_after(skipped: usize, plant: &mut Plant, dial: Redundancy, start: f32) -> (f32, bool) {
        let mut threshold = Threshold { now: Some(start), ..Threshold::default() };
        let (mut sum, mut is_at_end) = (0.0, false);
        for item in 0..2 * skipped {
            let now = threshold.value(FIRST).share();
            let useless = plant.next(now);
            if item >= skipped {
                sum += useless as f32;
                is_at_end |= now <= LEAST * 1.01 || now >= MOST * 0.99;
            }
            threshold.on_verdict(threshold.epoch(), useless, dial, FIRST);
        }
        (sum / skipped as f32, is_at_end)
    }

    #[test]
    fn wherever_it_begins_and_whatever_the_links_it_comes_within_a_fifth_of_the_dial() {
        for dial in [100, 300, 600, 1_500].map(Redundancy::of_thousandths) {
            for steepness in [0.5, 1.0, 2.0, 3.0] {
                for share in [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0] {
                    for start in [LEAST, 0.1, 0.3, MOST] {
                        let mut plant = Plant { share, steepness, carried: 0.0 };
                        let (mean, is_at_end) = mean_after(4_000, &mut plant, dial, start);
                        let ratio = mean / f32::from(dial);
                        let at_most = plant.useless(LEAST) < f32::from(dial);
                        assert!(
                            is_at_end || at_most || (0.8..1.2).contains(&ratio),
                            "{ratio} of {dial}, steepness {steepness}, share {share}, from {start}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn what_was_begun_under_another_threshold_moves_it_no_more() {
        let mut threshold = Threshold::default();
        let dial = Redundancy::of_thousandths(600);
        threshold.on_verdict(0, 4 * EPOCH, dial, FIRST);
        let raised = threshold.value(FIRST);
        assert!(raised > FIRST);
        (0..100).for_each(|_| threshold.on_verdict(0, 15, dial, FIRST));
        assert_eq!(threshold.value(FIRST), raised);
    }

    #[test]
    fn one_epoch_moves_it_by_a_bounded_step_whatever_peers_say() {
        let dial = Redundancy::of_thousandths(100);
        let mut threshold = Threshold::default();
        threshold.on_verdict(0, u32::from(u16::MAX), dial, FIRST);
        assert!(threshold.value(FIRST).share() <= FIRST.share() * STEP_MAX * 1.01);
        for _ in 0..100_000 {
            threshold.on_verdict(threshold.epoch(), 0, dial, FIRST);
        }
        assert!(threshold.value(FIRST).share() >= LEAST * 0.99, "it ends at the least");
    }
}
