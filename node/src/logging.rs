//! Logs to standard error, without ever waiting for whoever reads it: a thread of its own writes, and what it
//! can't keep up with is dropped and counted.
//!
//! The filter is a level, or levels by module (`info,tidings::shell=debug`). It has no patterns: those
//! would bring a regular expression engine, which costs each node about a megabyte.

use std::io::{self, IsTerminal as _};
use std::sync::OnceLock;

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::config::{ConfigError, LogConfig, LogFormat};

/// Most lines that wait to be written; further ones are dropped. A guess: some 200 KB. The places themselves take
/// 40 KB from the start.
const LINES_MAX: usize = 1_024;

/// Counts the lines that this process dropped, as the log is the process's.
static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// A log being written. When it is dropped, what waits is written.
#[derive(Debug)]
#[must_use = "without it nothing is written"]
pub struct Log(Option<WorkerGuard>);

/// Starts logging, for as long as the [`Log`] lives. In a process that logs already, nothing changes.
///
/// # Errors
/// When the filter can't be read.
pub fn init(config: &LogConfig) -> Result<Log, ConfigError> {
    let filter = parse_filter(&config.filter)?;
    // A terminal gets colours, unless its user doesn't want any: https://no-color.org.
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (writer, guard) = without_waiting(io::stderr());
    let dropped = writer.error_counter();
    let layer = fmt::layer().with_writer(writer).with_ansi(colours);
    let layer = match config.format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_ansi(false).boxed(),
    };
    let started = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    if started.is_err() {
        tracing::debug!("this process logs already; log.* is ignored");
        return Ok(Log(None));
    }
    let _ = DROPPED.set(dropped); // nobody was before us, since nothing was logged
    Ok(Log(Some(guard)))
}

/// Writes on a thread of its own, and drops what that can't keep up with.
fn without_waiting(out: impl io::Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES_MAX);
    builder.thread_name("log").finish(out)
}

/// Lines that were dropped because they came faster than they could be written.
#[must_use]
pub fn dropped() -> u64 {
    DROPPED.get().map_or(0, |dropped| dropped.dropped_lines() as u64)
}

impl Drop for Log {
    fn drop(&mut self) {
        let (logs, dropped) = (self.0.is_some(), dropped());
        if logs && dropped > 0 {
            tracing::warn!(
                dropped,
                "lines are missing from this log: they came too fast for its reader"
            );
        }
    }
}

fn parse_filter(filter: &str) -> Result<Targets, ConfigError> {
    filter.parse().map_err(|error: tracing_subscriber::filter::ParseError| ConfigError::LogFilter {
        filter: filter.to_owned(),
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::mpsc;

    use tracing::Level;

    use super::*;

    /// Takes nothing until somebody lets it, and then everything.
    struct Stuck(mpsc::Receiver<()>);

    impl io::Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_takes_nothing_costs_lines_and_holds_up_nobody() {
        let (let_go, stuck) = mpsc::sync_channel(1);
        let (mut writer, guard) = without_waiting(Stuck(stuck));
        for _ in 0..LINES_MAX + 100 {
            writer.write_all(b"a line\n").unwrap();
        }
        // One more than wait is being written.
        assert!((99..=100).contains(&writer.error_counter().dropped_lines()));
        drop((let_go, guard));
    }

    #[test]
    fn a_filter_is_a_level_and_levels_by_module() {
        let filter = parse_filter("info,tidings::shell=debug,libp2p=off").unwrap();
        assert!(filter.would_enable("tidings::shell", &Level::DEBUG));
        assert!(filter.would_enable("tidings::admin", &Level::INFO));
        assert!(!filter.would_enable("tidings::admin", &Level::DEBUG));
        assert!(!filter.would_enable("libp2p_swarm", &Level::ERROR));
    }

    #[test]
    fn a_wrong_filter_is_refused_with_what_is_right() {
        let error = parse_filter("tidings=loud").unwrap_err().to_string();
        assert!(error.starts_with("`log.filter` is `tidings=loud`"), "{error}");
        assert!(error.contains("info,tidings::shell=debug"), "{error}");
    }
}
