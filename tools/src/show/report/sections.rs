//! The page's sections, one function each, in the order of the page.

use super::facts::{self, Reception};
use super::html::{Align, escape, paragraph, section, table};
use crate::figures::spread::Spread;
use crate::figures::summary::{Summary, counted_items};
use crate::run::Run;
use crate::show::format::{self, measured, percent};
use crate::show::wording::{self, Figure, UNKNOWN};

/// How many of the slowest items and nodes are listed.
const SLOWEST: usize = 10;

/// The figures in the cards at the top.
const HEADLINE: [&str; 8] = [
    "coverage",
    "t50_ms",
    "t90_ms",
    "t99_ms",
    "redundancy",
    "bytes_per_payload_byte",
    "cpu_us_per_delivery",
    "rss_mib_per_node",
];

/// What the run proved; if it proved nothing, why.
pub(super) fn verdict(summary: &Summary) -> String {
    let (class, mark) = match (summary.valid, summary.complete()) {
        (false, _) => ("invalid", "✕"),
        (true, false) => ("incomplete", "!"),
        (true, true) => ("complete", "✓"),
    };
    let mut reasons = String::new();
    for reason in &summary.inputs.invalid_reasons {
        reasons.push_str(&format!("<li>{}</li>\n", escape(reason)));
    }
    if !reasons.is_empty() {
        reasons = format!("<ul>\n{reasons}</ul>\n");
    }
    let mut remarks = String::new();
    if summary.lost_with_origin > 0 {
        let lost = format::counted(summary.lost_with_origin, "item");
        remarks.push_str(&paragraph(&format!(
            "{lost} died with the node they were submitted to, before any live node had them. No relay could have \
             delivered these; they are not part of the figures."
        )));
    }
    if summary.killed_nodes > 0 {
        remarks.push_str(&paragraph(&format!(
            "{} of {} nodes were not alive at the end. All figures are about the others.",
            format::grouped(summary.killed_nodes),
            format::grouped(summary.nodes),
        )));
    }
    format!(
        "<section class=\"verdict {class}\" aria-label=\"Verdict\">\n\
         <p class=\"sentence\"><span aria-hidden=\"true\">{mark}</span> {}</p>\n{reasons}{remarks}</section>\n",
        escape(&wording::verdict(summary)),
    )
}

/// The figures that people ask for first.
pub(super) fn headline(summary: &Summary) -> String {
    let groups = wording::groups(summary);
    let card = |key: &str| {
        let Figure { label, value, unit, meaning, .. } = wording::find(&groups, key)?;
        let unit = if value == UNKNOWN { "" } else { unit };
        Some(format!(
            "<div><dt>{}</dt><dd><strong>{}</strong> {}<small>{}</small></dd></div>\n",
            escape(label),
            escape(&value),
            escape(unit),
            escape(meaning),
        ))
    };
    let cards: String = HEADLINE.into_iter().filter_map(card).collect();
    section("headline", "Headline figures", &format!("<dl class=\"cards\">\n{cards}</dl>\n"))
}

/// A picture, which is markup already.
pub(super) fn picture(heading: &str, svg: &str) -> String {
    let id = heading.split(' ').next().unwrap_or(heading).to_lowercase() + "-section";
    section(&id, heading, &format!("<figure>\n{svg}</figure>\n"))
}

/// How each region fared, if there are regions.
pub(super) fn regions(run: &Run, spread: &Spread) -> String {
    let items = counted_items(run, spread).len();
    let regions = facts::by_region(run, spread, items);
    if regions.is_empty() {
        return String::new();
    }
    let columns = [
        ("Region", Align::Left),
        ("Live nodes", Align::Right),
        ("Coverage, %", Align::Right),
        ("Half within, ms", Align::Right),
        ("90 % within, ms", Align::Right),
        ("99 % within, ms", Align::Right),
        ("Last, ms", Align::Right),
    ];
    let row = |region: &Reception| {
        let mut row = vec![
            region.name.clone(),
            format::grouped(region.nodes as u64),
            percent(region.coverage),
        ];
        row.extend(quantiles(region, &[0.5, 0.9, 0.99, 1.0]));
        row
    };
    let rows: Vec<_> = regions.iter().map(row).collect();
    section(
        "regions",
        "By region",
        &table("Latency of deliveries to nodes of a region", &columns, &rows),
    )
}

