//! Whole networks of HyParView.

use std::collections::BTreeSet;

use super::*;
use crate::params::OverlayKind;
use crate::testkit::Mesh;

fn network(nodes: usize, seed: u64, shuffle_s: u64) -> Mesh {
    let mut params = Params::default();
    params.peers.overlay = OverlayKind::Hyparview;
    params.peers.local_addresses = true;
    params.peers.hyparview.shuffle_s = shuffle_s;
    Mesh::new(nodes, seed, seed, params, Arc::new(Opaque::default()))
}

/// All know the first one and start at the same moment.
fn start_all_at_once(nodes: usize, seed: u64) -> Mesh {
    let mut mesh = network(nodes, seed, 5);
    (1..nodes).for_each(|index| mesh.learn(index, &[0]));
    mesh.run_for(Duration::from_secs(60));
    mesh
}

/// Whom a living node has as neighbours.
fn neighbours(mesh: &Mesh, index: usize) -> BTreeSet<usize> {
    let peers = mesh.node(index).peers();
    let links = mesh.links(index).into_iter();
    links.filter(|(link, _)| peers.is_neighbour(*link)).map(|(_, peer)| peer).collect()
}

/// How many nodes a living one reaches over neighbours.
fn component(mesh: &Mesh, start: usize) -> usize {
    let (mut met, mut next) = (BTreeSet::from([start]), vec![start]);
    while let Some(index) = next.pop() {
        next.extend(neighbours(mesh, index).into_iter().filter(|peer| met.insert(*peer)));
    }
    met.len()
}

fn mean_degree(mesh: &Mesh, nodes: std::ops::Range<usize>) -> f64 {
    let len = nodes.len() as f64;
    nodes.map(|index| neighbours(mesh, index).len()).sum::<usize>() as f64 / len
}

#[test]
fn a_network_that_starts_at_once_from_one_contact_finds_itself() {
    const NODES: usize = 60;
    let mesh = start_all_at_once(NODES, 1);
    assert_eq!(component(&mesh, 0), NODES);
    assert!(mean_degree(&mesh, 0..NODES) > 4.5, "{}", mean_degree(&mesh, 0..NODES));
    for index in 0..NODES {
        let node = mesh.node(index);
        let (active, passive) = node.peers().views().unwrap();
        assert!((1..=5).contains(&active), "node {index} has {active}");
        assert!(passive >= 15, "node {index} knows {passive}");
        assert_eq!(node.counters().misbehaved, 0, "node {index}");
    }
}

#[test]
fn survivors_of_a_mass_death_find_each_other() {
    const NODES: usize = 100;
    let mut mesh = start_all_at_once(NODES, 2);
    let dead = 80;
    (0..dead).for_each(|index| mesh.kill(index));
    mesh.run_for(Duration::from_secs(60));
    assert_eq!(component(&mesh, dead), NODES - dead);
    assert!(mean_degree(&mesh, dead..NODES) > 4.0, "{}", mean_degree(&mesh, dead..NODES));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn views_are_symmetric_once_it_is_quiet(nodes in 2..25_usize, seed in any::<u64>()) {
        let mut mesh = network(nodes, seed, 30);
        for index in 1..nodes {
            mesh.learn(index, &[index / 2]);
            mesh.run_for(Duration::from_millis((seed >> (index % 32)) % 300));
        }
        // Who is short of a neighbour asks on, but ever more rarely: a moment at which nobody does.
        mesh.run_for(Duration::from_secs(120));
        let mut is_quiet = false;
        for _ in 0..600 {
            mesh.run_for(Duration::from_millis(500));
            let links: usize = (0..nodes).map(|index| mesh.links(index).len()).sum();
            let active: usize = (0..nodes).map(|index| neighbours(&mesh, index).len()).sum();
            is_quiet = links == active;
            if is_quiet {
                break;
            }
        }
        prop_assert!(is_quiet, "seed {seed}");
        for index in 0..nodes {
            for peer in neighbours(&mesh, index) {
                prop_assert!(neighbours(&mesh, peer).contains(&index), "{index} and {peer}");
            }
            mesh.node(index).check_invariants(&mesh.params);
        }
        prop_assert_eq!(component(&mesh, 0), nodes);
    }
}
