//! Logs to standard error or to a file, without ever waiting for either: a thread of its own writes, and what it
//! can't keep up with is dropped and counted.
//!
//! Strangers choose part of what is logged, and how often: what they said is [escaped](crate::printable) and shortened, lines
//! that come too often are counted instead (`logging/merge.rs`), and libraries are heard from `warn` on. All of it happens
//! where events become lines, so that it holds for every line, of libraries too, in both formats.
//!
//! The filter is a level, or levels by module (`info,tidings::shell=debug`). It has no patterns: those
//! would bring a regular expression engine, which costs each node about a megabyte.

mod file;
mod line;
mod lines;
mod lossy;
mod merge;

use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tracing_subscriber::filter::Targets;

use self::file::{LogFile, Orders};
use self::line::Style;
use self::lines::Lines;
use crate::config::ConfigError;
use crate::config::log::LogConfig;
use crate::printable;

pub use self::lossy::{LINES_MAX, Lossy};

/// How long the end waits for whoever reads standard error. A guess.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way to standard error, as that is the process's.
static STDERR: OnceLock<Option<Lossy>> = OnceLock::new();

/// The way to the log's file, if it has one, and what its writer is told.
static FILE: OnceLock<(Lossy, Arc<Orders>)> = OnceLock::new();

/// The log of this process, if it has one.
static LIVE: OnceLock<Lines> = OnceLock::new();

/// A log being written. When it is dropped, what waits is written, if its reader takes it soon.
#[derive(Debug)]
#[must_use = "it ends the log when it is dropped"]
pub struct Log {
    /// `None` if somebody logged before.
    lines: Option<Lines>,
}

/// The way to standard error that makes nobody wait. `None` if the system has no thread left.
///
/// It writes to the file itself: the standard library's handle would be locked for as long as its reader is stuck.
#[must_use]
pub fn stderr() -> Option<Lossy> {
    let start = || {
        let file = File::from(io::stderr().as_fd().try_clone_to_owned().ok()?);
        Lossy::start(file).ok()
    };
    STDERR.get_or_init(start).clone()
}

/// The way to a log's file. `None` if the system has no thread left. Of a process that has one already, it is that one.
fn to_file(path: &Path, config: &LogConfig) -> Result<Option<Lossy>, ConfigError> {
    let orders = Arc::new(Orders::default());
    orders.set_rotation(config.max_bytes, config.keep);
    let file = LogFile::open(path, Arc::clone(&orders), tell)
        .map_err(|source| ConfigError::LogFile { path: path.to_owned(), source })?;
    let Ok(writer) = Lossy::start(file) else { return Ok(None) };
    Ok(Some(FILE.get_or_init(|| (writer, orders)).0.clone()))
}

/// Opens the log's file anew before the next line, if there is one: somebody may have renamed it.
pub fn reopen() {
    if let Some((_, orders)) = FILE.get() {
        orders.reopen();
    }
}

/// Renames the log's file from another size on, and keeps another number of them; see [`LogConfig`].
pub fn set_rotation(max_bytes: u64, keep: u32) {
    if let Some((_, orders)) = FILE.get() {
        orders.set_rotation(max_bytes, keep);
    }
}

/// Waits until what was written to the log's file and to [`stderr`] is there or has been read, but not for long.
pub fn drain() {
    if let Some((file, _)) = FILE.get() {
        file.drain(PATIENCE);
    }
    if let Some(stderr) = STDERR.get().and_then(Option::as_ref) {
        stderr.drain(PATIENCE);
    }
}

/// Writes a line to standard error without waiting for its reader; if there is none, there is nobody to tell.
pub fn tell(line: &str) {
    if let Some(mut stderr) = stderr() {
        let _ = stderr.write_all((printable::lines(line) + "\n").as_bytes());
    }
}

/// Starts logging, for as long as the [`Log`] lives. In a process that logs already, nothing changes. A relative path of a file is
/// one of the working folder.
///
/// # Errors
/// When the filter can't be read, or the file not be written.
pub fn init(config: &LogConfig) -> Result<Log, ConfigError> {
    let filter = parse_filter(&config.filter)?;
    // A terminal gets colours, unless its user doesn't want any: https://no-color.org.
    let is_terminal = config.file.is_none() && io::stderr().is_terminal();
    let colours = is_terminal && std::env::var_os("NO_COLOR").is_none();
    let writer = match &config.file {
        Some(path) => to_file(path, config)?,
        None => stderr(),
    };
    let Some(writer) = writer else { return Ok(Log { lines: None }) };
    let lines =
        Lines::new((filter, &config.filter), Style { format: config.format, colours }, writer);
    if tracing::subscriber::set_global_default(lines.clone()).is_err() {
        tracing::debug!("this process logs already; log.* is ignored");
        return Ok(Log { lines: None });
    }
    let _ = LIVE.set(lines.clone());
    Ok(Log { lines: Some(lines) })
}

