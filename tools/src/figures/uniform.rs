//! An overlay beside uniform random graphs of its size.
//!
//! A network whose nodes choose their peers uniformly is a random graph: logarithmic diameter, no clusters, in-degrees spread as by a Poisson
//! distribution. Whether a network is one is asked of [`REFERENCES`] random graphs in which each node dials as many others as it
//! does in the overlay, each drawn uniformly from those that it isn't linked with yet. So nothing has to be known of the figures'
//! distributions, and the one rule that a network has beside chance, one link a pair, holds in both.
//!
//! A figure's *z* is how many standard deviations of the random graphs it lies off their mean. Of a figure that is chance alone, 95 % lie
//! within two, and one of some three thousand figures beyond [`STRANGE`].

use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::graph::{Graph, Shape};
use super::statistics::Distribution;

/// Random graphs that an overlay is compared with. A guess: the standard deviation of a z is then a fourteenth of it.
pub const REFERENCES: usize = 100;

/// A z beyond which chance is no explanation: 4 in 10^4 of a normal distribution with so many references, both sides (Student's t).
pub const STRANGE: f64 = 3.7;

/// A figure beside those of random graphs.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// What it is.
    pub name: &'static str,
    /// The overlay's.
    pub measured: f64,
    /// The mean of the random graphs.
    pub expected: f64,
    /// Their standard deviation.
    pub deviation: f64,
}

impl Compared {
    /// How many standard deviations the overlay's figure lies off. 0 if all are equal; infinite if only the random graphs are.
    #[must_use]
    pub fn z(&self) -> f64 {
        let off = self.measured - self.expected;
        if off.abs() < 1e-12 { 0.0 } else { off / self.deviation }
    }

    /// Whether chance is no explanation.
    #[must_use]
    pub fn is_strange(&self) -> bool {
        self.z().abs() > STRANGE
    }
}

/// An overlay beside random graphs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// The figures that are compared.
    pub figures: Vec<Compared>,
    /// By how often a node was dialled: how many nodes of a random graph are, on average.
    pub in_degrees: Vec<f64>,
    /// By links: the share of a random graph's connected pairs that lie so far apart, on average.
    pub distances: Vec<f64>,
}

/// How a figure is had of a graph's.
type Figure = fn(&Shape) -> f64;

/// Figures of a graph that are compared: their names, and how they are had.
const FIGURES: [(&str, Figure); 6] = [
    ("in-degree, variance", Shape::in_degree_variance),
    ("in-degree, most", |shape| shape.in_degrees.max().unwrap_or(0.0)),
    ("in-degree, Gini", |shape| shape.in_degree_gini),
    ("distance, mean", Shape::mean_distance),
    ("distance, longest", |shape| shape.diameter() as f64),
    ("clustering", |shape| shape.clustering),
];

/// Compares a graph, whose figures are `shape`, with random ones. The same graph is always compared with the same.
#[must_use]
pub fn compare(graph: &Graph, shape: &Shape) -> Comparison {
    let rng = &mut ChaCha8Rng::seed_from_u64(graph.len() as u64);
    let graphs: Vec<Graph> = (0..REFERENCES).map(|_| random_like(graph, rng)).collect();
    let references: Vec<Shape> = graphs.iter().map(Graph::shape).collect();
    let figure = |(name, of): (&'static str, Figure)| {
        let all = Distribution::new(references.iter().map(of).collect());
        Compared {
            name,
            measured: of(shape),
            expected: all.mean().unwrap_or(0.0),
            deviation: all.standard_deviation().unwrap_or(0.0),
        }
    };
    let mut comparison =
        Comparison { figures: FIGURES.map(figure).into(), ..Comparison::default() };
    for count in graphs.iter().flat_map(Graph::in_degrees) {
        add(&mut comparison.in_degrees, count, 1.0);
    }
    for reference in &references {
        let pairs = reference.distances.iter().sum::<u64>().max(1) as f64;
        for (links, count) in reference.distances.iter().enumerate() {
            add(&mut comparison.distances, links, *count as f64 / pairs);
        }
    }
    comparison
}

/// Adds a part of a mean over all references at a place.
fn add(means: &mut Vec<f64>, place: usize, value: f64) {
    if means.len() <= place {
        means.resize(place + 1, 0.0);
    }
    means[place] += value / REFERENCES as f64;
}

/// A random graph in which each node dials as many as it does in another graph, if so many are left.
fn random_like(graph: &Graph, rng: &mut ChaCha8Rng) -> Graph {
    let nodes = u32::try_from(graph.len()).expect("a graph's nodes are numbered so");
    let mut order: Vec<u32> = (0..nodes).collect();
    order.shuffle(rng);
    let mut neighbours = vec![Vec::new(); graph.len()];
    let mut links = Vec::new();
    for from in order {
        for _ in graph.dialled(from) {
            let taken = neighbours[from as usize].len() + 1;
            if taken >= graph.len() {
                break;
            }
            let to = loop {
                let to = rng.random_range(0..nodes);
                if to != from && !neighbours[from as usize].contains(&to) {
                    break to;
                }
            };
            neighbours[from as usize].push(to);
            neighbours[to as usize].push(from);
            links.push((from, to));
        }
    }
    Graph::new(graph.len(), links)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(nodes: u32, each: u32) -> Graph {
        Graph::new(
            nodes as usize,
            (0..nodes).flat_map(|a| (1..=each).map(move |b| (a, (a + b) % nodes))),
        )
    }

    #[test]
    fn a_random_graph_is_none_that_chance_does_not_explain() {
        let rng = &mut ChaCha8Rng::seed_from_u64(77);
        let strange = (0..5)
            .flat_map(|_| {
                let graph = random_like(&like(120, 6), rng);
                compare(&graph, &graph.shape()).figures
            })
            .filter(Compared::is_strange)
            .count();
        assert_eq!(strange, 0, "of 30 figures");
    }

    #[test]
    fn a_ring_of_neighbours_is_told_apart() {
        let graph = like(120, 6);
        let compared = compare(&graph, &graph.shape()).figures;
        let z = |name| compared.iter().find(|one| one.name == name).unwrap().z();
        assert!(z("in-degree, variance") < -STRANGE, "all equal");
        assert!(z("distance, mean") > 20.0 && z("clustering") > 20.0);
    }

    #[test]
    fn the_same_graph_is_compared_with_the_same() {
        let graph = like(40, 3);
        let comparison = compare(&graph, &graph.shape());
        assert_eq!(comparison, compare(&graph, &graph.shape()));
        assert!((comparison.in_degrees.iter().sum::<f64>() - 40.0).abs() < 1e-9);
        assert!((comparison.distances.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn in_a_network_of_few_all_are_linked_and_nothing_is_strange() {
        let graph = Graph::new(3, [(0, 1), (1, 2), (2, 0)]);
        let compared = compare(&graph, &graph.shape()).figures;
        assert!(compared.iter().all(|one| one.name.starts_with("in-degree") || !one.is_strange()));
    }
}
