//! Links that only compare: nothing is announced there, and everything is found.

use super::comparing::{named, tx};
use super::*;
use crate::testkit::Mesh;
use crate::wire::kinds::MessageKind;
use std::time::Duration;

/// Two rounds of comparisons, and what fetching takes.
const SOON: Duration = Duration::from_secs(40);

/// So many of the links that a node dials relay, and all others only compare.
fn comparing(strategy: StrategyKind, relaying: usize) -> Params {
    let mut params = named(strategy);
    params.peers.outbound = relaying;
    params.relay.reconcile_links = 8;
    params
}

fn mesh(nodes: usize, params: Params) -> Mesh {
    Mesh::new(nodes, 1, 1, params, Arc::new(Opaque::default()))
}

fn only_compares(mesh: &Mesh, from: usize, to: usize) -> bool {
    let (link, _) = mesh.links(from).into_iter().find(|(_, peer)| *peer == to).unwrap();
    let view = mesh.node(from).links().find(|view| view.link == link).unwrap();
    view.only_compares
}

#[test]
fn with_every_strategy_a_link_that_only_compares_brings_what_no_other_does() {
    for strategy in StrategyKind::ALL.iter().copied() {
        let mut mesh = mesh(3, comparing(strategy, 0));
        mesh.connect(0, 1);
        mesh.connect(2, 1);
        mesh.run_for(Duration::from_secs(5));
        assert!(only_compares(&mesh, 0, 1) && only_compares(&mesh, 1, 0), "{strategy}");
        let items: Vec<_> = (0..20).map(tx).collect();
        items.iter().for_each(|item| mesh.submit(0, item.clone()));
        mesh.run_for(2 * SOON);
        let whole = mesh.node(0).counters().traffic.sent(MessageKind::Tx).messages;
        let relayed = (0..3).map(|index| {
            let traffic = &mesh.node(index).counters().traffic;
            let signals = [MessageKind::Prune, MessageKind::Known, MessageKind::First];
            signals.map(|kind| traffic.sent(kind).messages).iter().sum::<u64>()
        });
        assert!(
            whole <= 20 * mesh.links(0).len() as u64,
            "{strategy}: {whole}, asked for and no more"
        );
        assert_eq!(relayed.sum::<u64>(), 0, "{strategy}");
        for index in 1..3 {
            assert_eq!(mesh.node(index).pool().len(), 20, "{strategy}, node {index}");
        }
        mesh.kill(1);
        mesh.run_for(SOON);
        (0..3).for_each(|index| mesh.node(index).check_invariants(&comparing(strategy, 0)));
        assert!(mesh.links(0).iter().all(|(_, peer)| *peer != 1), "{strategy}");
    }
}

/// How many of the links that a node dialled compare, and how many relay.
fn dialled(mesh: &Mesh, index: usize) -> (usize, usize) {
    let links = mesh.node(index).links().filter(|view| view.direction == Direction::Outbound);
    let (compare, relay): (Vec<_>, Vec<_>) = links.partition(|view| view.only_compares);
    (compare.len(), relay.len())
}

#[test]
fn a_node_dials_the_links_that_compare_beside_those_that_relay_and_replaces_what_it_lost() {
    let mut params = comparing(StrategyKind::Adaptive, 2);
    params.relay.reconcile_links = 3;
    params.peers.feeler_s = 0; // one more link, now and then
    let mut mesh = mesh(40, params);
    mesh.learn(0, &(1..40).collect::<Vec<_>>());
    mesh.run_for(Duration::from_secs(60));
    assert_eq!(dialled(&mesh, 0), (3, 2));
    let is_lost = |link: &Link| {
        let view = mesh.node(0).links().find(|view| view.link == *link);
        view.is_some_and(|view| view.direction == Direction::Outbound && !view.only_compares)
    };
    let links = mesh.links(0).into_iter();
    let lost: Vec<_> = links.filter(|(link, _)| is_lost(link)).map(|(_, peer)| peer).collect();
    lost.into_iter().for_each(|peer| mesh.kill(peer));
    mesh.run_for(Duration::from_secs(120));
    assert_eq!(dialled(&mesh, 0), (3, 2));
}

/// The first to be dialled keep everything from a node, as a peer does that surrounds it.
#[test]
fn what_all_that_relay_keep_back_is_found_by_comparing() {
    let mut found = Vec::new();
    for reconcile_links in [0, 1] {
        let mut params = comparing(StrategyKind::Adaptive, 2);
        params.relay.reconcile_links = reconcile_links;
        let mut mesh = mesh(5, params);
        [1, 2].into_iter().for_each(|liar| {
            mesh.withhold(liar);
            mesh.connect(0, liar);
        });
        if reconcile_links > 0 {
            mesh.connect(0, 3);
        }
        mesh.connect(3, 4);
        mesh.run_for(Duration::from_secs(5));
        (0..10).for_each(|n| mesh.submit(4, tx(n)));
        mesh.run_for(SOON);
        found.push(mesh.node(0).pool().len());
    }
    assert_eq!(found, [0, 10]);
}

#[test]
fn whoever_is_dialled_has_no_say_in_it() {
    let mut solo = Solo::new(named(StrategyKind::Inventory));
    let hello = Hello { features: Hello::ONLY_COMPARES, ..Hello::default() };
    let message = Message::Session(Session::Hello(Box::new(hello)));
    for (slot, direction) in [(0, Direction::Outbound), (1, Direction::Inbound)] {
        let (link, peer) = (Link::new(slot, 1), PeerKey(u64::from(slot) + 10));
        solo.hand(Input::Connected { link, peer, direction, addr: None });
        solo.say(link, &message);
    }
    let compare: Vec<_> = solo.node.links().map(|view| view.only_compares).collect();
    assert_eq!(compare, [false, true]);
}
