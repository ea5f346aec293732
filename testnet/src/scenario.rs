//! `tidings-testnet scenario`: what gossip does, shown by small runs that differ in one thing, each with a page that explains it.
//!
//! A scenario is a manifest with a table `[scenario]` ([`script`]), which any other command takes as the manifest that it is. It has
//! two to six variants, and says what must be seen in them ([`expect`]); each is a test, too. [`run`] has a runner for each kind of them, [`report`]
//! sets what was seen beside what must be seen, [`film`] records it for the viewer, [`book`] has those that the program brings along (`testnet/scenarios`).

pub mod book;
pub mod expect;
pub mod film;
pub mod report;
pub mod run;
pub mod script;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::exit;
use crate::output;
use crate::view;
use report::Report;
use run::Failed;
use script::{Overrides, Script};

/// Arguments of `scenario`.
#[derive(Clone, Debug, Args)]
pub struct ScenarioArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Lists the scenarios.
    List {
        /// Print all of each as JSON: its variants with their settings, what must be seen, and its page
        #[arg(long)]
        json: bool,
    },
    /// Prints the page of one: what it shows, and what to try.
    Show {
        /// Its name, or the path of one's own, as in ./mine.toml
        name: String,
        /// Print its file instead, to change it and run it by its path
        #[arg(long)]
        toml: bool,
    },
    /// Runs all variants of one, and prints what was seen beside what must be seen.
    Run(RunArgs),
    /// Simulates all variants of one, and shows them side by side in a browser.
    View(ViewArgs),
}

/// Arguments of `scenario run`.
#[derive(Clone, Debug, Args)]
struct RunArgs {
    /// Its name, or the path of one's own, as in ./mine.toml
    name: String,
    /// Another number of nodes
    #[arg(long, value_name = "N")]
    nodes: Option<usize>,
    /// Another seed
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Have real nodes of this machine do it
    #[arg(long)]
    launch: bool,
    /// Folder for the run folders of a launch, which must not exist [default: runs/TIME for each]
    #[arg(long, value_name = "DIR", requires = "launch")]
    out: Option<PathBuf>,
    /// Print one JSON object, with all figures
    #[arg(long)]
    json: bool,
}

/// Arguments of `scenario view`.
#[derive(Clone, Debug, Args)]
struct ViewArgs {
    /// Its name, or the path of one's own, as in ./mine.toml
    name: String,
    /// Another number of nodes
    #[arg(long, value_name = "N")]
    nodes: Option<usize>,
    /// Another seed
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Write one page with everything in it instead, which needs no server; the file must not exist
    #[arg(long, value_name = "FILE", conflicts_with = "port")]
    html: Option<PathBuf>,
    /// Port of this machine's own address to serve at [default: any that is free]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    port: u16,
}

/// Runs the command.
#[must_use]
pub fn main(args: &ScenarioArgs) -> ExitCode {
    let text = match &args.verb {
        Verb::List { json } => list(*json),
        Verb::Show { name, toml: false } => show(name),
        Verb::Show { name, toml: true } => book::text(name),
        Verb::Run(args) => return run_all(args),
        Verb::View(args) => return view_all(args),
    };
    match text {
        Ok(text) => output::print(&text, false, ExitCode::SUCCESS),
        Err(problem) => exit::usage(&problem),
    }
}

fn list(json: bool) -> Result<String, String> {
    let open = |entry: &book::Entry| book::open(entry.name, &Overrides::default());
    let all: Vec<Script> = book::ALL.iter().map(open).collect::<Result<_, _>>()?;
    if json {
        return Ok(format!("{:#}\n", Value::Array(all.iter().map(report::listed).collect())));
    }
    let row = |script: &Script| {
        vec![script.name.clone(), format!("{}: {}", script.head.title, script.names().join(", "))]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    let width = rows.iter().map(|row| row[0].len()).max().unwrap_or(0);
    let lines = rows.iter().map(|row| format!("{:width$}  {}\n", row[0], row[1]));
    Ok(lines.collect::<String>()
        + "\nscenario show NAME explains one, scenario run NAME runs it.\n")
}

fn show(name: &str) -> Result<String, String> {
    let script = book::open(name, &Overrides::default())?;
    if script.page.is_empty() {
        return Err(format!(
            "the scenario {} has no page: write {}.md beside it",
            name, script.name
        ));
    }
    Ok(script.page)
}

fn view_all(args: &ViewArgs) -> ExitCode {
    let overrides = Overrides { nodes: args.nodes, seed: args.seed, launched: false };
    let script = book::open(&args.name, &overrides);
    match script.and_then(|script| film::recorded(&script)) {
        Ok(sources) => view::show(sources, args.html.as_deref(), args.port),
        Err(problem) => exit::usage(&problem),
    }
}

fn run_all(args: &RunArgs) -> ExitCode {
    let overrides = Overrides { nodes: args.nodes, seed: args.seed, launched: args.launch };
    let script = match book::open(&args.name, &overrides) {
        Ok(script) => script,
        Err(problem) => return exit::usage(&problem),
    };
    if let Some(out) = &args.out
        && let Err(error) = std::fs::create_dir(out)
    {
        return exit::usage(&format!("--out {}: {error}", out.display()));
    }
    let figures = if args.launch {
        let folder = |name: &str| args.out.as_ref().map(|out| out.join(name));
        let launched = |variant: &script::Variant| run::launched(variant, folder(&variant.name));
        script.variants.iter().map(launched).collect()
    } else {
        run::all_simulated(&script)
    };
    let report = match figures {
        Ok(figures) => Report::new(&script, &overrides, figures),
        Err(Failed::Usage(problem)) => return exit::usage(&problem),
        Err(Failed::NotValid(why)) => {
            output::complain(why);
            return ExitCode::from(exit::NOT_VALID);
        }
        Err(Failed::Launch(code)) => return code,
    };
    let report = match report {
        Ok(report) => report,
        Err(problem) => return exit::usage(&problem),
    };
    let code = if report.is_as_expected() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    let text = if args.json { format!("{:#}\n", report.json()) } else { report.text() };
    output::print(&text, false, code)
}
