//! `tidings-testnet compare`: contestants side by side, on the same workload and the same seeds.
//!
//! - [`variant`]: a strategy with settings of its own
//! - [`matrix`]: every combination, run and put together
//! - [`show`]: the table and the page

pub mod matrix;
pub mod show;
pub mod variant;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tidings_tools::figures::summary::Summary;

use clap::{Args, ValueEnum};
use serde_json::json;
use tidings_sim::overlay::Shape;
use tidings_sim::workload::Transfers;
use tidings_sim::workload::sizes::Sizes;
use tidings_tools::run::write_text;

use super::progress::Progress;
use crate::exit::usage;
use crate::manifest::args::{SettingArgs, shapes};
use crate::manifest::{Manifest, Workload};
use crate::output;
use matrix::{Case, Row};
use variant::Variant;

/// Arguments of `compare`.
#[derive(Clone, Debug, Args)]
pub struct CompareArgs {
    /// Contestants: strategies, each with settings of its own if wanted, for instance
    /// `flood,adaptive:relay.adaptive.preset=fast,calm@inventory:relay.trickle_outbound_ms=2000`
    #[arg(long, default_value = "flood,inventory,plumtree,adaptive")]
    pub strategies: String,
    /// Sizes of transactions, bytes
    #[arg(long, value_delimiter = ',', default_value = "300")]
    pub sizes: Vec<usize>,
    /// Contacts a round, for strategies with rounds [default: see --param relay.fanout]
    #[arg(long, value_delimiter = ',')]
    pub fanouts: Vec<usize>,
    /// Seeds, for instance 7, 1,2,9 or 1..5
    #[arg(long, default_value = "1..5")]
    pub seeds: String,
    /// The network.
    #[command(flatten)]
    pub world: WorldArgs,
}

/// Arguments about the network that all contestants share.
#[derive(Clone, Debug, Args)]
pub struct WorldArgs {
    /// How many nodes
    #[arg(long, default_value_t = 500)]
    pub nodes: usize,
    /// Links that each node dials itself
    #[arg(long, default_value_t = 8)]
    pub outbound: usize,
    /// Shape of the overlay [default: outbound]
    #[arg(long, value_parser = shapes())]
    pub overlay: Option<Shape>,
    /// What lies between nodes, as for `sim`
    #[arg(long, value_name = "MODEL[:KEY=VALUE,…]")]
    pub links: Option<String>,
    /// How many transactions are measured
    #[arg(long)]
    pub txs: Option<usize>,
    /// How many come before those
    #[arg(long)]
    pub warmup: Option<usize>,
    /// Submissions a second
    #[arg(long, default_value_t = 20.0)]
    pub rate: f64,
    /// The node at which all are submitted [default: random ones]
    #[arg(long)]
    pub origin: Option<u32>,
    /// Parameter of every node's core; repeatable
    #[arg(long = "param", value_name = "KEY=VALUE")]
    pub params: Vec<String>,
    /// What goes wrong, as for `sim`; repeatable
    #[arg(long = "fault", value_name = "KIND[:KEY=VALUE,…]")]
    pub faults: Vec<String>,
    /// Whether nodes compare what they have from time to time, so that nothing is missed for good
    #[arg(long, value_enum, default_value_t = Safety::On)]
    pub safety: Safety,
    /// Runs at once; with more than one, CPU times mean little
    #[arg(long, default_value_t = 1)]
    pub jobs: usize,
    /// Folder for summary.json and report.html, which must not exist
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Whether the exchange of digests is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Safety {
    /// As `relay.safety_pull_ms` says.
    On,
    /// Never: what a strategy misses stays missed.
    Off,
}

impl WorldArgs {
    /// The settings that all contestants share. Unset numbers of transactions are `txs` and `warmup`.
    ///
    /// # Errors
    /// A sentence about the first that makes no sense.
    pub fn manifest(&self, txs: usize, warmup: usize) -> Result<Manifest, String> {
        let mut params = self.params.clone();
        if self.safety == Safety::Off {
            params.push("relay.safety_pull_ms=0".to_owned());
        }
        let args = SettingArgs {
            nodes: Some(self.nodes),
            outbound: Some(self.outbound),
            overlay: self.overlay,
            links: self.links.clone(),
            txs: Some(self.txs.unwrap_or(txs)),
            warmup: Some(self.warmup.unwrap_or(warmup)),
            rate: Some(self.rate),
            origin: self.origin,
            params,
            faults: self.faults.clone(),
            ..SettingArgs::default()
        };
        let mut manifest = args.lay_over(Manifest::default())?;
        manifest.spies = 0.2;
        manifest.validate()?;
        Ok(manifest)
    }

