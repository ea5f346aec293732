//! How items spread: the arrivals of every item at the live nodes, and the propagation curve.
//!
//! Only nodes that were alive at the end of the run count, as receivers and in every share: what a
//! node had before it was killed is no concern of the network that is left.

use crate::figures::statistics::nearest_rank;
use crate::run::{Delivery, Run};

/// First deliveries at live nodes, by item and time. Holds one [`Delivery`] for each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    arrivals: Vec<Delivery>,
    /// Where each item's arrivals begin, and in the end where the last item's end.
    starts: Vec<usize>,
    live_nodes: usize,
    first_deliveries: usize,
}

/// The propagation curve over all items, at one moment after submission.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// Time since submission, microseconds.
    pub time_us: u64,
    /// Share of the live nodes that the slow items had reached: the 10th percentile over items.
    pub low: f64,
    /// Share of the live nodes that the median item had reached.
    pub median: f64,
    /// Share of the live nodes that the fast items had reached: the 90th percentile over items.
    pub high: f64,
}

impl Spread {
    /// Collects the arrivals of `run`. Where a node accepted an item more than once, the first
    /// time counts.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let mut arrivals = run.deliveries.clone();
        arrivals.sort_unstable();
        arrivals.dedup_by_key(|delivery| (delivery.item, delivery.node));
        let first_deliveries = arrivals.len();
        arrivals.retain(|delivery| run.nodes[delivery.node as usize].alive);
        arrivals
            .sort_unstable_by_key(|delivery| (delivery.item, delivery.latency_us, delivery.node));
        let starts = (0..=run.items.len())
            .map(|item| arrivals.partition_point(|delivery| (delivery.item as usize) < item))
            .collect();
        Self { arrivals, starts, live_nodes: run.live_nodes(), first_deliveries }
    }

    /// First deliveries at live nodes, by item, then latency.
    #[must_use]
    pub fn arrivals(&self) -> &[Delivery] {
        &self.arrivals
    }

    /// First deliveries of one item at live nodes, by latency.
    #[must_use]
    pub fn arrivals_of(&self, item: usize) -> &[Delivery] {
        &self.arrivals[self.starts[item]..self.starts[item + 1]]
    }

    /// First deliveries at all nodes, killed ones included.
    #[must_use]
    pub const fn first_deliveries(&self) -> usize {
        self.first_deliveries
    }

    /// How many items there are.
    #[must_use]
    pub const fn items(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// How many nodes were alive at the end.
    #[must_use]
    pub const fn live_nodes(&self) -> usize {
        self.live_nodes
    }

    /// When the share `share` of the live nodes had the item, milliseconds after its submission;
    /// `None` if it never had so many.
    #[must_use]
    pub fn time_to_share_ms(&self, item: usize, share: f64) -> Option<f64> {
        if self.live_nodes == 0 {
            return None;
        }
        let rank = nearest_rank(share, self.live_nodes);
        self.arrivals_of(item).get(rank - 1).map(|arrival| milliseconds(arrival.latency_us))
    }

    /// The propagation curve of the items in `items`, at `points` moments (2 or more) evenly spread
    /// from 0 to `end_us`. Empty without items or live nodes.
    #[must_use]
    pub fn curve(&self, items: &[usize], points: u64, end_us: u64) -> Vec<CurvePoint> {
        if items.is_empty() || self.live_nodes == 0 {
            return Vec::new();
        }
        let mut reached = vec![0; items.len()];
        (0..points)
            .map(|point| {
                let time_us = end_us * point / (points - 1);
                for (count, &item) in reached.iter_mut().zip(items) {
                    *count = self.reached_by(item, time_us);
                }
                self.curve_point(time_us, &mut reached)
            })
            .collect()
    }

    /// How many live nodes had the item `time_us` after its submission.
    fn reached_by(&self, item: usize, time_us: u64) -> usize {
        self.arrivals_of(item).partition_point(|arrival| arrival.latency_us <= time_us)
    }

    /// The percentiles over `reached`, the number of live nodes that each item had reached.
    fn curve_point(&self, time_us: u64, reached: &mut [usize]) -> CurvePoint {
        reached.sort_unstable();
        let quantile = |share: f64| {
            reached[nearest_rank(share, reached.len()) - 1] as f64 / self.live_nodes as f64
        };
        CurvePoint { time_us, low: quantile(0.1), median: quantile(0.5), high: quantile(0.9) }
    }
}

