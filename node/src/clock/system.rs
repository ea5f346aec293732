//! The system's clock, which shows Unix time, rightly or wrongly.
//!
//! It may be years off when a node starts (no battery, no network yet), and may be set at any moment. So nothing that
//! a node decides hangs on it: what waits or expires is measured by clocks that only go on. It stamps what people
//! read, it tells nodes of one machine apart in time, and it is watched, so that whoever reads the stamps is told.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

/// How far the clock may go back between two runs without being called wrong. A guess: more than any network
/// time daemon corrects a clock that is right.
const BEHIND_MAX: Duration = Duration::from_secs(60);

/// How long nobody leaves a node off: if the clock says so, it is more likely wrong. A guess.
const AHEAD_MAX: Duration = Duration::from_secs(366 * 24 * 3_600);

/// 1 January 2026, seconds of Unix time: no node ran before.
const FIRST_S: u64 = 1_767_225_600;

/// A change that counts as a step at least. A guess, between what two readings of a busy machine differ by and what a
/// figure in milliseconds can bear.
const STEP_MIN: Duration = Duration::from_millis(20);

/// A clock is slewed, and not stepped, by at most one part in so many: chrony's `maxslewrate` is 83,333 ppm when it
/// starts, and the kernel's own limit 500 ppm (adjtimex(2)). A guess between the two.
const SLEW: u32 = 500;

/// How often a pair of clocks is read for the best reading of it.
const TRIES: usize = 5;

/// The system's clock, or in a lab one that is wrong. Copies are the same clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock {
    /// By how much it is wrong, seconds; `None`: not at all, and for ever. It lives as long as the process, as nodes do.
    ahead_s: Option<&'static AtomicI64>,
}

impl SystemClock {
    /// The system's clock as it would be with such an error, seconds. It takes eight bytes that are never given back.
    #[must_use]
    pub fn ahead(ahead_s: i64) -> Self {
        Self { ahead_s: Some(Box::leak(Box::new(AtomicI64::new(ahead_s)))) }
    }

    /// Makes the error another one, as if somebody set the machine's clock; nothing if it is the system's own.
    pub fn set_ahead(self, ahead_s: i64) {
        if let Some(place) = self.ahead_s {
            place.store(ahead_s, Ordering::Relaxed);
        }
    }

    /// What it shows, microseconds of Unix time.
    #[must_use]
    pub fn unix_us(self) -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let real = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        let ahead_s = self.ahead_s.map_or(0, |place| place.load(Ordering::Relaxed));
        real.saturating_add_signed(ahead_s.saturating_mul(1_000_000))
    }

    /// What it shows, and the moment of that: a busy machine may take the processor away between the two, so they are
    /// read again if they are far apart.
    pub(super) fn now(self) -> (Instant, u64) {
        let readings = (0..TRIES).map(|_| {
            let (before, unix_us) = (Instant::now(), self.unix_us());
            (before.elapsed(), (before, unix_us))
        });
        readings.min_by_key(|(blur, _)| *blur).expect("there is more than one try").1
    }

    /// What it shows, seconds of Unix time.
    #[must_use]
    pub fn unix_s(self) -> u64 {
        self.unix_us() / 1_000_000
    }
}

/// Why what the clock shows can't be right, if it can't: `before_s` is what it showed when the node last ran.
pub(crate) fn doubt(now_s: u64, before_s: Option<u64>) -> Option<String> {
    if now_s < FIRST_S {
        return Some("it shows a time before 2026, when there were no such nodes".to_owned());
    }
    let before_s = before_s?;
    let behind = Duration::from_secs(before_s.saturating_sub(now_s));
    let ahead = Duration::from_secs(now_s.saturating_sub(before_s));
    let (off, which) = if behind > BEHIND_MAX {
        (Roughly(behind), "behind")
    } else if ahead > AHEAD_MAX {
        (Roughly(ahead), "ahead of")
    } else {
        return None;
    };
    Some(format!("it is {off} {which} what it showed when this node last ran"))
}

/// A duration for people, in its largest unit.
struct Roughly(Duration);

impl fmt::Display for Roughly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.0.as_secs();
        match s {
            0..7_200 => write!(f, "{s} s"),
            7_200..172_800 => write!(f, "{} hours", s / 3_600),
            _ => write!(f, "{} days", s / 86_400),
        }
    }
}

/// Whether two readings of Unix time that should be one differ by more than a busy machine explains.
pub(super) fn differs(by_us: i64) -> bool {
    u128::from(by_us.unsigned_abs()) > STEP_MIN.as_micros()
}

/// By how much the system's clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Microseconds; less than 0 if it was set back.
    pub by_us: i64,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+.3} s", self.by_us as f64 / 1e6)
    }
}

/// Notices when the system's clock is set, by a clock that only goes on, while the machine is suspended too.
#[derive(Debug)]
pub struct ClockWatch {
    clock: SystemClock,
    last: Reading,
}

