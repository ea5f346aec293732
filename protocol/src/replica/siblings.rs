//! Siblings: a key with all values that nobody who knew them has overwritten.
//!
//! A write replaces what its writer's replica holds at that moment, and nothing else: what others wrote meanwhile stands
//! beside it until somebody who sees both writes again. So no update is lost, and whoever reads has to deal with several.
//! (Dynamo, `DeCandia` et al. 2007, §4.4; with dots instead of client ids, see `dots`.)

use bytes::Bytes;

use super::dots::Dots;
use super::register::VALUE_MAX;
use super::stamp::{Millis, ReplicaId};
use super::vector::VersionVector;
use crate::wire::bytes::{Encode, Malformed, Reader};

/// Most values of one key; over that, those with the lowest dots are removed, and counted. A guess: whoever lets eight of
/// them stand doesn't look.
pub const SIBLINGS_MAX: usize = 8;

/// The values of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Siblings(Dots<SIBLINGS_MAX, VALUE_MAX>);

impl Siblings {
    /// The values: one unless there were concurrent writes, none if all are deleted.
    pub fn values(&self) -> impl Iterator<Item = &Bytes> {
        self.0.values()
    }

    /// What the values come from, and what they replaced.
    #[must_use]
    pub const fn vector(&self) -> &VersionVector {
        self.0.vector()
    }

    /// Replaces all values that are here; `None` if there is no place for the writer, or the value is too long.
    pub(crate) fn put_value(&mut self, writer: ReplicaId, value: Bytes) -> Option<()> {
        self.0.add(writer, value, |_| true)
    }

    /// Removes all values that are here.
    pub(crate) fn delete(&mut self, at: Millis, limit: Millis) {
        self.0.remove(|_| true, at, limit);
    }

    /// Takes others in; returns how many values were too many.
    pub(crate) fn merge(&mut self, other: &Self, limit: Millis) -> usize {
        self.0.merge(&other.0, limit)
    }

    pub(crate) const fn dots(&self) -> &Dots<SIBLINGS_MAX, VALUE_MAX> {
        &self.0
    }
}

impl Encode for Siblings {
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
    fn concurrent_values_stand_side_by_side_until_somebody_who_sees_both_writes() {
        let (mut here, mut there) = (Siblings::default(), Siblings::default());
        here.put_value(ReplicaId(1), Bytes::from_static(b"a")).unwrap();
        there.put_value(ReplicaId(2), Bytes::from_static(b"b")).unwrap();
        here.merge(&there, Millis::MAX);
        assert_eq!(here.values().count(), 2);
        here.put_value(ReplicaId(1), Bytes::from_static(b"c")).unwrap();
        there.merge(&here, Millis::MAX);
        assert_eq!(there.values().collect::<Vec<_>>(), [&b"c"[..]]);
    }
}
