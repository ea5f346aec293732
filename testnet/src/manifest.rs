//! The settings of a run, all resolved, and the manifest that records them.

use std::path::PathBuf;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tidings::calendar::Civil;
use tidings::network::Rules;
use tidings_protocol::params::Params;

use crate::topology::Topology;
use crate::workload::sizes::Sizes;

/// All settings of a run. Two runs with equal settings differ only by what the machine does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Seed of everything random.
    pub seed: u64,
    /// The network.
    pub network: Network,
    /// What is submitted.
    pub workload: Workload,
    /// What goes wrong on purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// How it is measured.
    pub measure: Measure,
    /// Parameters of every node's core.
    pub params: Params,
}

/// The network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// How many nodes.
    pub nodes: usize,
    /// Shape of the overlay.
    pub topology: Topology,
    /// Addresses that each node is given at first; 0 for a fixed topology.
    pub bootstrap: usize,
    /// What lies between nodes.
    pub links: Links,
    /// Rules of the chain.
    pub rules: Rules,
    /// The program that is started as a node; this one if unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_binary: Option<PathBuf>,
}

/// What lies between nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Links {
    /// Latency and bandwidth of eight regions of the world.
    Regions,
    /// Nothing but this machine.
    None,
}

/// What is submitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
pub enum Workload {
    /// Transactions made up for the run.
    Transfers {
        /// How many.
        txs: usize,
        /// How many a second.
        rate: f64,
        /// How large.
        sizes: Sizes,
    },
    /// The transactions of a Bitcoin block, then the block.
    BitcoinBlock {
        /// The raw block.
        file: PathBuf,
        /// How many items a second.
        rate: f64,
    },
}

impl Workload {
    /// Items a second.
    #[must_use]
    pub const fn rate(&self) -> f64 {
        match self {
            Self::BitcoinBlock { rate, .. } | Self::Transfers { rate, .. } => *rate,
        }
    }
}

/// What goes wrong on purpose: so many nodes are killed at once (`kill -9`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// How many nodes.
    pub kill: usize,
    /// When, seconds after the first submission.
    pub after_s: f64,
}

/// How it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// How long the idle network is watched before the first submission, seconds; 0 leaves it out.
    pub idle_s: f64,
    /// How long to wait for the next delivery before giving up, seconds.
    pub stall_s: f64,
    /// How long the overlay may take to come up, seconds.
    pub connect_s: f64,
}

/// The manifest: what was run, with what, on what.
#[derive(Debug, Serialize)]
struct Manifest<'a> {
    tool: &'a str,
    version: &'a str,
    command: String,
    started: String,
    cores: usize,
    memory_mib: Option<u64>,
    kernel: Option<String>,
    #[serde(flatten)]
    settings: &'a Settings,
}

/// The text of `manifest.toml`.
///
/// # Errors
/// When a value has no form in TOML; none of these settings is such a value.
pub fn render(settings: &Settings, started: &str) -> Result<String, toml::ser::Error> {
    toml::to_string_pretty(&Manifest {
        tool: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        command: std::env::args().collect::<Vec<_>>().join(" "),
        started: started.to_owned(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_mib: memory_mib(),
        kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease")
            .ok()
            .map(|text| text.trim().to_owned()),
        settings,
    })
}

fn memory_mib() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib: u64 = text.lines().next()?.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1_024)
}

/// A moment as `2026-01-31T23-59-59Z`: sorts by time and may be part of a file name.
#[must_use]
pub fn timestamp(unix_s: u64) -> String {
    let Civil { year, month, day, time: (hour, minute, second) } = Civil::of(unix_s);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            seed: 7,
            network: Network {
                nodes: 10,
                topology: Topology::RandomRegular,
                bootstrap: 0,
                links: Links::None,
                rules: Rules::Opaque,
                node_binary: None,
            },
            workload: Workload::Transfers { txs: 5, rate: 2.5, sizes: Sizes::Bitcoin },
            fault: Some(Fault { kill: 2, after_s: 1.0 }),
            measure: Measure { idle_s: 0.0, stall_s: 30.0, connect_s: 60.0 },
            params: Params::default(),
        }
    }

    #[test]
    fn settings_read_back_from_the_manifest() {
        let text = render(&settings(), "now").unwrap();
        let mut table: toml::Table = text.parse().unwrap();
        table.retain(|_, value| value.is_table());
        table.insert("seed".to_owned(), toml::Value::Integer(7));
        assert_eq!(table.try_into::<Settings>().unwrap(), settings(), "{text}");
    }

    #[test]
    fn the_manifest_names_every_parameter() {
        let text = render(&settings(), "now").unwrap();
        for key in ["trickle_outbound_ms", "in_flight_max", "book_max", "seen_max", "kill = 2"] {
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
    }
}
