//! A comparison by [sketch](super::sketch): what each of two peers says next. Nothing is remembered in between: each answer
//! follows from the question and from what is kept now, so that whoever changes its set, or vanishes, leaves nothing behind.
//!
//! 1. Whoever begins tells the [first few cells](begin). They are equal: the end. They come apart, since little differs: the end,
//!    too, and the other one knows what either lacks.
//! 2. Else it [says so](Next::Ask), with counts from which the one sees how much differs, and that one tells [as many
//!    cells](answer) as it takes.
//! 3. Where that is more than the ids themselves, or than a message holds, or doesn't come apart, they compare by spans.

use super::kept::View;
use super::sketch::decoder::decode;
use super::sketch::{Sketch, estimate};
use crate::ground::item::ShortId;
use crate::wire::digest::{LIST_MAX, Span};
use crate::wire::sketch::{CELLS_MAX, COUNTS_MAX, Cell, Cells, Want};

/// Least cells with which a comparison begins: 48 bytes, in which one or two ids that differ can be seen.
pub const FIRST: usize = 4;

/// Whoever tells more than so many cells was asked for them.
const FIRST_MAX: usize = 80;

/// Bytes of an id in a list, with its part of the sums that lead there and of the list's head.
const LISTED: usize = 10;

/// What is to be said to a peer's cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// This is what differs: nothing, mostly.
    Found {
        /// What the peer lacks.
        theirs: Vec<ShortId>,
        /// What we lack.
        ours: Vec<ShortId>,
    },
    /// The cells are too few.
    Ask(Want),
    /// Compare by spans.
    Spans,
}

/// Begins a comparison with so many cells; `None` if it had better be by spans.
#[must_use]
pub fn begin(view: &View<'_>, cells: usize) -> Option<Cells> {
    let is_short = view.ids(Span::ALL).nth(LIST_MAX).is_none();
    if is_short { None } else { view.sketch(cells.min(FIRST_MAX)).map(|sketch| told(&sketch)) }
}

/// Whether these were asked for.
#[must_use]
pub const fn is_answer(cells: &Cells) -> bool {
    cells.cells.len() > FIRST_MAX
}

/// What follows from a peer's cells.
#[must_use]
pub fn take(theirs: &Cells, view: &View<'_>) -> Next {
    let Some(ours) = view.sketch(theirs.cells.len()) else { return Next::Spans };
    let decoded = decode(ours.against(&theirs.cells));
    if decoded.is_whole {
        let (lacked, lacking) = decoded.ids.into_iter().partition(|id| view.shows(*id));
        return Next::Found { theirs: lacked, ours: lacking };
    }
    let [of, least] = [ours.len(), amount(theirs.of)].map(|len| len as f64);
    if is_answer(theirs) || !pays((of - least).abs(), ours.len().min(amount(theirs.of))) {
        return Next::Spans;
    }
    let Some(ours) = view.sketch(COUNTS_MAX + 1) else { return Next::Spans };
    Next::Ask(Want { of: number(ours.len()), counts: estimate::counts(&ours) })
}

/// The cells that a peer wants; `None` if the comparison had better go on by spans.
#[must_use]
pub fn answer(want: &Want, view: &View<'_>) -> Option<Cells> {
    let ours = view.sketch(COUNTS_MAX + 1)?;
    let difference = estimate::difference(&ours, want);
    let is_worth_it = pays(difference, ours.len().min(amount(want.of)));
    let cells = Some(estimate::cells_for(difference)).filter(|cells| *cells <= CELLS_MAX)?;
    if is_worth_it {
        view.sketch(cells.max(FIRST_MAX + 1)).map(|sketch| told(&sketch))
    } else {
        None
    }
}

/// Whether cells for so many ids that differ are shorter than a list of what the one has who has less.
fn pays(difference: f64, fewer: usize) -> bool {
    estimate::cells_for(difference).saturating_mul(Cell::LEN) <= fewer.saturating_mul(LISTED)
}

fn told(sketch: &Sketch) -> Cells {
    Cells { of: number(sketch.len()), cells: sketch.told() }
}

fn number(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn amount(of: u32) -> usize {
    usize::try_from(of).unwrap_or(usize::MAX)
}
