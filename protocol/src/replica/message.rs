//! What replicas say to one another, and how it looks in bytes.
//!
//! ```text
//! Entries  0  count  entries                              what the peer is to take in, asked or not
//! Pull     1  after u64                                   "what changed at you after this?"
//! Changes  2  upto u64  flags u8  count  entries          the answer: up to where, and whether (1) there is more
//! Want     3  count  places u64, ascending                "send me what you have at these places of the tree"
//! Compare  4  the rest, see wire/merkle.rs                what two maps hold, to find what differs
//! Ahead    5  by u64                                      "a stamp of yours is so many milliseconds later than I take"
//! Clock    6  wall u64                                    "this is what my clock says"
//! ```
//! Counts are varints. A message has one encoding, and at most [`MESSAGE_MAX`] bytes.

use std::sync::Arc;

use super::stamp::Millis;
use super::state::{ENTRY_MAX, Entry};
use crate::wire::bytes::{Encode as _, Malformed, Reader, put_count};
use crate::wire::merkle::{COMPARISON_MAX, Comparison};
use crate::wire::message::SAID_MAX;

/// Most entries of a message. A guess: they are merged in a millisecond or so.
pub const ENTRIES_MAX: usize = 256;

/// Most places of a message. A guess: what is asked for fits a few answers.
pub const PLACES_MAX: usize = 256;

/// Most bytes of a message: a batch is full before its last entry, and what stands before the entries is short.
pub const MESSAGE_MAX: usize = 2 * ENTRY_MAX + 16;

const _: () = assert!(MESSAGE_MAX <= SAID_MAX, "the wire carries it whole");
const _: () = assert!(COMPARISON_MAX < MESSAGE_MAX && PLACES_MAX * 8 < ENTRY_MAX);

/// Something that one replica says to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Entries to take in.
    Entries(Arc<[Entry]>),
    /// Asks what changed.
    Pull {
        /// The last change that is known; 0 to be told only which the last one is.
        after: u64,
    },
    /// What changed.
    Changes {
        /// The last change that this tells of.
        upto: u64,
        /// Whether there are later ones.
        more: bool,
        /// What changed, as it is now.
        entries: Arc<[Entry]>,
    },
    /// Asks for entries by their places in the tree.
    Want(Arc<[u64]>),
    /// Compares the maps.
    Compare(Arc<Comparison>),
    /// A stamp was too far ahead.
    Ahead {
        /// By how much.
        by: Millis,
    },
    /// What the clock says: when a link is new, and when the clock was set.
    Clock {
        /// The time.
        wall: Millis,
    },
}

impl Message {
    /// The message as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Entries(entries) => {
                out.push(0);
                put_entries(entries, &mut out);
            }
            Self::Pull { after } => {
                out.push(1);
                out.extend_from_slice(&after.to_le_bytes());
            }
            Self::Changes { upto, more, entries } => {
                out.push(2);
                out.extend_from_slice(&upto.to_le_bytes());
                out.push(u8::from(*more));
                put_entries(entries, &mut out);
            }
            Self::Want(places) => {
                out.push(3);
                put_count(places.len(), &mut out);
                places.iter().for_each(|place| out.extend_from_slice(&place.to_le_bytes()));
            }
            Self::Compare(comparison) => {
                out.push(4);
                comparison.put(&mut out);
            }
            Self::Ahead { by } => {
                out.push(5);
                out.extend_from_slice(&by.to_le_bytes());
            }
            Self::Clock { wall } => {
                out.push(6);
                out.extend_from_slice(&wall.to_le_bytes());
            }
        }
        debug_assert!(out.len() <= MESSAGE_MAX, "the peer would refuse it");
        out
    }

    /// Reads a message.
    ///
    /// # Errors
    /// For whatever no replica of ours writes: a peer that sends it isn't honest.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > MESSAGE_MAX {
            return Err(Malformed::Length("message"));
        }
        let input = &mut Reader::new(bytes);
        let message = match input.u8()? {
            0 => Self::Entries(entries(input)?),
            1 => Self::Pull { after: input.u64()? },
            2 => Self::Changes {
                upto: input.u64()?,
                more: match input.u8()? {
                    0 => false,
                    1 => true,
                    _ => return Err(Malformed::Meaningless("flag")),
                },
                entries: entries(input)?,
            },
            3 => Self::Want(input.list("places", PLACES_MAX, Reader::u64, |place| *place)?.into()),
            4 => Self::Compare(Arc::new(Comparison::read(input.all())?)),
            5 => Self::Ahead { by: input.u64()? },
            6 => Self::Clock { wall: input.u64()? },
            _ => return Err(Malformed::Meaningless("kind of message")),
        };
        input.finish().map(|()| message)
    }
}

fn put_entries(entries: &[Entry], out: &mut Vec<u8>) {
    put_count(entries.len(), out);
    entries.iter().for_each(|entry| entry.put(out));
}

fn entries(input: &mut Reader<'_>) -> Result<Arc<[Entry]>, Malformed> {
    let count = input.count("entries", ENTRIES_MAX)?;
    (0..count).map(|_| Entry::take(input)).collect()
}

#[cfg(test)]
mod tests;
