//! The seen cache: which items we have dealt with, and which links know them.
//!
//! Least recently used ids are forgotten first. It grows as it fills: `LruCache::new` would reserve
//! the whole capacity up front, 37 KB per node at 1,024 entries, which a simulator of a million nodes
//! can't pay (style.md §3.3).
//!
//! Ids are kept short: two items that share one count as one (see [`ShortId`]).
//!
//! *Security*: an attacker who makes us forget an id can make us ask for and relay the item once more.
//! Only accepted or refused items enter, so each forgotten id costs it one whole item.

use lru::LruCache;

use crate::item::ShortId;
use crate::link::{Link, LinkSet};
use crate::map::Salt;

/// What we know of an item that we have dealt with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whether it was refused.
    pub rejected: bool,
    /// Links whose peer is known to have it: it announced it, sent it, or we sent it.
    pub known: LinkSet,
}

/// The bounded cache.
#[derive(Clone)]
pub struct SeenCache {
    items: LruCache<ShortId, Seen, Salt>,
    max: usize,
}

impl SeenCache {
    /// An empty cache for at most `max` ids. It allocates nothing yet.
    #[must_use]
    pub fn new(max: usize, salt: Salt) -> Self {
        Self { items: LruCache::unbounded_with_hasher(salt), max }
    }

    /// Whether the item was dealt with. Doesn't count as use.
    #[must_use]
    pub fn contains(&self, id: impl Into<ShortId>) -> bool {
        self.items.contains(&id.into())
    }

    /// What is known of an item, to change; counts as use.
    pub fn get_mut(&mut self, id: impl Into<ShortId>) -> Option<&mut Seen> {
        self.items.get_mut(&id.into())
    }

    /// Whether the peer of a link is known to have an item. Doesn't count as use.
    #[must_use]
    pub fn knows(&self, id: impl Into<ShortId>, link: Link) -> bool {
        self.items.peek(&id.into()).is_some_and(|seen| seen.known.contains(link))
    }

    /// Remembers an item. When full, the least recently used one is forgotten.
    pub fn insert(&mut self, id: impl Into<ShortId>, seen: Seen) {
        self.items.put(id.into(), seen);
        if self.items.len() > self.max {
            self.items.pop_lru();
        }
    }

    /// Notes that the peer of a link has an item; false if the item isn't in the cache.
    pub fn note(&mut self, id: impl Into<ShortId>, link: Link) -> bool {
        match self.items.get_mut(&id.into()) {
            Some(seen) => {
                seen.known.insert(link);
                true
            }
            None => false,
        }
    }

    /// How many items it remembers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it remembers none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl std::fmt::Debug for SeenCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SeenCache({} of {})", self.len(), self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::ItemId;
    use proptest::prelude::*;

    fn id(n: u8) -> ItemId {
        ItemId([n; 32])
    }

    #[test]
    fn a_peer_that_is_noted_is_known() {
        let mut seen = SeenCache::new(2, Salt::new(0));
        let link = Link::new(3, 1);
        assert!(!seen.note(&id(1), link));
        seen.insert(id(1), Seen::default());
        assert!(!seen.knows(&id(1), link));
        assert!(seen.note(&id(1), link));
        assert!(seen.knows(&id(1), link));
    }

    proptest! {
        /// Against a list in order of use.
        #[test]
        fn it_forgets_the_least_recently_used(
            ops in prop::collection::vec((any::<bool>(), 0_u8..12), 1..200),
            max in 1_usize..8,
            salt in any::<u64>(),
        ) {
            let mut seen = SeenCache::new(max, Salt::new(salt));
            let mut model: Vec<u8> = Vec::new();
            for (is_insert, n) in ops {
                let position = model.iter().position(|held| *held == n);
                if is_insert {
                    seen.insert(id(n), Seen::default());
                } else {
                    prop_assert_eq!(seen.get_mut(&id(n)).is_some(), position.is_some());
                }
                if let Some(position) = position {
                    model.remove(position);
                }
                if is_insert || position.is_some() {
                    model.push(n);
                }
                if model.len() > max {
                    model.remove(0);
                }
                prop_assert_eq!(seen.len(), model.len());
                for n in 0..12 {
                    prop_assert_eq!(seen.contains(&id(n)), model.contains(&n));
                }
            }
        }
    }
}
