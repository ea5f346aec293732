//! How often each member may make all others work: a rate of its own for each, as one moment each (the virtual scheduling form of
//! the generic cell rate algorithm, ITU-T I.371, Annex A).
//!
//! Whose rate it is, is what a message says: a liar can use up another's. What all make together has a rate, too, and a liar that speaks
//! under many members' names can use up that one: then nobody is heard for as long as it goes on. What it can't do is to make the fleet work
//! more than that.

use std::collections::BTreeMap;
use std::time::Duration;

use super::member_id::MemberId;
use crate::ground::time::Time;

/// Most members whose rates are remembered at a time. Those that have all of their burst again are forgotten first; if there is
/// nobody such, nobody else is let through. A guess.
pub(super) const REMEMBERED_MAX: usize = 1_024;

/// A rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From one to the next, in the long run.
    pub every: Duration,
    /// How many at once.
    pub burst: u32,
}

/// What each member has used up.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    /// When each has all of its burst again.
    full_at: BTreeMap<MemberId, Time>,
}

impl Rates {
    /// Takes one of a member's, if there is one.
    pub(super) fn try_take(&mut self, member: MemberId, pace: Pace, now: Time) -> bool {
        let is_new = !self.full_at.contains_key(&member);
        if is_new && self.full_at.len() >= REMEMBERED_MAX {
            self.full_at.retain(|_, full_at| *full_at > now);
            if self.full_at.len() >= REMEMBERED_MAX {
                return false;
            }
        }
        let full_at = self.full_at.get(&member).copied().unwrap_or(now).max(now) + pace.every;
        let fits = full_at - now <= pace.every.saturating_mul(pace.burst);
        if fits {
            self.full_at.insert(member, full_at);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { every: Duration::from_millis(100), burst: 5 };

    #[test]
    fn a_burst_and_then_the_rate_for_each_member_alone() {
        let mut rates = Rates::default();
        let taken = |rates: &mut Rates, member, ms| {
            (0..100)
                .filter(|_| rates.try_take(MemberId(member), PACE, Time::from_millis(ms)))
                .count()
        };
        assert_eq!(taken(&mut rates, 1, 0), 5);
        assert_eq!(taken(&mut rates, 2, 0), 5);
        assert_eq!(taken(&mut rates, 1, 250), 2);
        assert_eq!(taken(&mut rates, 1, 10_000), 5);
    }

    #[test]
    fn invented_members_take_places_for_as_long_as_a_burst_lasts() {
        let mut rates = Rates::default();
        let now = Time::from_millis(1);
        let let_through =
            (0..2_000).filter(|one| rates.try_take(MemberId(*one), PACE, now)).count();
        assert_eq!(let_through, REMEMBERED_MAX);
        assert!(!rates.try_take(MemberId(9_999), PACE, now));
        assert!(rates.try_take(MemberId(9_999), PACE, now + PACE.every));
    }
}
