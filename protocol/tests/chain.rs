//! Chains of blocks in networks in which some lie: every honest node has the chain in time, and nobody honest pays for it.

use std::sync::Arc;
use std::time::Duration;

use tidings_protocol::limits::misbehavior::Reason;
use tidings_protocol::params::{Params, StrategyKind};
use tidings_protocol::testkit::Mesh;
use tidings_protocol::testkit::coins::{Coin, Coins};
use tidings_protocol::testkit::hostile::{Hostile, Lie, Lies};

/// Nodes that are honest. Each dials the next one and the one after.
const HONEST: usize = 6;

/// Nodes that lie: each dials half of the honest ones, and is dialled by one.
const HOSTILE: usize = 3;

/// How long the last block may take to be everywhere: a wait for an inbound peer and for an outbound one that doesn't deliver, at each of
/// four steps.
const IN_TIME: Duration = Duration::from_secs(120);

fn besieged(strategy: StrategyKind, lies: Lies, seed: u64) -> Mesh {
    let mut params = Params::default();
    params.relay.strategy = strategy;
    let mut mesh = Mesh::new(HONEST + HOSTILE, seed, 1, params, Arc::new(Coins));
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

/// A chain grows by the hand of whoever has its tip, each block with a transaction that was submitted before; nodes 4 and 5 make rivals.
fn withstand(strategy: StrategyKind, lies: Lies, seed: u32) {
    let what = format!("{strategy}, {lies}, seed {seed}");
    let mut mesh = besieged(strategy, lies, seed.into());
    mesh.run_for(Duration::from_secs(3));
    let mut honest = Vec::new();
    for number in 0..12 {
        let item = Coin { number: seed * 100 + number, inputs: Vec::new(), outputs: 1 }.item();
        honest.push(item.id());
        mesh.submit(number as usize % HONEST, item.clone());
        mesh.run_for(Duration::from_secs(2));
        let makers = if number % 4 == 3 { &[4, 5][..] } else { &[number as usize % HONEST] };
        for maker in makers {
            let tip = mesh.node(*maker).tree().map_or(Coins::ROOT, |tree| tree.tip().id);
            let made = u32::try_from(*maker).expect("few nodes") * 1_000 + number;
            mesh.submit(*maker, Coins::block(tip, 1, made, 1, std::slice::from_ref(&item)));
        }
        mesh.run_for(Duration::from_secs(3));
    }
    mesh.run_for(IN_TIME);
    let last = mesh.node(0).tree().map_or(Coins::ROOT, |tree| tree.tip().id);
    mesh.submit(0, Coins::block(last, 1, 99_999, 1, &[]));
    mesh.run_for(IN_TIME);
    let tip = mesh.node(0).tree().expect("it has blocks").tip();
    assert!(tip.height > 8, "{what}: {}", tip.height);
    for node in 0..HONEST {
        let theirs = mesh.node(node).tree().expect("it has blocks").tip();
        assert_eq!((theirs.height, theirs.id), (tip.height, tip.id), "{what}: node {node}");
        // What liars made up may be there.
        let waits = honest.iter().any(|id| mesh.node(node).pool().contains(*id));
        assert!(!waits, "{what}: node {node}");
    }
    for closing in mesh.closings() {
        let is_honest = closing.by < HONEST && closing.to.is_some_and(|to| to < HONEST);
        let misbehaved = matches!(closing.why, Reason::Misbehaved(_) | Reason::Stalls);
        assert!(!(is_honest && misbehaved), "{what}: {closing:?}");
    }
}

#[test]
fn every_honest_node_has_the_chain_whatever_others_say() {
    for (seed, lie) in (1..).zip(Lie::ALL) {
        withstand(StrategyKind::Adaptive, Lies::One(lie), seed);
    }
    withstand(StrategyKind::Adaptive, Lies::All, 20);
    withstand(StrategyKind::Inventory, Lies::All, 21);
    withstand(StrategyKind::Flood, Lies::All, 22);
}
