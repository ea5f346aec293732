//! A bounded memory of what was met, oldest forgotten first, and everything after a day.

use std::hash::Hash;
use std::time::Duration;

use lru::LruCache;

use crate::ground::map::Salt;
use crate::ground::time::Time;

/// How long a key is remembered (Bitcoin Core's `DEFAULT_MISBEHAVING_BANTIME`, `banman.h`: a day).
const KEPT: Duration = Duration::from_secs(86_400);

/// A set that holds the `MAX` keys added last, each for a day. It allocates nothing until one is added.
#[derive(Clone, Debug)]
pub(super) struct Recent<K: Eq + Hash, const MAX: usize> {
    salt: Salt,
    /// Bounded by hand: a cache that knows its bound makes room for all of it at once.
    keys: Option<Box<LruCache<K, Time, Salt>>>,
}

impl<K: Eq + Hash, const MAX: usize> Recent<K, MAX> {
    /// An empty set.
    pub(super) const fn new(salt: Salt) -> Self {
        Self { salt, keys: None }
    }

    /// Adds a key. One that is in the set already begins anew.
    pub(super) fn insert(&mut self, key: K, now: Time) {
        let salt = self.salt;
        let empty = || Box::new(LruCache::unbounded_with_hasher(salt));
        let keys = self.keys.get_or_insert_with(empty);
        keys.put(key, now);
        if keys.len() > MAX {
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
    pub(super) fn contains(&self, key: &K, now: Time) -> bool {
        let added = self.keys.as_ref().and_then(|keys| keys.peek(key));
        added.is_some_and(|added| now.since(*added) < KEPT)
    }
}
