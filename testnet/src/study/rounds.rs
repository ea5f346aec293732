//! `tidings-testnet rounds`: the shipped strategies against theory, in the model of the theory.
//!
//! Everybody can reach everybody, and all act in step ([`tidings_protocol::testkit::rounds`]); there are
//! no links, latencies or bandwidths, and nothing but the strategies themselves runs: the same types that
//! nodes run. What comes out is set beside the references ([`mod@reference`]) and the formulas
//! ([`super::theory`]).

pub mod reference;

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use tidings_protocol::params::{RelayParams, StrategyKind};
use tidings_protocol::testkit::rounds::{Mean, Summary, measure};
use tidings_tools::show::format::grouped;
use tidings_tools::show::table::grid;

use super::{jobs, theory};
use crate::exit::usage;
use crate::output;
use reference::Rumour;

/// How far rounds may be from their reference.
const ROUNDS_TOLERANCE: f64 = 0.02;

/// How far residue and traffic of rumours may be from theirs.
const RUMOR_TOLERANCE: f64 = 0.05;

/// Rumours are spread this many times as often: so few nodes miss them that more runs are needed.
const RUMOR_RUNS: usize = 20;

/// Nodes of the rumours' tables.
const RUMOR_NODES: usize = 1_000;

/// Most nodes: what numbers of links can tell apart, with room.
const NODES_MAX: usize = 10_000_000;

/// Two-sided 95 % quantile of the normal distribution.
const NORMAL95: f64 = 1.96;

/// The strategies that the theory of rounds is about.
pub const STRATEGIES: [StrategyKind; 3] =
    [StrategyKind::Push, StrategyKind::Pull, StrategyKind::PushPull];

/// Arguments of `rounds`.
#[derive(Clone, Debug, Args)]
pub struct RoundsArgs {
    /// How often each spread is repeated; rumours 20 times as often
    #[arg(long, default_value_t = 200)]
    pub runs: usize,
    /// How many nodes; references exist for 1000, 10000 and 1000000
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000])]
    pub nodes: Vec<usize>,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Threads [default: one for each core]
    #[arg(long)]
    pub jobs: Option<usize>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// A mean with its 95 % confidence interval, beside what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// The mean.
    pub mean: f64,
    /// Half the width of its confidence interval.
    pub ci95: f64,
    /// The reference, if there is one.
    pub reference: Option<f64>,
    /// How far the mean is from it, per cent of it.
    pub deviation_percent: Option<f64>,
    /// Whether that is within the tolerance, or the reference within tolerance and interval.
    pub is_within: Option<bool>,
}

impl Figure {
    fn new(mean: Mean, reference: Option<f64>, tolerance: f64) -> Self {
        let ci95 = NORMAL95 * mean.error;
        let deviation = reference.map(|reference| mean.value / reference - 1.0);
        let is_within = reference
            .map(|reference| (mean.value - reference).abs() <= reference * tolerance + ci95);
        let deviation_percent = deviation.map(|share| share * 100.0);
        Self { mean: mean.value, ci95, reference, deviation_percent, is_within }
    }

    /// Mean, interval, reference and deviation as fields of a table.
    fn fields(&self) -> [String; 4] {
        let unknown = || "-".to_owned();
        [
            digits(self.mean),
            format!("±{}", digits(self.ci95)),
            self.reference.map_or_else(unknown, digits),
            self.deviation_percent.map_or_else(unknown, |percent| format!("{percent:+.1} %")),
        ]
    }
}

/// Rounds of one strategy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RoundsRow {
    /// The strategy.
    pub strategy: String,
    /// How many nodes.
    pub nodes: usize,
    /// Contacts a round.
    pub fanout: usize,
    /// Runs.
    pub runs: usize,
    /// What the formula says.
    pub theory: Option<f64>,
    /// Rounds until all know.
    pub rounds: Figure,
    /// Rounds that 99 % of the runs don't exceed.
    pub rounds_p99: u32,
    /// Copies sent per node.
    pub traffic: f64,
}

/// One way to tell rumours.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RumorRow {
    /// How rumours are told.
    pub variant: &'static str,
    /// Contacts in vain, or chance of the coin.
    pub k: u32,
    /// Runs.
    pub runs: usize,
    /// s = e^{-(k+1)(1-s)}.
    pub theory_residue: f64,
    /// Share of the nodes that never hear it.
    pub residue: Figure,
    /// Copies sent per node.
    pub traffic: Figure,
    /// The round of the last delivery.
    pub last: Figure,
}

