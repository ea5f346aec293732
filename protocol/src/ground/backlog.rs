//! A queue that is empty almost always, and is then no more than a null pointer.
//!
//! A node has several for each link, and a simulator a million nodes: 32 bytes for each `VecDeque` that
//! nobody uses would add up to gigabytes.

use std::collections::VecDeque;

/// First in, first out. Whoever adds to it sees to its bound.
#[derive(Clone, Debug)]
pub(crate) struct Backlog<T>(
    #[expect(clippy::box_collection, reason = "small when empty")] Option<Box<VecDeque<T>>>,
);

impl<T> Default for Backlog<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> From<VecDeque<T>> for Backlog<T> {
    fn from(queue: VecDeque<T>) -> Self {
        Self((!queue.is_empty()).then(|| Box::new(queue)))
    }
}

impl<T> Backlog<T> {
    /// Nothing.
    pub(crate) const EMPTY: Self = Self(None);

    /// How much waits.
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.len())
    }

    /// Adds something behind all else.
    pub(crate) fn push_back(&mut self, value: T) {
        self.0.get_or_insert_default().push_back(value);
    }

    /// Takes the first.
    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let queue = self.0.as_mut()?;
        let first = queue.pop_front();
        self.tidy();
        first
    }

    /// Takes everything.
    pub(crate) fn take(&mut self) -> VecDeque<T> {
        self.0.take().map(|queue| *queue).unwrap_or_default()
    }

    /// Keeps what `is_wanted` says.
    pub(crate) fn retain(&mut self, is_wanted: impl FnMut(&T) -> bool) {
        if let Some(queue) = &mut self.0 {
            queue.retain(is_wanted);
            self.tidy();
        }
    }

    /// Whether it holds something.
    pub(crate) fn contains(&self, value: &T) -> bool
    where
        T: PartialEq,
    {
        self.0.as_ref().is_some_and(|queue| queue.contains(value))
    }

    fn tidy(&mut self) {
        if self.0.as_ref().is_some_and(|queue| queue.is_empty()) {
            self.0 = None;
        }
    }
}

/// Makes room for one more in a queue that mostly holds one thing or two: the library would make room for four, of
/// which three stay empty in most of a million simulated nodes.
pub(crate) fn make_room_for_one<T>(queue: &mut VecDeque<T>) {
    if queue.len() == queue.capacity() && queue.len() < 4 {
        queue.reserve_exact(queue.len().max(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against the queue inside it.
        #[test]
        fn it_is_a_queue(steps in prop::collection::vec((0_u8..5, 0_u8..8), 0..60)) {
            let (mut backlog, mut queue) = (Backlog::default(), VecDeque::new());
            for (step, value) in steps {
                match step {
                    0 | 1 => {
                        backlog.push_back(value);
                        queue.push_back(value);
                    }
                    2 => prop_assert_eq!(backlog.pop_front(), queue.pop_front()),
                    3 => {
                        backlog.retain(|held| *held != value);
                        queue.retain(|held| *held != value);
                    }
                    _ => {
                        let taken = backlog.take();
                        prop_assert_eq!(&taken, &queue);
                        backlog = taken.into();
                    }
                }
                prop_assert_eq!(backlog.len(), queue.len());
                prop_assert_eq!(backlog.contains(&value), queue.contains(&value));
            }
        }
    }

    #[test]
    fn it_is_a_pointer() {
        assert_eq!(size_of::<Backlog<[u8; 100]>>(), size_of::<usize>());
    }

    #[test]
    fn a_queue_that_holds_little_has_room_for_little() {
        let mut queue = VecDeque::new();
        let room = (0..6).map(|number| {
            make_room_for_one(&mut queue);
            queue.push_back(number);
            queue.capacity()
        });
        assert_eq!(room.collect::<Vec<_>>(), [1, 2, 4, 4, 8, 8]);
    }
}
