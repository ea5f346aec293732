//! How fast something happens: counts that only go up, as the node told them at a few moments, by the node's own clock.
//!
//! A rate is over the whole window, so that it doesn't jump with each look, and is gone a few seconds after nothing happens any more.

use std::collections::VecDeque;

/// How many looks a rate is over. A guess: six seconds, at a look a second.
const WINDOW: usize = 7;

/// Some counts of one thing, at the latest moments.
#[derive(Clone, Debug)]
pub(super) struct Meter<const N: usize> {
    /// When by the node's clock, seconds, and the counts then.
    looks: VecDeque<(f64, [u64; N])>,
}

impl<const N: usize> Default for Meter<N> {
    fn default() -> Self {
        Self { looks: VecDeque::with_capacity(WINDOW) }
    }
}

impl<const N: usize> Meter<N> {
    /// Takes the counts of a moment. If time or a count went back, it is another thing than before, and it begins anew.
    pub(super) fn take(&mut self, at_s: f64, counts: [u64; N]) {
        if let Some((last_s, last)) = self.looks.back() {
            let goes_back = counts.iter().zip(last).any(|(now, before)| now < before);
            if at_s < *last_s || goes_back || !at_s.is_finite() {
                self.looks.clear();
            } else if at_s == *last_s {
                self.looks.pop_back();
            }
        }
        if self.looks.len() == WINDOW {
            self.looks.pop_front();
        }
        self.looks.push_back((at_s, counts));
    }

    /// How often a second each happened; nothing before there were two moments.
    pub(super) fn rates(&self) -> Option<[f64; N]> {
        let ((first_s, first), (last_s, last)) = (self.looks.front()?, self.looks.back()?);
        let span = last_s - first_s;
        (span > 0.0).then(|| std::array::from_fn(|at| (last[at] - first[at]) as f64 / span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_over_the_latest_moments() {
        let mut meter = Meter::<2>::default();
        assert_eq!(meter.rates(), None);
        meter.take(10.0, [5, 0]);
        assert_eq!(meter.rates(), None, "one moment tells no rate");
        meter.take(12.0, [25, 3]);
        assert_eq!(meter.rates(), Some([10.0, 1.5]));
        for second in 13..40 {
            meter.take(f64::from(second), [25, 3]);
        }
        assert_eq!(meter.rates(), Some([0.0, 0.0]));
        assert_eq!(meter.looks.len(), WINDOW);
    }

    #[test]
    fn a_node_that_started_anew_is_another_one() {
        let mut meter = Meter::<1>::default();
        meter.take(10.0, [100]);
        meter.take(11.0, [200]);
        meter.take(1.0, [300]);
        assert_eq!(meter.rates(), None, "its time went back");
        meter.take(2.0, [301]);
        assert_eq!(meter.rates(), Some([1.0]));
        meter.take(3.0, [1]);
        assert_eq!(meter.rates(), None, "what it counts went back");
        meter.take(3.0, [2]);
        assert_eq!(meter.rates(), None, "a moment twice is one moment");
        meter.take(f64::NAN, [3]);
        assert_eq!(meter.rates(), None);
    }
}
