//! The entries of one member's map: its own, or a copy.

use bytes::Bytes;

use super::{VERSION_MAX, Version};
use crate::ground::time::Time;
use crate::ground::varint;
use crate::wire::bytes::{Encode, Malformed, Reader, put_count, put_string};

/// Most keys of a member, deleted ones included until they are collected. A guess: a node publishes some ten.
pub const KEYS_MAX: usize = 64;
/// The longest key, bytes. A guess.
pub const KEY_MAX: usize = 64;
/// The longest value, bytes. A guess: so that any entry fits a packet of 1,400.
pub const VALUE_MAX: usize = 1_024;
/// Most bytes of a member's keys and values. A guess.
pub const MAP_MAX: usize = 8 * 1_024;

/// How much more than an owner a copy may hold while it is partly older.
const SLACK: usize = 2;

/// One write of an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What is written, 1 to [`KEY_MAX`] bytes.
    pub key: Bytes,
    /// Which of its owner's writes this is.
    pub version: Version,
    /// The value, at most [`VALUE_MAX`] bytes; none if the key was deleted.
    pub value: Option<Bytes>,
}

impl Entry {
    /// Bytes in a delta.
    pub(super) fn encoded_len(&self) -> usize {
        let prefixed = |len: usize| varint::len(u32::try_from(len).unwrap_or(u32::MAX)) + len;
        let value = self.value.as_ref().map_or(0, |value| prefixed(value.len()));
        varint::len(self.version) + prefixed(self.key.len()) + 1 + value
    }

    /// Bytes of key and value.
    pub(super) fn len(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

impl Encode for Entry {
    /// Version, key, and a byte: 0 for a deletion, or 1 and the value.
    fn put(&self, out: &mut Vec<u8>) {
        put_count(self.version as usize, out);
        put_string(&self.key, out);
        match &self.value {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                put_string(value, out);
            }
        }
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let version = version(input, "version")?;
        let key = input.string("key", KEY_MAX)?;
        if key.is_empty() {
            return Err(Malformed::Length("key"));
        }
        let value = match input.u8()? {
            0 => None,
            1 => Some(input.string("value", VALUE_MAX)?),
            _ => return Err(Malformed::Meaningless("flag")),
        };
        Ok(Self { key, version, value })
    }
}

/// Reads a version or heartbeat.
pub(super) fn version(input: &mut Reader<'_>, what: &'static str) -> Result<Version, Malformed> {
    let number = input.count(what, VERSION_MAX as usize)?;
    u32::try_from(number).map_err(|_| Malformed::Length(what))
}

/// Why an owner's write isn't taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The key is empty or longer than [`KEY_MAX`], or the value longer than [`VALUE_MAX`].
    #[error("a key has 1 to {KEY_MAX} bytes, and a value at most {VALUE_MAX}")]
    Length,
    /// There are [`KEYS_MAX`] keys. Those that were deleted count until their grace is over.
    #[error("there are {KEYS_MAX} keys already, deleted ones included for a while")]
    Keys,
    /// There are [`MAP_MAX`] bytes.
    #[error("there is no room for so many bytes in {MAP_MAX}")]
    Bytes,
}

/// An entry, and when it came here.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) entry: Entry,
    since: Time,
}

/// The entries of a map, by ascending key.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    held: Vec<Held>,
    len: usize,
}

impl Entries {
    pub(super) const NONE: Self = Self { held: Vec::new(), len: 0 };

    pub(super) fn get(&self, key: &[u8]) -> Option<&Entry> {
        self.place(key).ok().map(|place| &self.held[place].entry)
    }

    /// All entries by ascending key, deleted ones included.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.held.iter().map(|held| &held.entry)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Memory that it takes, roughly: of all maps together there is a bound.
    pub(super) fn cost(&self) -> usize {
        self.len + self.held.len() * size_of::<Held>()
    }

