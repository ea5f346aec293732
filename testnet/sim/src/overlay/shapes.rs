//! Who is linked with whom: generators of the classic shapes, and of the addresses from which an overlay
//! grows by itself.
//!
//! The links of every shape join all nodes, without loops and without two links between the same nodes.

use rand::{Rng, RngExt};
use tidings_protocol::ground::map::{Map, Salt};

/// Children of an inner node of a tree: Maelstrom's topology `tree4`.
const TREE_CHILDREN: usize = 4;

/// Switches of edge ends per edge that turn a lattice into a random graph. A guess on the safe side; a
/// test checks that nothing of the lattice is left.
const SWITCHES_PER_EDGE: usize = 20;

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

/// A chain with two ends.
#[must_use]
pub fn line(nodes: usize) -> Vec<Edge> {
    (1..nodes).map(|node| (node, node - 1)).collect()
}

/// A circle.
#[must_use]
pub fn ring(nodes: usize) -> Vec<Edge> {
    let mut edges = line(nodes);
    if nodes > 2 {
        edges.push((0, nodes - 1));
    }
    edges
}

/// A rectangle of rows and columns, each node linked with up to four neighbours.
#[must_use]
pub fn grid(nodes: usize) -> Vec<Edge> {
    let columns = (1..).find(|side| side * side >= nodes).unwrap_or(1);
    let left = (1..nodes).filter(|node| node % columns != 0).map(|node| (node, node - 1));
    let up = (columns..nodes).map(|node| (node, node - columns));
    left.chain(up).collect()
}

/// A tree with four children per inner node.
#[must_use]
pub fn tree(nodes: usize) -> Vec<Edge> {
    (1..nodes).map(|node| (node, (node - 1) / TREE_CHILDREN)).collect()
}

/// Each node dials `outbound` others and is dialled by as many, at random.
///
/// A lattice in which each node dials its next `outbound` neighbours, then shuffled by switching the
/// ends of random pairs of edges, which keeps every in- and out-degree. Always ends, unlike drawing
/// edges until they fit.
///
/// # Errors
/// When there are too few nodes for that.
pub fn random_regular(
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
    // Nobody outside chooses these keys, so any salt will do.
    let mut linked = Map::new(Salt::new(0));
    for (a, b) in &edges {
        linked.insert(undirected(*a, *b), ());
    }
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
fn switch(edges: &mut [Edge], linked: &mut Map<Edge, ()>, i: usize, j: usize) {
    let ((a, b), (c, d)) = (edges[i], edges[j]);
    let (new_i, new_j) = (undirected(a, d), undirected(c, b));
    let distinct = a != d && c != b && new_i != new_j;
    if !distinct || linked.contains(&new_i) || linked.contains(&new_j) {
        return;
    }
    linked.remove(&undirected(a, b));
    linked.remove(&undirected(c, d));
    linked.insert(new_i, ());
    linked.insert(new_j, ());
    edges[i] = (a, d);
    edges[j] = (c, b);
}

fn undirected(a: usize, b: usize) -> Edge {
    (a.min(b), a.max(b))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::random::shared::{Stream, stream};

    const SHAPES: [fn(usize) -> Vec<Edge>; 4] = [ring, grid, line, tree];

    fn regular(nodes: usize, outbound: usize, seed: u64) -> Vec<Edge> {
        random_regular(nodes, outbound, &mut stream(seed, Stream::Topology)).unwrap()
    }

    fn assert_connected_and_simple(nodes: usize, edges: &[Edge]) {
        assert_eq!(components(nodes, edges.iter().copied()), [nodes]);
        let distinct: BTreeSet<Edge> = edges.iter().map(|(a, b)| undirected(*a, *b)).collect();
        assert_eq!(distinct.len(), edges.len(), "{nodes}: double link");
        assert!(edges.iter().all(|(a, b)| a != b), "{nodes}: loop");
    }

    #[test]
    fn every_shape_is_connected_and_simple() {
        for nodes in [2, 3, 5, 6, 7, 16, 50, 101] {
            SHAPES.iter().for_each(|shape| assert_connected_and_simple(nodes, &shape(nodes)));
            if nodes >= 5 {
                assert_connected_and_simple(nodes, &regular(nodes, 2, 1));
            }
        }
    }

    #[test]
    fn a_random_regular_node_dials_and_is_dialled_equally() {
        for (nodes, outbound) in [(17, 8), (18, 8), (200, 8), (9, 1)] {
            let edges = regular(nodes, outbound, 7);
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
        let edges = regular(200, 4, 1);
        let near = edges.iter().filter(|(a, b)| (b + 200 - a) % 200 <= 4).count();
        assert!(near < 60, "{near} of 800 edges still join neighbours");
        assert_eq!(edges, regular(200, 4, 1));
        assert_ne!(edges, regular(200, 4, 2));
    }

    #[test]
    fn a_graph_that_cannot_exist_is_refused() {
        let error = random_regular(16, 8, &mut stream(1, Stream::Topology)).unwrap_err();
        assert!(error.to_string().contains("at least 17 nodes, not 16"), "{error}");
    }

    #[test]
    fn shapes_have_their_degrees() {
        let count = |shape: fn(usize) -> Vec<Edge>, degree| {
            let degrees = degrees(16, &shape(16));
            degrees.iter().filter(|d| **d == degree).count()
        };
        assert_eq!(count(ring, 2), 16);
        assert_eq!((count(line, 1), count(line, 2)), (2, 14));
        assert_eq!((count(grid, 2), count(grid, 3)), (4, 8));
        assert_eq!((count(grid, 4), count(tree, 4)), (4, 2));
        assert_eq!(count(tree, 5), 2, "two inner nodes have four children and a parent");
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
