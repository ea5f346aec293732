//! The report of a run: one self-contained page, and the picture of its propagation curve.

mod facts;
mod sections;
mod settings;

use std::path::Path;

use maud::html;

use crate::figures::spread::Spread;
use crate::figures::statistics::nearest_rank;
use crate::figures::summary::{PAYLOAD_KINDS, Summary, counted_items};
use crate::figures::verdict::Verdict;
use crate::run::{self, Run, RunError};
use crate::show::chart::{self, Bar, Caption, Curve};
use crate::show::wording::{self, UNKNOWN};
use crate::show::{format, page};

/// Points of the propagation curve: one for every two pixels.
const CURVE_POINTS: u64 = 385;

/// The share of deliveries that the curve's time axis spans, so that one straggler doesn't squeeze
/// all others to the left.
const CURVE_SPANS: f64 = 0.999;

/// Writes everything that follows from the data of a run into its folder: `summary.json`,
/// `summary.csv`, `curve.svg` and `report.html`.
///
/// # Errors
///
/// If a file can't be written.
pub fn write(dir: &Path, run: &Run, summary: &Summary) -> Result<(), RunError> {
    write_with_page(dir, &dir.join(run::REPORT), run, summary)
}

/// [`write()`], with the page somewhere else.
///
/// # Errors
///
/// If a file can't be written.
pub fn write_with_page(
    dir: &Path,
    page_path: &Path,
    run: &Run,
    summary: &Summary,
) -> Result<(), RunError> {
    let spread = Spread::of(run);
    summary.write(dir)?;
    run::write_text(&dir.join(run::CURVE), &curve_svg(run, &spread, summary))?;
    run::write_text(page_path, &page(run, &spread, summary))
}

/// The page, complete and self-contained.
#[must_use]
pub fn page(run: &Run, spread: &Spread, summary: &Summary) -> String {
    let title = wording::headline(summary, run.regions().len());
    let main = html! {
        (sections::verdict(summary))
        (sections::headline(summary))
        (sections::picture("Propagation", &curve_svg(run, spread, summary)))
        (sections::picture("Latency", &latency_svg(run, spread)))
        (sections::picture("Bytes by kind of message", &bytes_svg(summary)))
        (sections::regions(run, spread))
        (sections::slowest_items(run, spread))
        (sections::slowest_nodes(run, spread))
        (sections::all_figures(summary))
        (sections::manifest(run))
        (sections::viewer())
    };
    let subtitle = settings::line(&run.manifest, summary);
    page::document("Tidings run report", &title, &subtitle, &main)
}

/// The propagation curve.
#[must_use]
pub fn curve_svg(run: &Run, spread: &Spread, summary: &Summary) -> String {
    let items = counted_items(run, spread);
    let end_us = curve_end_us(spread);
    let caption = Caption {
        title: format!("Spread of {}", wording::headline(summary, run.regions().len())),
        subtitle: format!("{} · {}", settings::short(&run.manifest, summary), cost_line(summary)),
        description: curve_in_words(summary),
    };
    let marks = vec![
        (0.5, "t50", summary.t50_ms),
        (0.9, "t90", summary.t90_ms),
        (0.99, "t99", summary.t99_ms),
    ];
    let points = if spread.arrivals().is_empty() {
        Vec::new()
    } else {
        spread.curve(&items, CURVE_POINTS, end_us)
    };
    chart::curve("propagation", &Curve { caption, points, marks })
}

/// Where the curve's time axis ends: a little after nearly all deliveries.
fn curve_end_us(spread: &Spread) -> u64 {
    let mut latencies: Vec<u64> =
        spread.arrivals().iter().map(|arrival| arrival.latency_us).collect();
    if latencies.is_empty() {
        return 0;
    }
    let rank = nearest_rank(CURVE_SPANS, latencies.len());
    let (_, nearly_last, _) = latencies.select_nth_unstable(rank - 1);
    (*nearly_last + *nearly_last / 16).max(1)
}

fn latency_svg(run: &Run, spread: &Spread) -> String {
    let latencies = facts::received_latencies(run, spread, |_| true);
    let last = latencies.max().map_or_else(|| UNKNOWN.to_owned(), format::measured);
    let count = format!("{} deliveries over the network", format::grouped(latencies.len() as u64));
    let caption = Caption {
        title: "How long single deliveries took".to_owned(),
        subtitle: format!(
            "{count}, each counted once (t50 to t99 count items); the last after {last} ms"
        ),
        description: format!(
            "Histogram of the latency of {count}. Half took at most {} ms, 90 % at most {} ms, 99 % at most {} ms.",
            words(latencies.median()),
            words(latencies.quantile(0.9)),
            words(latencies.quantile(0.99)),
        ),
    };
    chart::latency("latency", &caption, &latencies)
}

fn bytes_svg(summary: &Summary) -> String {
    let total: u64 = summary.bytes_by_kind.values().sum();
    let mut kinds: Vec<(&String, u64)> = summary
        .bytes_by_kind
        .iter()
        .map(|(kind, &bytes)| (kind, bytes))
        .filter(|&(_, bytes)| bytes > 0)
        .collect();
    kinds.sort_by_key(|&(kind, bytes)| (std::cmp::Reverse(bytes), kind));
    let bar = |&(kind, bytes): &(&String, u64)| {
        let share = bytes as f64 * 100.0 / total as f64;
        let messages = summary.messages_by_kind.get(kind).copied().unwrap_or(0);
        let messages = format::counted(messages, "message");
        Bar {
            name: kind.clone(),
            value: bytes as f64,
            label: format!("{} · {share:.1} % · {messages}", format::bytes(bytes)),
            first_kind: PAYLOAD_KINDS.contains(&kind.as_str()),
        }
    };
    let rows: Vec<Bar> = kinds.iter().map(bar).collect();
    let spoken: Vec<String> =
        rows.iter().map(|row| format!("{}: {}", row.name, row.label)).collect();
    let caption = Caption {
        title: format!("{} sent by all live nodes", format::bytes(total)),
        subtitle: "Application messages with their framing; transport security comes on top"
            .to_owned(),
        description: format!("Bars of the bytes sent by kind of message. {}.", spoken.join("; ")),
    };
    chart::bars("bytes", &caption, ["carries items", "everything else"], &rows)
}

fn cost_line(summary: &Summary) -> String {
    let coverage = summary.coverage.map_or_else(|| UNKNOWN.to_owned(), format::percent);
    let mut facts = vec![format!("coverage {coverage} %")];
    facts.extend(
        summary
            .bytes_per_payload_byte
            .map(|ratio| format!("{} bytes sent per payload byte", format::measured(ratio))),
    );
    match summary.verdict {
        _ if !summary.valid => facts.push("INVALID RUN".to_owned()),
        Verdict::Machine => facts.push("THE MACHINE'S TIME".to_owned()),
        Verdict::Valid | Verdict::Invalid => {}
    }
    facts.join(" · ")
}

fn curve_in_words(summary: &Summary) -> String {
    format!(
        "Share of the live nodes that had an item, over the time since its submission. The median item reached \
         50 % after {} ms, 90 % after {} ms, 99 % after {} ms and all after {} ms.",
        words(summary.t50_ms),
        words(summary.t90_ms),
        words(summary.t99_ms),
        words(summary.t100_ms),
    )
}

/// A time in a sentence.
fn words(time_ms: Option<f64>) -> String {
    time_ms.map_or_else(|| "unknown".to_owned(), format::measured)
}

#[cfg(test)]
mod tests;
