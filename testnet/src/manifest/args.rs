//! The flags that lay settings over a manifest, the same for `sim` and `launch`.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use tidings::config::members::MembersPreset;
use tidings::lab::slow_motion::SlowMotion;
use tidings_protocol::chain::Rules;
use tidings_protocol::params::StrategyKind;
use tidings_sim::overlay::Shape;
use tidings_sim::workload::Transfers;
use tidings_sim::workload::sizes::Sizes;

use super::contender::Contender;
use super::explained;
use super::text::{parse_keys, parse_short, with_overrides};
use super::{Manifest, Workload};

/// Settings of a run. Given flags take precedence over the manifest.
#[derive(Clone, Debug, Default, Args)]
pub struct SettingArgs {
    /// Settings to start from, as TOML; `tidings-testnet manifest` prints one with all of them explained
    #[arg(long, value_name = "FILE", long_help = explained::MANIFEST)]
    pub manifest: Option<PathBuf>,
    /// How many nodes [default: 500, or 200 real ones]
    #[arg(long)]
    pub nodes: Option<usize>,
    /// How items spread: direct-mail, flood, inventory, push, pull, push-pull, rumor, plumtree, dog, eth68, cat,
    /// gossipsub, reconcile or adaptive
    #[arg(long, long_help = explained::STRATEGIES)]
    pub strategy: Option<StrategyKind>,
    /// Whose nodes to launch instead of ours: gossipsub (the crate's defaults), gossipsub:eth or gossipsub:flood
    #[arg(long, value_name = "NAME")]
    pub contender: Option<Contender>,
    /// Shape of the overlay [default: outbound, or gossip among real nodes]
    #[arg(long, value_parser = shapes(), visible_alias = "topology")]
    pub overlay: Option<Shape>,
    /// Links of one's own: a table whose first columns are `from` and `to`, for instance the links.csv of a run
    #[arg(long, value_name = "FILE", conflicts_with_all = ["overlay", "outbound"])]
    pub links_file: Option<PathBuf>,
    /// Links that each node dials itself [default: 8]
    #[arg(long)]
    pub outbound: Option<usize>,
    /// How many nodes can be dialled [default: all]
    #[arg(long)]
    pub reachable: Option<usize>,
    /// Addresses that each node is given at first, with overlay gossip [default: 3]
    #[arg(long)]
    pub bootstrap: Option<usize>,
    /// What lies between nodes: none, `constant:latency_ms=50`, `uniform:min_ms=10,max_ms=90`,
    /// `exponential:mean_ms=50`, `lognormal:mean_ms=50`, planar, regions, `matrix:file=TABLE.csv` or rounds [default: planar, or
    /// regions among real nodes]
    #[arg(long, value_name = "MODEL[:KEY=VALUE,…]", long_help = explained::LINKS)]
    pub links: Option<String>,
    /// Rules of the chain [default: opaque, or tidings among real nodes]
    #[arg(long, value_parser = rules())]
    pub rules: Option<Rules>,
    /// `transfers`, or `bitcoin-block FILE`: the transactions of a raw block, then the block
    #[arg(long, num_args = 1..=2, value_names = ["KIND", "FILE"])]
    pub workload: Option<Vec<String>>,
    /// How many transactions are measured [default: 100, or 1000 among real nodes]
    #[arg(long)]
    pub txs: Option<usize>,
    /// How many more transactions come before those that are measured [default: 0]
    #[arg(long, value_name = "TXS")]
    pub warmup: Option<usize>,
    /// The node at which all transactions are submitted [default: random ones]
    #[arg(long, value_name = "NODE")]
    pub origin: Option<u32>,
    /// One more transaction, submitted at a node so many seconds after the first: `node=3,at_s=1.5`; simulated only; repeatable
    #[arg(long = "write", value_name = "KEY=VALUE,…")]
    pub writes: Vec<String>,
    /// Submissions a second [default: 20]
    #[arg(long)]
    pub rate: Option<f64>,
    /// Size of each transaction, bytes [default: 300]
    #[arg(long, value_name = "BYTES", conflicts_with = "sizes")]
    pub size: Option<usize>,
    /// Sizes as in a Bitcoin block
    #[arg(long, value_parser = ["bitcoin"])]
    pub sizes: Option<String>,
    /// Seed of everything random [default: 1]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Mean wait before announcing, milliseconds; 0 announces at once [default: see relay.trickle_*]
    #[arg(long, value_name = "MS")]
    pub trickle: Option<u64>,
    /// Parameter of every node's core, for instance `requests.in_flight_max=64`; repeatable
    #[arg(long = "param", value_name = "KEY=VALUE")]
    pub params: Vec<String>,
    /// What goes wrong, for instance `loss:share=0.2` or
    /// `crash:share=0.1,at_s=2`; repeatable
    #[arg(long = "fault", value_name = "KIND[:KEY=VALUE,…]", long_help = explained::FAULTS)]
    pub faults: Vec<String>,
    /// Share of the nodes that note who tells them first, 0 to 1 [default: 0]
    #[arg(long, value_name = "SHARE")]
    pub spies: Option<f64>,
    /// How many times slower real nodes' clocks run once the overlay stands, so that the machine seems that
    /// much faster; simulated time is free of it [default: 1]
    #[arg(long, value_name = "TIMES")]
    pub slow_motion: Option<SlowMotion>,
    /// How long to watch the idle network before the first submission, seconds [default: 3]
    #[arg(long, value_name = "S")]
    pub idle: Option<f64>,
    /// How long to wait for the next delivery before giving up, seconds [default: 30]
    #[arg(long, value_name = "S")]
    pub stall: Option<f64>,
    /// How long the overlay may take to come up, seconds [default: 120]
    #[arg(long, value_name = "S")]
    pub connect_timeout: Option<f64>,
}

