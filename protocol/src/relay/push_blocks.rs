//! How much of others' blocks is pushed: sent whole to whoever wasn't told of it and didn't ask.
//!
//! Where a strategy pushes, a block is on its way to each neighbour at once, and most of them get it several times. Of a
//! block now and then that is worth the round trip that it saves. Of a flood it isn't: whoever has one link would fill
//! all of ours with as many copies. So what exceeds a budget of bytes over all links is announced, and comes once to whoever
//! lacks it and asks. (Bitcoin Core pushes to three peers, BIP 152, and announces by headers to the others.)
//!
//! Our operator's latest block is pushed always: whoever floods doesn't delay it.

use crate::ground::item::{Item, ItemId};
use crate::ground::time::Time;
use crate::limits::bucket::Bucket;
use crate::params::BudgetParams;

/// What was pushed lately.
#[derive(Clone, Debug, Default)]
pub struct PushedBlocks {
    bytes: Bucket,
    /// The latest block of our operator.
    own: Option<ItemId>,
}

impl PushedBlocks {
    /// Our operator submitted a block.
    pub const fn on_own(&mut self, id: ItemId) {
        self.own = Some(id);
    }

    /// Whether it is the latest block of our operator.
    #[must_use]
    pub fn is_own(&self, id: ItemId) -> bool {
        self.own == Some(id)
    }

    /// Whether a block may be pushed to one more peer; then it counts.
    pub fn try_push(&mut self, block: &Item, now: Time, params: &BudgetParams) -> bool {
        self.try_push_as(block.id(), block.size(), now, params)
    }

    /// The same, where it takes so many bytes.
    pub fn try_push_as(
        &mut self,
        id: ItemId,
        bytes: usize,
        now: Time,
        params: &BudgetParams,
    ) -> bool {
        self.is_own(id) || self.bytes.try_take(bytes as f64, now, params.pushed_block_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Chain as _;
    use crate::chain::opaque::Opaque;
    use crate::ground::item::ItemKind;
    use crate::params::Rate;

    #[test]
    fn what_exceeds_the_budget_is_not_pushed_but_for_our_own() {
        let pushed_block_bytes = Rate::new(100.0, 250.0);
        let params = BudgetParams { pushed_block_bytes, ..BudgetParams::default() };
        let block = |n| Opaque::default().item(ItemKind::Block, vec![n; 100].into()).unwrap();
        let (mut pushed, [theirs, ours]) = (PushedBlocks::default(), [1, 2].map(block));
        pushed.on_own(ours.id());
        let mut now = Time::ZERO;
        let mut push = |block: &Item, now| pushed.try_push(block, now, &params);
        assert_eq!([(); 3].map(|()| push(&theirs, now)), [true, true, false]);
        assert!((0..9).all(|_| push(&ours, now)));
        now = Time::from_millis(500);
        assert_eq!([(); 2].map(|()| push(&theirs, now)), [true, false]);
    }
}
