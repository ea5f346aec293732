//! Links of no use, where distances differ and everybody is honest.

use super::*;

#[test]
fn in_a_healthy_network_on_a_plane_hardly_anybody_is_replaced() {
    for strategy in [StrategyKind::Adaptive, StrategyKind::Inventory] {
        let mut scenario = scenario(strategy);
        scenario.network.nodes = 60;
        scenario.network.topology = Shape::Gossip;
        scenario.workload = Transfers { txs: 300, rate: 0.1, sizes: Sizes::Fixed(300) };
        scenario.params.peers.rotate_s = 1_000_000; // links are to grow as old as it takes
        let finished = simulate(&scenario);
        assert_eq!(missing(&finished), 0, "{strategy}");
        let replaced = |node| finished.world.counters(node).0.useless_replaced;
        let replaced: u64 = (0..60).map(replaced).sum();
        println!("{strategy}: of 360 links {replaced} were replaced in 50 minutes");
        assert_eq!(replaced, 0, "{strategy}");
    }
}
