//! Flooding: the whole item to every link that isn't known to have it.
//!
//! The fastest a network can be, and the most expensive: each node receives the item once from nearly
//! every neighbour. One message crosses each link in at least one direction, 2E - (n - 1) in all for E
//! links and n nodes (gossip.md §4). The yardstick for every other strategy.

use rand::Rng;

use super::{Delivery, Neighbour, Plan, Strategy};
use crate::item::Item;

/// The strategy; it keeps no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flood;

impl Strategy for Flood {
    fn spread(
        &mut self,
        _item: &Item,
        neighbours: impl Iterator<Item = Neighbour>,
        _rng: &mut dyn Rng,
        plan: &mut Plan,
    ) {
        let ignorant = neighbours.filter(|neighbour| !neighbour.knows);
        plan.extend(ignorant.map(|neighbour| (neighbour.link, Delivery::Whole)));
    }

    fn takes_unasked(&self) -> bool {
        true
    }
}
