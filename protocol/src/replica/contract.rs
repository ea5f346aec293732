//! What is handed in to a replica, and what comes out. What a driver promises about it stands at [`crate::replica`].

use rand::Rng;

use super::key::Key;
use super::message::Message;
use super::stamp::Millis;
use super::state::Entry;
use crate::ground::link::{Direction, Link};
use crate::ground::time::Time;

/// What surrounds one call.
pub struct Cx<'a> {
    /// The time, which never goes back.
    pub now: Time,
    /// What the machine's clock says, right or wrong; it may go anywhere.
    pub wall: Millis,
    /// The only source of randomness.
    pub rng: &'a mut dyn Rng,
    /// Where actions are appended.
    pub actions: &'a mut Vec<Action>,
}

impl std::fmt::Debug for Cx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cx").field("now", &self.now).finish_non_exhaustive()
    }
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A link came up, between two of the same network.
    Connected {
        /// Its handle.
        link: Link,
        /// Who dialled.
        direction: Direction,
    },
    /// A link went down.
    Disconnected {
        /// Its handle.
        link: Link,
    },
    /// A message came.
    Received {
        /// Where.
        link: Link,
        /// What.
        message: &'a Message,
    },
    /// The link's queue is long: it gets answers alone.
    Congested {
        /// Which.
        link: Link,
    },
    /// The link's queue is short again.
    Drained {
        /// Which.
        link: Link,
    },
    /// An entry of an earlier run of this replica.
    Restored(Entry),
    /// The deadline passed.
    Wake,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a message.
    Send {
        /// Where.
        link: Link,
        /// What.
        message: Message,
    },
    /// A key holds something else now, whoever wrote it: for those who watch it, and for the disk.
    Changed {
        /// Which.
        key: Key,
    },
    /// A peer sent what no replica of this network has: close the link.
    Misbehaved {
        /// Which.
        link: Link,
        /// What it did.
        why: &'static str,
    },
    /// A peer doesn't take what we send it, since a stamp in it is too late for its clock. One of the two clocks is wrong: for
    /// the operator.
    ToldAhead {
        /// Who says so.
        link: Link,
        /// By how much the stamp was too late, milliseconds.
        by: Millis,
    },
}

/// What an input took: what a driver charges whoever sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Entries that were merged.
    pub merged: usize,
    /// Hashes and places that were looked at.
    pub looked_at: usize,
    /// Bytes of entries that are sent for it, now or later.
    pub bytes: usize,
}

/// What a replica counts, beside [what is lost](super::lost::LostWrites).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries of peers that changed something here.
    pub taken: u64,
    /// Entries of peers that changed nothing.
    pub known: u64,
    /// Entries of peers that weren't taken, since the map is full.
    pub full: u64,
    /// Entries of peers that weren't taken, or not all of them, since their stamps are too far ahead.
    pub ahead: u64,
    /// Entries of peers that weren't taken, since they are deletions beyond their grace.
    pub expired: u64,
    /// Values and elements that were removed, since there were too many.
    pub trimmed: u64,
}
