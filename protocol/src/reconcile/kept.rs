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
use crate::wire::digest::{
    Digest, FAN, LIST_MAX, LISTED_MAX, LISTS_MAX, List, SPLITS_MAX, Span, Split, term,
};
use crate::wire::sketch::CELLS_MAX;

/// Most ids in a run: 4 KiB. A guess.
const RUN_MAX: usize = 256;

/// To find a span takes as long as to look at so many ids. A guess.
const FINDING: usize = 64;

/// Once so many ids have been looked at, an answer begins with no further span: about a millisecond's work. The next
/// question finds equal what was told of this one. A guess.
const LOOKED_MAX: usize = 250_000;

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

/// What a peer is told of some spans: of each a list if it holds little, its sums if it holds much.
#[derive(Debug)]
pub struct Telling {
    salt: u64,
    splits: Vec<Split>,
    lists: Vec<List>,
    listed: usize,
    is_cut: bool,
}

impl Telling {
    /// Begins a comparison: tells of everything.
    #[must_use]
    pub fn begin(view: &View<'_>, salt: u64) -> Self {
        let mut telling = Self::new(salt);
        telling.tell(view, Span::ALL);
        telling
    }

    /// Tells of the spans in which a peer's sums are others, beginning with one of its splits, whichever: what is too
    /// much for one answer isn't always the same.
    #[must_use]
    pub fn answer(theirs: &Digest, view: &View<'_>, first: usize) -> Self {
        let mut telling = Self::new(theirs.salt);
        let count = theirs.splits.len();
        for place in (0..count).map(|place| (place + first % count) % count) {
            let theirs = theirs.splits[place];
            let ours = view.split(theirs.span, telling.salt);
            for (index, child) in theirs.span.children().enumerate() {
                if ours.sums[index] != theirs.sums[index] {
                    telling.tell(view, child);
                }
            }
        }
        telling.splits.sort_unstable_by_key(|split| split.span.first());
        telling.lists.sort_unstable_by_key(|list| list.span.first());
        telling
    }

    const fn new(salt: u64) -> Self {
        Self { salt, splits: Vec::new(), lists: Vec::new(), listed: 0, is_cut: false }
    }

    fn tell(&mut self, view: &View<'_>, span: Span) {
        let is_begun = !self.splits.is_empty() || !self.lists.is_empty();
        let is_full = self.splits.len() >= SPLITS_MAX
            || self.lists.len() >= LISTS_MAX
            || self.listed + LIST_MAX > LISTED_MAX
            || is_begun && view.looked_at() >= LOOKED_MAX;
        if is_full {
            self.is_cut = true;
        } else if let Some(list) = view.list(span) {
            self.listed += list.ids.len();
            self.lists.push(list);
        } else {
            self.splits.push(view.split(span, self.salt));
        }
    }

    /// Whether there was more to tell than one answer holds.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The lists, of which there may be none.
    #[must_use]
    pub fn lists(&self) -> &[List] {
        &self.lists
    }

