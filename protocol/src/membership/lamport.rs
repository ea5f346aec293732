//! Lamport clocks (Lamport 1978), which put events in an order that agrees with what their makers had seen.
//!
//! As in Serf (`serf/lamport.go`), an event has the clock's time and the clock goes on by one; whoever takes it in goes on past it.
//!
//! *Attack*: an event of the far future would leave no times for others, and make all that is on its way look old. So a time is taken
//! if it is at most [`LEAP_MAX`] ahead. A newcomer may be further behind: it sets its clock by whomever it joins, and believes that.
//! A liar that goes on leaping gains a million each time, and is stopped by the limits on events.

use crate::wire::bytes::{Encode, Malformed, Reader};

/// The latest time. It is never reached: at a million events a second it takes more than a hundred thousand years.
pub const LTIME_MAX: u64 = 1 << 62;

/// How far ahead a time may be. A guess: more events than anybody misses.
pub const LEAP_MAX: u64 = 1 << 20;

/// A time of a Lamport clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LamportTime(pub u64);

impl Encode for LamportTime {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_le_bytes());
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let time = input.u64()?;
        if time > LTIME_MAX { Err(Malformed::Meaningless("Lamport time")) } else { Ok(Self(time)) }
    }
}

/// A Lamport clock.
#[derive(Clone, Debug)]
pub struct LamportClock(LamportTime);

impl Default for LamportClock {
    /// A clock that begins: at 1, so that 0 is before everything.
    fn default() -> Self {
        Self(LamportTime(1))
    }
}

impl LamportClock {
    /// The time of the next event here.
    #[must_use]
    pub const fn time(&self) -> LamportTime {
        self.0
    }

    /// The time of an event that happens now.
    pub const fn tick(&mut self) -> LamportTime {
        let now = self.0;
        self.0 = LamportTime(if now.0 < LTIME_MAX { now.0 + 1 } else { LTIME_MAX });
        now
    }

    /// Whether a time is near enough to be taken.
    #[must_use]
    pub const fn believes(&self, time: LamportTime) -> bool {
        time.0 <= self.0.0.saturating_add(LEAP_MAX) && time.0 < LTIME_MAX
    }

    /// Goes on past a time that was seen. One that is too far ahead changes nothing. Says whether it is near enough.
    pub fn witness(&mut self, time: LamportTime) -> bool {
        let believed = self.believes(time);
        if believed {
            self.0 = self.0.max(LamportTime(time.0 + 1));
        }
        believed
    }

    /// Sets the clock by that of whomever we join, however far ahead it is.
    pub fn join(&mut self, time: LamportTime) {
        self.0 = self.0.max(LamportTime(time.0.min(LTIME_MAX)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_is_later_than_all_that_was_seen() {
        let mut clock = LamportClock::default();
        assert_eq!(clock.tick(), LamportTime(1));
        assert!(clock.witness(LamportTime(40)));
        assert!(clock.witness(LamportTime(7)));
        assert_eq!(clock.tick(), LamportTime(41));
    }

    #[test]
    fn a_leap_is_bounded_and_a_newcomers_first_is_not() {
        let mut clock = LamportClock::default();
        assert!(!clock.witness(LamportTime(LEAP_MAX + 2)));
        assert_eq!(clock.time(), LamportTime(1));
        assert!(clock.witness(LamportTime(LEAP_MAX + 1)));
        clock.join(LamportTime(u64::MAX));
        assert_eq!((clock.tick(), clock.tick()), (LamportTime(LTIME_MAX), LamportTime(LTIME_MAX)));
        assert!(!clock.witness(LamportTime(u64::MAX)));
    }
}
