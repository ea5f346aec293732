//! Who hears of an own transaction first, in whole networks: never a stranger who has just dialled its origin.

use std::sync::Arc;
use std::time::Duration;

use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::{Item, ItemKind};
use tidings_protocol::params::{Params, StrategyKind};
use tidings_protocol::testkit::Mesh;

/// Honest nodes: each dials the next one, the third and the fifth.
const HONEST: usize = 12;

/// Own transactions of node 0, each with a stranger of its own.
const OWN: usize = 25;

fn tx(n: usize) -> Arc<Item> {
    let item = Opaque::default().item(ItemKind::Tx, n.to_le_bytes().repeat(40).into());
    item.expect("opaque rules take any bytes")
}

/// Of how many of them a stranger who dials node 0 a second before hears before any honest node does. Everybody gets all.
fn first_heard_by_strangers(params: Params) -> usize {
    let mut mesh = Mesh::new(HONEST + OWN, 1, 1, params, Arc::new(Opaque::default()));
    for node in 0..HONEST {
        [1, 3, 5].into_iter().for_each(|step| mesh.connect(node, (node + step) % HONEST));
    }
    mesh.run_for(Duration::from_secs(30));
    let mut count = 0;
    for n in 0..OWN {
        let (own, stranger) = (tx(n), HONEST + n);
        mesh.connect(stranger, 0);
        mesh.run_for(Duration::from_secs(1));
        mesh.submit(0, own.clone());
        mesh.run_for(Duration::from_secs(25));
        let heard = |node: usize| {
            let accepted = mesh.accepted(node).iter().find(|(_, id)| *id == own.id());
            accepted.map(|(at, _)| *at).unwrap_or_else(|| panic!("node {node} lacks the {n}-th"))
        };
        let honest = (1..HONEST).map(heard).min().expect("there are some");
        count += usize::from(heard(stranger) <= honest);
        mesh.kill(stranger);
    }
    count
}

#[test]
fn under_every_strategy_honest_nodes_hear_of_an_own_transaction_before_a_stranger_does() {
    for strategy in StrategyKind::ALL {
        let mut params = Params::default();
        params.relay.strategy = *strategy;
        params.peers.outbound = 0; // no links but those of the test
        params.relay.safety_pull_ms = 5_000; // by which direct mail gets everywhere, three rounds at most
        let now = first_heard_by_strangers(params.clone());
        params.unbroadcast.standing_s = 0; // as if strangers were none
        let before = first_heard_by_strangers(params);
        println!("{strategy}: {before} -> {now} of {OWN}");
        assert_eq!(now, 0, "{strategy}");
    }
}
