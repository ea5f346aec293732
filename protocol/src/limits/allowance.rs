//! What a link's peer takes from us: its budgets, as its hello told them, seen from the sender.
//!
//! Whoever keeps to them is never slowed. What exceeds them doesn't leave: a whole transaction becomes an
//! announcement, announcements wait in their queue, answers wait for their turn. Small messages of other kinds
//! (pings, requests, signals) leave at once; they are charged all the same, so that what can wait makes room for them.
//!
//! Announcements have a *credit* besides: the peer says how many ids it will take, and later, as it has dealt with
//! them, how many more. A rate alone would not do. What an id costs a peer is a place among those that it has heard
//! of and doesn't have, and only the peer knows when that is free again: it may get the item from somebody else.
//! (Credit-based flow control: Kung and Morris, IEEE Network 9(2), 1995; HTTP/2's `WINDOW_UPDATE`, RFC 9113, 6.9.)

use crate::ground::time::Time;
use crate::limits::bucket::Bucket;
use crate::params::{BudgetParams, Rate};
use crate::wire::kinds::{Class, MessageKind};
use crate::wire::message::{Accepts, Allowed, Message};

/// What the peer of one link takes: 48 bytes. What announcements touch comes first and together.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub struct Allowance {
    credit: u32,
    unasked: bool,
    /// What it told; none if that is what we take ourselves.
    told: Option<Box<Accepts>>,
    messages: Bucket,
    txs: Bucket,
    tx_bytes: Bucket,
    block_bytes: Bucket,
}

/// What we tell a peer that we take.
#[must_use]
pub fn accepts(credit: u32, unasked: bool, params: &BudgetParams) -> Accepts {
    let rates = [params.messages, params.txs, params.tx_bytes, params.block_bytes];
    let [messages, txs, tx_bytes, block_bytes] = rates.map(allowed);
    Accepts { messages, txs, tx_bytes, credit, unasked, block_bytes }
}

impl Allowance {
    /// The peer's hello told what it takes.
    pub fn on_hello(&mut self, told: &Accepts, params: &BudgetParams) {
        (self.credit, self.unasked) = (told.credit, told.unasked);
        let is_ours = *told == accepts(told.credit, told.unasked, params);
        self.told = (!is_ours).then(|| Box::new(*told));
    }

    /// The peer takes so many more ids.
    pub const fn on_credit(&mut self, ids: u32) {
        self.credit = self.credit.saturating_add(ids);
    }

    /// Ids of transactions are announced.
    pub fn spend_credit(&mut self, ids: usize) {
        self.credit = self.credit.saturating_sub(u32::try_from(ids).unwrap_or(u32::MAX));
    }

    /// A message of `len` bytes leaves, framing included.
    pub fn charge(&mut self, message: &Message, len: usize, now: Time, params: &BudgetParams) {
        // Debts are paid by what can wait.
        let bytes = len as f64;
        match message.kind() {
            MessageKind::Tx => {
                let _ = self.txs.take(1.0, now, self.txs_rate(params));
                let _ = self.tx_bytes.take(bytes, now, self.tx_bytes_rate(params));
                return;
            }
            kind if kind.class() == Class::Block => {
                let _ = self.block_bytes.take(bytes, now, self.block_bytes_rate(params));
            }
            _ => {}
        }
        let _ = self.messages.take(1.0, now, self.messages_rate(params));
    }

    /// A block left that the peer takes at any rate.
    pub fn give_back_block(&mut self, len: usize, params: &BudgetParams) {
        let (bytes, messages) = (self.block_bytes_rate(params), self.messages_rate(params));
        self.block_bytes.give_back(len as f64, bytes);
        self.messages.give_back(1.0, messages);
    }

    /// Whether the peer takes transactions that it didn't ask for.
    #[must_use]
    pub const fn takes_unasked(&self) -> bool {
        self.unasked
    }

    /// When the peer takes a transaction of so many bytes; a moment that is past if it does now.
    #[must_use]
    pub fn tx_at(&self, size: usize, params: &BudgetParams) -> Time {
        let by_count = self.txs.ready_at(1.0, self.txs_rate(params));
        by_count.max(self.tx_bytes.ready_at(size as f64, self.tx_bytes_rate(params)))
    }

    /// When the peer takes a block of so many bytes; a moment that is past if it does now. A block that is larger than
    /// all that the peer takes at once leaves when nothing else is owed, and is owed for the longer. Half of the messages
    /// that a peer takes at once is left to those that can't wait, however small blocks are.
    #[must_use]
    pub fn block_at(&self, size: usize, params: &BudgetParams) -> Time {
        let messages = self.messages_rate(params);
        let by_count = self.messages.ready_at(messages.burst / 2.0, messages);
        by_count.max(self.block_bytes.ready_at(size as f64, self.block_bytes_rate(params)))
    }

    /// How many ids of transactions may be announced now, at least one.
    ///
    /// # Errors
    /// When it may be tried again; [`Time::NEVER`] if not before the peer gives credit.
    pub fn announce(&self, now: Time, params: &BudgetParams) -> Result<usize, Time> {
        if self.credit == 0 {
            return Err(Time::NEVER);
        }
        let at = self.messages.ready_at(1.0, self.messages_rate(params));
        if at > now { Err(at) } else { Ok(self.credit as usize) }
    }

