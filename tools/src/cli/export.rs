//! `export`: a timeline as tables.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tidings_tools::timeline::export::{self, Format};
use tidings_tools::timeline::timeline_of;

use super::trouble::Trouble;

/// Writes what happened in a run as tables that other tools read, Parquet or CSV: nodes, links, items, messages, items of
/// messages, deliveries, states, samples.
///
/// Times are whole microseconds since the run began; nodes, links and items are numbered from 0. A run folder has deliveries
/// and no messages.
///
/// With pandas:
///
///     m = pd.read_parquet("OUT/messages.parquet")
///     m.groupby("kind")["bytes"].sum()
///     d = pd.read_parquet("OUT/deliveries.parquet")
///     d.groupby("item")["latency_us"].quantile(0.99)
///
/// With `DuckDB`:
///
///     SELECT kind, count(*), sum(bytes) FROM 'OUT/messages.parquet' GROUP BY kind;
///     SELECT region, median(latency_us) FROM 'OUT/deliveries.parquet' GROUP BY region;
///
/// Columns: see tools/EXPORT.md.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// A timeline (`sim --trace FILE` writes one), or a run folder.
    path: PathBuf,
    /// The folder to write into, which must not exist.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What tables are written as.
    #[arg(long, value_enum, default_value_t = As::Parquet)]
    format: As,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum As {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values.
    Csv,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(String, bool), Trouble> {
    let timeline = timeline_of(&arguments.path)
        .map_err(|error| Trouble::of_input(&error, error.is_missing_input()))?;
    let format = match arguments.format {
        As::Parquet => Format::Parquet,
        As::Csv => Format::Csv,
    };
    let written = export::write(&arguments.out, &timeline, format).map_err(Trouble::failure)?;
    let rows: Vec<String> = written.iter().map(|(name, rows)| format!("{name} {rows}")).collect();
    Ok((format!("{}: rows of {}\n", arguments.out.display(), rows.join(", ")), true))
}
