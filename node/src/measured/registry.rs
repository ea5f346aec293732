//! What stands behind the crate `metrics` in one node: a [`Recorder`] with all values, and its text for Prometheus (version 0.0.4 of its
//! exposition format), in the order of the table.
//!
//! Whoever counts or measures takes a handle once, under [`metrics::with_local_recorder`], and keeps it: from then on an event is an atomic addition.
//! It is never the recorder of the process, which may have many nodes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::atomics::AtomicU64;
use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit,
};

use super::histogram::Buckets;
use super::table::{Family, Kind, families};

/// All values of a node. Its clones are the same. It has as many as its users name, who are to name few: it forgets none.
#[derive(Clone, Debug, Default)]
pub struct Registry(Arc<Mutex<Samples>>);

/// By the place in the table, and by the labels as the text has them.
type Samples = BTreeMap<(usize, String), Sample>;

/// One value, which handles share.
#[derive(Clone, Debug)]
enum Sample {
    Counter(Arc<AtomicU64>),
    /// The bits of a float.
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Buckets>),
}

impl Registry {
    /// A registry for one scrape: what is counted here is seen there, too, and what is set there isn't seen here. So what has no value any
    /// more is gone at the next scrape, and two scrapes at once don't disturb each other.
    pub(crate) fn for_scrape(&self) -> Self {
        Self(Arc::new(Mutex::new(self.samples().clone())))
    }

    /// All values as text. What has none isn't there.
    pub(crate) fn text(&self) -> String {
        let (mut text, samples) = (String::new(), self.samples());
        for (place, Family { name, kind, help, .. }) in families().enumerate() {
            let range = (place, String::new())..(place + 1, String::new());
            let mut samples = samples.range(range).peekable();
            if samples.peek().is_some() {
                let kind = kind.name();
                let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            }
            samples.for_each(|((_, labels), sample)| sample.show(name, labels, &mut text));
        }
        text
    }

    fn samples(&self) -> MutexGuard<'_, Samples> {
        // A panic can't leave them half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of a key, `new` if there was none. Labels must be those of the table, in its order; what isn't in the table isn't recorded, and tests
    /// see to it that there is no such thing.
    fn sample(&self, key: &Key, new: Sample) -> Option<Sample> {
        let place = families().position(|family| {
            family.name == key.name()
                && key.labels().map(Label::key).eq(family.labels.iter().copied())
                && new.may_be(family.kind)
        });
        debug_assert!(place.is_some(), "{key} is not in the table");
        let labels: Vec<String> = key.labels().map(shown).collect();
        Some(self.samples().entry((place?, labels.join(","))).or_insert(new).clone())
    }
}

/// What metrics are is in the table.
impl Recorder for Registry {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match self.sample(key, Sample::Counter(Arc::default())) {
            Some(Sample::Counter(count)) => Counter::from_arc(count),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.sample(key, Sample::Gauge(Arc::default())) {
            Some(Sample::Gauge(bits)) => Gauge::from_arc(bits),
            _ => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match self.sample(key, Sample::Histogram(Arc::default())) {
            Some(Sample::Histogram(buckets)) => Histogram::from_arc(buckets),
            _ => Histogram::noop(),
        }
    }
}

impl Sample {
    /// Whether it may be shown as that. Counters of the crate are whole numbers: one with fractions is set as a gauge.
    const fn may_be(&self, kind: Kind) -> bool {
        match self {
            Self::Counter(_) => matches!(kind, Kind::Counter),
            Self::Gauge(_) => matches!(kind, Kind::Gauge | Kind::Counter),
            Self::Histogram(_) => matches!(kind, Kind::Histogram),
        }
    }

    /// Adds its lines.
    fn show(&self, name: &str, labels: &str, text: &mut String) {
        let braced = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = match self {
            Self::Counter(count) => {
                writeln!(text, "{name}{braced} {}", count.load(Ordering::Relaxed))
            }
            Self::Gauge(bits) => {
                writeln!(text, "{name}{braced} {}", f64::from_bits(bits.load(Ordering::Relaxed)))
            }
            Self::Histogram(buckets) => {
                let comma = if labels.is_empty() { "" } else { "," };
                let mut count = 0;
                for (bound, at_most) in buckets.at_most() {
                    let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.to_string());
                    let _ =
                        writeln!(text, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {at_most}");
                    count = at_most;
                }
                let sum = buckets.sum();
                writeln!(text, "{name}_sum{braced} {sum}\n{name}_count{braced} {count}")
            }
        };
    }
}

/// A label as the text has it.
fn shown(label: &Label) -> String {
    let value = label.value().replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"");
    format!("{}=\"{value}\"", label.key())
}

#[cfg(test)]
mod tests {
    use metrics::{counter, gauge, histogram, with_local_recorder};

    use super::*;

    #[test]
    fn values_stand_under_help_and_type_in_the_order_of_the_table() {
        let registry = Registry::default();
        with_local_recorder(&registry, || {
            gauge!("tidings_links", "direction" => "out\"bo\nund\\").set(1);
            gauge!("tidings_links", "direction" => "inbound").set(7);
            gauge!("tidings_links", "direction" => "inbound").set(3);
            gauge!("process_cpu_seconds_total").set(0.25);
            counter!("tidings_dials_total").increment(2);
            counter!("tidings_dials_total").increment(1);
        });
        let expected = "\
# HELP process_cpu_seconds_total CPU time used, user and system.
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 0.25
# HELP tidings_links Links that are up, by who dialled.
# TYPE tidings_links gauge
tidings_links{direction=\"inbound\"} 3
tidings_links{direction=\"out\\\"bo\\nund\\\\\"} 1
# HELP tidings_dials_total Connection attempts.
# TYPE tidings_dials_total counter
tidings_dials_total 3
";
        assert_eq!(registry.text(), expected);
    }

    #[test]
    fn times_are_shown_by_bounds_as_their_sum_and_their_number() {
        let registry = Registry::default();
        with_local_recorder(&registry, || {
            let commits = histogram!("tidings_commit_seconds", "store" => "items");
            commits.record(0.003);
            commits.record(40.0);
            let _ = histogram!("tidings_turn_seconds");
        });
        let text = registry.text();
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
    fn a_scrape_sees_what_is_counted_and_leaves_nothing_behind() {
        let registry = Registry::default();
        let dials = with_local_recorder(&registry, || counter!("tidings_dials_total"));
        let scrape = registry.for_scrape();
        with_local_recorder(&scrape, || gauge!("tidings_reachable").set(1));
        dials.increment(4);
        let (scraped, kept) = (scrape.text(), registry.text());
        assert!(scraped.contains("\ntidings_dials_total 4\n"), "{scraped}");
        assert!(scraped.contains("\ntidings_reachable 1\n"), "{scraped}");
        assert!(kept.ends_with("\ntidings_dials_total 4\n"), "{kept}");
    }

    #[test]
    #[should_panic(expected = "not in the table")]
    fn what_is_not_in_the_table_is_a_fault() {
        with_local_recorder(&Registry::default(), || {
            gauge!("tidings_links", "kind" => "tx").set(1);
        });
    }
}
