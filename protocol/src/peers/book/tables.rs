//! The two tables of the book, and where in them an address may stand.
//!
//! # Model
//! What we only heard of stands in *new*, what we reached in *tried* (Bitcoin Core's `addrman`). A table is made of buckets,
//! and a bucket of slots; a secret decides which bucket is an address's:
//! - in *new* by its source's group and its own: the addresses of one source reach [`SOURCE_BUCKETS`] of the
//!   [`NEW_BUCKETS`] buckets, and those of one group told by one source a single one;
//! - in *tried* by its own group, which reaches [`GROUP_BUCKETS`] of the [`TRIED_BUCKETS`].
//!
//! So whatever a source tells, and however often, it fills its share and no more. In its bucket an address has a slot of its
//! own, and takes the next one that is empty if that isn't; so buckets fill up before anybody is refused (in Bitcoin Core a
//! slot that is taken refuses, which costs a small network some of its few addresses). Whom an address would have to
//! drive out of a full bucket isn't the teller's choice. Each address has one place. (In Bitcoin Core it may have eight in *new*, so that
//! what many tell is drawn more often. Draws go by group here, so that more places would change nothing.)
//!
//! The secret is kept with the book, so that an address comes back to its bucket after a restart, and nobody can try again
//! what didn't work.
//!
//! # Sizes
//! They follow `peers.book_max`: with Bitcoin Core's 81,920 a bucket has its 64 slots, with fewer it has fewer, and where
//! there would be less than one, there are fewer buckets. A source may have [`SOURCE_MIN`] slots, or half of a table
//! that is smaller yet, so that a small network can be learned from one node. Slots that are empty cost nothing: a map from
//! slot to entry has those that aren't.

use std::hash::Hash;

use crate::ground::map::{Map, Salt};
use crate::ground::peer::{BookSecret, PeerAddr, Source};

/// Buckets for what was never reached (Bitcoin Core: `ADDRMAN_NEW_BUCKET_COUNT`, `addrman_impl.h`).
pub const NEW_BUCKETS: u32 = 1_024;

/// Buckets for what was reached (`ADDRMAN_TRIED_BUCKET_COUNT`).
pub const TRIED_BUCKETS: u32 = 256;

/// Over how many buckets of *new* the addresses of one source are spread (`ADDRMAN_NEW_BUCKETS_PER_SOURCE_GROUP`,
/// `addrman.cpp`).
pub const SOURCE_BUCKETS: u32 = 64;

/// Over how many buckets of *tried* the addresses of one group are spread (`ADDRMAN_TRIED_BUCKETS_PER_GROUP`).
pub const GROUP_BUCKETS: u32 = 8;

/// A source has so many slots at least, or half of a table that is smaller yet. A guess.
pub const SOURCE_MIN: u32 = 64;

/// How many buckets and slots there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    slots: u32,
    new: u32,
    tried: u32,
}

impl Shape {
    /// Of a book of at most so many addresses.
    pub(super) fn of(book_max: usize) -> Self {
        let max = u32::try_from(book_max).unwrap_or(u32::MAX).max(1);
        let slots = max / (NEW_BUCKETS + TRIED_BUCKETS);
        if slots > 0 {
            return Self { slots, new: NEW_BUCKETS, tried: TRIED_BUCKETS };
        }
        let tried = max * TRIED_BUCKETS / (NEW_BUCKETS + TRIED_BUCKETS);
        Self { slots: 1, new: max - tried, tried }
    }

    /// Any other, for tests.
    #[cfg(test)]
    pub(super) const fn exact(slots: u32, new: u32, tried: u32) -> Self {
        Self { slots, new, tried }
    }

    /// Slots in *new*, which come first.
    pub(super) const fn new_slots(self) -> u32 {
        self.new * self.slots
    }

    /// Buckets of *new* that one source reaches.
    pub(super) fn source_buckets(self) -> u32 {
        let share = self.new * SOURCE_BUCKETS / NEW_BUCKETS;
        let least = SOURCE_MIN.div_ceil(self.slots).min(self.new / 2);
        share.max(least).max(1)
    }

