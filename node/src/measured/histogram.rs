//! How often something took how long, in the form of Prometheus: so many at most that long.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many bounds there are.
const COUNT: usize = 17;

/// The bounds of all histograms, 1, 2.5, 5 and so on: from what a turn of an idle node takes to what a disk takes that is about to
/// fail. One list for all, so that times of different things can be laid over one another. A guess.
pub const BOUNDS: [Duration; COUNT] = [
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

/// Durations, sorted into [`BOUNDS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// How many fell under each bound and not under the one before; the last ones are longer than all.
    counts: [u64; COUNT + 1],
    sum: Duration,
}

impl Histogram {
    /// Something took that long.
    pub fn observe(&mut self, took: Duration) {
        // Most are short.
        let bucket = BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(COUNT);
        self.counts[bucket] += 1;
        self.sum += took;
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How long they took together.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        self.sum
    }

    /// Each bound, and how many took at most that long.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> {
        let mut so_far = 0;
        BOUNDS.into_iter().zip(self.counts).map(move |(bound, count)| {
            so_far += count;
            (bound, so_far)
        })
    }
}

/// A histogram that one thread fills and another reads.
#[derive(Debug, Default)]
pub struct SharedHistogram(Mutex<Histogram>);

impl SharedHistogram {
    /// Something took that long.
    pub fn observe(&self, took: Duration) {
        // Nobody panics while it is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).observe(took);
    }

    /// What there is so far.
    #[must_use]
    pub fn get(&self) -> Histogram {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_grow() {
        assert!(BOUNDS.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn each_bucket_has_what_took_at_most_that_long() {
        let mut histogram = Histogram::default();
        let took = [0, 100, 101, 1_000, 40_000_000].map(Duration::from_micros);
        took.into_iter().for_each(|took| histogram.observe(took));
        for (bound, count) in histogram.buckets() {
            let expected = took.iter().filter(|took| **took <= bound).count();
            assert_eq!(count, expected as u64, "{bound:?}");
        }
        assert_eq!(histogram.count(), 5);
        assert_eq!(histogram.sum(), took.iter().sum());
    }
}
