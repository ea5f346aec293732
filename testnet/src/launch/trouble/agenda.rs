//! What is to happen next, by time since the first submission.

use std::collections::BTreeMap;
use std::time::Duration;

use tidings_sim::fault::FaultSpec;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A fault ends: before others begin.
    End(usize),
    /// A node comes back.
    Restart(usize),
    /// A fault begins.
    Begin(usize),
    /// Of a churn, a node crashes.
    Crash(usize, usize),
}

/// All that is due.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    due: BTreeMap<(Duration, Due), ()>,
    /// By fault, when it ends, if it does.
    ends: Vec<Option<Duration>>,
}

impl Agenda {
    /// The begin and end of each fault. A churn without an end ends with the `last` submission.
    pub(super) fn of(specs: &[FaultSpec], last: Duration) -> Self {
        let mut agenda = Self::default();
        for (fault, spec) in specs.iter().enumerate() {
            let (at_s, for_s) = spec.window();
            let at = seconds(at_s);
            agenda.add(at, Due::Begin(fault));
            let end = match spec {
                FaultSpec::Crash { .. } | FaultSpec::Liar { .. } => None,
                FaultSpec::Churn { .. } => Some(for_s.map_or(last, |for_s| at + seconds(for_s))),
                _ => for_s.map(|for_s| at + seconds(for_s)),
            };
            if let Some(end) = end {
                agenda.add(end, Due::End(fault));
            }
            agenda.ends.push(end);
        }
        agenda
    }

    /// The next thing, and when it is due.
    pub(super) fn next(&mut self) -> Option<(Duration, Due)> {
        self.due.pop_first().map(|(due, ())| due)
    }

    pub(super) fn add(&mut self, at: Duration, due: Due) {
        self.due.insert((at, due), ());
    }

    /// Adds what happens only while its fault lasts.
    pub(super) fn add_before_end(&mut self, fault: usize, at: Duration, due: Due) {
        if self.ends[fault].is_none_or(|end| at < end) {
            self.add(at, due);
        }
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_begin_and_end_in_the_order_of_time() {
        let pause = FaultSpec::Pause { share: 0.5, nodes: vec![], at_s: 2.0, for_s: 3.0 };
        let loss = FaultSpec::Loss { share: 0.5, at_s: 1.0, for_s: None };
        let churn = FaultSpec::Churn { per_minute: 0.5, away_s: 1.0, at_s: 5.0, for_s: None };
        let mut agenda = Agenda::of(&[pause, loss, churn], Duration::from_secs(9));
        agenda.add_before_end(2, Duration::from_secs(10), Due::Crash(2, 0));
        agenda.add_before_end(1, Duration::from_secs(10), Due::Restart(7));
        let all: Vec<_> =
            std::iter::from_fn(|| agenda.next()).map(|(at, due)| (at.as_secs(), due)).collect();
        let expected = [
            (1, Due::Begin(1)),
            (2, Due::Begin(0)),
            (5, Due::End(0)),
            (5, Due::Begin(2)),
            (9, Due::End(2)),
            (10, Due::Restart(7)),
        ];
        assert_eq!(all, expected);
    }
}
