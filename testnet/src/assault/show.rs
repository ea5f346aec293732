//! Rows for people and for programs.

use std::fmt::Write as _;

use tidings_attacker::modes;
use tidings_tools::show::table::grid;

use super::row::{Row, Stage};

/// Columns of the table.
const COLUMNS: [&str; 14] = [
    "attack",
    "RSS MB",
    "CPU s",
    "by CPU",
    "out/in",
    "fds",
    "p50 ms",
    "p99 ms",
    "before",
    "links",
    "missing",
    "newcomer s",
    "log KB/min",
    "holds",
];

/// The attacks: what each does, and what must hold.
#[must_use]
pub fn list() -> String {
    let mut text = String::new();
    for mode in modes::all() {
        let (name, does, holds) = (mode.name, mode.does, mode.holds);
        let _ = writeln!(text, "{name:20} {does}\n{:20} → {holds}", "");
    }
    text
}

/// The rows as JSON.
#[must_use]
pub fn json(rows: &[Row]) -> String {
    serde_json::to_string_pretty(rows).unwrap_or_default() + "\n"
}

/// The rows as a table, and below it what was broken.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let fields: Vec<Vec<String>> = rows.iter().map(fields).collect();
    let mut text = grid(&COLUMNS, &fields);
    for row in rows.iter().filter(|row| row.strangers_per_s.is_some()) {
        text += &stages(row);
    }
    for row in rows {
        for broken in &row.broken {
            let _ = writeln!(text, "{}: {broken}", row.name);
        }
    }
    text
}

/// The victim of strangers who came at a steady rate: how many, whom it let in, and what it used meanwhile.
fn stages(row: &Row) -> String {
    let (came, full) = (row.strangers_per_s.unwrap_or(0.0), row.inbound_before);
    let mut text = format!(
        "{}: {came:.0} strangers a second at {full} inbound links; newcomers that came in: {}\n",
        row.name, row.newcomers
    );
    for Stage { name, seconds, cpu_s, rss_bytes, pss_bytes } in &row.stages {
        let mb = |bytes: u64| bytes as f64 / 1e6;
        let _ = writeln!(
            text,
            "    {name:6} {seconds:5.1} s: CPU {cpu_s:6.2} s, RSS {:5.1} MB, PSS {:5.1} MB",
            mb(*rss_bytes),
            mb(*pss_bytes)
        );
    }
    text
}

fn fields(row: &Row) -> Vec<String> {
    let some = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
    };
    vec![
        short_name(row),
        some(Some(row.rss_above_idle as f64 / 1e6), 1),
        some(Some(row.victim_cpu_s), 2),
        some(row.cpu_ratio(), 2),
        some(row.amplification(), 2),
        row.descriptors.to_string(),
        some(row.p50_ms, 0),
        some(row.p99_ms, 0),
        some(row.p99_before_ms, 0),
        format!("{}/{}", row.links - row.links_lost.min(row.links), row.links),
        format!("{}/{}", row.missing, row.submitted),
        some(row.newcomer_s, 2),
        some(Some(row.log_bytes_per_min / 1e3), 1),
        if row.broken.is_empty() { "yes".to_owned() } else { "NO".to_owned() },
    ]
}

/// The name; of many attacks at once the first one's.
fn short_name(row: &Row) -> String {
    match row.name.split_once('+') {
        Some((first, _)) => format!("{first} and {} more", row.modes - 1),
        None => row.name.clone(),
    }
}

/// A row in a line, for whoever waits.
#[must_use]
pub fn sentence(row: &Row) -> String {
    let p99 = row.p99_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0} ms"));
    let (kept, links) = (row.links - row.links_lost.min(row.links), row.links);
    let mut text = format!(
        "{:.0} MB, p99 {p99}, {kept} of {links} links kept",
        row.rss_above_idle as f64 / 1e6
    );
    if row.pool_spread == Some(0) {
        text += ", pools equal";
    }
    for broken in &row.broken {
        let _ = write!(text, "; {broken}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_row_for_each_and_says_what_is_broken() {
        let good = Row { name: "churn".into(), ..Row::default() };
        let broken = vec!["honest p99 900 ms, bound 250".to_owned()];
        let bad = Row { name: "digests".into(), p99_ms: Some(900.0), broken, ..Row::default() };
        let text = table(&[good.clone(), bad.clone()]);
        assert!(text.contains("digests: honest p99 900 ms, bound 250"), "{text}");
        assert!(text.lines().any(|line| line.contains("churn") && line.contains("yes")), "{text}");
        let told = sentence(&bad);
        assert!(told.ends_with("p99 900 ms, 0 of 0 links kept; honest p99 900 ms, bound 250"));
        let fair = Row { links: 15, links_lost: 1, pool_spread: Some(0), ..Row::default() };
        assert!(sentence(&fair).ends_with(", 14 of 15 links kept, pools equal"));
        let many = Row { name: "churn+digests+pings".into(), modes: 3, ..good.clone() };
        assert!(table(&[many]).contains("churn and 2 more "));
        let stage = Stage { name: "during", seconds: 60.0, cpu_s: 1.5, ..Stage::default() };
        let full = Row { strangers_per_s: Some(200.0), stages: vec![stage], ..good.clone() };
        assert!(table(&[full]).contains("during  60.0 s: CPU   1.50 s, RSS   0.0 MB"));
        assert!(json(&[good, bad]).contains("\"broken\": []"));
    }

    #[test]
    fn every_attack_is_listed_with_what_must_hold() {
        let text = list();
        for mode in modes::all() {
            assert!(text.contains(mode.name) && text.contains(mode.holds), "{}", mode.name);
        }
    }
}
