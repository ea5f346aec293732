//! Networks that keep `HyParView`'s views.

use core::time::Duration;

use tidings_protocol::params::OverlayKind;

use super::*;
use crate::simulation::Prepared;
use crate::survivors::Survivors;

/// Nodes that know three others each and start together.
fn viewing(nodes: usize) -> Scenario {
    let mut scenario = scenario(StrategyKind::Flood);
    scenario.network.nodes = nodes;
    scenario.network.topology = Shape::Gossip;
    scenario.params.peers.overlay = OverlayKind::Hyparview;
    scenario.params.peers.hyparview.shuffle_s = 10;
    scenario
}

#[test]
fn views_form_by_themselves_and_carry_items_to_all() {
    for strategy in [StrategyKind::Flood, StrategyKind::Plumtree, StrategyKind::Adaptive] {
        let mut scenario = viewing(100);
        scenario.params.relay.strategy = strategy;
        let finished = simulate(&scenario);
        assert_eq!((missing(&finished), finished.invalid_reasons), (0, vec![]), "{strategy}");
        let now = Survivors::of(&finished.world);
        assert_eq!(now.parts, [100], "{strategy}");
        assert!((4.5..=5.0).contains(&now.mean_degree), "{strategy}: {}", now.mean_degree);
    }
}

#[test]
fn a_seed_gives_one_run_of_them() {
    let scenario = with_faults(viewing(60), &["churn:per_minute=1,away_s=5,for_s=30"]);
    let [first, again] = [(); 2].map(|()| simulate(&scenario).world.hash());
    assert_eq!(first, again);
}

#[test]
fn survivors_of_a_mass_death_are_one_network_again() {
    for share in [0.5, 0.8] {
        let mut scenario = with_faults(viewing(300), &[&format!("crash:share={share},at_s=0")]);
        scenario.measure.idle_s = 120.0;
        let prepared = Prepared::new(&scenario).unwrap();
        assert_eq!(prepared.problems(), [] as [&str; 0]);
        let (mut world, outlook) = prepared.into_world();
        let before = Survivors::of(&world);
        assert_eq!((before.living, before.parts.len(), before.dead_candidates), (300, 1, 0.0));
        world.run_until(outlook.first);
        let at_once = Survivors::of(&world);
        assert!(at_once.mean_degree < before.mean_degree * (1.1 - share));
        world.run_until(outlook.first + Duration::from_secs(30));
        let healed = Survivors::of(&world);
        assert!(healed.reliability() >= 0.99, "{share}: {healed:?}");
        assert!(healed.mean_degree > 4.0, "{share}: {healed:?}");
    }
}

#[test]
fn the_random_set_and_given_links_have_no_views_to_form() {
    let mut scenario = viewing(100);
    scenario.network.topology = Shape::Ring;
    let problem = scenario.validate().unwrap_err();
    assert!(problem.contains("must be gossip"), "{problem}");
}
