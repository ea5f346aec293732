//! What one link may cost us: a token bucket for each kind of traffic.
//!
//! Over its budget, traffic is *delayed* where the peer's transport can slow it down (messages,
//! requests, bytes: the link is throttled until the debt is paid), and *dropped* where taking it is
//! optional (announcements, addresses). Both are counted. A link that goes on running over its budgets
//! uses up its allowance of excesses, and is then abusive.
//!
//! *Rationale*: delaying alone lets a flooder keep its place for ever; disconnecting at the first
//! excess punishes a peer that catches up after a pause. A throttled honest peer stops by itself.

use crate::ground::time::Time;
use crate::limits::bucket::Bucket;
use crate::params::{BudgetParams, Rate};
use crate::wire::kinds::{Budget, MessageKind};
use crate::wire::message::{ADDRESSES_MAX, Message};

/// The buckets of one link: 72 bytes, those that most messages draw from last and together.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub struct LinkBudget {
    requests: Bucket,
    tx_bytes: Bucket,
    block_bytes: Bucket,
    addresses: Bucket,
    excesses: Bucket,
    /// Addresses that we asked for and that haven't come yet.
    addresses_expected: usize,
    messages: Bucket,
    announcements: Bucket,
    control_bytes: Bucket,
}

/// A link ran into debt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Debt {
    /// Which budget it overran.
    pub budget: Budget,
    /// When the debt will be paid.
    pub until: Time,
}

impl LinkBudget {
    /// Charges a message of `len` bytes, framing included. The message is to be handled either way;
    /// a debt means that the link is to be throttled.
    pub fn charge(
        &mut self,
        message: &Message,
        len: usize,
        now: Time,
        params: &BudgetParams,
    ) -> Option<Debt> {
        let kind = message.kind();
        let by_bytes = self.take(kind.class().budget(), len, now, params);
        let by_count = self.take(Budget::Messages, 1, now, params);
        let by_elements = kind
            .budget_of_elements()
            .filter(|budget| !budget.drops())
            .and_then(|budget| self.take(budget, message.elements(), now, params));
        [by_bytes, by_count, by_elements].into_iter().flatten().max_by_key(|debt| debt.until)
    }

    /// Charges ids that a peer had us announce, as if it had requested them.
    pub fn charge_answer(&mut self, ids: usize, now: Time, params: &BudgetParams) -> Option<Debt> {
        self.take(Budget::Requests, ids, now, params)
    }

    /// How many of the elements of a message of a kind may be looked at; the rest are to be dropped. Addresses that
    /// we asked for come on top of the budget.
    pub fn admit(
        &mut self,
        kind: MessageKind,
        elements: usize,
        now: Time,
        params: &BudgetParams,
    ) -> usize {
        let Some(budget) = kind.budget_of_elements().filter(|budget| budget.drops()) else {
            return elements;
        };
        let mut expected = 0;
        if budget == Budget::Addresses {
            expected = elements.min(self.addresses_expected);
            self.addresses_expected -= expected;
        }
        let (bucket, rate) = self.bucket(budget, params);
        let admitted = (elements - expected).min(bucket.available(now, rate));
        // Any debt from rounding is less than one token, and is paid like any other.
        let _ = bucket.take(admitted as f64, now, rate);
        expected + admitted
    }

    /// Allows an answer of [`ADDRESSES_MAX`] addresses, because we asked for it.
    pub const fn expect_addresses(&mut self) {
        self.addresses_expected = ADDRESSES_MAX;
    }

    /// Reads what charging a message will, see `node/warm.rs`.
    pub(crate) const fn warm(&self) -> u64 {
        self.messages.full_at().as_nanos()
    }

    fn take(
        &mut self,
        budget: Budget,
        amount: usize,
        now: Time,
        params: &BudgetParams,
    ) -> Option<Debt> {
        let (bucket, rate) = self.bucket(budget, params);
        let until = bucket.take(amount as f64, now, rate)?;
        Some(Debt { budget, until })
    }

