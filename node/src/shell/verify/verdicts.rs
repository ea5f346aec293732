//! Good verdicts, remembered: what was verified once is good for ever, since verifying is a pure function of
//! what [`Chain::verdict_key`](tidings_protocol::chain::Chain::verdict_key) names.
//!
//! Bad verdicts aren't kept. The core remembers ids that were refused, and whoever sends one loses the link; here
//! they would only take the place of good ones, for anybody who can sign badly.

use std::num::NonZeroUsize;

use lru::LruCache;
use tidings_protocol::ground::item::Hash256;

/// Most keys that are remembered: more transactions than three of Bitcoin's fullest blocks have. They take up to
/// 2.4 MB, but only as they come. A guess.
const KEYS_MAX: NonZeroUsize = NonZeroUsize::new(28_672).unwrap();

/// Keys of items that are good, the latest that came or were asked for.
#[derive(Debug)]
pub(super) struct Verdicts(LruCache<Hash256, ()>);

impl Default for Verdicts {
    fn default() -> Self {
        Self(LruCache::sparse(KEYS_MAX))
    }
}

impl Verdicts {
    /// Whether it is remembered; it then is for longer.
    pub(super) fn contains(&mut self, key: &Hash256) -> bool {
        self.0.promote(key)
    }
}

impl Extend<Hash256> for Verdicts {
    fn extend<I: IntoIterator<Item = Hash256>>(&mut self, keys: I) {
        for key in keys {
            self.0.push(key, ());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Hash256 {
        Hash256::of(&number.to_le_bytes())
    }

    #[test]
    fn the_latest_are_remembered_and_the_oldest_forgotten() {
        let (mut verdicts, max) = (Verdicts::default(), KEYS_MAX.get());
        let count = 3 * max;
        verdicts.extend((0..count).map(key));
        assert!((count - max..count).all(|number| verdicts.contains(&key(number))));
        assert!((0..count - max).all(|number| !verdicts.contains(&key(number))));
    }

    #[test]
    fn what_is_asked_for_stays() {
        let mut verdicts = Verdicts::default();
        for number in 0..4 * KEYS_MAX.get() {
            verdicts.extend([key(number)]);
            assert!(verdicts.contains(&key(0)), "after {number}");
        }
    }
}
