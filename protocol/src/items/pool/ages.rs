//! Transactions in the order of their arrival, with the time when they expire.
//!
//! Those that left from the middle stay in the queue until they come to the front, or are as many as the
//! others; how many there are is counted, so that as long as there are none nothing is looked up.

use std::collections::VecDeque;

use super::EvictionKey;
use crate::ground::time::Time;

/// A queue of transactions; the front one is always there.
#[derive(Clone, Debug, Default)]
pub(super) struct Ages {
    queue: VecDeque<(Time, EvictionKey)>,
    gone: usize,
}

impl Ages {
    /// A transaction came.
    pub(super) fn push(&mut self, expires: Time, key: EvictionKey) {
        self.queue.push_back((expires, key));
    }

    /// A transaction left that is in the queue. `is_there` tells of the others whether they still are.
    pub(super) fn remove(&mut self, sequence: u64, is_there: impl Fn(&EvictionKey) -> bool) {
        match self.queue.front() {
            Some((_, front)) if front.sequence == sequence => {
                self.queue.pop_front();
            }
            _ => self.gone += 1,
        }
        while self.gone > 0
            && let Some((_, front)) = self.queue.front()
            && !is_there(front)
        {
            self.queue.pop_front();
            self.gone -= 1;
        }
        if self.gone > self.queue.len() / 2 + 8 {
            self.queue.retain(|(_, key)| is_there(key));
            self.gone = 0;
        }
    }

    /// The oldest, and when it expires.
    pub(super) fn front(&self) -> Option<(Time, EvictionKey)> {
        self.queue.front().copied()
    }

    /// How many there are, with some that have left.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// One by its place, perhaps one that has left.
    pub(super) fn get(&self, place: usize) -> Option<&EvictionKey> {
        self.queue.get(place).map(|(_, key)| key)
    }

    /// Those that came with a number or later, in the order of their arrival, and perhaps some that have left.
    pub(super) fn since(&self, sequence: u64) -> impl Iterator<Item = &(Time, EvictionKey)> {
        let first = self.queue.partition_point(|(_, key)| key.sequence < sequence);
        self.queue.range(first..)
    }

    /// All in the order of their arrival, and perhaps some that have left.
    pub(super) fn iter(&self) -> impl Iterator<Item = &EvictionKey> {
        self.queue.iter().map(|(_, key)| key)
    }
}
