//! A bounded memory of what was met, oldest forgotten first.

use std::collections::VecDeque;
use std::hash::Hash;

use crate::ground::map::{Map, Salt};

/// A set that holds the `max` keys added last. It allocates nothing until one is added.
#[derive(Clone, Debug)]
pub(super) struct Recent<K> {
    max: usize,
    held: Map<K, ()>,
    oldest_first: VecDeque<K>,
}

impl<K: Copy + Eq + Hash> Recent<K> {
    /// An empty set of at most `max` keys.
    pub(super) fn new(max: usize, salt: Salt) -> Self {
        Self { max, held: Map::new(salt), oldest_first: VecDeque::new() }
    }

    /// Adds a key. One that is in the set already keeps its age.
    pub(super) fn insert(&mut self, key: K) {
        if self.held.insert(key, ()).is_some() {
            return;
        }
        self.oldest_first.push_back(key);
        if self.oldest_first.len() > self.max
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.held.remove(&oldest);
        }
    }

    /// Removes a key, by a walk through the set: for rare events only.
    pub(super) fn remove(&mut self, key: &K) {
        if self.held.remove(key).is_some() {
            self.oldest_first.retain(|held| held != key);
        }
    }

    /// Whether the key is in the set.
    pub(super) fn contains(&self, key: &K) -> bool {
        self.held.contains(key)
    }
}
