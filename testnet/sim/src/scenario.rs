//! All settings of a simulation, as plain data: what two runs share that give the same event hash.
//!
//! Sentences about what makes no sense name settings as a manifest of `tidings-testnet` does, which is a
//! scenario and what only real nodes need.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tidings_protocol::params::Params;

use crate::fault::FaultSpec;
use crate::latency::LinkSpec;
use crate::mining::Mining;
use crate::overlay::{Edge, OverlaySpec, Shape};
use crate::workload::{Transfers, WRITES_MAX, Write};

/// Most nodes: what a million-node budget of memory was measured for, and a few more.
pub const NODES_MAX: usize = 4_000_000;

/// Most pairs of item and node: each takes up to 8 bytes during the run and 32 when figures are computed.
pub const PAIRS_MAX: usize = 200_000_000;

/// Most links that may be listed: those of a hundred thousand nodes that dial ten. A guess.
pub const LINKS_MAX: usize = 1_000_000;

/// Addresses that each node knows besides its links: four times as many as it has links of its own by
/// default. A guess.
const KNOWN_DEFAULT: usize = 32;

/// All settings of a simulation. Two runs with equal settings don't differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Seed of everything random.
    pub seed: u64,
    /// The network.
    pub network: Network,
    /// What lies between nodes.
    pub link: LinkSpec,
    /// What is submitted.
    pub workload: Transfers,
    /// How many of the workload's transactions come first and are not measured, so that strategies have
    /// learned what they learn.
    pub warmup_txs: usize,
    /// The node at which all transactions are submitted; random ones if unset.
    pub origin: Option<u32>,
    /// More transactions, each submitted at a node and a moment of one's choice. They are measured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<Write>,
    /// How it is measured.
    pub measure: Measure,
    /// Share of the nodes that note who told them of each item first, 0 to 1.
    pub spies: f64,
    /// When nodes make blocks; never if unset. Then the rules are those of [`crate::mining`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mining: Option<Mining>,
    /// What goes wrong on purpose, in any order.
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
    /// How many nodes can be dialled; all if unset.
    pub reachable: Option<usize>,
    /// Links between two clusters.
    pub bridges: usize,
    /// Addresses that each node knows besides its links, to find others when they break. Only for topology
    /// `outbound`: in others, links are given or found by gossip.
    pub known: usize,
    /// Who dials whom, for topology `listed`: pairs of node numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Edge>,
}

/// How it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Measure {
    /// How long the idle network is watched before the first submission, seconds; 0 leaves it out.
    pub idle_s: f64,
    /// How long to wait for the next delivery before giving up, seconds.
    pub stall_s: f64,
    /// How long the overlay may take to come up, seconds.
    pub connect_s: f64,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: 1,
            network: Network::default(),
            link: LinkSpec::Planar { min_ms: 5.0, max_ms: 217.0, jitter: 0.0 },
            workload: Transfers::default(),
            warmup_txs: 0,
            origin: None,
            write: Vec::new(),
            measure: Measure::default(),
            spies: 0.0,
            mining: None,
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
            reachable: None,
            bridges: 3,
            known: KNOWN_DEFAULT,
            links: Vec::new(),
        }
    }
}

impl Default for Measure {
    fn default() -> Self {
        Self { idle_s: 3.0, stall_s: 30.0, connect_s: 120.0 }
    }
}

impl Scenario {
    /// All that decides the links.
    #[must_use]
    pub fn overlay(&self) -> OverlaySpec {
        self.network.overlay(&self.params)
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// A sentence about the first that makes no sense.
    pub fn validate(&self) -> Result<(), String> {
        self.network.validate(&self.params)?;
        self.link.validate()?;
        self.validate_workload()?;
        self.measure.validate()?;
        if !(0.0..=1.0).contains(&self.spies) {
            return Err(format!(
                "spies is {}, but must be a share of the nodes, 0 to 1",
                self.spies
            ));
        }
        self.mining.iter().try_for_each(Mining::validate)?;
        self.fault.iter().try_for_each(|fault| fault.validate(self.network.nodes))?;
        self.params.validate().map_err(|error| format!("params.{error}"))
    }

    fn validate_workload(&self) -> Result<(), String> {
        let (nodes, txs) = (self.network.nodes, self.workload.txs);
        self.workload.validate()?;
        if let Some(origin) = self.origin.filter(|origin| *origin as usize >= nodes) {
            return Err(format!(
                "origin is {origin}, but must be less than network.nodes, {nodes}"
            ));
        }
        if self.write.len() > WRITES_MAX {
            return Err(format!(
                "there are {} writes, but may be at most {WRITES_MAX}",
                self.write.len()
            ));
        }
        self.write.iter().try_for_each(|write| write.validate(nodes))?;
        let most = (PAIRS_MAX / nodes).saturating_sub(self.write.len());
        if !(1..=most).contains(&txs) {
            return Err(format!(
                "workload.txs is {txs}, but must be 1 to {most} with {nodes} nodes"
            ));
        }
        if self.warmup_txs >= txs {
            return Err(format!(
                "warmup_txs is {}, but must be less than workload.txs, {txs}: nothing would be measured",
                self.warmup_txs
            ));
        }
        Ok(())
    }
}

impl Network {
    /// How many nodes can be dialled.
    #[must_use]
    pub fn reachable(&self) -> usize {
        self.reachable.unwrap_or(self.nodes)
    }

