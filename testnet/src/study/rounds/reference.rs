//! What is known about rounds and rumours. Rounds: means of simulations of bare models, made apart from this
//! code, which agree with the formulas of [`crate::study::theory`] but for their constants. Rumours: Demers et
//! al., "Epidemic Algorithms for Replicated Database Maintenance", PODC 1987, tables 1 to 3.

use tidings_protocol::params::{RumorParams, StrategyKind};

/// Mean rounds with `fanout` contacts a round until `nodes` nodes know.
#[must_use]
pub fn rounds(strategy: StrategyKind, nodes: usize, fanout: usize) -> Option<f64> {
    let figure = match (strategy, nodes, fanout) {
        (StrategyKind::Push, 1_000, 1) => 18.1,
        (StrategyKind::Pull, 1_000, 1) => 13.8,
        (StrategyKind::PushPull, 1_000, 1) => 9.15,
        (StrategyKind::Push, 10_000, 1) => 23.8,
        (StrategyKind::Pull, 10_000, 1) => 17.5,
        (StrategyKind::PushPull, 10_000, 1) => 11.54,
        (StrategyKind::Push, 1_000_000, 1) => 34.3,
        (StrategyKind::Pull, 1_000_000, 1) => 24.7,
        (StrategyKind::PushPull, 1_000_000, 1) => 16.33,
        (StrategyKind::Push, 1_000, 2) => 10.7,
        (StrategyKind::Push, 1_000, 3) => 8.2,
        _ => return None,
    };
    Some(figure)
}

/// A way in which rumours are told and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rumour {
    /// Told until k contacts in a row said that they knew.
    FeedbackCounter,
    /// Told until a coin of one in k says stop, whatever contacts know.
    BlindCoin,
    /// Asked for, and given until k contacts in a row knew.
    Pull,
}

impl Rumour {
    /// All, in the order of the tables.
    pub const ALL: [Self; 3] = [Self::FeedbackCounter, Self::BlindCoin, Self::Pull];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BlindCoin => "push, blind, coin",
            Self::FeedbackCounter => "push, feedback, counter",
            Self::Pull => "pull, feedback, counter",
        }
    }

    /// Its parameters.
    #[must_use]
    pub const fn params(self, k: u32) -> RumorParams {
        let (feedback, coin, pull) = match self {
            Self::BlindCoin => (false, true, false),
            Self::FeedbackCounter => (true, false, false),
            Self::Pull => (true, false, true),
        };
        RumorParams { k, feedback, coin, pull }
    }

    /// What is known of it for a thousand nodes.
    #[must_use]
    pub fn reference(self, k: u32) -> Option<Known> {
        let of = |residue, traffic, last| Known { residue, traffic, last };
        let table: &[Known] = match self {
            Self::FeedbackCounter => &[
                of(0.174, Some(1.75), Some(16.7)),
                of(0.0365, Some(3.30), Some(16.9)),
                of(0.0111, Some(4.53), Some(17.4)),
                of(0.0035, Some(5.64), Some(17.6)),
                of(0.0013, Some(6.68), Some(17.8)),
            ],
            Self::BlindCoin => &[
                of(0.959, Some(0.04), Some(38.0)),
                of(0.204, Some(1.6), Some(33.0)),
                of(0.060, Some(2.8), Some(32.0)),
                of(0.020, Some(3.9), Some(32.0)),
                of(0.007, Some(4.9), Some(32.0)),
            ],
            // The paper's own figures: others round the second residue to one digit.
            Self::Pull => &[
                of(0.031, Some(2.7), Some(17.6)),
                of(5.8e-4, Some(4.5), Some(15.4)),
                of(4.0e-6, Some(6.1), Some(14.0)),
            ],
        };
        table.get(k.checked_sub(1)? as usize).copied()
    }
}

/// What is known of a rumour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    /// Share of the nodes that never hear it.
    pub residue: f64,
    /// Copies sent per node.
    pub traffic: Option<f64>,
    /// The round of the last delivery.
    pub last: Option<f64>,
}
