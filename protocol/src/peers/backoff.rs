//! When an address may be dialled again.

use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::ground::time::Time;
use crate::params::PeerParams;

/// Exponential backoff of one address: the wait doubles with each failure in a row, up to a cap, and
/// is shortened by up to a half at random, so that peers that lost a node together do not all come
/// back to it together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Backoff {
    failures: u16,
    until: Time,
}

impl Backoff {
    /// The backoff of an address that failed `failures` times in a row in an earlier run.
    pub(super) const fn resumed(failures: u16) -> Self {
        Self { failures, until: Time::ZERO }
    }

    /// Failures in a row.
    pub(super) const fn failures(self) -> u16 {
        self.failures
    }

    /// When the address may be dialled again.
    pub(super) const fn until(self) -> Time {
        self.until
    }

    /// Another attempt came to nothing.
    pub(super) fn fail(&mut self, now: Time, params: &PeerParams, rng: &mut dyn Rng) {
        let doublings = u32::from(self.failures).min(63);
        let wait_ms = params.retry_min_ms.saturating_mul(1 << doublings).min(params.retry_max_ms);
        self.failures = self.failures.saturating_add(1);
        self.until = now + jittered(wait_ms, rng);
    }

    /// A link of some standing ended: the failures before it are forgotten, but the address still
    /// rests for the first wait, so that a peer which keeps closing on us isn't redialled in a loop.
    pub(super) fn rest(&mut self, now: Time, params: &PeerParams, rng: &mut dyn Rng) {
        self.failures = 0;
        self.until = now + jittered(params.retry_min_ms, rng);
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
