//! How long the loop's turns take.
//!
//! All of a node's connections share the loop's thread: while it is busy with one thing, nothing is read,
//! written or answered. So a turn takes what is ready for at most [`TURN`], and then others get theirs. What
//! can't be interrupted (one message, one batch of verdicts) may take it a little longer; how much is counted.

use std::time::Duration;

use metrics::{Histogram, histogram, with_local_recorder};
use tokio::time::Instant;

use crate::measured::Registry;

/// For how long a turn takes on new work. A guess: far less than a round trip, far more than a task switch.
const TURN: Duration = Duration::from_millis(2);

/// Durations from which on turns are counted as long, with the counter's name.
const LONG: [(Duration, &str); 3] = [
    (Duration::from_millis(5), "turns_over_5ms"),
    (Duration::from_millis(10), "turns_over_10ms"),
    (Duration::from_millis(50), "turns_over_50ms"),
];

/// One turn.
#[derive(Debug)]
pub(super) struct Turn {
    began: Instant,
}

impl Turn {
    /// A turn begins.
    pub(super) const fn begin(now: Instant) -> Self {
        Self { began: now }
    }

    /// Whether it is others' turn.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now - self.began >= TURN
    }
}

/// The turns so far.
#[derive(Debug)]
pub(super) struct Turns {
    count: u64,
    took: Histogram,
    long: [u64; LONG.len()],
    longest: Duration,
}

impl Turns {
    /// There were none yet.
    pub(super) fn new(registry: &Registry) -> Self {
        let took = with_local_recorder(registry, || histogram!("tidings_turn_seconds"));
        Self { count: 0, took, long: [0; LONG.len()], longest: Duration::ZERO }
    }

    /// A turn ends.
    pub(super) fn end(&mut self, turn: &Turn, now: Instant) {
        let took = now - turn.began;
        self.count += 1;
        self.took.record(took);
        self.longest = self.longest.max(took);
        for ((limit, _), count) in LONG.iter().zip(&mut self.long) {
            *count += u64::from(took >= *limit);
        }
    }

    /// The longest one.
    pub(super) const fn longest(&self) -> Duration {
        self.longest
    }

    /// Counters by name.
    pub(super) fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let long = LONG.iter().zip(self.long).map(|((_, name), count)| (*name, count));
        std::iter::once(("turns", self.count)).chain(long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_over_when_its_time_is_up_and_counted_by_how_long_it_was() {
        let began = Instant::now();
        let turn = Turn::begin(began);
        assert!(!turn.is_over(began));
        assert!(turn.is_over(began + TURN));
        let mut turns = Turns::new(&Registry::default());
        turns.end(&turn, began + TURN);
        turns.end(&turn, began + Duration::from_millis(7));
        assert_eq!(turns.longest(), Duration::from_millis(7));
        let counters: Vec<_> = turns.counters().collect();
        assert_eq!(counters[..3], [("turns", 2), ("turns_over_5ms", 1), ("turns_over_10ms", 0)]);
    }
}
