//! Token buckets, eight bytes each.
//!
//! A bucket holds `burst` tokens at most and gains `per_s` a second. Instead of a level and the time
//! of its last change it keeps one moment: when it will be full again. This is the virtual scheduling
//! form of the generic cell rate algorithm (ITU-T I.371, Annex A), and needs no refill timer.

use std::time::Duration;

use crate::ground::time::Time;
use crate::params::Rate;

/// A token bucket. A new one is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    full_at: Time,
}

impl Bucket {
    /// Takes `tokens` if they are there, and says whether they were. Nothing is taken otherwise.
    pub fn try_take(&mut self, tokens: f64, now: Time, rate: Rate) -> bool {
        let full_at = self.full_at.max(now) + seconds(tokens / rate.per_s);
        let fits = full_at - now <= seconds(rate.burst / rate.per_s);
        if fits {
            self.full_at = full_at;
        }
        fits
    }

    /// Takes `tokens` whether they are there or not. If the bucket is now in debt, says when it no
    /// longer will be.
    pub fn take(&mut self, tokens: f64, now: Time, rate: Rate) -> Option<Time> {
        self.full_at = self.full_at.max(now) + seconds(tokens / rate.per_s);
        let debt = (self.full_at - now).checked_sub(seconds(rate.burst / rate.per_s))?;
        (!debt.is_zero()).then(|| now + debt)
    }

    /// Gives back `tokens` that were taken and needn't have been.
    pub fn give_back(&mut self, tokens: f64, rate: Rate) {
        let filled = (self.full_at - Time::ZERO).saturating_sub(seconds(tokens / rate.per_s));
        self.full_at = Time::ZERO + filled;
    }

    /// When it will be full again.
    #[must_use]
    pub const fn full_at(self) -> Time {
        self.full_at
    }

    /// Until when it is in debt; a moment that is past if it isn't.
    #[must_use]
    pub fn in_debt_until(&self, rate: Rate) -> Time {
        let burst = seconds(rate.burst / rate.per_s);
        Time::ZERO + (self.full_at - Time::ZERO).saturating_sub(burst)
    }

    /// When `tokens` will be there, or all of the burst if they are more; a moment that is past if they are now.
    #[must_use]
    pub fn ready_at(&self, tokens: f64, rate: Rate) -> Time {
        let missing = seconds((rate.burst - tokens).max(0.0) / rate.per_s);
        Time::ZERO + (self.full_at - Time::ZERO).saturating_sub(missing)
    }

    /// How many whole tokens are there.
    #[must_use]
    pub fn available(&self, now: Time, rate: Rate) -> usize {
        let missing = (self.full_at - now).as_secs_f64() * rate.per_s;
        // The half millionth keeps rounding to nanoseconds from eating the last token.
        let left = (rate.burst - missing + 5e-7).max(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative; whole tokens are wanted"
        )]
        let whole = left as usize;
        whole
    }
}

/// A duration that saturates instead of panicking on absurd rates.
fn seconds(seconds: f64) -> Duration {
    // Rounded by hand: `try_from_secs_f64` takes a dozen times as long, and each message pays for two buckets.
    let nanos = seconds * 1e9 + 0.5;
    if nanos >= 0.0 && nanos < u64::MAX as f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within bounds; a whole number of nanoseconds is wanted"
        )]
        return Duration::from_nanos(nanos as u64);
    }
    Duration::MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATE: Rate = Rate::new(10.0, 5.0);

    #[test]
    fn a_new_bucket_gives_its_burst_and_no_more() {
        let mut bucket = Bucket::default();
        let now = Time::from_millis(1_000);
        assert_eq!(bucket.available(now, RATE), 5);
        for _ in 0..5 {
            assert!(bucket.try_take(1.0, now, RATE));
        }
        assert!(!bucket.try_take(1.0, now, RATE));
        assert_eq!(bucket.available(now, RATE), 0);
    }

    #[test]
    fn tokens_come_back_at_the_rate() {
        let mut bucket = Bucket::default();
        assert!(bucket.try_take(5.0, Time::ZERO, RATE));
        assert!(!bucket.try_take(1.0, Time::from_millis(99), RATE));
        assert!(bucket.try_take(1.0, Time::from_millis(100), RATE));
        assert_eq!(bucket.available(Time::from_millis(10_000), RATE), 5);
    }

    #[test]
    fn debt_says_when_it_ends() {
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(5.0, Time::ZERO, RATE), None);
        assert_eq!(bucket.take(2.0, Time::ZERO, RATE), Some(Time::from_millis(200)));
        assert!(!bucket.try_take(1.0, Time::from_millis(200), RATE));
        assert!(bucket.try_take(1.0, Time::from_millis(300), RATE));
    }

    proptest! {
        /// Against the textbook bucket: a level and the time of its last change.
        #[test]
        fn it_agrees_with_a_level_and_a_clock(
            steps in prop::collection::vec((0_u64..500, 1_u32..4), 1..200)
        ) {
            let (mut bucket, mut now) = (Bucket::default(), Time::ZERO);
            let mut level = RATE.burst;
            for (wait_ms, tokens) in steps {
                now = now + Duration::from_millis(wait_ms);
                level = RATE.burst.min(level + RATE.per_s * wait_ms as f64 / 1_000.0);
                let tokens = f64::from(tokens);
                // Within rounding of the boundary either answer is right.
                if (level - tokens).abs() < 1e-6 {
                    level = if bucket.try_take(tokens, now, RATE) { level - tokens } else { level };
                    continue;
                }
                prop_assert_eq!(bucket.try_take(tokens, now, RATE), level >= tokens);
                if level >= tokens {
                    level -= tokens;
                }
            }
        }
    }
}
