//! A set whose elements are added and removed anywhere: what is added while others remove it stays.
//!
//! The observed-remove set (Shapiro et al. 2011, INRIA RR-7506, §3.3.5), without tombstones: see `dots`.
//! A set travels as a whole, so a large one is better divided among keys, for instance by a hash of the element.

use bytes::Bytes;

use super::dots::Dots;
use super::stamp::{Millis, ReplicaId};
use super::vector::VersionVector;
use crate::wire::bytes::{Encode, Malformed, Reader};

/// Most elements of one set; over that, those with the lowest dots are removed, and counted. A guess, as its whole encoding
/// must fit a message.
pub const ELEMENTS_MAX: usize = 256;

/// Longest element, bytes. A guess: two names of hosts.
pub const ELEMENT_MAX: usize = 128;

/// A set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set(Dots<ELEMENTS_MAX, ELEMENT_MAX>);

impl Set {
    /// The elements, in their order.
    #[must_use]
    pub fn elements(&self) -> Vec<&Bytes> {
        let mut elements: Vec<_> = self.0.values().collect();
        elements.sort_unstable();
        // Who adds what another adds at the same time gives it a second dot.
        elements.dedup();
        elements
    }

    /// Whether an element is there.
    #[must_use]
    pub fn contains(&self, element: &[u8]) -> bool {
        self.0.values().any(|each| each == element)
    }

    /// What the elements come from, those that were removed too.
    #[must_use]
    pub const fn vector(&self) -> &VersionVector {
        self.0.vector()
    }

    /// Adds an element; `None` if there is no place for it or for the writer, or it is too long.
    pub(crate) fn insert(&mut self, writer: ReplicaId, element: Bytes) -> Option<()> {
        self.0.add(writer, element.clone(), |old| *old == element)
    }

    /// Removes an element, as far as it was seen.
    pub(crate) fn remove(&mut self, element: &[u8], at: Millis, limit: Millis) {
        self.0.remove(|each| each == element, at, limit);
    }

    /// Removes all elements that are here.
    pub(crate) fn clear(&mut self, at: Millis, limit: Millis) {
        self.0.remove(|_| true, at, limit);
    }

    /// Takes another in; returns how many elements were too many.
    pub(crate) fn merge(&mut self, other: &Self, limit: Millis) -> usize {
        self.0.merge(&other.0, limit)
    }

    pub(crate) const fn dots(&self) -> &Dots<ELEMENTS_MAX, ELEMENT_MAX> {
        &self.0
    }
}

impl Encode for Set {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Dots::take(input).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_that_two_added_is_one_and_is_removed_at_once() {
        let (mut here, mut there) = (Set::default(), Set::default());
        for (set, writer) in [(&mut here, 1), (&mut there, 2)] {
            set.insert(ReplicaId(writer), Bytes::from_static(b"x")).unwrap();
        }
        here.merge(&there, Millis::MAX);
        assert_eq!(here.elements(), [&b"x"[..]]);
        here.remove(b"x", 1, Millis::MAX);
        there.merge(&here, Millis::MAX);
        assert!(!there.contains(b"x"));
    }
}
