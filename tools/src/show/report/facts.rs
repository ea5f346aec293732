//! What the page says beyond the summary: by region, by item, by node.

use crate::figures::spread::{Spread, milliseconds};
use crate::figures::statistics::Distribution;
use crate::run::{Delivery, Run};

/// The deliveries at some of the live nodes.
#[derive(Debug, PartialEq)]
pub(super) struct Reception {
    /// Index of the node, or name of the region.
    pub(super) name: String,
    /// How many live nodes.
    pub(super) nodes: usize,
    /// Share of the (item, node) pairs that were delivered.
    pub(super) coverage: f64,
    /// Latencies over the network, milliseconds.
    pub(super) latencies: Distribution,
}

/// Latencies in milliseconds of the deliveries over the network (the origins' own excluded) for
/// which `chosen` holds.
pub(super) fn received_latencies(
    run: &Run,
    spread: &Spread,
    chosen: impl Fn(&Delivery) -> bool,
) -> Distribution {
    let received = |arrival: &&Delivery| run.items[arrival.item as usize].origin != arrival.node;
    let arrivals = spread.arrivals().iter().filter(received).filter(|arrival| chosen(arrival));
    Distribution::new(arrivals.map(|arrival| milliseconds(arrival.latency_us)).collect())
}

/// Reception by region, in alphabetical order.
pub(super) fn by_region(run: &Run, spread: &Spread, items: usize) -> Vec<Reception> {
    let region = |region: &str| {
        let within = |node: usize| run.nodes[node].region == region;
        let nodes = live(run).filter(|&node| within(node)).count();
        let arrivals = spread.arrivals().iter().filter(|arrival| within(arrival.node as usize));
        Reception {
            name: region.to_owned(),
            nodes,
            coverage: share(arrivals.count(), nodes * items),
            latencies: received_latencies(run, spread, |arrival| within(arrival.node as usize)),
        }
    };
    run.regions().into_iter().map(region).collect()
}

/// Reception by live node, the worst first: by what is missing, then by median latency.
pub(super) fn by_node(run: &Run, spread: &Spread, items: usize) -> Vec<(usize, Reception)> {
    let mut delivered = vec![0; run.nodes.len()];
    let mut latencies = vec![Vec::new(); run.nodes.len()];
    for arrival in spread.arrivals() {
        let node = arrival.node as usize;
        delivered[node] += 1;
        if run.items[arrival.item as usize].origin != arrival.node {
            latencies[node].push(milliseconds(arrival.latency_us));
        }
    }
    let mut nodes: Vec<(usize, Reception)> = live(run)
        .map(|node| {
            let reception = Reception {
                name: format!("n{node:04}"),
                nodes: 1,
                coverage: share(delivered[node], items),
                latencies: Distribution::new(std::mem::take(&mut latencies[node])),
            };
            (node, reception)
        })
        .collect();
    let median = |reception: &Reception| reception.latencies.median().unwrap_or(0.0);
    nodes.sort_by(|(_, left), (_, right)| {
        left.coverage
            .total_cmp(&right.coverage)
            .then_with(|| median(right).total_cmp(&median(left)))
    });
    nodes
}

/// The items that count, the slowest first: by what is missing, then by when the last live node had
/// it.
pub(super) fn slowest_items(spread: &Spread, mut items: Vec<usize>) -> Vec<usize> {
    let last = |item: usize| spread.arrivals_of(item).last().map_or(0, |last| last.latency_us);
    items
        .sort_by_key(|&item| (spread.arrivals_of(item).len(), std::cmp::Reverse(last(item)), item));
    items
}

fn live(run: &Run) -> impl Iterator<Item = usize> {
    (0..run.nodes.len()).filter(|&node| run.nodes[node].alive)
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Item, Node};

    fn run() -> Run {
        let node = |region: &str| Node { region: region.into(), alive: true, ..Node::default() };
        let delivery = |item, node, latency_us| Delivery { item, node, latency_us, from: None };
        Run {
            nodes: vec![node("west"), node("east"), node("east")],
            items: vec![Item::default(), Item { origin: 1, ..Item::default() }],
            deliveries: vec![
                delivery(0, 0, 0),
                delivery(0, 1, 7_000),
                delivery(0, 2, 9_000),
                delivery(1, 1, 0),
                delivery(1, 0, 20_000),
            ],
            ..Run::default()
        }
    }

    #[test]
    fn a_region_is_its_nodes_together() {
        let run = run();
        let regions = by_region(&run, &Spread::of(&run), 2);
        assert_eq!(
            (regions[0].name.as_str(), regions[0].nodes, regions[0].coverage),
            ("east", 2, 0.75)
        );
        assert_eq!(regions[0].latencies.values(), [7.0, 9.0], "the origin's own doesn't count");
        assert_eq!((regions[1].name.as_str(), regions[1].coverage), ("west", 1.0));
    }

    #[test]
    fn the_worst_node_lacks_most_and_then_is_slowest() {
        let run = run();
        let order: Vec<usize> =
            by_node(&run, &Spread::of(&run), 2).iter().map(|(node, _)| *node).collect();
        assert_eq!(order, [2, 0, 1]);
    }

    #[test]
    fn the_slowest_item_reached_fewest_and_then_took_longest() {
        let mut run = run();
        assert_eq!(slowest_items(&Spread::of(&run), vec![0, 1]), [1, 0]);
        run.deliveries.push(Delivery { item: 1, node: 2, latency_us: 8_000, from: None });
        run.deliveries[2].latency_us = 21_000;
        assert_eq!(slowest_items(&Spread::of(&run), vec![0, 1]), [0, 1]);
    }
}
