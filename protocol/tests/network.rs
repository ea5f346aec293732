//! Whole networks in memory: items reach everybody, overlays form, runs repeat.
//!
//! A failing test prints its seed; `MESH_SEED=n cargo test -p tidings-protocol --test network`
//! replays all of them with that one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::{Item, ItemId, ItemKind};
use tidings_protocol::params::{Params, StrategyKind};
use tidings_protocol::testkit::Mesh;

/// The seed of this run, printed when a test fails.
fn seed() -> u64 {
    let seed = std::env::var("MESH_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    println!("replay with MESH_SEED={seed}");
    seed
}

fn params(strategy: StrategyKind) -> Params {
    let mut params = Params::default();
    params.relay.strategy = strategy;
    params
}

/// Quick enough for the strategies that leave most of the work to it.
fn with_safety_net(strategy: StrategyKind) -> Params {
    let mut params = params(strategy);
    params.relay.safety_pull_ms = 1_000;
    params
}

fn tx(n: u32) -> Arc<Item> {
    let bytes = n.to_le_bytes().repeat(75);
    Opaque::default().item(ItemKind::Tx, bytes.into()).expect("opaque rules take any bytes")
}

/// A network that formed by address gossip: each node was told of three others.
fn formed(nodes: usize, seed: u64, hash_seed: u64, params: Params) -> Mesh {
    let mut mesh = Mesh::new(nodes, seed, hash_seed, params, Arc::new(Opaque::default()));
    form(&mut mesh);
    mesh
}

fn form(mesh: &mut Mesh) {
    let nodes = mesh.len();
    for index in 0..nodes {
        let others: Vec<_> = [1, 7, 19].iter().map(|step| (index + step) % nodes).collect();
        mesh.learn(index, &others);
    }
    mesh.run_for(Duration::from_secs(30));
}

fn reached(mesh: &Mesh, id: ItemId, alive: impl Iterator<Item = usize>) -> usize {
    alive.filter(|index| mesh.accepted(*index).iter().any(|(_, held)| *held == id)).count()
}

#[test]
fn a_random_overlay_forms_from_a_few_addresses() {
    let mesh = formed(60, seed(), 0, params(StrategyKind::Inventory));
    for index in 0..mesh.len() {
        assert_eq!(mesh.node(index).peers().outbound_ready(), 8, "node {index}");
    }
    let mut reached = BTreeSet::from([0]);
    let mut open = vec![0];
    while let Some(index) = open.pop() {
        for (_, peer) in mesh.links(index) {
            if reached.insert(peer) {
                open.push(peer);
            }
        }
    }
    assert_eq!(reached.len(), mesh.len(), "the overlay is connected");
}

#[test]
fn no_node_has_two_links_to_the_same_peer() {
    let mesh = formed(40, seed(), 0, params(StrategyKind::Inventory));
    for index in 0..mesh.len() {
        let peers: Vec<_> = mesh.links(index).into_iter().map(|(_, peer)| peer).collect();
        let distinct: BTreeSet<_> = peers.iter().collect();
        assert_eq!(distinct.len(), peers.len(), "node {index}: {peers:?}");
        assert!(!peers.contains(&index), "node {index} is linked to itself");
    }
}

#[test]
fn every_strategy_delivers_every_item_to_every_node() {
    for strategy in StrategyKind::ALL {
        let mut mesh = formed(40, seed(), 0, with_safety_net(*strategy));
        for n in 0..20 {
            mesh.submit(n as usize * 2, tx(n));
            mesh.run_for(Duration::from_millis(50));
        }
        mesh.run_for(Duration::from_secs(15));
        for n in 0..20 {
            assert_eq!(reached(&mesh, tx(n).id(), 0..40), 40, "{strategy}, item {n}");
        }
    }
}

#[test]
fn inventory_delivers_each_payload_once_and_flood_many_times() {
    let copies = |strategy| {
        let mut mesh = formed(40, seed(), 0, params(strategy));
        mesh.submit(0, tx(1));
        mesh.run_for(Duration::from_secs(15));
        let counters = (0..40).map(|index| mesh.node(index).counters());
        counters.map(|counters| counters.duplicate_items).sum::<u64>()
    };
    assert_eq!(copies(StrategyKind::Inventory), 0);
    // Each of the E links carries the item at least once, and 39 of these are first deliveries.
    assert!(copies(StrategyKind::Flood) >= 40 * 8 - 39);
}

#[test]
fn a_block_overtakes_the_wait_of_transactions() {
    let mut params = params(StrategyKind::Inventory);
    params.relay.trickle_inbound_ms = 5_000;
    params.relay.trickle_outbound_ms = 5_000;
    let mut mesh = formed(40, seed(), 0, params);
    let block = Opaque::default().item(ItemKind::Block, vec![1; 100_000].into()).unwrap();
    mesh.submit(0, block.clone());
    // Five hops of one and a half round trips, 60 ms each, are plenty for 40 nodes of degree 16.
    mesh.run_for(Duration::from_millis(300));
    assert_eq!(reached(&mesh, block.id(), 0..40), 40);
}

#[test]
fn killing_a_fifth_of_the_nodes_loses_nothing_among_the_rest() {
    let mut mesh = formed(50, seed(), 0, params(StrategyKind::Inventory));
    let survivors = || (0..50).filter(|index| index % 5 != 0);
    for n in 0..40 {
        let origin = survivors().nth(n as usize).unwrap();
        mesh.submit(origin, tx(n));
        if n == 20 {
            (0..50).step_by(5).for_each(|victim| mesh.kill(victim));
        }
        mesh.run_for(Duration::from_millis(30));
    }
    mesh.run_for(Duration::from_secs(30));
    for n in 0..40 {
        assert_eq!(reached(&mesh, tx(n).id(), survivors()), 40, "item {n}");
    }
    for index in survivors() {
        assert_eq!(mesh.node(index).peers().outbound_ready(), 8, "node {index} refilled its links");
    }
}

/// All nodes have all of the first `txs` transactions.
fn assert_covered(mesh: &Mesh, txs: u32, what: &str) {
    for n in 0..txs {
        assert_eq!(reached(mesh, tx(n).id(), 0..mesh.len()), mesh.len(), "{what}, item {n}");
    }
}

#[test]
fn with_a_fifth_of_all_messages_lost_every_strategy_still_delivers_everything() {
    for strategy in StrategyKind::ALL {
        let mut mesh = formed(40, seed(), 0, with_safety_net(*strategy));
        mesh.lose(0.2);
        for n in 0..20 {
            mesh.submit(n as usize * 2, tx(n));
            mesh.run_for(Duration::from_millis(50));
        }
        // Requests that were lost take five seconds each to be made again.
        mesh.run_for(Duration::from_secs(60));
        assert_covered(&mesh, 20, strategy.name());
    }
}

#[test]
fn a_partition_that_heals_leaves_no_gap() {
    for strategy in StrategyKind::ALL {
        let mut mesh = formed(40, seed(), 0, with_safety_net(*strategy));
        mesh.split(Some(15));
        for n in 0..20 {
            mesh.submit(n as usize * 2, tx(n));
            mesh.run_for(Duration::from_millis(1_500));
        }
        assert_eq!(reached(&mesh, tx(0).id(), 15..40), 0, "{strategy}");
        mesh.split(None);
        mesh.run_for(Duration::from_secs(20));
        assert_covered(&mesh, 20, strategy.name());
    }
}

/// Transactions while a network is in two halves, and how many copies are missing a while after it healed.
fn missing_after_partition(strategy: StrategyKind, txs: u32, parted: Duration) -> usize {
    let mut mesh = formed(20, seed(), 0, params(strategy));
    mesh.split(Some(10));
    for n in 0..txs {
        mesh.submit(n as usize * 7 % 20, tx(n));
        mesh.run_for(parted / txs);
    }
    mesh.split(None);
    // Links are dialled again as feelers find peers, one every two minutes.
    mesh.run_for(Duration::from_secs(600));
    let missing = |n| 20 - reached(&mesh, tx(n).id(), 0..20);
    (0..txs).map(missing).sum()
}

#[test]
fn a_partition_of_ten_minutes_heals_and_leaves_no_gap() {
    for strategy in [StrategyKind::Adaptive, StrategyKind::Inventory, StrategyKind::DirectMail] {
        let missing = missing_after_partition(strategy, 1_000, Duration::from_secs(600));
        assert_eq!(missing, 0, "{strategy}");
    }
}

#[test]
fn what_full_queues_dropped_is_found_by_comparing() {
    for strategy in [StrategyKind::Adaptive, StrategyKind::Inventory] {
        let mut params = params(strategy);
        params.relay.announce_queue_max = 100;
        params.requests.announced_max = 200;
        params.budgets.backlog_max = 50;
        params.budgets.relayed.per_s = 100.0;
        params.budgets.relayed.burst = 300.0;
        let mut mesh = Mesh::new(2, seed(), 0, params, Arc::new(Opaque::default()));
        mesh.connect(0, 1);
        mesh.run_for(Duration::from_secs(1));
        (0..2_000).for_each(|n| mesh.submit(0, tx(n)));
        mesh.run_for(Duration::from_secs(1_800));
        let missing = (0..2_000).filter(|n| reached(&mesh, tx(*n).id(), 1..2) == 0).count();
        assert_eq!(missing, 0, "{strategy}");
    }
}

#[test]
fn without_the_safety_net_a_healed_partition_leaves_gaps() {
    let mut params = params(StrategyKind::Flood);
    params.relay.safety_pull_ms = 0;
    params.peers.feeler_s = 0; // a new link tells what is new
    let mut mesh = formed(40, seed(), 0, params);
    mesh.split(Some(15));
    mesh.submit(0, tx(1));
    mesh.run_for(Duration::from_secs(5));
    mesh.split(None);
    mesh.run_for(Duration::from_secs(30));
    assert_eq!(reached(&mesh, tx(1).id(), 0..40), 15);
}

#[test]
fn a_newcomer_gets_what_was_accepted_lately() {
    for strategy in StrategyKind::ALL {
        let mut mesh = Mesh::new(2, seed(), 0, params(*strategy), Arc::new(Opaque::default()));
        (0..10).for_each(|n| mesh.submit(0, tx(n)));
        mesh.run_for(Duration::from_secs(30));
        mesh.connect(0, 1); // one who dials hears of the other's own later
        mesh.run_for(Duration::from_secs(1));
        assert_covered(&mesh, 10, strategy.name());
    }
}

#[test]
fn batches_hold_items_back_but_lose_none() {
    for strategy in StrategyKind::ALL {
        let mut params = with_safety_net(*strategy);
        params.relay.batch_ms = 50;
        params.relay.batch_max = 3;
        let mut mesh = formed(40, seed(), 0, params);
        for n in 0..20 {
            mesh.submit(n as usize * 2, tx(n));
            mesh.run_for(Duration::from_millis(10));
        }
        mesh.run_for(Duration::from_secs(15));
        assert_covered(&mesh, 20, strategy.name());
    }
}

#[test]
fn fewer_links_between_regions_save_bytes_between_them() {
    // Direct mail leaves nearly everything to digests, which know no regions.
    for strategy in StrategyKind::ALL.iter().filter(|kind| **kind != StrategyKind::DirectMail) {
        let cross_region_bytes = |remote_fanout| {
            let mut params = with_safety_net(*strategy);
            params.relay.remote_fanout = remote_fanout;
            let region = |index| Some(u8::from(index >= 20));
            let chain = Arc::new(Opaque::default());
            let mut mesh = Mesh::in_regions(40, seed(), 0, params, chain, region);
            form(&mut mesh);
            let before = crossing(&mesh);
            for n in 0..10 {
                mesh.submit(n as usize * 4, tx(n));
                mesh.run_for(Duration::from_millis(50));
            }
            mesh.run_for(Duration::from_secs(15));
            assert_covered(&mesh, 10, strategy.name());
            crossing(&mesh) - before
        };
        let (all, few) = (cross_region_bytes(None), cross_region_bytes(Some(1)));
        assert!(few < all, "{strategy}: {few} of {all}");
        if matches!(strategy, StrategyKind::Flood | StrategyKind::Push | StrategyKind::PushPull) {
            assert!(few < all / 3, "{strategy}: {few} of {all}");
        }
    }
}

fn crossing(mesh: &Mesh) -> u64 {
    (0..mesh.len()).map(|index| mesh.node(index).counters().sent_cross_region_bytes).sum()
}

/// What one origin's transactions cost after the tree has formed: copies received beyond the first, for
/// each delivery.
fn tree_redundancy(nodes: usize, origin: impl Fn(u32) -> usize) -> f64 {
    let mut params = params(StrategyKind::Plumtree);
    params.relay.safety_pull_ms = 0;
    let mut mesh = formed(nodes, seed(), 0, params);
    mesh.spread_latency(Duration::from_millis(10), Duration::from_millis(50));
    let duplicates = |mesh: &Mesh| -> u64 {
        (0..nodes).map(|index| mesh.node(index).counters().duplicate_items).sum()
    };
    let mut before = 0;
    for n in 0..60 {
        if n == 10 {
            before = duplicates(&mesh);
        }
        mesh.submit(origin(n), tx(n));
        mesh.run_for(Duration::from_millis(500));
    }
    mesh.run_for(Duration::from_secs(1));
    assert_covered(&mesh, 60, "plumtree");
    (duplicates(&mesh) - before) as f64 / (50.0 * (nodes as f64 - 1.0))
}

#[test]
fn a_tree_brings_one_origins_items_once_to_each_and_misses_none() {
    let redundancy = tree_redundancy(120, |_| 0);
    assert!(redundancy <= 0.07, "{redundancy}");
}

#[test]
fn a_tree_serves_many_origins_less_well_and_misses_none() {
    let redundancy = tree_redundancy(120, |n| n as usize * 37 % 120);
    assert!(redundancy <= 0.42, "{redundancy}");
}

#[test]
fn a_tree_that_loses_nodes_repairs_itself_by_grafts() {
    let mut params = params(StrategyKind::Plumtree);
    params.relay.safety_pull_ms = 0;
    let mut mesh = formed(100, seed(), 0, params);
    for n in 0..40 {
        if n == 20 {
            (1..100).step_by(5).for_each(|victim| mesh.kill(victim));
        }
        mesh.submit(0, tx(n));
        mesh.run_for(Duration::from_millis(500));
    }
    mesh.run_for(Duration::from_secs(1));
    let survivors = || (0..100).filter(|index| index % 5 != 1);
    for n in 0..40 {
        assert_eq!(reached(&mesh, tx(n).id(), survivors()), 80, "item {n}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run_whatever_the_hash_seed() {
    for strategy in StrategyKind::ALL {
        let run = |seed, hash_seed| {
            let mut mesh = formed(30, seed, hash_seed, with_safety_net(*strategy));
            mesh.lose(0.05);
            for n in 0..20 {
                mesh.submit(n as usize, tx(n));
                mesh.run_for(Duration::from_millis(100));
            }
            mesh.kill(7);
            mesh.run_for(Duration::from_secs(5));
            mesh.log().to_owned()
        };
        let seed = seed();
        assert!(run(seed, 0) == run(seed, 0x9e37_79b9_7f4a_7c15), "{strategy}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run_line_by_line() {
    let run = |seed, hash_seed| {
        let mut mesh = formed(50, seed, hash_seed, params(StrategyKind::Inventory));
        for n in 0..30 {
            mesh.submit(n as usize, tx(n));
            mesh.run_for(Duration::from_millis(100));
        }
        mesh.kill(7);
        mesh.run_for(Duration::from_secs(10));
        mesh.log().to_owned()
    };
    let seed = seed();
    let log = run(seed, 0);
    assert!(log.lines().count() > 10_000, "it is a real run");
    let differs = |other: &str| {
        let lines = log.lines().zip(other.lines());
        lines.enumerate().find(|(_, (a, b))| a != b).map(|(n, (a, b))| format!("{n}: {a} / {b}"))
    };
    assert_eq!(differs(&run(seed, 0)), None, "another run of the seed");
    let other_hash = run(seed, 0x9e37_79b9_7f4a_7c15);
    assert_eq!(differs(&other_hash), None, "another hash seed");
    assert!(log == other_hash, "the same length too");
    assert!(differs(&run(seed + 1, 0)).is_some(), "another seed gives another run");
}
