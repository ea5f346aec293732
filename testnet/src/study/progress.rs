//! How far a study is that runs many things: which run ended, how many of all have, and how long the rest may take.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::output;

/// How many runs of a study have ended. Runs may end on several threads.
#[derive(Debug)]
pub struct Progress {
    /// `None`: nothing is told.
    begun: Option<Instant>,
    total: usize,
    ended: AtomicUsize,
}

impl Progress {
    /// None of so many runs has ended.
    #[must_use]
    pub fn new(total: usize) -> Self {
        Self { begun: Some(Instant::now()), total, ended: AtomicUsize::new(0) }
    }

    /// Tells nothing.
    #[must_use]
    pub const fn silent() -> Self {
        Self { begun: None, total: 0, ended: AtomicUsize::new(0) }
    }

    /// A run has ended: says which, on standard error.
    pub fn ended(&self, run: &str) {
        let ended = self.ended.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(begun) = self.begun {
            output::tell(&line(run, ended, self.total, begun.elapsed()));
        }
    }
}

/// A run has ended, of nobody knows how many.
pub fn tell(run: &str) {
    output::tell(&format!("done: {run}"));
}

/// One run's line. What is left is reckoned from the mean of those that ended: the first guess is a rough one.
fn line(run: &str, ended: usize, total: usize, taken: Duration) -> String {
    let left = total.saturating_sub(ended);
    let rest = taken.as_secs_f64() / ended.max(1) as f64 * left as f64;
    let rest = if left == 0 { String::new() } else { format!(", {} left", span(rest)) };
    format!("{ended} of {total}{rest}: {run}")
}

/// A time in words, as exact as such a guess can be.
fn span(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("about {s:.0} s"),
        s if s < 5_400.0 => format!("about {:.0} min", s / 60.0),
        s => format!("about {:.1} h", s / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_which_of_how_many_and_how_long_the_rest_takes() {
        let took = Duration::from_secs(30);
        assert_eq!(line("flood, seed 2", 3, 12, took), "3 of 12, about 2 min left: flood, seed 2");
        assert_eq!(line("flood", 1, 2, took), "1 of 2, about 30 s left: flood");
        assert_eq!(line("flood", 2, 2, took), "2 of 2: flood");
        assert_eq!(line("flood", 1, 1_000, took), "1 of 1000, about 8.3 h left: flood");
    }
}
