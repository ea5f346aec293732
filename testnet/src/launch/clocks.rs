//! Whether the times of a run compare. All nodes stamp what they accept by clocks that were set once, when they started, by
//! the machine's: if that is set in between, or a node's is wrong for another reason, differences between
//! stamps mean nothing, and a delivery may seem to come before its submission.
//!
//! So the machine's clock is watched throughout, and at the end no stamp may lie outside of the time in which it can
//! have been made.

use std::time::Duration;

use tidings::clock::{ClockWatch, Step, SystemClock};

use super::plan::name;

/// How far a stamp may lie outside: clocks are slewed by up to one part in 2,000 (adjtimex(2)), and it may take some
/// time until all nodes have set theirs. A guess: a minute and a half.
const SLACK: Duration = Duration::from_millis(50);

/// Watches the machine's clock.
#[derive(Debug)]
pub struct Clocks {
    watch: ClockWatch,
    steps: Vec<Step>,
}

impl Clocks {
    /// Watches from now on.
    #[must_use]
    pub fn watch() -> Self {
        Self { watch: ClockWatch::start(SystemClock::default()), steps: Vec::new() }
    }

    /// Looks whether the clock was set since the last look.
    pub fn look(&mut self) {
        self.steps.extend(self.watch.look());
    }

    /// Why times don't compare; empty if they do.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let told = |step| format!("this machine's clock was set by {step} during the run");
        self.steps.iter().map(told).collect()
    }
}

/// A stamp that can't be right: which node made it, and by how many microseconds it lies outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mistimed {
    /// The node.
    pub node: usize,
    /// Microseconds; less than 0 if it lies before the item was submitted.
    pub by_us: i64,
}

impl Mistimed {
    /// A node's stamp that lies outside of a time; `None` if it doesn't.
    #[must_use]
    pub fn of(node: usize, at_us: u64, (from_us, to_us): (u64, u64)) -> Option<Self> {
        let by_us = match at_us {
            _ if at_us < from_us => at_us.wrapping_sub(from_us).cast_signed(),
            _ if at_us > to_us => (at_us - to_us).cast_signed(),
            _ => return None,
        };
        let outside = Duration::from_micros(by_us.unsigned_abs());
        (outside > SLACK).then_some(Self { node, by_us })
    }

    /// The one of two that lies further outside.
    #[must_use]
    pub const fn worse(self, other: Self) -> Self {
        if other.by_us.unsigned_abs() > self.by_us.unsigned_abs() { other } else { self }
    }

    /// In words.
    #[must_use]
    pub fn sentence(&self) -> String {
        let (name, s) = (name(self.node), self.by_us.unsigned_abs() as f64 / 1e6);
        if self.by_us < 0 {
            format!("{name} has another clock: it accepted an item {s:.3} s before its submission")
        } else {
            format!("{name} has another clock: it accepted an item {s:.3} s after the run")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_outside_of_its_time_is_told_and_a_little_slewing_is_not() {
        let time = (10_000_000, 20_000_000);
        for at_us in [10_000_000, 20_000_000, 9_950_000, 20_050_000] {
            assert_eq!(Mistimed::of(3, at_us, time), None, "{at_us}");
        }
        let early = Mistimed::of(3, 9_900_000, time).unwrap();
        assert_eq!(
            early.sentence(),
            "n0003 has another clock: it accepted an item 0.100 s before its submission"
        );
        let late = Mistimed::of(3, 3_620_000_000, time).unwrap();
        assert!(late.sentence().ends_with("3600.000 s after the run"), "{}", late.sentence());
    }

    #[test]
    fn a_clock_that_nobody_sets_is_no_problem() {
        let mut clocks = Clocks::watch();
        clocks.look();
        assert_eq!(clocks.problems(), [""; 0]);
        clocks.steps.push(Step { by_us: -3_600_000_000 });
        let problems = clocks.problems();
        assert_eq!(problems, ["this machine's clock was set by -3600.000 s during the run"]);
    }
}
