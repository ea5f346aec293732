//! Times when nobody drove the core: the machine was suspended, the process was stopped, or others had the processor.
//!
//! Afterwards everything is due at once: pings seem unanswered and requests expired, though the answers may lie in the
//! sockets. So after an absence the core isn't woken for [`CATCH_UP`], in which the connections read what has come, and
//! it is handed in.

use std::time::Duration;

use tokio::time::Instant;

/// A loop that is so late was absent. A guess: far longer than any turn.
const ABSENT: Duration = Duration::from_secs(1);

/// For how long only inputs are taken after an absence. A guess: reading takes microseconds, but each connection has
/// to have its turn.
const CATCH_UP: Duration = Duration::from_millis(250);

/// The watch over absences.
#[derive(Debug, Default)]
pub(super) struct Absence {
    /// Until when the core isn't woken.
    until: Option<Instant>,
}

impl Absence {
    /// The loop goes on, which it should have done by `due`, or at once if that was past when it last did anything, at
    /// `before`: what is due at once may be so since the beginning of time. Returns for how long it was absent, if it was.
    pub(super) fn look(&mut self, due: Instant, before: Instant, now: Instant) -> Option<Duration> {
        if let Some(until) = self.until {
            // A loop that is late again and again mustn't keep the core asleep for ever.
            if now >= until {
                self.until = None;
            }
            return None;
        }
        let late = now.saturating_duration_since(due.max(before));
        if late < ABSENT {
            return None;
        }
        self.until = Some(now + CATCH_UP);
        Some(late)
    }

    /// Whether the core isn't to be woken yet.
    pub(super) const fn holds(&self) -> bool {
        self.until.is_some()
    }

    /// A deadline of the core's, or when it may be woken.
    pub(super) fn not_before(&self, deadline: Instant) -> Instant {
        self.until.map_or(deadline, |until| deadline.max(until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_an_absence_what_has_come_is_taken_before_the_core_is_woken() {
        let (mut absence, due) = (Absence::default(), Instant::now());
        let back = due + Duration::from_secs(3_600);
        assert_eq!(absence.look(due, due, back), Some(Duration::from_secs(3_600)));
        assert!(absence.holds());
        let awake = absence.not_before(due);
        assert_eq!(awake, back + CATCH_UP);
        // Inputs come in the meantime, and hold up nothing.
        assert_eq!(absence.look(awake, back, back + CATCH_UP / 2), None);
        assert!(absence.holds());
        assert_eq!(absence.look(awake, back, awake), None);
        assert!(!absence.holds());
        assert_eq!(absence.not_before(due), due);
    }

    #[test]
    fn what_is_due_at_once_since_the_beginning_of_time_is_no_absence() {
        let (mut absence, beginning) = (Absence::default(), Instant::now());
        let before = beginning + Duration::from_secs(3_600);
        assert_eq!(absence.look(beginning, before, before + ABSENT / 2), None);
        assert!(!absence.holds());
        assert!(absence.look(beginning, before, before + ABSENT).is_some());
    }

    #[test]
    fn a_loop_that_is_always_late_wakes_the_core_every_other_time() {
        let (mut absence, mut now, mut held) = (Absence::default(), Instant::now(), 0);
        for _ in 0..100 {
            let due = now;
            now += Duration::from_secs(10);
            absence.look(due, due, now);
            held += u32::from(absence.holds());
        }
        assert_eq!(held, 50);
    }

    #[test]
    fn a_loop_that_is_a_little_late_was_not_absent() {
        let (mut absence, due) = (Absence::default(), Instant::now());
        assert_eq!(absence.look(due, due, due + ABSENT / 2), None);
        assert!(!absence.holds());
        assert_eq!(absence.look(due + ABSENT, due, due), None, "woken by an input");
    }
}
