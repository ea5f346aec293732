//! Who is linked with whom: seeded generators of the overlay, or of the addresses from which it grows.

use std::collections::HashSet;

use clap::ValueEnum;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Children of an inner node of a tree: Maelstrom's `tree4` (gossip.md).
const TREE_CHILDREN: usize = 4;

/// Switches of edge ends per edge that turn a lattice into a random graph. A guess on the safe side; a
/// test checks that nothing of the lattice is left.
const SWITCHES_PER_EDGE: usize = 20;

/// Shape of the overlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topology {
    /// Each node knows a few others; the random overlay forms by address gossip, as on a real network.
    Gossip,
    /// Each node dials `outbound` others and is dialled by as many, at random.
    RandomRegular,
    /// A circle.
    Ring,
    /// A rectangle of rows and columns, each node linked with up to four neighbours.
    Grid,
    /// A chain with two ends.
    Line,
    /// A tree with four children per inner node.
    Tree,
}

/// A directed link: who dials, who is dialled.
pub type Edge = (usize, usize);

/// A topology that can't be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// Too few nodes for the degree.
    #[error(
        "random-regular with {outbound} outbound links needs at least {} nodes, not {nodes}",
        2 * outbound + 1
    )]
    TooDense {
        /// Nodes asked for.
        nodes: usize,
        /// Outbound links asked for.
        outbound: usize,
    },
}

/// The links of a fixed topology, without loops and without two links between the same nodes;
/// connected. `None` for [`Topology::Gossip`], whose links the nodes choose.
///
/// # Errors
/// When a random-regular graph can't be that dense.
pub fn edges(
    topology: Topology,
    nodes: usize,
    outbound: usize,
    rng: &mut impl Rng,
) -> Result<Option<Vec<Edge>>, TopologyError> {
    let edges = match topology {
        Topology::Gossip => return Ok(None),
        Topology::RandomRegular => random_regular(nodes, outbound, rng)?,
        Topology::Ring => ring(nodes),
        Topology::Grid => grid(nodes),
        Topology::Line => line(nodes),
        Topology::Tree => tree(nodes),
    };
    Ok(Some(edges))
}

/// The addresses that each node is given at first: `count` distinct other nodes. The first belongs to
/// a node that was started earlier, so that everybody can come to know everybody.
#[must_use]
pub fn bootstrap(nodes: usize, count: usize, rng: &mut impl Rng) -> Vec<Vec<usize>> {
    let count = count.min(nodes.saturating_sub(1));
    (0..nodes)
        .map(|node| {
            let mut known = Vec::with_capacity(count);
            if node > 0 && count > 0 {
                known.push(rng.random_range(0..node));
            }
            while known.len() < count {
                let other = rng.random_range(0..nodes);
                if other != node && !known.contains(&other) {
                    known.push(other);
                }
            }
            known
        })
        .collect()
}

/// How many links each node has.
#[must_use]
pub fn degrees(nodes: usize, edges: &[Edge]) -> Vec<usize> {
    let mut degrees = vec![0; nodes];
    for (a, b) in edges {
        degrees[*a] += 1;
        degrees[*b] += 1;
    }
    degrees
}

/// Sizes of the connected parts, largest first; directions don't matter. One part means connected.
#[must_use]
pub fn components(nodes: usize, edges: impl IntoIterator<Item = Edge>) -> Vec<usize> {
    let mut parent: Vec<usize> = (0..nodes).collect();
    for (a, b) in edges {
        let (a, b) = (root(&mut parent, a), root(&mut parent, b));
        parent[a] = b;
    }
    let mut sizes = vec![0; nodes];
    for node in 0..nodes {
        sizes[root(&mut parent, node)] += 1;
    }
    sizes.retain(|size| *size > 0);
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes
}

