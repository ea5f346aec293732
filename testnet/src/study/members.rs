//! `tidings-testnet members`: what membership does in simulated fleets, in tables with what it should do.
//!
//! - `detection`: how soon a death is seen, by how many members there are, beside theory; and what a member sends meanwhile
//! - `lifeguard`: whom slow members make dead, as the paper on Lifeguard measured it
//! - `storm`: many join at once
//! - `news`: how soon a write, an event and a broken consensus are known to all
//! - `scenarios`: what happens to fleets, each by its name
//!
//! Each table says what it should show, and whether it does. `--quick` has all of it in small, for a look in passing; its figures are of few
//! runs.
//!
//! With `--processes` nothing is simulated: real members are started and measured, with others' beside them ([`beside`]).

pub mod beside;

mod detection;
mod lifeguard;
mod news;
mod scenarios;
mod storm;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use tidings_protocol::membership::{Riding, Settings};

use self::beside::ProcessArgs;
use super::table::{self, Table};
use super::world::write_files;
use crate::exit::usage;
use crate::output;

/// Arguments of `members`.
#[derive(Clone, Debug, Args)]
pub struct MembersArgs {
    /// Which tables; repeatable [default: all]
    #[arg(long = "table", value_name = "TABLE")]
    pub tables: Vec<Which>,
    /// How many members, in the tables of deaths and of news; ten thousand take 4.5 GB, and twice that with news
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1_000, 10_000])]
    pub nodes: Vec<usize>,
    /// How many deaths of each kind, at each size
    #[arg(long, default_value_t = 200)]
    pub kills: usize,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Runs at once
    #[arg(long, default_value_t = 1)]
    pub jobs: usize,
    /// Everything in small
    #[arg(long)]
    pub quick: bool,
    /// Folder for summary.json, members.txt and report.html, which must not exist
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Real ones instead.
    #[command(flatten)]
    pub real: ProcessArgs,
}

/// The tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// Deaths, and what a quiet member sends.
    Detection,
    /// Slow members.
    Lifeguard,
    /// A thousand join at once.
    Storm,
    /// Writes, events and claims to lead.
    News,
    /// What happens to fleets.
    Scenarios,
}

/// Settings that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// SWIM with suspicion, at memberlist's settings for LANs.
    Swim,
    /// The same with Lifeguard.
    Lan,
    /// Ours, the default.
    Fleet,
}

impl Preset {
    const ALL: [Self; 3] = [Self::Swim, Self::Lan, Self::Fleet];

    const fn name(self) -> &'static str {
        match self {
            Self::Swim => "swim",
            Self::Lan => "lan",
            Self::Fleet => "fleet",
        }
    }

    /// Without what rides on the pings, which changes nothing of who is taken for dead.
    #[must_use]
    pub fn settings(self) -> Settings {
        let settings = match self {
            Self::Swim => Settings::lan().without_lifeguard(),
            Self::Lan => Settings::lan(),
            Self::Fleet => Settings::fleet(),
        };
        Settings { riding: Riding::OFF, ..settings }
    }
}

/// Runs the command.
#[must_use]
pub fn main(args: &MembersArgs) -> ExitCode {
    if let Some(processes) = args.real.processes {
        return beside::main(args, processes);
    }
    let made = args.out.as_ref().map_or(Ok(()), |out| {
        std::fs::create_dir(out).map_err(|error| format!("--out {}: {error}", out.display()))
    });
    if let Err(problem) = check(args).and(made) {
        return usage(&problem);
    }
    let tables = tables(args);
    let (json, text) = (table::json(&tables), table::text(&tables));
    if let Some(out) = &args.out {
        let files = [
            ("summary.json", json.clone()),
            ("members.txt", text.clone()),
            (
                "report.html",
                table::page(
                    &tables,
                    "Tidings membership",
                    "Members, and who of them lives",
                    &subtitle(args),
                ),
            ),
        ];
        if let Err(code) = write_files(out, &files) {
            return code;
        }
    }
    let code = if table::are_met(&tables) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    output::print(&if args.json { json + "\n" } else { text }, args.out.is_some(), code)
}

fn check(args: &MembersArgs) -> Result<(), String> {
    let most = tidings_sim::members::setup::MEMBERS_MAX;
    if let Some(nodes) = args.nodes.iter().find(|nodes| !(20..=most).contains(*nodes)) {
        return Err(format!("--nodes has {nodes}, but must be numbers from 20 to {most}"));
    }
    if !(2..=100_000).contains(&args.kills) {
        return Err(format!("--kills is {}, but must be 2 to 100000", args.kills));
    }
    Ok(())
}

/// Measures everything that is asked for.
fn tables(args: &MembersArgs) -> Vec<Table> {
    let is_wanted = |which| args.tables.is_empty() || args.tables.contains(&which);
    let mut tables = Vec::new();
    if is_wanted(Which::Detection) {
        tables.extend(detection::tables(args));
    }
    if is_wanted(Which::Lifeguard) {
        tables.push(lifeguard::table(args));
    }
    if is_wanted(Which::Storm) {
        tables.push(storm::table(args));
    }
    if is_wanted(Which::News) {
        tables.push(news::table(args));
    }
    if is_wanted(Which::Scenarios) {
        tables.push(scenarios::table(args));
    }
    tables
}

fn subtitle(args: &MembersArgs) -> String {
    let quick = if args.quick { ", in small" } else { "" };
    format!("Simulated fleets on a local network (0.2 to 1 ms), seed {}{quick}.", args.seed)
}

#[cfg(test)]
mod tests;