    /// Whether an owner may write this.
    pub(super) fn may_write(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), Refused> {
        let value_len = value.map_or(0, <[u8]>::len);
        if !(1..=KEY_MAX).contains(&key.len()) || value_len > VALUE_MAX {
            return Err(Refused::Length);
        }
        let old = self.get(key);
        if old.is_none() && self.held.len() >= KEYS_MAX {
            return Err(Refused::Keys);
        }
        let len = self.len - old.map_or(0, Entry::len) + key.len() + value_len;
        if len > MAP_MAX { Err(Refused::Bytes) } else { Ok(()) }
    }

    /// Whether this is more than a copy may hold.
    pub(super) const fn overflows(&self) -> bool {
        self.held.len() > SLACK * KEYS_MAX || self.len > SLACK * MAP_MAX
    }

    /// Holds an entry in place of an older one of its key. Says whether it was newer than that.
    pub(super) fn put(&mut self, entry: Entry, now: Time) -> bool {
        let held = Held { entry, since: now };
        match self.place(&held.entry.key) {
            Ok(place) => {
                let old = &mut self.held[place];
                if old.entry.version >= held.entry.version {
                    return false;
                }
                self.len = self.len - old.entry.len() + held.entry.len();
                *old = held;
            }
            Err(place) => {
                self.len += held.entry.len();
                self.held.insert(place, held);
            }
        }
        true
    }

    /// The entries whose versions are above `from` and at most `upto`, by ascending version.
    pub(super) fn between(&self, from: Version, upto: Version) -> Vec<&Entry> {
        let within = |entry: &&Entry| entry.version > from && entry.version <= upto;
        let mut list: Vec<_> = self.iter().filter(within).collect();
        list.sort_unstable_by_key(|entry| entry.version);
        list
    }

    /// Removes the entries for which this holds, and returns them.
    pub(super) fn remove_if(&mut self, mut is: impl FnMut(&Entry, Time) -> bool) -> Vec<Entry> {
        let mut gone = Vec::new();
        self.held.retain(|held| {
            let stays = !is(&held.entry, held.since);
            if !stays {
                gone.push(held.entry.clone());
            }
            stays
        });
        self.len -= gone.iter().map(Entry::len).sum::<usize>();
        gone
    }

    /// When the oldest tombstone came here.
    pub(super) fn oldest_deletion(&self) -> Option<Time> {
        self.held.iter().filter(|held| held.entry.value.is_none()).map(|held| held.since).min()
    }

    /// Numbers what isn't deleted anew, from 1, and forgets what is. Returns the greatest version.
    pub(super) fn renumber(&mut self) -> Version {
        self.remove_if(|entry, _| entry.value.is_none());
        let mut places: Vec<_> = (0..self.held.len()).collect();
        places.sort_unstable_by_key(|place| self.held[*place].entry.version);
        let mut version = 0;
        for place in places {
            version += 1;
            self.held[place].entry.version = version;
        }
        version
    }

    fn place(&self, key: &[u8]) -> Result<usize, usize> {
        self.held.binary_search_by(|held| held.entry.key[..].cmp(key))
    }

    pub(super) fn check(&self) {
        assert_eq!(self.len, self.iter().map(Entry::len).sum::<usize>());
        assert!(self.held.is_sorted_by(|a, b| a.entry.key < b.entry.key));
        assert!(!self.overflows());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_greater_version_replaces_an_entry() {
        let entry = |version, value: &'static str| Entry {
            key: Bytes::from_static(b"k"),
            version,
            value: Some(Bytes::from_static(value.as_bytes())),
        };
        let (mut entries, now) = (Entries::NONE, Time::ZERO);
        assert!(entries.put(entry(5, "five"), now));
        for older in [4, 5] {
            assert!(!entries.put(entry(older, "other"), now), "{older}");
            assert_eq!(entries.get(b"k"), Some(&entry(5, "five")));
        }
        assert!(entries.put(entry(6, "six"), now));
        assert_eq!(entries.get(b"k"), Some(&entry(6, "six")));
        entries.check();
    }
}
