//! Misbehaviour of peers, and what follows from it.
//!
//! An offence that no honest peer commits closes the link at once: a score that has to fill up first
//! gives an attacker a free allowance (Bitcoin Core dropped its score for that reason, pull
//! request 29575). What honest peers may do now and then, such as sending an item late, is counted
//! against the budget of excesses (see [`crate::limits::budget`]) and closes the link only when it persists.

use std::fmt;

use crate::replica::Malformed;
use crate::wire::error::DecodeError;
use crate::wire::kinds::Budget;

/// Something that a peer did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// Sent bytes that are no message.
    Malformed(DecodeError),
    /// Sent something before its hello.
    BeforeHello,
    /// Speaks a version of the protocol that we can't.
    Version(u16),
    /// Sent an item that breaks the named rule, which no honest node relays.
    InvalidItem(&'static str),
    /// Sent an item that we neither asked for nor take unasked. Tolerated, until it persists.
    Unsolicited,
    /// Said notfound for what it had not been asked. Tolerated, until it persists.
    SpuriousNotFound,
    /// Sent bytes that are no message of a replica.
    NotOfReplica(Malformed),
    /// Broke a rule of the map, or speaks of one that it has no part in.
    Replica(&'static str),
    /// Ran over a budget. Tolerated, until it persists.
    OverBudget(Budget),
    /// Went on running over its budgets, or sending what nobody asked for.
    Flooding,
}

impl Offence {
    /// Whether an honest peer may do this now and then.
    #[must_use]
    pub const fn is_tolerated(self) -> bool {
        matches!(self, Self::Unsolicited | Self::SpuriousNotFound | Self::OverBudget(_))
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "sent a malformed message: {error}"),
            Self::BeforeHello => f.write_str("sent something before its hello"),
            Self::Version(version) => write!(f, "speaks version {version} of the protocol"),
            Self::InvalidItem(rule) => write!(f, "sent an item that breaks the rule {rule}"),
            Self::Unsolicited => f.write_str("sent an item that was not asked for"),
            Self::SpuriousNotFound => f.write_str("said notfound for what it was not asked"),
            Self::NotOfReplica(problem) => {
                write!(f, "sent bytes that are no message of a replica: {problem}")
            }
            Self::Replica(why) => write!(f, "broke a rule of the map: {why}"),
            Self::OverBudget(budget) => write!(f, "ran over its budget of {}", budget.name()),
            Self::Flooding => f.write_str("kept running over its budgets"),
        }
    }
}

/// Why a link of our own choice is replaced by another (`peers/useless.rs`); those after others weigh more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It told and sent nothing for long, while most others did.
    Idle,
    /// Its round trips are far longer than the others'.
    Slow,
    /// It has no part in what goes on: it neither gives nor takes, nor keeps what we keep.
    Behind,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "it brought nothing for long while the others did",
            Self::Slow => "its round trips are far longer than the others'",
            Self::Behind => {
                "it neither brought, nor took, nor kept anything for long while the others did"
            }
        })
    }
}

/// Why we close a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The peer misbehaved. Its address isn't dialled again, and it isn't let in again, for a while.
    Misbehaved(Offence),
    /// There is another link to the same peer.
    Duplicate,
    /// The peer is ourselves.
    Myself,
    /// All places for inbound peers are taken, and none was to be given up for this one.
    Full,
    /// The peer gave its inbound place to a newcomer of another network. It did nothing wrong, and may come again.
    GaveWay,
    /// It owed blocks for long which others brought meanwhile. It may be slow and not to blame: it may come again.
    Stalls,
    /// Our operator keeps the peer out.
    Banned,
    /// The peer misbehaved earlier.
    Discouraged,
    /// The link is no longer needed: it served to learn addresses, and there are enough others by now, or its peer is no neighbour
    /// in HyParView's sense.
    Surplus,
    /// It was of the least use of those that we chose, and another one took its place. Its peer did nothing wrong.
    Useless(Fault),
    /// The peer didn't say hello in time.
    HelloTimeout,
    /// The peer didn't answer a ping in time.
    PingTimeout,
    /// More was queued for the peer than it took, up to the hard bound. Decided by the driver.
    SlowReader,
    /// Our operator asked for it. Decided by the driver.
    Operator,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misbehaved(offence) => write!(f, "the peer {offence}"),
            Self::Duplicate => f.write_str("there is another link to this peer"),
            Self::Myself => f.write_str("the peer is this node itself"),
            Self::Full => f.write_str("all places for inbound peers are taken"),
            Self::GaveWay => f.write_str("it gave its place to a newcomer of another network"),
            Self::Stalls => f.write_str("it owed blocks for long that others brought meanwhile"),
            Self::Banned => f.write_str("the operator keeps the peer out"),
            Self::Discouraged => f.write_str("the peer misbehaved earlier"),
            Self::Surplus => f.write_str("it is no longer needed"),
            Self::Useless(fault) => write!(f, "another took its place: {fault}"),
            Self::HelloTimeout => f.write_str("the peer did not say hello in time"),
            Self::PingTimeout => f.write_str("the peer did not answer a ping in time"),
            Self::SlowReader => f.write_str("the peer takes less than is queued for it"),
            Self::Operator => f.write_str("the operator asked for it"),
        }
    }
}
