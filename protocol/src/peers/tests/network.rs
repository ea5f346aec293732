//! Many whole nodes that get to know one another.

use std::collections::BTreeSet;

use super::*;
use crate::testkit::Mesh;
use crate::wire::kinds::MessageKind;

const NODES: usize = 60;

/// Nodes that start at the same moment and know only the first one, which has room for less
/// than half of them.
fn start_all_at_once() -> Mesh {
    let mut params = Params::default();
    params.peers.inbound_max = 25;
    let mut mesh = Mesh::new(NODES, 1, 1, params, Arc::new(Opaque::default()));
    for index in 1..NODES {
        mesh.learn(index, &[0]);
    }
    mesh.run_for(Duration::from_secs(15));
    mesh
}

/// How many nodes can be reached from the first one.
fn component(mesh: &Mesh) -> usize {
    let (mut met, mut next) = (BTreeSet::from([0]), vec![0]);
    while let Some(index) = next.pop() {
        let peers = mesh.links(index).into_iter().map(|(_, peer)| peer);
        next.extend(peers.filter(|peer| met.insert(*peer)));
    }
    met.len()
}

#[test]
fn a_network_that_starts_at_once_from_one_seed_finds_itself() {
    let mesh = start_all_at_once();
    assert_eq!(component(&mesh), NODES);
    for index in 0..NODES {
        let node = mesh.node(index);
        assert_eq!(node.peers().outbound_ready(), 8, "node {index}");
        assert!(mesh.links(index).len() <= 8 + 25, "node {index}");
        let known = node.peers().book().len();
        assert!(known >= NODES / 2, "node {index} knows {known}");
        let sent = node.counters().traffic.sent(MessageKind::Addresses).messages;
        assert!(sent <= 16 * 10, "node {index} sent {sent} messages of addresses");
        assert_eq!(node.counters().misbehaved, 0, "node {index}");
    }
    assert!(mesh.links(0).len() <= 16, "the seed is no centre");
}

#[test]
fn two_seeds_that_everybody_dials_find_each_other() {
    const NODES: usize = 8;
    let mut params = Params::default();
    params.peers.outbound = NODES - 1;
    let mut mesh = Mesh::new(NODES, 1, 1, params, Arc::new(Opaque::default()));
    for index in 2..NODES {
        mesh.learn(index, &[0, 1]);
    }
    mesh.run_for(Duration::from_secs(15));
    for index in 0..NODES {
        assert_eq!(mesh.links(index).len(), NODES - 1, "node {index}");
    }
}

#[test]
fn no_two_nodes_have_two_links() {
    let mesh = start_all_at_once();
    for index in 0..NODES {
        let peers: Vec<_> = mesh.links(index).into_iter().map(|(_, peer)| peer).collect();
        let distinct: BTreeSet<_> = peers.iter().copied().collect();
        assert_eq!(distinct.len(), peers.len(), "node {index}");
        assert!(!distinct.contains(&index), "node {index} is not its own peer");
    }
}

#[test]
fn survivors_replace_the_dead() {
    let mut mesh = start_all_at_once();
    let dead = 0..NODES / 5;
    dead.clone().for_each(|index| mesh.kill(index));
    mesh.run_for(Duration::from_secs(30));
    for index in dead.end..NODES {
        assert_eq!(mesh.node(index).peers().outbound_ready(), 8, "node {index}");
        let peers = mesh.links(index).into_iter().map(|(_, peer)| peer);
        assert!(peers.into_iter().all(|peer| !dead.contains(&peer)), "node {index}");
    }
}
