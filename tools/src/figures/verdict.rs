//! What a run of real nodes proved: something of the network, something of the machine, or nothing.
//!
//! Hundreds of nodes share the cores of one machine, perhaps with others' work. A time that a node waits for a core
//! looks like one of the network, so the machine is watched beside the run ([`Machine`]), and [judged](Machine::judge) by
//! how much of the figures it may have made. Slow motion is the remedy: the slower the network's time, the less of
//! it the machine takes.

use serde::{Deserialize, Serialize};

/// How often a transaction waits for a processor on its way to a node, on average. Measured on two cores with 20 to
/// 200 nodes and up to 50 other busy processes: what `launch` had more than `sim`, divided by a node's mean wait,
/// was 5 to 18 (MEASURED.md).
const WAITS: f64 = 12.0;

/// The machine's part of a time that is still called the network's. `sim` and `launch` agree within 8 % (MEASURED.md).
const PART_MAX: f64 = 0.1;

/// Beyond this part a figure says more about the machine than about the network.
const PART_INVALID: f64 = 0.5;

/// The part to aim for when slow motion is suggested: somewhat less than the most. A guess.
const PART_AIM: f64 = 0.07;

/// How late one in a hundred submissions may leave, milliseconds of the network's time. A guess: half of the time that
/// an item takes to half of the nodes.
const LATE_MAX_MS: f64 = 50.0;

/// Beyond this the workload isn't the one that was asked for. A guess.
const LATE_INVALID_MS: f64 = 1_000.0;

/// The least part of the rate asked for that has to be reached. A guess.
const RATE_MIN: f64 = 0.95;

/// Below this part the workload isn't the one that was asked for, unless it was so short that
/// [`LATE_SHORT_MS`] did it. A guess.
const RATE_INVALID: f64 = 0.5;

/// A delay that a busy machine may have once, milliseconds. A guess.
const LATE_SHORT_MS: f64 = 250.0;

/// Slow motions that are suggested, and 1,000 is the slowest.
const SLOW_MOTIONS: [u32; 16] = [2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 40, 50, 100, 200, 500, 1_000];

/// How a machine kept up with the network of real nodes on it. Times are the network's: in slow motion a second of the
/// machine is less.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// How many times slower than real time the network's time passed.
    pub slow_motion: u32,
    /// Whether links take time of their own. If not, all time is the machine's, and nobody mistakes it.
    pub links_take_time: bool,
    /// How long a node waited for a processor each time it had something to do, on average, milliseconds; `None` if
    /// the kernel doesn't tell.
    pub cpu_wait_ms: Option<f64>,
    /// How late the latest but one in a hundred of the submissions left, milliseconds.
    pub late_p99_ms: f64,
    /// Submissions per second that were asked for; `None` if there was only one.
    pub rate_asked: Option<f64>,
    /// Submissions per second that were made, from the first to the last.
    pub rate_reached: Option<f64>,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            slow_motion: 1,
            links_take_time: true,
            cpu_wait_ms: None,
            late_p99_ms: 0.0,
            rate_asked: None,
            rate_reached: None,
        }
    }
}

/// What a run proved, in three colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Green: the figures are the network's.
    #[default]
    Valid,
    /// Amber: they are the machine's as much.
    Machine,
    /// Red: they prove nothing.
    Invalid,
}

/// What the machine has against a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Why it proves nothing.
    pub invalid: Vec<String>,
    /// Why its times are the machine's as well as the network's.
    pub machine: Vec<String>,
    /// The slow motion that would do; `None` if none would, or none is needed.
    pub slow_motion: Option<u32>,
}

impl Judgement {
    fn object(&mut self, is_invalid: bool, sentence: String) {
        let reasons = if is_invalid { &mut self.invalid } else { &mut self.machine };
        reasons.push(sentence);
    }
}

impl Machine {
    /// Judges a run by its mean latency, milliseconds, and by how the machine kept up.
    #[must_use]
    pub fn judge(&self, latency_mean_ms: Option<f64>) -> Judgement {
        let mut judgement = Judgement::default();
        // How many times too slow the machine was, by each of the measures.
        let mut excess = 0.0_f64;
        if self.late_p99_ms > LATE_MAX_MS {
            let late = self.late_p99_ms;
            excess = excess.max(late / LATE_MAX_MS);
            judgement.object(
                late > LATE_INVALID_MS,
                format!("one submission in a hundred left more than {late:.0} ms late"),
            );
        }
        if let (Some(asked), Some(reached)) = (self.rate_asked, self.rate_reached)
            && reached < RATE_MIN * asked
        {
            excess = excess.max(asked / reached.max(f64::MIN_POSITIVE));
            judgement.object(
                reached < RATE_INVALID * asked && self.late_p99_ms > LATE_SHORT_MS,
                format!("{reached:.1} items a second were submitted, of {asked:.1} asked for"),
            );
        }
        if let Some((wait, made)) = self.made_of(latency_mean_ms)
            && made.part() > PART_MAX
        {
            excess = excess.max(made.machine_ms / made.network_ms() / PART_AIM);
            let Made { machine_ms, mean_ms } = made;
            judgement.object(
                made.part() > PART_INVALID,
                format!(
                    "nodes waited {wait:.1} ms for a processor each time, some {machine_ms:.0} of the mean \
                     latency's {mean_ms:.0} ms"
                ),
            );
        }
        if excess > 0.0 {
            let needed = f64::from(self.slow_motion) * excess;
            let enough = |times: &u32| *times > self.slow_motion && f64::from(*times) >= needed;
            judgement.slow_motion = SLOW_MOTIONS.into_iter().find(enough);
        }
        judgement
    }

