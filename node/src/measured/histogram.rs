//! How often something took how long, in the form of Prometheus: so many at most that long.

use std::sync::atomic::Ordering;

use metrics::atomics::AtomicU64;
use metrics::{GaugeFn, HistogramFn};

/// How many bounds there are.
const COUNT: usize = 17;

/// The bounds of all histograms, seconds, 1, 2.5, 5 and so on: from what a turn of an idle node takes to what a disk takes that is about to
/// fail. One list for all, so that times of different things can be laid over one another. A guess.
pub(crate) const BOUNDS: [f64; COUNT] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0,
];

/// Times in seconds, sorted into [`BOUNDS`]: what is behind a [`metrics::Histogram`].
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    /// How many fell under each bound and not under the one before; the last ones are longer than all.
    counts: [AtomicU64; COUNT + 1],
    /// The bits of a float.
    sum: AtomicU64,
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        // Most are short.
        let bucket = BOUNDS.iter().position(|bound| value <= *bound).unwrap_or(COUNT);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        GaugeFn::increment(&self.sum, value);
    }
}

impl Buckets {
    /// How long they took together, seconds.
    pub(crate) fn sum(&self) -> f64 {
        f64::from_bits(self.sum.load(Ordering::Relaxed))
    }

    /// Each bound, and how many took at most that long; at last all of them.
    pub(crate) fn at_most(&self) -> impl Iterator<Item = (Option<f64>, u64)> {
        let mut so_far = 0;
        BOUNDS.into_iter().map(Some).chain([None]).zip(&self.counts).map(move |(bound, count)| {
            so_far += count.load(Ordering::Relaxed);
            (bound, so_far)
        })
    }

    /// How many there were.
    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        self.at_most().last().map_or(0, |(_, count)| count)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use metrics::Histogram;

    use super::*;

    #[test]
    fn bounds_grow() {
        assert!(BOUNDS.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn each_bucket_has_what_took_at_most_that_long() {
        let buckets = Arc::new(Buckets::default());
        let histogram = Histogram::from_arc(Arc::clone(&buckets));
        let took = [0, 100, 101, 1_000, 40_000_000].map(Duration::from_micros);
        took.into_iter().for_each(|took| histogram.record(took));
        for (bound, count) in buckets.at_most() {
            let bound = bound.map_or(Duration::MAX, Duration::from_secs_f64);
            let expected = took.iter().filter(|took| **took <= bound).count();
            assert_eq!(count, expected as u64, "{bound:?}");
        }
        assert_eq!(buckets.count(), 5);
        let sum: Duration = took.iter().sum();
        assert_eq!(Duration::from_secs_f64(buckets.sum()), sum);
    }
}
