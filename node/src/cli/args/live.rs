//! What may stand behind `top`, `watch`, `peers` and `schema`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::Remote;
use crate::api::What;

/// The smallest picture of `tidings top`: what it wants of a terminal.
pub(in crate::cli) const COLUMNS_MIN: u16 = 60;
/// See [`COLUMNS_MIN`].
pub(in crate::cli) const ROWS_MIN: u16 = 16;

#[derive(Debug, Args)]
pub(in crate::cli) struct TopArgs {
    /// Draw one picture into this file (SVG) instead of on the terminal, and end
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) svg: Option<PathBuf>,
    /// How wide the picture is
    #[arg(long, value_name = "N", default_value_t = 120, requires = "svg",
        value_parser = clap::value_parser!(u16).range(i64::from(COLUMNS_MIN)..=400))]
    pub(in crate::cli) columns: u16,
    /// How high the picture is
    #[arg(long, value_name = "N", default_value_t = 40, requires = "svg",
        value_parser = clap::value_parser!(u16).range(i64::from(ROWS_MIN)..=200))]
    pub(in crate::cli) rows: u16,
    /// For how long the node is looked at before the picture is drawn, seconds
    #[arg(long, value_name = "N", default_value_t = 6, requires = "svg",
        value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(in crate::cli) seconds: u64,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

impl TopArgs {
    /// How long the node is looked at for a picture.
    pub(in crate::cli) const fn span(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct WatchArgs {
    /// Show events of these kinds alone [default: all]; `lost` is always shown
    #[arg(value_name = "KIND", value_delimiter = ',', value_parser = PossibleValuesParser::new(What::KINDS))]
    pub(in crate::cli) kinds: Vec<String>,
    /// Show what concerns this item alone: its id or the beginning of it
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) item: Option<String>,
    /// Show what concerns this peer alone: its id or the beginning of it, or its link
    #[arg(long, value_name = "PEER")]
    pub(in crate::cli) peer: Option<String>,
    /// End after so many events
    #[arg(long, value_name = "N")]
    pub(in crate::cli) count: Option<u64>,
    /// End when the node does, instead of waiting until it is back
    #[arg(long)]
    pub(in crate::cli) once: bool,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PeersArgs {
    /// How much to show: 0 how many there are, 1 what passes on each link, 2 addresses, 3 peer ids and networks, 4 all [default: what
    /// fits the terminal]
    #[arg(long, value_name = "0-4", value_parser = clap::value_parser!(u8).range(0..=4))]
    pub(in crate::cli) level: Option<u8>,
    /// Show all columns, however narrow the terminal is
    #[arg(long, conflicts_with = "level")]
    pub(in crate::cli) wide: bool,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SchemaArgs {
    /// Of this verb alone, such as `status` or `kv get` [default: all in one]
    pub(in crate::cli) verb: Vec<String>,
}
