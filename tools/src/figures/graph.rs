//! What kind of graph an overlay is: how far nodes are from one another, and how evenly links are spread.
//!
//! Links are dialled, and used both ways: distances, components and clustering don't ask who dialled. The in-degree counts who was
//! dialled how often, since that is what the choice of peers decides: a node that dials a fixed number has no say in it.

use std::collections::VecDeque;

use super::statistics::Distribution;

/// Most nodes from which distances are measured; of a larger graph, so many spread evenly. All distances of 4,000 nodes with 16 links are
/// a second's work.
pub const SOURCES_MAX: usize = 2_000;

/// Nodes, and who dialled whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    dialled: Vec<Vec<u32>>,
    neighbours: Vec<Vec<u32>>,
}

/// Figures of a graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// Sizes of the connected parts, the largest first.
    pub components: Vec<usize>,
    /// How many links each node has, whoever dialled.
    pub degrees: Distribution,
    /// How often each node was dialled.
    pub in_degrees: Distribution,
    /// Gini coefficient of the in-degrees: 0 if all are equal, near 1 if one node has nearly all (Gini 1912; the form for sorted
    /// values of Dorfman, "A Formula for the Gini Coefficient", 1979).
    pub in_degree_gini: f64,
    /// Share of the pairs of a node's neighbours that are neighbours themselves, mean over the nodes with two or more (Watts and
    /// Strogatz, "Collective dynamics of small-world networks", 1998).
    pub clustering: f64,
    /// How many pairs of nodes lie so many links apart, by links; pairs that nothing connects aren't in it. Of the sources alone, if the
    /// graph has more nodes than [`SOURCES_MAX`].
    pub distances: Vec<u64>,
}

impl Graph {
    /// A graph of so many nodes, and of who dialled whom. A pair that is named twice is linked once; nobody is linked with itself.
    ///
    /// # Panics
    /// If a link names a node beyond the last.
    #[must_use]
    pub fn new(nodes: usize, links: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut graph =
            Self { dialled: vec![Vec::new(); nodes], neighbours: vec![Vec::new(); nodes] };
        for (from, to) in links.into_iter().filter(|(from, to)| from != to) {
            graph.dialled[from as usize].push(to);
            graph.neighbours[from as usize].push(to);
            graph.neighbours[to as usize].push(from);
        }
        for list in graph.dialled.iter_mut().chain(&mut graph.neighbours) {
            list.sort_unstable();
            list.dedup();
        }
        graph
    }

    /// How many nodes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.dialled.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.dialled.is_empty()
    }

    /// Whom a node dialled, in order.
    #[must_use]
    pub fn dialled(&self, node: u32) -> &[u32] {
        &self.dialled[node as usize]
    }

    /// Whom a node is linked with, in order.
    #[must_use]
    pub fn neighbours(&self, node: u32) -> &[u32] {
        &self.neighbours[node as usize]
    }

    /// Its figures.
    #[must_use]
    pub fn shape(&self) -> Shape {
        let in_degrees = self.in_degrees();
        Shape {
            components: self.components(),
            degrees: Distribution::new(
                self.neighbours.iter().map(|list| list.len() as f64).collect(),
            ),
            in_degree_gini: gini(in_degrees.clone()),
            in_degrees: Distribution::new(
                in_degrees.into_iter().map(|count| count as f64).collect(),
            ),
            clustering: self.clustering(),
            distances: self.distances(),
        }
    }

    /// How often each was dialled.
    #[must_use]
    pub fn in_degrees(&self) -> Vec<usize> {
        let mut counts = vec![0; self.len()];
        for to in self.dialled.iter().flatten() {
            counts[*to as usize] += 1;
        }
        counts
    }

    fn components(&self) -> Vec<usize> {
        let mut seen = vec![false; self.len()];
        let mut sizes = Vec::new();
        for start in 0..self.len() {
            if seen[start] {
                continue;
            }
            seen[start] = true;
            let (mut open, mut size) = (vec![start], 0);
            while let Some(node) = open.pop() {
                size += 1;
                for next in &self.neighbours[node] {
                    if !std::mem::replace(&mut seen[*next as usize], true) {
                        open.push(*next as usize);
                    }
                }
            }
            sizes.push(size);
        }
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        sizes
    }

    fn clustering(&self) -> f64 {
        let (mut sum, mut counted) = (0.0, 0_u32);
        for list in self.neighbours.iter().filter(|list| list.len() > 1) {
            let closed: usize =
                list.iter().map(|one| common(list, &self.neighbours[*one as usize])).sum();
            sum += closed as f64 / (list.len() * (list.len() - 1)) as f64;
            counted += 1;
        }
        sum / f64::from(counted.max(1))
    }

    fn distances(&self) -> Vec<u64> {
        let step = self.len().div_ceil(SOURCES_MAX).max(1);
        let mut counts = Vec::new();
        let mut far = vec![u32::MAX; self.len()];
        let mut open = VecDeque::new();
        for source in (0..self.len()).step_by(step) {
            far.fill(u32::MAX);
            far[source] = 0;
            open.push_back(source);
            while let Some(node) = open.pop_front() {
                let links = far[node] + 1;
                for next in &self.neighbours[node] {
                    let next = *next as usize;
                    if far[next] == u32::MAX {
                        far[next] = links;
                        open.push_back(next);
                        if counts.len() < links as usize {
                            counts.resize(links as usize, 0);
                        }
                        counts[links as usize - 1] += 1;
                    }
                }
            }
        }
        // Nobody is at no distance but itself.
        if !counts.is_empty() {
            counts.insert(0, 0);
        }
        counts
    }
}

