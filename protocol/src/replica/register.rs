//! A register: one value, and the last writer's stays.
//!
//! The greatest stamp wins, and where two contents carry one stamp (which only a liar makes) the greater content:
//! what wins depends on the two alone, so that all replicas end with the same.
//!
//! # What is lost
//! Of writes that didn't know of each other, all but one are lost, and nobody who wrote is told. So each write carries
//! the latest stamps that its writer had [seen](Seen) of the register, and whoever lets one win looks there
//! whether the other was seen. If it wasn't, an update is [lost](Lost::Concurrent). Each replica counts what it sees
//! lost, once.
//!
//! A deletion is a write without a value: a tombstone, which is kept so that older values don't come back.

use bytes::Bytes;

use super::stamp::{Millis, Seen, Stamp};
use crate::wire::bytes::{Encode, Malformed, Reader, put_string};

/// Longest value of a register and of a sibling, bytes. A guess: settings are short.
pub const VALUE_MAX: usize = 4096;

/// One value and its stamp, or its deletion.
#[derive(Clone, Debug)]
pub struct Register {
    stamp: Stamp,
    value: Option<Bytes>,
    /// What the writer had seen.
    seen: Seen,
    /// What else was seen here, but lost: it doesn't travel.
    known: Seen,
}

/// Why a write is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Whoever wrote what stays hadn't seen it, nor the other way round.
    Concurrent,
    /// It was to overwrite what stays, and has the earlier stamp all the same: its writer's clock is slow, or that of
    /// the value is fast.
    Outdated,
    /// Its stamp is too far in the future, since the clock that made it was set back meanwhile.
    Ahead,
}

/// A write that is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostWrite {
    /// Its stamp.
    pub stamp: Stamp,
    /// Its value; `None` if it was a deletion.
    pub value: Option<Bytes>,
    /// The stamp of what stays.
    pub winner: Stamp,
    /// Why.
    pub why: Lost,
}

impl Register {
    /// A first write.
    #[must_use]
    pub fn new(stamp: Stamp, value: Option<Bytes>) -> Self {
        Self { stamp, value, seen: Seen::default(), known: Seen::default() }
    }

    /// The value; `None` if it is deleted.
    #[must_use]
    pub const fn value(&self) -> Option<&Bytes> {
        self.value.as_ref()
    }

    /// When it was written, and by whom.
    #[must_use]
    pub const fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// What overwrites this: a write by somebody who has seen all that is known here.
    #[must_use]
    pub fn overwrite(&self, stamp: Stamp, value: Option<Bytes>) -> Self {
        let mut seen = self.seen.clone();
        seen.join(&self.known);
        seen.note(self.stamp);
        Self { stamp, value, seen, known: Seen::default() }
    }

    /// Takes another in, of which stamps later than `limit` count for nothing. Says which write is lost by it.
    pub fn merge(&mut self, other: &Self, limit: Millis) -> Option<LostWrite> {
        if self.content() == other.content() {
            return None;
        }
        let is_ahead = self.stamp.tick.millis > limit && other.stamp.tick.millis <= limit;
        let replaces = is_ahead || other.content() > self.content();
        let (winner, loser) = if replaces { (other, &*self) } else { (&*self, other) };
        let lost = if is_ahead {
            Some(Lost::Ahead)
        } else if winner.has_seen(loser.stamp) {
            None
        } else if loser.seen.covers(winner.stamp) {
            Some(Lost::Outdated)
        } else {
            Some(Lost::Concurrent)
        };
        let lost = lost.map(|why| LostWrite {
            stamp: loser.stamp,
            value: loser.value.clone(),
            winner: winner.stamp,
            why,
        });
        if replaces {
            let before = std::mem::replace(self, Self { known: Seen::default(), ..other.clone() });
            self.learn(&before);
            self.known.join(&before.known);
        } else {
            self.learn(other);
        }
        lost
    }

    /// Whether this is a write that came, or one that its writer knew.
    fn has_seen(&self, stamp: Stamp) -> bool {
        self.seen.covers(stamp)
            || self.known.covers(stamp)
            || (self.stamp.writer == stamp.writer && self.stamp > stamp)
    }

