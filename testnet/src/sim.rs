//! `tidings-testnet sim`: the shipped node, simulated, from ten of them to a million.
//!
//! # Map
//! - what to simulate: [`crate::manifest`] is all of it as one file; [`overlay`], [`latency`], [`workload`]
//!   and [`fault`] its parts
//! - the engine: [`world`] holds nodes and links and drives them, [`queue`] says what is next, [`random`]
//!   gives every use a stream of its own
//! - what comes out: [`record`] remembers first deliveries, [`spies`] note who told them first, [`hash`]
//!   tells runs apart, [`check`] looks at nodes after every step of a debug build, [`summary`] makes tables
//!   and figures
//! - [`huge_pages`]: where it all lies
//! - [`drive`] tells the story of a run; [`fork`] keeps a moment of it, to go on from there again
//!
//! Nothing in a run depends on the machine: no clock, no threads, no order of hash maps. Two runs of one
//! manifest give the same event hash.

pub mod check;
pub mod drive;
pub mod fault;
pub mod fork;
pub mod hash;
pub mod huge_pages;
pub mod latency;
pub mod overlay;
pub mod queue;
pub mod random;
pub mod record;
pub mod spies;
pub mod summary;
pub mod workload;
pub mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tidings_tools::run::{self, RunError};
use tidings_tools::show::{report, table};

use crate::cli::EXIT_USAGE;
use crate::manifest::Manifest;
use crate::manifest::args::SettingArgs;
use crate::manifest::recorded::{self, Recorded};

/// Arguments of `sim`.
#[derive(Clone, Debug, Default, Args)]
pub struct SimArgs {
    /// What to simulate.
    #[command(flatten)]
    pub settings: SettingArgs,
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
    huge_pages::begin_again();
    run(args).unwrap_or_else(|error| {
        eprintln!("error: {error}");
        match error {
            SimError::Usage(_) => ExitCode::from(EXIT_USAGE),
            SimError::Folder { .. } | SimError::Results(_) => ExitCode::FAILURE,
        }
    })
}

/// Simulates, prints the figures, and writes the run folder if one is asked for.
///
/// # Errors
/// When nothing could be simulated or written.
pub fn run(args: &SimArgs) -> Result<ExitCode, SimError> {
    let manifest = args.resolve()?;
    let text = recorded::render(&manifest, Recorded::here(None, None))
        .map_err(|error| SimError::Usage(error.to_string()))?;
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
        let manifest = self.settings.lay_over(Manifest::default()).map_err(SimError::Usage)?;
        manifest.validate().map_err(SimError::Usage)?;
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests;
