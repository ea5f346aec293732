//! `tidings-testnet predict`: rounds as articles say, as theory says, and as measured.
//!
//! The shipped strategies run in the model of the theory ([`tidings_protocol::testkit::rounds`]), and push
//! also as whole nodes in the simulator, over a sparse overlay whose links carry messages from round to
//! round, which theory says nothing about. Three pictures: rounds by number of nodes, the share that push
//! misses round by round, and the tails of the three strategies.

mod pictures;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use tidings_protocol::params::StrategyKind;
use tidings_protocol::testkit::rounds::{course, measure};
use tidings_sim::latency::LinkSpec;
use tidings_sim::workload::Transfers;
use tidings_sim::workload::sizes::Sizes;
use tidings_tools::run;
use tidings_tools::show::format::grouped;
use tidings_tools::show::table::grid;

use super::rounds::{STRATEGIES, params};
use super::world::write_files;
use super::{jobs, theory};
use crate::exit::usage;
use crate::manifest::{Manifest, Workload};
use crate::output;
use crate::simulate;

/// Length of a round in the simulator, milliseconds. Nothing depends on it.
const ROUND_MS: u64 = 1_000;

/// Fewest nodes.
const NODES_MIN: usize = 100;

/// Most nodes.
const NODES_MAX: usize = 1_000_000;

/// Two-sided 95 % quantile of the normal distribution.
const NORMAL95: f64 = 1.96;

/// Arguments of `predict`.
#[derive(Clone, Debug, Args)]
pub struct PredictArgs {
    /// Most nodes, up to 1000000: 100, 300, 1000 and so on until there
    #[arg(long, default_value_t = 100_000)]
    pub nodes_max: usize,
    /// Most nodes for the simulator, whose nodes are whole; 0 leaves it out
    #[arg(long, default_value_t = 10_000)]
    pub whole_max: usize,
    /// Contacts a round
    #[arg(long, default_value_t = 1)]
    pub fanout: usize,
    /// Runs for each number of nodes up to 10000, and fewer for more
    #[arg(long, default_value_t = 20)]
    pub runs: usize,
    /// Nodes in the pictures of rounds one by one
    #[arg(long, default_value_t = 10_000)]
    pub course_nodes: usize,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Threads [default: one for each core]
    #[arg(long)]
    pub jobs: Option<usize>,
    /// Folder for predict.json, the pictures and report.html, which must not exist
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Rounds of one strategy among so many nodes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RoundsPoint {
    /// The strategy.
    pub strategy: &'static str,
    /// How many nodes.
    pub nodes: usize,
    /// Runs.
    pub runs: usize,
    /// What articles say.
    pub article: f64,
    /// What theory says.
    pub corrected: f64,
    /// The mean of what was measured.
    pub measured: f64,
    /// Half the width of its 95 % confidence interval.
    pub ci95: f64,
    /// Whole nodes over a sparse overlay, if simulated.
    pub whole: Option<f64>,
}

/// The share that lacks an item after each round, the start first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Course {
    /// The strategy.
    pub strategy: &'static str,
    /// Contacts a round.
    pub fanout: usize,
    /// Measured.
    pub lack: Vec<f64>,
    /// By theory, each from the measured share before it; the start is measured.
    pub predicted: Vec<f64>,
}

/// All that was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Contacts a round.
    pub fanout: usize,
    /// Nodes of the courses.
    pub course_nodes: usize,
    /// The seed of the courses.
    pub seed: u64,
    /// Rounds by number of nodes.
    pub rounds: Vec<RoundsPoint>,
    /// Tails of the strategies with one seed.
    pub tails: Vec<Course>,
    /// Push with three contacts among a thousand nodes.
    pub push: Course,
    /// The same by s' = s (1 - 1/(n-1))^(f I), from the start on.
    pub push_corrected: Vec<f64>,
    /// The same by (1 - 1/n)^(f k).
    pub push_article: Vec<f64>,
}

/// Nodes and contacts of the picture of push: the example of popular articles.
const PUSH_NODES: usize = 1_000;
const PUSH_FANOUT: usize = 3;

/// Runs the command.
#[must_use]
pub fn main(args: &PredictArgs) -> ExitCode {
    if let Err(problem) = check(args) {
        return usage(&problem);
    }
    if let Some(out) = &args.out
        && let Err(error) = std::fs::create_dir(out)
    {
        return usage(&format!("--out {}: {error}", out.display()));
    }
    let prediction = match predict(args) {
        Ok(prediction) => prediction,
        Err(problem) => return usage(&problem),
    };
    let json = serde_json::to_string_pretty(&prediction).expect("numbers and text are always JSON");
    if let Some(out) = &args.out {
        let files = [
            ("predict.json", json.clone()),
            ("rounds.svg", pictures::rounds(&prediction)),
            ("push.svg", pictures::push(&prediction)),
            ("tails.svg", pictures::tails(&prediction)),
            ("report.html", pictures::page(&prediction, &rows(&prediction))),
        ];
        if let Err(code) = write_files(out, &files) {
            return code;
        }
    }
    let text = if args.json { json + "\n" } else { render(&prediction) };
    output::print(&text, args.out.is_some(), ExitCode::SUCCESS)
}