    /// Notes a write that lost, and what its writer had seen.
    fn learn(&mut self, loser: &Self) {
        for stamp in loser.seen.iter().chain([loser.stamp]) {
            if !self.has_seen(stamp) && stamp != self.stamp {
                self.known.note(stamp);
            }
        }
    }

    /// What decides, and what travels.
    fn content(&self) -> (Stamp, &Option<Bytes>, &Seen) {
        (self.stamp, &self.value, &self.seen)
    }
}

impl PartialEq for Register {
    fn eq(&self, other: &Self) -> bool {
        self.content() == other.content()
    }
}

impl Eq for Register {}

impl Encode for Register {
    /// 1 and the value, or 0; the stamp; what was seen.
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.value.is_some()));
        if let Some(value) = &self.value {
            put_string(value, out);
        }
        self.stamp.put(out);
        self.seen.put(out);
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let value = match input.u8()? {
            0 => None,
            1 => Some(input.string("value", VALUE_MAX)?),
            _ => return Err(Malformed::Meaningless("tag of a value")),
        };
        let (stamp, seen) = (Stamp::take(input)?, Seen::take(input)?);
        Ok(Self { stamp, value, seen, known: Seen::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::stamp::{ReplicaId, Tick};

    const fn stamp(millis: Millis, writer: u64) -> Stamp {
        Stamp { tick: Tick { millis, count: 0 }, writer: ReplicaId(writer) }
    }

    fn first(millis: Millis, writer: u64) -> Register {
        Register::new(stamp(millis, writer), Some(Bytes::from_static(b"first")))
    }

    #[test]
    fn an_overwritten_value_that_was_seen_is_not_lost() {
        let old = first(1, 1);
        let middle = old.overwrite(stamp(2, 2), None);
        let new = middle.overwrite(stamp(3, 3), None);
        let mut here = old.clone();
        assert_eq!(here.merge(&new, Millis::MAX), None, "though the one between never came");
        assert_eq!(here.merge(&middle, Millis::MAX), None);
        assert_eq!(here.merge(&old, Millis::MAX), None);
        assert_eq!(here, new);
    }

    #[test]
    fn a_concurrent_write_is_lost_and_told_once() {
        let (mut here, other) = (first(5, 1), first(4, 2));
        let lost = here.merge(&other, Millis::MAX).unwrap();
        assert_eq!(
            (lost.stamp, lost.winner, lost.why),
            (stamp(4, 2), stamp(5, 1), Lost::Concurrent)
        );
        assert_eq!(here.merge(&other, Millis::MAX), None);
        // Whoever overwrites what is here has seen both.
        let next = here.overwrite(stamp(6, 1), None);
        let mut there = other.clone();
        assert_eq!(there.merge(&next, Millis::MAX), None);
    }

    #[test]
    fn a_write_by_a_slow_clock_is_lost_though_it_saw_what_stays() {
        let fast = first(100, 1);
        let slow = fast.overwrite(stamp(50, 2), Some(Bytes::new()));
        let mut here = fast.clone();
        assert_eq!(here.merge(&slow, Millis::MAX).unwrap().why, Lost::Outdated);
        assert_eq!(here, fast);
    }

    #[test]
    fn of_two_contents_with_one_stamp_the_same_stays_everywhere() {
        let [a, b] = [&b"a"[..], b"b"].map(|value| Register::new(stamp(1, 1), Some(value.into())));
        let (mut one, mut other) = (a.clone(), b.clone());
        one.merge(&b, Millis::MAX);
        other.merge(&a, Millis::MAX);
        assert_eq!(one, other);
    }

    #[test]
    fn what_a_wrong_clock_wrote_gives_way_once_the_clock_is_right() {
        let (mut here, right) = (first(1_000, 1), first(100, 2));
        assert_eq!(here.merge(&right, 200).unwrap().why, Lost::Ahead);
        assert_eq!(here, right);
        assert_eq!(here.merge(&right, 200), None);
    }
}