/// Union-find with path halving.
fn root(parent: &mut [usize], mut node: usize) -> usize {
    while parent[node] != node {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    node
}

fn line(nodes: usize) -> Vec<Edge> {
    (1..nodes).map(|node| (node, node - 1)).collect()
}

fn ring(nodes: usize) -> Vec<Edge> {
    let mut edges = line(nodes);
    if nodes > 2 {
        edges.push((0, nodes - 1));
    }
    edges
}

fn grid(nodes: usize) -> Vec<Edge> {
    let columns = (1..).find(|side| side * side >= nodes).unwrap_or(1);
    let left = (1..nodes).filter(|node| node % columns != 0).map(|node| (node, node - 1));
    let up = (columns..nodes).map(|node| (node, node - columns));
    left.chain(up).collect()
}

fn tree(nodes: usize) -> Vec<Edge> {
    (1..nodes).map(|node| (node, (node - 1) / TREE_CHILDREN)).collect()
}

/// A lattice in which each node dials its next `outbound` neighbours, then shuffled by switching the
/// ends of random pairs of edges, which keeps every in- and out-degree. Always ends, unlike drawing
/// edges until they fit.
fn random_regular(
    nodes: usize,
    outbound: usize,
    rng: &mut impl Rng,
) -> Result<Vec<Edge>, TopologyError> {
    if nodes <= 2 * outbound {
        return Err(TopologyError::TooDense { nodes, outbound });
    }
    let mut edges: Vec<Edge> = (0..nodes)
        .flat_map(|node| (1..=outbound).map(move |step| (node, (node + step) % nodes)))
        .collect();
    let mut linked: HashSet<Edge> = edges.iter().map(|(a, b)| undirected(*a, *b)).collect();
    loop {
        for _ in 0..edges.len() * SWITCHES_PER_EDGE {
            let i = rng.random_range(0..edges.len());
            let j = rng.random_range(0..edges.len());
            switch(&mut edges, &mut linked, i, j);
        }
        // With two outbound links and more it practically always is; one link each may be a few circles.
        if components(nodes, edges.iter().copied()).len() == 1 {
            return Ok(edges);
        }
    }
}

/// Lets two edges exchange the nodes that they dial, unless that made a loop or a double link.
fn switch(edges: &mut [Edge], linked: &mut HashSet<Edge>, i: usize, j: usize) {
    let ((a, b), (c, d)) = (edges[i], edges[j]);
    let (new_i, new_j) = (undirected(a, d), undirected(c, b));
    let distinct = a != d && c != b && new_i != new_j;
    if !distinct || linked.contains(&new_i) || linked.contains(&new_j) {
        return;
    }
    linked.remove(&undirected(a, b));
    linked.remove(&undirected(c, d));
    linked.insert(new_i);
    linked.insert(new_j);
    edges[i] = (a, d);
    edges[j] = (c, b);
}

fn undirected(a: usize, b: usize) -> Edge {
    (a.min(b), a.max(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Stream, stream};

    const FIXED: [Topology; 5] =
        [Topology::RandomRegular, Topology::Ring, Topology::Grid, Topology::Line, Topology::Tree];

    fn build(topology: Topology, nodes: usize, outbound: usize, seed: u64) -> Vec<Edge> {
        let mut rng = stream(seed, Stream::Topology);
        edges(topology, nodes, outbound, &mut rng).unwrap().unwrap()
    }

    #[test]
    fn every_fixed_topology_is_connected_and_simple() {
        for topology in FIXED {
            for nodes in [2, 3, 5, 6, 7, 16, 50, 101] {
                if topology == Topology::RandomRegular && nodes < 5 {
                    continue;
                }
                let edges = build(topology, nodes, 2, 1);
                let parts = components(nodes, edges.iter().copied());
                assert_eq!(parts, [nodes], "{topology:?} {nodes}");
                let distinct: HashSet<Edge> =
                    edges.iter().map(|(a, b)| undirected(*a, *b)).collect();
                assert_eq!(distinct.len(), edges.len(), "{topology:?} {nodes}: double link");
                assert!(edges.iter().all(|(a, b)| a != b), "{topology:?} {nodes}: loop");
            }
        }
    }

    #[test]
    fn a_random_regular_node_dials_and_is_dialled_equally() {
        for (nodes, outbound) in [(17, 8), (18, 8), (200, 8), (9, 1)] {
            let edges = build(Topology::RandomRegular, nodes, outbound, 7);
            let mut dials = vec![0; nodes];
            let mut dialled = vec![0; nodes];
            for (a, b) in edges {
                dials[a] += 1;
                dialled[b] += 1;
            }
            assert!(dials.iter().chain(&dialled).all(|count| *count == outbound));
        }
    }

    #[test]
    fn a_random_regular_graph_is_no_lattice_and_its_seed_decides() {
        let edges = build(Topology::RandomRegular, 200, 4, 1);
        let near = edges.iter().filter(|(a, b)| (b + 200 - a) % 200 <= 4).count();
        assert!(near < 60, "{near} of 800 edges still join neighbours");
        assert_eq!(edges, build(Topology::RandomRegular, 200, 4, 1));
        assert_ne!(edges, build(Topology::RandomRegular, 200, 4, 2));
    }

    #[test]
    fn a_graph_that_cannot_exist_is_refused() {
        let mut rng = stream(1, Stream::Topology);
        let error = edges(Topology::RandomRegular, 16, 8, &mut rng).unwrap_err();
        assert!(error.to_string().contains("at least 17 nodes, not 16"), "{error}");
    }

    #[test]
    fn shapes_have_their_degrees() {
        let count = |topology, degree| {
            let degrees = degrees(16, &build(topology, 16, 2, 1));
            degrees.iter().filter(|d| **d == degree).count()
        };
        assert_eq!(count(Topology::Ring, 2), 16);
        assert_eq!((count(Topology::Line, 1), count(Topology::Line, 2)), (2, 14));
        assert_eq!((count(Topology::Grid, 2), count(Topology::Grid, 3)), (4, 8));
        assert_eq!((count(Topology::Grid, 4), count(Topology::Tree, 4)), (4, 2));
        assert_eq!(count(Topology::Tree, 5), 2, "two inner nodes have four children and a parent");
    }

    #[test]
    fn bootstrap_addresses_join_all_nodes_even_one_by_one() {
        for count in [1, 3] {
            for seed in 0..20 {
                let known = bootstrap(100, count, &mut stream(seed, Stream::Topology));
                let edges = known
                    .iter()
                    .enumerate()
                    .flat_map(|(node, others)| others.iter().map(move |other| (node, *other)));
                assert_eq!(components(100, edges), [100]);
                assert!(known.iter().enumerate().all(|(node, k)| !k.contains(&node)));
                assert!(known.iter().all(|k| k.len() == count));
            }
        }
        assert_eq!(bootstrap(1, 3, &mut stream(0, Stream::Topology)), [Vec::<usize>::new()]);
        assert_eq!(bootstrap(2, 3, &mut stream(0, Stream::Topology)), [vec![1], vec![0]]);
    }

    #[test]
    fn parts_are_counted_largest_first() {
        assert_eq!(components(6, [(0, 1), (2, 1), (4, 5)]), [3, 2, 1]);
    }
}
