//! The round timer of the strategies that have rounds.
//!
//! Each node begins at a random phase, so that the load is even and no two nodes stay in step. A node
//! that has nothing to do in its rounds stops them, and sleeps.

use std::time::Duration;

use rand::RngExt as _;

use super::RelayCx;
use crate::ground::time::Time;
use crate::params::RelayParams;

/// The rounds of one node.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    next: Time,
}

impl Default for Rounds {
    fn default() -> Self {
        Self { next: Time::NEVER }
    }
}

impl Rounds {
    /// Starts them, at a random phase, if they don't run.
    pub fn start(&mut self, cx: &mut RelayCx<'_>) {
        if self.next == Time::NEVER {
            let round = nanos(cx.params);
            self.next = cx.now + Duration::from_nanos(cx.rng.random_range(0..round.max(1)));
        }
    }

    /// Stops them.
    pub const fn stop(&mut self) {
        self.next = Time::NEVER;
    }

    /// Whether a round begins. Rounds that were slept through are left out.
    pub fn begins(&mut self, cx: &RelayCx<'_>) -> bool {
        if cx.now < self.next {
            return false;
        }
        let round = nanos(cx.params).max(1);
        let late = cx.now.as_nanos() - self.next.as_nanos();
        self.next = self.next + Duration::from_nanos((late / round + 1) * round);
        true
    }

    /// When the next round begins.
    #[must_use]
    pub const fn deadline(&self) -> Time {
        self.next
    }

    /// When the present round began; while they don't run, never.
    #[must_use]
    pub const fn began(&self, params: &RelayParams) -> Time {
        if self.next.as_nanos() == Time::NEVER.as_nanos() {
            return Time::NEVER;
        }
        Time::from_nanos(self.next.as_nanos().saturating_sub(nanos(params)))
    }
}

const fn nanos(params: &RelayParams) -> u64 {
    params.round_ms.saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::fake::Fake;

    #[test]
    fn rounds_begin_at_a_random_phase_and_keep_it() {
        let mut fake = Fake::new(1);
        fake.params.round_ms = 100;
        let mut phases = Vec::new();
        for _ in 0..50 {
            let mut rounds = Rounds::default();
            fake.ask(|cx| rounds.start(cx));
            let first = rounds.deadline();
            assert!(first < Time::from_millis(100));
            phases.push(first);
            fake.now = first;
            fake.ask(|cx| assert!(rounds.begins(cx)));
            assert_eq!(rounds.deadline(), first + Duration::from_millis(100));
            assert_eq!(rounds.began(&fake.params), first);
            fake.now = Time::ZERO;
        }
        phases.sort_unstable();
        assert!(phases[0] < Time::from_millis(30) && phases[49] > Time::from_millis(70));
    }

    #[test]
    fn rounds_slept_through_are_left_out() {
        let mut fake = Fake::new(1);
        fake.params.round_ms = 100;
        let mut rounds = Rounds::default();
        fake.ask(|cx| rounds.start(cx));
        let first = rounds.deadline();
        fake.now = first + Duration::from_millis(730);
        fake.ask(|cx| {
            assert!(rounds.begins(cx));
            assert!(!rounds.begins(cx));
        });
        assert_eq!(rounds.deadline(), first + Duration::from_millis(800));
    }
}
