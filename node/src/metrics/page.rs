//! What Prometheus fetches: all samples as text (version 0.0.4 of its exposition format), in the order of the table.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use super::table::{Family, Kind, families};
use crate::measured::Histogram;

/// How [`Page::text`] is to be announced.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Labels with their values.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

/// One scrape.
#[derive(Debug)]
pub(super) struct Page {
    /// The lines of each metric.
    families: Vec<(&'static Family, String)>,
}

impl Page {
    /// Nothing is shown yet.
    pub(super) fn new() -> Self {
        Self { families: families().map(|family| (family, String::new())).collect() }
    }

    /// Shows a value. Labels must be those of the table, in its order; what isn't in the table isn't shown, and tests see to it that there is
    /// no such thing.
    pub(super) fn show(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        let Some(lines) = self.lines(name, labels, false) else { return };
        let _ = writeln!(lines, "{name}{} {value}", Shown(labels, None));
    }

    /// Shows how long something took, all in all.
    pub(super) fn show_times(&mut self, name: &str, labels: Labels<'_>, times: &Histogram) {
        let Some(lines) = self.lines(name, labels, true) else { return };
        for (bound, count) in times.buckets() {
            let _ = writeln!(lines, "{name}_bucket{} {count}", Shown(labels, Some(Some(bound))));
        }
        let (count, sum) = (times.count(), times.sum().as_secs_f64());
        let _ = writeln!(lines, "{name}_bucket{} {count}", Shown(labels, Some(None)));
        let labels = Shown(labels, None);
        let _ = writeln!(lines, "{name}_sum{labels} {sum}\n{name}_count{labels} {count}");
    }

    fn lines(&mut self, name: &str, labels: Labels<'_>, times: bool) -> Option<&mut String> {
        let found = self.families.iter_mut().find(|(family, _)| family.name == name);
        let found = found.filter(|(family, _)| {
            labels.iter().map(|(label, _)| *label).eq(family.labels.iter().copied())
                && (family.kind == Kind::Histogram) == times
        });
        debug_assert!(found.is_some(), "{name} with {labels:?} is not in the table");
        found.map(|(_, lines)| lines)
    }

    /// All of it. What has no value now isn't there.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (Family { name, kind, help, .. }, lines) in &self.families {
            if !lines.is_empty() {
                let kind = kind.name();
                let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{lines}");
            }
        }
        text
    }
}

/// Labels as the text has them, with the bound of a bucket if there is one (`Some(None)`: none is too long).
struct Shown<'a>(Labels<'a>, Option<Option<Duration>>);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(labels, bound) = self;
        let mut before = '{';
        for (label, value) in *labels {
            write!(f, "{before}{label}=\"{}\"", escaped(value))?;
            before = ',';
        }
        match bound {
            Some(Some(bound)) => write!(f, "{before}le=\"{}\"", bound.as_secs_f64())?,
            Some(None) => write!(f, "{before}le=\"+Inf\"")?,
            None if labels.is_empty() => return Ok(()),
            None => {}
        }
        f.write_str("}")
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_under_help_and_type_in_the_order_of_the_table() {
        let mut page = Page::new();
        page.show("tidings_links", &[("direction", "inbound")], 3);
        page.show("tidings_links", &[("direction", "out\"bo\nund\\")], 1);
        page.show("process_cpu_seconds_total", &[], 0.25);
        let expected = "\
# HELP process_cpu_seconds_total CPU time used, user and system.
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 0.25
# HELP tidings_links Links that are up, by who dialled.
# TYPE tidings_links gauge
tidings_links{direction=\"inbound\"} 3
tidings_links{direction=\"out\\\"bo\\nund\\\\\"} 1
";
        assert_eq!(page.text(), expected);
    }

    #[test]
    fn times_are_shown_by_bounds_as_their_sum_and_their_number() {
        let (mut page, mut times) = (Page::new(), Histogram::default());
        times.observe(Duration::from_millis(3));
        times.observe(Duration::from_secs(40));
        page.show_times("tidings_commit_seconds", &[("store", "items")], &times);
        page.show_times("tidings_turn_seconds", &[], &Histogram::default());
        let text = page.text();
        for line in [
            "tidings_commit_seconds_bucket{store=\"items\",le=\"0.0025\"} 0\n",
            "tidings_commit_seconds_bucket{store=\"items\",le=\"0.005\"} 1\n",
            "tidings_commit_seconds_bucket{store=\"items\",le=\"30\"} 1\n",
            "tidings_commit_seconds_bucket{store=\"items\",le=\"+Inf\"} 2\n",
            "tidings_commit_seconds_sum{store=\"items\"} 40.003\n",
            "tidings_commit_seconds_count{store=\"items\"} 2\n",
            "tidings_turn_seconds_bucket{le=\"0.00025\"} 0\n",
            "tidings_turn_seconds_sum 0\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }

    #[test]
    #[should_panic(expected = "not in the table")]
    fn what_is_not_in_the_table_is_a_fault() {
        Page::new().show("tidings_links", &[("kind", "tx")], 1);
    }
}
