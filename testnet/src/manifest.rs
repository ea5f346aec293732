//! The manifest: all settings of a run in one TOML file, for `sim` and `launch` alike.
//!
//! ```toml
//! format = 1
//! seed = 7
//! spies = 0.1                 # share of the nodes; 0 if left out
//! slow_motion = 100           # real nodes' clocks run 100 times slower; 1 if left out
//! contender = "gossipsub"     # whose nodes are launched; ours if left out
//! members = "fleet"           # real nodes are members of a fleet, too; not if left out
//! mining = { interval_s = 10.0 } # real nodes make blocks; none if left out
//!
//! [network]
//! nodes = 500
//! rules = "tidings"           # opaque if left out; or bitcoin
//! topology = "outbound"       # gossip, random-regular, ring, grid, line, tree, complete, clusters, listed
//!
//! [link]
//! model = "planar"            # none, constant, uniform, exponential, lognormal, regions, matrix, rounds
//!
//! [workload]
//! kind = "transfers"
//! txs = 2000
//! rate = 20.0
//! sizes = { fixed = 300 }     # or "bitcoin"
//!
//! [[write]]                   # one more transaction
//! at_s = 1.5
//! node = 3
//!
//! [[fault]]
//! kind = "loss"               # duplicate, reorder, clog, crash, churn, partition, cut, slow, pause, liar
//! share = 0.2
//!
//! [params.relay]
//! strategy = "inventory"
//! ```
//!
//! Every key may be left out; unknown ones are refused with a suggestion. [`args`] are the flags that lay
//! settings over a manifest. What only a simulator can do, `launch` refuses with a sentence, and the other way
//! round ([`Manifest::scenario`]). Run folders keep the manifest of their run,
//! resolved, with what files said in place of their names, and a record of what ran it ([`recorded`]); it can be run again
//! as it is.

pub mod args;
pub mod contender;
pub mod explained;
mod files;
pub mod recorded;
pub mod text;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tidings::config::members::MembersPreset;
use tidings::lab::slow_motion::SlowMotion;
use tidings_protocol::chain::Rules;
use tidings_protocol::chain::tidings::TRANSFER_LEN_MIN;
use tidings_protocol::params::Params;

use tidings_sim::fault::FaultSpec;
use tidings_sim::latency::LinkSpec;
use tidings_sim::overlay::{Edge, OverlaySpec, Shape};
use tidings_sim::scenario::{self, Measure, Scenario};
use tidings_sim::workload::sizes::Sizes;
use tidings_sim::workload::{SIZE_MAX, Transfers, Write};

use contender::Contender;
use recorded::Recorded;

/// The only format so far.
pub const FORMAT: u32 = 1;

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
    /// More transactions, each submitted at a node and a moment of one's choice. Simulated only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<Write>,
    /// How it is measured.
    pub measure: Measure,
    /// Share of the nodes that note who told them of each item first, 0 to 1.
    pub spies: f64,
    /// Whose nodes are launched instead of ours; ours if unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contender: Option<Contender>,
    /// How soon real nodes find each other dead, as the members of one fleet; they are no members if unset. See
    /// [`tidings::members`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<MembersPreset>,
    /// How many times slower real nodes' clocks run during the measured part, so that the machine seems that
    /// much faster: see [`tidings::lab::slow_motion`]. All other settings, and all figures but CPU time, are in the
    /// network's own time. A simulation takes no notice: the machine takes none of its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slow_motion: Option<SlowMotion>,
    /// What real nodes make blocks for; none if unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mining: Option<Mining>,
    /// What goes wrong on purpose, in any order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fault: Vec<FaultSpec>,
    /// Parameters of every node's core.
    pub params: Params,
    /// What a scenario says of itself, if this is the manifest of one: no setting. See [`crate::scenario`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<toml::Table>,
    /// What ran it, on what: a note of the run folder, no setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Recorded>,
}

