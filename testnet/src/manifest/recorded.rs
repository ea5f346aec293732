//! What a run folder's manifest notes besides the settings: what ran them, when and on what.

use std::path::PathBuf;

use procfs::{Current as _, Meminfo};
use serde::{Deserialize, Serialize};
use tidings::calendar::Civil;

use super::Manifest;

/// The note. A manifest that has one can be run again as it is: the note is no setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The program.
    pub tool: String,
    /// Its version.
    pub version: String,
    /// The command line.
    pub command: String,
    /// When it started, as [`timestamp`] writes it; unset for a simulation, which has no such moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// Cores of the machine.
    pub cores: usize,
    /// Its memory, MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// Its kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// The program that was started as a node, if not this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_binary: Option<PathBuf>,
}

impl Recorded {
    /// This program, command and machine.
    #[must_use]
    pub fn here(started: Option<String>, node_binary: Option<PathBuf>) -> Self {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok();
        Self {
            tool: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: std::env::args().collect::<Vec<_>>().join(" "),
            started,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: memory_mib(),
            kernel: kernel.map(|text| text.trim().to_owned()),
            node_binary,
        }
    }
}

/// The text of `manifest.toml`.
///
/// # Errors
/// When a value has no form in TOML; none of these settings is such a value.
pub fn render(manifest: &Manifest, recorded: Recorded) -> Result<String, toml::ser::Error> {
    toml::to_string_pretty(&Manifest { recorded: Some(recorded), ..manifest.clone() })
}

fn memory_mib() -> Option<u64> {
    let memory = Meminfo::current().ok()?;
    Some(memory.mem_total / (1 << 20))
}

/// A moment as `2026-01-31T23-59-59Z`: sorts by time and may be part of a file name.
#[must_use]
pub fn timestamp(unix_s: u64) -> String {
    let Civil { year, month, day, time: (hour, minute, second) } = Civil::of(unix_s);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}Z")
}

/// A moment as RFC 3339 has it, in UTC with nanoseconds, as most programs read it.
#[must_use]
pub fn instant(unix_us: u64) -> String {
    let Civil { year, month, day, time: (hour, minute, second) } = Civil::of(unix_us / 1_000_000);
    let nanos = unix_us % 1_000_000 * 1_000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_run_reads_back_and_can_be_run_again() {
        let manifest = Manifest::launched_by_default();
        let text = render(&manifest, Recorded::here(Some("now".to_owned()), None)).unwrap();
        let read = Manifest::parse(&text).unwrap();
        assert_eq!(read.recorded.as_ref().unwrap().tool, env!("CARGO_PKG_NAME"));
        assert_eq!(Manifest { recorded: None, ..read }, manifest, "{text}");
    }

    #[test]
    fn the_manifest_names_every_parameter() {
        let text = render(&Manifest::default(), Recorded::here(None, None)).unwrap();
        for key in ["trickle_outbound_ms", "in_flight_max", "book_max", "seen_max", "warmup_txs"] {
            assert!(text.contains(key), "{key} is missing in {text}");
        }
    }

    #[test]
    fn timestamps_are_calendar_dates() {
        // Checked with `date -u -d @…`.
        assert_eq!(timestamp(0), "1970-01-01T00-00-00Z");
        assert_eq!(timestamp(951_782_400), "2000-02-29T00-00-00Z");
        assert_eq!(timestamp(1_732_180_001), "2024-11-21T09-06-41Z");
        assert_eq!(timestamp(4_102_444_799), "2099-12-31T23-59-59Z");
        assert_eq!(instant(1_732_180_001_000_042), "2024-11-21T09:06:41.000042000Z");
    }
}
