//! Good verdicts, remembered: what was verified once is good for ever, since verifying is a pure function of
//! what [`Chain::verdict_key`](tidings_protocol::chain::Chain::verdict_key) names.
//!
//! Bad verdicts aren't kept. The core remembers ids that were refused, and whoever sends one loses the link; here
//! they would only take the place of good ones, for anybody who can sign badly.
//!
//! Two generations: when the younger is full, the older is forgotten and the younger becomes the older. So between
//! [`GENERATION`] and twice as many of the latest are remembered, a use renews a key, and forgetting costs nothing.

use std::collections::HashSet;

use tidings_protocol::ground::item::ItemId;

/// Most keys of one generation: as many as fill a table of 32,768 places (1.1 MB), more transactions than three of
/// Bitcoin's fullest blocks have. Only what was used takes memory. A guess.
const GENERATION: usize = 28_672;

/// Keys of items that are good.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    young: HashSet<ItemId>,
    old: HashSet<ItemId>,
}

impl Verdicts {
    /// Whether it is remembered.
    pub(super) fn contains(&mut self, key: &ItemId) -> bool {
        if self.young.contains(key) {
            return true;
        }
        let known = self.old.remove(key);
        if known {
            self.insert(*key);
        }
        known
    }

    fn insert(&mut self, key: ItemId) {
        if self.young.len() == GENERATION {
            self.old.clear();
            std::mem::swap(&mut self.young, &mut self.old);
        }
        self.young.insert(key);
    }
}

impl Extend<ItemId> for Verdicts {
    fn extend<I: IntoIterator<Item = ItemId>>(&mut self, keys: I) {
        keys.into_iter().for_each(|key| self.insert(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> ItemId {
        ItemId::of(&number.to_le_bytes())
    }

    #[test]
    fn the_latest_are_remembered_and_the_oldest_forgotten() {
        let mut verdicts = Verdicts::default();
        let count = 3 * GENERATION;
        verdicts.extend((0..count).map(key));
        assert!((count - GENERATION..count).all(|number| verdicts.contains(&key(number))));
        assert!((0..GENERATION).all(|number| !verdicts.contains(&key(number))));
        assert!(verdicts.young.len() + verdicts.old.len() <= 2 * GENERATION);
    }

    #[test]
    fn what_is_asked_for_stays() {
        let mut verdicts = Verdicts::default();
        for number in 0..4 * GENERATION {
            verdicts.extend([key(number)]);
            assert!(verdicts.contains(&key(0)), "after {number}");
        }
    }
}
