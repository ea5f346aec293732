//! How far members are from one another, without asking them: network coordinates (Vivaldi: Dabek, Cox, Kaashoek, Morris 2004; heights
//! from its §5.4; filter and gravity from Ledlie, Gardner, Seltzer 2007, "Network Coordinates in the Wild"; adjustment from Lee et al.
//! 2010). The rules and constants are those of Serf (`coordinate/client.go`, `coordinate/config.go`).
//!
//! A coordinate is a place in eight dimensions, and a height over it: the way from a member to the network. The distance of two is that of
//! their places and both heights, in seconds. Each time that a member measures a round trip it moves a little, as if a spring held it at
//! that distance from the other, the less the surer it is of where it is and the less sure the other is.
//!
//! # Bounds and attacks
//! A peer chooses its coordinate, and can delay its answers.
//! - What is no number, or further away than [`RTT_MAX`] in anything, isn't read: so nothing here ever overflows.
//! - A step is at most [`STEP_MAX`]. Somebody far away who is very sure of it would otherwise throw us a minute away at once. What one liar in
//!   twenty does is measured in the tests.
//! - One observation says at most as much against our own certainty as knowing nothing does.
//! - Round trips of at most [`FILTERED_MAX`] members are remembered for the filter; of more, those not measured for longest are
//!   forgotten, and their next round trip counts as it is.
//!
//! Only roots are taken of numbers, and those are exact: the same run gives the same coordinates anywhere.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::Rng;

pub use place::{COORDINATE_LEN, Coordinate, DIMENSIONS, ERROR_MAX, HEIGHT_MIN, RTT_MAX};

use super::member_id::MemberId;

mod place;

/// How far an observation moves a coordinate: at most this part of the error. Serf's `VivaldiCC`; 0.25 in the paper's §4.
const CC: f64 = 0.25;
/// How much an observation changes the certainty: at most this part. Serf's `VivaldiCE`.
const CE: f64 = 0.25;
/// How many observations the adjustment is averaged over. Serf's `AdjustmentWindowSize`.
const ADJUSTMENTS: usize = 20;
/// The median of so many round trips of a member counts. Serf's `LatencyFilterSize`.
const FILTER: usize = 3;
/// How weakly everything is drawn to the origin, so that the whole fleet doesn't drift, seconds. Serf's `GravityRho`.
const GRAVITY_RHO: f64 = 150.0;
/// What is smaller than this is zero, seconds. Serf's `zeroThreshold`.
const ZERO: f64 = 1e-6;

/// The furthest that an observation moves us, seconds. On the plane of the tests, of 200 ms, one liar in twenty leaves half of the distances
/// within 6 % by this and within 17 % by 0.05; without a bound nothing is left of them. Honest members learn faster by it, too.
pub const STEP_MAX: f64 = 0.02;

/// Of how many members round trips are remembered. A guess.
pub const FILTERED_MAX: usize = 256;

/// Why an observation doesn't count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A round trip longer than [`RTT_MAX`].
    #[error("a round trip is too long to be one")]
    Rtt,
}

/// The latest round trips of a member.
#[derive(Clone, Debug, Default)]
struct Filter {
    /// Seconds, the latest first.
    rtts: [f32; FILTER],
    count: usize,
    used: u64,
}

/// Where we are.
#[derive(Clone, Debug)]
pub struct Vivaldi {
    coordinate: Coordinate,
    adjustments: [f64; ADJUSTMENTS],
    observed: u64,
    filters: BTreeMap<MemberId, Filter>,
}

impl Default for Vivaldi {
    fn default() -> Self {
        Self {
            coordinate: Coordinate::default(),
            adjustments: [0.0; ADJUSTMENTS],
            observed: 0,
            filters: BTreeMap::new(),
        }
    }
}

impl Vivaldi {
    /// Our coordinate.
    #[must_use]
    pub const fn coordinate(&self) -> &Coordinate {
        &self.coordinate
    }

    /// A round trip to a member was measured, which says that it is there. The generator gives a direction to two that are at one
    /// place.
    ///
    /// # Errors
    /// When the round trip can't be one; nothing has changed then.
    pub fn update(
        &mut self,
        member: MemberId,
        other: &Coordinate,
        rtt: Duration,
        rng: &mut dyn Rng,
    ) -> Result<(), Unusable> {
        if rtt > RTT_MAX {
            return Err(Unusable::Rtt);
        }
        self.observed += 1;
        let rtt = self.filter(member, rtt).max(ZERO);
        let before = self.coordinate.clone();
        self.pull(other, rtt, rng);
        self.adjust(other, rtt);
        self.gravitate(rng);
        if !self.coordinate.is_usable() {
            // No step leads far, so this takes a long walk: we keep our place.
            self.coordinate = before;
        }
        Ok(())
    }

    /// Forgets the round trips of a member that left.
    pub fn forget(&mut self, member: MemberId) {
        self.filters.remove(&member);
    }

    /// The median of a member's latest round trips, of which this is one, seconds.
    fn filter(&mut self, member: MemberId, rtt: Duration) -> f64 {
        if !self.filters.contains_key(&member) && self.filters.len() >= FILTERED_MAX {
            let oldest = self.filters.iter().min_by_key(|(_, filter)| filter.used);
            let oldest = oldest.map(|(member, _)| *member);
            oldest.map(|oldest| self.filters.remove(&oldest));
        }
        let filter = self.filters.entry(member).or_default();
        filter.used = self.observed;
        filter.rtts.rotate_right(1);
        filter.rtts[0] = rtt.as_secs_f32();
        filter.count = FILTER.min(filter.count + 1);
        let mut sorted = filter.rtts;
        let known = &mut sorted[..filter.count];
        known.sort_unstable_by(f32::total_cmp);
        f64::from(known[known.len() / 2])
    }

    /// The spring between us and another (the paper's Figure 4).
    fn pull(&mut self, other: &Coordinate, rtt: f64, rng: &mut dyn Rng) {
        let ours = &mut self.coordinate;
        let distance = ours.raw_distance(other);
        let wrong = ((distance - rtt).abs() / rtt).min(ERROR_MAX);
        let weight = ours.error / (ours.error + other.error).max(ZERO);
        let error = CE * weight * wrong + ours.error * (1.0 - CE * weight);
        ours.error = error.min(ERROR_MAX);
        let force = (CC * weight * (rtt - distance)).clamp(-STEP_MAX, STEP_MAX);
        ours.push(force, other, rng);
    }

    /// What the places can't express, on average over the latest observations.
    fn adjust(&mut self, other: &Coordinate, rtt: f64) {
        let place = usize::try_from(self.observed % ADJUSTMENTS as u64).unwrap_or(0);
        let miss = rtt - self.coordinate.raw_distance(other);
        self.adjustments[place] = miss.clamp(-STEP_MAX, STEP_MAX);
        // Each end adds its own, so each is half.
        let sum: f64 = self.adjustments.iter().sum();
        self.coordinate.adjustment = sum / (2.0 * ADJUSTMENTS as f64);
    }

    fn gravitate(&mut self, rng: &mut dyn Rng) {
        let origin = Coordinate::default();
        let pull = self.coordinate.raw_distance(&origin) / GRAVITY_RHO;
        self.coordinate.push(-pull * pull, &origin, rng);
    }
}

#[cfg(test)]
mod tests;
