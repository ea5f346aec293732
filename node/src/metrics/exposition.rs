//! What stands behind `metrics`: the latest value of each metric, and all of them as Prometheus's text (version
//! 0.0.4 of its exposition format).
//!
//! It is this small because so little is needed: counters and gauges that somebody sets once a scrape, and one
//! label. Exporters bring summaries, which need sketches, clocks and random numbers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::atomics::AtomicU64;
use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit,
};

/// How [`Exposition::text`] is to be announced.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics. Its clones are the same. It has as many as its users name, who are to name few: it forgets none.
#[derive(Clone, Debug, Default)]
pub(super) struct Exposition(Arc<Mutex<BTreeMap<String, Family>>>);

/// All samples of one name.
#[derive(Debug)]
struct Family {
    kind: Kind,
    help: String,
    /// By their labels, as the text has them.
    samples: BTreeMap<String, Arc<AtomicU64>>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Counter,
    Gauge,
}

impl Exposition {
    /// All metrics as text.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // What was only described has nothing to show yet.
        let families = self.families();
        for (name, family) in families.iter().filter(|(_, family)| !family.samples.is_empty()) {
            let (help, kind) = (escaped(&family.help), family.kind.name());
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            for (labels, sample) in &family.samples {
                let bits = sample.load(Ordering::Relaxed);
                let _ = match family.kind {
                    Kind::Counter => writeln!(text, "{name}{labels} {bits}"),
                    Kind::Gauge => writeln!(text, "{name}{labels} {}", f64::from_bits(bits)),
                };
            }
        }
        text
    }

    fn families(&self) -> MutexGuard<'_, BTreeMap<String, Family>> {
        // A panic can't leave them half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn describe(&self, name: &KeyName, kind: Kind, help: &SharedString) {
        let mut families = self.families();
        let new = || Family { kind, help: String::new(), samples: BTreeMap::new() };
        let family = families.entry(name.as_str().to_owned()).or_insert_with(new);
        family.help = help.to_string();
    }

    fn sample(&self, key: &Key, kind: Kind) -> Arc<AtomicU64> {
        let mut families = self.families();
        let new = || Family { kind, help: String::new(), samples: BTreeMap::new() };
        let family = families.entry(key.name().to_owned()).or_insert_with(new);
        Arc::clone(family.samples.entry(labels(key.labels())).or_default())
    }
}

impl Recorder for Exposition {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&name, Kind::Counter, &help);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&name, Kind::Gauge, &help);
    }

    /// There are no histograms.
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.sample(key, Kind::Counter))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.sample(key, Kind::Gauge))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// Labels as the text has them; nothing if there are none.
fn labels<'a>(labels: impl Iterator<Item = &'a Label>) -> String {
    let pair = |label: &Label| format!("{}=\"{}\"", label.key(), quoted(label.value()));
    let pairs: Vec<String> = labels.map(pair).collect();
    if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

fn quoted(text: &str) -> String {
    escaped(text).replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use metrics::{counter, describe_counter, describe_gauge, gauge, with_local_recorder};

    use super::*;

    #[test]
    fn the_latest_values_stand_under_help_and_type() {
        let exposition = Exposition::default();
        with_local_recorder(&exposition, || {
            describe_gauge!("b_seconds", Unit::Seconds, "How long.");
            describe_counter!("a_total", "What \\ is\ncounted.");
            counter!("a_total", "kind" => "x\"y").absolute(3);
            counter!("a_total", "kind" => "x\"y").absolute(7);
            counter!("a_total", "kind" => "tx").absolute(1);
            gauge!("b_seconds").set(2.5);
            gauge!("b_seconds").set(0.25);
        });
        let expected = "\
# HELP a_total What \\\\ is\\ncounted.
# TYPE a_total counter
a_total{kind=\"tx\"} 1
a_total{kind=\"x\\\"y\"} 7
# HELP b_seconds How long.
# TYPE b_seconds gauge
b_seconds 0.25
";
        assert_eq!(exposition.text(), expected);
    }
}
