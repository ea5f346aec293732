//! What one link may cost us: a token bucket for each kind of traffic.
//!
//! Over its budget, traffic is *delayed* where the peer's transport can slow it down. Over a budget of transactions or of blocks
//! that is these alone: no more of them are asked for, and none are taken, until the debt is paid; all else goes on.
//! Over the others (messages, requests, bytes of small messages) it is the link. That is no offence, however often it happens:
//! what was on its way when the throttle began is not the peer's fault, and how much a peer sends before its
//! transport stops it is none of its choice. A flooder that is throttled costs no more than its budget. Addresses
//! over their budget are *dropped*, since taking them is optional. Both are counted.
//!
//! *Announcements* of transactions are granted beforehand: a peer has a credit of ids, told in our hello, and gets
//! more as what it announced has been dealt with, no faster than the budget. So that an honest peer never runs over
//! it, whatever its own limits are (see [`crate::limits::allowance`], which is the other end), and nothing that it
//! announces is dropped. Whoever does run over it uses up its allowance of excesses, and is then abusive.

use std::time::Duration;

use crate::ground::time::Time;
use crate::limits::bucket::Bucket;
use crate::params::{BudgetParams, Rate};
use crate::wire::kinds::{Budget, MessageKind};
use crate::wire::message::{ADDRESSES_MAX, Message};

/// The buckets of one link: 80 bytes, those that most messages draw from last and together.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub struct LinkBudget {
    requests: Bucket,
    tx_bytes: Bucket,
    block_bytes: Bucket,
    addresses: Bucket,
    excesses: Bucket,
    txs: Bucket,
    announcements: Bucket,
    /// Addresses that we asked for and that haven't come yet.
    addresses_expected: u32,
    /// Ids that the peer may yet announce.
    credit: u32,
    messages: Bucket,
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

/// How much of a budget is left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Left {
    /// Which.
    pub of: Budget,
    /// So much may come at once, in messages, ids, bytes or addresses.
    pub left: usize,
    /// So much it is when it is full.
    pub burst: f64,
    /// How long it takes until a debt is paid; nothing if there is none.
    pub debt: Duration,
}

impl LinkBudget {
    /// The budgets of a new link. At most `open_max` ids that its peer announces may be open.
    #[must_use]
    pub fn new(open_max: usize, now: Time, params: &BudgetParams) -> Self {
        let mut budget = Self::default();
        budget.grant(0, open_max, now, params);
        budget
    }

    /// How many ids the peer may yet announce.
    #[must_use]
    pub const fn credit(&self) -> u32 {
        self.credit
    }

    /// Grants a peer more announcements; it is to be told how many. `open` of those that it announced wait for
    /// their item, and `open_max` may. Nothing is granted before a quarter of that can be, unless its credit is spent.
    pub fn grant(&mut self, open: usize, open_max: usize, now: Time, params: &BudgetParams) -> u32 {
        let credit = self.credit as usize;
        let room = open_max.saturating_sub(open + credit);
        let ids = room.min(self.announcements.available(now, params.announcements));
        if ids == 0 || (credit > 0 && ids < credit_max(open_max, params).div_ceil(4)) {
            return 0;
        }
        // Any debt from rounding is less than one token, and is paid like any other.
        let _ = self.announcements.take(ids as f64, now, params.announcements);
        let ids = u32::try_from(ids).unwrap_or(u32::MAX);
        self.credit = self.credit.saturating_add(ids);
        ids
    }

    /// Whether a peer has so much credit that nothing can be granted, whatever waits for its item.
    #[must_use]
    pub fn is_high(&self, open_max: usize, params: &BudgetParams) -> bool {
        let quarter = credit_max(open_max, params).div_ceil(4);
        self.credit as usize + quarter > open_max
    }

    /// Whether a peer of whose announcements `open_max` may be open could soon have spent its credit.
    #[must_use]
    pub fn is_low(&self, open_max: usize, params: &BudgetParams) -> bool {
        (self.credit as usize) < credit_max(open_max, params) / 2
    }