fn check(args: &PredictArgs) -> Result<(), String> {
    let limits = [
        ("--nodes-max", args.nodes_max, NODES_MIN, NODES_MAX),
        ("--whole-max", args.whole_max, 0, NODES_MAX),
        ("--course-nodes", args.course_nodes, NODES_MIN, NODES_MAX),
        ("--fanout", args.fanout, 1, 16),
        ("--runs", args.runs, 2, 100_000),
    ];
    let wrong = limits.into_iter().find(|(_, value, least, most)| !(least..=most).contains(&value));
    wrong.map_or(Ok(()), |(name, value, least, most)| {
        Err(format!("{name} is {value}, but must be {least} to {most}"))
    })
}

/// 100, 300, 1,000 and so on.
fn sizes(most: usize) -> Vec<usize> {
    let steps = (2_u32..=6).flat_map(|power| [1, 3].map(|factor| factor * 10_usize.pow(power)));
    steps.filter(|nodes| *nodes <= most).collect()
}

/// Measures everything.
///
/// # Errors
/// A sentence about what can't be simulated.
pub fn predict(args: &PredictArgs) -> Result<Prediction, String> {
    let mut tasks: Vec<(StrategyKind, usize)> = STRATEGIES
        .into_iter()
        .flat_map(|strategy| sizes(args.nodes_max).into_iter().map(move |nodes| (strategy, nodes)))
        .collect();
    tasks.sort_by_key(|(_, nodes)| std::cmp::Reverse(*nodes)); // the longest first
    let jobs = args.jobs.unwrap_or_else(jobs::cores);
    let points = jobs::map(jobs, &tasks, |(strategy, nodes)| point(*strategy, *nodes, args));
    let mut rounds = points.into_iter().collect::<Result<Vec<_>, _>>()?;
    let place = |strategy: &str| STRATEGIES.iter().position(|kind| kind.name() == strategy);
    rounds.sort_by_key(|point| (place(point.strategy), point.nodes));

    let tail =
        |strategy: &StrategyKind| measured_course(*strategy, args.course_nodes, 1, args.seed);
    let push = measured_course(StrategyKind::Push, PUSH_NODES, PUSH_FANOUT, args.seed);
    let (nodes, fanout) = (PUSH_NODES as f64, PUSH_FANOUT as f64);
    Ok(Prediction {
        fanout: args.fanout,
        course_nodes: args.course_nodes,
        seed: args.seed,
        rounds,
        tails: jobs::map(jobs, &STRATEGIES, tail),
        push_corrected: theory::push_course(nodes, fanout, push.lack.len() - 1),
        push_article: (0..push.lack.len())
            .map(|k| theory::article_lack(nodes, fanout, k))
            .collect(),
        push,
    })
}

fn point(strategy: StrategyKind, nodes: usize, args: &PredictArgs) -> Result<RoundsPoint, String> {
    let runs = if nodes > 10_000 { (args.runs * 10_000 / nodes).max(2) } else { args.runs };
    let result = measure(nodes, &params(strategy, args.fanout), runs, args.seed);
    let (n, fanout) = (nodes as f64, args.fanout as f64);
    let formula = |value: Option<f64>| value.expect("these strategies have formulas");
    let is_whole = strategy == StrategyKind::Push && nodes <= args.whole_max;
    Ok(RoundsPoint {
        strategy: strategy.name(),
        nodes,
        runs,
        article: formula(theory::article_rounds(strategy, n, fanout)),
        corrected: formula(theory::rounds(strategy, n, fanout)),
        measured: result.rounds.value,
        ci95: NORMAL95 * result.rounds.error,
        whole: if is_whole { whole_rounds(nodes, args)? } else { None },
    })
}

/// Rounds of push among whole nodes with eight links of their own each: the median over ten items.
fn whole_rounds(nodes: usize, args: &PredictArgs) -> Result<Option<f64>, String> {
    let mut manifest = Manifest { seed: args.seed, ..Manifest::default() };
    manifest.network.nodes = nodes;
    manifest.workload =
        Workload::Transfers(Transfers { txs: 10, rate: 0.01, sizes: Sizes::Fixed(300) });
    manifest.link = LinkSpec::Rounds { round_ms: ROUND_MS, asynchronous: false };
    manifest.params.relay = params(StrategyKind::Push, args.fanout);
    manifest.params.relay.round_ms = ROUND_MS;
    manifest.params.relay.safety_pull_ms = 0;
    manifest.validate()?;
    let (_, summary) = simulate::simulate(&manifest, run::Manifest::default())?;
    let rounds = summary.inputs.simulation.rounds.map(|rounds| rounds as f64);
    Ok(rounds.filter(|_| summary.coverage == Some(1.0)))
}