    /// What to send: a digest, and lists, if there are any.
    #[must_use]
    pub fn finish(self) -> (Option<Digest>, Option<Box<[List]>>) {
        let Self { salt, splits, lists, .. } = self;
        let digest = (!splits.is_empty()).then(|| Digest { salt, splits: splits.into() });
        (digest, (!lists.is_empty()).then(|| lists.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::item::{Hash256, ItemId};
    use crate::wire::digest::are_in_order;

    fn id(n: u32) -> ShortId {
        ItemId::tx(Hash256::of(&n.to_le_bytes())).into()
    }

    fn ids(range: std::ops::Range<u32>) -> Kept {
        keeping(range.map(|n| (id(n), FeeRate(u64::from(n)))))
    }

    fn keeping(ids: impl Iterator<Item = (ShortId, FeeRate)>) -> Kept {
        let mut kept = Kept::default();
        ids.for_each(|(id, rate)| kept.insert(id, rate));
        kept
    }

    fn view(kept: &Kept) -> View<'_> {
        View::new(kept, Vec::new(), FeeRate::ZERO)
    }

    /// What two nodes learn of one another, and how many bytes and messages that takes: each of the two is what one
    /// holds and the other doesn't.
    fn compared(one: &Kept, other: &Kept) -> (usize, usize, usize) {
        let views = [view(one), view(other)];
        let (mut found, mut listed, mut messages) = (0, 0, 0);
        let mut said = Telling::begin(&views[0], 7);
        for turn in 1.. {
            assert!(!said.is_cut());
            let (digest, lists) = said.finish();
            messages += usize::from(digest.is_some()) + usize::from(lists.is_some());
            for list in lists.iter().flatten() {
                let ours: Vec<_> = views[turn % 2].ids(list.span).collect();
                found += ours.iter().filter(|id| !list.ids.contains(id)).count();
                found += list.ids.iter().filter(|id| !ours.contains(id)).count();
                listed += list.ids.len();
            }
            let Some(digest) = digest else { break };
            said = Telling::answer(&digest, &views[turn % 2], turn);
            assert!(are_in_order(said.splits.iter().map(|split| split.span)));
            assert!(are_in_order(said.lists.iter().map(|list| list.span)));
        }
        (found, listed, messages)
    }

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
    fn every_difference_is_found_and_equal_sets_are_told_by_one_message() {
        assert_eq!(compared(&ids(0..5_000), &ids(0..5_000)), (0, 0, 1));
        assert_eq!(compared(&ids(0..1_000), &ids(10..1_010)).0, 20);
        assert_eq!(compared(&ids(0..10), &ids(0..20)), (10, 10, 1), "a list says it at once");
        assert_eq!(compared(&ids(0..2_000), &ids(0..0)), (2_000, 0, 2));
    }

    #[test]
    fn a_few_differences_in_many_cost_a_few_lists() {
        let (found, listed, messages) = compared(&ids(0..50_000), &ids(3..50_000));
        assert_eq!(found, 3);
        assert!(listed <= 3 * LIST_MAX && messages <= 5, "{listed} ids in {messages} messages");
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

    #[test]
    fn a_digest_holds_what_it_was_made_of_and_little_else() {
        let whole = ids(0..1_000);
        let digest = Digest { salt: 7, splits: [view(&whole).split(Span::ALL, 7)].into() };
        let answers = |kept: &Kept| {
            let (digest, lists) = Telling::answer(&digest, &view(kept), 0).finish();
            digest.is_some() || lists.is_some()
        };
        assert!(!answers(&whole));
        for n in 0..1_000 {
            let mut other = ids(0..1_000 + n % 2);
            other.remove(id(n));
            assert!(answers(&other), "without {n}");
        }
    }

    #[test]
    fn an_empty_digest_holds_nothing() {
        let (none, all) = (Kept::default(), ids(0..1_000));
        let (none, all) = (view(&none), view(&all));
        assert_eq!(none.split(Span::ALL, 7).sums, [0; FAN]);
        let digest = Digest { salt: 7, splits: [none.split(Span::ALL, 7)].into() };
        assert!(Telling::answer(&digest, &none, 0).finish().0.is_none());
        assert_eq!(Telling::answer(&digest, &all, 0).splits.len(), FAN, "all of it is lacked");
    }

    #[test]
    fn too_much_for_one_answer_is_cut_off_and_not_always_at_the_same_place() {
        let (all, none) = (ids(0..60_000), Kept::default());
        let (all, none) = (view(&all), view(&none));
        let children = Span::ALL.children().flat_map(Span::children);
        let digest = Digest { salt: 7, splits: children.map(|span| none.split(span, 7)).collect() };
        let [one, other] = [0, 100].map(|first| Telling::answer(&digest, &all, first));
        assert!(one.is_cut() && one.listed + LIST_MAX > LISTED_MAX);
        let begins = |telling: &Telling| telling.lists.first().map(|list| list.span.first());
        assert_ne!(begins(&one), begins(&other));
    }

    #[test]
    fn whoever_asks_is_told_how_many_ids_that_made_us_look_at() {
        let all = ids(0..1_000);
        let view = view(&all);
        let _ = Telling::begin(&view, 7);
        assert_eq!(view.looked_at(), 1_000 + LIST_MAX + 1 + 2 * FINDING);
    }

    #[test]
    fn an_answer_looks_at_so_many_ids_and_the_next_one_goes_on() {
        let kept = ids(0..140_000);
        assert!(kept.len() < LOOKED_MAX && 2 * kept.len() > LOOKED_MAX);
        let ours = view(&kept).split(Span::ALL, 7).sums;
        let mut theirs = ours.map(|sum| sum.wrapping_add(1));
        let ask = |sums| {
            let splits = [Split { span: Span::ALL, sums }].into();
            Telling::answer(&Digest { salt: 7, splits }, &view(&kept), 0)
        };
        let first = ask(theirs);
        assert!(first.is_cut() && (1..FAN).contains(&first.splits.len()));
        theirs[..first.splits.len()].copy_from_slice(&ours[..first.splits.len()]);
        let second = ask(theirs);
        assert_eq!(first.splits.len() + second.splits.len(), FAN);
        assert!(!second.is_cut());
    }
}
