//! By which id children name a pooled transaction, where that isn't its own.
//!
//! Most rules have one id for everything; their pools keep nothing here.

use crate::ground::item::{Hash256, ItemId};
use crate::ground::map::{Map, Salt};

/// Both ways between the ids of transactions that have two.
#[derive(Clone, Debug, Default)]
pub(super) struct Aliases(Option<Box<Index>>);

#[derive(Clone, Debug)]
struct Index {
    /// The id of a transaction, by the one that its children use.
    own: Map<Hash256, ItemId>,
    /// The one that its children use, by its id.
    referred: Map<ItemId, ItemId>,
}

impl Aliases {
    /// A transaction came whose children know it by another id.
    pub(super) fn insert(&mut self, own: ItemId, referred: ItemId, salt: Salt) {
        let index = self.0.get_or_insert_with(|| {
            Box::new(Index { own: Map::new(salt), referred: Map::new(salt) })
        });
        index.own.insert(referred.hash(), own);
        index.referred.insert(own, referred);
    }

    /// A transaction left.
    pub(super) fn remove(&mut self, own: ItemId) {
        let Some(index) = &mut self.0 else { return };
        if let Some(referred) = index.referred.remove(&own) {
            index.own.remove(&referred.hash());
        }
        if index.referred.is_empty() {
            self.0 = None;
        }
    }

    /// The id of the transaction that children name by one that isn't its own.
    pub(super) fn own(&self, referred: ItemId) -> Option<ItemId> {
        let index = self.0.as_ref()?;
        let own = index.own.get(&referred.hash())?;
        (index.referred.get(own) == Some(&referred)).then_some(*own)
    }

    /// The id by which children name a transaction, if that isn't its own.
    pub(super) fn referred(&self, own: ItemId) -> Option<ItemId> {
        self.0.as_ref()?.referred.get(&own).copied()
    }
}
