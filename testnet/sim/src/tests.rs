//! Whole simulations at small sizes: what runs promise whatever is simulated.

mod branches;
mod faults;
mod pressure;
mod recorded;
mod residue;
mod useless;
mod views;

use tidings_protocol::params::StrategyKind;

use crate::fault::FaultSpec;
use crate::fork::Snapshot;
use crate::latency::{Draw, LinkSpec};
use crate::overlay::Shape;
use crate::scenario::Scenario;
use crate::simulation::{self, Finished};
use crate::workload::Transfers;
use crate::workload::sizes::Sizes;
use crate::world::World;

/// A hundred nodes with six links of their own, and a few transactions at once.
fn scenario(strategy: StrategyKind) -> Scenario {
    let mut scenario = Scenario::default();
    scenario.network.nodes = 100;
    scenario.workload = Transfers { txs: 10, rate: 10.0, sizes: Sizes::Fixed(300) };
    scenario.measure.idle_s = 1.0;
    scenario.params.relay.strategy = strategy;
    scenario.params.peers.outbound = 6;
    scenario
}

fn simulate(scenario: &Scenario) -> Finished {
    scenario.validate().unwrap();
    simulation::simulate(scenario).unwrap()
}

fn with_faults(mut scenario: Scenario, faults: &[&str]) -> Scenario {
    scenario.fault = faults.iter().map(|fault| parse(fault)).collect();
    scenario
}

/// A fault as command lines have it: `KIND:KEY=VALUE,…`, with numbers of nodes joined by `+`, and the two of a link by `-`.
fn parse(text: &str) -> FaultSpec {
    let (kind, rest) = text.split_once(':').unwrap();
    let mut table = format!("kind = \"{kind}\"\n");
    for entry in rest.split(',') {
        let (key, value) = entry.split_once('=').unwrap();
        let value = match value.parse::<toml::Value>() {
            _ if key == "nodes" => format!("[{}]", value.replace('+', ",")),
            _ if key == "links" => format!("[[{}]]", value.replace('+', "],[").replace('-', ",")),
            Ok(_) => value.to_owned(),
            Err(_) => format!("\"{value}\""),
        };
        table += &format!("{key} = {value}\n");
    }
    toml::from_str(&table).unwrap()
}

/// Pairs of an item and a living node that misses it.
fn missing(finished: &Finished) -> u64 {
    finished.world.record().open()
}

#[test]
fn every_strategy_reaches_every_node_of_a_healthy_network() {
    for strategy in StrategyKind::ALL {
        assert_eq!(missing(&simulate(&scenario(*strategy))), 0, "{strategy}");
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
        let flood = Scenario { link: link.clone(), ..scenario(StrategyKind::Flood) };
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
        let mut flood = scenario(StrategyKind::Flood);
        flood.network.topology = shape;
        let finished = simulate(&flood);
        assert_eq!((missing(&finished), finished.invalid_reasons), (0, vec![]), "{shape:?}");
    }
}

#[test]
fn nodes_behind_routers_are_reached_over_links_of_their_own() {
    let mut scenario = scenario(StrategyKind::Inventory);
    scenario.network.reachable = Some(20);
    assert_eq!(missing(&simulate(&scenario)), 0);
}

#[test]
fn a_seed_gives_one_run_and_another_seed_another() {
    let faults = ["loss:share=0.1", "churn:per_minute=0.5", "pause:share=0.1,for_s=1,at_s=0.3"];
    for strategy in [StrategyKind::Adaptive, StrategyKind::Pull, StrategyKind::Inventory] {
        let mut scenario = with_faults(scenario(strategy), &faults);
        let [first, again] = [(); 2].map(|()| simulate(&scenario).world.hash());
        assert_eq!(first, again, "{strategy}");
        scenario.seed = 2;
        assert_ne!(simulate(&scenario).world.hash(), first, "{strategy}");
    }
}

#[test]
fn a_fork_goes_on_as_its_original_and_alone() {
    let scenario = with_faults(scenario(StrategyKind::Adaptive), &["loss:share=0.1"]);
    let mut world = World::new(&scenario).unwrap();
    let outlook = world.schedule(&scenario, scenario.measure.idle_s);
    world.run_until(outlook.first + core::time::Duration::from_millis(400));
    let snapshot = Snapshot::of(&world);
    let before = world.hash();
    simulation::run(&mut world, outlook, scenario.measure.stall_s, &mut |_| {});
    for _ in 0..2 {
        let mut fork = snapshot.fork();
        assert_eq!((fork.now(), fork.hash()), (snapshot.at(), before));
        simulation::run(&mut fork, outlook, scenario.measure.stall_s, &mut |_| {});
        assert_eq!(
            (fork.now(), fork.hash(), fork.events()),
            (world.now(), world.hash(), world.events())
        );
    }
}
