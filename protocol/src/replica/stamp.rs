//! Stamps: when a value was written and by whom, in an order that all replicas agree on.

use std::fmt;

use crate::wire::bytes::{Encode, Malformed, Reader, put_count};

/// A replica as a writer. No two have the same, and a replica that lost what it had written takes a new one: otherwise
/// it would give out stamps and dots again that its peers know with another content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(pub u64);

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Milliseconds since 1970 by somebody's clock, which may be wrong by any amount.
pub type Millis = u64;

/// A moment of a clock: its time, and a count of what happened at that time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick {
    /// The time.
    pub millis: Millis,
    /// Events that share it are told apart by this.
    pub count: u32,
}

/// When a value was written, and by whom: later stamps win, and of equal ticks that of the greater id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// When, by the writer's clock.
    pub tick: Tick,
    /// Who.
    pub writer: ReplicaId,
}

impl Encode for Tick {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.millis.to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { millis: input.u64()?, count: input.u32()? })
    }
}

impl Encode for Stamp {
    fn put(&self, out: &mut Vec<u8>) {
        self.tick.put(out);
        out.extend_from_slice(&self.writer.0.to_le_bytes());
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { tick: Tick::take(input)?, writer: ReplicaId(input.u64()?) })
    }
}

/// Most writers in a [`Seen`]; over that, those that wrote longest ago are forgotten. A guess.
pub const SEEN_MAX: usize = 16;

/// What was seen of a register: the latest stamp of each writer. A version vector whose versions are stamps, which
/// only serves to tell an overwritten value that was seen from one that wasn't.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen(Vec<Stamp>);

impl Seen {
    /// Whether a stamp, or a later one of its writer, was seen.
    #[must_use]
    pub fn covers(&self, stamp: Stamp) -> bool {
        self.of(stamp.writer).is_some_and(|seen| seen.tick >= stamp.tick)
    }

    /// Notes that a stamp was seen.
    pub fn note(&mut self, stamp: Stamp) {
        match self.0.binary_search_by_key(&stamp.writer, |seen| seen.writer) {
            Ok(place) => self.0[place] = self.0[place].max(stamp),
            Err(place) => self.0.insert(place, stamp),
        }
        if self.0.len() > SEEN_MAX {
            let oldest = self.0.iter().enumerate().min_by_key(|(_, stamp)| **stamp);
            let oldest = oldest.map_or(0, |(place, _)| place);
            self.0.remove(oldest);
        }
    }

    /// Notes all that another has seen.
    pub fn join(&mut self, other: &Self) {
        other.0.iter().for_each(|stamp| self.note(*stamp));
    }

    /// The latest stamp of each writer, by ascending writer.
    pub fn iter(&self) -> impl Iterator<Item = Stamp> {
        self.0.iter().copied()
    }

    /// How many writers are known.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was seen.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&self, writer: ReplicaId) -> Option<Stamp> {
        let place = self.0.binary_search_by_key(&writer, |seen| seen.writer).ok()?;
        self.0.get(place).copied()
    }
}

impl Encode for Seen {
    /// How many, and the stamps by ascending writer.
    fn put(&self, out: &mut Vec<u8>) {
        put_count(self.0.len(), out);
        self.0.iter().for_each(|stamp| stamp.put(out));
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        input.list("writers", SEEN_MAX, Stamp::take, |stamp| stamp.writer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn stamp(millis: Millis, writer: u64) -> Stamp {
        Stamp { tick: Tick { millis, count: 0 }, writer: ReplicaId(writer) }
    }

    #[test]
    fn what_a_writer_wrote_before_was_seen_too() {
        let mut seen = Seen::default();
        seen.note(stamp(5, 1));
        seen.note(stamp(3, 1));
        assert!(seen.covers(stamp(4, 1)));
        assert!(!seen.covers(stamp(6, 1)));
        assert!(!seen.covers(stamp(4, 2)));
    }

    #[test]
    fn over_its_bound_whoever_wrote_longest_ago_is_forgotten() {
        let mut seen = Seen::default();
        (0..=SEEN_MAX as u64).for_each(|writer| seen.note(stamp(100 - writer, writer)));
        assert_eq!(seen.len(), SEEN_MAX);
        assert!(seen.covers(stamp(100, 0)));
        assert!(!seen.covers(stamp(0, SEEN_MAX as u64)));
    }
}
