//! Emulated links: where in the world nodes are, how long bytes take between them, and how many a
//! second they can send.
//!
//! The figures are those of `ethp2p8`, the model with which Ethereum's peer-to-peer developers compare
//! implementations: libp2p/test-plans, `gossipsub-interop/network_graph.py` at commit
//! f4942573ddf9cda9b2134ac754d653db09045b63 (MIT or Apache-2.0). There, each latency is that of an edge
//! of a Shadow graph and applies per direction; the one asymmetric pair (`south_africa` and
//! `south_america`, 190 and 195 ms) is the source's. The source doesn't say where the regions'
//! weights were counted.
//!
//! `ethp2p8` has no jitter. Without any, messages of different origins arrive in lockstep, which real
//! networks never show, so we add some: uniform within [`JITTER`], which keeps the mean.

mod row;

use core::time::Duration;
use std::fmt;
use std::str::FromStr;

use rand::{Rng, RngExt as _};

pub use row::{NUMBERS_MAX, Position, Row};

/// Jitter as a share of the latency, either way: `CometBFT`'s latency setter for its matrix `aws13`
/// gives netem 5 % (cometbft/cometbft, `test/e2e/scripts/latency-setter.py`), which netem draws uniformly by default.
pub const JITTER: f64 = 0.05;

/// A region of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Region {
    /// Australia.
    Australia,
    /// Europe.
    Europe,
    /// East Asia.
    EastAsia,
    /// West Asia.
    WestAsia,
    /// North America, east.
    NaEast,
    /// North America, west.
    NaWest,
    /// South Africa.
    SouthAfrica,
    /// South America.
    SouthAmerica,
}

/// Nodes counted in each region; the sum is 11,326.
const WEIGHTS: [u32; 8] = [290, 5_599, 1_059, 161, 2_894, 1_240, 47, 36];

/// One-way latency, milliseconds, by sender (row) and receiver (column).
const LATENCY_MS: [[u8; 8]; 8] = [
    [2, 165, 110, 180, 150, 110, 220, 190],
    [165, 2, 125, 60, 70, 110, 95, 140],
    [110, 125, 4, 110, 140, 100, 175, 175],
    [180, 60, 110, 5, 110, 150, 110, 145],
    [150, 70, 140, 110, 2, 60, 130, 100],
    [110, 110, 100, 150, 60, 2, 160, 100],
    [220, 95, 175, 110, 130, 160, 7, 190],
    [190, 140, 175, 145, 100, 100, 195, 7],
];

impl Region {
    /// All regions, in the order of the source.
    pub const ALL: [Self; 8] = [
        Self::Australia,
        Self::Europe,
        Self::EastAsia,
        Self::WestAsia,
        Self::NaEast,
        Self::NaWest,
        Self::SouthAfrica,
        Self::SouthAmerica,
    ];

    /// Its name in configuration and results, as in the source.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Australia => "australia",
            Self::Europe => "europe",
            Self::EastAsia => "east_asia",
            Self::WestAsia => "west_asia",
            Self::NaEast => "na_east",
            Self::NaWest => "na_west",
            Self::SouthAfrica => "south_africa",
            Self::SouthAmerica => "south_america",
        }
    }

    /// The region with a number, as the prelude of a shaped connection carries it.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// How a node is connected to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum NodeType {
    /// In a data centre: 1,024 Mbit/s both ways.
    Supernode,
    /// At home: 50 Mbit/s both ways.
    Fullnode,
}

impl NodeType {
    /// Both types.
    pub const ALL: [Self; 2] = [Self::Supernode, Self::Fullnode];

    /// Its name in configuration and results, as in the source.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Supernode => "supernode",
            Self::Fullnode => "fullnode",
        }
    }

    /// Share of it among all nodes.
    #[must_use]
    pub const fn share(self) -> f64 {
        match self {
            Self::Supernode => 0.2,
            Self::Fullnode => 0.8,
        }
    }

    /// What it can send a second over all its links, bits.
    #[must_use]
    pub const fn up_bps(self) -> u64 {
        match self {
            Self::Supernode => 1_024_000_000,
            Self::Fullnode => 50_000_000,
        }
    }

    /// What it can receive a second over all its links, bits.
    #[must_use]
    pub const fn down_bps(self) -> u64 {
        self.up_bps()
    }

    /// The type with a number, as the prelude of a shaped connection carries it.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// Where a node is and how it is connected there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its region.
    pub region: Region,
    /// Its connection.
    pub node_type: NodeType,
    /// Seed of the jitter that its links show.
    pub seed: u64,
}