fn measured_course(strategy: StrategyKind, nodes: usize, fanout: usize, seed: u64) -> Course {
    let had = course(nodes, &params(strategy, fanout), seed);
    let lack: Vec<f64> = had.iter().map(|had| 1.0 - *had as f64 / nodes as f64).collect();
    let next = |lack: &f64| theory::next_lack(strategy, *lack, fanout as f64);
    let predicted = lack[..lack.len() - 1].iter().filter_map(next);
    let predicted = [lack[0]].into_iter().chain(predicted).collect();
    Course { strategy: strategy.name(), fanout, lack, predicted }
}

/// The rounds as fields of a table.
fn rows(prediction: &Prediction) -> Vec<Vec<String>> {
    let row = |point: &RoundsPoint| {
        vec![
            point.strategy.to_owned(),
            grouped(point.nodes as u64),
            point.runs.to_string(),
            format!("{:.2}", point.article),
            format!("{:.2}", point.corrected),
            format!("{:.2}", point.measured),
            format!("±{:.2}", point.ci95),
            point.whole.map_or_else(|| "-".to_owned(), |rounds| format!("{rounds:.0}")),
        ]
    };
    prediction.rounds.iter().map(row).collect()
}

/// Names of the columns of [`rows`].
const NAMES: [&str; 8] =
    ["strategy", "nodes", "runs", "articles", "corrected", "measured", "95 %", "whole nodes"];

/// The tables as text.
#[must_use]
pub fn render(prediction: &Prediction) -> String {
    let share = |share: f64| if share > 0.0 { format!("{share:.2e}") } else { "0".to_owned() };
    let course = |course: &Course| {
        let begin = course.lack.iter().position(|lack| *lack < 0.5).unwrap_or(0);
        let rows: Vec<Vec<String>> = (begin..course.lack.len())
            .map(|at| vec![at.to_string(), share(course.lack[at]), share(course.predicted[at])])
            .collect();
        format!("{}\n\n{}\n", course.strategy, grid(&["round", "lack it", "predicted"], &rows))
    };
    let tails: String = prediction.tails.iter().map(course).collect();
    format!(
        "Rounds until every node knows, contacts a round: {}\n\n{}\n\
         The tail among {} nodes, one contact, seed {}: the share that lacks it, and what theory makes of the \
         round before\n\n{tails}",
        prediction.fanout,
        grid(&NAMES, &rows(prediction)),
        grouped(prediction.course_nodes as u64),
        prediction.seed,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> PredictArgs {
        PredictArgs {
            nodes_max: 300,
            whole_max: 100,
            fanout: 1,
            runs: 4,
            course_nodes: 500,
            seed: 1,
            jobs: Some(2),
            out: None,
            json: false,
        }
    }

    #[test]
    fn measurements_stand_between_the_formulas_of_their_kind() {
        let prediction = predict(&args()).unwrap();
        assert_eq!(prediction.rounds.len(), 6);
        for point in &prediction.rounds {
            assert!((point.measured - point.corrected).abs() < 3.0, "{point:?}");
            assert_eq!(point.whole.is_some(), point.strategy == "push" && point.nodes == 100);
        }
        let lack = |strategy: usize| prediction.tails[strategy].lack.len();
        assert!(lack(2) < lack(1) && lack(1) < lack(0), "push-pull ends first, push last");
        assert!(prediction.push_article.last().unwrap() > &0.9);
        let text = render(&prediction);
        assert!(text.contains("push-pull") && text.contains("predicted"), "{text}");
    }

    #[test]
    fn every_picture_can_be_drawn() {
        let prediction = predict(&PredictArgs { nodes_max: 100, whole_max: 0, ..args() }).unwrap();
        for svg in [
            pictures::rounds(&prediction),
            pictures::push(&prediction),
            pictures::tails(&prediction),
        ] {
            assert!(
                svg.starts_with("<svg") && !svg.contains("NaN") && !svg.contains("inf\""),
                "{svg}"
            );
        }
    }

    #[test]
    fn sizes_are_steps_of_a_logarithm() {
        assert_eq!(sizes(5_000), [100, 300, 1_000, 3_000]);
        assert!(
            check(&PredictArgs { nodes_max: 5, ..args() })
                .unwrap_err()
                .starts_with("--nodes-max is 5")
        );
    }
}