    /// Reads what an announcement will, see `node/warm.rs`.
    pub(crate) const fn warm(&self) -> u64 {
        self.messages.full_at().as_nanos() ^ self.credit as u64
    }

    fn messages_rate(&self, params: &BudgetParams) -> Rate {
        self.told.as_ref().map_or(params.messages, |told| rate(told.messages))
    }

    fn txs_rate(&self, params: &BudgetParams) -> Rate {
        self.told.as_ref().map_or(params.txs, |told| rate(told.txs))
    }

    fn tx_bytes_rate(&self, params: &BudgetParams) -> Rate {
        self.told.as_ref().map_or(params.tx_bytes, |told| rate(told.tx_bytes))
    }

    fn block_bytes_rate(&self, params: &BudgetParams) -> Rate {
        self.told.as_ref().map_or(params.block_bytes, |told| rate(told.block_bytes))
    }
}

/// A rate as it is told: whole numbers, at least 1.
fn allowed(rate: Rate) -> Allowed {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within bounds; a whole number is wanted"
    )]
    let whole = |number: f64| number.clamp(1.0, f64::from(u32::MAX)) as u32;
    Allowed { per_s: whole(rate.per_s), burst: whole(rate.burst) }
}

/// A rate that was told. Whoever tells 0 takes little.
fn rate(told: Allowed) -> Rate {
    Rate::new(f64::from(told.per_s.max(1)), f64::from(told.burst.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Chain as _;
    use crate::chain::opaque::Opaque;
    use crate::ground::item::ItemKind;
    use crate::limits::budget::LinkBudget;
    use crate::wire::message::{Items, Session};
    use proptest::prelude::*;
    use std::time::Duration;

    const PING: Message = Message::Session(Session::Ping { nonce: 0 });

    fn ours() -> BudgetParams {
        BudgetParams { messages: Rate::new(10.0, 3.0), ..BudgetParams::default() }
    }

    fn allowance(told: &Accepts) -> Allowance {
        let mut allowance = Allowance::default();
        allowance.on_hello(told, &ours());
        allowance
    }

    #[test]
    fn nothing_is_announced_without_credit() {
        let mut allowance = allowance(&accepts(5, true, &ours()));
        assert_eq!(allowance.announce(Time::ZERO, &ours()), Ok(5));
        allowance.spend_credit(5);
        assert_eq!(allowance.announce(Time::ZERO, &ours()), Err(Time::NEVER));
        allowance.on_credit(2);
        assert_eq!(allowance.announce(Time::ZERO, &ours()), Ok(2));
    }

    #[test]
    fn the_rates_are_those_that_the_peer_told_and_not_our_own() {
        let told = Allowed { per_s: 1, burst: 1 };
        let told = Accepts { messages: told, txs: told, ..Accepts::default() };
        let mut allowance = allowance(&told);
        allowance.charge(&PING, 10, Time::ZERO, &ours());
        assert_eq!(allowance.announce(Time::ZERO, &ours()), Err(Time::from_millis(1_000)));
        assert!(allowance.tx_at(300, &ours()) <= Time::ZERO, "which messages don't pay for");
    }

    #[test]
    fn what_exceeds_the_burst_leaves_when_all_of_it_is_there() {
        let told = Allowed { per_s: 100, burst: 1_000 };
        let mut allowance = allowance(&Accepts { tx_bytes: told, ..Accepts::default() });
        assert!(allowance.tx_at(5_000, &ours()) <= Time::ZERO);
        let _ = allowance.tx_bytes.take(1_000.0, Time::ZERO, rate(told));
        assert_eq!(allowance.tx_at(5_000, &ours()), Time::from_millis(10_000));
    }

    #[test]
    fn blocks_are_taken_at_their_own_rate() {
        let params = BudgetParams { block_bytes: Rate::new(1_000.0, 5_000.0), ..ours() };
        let mut allowance = allowance(&accepts(u32::MAX, true, &params));
        let block = Opaque::default().item(ItemKind::Block, vec![0; 3_000].into()).unwrap();
        let message = Message::Items(Items::Item(block));
        assert!(allowance.block_at(3_000, &params) <= Time::ZERO);
        allowance.charge(&message, 3_000, Time::ZERO, &params);
        assert_eq!(allowance.block_at(3_000, &params), Time::from_millis(1_000));
        assert_eq!(allowance.block_at(9_000, &params), Time::from_millis(3_000), "alone");
        assert!(allowance.tx_at(100, &params) <= Time::ZERO);
    }

    proptest! {
        /// A sender that waits until it may is never in debt with the receiver.
        #[test]
        fn whoever_keeps_to_it_is_never_slowed(waits in prop::collection::vec(0_u64..300, 1..100)) {
            let params = ours();
            let (mut budget, mut now) = (LinkBudget::default(), Time::ZERO);
            let mut allowance = allowance(&accepts(u32::MAX, true, &params));
            for wait_ms in waits {
                now = now + Duration::from_millis(wait_ms);
                if let Err(at) = allowance.announce(now, &params) {
                    now = at;
                }
                allowance.charge(&PING, 10, now, &params);
                prop_assert_eq!(budget.charge(&PING, 10, now, &params), [None, None]);
            }
        }
    }
}
