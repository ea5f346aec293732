//! What a node says of spans of what it keeps: sums of what is long, lists of what is short.

use super::kept::View;
use crate::ground::item::ShortId;
use crate::wire::digest::{Digest, LIST_MAX, LISTED_MAX, LISTS_MAX, List, SPLITS_MAX, Span, Split};

/// Once so many ids have been looked at, an answer begins with no further span: about a millisecond's work. The next
/// question finds equal what was told of this one. A guess.
const LOOKED_MAX: usize = 250_000;

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

    /// Lists of the least spans with some ids that are shown: as many as one answer holds, and always some.
    #[must_use]
    pub fn lists_of(view: &View<'_>, ids: &mut [ShortId]) -> Self {
        ids.sort_unstable();
        let mut telling = Self::new(0);
        for id in ids {
            if telling.lists.last().is_some_and(|list: &List| list.span.contains(*id)) {
                continue;
            }
            let mut span = Span::ALL;
            while !telling.is_cut && view.is_long(span) {
                let child = span.children().nth(span.child_of(*id));
                let Some(child) = child else { break };
                span = child;
            }
            telling.tell(view, span);
        }
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

    /// Whether there is nothing to tell: nothing differs.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.splits.is_empty() && self.lists.is_empty()
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
    use crate::reconcile::kept::tests::{id, ids, view};
    use crate::reconcile::kept::{FINDING, Kept};
    use crate::wire::digest::{FAN, are_in_order};

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
    fn lists_of_some_ids_hold_them_and_what_is_near() {
        let all = ids(0..5_000);
        let mut some: Vec<_> = (100..300).map(id).collect();
        let telling = Telling::lists_of(&view(&all), &mut some);
        assert!(telling.splits.is_empty() && !telling.is_cut());
        assert!(are_in_order(telling.lists.iter().map(|list| list.span)));
        assert!(some.iter().all(|id| telling.lists.iter().any(|list| list.ids.contains(id))));
        let mut most: Vec<_> = (0..5_000).map(id).collect();
        let telling = Telling::lists_of(&view(&all), &mut most);
        assert!(telling.is_cut() && telling.listed > LISTED_MAX - LIST_MAX);
        assert!(telling.lists.len() <= LISTS_MAX);
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
