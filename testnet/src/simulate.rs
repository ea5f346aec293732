//! `tidings-testnet sim`: the shipped node, simulated, from ten of them to a million.
//!
//! The engine is `tidings_sim`, which knows neither clock nor files. Here is what it leaves to whoever runs it:
//! the CPU time that a run takes, tables and figures in a folder ([`tables`]), and where a large network lies in
//! memory ([`huge_pages`]). `fleet` simulates members instead of nodes.

mod chain;
pub(crate) mod fleet;
pub mod huge_pages;
pub mod link;
pub mod tables;
mod trace;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tidings_protocol::chain::Rules;
use tidings_sim::simulation::Prepared;
use tidings_sim::world::World;
use tidings_timeline::Timeline;
use tidings_timeline::recorder::BOUND;
use tidings_tools::figures::summary::Summary;
use tidings_tools::run::{self, Run, RunError};
use tidings_tools::show::{report, table};

use crate::exit;
use crate::manifest::args::SettingArgs;
use crate::manifest::recorded::{self, Recorded};
use crate::manifest::{Manifest, Mining};
use crate::output;
use crate::usage::{cpu_between, own_usage};
use tables::CpuSeconds;
use watch::Watch;

/// Arguments of `sim`.
#[derive(Clone, Debug, Default, Args)]
pub struct SimArgs {
    /// What to simulate.
    #[command(flatten)]
    pub settings: SettingArgs,
    /// Simulate so many members of a fleet (membership) instead of nodes, over the same links, with the same faults
    #[arg(long, value_name = "N", conflicts_with = "out")]
    pub members: Option<usize>,
    /// For how long members are simulated, seconds
    #[arg(long, value_name = "S", default_value_t = 60.0, requires = "members")]
    pub seconds: f64,
    /// Members know nobody in the beginning, and ask the first of them, all at once
    #[arg(long, requires = "members")]
    pub joining: bool,
    /// Have blocks made at random nodes, one each so many seconds on average, while transactions are submitted
    #[arg(long, value_name = "S", conflicts_with = "members")]
    pub block_interval: Option<f64>,
    /// Most transactions of a block [default: all that are pooled]
    #[arg(long, value_name = "N", requires = "block_interval")]
    pub block_txs_max: Option<usize>,
    /// Run folder, which must not exist [default: none is written]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Timeline of the run, message by message, for `view` and `export`: a file, which must not exist [default: none is written]
    #[arg(long, value_name = "FILE", conflicts_with = "members")]
    pub trace: Option<PathBuf>,
    /// Most messages and deliveries of the timeline; above it, fewer items are followed
    #[arg(long, value_name = "N", requires = "trace", default_value_t = BOUND)]
    pub trace_rows: usize,
    /// Print a link that has a browser's tab replay it, to the event hash, instead of simulating it here
    #[arg(long, conflicts_with_all = ["members", "out", "trace", "json"])]
    pub link: bool,
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
    /// The run folder can't be made; nothing was run.
    #[error("cannot make the run folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The timeline's file is there already, or can't be; nothing was run.
    #[error("cannot write the timeline {}: {problem}", path.display())]
    Trace {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// The results can't be written; the run is lost.
    #[error(transparent)]
    Results(#[from] RunError),
}

/// Runs the command.
#[must_use]
pub fn main(args: &SimArgs) -> ExitCode {
    huge_pages::begin_again();
    run(args).unwrap_or_else(|error| {
        output::complain(&error);
        match error {
            SimError::Usage(_) => ExitCode::from(exit::USAGE),
            SimError::Folder { .. } | SimError::Trace { .. } | SimError::Results(_) => {
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
    if let Some(members) = args.members {
        return fleet::run(args, members);
    }
    let manifest = args.resolve()?;
    if args.link {
        let scenario = manifest.scenario().map_err(SimError::Usage)?;
        return Ok(output::print(&(link::of(&scenario) + "\n"), false, ExitCode::SUCCESS));
    }
    let text = recorded::render(&manifest, Recorded::here(None, None))
        .map_err(|error| SimError::Usage(error.to_string()))?;
    let text = run::Manifest::parse(text).map_err(|error| SimError::Usage(error.to_string()))?;
    if let Some(path) = &args.trace {
        trace::check(path)?;
    }
    if let Some(path) = &args.out {
        let made = std::fs::create_dir(path);
        made.map_err(|source| SimError::Folder { path: path.clone(), source })?;
    }
    let bound = args.trace.as_ref().map(|_| args.trace_rows);
    let mut watch = None;
    let look = &mut |world: &World| {
        let pairs = (world.items().len() * world.nodes()) as u64;
        watch.get_or_insert_with(|| Watch::new(pairs)).look(world);
    };
    let (run, summary, timeline) =
        watched(&manifest, text, bound, look).map_err(SimError::Usage)?;
    drop(watch);
    if let Some(dir) = &args.out {
        run.write(dir)?;
        summary.write(dir)?;
        report::write(dir, &run, &summary)?;
    }
    if let (Some(path), Some(timeline)) = (&args.trace, timeline) {
        trace::write(path, timeline, run.manifest.text())?;
    }
    let text = if args.json { summary.to_json() } else { table::render(&summary, output::ink()) };
    Ok(output::print(&(text + "\n"), args.out.is_some(), summary.exit_code()))
}

/// Simulates a valid manifest, and meters what that takes. `text` is the manifest as it is kept.
///
/// # Errors
/// A sentence about what can't be simulated.
pub fn simulate(manifest: &Manifest, text: run::Manifest) -> Result<(Run, Summary), String> {
    let (run, summary, _) = watched(manifest, text, None, &mut |_| {})?;
    Ok((run, summary))
}

fn watched(
    manifest: &Manifest,
    text: run::Manifest,
    bound: Option<usize>,
    watch: &mut dyn FnMut(&World),
) -> Result<(Run, Summary, Option<Timeline>), String> {
    let scenario = manifest.scenario()?;
    let begun = own_usage();
    let prepared = match bound {
        Some(bound) => Prepared::recorded(&scenario, bound)?,
        None => Prepared::new(&scenario)?,
    };
    let set_up = own_usage();
    let mut finished = prepared.finish(watch);
    let cpu =
        CpuSeconds { setup: cpu_between(begun, set_up), run: cpu_between(set_up, own_usage()) };
    let timeline = finished.take_timeline();
    let (run, summary) = tables::assemble(&scenario, text, finished, cpu);
    Ok((run, summary, timeline))
}

impl SimArgs {
    /// Settles every setting.
    ///
    /// # Errors
    /// A sentence about the first that makes no sense.
    pub fn resolve(&self) -> Result<Manifest, SimError> {
        let mut manifest = self.settings.lay_over(Manifest::default()).map_err(SimError::Usage)?;
        if let Some(interval_s) = self.block_interval {
            let txs_max = self.block_txs_max;
            manifest.mining = Some(Mining { interval_s, txs_max, late_joiners: 0 });
            manifest.network.rules = Rules::Tidings; // as a launch would need; simulated signatures cost nothing
        }
        manifest.validate().map_err(SimError::Usage)?;
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests;
