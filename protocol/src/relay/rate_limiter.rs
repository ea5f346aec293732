//! How much we announce: one budget of transactions and one of their bytes, for all links together.
//!
//! A transaction that comes while either is spent waits in one backlog, and the one that pays most leaves
//! first: so a flood of cheap transactions delays itself and not the others. Of equals, and where nobody pays all are
//! equal, the [bringers](Bringer) share the budgets: so a flood delays what came the same way, and a few large ones no
//! more than many small ones. There is no queue for each peer
//! but the batch that leaves next (Bitcoin Core has done so since July 2026, pull request 34628:
//! queues per peer had held up to 60,000 ids each, and sorting them took the whole of a core).
//!
//! Blocks don't count. What waits is in the pool already, and is shown to nobody who compares pools with us. When the
//! backlog is full the one that pays least, of equals the one that would leave last, is left to the pool: all links have fallen behind, and
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
    /// How far everybody has been served who wanted to be.
    served: u64,
    /// When the last one of each bringer would leave; a bringer that has none that waits may be left out.
    finishes: BTreeMap<Bringer, u64>,
}

/// When it would leave if all bringers were served at once, in bytes for each of them, and the order of arrival (fair
/// queuing as in Demers, Keshav and Shenker, 1989).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    finish: u64,
    sequence: u64,
}

/// What a transaction takes of the budgets, in bytes: a small one takes as much of that of transactions.
fn cost(size: usize, params: &BudgetParams) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a quotient of two positive rates; more than 64 bits hold is as good as that"
    )]
    let least = (params.relayed_bytes.per_s / params.relayed.per_s) as u64;
    least.clamp(1, u32::MAX.into()).max(size as u64)
}

impl Waiting {
    fn push(&mut self, rate: FeeRate, new: Held, params: &BudgetParams) {
        if self.finishes.len() > params.backlog_max {
            let served = self.served;
            self.finishes.retain(|_, last| *last > served);
        }
        let last = self.finishes.entry(new.bringer).or_default();
        *last = (*last).max(self.served) + cost(new.size, params);
        self.sequence += 1;
        let turn = Turn { finish: *last, sequence: self.sequence };
        self.by_rate.insert((rate, Reverse(turn)), new);
    }

    fn pop(&mut self, params: &BudgetParams) -> Option<Held> {
        let ((_, Reverse(turn)), held) = self.by_rate.pop_last()?;
        self.served = self.served.max(turn.finish - cost(held.size, params));
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
        waiting.push(rate(), new, params);
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
        let next = waiting.pop(params);
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

    #[test]
    fn whoever_brings_large_ones_has_no_more_of_the_budget_than_whoever_brings_small_ones() {
        let (mut rate_limiter, params) =
            (RelayRateLimiter::default(), BudgetParams { backlog_max: 100, ..params() });
        let mut admit = |n, size, bringer| {
            let new = Held { bringer: Bringer::Dialler(bringer), ..held(n, size) };
            rate_limiter.admit(new, || FeeRate::ZERO, ms(0), &params)
        };
        (0..20).for_each(|n| _ = admit(n, 900, 1));
        (100..110).for_each(|n| _ = admit(n, 10, 2));
        let order: Vec<_> = (1..=11)
            .filter_map(|n| rate_limiter.next(ms(100_000 * n), &params))
            .map(|held| held.id.hash().0[0])
            .collect();
        let small = order.iter().position(|n| *n < 100);
        assert_eq!(small, Some(8), "nine of a hundred bytes each are one of 900: {order:?}");
    }
}
