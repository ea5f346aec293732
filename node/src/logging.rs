//! Logs to standard error.
//!
//! The filter is a level, or levels by module (`info,tidings::shell=debug`). It has no patterns: those
//! would bring a regular expression engine, which costs each node about a megabyte.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::config::{ConfigError, LogConfig, LogFormat};

/// Starts logging, for the rest of the process. In a process that logs already, nothing changes.
///
/// # Errors
/// When the filter can't be read.
pub fn init(config: &LogConfig) -> Result<(), ConfigError> {
    let filter = parse_filter(&config.filter)?;
    // A terminal gets colours, unless its user doesn't want any: https://no-color.org.
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let layer = fmt::layer().with_writer(io::stderr).with_ansi(colours);
    let layer = match config.format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_ansi(false).boxed(),
    };
    let started = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    if started.is_err() {
        tracing::debug!("this process logs already; log.* is ignored");
    }
    Ok(())
}

fn parse_filter(filter: &str) -> Result<Targets, ConfigError> {
    filter.parse().map_err(|error: tracing_subscriber::filter::ParseError| ConfigError::LogFilter {
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
    fn a_wrong_filter_is_refused_with_what_is_right() {
        let error = parse_filter("tidings=loud").unwrap_err().to_string();
        assert!(error.starts_with("`log.filter` is `tidings=loud`"), "{error}");
        assert!(error.contains("info,tidings::shell=debug"), "{error}");
    }
}
