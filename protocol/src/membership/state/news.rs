//! How state is kept, and what is told of how it changes.

use std::time::Duration;

use bytes::Bytes;

use super::entries::Entry;
use super::{Generation, Version};
use crate::ground::time::Time;
use crate::membership::member_id::MemberId;

/// How state is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a tombstone is kept, from when it came here. An hour, a guess: chitchat's `marked_for_deletion_grace_period` is set
    /// by whoever uses it.
    pub grace: Duration,
    /// Most bytes of all copies together. Sixteen mebibytes, a guess: 10,000 members of ten keys each.
    pub bytes_max: usize,
}

impl Settings {
    /// What is usual.
    pub const USUAL: Self =
        Self { grace: Duration::from_secs(3_600), bytes_max: 16 * 1_024 * 1_024 };
}

impl Default for Settings {
    fn default() -> Self {
        Self::USUAL
    }
}

/// When something happens.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The machine's time.
    pub now: Time,
    /// The wall clock, seconds since 1970. It may be wrong.
    pub wall: Generation,
}

/// What became different, for whoever wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A member started anew, or is heard of for the first time. Whatever was known of its map is void; its keys follow.
    Began {
        /// Who.
        member: MemberId,
        /// Its generation.
        generation: Generation,
    },
    /// A member's heartbeat rose.
    Beat(MemberId),
    /// A key has a value.
    Set {
        /// Whose key.
        member: MemberId,
        /// The key.
        key: Bytes,
        /// Which of its owner's writes this is.
        version: Version,
        /// Its value.
        value: Bytes,
    },
    /// A key has none any more.
    Deleted {
        /// Whose key.
        member: MemberId,
        /// The key.
        key: Bytes,
        /// The write that deleted it; that of its value if all that is known is that it is gone.
        version: Version,
    },
}

/// What came of news.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// What became different.
    pub changes: Vec<Change>,
    /// Of how many members it was that aren't admitted.
    pub unknown: u32,
    /// How many generations were too far ahead: a lie, or a wrong clock.
    pub ahead: u32,
    /// How many parts didn't fit what is known: they came late, or twice, or are made up.
    pub unfit: u32,
    /// How many parts found no room.
    pub full: u32,
    /// How many copies were thrown away because they would hold more than an owner may write.
    pub overflown: u32,
    /// Whether something was said of ourselves that we didn't say, so that we began a new generation.
    pub refuted: bool,
}

impl Change {
    /// That an entry is what a key has now.
    pub(super) fn of(member: MemberId, entry: &Entry) -> Self {
        let (key, version) = (entry.key.clone(), entry.version);
        match entry.value.clone() {
            Some(value) => Self::Set { member, key, version, value },
            None => Self::Deleted { member, key, version },
        }
    }
}
