//! How sure it is that a member is dead, from how long its heartbeats have been away: the phi-accrual detector (Hayashibara,
//! Défago, Yared, Katayama 2004, "The φ Accrual Failure Detector").
//!
//! `phi = -log10 P(a heartbeat takes longer than this)`: whoever takes members for dead at phi 3 is wrong in one silence of a
//! thousand, *if heartbeats come as the model says*. So the [`Distribution`] is named: phi 8 is after 18.4 mean intervals by the
//! exponential, and after 5.6 deviations over the mean by the normal.
//!
//! A window of the latest intervals gives mean and deviation; the [`Prior`] stands in for intervals that aren't known yet. Sums are kept as
//! whole microseconds, so that nothing drifts however long a member lives.
//!
//! # Bounds and attacks
//! A member takes [`Detector`]'s own 64 bytes and four for each interval, up to [`PhiSettings::window`].
//! - Whoever makes its own heartbeats rare lives on longer after its death: an interval counts up to [`PhiSettings::max_interval`].
//! - Whoever invents many heartbeats of another makes the next silence look long: [`PhiSettings::min_deviation`] is the least
//!   deviation, and of the exponential, whose mean is its deviation, the least mean. The pause is granted on top of it.
//! - After an outage the window would hold it as an interval: [`PhiSettings::counts_outages`].

use std::f64::consts::{LN_10, LOG10_E};
use std::time::Duration;

pub use settings::{Distribution, PhiSettings, Prior};

use crate::ground::time::Time;

mod settings;
mod tail;

/// What is known of one member's heartbeats. Settings are the same for all, and handed in.
#[derive(Clone, Debug)]
pub struct Detector {
    last: Time,
    /// The latest intervals, microseconds; a ring once it is full.
    window: Vec<u32>,
    /// Where the oldest of a full ring is.
    oldest: u32,
    sum: u64,
    squares: u128,
}

impl Detector {
    /// A member whose first heartbeat comes now.
    #[must_use]
    pub const fn new(now: Time) -> Self {
        Self { last: now, window: Vec::new(), oldest: 0, sum: 0, squares: 0 }
    }

    /// A heartbeat comes. Call it once for each that is newer than all before it, however many were skipped.
    pub fn on_heartbeat(&mut self, now: Time, settings: &PhiSettings) {
        let outage = !settings.counts_outages && self.is_suspect(now, settings);
        let interval = now - self.last;
        self.last = self.last.max(now);
        if !outage && interval <= settings.max_interval {
            self.push(micros(interval), settings.size());
        }
    }

    /// Forgets the silence, but not the intervals: for when it was ours (we slept, or were cut off).
    pub fn excuse(&mut self, now: Time) {
        self.last = self.last.max(now);
    }

    /// How sure it is that no heartbeat will come any more, as the negative decimal logarithm of how likely a silence as long as this
    /// one is. Never negative, and never infinite or no number.
    #[must_use]
    pub fn phi(&self, now: Time, settings: &PhiSettings) -> f64 {
        let (mean, deviation) = self.estimate(settings);
        // A pause that is granted moves the mean, as Akka does: the silence is shorter by it.
        let silence = (now - self.last).saturating_sub(settings.pause).as_secs_f64();
        let phi = match settings.distribution {
            Distribution::Exponential => silence / mean * LOG10_E,
            Distribution::Normal => tail::normal((silence - mean) / deviation),
            Distribution::Logistic => tail::logistic((silence - mean) / deviation),
        };
        phi.clamp(0.0, f64::MAX)
    }

    /// Whether phi is at the threshold.
    #[must_use]
    pub fn is_suspect(&self, now: Time, settings: &PhiSettings) -> bool {
        self.phi(now, settings) >= settings.threshold
    }

    /// The first moment at which [`is_suspect`](Self::is_suspect) holds if no heartbeat comes, to within a microsecond;
    /// [`Time::NEVER`] beyond a year.
    #[must_use]
    pub fn suspect_at(&self, settings: &PhiSettings) -> Time {
        let at = |micros: u64| self.last + Duration::from_micros(micros);
        let (mut before, mut after) = (0, 365 * 86_400 * 1_000_000);
        if !self.is_suspect(at(after), settings) {
            return Time::NEVER;
        }
        // Phi never falls while a silence lasts.
        while before < after {
            let middle = before.midpoint(after);
            if self.is_suspect(at(middle), settings) {
                after = middle;
            } else {
                before = middle + 1;
            }
        }
        at(after)
    }

    /// When the latest heartbeat came.
    #[must_use]
    pub const fn last(&self) -> Time {
        self.last
    }

    /// Mean and standard deviation of the intervals, seconds, as [`phi`](Self::phi) goes by them.
    #[must_use]
    pub fn estimate(&self, settings: &PhiSettings) -> (f64, f64) {
        let known = self.window.len();
        // The prior came before all others, so it leaves the window first.
        let prior =
            (settings.prior.weight as usize).min(settings.size() - known.min(settings.size()));
        let prior = if known == 0 { prior.max(1) } else { prior } as f64;
        let [prior_mean, prior_deviation] =
            [settings.prior.mean, settings.prior.deviation].map(|part| part.as_secs_f64() * 1e6);
        let count = prior + known as f64;
        let mean = prior.mul_add(prior_mean, self.sum as f64) / count;
        let squares = prior * (prior_mean * prior_mean + prior_deviation * prior_deviation)
            + self.squares as f64;
        let deviation = (squares / count - mean * mean).max(0.0).sqrt();
        let least = (settings.min_deviation.as_secs_f64() * 1e6).max(1.0);
        let mean = match settings.distribution {
            Distribution::Exponential => mean.max(least),
            Distribution::Normal | Distribution::Logistic => mean,
        };
        (mean / 1e6, deviation.max(least) / 1e6)
    }

    fn push(&mut self, interval: u32, most: usize) {
        if self.window.len() < most {
            // Room is made as it is needed, and not for twice as much.
            if self.window.len() == self.window.capacity() {
                let more = (self.window.len() / 2).max(4).min(most - self.window.len());
                self.window.reserve_exact(more);
            }
            self.window.push(interval);
        } else {
            let place = self.oldest as usize % self.window.len();
            let old = std::mem::replace(&mut self.window[place], interval);
            self.sum -= u64::from(old);
            self.squares -= u128::from(old) * u128::from(old);
            self.oldest = u32::try_from((place + 1) % self.window.len()).unwrap_or(0);
        }
        self.sum += u64::from(interval);
        self.squares += u128::from(interval) * u128::from(interval);
    }
}

/// Microseconds; over an hour and eleven minutes it is that.
fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// The silence after which the exponential's phi is `phi`, as a multiple of the mean interval.
#[must_use]
pub fn exponential_silence(phi: f64) -> f64 {
    phi * LN_10
}

#[cfg(test)]
mod tests;
