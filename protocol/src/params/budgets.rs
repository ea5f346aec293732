//! What one peer may cost us, and how much we announce.

use serde::{Deserialize, Serialize};

use super::{ParamError, at_least_one, positive_rates};

/// A rate and how far it may be exceeded at once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Units a second in the long run; more than 0.
    pub per_s: f64,
    /// Units at once.
    pub burst: f64,
}

impl Rate {
    /// `per_s` units a second, `burst` at once.
    #[must_use]
    pub const fn new(per_s: f64, burst: f64) -> Self {
        Self { per_s, burst }
    }
}

/// What one peer may cost us, and how much we announce. All rates are per link and for what comes in, but
/// the last three.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetParams {
    /// Messages but transactions. Over it the link is throttled. A guess: 20 times what a busy link needs.
    pub messages: Rate,
    /// Transactions. Over it no more of them are asked for, and none are taken from the link. A guess: half of what Bitcoin
    /// Core takes in.
    pub txs: Rate,
    /// Ids of transactions announced: the peer is granted so many (see [`crate::limits::budget`]), and what
    /// exceeds that is dropped. As many as transactions.
    pub announcements: Rate,
    /// Ids requested from us. Over it the link is throttled. A guess.
    pub requests: Rate,
    /// Bytes of transactions, likewise. A guess: 50 Mbit/s.
    pub tx_bytes: Rate,
    /// Bytes of blocks, likewise. A guess: two blocks of 4 MB at once.
    pub block_bytes: Rate,
    /// Addresses. Over it addresses are dropped. Bitcoin Core: `MAX_ADDR_RATE_PER_SECOND`, 0.1; small
    /// networks that start all at once need more.
    pub addresses: Rate,
    /// Bytes of everything else, unknown kinds included. Over it the link is throttled. A guess.
    pub control_bytes: Rate,
    /// How often a peer may do what no honest peer does for long, such as announcing more than it was
    /// granted, before that is abuse and its link is closed. Being throttled is none of it. A guess.
    pub excesses: Rate,
    /// Transactions announced to peers, whichever; over it they wait in one backlog (see [`crate::relay::rate_limiter`]).
    /// As many as one of our peers takes from us. (Bitcoin Core: 14 a second, 420 at once, pull
    /// request 34628.)
    pub relayed: Rate,
    /// Bytes of those transactions. As many as one of our peers takes from us in the long run; at once no more than its
    /// queue holds before it is congested (a megabyte), since the next one waits behind them, whoever brought it. (Bitcoin
    /// Core: 20 kB a second, 50 MB at once.)
    pub relayed_bytes: Rate,
    /// Bytes of others' blocks that are sent whole to whoever didn't ask; over it they are announced (see
    /// [`crate::relay::push_blocks`]). A guess: a block of 4 MB to four peers at once, and to one every two seconds.
    pub pushed_block_bytes: Rate,
    /// Most transactions in the backlog; over it the one that pays least is announced when the backlog is
    /// through (see [`crate::relay::announce`]). A guess: a megabyte and a half of ids.
    pub backlog_max: usize,
}

impl Default for BudgetParams {
    fn default() -> Self {
        Self {
            messages: Rate::new(2_000.0, 10_000.0),
            txs: Rate::new(5_000.0, 20_000.0),
            announcements: Rate::new(5_000.0, 20_000.0),
            requests: Rate::new(5_000.0, 20_000.0),
            tx_bytes: Rate::new(6_250_000.0, 25_000_000.0),
            block_bytes: Rate::new(2_000_000.0, 10_000_000.0),
            addresses: Rate::new(10.0, 250.0),
            control_bytes: Rate::new(1_000_000.0, 4_000_000.0),
            excesses: Rate::new(1.0, 100.0),
            relayed: Rate::new(5_000.0, 20_000.0),
            relayed_bytes: Rate::new(6_250_000.0, 1_000_000.0),
            pushed_block_bytes: Rate::new(2_000_000.0, 16_000_000.0),
            backlog_max: 20_000,
        }
    }
}

impl BudgetParams {
    pub(super) fn validate(&self) -> Result<(), ParamError> {
        at_least_one(&[("budgets.backlog_max", self.backlog_max as u64)])?;
        positive_rates(&[
            ("budgets.messages", self.messages),
            ("budgets.txs", self.txs),
            ("budgets.announcements", self.announcements),
            ("budgets.requests", self.requests),
            ("budgets.tx_bytes", self.tx_bytes),
            ("budgets.block_bytes", self.block_bytes),
            ("budgets.addresses", self.addresses),
            ("budgets.control_bytes", self.control_bytes),
            ("budgets.excesses", self.excesses),
            ("budgets.relayed", self.relayed),
            ("budgets.relayed_bytes", self.relayed_bytes),
            ("budgets.pushed_block_bytes", self.pushed_block_bytes),
        ])
    }
}
