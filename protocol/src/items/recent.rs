//! The items accepted of late, as those keep them that tell peers again and again what is new.

use std::collections::VecDeque;

use crate::ground::backlog::make_room_for_one;
use crate::ground::item::ItemId;
use crate::ground::time::Time;
use crate::params::RelayParams;

/// The items accepted lately, in that order. At most `recent_max`; over it the oldest are forgotten.
/// Empty, it holds no memory.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    items: VecDeque<(Time, ItemId)>,
}

impl Recent {
    /// Adds an item that was just accepted.
    pub fn push(&mut self, id: ItemId, now: Time, params: &RelayParams) {
        if self.items.len() >= params.recent_max {
            self.items.pop_front();
        }
        make_room_for_one(&mut self.items);
        self.items.push_back((now, id));
    }

    /// Forgets the oldest items, for as long as `done` says so.
    pub fn forget_while(&mut self, mut done: impl FnMut(Time, &ItemId) -> bool) {
        while self.items.front().is_some_and(|(at, id)| done(*at, id)) {
            self.items.pop_front();
        }
        if self.items.is_empty() {
            self.items = VecDeque::new();
        }
    }

    /// The items and when each was accepted, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &(Time, ItemId)> {
        self.items.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// For how many there is room.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.items.capacity()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}
