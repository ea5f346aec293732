//! The fee filter: peers are told the least fee rate that we take, so that they don't announce less.
//!
//! What is told is rounded down to a grid whose steps are a tenth, and by the toss of a coin one step more:
//! all peers are told the same, and none can follow our minimum closely enough to know this node by it.
//! It never exceeds the minimum, so that nothing is held back that we would take. (Bitcoin Core rounds up in
//! one of three cases and keeps a timer for each peer: `FeeFilterRounder`, `MaybeSendFeefilter`.)
//!
//! It is told anew every 10 minutes on average while the minimum moves, and within 5 minutes when the
//! minimum is below ¾ or above 4⁄3 of what was told, as there. A node whose minimum is 0 tells nothing and
//! sets no timer.

use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::ground::fee::FeeRate;
use crate::ground::link::{Link, LinkTable};
use crate::ground::time::Time;
use crate::machine::{Cx, Part};
use crate::relay::announce::exponential;

/// Mean wait between two tellings.
const INTERVAL: Duration = Duration::from_secs(600);

/// Longest wait after a change that matters.
const HURRY: Duration = Duration::from_secs(300);

/// Below it there are no steps: a rate that low is told as 0.
const LEAST: u64 = 1_000;

/// What peers were told, and what they told us.
#[derive(Clone, Debug)]
pub struct FeeFilter {
    told: FeeRate,
    at: Time,
    /// Peers that don't take everything: nothing that pays less than this.
    theirs: LinkTable<FeeRate>,
}

impl Default for FeeFilter {
    fn default() -> Self {
        Self { told: FeeRate::ZERO, at: Time::NEVER, theirs: LinkTable::default() }
    }
}

impl FeeFilter {
    /// Reads what an announcement will, see `node/warm.rs`.
    pub(crate) const fn warm(&self) -> u64 {
        self.theirs.slots() as u64
    }

    /// A peer takes nothing that pays less than a rate.
    pub fn on_told(&mut self, link: Link, rate: FeeRate) {
        if rate > FeeRate::ZERO {
            self.theirs.insert(link, rate);
        } else {
            self.theirs.remove(link);
        }
    }

    /// The least rate that a peer takes, if it doesn't take everything.
    #[must_use]
    pub fn of(&self, link: Link) -> Option<FeeRate> {
        if self.theirs.is_empty() { None } else { self.theirs.get(link).copied() }
    }

    /// The least rate that both a peer and we take, as we told one another.
    #[must_use]
    pub fn shared_with(&self, link: Link) -> FeeRate {
        self.of(link).unwrap_or_default().max(self.told)
    }

    /// What a new peer is to be told, if anything.
    pub fn greet(&mut self, minimum: FeeRate, rng: &mut dyn Rng) -> Option<FeeRate> {
        if self.told == FeeRate::ZERO && minimum > FeeRate::ZERO {
            self.told = rounded(minimum, rng);
        }
        (self.told > FeeRate::ZERO).then_some(self.told)
    }

    /// The minimum has risen.
    pub fn on_risen(&mut self, minimum: FeeRate, now: Time, rng: &mut dyn Rng) {
        if self.at == Time::NEVER {
            self.at = now + exponential(INTERVAL, rng);
        }
        let (told, minimum) = (u128::from(self.told.0), u128::from(minimum.0));
        if (minimum * 4 < told * 3 || minimum * 3 > told * 4) && self.at > now + HURRY {
            self.at = now + HURRY.mul_f64(rng.random());
        }
    }

    /// Time passed: what all peers are to be told, if it differs from what they know. `least` is the minimum
    /// when it has come to rest.
    pub fn on_wake(
        &mut self,
        minimum: FeeRate,
        least: FeeRate,
        now: Time,
        rng: &mut dyn Rng,
    ) -> Option<FeeRate> {
        if now < self.at {
            return None;
        }
        let moves = minimum > least;
        self.at = if moves { now + exponential(INTERVAL, rng) } else { Time::NEVER };
        let told = rounded(minimum, rng);
        (std::mem::replace(&mut self.told, told) != told).then_some(told)
    }
}

impl Part for FeeFilter {
    fn on_link_down(&mut self, link: Link, _cx: &mut Cx<'_>) {
        self.theirs.remove(link);
    }

    fn deadline(&self) -> Time {
        self.at
    }

    fn keeps(&self, link: Link) -> bool {
        self.theirs.get(link).is_some()
    }
}

/// At most the rate, and at least 82 % of it.
fn rounded(rate: FeeRate, rng: &mut dyn Rng) -> FeeRate {
    if rate.0 < LEAST {
        return FeeRate::ZERO;
    }
    let (mut below, mut step) = (LEAST, LEAST);
    while let Some(next) = step.checked_add(step / 10).filter(|next| *next <= rate.0) {
        (below, step) = (step, next);
    }
    FeeRate(if rng.random() { step } else { below })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    fn rng() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(1)
    }

    #[test]
    fn where_nobody_pays_nothing_is_told_and_no_timer_set() {
        let mut filter = FeeFilter::default();
        assert_eq!(filter.greet(FeeRate::ZERO, &mut rng()), None);
        assert_eq!(filter.deadline(), Time::NEVER);
    }

    #[test]
    fn a_great_change_is_told_within_five_minutes_and_its_end_too() {
        let (mut filter, mut rng) = (FeeFilter::default(), rng());
        let high = FeeRate(1_000_000);
        filter.on_risen(high, Time::ZERO, &mut rng);
        let at = filter.deadline();
        assert!(at <= Time::ZERO + HURRY);
        let told = filter.on_wake(high, FeeRate::ZERO, at, &mut rng).unwrap();
        assert!(told <= high && told.0 > 800_000, "{told}");
        assert_eq!(filter.greet(high, &mut rng), Some(told), "whoever comes is told the same");
        let at = filter.deadline();
        assert_eq!(filter.on_wake(FeeRate::ZERO, FeeRate::ZERO, at, &mut rng), Some(FeeRate::ZERO));
        assert_eq!(filter.deadline(), Time::NEVER);
    }

    proptest! {
        #[test]
        fn what_is_told_is_near_the_minimum_never_above_it_and_hides_it(
            rate in LEAST..u64::MAX,
            seed in any::<u64>(),
        ) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let told = rounded(FeeRate(rate), &mut rng).0;
            prop_assert!(told <= rate);
            prop_assert!(told as f64 > rate as f64 * 0.81);
            // All rates up to the next step look alike.
            let step = (0..20).map(|_| rounded(FeeRate(rate), &mut rng).0).max().unwrap();
            let alike = rounded(FeeRate(step), &mut ChaCha8Rng::seed_from_u64(seed)).0;
            prop_assert_eq!(told, alike);
        }
    }
}
