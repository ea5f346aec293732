//! Hash maps and sets whose order can't reach the outside.
//!
//! Keys are hashed with a salt drawn when the node is made: fixed in tests and simulations, secret in
//! production, so that a peer can't choose ids that collide. Neither type can be iterated, which
//! keeps a run independent of the salt; what has to be walked is kept in a queue or an array.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::{FixedState, FoldHasher};
use hashbrown::{Equivalent, HashMap, hash_map::Entry};

/// The hasher of all maps of one node.
#[derive(Clone, Copy)]
pub struct Salt(u64);

impl Salt {
    /// A salt from a secret (or, in tests, fixed) number.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number that depends on a key and the salt: unpredictable to peers, repeatable for us on every platform.
    #[must_use]
    pub fn rank(self, key: impl Hash) -> u64 {
        let mut hasher = RankHasher(self.0);
        key.hash(&mut hasher);
        hasher.finish()
    }
}

/// The hasher of ranks. These decide what a node does, so a run only repeats elsewhere if they do, which the maps'
/// hasher doesn't promise: where words have 32 bits it multiplies otherwise and lengths are shorter.
///
/// Each word of the key is mixed in by the output function of `SplitMix64` (Stafford's mix 13), in which every
/// bit changes half of the others.
struct RankHasher(u64);

impl RankHasher {
    const fn word(&mut self, word: u64) {
        let mut z = (self.0 ^ word).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        self.0 = z ^ (z >> 31);
    }
}

impl Hasher for RankHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.word(number.into());
    }

    fn write_u16(&mut self, number: u16) {
        self.word(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.word(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.word(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.word(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0
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
    pub fn get(&self, key: &(impl Hash + Equivalent<K>)) -> Option<&V> {
        self.0.get(key)
    }

    /// The value of a key, to change.
    pub fn get_mut(&mut self, key: &(impl Hash + Equivalent<K>)) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    /// How many values are of some kind: what can be asked of all of them without an order.
    #[expect(clippy::disallowed_methods, reason = "a count is the same in any order")]
    pub fn count(&self, mut is: impl FnMut(&V) -> bool) -> usize {
        self.0.values().filter(|value| is(value)).count()
    }

    /// Whether the key is there.
    #[must_use]
    pub fn contains(&self, key: &(impl Hash + Equivalent<K>)) -> bool {
        self.0.contains_key(key)
    }

    /// Sets a value, returning the one it replaces.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    /// Removes a key. Without any left it holds no memory.
    pub fn remove(&mut self, key: &(impl Hash + Equivalent<K>)) -> Option<V> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_is_the_same_on_every_platform_and_depends_on_salt_and_key() {
        let key = (7_u32, [1_u8; 8]);
        assert_eq!(Salt::new(1).rank(key), 0x3DC4_2C8D_09AD_D672);
        assert_ne!(Salt::new(2).rank(key), Salt::new(1).rank(key));
        assert_ne!(Salt::new(1).rank((8_u32, [1_u8; 8])), Salt::new(1).rank(key));
    }
}
