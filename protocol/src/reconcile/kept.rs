//! The transactions that a node keeps, as it shows them to one peer: sums over spans of their short ids, and lists.
//!
//! An id takes 1 to 2 ns to look at where they lie in order one behind the other; in a tree it took a hundred. So they
//! lie in runs of a few hundred: one that comes or goes moves half a run at most, and no question finds work that others left.
//! Sums are made when they are wanted and kept nowhere: with a salt of the peer's they can't be had before. How many ids
//! that made us look at is told as [`View::looked_at`], and charged to whoever asked.
//!
//! A [sketch](super::sketch) of all of them is kept where there are many, and where there are few it is made when it is wanted.

use std::cell::Cell;

use super::sketch::Sketch;
use crate::ground::fee::FeeRate;
use crate::ground::item::ShortId;
use crate::wire::digest::{FAN, LIST_MAX, List, Span, Split, term};
use crate::wire::sketch::CELLS_MAX;

/// Most ids in a run: 4 KiB. A guess.
const RUN_MAX: usize = 256;

/// To find a span takes as long as to look at so many ids. A guess.
pub(super) const FINDING: usize = 64;

/// From so many ids on their sketch is kept up, 64 KiB. To make one of fewer takes less than half a millisecond. A guess.
const SKETCHED_FROM: usize = 4_096;

/// To put an id into a sketch, or to take it out, takes as long as to look at so many.
const SKETCHING: usize = 64;

/// What a node keeps, each with what it pays. Bounded by the pool.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// In order, none empty.
    runs: Vec<Run>,
    len: usize,
    /// Of all of them, if there were ever [`SKETCHED_FROM`] since there were none.
    sketch: Option<Box<Sketch>>,
}

/// Ids that follow one another.
#[derive(Clone, Debug)]
struct Run {
    /// The first of them, or one that was.
    from: u64,
    /// What each of them pays, or more.
    least: FeeRate,
    /// In order; ids as numbers, which are compared in one step.
    ids: Vec<(u64, FeeRate)>,
}

impl Run {
    /// The place of an id, or where it belongs.
    fn find(&self, id: u64) -> Result<usize, usize> {
        self.ids.binary_search_by_key(&id, |(other, _)| *other)
    }

    /// What is in order, and not empty.
    fn of(ids: Vec<(u64, FeeRate)>) -> Self {
        let least = ids.iter().map(|(_, rate)| *rate).min().unwrap_or(FeeRate::ZERO);
        Self { from: ids[0].0, least, ids }
    }
}

/// A place between two ids: in which run, and before which of its ids.
type Place = (usize, usize);

impl Kept {
    /// One came.
    pub fn insert(&mut self, id: ShortId, rate: FeeRate) {
        if !self.put(number(id), rate) {
            return;
        }
        self.len += 1;
        match &mut self.sketch {
            Some(sketch) => sketch.insert(id),
            None if self.len >= SKETCHED_FROM => {
                self.sketch = Some(Box::new(Sketch::of(self.all(), CELLS_MAX)));
            }
            None => {}
        }
    }

    /// True if it wasn't there.
    fn put(&mut self, id: u64, rate: FeeRate) -> bool {
        let at = self.run_of(id);
        let Some(run) = self.runs.get_mut(at) else {
            self.runs.reserve_exact(1);
            self.runs.push(Run { from: id, least: rate, ids: vec![(id, rate)] });
            return true;
        };
        run.least = run.least.min(rate);
        match run.find(id) {
            Ok(place) => {
                run.ids[place].1 = rate;
                return false;
            }
            Err(place) => run.ids.insert(place, (id, rate)),
        }
        run.from = run.from.min(id);
        if run.ids.len() > RUN_MAX {
            let ids = run.ids.split_off(RUN_MAX / 2);
            self.runs.insert(at + 1, Run::of(ids));
        }
        true
    }

    /// One went, if it was there.
    pub fn remove(&mut self, id: ShortId) {
        let at = self.run_of(number(id));
        let Some(run) = self.runs.get_mut(at) else { return };
        let Ok(place) = run.find(number(id)) else { return };
        run.ids.remove(place);
        self.len -= 1;
        if self.len == 0 {
            *self = Self::default();
        } else {
            self.join(at.saturating_sub(1));
            self.join(at);
            if let Some(sketch) = &mut self.sketch {
                sketch.remove(id);
            }
        }
    }

    /// All of them, in order.
    fn all(&self) -> impl Iterator<Item = ShortId> {
        self.runs.iter().flat_map(|run| &run.ids).map(|(id, _)| ShortId(id.to_be_bytes()))
    }

    /// Whether one is kept.
    #[must_use]
    pub fn contains(&self, id: ShortId) -> bool {
        let run = self.runs.get(self.run_of(number(id)));
        run.is_some_and(|run| run.find(number(id)).is_ok())
    }

