//! The manifest of a simulation: all settings in one TOML file, which `launch` can follow as well.
//!
//! ```toml
//! format = 1
//! seed = 7
//! spies = 0.1                 # share of the nodes; 0 if left out
//!
//! [network]
//! nodes = 500
//! topology = "outbound"       # gossip, random-regular, ring, grid, line, tree, complete, clusters
//!
//! [link]
//! model = "planar"            # none, constant, uniform, exponential, lognormal, regions, rounds
//!
//! [workload]
//! kind = "transfers"
//! txs = 2000
//! rate = 20.0
//! sizes = { fixed = 300 }     # or "bitcoin"
//!
//! [[fault]]
//! kind = "loss"               # duplicate, reorder, clog, crash, churn, partition, pause
//! share = 0.2
//!
//! [params.relay]
//! strategy = "inventory"
//! ```
//!
//! Sections and keys mean what they mean in the manifests that `launch` writes ([`crate::manifest`]); every
//! one may be left out. Unknown keys are refused. [`Manifest::for_launch`] translates a manifest into the
//! settings of a launch, or says what only a simulator can do.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidings::network::Rules;
use tidings_protocol::params::Params;

use super::fault::FaultSpec;
use super::latency::LinkSpec;
use super::overlay::Shape;
use super::workload::SIZE_MIN;
use crate::manifest::{self, Links, Measure, Settings, Workload};
use crate::workload::sizes::Sizes;

/// The only format so far.
pub const FORMAT: u32 = 1;

/// Most nodes: what a million-node budget of memory was measured for, and a few more.
pub const NODES_MAX: usize = 4_000_000;

/// Most pairs of item and node: each takes 4 bytes during the run and 32 when figures are computed.
pub const PAIRS_MAX: usize = 200_000_000;

/// Addresses that each node knows besides its links: four times as many as it has links of its own by
/// default. A guess.
const KNOWN_DEFAULT: usize = 32;

/// All settings of a simulation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format.
    pub format: u32,
    /// Seed of everything random.
    pub seed: u64,
    /// The network.
    pub network: Network,
    /// What lies between nodes.
    pub link: LinkSpec,
    /// What is submitted.
    pub workload: Workload,
    /// How many of the workload's transactions come first and are not measured, so that strategies have
    /// learned what they learn.
    pub warmup_txs: usize,
    /// The node at which all transactions are submitted; random ones if unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<u32>,
    /// How it is measured.
    pub measure: Measure,
    /// Share of the nodes that note who told them of each item first, 0 to 1.
    pub spies: f64,
    /// What goes wrong on purpose, in any order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fault: Vec<FaultSpec>,
    /// Parameters of every node's core.
    pub params: Params,
}

/// The network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// How many nodes.
    pub nodes: usize,
    /// Shape of the overlay.
    pub topology: Shape,
    /// Addresses that each node is given at first, if the overlay forms by gossip.
    pub bootstrap: usize,
    /// Rules of the chain. Simulations take bytes as bytes.
    pub rules: Rules,
    /// How many nodes can be dialled; all if unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reachable: Option<usize>,
    /// Links between two clusters.
    pub bridges: usize,
    /// Addresses that each node knows besides its links, to find others when they break. Only for topology
    /// `outbound`: in others, links are given or found by gossip.
    pub known: usize,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            format: FORMAT,
            seed: 1,
            network: Network::default(),
            link: LinkSpec::Planar { min_ms: 5.0, max_ms: 217.0, jitter: 0.0 },
            workload: Workload::Transfers { txs: 100, rate: 20.0, sizes: Sizes::Fixed(300) },
            warmup_txs: 0,
            origin: None,
            measure: Measure { idle_s: 3.0, stall_s: 30.0, connect_s: 120.0 },
            spies: 0.0,
            fault: Vec::new(),
            params: Params::default(),
        }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self {
            nodes: 500,
            topology: Shape::default(),
            bootstrap: 3,
            rules: Rules::Opaque,
            reachable: None,
            bridges: 3,
            known: KNOWN_DEFAULT,
        }
    }
}

