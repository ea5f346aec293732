//! `tidings-testnet why`: why an item came late to a node of a simulated run.
//!
//! The work is done by [`tidings_sim::why`], in pieces that know nothing of one another; here they run on all cores. What comes
//! out is told in sentences, in tables and as JSON, and drawn (`picture`). Method, definitions and limits stand in
//! `testnet/WHY.md`.

mod picture;
mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;
use tidings_sim::scenario::Scenario;
use tidings_sim::simulation::simulate;
use tidings_sim::why::answer::Answer;
use tidings_sim::why::{Job, Late, Question, Why};
use tidings_tools::run::{MANIFEST, write_text};

use crate::exit::usage;
use crate::manifest::Manifest;
use crate::manifest::args::SettingArgs;
use crate::output;
use crate::study::jobs;

/// How often it is said how far it is. A guess: seldom enough for a log, and soon enough for whoever waits.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Arguments of `why`. The settings are those of the run: with the same ones `sim` gives the run that is asked about.
#[derive(Clone, Debug, Args)]
pub struct WhyArgs {
    /// The item, by its number in the run's items.csv [default: the one that came latest]
    #[arg(long, value_name = "ITEM")]
    pub item: Option<usize>,
    /// The node, by its number [default: the one that the item came to last]
    #[arg(long, value_name = "NODE")]
    pub node: Option<u32>,
    /// The folder of a simulated run, for its settings
    #[arg(long, value_name = "DIR", conflicts_with = "manifest")]
    pub run: Option<PathBuf>,
    /// What comes later than so many milliseconds after its submission is late [default: see --late-factor]
    #[arg(long, value_name = "MS", conflicts_with = "late_factor")]
    pub late_ms: Option<f64>,
    /// What takes more than so many times as long as it took until half of the nodes had the item is late
    #[arg(long, value_name = "TIMES", default_value_t = 2.0)]
    pub late_factor: f64,
    /// About how many branches to run
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub branches: u32,
    /// Seed of what branches draw
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub branch_seed: u64,
    /// Threads; the answer is the same with any number [default: one for each core]
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Folder for the answer and its picture, which must not exist
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
    /// The run.
    #[command(flatten)]
    pub settings: SettingArgs,
}

/// What the analysis took.
struct Took {
    seconds: f64,
    branches_per_s: f64,
}

/// Runs the command.
#[must_use]
pub fn main(args: &WhyArgs) -> ExitCode {
    let asked = scenario(args).and_then(|scenario| {
        let question = question(args, &scenario)?;
        make_folder(args.out.as_deref())?;
        Ok((scenario, question))
    });
    let answered = asked.and_then(|(scenario, question)| answer(args, &scenario, question));
    let (answer, warmup, took) = match answered {
        Ok(answered) => answered,
        Err(problem) => return usage(&problem),
    };
    let json = show::json(
        &answer,
        warmup,
        &json!({ "seconds": took.seconds, "branches_per_s": took.branches_per_s }),
    );
    if let Some(out) = &args.out {
        let files = [
            ("why.json", json.clone() + "\n"),
            ("why.svg", picture::svg(&answer)),
            ("index.html", picture::page(&answer)),
        ];
        for (name, text) in files {
            if let Err(error) = write_text(&out.join(name), &text) {
                output::complain(error);
                return ExitCode::FAILURE;
            }
        }
    }
    let text = if args.json { json + "\n" } else { show::text(&answer) };
    if answer.branches > 0 {
        output::tell(&format!(
            "{} branches in {:.1} s: {:.1} a second",
            answer.branches, took.seconds, took.branches_per_s
        ));
    }
    output::print(&text, args.out.is_some(), ExitCode::SUCCESS)
}

/// The scenario of the run that is asked about.
fn scenario(args: &WhyArgs) -> Result<Scenario, String> {
    let mut settings = args.settings.clone();
    if let Some(run) = &args.run {
        let file = run.join(MANIFEST);
        if !file.is_file() {
            return Err(format!(
                "--run {}: there is no {MANIFEST} in it. `why` needs the settings of a simulated run, to go back to moments of it; what a \
                 node itself remembers is told by `tidings explain`, and a capture is gone through by `tidings-testnet replay`",
                run.display()
            ));
        }
        settings.manifest = Some(file);
    }
    if let Some(file) = &settings.manifest {
        refuse_launched(file)?;
    }
    let manifest = settings.lay_over(Manifest::default())?;
    manifest.validate()?;
    manifest.scenario()
}

