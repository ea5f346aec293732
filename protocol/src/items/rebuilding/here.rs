//! Where a block's transactions are looked for: the pool, what left it lately, what waits for parents, and what neighbours expect in a block.

use std::sync::Arc;

use crate::ground::item::{Item, ItemId, Name, ShortId};
use crate::items::orphans::Orphans;
use crate::items::pool::Pool;
use crate::items::templates::Templates;

/// All that may be in a block and is here.
#[derive(Clone, Copy, Debug)]
pub struct Here<'a> {
    /// What is pooled, and what left lately.
    pub pool: &'a Pool,
    /// What waits for parents: whoever made the block had those.
    pub orphans: &'a Orphans,
    /// What neighbours listed, and we asked them for.
    pub templates: &'a Templates,
}

impl<'a> Here<'a> {
    /// One of them. Pooled ones come first, so that nothing that somebody else made of the same name hides them.
    #[must_use]
    pub fn find(&self, id: impl Into<Name>) -> Option<&'a Arc<Item>> {
        let id = id.into();
        let waits = || Some(&self.orphans.orphanage()?.get(id)?.item);
        let found = self.pool.find(id).or_else(|| self.templates.extra(id.short()));
        found.or_else(waits).or_else(|| self.pool.gave_way(id))
    }

    /// The ids of all of them, each once.
    #[must_use]
    pub fn ids(&self) -> Vec<ItemId> {
        let extras = self.templates.extras().map(|item| item.id());
        let waiting = self.orphans.orphanage().into_iter().flat_map(|waiting| waiting.ids());
        let others = extras.chain(waiting).chain(self.pool.departed());
        let mut ids: Vec<_> = others.filter(|id| !self.pool.contains(*id)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.extend(self.pool.since(0).map(|passed| passed.id));
        ids
    }

    /// How many there are at most.
    #[must_use]
    pub fn len_max(&self) -> usize {
        let waiting = self.orphans.orphanage().map_or(0, |waiting| waiting.len());
        self.pool.len() + waiting + self.pool.departed().count() + self.templates.extras().count()
    }

    /// Whether a transaction is pooled, or was until the latest block.
    #[must_use]
    pub fn is_pooled(&self, id: ShortId) -> bool {
        self.pool.find(id).is_some()
    }
}
