//! The contest as a table and as a page.

use maud::html;
use tidings_tools::show::chart::{self, AxisKind, AxisSpec, Caption, Colour, Whisker};
use tidings_tools::show::format::{measured, percent};
use tidings_tools::show::page::{Align, document, figure, section, table};
use tidings_tools::show::table::grid;

use super::spans::{FIGURES, Figure, Row, Span};

/// Figures in which ours are set against theirs, and what they are called there.
const SET_AGAINST: [(&str, &str); 5] = [
    ("cpu_us_per_delivery_nodes", "CPU"),
    ("bytes_per_payload_byte", "bytes"),
    ("socket_bytes_per_payload_byte", "on the socket"),
    ("messages_per_delivery", "messages"),
    ("t99_ms", "t99"),
];

/// Figures that are drawn, and their axes.
const DRAWN: [(&str, &str, &str); 3] = [
    ("t99_ms", "Time until 99 % of the nodes have an item", "ms"),
    (
        "socket_bytes_per_payload_byte",
        "Bytes on the socket per payload byte",
        "bytes per payload byte",
    ),
    ("cpu_us_per_delivery_nodes", "CPU time of all nodes per delivery", "µs"),
];

/// What the figures are.
const NOTE: &str = "Medians over the runs, with the least and the most in brackets: how far apart they lie is the \
                    machine's noise. A dash is never, or unknown. CPU is the nodes' own, without the launcher's.";

/// Rows of the same circumstances, in their order.
fn groups(rows: &[Row]) -> Vec<&[Row]> {
    rows.chunk_by(|a, b| a.circumstances == b.circumstances).collect()
}

/// All of it for terminals.
#[must_use]
pub fn text(rows: &[Row]) -> String {
    let group = |rows: &[Row]| {
        let circumstances = rows.first().map_or("", |row| row.circumstances.as_str());
        let names: Vec<&str> = std::iter::once(circumstances)
            .chain(rows.iter().map(|row| row.name.as_str()))
            .collect();
        format!("{}\n{}\n", grid(&names, &fields(rows)), set_against(rows).join("\n"))
    };
    let groups: Vec<String> = groups(rows).into_iter().map(group).collect();
    format!("{}\n{NOTE}\n", groups.join("\n\n"))
}

/// A line for each figure, a column for each contestant; then how many runs were the network's.
fn fields(rows: &[Row]) -> Vec<Vec<String>> {
    let line = |(key, name, factor): &Figure| {
        let field = |row: &Row| span(key, row.span(key), *factor);
        std::iter::once((*name).to_owned()).chain(rows.iter().map(field)).collect()
    };
    let mut lines: Vec<Vec<String>> = FIGURES.iter().map(line).collect();
    let verdicts = |row: &Row| row.verdicts().map(|count| count.to_string()).join(" · ");
    let verdicts = rows.iter().map(verdicts);
    lines.push(std::iter::once("valid · machine's · invalid".to_owned()).chain(verdicts).collect());
    lines
}

/// A median, and in brackets the least and the most.
fn span(key: &str, Span { min, median, max }: Span, factor: f64) -> String {
    let number = |value: Option<f64>| match value {
        Some(share) if key == "coverage" => percent(share),
        Some(value) => measured(value * factor),
        None => "-".to_owned(),
    };
    match median {
        None if min.is_none() => "-".to_owned(),
        _ if min == max => number(median),
        _ => format!("{} ({} to {})", number(median), number(min), number(max)),
    }
}

/// Ours against theirs, in sentences.
#[must_use]
pub fn set_against(rows: &[Row]) -> Vec<String> {
    let (theirs, ours): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.is_theirs);
    let pairs = ours.iter().flat_map(|ours| theirs.iter().map(move |theirs| (ours, theirs)));
    let sentence = |(ours, theirs): (&&Row, &&Row)| {
        let part = |(key, name): &(&str, &str)| {
            Some(format!("{name} {} times", measured(ours.ratio(theirs, key)?)))
        };
        let parts: Vec<String> = SET_AGAINST.iter().filter_map(part).collect();
        format!("{} against {}: {}", ours.name, theirs.name, parts.join(", "))
    };
    pairs.map(sentence).collect()
}

/// All of it as a page. `subtitle` says what was run.
#[must_use]
pub fn page(rows: &[Row], subtitle: &str) -> String {
    let group = |(number, rows): (usize, &[Row])| {
        let circumstances = rows.first().map_or("", |row| row.circumstances.as_str());
        let names = rows.iter().map(|row| (row.name.as_str(), Align::Right));
        let columns: Vec<_> = std::iter::once(("figure", Align::Left)).chain(names).collect();
        let content = html! {
            (table(circumstances, &columns, &fields(rows)))
            @for sentence in set_against(rows) { p { (sentence) } }
            @for drawn in DRAWN { (figure(&picture(number, rows, drawn))) }
        };
        section(&format!("round-{number}"), circumstances, &content)
    };
    let main = html! {
        p { (NOTE) }
        @for round in groups(rows).into_iter().enumerate() { (group(round)) }
    };
    document("Tidings comparison", "Ours and theirs on the same machine", subtitle, &main)
}

fn picture(number: usize, rows: &[Row], (key, title, axis): (&str, &str, &str)) -> String {
    let whisker = |row: &Row| {
        let all = row.span(key);
        let median = all.median.unwrap_or(f64::NAN);
        Whisker {
            name: row.name.clone(),
            middle: median,
            ends: (all.min.unwrap_or(median), all.max.unwrap_or(median)),
            label: span(key, all, 1.0),
            colour: if row.is_theirs { Colour::Blue } else { Colour::Vermilion },
        }
    };
    let caption = Caption {
        title: title.to_owned(),
        subtitle: rows.first().map_or_else(String::new, |row| row.circumstances.clone()),
        description: set_against(rows).join("; "),
    };
    let rows: Vec<Whisker> = rows.iter().map(whisker).collect();
    let name = format!("{key}-{number}");
    chart::whiskers(&name, &caption, &AxisSpec::new(axis, AxisKind::Linear), &rows)
}

#[cfg(test)]
mod tests {
    use tidings_tools::figures::summary::Summary;

    use super::*;

    fn row(name: &str, is_theirs: bool, t99_ms: &[f64]) -> Row {
        let run =
            |ms: &f64| Summary { t99_ms: Some(*ms), coverage: Some(0.5), ..Summary::default() };
        Row { runs: t99_ms.iter().map(run).collect(), ..Row::new(name, is_theirs, "links none") }
    }

    #[test]
    fn every_figure_stands_with_the_machines_noise_and_ours_against_theirs() {
        let rows = [row("fast", false, &[10.0, 12.0, 11.0]), row("gossip<sub", true, &[22.0])];
        let text = text(&rows);
        assert!(text.contains("11.0 (10.0 to 12.0)") && text.contains("22.0"), "{text}");
        assert!(text.contains("fast against gossip<sub: t99 0.500 times"), "{text}");
        let page = page(&rows, "3 nodes");
        assert!(page.contains("gossip&lt;sub") && page.contains("<svg"), "{page}");
    }

    #[test]
    fn circumstances_have_a_table_each() {
        let mut rows = vec![row("fast", false, &[1.0]), row("fast", false, &[1.0])];
        rows[1].circumstances = "links regions".to_owned();
        assert_eq!(groups(&rows).len(), 2);
        assert!(text(&rows).contains("links regions"));
    }
}