impl Shape {
    /// The mean distance of pairs that are connected.
    #[must_use]
    pub fn mean_distance(&self) -> f64 {
        let pairs: u64 = self.distances.iter().sum();
        let links: u64 = (0..).zip(&self.distances).map(|(links, count)| links * count).sum();
        links as f64 / pairs.max(1) as f64
    }

    /// The longest of all shortest ways, links.
    #[must_use]
    pub const fn diameter(&self) -> usize {
        self.distances.len().saturating_sub(1)
    }

    /// The share of connected pairs that are at most so many links apart.
    #[must_use]
    pub fn within(&self, links: usize) -> f64 {
        let pairs: u64 = self.distances.iter().sum();
        let near: u64 = self.distances.iter().take(links + 1).sum();
        near as f64 / pairs.max(1) as f64
    }

    /// The variance of the in-degrees.
    #[must_use]
    pub fn in_degree_variance(&self) -> f64 {
        let mean = self.in_degrees.mean().unwrap_or(0.0);
        let values = self.in_degrees.values();
        values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len().max(1) as f64
    }
}

/// How many two sorted lists have in common.
fn common(a: &[u32], b: &[u32]) -> usize {
    let (mut at, mut count) = (0, 0);
    for one in a {
        while b.get(at).is_some_and(|other| other < one) {
            at += 1;
        }
        count += usize::from(b.get(at) == Some(one));
    }
    count
}

fn gini(mut values: Vec<usize>) -> f64 {
    values.sort_unstable();
    let (n, sum) = (values.len() as f64, values.iter().sum::<usize>() as f64);
    if sum == 0.0 {
        return 0.0;
    }
    let ranked: f64 =
        (1_u32..).zip(&values).map(|(rank, value)| f64::from(rank) * *value as f64).sum();
    2.0 * ranked / (n * sum) - (n + 1.0) / n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_as_long_as_it_is() {
        let shape = Graph::new(6, (0..6).map(|node| (node, (node + 1) % 6))).shape();
        assert_eq!(shape.components, [6]);
        assert_eq!(shape.distances, [0, 12, 12, 6]);
        assert_eq!((shape.diameter(), shape.mean_distance()), (3, 54.0 / 30.0));
        assert!((shape.within(1) - 0.4).abs() < 1e-9 && (shape.within(3) - 1.0).abs() < 1e-9);
        assert_eq!((shape.clustering, shape.in_degree_gini), (0.0, 0.0));
        assert_eq!(shape.in_degree_variance(), 0.0);
    }

    #[test]
    fn all_with_all_is_one_link_and_clustered_whole() {
        let links = (0..5_u32).flat_map(|a| (0..a).map(move |b| (a, b)));
        let shape = Graph::new(5, links).shape();
        assert_eq!((shape.diameter(), shape.clustering), (1, 1.0));
        assert_eq!(shape.distances, [0, 20]);
    }

    #[test]
    fn a_star_has_one_centre_whom_all_dial() {
        let graph = Graph::new(5, (1..5).map(|node| (node, 0)));
        assert_eq!(graph.in_degrees(), [4, 0, 0, 0, 0]);
        let shape = graph.shape();
        assert!((shape.in_degree_gini - 0.8).abs() < 1e-9, "{}", shape.in_degree_gini);
        assert_eq!((shape.diameter(), shape.clustering), (2, 0.0));
    }

    #[test]
    fn parts_are_counted_and_what_nothing_connects_has_no_distance() {
        let shape = Graph::new(6, [(0, 1), (1, 2), (2, 0), (3, 4)]).shape();
        assert_eq!(shape.components, [3, 2, 1]);
        assert_eq!(shape.distances, [0, 8]);
        assert_eq!(shape.clustering, 1.0, "of the three that have two neighbours");
    }

    #[test]
    fn links_that_are_named_twice_count_once_and_nobody_is_linked_with_itself() {
        let graph = Graph::new(3, [(0, 1), (0, 1), (1, 0), (2, 2)]);
        assert_eq!(
            (graph.neighbours(0), graph.dialled(1), graph.neighbours(2)),
            (&[1][..], &[0][..], &[][..])
        );
        assert_eq!(Graph::default().shape(), Shape::default());
    }
}
