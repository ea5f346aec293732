//! What an entry holds: one of five kinds of data that converge, and all that is done with any of them.
//!
//! *Merging* two states is commutative, associative and idempotent, so that replicas which have seen the same writes hold the same, whatever
//! the order and however often (a join semilattice; Shapiro et al. 2011, "Conflict-free Replicated Data Types"). Where a bound is
//! reached, see `dots` and [`super::vector`]: everybody drops the same.

use bytes::Bytes;

use super::counter::Counter;
use super::fields::{FIELD_NAME_MAX, FIELD_VALUE_MAX, FIELDS_MAX, Fields};
use super::key::{Key, Kind, NAME_MAX};
use super::register::{LostWrite, Register, VALUE_MAX};
use super::set::{ELEMENT_MAX, ELEMENTS_MAX, Set};
use super::siblings::{SIBLINGS_MAX, Siblings};
use super::stamp::{Millis, ReplicaId, SEEN_MAX, Stamp, Tick};
use super::vector::WRITERS_MAX;
use crate::wire::bytes::{Encode, Malformed, Reader};

/// Most bytes of an entry, key and state: that follows from the bounds of each kind.
pub const ENTRY_MAX: usize = 64 * 1024;

const _: () = {
    let stamp = 12 + 8;
    let register = 1 + 2 + stamp + 1 + SEEN_MAX * stamp;
    let vector = 2 + WRITERS_MAX * 16;
    let dots = 8 + vector + 2;
    let key = 2 + 1 + NAME_MAX;
    assert!(key + register + VALUE_MAX <= ENTRY_MAX);
    assert!(key + dots + SIBLINGS_MAX * (16 + 2 + VALUE_MAX) <= ENTRY_MAX);
    assert!(key + dots + ELEMENTS_MAX * (16 + 2 + ELEMENT_MAX) <= ENTRY_MAX);
    assert!(key + 2 + WRITERS_MAX * 24 <= ENTRY_MAX);
    assert!(key + 2 + FIELDS_MAX * (2 + FIELD_NAME_MAX + register + FIELD_VALUE_MAX) <= ENTRY_MAX);
};

/// The data of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// One value.
    Register(Register),
    /// Values side by side.
    Siblings(Siblings),
    /// A number.
    Counter(Counter),
    /// Elements.
    Set(Set),
    /// Fields.
    Map(Fields),
}

/// What somebody here does to an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Sets the value of a register, or replaces all siblings.
    Put(Bytes),
    /// Deletes the value, the siblings, all elements or all fields; not a counter.
    Delete,
    /// Adds to a counter.
    Add(i64),
    /// Adds an element to a set.
    Insert(Bytes),
    /// Removes an element of a set.
    Remove(Bytes),
    /// Sets a field.
    PutField(Bytes, Bytes),
    /// Deletes a field.
    DeleteField(Bytes),
}

/// Why something isn't written. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// This network keeps no such data, or the data can't be written so.
    #[error("this kind of data can't be written so here")]
    Kind,
    /// Something is too long, there are as many elements, fields or writers as may be, or a sum is full.
    #[error("it exceeds a bound of the entry")]
    Bound,
    /// There is no place for another key, or for so many bytes.
    #[error("the map is full")]
    Full,
    /// There is nothing to delete or remove.
    #[error("there is nothing to delete")]
    Absent,
}

/// Who writes, and when.
#[derive(Clone, Copy, Debug)]
pub struct Pen {
    /// Who.
    pub writer: ReplicaId,
    /// When.
    pub tick: Tick,
    /// Stamps beyond this were made by a wrong clock (see [`super::clock`]).
    pub limit: Millis,
}

/// What merging came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Writes that are lost by it.
    pub lost: Vec<LostWrite>,
    /// Values that were too many.
    pub trimmed: usize,
}

