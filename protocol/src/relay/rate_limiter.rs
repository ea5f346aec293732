//! How much we announce: one budget of transactions and one of their bytes, for all links together.
//!
//! A transaction that comes while either is spent waits in one backlog, and the one that pays most leaves
//! first: so a flood of cheap transactions delays itself and not the others. Of equals, and where nobody pays all are
//! equal, each [bringer](Bringer) has one in each round: so a flood delays what came the same way. There is no queue for each peer
//! but the batch that leaves next (Bitcoin Core has done so since July 2026, pull request 34628:
//! queues per peer had held up to 60,000 ids each, and sorting them took the whole of a core).
//!
//! Blocks don't count. What waits is in the pool already, and is shown to nobody who compares pools with us. When the
//! backlog is full the one that pays least, of equals the one of the last round, is left to the pool: all links have fallen behind, and
//! hear of it when nothing waits any more (see [`announce`](crate::relay::announce)), or by comparing.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::ground::bringer::Bringer;
use crate::ground::fee::FeeRate;
use crate::ground::item::ItemId;
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::limits::bucket::Bucket;
use crate::machine::Part;
use crate::params::{BudgetParams, Params};

/// The budget, and what waits for it.
#[derive(Clone, Debug)]
pub struct RelayRateLimiter {
    count: Bucket,
    bytes: Bucket,
    waiting: Option<Box<Waiting>>,
    /// When the next one may be announced.
    at: Time,
}

impl Default for RelayRateLimiter {
    fn default() -> Self {
        Self { count: Bucket::default(), bytes: Bucket::default(), waiting: None, at: Time::NEVER }
    }
}

#[derive(Clone, Debug, Default)]
struct Waiting {
    by_rate: BTreeMap<(FeeRate, Reverse<Turn>), Held>,
    sequence: u64,
    /// The round that is being announced.
    round: u64,
    /// The last round that each bringer has a place in; a bringer that has none yet may be left out.
    rounds: BTreeMap<Bringer, u64>,
}

/// A place in a round, and the order of arrival (fair queuing as in Demers, Keshav and Shenker, 1989, by items).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    round: u64,
    sequence: u64,
}

impl Waiting {
    fn push(&mut self, rate: FeeRate, new: Held, max: usize) {
        if self.rounds.len() > max {
            let round = self.round;
            self.rounds.retain(|_, last| *last > round);
        }
        let last = self.rounds.entry(new.bringer).or_default();
        *last = (*last).max(self.round) + 1;
        self.sequence += 1;
        let turn = Turn { round: *last, sequence: self.sequence };
        self.by_rate.insert((rate, Reverse(turn)), new);
    }

    fn pop(&mut self) -> Option<Held> {
        let ((_, Reverse(turn)), held) = self.by_rate.pop_last()?;
        self.round = self.round.max(turn.round - 1);
        Some(held)
    }
}

/// A transaction that waits to be announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its id.
    pub id: ItemId,
    /// Its size, bytes.
    pub size: usize,
    /// Where it came from; `None` if our operator submitted it.
    pub ingress: Option<Link>,
    /// Who that is.
    pub bringer: Bringer,
}

/// Whether a transaction may be announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// At once.
    Now,
    /// It waits.
    Later {
        /// The one that a full backlog dropped for it; perhaps itself.
        dropped: Option<ItemId>,
    },
}

impl RelayRateLimiter {
    /// Whether a transaction may be announced now.
    pub fn admit(
        &mut self,
        new: Held,
        rate: impl FnOnce() -> FeeRate,
        now: Time,
        params: &BudgetParams,
    ) -> Admitted {
        if self.waiting.is_none() && self.spent_until(params) <= now {
            self.spend(new.size, now, params);
            return Admitted::Now;
        }
        let waiting = self.waiting.get_or_insert_default();
        waiting.push(rate(), new, params.backlog_max);
        self.at = self
            .count
            .in_debt_until(params.relayed)
            .max(self.bytes.in_debt_until(params.relayed_bytes));
        if waiting.by_rate.len() <= params.backlog_max {
            return Admitted::Later { dropped: None };
        }
        Admitted::Later { dropped: waiting.by_rate.pop_first().map(|(_, held)| held.id) }
    }

    /// The next one that may be announced now.
    pub fn next(&mut self, now: Time, params: &BudgetParams) -> Option<Held> {
        if self.spent_until(params) > now {
            return None;
        }
        let waiting = self.waiting.as_mut()?;
        let next = waiting.pop();
        if waiting.by_rate.is_empty() {
            self.waiting = None;
        }
        if let Some(held) = next {
            self.spend(held.size, now, params);
        }
        self.at = if self.waiting.is_none() { Time::NEVER } else { self.spent_until(params) };
        next
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.by_rate.len())
    }

    /// Whether none waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.waiting.is_none()
    }

    fn spend(&mut self, size: usize, now: Time, params: &BudgetParams) {
        let _ = self.count.take(1.0, now, params.relayed);
        let _ = self.bytes.take(size as f64, now, params.relayed_bytes);
    }

    fn spent_until(&self, params: &BudgetParams) -> Time {
        self.count.in_debt_until(params.relayed).max(self.bytes.in_debt_until(params.relayed_bytes))
    }
}

