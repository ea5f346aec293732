use super::shapes::components;
use super::*;
use crate::random::shared::{Stream, stream};

fn spec(shape: Shape, nodes: u32) -> OverlaySpec {
    OverlaySpec {
        shape,
        nodes,
        reachable: nodes,
        outbound: 8,
        inbound_max: 117,
        bridges: 3,
        listed: Vec::new(),
    }
}

fn build(spec: &OverlaySpec) -> Vec<Edge> {
    edges(spec, &mut stream(1, Stream::Topology)).unwrap()
}

fn parts(nodes: u32, edges: &[Edge]) -> Vec<usize> {
    components(nodes as usize, edges.iter().map(|(a, b)| (*a as usize, *b as usize)))
}

fn simple(edges: &[Edge]) -> bool {
    let mut pairs: Vec<_> = edges.iter().map(|(a, b)| (a.min(b), a.max(b))).collect();
    pairs.sort_unstable();
    pairs.windows(2).all(|pair| pair[0] != pair[1]) && edges.iter().all(|(a, b)| a != b)
}

#[test]
fn every_shape_is_connected_without_loops_and_double_links() {
    let shapes = [
        Shape::Outbound,
        Shape::RandomRegular,
        Shape::Ring,
        Shape::Grid,
        Shape::Line,
        Shape::Tree,
        Shape::Complete,
        Shape::Clusters,
    ];
    for shape in shapes {
        let edges = build(&spec(shape, 200));
        assert_eq!(parts(200, &edges), [200], "{shape:?}");
        assert!(simple(&edges), "{shape:?}");
    }
    assert!(build(&spec(Shape::Gossip, 200)).is_empty());
}

#[test]
fn random_outbound_gives_everybody_its_links_and_mixes_their_order() {
    let edges = build(&spec(Shape::Outbound, 5_000));
    let mut dialled = vec![0; 5_000];
    let mut accepted = vec![0; 5_000];
    for (a, b) in &edges {
        dialled[*a as usize] += 1;
        accepted[*b as usize] += 1;
    }
    assert!(dialled.iter().all(|links| *links == 8));
    // A Poisson variable of mean 8 exceeds 30 once in 10^9 times.
    assert!(accepted.iter().all(|links| *links <= 30));
    assert!(
        edges[..5_000].iter().zip(0..).all(|((a, _), node)| *a == node),
        "a round is all nodes"
    );
}

#[test]
fn only_reachable_nodes_are_dialled_and_none_beyond_its_room() {
    let spec = OverlaySpec { reachable: 1_000, ..spec(Shape::Outbound, 11_000) };
    let edges = build(&spec);
    let mut inbound = vec![0; 1_000];
    edges.iter().for_each(|(_, target)| inbound[*target as usize] += 1);
    assert!(inbound.iter().all(|links| *links <= 117));
    assert_eq!((edges.len(), parts(11_000, &edges).len()), (88_000, 1));
}

#[test]
fn two_clusters_hang_together_by_their_bridges_alone() {
    let edges = build(&spec(Shape::Clusters, 201));
    let bridges = edges.iter().filter(|(a, b)| (*a < 100) != (*b < 100)).count();
    assert_eq!(bridges, 3);
    assert_eq!(parts(201, &edges[..edges.len() - 3]), [101, 100]);
}

#[test]
fn a_small_network_is_linked_as_far_as_it_goes() {
    let edges = build(&spec(Shape::Outbound, 3));
    assert_eq!(edges.len(), 3);
    assert!(simple(&edges));
}

#[test]
fn a_node_that_would_be_dialled_too_often_is_refused_in_a_sentence() {
    let error = edges(&spec(Shape::Complete, 400), &mut stream(1, Stream::Topology)).unwrap_err();
    assert!(error.contains("--param peers.inbound_max="), "{error}");
}