impl SettingArgs {
    /// Settles every setting, starting from the manifest file or, without one, from `default`. The result
    /// is not validated yet.
    ///
    /// # Errors
    /// A sentence about the first that makes no sense.
    pub fn lay_over(&self, default: Manifest) -> Result<Manifest, String> {
        let mut manifest = match &self.manifest {
            Some(path) => read(path)?,
            None => default,
        };
        (manifest.recorded, manifest.scenario) = (None, None);
        self.lay_network(&mut manifest)?;
        self.lay_workload(&mut manifest)?;
        set(&mut manifest.seed, self.seed);
        set(&mut manifest.spies, self.spies);
        manifest.contender = self.contender.or(manifest.contender);
        manifest.slow_motion = self.slow_motion.or(manifest.slow_motion);
        set(&mut manifest.measure.idle_s, self.idle);
        set(&mut manifest.measure.stall_s, self.stall);
        set(&mut manifest.measure.connect_s, self.connect_timeout);
        for write in &self.writes {
            let write = parse_keys(write).map_err(|error| format!("--write {error}"))?;
            manifest.write.push(write);
        }
        for fault in &self.faults {
            let fault = parse_short(fault, "kind").map_err(|error| format!("--fault {error}"))?;
            manifest.fault.push(fault);
        }
        let params = &mut manifest.params;
        *params = with_overrides(params, &self.params)?;
        set(&mut params.relay.strategy, self.strategy);
        set(&mut params.relay.trickle_outbound_ms, self.trickle);
        set(&mut params.relay.trickle_inbound_ms, self.trickle);
        set(&mut params.peers.outbound, self.outbound);
        Ok(manifest)
    }

    fn lay_network(&self, manifest: &mut Manifest) -> Result<(), String> {
        let network = &mut manifest.network;
        set(&mut network.nodes, self.nodes);
        set(&mut network.topology, self.overlay);
        set(&mut network.bootstrap, self.bootstrap);
        set(&mut network.rules, self.rules);
        network.reachable = self.reachable.or(network.reachable);
        if self.bootstrap.is_some() && network.topology != Shape::Gossip {
            return Err("--bootstrap only has a meaning with overlay gossip".to_owned());
        }
        if self.outbound.is_some() && network.topology.has_own_degree() {
            return Err("--outbound has no meaning with this overlay: its shape has the degrees that it has"
                .to_owned());
        }
        if let Some(file) = &self.links_file {
            network.links_file = Some(file.clone());
            network.links.clear();
        }
        if let Some(links) = &self.links {
            let link = parse_short(links, "model");
            manifest.link = link.map_err(|error| format!("--links {error}"))?;
        }
        manifest.read_files()
    }

