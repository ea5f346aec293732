//! What may stand behind `blocks`, `block`, `pool`, `item`, `decode` and `mine`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Remote;
use crate::api::chain::PoolSort;

#[derive(Debug, Args)]
pub(in crate::cli) struct BlocksArgs {
    /// How many, at most 1000
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(in crate::cli) last: usize,
    /// Show all columns, however narrow the terminal is
    #[arg(long)]
    pub(in crate::cli) wide: bool,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct BlockArgs {
    /// Which: its height (up to nine digits), its id or the beginning of it
    pub(in crate::cli) block: String,
    /// Print its canonical bytes, as hexadecimal digits
    #[arg(long, conflicts_with = "json")]
    pub(in crate::cli) hex: bool,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PoolArgs {
    /// How many transactions, at most 100000
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(in crate::cli) limit: usize,
    /// In which order: the oldest first, or what pays most first
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = PoolOrder::Age)]
    pub(in crate::cli) by: PoolOrder,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

/// In which order the pool is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum PoolOrder {
    Age,
    Rate,
}

impl From<PoolOrder> for PoolSort {
    fn from(order: PoolOrder) -> Self {
        match order {
            PoolOrder::Age => Self::Age,
            PoolOrder::Rate => Self::FeeRate,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ItemArgs {
    /// Which: its id or the beginning of it
    pub(in crate::cli) id: String,
    /// Print its canonical bytes, as hexadecimal digits
    #[arg(long, conflicts_with = "json")]
    pub(in crate::cli) hex: bool,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DecodeArgs {
    /// Hexadecimal digits, or a file with them or with raw bytes; `-` is standard input
    #[arg(value_name = "HEX|FILE|-")]
    pub(in crate::cli) what: String,
    /// It is a transaction
    #[arg(long, conflicts_with = "block")]
    pub(in crate::cli) tx: bool,
    /// It is a block
    #[arg(long)]
    pub(in crate::cli) block: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct MineArgs {
    /// Go on, with a block each so long: 500ms, 10s, 2m
    #[arg(long, value_name = "TIME", value_parser = span, conflicts_with = "poisson")]
    pub(in crate::cli) every: Option<Duration>,
    /// Go on, with a block each so long on average, as a network of miners does
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(in crate::cli) poisson: Option<Duration>,
    /// End after so many blocks [default: 1, or none if it goes on]
    #[arg(long, value_name = "N", value_parser = blocks)]
    pub(in crate::cli) count: Option<usize>,
    /// Begin on this block, and not on the last of the chain: its height, its id or the beginning of it. Further blocks follow
    /// the one before
    #[arg(long, value_name = "BLOCK")]
    pub(in crate::cli) on: Option<String>,
    /// Most transactions of a block [default: as many as fit]
    #[arg(long, value_name = "N")]
    pub(in crate::cli) txs_max: Option<usize>,
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
}

/// A number of blocks: one or more.
fn blocks(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| "expected a number, 1 or more".to_owned())
}

/// Longest time between two blocks. A guess: a day.
const SPAN_MAX: Duration = Duration::from_secs(86_400);

/// A time of `500ms`, `10s`, `2m`, `1h`, or a plain number of seconds.
fn span(text: &str) -> Result<Duration, String> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("", 1.0)];
    let read = units.into_iter().find_map(|(unit, factor)| {
        let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
        Duration::try_from_secs_f64(number * factor).ok()
    });
    read.filter(|span| (Duration::from_millis(1)..=SPAN_MAX).contains(span))
        .ok_or_else(|| "expected a time from 1ms to 24h, for instance 500ms, 10s or 2m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        let read = ["500ms", "10s", "2m", "1h", "0.5", "1.5s"].map(|text| span(text).unwrap());
        assert_eq!(
            read.map(|span| span.as_millis()),
            [500, 10_000, 120_000, 3_600_000, 500, 1_500]
        );
        for text in ["", "s", "0s", "-1s", "nan", "2d", "25h", "0.1ms", "1e99"] {
            assert!(span(text).unwrap_err().contains("for instance 500ms"), "{text}");
        }
    }
}
