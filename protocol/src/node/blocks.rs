//! A block is kept, and what it contains is confirmed.

use std::sync::Arc;

use super::Node;
use crate::chain::{Confirmed, Inspection};
use crate::ground::item::Item;
use crate::items::confirming::Portion;
use crate::machine::Cx;

impl Node {
    /// A block passed the rules: it is kept, and what it contains is confirmed, as much as one input deals with; the
    /// rest is due at once.
    pub(super) fn on_block(
        &mut self,
        block: &Arc<Item>,
        inspection: &Inspection,
        confirms: Vec<Confirmed>,
        cx: &Cx<'_>,
    ) {
        let last = self.blocks.latest().map(|block| block.id());
        let follows = last
            .is_none_or(|last| inspection.parents.is_empty() || inspection.parents.contains(&last));
        for gone in self.blocks.insert(block.clone(), &cx.params.memory) {
            self.seen.release(gone);
        }
        self.seen.on_block(follows);
        self.confirming.begin(confirms);
        self.confirm_some(cx);
        while self.confirming.is_full() {
            self.confirm_some(cx);
        }
    }

    /// Some transactions of a block are confirmed, and then perhaps the next block can be connected.
    pub(super) fn confirm_due(&mut self, cx: &mut Cx<'_>) {
        self.confirm_some(cx);
        self.advance(cx);
    }

    pub(super) fn confirm_some(&mut self, cx: &Cx<'_>) {
        let Some(Portion { is_first, confirmed }) = self.confirming.next_portion() else { return };
        if is_first {
            self.pool.begin_block();
        }
        self.pool.confirm(&confirmed, cx.now, cx.params);
        self.keep_out_of_limbo(&confirmed, cx);
        self.orphans.on_block(&confirmed);
        for id in confirmed.iter().flat_map(Confirmed::names) {
            self.requests.on_arrived(id, cx.now, &cx.params.requests);
            self.seen.confirm(id);
        }
    }
}
