//! The strategies of other projects in whole networks: what they cost, and what a peer that is silent or lies does to them.
//!
//! A failing test prints its seed; `MESH_SEED=n cargo test -p tidings-protocol --test field`
//! replays all of them with that one.

use std::sync::Arc;
use std::time::Duration;

use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::{Item, ItemKind};
use tidings_protocol::ground::time::Time;
use tidings_protocol::params::{Params, StrategyKind};
use tidings_protocol::testkit::Mesh;
use tidings_protocol::testkit::hostile::{Hostile, Lie, Lies};

const NODES: usize = 20;

/// The longest latency of a link.
const FAR: Duration = Duration::from_millis(50);

/// What all of this is about.
const FIELD: [StrategyKind; 4] =
    [StrategyKind::Dog, StrategyKind::Eth68, StrategyKind::Cat, StrategyKind::Gossipsub];

/// The seed of this run, printed when a test fails.
fn seed() -> u64 {
    let seed = std::env::var("MESH_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    println!("replay with MESH_SEED={seed}");
    seed
}

fn tx(n: u32) -> Arc<Item> {
    let bytes = n.to_le_bytes().repeat(75);
    Opaque::default().item(ItemKind::Tx, bytes.into()).expect("opaque rules take any bytes")
}

fn params(strategy: StrategyKind) -> Params {
    let mut params = Params::default();
    params.relay.strategy = strategy;
    params.relay.safety_pull_ms = 0; // what a strategy misses is to be seen
    params.peers.outbound = 0; // no links but those of the test
    params
}

fn unlinked(nodes: usize, params: Params) -> Mesh {
    let mut mesh = Mesh::new(nodes, seed(), 0, params, Arc::new(Opaque::default()));
    mesh.spread_latency(Duration::from_millis(5), FAR);
    mesh
}

/// Each node dials the next ones at distances 1, 3, 7 and 8: it has eight links.
fn mesh(params: Params) -> Mesh {
    let mut mesh = unlinked(NODES, params);
    for node in 0..NODES {
        [1, 3, 7, 8].iter().for_each(|step| mesh.connect(node, (node + step) % NODES));
    }
    mesh.run_for(Duration::from_secs(1));
    mesh
}

/// Submits transactions at changing nodes that don't lie, and lets all settle.
fn spread(mesh: &mut Mesh, numbers: std::ops::Range<u32>, apart: Duration) -> Vec<Time> {
    let honest: Vec<_> = (0..mesh.len()).filter(|node| !mesh.is_hostile(*node)).collect();
    let mut submitted = Vec::new();
    for n in numbers {
        submitted.push(mesh.now());
        mesh.submit(honest[n as usize * 17 % honest.len()], tx(n));
        mesh.run_for(apart);
    }
    mesh.run_for(Duration::from_secs(5));
    submitted
}

/// How long a transaction took to a node.
fn took(mesh: &Mesh, node: usize, n: u32, since: Time) -> Option<Duration> {
    let accepted = mesh.accepted(node).iter().find(|(_, id)| *id == tx(n).id());
    accepted.map(|(at, _)| *at - since)
}

/// The longest that one of them took to an honest node; `None` if one never came.
fn longest(mesh: &Mesh, numbers: std::ops::Range<u32>, submitted: &[Time]) -> Option<Duration> {
    let honest = || (0..mesh.len()).filter(|node| !mesh.is_hostile(*node));
    let mut longest = Duration::ZERO;
    for (n, since) in numbers.zip(submitted) {
        for node in honest() {
            longest = longest.max(took(mesh, node, n, *since)?);
        }
    }
    Some(longest)
}

fn copies(mesh: &Mesh) -> u64 {
    (0..mesh.len()).map(|node| mesh.node(node).counters().duplicate_items).sum()
}

/// Copies beyond the first for each delivery of some transactions, all of which arrive, and the longest that one took.
fn redundancy(mesh: &mut Mesh, numbers: std::ops::Range<u32>) -> (f64, Duration) {
    let (before, deliveries) = (copies(mesh), numbers.len() * (NODES - 1));
    let submitted = spread(mesh, numbers.clone(), Duration::from_millis(200));
    mesh.run_for(Duration::from_secs(30));
    let longest = longest(mesh, numbers, &submitted).expect("everything arrives everywhere");
    ((copies(mesh) - before) as f64 / deliveries as f64, longest)
}

/// A fifth of the nodes hand on no item, and say of each that they get that they had it.
fn with_liars(params: Params) -> Mesh {
    let mut mesh = mesh(params);
    for liar in (0..NODES).step_by(5) {
        mesh.corrupt(liar, Hostile::new(Lies::One(Lie::Known), liar as u64).withholding());
    }
    mesh
}

#[test]
fn dog_holds_the_redundancy_that_it_is_set_to() {
    // Five items a second are few to count copies by.
    for (percent, range) in [(100, 0.75..1.25), (50, 0.3..0.75)] {
        let mut params = params(StrategyKind::Dog);
        params.relay.dog.target_percent = percent;
        params.relay.safety_pull_ms = 10_000;
        let mut mesh = mesh(params);
        let (flood, _) = redundancy(&mut mesh, 0..10);
        assert!(flood > 2.5, "it begins as a flood: {flood}");
        // Fifty-six routes through each node, of which it has one a second closed.
        spread(&mut mesh, 10..310, Duration::from_millis(200));
        let (held, _) = redundancy(&mut mesh, 310..410);
        assert!(range.contains(&held), "{percent} %: {held}");
    }
}

#[test]
fn eth68_sends_a_few_copies_and_reaches_everybody() {
    let (copies, longest) = redundancy(&mut mesh(params(StrategyKind::Eth68)), 0..100);
    // Three of eight get it whole, but those that have it.
    assert!((0.5..3.0).contains(&copies), "{copies}");
    assert!(longest < Duration::from_millis(1_500), "two waits and a few hops: {longest:?}");
}

#[test]
fn cat_sends_hardly_a_copy_and_reaches_everybody() {
    let (copies, longest) = redundancy(&mut mesh(params(StrategyKind::Cat)), 0..100);
    // What is asked for while the origin's is on its way comes twice.
    assert!(copies < 0.3, "{copies}");
    assert!(longest < Duration::from_millis(600), "{longest:?}");
}

#[test]
fn gossipsub_sends_a_copy_for_nearly_each_link_of_its_mesh_and_reaches_everybody() {
    let mut mesh = mesh(params(StrategyKind::Gossipsub));
    let (copies, longest) = redundancy(&mut mesh, 0..100);
    assert!((2.0..8.0).contains(&copies), "{copies}");
    assert!(longest < Duration::from_millis(400), "{longest:?}");
}

#[test]
fn a_fifth_that_lie_and_withhold_keeps_nothing_from_anybody_else() {
    for strategy in FIELD {
        let mut params = params(strategy);
        if strategy == StrategyKind::Dog {
            params.relay.safety_pull_ms = 10_000; // it announces nothing: what no route brings is found by comparing
        }
        let mut mesh = with_liars(params);
        let submitted = spread(&mut mesh, 0..100, Duration::from_millis(200));
        mesh.run_for(Duration::from_secs(30));
        let longest = longest(&mesh, 0..100, &submitted);
        assert!(longest.is_some(), "{strategy}");
        println!("{strategy}: {longest:?}");
        let is_honest = |node: usize| !mesh.is_hostile(node);
        let cut =
            mesh.closings().iter().filter(|it| is_honest(it.by) && it.to.is_some_and(is_honest));
        assert_eq!(cut.count(), 0, "{strategy}: nobody honest pays for it");
    }
}

#[test]
fn who_says_that_it_has_everything_keeps_that_from_itself_alone() {
    for strategy in [StrategyKind::Dog, StrategyKind::Gossipsub] {
        let run = |liars: bool| {
            let mut mesh = mesh(params(strategy));
            for liar in (0..NODES).step_by(5).filter(|_| liars) {
                mesh.corrupt(liar, Hostile::new(Lies::One(Lie::Known), liar as u64));
            }
            let submitted = spread(&mut mesh, 0..100, Duration::from_millis(200));
            longest(&mesh, 0..100, &submitted).expect("everything arrives")
        };
        let (honest, with_liars) = (run(false), run(true));
        assert!(with_liars < 2 * honest, "{strategy}: {with_liars:?}, without liars {honest:?}");
    }
}

/// An origin, a peer of its that hands nothing on, an honest one, and a node between these two: how long until it has an item.
fn behind_a_silent_peer(params: Params) -> Duration {
    let [origin, silent, honest, behind] = [0, 1, 2, 3];
    let mut mesh = unlinked(4, params);
    mesh.corrupt(silent, Hostile::new(Lies::One(Lie::Known), 1).withholding());
    for (from, to) in [(origin, silent), (behind, silent)] {
        mesh.connect(from, to);
        mesh.run_for(Duration::from_secs(1)); // whose links come first are in the mesh, if there is one
    }
    mesh.connect(origin, honest);
    mesh.connect(behind, honest);
    mesh.run_for(Duration::from_secs(1));
    let submitted = mesh.now();
    mesh.submit(origin, tx(1));
    mesh.run_for(Duration::from_secs(20));
    took(&mesh, behind, 1, submitted).expect("it arrives")
}

#[test]
fn a_silent_peer_that_was_to_push_costs_what_the_announcements_cost() {
    let in_time = |strategy, most: Duration| {
        let longest = behind_a_silent_peer(params(strategy));
        assert!(longest < most, "{strategy}: {longest:?}");
    };
    in_time(StrategyKind::Eth68, Duration::from_millis(500) + 5 * FAR);
    in_time(StrategyKind::Cat, Duration::from_millis(200) + 6 * FAR);
}

#[test]
fn a_node_whose_mesh_is_silent_hears_by_gossip_within_a_heartbeat() {
    let mut params = params(StrategyKind::Gossipsub);
    let mesh = &mut params.relay.gossipsub;
    (mesh.mesh_n_low, mesh.mesh_n, mesh.mesh_n_high) = (1, 1, 1);
    let longest = behind_a_silent_peer(params);
    assert!(longest < Duration::from_secs(1) + 5 * FAR, "{longest:?}");
}
