//! What lies between nodes: how long a message takes, and how fast a node's line is.
//!
//! A link has a fixed latency each way, found when it comes up; what varies from message to message is
//! drawn from a stream of the sending node. Models that draw (`uniform`, `exponential`, `lognormal`) do so
//! once for each link or, with `draw = "message"`, for each message. Whatever is drawn, a link is a stream:
//! no message overtakes an earlier one (the world sees to that).
//!
//! `matrix` is anybody's own table of regions and of what lies between them. `regions` is the model that `launch` emulates between real nodes ([`tidings_links`]), with the same
//! places for the same seed: eight regions, two types of nodes, jitter, and lines that a node's links
//! share, one up and one down. A control message doesn't wait for the items queued before it on the
//! uplink, as on a real link, where they travel in parts and it goes between.

mod matrix;

use core::time::Duration;

use rand::{Rng as _, RngExt as _};
use serde::{Deserialize, Serialize};
use tidings_links::{JITTER, LinkModel, NodeType, Region};

pub use matrix::Matrix;

use crate::random::shared::{self, Stream};
use crate::random::{SplitMix64, Use, mix, stream, unit};

/// What lies between nodes: the section `[link]` of a manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LinkSpec {
    /// Almost nothing: 0.1 ms, about what processes of one machine take.
    None,
    /// The same for all.
    Constant {
        /// One way, milliseconds.
        latency_ms: f64,
    },
    /// Any latency between two bounds.
    Uniform {
        /// The least, milliseconds.
        min_ms: f64,
        /// The most, milliseconds.
        max_ms: f64,
        /// For what it is drawn.
        #[serde(default)]
        draw: Draw,
    },
    /// An exponential distribution: many short ways and a few long ones.
    Exponential {
        /// Mean, milliseconds.
        mean_ms: f64,
        /// For what it is drawn.
        #[serde(default)]
        draw: Draw,
    },
    /// A lognormal distribution: as the exponential one, but hardly any very short ways.
    Lognormal {
        /// Mean, milliseconds.
        mean_ms: f64,
        /// Standard deviation of the logarithm.
        #[serde(default = "default_sigma")]
        sigma: f64,
        /// For what it is drawn.
        #[serde(default)]
        draw: Draw,
    },
    /// Nodes are random points of a unit square; latency grows with their distance.
    Planar {
        /// At no distance, milliseconds.
        #[serde(default = "default_planar_min")]
        min_ms: f64,
        /// Between opposite corners, milliseconds.
        #[serde(default = "default_planar_max")]
        max_ms: f64,
        /// Share of a latency by which each message varies, either way.
        #[serde(default)]
        jitter: f64,
    },
    /// Eight regions of the world and two types of nodes.
    Regions {
        /// Share of a latency by which each message varies, either way.
        #[serde(default = "default_jitter")]
        jitter: f64,
        /// Whether nodes' lines are as narrow as their type says.
        #[serde(default = "default_true")]
        bandwidth: bool,
    },
    /// Regions of one's own, and the latency between each two.
    Matrix {
        /// A table of them, instead of what follows: see [`Matrix::parse`]. Whoever reads manifests reads it, too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        /// All of it.
        #[serde(default)]
        table: Matrix,
        /// Share of a latency by which each message varies, either way.
        #[serde(default)]
        jitter: f64,
    },
    /// Rounds, as in theory. Synchronous: whatever is sent during a round arrives as the next one
    /// begins. Asynchronous: a message takes any time up to a round, so that nobody is in step.
    Rounds {
        /// Length of a round, milliseconds.
        #[serde(default = "default_round")]
        round_ms: u64,
        /// Which of both.
        #[serde(default)]
        asynchronous: bool,
    },
}

/// For what a random latency is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Draw {
    /// Once for each link, the same both ways.
    #[default]
    Link,
    /// For each message.
    Message,
}

/// A spread of a third either way. A guess.
const fn default_sigma() -> f64 {
    0.3
}

/// Within one region, and about the longest way between two ([`tidings_links`]). Guesses.
const fn default_planar_min() -> f64 {
    5.0
}

const fn default_planar_max() -> f64 {
    217.0
}

const fn default_jitter() -> f64 {
    JITTER
}

const fn default_true() -> bool {
    true
}

const fn default_round() -> u64 {
    1_000
}

/// Longest latency that may be asked for: an hour, milliseconds.
const MOST_MS: f64 = 3_600_000.0;

impl LinkSpec {
    /// The regions as real nodes emulate them.
    #[must_use]
    pub const fn regions() -> Self {
        Self::Regions { jitter: JITTER, bandwidth: true }
    }

