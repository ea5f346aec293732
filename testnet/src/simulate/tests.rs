//! What summaries of simulations tell.

use tidings_protocol::params::StrategyKind;
use tidings_sim::latency::LinkSpec;
use tidings_sim::overlay::Shape;
use tidings_sim::simulation;
use tidings_sim::workload::Transfers;
use tidings_sim::workload::sizes::Sizes;
use tidings_sim::world::World;

use super::*;
use crate::manifest::Workload;
use crate::manifest::text::parse_short;

/// A hundred nodes with six links of their own, and a few transactions at once.
fn manifest(strategy: StrategyKind) -> Manifest {
    let mut manifest = Manifest::default();
    manifest.network.nodes = 100;
    manifest.workload =
        Workload::Transfers(Transfers { txs: 10, rate: 10.0, sizes: Sizes::Fixed(300) });
    manifest.measure.idle_s = 1.0;
    manifest.params.relay.strategy = strategy;
    manifest.params.peers.outbound = 6;
    manifest
}

/// The world of a manifest at its end.
fn world(manifest: &Manifest) -> World {
    simulation::simulate(&manifest.scenario().unwrap()).unwrap().world
}

fn summary(manifest: &Manifest) -> serde_json::Value {
    let text = run::Manifest::parse(toml::to_string(manifest).unwrap()).unwrap();
    simulate(manifest, text).unwrap().1.to_value()
}

/// A figure of a summary.
fn figure(summary: &serde_json::Value, key: &str) -> f64 {
    summary[key].as_f64().unwrap_or_else(|| panic!("{key} in {summary:#}"))
}

#[test]
fn the_summary_has_every_key_that_simulations_promise() {
    let mut manifest = manifest(StrategyKind::Flood);
    manifest.link = LinkSpec::Regions { jitter: 0.05, bandwidth: true };
    manifest.spies = 0.1;
    let summary = summary(&manifest);
    let keys = [
        "nodes",
        "strategy",
        "seed",
        "txs",
        "coverage",
        "t50_ms",
        "t90_ms",
        "t99_ms",
        "t100_ms",
        "redundancy",
        "bytes_per_payload_byte",
        "bytes_by_kind",
        "cpu_us_per_delivery",
        "rss_mib_per_node",
        "connect_s",
        "events",
        "event_hash",
        "cpu_s_setup",
        "cpu_s_run",
        "peak_rss_mib",
        "events_per_cpu_s",
        "cpu_s_per_tx",
        "bytes_per_node",
        "cross_region_bytes",
        "origin_precision",
    ];
    for key in keys {
        assert!(summary.get(key).is_some(), "{key} is missing in {summary:#}");
    }
    assert_eq!(summary["coverage"], 1.0);
    let all: u64 =
        summary["bytes_by_kind"].as_object().unwrap().values().flat_map(|v| v.as_u64()).sum();
    let crossing = summary["cross_region_bytes"].as_u64().unwrap();
    assert!(crossing > all / 4 && crossing < all, "{crossing} of {all}");
}

#[test]
fn rounds_are_counted_where_time_goes_by_rounds() {
    let mut manifest = manifest(StrategyKind::Flood);
    manifest.network.topology = Shape::Line;
    manifest.workload =
        Workload::Transfers(Transfers { txs: 1, rate: 1.0, sizes: Sizes::Fixed(300) });
    manifest.link = LinkSpec::Rounds { round_ms: 100, asynchronous: false };
    let (_, origin) = world(&manifest).record().submission(0).unwrap();
    // Along a line an item takes a round for each node, in the longer direction.
    let expected = origin.max(99 - origin);
    assert_eq!(summary(&manifest)["rounds"], expected);
}

#[test]
fn spies_change_nothing_and_guess_many_origins() {
    let mut flood = manifest(StrategyKind::Flood);
    flood.workload =
        Workload::Transfers(Transfers { txs: 40, rate: 20.0, sizes: Sizes::Fixed(300) });
    let alone = world(&flood).hash();
    flood.spies = 0.2;
    let summary = summary(&flood);
    assert_eq!(summary["event_hash"], alone.to_string());
    // With twelve links, hardly any node has no spy for a neighbour; a blind guess is right once in 100.
    assert!(summary["origin_precision"].as_f64().unwrap() > 0.3, "{summary:#}");
}

#[test]
fn liars_who_deliver_nothing_hardly_delay_the_honest() {
    let mut base = manifest(StrategyKind::Adaptive);
    base.workload =
        Workload::Transfers(Transfers { txs: 360, rate: 20.0, sizes: Sizes::Fixed(300) });
    // Once the links are learned: until then a node that holds its dial has few copies to spare for liars.
    base.warmup_txs = 300;
    let without = figure(&summary(&base), "t99_ms");
    for fault in ["liar:share=0.2", "liar:share=0.2,say=first"] {
        let summary =
            summary(&Manifest { fault: vec![parse_short(fault, "kind").unwrap()], ..base.clone() });
        assert_eq!(
            (&summary["honest_nodes"], &summary["honest_coverage"]),
            (&80.into(), &1.0.into())
        );
        assert_eq!(summary["valid"], true, "{summary:#}");
        let with = figure(&summary, "honest_t99_ms");
        assert!(with < 1.7 * without, "{fault}: {without} ms without, {with} with");
    }
}

#[test]
fn a_trace_is_written_whole_and_an_existing_file_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.tdt");
    let settings = SettingArgs { nodes: Some(20), txs: Some(3), ..SettingArgs::default() };
    let args =
        SimArgs { settings, trace: Some(path.clone()), trace_rows: BOUND, ..SimArgs::default() };
    run(&args).unwrap();
    let timeline = tidings_tools::timeline::timeline_of(&path).unwrap();
    assert_eq!((timeline.about.nodes, timeline.deliveries.at.len()), (20, 60));
    assert!(timeline.about.manifest.contains("nodes = 20"), "{}", timeline.about.manifest);
    let before = std::fs::read(&path).unwrap();
    let refused = run(&args).unwrap_err().to_string();
    assert!(refused.ends_with("it exists already; name another, or remove it"), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let nowhere = SimArgs { trace: Some(dir.path().join("no/run.tdt")), ..args };
    assert!(run(&nowhere).unwrap_err().to_string().contains("its folder doesn't exist"));
}
