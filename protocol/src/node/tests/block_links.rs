//! Links on which blocks alone are spoken of.

use super::*;
use crate::ground::peer::PeerAddr;
use crate::params::StrategyKind;
use crate::testkit::Mesh;
use crate::wire::kinds::MessageKind;
use crate::wire::message::{PeerExchange, Reconcile};

fn params(strategy: StrategyKind, outbound: usize, block_only: usize) -> Params {
    let mut params = Params::default();
    params.relay.strategy = strategy;
    params.peers.local_addresses = true;
    (params.peers.outbound, params.peers.block_only) = (outbound, block_only);
    params
}

fn item(kind: ItemKind, n: u8) -> Arc<Item> {
    Opaque::default().item(kind, vec![n; 100].into()).unwrap()
}

/// A node, and a peer that dialled it for blocks alone.
fn dialled() -> (Solo, Link) {
    let mut solo = Solo::new(at_once());
    let link = Link::new(0, 1);
    let (peer, direction) = (PeerKey(1), Direction::Inbound);
    solo.hand(Input::Connected { link, peer, direction, addr: None });
    let hello = Hello { features: Hello::ONLY_BLOCKS, ..Hello::default() };
    let actions = solo.say(link, &Message::Session(Session::Hello(Box::new(hello))));
    assert_eq!(sends(&actions), [], "nothing is compared, asked or told");
    solo.hand(Input::Wake);
    (solo, link)
}

#[test]
fn on_a_link_for_blocks_blocks_are_told_asked_for_and_sent() {
    let (mut solo, link) = dialled();
    let (ours, theirs) = (item(ItemKind::Block, 1), item(ItemKind::Block, 2));
    let actions = solo.hand(Input::Submitted(ours.clone()));
    assert_eq!(sends(&actions), [(link, announce(&ours))]);
    let actions = solo.say(link, &get_data(&ours));
    assert_eq!(sends(&actions), [(link, Message::Items(Items::Item(ours)))]);
    assert_eq!(sends(&solo.say(link, &announce(&theirs))), [(link, get_data(&theirs))]);
    solo.say(link, &Message::Items(Items::Item(theirs.clone())));
    assert!(solo.node.item(&theirs.id()).is_some());
}

#[test]
fn on_a_link_for_blocks_nothing_else_is_said_or_heard() {
    let (mut solo, link) = dialled();
    let other = solo.link(1, Direction::Outbound);
    let tx = item(ItemKind::Tx, 1);
    let mut actions = solo.hand(Input::Submitted(tx.clone()));
    actions.extend(solo.wait(20_000));
    assert!(sends(&actions).contains(&(other, announce(&tx))));
    let is_quiet = |actions: &[Action]| {
        let ping = |message: &Message| matches!(message, Message::Session(Session::Ping { .. }));
        sends(actions).iter().all(|(to, message)| *to != link || ping(message))
    };
    assert!(is_quiet(&actions), "{actions:?}");
    for message in [
        announce(&item(ItemKind::Tx, 2)),
        get_data(&tx),
        Message::Items(Items::Item(item(ItemKind::Tx, 3))),
        Message::Peers(PeerExchange::GetAddresses),
        Message::Peers(PeerExchange::Addresses(
            [PeerAddr::tcp(([10, 0, 0, 7], 4_000).into())].into(),
        )),
        Message::Reconcile(Reconcile::Lacked([tx.id().into()].into())),
    ] {
        let before = solo.node.counters().misbehaved;
        assert_eq!(sends(&solo.say(link, &message)), [], "{message:?}");
        assert_eq!(solo.node.counters().misbehaved, before, "it is borne now and then");
    }
    assert!(solo.node.peers().book().is_empty() && solo.node.pool().len() == 1);
    solo.params.budgets.excesses = Rate::new(0.001, 10.0);
    let flood = (0..20).map(|_| solo.say(link, &get_data(&tx)));
    let closed: Vec<_> = flood.flat_map(|actions| disconnects(&actions)).collect();
    assert_eq!(closed, [(link, Reason::Misbehaved(Offence::Flooding))]);
}

#[test]
fn whoever_is_dialled_has_no_say_in_what_a_link_is_for() {
    let mut solo = Solo::new(at_once());
    let (link, peer, direction) = (Link::new(0, 1), PeerKey(1), Direction::Outbound);
    solo.hand(Input::Connected { link, peer, direction, addr: None });
    let hello = Hello { features: Hello::ONLY_BLOCKS, ..Hello::default() };
    solo.say(link, &Message::Session(Session::Hello(Box::new(hello))));
    assert!(solo.node.links().all(|view| !view.only_blocks));
}

fn mesh(nodes: usize, params: Params) -> Mesh {
    Mesh::new(nodes, 1, 1, params, Arc::new(Opaque::default()))
}

#[test]
fn with_every_strategy_a_link_for_blocks_brings_blocks_and_nothing_else() {
    for strategy in StrategyKind::ALL.iter().copied() {
        let params = params(strategy, 0, 1);
        let mut mesh = mesh(3, params.clone());
        mesh.connect(0, 1);
        mesh.connect(1, 2);
        mesh.run_for(Duration::from_secs(5));
        assert!(mesh.node(1).links().all(|view| view.only_blocks), "{strategy}");
        (0..5).for_each(|n| mesh.submit(0, item(ItemKind::Tx, n)));
        (0..5).for_each(|n| mesh.submit(0, item(ItemKind::Block, n)));
        mesh.run_for(Duration::from_secs(120));
        for index in 0..3 {
            let node = mesh.node(index);
            assert_eq!(node.blocks().len(), 5, "{strategy}, node {index}");
            assert_eq!(node.pool().len(), if index == 0 { 5 } else { 0 }, "{strategy}");
            let sent = |kind| node.counters().traffic.sent(kind).messages;
            let others = [MessageKind::Tx, MessageKind::Addresses, MessageKind::GetAddresses];
            assert_eq!(others.map(sent), [0; 3], "{strategy}, node {index}");
            node.check_invariants(&params);
        }
        mesh.kill(1);
        mesh.run_for(Duration::from_secs(5));
        (0..3).for_each(|index| mesh.node(index).check_invariants(&params));
    }
}

#[test]
fn a_node_dials_links_for_blocks_beside_the_set_and_replaces_what_it_lost() {
    let mut params = params(StrategyKind::Adaptive, 3, 2);
    params.peers.feeler_s = 0; // one more link, now and then
    let mut mesh = mesh(30, params);
    mesh.learn(0, &(1..30).collect::<Vec<_>>());
    mesh.run_for(Duration::from_secs(60));
    let dialled = |mesh: &Mesh| {
        let links = mesh.node(0).links().filter(|view| view.direction == Direction::Outbound);
        let (blocks, relay): (Vec<_>, Vec<_>) = links.partition(|view| view.only_blocks);
        (blocks.len(), relay.len())
    };
    assert_eq!(dialled(&mesh), (2, 3));
    let for_blocks =
        |link: &Link| mesh.node(0).links().any(|it| it.link == *link && it.only_blocks);
    let lost: Vec<_> = mesh.links(0).into_iter().filter(|(link, _)| for_blocks(link)).collect();
    lost.into_iter().for_each(|(_, peer)| mesh.kill(peer));
    mesh.run_for(Duration::from_secs(120));
    assert_eq!(dialled(&mesh), (2, 3));
}
