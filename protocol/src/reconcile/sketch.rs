//! A rateless sketch of a set: two peers find out in what they differ at the cost of the difference, however much they share
//! (Yang, Gilad, Alizadeh: Practical Rateless Set Reconciliation, SIGCOMM 2024).
//!
//! Each id is in an endless sequence of cells: in the first one, and in the one at place *i* with probability 1 / (1 + i/2)
//! (`sketch/places.rs`). A cell is the sum of its ids. From one node's cells another takes away its own: what is left are cells of the
//! difference alone, and some 1.35 of them for each id that differs are enough to [take them apart](decoder). Who tells
//! needn't know how large the difference is: each cell more is worth as much as the one before.
//!
//! # One sketch for all peers
//! The cells are public: they hang on the ids alone, with no salt of the link's. So they are kept up as ids come and go, for
//! some 0.2 µs each, and serve every peer; with a salt each comparison would cost a pass over everything (0.5 s for a
//! million). What somebody could make of that, who makes ids at will (each is the hash of a transaction that a node takes):
//! - *two ids in the same cells* (some 2^25 hashes): while one end lacks both they can't be told apart. All others are taken
//!   apart even so, and what is left over has the peers compare by salted sums of spans;
//! - *ids that sum up to nothing* in the first cells (four hundred, by elimination): an end that lacks just these looks equal. So
//!   each eighth comparison of a link begins with salted sums;
//! - *ids that sum up to another id*: it is asked for, as any id that is announced, and nobody has it.
//!
//! Each of these concerns ids that one of two honest ends lacks, and everybody is told of every id: it costs whoever tries
//! some bytes of ours, for as long as they travel.
//!
//! *Attack*: cells that never come apart. Taking them apart ends after as many steps as there are cells, and whoever sent them
//! is charged for each.

pub mod decoder;
pub mod estimate;
mod places;

use crate::ground::item::ShortId;
use crate::wire::sketch::Cell;
use places::Places;

/// The first cells of the sketch of a set, 16 bytes each. Bounded by whoever makes it: their number never changes.
#[derive(Clone, Debug, Default)]
pub struct Sketch {
    cells: Vec<Counted>,
    /// How many ids are in it.
    len: usize,
}

/// A cell, and how many ids are in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    cell: Cell,
    /// Modulo 2^32.
    count: u32,
}

impl Sketch {
    /// So many cells of some ids.
    #[must_use]
    pub fn of(ids: impl Iterator<Item = ShortId>, cells: usize) -> Self {
        let mut sketch = Self { cells: vec![Counted::default(); cells], len: 0 };
        ids.for_each(|id| sketch.insert(id));
        sketch
    }

    /// Puts an id in that isn't there.
    pub fn insert(&mut self, id: ShortId) {
        self.len += 1;
        self.change(id, 1);
    }

    /// Takes an id out that is there.
    pub fn remove(&mut self, id: ShortId) {
        self.len -= 1;
        self.change(id, u32::MAX);
    }

    fn change(&mut self, id: ShortId, by: u32) {
        let one = Cell::of(id);
        for place in Places::of(id) {
            let Some(counted) = self.cells.get_mut(place) else { break };
            counted.cell = counted.cell.without(one);
            counted.count = counted.count.wrapping_add(by);
        }
    }

    /// How many ids are in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it is the sketch of nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many cells there are.
    #[must_use]
    pub const fn cells(&self) -> usize {
        self.cells.len()
    }

    /// The first of them, as a sketch.
    #[must_use]
    pub fn first(&self, cells: usize) -> Self {
        Self { cells: self.cells[..cells.min(self.cells.len())].into(), len: self.len }
    }

    /// The cells, to be told.
    #[must_use]
    pub fn told(&self) -> Box<[Cell]> {
        self.cells.iter().map(|counted| counted.cell).collect()
    }

    /// What is left of a peer's cells without ours: cells of the difference. As many as both have.
    #[must_use]
    pub fn against(&self, theirs: &[Cell]) -> Vec<Cell> {
        self.cells.iter().zip(theirs).map(|(ours, theirs)| ours.cell.without(*theirs)).collect()
    }
}

#[cfg(test)]
mod tests;
