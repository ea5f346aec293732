//! A record as a run folder, so that the report draws it: curve, items, and a row for each place of a probe.
//!
//! What a run has of all nodes, this has of a probe's *places*: a place is a peer, or one after another where the probe went on in
//! rounds. Items are those of a [`Samples`] during which a peer stood at every place. The report takes quantiles as of all nodes
//! that there are; of eight places its t50 is that of the fourth and its t90 that of the last. The estimates of the network
//! ([`Estimate`]) stand in the summary under keys of their own, `probe_…`.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::estimate::{Estimate, Figure, Samples, Since};
use super::record::{Probe, Record};
use crate::figures::summary::{Inputs, Summary};
use crate::run::{Delivery, Item, ItemKind, Manifest, Node, Run, RunError, Traffic};
use crate::show::report;

/// Writes a record's tables, figures and page into a folder.
///
/// # Errors
/// When a file can't be written.
pub fn write(
    dir: &Path,
    record: &Record,
    samples: &Samples,
    estimate: &Estimate,
) -> Result<(), RunError> {
    let run = run(record, samples);
    let summary = Summary::compute(&run, inputs(record, &run, estimate));
    run.write(dir)?;
    report::write(dir, &run, &summary)
}

/// The run that a record shows.
#[must_use]
pub fn run(record: &Record, samples: &Samples) -> Run {
    let places = record.places() as usize;
    let mut run = Run { manifest: manifest(record), ..Run::default() };
    run.nodes = (0..places).map(|place| node(record, place)).collect();
    let drawn: u32 = record.about.probes.iter().map(drawn_places).sum();
    for sample in samples.items.iter().filter(|sample| sample.delays.len() == drawn as usize) {
        let item = &record.items[sample.item as usize];
        let number = u32::try_from(run.items.len()).unwrap_or(u32::MAX);
        let first = sample.delays.iter().min_by(|(_, a), (_, b)| a.total_cmp(b));
        let first = first.map_or(0, |(link, _)| place_of(record, *link));
        run.items.push(Item {
            id: item.id.clone().unwrap_or_else(|| super::columns::digits(item.short)),
            kind: ItemKind::Tx,
            bytes: item.bytes.unwrap_or(0).into(),
            origin: u32::try_from(first).unwrap_or(0),
            submitted_us: sample.since_ns.saturating_sub(record.about.began_ns) / 1_000,
        });
        run.deliveries.extend(sample.delays.iter().filter(|(_, delay)| delay.is_finite()).map(
            |(link, delay_ms)| Delivery {
                item: number,
                node: u32::try_from(place_of(record, *link)).unwrap_or(0),
                latency_us: microseconds(*delay_ms),
                from: None,
            },
        ));
    }
    run.traffic = (0..places).flat_map(|place| traffic(record, place)).collect();
    run
}

/// The places of a probe whose peers count.
const fn drawn_places(probe: &Probe) -> u32 {
    if probe.round_s > 0.0 { probe.places.saturating_sub(probe.shared) } else { probe.places }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a delay within a window, not less than 0"
)]
fn microseconds(delay_ms: f64) -> u64 {
    (delay_ms * 1e3).round() as u64
}

/// The places of all probes are numbered one after another, those that don't count included.
fn place_of(record: &Record, link: u32) -> usize {
    let link = &record.links[link as usize];
    let before = record.about.probes.iter().take(link.probe as usize);
    let before: u32 = before.map(|probe| probe.places).sum();
    (before + link.place) as usize
}

fn links_at(record: &Record, place: usize) -> impl Iterator<Item = &super::record::Link> {
    let numbered = (0_u32..).zip(&record.links);
    let here = numbered.filter(move |(number, _)| place_of(record, *number) == place);
    here.map(|(_, link)| link).filter(|link| link.ready_ns.is_some())
}

