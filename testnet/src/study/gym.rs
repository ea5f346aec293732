//! `tidings-testnet gym`: what it takes to be all of a node's peers, attack by attack.
//!
//! One real node, and an attacker of growing size ([`tidings_sim::gym`]). Of each attack it is searched how many addresses succeed in half of
//! the runs, and told what that cost: addresses, networks, bytes, days; with all protections, and with each switched off.

pub(crate) mod attacks;
mod search;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::table;
use super::world::write_files;
use crate::exit::usage;
use crate::output;
use attacks::ATTACKS;

/// Arguments of `gym`.
#[derive(Clone, Debug, Args)]
pub struct GymArgs {
    /// Which attacks; repeatable [default: all]
    #[arg(long = "attack", value_name = "NAME")]
    pub attacks: Vec<String>,
    /// Runs of each attack and size
    #[arg(long, default_value_t = 8)]
    pub runs: u64,
    /// Most addresses that an attacker has
    #[arg(long, default_value_t = 16_384)]
    pub most: usize,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Runs at once
    #[arg(long, default_value_t = 1)]
    pub jobs: usize,
    /// Only with all protections
    #[arg(long)]
    pub protected: bool,
    /// List the attacks and what they do
    #[arg(long)]
    pub list: bool,
    /// Folder for summary.json, gym.txt and report.html, which must not exist
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
#[must_use]
pub fn main(args: &GymArgs) -> ExitCode {
    if args.list {
        let line = |attack: &attacks::Attack| format!("{}: {}\n", attack.name, attack.what);
        let lines: String = ATTACKS.iter().map(line).collect();
        return output::print(&lines, false, ExitCode::SUCCESS);
    }
    let chosen = match chosen(args) {
        Ok(chosen) => chosen,
        Err(problem) => return usage(&problem),
    };
    if let Some(out) = &args.out
        && let Err(error) = std::fs::create_dir(out)
    {
        return usage(&format!("--out {}: {error}", out.display()));
    }
    let tables = search::tables(&chosen, args);
    let (json, text) = (table::json(&tables), table::text(&tables));
    if let Some(out) = &args.out {
        let subtitle =
            format!("One real node, {} runs of each size, seed {}.", args.runs, args.seed);
        let page = table::page(
            &tables,
            "The eclipse gym",
            "Who could be all of a node's peers",
            &subtitle,
        );
        let files =
            [("summary.json", json.clone()), ("gym.txt", text.clone()), ("report.html", page)];
        if let Err(code) = write_files(out, &files) {
            return code;
        }
    }
    let code = if table::are_met(&tables) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    output::print(&if args.json { json + "\n" } else { text }, args.out.is_some(), code)
}

fn chosen(args: &GymArgs) -> Result<Vec<&'static attacks::Attack>, String> {
    if !(1..=10_000).contains(&args.runs) {
        return Err(format!("--runs is {}, but must be 1 to 10000", args.runs));
    }
    if !(64..=500_000).contains(&args.most) {
        return Err(format!("--most is {}, but must be 64 to 500000", args.most));
    }
    if args.attacks.is_empty() {
        return Ok(ATTACKS.iter().collect());
    }
    let find = |name: &String| {
        let names = || ATTACKS.iter().map(|attack| attack.name).collect::<Vec<_>>().join(", ");
        let found = ATTACKS.iter().find(|attack| attack.name == name);
        found.ok_or_else(|| {
            format!("--attack {name}: there is no such attack; there are {}", names())
        })
    };
    args.attacks.iter().map(find).collect()
}

#[cfg(test)]
mod tests;