/// How blocks are made: at random nodes, each a random time after the one before (a Poisson process), while items are submitted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mining {
    /// Mean time from one to the next, seconds.
    pub interval_s: f64,
    /// Most transactions of a block; as many as fit if unset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txs_max: Option<usize>,
    /// How many nodes start after the load, to see how long they take to have the chain.
    #[serde(default)]
    pub late_joiners: usize,
}

/// Longest time between two blocks, seconds.
const INTERVAL_MAX_S: f64 = 86_400.0;

/// Most nodes that start after the load, one after the other.
const JOINERS_MAX: usize = 100;

impl Mining {
    fn validate(&self, rules: Rules) -> Result<(), String> {
        let Self { interval_s, late_joiners, .. } = *self;
        if rules != Rules::Tidings {
            return Err(format!(
                "mining: blocks are made under network.rules tidings, and not under {rules}"
            ));
        }
        if !(interval_s > 0.0 && interval_s <= INTERVAL_MAX_S) {
            return Err(format!(
                "mining.interval_s is {interval_s}, but must be more than 0 and at most {INTERVAL_MAX_S}"
            ));
        }
        if late_joiners > JOINERS_MAX {
            return Err(format!(
                "mining.late_joiners is {late_joiners}, but must be at most {JOINERS_MAX}"
            ));
        }
        Ok(())
    }
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
    /// Who dials whom, for topology `listed`: pairs of node numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Edge>,
    /// A file of these instead: a table whose first two columns are `from` and `to`, as a run folder's `links.csv`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links_file: Option<PathBuf>,
}

/// What is submitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
pub enum Workload {
    /// Transactions made up for the run.
    Transfers(Transfers),
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
            Self::BitcoinBlock { rate, .. } | Self::Transfers(Transfers { rate, .. }) => *rate,
        }
    }
}

impl Default for Manifest {
    fn default() -> Self {
        let Scenario {
            seed,
            network,
            link,
            workload,
            warmup_txs,
            origin,
            write,
            measure,
            spies,
            mining: _, // of real nodes, too: see below
            fault,
            params,
        } = Scenario::default();
        Self {
            format: FORMAT,
            seed,
            network: Network::under(Rules::Opaque, network),
            link,
            workload: Workload::Transfers(workload),
            warmup_txs,
            origin,
            write,
            measure,
            spies,
            contender: None,
            members: None,
            slow_motion: None,
            mining: None,
            fault,
            params,
            scenario: None,
            recorded: None,
        }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::under(Rules::Opaque, scenario::Network::default())
    }
}

impl Network {
    /// A network under some rules.
    fn under(rules: Rules, network: scenario::Network) -> Self {
        let scenario::Network { nodes, topology, bootstrap, reachable, bridges, known, links } =
            network;
        let links_file = None;
        Self { nodes, topology, bootstrap, rules, reachable, bridges, known, links, links_file }
    }

