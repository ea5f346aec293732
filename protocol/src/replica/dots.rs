//! Values that somebody added, each under a dot, and the version vector that tells what was removed from what never came.
//!
//! What one replica holds and the other doesn't was removed there if the other's vector covers its dot, and is new to it
//! otherwise. So a value that is added while others remove what they saw stays ("add wins"), and removing leaves nothing but
//! the vector. This is the optimized observed-remove set of Bieniusa et al. 2012 (arXiv 1210.3368), and with one value that replaces all
//! others the dotted version vector set of Preguiça et al. 2012 (arXiv 1011.5808).
//!
//! A pair of a dot and a value is unknown, held or removed, and a merge takes the later of these for each pair. So the
//! merge is commutative, associative and idempotent, also where a liar gave one dot to two values.
//!
//! # Bound
//! At most `ENTRIES` values of `LEN` bytes. Whoever merges more removes those with the lowest dots, as a client might: so that
//! it spreads as a removal does, and all end with the same. What is removed so is counted.

use bytes::Bytes;

use super::stamp::{Millis, ReplicaId};
use super::vector::{Dot, VersionVector};
use crate::wire::bytes::{Encode, Malformed, Reader, put_count, put_string};

/// Values under dots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dots<const ENTRIES: usize, const LEN: usize> {
    vector: VersionVector,
    /// By ascending dot and value.
    held: Vec<(Dot, Bytes)>,
    /// When something was removed last, by the clock of whoever did.
    removed_at: Millis,
}

impl<const ENTRIES: usize, const LEN: usize> Dots<ENTRIES, LEN> {
    /// The values, by ascending dot.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Bytes> {
        self.held.iter().map(|(_, value)| value)
    }

    /// What is known.
    pub(crate) const fn vector(&self) -> &VersionVector {
        &self.vector
    }

    /// Whether nothing is held: all that there was is removed.
    pub(crate) const fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// When something was removed last.
    pub(crate) const fn removed_at(&self) -> Millis {
        self.removed_at
    }

    /// Adds a value, in place of those that it replaces; `None` if there is no place for the writer or the value.
    pub(crate) fn add(
        &mut self,
        writer: ReplicaId,
        value: Bytes,
        replaces: impl Fn(&Bytes) -> bool,
    ) -> Option<()> {
        let dot = self.vector.next(writer)?;
        let stay = self.values().filter(|value| !replaces(value)).count();
        if stay >= ENTRIES || value.len() > LEN {
            return None;
        }
        self.held.retain(|(_, value)| !replaces(value));
        self.vector.note(dot);
        self.held.push((dot, value));
        self.settle();
        Some(())
    }

    /// Removes values, at a time by our clock, which tells nothing later than `limit`.
    pub(crate) fn remove(&mut self, is: impl Fn(&Bytes) -> bool, at: Millis, limit: Millis) {
        let before = self.held.len();
        self.held.retain(|(_, value)| !is(value));
        if self.held.len() < before {
            let earlier = if self.removed_at > limit { 0 } else { self.removed_at };
            self.removed_at = earlier.max(at);
        }
    }

    /// Takes another in, and returns how many values there were too many. A time of ours that is later than `limit` counts
    /// for nothing: our clock was set back since.
    pub(crate) fn merge(&mut self, other: &Self, limit: Millis) -> usize {
        let stays = |pair: &(Dot, Bytes), there: &Self| {
            !there.vector.covers(pair.0) || there.held.binary_search(pair).is_ok()
        };
        let new = other.held.iter().filter(|pair| !self.vector.covers(pair.0));
        let new: Vec<_> = new.cloned().collect();
        self.held.retain(|pair| stays(pair, other));
        self.held.extend(new);
        self.vector.join(&other.vector);
        let earlier = if self.removed_at > limit { 0 } else { self.removed_at };
        self.removed_at = earlier.max(other.removed_at);
        self.settle()
    }

    /// Puts all in order and within its bounds; returns how many values were too many.
    fn settle(&mut self) -> usize {
        // A writer without a place takes its values along.
        let vector = &self.vector;
        self.held.retain(|(dot, _)| vector.covers(*dot));
        self.held.sort_unstable();
        let over = self.held.len().saturating_sub(ENTRIES);
        self.held.drain(..over);
        over
    }
}

impl<const ENTRIES: usize, const LEN: usize> Encode for Dots<ENTRIES, LEN> {
    /// When something was removed last; the vector; how many values, and each with its dot, by ascending dot (by its count first) and value.
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.removed_at.to_le_bytes());
        self.vector.put(out);
        put_count(self.held.len(), out);
        for (dot, value) in &self.held {
            dot.put(out);
            put_string(value, out);
        }
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (removed_at, vector) = (input.u64()?, VersionVector::take(input)?);
        let pair = |input: &mut Reader<'_>| {
            let (dot, value) = (Dot::take(input)?, input.string("value", LEN)?);
            if vector.covers(dot) {
                Ok((dot, value))
            } else {
                Err(Malformed::Meaningless("dot beyond the vector"))
            }
        };
        let held = input.list("values", ENTRIES, pair, Clone::clone)?;
        Ok(Self { vector, held, removed_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Few = Dots<4, 8>;

    fn add(dots: &mut Few, writer: u64, value: &'static [u8]) {
        let value = Bytes::from_static(value);
        dots.add(ReplicaId(writer), value.clone(), |old| *old == value).unwrap();
    }

    #[test]
    fn a_value_that_is_added_while_others_remove_it_stays() {
        let mut here = Few::default();
        add(&mut here, 1, b"x");
        let mut there = here.clone();
        there.remove(|_| true, 5, Millis::MAX);
        add(&mut here, 1, b"x");
        here.merge(&there, Millis::MAX);
        there.merge(&here, Millis::MAX);
        assert_eq!(here, there);
        assert_eq!(here.values().collect::<Vec<_>>(), [&b"x"[..]]);
    }

    #[test]
    fn what_was_removed_does_not_come_back() {
        let mut here = Few::default();
        add(&mut here, 1, b"x");
        let old = here.clone();
        here.remove(|_| true, 5, Millis::MAX);
        here.merge(&old, Millis::MAX);
        assert!(here.is_empty());
        assert_eq!(here.removed_at(), 5);
    }

    #[test]
    fn too_many_values_lose_the_same_ones_everywhere() {
        let (mut one, mut other) = (Few::default(), Few::default());
        for value in [b"a", b"b", b"c"] {
            add(&mut one, 1, value);
            add(&mut other, 2, value);
        }
        let before = one.clone();
        assert_eq!(one.merge(&other, Millis::MAX), 2);
        assert_eq!(other.merge(&before, Millis::MAX), 2);
        assert_eq!(one, other);
        assert_eq!(one.add(ReplicaId(1), Bytes::from_static(b"new"), |_| false), None);
    }

    #[test]
    fn one_dot_for_two_values_is_a_lie_that_divides_nobody() {
        let (mut one, mut other) = (Few::default(), Few::default());
        add(&mut one, 1, b"a");
        add(&mut other, 1, b"b");
        let before = one.clone();
        one.merge(&other, Millis::MAX);
        other.merge(&before, Millis::MAX);
        assert_eq!(one, other);
    }
}
