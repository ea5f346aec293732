//! Settings of emulated links: `links.*`.

use serde::{Deserialize, Serialize};
use tidings_protocol::params::ParamError;

use crate::links::{NodeType, Place, Position, Region, Row};

/// Emulated links, for test networks: see [`crate::lab::shape`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinksConfig {
    /// Whether to emulate. All nodes of a network must agree.
    pub model: LinkModelName,
    /// Where this node is, with model `regions`.
    pub region: Region,
    /// How it is connected there.
    pub node_type: NodeType,
    /// Which of the numbered nodes this is, with model `rows`.
    pub number: u16,
    /// Mean one-way latency from each of them to this one, microseconds, by number.
    pub latency_us: Vec<u64>,
    /// Share of a latency by which what arrives varies, either way, with model `rows`.
    pub jitter: f64,
    /// Seed of the jitter.
    pub seed: u64,
}

/// Whether to emulate links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkModelName {
    /// Links are as they are.
    None,
    /// Latency and bandwidth of eight regions.
    Regions,
    /// Latency as each node's own row says, between numbered nodes.
    Rows,
}

impl Default for LinksConfig {
    fn default() -> Self {
        Self {
            model: LinkModelName::None,
            region: Region::Europe,
            node_type: NodeType::Fullnode,
            number: 0,
            latency_us: Vec::new(),
            jitter: 0.0,
            seed: 1,
        }
    }
}

impl LinksConfig {
    /// What to emulate, if anything.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match self.model {
            LinkModelName::None => None,
            LinkModelName::Regions => self.place().map(Position::Place),
            LinkModelName::Rows => Some(Position::Row(Row {
                number: self.number,
                from_us: self.latency_us.as_slice().into(),
                jitter: self.jitter,
                seed: self.seed,
            })),
        }
    }

    /// The place in the world to emulate, if it is one.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        let Self { region, node_type, seed, .. } = *self;
        (self.model == LinkModelName::Regions).then_some(Place { region, node_type, seed })
    }

    /// Checks what belongs together.
    ///
    /// # Errors
    /// The first setting that makes no sense.
    pub(super) fn validate(&self) -> Result<(), ParamError> {
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(ParamError {
                key: "jitter",
                value: self.jitter.to_string(),
                must: "0 to 1",
            });
        }
        if self.model == LinkModelName::Rows && usize::from(self.number) >= self.latency_us.len() {
            let must = "less than the number of entries of links.latency_us, of which there is one for each node";
            return Err(ParamError { key: "number", value: self.number.to_string(), must });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_latency_for_each_node() {
        let links = LinksConfig { model: LinkModelName::Rows, ..LinksConfig::default() };
        assert_eq!(links.validate().unwrap_err().key, "number");
        let links = LinksConfig { number: 1, latency_us: vec![5_000, 100], ..links };
        assert_eq!(links.validate(), Ok(()));
        let Some(Position::Row(row)) = links.position() else { panic!("it is no row") };
        assert_eq!(row.latency(0).unwrap().as_millis(), 5);
        assert_eq!((row.latency(2), links.place()), (None, None));
        let wild = LinksConfig { jitter: 1.5, ..links };
        assert_eq!(wild.validate().unwrap_err().key, "jitter");
    }
}