impl Part for RelayRateLimiter {
    fn deadline(&self) -> Time {
        self.at
    }

    fn check(&self, params: &Params) {
        let (len, max) = (self.len(), params.budgets.backlog_max);
        assert!(len <= max, "backlog: {len} of at most {max}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::item::Hash256;
    use crate::params::Rate;

    /// Ten a second and two at once; a thousand bytes a second and at once.
    fn params() -> BudgetParams {
        BudgetParams {
            relayed: Rate::new(10.0, 2.0),
            relayed_bytes: Rate::new(1_000.0, 1_000.0),
            backlog_max: 3,
            ..BudgetParams::default()
        }
    }

    fn held(n: u8, size: usize) -> Held {
        Held { id: ItemId::tx(Hash256([n; 32])), size, ingress: None, bringer: Bringer::Own }
    }

    fn ms(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    fn admit(rate_limiter: &mut RelayRateLimiter, n: u8, rate: u64, now: Time) -> bool {
        rate_limiter.admit(held(n, 1), || FeeRate(rate), now, &params()) == Admitted::Now
    }

    #[test]
    fn what_is_over_the_budget_waits_and_leaves_by_what_it_pays() {
        let mut rate_limiter = RelayRateLimiter::default();
        let admitted: Vec<_> = (1..=6)
            .filter(|n| admit(&mut rate_limiter, *n, 10 * u64::from(n % 5), ms(0)))
            .collect();
        assert_eq!(admitted, [1, 2, 3], "the burst, and the one that overruns it");
        let mut left = Vec::new();
        while rate_limiter.deadline() != Time::NEVER {
            let at = rate_limiter.deadline();
            left.extend(rate_limiter.next(at, &params()).map(|held| (at, held.id.hash().0[0])));
        }
        assert_eq!(left, [(ms(100), 4), (ms(200), 6), (ms(300), 5)]);
    }

    #[test]
    fn bytes_are_a_budget_of_their_own() {
        let mut rate_limiter = RelayRateLimiter::default();
        let later = Admitted::Later { dropped: None };
        assert_eq!(
            rate_limiter.admit(held(1, 3_000), || FeeRate(1), ms(0), &params()),
            Admitted::Now
        );
        assert_eq!(rate_limiter.admit(held(2, 1), || FeeRate(1), ms(0), &params()), later);
        assert_eq!(rate_limiter.deadline(), ms(2_000));
    }

    #[test]
    fn a_full_backlog_drops_the_latest_of_those_that_pay_least() {
        let mut rate_limiter = RelayRateLimiter::default();
        let mut dropped = Vec::new();
        for (n, rate) in [(1, 9), (2, 9), (3, 9), (4, 1), (5, 1), (6, 2), (7, 3)] {
            let admitted = rate_limiter.admit(held(n, 1), || FeeRate(rate), ms(0), &params());
            if let Admitted::Later { dropped: Some(id) } = admitted {
                dropped.push(id.hash().0[0]);
            }
        }
        assert_eq!((rate_limiter.len(), dropped), (3, vec![5]));
        let order: Vec<_> = (0..3)
            .filter_map(|_| rate_limiter.next(ms(100_000), &params()))
            .map(|held| held.id.hash().0[0])
            .collect();
        assert_eq!(order, [7, 6, 4]);
    }

    #[test]
    fn nobody_overtakes_what_waits() {
        let mut rate_limiter = RelayRateLimiter::default();
        (1..=4).for_each(|n| assert_eq!(admit(&mut rate_limiter, n, 5, ms(0)), n <= 3));
        assert!(!admit(&mut rate_limiter, 5, 5, ms(100)), "the fourth is first");
        assert_eq!(rate_limiter.next(ms(100), &params()).map(|held| held.id.hash().0[0]), Some(4));
    }

    #[test]
    fn a_flood_waits_behind_itself_and_nobody_else_behind_it() {
        let (mut rate_limiter, params) =
            (RelayRateLimiter::default(), BudgetParams { backlog_max: 100, ..params() });
        let from = |n, bringer| Held { bringer, ..held(n, 1) };
        let mut dropped = Vec::new();
        for n in 0..150 {
            let admitted =
                rate_limiter.admit(from(n, Bringer::Dialler(1)), || FeeRate::ZERO, ms(0), &params);
            if let Admitted::Later { dropped: Some(id) } = admitted {
                dropped.push(id.hash().0[0]);
            }
        }
        assert_eq!(dropped, (103..150).collect::<Vec<_>>());
        for (n, bringer) in
            [(200, Bringer::Dialler(2)), (201, Bringer::Dialler(2)), (202, Bringer::Own)]
        {
            let Admitted::Later { dropped: Some(id) } =
                rate_limiter.admit(from(n, bringer), || FeeRate::ZERO, ms(0), &params)
            else {
                panic!("the backlog is full");
            };
            assert!(id.hash().0[0] < 150, "the flood's own gives way");
        }
        let order: Vec<_> = (1..=6)
            .filter_map(|n| rate_limiter.next(ms(100_000 * n), &params))
            .map(|held| held.id.hash().0[0])
            .collect();
        assert_eq!(order, [3, 200, 202, 4, 201, 5]);
    }
}