impl Network {
    /// How many nodes can be dialled.
    #[must_use]
    pub fn reachable(&self) -> usize {
        self.reachable.unwrap_or(self.nodes)
    }
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// A sentence about what is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// How many transactions are submitted.
    #[must_use]
    pub const fn txs(&self) -> usize {
        match &self.workload {
            Workload::Transfers { txs, .. } => *txs,
            Workload::BitcoinBlock { .. } => 0,
        }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// A sentence about the first that makes no sense.
    pub fn validate(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!(
                "format is {}, but this program reads manifests of format {FORMAT}",
                self.format
            ));
        }
        self.validate_network()?;
        self.link.validate()?;
        self.validate_workload()?;
        let Measure { idle_s, stall_s, connect_s } = self.measure;
        for (key, value) in [("idle_s", idle_s), ("stall_s", stall_s), ("connect_s", connect_s)] {
            if !(0.0..=1e6).contains(&value) {
                return Err(format!("measure.{key} is {value}, but must be 0 to 1000000 seconds"));
            }
        }
        if !(0.0..=1.0).contains(&self.spies) {
            return Err(format!(
                "spies is {}, but must be a share of the nodes, 0 to 1",
                self.spies
            ));
        }
        self.fault.iter().try_for_each(|fault| fault.validate(self.network.nodes))?;
        self.params.validate().map_err(|error| format!("params.{error}"))
    }

    fn validate_network(&self) -> Result<(), String> {
        let Network { nodes, topology, bootstrap, rules, bridges, .. } = self.network;
        if !(2..=NODES_MAX).contains(&nodes) {
            return Err(format!("network.nodes is {nodes}, but must be 2 to {NODES_MAX}"));
        }
        let reachable = self.network.reachable();
        if !(1..=nodes).contains(&reachable) {
            return Err(format!("network.reachable is {reachable}, but must be 1 to {nodes}"));
        }
        if reachable < nodes && !matches!(topology, Shape::Outbound | Shape::Gossip) {
            return Err(
                "network.reachable only has a meaning with topology outbound or gossip: in \
                        others, links are given"
                    .to_owned(),
            );
        }
        if topology == Shape::Gossip && bootstrap == 0 {
            return Err(
                "network.bootstrap is 0, but a node that knows nobody finds nobody".to_owned()
            );
        }
        let most = (nodes / 2) * (nodes - nodes / 2);
        if topology == Shape::Clusters && !(1..=most).contains(&bridges) {
            return Err(format!("network.bridges is {bridges}, but must be 1 to {most}"));
        }
        if topology == Shape::Clusters && nodes < 4 {
            return Err("topology clusters needs at least 4 nodes".to_owned());
        }
        if rules != Rules::Opaque {
            return Err(
                "network.rules must be opaque: simulations sign and verify nothing".to_owned()
            );
        }
        Ok(())
    }

    fn validate_workload(&self) -> Result<(), String> {
        let Workload::Transfers { txs, rate, sizes } = self.workload else {
            return Ok(()); // refused where it is built, with the reason
        };
        let most = PAIRS_MAX / self.network.nodes;
        if !(1..=most).contains(&txs) {
            return Err(format!(
                "workload.txs is {txs}, but must be 1 to {most} with {} nodes",
                self.network.nodes
            ));
        }
        if self.warmup_txs >= txs {
            return Err(format!(
                "warmup_txs is {}, but must be less than workload.txs, {txs}: nothing would be measured",
                self.warmup_txs
            ));
        }
        if let Some(origin) = self.origin.filter(|origin| *origin as usize >= self.network.nodes) {
            return Err(format!(
                "origin is {origin}, but must be less than network.nodes, {}",
                self.network.nodes
            ));
        }
        if !rate.is_finite() || rate <= 0.0 {
            return Err(format!("workload.rate is {rate}, but must be more than 0 a second"));
        }
        match sizes {
            Sizes::Fixed(size) if !(SIZE_MIN..=100_000).contains(&size) => Err(format!(
                "workload.sizes is {size} bytes, but must be {SIZE_MIN} (random bytes that never \
                 repeat) to 100000"
            )),
            Sizes::Fixed(_) | Sizes::Bitcoin => Ok(()),
        }
    }

    /// The same as settings of `launch`.
    ///
    /// # Errors
    /// A sentence about what real nodes on this machine can't do.
    pub fn for_launch(&self) -> Result<Settings, String> {
        let topology = self.network.topology.topology();
        let topology = match self.network.topology {
            // Real nodes come to that by gossip.
            Shape::Outbound => Some(crate::topology::Topology::Gossip),
            _ => topology,
        };
        let topology = topology.ok_or("launch can't build this topology: use another, or sim")?;
        if self.network.reachable() < self.network.nodes {
            return Err("launch has no unreachable nodes: leave network.reachable out, or use sim"
                .to_owned());
        }
        let links = match self.link {
            LinkSpec::None => Links::None,
            LinkSpec::Regions { bandwidth: true, jitter }
                if jitter.to_bits() == tidings::links::JITTER.to_bits() =>
            {
                Links::Regions
            }
            _ => {
                return Err(
                    "launch has links of model none, or regions with its defaults; the others are \
                            for sim"
                        .to_owned(),
                );
            }
        };
        let gossips = topology == crate::topology::Topology::Gossip;
        Ok(Settings {
            seed: self.seed,
            network: manifest::Network {
                nodes: self.network.nodes,
                topology,
                bootstrap: if gossips { self.network.bootstrap } else { 0 },
                links,
                rules: self.network.rules,
                node_binary: None,
            },
            workload: self.workload.clone(),
            fault: self.launch_fault()?,
            measure: self.measure,
            params: self.params.clone(),
        })
    }

    fn launch_fault(&self) -> Result<Option<manifest::Fault>, String> {
        match &self.fault[..] {
            [] => Ok(None),
            [FaultSpec::Crash { share, nodes, at_s, restart_after_s: None, .. }]
                if nodes.is_empty() =>
            {
                let kill = super::fault::share_of(*share, self.network.nodes);
                Ok(Some(manifest::Fault { kill, after_s: *at_s }))
            }
            _ => Err(
                "launch can crash a share of the nodes once, for good; other faults are for sim"
                    .to_owned(),
            ),
        }
    }
}