fn node(record: &Record, place: usize) -> Node {
    let is_drawn = links_at(record, place).next().is_none_or(|link| record.is_drawn(link));
    let mut addresses: Vec<&str> = links_at(record, place).map(|link| &*link.addr).collect();
    let mut regions: Vec<&str> = links_at(record, place).map(|link| &*link.region).collect();
    for names in [&mut addresses, &mut regions] {
        names.sort_unstable();
        names.dedup();
    }
    Node {
        region: if let [region] = regions[..] { region.to_owned() } else { String::new() },
        addr: match addresses[..] {
            [] => "nobody".to_owned(),
            [addr] => addr.to_owned(),
            _ => format!("{} peers in turn", addresses.len()),
        },
        outbound: 1,
        // Who isn't counted among those that are asked is none of the network that is shown.
        alive: is_drawn,
        ..Node::default()
    }
}

fn traffic(record: &Record, place: usize) -> Vec<Traffic> {
    let (mut announced, mut sent, mut bytes) = (0, 0, 0);
    for link in links_at(record, place) {
        announced += link.announced;
        sent += link.sent;
        bytes += link.sent_bytes;
    }
    let of = |kind: &str, received_messages, received_bytes| Traffic {
        node: u32::try_from(place).unwrap_or(0),
        kind: kind.to_owned(),
        received_messages,
        received_bytes,
        ..Traffic::default()
    };
    vec![of("announce", announced, 0), of("tx", sent, bytes)]
}

/// What the report shows of how it was made.
fn manifest(record: &Record) -> Manifest {
    let about = &record.about;
    let mut network = toml::Table::new();
    network.insert("name".to_owned(), about.network.clone().into());
    network.insert("nodes".to_owned(), i64::from(record.places()).into());
    let mut probes = Vec::new();
    for probe in &about.probes {
        let mut of = toml::Table::new();
        of.insert("name".to_owned(), probe.name.clone().into());
        of.insert("places".to_owned(), i64::from(probe.places).into());
        of.insert("round_s".to_owned(), probe.round_s.into());
        of.insert("was_a_hop".to_owned(), probe.relays.into());
        if let Some(offset) = &probe.offset {
            of.insert("clock_ahead_ms".to_owned(), (offset.ahead_ns as f64 / 1e6).into());
            of.insert("clock_chance_ms".to_owned(), (offset.chance_ns as f64 / 1e6).into());
        }
        probes.push(toml::Value::Table(of));
    }
    let mut table = toml::Table::new();
    table.insert("network".to_owned(), network.into());
    table.insert("probe".to_owned(), probes.into());
    let text = toml::to_string(&table).unwrap_or_default();
    Manifest::parse(text).unwrap_or_default()
}

fn inputs(record: &Record, run: &Run, estimate: &Estimate) -> Inputs {
    let mut invalid_reasons = Vec::new();
    let lost = record.about.lost;
    if lost.sightings > 0 || lost.links > 0 {
        invalid_reasons.push(format!(
            "there was no room for {} sightings and {} links: the record ends before the network did",
            lost.sightings, lost.links
        ));
    }
    if run.items.is_empty() {
        invalid_reasons.push("no item came while a peer stood at every place".to_owned());
    }
    Inputs {
        strategy: "seen by a probe".to_owned(),
        invalid_reasons,
        more: more(record, estimate),
        ..Inputs::default()
    }
}

