//! The command line: what may be asked, and a clear sentence for what may not.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use tidings::config::members::MembersPreset;
use tidings_sim::fault::FaultSpec;

use crate::assault::program;
use crate::assault::{self, AssaultArgs};
use crate::exit;
use crate::launch;
use crate::launch::descriptors;
use crate::launch::local::mode;
use crate::launch::settings::{Options, Settings};
use crate::launch::traced;
use crate::manifest::args::{SettingArgs, presets};
use crate::manifest::{Manifest, Mining, explained};
use crate::outage::{self, OutageArgs};
use crate::output;
use crate::replay::{self, ReplayArgs};
use crate::scenario::{self, ScenarioArgs};
use crate::simulate::{self, SimArgs};
use crate::study::blocks::{self, BlocksArgs};
use crate::study::compare::{self, CompareArgs};
use crate::study::dial::{self, DialArgs};
use crate::study::frontier::{self, FrontierArgs};
use crate::study::gym::{self, GymArgs};
use crate::study::heal::{self, HealArgs};
use crate::study::members::{self, MembersArgs};
use crate::study::overlay::{self, OverlayArgs};
use crate::study::predict::{self, PredictArgs};
use crate::study::rounds::{self, RoundsArgs};
use crate::study::validate::{self, ValidateArgs};
use crate::study::versus::{self, VersusArgs};
use crate::up::{self, DownArgs, UpArgs};
use crate::usage;
use crate::view::{self, ViewArgs};
use crate::why::{self, WhyArgs};

/// Launches real Tidings networks on one machine and measures them.
#[derive(Debug, Parser)]
#[command(name = "tidings-testnet", version, about, after_help = exit::HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts real nodes, relays items through them, and reports how they spread.
    Launch(Box<LaunchArgs>),
    /// Simulates nodes, from ten of them to a million, and reports how items spread.
    Sim(Box<SimArgs>),
    /// Has three real nodes attacked, in one way after the other, and tells what each costs them.
    Assault(Box<AssaultArgs>),
    /// Simulates and launches the same settings, and sets the figures side by side.
    Validate(Box<ValidateArgs>),
    /// Launches our nodes and others' in turns, under the same settings, and sets the figures side by side.
    Versus(Box<VersusArgs>),
    /// Starts a network that stays until it is interrupted, or until `down`, and tells where its nodes are.
    Up(Box<UpArgs>),
    /// Ends the network that `up` started.
    Down(DownArgs),
    /// Shows runs in a browser, over time: who had what when, which messages passed, and two to six strategies side by side.
    View(ViewArgs),
    /// Prints a manifest with all settings, each explained and none set: to start one from.
    Manifest,
    /// Shows what gossip does, by small runs side by side that are explained.
    Scenario(ScenarioArgs),
    /// Simulates strategies side by side, on the same workload and seeds.
    Compare(Box<CompareArgs>),
    /// Simulates adaptive wherever it may be, and shows how it keeps its dial.
    Dial(DialArgs),
    /// Simulates all strategies and draws them in the plane of bytes against time.
    Frontier(Box<FrontierArgs>),
    /// Simulates attackers who want to be all of a node's peers, and tells what that takes.
    Gym(GymArgs),
    /// Simulates a partition that ends, and tells what it cost to become equal again.
    Heal(Box<HealArgs>),
    /// Simulates blocks whose transactions are known, sent whole and as names, and tells how soon they are everywhere.
    Blocks(Box<BlocksArgs>),
    /// Simulates fleets of members, and tells how soon deaths are seen and who is taken for dead wrongly.
    Members(MembersArgs),
    /// Simulates the death of most nodes at once, and tells how the overlay of the others heals.
    Overlay(OverlayArgs),
    /// Takes the network away from one of many real nodes and gives it back, and tells what its address book lost and how soon its links
    /// stand again.
    Outage(OutageArgs),
    /// Has captured nodes live again: whether they act the same, what they would tell, and what they would do with other parameters.
    Replay(Box<ReplayArgs>),
    /// Sets rounds beside the formulas of articles and theory, by number of nodes.
    Predict(PredictArgs),
    /// Sets the rounds of push, pull and rumours beside theory and references.
    Rounds(RoundsArgs),
    /// Tells why an item came late to a node of a simulated run: by branches with other draws, and with one thing otherwise.
    Why(Box<WhyArgs>),
}