/// What was launched can't be gone back to: no two launches are the same.
fn refuse_launched(file: &Path) -> Result<(), String> {
    let Ok(text) = std::fs::read_to_string(file) else { return Ok(()) };
    let Ok(manifest) = Manifest::parse(&text) else { return Ok(()) };
    match manifest.recorded.and_then(|recorded| recorded.started) {
        None => Ok(()),
        Some(started) => Err(format!(
            "{} is of a launch of real nodes (begun {started}), and `why` can only go back to moments of a simulated run: nothing keeps \
             what real nodes would have drawn. `tidings explain item ID` tells what one of them remembers of an item, and `tidings-testnet \
             replay` runs a node's core over its capture. To ask about a simulation with these settings, take out the section [recorded]",
            file.display()
        )),
    }
}

/// The question: what isn't said is what came latest.
fn question(args: &WhyArgs, scenario: &Scenario) -> Result<Question, String> {
    let warmup = scenario.warmup_txs;
    let late = match args.late_ms {
        Some(ms) if !(ms.is_finite() && ms > 0.0) => {
            return Err(format!("--late-ms is {ms}, but must be more than 0"));
        }
        Some(ms) => Late::Us(micros(ms)),
        None => Late::Times(args.late_factor),
    };
    let measured = scenario.workload.txs - warmup;
    if let Some(item) = args.item.filter(|item| *item >= measured) {
        return Err(format!("--item is {item}, but items are 0 to {}", measured - 1));
    }
    let nodes = scenario.network.nodes;
    if let Some(node) = args.node.filter(|node| *node as usize >= nodes) {
        return Err(format!("--node is {node}, but nodes are 0 to {}", nodes - 1));
    }
    let (item, node) = match (args.item, args.node) {
        (Some(item), Some(node)) => (item + warmup, node),
        (item, node) => latest(scenario, item.map(|item| item + warmup), node)?,
    };
    let (branches, seed) = (args.branches, args.branch_seed);
    Ok(Question { item, node, late, branches, seed })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and the cast saturates"
)]
fn micros(ms: f64) -> u64 {
    (ms * 1e3).max(1.0) as u64
}

/// Which item came where latest, among honest nodes that live: what never came is later than all that did.
fn latest(
    scenario: &Scenario,
    item: Option<usize>,
    node: Option<u32>,
) -> Result<(usize, u32), String> {
    let world = simulate(scenario)?.world;
    let is_asked = |asked: u32| node.is_none_or(|node| node == asked);
    let nodes = 0..u32::try_from(world.nodes()).unwrap_or(u32::MAX);
    let nodes: Vec<u32> = nodes
        .filter(|node| is_asked(*node) && world.is_alive(*node) && !world.faults().is_liar(*node))
        .collect();
    let items = scenario.warmup_txs..world.items().len();
    let items = items.filter(|number| item.is_none_or(|item| item == *number));
    let pairs = items.flat_map(|item| nodes.iter().map(move |node| (item, *node)));
    let submitted = pairs.filter(|(item, _)| world.record().submission(*item).is_some());
    let latest = submitted.max_by_key(|(item, node)| {
        (
            world.record().latency_us(*item, *node).unwrap_or(u32::MAX),
            std::cmp::Reverse((*item, *node)),
        )
    });
    latest.ok_or_else(|| {
        "nothing that is asked about was submitted, or no honest node lives".to_owned()
    })
}

fn make_folder(out: Option<&Path>) -> Result<(), String> {
    out.map_or(Ok(()), |out| {
        std::fs::create_dir(out).map_err(|error| format!("--out {}: {error}", out.display()))
    })
}

fn answer(
    args: &WhyArgs,
    scenario: &Scenario,
    question: Question,
) -> Result<(Answer, usize, Took), String> {
    let mut why = Why::new(scenario, question)?;
    let threads = args.jobs.unwrap_or_else(jobs::cores);
    let begun = Instant::now();
    let mut said = begun;
    loop {
        let todo = why.jobs();
        if todo.is_empty() {
            break;
        }
        why.take(jobs::map(threads, &todo, Job::run))?;
        if said.elapsed() >= LINE_INTERVAL {
            said = Instant::now();
            let progress = why.progress();
            output::tell(&format!("{} of about {} branches", progress.branches, progress.of));
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let answer = why.answer();
    let branches_per_s = answer.branches as f64 / seconds.max(1e-9);
    Ok((answer, scenario.warmup_txs, Took { seconds, branches_per_s }))
}

#[cfg(test)]
mod tests;
