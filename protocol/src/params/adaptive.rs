//! How the strategy `adaptive` spends bytes on speed: one dial, and three names for places on it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ParamError;

/// How [`Adaptive`](crate::relay::Adaptive) spends bytes on speed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaptiveParams {
    /// The place on the dial.
    pub preset: Preset,
    /// Any other place: a whole item goes to the peers that have it first from us with at least this
    /// probability, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eager_percent: Option<u16>,
    /// To how many peers own transactions go whole at first; without it as the preset says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_hops: Option<usize>,
}

impl AdaptiveParams {
    /// From which odds on a peer gets items whole.
    #[must_use]
    pub fn eager_from(&self) -> Probability {
        self.eager_percent.map_or_else(|| self.preset.eager_from(), Probability::percent)
    }

    /// To how many peers own transactions go whole at first.
    #[must_use]
    pub fn first_hops(&self) -> usize {
        self.first_hops.unwrap_or_else(|| self.preset.first_hops())
    }

    /// From which odds on a peer is at least told at once; the others wait for the next batch.
    #[must_use]
    pub fn prompt_from(&self) -> Probability {
        self.eager_from().half()
    }

    pub(super) fn validate(self) -> Result<(), ParamError> {
        match self.eager_percent {
            Some(percent) if !(1..=100).contains(&percent) => {
                let key = "relay.adaptive.eager_percent";
                Err(ParamError { key, value: percent.to_string(), must: "from 1 to 100" })
            }
            _ => Ok(()),
        }
    }
}

/// A probability in steps of 1/65,535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Probability(pub(crate) u16);

impl Probability {
    /// Certainty.
    pub const ONE: Self = Self(u16::MAX);

    /// `percent` in a hundred; more than 100 counts as 100.
    #[must_use]
    pub const fn percent(percent: u16) -> Self {
        if percent < 100 { Self(u16::MAX / 100 * percent) } else { Self::ONE }
    }

    /// Half of it.
    #[must_use]
    pub const fn half(self) -> Self {
        Self(self.0 / 2)
    }
}

/// How much is spent on speed: a place on the dial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Nearly as fast as flooding, at a quarter of its bytes.
    Fast,
    /// Little slower than flooding, at a seventh of its bytes.
    #[default]
    Balanced,
    /// Little more bytes than the payload itself, and yet faster than announcing.
    Lean,
}

impl Preset {
    /// Whole items go to the peers that have them first from us with at least this probability.
    ///
    /// Among 500 nodes on a plane `fast` has 1.14 times flood's t99 at 3.3 bytes per payload byte, `balanced` 1.55
    /// times at 2.4, and `lean`, at 1.4, is a little faster than inventory without trickle.
    #[must_use]
    pub const fn eager_from(self) -> Probability {
        match self {
            Self::Fast => Probability::percent(7),
            Self::Balanced => Probability::percent(10),
            Self::Lean => Probability::percent(50),
        }
    }

    /// The longest that ids wait for company if their peers may well lack the item; the mean is three
    /// quarters of it. None with `lean`, where such ids are what is asked for: 100 ms cost a third of its t99.
    #[must_use]
    pub const fn window(self) -> Duration {
        match self {
            Self::Fast => Duration::from_millis(30),
            Self::Balanced => Duration::from_millis(60),
            Self::Lean => Duration::ZERO,
        }
    }

    /// Two links by which an item comes within this time are in a *dead heat*: then the one with more merit
    /// counts as the first, so that one of two that are equally fast ends up eager and not both.
    /// What `fast` would save in bytes with 20 ms it would lose in time; `lean` gains nothing from 100 ms on.
    #[must_use]
    pub const fn dead_heat(self) -> Duration {
        match self {
            Self::Fast => Duration::from_millis(10),
            Self::Balanced => Duration::from_millis(25),
            Self::Lean => Duration::from_millis(70),
        }
    }

    /// To how many peers own items go whole at first: to all where nothing counts but speed, so that `fast`
    /// gives origins away as flooding does. The others give away less than Bitcoin's trickle does, see the
    /// header of [`adaptive`](crate::relay::adaptive).
    #[must_use]
    pub const fn first_hops(self) -> usize {
        match self {
            Self::Fast => usize::MAX,
            Self::Balanced => 4,
            Self::Lean => 6,
        }
    }
}
