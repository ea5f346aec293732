//! What a network's replicas agree on, and what each may choose for itself.

use std::time::Duration;

use super::clock::ClockKind;
use super::key::Kind;
use super::stamp::Millis;
use crate::wire::message::MapTerms;

/// What data a network keeps. All its replicas must agree: an entry of another kind is an offence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// [Registers](Kind::Register) by this clock: simple, and of concurrent writes all but one are lost.
    LastWriter(ClockKind),
    /// [Siblings](Kind::Siblings): nothing is lost, and whoever reads has to choose.
    Versions,
    /// [Counters](Kind::Counter), [sets](Kind::Set) and [maps of registers](Kind::Map): data whose writes fit together.
    Convergent,
}

impl Model {
    /// Whether a network of this model keeps a kind.
    #[must_use]
    pub const fn keeps(self, kind: Kind) -> bool {
        match self {
            Self::LastWriter(_) => matches!(kind, Kind::Register),
            Self::Versions => matches!(kind, Kind::Siblings),
            Self::Convergent => matches!(kind, Kind::Counter | Kind::Set | Kind::Map),
        }
    }

    /// The number by which replicas tell one another of it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::LastWriter(ClockKind::Hybrid) => 1,
            Self::LastWriter(ClockKind::Wall) => 2,
            Self::Versions => 3,
            Self::Convergent => 4,
        }
    }

    /// Where its stamps come from.
    #[must_use]
    pub const fn clock(self) -> ClockKind {
        match self {
            Self::LastWriter(clock) => clock,
            Self::Versions | Self::Convergent => ClockKind::Hybrid,
        }
    }
}

/// Who tells whom in a round (Demers et al. 1987, §1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// Whoever has news sends it. Silent when there is none.
    Push,
    /// Everybody asks for news, whether there is any or not.
    Pull,
    /// Both, in each contact.
    #[default]
    PushPull,
}

impl Spread {
    /// Whether news is sent unasked.
    #[must_use]
    pub const fn pushes(self) -> bool {
        matches!(self, Self::Push | Self::PushPull)
    }

    /// Whether news is asked for.
    #[must_use]
    pub const fn pulls(self) -> bool {
        matches!(self, Self::Pull | Self::PushPull)
    }
}

/// How a replica behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What data is kept. The same in all the network.
    pub model: Model,
    /// Decides where keys have their places in the tree, for instance a hash of the network's name. The same in all the network.
    pub salt: u64,
    /// How news spreads.
    pub spread: Spread,
    /// From one round to the next, on average. A second: Cassandra's gossip interval. Zero switches rounds off.
    pub round: Duration,
    /// How many peers are contacted in a round. Three, as memberlist's `GossipNodes`.
    pub fanout: usize,
    /// From one comparison with a random peer to the next. Half a minute, as memberlist's `PushPullInterval` for LANs. Zero
    /// switches comparisons off, those with newcomers too.
    pub compare: Duration,
    /// From one message of entries that a comparison found to the next one on a link. A guess.
    pub pace: Duration,
    /// Most bytes of entries in a message, but for the last of them. Which begins below this ends below
    /// [`MESSAGE_MAX`](super::message::MESSAGE_MAX). More than
    /// [`ENTRY_MAX`](super::state::ENTRY_MAX) is taken for that.
    pub batch_bytes: usize,
    /// How far ahead of our machine's clock a peer's stamp may be, milliseconds. A minute: a guess, above what clocks
    /// without NTP drift in weeks. Of no meaning with [`ClockKind::Wall`].
    pub ahead_ms: Millis,
    /// How long a deletion is remembered, milliseconds. Ten days: Cassandra's `gc_grace_seconds`. A replica that was away for
    /// longer brings back what was deleted meanwhile, and a deletion that reaches nobody within it is undone.
    pub grace_ms: Millis,
    /// Most keys, deleted ones included. The same in all the network.
    pub keys_max: usize,
    /// Most bytes of all entries. The same in all the network.
    pub bytes_max: usize,
    /// Most lost writes that are listed; over it, the oldest are dropped. They are counted all the same.
    pub lost_max: usize,
}

impl Settings {
    /// The defaults, for a network.
    #[must_use]
    pub const fn new(model: Model, salt: u64) -> Self {
        Self {
            model,
            salt,
            spread: Spread::PushPull,
            round: Duration::from_secs(1),
            fanout: 3,
            compare: Duration::from_secs(30),
            pace: Duration::from_millis(50),
            batch_bytes: 16 * 1024,
            ahead_ms: 60_000,
            grace_ms: 10 * 24 * 3_600_000,
            keys_max: 4_096,
            bytes_max: 4 << 20,
            lost_max: 256,
        }
    }

    /// What a replica tells of them to those who want to link to it: all that the two must agree on.
    #[must_use]
    pub fn terms(&self) -> MapTerms {
        MapTerms {
            model: self.model.number(),
            salt: self.salt,
            keys_max: u32::try_from(self.keys_max).unwrap_or(u32::MAX),
            bytes_max: self.bytes_max as u64,
        }
    }
}
