//! Where the nodes of a picture lie: the forces of Fruchterman and Reingold, "Graph Drawing by Force-directed Placement" (1991).
//!
//! Linked nodes attract one another, all push each other away, and each step is shorter than the one before. The first places are
//! those of a sunflower's seeds, so the same graph is always the same picture.

use crate::figures::graph::Graph;

/// Steps. A guess: pictures of 500 nodes change no more to the eye.
const STEPS: u32 = 120;

/// Places of all nodes, each within 0 and 1 both ways.
pub(super) fn places(graph: &Graph) -> Vec<(f64, f64)> {
    let nodes = graph.len();
    let mut places: Vec<(f64, f64)> = (0..nodes).map(|node| seed(node, nodes)).collect();
    let apart = (1.0 / nodes.max(1) as f64).sqrt();
    for step in 0..STEPS {
        let longest = 0.1 * (1.0 - f64::from(step) / f64::from(STEPS));
        let forces = forces(graph, &places, apart);
        for (place, force) in places.iter_mut().zip(forces) {
            let length = force.0.hypot(force.1).max(1e-9);
            let part = length.min(longest) / length;
            *place = (force.0.mul_add(part, place.0), force.1.mul_add(part, place.1));
        }
    }
    fit(&mut places);
    places
}

/// The place of a sunflower's seed (Vogel, "A better way to construct the sunflower head", 1979).
fn seed(node: usize, nodes: usize) -> (f64, f64) {
    let radius = 0.5 * ((node as f64 + 0.5) / nodes as f64).sqrt();
    let (sin, cos) = (node as f64 * 2.399_963_229_728_653).sin_cos();
    (radius.mul_add(cos, 0.5), radius.mul_add(sin, 0.5))
}

fn forces(graph: &Graph, places: &[(f64, f64)], apart: f64) -> Vec<(f64, f64)> {
    let mut forces = vec![(0.0, 0.0); places.len()];
    for one in 0..places.len() {
        for other in 0..one {
            let (x, y) = (places[one].0 - places[other].0, places[one].1 - places[other].1);
            let push = apart * apart / x.mul_add(x, y * y).max(1e-9);
            add(&mut forces, one, other, (x * push, y * push));
        }
        // Parts that nothing connects would drift away: all are drawn to the middle a little.
        forces[one].0 -= (places[one].0 - 0.5) * apart;
        forces[one].1 -= (places[one].1 - 0.5) * apart;
        for other in graph.dialled(u32::try_from(one).unwrap_or(0)) {
            let other = *other as usize;
            let (x, y) = (places[one].0 - places[other].0, places[one].1 - places[other].1);
            let pull = -x.hypot(y) / apart;
            add(&mut forces, one, other, (x * pull, y * pull));
        }
    }
    forces
}

fn add(forces: &mut [(f64, f64)], one: usize, other: usize, force: (f64, f64)) {
    forces[one] = (forces[one].0 + force.0, forces[one].1 + force.1);
    forces[other] = (forces[other].0 - force.0, forces[other].1 - force.1);
}

/// Stretches all places so that they fill the square.
fn fit(places: &mut [(f64, f64)]) {
    let span = |of: fn(&(f64, f64)) -> f64, places: &[(f64, f64)]| {
        let low = places.iter().map(of).fold(f64::INFINITY, f64::min);
        (low, places.iter().map(of).fold(f64::NEG_INFINITY, f64::max) - low)
    };
    let ((left, width), (top, height)) = (span(|at| at.0, places), span(|at| at.1, places));
    for place in places {
        *place = (fraction(place.0 - left, width), fraction(place.1 - top, height));
    }
}

fn fraction(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linked_nodes_lie_nearer_than_others() {
        // Two cliques of eight, and one link between them.
        let clique = |from: u32| (from..from + 8).flat_map(move |a| (from..a).map(move |b| (a, b)));
        let graph = Graph::new(16, clique(0).chain(clique(8)).chain([(0, 8)]));
        let places = places(&graph);
        let apart =
            |a: usize, b: usize| (places[a].0 - places[b].0).hypot(places[a].1 - places[b].1);
        let mean = |pairs: Vec<(usize, usize)>| {
            pairs.iter().map(|(a, b)| apart(*a, *b)).sum::<f64>() / pairs.len() as f64
        };
        let inside = mean((1..8).flat_map(|a| (1..a).map(move |b| (a, b))).collect());
        let across = mean((1..8).flat_map(|a| (9..16).map(move |b| (a, b))).collect());
        assert!(inside * 2.0 < across, "{inside} and {across}");
    }

    #[test]
    fn all_lie_in_the_square_and_none_is_lost() {
        for nodes in [0, 1, 2, 50] {
            let places = places(&Graph::new(nodes, []));
            assert_eq!(places.len(), nodes);
            assert!(places.iter().all(|(x, y)| (0.0..=1.0).contains(x) && (0.0..=1.0).contains(y)));
        }
    }
}