    /// Makes one of a run and the next if both are short, or one is empty.
    fn join(&mut self, at: usize) {
        let Some([run, next]) = self.runs.get_mut(at..at + 2) else { return };
        if run.ids.len() + next.ids.len() <= RUN_MAX / 2
            || run.ids.is_empty()
            || next.ids.is_empty()
        {
            run.ids.append(&mut next.ids);
            run.least = run.least.min(next.least);
            self.runs.remove(at + 1);
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads what finding one of few will, see `node/warm.rs`.
    pub(crate) fn warm(&self) -> u64 {
        let first = self.runs.first();
        first.map_or(0, |run| run.from ^ run.ids.first().map_or(0, |(id, _)| *id))
    }

    /// The run that an id is in or belongs to, if there is any.
    fn run_of(&self, id: u64) -> usize {
        self.runs.partition_point(|run| run.from <= id).saturating_sub(1)
    }

    /// The place before the first id that isn't `before`.
    fn place(&self, before: impl Fn(u64) -> bool) -> Place {
        let at = self.runs.partition_point(|run| before(run.from)).saturating_sub(1);
        let run = self.runs.get(at);
        (at, run.map_or(0, |run| run.ids.partition_point(|(id, _)| before(*id))))
    }

    /// What lies between two places.
    fn between(&self, first: Place, last: Place) -> impl Iterator<Item = &(u64, FeeRate)> {
        let runs = self.runs.get(first.0..=last.0).unwrap_or_default();
        runs.iter().zip(first.0..).flat_map(move |(run, at)| {
            let begin = if at == first.0 { first.1 } else { 0 };
            let end = if at == last.0 { last.1 } else { run.ids.len() };
            &run.ids[begin..end]
        })
    }
}

const fn number(id: ShortId) -> u64 {
    u64::from_be_bytes(id.0)
}

/// Most ids that are taken out of the kept sketch for a peer: a millisecond's work. A guess.
const UNSHOWN_MAX: usize = 4_096;

/// What a node keeps, but for what is hidden from a peer.
#[derive(Debug)]
pub struct View<'a> {
    kept: &'a Kept,
    /// In order; some of them perhaps not kept.
    hidden: Vec<ShortId>,
    /// What pays less isn't shown: one of the two doesn't take it.
    least: FeeRate,
    looked_at: Cell<usize>,
}

impl<'a> View<'a> {
    /// A view without what is hidden.
    #[must_use]
    pub fn new(kept: &'a Kept, mut hidden: Vec<ShortId>, least: FeeRate) -> Self {
        hidden.sort_unstable();
        hidden.dedup();
        let looked_at = Cell::new(hidden.len());
        Self { kept, hidden, least, looked_at }
    }

    /// What is shown of a span, in order.
    pub fn ids(&self, span: Span) -> impl Iterator<Item = ShortId> {
        let (first, last) = self.places(span);
        self.between(first, last)
    }

    /// The same, beginning somewhere in the middle.
    pub fn ids_from(&self, span: Span, start: ShortId) -> impl Iterator<Item = ShortId> {
        let (first, last) = self.places(span);
        let start = self.kept.place(|id| id < number(start)).clamp(first, last);
        self.between(start, last).chain(self.between(first, start))
    }

    fn places(&self, span: Span) -> (Place, Place) {
        self.looked_at.set(self.looked_at.get() + FINDING);
        let (first, last) = (number(span.first()), number(span.last()));
        (self.kept.place(|id| id < first), self.kept.place(|id| id <= last))
    }

    fn between(&self, first: Place, last: Place) -> impl Iterator<Item = ShortId> {
        let kept = self.kept.between(first, last);
        let kept = kept.inspect(|_| self.looked_at.set(self.looked_at.get() + 1));
        let kept = kept.filter(|(_, rate)| *rate >= self.least);
        kept.map(|(id, _)| ShortId(id.to_be_bytes())).filter(|id| !self.is_hidden(*id))
    }

    fn is_hidden(&self, id: ShortId) -> bool {
        !self.hidden.is_empty() && self.hidden.binary_search(&id).is_ok()
    }

    /// The sums of the parts of a span.
    #[must_use]
    pub fn split(&self, span: Span, salt: u64) -> Split {
        let mut sums = [0_u32; FAN];
        for id in self.ids(span) {
            let sum = &mut sums[span.child_of(id)];
            *sum = sum.wrapping_add(term(id, salt));
        }
        Split { span, sums }
    }

    /// Whether a span holds more than a list does, told by what is kept of it.
    #[must_use]
    pub fn is_long(&self, span: Span) -> bool {
        let (first, last) = self.places(span);
        self.kept.between(first, last).nth(LIST_MAX).is_some()
    }

    /// A span as a list, if it is short enough.
    #[must_use]
    pub fn list(&self, span: Span) -> Option<List> {
        let ids: Vec<_> = self.ids(span).take(LIST_MAX + 1).collect();
        (ids.len() <= LIST_MAX).then(|| List { span, ids: ids.into() })
    }

