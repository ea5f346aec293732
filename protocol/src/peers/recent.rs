//! A bounded memory of what was met, oldest forgotten first.

use std::hash::Hash;

use lru::LruCache;

use crate::ground::map::Salt;

/// A set that holds the `max` keys added last. It allocates nothing until one is added.
#[derive(Clone, Debug)]
pub(super) struct Recent<K: Eq + Hash> {
    max: usize,
    salt: Salt,
    /// Bounded by hand: a cache that knows its bound makes room for all of it at once.
    keys: Option<Box<LruCache<K, (), Salt>>>,
}

impl<K: Eq + Hash> Recent<K> {
    /// An empty set of at most `max` keys.
    pub(super) const fn new(max: usize, salt: Salt) -> Self {
        Self { max, salt, keys: None }
    }

    /// Adds a key. One that is in the set already keeps its age.
    pub(super) fn insert(&mut self, key: K) {
        let salt = self.salt;
        let empty = || Box::new(LruCache::unbounded_with_hasher(salt));
        let keys = self.keys.get_or_insert_with(empty);
        if keys.contains(&key) {
            return;
        }
        keys.put(key, ());
        if keys.len() > self.max {
            keys.pop_lru();
        }
    }

    /// Removes a key.
    pub(super) fn remove(&mut self, key: &K) {
        if let Some(keys) = &mut self.keys {
            keys.pop(key);
        }
    }

    /// Whether the key is in the set.
    pub(super) fn contains(&self, key: &K) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.contains(key))
    }
}
