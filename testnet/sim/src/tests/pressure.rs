//! More than the nodes take: it is delayed, and nothing of it is lost, nor is any link.
//!
//! All limits are a hundredth of the defaults, and so is what is submitted.

use super::*;
use tidings_protocol::ground::time::Time;
use tidings_protocol::params::{Params, Rate};

/// The strategies whose nodes may differ most in what they send.
const STRATEGIES: [StrategyKind; 3] =
    [StrategyKind::Adaptive, StrategyKind::Inventory, StrategyKind::Flood];

fn small(params: &mut Params) {
    let budgets = &mut params.budgets;
    budgets.messages = Rate::new(20.0, 100.0);
    budgets.txs = Rate::new(50.0, 200.0);
    budgets.announcements = Rate::new(50.0, 200.0);
    budgets.requests = Rate::new(50.0, 200.0);
    budgets.tx_bytes = Rate::new(62_500.0, 250_000.0);
    budgets.relayed = Rate::new(50.0, 200.0);
    budgets.relayed_bytes = Rate::new(62_500.0, 250_000.0);
    budgets.backlog_max = 200;
    params.requests.announced_max = 50;
    params.requests.in_flight_max = 16;
    params.relay.announce_queue_max = 200;
    // So that nothing is found by others than those that withheld it.
    params.relay.safety_pull_ms = 0;
}

fn pressed(strategy: StrategyKind, nodes: usize, txs: usize, rate: f64) -> Scenario {
    let mut scenario = scenario(strategy);
    small(&mut scenario.params);
    scenario.network.nodes = nodes;
    scenario.workload = Transfers { txs, rate, sizes: Sizes::Fixed(300) };
    scenario
}

/// Checks that everything arrives and every link stays; how long after the last submission, seconds.
fn holds(scenario: &Scenario) -> f64 {
    let finished = simulate(scenario);
    let (world, strategy) = (&finished.world, scenario.params.relay.strategy);
    let misbehaved: Vec<_> =
        (0..).take(world.nodes()).map(|node| world.counters(node).0.misbehaved).collect();
    assert_eq!(misbehaved, vec![0; world.nodes()], "{strategy}: links lost by each node");
    assert_eq!(missing(&finished), 0, "{strategy}: copies missing");
    let last = world.record().last().since(Time::ZERO);
    last.saturating_sub(finished.outlook.last.since(Time::ZERO)).as_secs_f64()
}

#[test]
fn ten_nodes_that_relay_at_their_limit_miss_nothing_and_lose_no_link() {
    for strategy in STRATEGIES {
        let backlog_s = holds(&pressed(strategy, 10, 600, 40.0));
        println!("{strategy}: through after {backlog_s:.1} s");
        assert!(backlog_s < 30.0, "{strategy}: {backlog_s} s");
    }
}

#[test]
fn ten_nodes_that_relay_beyond_their_limit_miss_nothing_and_lose_no_link() {
    for strategy in STRATEGIES {
        let backlog_s = holds(&pressed(strategy, 10, 600, 150.0));
        println!("{strategy}: through after {backlog_s:.1} s");
    }
}

#[test]
fn whatever_is_dumped_at_one_of_two_nodes_arrives_at_the_other() {
    for strategy in STRATEGIES {
        for (txs, origin) in [(200, 0), (500, 0), (500, 1)] {
            let mut scenario = pressed(strategy, 2, txs, 1e6);
            scenario.origin = Some(origin);
            let backlog_s = holds(&scenario);
            println!("{strategy}: {txs} at {origin}, through after {backlog_s:.1} s");
            assert!(backlog_s < txs as f64 / 50.0 * 2.0 + 10.0, "{strategy}, {txs}: {backlog_s} s");
        }
    }
}

#[test]
fn a_hub_between_four_clients_inside_every_limit_loses_no_link() {
    for strategy in STRATEGIES {
        let mut scenario = pressed(strategy, 5, 500, 45.0);
        scenario.network.topology = Shape::Tree;
        let backlog_s = holds(&scenario);
        println!("{strategy}: through after {backlog_s:.1} s");
    }
}