    /// So many cells of the sketch of what is shown; `None` if that is more work than a comparison is worth: of many ids a
    /// part isn't shown that is more than a few.
    #[must_use]
    pub fn sketch(&self, cells: usize) -> Option<Sketch> {
        let Some(whole) = self.kept.sketch.as_deref().filter(|kept| cells <= kept.cells()) else {
            if self.kept.len() > SKETCHED_FROM {
                return None;
            }
            self.look(self.kept.len() * SKETCHING);
            return Some(Sketch::of(self.ids(Span::ALL), cells));
        };
        let mut sketch = whole.first(cells);
        let unshown: Vec<_> = self.unshown().take(UNSHOWN_MAX + 1).collect();
        self.look(cells + unshown.len() * SKETCHING);
        unshown.iter().for_each(|id| sketch.remove(*id));
        (unshown.len() <= UNSHOWN_MAX).then_some(sketch)
    }

    /// What is kept and not shown.
    fn unshown(&self) -> impl Iterator<Item = ShortId> {
        let low = self.kept.runs.iter().filter(|run| run.least < self.least);
        let low = low.inspect(|run| self.look(run.ids.len())).flat_map(|run| &run.ids);
        let low = low.filter(|(_, rate)| *rate < self.least);
        let low = low.map(|(id, _)| ShortId(id.to_be_bytes())).filter(|id| !self.is_hidden(*id));
        low.chain(self.hidden.iter().copied().filter(|id| self.kept.contains(*id)))
    }

    /// Whether an id is shown.
    #[must_use]
    pub fn shows(&self, id: ShortId) -> bool {
        let place = (self.kept.run_of(number(id)), number(id));
        let run = self.kept.runs.get(place.0);
        let found = run.and_then(|run| run.find(place.1).ok().map(|at| run.ids[at].1));
        found.is_some_and(|rate| rate >= self.least) && !self.is_hidden(id)
    }

    fn look(&self, at: usize) {
        self.looked_at.set(self.looked_at.get() + at);
    }

    /// How many ids were looked at so far, with what it took to find them.
    #[must_use]
    pub const fn looked_at(&self) -> usize {
        self.looked_at.get()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::ground::item::{Hash256, ItemId};

    pub(crate) fn id(n: u32) -> ShortId {
        ItemId::tx(Hash256::of(&n.to_le_bytes())).into()
    }

    pub(crate) fn ids(range: std::ops::Range<u32>) -> Kept {
        keeping(range.map(|n| (id(n), FeeRate(u64::from(n)))))
    }

    fn keeping(ids: impl Iterator<Item = (ShortId, FeeRate)>) -> Kept {
        let mut kept = Kept::default();
        ids.for_each(|(id, rate)| kept.insert(id, rate));
        kept
    }

    pub(crate) fn view(kept: &Kept) -> View<'_> {
        View::new(kept, Vec::new(), FeeRate::ZERO)
    }

    /// What two nodes learn of one another, and how many bytes and messages that takes: each of the two is what one
    /// holds and the other doesn't.
    #[test]
    fn what_is_kept_is_what_came_and_did_not_go() {
        let (mut kept, mut model) = (Kept::default(), std::collections::BTreeMap::new());
        for n in 0..20_000_u32 {
            // Each comes several times, and goes as often or once less.
            let (key, rate) = (id(n * 7 % 1_500), FeeRate(u64::from(n)));
            if n % 5 < 3 {
                kept.insert(key, rate);
                model.insert(key, rate);
            } else {
                kept.remove(key);
                model.remove(&key);
            }
            if n % 997 == 0 {
                let all = kept.runs.iter().flat_map(|run| run.ids.iter().copied());
                assert!(all.eq(model.iter().map(|(id, rate)| (number(*id), *rate))));
                assert_eq!(kept.len(), model.len());
            }
            let [len, runs] = [kept.len(), kept.runs.len()];
            assert!(runs <= 1 + 4 * len / RUN_MAX, "{runs} runs of {len}");
            assert!(kept.runs.iter().all(|run| (1..=RUN_MAX).contains(&run.ids.len())));
        }
        (0..1_500).for_each(|n| kept.remove(id(n)));
        assert!(kept.is_empty() && kept.runs.capacity() == 0);
    }

    #[test]
    fn what_is_hidden_is_neither_in_sums_nor_in_lists() {
        let (all, shown) = (ids(0..1_000), ids(5..1_000));
        let hidden: Vec<_> = (0..5).map(id).collect();
        let (full, few) = (View::new(&all, hidden, FeeRate::ZERO), view(&shown));
        let paying = View::new(&all, Vec::new(), FeeRate(5));
        assert_eq!(full.split(Span::ALL, 7), paying.split(Span::ALL, 7));
        assert_eq!(full.split(Span::ALL, 7), few.split(Span::ALL, 7));
        assert!(full.ids(Span::ALL).eq(few.ids(Span::ALL)));
    }
}
