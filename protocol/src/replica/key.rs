//! Keys: what an entry is called, and what kind of data it holds.
//!
//! The kind is a part of the key: a counter and a set of one name are two entries, and no merge ever meets two kinds.

use std::fmt;

use bytes::Bytes;

use crate::wire::bytes::{Encode, Malformed, Reader, put_string};

/// Longest name of a key, bytes. A guess: file names may be as long.
pub const NAME_MAX: usize = 255;

/// What kind of data an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [One value](super::register), of which the last writer's stays.
    Register = 0,
    /// [Values](super::siblings) of which each stays until somebody overwrites what it saw.
    Siblings = 1,
    /// [A number](super::counter) that anybody adds to.
    Counter = 2,
    /// [Elements](super::set) that are added and removed.
    Set = 3,
    /// [Fields](super::fields), each a register.
    Map = 4,
}

impl Kind {
    /// All kinds, each at its number.
    pub const ALL: [Self; 5] =
        [Self::Register, Self::Siblings, Self::Counter, Self::Set, Self::Map];

    fn of_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

/// What an entry is called: its kind and name. Keys are in order of these.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Bytes);

impl Key {
    /// A key; `None` if the name is empty or longer than [`NAME_MAX`].
    #[must_use]
    pub fn new(kind: Kind, name: &[u8]) -> Option<Self> {
        (1..=NAME_MAX).contains(&name.len()).then(|| Self([&[kind as u8], name].concat().into()))
    }

    /// The kind of data.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::of_byte(self.0[0]).expect("it was made of a kind")
    }

    /// The name: any bytes.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.0[1..]
    }
}

impl AsRef<[u8]> for Key {
    /// The kind's number, and the name.
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name().escape_ascii())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {self}", self.kind())
    }
}

impl Encode for Key {
    /// How long both are together, the kind (a byte) and the name.
    fn put(&self, out: &mut Vec<u8>) {
        put_string(&self.0, out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let bytes = input.string("key", 1 + NAME_MAX)?;
        match &bytes[..] {
            [] | [_] => Err(Malformed::Length("key")),
            [kind, ..] if Kind::of_byte(*kind).is_none() => Err(Malformed::Meaningless("kind")),
            _ => Ok(Self(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_and_a_set_of_one_name_are_two_keys() {
        let [counter, set] = [Kind::Counter, Kind::Set].map(|kind| Key::new(kind, b"x").unwrap());
        assert_ne!(counter, set);
        assert_eq!((set.kind(), set.name()), (Kind::Set, &b"x"[..]));
        assert_eq!(Key::take(&mut Reader::new(&set.encoded())), Ok(set));
    }

    #[test]
    fn names_without_a_byte_or_with_too_many_are_none() {
        assert_eq!(Key::new(Kind::Set, b""), None);
        assert!(Key::new(Kind::Set, &[0; NAME_MAX]).is_some());
        assert_eq!(Key::new(Kind::Set, &[0; NAME_MAX + 1]), None);
        assert_eq!(Key::take(&mut Reader::new(&[1, 3])), Err(Malformed::Length("key")));
        assert_eq!(Key::take(&mut Reader::new(&[2, 5, 7])), Err(Malformed::Meaningless("kind")));
    }
}