    /// Makes the folder for results, if one is asked for.
    ///
    /// # Errors
    /// A sentence about why it can't be made.
    pub fn make_folder(&self) -> Result<(), String> {
        self.out.as_ref().map_or(Ok(()), |out| {
            let made = std::fs::create_dir_all(out.parent().unwrap_or_else(|| Path::new("")))
                .and_then(|()| std::fs::create_dir(out));
            made.map_err(|error| format!("--out {}: {error}", out.display()))
        })
    }
}

/// Transactions that are measured if nothing else is asked for.
const TXS: usize = 200;

/// Transactions before those.
const WARMUP: usize = 500;

/// Runs the command.
#[must_use]
pub fn main(args: &CompareArgs) -> ExitCode {
    let (cases, seeds) = match prepared(cases(args), &args.seeds, &args.world) {
        Ok(prepared) => prepared,
        Err(problem) => return usage(&problem),
    };
    let progress = Progress::new(cases.len() * seeds.len());
    let (summaries, rows) = match matrix::run_all(&cases, &seeds, args.world.jobs, &progress) {
        Ok(results) => results,
        Err(problem) => return usage(&problem),
    };
    let subtitle = subtitle(&cases, &seeds);
    let json = to_json(&summaries, &rows);
    if let Some(out) = &args.world.out {
        let files = [("summary.json", json.clone()), ("report.html", show::page(&rows, &subtitle))];
        if let Err(code) = write_files(out, &files) {
            return code;
        }
    }
    let text =
        if args.world.json { json + "\n" } else { format!("{subtitle}\n\n{}", show::text(&rows)) };
    output::print(&text, args.world.out.is_some(), ExitCode::SUCCESS)
}

/// What is to be compared, with which seeds, once all of it is known to make sense and there is a folder
/// for the results.
pub(crate) fn prepared<T>(
    cases: Result<T, String>,
    seeds: &str,
    world: &WorldArgs,
) -> Result<(T, Vec<u64>), String> {
    let prepared = (cases?, parse_seeds(seeds)?);
    world.make_folder()?;
    Ok(prepared)
}

/// Writes results, or says why not.
pub(crate) fn write_files(out: &Path, files: &[(&str, String)]) -> Result<(), ExitCode> {
    for (name, text) in files {
        write_text(&out.join(name), text).map_err(|error| {
            output::complain(error);
            ExitCode::FAILURE
        })?;
    }
    Ok(())
}

/// All runs and the rows that they come to, as JSON.
pub(crate) fn to_json(summaries: &[Summary], rows: &[Row]) -> String {
    let runs: Vec<_> = summaries.iter().map(Summary::to_value).collect();
    let rows: Vec<_> = rows.iter().map(Row::to_json).collect();
    let all = json!({ "runs": runs, "rows": rows });
    serde_json::to_string_pretty(&all).expect("maps with text keys and numbers are always JSON")
}

fn subtitle(cases: &[Case], seeds: &[u64]) -> String {
    let Some(case) = cases.first() else { return String::new() };
    let manifest = &case.manifest;
    let link = serde_json::to_value(&manifest.link).ok();
    let model =
        link.as_ref().and_then(|link| link.get("model")?.as_str()).unwrap_or("?").to_owned();
    format!(
        "{} nodes · {} outbound · {model} links · {} transactions after {} of warm-up · {} seed{}",
        manifest.network.nodes,
        manifest.params.peers.outbound,
        manifest.txs() - manifest.warmup_txs,
        manifest.warmup_txs,
        seeds.len(),
        if seeds.len() == 1 { "" } else { "s" },
    )
}

/// Every contestant under all circumstances.
fn cases(args: &CompareArgs) -> Result<Vec<Case>, String> {
    let variants: Vec<Variant> = variant::split(&args.strategies)
        .iter()
        .map(|text| Variant::parse(text))
        .collect::<Result<_, _>>()?;
    let base = args.world.manifest(TXS, WARMUP)?;
    let fanouts: Vec<Option<usize>> = match &args.fanouts[..] {
        [] => vec![None],
        fanouts => fanouts.iter().copied().map(Some).collect(),
    };
    let mut cases = Vec::new();
    for variant in &variants {
        for &size in &args.sizes {
            for &fanout in &fanouts {
                let mut manifest = base.clone();
                if let Workload::Transfers(Transfers { sizes, .. }) = &mut manifest.workload {
                    *sizes = Sizes::Fixed(size);
                }
                manifest.params = variant.lay_over(&manifest.params)?;
                if let Some(fanout) = fanout {
                    manifest.params.relay.fanout = fanout;
                }
                manifest.validate()?;
                let mut words = Vec::new();
                words.extend((args.sizes.len() > 1).then(|| format!("{size} B")));
                words.extend(
                    fanout.filter(|_| fanouts.len() > 1).map(|fanout| format!("fanout {fanout}")),
                );
                cases.push(Case {
                    variant: variant.clone(),
                    circumstances: words.join(", "),
                    manifest,
                });
            }
        }
    }
    Ok(cases)
}

/// Most seeds of one comparison. A guess: each is a whole run.
const SEEDS_MAX: usize = 10_000;

/// Reads seeds: numbers and ranges, whose ends are both meant.
///
/// # Errors
/// A sentence about what isn't one.
pub fn parse_seeds(text: &str) -> Result<Vec<u64>, String> {
    let wrong =
        || format!("--seeds is {text}, but must be numbers or ranges, for instance 1,2,9 or 1..5");
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
    let mut seeds = Vec::new();
    for part in text.split(',') {
        let range = match part.split_once("..") {
            Some((from, to)) => number(from)?..=number(to.trim_start_matches('='))?,
            None => number(part)?..=number(part)?,
        };
        // Before any of them is written down: a range may name more than memory holds.
        let more = range.end().checked_sub(*range.start()).ok_or_else(wrong)?;
        if more >= (SEEDS_MAX - seeds.len()) as u64 {
            return Err(format!("--seeds is {text}, but must be at most {SEEDS_MAX} seeds"));
        }
        seeds.extend(range);
    }
    Ok(seeds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: CompareArgs,
    }

    fn cases_of(words: &str) -> Result<Vec<Case>, String> {
        let words = ["compare"].into_iter().chain(words.split_whitespace());
        cases(&Cli::try_parse_from(words).map_err(|error| error.to_string())?.args)
    }

    #[test]
    fn seeds_are_numbers_and_ranges() {
        assert_eq!(parse_seeds("1..3,9").unwrap(), [1, 2, 3, 9]);
        for wrong in ["", "a", "5..1", "1..x", "1..10001", "0..18446744073709551615", "1,1..10000"]
        {
            assert!(parse_seeds(wrong).unwrap_err().contains("--seeds"), "{wrong}");
        }
        assert_eq!(parse_seeds("1..10000").unwrap().len(), 10_000);
    }

    #[test]
    fn contestants_meet_under_all_circumstances() {
        let cases =
            cases_of("--strategies push,flood --sizes 300,600 --fanouts 1,2 --safety off").unwrap();
        assert_eq!(cases.len(), 8);
        assert_eq!(cases[1].name(), "push · 300 B, fanout 2");
        assert!(cases.iter().all(|case| case.manifest.params.relay.safety_pull_ms == 0));
    }

    #[test]
    fn mistakes_have_their_sentences() {
        for (words, sentence) in [
            ("--strategies fludd", "there is no strategy `fludd`"),
            ("--nodes 1", "network.nodes is 1"),
            ("--links fast", "unknown variant `fast`"),
            ("--sizes 3", "workload.sizes is 3 bytes"),
            ("--fanouts 99", "relay.fanout"),
        ] {
            let error = cases_of(words).unwrap_err();
            assert!(error.contains(sentence), "{words}: {error}");
        }
    }
}
