//! Flooding: the whole item to every link that isn't known to have it.
//!
//! The fastest a network can be, and the most expensive: each node receives the item once from nearly
//! every neighbour. Each node sends over all its links but the one by which the item came: 2E - (n - 1)
//! messages for E links and n nodes. The yardstick for every other strategy.

use std::sync::Arc;

use super::topology::spread;
use super::{RelayCx, Step, Strategy};
use crate::ground::item::Item;
use crate::ground::link::Link;

/// The strategy; it keeps no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flood;

impl Strategy for Flood {
    fn on_accepted(&mut self, item: &Arc<Item>, _ingress: Option<Link>, cx: &mut RelayCx<'_>) {
        spread(cx, item.id(), |neighbour| Step::Send(neighbour.link, item.clone()));
    }

    fn takes_unasked(&self) -> bool {
        true
    }
}