    fn lay_workload(&self, manifest: &mut Manifest) -> Result<(), String> {
        self.choose_workload(manifest)?;
        manifest.origin = self.origin.or(manifest.origin);
        match &mut manifest.workload {
            Workload::Transfers(Transfers { txs, rate, sizes }) => {
                let measured = self.txs.unwrap_or(*txs - manifest.warmup_txs);
                set(&mut manifest.warmup_txs, self.warmup);
                *txs = measured.saturating_add(manifest.warmup_txs);
                set(rate, self.rate);
                set(sizes, self.size.map(Sizes::Fixed));
                set(sizes, self.sizes.as_ref().map(|_| Sizes::Bitcoin));
            }
            Workload::BitcoinBlock { rate, .. } => {
                set(rate, self.rate);
                let given = [
                    ("--txs", self.txs.is_some()),
                    ("--warmup", self.warmup.is_some()),
                    ("--size", self.size.is_some()),
                    ("--sizes", self.sizes.is_some()),
                ];
                if let Some((name, _)) = given.into_iter().find(|(_, given)| *given) {
                    return Err(format!(
                        "{name} has no meaning with --workload bitcoin-block: the block decides"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Takes another workload if one is named.
    fn choose_workload(&self, manifest: &mut Manifest) -> Result<(), String> {
        let words: Vec<&str> = self.workload.iter().flatten().map(String::as_str).collect();
        let rate = manifest.workload.rate();
        match words[..] {
            [] => {}
            ["transfers"] => {
                if !matches!(manifest.workload, Workload::Transfers { .. }) {
                    manifest.workload = Manifest::default().workload;
                }
            }
            ["bitcoin-block", file] => {
                manifest.workload = Workload::BitcoinBlock { file: file.into(), rate };
                // What is in a block passes no other rules; asked for, others are refused.
                manifest.network.rules = self.rules.unwrap_or(Rules::Opaque);
            }
            ["bitcoin-block"] => {
                return Err(
                    "--workload bitcoin-block needs the file of a raw block behind it".to_owned()
                );
            }
            _ => {
                return Err(format!(
                    "--workload is `{}`, but must be `transfers` or `bitcoin-block FILE`",
                    words.join(" ")
                ));
            }
        }
        Ok(())
    }
}

/// Reads the name of a shape; help lists them all.
pub fn shapes() -> impl TypedValueParser<Value = Shape> {
    let offered = |shape: Shape| PossibleValue::new(shape.name()).help(shape.description());
    let named = |name: String| {
        let named = Shape::ALL.into_iter().find(|shape| shape.name() == name);
        named.ok_or_else(|| format!("there is no overlay `{name}`"))
    };
    PossibleValuesParser::new(Shape::ALL.map(offered)).try_map(named)
}

/// Reads how soon members find each other dead.
pub fn presets() -> impl TypedValueParser<Value = MembersPreset> {
    let named = |name: String| {
        let named = MembersPreset::ALL.into_iter().find(|preset| preset.name() == name);
        named.ok_or_else(|| format!("there is no preset `{name}`"))
    };
    PossibleValuesParser::new(MembersPreset::ALL.map(MembersPreset::name)).try_map(named)
}

/// Names of rules, those that the build leaves out included: they say what to do.
fn rules() -> impl TypedValueParser<Value = Rules> {
    PossibleValuesParser::new(Rules::NAMES).try_map(|name| name.parse::<Rules>())
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn read(path: &Path) -> Result<Manifest, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| format!("cannot read the manifest {}: {source}", path.display()))?;
    Manifest::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}
