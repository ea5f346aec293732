//! A network: nodes as dots, links as lines.
//!
//! Nodes that are linked lie near one another, and others apart ([`layout`]). A random graph looks like a ball of wool, and that is what it
//! should look like: what is to be seen are parts that hang on a thread, clusters, and hubs.

mod layout;

use super::svg::{Svg, Type};
use super::{Caption, Colour, MUTED, WIDTH};
use crate::figures::graph::Graph;

/// Most nodes that are drawn: more are a grey disc that takes a minute to lay out.
pub const DRAWN_MAX: usize = 2_000;

const HEIGHT: f64 = 900.0;
const TOP: f64 = 96.0;
const MARGIN: f64 = 30.0;

/// Draws a graph; `None` if it has more than [`DRAWN_MAX`] nodes. A dot is the larger, the more often its node was dialled; the tenth that was
/// dialled most is orange. `name` makes the picture's ids unique.
#[must_use]
pub fn network(name: &str, caption: &Caption, graph: &Graph) -> Option<String> {
    if graph.len() > DRAWN_MAX {
        return None;
    }
    let mut svg = Svg::card(name, HEIGHT, caption);
    let (blue, orange) = (Colour::Blue.code(), Colour::Orange.code());
    svg.disc((31.0, 79.0), 5.0, blue, "a node");
    svg.text(45.0, 83.5, "a node", Type::plain(12.5));
    svg.disc((112.0, 79.0), 7.0, orange, "dialled most often");
    svg.text(126.0, 83.5, "of the tenth that was dialled most often", Type::plain(12.5));
    let side = (WIDTH - 2.0 * MARGIN).min(HEIGHT - TOP - 2.0 * MARGIN);
    let (left, top) = ((WIDTH - side) / 2.0, TOP + MARGIN);
    let places: Vec<(f64, f64)> = layout::places(graph)
        .into_iter()
        .map(|(x, y)| (x.mul_add(side, left), y.mul_add(side, top)))
        .collect();
    let opacity = (60.0 / (graph.len() as f64).max(1.0)).clamp(0.08, 0.5);
    for from in 0..u32::try_from(graph.len()).unwrap_or(0) {
        for to in graph.dialled(from) {
            svg.link(places[from as usize], places[*to as usize], MUTED, opacity);
        }
    }
    let dialled = graph.in_degrees();
    let most = dialled.iter().copied().max().unwrap_or(0).max(1) as f64;
    let hub = nth_largest(&dialled, graph.len().div_ceil(10)).max(1);
    let scale = (14.0 / (graph.len() as f64).sqrt()).clamp(0.4, 1.0);
    for (node, (place, count)) in places.iter().zip(&dialled).enumerate() {
        let radius = scale * 9.0_f64.mul_add((*count as f64 / most).sqrt(), 2.0);
        let colour = if *count >= hub { orange } else { blue };
        svg.disc(*place, radius, colour, &format!("node {node}, dialled by {count}"));
    }
    Some(svg.finish())
}

fn nth_largest(values: &[usize], place: usize) -> usize {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    sorted.get(place.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_and_each_link_is_drawn_once() {
        let graph = Graph::new(5, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)]);
        let svg = network("net", &Caption::default(), &graph).unwrap();
        assert_eq!(svg.matches("<circle").count(), 5 + 2, "and two in the legend");
        assert_eq!(svg.matches("class=\"link\"").count(), 5);
        assert!(svg.contains("node 3, dialled by 1"));
    }

    #[test]
    fn a_graph_of_too_many_is_not_drawn_and_one_of_none_is_a_card() {
        assert_eq!(network("net", &Caption::default(), &Graph::new(DRAWN_MAX + 1, [])), None);
        assert!(network("net", &Caption::default(), &Graph::default()).is_some());
    }
}