/// Microseconds as milliseconds.
#[must_use]
pub fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Item, Node};

    /// A run of as many items as there are rows; each row holds an item's latencies by node, in
    /// milliseconds, where `None` is "never".
    fn run(alive: &[bool], latencies_ms: &[&[Option<u64>]]) -> Run {
        let nodes = alive.iter().map(|&alive| Node { alive, ..Node::default() }).collect();
        let mut run = Run { nodes, ..Run::default() };
        for (item, row) in (0_u32..).zip(latencies_ms) {
            run.items.push(Item::default());
            for (node, latency) in (0_u32..).zip(*row) {
                if let Some(latency_ms) = latency {
                    run.deliveries.push(Delivery {
                        item,
                        node,
                        latency_us: latency_ms * 1_000,
                        from: None,
                    });
                }
            }
        }
        run
    }

    #[test]
    fn an_item_reaches_a_share_with_the_node_that_completes_it() {
        let run = run(&[true; 4], &[&[Some(0), Some(30), Some(10), Some(20)]]);
        let spread = Spread::of(&run);
        assert_eq!(spread.time_to_share_ms(0, 0.5), Some(10.0));
        assert_eq!(spread.time_to_share_ms(0, 0.51), Some(20.0));
        assert_eq!(spread.time_to_share_ms(0, 1.0), Some(30.0));
    }

    #[test]
    fn a_share_that_was_not_reached_has_no_time() {
        let spread = Spread::of(&run(&[true; 4], &[&[Some(0), Some(10), None, Some(20)]]));
        assert_eq!(spread.time_to_share_ms(0, 0.75), Some(20.0));
        assert_eq!(spread.time_to_share_ms(0, 0.76), None);
    }

    #[test]
    fn killed_nodes_count_neither_as_receivers_nor_in_the_share() {
        let alive = [true, false, true];
        let spread = Spread::of(&run(&alive, &[&[Some(0), Some(5), Some(9)]]));
        assert_eq!(spread.live_nodes(), 2);
        assert_eq!(spread.time_to_share_ms(0, 1.0), Some(9.0));
        assert_eq!((spread.arrivals().len(), spread.first_deliveries()), (2, 3));
    }

    #[test]
    fn the_first_of_several_acceptances_counts() {
        let mut run = run(&[true; 2], &[&[Some(0), Some(9)]]);
        run.deliveries.push(Delivery { item: 0, node: 1, latency_us: 4_000, from: None });
        let spread = Spread::of(&run);
        assert_eq!(spread.time_to_share_ms(0, 1.0), Some(4.0));
        assert_eq!(spread.first_deliveries(), 2);
    }

    #[test]
    fn an_item_that_nobody_has_keeps_its_place() {
        let spread = Spread::of(&run(&[true], &[&[None], &[Some(0)], &[None]]));
        let counts: Vec<_> = (0..3).map(|item| spread.arrivals_of(item).len()).collect();
        assert_eq!(counts, [0, 1, 0]);
    }

    #[test]
    fn the_curve_is_the_median_over_items_with_its_band() {
        // Item i reaches its second and last node after i ms.
        let rows: Vec<_> = (1..=10).map(|item| [Some(0), Some(item)]).collect();
        let rows: Vec<_> = rows.iter().map(<[_; 2]>::as_slice).collect();
        let spread = Spread::of(&run(&[true; 2], &rows));
        let items: Vec<usize> = (0..10).collect();
        let curve = spread.curve(&items, 11, 10_000);
        assert_eq!(curve.len(), 11);
        assert_eq!(curve[0], CurvePoint { time_us: 0, low: 0.5, median: 0.5, high: 0.5 });
        // After 5 ms five of ten items are complete: rank 5 of the ascending shares is still half.
        assert_eq!(curve[5], CurvePoint { time_us: 5_000, low: 0.5, median: 0.5, high: 1.0 });
        assert_eq!(curve[6], CurvePoint { time_us: 6_000, low: 0.5, median: 1.0, high: 1.0 });
        assert_eq!(curve[10], CurvePoint { time_us: 10_000, low: 1.0, median: 1.0, high: 1.0 });
    }

    #[test]
    fn without_items_or_live_nodes_there_is_no_curve() {
        assert!(Spread::of(&Run::default()).curve(&[], 10, 1_000).is_empty());
        let nobody_lives = Spread::of(&run(&[false], &[&[Some(0)]]));
        assert!(nobody_lives.curve(&[0], 10, 1_000).is_empty());
        assert_eq!(nobody_lives.time_to_share_ms(0, 0.5), None);
    }
}
