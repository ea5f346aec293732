//! When each transaction of a load is due: on a grid of its own, whatever became of those before. So a node that is slow gets no
//! fewer, and its slowness shows (a loop that waits for answers sends less to a slow node, and hides just the times that it should
//! show: "coordinated omission", Gil Tene 2013).

use std::time::Duration;

use rand::{Rng, RngExt as _};

/// How arrivals follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// All equally far apart.
    Regular,
    /// By chance, independent of one another (a Poisson process), as if of many users.
    Poisson,
}

/// A schedule: each call tells when the next is due, after the beginning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    rate: f64,
    arrivals: Arrivals,
    index: u64,
    at_s: f64,
}

impl Schedule {
    /// So many a second, more than 0.
    #[must_use]
    pub const fn new(rate: f64, arrivals: Arrivals) -> Self {
        Self { rate, arrivals, index: 0, at_s: 0.0 }
    }

    /// When the next is due. The first of regular ones is at once.
    pub fn next(&mut self, rng: &mut impl Rng) -> Duration {
        match self.arrivals {
            // Not a sum, which would drift.
            Arrivals::Regular => self.at_s = self.index as f64 / self.rate,
            Arrivals::Poisson => {
                let chance: f64 = rng.random();
                self.at_s -= (1.0 - chance).ln() / self.rate;
            }
        }
        self.index += 1;
        Duration::try_from_secs_f64(self.at_s).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn regular_arrivals_do_not_drift() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut schedule = Schedule::new(3.0, Arrivals::Regular);
        assert_eq!(schedule.next(&mut rng), Duration::ZERO);
        let last = (1..=300_000).map(|_| schedule.next(&mut rng)).last();
        assert_eq!(last, Some(Duration::from_secs(100_000)));
    }

    #[test]
    fn arrivals_by_chance_have_the_rate_and_vary_as_much_as_their_mean() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut schedule = Schedule::new(50.0, Arrivals::Poisson);
        let due: Vec<f64> = (0..20_000).map(|_| schedule.next(&mut rng).as_secs_f64()).collect();
        assert!(due.is_sorted());
        assert!((due[19_999] / 400.0 - 1.0).abs() < 0.03, "{}", due[19_999]);
        let gaps: Vec<f64> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "{}", variance.sqrt() / mean);
    }
}
