//! How many links items came over: each delivery is followed back, from giver to giver, to where its item was
//! submitted.

use crate::figures::statistics::Distribution;
use crate::run::Run;

/// Hops of all deliveries that can be followed back to their item's origin, the origins' own excluded.
#[must_use]
pub fn hops(run: &Run) -> Distribution {
    let mut order: Vec<usize> = (0..run.deliveries.len()).collect();
    // Whoever gave had it before, by the clock that stamped both; the origin's own counts as the first.
    order.sort_unstable_by_key(|&row| {
        let delivery = &run.deliveries[row];
        (delivery.item, delivery.latency_us)
    });
    let mut reached: Vec<Option<u32>> = vec![None; run.nodes.len()];
    let mut all = Vec::new();
    for of_item in order.chunk_by(|&a, &b| run.deliveries[a].item == run.deliveries[b].item) {
        reached.fill(None);
        for &row in of_item {
            let delivery = &run.deliveries[row];
            let is_origin = run.items[delivery.item as usize].origin == delivery.node;
            let hops = match delivery.from {
                _ if is_origin => Some(0),
                Some(from) => reached[from as usize].map(|hops| hops + 1),
                None => None,
            };
            reached[delivery.node as usize] = hops;
            all.extend(hops.filter(|hops| *hops > 0).map(f64::from));
        }
    }
    Distribution::new(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Delivery, Item, Node};

    #[test]
    fn each_delivery_is_followed_to_the_origin() {
        let mut run = Run {
            nodes: vec![Node::default(); 5],
            items: vec![Item { origin: 2, ..Item::default() }],
            ..Run::default()
        };
        // 2 → 0 → 1 → 3; nobody knows whom 4 has it from.
        run.deliveries =
            [(3, 30, Some(1)), (2, 0, None), (4, 5, None), (1, 20, Some(0)), (0, 10, Some(2))]
                .map(|(node, latency_us, from)| Delivery { item: 0, node, latency_us, from })
                .to_vec();
        let hops = hops(&run);
        assert_eq!((hops.mean(), hops.quantile(1.0)), (Some(2.0), Some(3.0)));
        assert_eq!(self::hops(&Run::default()).mean(), None);
    }
}