/// Reads `NAME:KEY=VALUE,KEY=VALUE`, with the name under the key `tag`: the short form of a table, for the
/// command line. Numbers of nodes are joined by `+`.
///
/// # Errors
/// A sentence about what is wrong with it.
pub fn parse_short<T: DeserializeOwned>(text: &str, tag: &str) -> Result<T, String> {
    let (name, rest) = text.split_once(':').unwrap_or((text, ""));
    let mut table = toml::Table::new();
    table.insert(tag.to_owned(), name.into());
    for entry in rest.split(',').filter(|entry| !entry.is_empty()) {
        let Some((key, value)) = entry.split_once('=') else {
            return Err(format!("`{entry}` in `{text}` has no value: write KEY=VALUE"));
        };
        let value = match key {
            "nodes" => toml::Value::Array(value.split('+').map(short_value).collect()),
            _ => short_value(value),
        };
        table.insert(key.to_owned(), value);
    }
    table.try_into().map_err(|error: toml::de::Error| format!("`{text}`: {}", error.message()))
}

/// A number, a truth value, or else a word.
fn short_value(text: &str) -> toml::Value {
    let number = text.parse::<i64>().map(toml::Value::Integer);
    number
        .or_else(|_| text.parse::<f64>().map(toml::Value::Float))
        .or_else(|_| text.parse::<bool>().map(toml::Value::Boolean))
        .unwrap_or_else(|_| text.into())
}

#[cfg(test)]
mod tests;
