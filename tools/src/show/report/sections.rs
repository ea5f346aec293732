//! The page's sections, one function each, in the order of the page.

use maud::{Markup, html};

use super::facts::{self, Reception};
use crate::figures::spread::{Spread, milliseconds};
use crate::figures::summary::{Summary, counted_items};
use crate::run::Run;
use crate::show::format::{self, measured, percent};
use crate::show::page::{Align, figure, section, table};
use crate::show::wording::{self, Colour, Figure, UNKNOWN};

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
pub(super) fn verdict(summary: &Summary) -> Markup {
    let (class, mark) = match wording::colour(summary) {
        Colour::Red => ("invalid", "✕"),
        Colour::Amber => ("incomplete", "!"),
        Colour::Green => ("complete", "✓"),
    };
    let reasons = wording::reasons(summary);
    html! {
        section class={ "verdict " (class) } aria-label="Verdict" {
            p.sentence { span aria-hidden="true" { (mark) } " " (wording::verdict(summary)) }
            @if let Some(whose) = wording::whose_time(summary) { p.sentence { span {} " " (whose) } }
            @if !reasons.is_empty() {
                ul { @for reason in reasons { li { (reason) } } }
            }
            @if summary.lost_with_origin > 0 {
                p {
                    (format::counted(summary.lost_with_origin, "item"))
                    " died with the node they were submitted to, before any live node had them. No relay could \
                     have delivered these; they are not part of the figures."
                }
            }
            @if summary.killed_nodes > 0 {
                p {
                    (format::grouped(summary.killed_nodes)) " of " (format::grouped(summary.nodes))
                    " nodes were not alive at the end. All figures are about the others."
                }
            }
        }
    }
}

/// The figures that people ask for first.
pub(super) fn headline(summary: &Summary) -> Markup {
    let groups = wording::groups(summary);
    let cards = HEADLINE.into_iter().filter_map(|key| wording::find(&groups, key));
    let content = html! {
        dl.cards {
            @for Figure { label, value, unit, meaning, .. } in cards {
                div {
                    dt { (label) }
                    dd {
                        strong { (value) } " "
                        @if value != UNKNOWN { (unit) }
                        small { (meaning) }
                    }
                }
            }
        }
    };
    section("headline", "Headline figures", &content)
}

/// A picture.
pub(super) fn picture(heading: &str, svg: &str) -> Markup {
    let id = heading.split(' ').next().unwrap_or(heading).to_lowercase() + "-section";
    section(&id, heading, &figure(svg))
}

/// How each region fared, if there are regions.
pub(super) fn regions(run: &Run, spread: &Spread) -> Markup {
    let items = counted_items(run, spread).len();
    let regions = facts::by_region(run, spread, items);
    if regions.is_empty() {
        return html! {};
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
pub(super) fn slowest_items(run: &Run, spread: &Spread) -> Markup {
    let items = facts::slowest_items(spread, counted_items(run, spread));
    if items.is_empty() {
        return html! {};
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
            number_or_unknown(last.map(|last| milliseconds(last.latency_us))),
            last.map_or_else(|| UNKNOWN.to_owned(), |last| node_name(run, last.node)),
        ]
    };
    let rows: Vec<_> = items.iter().take(SLOWEST).map(row).collect();
    let caption = "The items that reached fewest live nodes, then those that took longest";
    section("items", "Slowest items", &table(caption, &columns, &rows))
}

/// The nodes that waited longest.
pub(super) fn slowest_nodes(run: &Run, spread: &Spread) -> Markup {
    let nodes = facts::by_node(run, spread, counted_items(run, spread).len());
    if nodes.is_empty() {
        return html! {};
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
pub(super) fn all_figures(summary: &Summary) -> Markup {
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
pub(super) fn manifest(run: &Run) -> Markup {
    let content = html! {
        details {
            summary { "All settings of the run, resolved (manifest.toml)" }
            pre tabindex="0" { code { (run.manifest.text()) } }
        }
    };
    section("manifest", "Manifest", &content)
}

/// How to see more.
pub(super) fn viewer() -> Markup {
    let content = html! {
        p {
            "In the folder of this run, " code { "tidings-testnet view ." } " shows it in a browser, moment by moment: who had what when, \
             what passed between nodes, and why an item was late. With two to six folders it shows the runs side by side."
        }
    };
    section("viewer", "See it over time", &content)
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
