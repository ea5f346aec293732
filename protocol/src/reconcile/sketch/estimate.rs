//! How large a difference is, from the numbers of ids in the first cells.

use super::Sketch;
use crate::wire::sketch::{COUNTS_MAX, Want};

/// Cells asked for, for each id that is thought to differ: 1.35 to 1.4 are needed, and the estimate is too low by a fifth once in
/// eighty times.
const CELLS_PER_ID: f64 = 1.7;

/// Cells asked for besides: few ids need up to 1.72 for each (Yang et al. 2024, §5), and now and then more.
const CELLS_BESIDES: f64 = 12.0;

/// By how much a sketch's counts are above what is to be expected, from the second cell on.
#[must_use]
pub fn counts(sketch: &Sketch) -> Box<[i32]> {
    let cells = sketch.cells.iter().enumerate().skip(1).take(COUNTS_MAX);
    cells.map(|(place, counted)| above(counted.count, expected(sketch.len, place))).collect()
}

/// How many ids are at a place if all goes as it should: what both ends take away from their counts, so that they are short.
fn expected(ids: usize, place: usize) -> u32 {
    u32::try_from(2 * ids / (place + 2)).unwrap_or(u32::MAX)
}

const fn above(count: u32, expected: u32) -> i32 {
    count.wrapping_sub(expected).cast_signed()
}

/// How many ids are thought to differ between a sketch and the set of who asks.
///
/// The count of a cell differs by as many as are in it of what the one has, less what the other has: nothing in the mean, but
/// for what all of them differ by; and squared, the variance of as many draws as ids differ.
#[must_use]
pub fn difference(ours: &Sketch, theirs: &Want) -> f64 {
    let more = ours.len as f64 - f64::from(theirs.of);
    let their_len = usize::try_from(theirs.of).unwrap_or(usize::MAX);
    let cells = ours.cells.iter().enumerate().skip(1).zip(&theirs.counts);
    let squares = cells.map(|((place, counted), theirs)| {
        let theirs = expected(their_len, place).wrapping_add_signed(*theirs);
        let rate = 2.0 / (place as f64 + 2.0);
        let off = f64::from(above(counted.count, theirs)) - more * rate;
        off * off / (rate * (1.0 - rate))
    });
    let (sum, count) = squares.fold((0.0, 0.0), |(sum, count), square| (sum + square, count + 1.0));
    let mean = if count > 0.0 { sum / count } else { 0.0 };
    mean.max(more.abs())
}

/// How many cells tell of such a difference, most probably.
#[must_use]
pub fn cells_for(difference: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "what is too much saturates")]
    {
        CELLS_PER_ID.mul_add(difference, CELLS_BESIDES).ceil() as usize
    }
}