    #[inline]
    const fn bucket(&mut self, budget: Budget, params: &BudgetParams) -> (&mut Bucket, Rate) {
        match budget {
            Budget::Messages => (&mut self.messages, params.messages),
            Budget::Announcements => (&mut self.announcements, params.announcements),
            Budget::Requests => (&mut self.requests, params.requests),
            Budget::TxBytes => (&mut self.tx_bytes, params.tx_bytes),
            Budget::BlockBytes => (&mut self.block_bytes, params.block_bytes),
            Budget::Addresses => (&mut self.addresses, params.addresses),
            Budget::ControlBytes => (&mut self.control_bytes, params.control_bytes),
        }
    }

    /// Counts an excess. False when the link has used up its allowance: it is abusive.
    pub fn tolerate(&mut self, now: Time, params: &BudgetParams) -> bool {
        self.excesses.try_take(1.0, now, params.excesses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::message::{PeerExchange, Session};

    fn params() -> BudgetParams {
        BudgetParams {
            messages: Rate::new(10.0, 3.0),
            announcements: Rate::new(10.0, 5.0),
            addresses: Rate::new(10.0, 5.0),
            excesses: Rate::new(1.0, 2.0),
            ..BudgetParams::default()
        }
    }

    #[test]
    fn too_many_messages_make_a_debt_that_is_paid_in_time() {
        let (params, mut budget) = (params(), LinkBudget::default());
        let ping = Message::Session(Session::Ping { nonce: 0 });
        for _ in 0..3 {
            assert_eq!(budget.charge(&ping, 10, Time::ZERO, &params), None);
        }
        let debt = budget.charge(&ping, 10, Time::ZERO, &params);
        let until = Time::from_millis(100);
        assert_eq!(debt, Some(Debt { budget: Budget::Messages, until }));
        assert_eq!(budget.charge(&ping, 10, Time::from_millis(500), &params), None);
    }

    #[test]
    fn announcements_over_the_budget_are_cut_off() {
        let (params, mut budget) = (params(), LinkBudget::default());
        assert_eq!(budget.admit(MessageKind::Announce, 4, Time::ZERO, &params), 4);
        assert_eq!(budget.admit(MessageKind::Announce, 4, Time::ZERO, &params), 1);
        assert_eq!(budget.admit(MessageKind::Announce, 4, Time::ZERO, &params), 0);
        assert_eq!(budget.admit(MessageKind::Announce, 4, Time::from_millis(300), &params), 3);
    }

    #[test]
    fn addresses_that_we_asked_for_are_let_in_once() {
        let (params, mut budget) = (params(), LinkBudget::default());
        budget.expect_addresses();
        assert_eq!(
            budget.admit(MessageKind::Addresses, 2_000, Time::ZERO, &params),
            ADDRESSES_MAX + 5
        );
        assert_eq!(budget.admit(MessageKind::Addresses, 2_000, Time::ZERO, &params), 0);
    }

    #[test]
    fn one_budget_does_not_pay_for_another() {
        let (params, mut budget) = (params(), LinkBudget::default());
        assert_eq!(budget.admit(MessageKind::Announce, 9, Time::ZERO, &params), 5);
        assert_eq!(budget.admit(MessageKind::Addresses, 5, Time::ZERO, &params), 5);
        assert_eq!(
            budget.charge(&Message::Peers(PeerExchange::GetAddresses), 2, Time::ZERO, &params),
            None
        );
    }

    #[test]
    fn excesses_are_tolerated_now_and_then_only() {
        let (params, mut budget) = (params(), LinkBudget::default());
        assert!(budget.tolerate(Time::ZERO, &params));
        assert!(budget.tolerate(Time::ZERO, &params));
        assert!(!budget.tolerate(Time::ZERO, &params));
        assert!(budget.tolerate(Time::from_millis(1_000), &params));
    }
}
