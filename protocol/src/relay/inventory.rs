//! Inventory: transactions are announced by id to every link and pulled by whoever lacks them, as in
//! Bitcoin.
//!
//! Each node receives an item once, and its id from nearly every neighbour; a hop costs an announcement's
//! wait and one and a half round trips. Blocks take the same way, but without the wait: the node
//! announces them at once.

use rand::Rng;

use super::{Delivery, Neighbour, Plan, Strategy};
use crate::item::Item;

/// The strategy; it keeps no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inventory;

impl Strategy for Inventory {
    fn spread(
        &mut self,
        _item: &Item,
        neighbours: impl Iterator<Item = Neighbour>,
        _rng: &mut dyn Rng,
        plan: &mut Plan,
    ) {
        let ignorant = neighbours.filter(|neighbour| !neighbour.knows);
        plan.extend(ignorant.map(|neighbour| (neighbour.link, Delivery::Announced)));
    }

    fn takes_unasked(&self) -> bool {
        false
    }
}
