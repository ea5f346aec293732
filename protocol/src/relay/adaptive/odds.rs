//! The odds that a peer has an item first from us.

use crate::params::Probability;

/// An estimate from trials, in 4 bytes: a moving average whose weight is at first that of the mean.
///
/// The n-th outcome x (1 if the peer had the item first from us) moves it by (x - p)/(n + 1), and by
/// (x - p)/[`Odds::MEMORY`] from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Odds {
    probability: Probability,
    trials: u8,
}

impl Default for Odds {
    /// Certain, until trials say otherwise: a new link gets everything at once.
    fn default() -> Self {
        Self { probability: Probability::ONE, trials: 0 }
    }
}

impl Odds {
    /// How many trials the average reaches back. Measured: 16 wavers, 64 learns slowly and gains nothing.
    pub const MEMORY: u8 = 32;

    /// The estimate.
    #[must_use]
    pub const fn probability(self) -> Probability {
        self.probability
    }

    /// The peer had an item first from us, or would have.
    pub fn hit(&mut self) {
        self.learn(Probability::ONE);
    }

    /// Somebody else was faster.
    pub fn miss(&mut self) {
        self.learn(Probability(0));
    }

    fn learn(&mut self, outcome: Probability) {
        self.trials = self.trials.saturating_add(1).min(Self::MEMORY - 1);
        let (old, target) = (i32::from(self.probability.0), i32::from(outcome.0));
        let new = old + (target - old) / (i32::from(self.trials) + 1);
        self.probability = Probability(u16::try_from(new).unwrap_or(u16::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_link_is_certain_and_unlearns_quickly() {
        let mut odds = Odds::default();
        assert_eq!(odds.probability(), Probability::ONE);
        for _ in 0..10 {
            odds.miss();
        }
        assert!(odds.probability() <= Probability::percent(10));
    }

    #[test]
    fn the_estimate_settles_at_the_share_of_hits() {
        let mut odds = Odds::default();
        for trial in 0..400 {
            if trial % 4 == 0 { odds.hit() } else { odds.miss() }
        }
        assert!(odds.probability() > Probability::percent(20));
        assert!(odds.probability() < Probability::percent(30));
    }

    #[test]
    fn it_comes_back_as_fast_as_its_memory_is_long() {
        let mut odds = Odds::default();
        (0..200).for_each(|_| odds.miss());
        (0..Odds::MEMORY).for_each(|_| odds.hit());
        assert!(odds.probability() > Probability::percent(60));
    }
}
