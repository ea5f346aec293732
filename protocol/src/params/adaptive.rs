//! How the strategy `adaptive` spends bytes on speed: one dial, and three names for places on it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ParamError;

/// How [`Adaptive`](crate::relay::Adaptive) spends bytes on speed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaptiveParams {
    /// The place on the dial.
    pub preset: Preset,
    /// Any other place, useless copies for each item; the preset decides the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redundancy: Option<Redundancy>,
    /// To how many peers own transactions go whole at first; without it as the preset says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_hops: Option<usize>,
    /// How often each link is compared, milliseconds, instead of telling lazily of what its peer has most probably; 0 tells.
    /// Without it as the preset says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare_ms: Option<u64>,
}

impl AdaptiveParams {
    /// How many useless copies each item may cost on average.
    #[must_use]
    pub fn redundancy(&self) -> Redundancy {
        self.redundancy.unwrap_or_else(|| self.preset.redundancy())
    }

    /// From which odds on a peer gets items whole, until the node has seen what that costs.
    #[must_use]
    pub fn eager_from(&self) -> Probability {
        self.preset.eager_from()
    }

    /// From which odds on a peer is at least told at once; the others wait for the next batch.
    #[must_use]
    pub fn prompt_from(&self) -> Probability {
        self.preset.prompt_from()
    }

    /// To how many peers own transactions go whole at first.
    #[must_use]
    pub fn first_hops(&self) -> usize {
        self.first_hops.unwrap_or_else(|| self.preset.first_hops())
    }

    /// How often each link is compared instead of telling its peer lazily of what it has most probably; zero tells.
    #[must_use]
    pub fn compared(&self) -> Duration {
        Duration::from_millis(self.compare_ms.unwrap_or_else(|| self.preset.compare_ms()))
    }

    pub(super) fn validate(self) -> Result<(), ParamError> {
        match self.redundancy {
            Some(dial) if dial > Redundancy::MAX => {
                let key = "relay.adaptive.redundancy";
                Err(ParamError { key, value: dial.to_string(), must: "from 0 to 32" })
            }
            _ => Ok(()),
        }
    }
}

/// How many copies come for each item, on average, to nodes that have it already.
///
/// In thousandths; as text and in settings a number of copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Redundancy(u16);

impl Redundancy {
    /// The most that may be asked for: what flood has with twice the default's links.
    pub const MAX: Self = Self(32_000);

    /// So many thousandths of a copy.
    #[must_use]
    pub const fn of_thousandths(thousandths: u16) -> Self {
        Self(thousandths)
    }

    /// In thousandths of a copy.
    #[must_use]
    pub const fn thousandths(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Redundancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f64::from(*self).fmt(f)
    }
}

impl From<Redundancy> for f64 {
    fn from(dial: Redundancy) -> Self {
        Self::from(dial.0) / 1e3
    }
}

impl From<Redundancy> for f32 {
    fn from(dial: Redundancy) -> Self {
        Self::from(dial.0) / 1e3
    }
}

impl Serialize for Redundancy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64((*self).into())
    }
}

impl<'de> Deserialize<'de> for Redundancy {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let copies = f64::deserialize(deserializer)?;
        if !(0.0..=Self::MAX.into()).contains(&copies) {
            return Err(serde::de::Error::custom(format_args!(
                "{copies} isn't from 0 to 32 copies"
            )));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "just seen to be from 0 to 32,000"
        )]
        Ok(Self((copies * 1e3).round() as u16))
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

    /// A share of 1; less than 0 counts as 0, and more than 1 as 1.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a product of a share and the largest number of its type"
    )]
    pub fn of_share(share: f32) -> Self {
        Self((share.clamp(0.0, 1.0) * f32::from(u16::MAX)) as u16)
    }

    /// As a share of 1.
    #[must_use]
    pub fn share(self) -> f32 {
        f32::from(self.0) / f32::from(u16::MAX)
    }
}

/// How much is spent on speed: a place on the dial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Nearly as fast as flooding, at a sixth of its bytes.
    Fast,
    /// Twice as slow as flooding, at an eighth of its bytes.
    #[default]
    Balanced,
    /// Little more bytes than the payload itself, and yet faster than announcing.
    Lean,
}

impl Preset {
    /// How many useless copies each item may cost on average: the dial.
    #[must_use]
    pub const fn redundancy(self) -> Redundancy {
        match self {
            Self::Fast => Redundancy(1_500),
            Self::Balanced => Redundancy(600),
            Self::Lean => Redundancy(100),
        }
    }

    /// Whole items go to the peers that have them first from us with at least this probability, until the node has seen
    /// what that costs. About where nodes on a plane end up; `balanced` ends up lower in regions, but with 15 % the first thousand items
    /// of a new network cost 0.70 copies and not 0.64, for a t99 of 257 ms and not 275.
    #[must_use]
    pub const fn eager_from(self) -> Probability {
        match self {
            Self::Fast => Probability::percent(7),
            Self::Balanced => Probability::percent(18),
            Self::Lean => Probability::percent(50),
        }
    }

    /// From which odds on a peer is told at once; the others wait for the next batch. With half of these, or of the threshold where
    /// that is less, up to a fifth more messages leave, and t99 is up to 9 % lower where links differ.
    #[must_use]
    pub const fn prompt_from(self) -> Probability {
        match self {
            Self::Fast => Probability::percent(10),
            Self::Balanced | Self::Lean => Probability::percent(20),
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

    /// See [`AdaptiveParams::compare_ms`]. Against lazy ids 8 s save up to a tenth of the bytes and a tenth to a half of the messages, at
    /// the same t99 and fewer copies; 4 s save half of that. 16 s save `lean` 0.08 bytes per payload byte more at the same t99, and the others,
    /// which tell more peers promptly, hardly any.
    #[must_use]
    pub const fn compare_ms(self) -> u64 {
        match self {
            Self::Fast | Self::Balanced => 8_000,
            Self::Lean => 16_000,
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