/// All that was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tables {
    /// Rounds until all know.
    pub rounds: Vec<RoundsRow>,
    /// Rumours that end.
    pub rumor: Vec<RumorRow>,
    /// Whether every figure with a reference is within its tolerance of it.
    pub all_within: bool,
}

/// Runs the command.
#[must_use]
pub fn main(args: &RoundsArgs) -> ExitCode {
    if let Err(problem) = check(args) {
        return usage(&problem);
    }
    let tables = tables(args);
    let text = if args.json {
        let json = serde_json::to_string_pretty(&tables);
        json.expect("numbers and text are always JSON") + "\n"
    } else {
        render(&tables)
    };
    let code = if tables.all_within { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    output::print(&text, false, code)
}

fn check(args: &RoundsArgs) -> Result<(), String> {
    if !(2..=1_000_000).contains(&args.runs) {
        return Err(format!("--runs is {}, but must be 2 to 1000000", args.runs));
    }
    let wrong = args.nodes.iter().find(|nodes| !(2..=NODES_MAX).contains(*nodes));
    wrong.map_or(Ok(()), |nodes| {
        Err(format!("--nodes has {nodes}, but must be numbers from 2 to {NODES_MAX}"))
    })
}

/// The settings of the theory: news stays news until all know.
#[must_use]
pub fn params(strategy: StrategyKind, fanout: usize) -> RelayParams {
    RelayParams { strategy, fanout, recent_ms: 3_600_000, ..RelayParams::default() }
}

/// What one row of the tables is about.
#[derive(Clone, Copy, Debug)]
enum Task {
    Rounds { strategy: StrategyKind, nodes: usize, fanout: usize },
    Rumor { variant: Rumour, k: u32 },
}

/// Measures everything.
#[must_use]
pub fn tables(args: &RoundsArgs) -> Tables {
    let one = |(nodes, strategy)| Task::Rounds { strategy, nodes, fanout: 1 };
    let pairs = args.nodes.iter().flat_map(|nodes| STRATEGIES.map(|strategy| (*nodes, strategy)));
    let more =
        [2, 3].map(|fanout| Task::Rounds { strategy: StrategyKind::Push, nodes: 1_000, fanout });
    let most = |variant| if variant == Rumour::Pull { 3 } else { 5 };
    let rumours = Rumour::ALL
        .into_iter()
        .flat_map(|variant| (1..=most(variant)).map(move |k| Task::Rumor { variant, k }));
    let tasks: Vec<Task> = pairs.map(one).chain(more).chain(rumours).collect();
    let jobs = args.jobs.unwrap_or_else(jobs::cores);
    let results = jobs::map(jobs, &tasks, |task| run(*task, args));

    let mut tables = Tables { rounds: Vec::new(), rumor: Vec::new(), all_within: true };
    for (task, result) in tasks.into_iter().zip(results) {
        match task {
            Task::Rounds { strategy, nodes, fanout } => {
                tables.rounds.push(rounds_row(strategy, nodes, fanout, &result));
            }
            Task::Rumor { variant, k } => tables.rumor.push(rumor_row(variant, k, &result)),
        }
    }
    let rounds = tables.rounds.iter().map(|row| row.rounds);
    let rumor = tables.rumor.iter().flat_map(|row| [row.residue, row.traffic]);
    tables.all_within = rounds.chain(rumor).all(|figure| figure.is_within != Some(false));
    tables
}

fn run(task: Task, args: &RoundsArgs) -> Summary {
    match task {
        Task::Rounds { strategy, nodes, fanout } => {
            measure(nodes, &params(strategy, fanout), args.runs, args.seed)
        }
        Task::Rumor { variant, k } => {
            let rumor = variant.params(k);
            let params = RelayParams { rumor, ..params(StrategyKind::Rumor, 1) };
            measure(RUMOR_NODES, &params, args.runs * RUMOR_RUNS, args.seed)
        }
    }
}

fn rounds_row(strategy: StrategyKind, nodes: usize, fanout: usize, result: &Summary) -> RoundsRow {
    let reference = reference::rounds(strategy, nodes, fanout);
    RoundsRow {
        strategy: strategy.to_string(),
        nodes,
        fanout,
        runs: result.runs,
        theory: theory::rounds(strategy, nodes as f64, fanout as f64),
        rounds: Figure::new(result.rounds, reference, ROUNDS_TOLERANCE),
        rounds_p99: result.rounds_p99,
        traffic: result.traffic.value,
    }
}

fn rumor_row(variant: Rumour, k: u32, result: &Summary) -> RumorRow {
    let known = variant.reference(k);
    let figure = |mean, reference| Figure::new(mean, reference, RUMOR_TOLERANCE);
    RumorRow {
        variant: variant.name(),
        k,
        runs: result.runs,
        theory_residue: theory::rumor_residue(k),
        residue: figure(result.residue, known.map(|known| known.residue)),
        traffic: figure(result.traffic, known.and_then(|known| known.traffic)),
        last: figure(result.rounds, known.and_then(|known| known.last)),
    }
}

/// The tables as text.
#[must_use]
pub fn render(tables: &Tables) -> String {
    let rounds: Vec<Vec<String>> = tables.rounds.iter().map(rounds_fields).collect();
    let rumor: Vec<Vec<String>> = tables.rumor.iter().map(rumor_fields).collect();
    let rounds_names = [
        "strategy",
        "nodes",
        "contacts",
        "runs",
        "theory",
        "rounds",
        "95 %",
        "reference",
        "off by",
        "p99",
        "copies/node",
    ];
    let rumor_names = [
        "rumour",
        "k",
        "runs",
        "theory",
        "residue",
        "95 %",
        "reference",
        "off by",
        "traffic m",
        "95 %",
        "reference",
        "off by",
        "t_last",
        "reference",
    ];
    let verdict = if tables.all_within {
        "Every figure is within its tolerance of its reference: rounds 2 %, residue and traffic 5 %, \
         each plus the interval.\n"
    } else {
        "Some figures are further from their reference than rounds 2 %, residue and traffic 5 %, each \
         plus the interval.\n"
    };
    format!(
        "Rounds until every node knows: the shipped strategies, everybody within reach, in step\n\n{}\n\
         Rumours among 1,000 nodes, one contact a round\n\n{}\n{verdict}",
        grid(&rounds_names, &rounds),
        grid(&rumor_names, &rumor),
    )
}

fn rounds_fields(row: &RoundsRow) -> Vec<String> {
    let mut fields = vec![
        row.strategy.clone(),
        grouped(row.nodes as u64),
        row.fanout.to_string(),
        grouped(row.runs as u64),
        row.theory.map_or_else(|| "-".to_owned(), digits),
    ];
    fields.extend(row.rounds.fields());
    fields.extend([row.rounds_p99.to_string(), digits(row.traffic)]);
    fields
}

fn rumor_fields(row: &RumorRow) -> Vec<String> {
    let mut fields = vec![
        row.variant.to_owned(),
        row.k.to_string(),
        grouped(row.runs as u64),
        digits(row.theory_residue),
    ];
    fields.extend(row.residue.fields());
    fields.extend(row.traffic.fields());
    let [last, _, reference, _] = row.last.fields();
    fields.extend([last, reference]);
    fields
}

/// Four significant digits, and no more decimals than make sense.
fn digits(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.2}"),
        size if size >= 0.1 => format!("{number:.3}"),
        size if size >= 0.001 || size == 0.0 => format!("{number:.4}"),
        _ => format!("{number:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(runs: usize, nodes: &[usize]) -> RoundsArgs {
        RoundsArgs { runs, nodes: nodes.to_vec(), seed: 1, jobs: Some(2), json: false }
    }

    #[test]
    fn every_reference_is_measured_and_met() {
        let tables = tables(&args(2, &[1_000]));
        let with_reference = |row: &&RoundsRow| row.rounds.reference.is_some();
        assert_eq!(tables.rounds.iter().filter(with_reference).count(), 5);
        assert_eq!(tables.rumor.len(), 13);
        // Few runs have wide intervals; what is off by more than they are is wrong.
        assert!(tables.rounds.iter().all(|row| row.rounds.deviation_percent.unwrap().abs() < 15.0));
        let text = render(&tables);
        assert!(text.contains("push-pull") && text.contains("push, blind, coin"), "{text}");
    }

    #[test]
    fn a_figure_far_from_its_reference_is_said_to_be() {
        let mean = Mean { value: 10.0, error: 0.1 };
        let figure = |reference| Figure::new(mean, Some(reference), 0.02).is_within;
        assert_eq!((figure(10.3), figure(10.5)), (Some(true), Some(false)));
        assert_eq!(Figure::new(mean, None, 0.02).is_within, None);
    }

    #[test]
    fn results_don_t_depend_on_the_number_of_threads() {
        let tables_with = |jobs| tables(&RoundsArgs { jobs: Some(jobs), ..args(2, &[50]) });
        assert_eq!(tables_with(1), tables_with(4));
    }

    #[test]
    fn wrong_numbers_have_their_sentence() {
        assert!(check(&args(1, &[10])).unwrap_err().starts_with("--runs is 1"));
        assert!(check(&args(2, &[10, 1])).unwrap_err().starts_with("--nodes has 1"));
    }
}
