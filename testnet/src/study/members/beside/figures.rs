//! What a fleet came to, and what several rounds of it come to together.

use serde::Serialize;

use crate::study::table::mean;

/// What one fleet came to in one round.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Measured {
    /// Whose fleet, and by which settings.
    pub(super) contender: String,
    /// Which round, from 1.
    pub(super) round: usize,
    /// How many members.
    pub(super) members: usize,
    /// From the first that was told to join until all saw all, seconds.
    pub(super) join_s: f64,
    pub(super) idle: Idle,
    pub(super) memory: Memory,
    pub(super) events: Events,
    pub(super) deaths: Vec<Death>,
    pub(super) pauses: Vec<Pause>,
    /// How often anybody took a member for dead that lived and wasn't paused.
    pub(super) wrong: usize,
    /// CPU time of a member from its start to its end, seconds.
    pub(super) cpu_s: f64,
}

/// What a member sends and uses while nothing happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Idle {
    /// For how long it was watched.
    pub(super) seconds: f64,
    pub(super) datagrams_per_s: f64,
    /// With all headers, and what goes over TCP.
    pub(super) bytes_per_s: f64,
    pub(super) cpu_percent: f64,
}

/// What a member holds when it has been idle: medians, MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Memory {
    pub(super) rss_mib: f64,
    pub(super) pss_mib: f64,
    pub(super) private_mib: f64,
    /// Resident memory of the same process without membership.
    pub(super) rss_without_mib: Option<f64>,
}

/// What became of events.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Events {
    /// How many there were.
    pub(super) fired: usize,
    /// How many didn't reach all others within `within_s`.
    pub(super) missed: usize,
    /// How long they were waited for, seconds.
    pub(super) within_s: f64,
    /// By event and member but the one that fired it, milliseconds.
    pub(super) latencies_ms: Vec<f64>,
    /// By event, when the last that it reached had it, milliseconds.
    pub(super) last_ms: Vec<f64>,
    /// Datagrams that a member sent for one, beyond those that it sends anyway.
    pub(super) datagrams_each: f64,
}

/// When a death was seen. `None` is never, as long as it was waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Death {
    /// How many died at once.
    pub(super) at_once: usize,
    /// When the first member knew, seconds.
    pub(super) first_s: Option<f64>,
    /// When all did.
    pub(super) all_s: Option<f64>,
    /// When the first told it to the programs that listen to it.
    pub(super) told_s: Option<f64>,
}

/// What others made of a member that stood still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Pause {
    /// For how long, seconds.
    pub(super) seconds: u64,
    /// How many took it for dead.
    pub(super) declared_by: usize,
    /// Of how many.
    pub(super) of: usize,
    /// How often anybody, itself too, took another one for dead.
    pub(super) others: usize,
    /// Whether all saw all alive in the end.
    pub(super) is_back: bool,
}

/// All rounds of one contender.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rounds<'a> {
    pub(super) contender: &'a str,
    pub(super) rounds: Vec<&'a Measured>,
}

impl<'a> Rounds<'a> {
    /// By contender, in the order in which they came.
    pub(super) fn of(all: &'a [Measured]) -> Vec<Self> {
        let mut sorted: Vec<Self> = Vec::new();
        for one in all {
            match sorted.iter_mut().find(|rounds| rounds.contender == one.contender) {
                Some(rounds) => rounds.rounds.push(one),
                None => sorted.push(Self { contender: &one.contender, rounds: vec![one] }),
            }
        }
        sorted
    }

    /// The mean of a figure over the rounds.
    pub(super) fn mean(&self, figure: impl Fn(&Measured) -> f64) -> f64 {
        mean(&self.rounds.iter().map(|one| figure(one)).collect::<Vec<_>>())
    }

    /// All of a list of figures, of all rounds.
    pub(super) fn all<T: Copy>(&self, figures: impl Fn(&Measured) -> &[T]) -> Vec<T> {
        self.rounds.iter().flat_map(|one| figures(one).iter().copied()).collect()
    }

    /// Deaths of one at a time, or of several at once.
    pub(super) fn deaths(&self, alone: bool) -> Vec<Death> {
        let all = self.all(|one| &one.deaths);
        all.into_iter().filter(|death| (death.at_once == 1) == alone).collect()
    }

    /// What membership takes of the resident memory, MiB; `None` where it can't be told from the rest.
    pub(super) fn membership_mib(&self) -> Option<f64> {
        let without: Option<Vec<f64>> =
            self.rounds.iter().map(|one| one.memory.rss_without_mib).collect();
        Some(self.mean(|one| one.memory.rss_mib) - mean(&without?))
    }
}

/// What a share of some numbers isn't above; `None` of none. With a share of a half their median, and with one the longest.
pub(super) fn quantile(numbers: &[f64], share: f64) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let at =
        sorted.iter().enumerate().find(|(at, _)| (at + 1) as f64 >= share * sorted.len() as f64);
    at.map(|(_, number)| *number)
}

/// The mean and the longest of some times; `None` if one of them never came, or there are none.
pub(super) fn mean_and_longest(times: impl Iterator<Item = Option<f64>>) -> Option<(f64, f64)> {
    let times: Vec<f64> = times.collect::<Option<_>>()?;
    Some((mean(&times), quantile(&times, 1.0)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numbers_that_were_measured() {
        let numbers: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let at = |share| quantile(&numbers, share);
        assert_eq!((at(0.5), at(0.99), at(1.0)), (Some(50.0), Some(99.0), Some(100.0)));
        assert_eq!(quantile(&[7.0], 0.5), Some(7.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn a_time_that_never_came_leaves_no_mean() {
        assert_eq!(mean_and_longest([Some(2.0), Some(4.0)].into_iter()), Some((3.0, 4.0)));
        assert_eq!(mean_and_longest([Some(2.0), None].into_iter()), None);
        assert_eq!(mean_and_longest([].into_iter()), None);
    }

    #[test]
    fn rounds_of_a_contender_come_together() {
        let one = |contender: &str, join_s| Measured {
            contender: contender.to_owned(),
            join_s,
            deaths: vec![
                Death { at_once: 1, ..Death::default() },
                Death { at_once: 2, ..Death::default() },
            ],
            memory: Memory {
                rss_mib: 3.0,
                rss_without_mib: (join_s < 3.0).then_some(1.0),
                ..Memory::default()
            },
            ..Measured::default()
        };
        let all = [one("a", 1.0), one("b", 5.0), one("a", 2.0)];
        let rounds = Rounds::of(&all);
        assert_eq!(rounds.iter().map(|of| of.contender).collect::<Vec<_>>(), ["a", "b"]);
        assert!((rounds[0].mean(|one| one.join_s) - 1.5).abs() < 1e-9);
        assert_eq!((rounds[0].deaths(true).len(), rounds[1].deaths(false).len()), (2, 1));
        assert_eq!((rounds[0].membership_mib(), rounds[1].membership_mib()), (Some(2.0), None));
    }
}
