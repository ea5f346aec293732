//! `tidings-testnet replay`: nodes that were captured (`capture.file`) live again.
//!
//! The same core is run over each capture, and must act the same; if it doesn't, the first difference is told. A node can be asked at any
//! moment what a running one can be asked, and can go on from there with other parameters ([`what_if`]); captures of several nodes
//! make one timeline ([`crate::captures`]).

pub mod moment;
mod told;
pub mod what_if;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tidings::capture::{Life, ReadError, Replay, captures_in, lives};
use tidings::config::Flag;

use crate::captures::merge::{Known, Node, merge};
use crate::captures::sightings::Sightings;
use crate::exit;
use crate::output;
use moment::Moment;

/// Arguments of `replay`.
#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    /// Captures: what capture.file names, or one of its segments, a node's folder, or that of a launch; of each the last run, unless
    /// one is named (node.capture.3)
    #[arg(required = true, value_name = "CAPTURE")]
    captures: Vec<PathBuf>,
    /// Tell what the node would have told of this transaction or block, by its id or the beginning of it
    #[arg(long, value_name = "ITEM")]
    explain: Option<String>,
    /// At which moment: seconds since the node's start, or a time of day (UTC) as `14:03:07.5` [default: at the end]
    #[arg(long, value_name = "TIME", requires = "explain")]
    at: Option<Moment>,
    /// Go on with another parameter, such as `params.relay.trickle_outbound_ms=100`; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// From which moment on, as with --at [default: from the start]
    #[arg(long, value_name = "TIME", requires = "set")]
    from: Option<Moment>,
    /// Write what all these nodes saw as a timeline, for `view`
    #[arg(long, value_name = "FILE")]
    timeline: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Why nothing is replayed.