impl State {
    /// The kind of data.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Register(_) => Kind::Register,
            Self::Siblings(_) => Kind::Siblings,
            Self::Counter(_) => Kind::Counter,
            Self::Set(_) => Kind::Set,
            Self::Map(_) => Kind::Map,
        }
    }

    /// What a key holds that nobody has written to.
    fn empty(kind: Kind) -> Option<Self> {
        match kind {
            // A register begins with its first stamp.
            Kind::Register => None,
            Kind::Siblings => Some(Self::Siblings(Siblings::default())),
            Kind::Counter => Some(Self::Counter(Counter::default())),
            Kind::Set => Some(Self::Set(Set::default())),
            Kind::Map => Some(Self::Map(Fields::default())),
        }
    }

    /// What an entry holds after a write, and which writes are lost by it (by a wrong clock alone).
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn written(
        before: Option<&Self>,
        key: &Key,
        write: Write,
        pen: Pen,
    ) -> Result<(Self, Merged), Refused> {
        let Pen { writer, tick, limit } = pen;
        let stamp = Stamp { tick, writer };
        let deletes = matches!(write, Write::Delete | Write::Remove(_) | Write::DeleteField(_));
        if deletes && before.is_none_or(|before| before.is_deleted()) {
            return Err(if key.kind() == Kind::Counter { Refused::Kind } else { Refused::Absent });
        }
        let mut lost = Vec::new();
        let before = before.cloned().or_else(|| Self::empty(key.kind()));
        let after = match (before, write) {
            (before @ (None | Some(Self::Register(_))), write) => {
                let value = match write {
                    Write::Put(value) if value.len() <= VALUE_MAX => Some(value),
                    Write::Put(_) => return Err(Refused::Bound),
                    Write::Delete => None,
                    _ => return Err(Refused::Kind),
                };
                let Some(Self::Register(mut register)) = before else {
                    let register = Register::new(stamp, value);
                    return Ok((Self::Register(register), Merged::default()));
                };
                let next = register.overwrite(stamp, value);
                lost.extend(register.merge(&next, limit));
                Self::Register(register)
            }
            (Some(Self::Siblings(mut siblings)), write) => {
                match write {
                    Write::Put(value) => siblings.put_value(writer, value).ok_or(Refused::Bound)?,
                    Write::Delete => siblings.delete(tick.millis, limit),
                    _ => return Err(Refused::Kind),
                }
                Self::Siblings(siblings)
            }
            (Some(Self::Counter(mut counter)), Write::Add(delta)) => {
                counter.add(writer, delta).ok_or(Refused::Bound)?;
                Self::Counter(counter)
            }
            (Some(Self::Set(mut set)), write) => {
                match write {
                    Write::Insert(element) => set.insert(writer, element).ok_or(Refused::Bound)?,
                    Write::Remove(element) if !set.contains(&element) => {
                        return Err(Refused::Absent);
                    }
                    Write::Remove(element) => set.remove(&element, tick.millis, limit),
                    Write::Delete => set.clear(tick.millis, limit),
                    _ => return Err(Refused::Kind),
                }
                Self::Set(set)
            }
            (Some(Self::Map(mut fields)), write) => {
                let (name, value) = match write {
                    Write::PutField(name, value) => (name, Some(value)),
                    Write::DeleteField(name) if fields.get(&name).is_none() => {
                        return Err(Refused::Absent);
                    }
                    Write::DeleteField(name) => (name, None),
                    Write::Delete => {
                        lost = fields.clear(stamp, limit);
                        return Ok((Self::Map(fields), Merged { lost, trimmed: 0 }));
                    }
                    _ => return Err(Refused::Kind),
                };
                lost.extend(fields.write(name, value, stamp, limit).ok_or(Refused::Bound)?);
                Self::Map(fields)
            }
            (Some(Self::Counter(_)), _) => return Err(Refused::Kind),
        };
        Ok((after, Merged { lost, trimmed: 0 }))
    }

    /// Takes another state of the same kind in. What of ours was stamped later than `limit` counts for nothing.
    pub fn merge(&mut self, other: &Self, limit: Millis) -> Merged {
        let (mut lost, mut trimmed) = (Vec::new(), 0);
        match (self, other) {
            (Self::Register(ours), Self::Register(theirs)) => {
                lost.extend(ours.merge(theirs, limit));
            }
            (Self::Siblings(ours), Self::Siblings(theirs)) => trimmed = ours.merge(theirs, limit),
            (Self::Counter(ours), Self::Counter(theirs)) => ours.merge(theirs),
            (Self::Set(ours), Self::Set(theirs)) => trimmed = ours.merge(theirs, limit),
            (Self::Map(ours), Self::Map(theirs)) => lost = ours.merge(theirs, limit),
            _ => debug_assert!(false, "the kind is a part of the key"),
        }
        Merged { lost, trimmed }
    }

    /// Whether nothing is left but what keeps it from coming back.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        match self {
            Self::Register(register) => register.value().is_none(),
            Self::Siblings(siblings) => siblings.dots().is_empty(),
            Self::Counter(_) => false,
            Self::Set(set) => set.dots().is_empty(),
            Self::Map(fields) => fields.is_empty(),
        }
    }

    /// The latest of its stamps: for the clock.
    pub(crate) fn latest(&self) -> Option<Tick> {
        let removed = |millis| Some(Tick { millis, count: 0 });
        match self {
            Self::Register(register) => Some(register.stamp().tick),
            Self::Siblings(siblings) => removed(siblings.dots().removed_at()),
            Self::Counter(_) => None,
            Self::Set(set) => removed(set.dots().removed_at()),
            Self::Map(fields) => fields.registers().map(|register| register.stamp().tick).max(),
        }
    }

    /// When the oldest deletion was that it still remembers.
    pub(crate) fn oldest_deletion(&self) -> Option<Millis> {
        match self {
            Self::Map(fields) => {
                let deleted = fields.registers().filter(|register| register.value().is_none());
                deleted.map(|register| register.stamp().tick.millis).min()
            }
            _ if self.is_deleted() => self.latest().map(|tick| tick.millis),
            _ => None,
        }
    }

    /// What is left of it without stamps later than `limit`, and without deletions before `expired`. `None` if that is
    /// nothing.
    pub(crate) fn within(mut self, expired: Millis, limit: Millis) -> Option<Self> {
        if let Self::Map(fields) = &mut self {
            fields.retain(|register| {
                let millis = register.stamp().tick.millis;
                millis <= limit && (register.value().is_some() || millis >= expired)
            });
            let has_fields = fields.registers().next().is_some();
            return has_fields.then_some(self);
        }
        let is_ahead = self.latest().is_some_and(|tick| tick.millis > limit);
        let is_expired = self.oldest_deletion().is_some_and(|millis| millis < expired);
        (!is_ahead && !is_expired).then_some(self)
    }

    /// Takes a state of a kind off the front.
    pub(crate) fn take(kind: Kind, input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match kind {
            Kind::Register => Self::Register(Register::take(input)?),
            Kind::Siblings => Self::Siblings(Siblings::take(input)?),
            Kind::Counter => Self::Counter(Counter::take(input)?),
            Kind::Set => Self::Set(Set::take(input)?),
            Kind::Map => Self::Map(Fields::take(input)?),
        })
    }

    /// Appends it. The key tells its kind.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Register(register) => register.put(out),
            Self::Siblings(siblings) => siblings.put(out),
            Self::Counter(counter) => counter.put(out),
            Self::Set(set) => set.put(out),
            Self::Map(fields) => fields.put(out),
        }
    }

    /// Its bytes: equal for equal states, and so what versions are compared by.
    pub(crate) fn encoded(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out);
        out
    }
}

/// A key and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is called.
    pub key: Key,
    /// Its data, of the key's kind.
    pub state: State,
}

impl Entry {
    /// Its bytes, by which it is kept on a disk: those that it has in messages.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encoded()
    }

    /// Reads an entry from its bytes.
    ///
    /// # Errors
    /// For whatever isn't one, or is followed by something.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let input = &mut Reader::new(bytes);
        let entry = Self::take(input)?;
        input.finish().map(|()| entry)
    }
}

impl Encode for Entry {
    /// The key, and the state of its kind.
    fn put(&self, out: &mut Vec<u8>) {
        self.key.put(out);
        self.state.put(out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let key = Key::take(input)?;
        let state = State::take(key.kind(), input)?;
        Ok(Self { key, state })
    }
}
