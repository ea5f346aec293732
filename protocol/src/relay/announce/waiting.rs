//! What waits for one link: nothing or one item most of the time, and that lies in place.
//!
//! An item waits for most links of a node, and in a simulation for most links of a million nodes: memory
//! of its own for each of them would be taken and given back far apart, which costs more than all else.

use std::collections::VecDeque;

use super::Form;
use crate::ground::item::ItemId;

/// An item, and how it leaves.
type Entry = (ItemId, Form);

/// Room for so many entries is made when there are two: growing by steps from there costs more than all else
/// about them.
const MANY: usize = 8;

/// So many are put in order at once: half a millisecond's work. A guess.
pub(super) const SORTED_MAX: usize = 4_096;

/// First in, first out. Whoever adds to it sees to its bound.
#[derive(Clone, Debug)]
pub(super) enum Waiting {
    One(Option<Entry>),
    #[expect(clippy::box_collection, reason = "no larger than one entry")]
    Many(Box<VecDeque<Entry>>),
}

impl Default for Waiting {
    fn default() -> Self {
        Self::One(None)
    }
}

impl Waiting {
    /// How many items wait.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(entry) => usize::from(entry.is_some()),
            Self::Many(entries) => entries.len(),
        }
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item that waits, if it is alone.
    pub(super) fn only(&self) -> Option<&ItemId> {
        match self {
            Self::One(entry) => entry.as_ref().map(|(id, _)| id),
            Self::Many(_) => None,
        }
    }

    /// All items that wait.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        let (one, many) = match self {
            Self::One(entry) => (entry.as_ref(), None),
            Self::Many(entries) => (None, Some(entries.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// Adds an item behind all others.
    pub(super) fn push_back(&mut self, entry: Entry) {
        match self {
            Self::One(None) => *self = Self::One(Some(entry)),
            Self::One(Some(first)) => {
                let mut entries = VecDeque::with_capacity(MANY);
                entries.extend([*first, entry]);
                *self = Self::Many(Box::new(entries));
            }
            Self::Many(entries) => entries.push_back(entry),
        }
    }

    /// Takes the first item.
    pub(super) fn pop_front(&mut self) -> Option<Entry> {
        match self {
            Self::One(entry) => entry.take(),
            Self::Many(entries) => entries.pop_front(),
        }
    }

    /// Takes so many, the least ids first, and leaves sorted what is left of the first [`SORTED_MAX`]. A queue that begins
    /// sorted was left so, and isn't sorted again for what was added since: that waits for its turn.
    pub(super) fn take_least(&mut self, count: usize) -> Vec<Entry> {
        match self {
            Self::One(entry) => entry.take_if(|_| count > 0).into_iter().collect(),
            Self::Many(entries) => {
                let count = count.min(entries.len());
                if !entries.iter().take(count).is_sorted() {
                    let sorted = count.max(SORTED_MAX).min(entries.len());
                    entries.make_contiguous()[..sorted].sort_unstable();
                }
                entries.drain(..count).collect()
            }
        }
    }

    /// Whether the first so many are in order.
    pub(super) fn begins_sorted(&self, count: usize) -> bool {
        self.iter().take(count).is_sorted()
    }

    /// Takes everything, and leaves out what isn't `wanted`.
    pub(super) fn take(&mut self, wanted: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        match std::mem::take(self) {
            Self::One(Some(entry)) if wanted(&entry) => vec![entry],
            Self::One(_) => Vec::new(),
            Self::Many(entries) => {
                let mut entries: Vec<_> = (*entries).into();
                entries.retain(|entry| wanted(entry));
                entries
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::item::Hash256;
    use proptest::prelude::*;

    proptest! {
        /// Against a plain queue.
        #[test]
        fn it_is_a_queue(steps in prop::collection::vec((0_u8..8, 0_u8..4), 0..60)) {
            let (mut waiting, mut queue) = (Waiting::default(), VecDeque::new());
            for (step, n) in steps {
                let entry = (ItemId::tx(Hash256([n; 32])), Form::Id);
                match step {
                    0..4 => {
                        waiting.push_back(entry);
                        queue.push_back(entry);
                    }
                    4..6 => prop_assert_eq!(waiting.pop_front(), queue.pop_front()),
                    6 => {
                        let count = usize::from(n);
                        if !queue.iter().take(count).is_sorted() {
                            queue.make_contiguous().sort_unstable();
                        }
                        let least: Vec<_> = queue.drain(..count.min(queue.len())).collect();
                        prop_assert_eq!(waiting.take_least(count), least);
                    }
                    _ => {
                        let wanted = |(id, _): &Entry| *id != entry.0;
                        let left: Vec<_> = queue.drain(..).filter(|entry| wanted(entry)).collect();
                        prop_assert_eq!(waiting.take(wanted), left);
                    }
                }
                prop_assert_eq!(waiting.len(), queue.len());
                prop_assert!(waiting.iter().eq(queue.iter()));
                prop_assert_eq!(waiting.is_empty(), queue.is_empty());
                if let Some(only) = waiting.only() {
                    prop_assert_eq!((queue.len(), *only), (1, queue[0].0));
                }
            }
        }
    }
}
