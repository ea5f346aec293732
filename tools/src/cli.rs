//! The command line of `tidings-tools`.

mod trouble;

mod export;

mod joining;

mod load;

mod probe;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use tidings_maelstrom::MaelstromError;
use tidings_tools::diff::Diff;
use tidings_tools::figures::summary::{Inputs, Summary};
use tidings_tools::run::{self, LINKS, OVERLAY, REPORT, Run, RunError};
use tidings_tools::show::overlay::{Moment, Overlay};
use tidings_tools::show::report;
use tidings_tools::show::table::{self, Ink};

use trouble::{EXIT_NO_INPUT, EXIT_USAGE, Trouble};

/// Reports on runs of Tidings networks, compares them, and measures networks that live.
///
/// Exit codes: 0 done, 1 failure (for instance malformed data), 64 wrong arguments, 66 input missing; those of `probe` and `load` stand
/// in their help.
#[derive(Debug, Parser)]
#[command(name = "tidings-tools", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Computes a run's figures from its raw data again, and rewrites summary.json, summary.csv,
    /// curve.svg and report.html in its folder. What only the launcher could measure is kept.
    Report {
        /// The run folder.
        run: PathBuf,
        /// Where to write the page instead.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Print the summary as JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Sets the figures of two runs side by side, and says in which settings the runs differ.
    Diff {
        /// The run folder to compare with.
        #[arg(value_name = "RUN_A")]
        a: PathBuf,
        /// The run folder to compare.
        #[arg(value_name = "RUN_B")]
        b: PathBuf,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Says what kind of graph a run's overlay is: degrees, distances, clustering, beside random graphs of its size. Writes
    /// overlay.html with pictures into its folder.
    Overlay {
        /// The run folder.
        run: PathBuf,
        /// Which links: those before the first submission, or those at the end.
        #[arg(long, value_enum, default_value_t = At::End)]
        at: At,
        /// Where to write the page instead.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    Export(export::Arguments),
    Probe(Box<probe::Arguments>),
    Load(Box<load::Arguments>),
    /// Runs a node behind Maelstrom's standard input and output (also a binary of its own,
    /// tidings-maelstrom, since Maelstrom takes a path).
    Maelstrom(tidings_maelstrom::Options),
}

/// When the links of an overlay stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum At {
    /// Before the first submission.
    Begin,
    /// At the end.
    End,
}

/// Runs the command that `arguments` give.
pub(crate) fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let printed = match arguments.command {
        Command::Report { run, out, json } => make_report(&run, out.as_deref(), json),
        Command::Diff { a, b, json } => compare(&a, &b, json),
        Command::Overlay { run, at, out, json } => show_overlay(&run, at, out.as_deref(), json),
        Command::Export(arguments) => return measure(export::run(&arguments)),
        Command::Probe(arguments) => return measure(probe::run(*arguments)),
        Command::Load(arguments) => return measure(load::run(&arguments)),
        Command::Maelstrom(options) => return run_node(&options),
    };
    match printed {
        Ok(text) => print(&text),
        Err(error) => {
            complain(&format!("tidings-tools: {error}\n"));
            ExitCode::from(if error.is_missing_input() { EXIT_NO_INPUT } else { 1 })
        }
    }
}

/// Prints what was measured; ends with 1 if something wasn't as it should be.
fn measure(measured: Result<(String, bool), Trouble>) -> ExitCode {
    match measured {
        Ok((text, true)) => print(&text),
        Ok((text, false)) => {
            print(&text);
            ExitCode::FAILURE
        }
        Err(Trouble { what, code }) => {
            complain(&format!("tidings-tools: {what}\n"));
            ExitCode::from(code)
        }
    }
}

fn run_node(options: &tidings_maelstrom::Options) -> ExitCode {
    let Err(error) = tidings_maelstrom::run(options) else {
        return ExitCode::SUCCESS;
    };
    complain(&format!("tidings-tools: {error}\n"));
    ExitCode::from(if matches!(error, MaelstromError::Usage(_)) { EXIT_USAGE } else { 1 })
}

fn make_report(dir: &Path, out: Option<&Path>, json: bool) -> Result<String, RunError> {
    let run = Run::read(dir)?;
    let summary = Summary::compute(&run, inputs_of(dir)?);
    let page = out.map_or_else(|| dir.join(REPORT), Path::to_owned);
    report::write_with_page(dir, &page, &run, &summary)?;
    if json {
        return Ok(summary.to_json() + "\n");
    }
    Ok(format!("{}\nReport: {}\n", table::render(&summary, ink()), page.display()))
}

fn show_overlay(dir: &Path, at: At, out: Option<&Path>, json: bool) -> Result<String, RunError> {
    let moment = match at {
        At::Begin => Moment::Begin,
        At::End => Moment::End,
    };
    let overlay = Overlay::of(&Run::read(dir)?, moment);
    let overlay = overlay.ok_or_else(|| RunError::NoLinks(dir.join(LINKS)))?;
    let page = out.map_or_else(|| dir.join(OVERLAY), Path::to_owned);
    run::write_text(&page, &overlay.page())?;
    if json {
        return Ok(overlay.to_json() + "\n");
    }
    Ok(format!("{}\nPage: {}\n", overlay.render(), page.display()))
}

/// Colours are for a terminal, unless its user doesn't want any: <https://no-color.org>.
fn ink() -> Ink {
    let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if colours { Ink::Colours } else { Ink::Plain }
}

/// What the launcher handed in when the run was made. A run that was broken off has no summary: its
/// raw data are still worth a look, but prove nothing.
fn inputs_of(dir: &Path) -> Result<Inputs, RunError> {
    match Summary::read(dir) {
        Ok(summary) => Ok(summary.inputs),
        Err(error) if error.is_missing_input() => Ok(Inputs {
            strategy: "unknown".to_owned(),
            invalid_reasons: vec![
                "There was no summary.json: the run was broken off, or its folder is incomplete."
                    .to_owned(),
            ],
            ..Inputs::default()
        }),
        Err(error) => Err(error),
    }
}

fn compare(a: &Path, b: &Path, json: bool) -> Result<String, RunError> {
    let diff = Diff::of_folders(a, b)?;
    if json {
        return Ok(diff.to_json() + "\n");
    }
    let names = [a, b].map(|path| path.display().to_string());
    Ok(diff.render([&names[0], &names[1]]))
}

/// Help and version are answers; all else is a wrong call.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        return print(&error.to_string());
    }
    complain(&error.to_string());
    ExitCode::from(EXIT_USAGE)
}

/// Prints an answer. A reader that stops reading (`| head`) has had enough: that is no failure.
fn print(text: &str) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("tidings-tools: the answer can't be printed: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Prints to standard error; if that is gone, there is nobody left to tell.
fn complain(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
