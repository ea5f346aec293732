//! News that waits to be told with whatever packet leaves next: piggybacked, as SWIM has it (Das et al. 2002, §4.1).
//!
//! - **By key**: newer news of a subject takes the place of older, and is told anew.
//! - **Least often told first**, then the newest: what is new gets out at once, and under load what has been told least isn't starved.
//! - **A bound on tellings** that grows with log n ([`transmissions`]): then it is known everywhere with high probability, and dropped.
//! - **Full** (items or bytes): what was told most often goes; if that is as new as what comes, the oldest of them. Exchanges make up for it.
//!
//! It knows nothing of what it carries but its key and its length.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Most items that are looked at to fill a packet: behind those that don't fit, shorter ones may. A guess.
const LOOKED_AT_MAX: usize = 128;

/// How often news is told in a fleet of `n`: `mult * ceil(log10(n + 1))`, memberlist's `retransmitLimit`.
#[must_use]
pub fn transmissions(mult: u32, n: usize) -> u32 {
    // The logarithm of a whole number, rounded up: how many digits `n` has.
    mult * (n.max(1).ilog10() + 1)
}

/// A place in the order: how often told, the newest first of those.
type Place<K> = (u32, Reverse<u64>, K);

/// The queue.
#[derive(Clone, Debug)]
pub struct Broadcasts<K, T> {
    items: BTreeMap<K, Item<T>>,
    order: BTreeSet<Place<K>>,
    bytes: usize,
    next: u64,
    items_max: usize,
    bytes_max: usize,
}

#[derive(Clone, Debug)]
struct Item<T> {
    what: T,
    len: usize,
    told: u32,
    number: u64,
}

impl<K: Ord + Clone, T: Clone> Broadcasts<K, T> {
    /// An empty one, with its bounds.
    #[must_use]
    pub const fn new(items_max: usize, bytes_max: usize) -> Self {
        Self {
            items: BTreeMap::new(),
            order: BTreeSet::new(),
            bytes: 0,
            next: 0,
            items_max,
            bytes_max,
        }
    }

    /// Adds news of a subject, whose encoding has `len` bytes. Returns how many others were dropped for it.
    pub fn push(&mut self, key: K, what: T, len: usize) -> usize {
        self.remove(&key);
        self.next += 1;
        let item = Item { what, len, told: 0, number: self.next };
        self.order.insert((0, Reverse(item.number), key.clone()));
        self.items.insert(key, item);
        self.bytes += len;
        let mut dropped = 0;
        while self.items.len() > self.items_max || self.bytes > self.bytes_max {
            let Some((_, _, key)) = self.order.last().cloned() else { break };
            self.remove(&key);
            dropped += 1;
        }
        dropped
    }

    /// Forgets what there is of a subject.
    pub fn remove(&mut self, key: &K) -> bool {
        let Some(item) = self.items.remove(key) else { return false };
        self.order.remove(&(item.told, Reverse(item.number), key.clone()));
        self.bytes -= item.len;
        true
    }

    /// Tells as much as fits `budget` bytes: hands it to `tell`, and drops what has been told `limit` times with this. Returns how
    /// many bytes it took.
    pub fn fill(&mut self, budget: usize, limit: u32, mut tell: impl FnMut(&T)) -> usize {
        let mut left = budget;
        let mut told = Vec::new();
        for place in self.order.iter().take(LOOKED_AT_MAX) {
            let Some(item) = self.items.get(&place.2) else { continue };
            if item.len <= left {
                left -= item.len;
                tell(&item.what);
                told.push(place.clone());
            }
        }
        for place in told {
            self.on_told(place, limit);
        }
        budget - left
    }

    fn on_told(&mut self, place: Place<K>, limit: u32) {
        self.order.remove(&place);
        let (_, number, key) = place;
        let Some(item) = self.items.get_mut(&key) else { return };
        item.told += 1;
        if item.told >= limit {
            self.bytes -= item.len;
            self.items.remove(&key);
        } else {
            self.order.insert((item.told, number, key));
        }
    }