/// The model: how nodes are spread over the world, and what lies between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkModel {
    /// Jitter as a share of the latency, either way, 0 to 1.
    pub jitter: f64,
}

impl Default for LinkModel {
    fn default() -> Self {
        Self { jitter: JITTER }
    }
}

impl LinkModel {
    /// A region, drawn by how many nodes it has.
    #[must_use]
    pub fn sample_region(&self, rng: &mut impl Rng) -> Region {
        let mut left = rng.random_range(0..WEIGHTS.iter().sum());
        for (region, weight) in Region::ALL.into_iter().zip(WEIGHTS) {
            if left < weight {
                return region;
            }
            left -= weight;
        }
        unreachable!("a number below the sum of the weights falls into one of them")
    }

    /// A node type, drawn by its share.
    #[must_use]
    pub fn sample_node_type(&self, rng: &mut impl Rng) -> NodeType {
        if rng.random_bool(NodeType::Supernode.share()) {
            NodeType::Supernode
        } else {
            NodeType::Fullnode
        }
    }

    /// Mean one-way latency.
    #[must_use]
    pub const fn latency(&self, from: Region, to: Region) -> Duration {
        Duration::from_millis(LATENCY_MS[from as usize][to as usize] as u64)
    }

    /// A latency with jitter around its mean.
    #[must_use]
    pub fn jittered(&self, mean: Duration, rng: &mut impl Rng) -> Duration {
        if self.jitter <= 0.0 {
            return mean;
        }
        mean.mul_f64(1.0 + rng.random_range(-self.jitter..=self.jitter))
    }
}

/// Text that names no region or node type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}: expected one of {expected}")]
pub struct UnknownNameError {
    what: &'static str,
    text: String,
    expected: String,
}

/// Reads and shows an enum by the names of its variants, in text and with serde.
macro_rules! named {
    ($type:ty, $what:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $type {
            type Err = UnknownNameError;

            fn from_str(text: &str) -> Result<Self, UnknownNameError> {
                Self::ALL.into_iter().find(|it| it.name() == text).ok_or_else(|| UnknownNameError {
                    what: $what,
                    text: text.to_owned(),
                    expected: Self::ALL.map(Self::name).join(", "),
                })
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

named!(Region, "region");
named!(NodeType, "node type");

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn regions_are_drawn_by_their_weight() {
        let (model, mut rng) = (LinkModel::default(), ChaCha8Rng::seed_from_u64(1));
        let europe = (0..10_000).filter(|_| model.sample_region(&mut rng) == Region::Europe);
        let share = f64::from(u32::try_from(europe.count()).unwrap()) / 10_000.0;
        assert!((share - 0.494).abs() < 0.02, "{share}");
    }

    #[test]
    fn the_last_region_can_be_drawn() {
        let (model, mut rng) = (LinkModel::default(), ChaCha8Rng::seed_from_u64(1));
        assert!((0..10_000).any(|_| model.sample_region(&mut rng) == Region::SouthAmerica));
    }

    #[test]
    fn latency_is_per_direction() {
        let model = LinkModel::default();
        let latency = |from, to| model.latency(from, to).as_millis();
        assert_eq!(latency(Region::SouthAfrica, Region::SouthAmerica), 190);
        assert_eq!(latency(Region::SouthAmerica, Region::SouthAfrica), 195);
        assert_eq!(latency(Region::Europe, Region::Europe), 2);
    }

    #[test]
    fn jitter_keeps_the_mean_and_its_bounds() {
        let (model, mut rng) = (LinkModel::default(), ChaCha8Rng::seed_from_u64(1));
        let mean = Duration::from_millis(100);
        let drawn: Vec<_> = (0..10_000).map(|_| model.jittered(mean, &mut rng)).collect();
        assert!(drawn.iter().all(|d| (95..=105).contains(&d.as_millis())));
        let average = drawn.iter().sum::<Duration>() / 10_000;
        assert!((99_800..100_200).contains(&average.as_micros()), "{average:?}");
    }

    #[test]
    fn names_read_back_and_a_wrong_one_lists_the_right_ones() {
        for region in Region::ALL {
            assert_eq!(region.name().parse(), Ok(region));
            assert_eq!(Region::from_number(region as u8), Some(region));
        }
        let error = "fullnod".parse::<NodeType>().unwrap_err().to_string();
        assert_eq!(error, "`fullnod` is no node type: expected one of supernode, fullnode");
    }
}
