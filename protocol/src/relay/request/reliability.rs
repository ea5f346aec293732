//! How far a peer can be relied on to deliver what it announces.
//!
//! A peer that lets a request run out is in debt, and is a *staller* until it has paid by deliveries: one after
//! the first strike, and twice as many after each further one, even if it has paid in between. So an
//! attacker can't stall every other item. All requests that run out within one timeout are one strike: a
//! short outage isn't worse the more was asked.

use std::time::Duration;

use crate::ground::time::Time;

/// Strikes that count: after six of them a peer owes 32 deliveries. A guess.
const STRIKES_MAX: u8 = 6;

/// How reliable one peer is; a new one has nothing against it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reliability {
    /// Deliveries owed.
    debt: u8,
    strikes: u8,
    /// No strike counts before.
    forgiven_until: Time,
}

impl Reliability {
    /// Whether others are to be asked before it.
    pub(super) const fn is_staller(self) -> bool {
        self.debt > 0
    }

    /// A request ran out.
    pub(super) fn strike(&mut self, now: Time, timeout: Duration) {
        if now >= self.forgiven_until {
            self.strikes = (self.strikes + 1).min(STRIKES_MAX);
            self.debt = 1 << (self.strikes - 1);
            self.forgiven_until = now + timeout;
        }
    }

    /// It delivered something that we had asked it for.
    pub(super) const fn deliver(&mut self) {
        self.debt = self.debt.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(100);

    #[test]
    fn requests_that_run_out_together_are_one_strike_that_a_delivery_pays() {
        let mut reliability = Reliability::default();
        for ms in 1_000..1_100 {
            reliability.strike(Time::from_millis(ms), TIMEOUT);
        }
        assert!(reliability.is_staller());
        reliability.deliver();
        assert!(!reliability.is_staller());
    }

    #[test]
    fn whoever_stalls_again_pays_twice_as_much() {
        let mut reliability = Reliability::default();
        for strike in 1..=10 {
            reliability.strike(Time::from_millis(100 * strike), TIMEOUT);
        }
        (0..31).for_each(|_| reliability.deliver());
        assert!(reliability.is_staller());
        reliability.deliver();
        assert!(!reliability.is_staller());
        reliability.strike(Time::from_millis(10_000), TIMEOUT);
        reliability.deliver();
        assert!(reliability.is_staller(), "having paid doesn't make the next one cheaper");
    }
}
