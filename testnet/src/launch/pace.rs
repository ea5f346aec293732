//! How the machine kept up with a run: whether submissions left in time, and how long nodes waited for a processor. What
//! follows from that is the business of [`tidings_tools::figures::verdict`].

use std::time::Duration;

use tidings_tools::figures::statistics::Distribution;
use tidings_tools::figures::verdict::Machine;

use super::drive::Driven;
use super::items::Schedule;
use super::settings::{Links, Settings};
use super::submit::Submission;

/// The machine's part in a run.
#[must_use]
pub fn machine(settings: &Settings, driven: &Driven) -> Machine {
    let schedule = Schedule { rate: settings.manifest.workload.rate() };
    let slow_motion = settings.manifest.slow_motion.map_or(1, |slow| slow.times());
    let network_ms = |real: Duration| real.as_secs_f64() * 1e3 / f64::from(slow_motion);
    let rates = rates(schedule, driven.began_us, &driven.submissions);
    Machine {
        slow_motion,
        links_take_time: settings.links != Links::None,
        cpu_wait_ms: driven.cpu_wait.map(network_ms),
        late_p99_ms: late_ms(schedule, driven).quantile(0.99).unwrap_or(0.0).max(0.0),
        rate_asked: rates.map(|(asked, _)| asked),
        rate_reached: rates.map(|(_, reached)| reached),
    }
}

/// How late each submission left, milliseconds of the network's time; those that waited for others on purpose don't
/// count.
#[must_use]
pub fn late_ms(schedule: Schedule, driven: &Driven) -> Distribution {
    let late = timed(driven.began_us, &driven.submissions)
        .map(|(index, sent_s)| (sent_s - schedule.due(index).as_secs_f64()) * 1e3);
    Distribution::new(late.collect())
}

/// Submissions that had a time to leave at: their numbers, and when they left, seconds after the beginning.
fn timed(began_us: u64, submissions: &[Submission]) -> impl Iterator<Item = (usize, f64)> {
    let in_time = submissions.iter().enumerate().filter(|(_, record)| !record.followed);
    in_time.filter_map(move |(index, record)| {
        let (sent_us, _) = record.sent?;
        Some((index, sent_us.saturating_sub(began_us) as f64 / 1e6))
    })
}

/// Submissions a second, asked for and reached, from when the first was due to when the last left, of those that had a
/// time to leave at; `None` if there weren't two. When the first left doesn't count: whoever sleeps through the
/// schedule and then sends all at once hasn't reached a thing.
fn rates(schedule: Schedule, began_us: u64, submissions: &[Submission]) -> Option<(f64, f64)> {
    let (first, _) = timed(began_us, submissions).next()?;
    let last_s = timed(began_us, submissions).map(|(_, sent_s)| sent_s).reduce(f64::max)?;
    let later = timed(began_us, submissions).count() - 1;
    let reached = later as f64 / (last_s - schedule.due(first).as_secs_f64());
    (later > 0 && reached.is_finite()).then_some((schedule.rate, reached))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(at_us: u64, followed: bool) -> Submission {
        Submission { sent: Some((at_us, 0)), followed, ..Submission::default() }
    }

    #[test]
    fn a_rate_is_that_of_submissions_with_a_time_to_leave_at() {
        let schedule = Schedule { rate: 10.0 };
        let began_us = 7_000_000;
        let mut submissions =
            vec![sent(7_000_000, false), sent(7_200_000, false), sent(7_400_000, false)];
        assert_eq!(rates(schedule, began_us, &submissions), Some((10.0, 5.0)));
        submissions.extend([sent(90_000_000, true), Submission::default()]);
        assert_eq!(rates(schedule, began_us, &submissions), Some((10.0, 5.0)));
        assert_eq!(rates(schedule, began_us, &submissions[..1]), None);
        assert_eq!(rates(schedule, began_us, &[]), None);
    }

    #[test]
    fn a_burst_after_the_schedule_was_slept_through_has_not_reached_its_rate() {
        let submissions = [7_900_000, 7_950_000, 8_000_000].map(|at_us| sent(at_us, false));
        assert_eq!(rates(Schedule { rate: 10.0 }, 7_000_000, &submissions), Some((10.0, 2.0)));
    }
}
