//! The minimum fee rate, which rises when the pool is full and decays.
//!
//! When something had to leave for want of room, the minimum becomes what that paid, plus a step: or it
//! would come back at once. From then on it falls by half in each half-life, faster in an emptier pool,
//! and what is left of less than half a step is dropped (Bitcoin Core's `CTxMemPool::GetMinFee`).
//! Unlike there, it decays from the moment of the last eviction and not from the next block on: not
//! every network that uses these pools has blocks. What paid nothing doesn't raise it: where nobody
//! pays, fees can't tell who is to leave, and the oldest do.

use crate::ground::fee::FeeRate;
use crate::ground::time::Time;
use crate::params::Params;

/// The rate that once applied, and when.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Floor {
    risen: FeeRate,
    at: Time,
}

impl Floor {
    /// Something that paid `rate` had to leave for want of room.
    pub(super) fn raise(&mut self, rate: FeeRate, now: Time, params: &Params) {
        let above = rate.plus(params.pool.fee_rate_step);
        if rate > FeeRate::ZERO && above > self.risen {
            *self = Self { risen: above, at: now };
        }
    }

    /// The pool is about to hold more or less than `bytes`, as it did since the last change.
    pub(super) fn settle(&mut self, bytes: usize, now: Time, params: &Params) {
        if self.risen > FeeRate::ZERO {
            *self = Self { risen: self.decayed(bytes, now, params), at: now };
        }
    }

    /// The least rate that is let in.
    pub(super) fn rate(&self, bytes: usize, now: Time, params: &Params) -> FeeRate {
        self.decayed(bytes, now, params).max(params.pool.min_fee_rate)
    }

    fn decayed(&self, bytes: usize, now: Time, params: &Params) -> FeeRate {
        if self.risen == FeeRate::ZERO {
            return FeeRate::ZERO;
        }
        let full = params.memory.pool_max_bytes;
        let haste = match bytes {
            _ if bytes < full / 4 => 4.0,
            _ if bytes < full / 2 => 2.0,
            _ => 1.0,
        };
        let half_lives =
            haste * (now - self.at).as_secs_f64() / params.pool.half_life().as_secs_f64();
        let rate = self.risen.0 as f64 * (-half_lives).exp2();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, no more than it was, and saturating"
        )]
        let rate = FeeRate(rate.round() as u64);
        if rate < FeeRate(params.pool.fee_rate_step.0 / 2) { FeeRate::ZERO } else { rate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pool of 1,000 bytes whose minimum halves in 100 s; a step is 10.
    fn params() -> Params {
        let mut params = Params::default();
        params.memory.pool_max_bytes = 1_000;
        params.pool.half_life_s = 100;
        params.pool.fee_rate_step = FeeRate(10);
        params
    }

    fn risen_to(rate: u64) -> Floor {
        let mut floor = Floor::default();
        floor.raise(FeeRate(rate - 10), Time::ZERO, &params());
        floor
    }

    fn after(floor: Floor, bytes: usize, seconds: u64) -> u64 {
        floor.rate(bytes, Time::from_millis(1_000 * seconds), &params()).0
    }

    #[test]
    fn it_rises_above_what_left_and_halves_in_each_half_life() {
        let floor = risen_to(800);
        assert_eq!([0, 100, 200].map(|seconds| after(floor, 1_000, seconds)), [800, 400, 200]);
        assert_eq!([50, 100].map(|seconds| after(floor, 499, seconds)), [400, 200]);
        assert_eq!([25, 50].map(|seconds| after(floor, 249, seconds)), [400, 200]);
    }

    #[test]
    fn what_is_left_of_less_than_half_a_step_is_dropped() {
        let floor = risen_to(800);
        assert_eq!(after(floor, 1_000, 700), 6);
        assert_eq!(after(floor, 1_000, 800), 0);
    }

    #[test]
    fn settling_often_changes_nothing_but_the_pace_to_come() {
        let mut floor = risen_to(1 << 40);
        for second in 0..100 {
            floor.settle(1_000, Time::from_millis(1_000 * second), &params());
        }
        let rate = after(floor, 1_000, 100);
        assert!(rate.abs_diff(1 << 39) < 200, "{rate}");
    }

    #[test]
    fn what_paid_nothing_does_not_raise_it() {
        let mut floor = Floor::default();
        floor.raise(FeeRate::ZERO, Time::ZERO, &params());
        assert_eq!(after(floor, 1_000, 0), 0);
    }

    #[test]
    fn it_never_falls_below_what_is_set() {
        let mut params = params();
        params.pool.min_fee_rate = FeeRate(50);
        assert_eq!(risen_to(800).rate(1_000, Time::from_millis(9_000_000), &params), FeeRate(50));
    }
}
