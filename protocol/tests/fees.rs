//! Fees that cost nothing buy nothing: whoever offers the most that a number holds, from as many accounts as it
//! likes, fills what is its share of pools and budgets, and shuts out nobody.

use std::sync::Arc;
use std::time::Duration;

use ed25519_zebra::SigningKey;
use tidings_protocol::chain::Chain;
use tidings_protocol::chain::tidings::{Tidings, Transfer};
use tidings_protocol::ground::fee::FeeRate;
use tidings_protocol::ground::item::{Hash256, Item, ItemKind};
use tidings_protocol::params::{Params, Rate};
use tidings_protocol::testkit::Mesh;

const GENESIS: Hash256 = Hash256([7; 32]);

/// Nodes that are honest: each dials the next one and the one after.
const HONEST: usize = 6;

/// Nodes that flood: each dials two of the honest ones.
const FLOODERS: usize = 3;

/// Bytes of a transfer here.
const SIZE: usize = 165;

fn chain() -> Tidings {
    Tidings::new(GENESIS, 1)
}

/// The only transfer of an account, which was made for it.
fn transfer(account: u32, fee: u64) -> Arc<Item> {
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&account.to_le_bytes());
    let bytes = Transfer::sign(&SigningKey::from(seed), GENESIS, 0, fee, &[0; 20]);
    chain().item(ItemKind::Tx, bytes).expect("every transfer has an id")
}

/// Pools of a hundred transfers, of which 40 a second are passed on.
fn mesh() -> Mesh {
    let mut params = Params::default();
    params.memory.pool_max_bytes = 100 * SIZE;
    params.memory.pool_entry_bytes = 0;
    params.budgets.relayed = Rate::new(40.0, 40.0);
    params.budgets.backlog_max = 100;
    // Nobody dials whom he hears of: flooders come as they like, and aren't chosen.
    params.peers.outbound = 0;
    let mut mesh = Mesh::new(HONEST + FLOODERS, 1, 1, params, Arc::new(chain()));
    for node in 0..HONEST {
        mesh.connect(node, (node + 1) % HONEST);
        mesh.connect(node, (node + 2) % HONEST);
    }
    for flooder in HONEST..HONEST + FLOODERS {
        mesh.connect(flooder, flooder % HONEST);
        mesh.connect(flooder, (flooder + 3) % HONEST);
    }
    mesh.run_for(Duration::from_secs(3));
    mesh
}

#[test]
fn fees_of_all_that_a_number_holds_shut_nobody_out_of_any_pool() {
    let mut mesh = mesh();
    assert_eq!(transfer(0, u64::MAX).size(), SIZE);
    let mut honest = Vec::new();
    // Thirty pools full of it, in 25 seconds.
    for second in 0..25_u32 {
        for n in 0..120 {
            let flooder = HONEST + n as usize % FLOODERS;
            mesh.submit(flooder, transfer(1_000_000 + second * 1_000 + n, u64::MAX));
        }
        let (node, item) = (second as usize % HONEST, transfer(second, 0));
        mesh.submit(node, item.clone());
        honest.push((mesh.now(), node, item));
        mesh.run_for(Duration::from_secs(1));
    }
    mesh.run_for(Duration::from_secs(20));
    for (at, submitter, item) in &honest {
        for node in 0..HONEST {
            let accepted = mesh.accepted(node).iter().find(|(_, id)| *id == item.id());
            let Some((accepted, _)) = accepted else {
                panic!("{} of node {submitter} never came to node {node}", item.id());
            };
            let took = *accepted - *at;
            assert!(took < Duration::from_secs(20), "it came to node {node} after {took:?}");
        }
        // Whoever made it keeps it, whatever others bring.
        assert!(mesh.node(*submitter).pool().contains(item.id()));
    }
    for node in 0..HONEST {
        let minimum = mesh.node(node).pool().min_fee_rate(mesh.now(), &mesh.params);
        assert_eq!(minimum, FeeRate::ZERO, "node {node} asks a fee that nobody vouches for");
    }
    assert_eq!(mesh.closings(), [], "and nobody lost a link for passing on what is valid");
}
