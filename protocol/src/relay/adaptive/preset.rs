//! The dial: one number, and three names for places on it.

use super::odds::Probability;

/// How much is spent on speed: a place on the dial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Nearly as fast as flooding, at a quarter of its bytes.
    Fast,
    /// Little slower than flooding, at an eighth of its bytes.
    #[default]
    Balanced,
    /// Little more bytes than the payload itself, and yet faster than announcing.
    Lean,
}

impl Preset {
    /// Whole items go to the peers that have them first from us with at least this probability: about
    /// one over the number of copies that a delivery is allowed to cost.
    #[must_use]
    pub const fn eager_from(self) -> Probability {
        match self {
            Self::Fast => Probability::percent(13),
            Self::Balanced => Probability::percent(27),
            Self::Lean => Probability::percent(60),
        }
    }

    /// To how many peers own items go whole at first: to all where nothing counts but speed, so that `fast`
    /// gives origins away as flooding does.
    #[must_use]
    pub const fn first_hops(self) -> usize {
        match self {
            Self::Fast => usize::MAX,
            Self::Balanced | Self::Lean => 3,
        }
    }
}