    /// All that decides the links, given the parameters of every node.
    #[must_use]
    pub fn overlay(&self, params: &Params) -> OverlaySpec {
        let narrow = |nodes| u32::try_from(nodes).unwrap_or(u32::MAX);
        OverlaySpec {
            shape: self.topology,
            nodes: narrow(self.nodes),
            reachable: narrow(self.reachable()),
            outbound: params.peers.outbound,
            inbound_max: params.peers.inbound_max,
            bridges: self.bridges,
            listed: self.links.clone(),
        }
    }

    fn validate(&self, params: &Params) -> Result<(), String> {
        let Self { nodes, topology, bootstrap, bridges, ref links, .. } = *self;
        if !(2..=NODES_MAX).contains(&nodes) {
            return Err(format!("network.nodes is {nodes}, but must be 2 to {NODES_MAX}"));
        }
        let reachable = self.reachable();
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
        if params.keeps_views() && topology != Shape::Gossip {
            return Err(format!(
                "params.peers.overlay is hyparview, and network.topology is {}, but must be gossip: such an \
                 overlay forms by itself",
                topology.name()
            ));
        }
        if !topology.has_own_degree() && params.peers.outbound == 0 {
            return Err(
                "params.peers.outbound is 0, but nodes without links relay nothing".to_owned()
            );
        }
        if topology == Shape::Listed || !links.is_empty() {
            self.validate_links()?;
        }
        let (half, rest) = (nodes as u64 / 2, (nodes - nodes / 2) as u64);
        let most = half * rest;
        if topology == Shape::Clusters && !(1..=most).contains(&(bridges as u64)) {
            return Err(format!("network.bridges is {bridges}, but must be 1 to {most}"));
        }
        if topology == Shape::Clusters && nodes < 4 {
            return Err("topology clusters needs at least 4 nodes".to_owned());
        }
        Ok(())
    }
}

impl Network {
    /// Checks the links that are listed.
    fn validate_links(&self) -> Result<(), String> {
        let Self { nodes, topology, ref links, .. } = *self;
        if topology != Shape::Listed {
            return Err(format!(
                "network.links only has a meaning with topology listed, and network.topology is {}",
                topology.name()
            ));
        }
        if links.is_empty() {
            return Err(
                "topology listed needs network.links, or a file of them: network.links_file"
                    .to_owned(),
            );
        }
        if links.len() > LINKS_MAX {
            return Err(format!(
                "network.links has {} links, but must have at most {LINKS_MAX}",
                links.len()
            ));
        }
        let mut seen = BTreeSet::new();
        for (from, to) in links {
            if let Some(node) = [from, to].into_iter().find(|node| **node as usize >= nodes) {
                return Err(format!("network.links: there is no node {node} among {nodes}"));
            }
            if from == to {
                return Err(format!("network.links: node {from} can't be linked with itself"));
            }
            if !seen.insert((from.min(to), from.max(to))) {
                return Err(format!("network.links: nodes {from} and {to} are linked twice"));
            }
        }
        Ok(())
    }
}

impl Measure {
    fn validate(&self) -> Result<(), String> {
        let Self { idle_s, stall_s, connect_s } = *self;
        for (key, value) in [("idle_s", idle_s), ("stall_s", stall_s), ("connect_s", connect_s)] {
            if !(0.0..=1e6).contains(&value) {
                return Err(format!("measure.{key} is {value}, but must be 0 to 1000000 seconds"));
            }
        }
        Ok(())
    }
}
