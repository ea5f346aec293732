//! Hash maps and sets whose order can't reach the outside.
//!
//! Keys are hashed with a salt drawn when the node is made: fixed in tests and simulations, secret in
//! production, so that a peer can't choose ids that collide. Neither type can be iterated, which
//! keeps a run independent of the salt; what has to be walked is kept in a queue or an array.

use std::fmt;
use std::hash::{BuildHasher, Hash};

use foldhash::fast::{FixedState, FoldHasher};
use hashbrown::{HashMap, hash_map::Entry};

/// The hasher of all maps of one node.
#[derive(Clone, Copy)]
pub struct Salt(u64);

impl Salt {
    /// A salt from a secret (or, in tests, fixed) number.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number that depends on a key and the salt: unpredictable to peers, repeatable for us.
    #[must_use]
    pub fn rank(self, key: impl Hash) -> u64 {
        self.hash_one(key)
    }
}

impl BuildHasher for Salt {
    type Hasher = FoldHasher<'static>;

    fn build_hasher(&self) -> Self::Hasher {
        FixedState::with_seed(self.0).build_hasher()
    }
}

impl fmt::Debug for Salt {
    /// Never shows the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt")
    }
}

/// A salted hash map that can't be iterated.
#[derive(Clone)]
pub struct Map<K, V>(HashMap<K, V, Salt>);

impl<K: Eq + Hash, V> Map<K, V> {
    /// An empty map. It allocates nothing until it is used.
    #[must_use]
    pub fn new(salt: Salt) -> Self {
        Self(HashMap::with_hasher(salt))
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    /// The value of a key, to change.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    /// Whether the key is there.
    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    /// Sets a value, returning the one it replaces.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    /// Removes a key. Without any left it holds no memory.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let value = self.0.remove(key)?;
        if self.0.is_empty() {
            self.0.shrink_to_fit();
        }
        Some(value)
    }

    /// The place of a key, occupied or vacant.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V, Salt> {
        self.0.entry(key)
    }

    /// The hasher, for another map.
    #[must_use]
    pub fn salt(&self) -> &Salt {
        self.0.hasher()
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K, V> fmt::Debug for Map<K, V> {
    /// Shows the size only: the order of entries must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Map({})", self.0.len())
    }
}