#[derive(Debug, thiserror::Error)]
enum ReplayError {
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A capture can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no answer.
    #[error("{0}")]
    Unexplained(String),
    /// The timeline can't be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Runs the command.
#[must_use]
pub fn main(args: &ReplayArgs) -> ExitCode {
    match run(args) {
        Ok((text, code)) => output::print(&text, false, code),
        Err(error) => {
            output::complain(&error);
            ExitCode::from(match error {
                ReplayError::Usage(_) => exit::USAGE,
                ReplayError::Read(_) => exit::NOT_VALID,
                ReplayError::Unexplained(_) | ReplayError::Write { .. } => 1,
            })
        }
    }
}

/// The captures that are meant: of a folder those in it, and of the folder of a launch those of all its nodes.
fn meant(paths: &[PathBuf]) -> Result<Vec<PathBuf>, ReplayError> {
    let mut captures = Vec::new();
    for path in paths {
        if !path.is_dir() {
            captures.push(path.clone());
            continue;
        }
        let before = captures.len();
        captures.extend(captures_in(path)?);
        let mut nodes: Vec<PathBuf> = fs::read_dir(path.join("nodes"))
            .map(|nodes| nodes.flatten().map(|node| node.path()).collect())
            .unwrap_or_default();
        nodes.sort_unstable();
        for node in nodes.iter().filter(|node| node.is_dir()) {
            captures.extend(captures_in(node)?);
        }
        if captures.len() == before {
            return Err(ReadError::Missing(path.clone()).into());
        }
    }
    Ok(captures)
}

fn run(args: &ReplayArgs) -> Result<(String, ExitCode), ReplayError> {
    let args = &ReplayArgs { captures: meant(&args.captures)?, ..args.clone() };
    let is_one = args.captures.len() == 1;
    if !is_one && (args.explain.is_some() || !args.set.is_empty()) {
        let what = if args.set.is_empty() { "--explain" } else { "--set" };
        return Err(ReplayError::Usage(format!("{what} asks one node: name one capture")));
    }
    if !args.set.is_empty() && args.timeline.is_some() {
        let why = "--timeline shows what was; what --set tells of one node alone is no timeline";
        return Err(ReplayError::Usage(why.to_owned()));
    }
    match &args.captures[..] {
        [one] if !args.set.is_empty() => go_on(one, args),
        [one] if args.explain.is_some() && args.timeline.is_none() => explain(one, args),
        _ => compare(args),
    }
}

/// A replay of one capture, which hasn't begun.
fn begin(path: &Path) -> Result<Replay, ReplayError> {
    Ok(Replay::new(Life::open(path)?)?)
}

/// Has a node tell of an item at a moment.
fn explain(path: &Path, args: &ReplayArgs) -> Result<(String, ExitCode), ReplayError> {
    let query = args.explain.as_deref().unwrap_or_default();
    let mut replay = begin(path)?;
    let mut met = moment::Met::default();
    let difference = moment::run_to(&mut replay, args.at, &mut met)?;
    let story = met.explain(&replay, query).map_err(ReplayError::Unexplained)?;
    let mut text = told::story(&story, &replay, args.json);
    let code = match &difference {
        Some(difference) => {
            text += &told::difference(difference, args.json);
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    };
    Ok((text, code))
}

/// Goes on from a moment with other parameters.
fn go_on(path: &Path, args: &ReplayArgs) -> Result<(String, ExitCode), ReplayError> {
    let flags = args.set.iter().map(|pair| flag(pair)).collect::<Result<Vec<_>, _>>()?;
    let replay = begin(path)?;
    let params = tidings::config::params_with(replay.params(), &flags)
        .map_err(|error| ReplayError::Usage(error.to_string()))?;
    if args.from.is_some()
        && let Some(key) = what_if::of_the_start(replay.params(), &params)
    {
        let why = format!(
            "--set {key}: a core reads that when it is made: leave --from out, to have it so from the start"
        );
        return Err(ReplayError::Usage(why));
    }
    let asked = what_if::Asked { params, from: args.from, explain: args.explain.clone() };
    let compared = what_if::compare(replay, begin(path)?, &asked)?;
    let text = told::what_if(&compared, &args.set, args.json);
    Ok((text, if compared.difference.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }))
}

fn flag(pair: &str) -> Result<Flag, ReplayError> {
    let Some((key, text)) = pair.split_once('=') else {
        let why =
            format!("--set {pair} has no `=`: write it as in `--set params.relay.batch_ms=100`");
        return Err(ReplayError::Usage(why));
    };
    let key = key.trim();
    if !key.starts_with("params.") {
        let why = format!(
            "--set {key}: only the core lives again: name one of params, as `tidings config` lists them"
        );
        return Err(ReplayError::Usage(why));
    }
    let (key, text) = (key.to_owned(), text.trim().to_owned());
    Ok(Flag { name: format!("--set {key}"), key, text })
}

/// Replays all of them, and merges them if asked to.
fn compare(args: &ReplayArgs) -> Result<(String, ExitCode), ReplayError> {
    let mut nodes = Vec::new();
    for path in &args.captures {
        // A timeline shows all runs of a node.
        let lives = match &args.timeline {
            Some(_) => lives(path)?,
            None => vec![path.clone()],
        };
        let lives = lives.iter().map(|life| Sightings::of(life)).collect::<Result<_, _>>()?;
        nodes.push(Node { name: name_of(path), lives });
    }
    let differ = nodes.iter().flat_map(|node| &node.lives);
    let differ = differ.filter(|seen| seen.told.difference.is_some()).count();
    let mut text = told::compared(&nodes, args.json);
    if let Some(file) = &args.timeline {
        let title = match &nodes[..] {
            [one] => format!("{}, as captured", one.name),
            many => format!("{} nodes, as captured", many.len()),
        };
        let merged = merge(nodes, Known { title, ..Known::default() });
        fs::write(file, merged.timeline.to_bytes())
            .map_err(|source| ReplayError::Write { path: file.clone(), source })?;
        if !args.json {
            text += &told::merged(&merged, file);
        }
    }
    Ok((text, if differ > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }))
}

/// What a node is called: its folder, since all files of captures are called alike.
fn name_of(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().and_then(Path::file_name);
    folder.unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
