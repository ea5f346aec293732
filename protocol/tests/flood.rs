//! Honest nodes pass on what others flood, each of whom keeps to what it may send: nobody slows an honest node for that, and
//! nothing else waits for it.

use std::sync::Arc;
use std::time::Duration;

use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::{Item, ItemId, ItemKind};
use tidings_protocol::ground::time::Time;
use tidings_protocol::limits::misbehavior::Reason;
use tidings_protocol::params::{Params, Rate, StrategyKind};
use tidings_protocol::testkit::{Closing, Mesh};

/// The nodes at the ends of a row, and the one between them, which all that flood dial.
const ENDS: [usize; 2] = [0, 2];
const MIDDLE: usize = 1;
const FLOODERS: usize = 8;

/// What is between two nodes of a row, and what may be late by retries of others.
const SOON: Duration = Duration::from_secs(1);

fn item(kind: ItemKind, n: usize, bytes: usize) -> Arc<Item> {
    let bytes = n.to_le_bytes().repeat(bytes / 8);
    Opaque::default().item(kind, bytes.into()).expect("opaque rules take any bytes")
}

fn flooded(strategy: StrategyKind) -> Mesh {
    let mut params = Params::default();
    params.relay.strategy = strategy;
    params.budgets.block_bytes = Rate::new(20_000.0, 100_000.0);
    params.budgets.tx_bytes = Rate::new(20_000.0, 100_000.0);
    params.budgets.relayed_bytes = Rate::new(20_000.0, 20_000.0);
    (params.relay.trickle_inbound_ms, params.relay.trickle_outbound_ms) = (20, 20);
    params.peers.outbound = 1; // so that a row stays one
    let nodes = ENDS.len() + 1 + FLOODERS;
    let mut mesh = Mesh::new(nodes, 1, 0, params, Arc::new(Opaque::default()));
    (0..nodes).filter(|node| *node != MIDDLE).for_each(|node| mesh.connect(node, MIDDLE));
    mesh.run_for(Duration::from_secs(2));
    mesh
}

fn arrival(mesh: &Mesh, node: usize, id: ItemId) -> Option<Time> {
    mesh.accepted(node).iter().find(|(_, held)| *held == id).map(|(at, _)| *at)
}

/// Each of those that flood sends as much at once as it may, and then the ends of the row send one another transactions:
/// the longest that one took.
fn longest_under(strategy: StrategyKind, kind: ItemKind, bytes: usize) -> Duration {
    let mut mesh = flooded(strategy);
    let flood: Vec<_> = (0..FLOODERS * 100_000 / bytes).map(|n| item(kind, n, bytes)).collect();
    for (n, item) in flood.iter().enumerate() {
        mesh.submit(ENDS.len() + 1 + n % FLOODERS, item.clone());
    }
    let mut honest = Vec::new();
    for n in 0..50 {
        let tx = item(ItemKind::Tx, 1_000_000 + n, 104);
        honest.push((mesh.now(), n % 2, tx.id()));
        mesh.submit(ENDS[n % 2], tx);
        mesh.run_for(Duration::from_millis(100));
    }
    assert_eq!(mesh.slowed(), 0, "{strategy}: nobody sends more than it may");
    mesh.run_for(Duration::from_secs(120));
    for item in &flood {
        for end in ENDS {
            assert!(arrival(&mesh, end, item.id()).is_some(), "{strategy}: all of it arrives");
        }
    }
    let is_cut = |closing: &&Closing| matches!(closing.why, Reason::Misbehaved(_));
    assert_eq!(mesh.closings().iter().find(is_cut), None, "{strategy}");
    let took = |(sent, from, id): (Time, usize, ItemId)| {
        arrival(&mesh, ENDS[1 - from], id).expect("it arrives") - sent
    };
    honest.into_iter().map(took).max().expect("there are some")
}

#[test]
fn a_flood_of_blocks_that_is_passed_on_slows_no_link_and_delays_no_transaction() {
    for strategy in [StrategyKind::Adaptive, StrategyKind::Flood, StrategyKind::Inventory] {
        let longest = longest_under(strategy, ItemKind::Block, 10_000);
        assert!(longest < SOON, "{strategy}: {longest:?}");
    }
}

#[test]
fn a_flood_of_transactions_that_is_passed_on_slows_no_link_and_takes_turns_with_others() {
    for strategy in [StrategyKind::Adaptive, StrategyKind::Flood] {
        let longest = longest_under(strategy, ItemKind::Tx, 2_000);
        assert!(longest < 2 * SOON, "{strategy}: {longest:?}");
    }
}
