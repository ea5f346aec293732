//! A number that anybody adds to and takes from: the PN-counter (Shapiro et al. 2011, INRIA RR-7506, §3.1.3).
//!
//! Each writer has two sums that only grow, what it added and what it took away, and a merge takes the greater of each.
//! So nothing is lost or counted twice, whoever adds at the same time. A counter can't be deleted: what somebody adds
//! meanwhile would be lost.
//!
//! # Bound
//! [`WRITERS_MAX`] writers, those with the smallest ids, as in a [version vector](super::vector). *Attack*: a liar can say
//! anything of anybody's sums, and whoever finds its own at the end can't add any more.

use super::stamp::ReplicaId;
use super::vector::WRITERS_MAX;
use crate::wire::bytes::{Encode, Malformed, Reader, put_count};

/// What one writer added and took away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    writer: ReplicaId,
    added: u64,
    taken: u64,
}

/// A number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counter(Vec<Share>);

impl Counter {
    /// The number.
    #[must_use]
    pub fn value(&self) -> i128 {
        self.0.iter().map(|share| i128::from(share.added) - i128::from(share.taken)).sum()
    }

    /// Adds to it; `None` if there is no place for the writer, or its sum would be too large.
    pub(crate) fn add(&mut self, writer: ReplicaId, delta: i64) -> Option<()> {
        let place = self.0.binary_search_by_key(&writer, |share| share.writer);
        let zero = Share { writer, added: 0, taken: 0 };
        let share = match place {
            Ok(place) => &mut self.0[place],
            Err(WRITERS_MAX) => return None,
            Err(place) => {
                self.0.insert(place, zero);
                self.0.truncate(WRITERS_MAX);
                &mut self.0[place]
            }
        };
        let sum = if delta < 0 { &mut share.taken } else { &mut share.added };
        *sum = sum.checked_add(delta.unsigned_abs())?;
        Some(())
    }

    /// Takes another in.
    pub(crate) fn merge(&mut self, other: &Self) {
        for share in &other.0 {
            match self.0.binary_search_by_key(&share.writer, |share| share.writer) {
                Ok(place) => {
                    let own = &mut self.0[place];
                    own.added = own.added.max(share.added);
                    own.taken = own.taken.max(share.taken);
                }
                Err(place) => self.0.insert(place, *share),
            }
        }
        self.0.truncate(WRITERS_MAX);
    }
}

impl Encode for Counter {
    /// How many writers, and what each added and took away, by ascending writer.
    fn put(&self, out: &mut Vec<u8>) {
        put_count(self.0.len(), out);
        for Share { writer, added, taken } in &self.0 {
            [writer.0, *added, *taken].iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
        }
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let share = |input: &mut Reader<'_>| {
            let writer = ReplicaId(input.u64()?);
            Ok(Share { writer, added: input.u64()?, taken: input.u64()? })
        };
        input.list("writers", WRITERS_MAX, share, |share| share.writer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_add_at_once_is_counted_once_each() {
        let (mut here, mut there) = (Counter::default(), Counter::default());
        here.add(ReplicaId(1), 5).unwrap();
        there.add(ReplicaId(2), -7).unwrap();
        for _ in 0..2 {
            here.merge(&there);
            there.merge(&here);
        }
        assert_eq!((here.value(), there.value()), (-2, -2));
    }

    #[test]
    fn a_sum_that_is_full_and_a_writer_without_a_place_are_refused() {
        let mut counter = Counter::default();
        assert_eq!(counter.add(ReplicaId(1), i64::MIN), Some(()));
        assert_eq!(counter.add(ReplicaId(1), i64::MIN), None);
        (0..WRITERS_MAX as u64).for_each(|writer| counter.add(ReplicaId(writer), 1).unwrap());
        assert_eq!(counter.add(ReplicaId(99), 1), None);
        assert_eq!(Counter::take(&mut Reader::new(&counter.encoded())).as_ref(), Ok(&counter));
    }
}