fn more(record: &Record, estimate: &Estimate) -> Map<String, Value> {
    let mut more = Map::new();
    let mut put = |key: &str, value: Value| more.insert(format!("probe_{key}"), value);
    let since = match estimate.since {
        Since::Submission => "submission",
        Since::FirstSight => "first sight: times are too short",
    };
    put("since", json!(since));
    put("was_a_hop", json!(record.was_a_hop()));
    put("items", json!(estimate.items));
    put("peers", json!(estimate.peers));
    put("links_per_item", json!(estimate.links_per_item));
    for (key, Figure { ms, low_ms, high_ms }) in [("t50", estimate.t50), ("t90", estimate.t90)] {
        put(&format!("{key}_ms"), json!(ms));
        put(&format!("{key}_low_ms"), json!(low_ms));
        put(&format!("{key}_high_ms"), json!(high_ms));
    }
    put("clock_step_ms", json!(record.about.clock_step_ns as f64 / 1e6));
    more
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidings_protocol::ground::item::{ItemKind as Kind, ShortId};

    use super::*;
    use crate::probe::estimate::{self, Reading};
    use crate::probe::record::{About, Event, Item, Link, Lost, Sighting};

    const S: u64 = 1_000_000_000;

    const READING: Reading =
        Reading { window: Duration::from_secs(2), announced_late: Duration::ZERO };

    fn record() -> Record {
        let probe = |places| Probe { places, ..Probe::default() };
        let link = |(probe, place): (u32, u32)| Link {
            probe,
            place,
            peer: format!("{probe}/{place}"),
            addr: format!("10.0.{probe}.{place}:4000"),
            ready_ns: Some(0),
            sent: 2,
            sent_bytes: 600,
            ..Link::default()
        };
        let seen = |link: u32| Sighting {
            at_ns: 10 * S + u64::from(link) * S / 10,
            link,
            item: 0,
            event: Event::Sent,
        };
        Record {
            about: About { probes: vec![probe(2), probe(2)], ..About::default() },
            links: [(0, 0), (0, 1), (1, 0), (1, 1)].map(link).into(),
            items: vec![Item {
                short: ShortId([7; 8]),
                id: None,
                kind: Kind::Tx,
                bytes: Some(300),
            }],
            sightings: (0..4).map(seen).collect(),
        }
    }

    fn written(record: &Record) -> (tempfile::TempDir, Summary) {
        let dir = tempfile::tempdir().unwrap();
        let samples = estimate::samples(record, None, READING);
        write(dir.path(), record, &samples, &estimate::estimate(record, &samples)).unwrap();
        let summary = Summary::read(dir.path()).unwrap();
        (dir, summary)
    }

    #[test]
    fn the_report_draws_what_the_places_of_all_probes_saw() {
        let (dir, summary) = written(&record());
        assert!(dir.path().join("report.html").exists());
        let run = Run::read(dir.path()).unwrap();
        assert_eq!(
            run.nodes.iter().map(|node| &*node.addr).collect::<Vec<_>>(),
            ["10.0.0.0:4000", "10.0.0.1:4000", "10.0.1.0:4000", "10.0.1.1:4000",]
        );
        assert_eq!(run.deliveries.len(), 4);
        assert_eq!((summary.t50_ms, summary.t100_ms), (Some(100.0), Some(300.0)));
        assert_eq!(summary.inputs.more["probe_t50_ms"], json!(150.0));
        assert_eq!(summary.inputs.more["probe_was_a_hop"], json!(false));
        assert!(summary.valid && summary.complete());
    }

    #[test]
    fn an_item_during_which_a_place_was_empty_is_in_no_table() {
        let mut record = record();
        record.links[3].closed_ns = Some(S);
        let (dir, summary) = written(&record);
        assert!(Run::read(dir.path()).unwrap().items.is_empty());
        assert!(summary.inputs.invalid_reasons[0].contains("at every place"));
        assert_eq!(
            summary.inputs.more["probe_items"],
            json!(1),
            "three links are enough to estimate"
        );
    }

    #[test]
    fn what_was_lost_makes_the_run_invalid() {
        let mut record = record();
        record.about.lost = Lost { sightings: 3, ..Lost::default() };
        let (_dir, summary) = written(&record);
        assert!(!summary.valid && summary.inputs.invalid_reasons[0].contains("3 sightings"));
    }

    #[test]
    fn a_place_of_many_peers_says_so() {
        let mut record = record();
        let other =
            Link { addr: "10.9.9.9:4000".into(), region: "asia".into(), ..record.links[0].clone() };
        record.links.push(other);
        let run = run(&record, &estimate::samples(&record, None, READING));
        assert_eq!((&*run.nodes[0].addr, &*run.nodes[0].region), ("2 peers in turn", ""));
    }
}
