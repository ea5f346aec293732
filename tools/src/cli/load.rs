//! `tidings-tools load`.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use rand::{SeedableRng as _, rngs::SysRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use tidings_tools::load::drive::{self, Done, Plan};
use tidings_tools::load::lines::Lines;
use tidings_tools::load::schedule::Arrivals;
use tidings_tools::load::sizes::SizeOf;
use tidings_tools::load::targets::{self, Node, Target};
use tidings_tools::probe::submissions::SUBMITTED;

use super::joining::{self, Which, interrupted, on_one_thread, seconds};
use super::trouble::Trouble;

const EXAMPLES: &str = "\
Examples:
  tidings-tools load --run runs/now --rate 50 --seconds 60
      to all nodes of a run that is being made, by turns of chance
  tidings-tools load --network network.toml --node ~/.tidings --node 192.0.2.7:4001 --token-file token --rate 200 --count 10000 \\
      --size lognormal:400:0.8 --poisson --out loads/a --json
      to two nodes, with sizes and arrivals as of many users, and a table of all submissions

Latencies count from when a transaction was due, so one that had to wait for a connection to a slow node counts its wait.

Exit codes: 0 nodes took all, 1 some were refused, unanswered or unsent, or the table couldn't be written, 64 wrong arguments,
66 input missing, 69 no node answered, 78 the network's file can't be used.";

/// Makes valid signed transactions at a rate and submits them to nodes, open loop: each when it is due, whatever became of those before.
///
/// Prints each second and at the end what was offered, accepted, refused and why, and how late the schedule was.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// A node: its data folder, its socket, or the address of its API; again for more. With --run all of the run's if none is named.
    #[arg(long = "node", value_name = "NODE")]
    nodes: Vec<String>,
    /// File with the token that nodes at addresses ask for.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Transactions a second.
    #[arg(long, value_parser = rate)]
    rate: f64,
    /// Let them come by chance at that rate, as if of many users, and not equally far apart.
    #[arg(long)]
    poisson: bool,
    /// How large they are, bytes: 300, uniform:200-2000, lognormal:MEDIAN:DEVIATION (of the logarithm), or bitcoin. What the network
    /// doesn't allow becomes the most or the least that it does.
    #[arg(long, default_value = "300", value_name = "SIZES")]
    size: SizeOf,
    /// How many in all.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// For how long.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<Duration>,
    /// Write submitted.csv into this folder, which must not be there: when each left, and what became of it.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print JSON: an object for each second, and one at the end.
    #[arg(long)]
    json: bool,
    /// Print nothing but the end.
    #[arg(long)]
    quiet: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    if !(rate > 0.0 && rate <= 1e6) {
        return Err("it must be more than 0 and at most 1000000 a second".to_owned());
    }
    Ok(rate)
}

/// Runs the command; returns what to print, and whether nodes took all.
pub(crate) fn run(arguments: &Arguments) -> Result<(String, bool), Trouble> {
    if arguments.count.is_none() && arguments.seconds.is_none() {
        return Err(Trouble::usage("say --count N or --seconds S: a load ends"));
    }
    let file = match (&arguments.which.run, &arguments.which.network) {
        (Some(run), _) => run.join("network.toml"),
        (None, Some(file)) => file.clone(),
        (None, None) => return Err(Trouble::usage("say --run DIR or --network FILE")),
    };
    let network = joining::network(&file)?;
    let targets = match (&arguments.nodes[..], &arguments.which.run) {
        ([], Some(run)) => targets::of_run(run).map_err(Trouble::unavailable)?,
        ([], None) => return Err(Trouble::usage("say to which nodes: --node NODE")),
        (nodes, _) => nodes.iter().map(|node| Target::read(node)).collect(),
    };
    let token = match &arguments.token_file {
        None => String::new(),
        Some(path) => fs::read_to_string(path).map_err(|error| {
            Trouble::of_input(format!("cannot read the token {}: {error}", path.display()), true)
        })?,
    };
    let plan = Plan {
        network,
        rate: arguments.rate,
        arrivals: if arguments.poisson { Arrivals::Poisson } else { Arrivals::Regular },
        sizes: arguments.size,
        count: arguments.count,
        long: arguments.seconds,
    };
    plan.check().map_err(Trouble::config)?;
    let table = match &arguments.out {
        None => None,
        Some(out) => {
            joining::new_folder(out)?;
            let path = out.join(SUBMITTED);
            let lines = Lines::create(&path, drive::table_columns());
            Some(lines.map_err(|error| {
                Trouble::failure(format!("cannot write {}: {error}", path.display()))
            })?)
        }
    };
    let nodes: Vec<Rc<Node>> =
        targets.into_iter().map(|target| Node::new(target, token.trim())).collect();
    let done = on_one_thread(submit(arguments, &plan, &nodes, table))?;
    end(arguments, &plan, nodes.len(), &done)
}

async fn submit(
    arguments: &Arguments,
    plan: &Plan,
    nodes: &[Rc<Node>],
    table: Option<Lines>,
) -> Result<Done, Trouble> {
    let stop = interrupted();
    let mut rng = ChaCha8Rng::try_from_rng(&mut SysRng)
        .map_err(|error| Trouble::failure(format!("the system gave no random bytes: {error}")))?;
    if !arguments.quiet {
        let (rate, nodes, name) = (plan.rate, nodes.len(), &plan.network.name);
        say_aside(&format!(
            "Submitting {rate} transactions a second to {nodes} nodes of {name}: they are real there, and stay in its pools."
        ));
    }
    let on_second = |second: u64, tally: &tidings_tools::load::tally::Tally| {
        if arguments.quiet {
            return;
        }
        let line = match arguments.json {
            true => json!({ "second": second, "figures": tally.figures() }).to_string(),
            false => format!("{second:>5} s: {}", tally.line()),
        };
        // Whoever reads them may have had enough; the load goes on.
        let _ = writeln!(std::io::stdout(), "{line}");
    };
    Ok(drive::drive(plan, nodes, table, stop, &mut rng, on_second).await)
}

fn say_aside(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}"); // if that is gone, there is nobody left to tell
}

fn end(
    arguments: &Arguments,
    plan: &Plan,
    nodes: usize,
    done: &Done,
) -> Result<(String, bool), Trouble> {
    let figures = done.tally.figures();
    let text = if arguments.json {
        let told = json!({
            "network": plan.network.name, "nodes": nodes, "rate": plan.rate,
            "elapsed_s": done.elapsed_s, "stopped": done.stopped, "figures": figures,
        });
        format!("{told}\n")
    } else {
        let stopped = if done.stopped { ", stopped before its end" } else { "" };
        format!("In {:.1} s{stopped}: {}", done.elapsed_s, done.tally.text())
    };
    if let Some((path, error)) = &done.unwritten {
        say_aside(&text);
        return Err(Trouble::failure(format!(
            "{} couldn't be written to its end: {error}; its lines are whole",
            path.display()
        )));
    }
    if figures.offered > 0 && done.tally.answered() == 0 {
        say_aside(&text);
        return Err(Trouble::unavailable("no node answered"));
    }
    Ok((text, done.tally.failed() == 0))
}
