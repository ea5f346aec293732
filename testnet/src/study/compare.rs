//! `tidings-testnet compare`: contestants side by side, on the same workload and the same seeds.
//!
//! - [`variant`]: a strategy with settings of its own
//! - [`matrix`]: every combination, run and put together
//! - [`show`]: the table and the page

pub mod matrix;
pub mod show;
pub mod variant;

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use tidings_sim::workload::Transfers;
use tidings_sim::workload::sizes::Sizes;
use tidings_tools::figures::summary::Summary;

use super::progress::Progress;
use super::world::{WorldArgs, link_name, write_files, write_manifests};
use crate::exit::usage;
use crate::manifest::Workload;
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
    /// Sizes of transactions, bytes [default: 300, or what the manifest says]
    #[arg(long, value_delimiter = ',')]
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
        let manifests = cases.iter().map(|case| (case.name(), &case.manifest));
        if let Err(code) = write_files(out, &files).and_then(|()| write_manifests(out, manifests)) {
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
    let model = link_name(&manifest.link);
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
    let sizes: Vec<Option<usize>> = match &args.sizes[..] {
        [] => vec![None],
        sizes => sizes.iter().copied().map(Some).collect(),
    };
    for variant in &variants {
        for &size in &sizes {
            for &fanout in &fanouts {
                let mut manifest = base.clone();
                if let Workload::Transfers(Transfers { sizes, .. }) = &mut manifest.workload
                    && let Some(size) = size
                {
                    *sizes = Sizes::Fixed(size);
                }
                manifest.params = variant.lay_over(&manifest.params)?;
                if let Some(fanout) = fanout {
                    manifest.params.relay.fanout = fanout;
                }
                manifest.validate()?;
                let mut words = Vec::new();
                words.extend(size.filter(|_| sizes.len() > 1).map(|size| format!("{size} B")));
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
