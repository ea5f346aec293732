//! Good verdicts, remembered: what was verified once is good for ever, since verifying is a pure function of
//! what [`Chain::verdict_key`](tidings_protocol::chain::Chain::verdict_key) names.
//!
//! Bad verdicts aren't kept. The core remembers ids that were refused, and whoever sends one loses the link; here
//! they would only take the place of good ones, for anybody who can sign badly.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use tidings_protocol::chain::{self, Chain};
use tidings_protocol::ground::item::{Hash256, Item};

/// Most keys that are remembered: more transactions than three of Bitcoin's fullest blocks have. They take up to
/// 2.4 MB, but only as they come. A guess.
const KEYS_MAX: NonZeroUsize = NonZeroUsize::new(28_672).unwrap();

/// Keys of items that are good, the latest that came or were asked for. All threads that verify share them: each look takes the lock for
/// itself, so that nobody waits for a whole block's.
#[derive(Clone, Debug)]
pub(super) struct Verdicts(Arc<Mutex<LruCache<Hash256, ()>>>);

impl Default for Verdicts {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruCache::sparse(KEYS_MAX))))
    }
}

impl Verdicts {
    fn keys(&self) -> MutexGuard<'_, LruCache<Hash256, ()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an item is known to be good; it then is for longer.
    pub(super) fn knows(&self, item: &Item, chain: &dyn Chain) -> bool {
        chain.verdict_key(item).is_some_and(|key| self.contains(&key))
    }

    /// Remembers an item that is good.
    pub(super) fn remember(&self, item: &Item, chain: &dyn Chain) {
        if let Some(key) = chain.verdict_key(item) {
            self.add(key);
        }
    }

    /// Remembers those that are good of some.
    pub(super) fn learn(
        &self,
        items: &[Arc<Item>],
        verdicts: &[chain::Verdict],
        chain: &dyn Chain,
    ) {
        let good = items.iter().zip(verdicts).filter(|(_, verdict)| verdict.is_ok());
        good.for_each(|(item, _)| self.remember(item, chain));
    }

    fn contains(&self, key: &Hash256) -> bool {
        self.keys().promote(key)
    }

    fn add(&self, key: Hash256) {
        self.keys().push(key, ());
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
        let (verdicts, max) = (Verdicts::default(), KEYS_MAX.get());
        let count = 3 * max;
        (0..count).map(key).for_each(|key| verdicts.add(key));
        assert!((count - max..count).all(|number| verdicts.contains(&key(number))));
        assert!((0..count - max).all(|number| !verdicts.contains(&key(number))));
    }

    #[test]
    fn what_is_asked_for_stays() {
        let verdicts = Verdicts::default();
        for number in 0..4 * KEYS_MAX.get() {
            verdicts.add(key(number));
            assert!(verdicts.contains(&key(0)), "after {number}");
        }
    }
}
