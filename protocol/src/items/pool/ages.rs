//! Transactions in the order of their ages, which is that of their arrival but for those of an earlier run, with the time
//! when they expire.
//!
//! Those that left from the middle stay in the queue until they come to the front, or are as many as the
//! others; how many there are is counted, so that as long as there are none nothing is looked up.

use std::collections::VecDeque;
use std::time::Duration;

use super::EvictionKey;
use crate::ground::backlog::make_room_for_one;
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
        make_room_for_one(&mut self.queue);
        self.queue.push_back((expires, key));
    }

    /// One that came last, or nearly, is so much older, and goes to its place among the others.
    pub(super) fn backdate(&mut self, sequence: u64, age: Duration) {
        let at = self.queue.iter().rposition(|(_, key)| key.sequence == sequence);
        let Some((expires, key)) = at.and_then(|at| self.queue.remove(at)) else { return };
        let expires = Time::ZERO + expires.since(Time::ZERO + age);
        let place = self.queue.partition_point(|(other, _)| *other <= expires);
        self.queue.insert(place, (expires, key));
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

    /// Those that came with a number or later, in the order of their arrival, and perhaps some that have left. What came
    /// back with an age lies before them, and is none of them.
    pub(super) fn since(&self, sequence: u64) -> impl Iterator<Item = &(Time, EvictionKey)> {
        let mut next = u64::MAX;
        let came_later = |(_, key): &&(Time, EvictionKey)| {
            let is_in_order = (sequence..next).contains(&key.sequence);
            next = key.sequence;
            is_in_order
        };
        let count = self.queue.iter().rev().take_while(came_later).count();
        self.queue.range(self.queue.len() - count..)
    }

    /// Those after a place in the order of age, which is when they expire and their number; and perhaps some that have left.
    pub(super) fn after(
        &self,
        place: Option<(Time, u64)>,
    ) -> impl Iterator<Item = &(Time, EvictionKey)> {
        let is_before =
            |(expires, key): &(Time, EvictionKey)| Some((*expires, key.sequence)) <= place;
        self.queue.range(self.queue.partition_point(is_before)..)
    }

    /// All in the order of their ages, with the time when each expires, and perhaps some that have left.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(Time, EvictionKey)> {
        self.queue.iter()
    }
}
