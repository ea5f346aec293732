//! `tidings-testnet versus`: our nodes and others', launched in turns under the same settings, in one table.
//!
//! Whoever would use somebody else's relay can check here what it costs. Both are real processes on this machine, over
//! the same overlay, links and workload, recorded and reported alike. They run in turns, as often as is asked for, and each
//! round begins with another, so that whatever the machine does besides meets all of them; how far runs of one and the
//! same lie apart is the machine's noise, and stands beside every figure.
//!
//! - [`contest`]: who meets whom under which circumstances, and runs them
//! - [`spans`]: a figure over several runs
//! - [`show`]: the table and the page

pub mod contest;
pub mod show;
pub mod spans;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::exit::usage;
use crate::launch::run_folder;
use crate::manifest::args::SettingArgs;
use crate::manifest::contender::Contender;
use crate::output;
use crate::study::world::write_files;
use contest::Round;
use spans::Row;

/// Arguments of `versus`. Without any, 200 nodes with 8 links that each dials relay 300 bytes at a time.
#[derive(Clone, Debug, Args)]
pub struct VersusArgs {
    /// Whom to run against, for instance gossipsub,gossipsub:eth
    #[arg(required = true, value_delimiter = ',', value_name = "CONTENDERS")]
    pub contenders: Vec<Contender>,
    /// Ours: strategies, as for `compare`
    #[arg(
        long,
        default_value = "balanced@adaptive:relay.adaptive.preset=balanced,\
                                 fast@adaptive:relay.adaptive.preset=fast"
    )]
    pub strategies: String,
    /// What lies between nodes: none, regions, or both
    #[arg(long = "models", value_delimiter = ',', default_value = "none,regions")]
    pub models: Vec<String>,
    /// Submissions a second
    #[arg(long = "rates", value_delimiter = ',', default_value = "20,100")]
    pub rates: Vec<f64>,
    /// How often each runs under all circumstances
    #[arg(long, default_value_t = 3, value_name = "TIMES")]
    pub runs: usize,
    /// The network.
    #[command(flatten)]
    pub settings: SettingArgs,
    /// Program to start as a contender's node [default: the one beside this, or under target/release]
    #[arg(long, value_name = "PATH")]
    pub node_binary: Option<PathBuf>,
    /// All nodes of each run in so many processes [default: a process for each]
    #[arg(long, value_name = "N")]
    pub hosts: Option<usize>,
    /// The summary.json of an earlier contest, whose runs go into the same table; repeatable
    #[arg(long, value_name = "FILE")]
    pub add: Vec<PathBuf>,
    /// Folder for the runs, summary.json and report.html, which must not exist [default: runs/TIME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
#[must_use]
pub fn main(args: &VersusArgs) -> ExitCode {
    let rounds = match contest::rounds(args) {
        Ok(rounds) => rounds,
        Err(problem) => return usage(&problem),
    };
    let earlier: Result<Vec<Vec<Row>>, String> = args.add.iter().map(|path| read(path)).collect();
    let earlier = match earlier {
        Ok(earlier) => earlier,
        Err(problem) => return usage(&problem),
    };
    let out = args.out.clone().unwrap_or_else(run_folder::unused_name);
    if let Err(error) = std::fs::create_dir_all(out.parent().unwrap_or(&out))
        .and_then(|()| std::fs::create_dir(&out))
    {
        return usage(&format!("--out {}: {error}", out.display()));
    }
    let mut rows = Vec::new();
    for (number, round) in rounds.iter().enumerate() {
        match contest::run(round, args.runs, &out.join(format!("{number}"))) {
            Ok(more) => rows.extend(more),
            Err(code) => return code,
        }
    }
    let rows = spans::joined(earlier.into_iter().chain([rows]));
    let subtitle = subtitle(&rounds);
    let json = to_json(&subtitle, &rows);
    let files = [("summary.json", json.clone()), ("report.html", show::page(&rows, &subtitle))];
    if let Err(code) = write_files(&out, &files) {
        return code;
    }
    let text = if args.json {
        json + "\n"
    } else {
        format!("{subtitle}\n\n{}\n{}\n", show::text(&rows), out.join("report.html").display())
    };
    output::print(&text, true, ExitCode::SUCCESS)
}

/// Rows of an earlier contest.
fn read(path: &Path) -> Result<Vec<Row>, String> {
    #[derive(Deserialize)]
    struct Contest {
        rows: Vec<Row>,
    }
    let refused = |why: String| format!("--add {}: {why}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    let contest: Result<Contest, _> = serde_json::from_str(&text);
    contest.map(|contest| contest.rows).map_err(|error| refused(error.to_string()))
}

/// What all runs have in common.
fn subtitle(rounds: &[Round]) -> String {
    let Some(manifest) = rounds.first().and_then(Round::manifest) else { return String::new() };
    let sizes = serde_json::to_value(&manifest.workload).ok();
    let size = sizes.as_ref().and_then(|workload| workload.get("sizes")?.get("fixed")?.as_u64());
    let size = size.map_or_else(String::new, |size| format!(" of {size} bytes"));
    format!(
        "{} nodes, {} links that each dials, {} transactions{size}, in turns",
        manifest.network.nodes,
        manifest.params.peers.outbound,
        manifest.txs(),
    )
}

/// All runs and what they come to.
fn to_json(subtitle: &str, rows: &[Row]) -> String {
    let rows: Vec<Value> = rows.iter().map(Row::to_json).collect();
    format!("{:#}", json!({ "settings": subtitle, "rows": rows }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: VersusArgs,
    }

    fn rounds(words: &str) -> Result<Vec<Round>, String> {
        let words = ["versus"].into_iter().chain(words.split_whitespace());
        contest::rounds(&Cli::try_parse_from(words).map_err(|error| error.to_string())?.args)
    }

    #[test]
    fn ours_and_theirs_meet_under_all_circumstances() {
        // Any program will do as a contender's, as long as none is started.
        let rounds =
            rounds("gossipsub,gossipsub:eth --node-binary /bin/true --rates 20,50").unwrap();
        let named: Vec<&str> = rounds.iter().map(|round| round.circumstances.as_str()).collect();
        let expected = [
            "links none, 20 a second",
            "links none, 50 a second",
            "links regions, 20 a second",
            "links regions, 50 a second",
        ];
        assert_eq!(named, expected);
        let names: Vec<&str> =
            rounds[0].contestants.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["balanced", "fast", "gossipsub", "gossipsub:eth"]);
        let manifest = |number: usize| &rounds[0].contestants[number].1.manifest;
        assert_eq!(manifest(0).network, manifest(2).network);
        assert_eq!(
            (manifest(0).contender, manifest(2).contender),
            (None, Some(Contender::Gossipsub))
        );
    }

    #[test]
    fn mistakes_have_their_sentences() {
        for (words, sentence) in [
            ("", "required"),
            ("plumtree", "there is no contender `plumtree`"),
            ("gossipsub --strategies fludd", "there is no strategy `fludd`"),
            ("gossipsub --models rounds", "launch can't keep rounds"),
            ("gossipsub --runs 0", "--runs is 0"),
            ("gossipsub --links none", "--models instead of --links"),
            ("gossipsub --rules tidings", "looks into no item"),
        ] {
            let error = rounds(&format!("{words} --node-binary /bin/true")).unwrap_err();
            assert!(error.contains(sentence), "{words}: {error}");
        }
    }
}