/// The items that took longest.
pub(super) fn slowest_items(run: &Run, spread: &Spread) -> String {
    let items = facts::slowest_items(spread, counted_items(run, spread));
    if items.is_empty() {
        return String::new();
    }
    let columns = [
        ("Item", Align::Left),
        ("Kind", Align::Left),
        ("Id", Align::Left),
        ("Bytes", Align::Right),
        ("Origin", Align::Left),
        ("Reached, %", Align::Right),
        ("t50, ms", Align::Right),
        ("t99, ms", Align::Right),
        ("Last, ms", Align::Right),
        ("Last node", Align::Left),
    ];
    let row = |&number: &usize| {
        let item = &run.items[number];
        let arrivals = spread.arrivals_of(number);
        let last = arrivals.last();
        let reached = arrivals.len() as f64 / spread.live_nodes().max(1) as f64;
        vec![
            number.to_string(),
            item.kind.name().to_owned(),
            item.id.chars().take(8).chain(['…']).collect(),
            format::grouped(item.bytes),
            node_name(run, item.origin),
            percent(reached),
            number_or_unknown(spread.time_to_share_ms(number, 0.5)),
            number_or_unknown(spread.time_to_share_ms(number, 0.99)),
            number_or_unknown(
                last.map(|last| crate::figures::spread::milliseconds(last.latency_us)),
            ),
            last.map_or_else(|| UNKNOWN.to_owned(), |last| node_name(run, last.node)),
        ]
    };
    let rows: Vec<_> = items.iter().take(SLOWEST).map(row).collect();
    let caption = "The items that reached fewest live nodes, then those that took longest";
    section("items", "Slowest items", &table(caption, &columns, &rows))
}

/// The nodes that waited longest.
pub(super) fn slowest_nodes(run: &Run, spread: &Spread) -> String {
    let nodes = facts::by_node(run, spread, counted_items(run, spread).len());
    if nodes.is_empty() {
        return String::new();
    }
    let columns = [
        ("Node", Align::Left),
        ("Region", Align::Left),
        ("Type", Align::Left),
        ("Links out", Align::Right),
        ("Links in", Align::Right),
        ("Coverage, %", Align::Right),
        ("Half within, ms", Align::Right),
        ("99 % within, ms", Align::Right),
        ("Last, ms", Align::Right),
    ];
    let row = |(number, reception): &(usize, Reception)| {
        let node = &run.nodes[*number];
        let mut row = vec![
            reception.name.clone(),
            or_unknown(&node.region),
            or_unknown(&node.node_type),
            node.outbound.to_string(),
            node.inbound.to_string(),
            percent(reception.coverage),
        ];
        row.extend(quantiles(reception, &[0.5, 0.99, 1.0]));
        row
    };
    let rows: Vec<_> = nodes.iter().take(SLOWEST).map(row).collect();
    let caption = "The live nodes that lack most items, then those that waited longest";
    section("nodes", "Slowest nodes", &table(caption, &columns, &rows))
}

/// Every figure with its meaning.
pub(super) fn all_figures(summary: &Summary) -> String {
    let columns = [
        ("Figure", Align::Left),
        ("Value", Align::Right),
        ("Unit", Align::Left),
        ("Meaning", Align::Left),
        ("Key", Align::Left),
    ];
    let rows: Vec<_> = wording::groups(summary)
        .into_iter()
        .flat_map(|group| group.figures)
        .map(|Figure { key, label, value, unit, meaning }| {
            vec![label.to_owned(), value, unit.to_owned(), meaning.to_owned(), key.to_owned()]
        })
        .collect();
    let caption = "All figures, with their keys in summary.json";
    section("figures", "All figures", &table(caption, &columns, &rows))
}

/// The settings, folded away.
pub(super) fn manifest(run: &Run) -> String {
    let text = escape(run.manifest.text());
    let content = format!(
        "<details>\n<summary>All settings of the run, resolved (manifest.toml)</summary>\n\
         <pre tabindex=\"0\"><code>{text}</code></pre>\n</details>\n"
    );
    section("manifest", "Manifest", &content)
}

fn quantiles(reception: &Reception, shares: &[f64]) -> Vec<String> {
    let quantile = |&share: &f64| number_or_unknown(reception.latencies.quantile(share));
    shares.iter().map(quantile).collect()
}

/// A node with its region.
fn node_name(run: &Run, node: u32) -> String {
    match run.nodes[node as usize].region.as_str() {
        "" => format!("n{node:04}"),
        region => format!("n{node:04} {region}"),
    }
}

fn number_or_unknown(number: Option<f64>) -> String {
    number.map_or_else(|| UNKNOWN.to_owned(), measured)
}

fn or_unknown(text: &str) -> String {
    if text.is_empty() { UNKNOWN.to_owned() } else { text.to_owned() }
}
