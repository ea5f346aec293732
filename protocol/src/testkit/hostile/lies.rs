//! What can be false of what a peer says.

use std::fmt;
use std::str::FromStr;

use rand::{Rng, RngExt as _};
use serde::{Deserialize, Serialize};

/// One thing that is false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// What something is: transactions are announced, asked for and sent as blocks, and blocks, or their headers, as
    /// transactions.
    Kind,
    /// Which it is: ids that share eight bytes with the true ones.
    Name,
    /// Its bytes: changed in one place, cut, lengthened.
    Bytes,
    /// What comes after what: items before anybody asks, children before parents, things said twice, a second hello.
    Order,
    /// That it has it: it announces all that it hears of, and delivers nothing, or denies it, or waits for the last
    /// moment, or leaves and comes back.
    Presence,
    /// When: all in one moment after a silence, hours late, pongs before they are asked for.
    Time,
    /// That it had everything already, so that the other sends less.
    Known,
    /// That the other was first with everything, so that it sends more.
    First,
    /// The frames themselves: lost, doubled, held back, changed in any byte, the hello's included. As
    /// whoever forwards them to somebody else would do.
    Frames,
}

impl Lie {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Kind,
        Self::Name,
        Self::Bytes,
        Self::Order,
        Self::Presence,
        Self::Time,
        Self::Known,
        Self::First,
        Self::Frames,
    ];

    /// Its name in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Name => "name",
            Self::Bytes => "bytes",
            Self::Order => "order",
            Self::Presence => "presence",
            Self::Time => "time",
            Self::Known => "known",
            Self::First => "first",
            Self::Frames => "frames",
        }
    }
}

/// The lies that somebody tells: one of them, or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Lies {
    /// This one, always.
    One(Lie),
    /// Now this one, now that.
    All,
}

impl Lies {
    /// Which one is told now.
    pub(super) fn draw(self, rng: &mut impl Rng) -> Lie {
        match self {
            Self::One(lie) => lie,
            Self::All => Lie::ALL[rng.random_range(0..Lie::ALL.len())],
        }
    }
}

impl fmt::Display for Lies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One(lie) => lie.name(),
            Self::All => "all",
        })
    }
}

/// A name that is no lie's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown variant `{0}`, expected `all` or one of {names:?}", names = Lie::ALL.map(Lie::name))]
pub struct UnknownLie(String);

impl FromStr for Lies {
    type Err = UnknownLie;

    fn from_str(name: &str) -> Result<Self, UnknownLie> {
        let mut all = Lie::ALL.into_iter().map(Self::One).chain([Self::All]);
        all.find(|lies| lies.to_string() == name).ok_or_else(|| UnknownLie(name.to_owned()))
    }
}

impl TryFrom<String> for Lies {
    type Error = UnknownLie;

    fn try_from(name: String) -> Result<Self, UnknownLie> {
        name.parse()
    }
}

impl From<Lies> for String {
    fn from(lies: Lies) -> Self {
        lies.to_string()
    }
}
