//! The manifest: all settings of a run in one TOML file, for `sim` and `launch` alike.
//!
//! ```toml
//! format = 1
//! seed = 7
//! spies = 0.1                 # share of the nodes; 0 if left out
//! slow_motion = 100           # real nodes' clocks run 100 times slower; 1 if left out
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
//! kind = "loss"               # duplicate, reorder, clog, crash, churn, partition, pause, liar
//! share = 0.2
//!
//! [params.relay]
//! strategy = "inventory"
//! ```
//!
//! Every key may be left out; unknown ones are refused with a suggestion. [`args`] are the flags that lay
//! settings over a manifest. What only a simulator can do, `launch` refuses with a sentence
//! ([`crate::launch::settings`]), and the other way round. Run folders keep the manifest of their run,
//! resolved, with a record of what ran it ([`recorded`]); it can be run again as it is.

pub mod args;
pub mod recorded;
pub mod text;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tidings::clock::SlowMotion;
use tidings_protocol::chain::Rules;
use tidings_protocol::chain::tidings::TRANSFER_LEN_MIN;
use tidings_protocol::params::Params;

use crate::sim::fault::FaultSpec;
use crate::sim::latency::LinkSpec;
use crate::sim::overlay::Shape;
use crate::sim::workload::SIZE_MIN;
use crate::workload::sizes::Sizes;
use recorded::Recorded;

/// The only format so far.
pub const FORMAT: u32 = 1;

/// Most nodes: what a million-node budget of memory was measured for, and a few more.
pub const NODES_MAX: usize = 4_000_000;

/// Most pairs of item and node: each takes up to 8 bytes during the run and 32 when figures are computed.
pub const PAIRS_MAX: usize = 200_000_000;

/// Largest transaction: the default limit of both rule sets, bytes.
const SIZE_MAX: usize = 100_000;

/// Addresses that each node knows besides its links: four times as many as it has links of its own by
/// default. A guess.
const KNOWN_DEFAULT: usize = 32;

/// All settings of a run. Two runs with equal settings differ only by what the machine does, and
/// simulated ones not at all.
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
    /// How many times slower real nodes' clocks run during the measured part, so that the machine seems that
    /// much faster: see [`tidings::clock`]. All other settings, and all figures but CPU time, are in the
    /// network's own time. A simulation takes no notice: the machine takes none of its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_motion: Option<SlowMotion>,
    /// What goes wrong on purpose, in any order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fault: Vec<FaultSpec>,
    /// Parameters of every node's core.
    pub params: Params,
    /// What ran it, on what: a note of the run folder, no setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Recorded>,
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
    /// Rules of the chain. A simulation takes bytes as bytes whatever the rules: signing and verifying
    /// take none of its time.
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

/// What is submitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
pub enum Workload {
    /// Transactions made up for the run.
    Transfers {
        /// How many.
        txs: usize,
        /// How many a second.
        rate: f64,
        /// How large.
        sizes: Sizes,
    },
    /// The transactions of a Bitcoin block, then the block.
    BitcoinBlock {
        /// The raw block.
        file: PathBuf,
        /// How many items a second.
        rate: f64,
    },
}

impl Workload {
    /// Items a second.
    #[must_use]
    pub const fn rate(&self) -> f64 {
        match self {
            Self::BitcoinBlock { rate, .. } | Self::Transfers { rate, .. } => *rate,
        }
    }
}

/// How it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// How long the idle network is watched before the first submission, seconds; 0 leaves it out.
    pub idle_s: f64,
    /// How long to wait for the next delivery before giving up, seconds.
    pub stall_s: f64,
    /// How long the overlay may take to come up, seconds.
    pub connect_s: f64,
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
            slow_motion: None,
            fault: Vec::new(),
            params: Params::default(),
            recorded: None,
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
    /// What `launch` starts from where no manifest is given: the reference run on real nodes.
    #[must_use]
    pub fn launched_by_default() -> Self {
        let network = Network {
            nodes: 200,
            topology: Shape::Gossip,
            rules: Rules::Tidings,
            ..Network::default()
        };
        let workload = Workload::Transfers { txs: 1_000, rate: 20.0, sizes: Sizes::Fixed(300) };
        Self { network, workload, link: LinkSpec::regions(), ..Self::default() }
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// A sentence about what is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|error| text::explained(&error))?;
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

    /// When half of the workload is submitted, seconds after its first item. The last of a block's items
    /// is the block; when that is submitted, its file decides, so there it is the default of 5.
    #[must_use]
    pub fn half_way_s(&self) -> f64 {
        match self.workload {
            Workload::Transfers { txs, rate, .. } => txs.saturating_sub(1) as f64 / rate / 2.0,
            Workload::BitcoinBlock { .. } => 5.0,
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
        let Network { nodes, topology, bootstrap, bridges, .. } = self.network;
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
        if !topology.has_own_degree() && self.params.peers.outbound == 0 {
            return Err(
                "params.peers.outbound is 0, but nodes without links relay nothing".to_owned()
            );
        }
        let most = (nodes / 2) * (nodes - nodes / 2);
        if topology == Shape::Clusters && !(1..=most).contains(&bridges) {
            return Err(format!("network.bridges is {bridges}, but must be 1 to {most}"));
        }
        if topology == Shape::Clusters && nodes < 4 {
            return Err("topology clusters needs at least 4 nodes".to_owned());
        }
        Ok(())
    }

    fn validate_workload(&self) -> Result<(), String> {
        let (nodes, rate) = (self.network.nodes, self.workload.rate());
        if !rate.is_finite() || rate <= 0.0 {
            return Err(format!("workload.rate is {rate}, but must be more than 0 a second"));
        }
        if let Some(origin) = self.origin.filter(|origin| *origin as usize >= nodes) {
            return Err(format!(
                "origin is {origin}, but must be less than network.nodes, {nodes}"
            ));
        }
        let Workload::Transfers { txs, sizes, .. } = self.workload else {
            return self.validate_block();
        };
        let most = PAIRS_MAX / nodes;
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
        let rules = self.network.rules;
        let (least, why) = if rules == Rules::Tidings {
            (TRANSFER_LEN_MIN, "a signed transfer without payload")
        } else if rules == Rules::Opaque {
            (SIZE_MIN, "random bytes that never repeat")
        } else {
            return Err(format!(
                "workload.kind transfers makes nothing up under network.rules {rules}: use bitcoin-block"
            ));
        };
        match sizes {
            Sizes::Fixed(size) if !(least..=SIZE_MAX).contains(&size) => Err(format!(
                "workload.sizes is {size} bytes, but must be {least} ({why}) to {SIZE_MAX}"
            )),
            Sizes::Fixed(_) | Sizes::Bitcoin => Ok(()),
        }
    }

    /// What a block's file decides can't be decided otherwise.
    fn validate_block(&self) -> Result<(), String> {
        if self.network.rules == Rules::Tidings {
            return Err("workload.kind bitcoin-block needs network.rules opaque or bitcoin: Bitcoin's transactions \
                        are no Tidings transfers"
                .to_owned());
        }
        if self.warmup_txs > 0 {
            return Err(
                "warmup_txs has no meaning with workload.kind bitcoin-block: the block decides"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
