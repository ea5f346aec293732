//! Items whose verification the core asked for and has no verdict on: their verdicts needn't repeat their bytes.
//!
//! # Bound
//! The core waits for `memory.verifying_max` verdicts at most.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidings_protocol::ground::item::{Item, ItemId};
use tidings_protocol::machine::{Action, Input};

/// Items that are being verified.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(BTreeMap<ItemId, Arc<Item>>);

impl Asked {
    /// The core acted.
    pub(super) fn on_action(&mut self, action: &Action) {
        if let Action::Verify(item) = action {
            self.0.insert(item.id(), Arc::clone(item));
        }
    }

    /// The core was told something.
    pub(super) fn on_input(&mut self, input: &Input<'_>) {
        if let Input::Verdict { item, .. } = input
            && self.is(item)
        {
            self.0.remove(&item.id());
        }
    }

    /// Whether it is just this item that is being verified by its id.
    pub(super) fn is(&self, item: &Arc<Item>) -> bool {
        self.0.get(&item.id()).is_some_and(|asked| Arc::ptr_eq(asked, item))
    }

    /// The item that is being verified by an id.
    pub(super) fn get(&self, id: &ItemId) -> Option<&Arc<Item>> {
        self.0.get(id)
    }
}