/// Why the log tells the same as before.
#[derive(Debug, thiserror::Error)]
pub enum NotFiltered {
    /// There is none.
    #[error("this process has no log, or another's")]
    NoLog,
    /// The filter can't be read.
    #[error(transparent)]
    Filter(#[from] ConfigError),
}

/// What the process logs, as [`init`] or [`set_filter`] was told; nothing if it doesn't.
#[must_use]
pub fn filter() -> Option<String> {
    LIVE.get().map(Lines::filter)
}

/// Logs something else from now on.
///
/// # Errors
/// When there is no log, or the filter can't be read. Then nothing changes.
pub fn set_filter(text: &str) -> Result<(), NotFiltered> {
    let lines = LIVE.get().ok_or(NotFiltered::NoLog)?;
    lines.set_filter(parse_filter(text)?, text);
    Ok(())
}

/// Lines that were lost: they came faster than they were read, or nobody took them.
#[must_use]
pub fn dropped() -> u64 {
    let of_stderr = STDERR.get().and_then(Option::as_ref).map_or(0, Lossy::dropped);
    of_stderr + FILE.get().map_or(0, |(file, _)| file.dropped())
}

impl Drop for Log {
    fn drop(&mut self) {
        let Some(lines) = &self.lines else { return };
        lines.finish();
        let dropped = dropped();
        if dropped > 0 {
            tracing::warn!(
                dropped,
                "lines are missing from this log: they came too fast for its reader"
            );
        }
        drain();
    }
}

/// The levels that a filter knows.
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// How alike a word and a level must be for the word to be a slip, Jaro-Winkler. A guess: `inof` and `info` have 0.93.
const ALIKE_MIN: f64 = 0.85;

/// The level that was meant by a word that is none. Without a level it would name a module, of which there is none, and silence all others.
fn slip(filter: &str) -> Option<(&str, &'static str)> {
    let words = filter.split(',').map(str::trim).filter(|word| !word.contains(['=', ':', '_']));
    words.filter(|word| !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word))).find_map(
        |word| {
            let alike = |level: &str| strsim::jaro_winkler(&word.to_ascii_lowercase(), level);
            let level = LEVELS.into_iter().max_by(|a, b| alike(a).total_cmp(&alike(b)))?;
            (alike(level) >= ALIKE_MIN).then_some((word, level))
        },
    )
}

fn parse_filter(filter: &str) -> Result<Targets, ConfigError> {
    if let Some((word, level)) = slip(filter) {
        let problem = format!("`{word}` is no level; did you mean `{level}`?");
        return Err(ConfigError::LogFilter { filter: filter.to_owned(), problem });
    }
    let parsed: Result<Targets, _> = filter.parse();
    parsed.map(lines::with_quiet_libraries).map_err(|error| ConfigError::LogFilter {
        filter: filter.to_owned(),
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn a_filter_is_a_level_and_levels_by_module() {
        let filter = parse_filter("info,tidings::shell=debug,libp2p=off").unwrap();
        assert!(filter.would_enable("tidings::shell", &Level::DEBUG));
        assert!(filter.would_enable("tidings::admin", &Level::INFO));
        assert!(!filter.would_enable("tidings::admin", &Level::DEBUG));
        assert!(!filter.would_enable("libp2p_swarm", &Level::ERROR));
    }

    #[test]
    fn libraries_are_heard_from_warnings_on_unless_they_are_named() {
        for filter in ["info", "debug", "trace,tidings::shell=info", "tidings=debug,warn"] {
            let filter = parse_filter(filter).unwrap();
            for library in ["libp2p_swarm", "libp2p_identify::behaviour", "yamux", "hyper"] {
                assert!(filter.would_enable(library, &Level::WARN), "{filter}");
                assert!(!filter.would_enable(library, &Level::INFO), "{filter}");
            }
        }
        let filter = parse_filter("debug").unwrap();
        assert!(filter.would_enable("tidings::shell", &Level::DEBUG), "{filter}");
        assert!(filter.would_enable("tidings_testnet::launch", &Level::DEBUG), "{filter}");
        let filter = parse_filter("info,libp2p_swarm=debug").unwrap();
        assert!(filter.would_enable("libp2p_swarm", &Level::DEBUG), "{filter}");
        assert!(!filter.would_enable("libp2p_tcp", &Level::INFO), "{filter}");
        for quieter in ["off", "error"] {
            let filter = parse_filter(quieter).unwrap();
            assert!(!filter.would_enable("libp2p_swarm", &Level::WARN), "{filter}");
        }
    }

    #[test]
    fn a_wrong_filter_is_refused_with_what_is_right() {
        for (filter, meant) in [("inof", "info"), ("Debgu", "debug"), ("info,warm", "warn")] {
            let error = parse_filter(filter).unwrap_err().to_string();
            assert!(error.contains(&format!("did you mean `{meant}`?")), "{error}");
        }
        for good in ["INFO", "tidings", "info,hyper", "off", "libp2p_swarm"] {
            parse_filter(good).unwrap();
        }
        let error = parse_filter("tidings=loud").unwrap_err().to_string();
        assert!(error.starts_with("`log.filter` is `tidings=loud`"), "{error}");
        assert!(error.contains("info,tidings::shell=debug"), "{error}");
    }
}