    /// What a mean latency is made of, with the mean wait for a processor; `None` if that isn't known, or
    /// nobody would take the time for the network's.
    fn made_of(&self, latency_mean_ms: Option<f64>) -> Option<(f64, Made)> {
        let mean_ms = latency_mean_ms.filter(|mean_ms| self.links_take_time && *mean_ms > 0.0)?;
        let wait = self.cpu_wait_ms?;
        Some((wait, Made { machine_ms: (WAITS * wait).min(mean_ms), mean_ms }))
    }
}

/// What a mean latency is made of.
#[derive(Clone, Copy, Debug)]
struct Made {
    machine_ms: f64,
    mean_ms: f64,
}

impl Made {
    fn part(self) -> f64 {
        self.machine_ms / self.mean_ms
    }

    /// What would be left without the machine. Since that is an estimate, never next to nothing.
    fn network_ms(self) -> f64 {
        (self.mean_ms - self.machine_ms).max(0.1 * self.mean_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Machine = Machine {
        slow_motion: 1,
        links_take_time: true,
        cpu_wait_ms: Some(0.12),
        late_p99_ms: 7.8,
        rate_asked: Some(20.0),
        rate_reached: Some(19.99),
    };

    /// Judges, with a mean latency of 100 ms.
    fn judge(machine: Machine) -> Judgement {
        machine.judge(Some(100.0))
    }

    #[test]
    fn a_machine_that_keeps_up_has_nothing_against_a_run() {
        assert_eq!(judge(QUIET), Judgement::default());
        let unknown = Machine { cpu_wait_ms: None, rate_asked: None, rate_reached: None, ..QUIET };
        assert_eq!(judge(unknown), Judgement::default());
        assert_eq!(QUIET.judge(None), Judgement::default(), "nothing was delivered");
    }

    #[test]
    fn a_launch_on_a_busy_machine_is_amber_and_says_which_slow_motion_would_do() {
        // Measured: 50 nodes at 200 transactions a second among 30 busy processes; `sim` says 86 ms, not 226.
        let busy = Machine { cpu_wait_ms: Some(7.7), late_p99_ms: 120.0, ..QUIET };
        let judgement = busy.judge(Some(226.0));
        assert!(judgement.invalid.is_empty());
        assert!(judgement.machine[0].contains("more than 120 ms late"), "{judgement:?}");
        assert!(judgement.machine[1].contains("some 92 of the mean latency's 226 ms"));
        assert_eq!(judgement.slow_motion, Some(10));
        // With it the wait is a tenth, at least.
        let slow = Machine { slow_motion: 10, cpu_wait_ms: Some(0.77), late_p99_ms: 12.0, ..QUIET };
        assert_eq!(judge(slow), Judgement::default());
    }

    #[test]
    fn a_launch_that_measured_the_machine_is_invalid() {
        // Measured: 200 nodes among 50 busy processes; `sim` says 85 ms, not 449.
        let judgement = Machine { cpu_wait_ms: Some(26.5), ..QUIET }.judge(Some(449.0));
        assert!(judgement.invalid[0].contains("some 318 of the mean"), "{judgement:?}");
        assert_eq!((judgement.machine.len(), judgement.slow_motion), (0, Some(40)));
    }

    #[test]
    fn a_submission_that_is_late_is_told_and_beyond_a_bound_invalid() {
        let late = |late_p99_ms| judge(Machine { late_p99_ms, ..QUIET });
        assert_eq!(late(50.0), Judgement::default());
        assert_eq!((late(51.0).machine.len(), late(51.0).slow_motion), (1, Some(2)));
        assert_eq!((late(999.0).invalid.len(), late(999.0).slow_motion), (0, Some(20)));
        assert_eq!((late(1_001.0).invalid.len(), late(1_001.0).slow_motion), (1, Some(30)));
    }

    #[test]
    fn a_rate_that_is_not_reached_is_told_and_beyond_a_bound_invalid() {
        let at = |reached, late_p99_ms| {
            let rate_reached = Some(reached);
            judge(Machine { rate_asked: Some(100.0), rate_reached, late_p99_ms, ..QUIET })
        };
        assert_eq!(at(95.0, 40.0), Judgement::default());
        let amber = at(94.0, 40.0);
        assert_eq!(amber.machine, ["94.0 items a second were submitted, of 100.0 asked for"]);
        assert_eq!(amber.slow_motion, Some(2));
        assert!(at(49.0, 40.0).invalid.is_empty(), "so few items that one delay did it");
        assert_eq!(at(49.0, 300.0).invalid.len(), 1);
    }

    #[test]
    fn without_links_that_take_time_nobody_mistakes_whose_it_is() {
        let none = Machine { links_take_time: false, cpu_wait_ms: Some(9.0), ..QUIET };
        assert_eq!(none.judge(Some(10.0)), Judgement::default());
    }

    #[test]
    fn what_no_slow_motion_helps_gets_no_advice() {
        let slowest = Machine { slow_motion: 1_000, late_p99_ms: 60.0, ..QUIET };
        assert_eq!((judge(slowest).machine.len(), judge(slowest).slow_motion), (1, None));
    }
}
