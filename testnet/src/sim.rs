//! `tidings-testnet sim`: the shipped node, simulated, from ten of them to a million.
//!
//! # Map
//! - what to simulate: [`manifest`] is all of it as one file; [`overlay`], [`latency`], [`workload`] and
//!   [`fault`] its parts
//! - the engine: [`world`] holds nodes and links and drives them, [`queue`] says what is next, [`random`]
//!   gives every use a stream of its own
//! - what comes out: [`record`] remembers first deliveries, [`spies`] note who told them first, [`hash`]
//!   tells runs apart, [`check`] looks at nodes after every step of a debug build, [`summary`] makes tables
//!   and figures
//! - [`drive`] tells the story of a run; [`fork`] keeps a moment of it, to go on from there again
//!
//! Nothing in a run depends on the machine: no clock, no threads, no order of hash maps. Two runs of one
//! manifest give the same event hash.

pub mod check;
pub mod drive;
pub mod fault;
pub mod fork;
pub mod hash;
pub mod latency;
pub mod manifest;
pub mod overlay;
pub mod queue;
pub mod random;
pub mod record;
pub mod spies;
pub mod summary;
pub mod workload;
pub mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tidings_protocol::params::Params;
use tidings_protocol::relay::StrategyKind;
use tidings_tools::run::{self, RunError};
use tidings_tools::{report, table};

use crate::cli::EXIT_USAGE;
use crate::manifest::Workload;
use crate::workload::sizes::Sizes;
use manifest::Manifest;
use overlay::Shape;

/// Arguments of `sim`. Given ones take precedence over the manifest.
#[derive(Clone, Debug, Default, Args)]
pub struct SimArgs {
    /// Settings to start from, as TOML
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// How many nodes [default: 500]
    #[arg(long)]
    pub nodes: Option<usize>,
    /// How items spread [default: inventory]
    #[arg(long)]
    pub strategy: Option<StrategyKind>,
    /// Shape of the overlay [default: outbound]
    #[arg(long, value_enum)]
    pub overlay: Option<Shape>,
    /// Links that each node dials itself [default: 8]
    #[arg(long)]
    pub outbound: Option<usize>,
    /// How many nodes can be dialled [default: all]
    #[arg(long)]
    pub reachable: Option<usize>,
    /// What lies between nodes: none, `constant:latency_ms=50`, `uniform:min_ms=10,max_ms=90`,
    /// `exponential:mean_ms=50`, `lognormal:mean_ms=50`, planar, regions or rounds [default: planar]
    #[arg(long, value_name = "MODEL[:KEY=VALUE,…]")]
    pub links: Option<String>,
    /// How many transactions [default: 100]
    #[arg(long)]
    pub txs: Option<usize>,
    /// How many more transactions come before those that are measured [default: 0]
    #[arg(long, value_name = "TXS")]
    pub warmup: Option<usize>,
    /// The node at which all transactions are submitted [default: random ones]
    #[arg(long, value_name = "NODE")]
    pub origin: Option<u32>,
    /// Submissions a second [default: 20]
    #[arg(long)]
    pub rate: Option<f64>,
    /// Size of each transaction, bytes [default: 300]
    #[arg(long, value_name = "BYTES")]
    pub size: Option<usize>,
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
    #[arg(long = "fault", value_name = "KIND[:KEY=VALUE,…]")]
    pub faults: Vec<String>,
    /// Share of the nodes that note who tells them first, 0 to 1 [default: 0]
    #[arg(long, value_name = "SHARE")]
    pub spies: Option<f64>,
    /// Run folder, which must not exist [default: none is written]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
}

/// Why a simulation came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// Something asked for makes no sense; nothing was run.
    #[error("{0}")]
    Usage(String),
    /// The manifest can't be read; nothing was run.
    #[error("cannot read the manifest {}: {source}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The run folder can't be made; nothing was run.
    #[error("cannot make the run folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The results can't be written; the run is lost.
    #[error(transparent)]
    Results(#[from] RunError),
}

/// Runs the command.
#[must_use]
pub fn main(args: &SimArgs) -> ExitCode {
    run(args).unwrap_or_else(|error| {
        eprintln!("error: {error}");
        match error {
            SimError::Usage(_) => ExitCode::from(EXIT_USAGE),
            SimError::Manifest { .. } | SimError::Folder { .. } | SimError::Results(_) => {
                ExitCode::FAILURE
            }
        }
    })
}

