//! A map of registers: fields of one entry that are written apart, each by its last writer.
//!
//! # Bound
//! [`FIELDS_MAX`] fields, those with the smallest names: the smallest of a union are the same in whatever order it is formed, so
//! all replicas keep the same ones. A field without a place is refused where it is written.

use bytes::Bytes;

use super::register::{LostWrite, Register};
use super::stamp::{Millis, Stamp};
use crate::wire::bytes::{Encode, Malformed, Reader, put_count, put_string};

/// Most fields of one entry, deleted ones included until their grace is over. A guess, as the whole encoding must fit a message.
pub const FIELDS_MAX: usize = 64;

/// Longest name of a field, bytes. A guess.
pub const FIELD_NAME_MAX: usize = 64;

/// Longest value of a field, bytes. A guess.
pub const FIELD_VALUE_MAX: usize = 512;

/// A map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(Bytes, Register)>);

impl Fields {
    /// The fields that have a value, by ascending name.
    pub fn values(&self) -> impl Iterator<Item = (&Bytes, &Bytes)> {
        self.0.iter().filter_map(|(name, register)| Some((name, register.value()?)))
    }

    /// A field's value.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Bytes> {
        self.place(name).ok().and_then(|place| self.0[place].1.value())
    }

    /// When a field was written or deleted, and by whom.
    #[must_use]
    pub fn stamp(&self, name: &[u8]) -> Option<Stamp> {
        self.place(name).ok().map(|place| self.0[place].1.stamp())
    }

    /// Whether all fields are deleted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values().next().is_none()
    }

    /// Writes a field, or deletes it. Says which write is lost by it, if any; `None` if there is no place for it, or
    /// something is too long.
    pub(crate) fn write(
        &mut self,
        name: Bytes,
        value: Option<Bytes>,
        stamp: Stamp,
        limit: Millis,
    ) -> Option<Option<LostWrite>> {
        let fits = |len: usize, max| (0..=max).contains(&len);
        if !fits(name.len(), FIELD_NAME_MAX)
            || !fits(value.as_ref().map_or(0, Bytes::len), FIELD_VALUE_MAX)
        {
            return None;
        }
        match self.place(&name) {
            Ok(place) => {
                let register = &mut self.0[place].1;
                let next = register.overwrite(stamp, value);
                Some(register.merge(&next, limit))
            }
            Err(FIELDS_MAX) => None,
            Err(place) => {
                self.0.insert(place, (name, Register::new(stamp, value)));
                self.0.truncate(FIELDS_MAX);
                Some(None)
            }
        }
    }

    /// Deletes all fields that have a value.
    pub(crate) fn clear(&mut self, stamp: Stamp, limit: Millis) -> Vec<LostWrite> {
        let held = self.0.iter_mut().map(|(_, register)| register);
        let held = held.filter(|register| register.value().is_some());
        held.filter_map(|register| register.merge(&register.overwrite(stamp, None), limit))
            .collect()
    }

    /// Takes another in, and says which writes are lost by it.
    pub(crate) fn merge(&mut self, other: &Self, limit: Millis) -> Vec<LostWrite> {
        let mut lost = Vec::new();
        for (name, theirs) in &other.0 {
            match self.place(name) {
                Ok(place) => lost.extend(self.0[place].1.merge(theirs, limit)),
                Err(place) => self.0.insert(place, (name.clone(), theirs.clone())),
            }
        }
        self.0.truncate(FIELDS_MAX);
        lost
    }

    /// Leaves out fields.
    pub(crate) fn retain(&mut self, stays: impl Fn(&Register) -> bool) {
        self.0.retain(|(_, register)| stays(register));
    }

    /// All fields' registers, deleted ones too.
    pub(crate) fn registers(&self) -> impl Iterator<Item = &Register> {
        self.0.iter().map(|(_, register)| register)
    }

    fn place(&self, name: &[u8]) -> Result<usize, usize> {
        self.0.binary_search_by(|(each, _)| each[..].cmp(name))
    }
}

impl Encode for Fields {
    /// How many, and each name with its register, by ascending name.
    fn put(&self, out: &mut Vec<u8>) {
        put_count(self.0.len(), out);
        for (name, register) in &self.0 {
            put_string(name, out);
            register.put(out);
        }
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let field = |input: &mut Reader<'_>| {
            let field = (input.string("name of a field", FIELD_NAME_MAX)?, Register::take(input)?);
            if field.1.value().is_some_and(|value| value.len() > FIELD_VALUE_MAX) {
                return Err(Malformed::Length("value"));
            }
            Ok(field)
        };
        input.list("fields", FIELDS_MAX, field, |field| field.0.clone()).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::stamp::{ReplicaId, Tick};

    const fn stamp(millis: Millis, writer: u64) -> Stamp {
        Stamp { tick: Tick { millis, count: 0 }, writer: ReplicaId(writer) }
    }

    #[test]
    fn fields_that_are_written_apart_do_not_meet() {
        let (mut here, mut there) = (Fields::default(), Fields::default());
        let [a, b] = [Bytes::from_static(b"a"), Bytes::from_static(b"b")];
        here.write(a.clone(), Some(a.clone()), stamp(1, 1), Millis::MAX).unwrap();
        there.write(b.clone(), Some(b.clone()), stamp(2, 2), Millis::MAX).unwrap();
        assert_eq!(here.merge(&there, Millis::MAX), []);
        assert_eq!(here.values().collect::<Vec<_>>(), [(&a, &a), (&b, &b)]);
        here.write(a, None, stamp(3, 1), Millis::MAX).unwrap();
        assert_eq!((here.get(b"a"), here.get(b"b")), (None, Some(&b)));
    }

    #[test]
    fn one_field_too_many_is_refused_and_of_a_union_the_smallest_stay() {
        let name = |n: u8| Bytes::copy_from_slice(&[n]);
        let (mut low, mut high) = (Fields::default(), Fields::default());
        for n in 0..64 {
            low.write(name(n), None, stamp(1, 1), Millis::MAX).unwrap();
            high.write(name(n + 100), None, stamp(1, 1), Millis::MAX).unwrap();
        }
        assert_eq!(low.write(name(200), None, stamp(1, 1), Millis::MAX), None);
        high.merge(&low, Millis::MAX);
        assert_eq!(high, low);
    }
}
