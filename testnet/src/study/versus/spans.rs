//! A figure over several runs: its median, and the least and the most, which is how noisy the machine was.

use serde::Deserialize;
use serde_json::{Value, json};
use tidings_tools::figures::summary::{SOCKET_BYTES, SOCKET_WRITES, Summary};
use tidings_tools::figures::verdict::Verdict;

/// A figure that is shown: its key, what it is called, and by what it is multiplied.
pub type Figure = (&'static str, &'static str, f64);

/// The figures, in reading order.
pub const FIGURES: [Figure; 13] = [
    ("t50_ms", "t50, ms", 1.0),
    ("t99_ms", "t99, ms", 1.0),
    ("coverage", "coverage, %", 100.0),
    ("redundancy", "extra copies", 1.0),
    ("messages_per_delivery", "messages per delivery", 1.0),
    (SOCKET_WRITES, "socket writes per delivery", 1.0),
    ("bytes_per_payload_byte", "bytes per payload byte", 1.0),
    (SOCKET_BYTES, "the same on the socket", 1.0),
    ("cpu_us_per_delivery_nodes", "CPU per delivery, µs", 1.0),
    ("rss_mib_per_node", "memory (RSS), MiB", 1.0),
    ("connect_s", "connect, s", 1.0),
    ("backlog_s", "backlog, s", 1.0),
    ("machine.cpu_wait_ms", "wait for a core, ms", 1.0),
];

/// One contestant under one set of circumstances.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// Who.
    pub name: String,
    /// Whether it is somebody else's.
    pub is_theirs: bool,
    /// Under which circumstances.
    pub circumstances: String,
    /// What each run came to.
    pub runs: Vec<Summary>,
}

/// A figure over several runs. What no run could tell is `None`; a run that couldn't tell is worse than all others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Span {
    /// The least.
    pub min: Option<f64>,
    /// The one in the middle; of an even number the upper.
    pub median: Option<f64>,
    /// The most.
    pub max: Option<f64>,
}

impl Span {
    fn of(mut values: Vec<Option<f64>>) -> Self {
        values.sort_by(|a, b| a.unwrap_or(f64::INFINITY).total_cmp(&b.unwrap_or(f64::INFINITY)));
        let at = |place: usize| values.get(place).copied().flatten();
        Self { min: at(0), median: at(values.len() / 2), max: values.last().copied().flatten() }
    }
}

impl Row {
    /// A row without runs.
    #[must_use]
    pub fn new(name: &str, is_theirs: bool, circumstances: &str) -> Self {
        let (name, circumstances) = (name.to_owned(), circumstances.to_owned());
        Self { name, is_theirs, circumstances, runs: Vec::new() }
    }

    /// A figure by its key; a dot leads into a section.
    #[must_use]
    pub fn span(&self, key: &str) -> Span {
        let value = |summary: &Summary| {
            let all = summary.to_value();
            key.split('.').try_fold(&all, |at, name| at.get(name)).and_then(Value::as_f64)
        };
        Span::of(self.runs.iter().map(value).collect())
    }

    /// Of how many runs the figures are the network's, the machine's as much, or nobody's.
    #[must_use]
    pub fn verdicts(&self) -> [usize; 3] {
        [Verdict::Valid, Verdict::Machine, Verdict::Invalid]
            .map(|verdict| self.runs.iter().filter(|run| run.verdict == verdict).count())
    }

    /// A median of this row over that of another.
    #[must_use]
    pub fn ratio(&self, other: &Self, key: &str) -> Option<f64> {
        let ratio = self.span(key).median? / other.span(key).median?;
        ratio.is_finite().then_some(ratio)
    }

    /// The row with its runs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let figure = |(key, ..): &Figure| {
            let Span { min, median, max } = self.span(key);
            ((*key).to_owned(), json!({ "min": min, "median": median, "max": max }))
        };
        let figures: serde_json::Map<String, Value> = FIGURES.iter().map(figure).collect();
        let [valid, machine, invalid] = self.verdicts();
        json!({
            "name": self.name,
            "is_theirs": self.is_theirs,
            "circumstances": self.circumstances,
            "figures": figures,
            "verdicts": { "valid": valid, "machine": machine, "invalid": invalid },
            "runs": self.runs.iter().map(Summary::to_value).collect::<Vec<_>>(),
        })
    }
}

/// The rows of several contests as one: runs of the same contestant under the same circumstances come together, and
/// rows of the same circumstances stand together.
#[must_use]
pub fn joined(contests: impl IntoIterator<Item = Vec<Row>>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for row in contests.into_iter().flatten() {
        let is_like = |other: &Row| other.circumstances == row.circumstances;
        let same = rows.iter().position(|other| is_like(other) && other.name == row.name);
        let place = rows.iter().rposition(is_like).map_or(rows.len(), |last| last + 1);
        match same {
            Some(same) => rows[same].runs.extend(row.runs),
            None => rows.insert(place, row),
        }
    }
    rows.retain(|row| !row.runs.is_empty());
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_never_got_there_is_the_worst_of_its_row() {
        let run = |t99_ms| Summary { t99_ms, ..Summary::default() };
        let mut row = Row::new("gossipsub", true, "links none");
        row.runs = vec![run(Some(30.0)), run(None), run(Some(10.0))];
        let expected = Span { min: Some(10.0), median: Some(30.0), max: None };
        assert_eq!(row.span("t99_ms"), expected);
        assert_eq!(row.span("t98_ms"), Span::default());
    }

    #[test]
    fn runs_of_several_contests_stand_together() {
        let run = |t50_ms| Summary { t50_ms: Some(t50_ms), ..Summary::default() };
        let row = |name: &str, links: &str, ms| Row {
            runs: vec![run(ms)],
            ..Row::new(name, false, links)
        };
        let first = [row("fast", "none", 1.0), row("fast", "regions", 2.0)];
        let text = json!(first.iter().map(Row::to_json).collect::<Vec<_>>()).to_string();
        let read: Vec<Row> = serde_json::from_str(&text).unwrap();
        let rows = joined([read, vec![row("fast", "none", 3.0), row("lean", "none", 4.0)]]);
        let seen: Vec<_> =
            rows.iter().map(|row| (&*row.name, &*row.circumstances, row.runs.len())).collect();
        assert_eq!(seen, [("fast", "none", 2), ("lean", "none", 1), ("fast", "regions", 1)]);
        assert_eq!(rows[0].span("t50_ms").max, Some(3.0));
    }

    #[test]
    fn a_ratio_is_that_of_the_medians() {
        let row = |values: &[f64]| Row {
            runs: values
                .iter()
                .map(|ms| Summary { t50_ms: Some(*ms), ..Summary::default() })
                .collect(),
            ..Row::new("a", false, "")
        };
        assert_eq!(row(&[1.0, 5.0, 2.0]).ratio(&row(&[4.0, 3.0, 90.0]), "t50_ms"), Some(0.5));
        assert_eq!(row(&[1.0]).ratio(&row(&[0.0]), "t50_ms"), None);
    }
}