/// Arguments of `launch`.
#[derive(Debug, Args)]
pub struct LaunchArgs {
    /// What to launch.
    #[command(flatten)]
    settings: SettingArgs,
    /// Share of the nodes to kill during the workload, for instance 20%; instead of the manifest's faults
    #[arg(long, value_name = "SHARE", value_parser = parse_share, conflicts_with = "faults")]
    kill: Option<f64>,
    /// When to kill them, seconds after the first submission [default: half way]
    #[arg(long, value_name = "S", requires = "kill")]
    kill_after: Option<f64>,
    /// How many nodes, drawn at random, announce items and never deliver any (their lab.withhold)
    #[arg(long, value_name = "N", default_value_t = 0)]
    withhold: usize,
    /// Program to start as a node, instead of this one's own node mode
    #[arg(long, value_name = "PATH")]
    node_binary: Option<PathBuf>,
    /// Nodes are members of one fleet, too, and it is measured how they find each other alive and dead; with how soon
    /// they do [default: fleet]
    #[arg(long, value_name = "PRESET", num_args = 0..=1, default_missing_value = "fleet", value_parser = presets())]
    members: Option<MembersPreset>,
    /// Have blocks made at random nodes, one each so many seconds on average, while transactions are submitted (rules tidings)
    #[arg(long, value_name = "S")]
    block_interval: Option<f64>,
    /// Most transactions of a block [default: as many as fit]
    #[arg(long, value_name = "N", requires = "block_interval")]
    block_txs_max: Option<usize>,
    /// How many nodes start after the load, to see how long each takes to have the chain
    #[arg(long, value_name = "K", requires = "block_interval")]
    late_joiners: Option<usize>,
    /// In how many processes all nodes are, for networks of thousands [default: each in a process of its own]
    #[arg(long, value_name = "N")]
    hosts: Option<usize>,
    /// Run folder, which must not exist [default: runs/TIME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Have all nodes captured, and write what they saw as a timeline for `view` [default: timeline.tdt in the run folder]
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = traced::IN_THE_FOLDER)]
    trace: Option<PathBuf>,
    /// Have all nodes captured, replay each, and keep the captures in their folders, for `replay`
    #[arg(long)]
    capture: bool,
    /// Keep the nodes' data folders and logs after a good run
    #[arg(long)]
    keep_logs: bool,
    /// Print the summary as JSON on stdout, all else on stderr
    #[arg(long)]
    json: bool,
    /// Print nothing but the result and what went wrong
    #[arg(long)]
    quiet: bool,
}

impl LaunchArgs {
    /// Settles every setting, or says which can't be.
    fn resolve(self) -> Result<(Settings, Options), String> {
        let default = match self.settings.contender {
            Some(_) => Manifest::contended_by_default(),
            None => Manifest::launched_by_default(),
        };
        let mut manifest = self.settings.lay_over(default)?;
        if let Some(share) = self.kill {
            let at_s = self.kill_after.unwrap_or_else(|| manifest.half_way_s());
            manifest.fault = vec![FaultSpec::kill(share, at_s)];
        }
        manifest.members = self.members.or(manifest.members);
        if let Some(interval_s) = self.block_interval {
            let txs_max = self.block_txs_max;
            let late_joiners = self.late_joiners.unwrap_or(0);
            manifest.mining = Some(Mining { interval_s, txs_max, late_joiners });
        }
        manifest.validate()?;
        let settings = Settings::of(manifest, self.node_binary)?;
        let settings = settings.withholding(self.withhold)?.in_hosts(self.hosts)?;
        let mut settings = settings.traced(self.trace, self.capture)?;
        if self.settings.outbound.is_none()
            && let Some(fitted) = descriptors::fit(&mut settings, usage::open_files_max())
        {
            output::tell(&fitted);
        }
        settings.left_aside().iter().for_each(|sentence| output::tell(sentence));
        let Self { out, keep_logs, json, quiet, .. } = self;
        Ok((settings, Options { out, keep_logs, json, quiet }))
    }
}

/// Runs the program with its arguments, the program's name first.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args: Vec<OsString> = args.into_iter().collect();
    if args.get(1).is_some_and(|arg| arg == mode::SUBCOMMAND) {
        return mode::main(args.split_off(2));
    }
    if args.get(1).is_some_and(|arg| arg == program::SUBCOMMAND) {
        return program::main(&args.split_off(2));
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            // Nothing can be done about a closed stdout.
            let _ = error.print();
            return if asked { ExitCode::SUCCESS } else { ExitCode::from(exit::USAGE) };
        }
    };
    match cli.command {
        Command::Launch(args) => match args.resolve() {
            Ok((settings, options)) => launch::main(&settings, &options),
            Err(problem) => exit::usage(&problem),
        },
        Command::Sim(args) => simulate::main(&args),
        Command::Assault(args) => assault::main(&args),
        Command::Heal(args) => heal::main(&args),
        Command::Blocks(args) => blocks::main(&args),
        Command::Validate(args) => validate::main(&args),
        Command::Versus(args) => versus::main(&args),
        Command::Up(args) => up::up(&args),
        Command::Down(args) => up::down(&args),
        Command::View(args) => view::main(&args),
        Command::Manifest => output::print(&explained::template(), false, ExitCode::SUCCESS),
        Command::Scenario(args) => scenario::main(&args),
        Command::Compare(args) => compare::main(&args),
        Command::Dial(args) => dial::main(&args),
        Command::Frontier(args) => frontier::main(&args),
        Command::Gym(args) => gym::main(&args),
        Command::Members(args) => members::main(&args),
        Command::Overlay(args) => overlay::main(&args),
        Command::Outage(args) => outage::main(&args),
        Command::Predict(args) => predict::main(&args),
        Command::Replay(args) => replay::main(&args),
        Command::Rounds(args) => rounds::main(&args),
        Command::Why(args) => why::main(&args),
    }
}

/// A share written as per cent.
fn parse_share(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match percent {
        Some(percent) if percent > 0.0 && percent < 100.0 => Ok(percent / 100.0),
        Some(_) => Err("the share must be more than 0% and less than 100%".to_owned()),
        None => Err("write a share of the nodes, for instance 20%".to_owned()),
    }
}

#[cfg(test)]
mod tests;