    /// Whether news of a subject is still being told.
    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        self.items.contains_key(key)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.items.clear();
        self.order.clear();
        self.bytes = 0;
    }

    /// Checks the bounds, and that what is kept twice agrees.
    ///
    /// # Panics
    /// When that isn't so.
    pub fn check(&self) {
        assert!(self.items.len() <= self.items_max && self.bytes <= self.bytes_max, "bounds");
        assert_eq!(self.order.len(), self.items.len(), "each has a place");
        assert_eq!(self.bytes, self.items.values().map(|item| item.len).sum::<usize>(), "bytes");
        for (told, Reverse(number), key) in &self.order {
            let item = self.items.get(key).expect("a place is an item's");
            assert_eq!((item.told, item.number), (*told, *number), "its place");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(queue: &mut Broadcasts<u8, u32>, budget: usize, limit: u32) -> Vec<u32> {
        let mut out = Vec::new();
        queue.fill(budget, limit, |what| out.push(*what));
        queue.check();
        out
    }

    #[test]
    fn the_bound_on_tellings_grows_by_one_mult_with_each_digit() {
        let by_hand = |n: usize| 4.0 * ((n + 1) as f64).log10().ceil();
        for n in [1, 2, 5, 8, 9, 10, 20, 98, 99, 100, 999, 1_000, 9_999, 10_000] {
            let difference = f64::from(transmissions(4, n)) - by_hand(n);
            assert!(difference.abs() < 0.5, "{n}");
        }
        assert_eq!(transmissions(4, 0), 4);
    }

    #[test]
    fn what_was_told_least_goes_first_and_of_that_the_newest() {
        let mut queue = Broadcasts::new(10, 1_000);
        queue.push(1, 100, 10);
        queue.push(2, 200, 10);
        assert_eq!(told(&mut queue, 10, 3), [200]);
        assert_eq!(told(&mut queue, 10, 3), [100]);
        queue.push(3, 300, 10);
        assert_eq!(told(&mut queue, 25, 3), [300, 200]);
        assert_eq!(told(&mut queue, 100, 3), [300, 100, 200]);
        assert!(!queue.contains(&2), "it was told three times");
    }

    #[test]
    fn newer_news_of_a_subject_takes_the_place_of_older_and_is_told_anew() {
        let mut queue = Broadcasts::new(10, 1_000);
        queue.push(1, 100, 10);
        told(&mut queue, 10, 2);
        queue.push(1, 101, 20);
        assert_eq!(queue.len(), 1);
        assert_eq!(told(&mut queue, 10, 2), [0; 0], "it doesn't fit");
        assert_eq!(told(&mut queue, 20, 2), [101]);
        assert_eq!(told(&mut queue, 20, 2), [101]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_full_queue_drops_what_was_told_most_often() {
        let mut queue = Broadcasts::new(2, 1_000);
        queue.push(1, 100, 10);
        told(&mut queue, 10, 9);
        queue.push(2, 200, 10);
        assert_eq!(queue.push(3, 300, 10), 1);
        assert!(!queue.contains(&1) && queue.contains(&2) && queue.contains(&3));
        let mut queue = Broadcasts::new(9, 25);
        queue.push(1, 100, 20);
        assert_eq!(queue.push(2, 200, 20), 1);
        queue.check();
        assert_eq!(told(&mut queue, 100, 9), [200]);
    }

    proptest! {
        /// Against a list that is sorted each time.
        #[test]
        fn it_tells_what_a_sorted_list_would(
            steps in prop::collection::vec((0_u8..12, 1_usize..40, 0_usize..100), 1..120),
        ) {
            let (limit, most) = (3, 6);
            let mut queue = Broadcasts::new(most, usize::MAX);
            let mut list: Vec<(u32, Reverse<u32>, u8, usize)> = Vec::new();
            for (number, (key, len, budget)) in (0_u32..).zip(steps) {
                if key < 8 {
                    queue.push(key, number, len);
                    list.retain(|item| item.2 != key);
                    list.push((0, Reverse(number), key, len));
                    list.sort_unstable();
                    list.truncate(most);
                } else {
                    let (mut left, mut expected) = (budget, Vec::new());
                    for item in &mut list {
                        if item.3 <= left {
                            left -= item.3;
                            item.0 += 1;
                            expected.push(item.1.0);
                        }
                    }
                    list.retain(|item| item.0 < limit);
                    list.sort_unstable();
                    prop_assert_eq!(told(&mut queue, budget, limit), expected);
                }
                queue.check();
                prop_assert_eq!(queue.len(), list.len());
            }
        }
    }
}