    /// The network without its rules.
    fn without_rules(&self) -> scenario::Network {
        let Self { nodes, topology, bootstrap, reachable, bridges, known, .. } = *self;
        let links = self.links.clone();
        scenario::Network { nodes, topology, bootstrap, reachable, bridges, known, links }
    }

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
        let workload =
            Workload::Transfers(Transfers { txs: 1_000, rate: 20.0, sizes: Sizes::Fixed(300) });
        Self { network, workload, link: LinkSpec::regions(), ..Self::default() }
    }

    /// The same where others' nodes take part, which look into no item and find no peer: opaque items over links that are
    /// drawn beforehand.
    #[must_use]
    pub fn contended_by_default() -> Self {
        let launched = Self::launched_by_default();
        let network =
            Network { topology: Shape::Outbound, rules: Rules::Opaque, ..launched.network };
        Self { network, ..launched }
    }

    /// Reads a manifest, and the files that it names.
    ///
    /// # Errors
    /// A sentence about what is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut manifest: Self = toml::from_str(text).map_err(|error| text::explained(&error))?;
        manifest.read_files()?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// What spreads the items: one of our strategies, or somebody else's node.
    #[must_use]
    pub fn relayed_by(&self) -> String {
        match self.contender {
            Some(contender) => contender.to_string(),
            None => self.params.relay.strategy.to_string(),
        }
    }

    /// The size of transactions, for people.
    #[must_use]
    pub fn size_named(&self) -> String {
        match &self.workload {
            Workload::Transfers(Transfers { sizes: Sizes::Fixed(bytes), .. }) => {
                format!("{bytes} bytes")
            }
            Workload::Transfers(_) | Workload::BitcoinBlock { .. } => {
                "sizes as in a Bitcoin block".to_owned()
            }
        }
    }

    /// How many transactions are submitted.
    #[must_use]
    pub const fn txs(&self) -> usize {
        match &self.workload {
            Workload::Transfers(Transfers { txs, .. }) => *txs,
            Workload::BitcoinBlock { .. } => 0,
        }
    }

    /// When half of the workload is submitted, seconds after its first item. The last of a block's items
    /// is the block; when that is submitted, its file decides, so there it is the default of 5.
    #[must_use]
    pub fn half_way_s(&self) -> f64 {
        match self.workload {
            Workload::Transfers(Transfers { txs, rate, .. }) => {
                txs.saturating_sub(1) as f64 / rate / 2.0
            }
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
        if let Some(mining) = &self.mining {
            mining.validate(self.network.rules)?;
        }
        match &self.workload {
            Workload::Transfers(transfers) => {
                self.validate_sizes(transfers.sizes)?;
                self.scenario_of(*transfers).validate()
            }
            Workload::BitcoinBlock { rate, .. } => {
                self.validate_block()?;
                // All else is checked as if transfers were submitted at this rate.
                self.scenario_of(Transfers { rate: *rate, ..Transfers::default() }).validate()
            }
        }
    }

    /// What a simulator makes of it, which takes bytes as bytes and no time of the machine.
    ///
    /// # Errors
    /// A sentence about a workload that can't be simulated.
    pub fn scenario(&self) -> Result<Scenario, String> {
        if let Some(contender) = self.contender {
            return Err(format!(
                "contender is {contender}, which only launch can start: leave it out"
            ));
        }
        if let Some(members) = self.members {
            return Err(format!(
                "members is {}, but a simulation has either the relay's nodes or members: leave it out, or use sim --members N",
                members.name()
            ));
        }
        if let Some(Mining { late_joiners: 1.., .. }) = self.mining {
            return Err(
                "mining.late_joiners is set, which only launch can start: leave it out".to_owned()
            );
        }
        match self.workload {
            Workload::Transfers(transfers) => Ok(self.scenario_of(transfers)),
            Workload::BitcoinBlock { .. } => {
                Err("workload.kind is bitcoin-block, which only launch can submit: use transfers"
                    .to_owned())
            }
        }
    }

    /// All that decides the links.
    #[must_use]
    pub fn overlay(&self) -> OverlaySpec {
        self.network.without_rules().overlay(&self.params)
    }

    fn scenario_of(&self, workload: Transfers) -> Scenario {
        Scenario {
            seed: self.seed,
            network: self.network.without_rules(),
            link: self.link.clone(),
            workload,
            warmup_txs: self.warmup_txs,
            origin: self.origin,
            write: self.write.clone(),
            measure: self.measure,
            spies: self.spies,
            mining: self.mining.map(|mining| tidings_sim::mining::Mining {
                interval_s: mining.interval_s,
                txs_max: mining.txs_max.unwrap_or(usize::MAX),
            }),
            fault: self.fault.clone(),
            params: self.params.clone(),
        }
    }

    /// Signed transfers can't be as small as random bytes, and other chains' transactions can't be made up.
    fn validate_sizes(&self, sizes: Sizes) -> Result<(), String> {
        // Not a match: a build may leave rules out.
        let rules = self.network.rules;
        if rules == Rules::Tidings {
            sizes.validate(TRANSFER_LEN_MIN, SIZE_MAX, "a signed transfer without payload")
        } else if rules == Rules::Opaque {
            Ok(())
        } else {
            Err(format!(
                "workload.kind transfers makes nothing up under network.rules {rules}: use bitcoin-block"
            ))
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