/// Both clocks at about one moment.
#[derive(Clone, Copy, Debug)]
struct Reading {
    unix_us: u64,
    /// Since the machine was started.
    steady: Duration,
    /// How far apart the two may have been read.
    blur: Duration,
}

impl ClockWatch {
    /// Watches a clock from now on.
    #[must_use]
    pub fn start(clock: SystemClock) -> Self {
        Self { clock, last: Reading::take(clock) }
    }

    /// The step since the last look, if there was one.
    pub fn look(&mut self) -> Option<Step> {
        let before = std::mem::replace(&mut self.last, Reading::take(self.clock));
        before.step_to(&self.last)
    }
}

impl Reading {
    /// Reads one clock between two readings of the other, and again if something came between: a busy machine may
    /// take the processor away for long.
    fn take(clock: SystemClock) -> Self {
        let readings = (0..TRIES).map(|_| {
            let (before, unix_us) = (steady(), clock.unix_us());
            Self { unix_us, steady: before, blur: steady() - before }
        });
        let best = readings.min_by_key(|reading| reading.blur);
        best.expect("there is more than one try")
    }

    /// The step between two readings: what one clock went on more than the other, if that is more than slewing and
    /// blurred readings explain.
    fn step_to(&self, later: &Self) -> Option<Step> {
        let passed = later.steady.saturating_sub(self.steady);
        let passed_us = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
        let by_us =
            later.unix_us.wrapping_sub(self.unix_us).cast_signed().saturating_sub(passed_us);
        let explained = STEP_MIN + passed / SLEW + self.blur + later.blur;
        (u128::from(by_us.unsigned_abs()) > explained.as_micros()).then_some(Step { by_us })
    }
}

/// Time since the machine was started.
fn steady() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::try_from(now).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR_S: u64 = 365 * 86_400;

    #[test]
    fn a_clock_that_is_years_off_is_doubted_in_either_direction() {
        let right = FIRST_S + YEAR_S;
        assert_eq!(doubt(right, None), None);
        assert_eq!(doubt(right, Some(right - YEAR_S)), None, "it may have been off that long");
        assert_eq!(doubt(right, Some(right + 60)), None);
        let doubts = [(0, None), (right, Some(right + 7_200)), (right + 10 * YEAR_S, Some(right))];
        let doubts = doubts.map(|(now_s, before_s)| doubt(now_s, before_s).unwrap());
        assert!(doubts[0].contains("before 2026"), "{doubts:?}");
        assert!(doubts[1].contains("2 hours behind"), "{doubts:?}");
        assert!(doubts[2].contains("3650 days ahead"), "{doubts:?}");
    }

    #[test]
    fn a_step_is_noticed_and_slewing_is_not() {
        let reading = |unix_ms: u64, steady_ms| Reading {
            unix_us: unix_ms * 1_000,
            steady: Duration::from_millis(steady_ms),
            blur: Duration::ZERO,
        };
        let before = reading(1_000_000, 5_000);
        let step_to = |unix_ms, steady_ms| before.step_to(&reading(unix_ms, steady_ms));
        assert_eq!(step_to(1_001_000, 6_000), None);
        assert_eq!(step_to(1_000_995, 6_000), None, "slewed");
        assert_eq!(step_to(4_601_000, 6_000), Some(Step { by_us: 3_600_000_000 }));
        assert_eq!(step_to(1_000, 6_000), Some(Step { by_us: -1_000_000_000 }));
        assert_eq!(step_to(1_000_950, 6_000).unwrap().to_string(), "-0.050 s");
        let blurred = Reading { blur: Duration::from_millis(50), ..reading(1_000_950, 6_000) };
        assert_eq!(before.step_to(&blurred), None, "read too far apart to tell");
    }

    #[test]
    fn a_clock_that_nobody_sets_takes_no_step() {
        let mut watch = ClockWatch::start(SystemClock::default());
        assert_eq!(watch.look(), None);
    }

    #[test]
    fn a_clock_that_is_set_by_a_day_and_back_takes_two_steps() {
        let clock = SystemClock::ahead(0);
        let mut watch = ClockWatch::start(clock);
        for ahead_s in [86_400, 0, -86_400] {
            clock.set_ahead(ahead_s);
            let by_us = watch.look().expect("it was set").by_us;
            let expected = if ahead_s > 0 { 86_400_000_000 } else { -86_400_000_000_i64 };
            assert!((by_us - expected).abs() < 60_000_000, "{by_us}");
            assert_eq!(watch.look(), None, "said once");
        }
    }

    #[test]
    fn a_lab_has_clocks_that_are_wrong() {
        let right = SystemClock::default().unix_s();
        let ahead = SystemClock::ahead(100 * 365 * 86_400).unix_s() - right;
        assert!((100 * YEAR_S..100 * YEAR_S + 60).contains(&ahead), "{ahead}");
        assert_eq!(SystemClock::ahead(i64::MIN).unix_s(), 0);
    }
}
