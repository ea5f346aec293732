//! What was seen lately, by Lamport time: so that what comes twice is known again.

use super::lamport::LamportTime;

/// How many times back something is remembered. Serf's `EventBuffer` and `QueryBuffer`.
pub(super) const REMEMBERED: usize = 512;

/// How many things of one time are remembered. A guess: concurrent ones are few. More of one time aren't taken.
pub(super) const AT_ONCE: usize = 16;

/// What is known of something that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    New,
    Before,
    /// So long ago that it can't be told.
    TooOld,
    /// There is no place at its time.
    Full,
}

/// What was seen lately, by Lamport time: at most [`AT_ONCE`] of each of the latest [`REMEMBERED`] times, 64 KiB of
/// numbers. *Attack*: a flood under one time fills that time's places and no other's; under many, it moves the window on, and what comes
/// later than [`REMEMBERED`] events isn't taken. Rates are limited where things are made and taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The time of each place, and what was seen at it. Times are told apart by their remainders.
    slots: Vec<(LamportTime, Vec<u64>)>,
    /// What is earlier was before we joined.
    first: LamportTime,
}

impl Seen {
    /// Whether something was seen; `now` is the clock's time.
    pub(super) fn known(&self, time: LamportTime, id: u64, now: LamportTime) -> Known {
        if time < self.first || time.0.saturating_add(REMEMBERED as u64) < now.0 {
            return Known::TooOld;
        }
        match self.slots.get(slot(time)) {
            Some((held, _)) if *held > time => Known::TooOld,
            Some((held, ids)) if *held == time && ids.contains(&id) => Known::Before,
            Some((held, ids)) if *held == time && ids.len() >= AT_ONCE => Known::Full,
            _ => Known::New,
        }
    }

    /// Notes what was [new](Known::New).
    pub(super) fn note(&mut self, time: LamportTime, id: u64) {
        if self.slots.is_empty() {
            self.slots = vec![(LamportTime(0), Vec::new()); REMEMBERED];
        }
        let (held, ids) = &mut self.slots[slot(time)];
        if *held != time {
            *held = time;
            ids.clear();
        }
        if ids.len() < AT_ONCE {
            ids.push(id);
        }
    }

    /// Takes nothing that is earlier than this: a newcomer's past isn't its own.
    pub(super) fn begin_at(&mut self, first: LamportTime) {
        self.first = self.first.max(first);
    }
}

fn slot(time: LamportTime) -> usize {
    usize::try_from(time.0 % REMEMBERED as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_seen_is_known_until_it_is_too_old() {
        let (mut seen, now) = (Seen::default(), LamportTime(600));
        assert_eq!(seen.known(LamportTime(100), 1, LamportTime(612)), Known::New);
        assert_eq!(seen.known(LamportTime(100), 1, LamportTime(613)), Known::TooOld);
        seen.note(LamportTime(100), 1);
        assert_eq!(seen.known(LamportTime(100), 1, now), Known::Before);
        assert_eq!(seen.known(LamportTime(100), 2, now), Known::New);
        // 612 has the same place: what is older has none any more.
        seen.note(LamportTime(612), 3);
        assert_eq!(seen.known(LamportTime(100), 1, now), Known::TooOld);
        seen.begin_at(LamportTime(590));
        assert_eq!(seen.known(LamportTime(589), 9, now), Known::TooOld);
    }

    #[test]
    fn a_flood_under_one_time_takes_that_times_places() {
        let (mut seen, now) = (Seen::default(), LamportTime(5));
        (0..1_000).for_each(|id| seen.note(LamportTime(4), id));
        assert_eq!(seen.known(LamportTime(4), 5_000, now), Known::Full);
        assert_eq!(seen.known(LamportTime(4), 0, now), Known::Before);
        assert_eq!(seen.known(LamportTime(3), 5_000, now), Known::New);
    }

    proptest! {
        /// Against a list of all that was noted: what is known is never new, and what is new was never noted, or is too old.
        #[test]
        fn it_agrees_with_a_list(steps in prop::collection::vec((0_u64..2_000, 0_u64..3), 1..400)) {
            let (mut seen, mut list, mut now) = (Seen::default(), Vec::new(), 1);
            for (ahead, id) in steps {
                // Around the clock's time, before and after it.
                let time = (now + ahead / 50).saturating_sub(ahead % 700);
                let known = seen.known(LamportTime(time), id, LamportTime(now));
                match known {
                    Known::Before => prop_assert!(list.contains(&(time, id))),
                    Known::New => prop_assert!(!list.contains(&(time, id))),
                    Known::TooOld => prop_assert!(time + (REMEMBERED as u64) <= now),
                    Known::Full => prop_assert!(false, "three at once"),
                }
                if known == Known::New {
                    seen.note(LamportTime(time), id);
                    list.push((time, id));
                    now = now.max(time + 1);
                }
            }
        }
    }
}
