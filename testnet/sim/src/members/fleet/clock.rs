//! A member's clocks, which may be wrong: the one that its timers go by, and the system's.

use std::time::Duration;

use tidings_protocol::ground::time::Time;

/// What time it is when a fleet begins, seconds since 1970. Any would do: no member is told the date.
const EPOCH: i64 = 1_800_000_000;

/// Millionths in one.
const MILLION: i64 = 1_000_000;

/// Most that a clock goes too fast or too slowly, millionths: by a tenth. Quartz is good for 100.
pub const DRIFT_MAX: i32 = 100_000;

/// The clocks of one member.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    /// By how much its seconds are too short, in millionths.
    drift: i32,
    /// By how much the system's clock was set wrongly, seconds.
    offset_s: i64,
    /// Since when that is so, and what its timers went by showed then.
    since: Time,
    showed: Time,
}

impl Clock {
    /// Goes wrong from now on. What timers go by never jumps.
    pub(super) fn set(&mut self, now: Time, drift: i32, offset_s: i64) {
        assert!(drift.abs() <= DRIFT_MAX, "a clock of quartz");
        *self = Self { drift, offset_s, since: now, showed: self.timers(now) };
    }

    /// What timers go by, at a moment.
    pub(super) fn timers(&self, now: Time) -> Time {
        self.showed + scale(now.since(self.since), MILLION + i64::from(self.drift), MILLION)
    }

    /// The first moment at which timers go by no earlier a time.
    pub(super) fn moment(&self, timers: Time) -> Time {
        if timers == Time::NEVER {
            return timers;
        }
        self.since + scale_up(timers.since(self.showed), MILLION, MILLION + i64::from(self.drift))
    }

    /// The system's clock, seconds since 1970.
    pub(super) fn wall(&self, now: Time) -> u32 {
        let passed = i64::try_from(self.timers(now).as_nanos() / 1_000_000_000).unwrap_or(i64::MAX);
        let wall = EPOCH.saturating_add(self.offset_s).saturating_add(passed);
        u32::try_from(wall.max(0)).unwrap_or(u32::MAX)
    }
}

fn scale(span: Duration, by: i64, of: i64) -> Duration {
    nanos(span.as_nanos() * wide(by) / wide(of))
}

fn scale_up(span: Duration, by: i64, of: i64) -> Duration {
    nanos((span.as_nanos() * wide(by)).div_ceil(wide(of)))
}

fn wide(number: i64) -> u128 {
    u128::try_from(number).expect("a drift is less than one")
}

fn nanos(number: u128) -> Duration {
    Duration::from_nanos(u64::try_from(number).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_right_shows_the_time() {
        let clock = Clock::default();
        for nanos in [0, 1, 999_999_999, u64::MAX / 4] {
            let at = Time::from_nanos(nanos);
            assert_eq!((clock.timers(at), clock.moment(at)), (at, at));
        }
        assert_eq!(clock.moment(Time::NEVER), Time::NEVER);
        assert_eq!(clock.wall(Time::from_millis(5_999)), 1_800_000_005);
    }

    #[test]
    fn timers_of_a_wrong_clock_are_due_at_the_first_moment_at_which_it_shows_their_time() {
        for drift in [-DRIFT_MAX, -333, 1, 20_000, DRIFT_MAX] {
            let mut clock = Clock::default();
            clock.set(Time::from_millis(7_000), drift, 0);
            for nanos in [7_000_000_010, 7_000_000_011, 7_123_456_789, 90_000_000_000] {
                let at = clock.moment(Time::from_nanos(nanos));
                assert!(clock.timers(at) >= Time::from_nanos(nanos), "{drift}, {nanos}");
                let before = Time::from_nanos(at.as_nanos() - 1);
                assert!(clock.timers(before) < Time::from_nanos(nanos), "{drift}, {nanos}");
            }
        }
    }

    #[test]
    fn setting_a_clock_moves_the_date_and_no_timer() {
        let mut clock = Clock::default();
        clock.set(Time::from_millis(1_000), 100_000, 3_600);
        let at = Time::from_millis(11_000);
        assert_eq!(clock.timers(at), Time::from_millis(12_000));
        clock.set(at, 0, -3_600);
        assert_eq!(clock.timers(at), Time::from_millis(12_000));
        assert_eq!(clock.wall(at), 1_800_000_012 - 3_600);
    }
}
