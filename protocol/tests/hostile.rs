//! Networks in which some lie: everything honest arrives at everybody honest, in time; nobody honest pays for it; and
//! nothing is left of the liars when they are gone.

use std::sync::Arc;
use std::time::Duration;

use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::{Hash256, Item};
use tidings_protocol::limits::misbehavior::Reason;
use tidings_protocol::params::{Params, StrategyKind};
use tidings_protocol::testkit::Mesh;
use tidings_protocol::testkit::hostile::{Hostile, Lie, Lies};
use tidings_protocol::testkit::ties::{Draft, Ties, block};

/// Nodes that are honest. Each dials the next one and the one after.
const HONEST: usize = 6;

/// Nodes that lie: each dials half of the honest ones, and is dialled by the next.
const HOSTILE: usize = 3;

/// From one transaction to the next.
const INTERVAL: Duration = Duration::from_millis(250);

/// How long an honest item may take to reach all honest nodes: four steps of a trickle (2 s), a wait for an inbound
/// peer (0.5 s) and one for an outbound peer that doesn't deliver (5 s).
const IN_TIME: Duration = Duration::from_secs(30);

/// Families of transactions, and at last a block.
fn items(seed: u32) -> Vec<Arc<Item>> {
    let mut items: Vec<Arc<Item>> = Vec::new();
    for n in 0..12 {
        let number = seed * 1_000 + n;
        let parent = Draft::paying(number * 4, 2_000).item();
        let child = Draft::paying(number * 4 + 1, 3_000).after(&[&parent]).item();
        items.extend([parent, child, Draft::paying(number * 4 + 2, 1_000).item()]);
    }
    items.push(block(Hash256([0; 32]), &[]));
    items
}

/// A network of honest nodes, besieged by some who tell these lies, the last of them between two of the nodes.
fn besieged(strategy: StrategyKind, lies: Lies, seed: u64) -> Mesh {
    let mut params = Params::default();
    params.relay.strategy = strategy;
    let chain: Arc<dyn Chain> = Arc::new(Ties);
    let mut mesh = Mesh::new(HONEST + HOSTILE, seed, 1, params, chain);
    for liar in HONEST..HONEST + HOSTILE {
        mesh.corrupt(liar, Hostile::new(lies, seed << 8 | liar as u64));
        for node in (0..HONEST).filter(|node| (node + liar) % 2 == 0) {
            mesh.connect(liar, node);
        }
        mesh.connect(liar % HONEST, liar);
    }
    for node in 0..HONEST {
        mesh.connect(node, (node + 1) % HONEST);
        mesh.connect(node, (node + 2) % HONEST);
    }
    mesh.connect_through(0, 3, Hostile::new(lies, seed));
    mesh
}

fn withstand(strategy: StrategyKind, lies: Lies, seed: u32) {
    let what = format!("{strategy}, {lies}, seed {seed}");
    let mut mesh = besieged(strategy, lies, seed.into());
    mesh.run_for(Duration::from_secs(3));
    let items = items(seed);
    let mut submitted = Vec::new();
    for (n, item) in items.iter().enumerate() {
        submitted.push(mesh.now());
        // A child where its parent was submitted, or it could be refused there.
        mesh.submit(n / 3 % HONEST, item.clone());
        mesh.run_for(INTERVAL);
    }
    mesh.run_for(IN_TIME);
    let mut longest = Duration::ZERO;
    for node in 0..HONEST {
        for (item, submitted) in items.iter().zip(&submitted) {
            let came = mesh.accepted(node).iter().find(|(_, id)| *id == item.id());
            let Some((at, _)) = came else { panic!("{what}: node {node} lacks {:?}", item.id()) };
            longest = longest.max(at.since(*submitted));
        }
    }
    assert!(longest <= IN_TIME, "{what}: {longest:?}");
    let is_honest = |node: usize| !mesh.is_hostile(node);
    let punishes = |why: Reason| !matches!(why, Reason::Duplicate | Reason::Surplus);
    for closing in mesh.closings().iter().filter(|closing| punishes(closing.why)) {
        let among = is_honest(closing.by) && closing.to.is_some_and(is_honest);
        assert!(!among, "{what}: {closing:?}");
    }
    assert_eq!(mesh.slowed(), 0, "{what}: an honest link was slowed");

    mesh.banish();
    mesh.run_for(Duration::from_secs(25 * 60));
    for node in 0..HONEST {
        let it = mesh.node(node);
        it.check_invariants(&mesh.params);
        assert_eq!(it.wanted(), 0, "{what}: node {node} wants something of nobody");
        assert!(it.orphanage().is_none(), "{what}: node {node} has an orphan of nobody's");
        assert!(mesh.links(node).iter().all(|(_, peer)| *peer < HONEST));
        for next in [node + 1, node + 2] {
            let is_linked = |(_, peer): &(_, usize)| *peer == next % HONEST;
            assert!(
                mesh.links(node).iter().any(is_linked),
                "{what}: {node} lost {}",
                next % HONEST
            );
        }
        for item in &items {
            let is_known = it.item(&item.id()).is_some() || it.seen().contains(item.id());
            assert!(is_known, "{what}: node {node} has forgotten {:?}", item.id());
        }
    }
}

fn each_alone(strategy: StrategyKind) {
    for lie in Lie::ALL {
        for seed in 0..3 {
            withstand(strategy, Lies::One(lie), seed);
        }
    }
}

#[test]
fn each_lie_alone_costs_nobody_honest_anything_with_adaptive() {
    each_alone(StrategyKind::Adaptive);
}

#[test]
fn each_lie_alone_costs_nobody_honest_anything_with_inventory() {
    each_alone(StrategyKind::Inventory);
}

#[test]
fn all_lies_at_once_cost_nobody_honest_anything_whatever_the_strategy() {
    for strategy in [
        StrategyKind::Inventory,
        StrategyKind::Adaptive,
        StrategyKind::Flood,
        StrategyKind::Plumtree,
        StrategyKind::PushPull,
        StrategyKind::Dog,
        StrategyKind::Eth68,
        StrategyKind::Cat,
        StrategyKind::Gossipsub,
    ] {
        for seed in 10..16 {
            withstand(strategy, Lies::All, seed);
        }
    }
}
