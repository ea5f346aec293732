//! What is done with each fleet, and for how long.

use std::time::Duration;

/// How many members die, and at least so many are left.
const LEFT_MIN: usize = 2;

/// What is done with each fleet, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// How many members.
    pub(super) members: usize,
    /// How long they have after all see all, before anything is counted.
    pub(super) settle: Duration,
    /// How long they are watched while nothing happens: an exchange of all that is known comes every half minute, in both.
    pub(super) idle: Duration,
    /// How many events are fired, each by a member that is drawn.
    pub(super) events: usize,
    /// From one event to the next, and how long each is waited for.
    pub(super) event_every: Duration,
    /// How many are killed one by one, and then how many at once.
    pub(super) kills: usize,
    pub(super) kills_at_once: usize,
    /// From when a death is known to all to the next.
    pub(super) kill_gap: Duration,
    /// How long a death is waited for.
    pub(super) kill_patience: Duration,
    /// For how many seconds one is paused, in turns.
    pub(super) pauses: &'static [u64],
    /// How long it has to come back.
    pub(super) recovery: Duration,
}

impl Plan {
    /// As it is measured.
    pub(super) const fn full(members: usize) -> Self {
        Self {
            members,
            settle: Duration::from_secs(12),
            idle: Duration::from_secs(30),
            events: 40,
            event_every: Duration::from_secs(2),
            kills: 5,
            kills_at_once: 2,
            kill_gap: Duration::from_secs(3),
            kill_patience: Duration::from_secs(60),
            pauses: &[3, 8],
            recovery: Duration::from_secs(12),
        }
    }

    /// For a look in passing.
    pub(super) const fn quick(members: usize) -> Self {
        Self {
            settle: Duration::from_millis(500),
            idle: Duration::from_secs(1),
            events: 3,
            event_every: Duration::from_millis(300),
            kills: 1,
            kills_at_once: 0,
            kill_gap: Duration::ZERO,
            pauses: &[],
            recovery: Duration::ZERO,
            ..Self::full(members)
        }
    }

    /// Fewest members that it can be done with: of those killed, enough must be left to say so.
    pub(super) const fn members_min(&self) -> usize {
        self.kills + self.kills_at_once + LEFT_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_left_to_see_the_last_death() {
        assert_eq!((Plan::full(20).members_min(), Plan::quick(20).members_min()), (9, 3));
    }
}
