//! Inventory: transactions are announced by id to every link and pulled by whoever lacks them, as in
//! Bitcoin.
//!
//! Each node receives an item once, and its id from nearly every neighbour; a hop costs an announcement's
//! wait and one and a half round trips. Blocks take the same way, but without the wait: the node
//! announces them at once.

use std::sync::Arc;

use super::topology::spread;
use super::{RelayCx, Step, Strategy};
use crate::ground::item::Item;
use crate::ground::link::Link;

/// The strategy; it keeps no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inventory;

impl Strategy for Inventory {
    fn on_accepted(&mut self, item: &Arc<Item>, _ingress: Option<Link>, cx: &mut RelayCx<'_>) {
        spread(cx, item.id(), |neighbour| Step::Announce(neighbour.link, item.id()));
    }

    fn takes_unasked(&self) -> bool {
        false
    }
}