    /// Checks every figure.
    ///
    /// # Errors
    /// A sentence about the first that makes no sense.
    pub fn validate(&self) -> Result<(), String> {
        match *self {
            Self::None => Ok(()),
            Self::Constant { latency_ms } => within("latency_ms", latency_ms, 0.0, MOST_MS),
            Self::Uniform { min_ms, max_ms, .. } => {
                within("min_ms", min_ms, 0.0, MOST_MS)?;
                within("max_ms", max_ms, min_ms, MOST_MS)
            }
            Self::Exponential { mean_ms, .. } => within("mean_ms", mean_ms, 0.0, MOST_MS),
            Self::Lognormal { mean_ms, sigma, .. } => {
                within("mean_ms", mean_ms, 0.0, MOST_MS)?;
                within("sigma", sigma, 0.0, 5.0)
            }
            Self::Planar { min_ms, max_ms, jitter } => {
                within("min_ms", min_ms, 0.0, MOST_MS)?;
                within("max_ms", max_ms, min_ms, MOST_MS)?;
                within("jitter", jitter, 0.0, 1.0)
            }
            Self::Regions { jitter, .. } => within("jitter", jitter, 0.0, 1.0),
            Self::Matrix { ref table, jitter, .. } => {
                within("jitter", jitter, 0.0, 1.0)?;
                table.validate()
            }
            Self::Rounds { round_ms, .. } => within("round_ms", round_ms as f64, 1.0, MOST_MS),
        }
    }
}

fn within(name: &str, value: f64, least: f64, most: f64) -> Result<(), String> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(format!("link.{name} is {value}, but must be {least} to {most}"))
}

/// Where a node is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// Nowhere in particular.
    Nowhere,
    /// A point of the unit square.
    Point(f32, f32),
    /// A region and a connection.
    Region(Region, NodeType),
    /// One of the regions of a matrix, by number.
    Numbered(u16),
}

/// A link model with the places of all nodes.
#[derive(Clone, Debug)]
pub struct Latencies {
    spec: LinkSpec,
    seed: u64,
    places: Vec<Place>,
}

/// Nanoseconds of a millisecond.
const MS: f64 = 1e6;

impl Latencies {
    /// Places all nodes. `spec` must be valid.
    #[must_use]
    pub fn new(spec: &LinkSpec, nodes: usize, seed: u64) -> Self {
        let places = match spec {
            LinkSpec::Planar { .. } => points(nodes, seed),
            LinkSpec::Regions { .. } => regions(nodes, seed),
            LinkSpec::Matrix { table, .. } => table.places(nodes, seed),
            _ => Vec::new(),
        };
        Self { spec: spec.clone(), seed, places }
    }

    /// Where a node is.
    #[must_use]
    pub fn place(&self, node: u32) -> Place {
        self.places.get(node as usize).copied().unwrap_or(Place::Nowhere)
    }

    /// The region that a node says it is in, where the model has regions.
    #[must_use]
    pub fn region(&self, node: u32) -> Option<u8> {
        match self.place(node) {
            Place::Region(region, _) => Some(region as u8),
            Place::Nowhere | Place::Point(..) | Place::Numbered(_) => None,
        }
    }

    /// The name of the region that a node is in, and what kind of node it is; empty where the model has none.
    #[must_use]
    pub fn names(&self, node: u32) -> (String, String) {
        match (self.place(node), &self.spec) {
            (Place::Region(region, node_type), _) => (region.to_string(), node_type.to_string()),
            (Place::Numbered(number), LinkSpec::Matrix { table, .. }) => {
                (table.regions[usize::from(number)].clone(), String::new())
            }
            _ => Default::default(),
        }
    }