/// Simulates, prints the figures, and writes the run folder if one is asked for.
///
/// # Errors
/// When nothing could be simulated or written.
pub fn run(args: &SimArgs) -> Result<ExitCode, SimError> {
    let manifest = args.resolve()?;
    let text =
        toml::to_string_pretty(&manifest).map_err(|error| SimError::Usage(error.to_string()))?;
    let text = run::Manifest::parse(text).map_err(|error| SimError::Usage(error.to_string()))?;
    if let Some(path) = &args.out {
        let made = std::fs::create_dir(path);
        made.map_err(|source| SimError::Folder { path: path.clone(), source })?;
    }
    let finished = drive::simulate(&manifest).map_err(SimError::Usage)?;
    let (run, summary) = summary::assemble(&manifest, text, finished);
    if let Some(dir) = &args.out {
        run.write(dir)?;
        summary.write(dir)?;
        report::write(dir, &run, &summary)?;
    }
    if args.json {
        println!("{}", summary.to_json());
    } else {
        println!("{}", table::render(&summary));
    }
    Ok(summary.exit_code())
}

impl SimArgs {
    /// Settles every setting.
    ///
    /// # Errors
    /// A sentence about the first that makes no sense.
    pub fn resolve(&self) -> Result<Manifest, SimError> {
        let mut manifest = match &self.manifest {
            Some(path) => read(path)?,
            None => Manifest::default(),
        };
        self.lay_over(&mut manifest).map_err(SimError::Usage)?;
        manifest.validate().map_err(SimError::Usage)?;
        Ok(manifest)
    }

    fn lay_over(&self, manifest: &mut Manifest) -> Result<(), String> {
        let Manifest { network, workload, params, .. } = manifest;
        set(&mut network.nodes, self.nodes);
        set(&mut network.topology, self.overlay);
        network.reachable = self.reachable.or(network.reachable);
        if let Workload::Transfers { txs, rate, sizes } = workload {
            set(txs, self.txs);
            set(rate, self.rate);
            set(sizes, self.size.map(Sizes::Fixed));
        }
        if let (Some(more), Workload::Transfers { txs, .. }) = (self.warmup, &mut manifest.workload)
        {
            *txs += more;
            manifest.warmup_txs = more;
        }
        manifest.origin = self.origin.or(manifest.origin);
        set(&mut manifest.seed, self.seed);
        set(&mut manifest.spies, self.spies);
        *params = with_overrides(params, &self.params)?;
        set(&mut params.relay.strategy, self.strategy);
        set(&mut params.relay.trickle_outbound_ms, self.trickle);
        set(&mut params.relay.trickle_inbound_ms, self.trickle);
        set(&mut params.peers.outbound, self.outbound);
        if let Some(links) = &self.links {
            let link = manifest::parse_short(links, "model");
            manifest.link = link.map_err(|error| format!("--links {error}"))?;
        }
        for fault in &self.faults {
            let fault = manifest::parse_short(fault, "kind");
            manifest.fault.push(fault.map_err(|error| format!("--fault {error}"))?);
        }
        Ok(())
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn read(path: &Path) -> Result<Manifest, SimError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| SimError::Manifest { path: path.to_owned(), source })?;
    Manifest::parse(&text).map_err(|error| SimError::Usage(format!("{}: {error}", path.display())))
}

/// Parameters with `KEY=VALUE`s laid over them.
pub(crate) fn with_overrides(params: &Params, overrides: &[String]) -> Result<Params, String> {
    let mut tree = toml::Table::try_from(params).map_err(|error| error.to_string())?;
    for entry in overrides {
        let (key, value) = entry
            .split_once('=')
            .ok_or_else(|| format!("--param {entry} has no value: write KEY=VALUE"))?;
        let laid: toml::Table = format!("{key} = {value}")
            .parse()
            .or_else(|_| format!("{key} = {value:?}").parse())
            .map_err(|error: toml::de::Error| format!("--param {entry}: {}", error.message()))?;
        lay(&mut tree, laid);
    }
    tree.try_into().map_err(|error: toml::de::Error| format!("--param: {}", error.message()))
}

/// Lays one tree over another.
fn lay(tree: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (tree.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => lay(below, above),
            (_, value) => {
                tree.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
