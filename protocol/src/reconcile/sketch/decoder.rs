//! Takes cells of a difference apart.

use super::places::Places;
use crate::ground::item::ShortId;
use crate::wire::sketch::Cell;

/// What became of some cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The ids that were found, in order. All that differ if `is_whole`; else what could be told apart.
    pub ids: Vec<ShortId>,
    /// Whether nothing is left over.
    pub is_whole: bool,
}

/// Takes the first cells of a difference apart: a cell with a single id shows it, and without it others may have a single one.
///
/// Ends after as many ids as there are cells, since no more can be in them: cells that were made up may go round in circles.
#[must_use]
pub fn decode(mut cells: Vec<Cell>) -> Decoded {
    let (count, mut ids) = (cells.len(), Vec::new());
    let mut todo: Vec<usize> = (0..count).collect();
    while let Some(place) = todo.pop() {
        let cell = cells[place];
        if cell.is_zero() {
            continue;
        }
        let Some(id) = cell.single() else { continue };
        if ids.len() == count || Places::of(id).find(|at| *at >= place) != Some(place) {
            continue;
        }
        ids.push(id);
        let one = Cell::of(id);
        for at in Places::of(id).take_while(|at| *at < count) {
            cells[at] = cells[at].without(one);
            todo.push(at);
        }
    }
    ids.sort_unstable();
    let found = ids.len();
    ids.dedup();
    let is_whole = cells.iter().all(|cell| cell.is_zero()) && ids.len() == found;
    Decoded { ids, is_whole }
}
