//! What it costs a node to take in a transaction that its operator submits, while its pool has room and
//! when it is full: `cargo run --release -p tidings-protocol --example intake`.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures")]

use std::sync::Arc;
use std::time::Instant;

use rand::SeedableRng as _;
use tidings_protocol::chain::{Rejection, opaque::Opaque};
use tidings_protocol::item::{Item, ItemKind};
use tidings_protocol::machine::{Cx, Input, Machine as _};
use tidings_protocol::node::{Identity, Node};
use tidings_protocol::params::Params;
use tidings_protocol::pool::Pool;
use tidings_protocol::relay::StrategyKind;
use tidings_protocol::time::Time;

/// Submissions that are timed.
const COUNT: u32 = 100_000;

/// Their size, bytes.
const SIZE: usize = 300;

fn main() -> Result<(), Rejection> {
    println!("Node {} B, Pool {} B", size_of::<Node>(), size_of::<Pool>());
    let items = items()?;
    for pool_max_bytes in [64_000_000, 6_000_000] {
        // The quickest of several runs: whatever else the machine does only adds to it.
        let best = (0..5).map(|_| submit_all(&items, pool_max_bytes)).fold(f64::MAX, f64::min);
        println!("pool of {pool_max_bytes} B: {best:.0} ns per submission");
    }
    Ok(())
}

fn items() -> Result<Vec<Arc<Item>>, Rejection> {
    let item = |n: u32| {
        let mut bytes = vec![0; SIZE];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        Item::new(ItemKind::Tx, bytes.into(), &Opaque::default())
    };
    (0..COUNT).map(item).collect()
}

/// Nanoseconds per submission.
fn submit_all(items: &[Arc<Item>], pool_max_bytes: usize) -> f64 {
    let mut params = Params::default();
    params.relay.strategy = StrategyKind::Inventory; // announces everything, to everybody
    params.memory.pool_max_bytes = pool_max_bytes;
    let chain = Opaque::default();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let mut node = Node::new(Identity::for_tests(1), &params);
    let mut actions = Vec::new();
    let start = Instant::now();
    for (n, item) in (0..).zip(items) {
        let now = Time::from_millis(n);
        let mut cx =
            Cx { now, params: &params, chain: &chain, rng: &mut rng, actions: &mut actions };
        node.handle(Input::Submitted(item.clone()), &mut cx);
        actions.clear();
    }
    start.elapsed().as_nanos() as f64 / f64::from(COUNT)
}
