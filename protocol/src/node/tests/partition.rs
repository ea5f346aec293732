//! Two halves of a network mine for themselves, and find together again.

use std::collections::BTreeSet;

use rand::RngExt as _;

use super::*;
use crate::ground::item::ItemId;
use crate::testkit::Mesh;
use crate::testkit::coins::{Coin, Coins};

const NODES: usize = 16;

/// A ring with chords, within the halves and between them.
fn mesh() -> Mesh {
    let mut params = Params::default();
    params.peers.local_addresses = true;
    let mut mesh = Mesh::new(NODES, 3, 1, params, Arc::new(Coins));
    for node in 0..NODES {
        for step in [1, 3, 5] {
            mesh.connect(node, (node + step) % NODES);
        }
    }
    mesh.run_for(Duration::from_secs(10));
    mesh
}

/// Blocks that a miner makes of its pool, on its own tip.
fn mine(mesh: &mut Mesh, miner: usize, number: u32) -> Arc<Item> {
    let node = mesh.node(miner);
    let tip = node.tree().map_or(Coins::ROOT, |tree| tree.tip().id);
    let mut ids: Vec<_> = node.pool().since(0).collect();
    ids.sort_unstable_by_key(|passed| passed.sequence);
    let txs: Vec<_> =
        ids.iter().filter_map(|passed| node.pool().get(passed.id)).take(20).cloned().collect();
    let block = Coins::block(tip, 1, number, 1, &txs);
    mesh.submit(miner, block.clone());
    block
}

#[test]
fn after_a_partition_in_which_both_sides_mined_all_agree_on_the_tip_and_on_what_is_pooled() {
    let mut mesh = mesh();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    mine(&mut mesh, 0, 0);
    mesh.run_for(Duration::from_secs(30));
    mesh.split(Some(NODES / 2));
    let (mut submitted, mut last) = (BTreeSet::new(), [None, None]);
    for round in 0..50_u32 {
        for (side, last) in [0_u8, 1].into_iter().zip(&mut last) {
            for n in 0..4 {
                // A child of the last one on this side, or one by itself.
                let parent: Option<ItemId> = last.filter(|_| rng.random());
                let free = (Hash256::of(&[round.to_le_bytes(), [n, side, 0, 0]].concat()), 0);
                let input = parent.map_or(free, |id| (id.hash(), 0));
                let number = round * 100 + u32::from(side) * 10 + u32::from(n);
                let item = Coin { number, inputs: vec![input], outputs: 1 }.item();
                submitted.insert(item.id());
                *last = Some(item.id());
                let at = usize::from(side) * NODES / 2 + rng.random_range(0..NODES / 2);
                mesh.submit(at, item);
                mesh.run_for(Duration::from_millis(700));
            }
        }
        // One side finds a block less.
        mine(&mut mesh, 1, 1_000 + round);
        if round != 7 {
            mine(&mut mesh, NODES - 2, 2_000 + round);
        }
    }
    let height = |mesh: &Mesh, node: usize| mesh.node(node).tree().unwrap().tip().height;
    mesh.run_for(Duration::from_secs(5));
    assert_eq!((height(&mesh, 0), height(&mesh, NODES - 1)), (51, 50));
    mesh.split(None);
    mesh.run_for(Duration::from_secs(60));
    mine(&mut mesh, 2, 5_000);
    mesh.run_for(Duration::from_secs(600));
    let tree = mesh.node(0).tree().unwrap();
    let tip = tree.tip().id;
    assert_eq!(height(&mesh, 0), 52);
    let mut wanted = submitted.clone();
    for height in 1..=tree.tip().height {
        let id = ItemId::block(tree.active(height).unwrap().id);
        for tx in Coins::transactions(&mesh.kept(0, id).unwrap()) {
            wanted.remove(&tx.id());
        }
    }
    assert!(wanted.len() > 50, "{} of the side that lost", wanted.len());
    for node in 0..NODES {
        assert_eq!(mesh.node(node).tree().unwrap().tip().id, tip, "node {node}");
        let pool: BTreeSet<_> = mesh.node(node).pool().since(0).map(|passed| passed.id).collect();
        let (lacked, surplus) =
            (wanted.difference(&pool).count(), pool.difference(&wanted).count());
        assert_eq!((lacked, surplus), (0, 0), "node {node} of {}", wanted.len());
        mesh.node(node).tree().unwrap().check(1 << 20);
    }
}
