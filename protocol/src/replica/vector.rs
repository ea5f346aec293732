//! Version vectors: how many writes of each writer are known. With them it can be told what overwrites what, whatever
//! the clocks say.
//!
//! # Bound
//! [`WRITERS_MAX`] writers. Of more, those with the smallest ids stay, with all that the entry has of them: the smallest of
//! a union are the same in whatever order it is formed, so that all replicas keep the same ones. A writer without a
//! place is told so when it writes. *Attack*: whoever may write at all can write under many small ids, and takes the
//! places of others in this entry; it could overwrite the entry just as well.

use super::stamp::ReplicaId;
use crate::wire::bytes::{Encode, Malformed, Reader, put_count};

/// Most writers of one entry. A guess: a fleet's operators are few.
pub const WRITERS_MAX: usize = 64;

/// One write: the `count`-th of its writer in an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot {
    /// Which of the writer's writes: 1 is the first.
    pub count: u64,
    /// Who wrote.
    pub writer: ReplicaId,
}

impl Encode for Dot {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.writer.0.to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (writer, count) = (ReplicaId(input.u64()?), input.u64()?);
        if count == 0 { Err(Malformed::Meaningless("count")) } else { Ok(Self { count, writer }) }
    }
}

/// How many writes of each writer are known, by ascending writer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionVector(Vec<Dot>);

impl VersionVector {
    /// How many writes of a writer are known.
    #[must_use]
    pub fn of(&self, writer: ReplicaId) -> u64 {
        self.place(writer).map_or(0, |place| self.0[place].count)
    }

    /// Whether a write is known.
    #[must_use]
    pub fn covers(&self, dot: Dot) -> bool {
        self.of(dot.writer) >= dot.count
    }

    /// Whether all is known that another knows.
    #[must_use]
    pub fn covers_all(&self, other: &Self) -> bool {
        other.0.iter().all(|dot| self.covers(*dot))
    }

    /// The next write of a writer; `None` if there is no place for the writer, or no number left.
    #[must_use]
    pub fn next(&self, writer: ReplicaId) -> Option<Dot> {
        let is_full = self.0.len() == WRITERS_MAX;
        if self.place(writer).is_err_and(|place| is_full && place == WRITERS_MAX) {
            return None;
        }
        self.of(writer).checked_add(1).map(|count| Dot { count, writer })
    }

    /// Notes a write, and all before it of that writer.
    pub fn note(&mut self, dot: Dot) {
        match self.place(dot.writer) {
            Ok(place) => self.0[place] = self.0[place].max(dot),
            Err(place) => self.0.insert(place, dot),
        }
        self.0.truncate(WRITERS_MAX);
    }

    /// Notes all that another knows.
    pub fn join(&mut self, other: &Self) {
        other.0.iter().for_each(|dot| self.note(*dot));
    }

    /// How many writers there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is known.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn place(&self, writer: ReplicaId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&writer, |dot| dot.writer)
    }
}

impl Encode for VersionVector {
    /// How many writers, and the latest dot of each by ascending writer.
    fn put(&self, out: &mut Vec<u8>) {
        put_count(self.0.len(), out);
        self.0.iter().for_each(|dot| dot.put(out));
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        input.list("writers", WRITERS_MAX, Dot::take, |dot| dot.writer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn dot(writer: u64, count: u64) -> Dot {
        Dot { count, writer: ReplicaId(writer) }
    }

    #[test]
    fn the_writers_that_stay_are_the_same_in_any_order() {
        let dots: Vec<_> = (0..200_u64).map(|n| dot(n * 37 % 200, 1 + n)).collect();
        let (mut forward, mut backward) = (VersionVector::default(), VersionVector::default());
        dots.iter().for_each(|dot| forward.note(*dot));
        dots.iter().rev().for_each(|dot| backward.note(*dot));
        assert_eq!(forward, backward);
        assert_eq!(forward.len(), WRITERS_MAX);
        assert_eq!(forward.next(ReplicaId(199)), None);
        assert!(forward.next(ReplicaId(3)).is_some());
    }

    #[test]
    fn a_writer_without_a_number_left_cannot_write() {
        let mut vector = VersionVector::default();
        vector.note(dot(1, u64::MAX));
        assert_eq!(vector.next(ReplicaId(1)), None);
        assert_eq!(vector.next(ReplicaId(2)), Some(dot(2, 1)));
    }
}