    /// The fixed part of the latency from one node to another, nanoseconds.
    #[must_use]
    pub fn fixed(&self, from: u32, to: u32) -> u64 {
        match (&self.spec, self.place(from), self.place(to)) {
            (LinkSpec::None, ..) => 100_000,
            (LinkSpec::Constant { latency_ms }, ..) => nanos(*latency_ms * MS),
            (LinkSpec::Planar { min_ms, max_ms, .. }, Place::Point(x, y), Place::Point(u, v)) => {
                let distance = f64::from(x - u).hypot(f64::from(y - v)) / std::f64::consts::SQRT_2;
                nanos((min_ms + (max_ms - min_ms) * distance) * MS)
            }
            (LinkSpec::Regions { .. }, Place::Region(a, _), Place::Region(b, _)) => {
                let latency = LinkModel::default().latency(a, b);
                u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX)
            }
            (LinkSpec::Matrix { table, .. }, Place::Numbered(a), Place::Numbered(b)) => {
                nanos(table.one_way_ms[usize::from(a)][usize::from(b)] * MS)
            }
            _ if self.draw() == Draw::Link => {
                let pair = u64::from(from.min(to)) << 32 | u64::from(from.max(to));
                self.drawn(&mut stream(self.seed, Use::Latency, mix(pair)))
            }
            _ => 0,
        }
    }

    /// When a message that leaves at `at` arrives, nanoseconds, on a link of the fixed latency `fixed`.
    /// `jitter` belongs to the sender.
    pub fn arrival(&self, at: u64, fixed: u64, jitter: &mut SplitMix64) -> u64 {
        match self.spec {
            LinkSpec::Planar { jitter: share, .. }
            | LinkSpec::Regions { jitter: share, .. }
            | LinkSpec::Matrix { jitter: share, .. }
                if share > 0.0 =>
            {
                let factor = 1.0 + share * (2.0 * unit(jitter.next_u64()) - 1.0);
                at + nanos(fixed as f64 * factor)
            }
            LinkSpec::Rounds { round_ms, asynchronous } => {
                let round = round_ms * 1_000_000;
                match asynchronous {
                    true => at + 1 + jitter.random_range(0..round),
                    false => (at / round + 1) * round,
                }
            }
            _ if self.draw() == Draw::Message => at + self.drawn(jitter),
            _ => at + fixed,
        }
    }

    /// Whether nodes' lines are limited.
    #[must_use]
    pub const fn has_bandwidth(&self) -> bool {
        matches!(self.spec, LinkSpec::Regions { bandwidth: true, .. })
    }

    /// How long bytes take on a node's line, nanoseconds, up and down alike.
    #[must_use]
    pub fn on_line(&self, node: u32, bytes: usize) -> u64 {
        match self.place(node) {
            Place::Region(_, node_type) => bytes as u64 * 8 * 1_000_000_000 / node_type.up_bps(),
            Place::Nowhere | Place::Point(..) | Place::Numbered(_) => 0,
        }
    }

    /// Length of a round, if time goes by rounds.
    #[must_use]
    pub const fn round(&self) -> Option<Duration> {
        match self.spec {
            LinkSpec::Rounds { round_ms, .. } => Some(Duration::from_millis(round_ms)),
            _ => None,
        }
    }

    /// Share of a latency by which each message varies, either way.
    #[must_use]
    pub const fn jitter(&self) -> f64 {
        match self.spec {
            LinkSpec::Planar { jitter, .. }
            | LinkSpec::Regions { jitter, .. }
            | LinkSpec::Matrix { jitter, .. } => jitter,
            _ => 0.0,
        }
    }

    const fn draw(&self) -> Draw {
        match self.spec {
            LinkSpec::Uniform { draw, .. }
            | LinkSpec::Exponential { draw, .. }
            | LinkSpec::Lognormal { draw, .. } => draw,
            _ => Draw::Link,
        }
    }

    /// A latency of the model's distribution, nanoseconds.
    fn drawn(&self, rng: &mut SplitMix64) -> u64 {
        match self.spec {
            LinkSpec::Uniform { min_ms, max_ms, .. } => {
                nanos((min_ms + (max_ms - min_ms) * rng.random::<f64>()) * MS)
            }
            LinkSpec::Exponential { mean_ms, .. } => {
                nanos(-(1.0 - rng.random::<f64>()).ln() * mean_ms * MS)
            }
            LinkSpec::Lognormal { mean_ms, sigma, .. } => {
                // The mean of a lognormal variable is exp(mu + sigma^2 / 2).
                let mu = (mean_ms * MS).ln() - sigma * sigma / 2.0;
                nanos((mu + sigma * normal(rng)).exp())
            }
            _ => 0,
        }
    }
}

/// A standard normal variable (Box and Muller, 1958).
fn normal(rng: &mut SplitMix64) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "latencies are not negative and far below what 64 bits hold"
)]
const fn nanos(nanos: f64) -> u64 {
    nanos as u64
}

fn points(nodes: usize, seed: u64) -> Vec<Place> {
    let mut rng = stream(seed, Use::Place, 0);
    (0..nodes).map(|_| Place::Point(rng.random(), rng.random())).collect()
}

/// As `launch` places its nodes.
fn regions(nodes: usize, seed: u64) -> Vec<Place> {
    let (model, mut rng) = (LinkModel::default(), shared::stream(seed, Stream::Regions));
    let place = |_| {
        let place = Place::Region(model.sample_region(&mut rng), model.sample_node_type(&mut rng));
        let _: u64 = rng.random(); // the seed of a real node's jitter
        place
    };
    (0..nodes).map(place).collect()
}

#[cfg(test)]
mod tests;
