//! The page for people: `node/METRICS.md`, made of the table.

use std::fmt::Write as _;

use crate::measured::histogram::BOUNDS;
use crate::measured::table::{Kind, SECTIONS};

const HEAD: &str = "\
# Metrics

Made of the code by `TIDINGS_RENEW_PAGES=1 cargo test -p tidings --lib pages`; a test compares. A node shows them at `/metrics` where
`metrics.listen` says, in Prometheus' text format (0.0.4), always in this order. [OPERATING.md](../OPERATING.md#metrics) tells how they are
fetched, and what to do about an alert.

Counters begin with 0 when the process starts. No label has a value of a peer's choice, and each has a few dozen values at most.
";

/// The page.
#[must_use]
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    let bounds: Vec<String> = BOUNDS.iter().map(f64::to_string).collect();
    let bounds = bounds.join(", ");
    let _ = writeln!(text, "\nThe bounds of all histograms (`le`, seconds): {bounds}.");
    for section in SECTIONS {
        let _ = write!(
            text,
            "\n## {}\n\n| metric | type | labels | unit | meaning |\n|---|---|---|---|---|\n",
            section.title
        );
        for family in section.families {
            let labels: Vec<String> =
                family.labels.iter().map(|label| format!("`{label}`")).collect();
            let labels = if family.kind == Kind::Histogram {
                [labels, vec!["`le`".to_owned()]].concat().join(", ")
            } else {
                labels.join(", ")
            };
            let (name, kind, unit) = (family.name, family.kind.name(), family.unit.name());
            let _ = writeln!(text, "| `{name}` | {kind} | {labels} | {unit} | {} |", family.help);
        }
    }
    text
}
