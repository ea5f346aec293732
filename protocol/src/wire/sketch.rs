//! What two peers tell of the sets that they hold, so that either finds out what differs at the cost of the difference: cells
//! of a rateless sketch (see [`crate::reconcile::sketch`]).

use crate::ground::item::ShortId;
use crate::wire::digest::term;

/// Most cells in one message, and so of a sketch that is told: a difference of some 2,900 ids. A guess: 48 KiB, and two
/// milliseconds to take apart. What differs by more is found by spans and lists ([`crate::wire::digest`]).
pub const CELLS_MAX: usize = 4_096;

/// Cells whose counts a question has, from the second on: so many tell the size of a difference within 9 % (one deviation in
/// three lies outside), the root of 2 / 256.
pub const COUNTS_MAX: usize = 256;

/// What the ids in a cell sum up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// The ids as numbers, added without carry.
    pub sum: u64,
    /// What [`check`] makes of each, likewise. A cell that says one id and has several is met once in 2^32 times; what
    /// follows from it is an id to be asked for that nobody has.
    pub check: u32,
}

impl Cell {
    /// Bytes of a cell in a message.
    pub const LEN: usize = 8 + 4;

    /// A cell with a single id.
    #[must_use]
    pub const fn of(id: ShortId) -> Self {
        Self { sum: u64::from_be_bytes(id.0), check: check(id) }
    }

    /// What is in one of two and not in the other. Also puts an id in, and takes it out again.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self { sum: self.sum ^ other.sum, check: self.check ^ other.check }
    }

    /// Whether it sums up to nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.sum == 0 && self.check == 0
    }

    /// The id in it, if it is a single one.
    #[must_use]
    pub const fn single(self) -> Option<ShortId> {
        let id = ShortId(self.sum.to_be_bytes());
        if check(id) == self.check { Some(id) } else { None }
    }
}

/// What an id counts for in a cell's check, under a salt that is the same everywhere.
#[must_use]
pub const fn check(id: ShortId) -> u32 {
    term(id, 0x7469_6469_6e67_7321)
}

/// The first cells of what a node shows to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells {
    /// How many ids it shows.
    pub of: u32,
    /// At most [`CELLS_MAX`].
    pub cells: Box<[Cell]>,
}

/// A question for as many cells as it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// How many ids who asks shows.
    pub of: u32,
    /// By how much the numbers of ids in its own cells, from the second on, are above what is to be expected of so many: from
    /// that follows how many differ. At most [`COUNTS_MAX`].
    pub counts: Box<[i32]>,
}
