//! Comparisons as text and as a page.

use maud::{Markup, html};
use tidings_tools::show::chart::{self, AxisKind, AxisSpec, Caption, Colour, Whisker};
use tidings_tools::show::format::measured;
use tidings_tools::show::page::{Align, document, figure, section, table};
use tidings_tools::show::table::grid;

use super::matrix::{Estimate, Row};

/// A column: key, name, and by what its figures are multiplied.
type Column = (&'static str, &'static str, f64);

/// The columns, in reading order.
const COLUMNS: [Column; 13] = [
    ("t50_ms", "t50 ms", 1.0),
    ("t99_ms", "t99 ms", 1.0),
    ("coverage", "coverage %", 100.0),
    ("bytes_per_payload_byte", "bytes/payload", 1.0),
    ("redundancy", "redundancy", 1.0),
    ("messages_per_delivery", "msgs/delivery", 1.0),
    ("rounds", "rounds", 1.0),
    ("cpu_us_per_delivery", "cpu µs", 1.0),
    ("last_hops_mean", "last hop", 1.0),
    ("last_hops_max", "last at most", 1.0),
    ("origin_precision_5", "origin@5% %", 100.0),
    ("origin_precision_10", "origin@10% %", 100.0),
    ("origin_precision_20", "origin@20% %", 100.0),
];

/// The columns that any row can tell.
fn columns(rows: &[Row]) -> Vec<Column> {
    let known = |(key, ..): &Column| rows.iter().any(|row| row.get(key).mean.is_some());
    COLUMNS.into_iter().filter(known).collect()
}

fn fields(rows: &[Row], columns: &[Column]) -> Vec<Vec<String>> {
    let field = |row: &Row, (key, _, factor): &Column| estimate(row.get(key), *factor);
    let fields = |row: &Row| {
        let figures = columns.iter().map(|column| field(row, column));
        std::iter::once(row.name.clone()).chain(figures).collect()
    };
    rows.iter().map(fields).collect()
}

/// A mean with its interval, if there is one.
#[must_use]
pub fn estimate(Estimate { mean, ci95 }: Estimate, factor: f64) -> String {
    match (mean, ci95) {
        (None, _) => "-".to_owned(),
        (Some(mean), Some(ci95)) if ci95 > 0.0 => {
            format!("{} ±{}", measured(mean * factor), measured(ci95 * factor))
        }
        (Some(mean), _) => measured(mean * factor),
    }
}

/// The comparison as a table for terminals.
#[must_use]
pub fn text(rows: &[Row]) -> String {
    let columns = columns(rows);
    let names: Vec<&str> =
        ["strategy"].into_iter().chain(columns.iter().map(|column| column.1)).collect();
    grid(&names, &fields(rows, &columns))
}

/// The comparison as a table for pages.
#[must_use]
pub fn html_table(caption: &str, rows: &[Row]) -> Markup {
    let columns = columns(rows);
    let names = columns.iter().map(|column| (column.1, Align::Right));
    let names: Vec<_> = [("strategy", Align::Left)].into_iter().chain(names).collect();
    table(caption, &names, &fields(rows, &columns))
}

/// The comparison as a page. `subtitle` says what was run.
#[must_use]
pub fn page(rows: &[Row], subtitle: &str) -> String {
    let note = "Means over the seeds with 95 % confidence intervals (Student's t). origin@N%: how often the \
                first-spy guess is right when N % of the nodes spy.";
    let figures = [
        ("t99_ms", "Time until 99 % of the nodes have an item", "ms", 1.0),
        ("bytes_per_payload_byte", "Bytes sent per payload byte", "bytes per payload byte", 1.0),
        (
            "origin_precision_10",
            "How often 10 % of spies guess the origin",
            "guesses that are right (%)",
            100.0,
        ),
    ];
    let means = html! { (html_table("Means over the seeds", rows)) p { (note) } };
    let known =
        figures.into_iter().filter(|(key, ..)| rows.iter().any(|row| row.get(key).mean.is_some()));
    let main = html! {
        (section("table", "All figures", &means))
        @for (key, title, axis, factor) in known {
            (section(key, title, &figure(&picture(rows, (key, title, axis, factor), subtitle))))
        }
    };
    document("Tidings comparison", "Strategies side by side", subtitle, &main)
}

fn picture(
    rows: &[Row],
    (key, title, axis, factor): (&str, &str, &str, f64),
    subtitle: &str,
) -> String {
    let whisker = |row: &Row| {
        let Estimate { mean, ci95 } = row.get(key);
        let middle = mean.map_or(f64::NAN, |mean| mean * factor);
        let half_width = ci95.unwrap_or(0.0) * factor;
        Whisker {
            name: row.name.clone(),
            middle,
            ends: (middle - half_width, middle + half_width),
            label: estimate(row.get(key), factor),
            colour: colour(&row.strategy),
        }
    };
    let caption = Caption {
        title: title.to_owned(),
        subtitle: subtitle.to_owned(),
        description: format!("{title}, by strategy, with 95 % confidence intervals."),
    };
    let rows: Vec<Whisker> = rows.iter().map(whisker).collect();
    chart::whiskers(key, &caption, &AxisSpec::new(axis, AxisKind::Linear), &rows)
}

/// Ours is pointed out.
#[must_use]
pub fn colour(strategy: &str) -> Colour {
    match strategy {
        "adaptive" => Colour::Vermilion,
        "inventory" => Colour::Orange,
        "plumtree" | "dog" | "eth68" | "cat" | "gossipsub" | "reconcile" => Colour::Green,
        "push" | "pull" | "push-pull" | "rumor" => Colour::Purple,
        _ => Colour::Blue,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(t99_ms: Option<f64>) -> Row {
        let figures = vec![("t99_ms", Estimate { mean: t99_ms, ci95: Some(2.5) })];
        let (name, strategy) = ("a<b".to_owned(), "flood".to_owned());
        Row { name, strategy, nodes: 5, size: Some(300), fanout: 3, runs: 2, figures }
    }

    #[test]
    fn figures_that_nobody_knows_have_no_column() {
        let text = text(&[row(Some(217.0)), row(None)]);
        assert!(
            text.contains("217 ±2.50") && text.contains(" -") && !text.contains("rounds"),
            "{text}"
        );
    }

    #[test]
    fn names_are_no_markup() {
        let page = page(&[row(Some(217.0))], "500 nodes");
        assert!(page.contains("a&lt;b") && !page.contains("a<b") && page.contains("<svg"));
    }
}
