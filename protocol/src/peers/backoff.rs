//! When an address may be dialled again.

use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::ground::time::Time;
use crate::params::PeerParams;

/// Exponential backoff of one address: the wait doubles with each failure in a row, up to a cap, and
/// is shortened by up to a half at random, so that peers that lost a node together do not all come
/// back to it together.
///
/// Some failures are the address's, others are excused (`outage.rs`): those lengthen the wait as well, but are
/// forgiven once it is known that they were ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Backoff {
    failures: u16,
    excused: u16,
    until: Time,
}

impl Backoff {
    /// The backoff of an address that failed `failures` times in a row in an earlier run.
    pub(super) const fn resumed(failures: u16) -> Self {
        Self { failures, excused: 0, until: Time::ZERO }
    }

    /// Failures in a row that are held against the address.
    pub(super) const fn failures(self) -> u16 {
        self.failures
    }

    /// All failures in a row.
    pub(super) const fn tries(self) -> u16 {
        self.failures.saturating_add(self.excused)
    }

    /// When the address may be dialled again.
    pub(super) const fn until(self) -> Time {
        self.until
    }

    /// Another attempt came to nothing.
    pub(super) fn fail(&mut self, now: Time, params: &PeerParams, rng: &mut dyn Rng) {
        self.wait(now, params.retry_max_ms, params, rng);
        self.failures = self.failures.saturating_add(1);
    }

    /// A failure that was excused is held against the address after all. Returns whether there is one: it may have been
    /// reached since.
    pub(super) const fn blame(&mut self) -> bool {
        let is_left = self.excused > 0;
        if is_left {
            self.excused -= 1;
            self.failures = self.failures.saturating_add(1);
        }
        is_left
    }

    /// Another attempt came to nothing, and it may be our own fault. The wait has a cap of its own.
    pub(super) fn excuse(
        &mut self,
        now: Time,
        cap_ms: u64,
        params: &PeerParams,
        rng: &mut dyn Rng,
    ) {
        self.wait(now, cap_ms, params, rng);
        self.excused = self.excused.saturating_add(1);
    }

    /// What was excused was our own fault: it never happened.
    pub(super) fn forgive(&mut self, now: Time) {
        if self.excused > 0 {
            self.excused = 0;
            self.until = self.until.min(now);
        }
    }

    /// What was excused may have been our own fault: the rest is over, and the next one as long as it would have been.
    pub(super) fn end_rest(&mut self, now: Time) {
        if self.excused > 0 {
            self.until = self.until.min(now);
        }
    }

    /// A link of some standing ended: the failures before it are forgotten, but the address still
    /// rests for the first wait, so that a peer which keeps closing on us isn't redialled in a loop.
    pub(super) fn rest(&mut self, now: Time, params: &PeerParams, rng: &mut dyn Rng) {
        (self.failures, self.excused) = (0, 0);
        self.until = now + jittered(params.retry_min_ms, rng);
    }

    fn wait(&mut self, now: Time, cap_ms: u64, params: &PeerParams, rng: &mut dyn Rng) {
        let doublings = u32::from(self.tries()).min(63);
        let wait_ms = params.retry_min_ms.saturating_mul(1 << doublings).min(cap_ms);
        self.until = now + jittered(wait_ms, rng);
    }
}

/// Between half of a wait and the whole of it, uniformly at random.
pub(super) fn jittered(wait_ms: u64, rng: &mut dyn Rng) -> Duration {
    let nanos = wait_ms.saturating_mul(1_000_000);
    Duration::from_nanos(rng.random_range(nanos / 2..=nanos))
}

/// A wait of the given mean, exponentially distributed, so that it tells nothing of when it began.
pub(super) fn exponential(mean_ms: u64, rng: &mut dyn Rng) -> Duration {
    let uniform: f64 = rng.random();
    let mean = Duration::from_millis(mean_ms);
    // At most 36.7 times the mean, since `uniform` is a multiple of 2^-53 below 1.
    Duration::try_from_secs_f64(-(1.0 - uniform).ln() * mean.as_secs_f64()).unwrap_or(mean)
}
