//! Whole simulations at small sizes: what runs promise whatever is simulated.

mod faults;
mod residue;

use tidings_protocol::params::StrategyKind;

use super::drive::{self, Finished};
use super::fork::Snapshot;
use super::latency::{Draw, LinkSpec};
use super::overlay::Shape;
use super::world::World;
use super::*;
use crate::manifest::text::parse_short;
use crate::manifest::{Manifest, Workload};
use crate::workload::sizes::Sizes;

/// A hundred nodes with six links of their own, and a few transactions at once.
fn manifest(strategy: StrategyKind) -> Manifest {
    let mut manifest = Manifest::default();
    manifest.network.nodes = 100;
    manifest.workload = Workload::Transfers { txs: 10, rate: 10.0, sizes: Sizes::Fixed(300) };
    manifest.measure.idle_s = 1.0;
    manifest.params.relay.strategy = strategy;
    manifest.params.peers.outbound = 6;
    manifest
}

fn simulate(manifest: &Manifest) -> Finished {
    manifest.validate().unwrap();
    drive::simulate(manifest).unwrap()
}

fn with_faults(mut manifest: Manifest, faults: &[&str]) -> Manifest {
    manifest.fault = faults.iter().map(|fault| parse_short(fault, "kind").unwrap()).collect();
    manifest
}

/// Pairs of an item and a living node that misses it.
fn missing(finished: &Finished) -> u64 {
    finished.world.record().open()
}

fn summary(manifest: &Manifest) -> serde_json::Value {
    let text = run::Manifest::parse(toml::to_string(manifest).unwrap()).unwrap();
    summary::assemble(manifest, text, simulate(manifest)).1.to_value()
}

#[test]
fn every_strategy_reaches_every_node_of_a_healthy_network() {
    for strategy in StrategyKind::ALL {
        assert_eq!(missing(&simulate(&manifest(*strategy))), 0, "{strategy}");
    }
}

#[test]
fn every_link_model_and_overlay_carries_items_to_all() {
    let draw = Draw::Message;
    let links = [
        LinkSpec::None,
        LinkSpec::Constant { latency_ms: 20.0 },
        LinkSpec::Uniform { min_ms: 5.0, max_ms: 50.0, draw },
        LinkSpec::Exponential { mean_ms: 20.0, draw },
        LinkSpec::Lognormal { mean_ms: 20.0, sigma: 0.3, draw },
        LinkSpec::Planar { min_ms: 5.0, max_ms: 217.0, jitter: 0.05 },
        LinkSpec::Regions { jitter: 0.05, bandwidth: true },
        LinkSpec::Rounds { round_ms: 100, asynchronous: false },
        LinkSpec::Rounds { round_ms: 100, asynchronous: true },
    ];
    for link in links {
        let flood = Manifest { link: link.clone(), ..manifest(StrategyKind::Flood) };
        assert_eq!(missing(&simulate(&flood)), 0, "{link:?}");
    }
    let shapes = [
        Shape::Gossip,
        Shape::RandomRegular,
        Shape::Ring,
        Shape::Grid,
        Shape::Line,
        Shape::Tree,
        Shape::Complete,
        Shape::Clusters,
    ];
    for shape in shapes {
        let mut flood = manifest(StrategyKind::Flood);
        flood.network.topology = shape;
        let finished = simulate(&flood);
        assert_eq!((missing(&finished), finished.invalid_reasons), (0, vec![]), "{shape:?}");
    }
}

#[test]
fn nodes_behind_routers_are_reached_over_links_of_their_own() {
    let mut manifest = manifest(StrategyKind::Inventory);
    manifest.network.reachable = Some(20);
    assert_eq!(missing(&simulate(&manifest)), 0);
}

#[test]
fn a_seed_gives_one_run_and_another_seed_another() {
    let faults = ["loss:share=0.1", "churn:per_minute=0.5", "pause:share=0.1,for_s=1,at_s=0.3"];
    for strategy in [StrategyKind::Adaptive, StrategyKind::Pull, StrategyKind::Inventory] {
        let mut manifest = with_faults(manifest(strategy), &faults);
        let [first, again] = [(); 2].map(|()| simulate(&manifest).world.hash());
        assert_eq!(first, again, "{strategy}");
        manifest.seed = 2;
        assert_ne!(simulate(&manifest).world.hash(), first, "{strategy}");
    }
}

#[test]
fn a_fork_goes_on_as_its_original_and_alone() {
    let manifest = with_faults(manifest(StrategyKind::Adaptive), &["loss:share=0.1"]);
    let mut world = World::new(&manifest).unwrap();
    let outlook = world.schedule(&manifest, manifest.measure.idle_s);
    world.run_until(outlook.first + std::time::Duration::from_millis(400));
    let snapshot = Snapshot::of(&world);
    let before = world.hash();
    drive::run(&mut world, outlook, manifest.measure.stall_s);
    for _ in 0..2 {
        let mut fork = snapshot.fork();
        assert_eq!((fork.now(), fork.hash()), (snapshot.at(), before));
        drive::run(&mut fork, outlook, manifest.measure.stall_s);
        assert_eq!(
            (fork.now(), fork.hash(), fork.events()),
            (world.now(), world.hash(), world.events())
        );
    }
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
    manifest.workload = Workload::Transfers { txs: 1, rate: 1.0, sizes: Sizes::Fixed(300) };
    manifest.link = LinkSpec::Rounds { round_ms: 100, asynchronous: false };
    let finished = simulate(&manifest);
    let (_, origin) = finished.world.record().submission(0).unwrap();
    // Along a line an item takes a round for each node, in the longer direction.
    let expected = origin.max(99 - origin);
    assert_eq!(summary(&manifest)["rounds"], expected);
}

#[test]
fn spies_change_nothing_and_guess_many_origins() {
    let mut flood = manifest(StrategyKind::Flood);
    flood.workload = Workload::Transfers { txs: 40, rate: 20.0, sizes: Sizes::Fixed(300) };
    let alone = simulate(&flood).world.hash();
    flood.spies = 0.2;
    let summary = summary(&flood);
    assert_eq!(summary["event_hash"], alone.to_string());
    // With twelve links, hardly any node has no spy for a neighbour; a blind guess is right once in 100.
    assert!(summary["origin_precision"].as_f64().unwrap() > 0.3, "{summary:#}");
}
