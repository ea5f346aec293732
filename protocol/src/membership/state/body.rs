//! Digests and deltas, and how they look in bytes.
//!
//! ```text
//! Digest  count, and by ascending member: id u64, generation u32, heartbeat, version, collected
//! Delta   count, and by ascending member: id u64, generation u32, from, upto, known, collected,
//!         count, and by ascending version the entries
//! ```
//! Numbers without a width are varints.

use super::entries::{Entry, KEYS_MAX, version};
use super::{Generation, Version};
use crate::ground::varint;
use crate::membership::member_id::MemberId;
use crate::wire::bytes::{Encode, Malformed, Reader, put_count};

/// Most members of a digest or delta. A guess: a hundred kilobytes of digest, over a stream.
pub const TOLD_MAX: usize = 4_096;

/// Most entries of a member in a delta: what a copy may hold.
const ENTRIES_MAX: usize = 2 * KEYS_MAX;

/// Most bytes of what stands before a member's entries in a delta.
pub(super) const PART_HEAD_MAX: usize = 8 + 4 + 4 * varint::LEN_MAX + 2;

/// Most bytes of a count.
pub(super) const COUNT_MAX: usize = 2;

/// What somebody knows of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The member.
    pub member: MemberId,
    /// Its generation.
    pub generation: Generation,
    /// Its heartbeat in that generation.
    pub heartbeat: u32,
    /// The greatest version up to which all is known.
    pub version: Version,
    /// The greatest version of a tombstone that isn't remembered any more.
    pub collected: Version,
}

/// What somebody knows of members, by ascending id. At most [`TOLD_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digest(pub(super) Vec<Told>);

/// News of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The member.
    pub member: MemberId,
    /// Its generation.
    pub generation: Generation,
    /// All is told that was written after this version...
    pub from: Version,
    /// ... up to this one.
    pub upto: Version,
    /// The version up to which the sender knows all.
    pub known: Version,
    /// The greatest version of a tombstone that the sender doesn't remember any more.
    pub collected: Version,
    /// What was written, by ascending version.
    pub entries: Vec<Entry>,
}

/// News of members, by ascending id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta(pub(super) Vec<Part>);

impl Digest {
    /// What is told, by ascending member.
    pub fn iter(&self) -> impl Iterator<Item = &Told> {
        self.0.iter()
    }

    /// How many bytes it takes.
    #[must_use]
    pub(crate) fn encoded_len(&self) -> usize {
        let count = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        varint::len(count) + self.0.iter().map(Told::encoded_len).sum::<usize>()
    }

    /// Whether it tells of nobody.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends its bytes.
    pub fn put(&self, out: &mut Vec<u8>) {
        put_count(self.0.len(), out);
        self.0.iter().for_each(|told| told.put(out));
    }

    /// Reads one that takes all of these bytes.
    ///
    /// # Errors
    /// For whatever no member of ours writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let input = &mut Reader::new(bytes);
        let list = input.list("members", TOLD_MAX, Told::take, |told| told.member)?;
        input.finish().map(|()| Self(list))
    }
}

impl Delta {
    /// The news, by ascending member.
    pub fn iter(&self) -> impl Iterator<Item = &Part> {
        self.0.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends its bytes.
    pub fn put(&self, out: &mut Vec<u8>) {
        put_count(self.0.len(), out);
        self.0.iter().for_each(|part| part.put(out));
    }

    /// Reads one that takes all of these bytes.
    ///
    /// # Errors
    /// For whatever no member of ours writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let input = &mut Reader::new(bytes);
        let list = input.list("members", TOLD_MAX, Part::take, |part| part.member)?;
        input.finish().map(|()| Self(list))
    }
}

impl Encode for Told {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.member.0.to_le_bytes());
        out.extend_from_slice(&self.generation.to_le_bytes());
        for number in [self.heartbeat, self.version, self.collected] {
            varint::put(number, out);
        }
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            member: input.id()?,
            generation: input.u32()?,
            heartbeat: version(input, "heartbeat")?,
            version: version(input, "version")?,
            collected: version(input, "collected version")?,
        })
    }
}

impl Told {
    /// How many bytes it takes.
    pub(super) const fn encoded_len(&self) -> usize {
        12 + varint::len(self.heartbeat) + varint::len(self.version) + varint::len(self.collected)
    }
}

impl Encode for Part {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.member.0.to_le_bytes());
        out.extend_from_slice(&self.generation.to_le_bytes());
        for number in [self.from, self.upto, self.known, self.collected] {
            varint::put(number, out);
        }
        put_count(self.entries.len(), out);
        self.entries.iter().for_each(|entry| entry.put(out));
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (member, generation) = (input.id()?, input.u32()?);
        let [from, upto, known, collected] = [
            version(input, "version")?,
            version(input, "version")?,
            version(input, "version")?,
            version(input, "collected version")?,
        ];
        // Whoever is in the middle of a reset gives nothing away.
        if generation == 0 || from >= upto || upto > known || collected > known {
            return Err(Malformed::Meaningless("generation or span of versions"));
        }
        let entries = input.list("entries", ENTRIES_MAX, Entry::take, |entry| entry.version)?;
        let is_within = |entry: Option<&Entry>| {
            entry.is_none_or(|entry| entry.version > from && entry.version <= upto)
        };
        if !is_within(entries.first()) || !is_within(entries.last()) {
            return Err(Malformed::Meaningless("version"));
        }
        Ok(Self { member, generation, from, upto, known, collected, entries })
    }
}
