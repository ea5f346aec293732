use std::collections::BTreeSet;
use std::fs;

use metrics::histogram;
use tidings_protocol::wire::kinds::Budget;

use super::*;
use crate::api::counters::{COUNTERS, over_budget};
use crate::api::members::MembersStatus;
use crate::measured::Measured;
use crate::measured::table::{Family, Kind, families};

/// Readings with a bit of everything.
fn readings() -> Readings {
    let mut status = crate::api::status::example();
    for counter in node::shown() {
        status.counters.entry(counter.to_owned()).or_insert(1);
    }
    let registry = Measured::default().registry().clone();
    with_local_recorder(&registry, || {
        let _ = histogram!("tidings_turn_seconds");
        let _ = histogram!("tidings_commit_seconds", "store" => "items");
    });
    Readings { status, registry }
}

#[test]
fn a_scrape_is_well_formed() {
    let mut readings = readings();
    readings.status.members = Some(MembersStatus::default());
    let text = text(&readings);
    let (mut family, mut seen) = ("", BTreeSet::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            (family, _) = help.split_once(' ').unwrap();
            assert!(seen.insert(family), "{family} comes twice");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            assert_eq!(kind.split_once(' ').unwrap().0, family);
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with(family), "{line}");
            assert!(seen.insert(name) || name == family, "{name} comes twice");
            assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
        }
    }
    assert!(text.contains("tidings_message_bytes_total{direction=\"sent\",kind=\"tx\"} 900\n"));
    assert!(text.contains("tidings_links{direction=\"outbound\"} 2\n"), "{text}");
    assert!(text.contains("tidings_offences_total{offence=\"flooding\"} 0\n"), "{text}");
    assert!(text.ends_with('\n'));
}

#[test]
fn the_order_is_that_of_the_table() {
    let text = text(&readings());
    let shown: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let names: Vec<_> = shown.iter().map(|line| line.split(' ').next().unwrap()).collect();
    let ordered: Vec<_> = families().map(|family| family.name).collect();
    let places: Vec<_> =
        names.iter().map(|name| ordered.iter().position(|other| other == name)).collect();
    assert!(places.is_sorted(), "{names:?}");
}

#[test]
fn every_counter_of_a_node_is_shown() {
    let mut counters: BTreeSet<String> =
        COUNTERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    counters.extend(Budget::ALL.map(over_budget));
    let shown = node::shown().chain(node::ELSEWHERE).map(str::to_owned);
    let missing: Vec<_> = counters.symmetric_difference(&shown.collect()).cloned().collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// What alerts and dashboards ask for, file by file.
fn contributed() -> Vec<(String, String)> {
    let contrib = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib");
    ["prometheus/alerts.yml", "grafana/node.json", "grafana/fleet.json"]
        .map(|name| (name.to_owned(), fs::read_to_string(format!("{contrib}/{name}")).unwrap()))
        .into()
}

#[test]
fn alerts_and_dashboards_name_nothing_that_does_not_exist() {
    let mut names = BTreeSet::new();
    for Family { name, kind, .. } in families() {
        match kind {
            Kind::Histogram => {
                names.extend(["_bucket", "_sum", "_count"].map(|part| format!("{name}{part}")));
            }
            _ => drop(names.insert((*name).to_owned())),
        }
    }
    for (file, text) in contributed() {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let asked: BTreeSet<_> = words
            .filter(|word| word.starts_with("tidings_") || word.starts_with("process_"))
            .collect();
        assert!(asked.len() > 10, "{file}");
        let unknown: Vec<_> = asked.iter().filter(|name| !names.contains(**name)).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}

#[test]
fn operators_are_told_what_to_do_about_every_alert() {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../OPERATING.md");
    let manual = fs::read_to_string(manual).unwrap();
    let (_, alerts) = contributed().swap_remove(0);
    let names: Vec<_> = alerts.lines().filter_map(|line| line.split_once("- alert: ")).collect();
    assert!(names.len() > 10);
    for (_, name) in &names {
        assert!(manual.contains(&format!("\n### {name}\n")), "OPERATING.md has no `### {name}`");
        let anchor = format!("runbook: \"OPERATING.md#{}\"", name.to_lowercase());
        assert!(alerts.contains(&anchor), "{name} has no {anchor}");
    }
    let told = manual.lines().filter(|line| line.starts_with("### Tidings")).count();
    assert_eq!(told, names.len(), "OPERATING.md tells of an alert that is none");
}
