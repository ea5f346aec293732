//! The transactions that a node keeps, as it shows them to one peer: sums over spans of their short ids, and lists.
//!
//! An id takes 1 to 2 ns to look at where they lie in order one behind the other; in a tree it took a hundred. So they
//! do, and what comes and goes is put in order when somebody asks. Sums are made when they are wanted and kept nowhere:
//! with a salt of the peer's they can't be had before. How many ids that made us look at is told as
//! [`View::looked_at`], and charged to whoever asked.

use std::cell::Cell;

use crate::ground::fee::FeeRate;
use crate::ground::item::ShortId;
use crate::wire::digest::{
    Digest, FAN, LIST_MAX, LISTED_MAX, LISTS_MAX, List, SPLITS_MAX, Span, Split, term,
};

/// So many changes wait for a question; then they are put in order all the same, if they are many for what is
/// kept.
const CHANGES: usize = 1_024;

/// What a node keeps, each with what it pays. Bounded by the pool.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// In order; ids as numbers, which are compared in one step.
    ids: Vec<(u64, FeeRate)>,
    /// What came (with what it pays) and went since, in that order.
    changes: Vec<(u64, Option<FeeRate>)>,
}

impl Kept {
    /// One came.
    pub fn insert(&mut self, id: ShortId, rate: FeeRate) {
        self.change(id, Some(rate));
    }

    /// One went, if it was there.
    pub fn remove(&mut self, id: ShortId) {
        self.change(id, None);
    }

    /// Puts in order what came and went. Until then it isn't shown, or still is.
    pub fn settle(&mut self) {
        let mut changes = std::mem::take(&mut self.changes);
        if changes.is_empty() {
            return;
        }
        changes.reverse();
        changes.sort_by_key(|(id, _)| *id); // of one id, the last change is the first now
        changes.dedup_by_key(|(id, _)| *id);
        let mut changed = changes.iter().map(|(id, _)| *id).peekable();
        self.ids.retain(|(id, _)| {
            while changed.next_if(|changed| changed < id).is_some() {}
            changed.peek() != Some(id)
        });
        self.ids.extend(changes.into_iter().filter_map(|(id, rate)| Some((id, rate?))));
        self.ids.sort_by_key(|(id, _)| *id); // two runs: it merges them
        if self.ids.is_empty() {
            self.ids = Vec::new();
        }
    }

    /// How many there are, when they are in order.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ids.len()
    }

    /// No more than so many there are, in order or not.
    #[must_use]
    pub const fn at_most(&self) -> usize {
        self.ids.len() + self.changes.len()
    }

    /// Whether there are none, when they are in order.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    fn change(&mut self, id: ShortId, rate: Option<FeeRate>) {
        self.changes.push((number(id), rate));
        if self.changes.len() > CHANGES.max(self.ids.len()) {
            self.settle();
        }
    }

    fn place(&self, id: ShortId) -> usize {
        self.ids.partition_point(|(other, _)| *other < number(id))
    }
}

const fn number(id: ShortId) -> u64 {
    u64::from_be_bytes(id.0)
}

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
        let start = self.kept.place(start).clamp(first, last);
        self.between(start, last).chain(self.between(first, start))
    }

    fn places(&self, span: Span) -> (usize, usize) {
        let ids = &self.kept.ids;
        (self.kept.place(span.first()), ids.partition_point(|(id, _)| *id <= number(span.last())))
    }

    fn between(&self, first: usize, last: usize) -> impl Iterator<Item = ShortId> {
        let kept = self.kept.ids[first..last].iter();
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

    /// How many ids were looked at so far.
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
        let is_full = self.splits.len() >= SPLITS_MAX
            || self.lists.len() >= LISTS_MAX
            || self.listed + LIST_MAX > LISTED_MAX;
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
        kept.settle();
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
                kept.settle();
                assert!(
                    kept.ids
                        .iter()
                        .copied()
                        .eq(model.iter().map(|(id, rate)| (number(*id), *rate)))
                );
            }
            assert!(kept.changes.len() <= CHANGES.max(kept.len()));
        }
        (0..1_500).for_each(|n| kept.remove(id(n)));
        kept.settle();
        assert!(kept.is_empty() && kept.ids.capacity() == 0);
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
            other.settle();
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
        assert_eq!(view.looked_at(), 1_000 + LIST_MAX + 1);
    }
}