    /// Charges a message of `len` bytes, framing included. The message is to be handled either way; a debt means that
    /// what the budget is of is to be throttled: one kind of items, or the link. At most one debt of each.
    pub fn charge(
        &mut self,
        message: &Message,
        len: usize,
        now: Time,
        params: &BudgetParams,
    ) -> [Option<Debt>; 2] {
        let kind = message.kind();
        let by_bytes = self.take(kind.class().budget(), len, now, params);
        let is_tx = kind == MessageKind::Tx;
        let by_count = (!is_tx).then(|| self.take(Budget::Messages, 1, now, params)).flatten();
        let by_elements = kind
            .budget_of_elements()
            .filter(|budget| !budget.drops())
            .and_then(|budget| self.take(budget, message.elements(), now, params));
        let debts = [by_bytes, by_count, by_elements].into_iter().flatten();
        let worst = |is_of_items: bool| {
            let alike = debts.clone().filter(|it| it.budget.of_items().is_some() == is_of_items);
            alike.max_by_key(|debt| debt.until)
        };
        [worst(true), worst(false)]
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
        match kind.budget_of_elements() {
            Some(Budget::Announcements) => {
                let admitted = u32::try_from(elements).unwrap_or(u32::MAX).min(self.credit);
                self.credit -= admitted;
                admitted as usize
            }
            Some(Budget::Addresses) => {
                let expected =
                    u32::try_from(elements).unwrap_or(u32::MAX).min(self.addresses_expected);
                self.addresses_expected -= expected;
                let expected = expected as usize;
                let (bucket, rate) = (&mut self.addresses, params.addresses);
                let admitted = (elements - expected).min(bucket.available(now, rate));
                let _ = bucket.take(admitted as f64, now, rate);
                expected + admitted
            }
            _ => elements,
        }
    }

    /// Allows an answer of [`ADDRESSES_MAX`] addresses, because we asked for it.
    pub fn expect_addresses(&mut self) {
        self.addresses_expected = u32::try_from(ADDRESSES_MAX).unwrap_or(u32::MAX);
    }

    /// What is left of each, in the order of [`Budget::ALL`]. Of announcements it is what the peer may yet announce.
    #[must_use]
    pub fn left(&self, now: Time, params: &BudgetParams) -> [Left; Budget::ALL.len()] {
        let mut budget = self.clone();
        Budget::ALL.map(|of| {
            let (bucket, rate) = budget.bucket(of, params);
            let (left, debt) = (bucket.available(now, rate), bucket.in_debt_until(rate));
            let left = if of == Budget::Announcements { self.credit as usize } else { left };
            Left { of, left, burst: rate.burst, debt: debt.since(now) }
        })
    }

    /// Reads what charging a message will, see `node/warm.rs`.
    pub(crate) const fn warm(&self) -> u64 {
        self.messages.full_at().as_nanos() ^ self.credit as u64
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
            Budget::Txs => (&mut self.txs, params.txs),
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

/// Most credit that a peer can have if so many of its announcements may be open.
fn credit_max(open_max: usize, params: &BudgetParams) -> usize {
    // A new bucket is full.
    open_max.min(Bucket::default().available(Time::ZERO, params.announcements))
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
            assert_eq!(budget.charge(&ping, 10, Time::ZERO, &params), [None, None]);
        }
        let debts = budget.charge(&ping, 10, Time::ZERO, &params);
        let until = Time::from_millis(100);
        assert_eq!(debts, [None, Some(Debt { budget: Budget::Messages, until })]);
        assert_eq!(budget.charge(&ping, 10, Time::from_millis(500), &params), [None, None]);
    }

    #[test]
    fn announcements_over_the_budget_are_cut_off() {
        let params = params();
        let mut budget = LinkBudget::new(1_000, Time::ZERO, &params);
        assert_eq!(budget.admit(MessageKind::Announce, 4, Time::ZERO, &params), 4);
        assert_eq!(budget.admit(MessageKind::Announce, 4, Time::ZERO, &params), 1);
        assert_eq!(budget.admit(MessageKind::Announce, 4, Time::ZERO, &params), 0);
        let now = Time::from_millis(300);
        assert_eq!(budget.grant(0, 1_000, now, &params), 3);
        assert_eq!(budget.admit(MessageKind::Announce, 4, now, &params), 3);
    }

    #[test]
    fn a_peer_may_announce_more_as_what_it_announced_is_dealt_with() {
        let params = BudgetParams::default();
        let mut budget = LinkBudget::new(100, Time::ZERO, &params);
        assert_eq!(budget.credit(), 100);
        assert_eq!(budget.admit(MessageKind::Announce, 60, Time::ZERO, &params), 60);
        assert_eq!(budget.grant(60, 100, Time::ZERO, &params), 0, "all of them are open");
        assert_eq!(budget.grant(40, 100, Time::ZERO, &params), 0, "it isn't worth a message");
        assert!(budget.is_low(100, &params));
        assert_eq!(budget.grant(30, 100, Time::ZERO, &params), 30);
        assert_eq!(budget.credit(), 70);
        assert_eq!(budget.admit(MessageKind::Announce, 70, Time::ZERO, &params), 70);
        assert_eq!(budget.grant(99, 100, Time::ZERO, &params), 1, "better than none");
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
        let params = params();
        let mut budget = LinkBudget::new(1_000, Time::ZERO, &params);
        assert_eq!(budget.admit(MessageKind::Announce, 9, Time::ZERO, &params), 5);
        assert_eq!(budget.admit(MessageKind::Addresses, 5, Time::ZERO, &params), 5);
        assert_eq!(
            budget.charge(&Message::Peers(PeerExchange::GetAddresses), 2, Time::ZERO, &params),
            [None, None]
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