    /// Buckets of *tried* that one group reaches.
    fn group_buckets(self) -> u32 {
        let share = self.tried * GROUP_BUCKETS / TRIED_BUCKETS;
        share.max(GROUP_BUCKETS.min(self.tried))
    }
}

/// Which slot is whose. It never changes once the book holds anything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    secret: Salt,
    known: BookSecret,
    shape: Shape,
}

/// What decides a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whose {
    pub(super) addr: PeerAddr,
    pub(super) group: Option<u32>,
    pub(super) source: Option<Source>,
}

impl Layout {
    pub(super) const fn new(secret: BookSecret, shape: Shape) -> Self {
        Self { secret: Salt::new(secret.0), known: secret, shape }
    }

    /// The secret, to be kept with the book.
    pub(super) const fn secret(&self) -> BookSecret {
        self.known
    }

    /// The sizes.
    pub(super) const fn shape(&self) -> Shape {
        self.shape
    }

    /// The slot in *new* that is its own.
    pub(super) fn new_slot(&self, of: Whose) -> u32 {
        let spread = self.share((0_u8, self.group(of), of.source), self.shape.source_buckets());
        let bucket = self.share((1_u8, of.source, spread), self.shape.new);
        let slot = self.share((2_u8, bucket, of.addr), self.shape.slots);
        bucket * self.shape.slots + slot
    }

    /// The slot in *tried* that is its own; `None` if the book is too small to have any.
    pub(super) fn tried_slot(&self, of: Whose) -> Option<u32> {
        if self.shape.tried == 0 {
            return None;
        }
        let spread = self.share((3_u8, of.addr), self.shape.group_buckets());
        let bucket = self.share((4_u8, self.group(of), spread), self.shape.tried);
        let slot = self.share((5_u8, bucket, of.addr), self.shape.slots);
        Some(self.shape.new_slots() + bucket * self.shape.slots + slot)
    }

    /// The slot in *new* that comes so many after another.
    pub(super) const fn after(&self, slot: u32, steps: u32) -> u32 {
        (slot + steps) % self.shape.new_slots()
    }

    /// All slots of a bucket, from one of them on.
    pub(super) fn around(&self, slot: u32) -> impl Iterator<Item = u32> + use<> {
        let slots = self.shape.slots;
        let (first, own) = (slot / slots * slots, slot % slots);
        (0..slots).map(move |steps| first + (own + steps) % slots)
    }

    /// Whether a slot is one of *tried*.
    pub(super) const fn is_tried(&self, slot: u32) -> bool {
        slot >= self.shape.new_slots()
    }

    /// The bucket of a slot, counted within its table.
    pub(super) const fn bucket(&self, slot: u32) -> u32 {
        let bucket = slot / self.shape.slots;
        if bucket < self.shape.new { bucket } else { bucket - self.shape.new }
    }

    /// An address that is by itself is its own group.
    fn group(&self, of: Whose) -> u64 {
        match of.group {
            Some(group) => self.secret.rank((6_u8, group)),
            None => self.secret.rank((7_u8, of.addr)),
        }
    }

    fn share(&self, key: impl Hash, among: u32) -> u32 {
        let share = self.secret.rank(key) % u64::from(among.max(1));
        u32::try_from(share).expect("it is less than a number of 32 bits")
    }
}

/// Which entry stands in which slot. Bounded by the number of slots.
#[derive(Clone, Debug)]
pub(super) struct Slots(Map<u32, u32>);

impl Slots {
    pub(super) fn new(salt: Salt) -> Self {
        Self(Map::new(salt))
    }

    /// The entry in a slot.
    pub(super) fn get(&self, slot: u32) -> Option<usize> {
        self.0.get(&slot).map(|entry| *entry as usize)
    }

    /// Puts an entry into a slot, which is empty or was this entry's under another number.
    pub(super) fn set(&mut self, slot: u32, entry: usize) {
        let entry = u32::try_from(entry).expect("a book has fewer than 2^32 entries");
        self.0.insert(slot, entry);
    }

    /// Empties a slot.
    pub(super) fn clear(&mut self, slot: u32) {
        self.0.remove(&slot);
    }

    /// How many slots aren't empty.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests;
