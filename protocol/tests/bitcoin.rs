//! Bitcoin's transactions among nodes that know them by wtxid, and one another's outputs by txid.

use std::sync::Arc;
use std::time::Duration;

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::Hash as _;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use tidings_protocol::chain::{Chain, Limits, Rules, Settings};
use tidings_protocol::ground::bringer::Bringer;
use tidings_protocol::ground::item::{Item, ItemKind};
use tidings_protocol::ground::map::Salt;
use tidings_protocol::ground::time::Time;
use tidings_protocol::items::pool::Pool;
use tidings_protocol::params::Params;
use tidings_protocol::testkit::Mesh;

fn chain() -> Arc<dyn Chain> {
    Rules::Bitcoin.chain(Limits::default(), &Settings::default())
}

/// A transaction with a witness that spends one output and has one.
fn after(previous_output: OutPoint) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&[[7; 72]]),
        }],
        output: vec![TxOut {
            value: Amount::from_sat(1_000),
            script_pubkey: ScriptBuf::from_bytes(vec![0x51; 22]),
        }],
    }
}

/// Transactions each of which spends the one before.
fn descent(count: usize) -> Vec<Arc<Item>> {
    let (chain, mut items) = (chain(), Vec::new());
    let mut outpoint = OutPoint { txid: Txid::from_byte_array([1; 32]), vout: 0 };
    for _ in 0..count {
        let transaction = after(outpoint);
        outpoint = OutPoint { txid: transaction.compute_txid(), vout: 0 };
        let item = chain.item(ItemKind::Tx, serialize(&transaction).into());
        items.push(item.expect("any bytes have an id"));
    }
    items
}

#[test]
fn what_spends_one_another_arrives_in_any_order_and_is_one_family_everywhere() {
    let (nodes, items) = (10, descent(8));
    let mut mesh = Mesh::new(nodes, 1, 2, Params::default(), chain());
    for index in 0..nodes {
        mesh.learn(index, &[(index + 1) % nodes, (index + 3) % nodes]);
    }
    mesh.run_for(Duration::from_secs(30));
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(3));
    for (number, at) in order.into_iter().enumerate() {
        mesh.submit(number % nodes, items[at].clone());
    }
    mesh.run_for(Duration::from_secs(60));
    for index in 0..nodes {
        let pool = mesh.node(index).pool();
        assert_eq!(pool.len(), items.len(), "node {index}");
        for pair in items.windows(2) {
            assert_eq!(pool.children(pair[0].id()), [pair[1].id()], "node {index}");
        }
    }
}

/// A block of the main network, if the tests are given one: a pool takes all of it, in whatever order.
#[test]
fn a_pool_takes_the_transactions_of_a_real_block_in_any_order() {
    let Some(file) = std::env::var_os("TIDINGS_BITCOIN_BLOCK") else { return };
    let (chain, params) = (chain(), Params::default());
    let bytes = std::fs::read(file).expect("the block can be read");
    let block = chain.item(ItemKind::Block, bytes.into()).expect("it has a header");
    let mut items = chain.disconnect(&block).returns;
    for seed in 0..5 {
        items.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let mut pool = Pool::new(Salt::new(seed));
        for item in &items {
            let inspection = chain.inspect(item).expect("it passes outside of its block");
            let put = pool.insert(item.clone(), inspection, Bringer::Own, Time::ZERO, &params);
            assert_eq!(put, Ok(()), "{item:?}");
        }
        assert_eq!(pool.len(), items.len());
    }
}
