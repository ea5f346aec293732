//! What is told of a tree, and found out of what a peer tells.

use crate::wire::digest::{FAN, Span};
use crate::wire::merkle::{
    Comparison, Entry, Holds, LIST_MAX, LISTED_MAX, LISTS_MAX, Part, SPLITS_MAX, short,
};

use super::Tree;

/// Most differences that are told for one message. A guess: what is sent for them takes longer than to find them.
pub const DIFFERENCES_MAX: usize = 1_024;

/// What follows from a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// What to say to the peer. `None`: everything is compared, up to the last place. Not to say it ends the comparison, and
    /// saying it later goes on.
    pub reply: Option<Comparison>,
    /// Where the two maps differ, in order: at most [`DIFFERENCES_MAX`]. The peer isn't told of these.
    pub differences: Vec<Difference>,
    /// How many hashes and entries were looked at: what the peer is to be charged for. What others changed before isn't
    /// counted, though its hashes are made again on this occasion. At most 16 for each of [`SPLITS_MAX`] spans asked about and
    /// as many told of, and what is listed and differs.
    pub looked_at: usize,
}

/// A place at which two maps differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// Where it is.
    pub place: u64,
    /// Who has something there.
    pub side: Side,
}

/// Who has something at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// We alone: to be sent.
    Ours,
    /// The peer alone, if it is true: to be asked for.
    Theirs,
    /// Both, and it isn't the same: to be sent and asked for.
    Both,
}

/// What is next to be done about a message.
enum Step<'a> {
    /// To tell of a span in which the two differ.
    Tell(Span),
    /// To see what differs from what the peer has in a span.
    Settle(Span, &'a [Entry]),
}

impl<K: AsRef<[u8]> + Ord + Clone> Tree<K> {
    /// Begins to compare, at a place: 0 for everything, or where an earlier comparison was left. The salt must be one that
    /// nobody could guess.
    #[must_use]
    pub fn begin(&mut self, salt: u64, from: u64) -> Comparison {
        let mut telling = Telling::new(salt, from, u64::MAX);
        telling.tell(self, Span::ALL, SPLITS_MAX);
        telling.comparison()
    }

    /// Finds out where a peer's map differs from ours. The message may say anything, as long as [`Comparison::read`] read it.
    #[must_use]
    pub fn answer(&mut self, theirs: &Comparison) -> Answer {
        let mut telling = Telling::new(theirs.salt, theirs.from, theirs.last);
        let (steps, splits_max) = self.steps(theirs, &mut telling);
        for step in steps {
            match step {
                Step::Tell(span) => telling.tell(self, span, splits_max),
                Step::Settle(span, entries) => telling.settle(self, span, entries),
            }
            if telling.is_cut {
                break;
            }
        }
        let (differences, looked_at) =
            (std::mem::take(&mut telling.differences), telling.looked_at);
        let reply = match telling.parts.is_empty() {
            false => Some(telling.comparison()),
            // All that this comparison was about is done: the next one begins where it ended.
            true => telling.last.checked_add(1).map(|next| self.begin(theirs.salt, next)),
        };
        Answer { reply, differences, looked_at }
    }

    /// What to do about a message, in order, and how many spans may be told of by their hashes.
    ///
    /// Where nearly everything differs, as many levels deeper nearly everything will, so that each span leads to
    /// sixteen, most of which would be too much for that answer. So only a few are told of.
    fn steps<'a>(
        &mut self,
        theirs: &'a Comparison,
        telling: &mut Telling,
    ) -> (Vec<Step<'a>>, usize) {
        let (mut steps, mut compared, mut differing) = (Vec::new(), 0, 0);
        for part in &theirs.parts {
            let sums = match &part.holds {
                Holds::Sums(sums) => sums,
                Holds::Entries(entries) => {
                    steps.push(Step::Settle(part.span, entries));
                    continue;
                }
            };
            for (span, sum) in part.span.children().zip(sums) {
                if telling.clip(span).is_none() {
                    continue;
                }
                compared += 1;
                if short(self.mark(span), telling.salt) != *sum {
                    differing += 1;
                    steps.push(Step::Tell(span));
                }
            }
        }
        telling.looked_at += compared;
        (steps, if 8 * differing > 7 * compared { FAN } else { SPLITS_MAX })
    }
}

/// An answer while it is made.
struct Telling {
    salt: u64,
    from: u64,
    last: u64,
    parts: Vec<Part>,
    splits: usize,
    lists: usize,
    listed: usize,
    differences: Vec<Difference>,
    looked_at: usize,
    /// Whether it ends before what it was to be about.
    is_cut: bool,
}

impl Telling {
    const fn new(salt: u64, from: u64, last: u64) -> Self {
        Self {
            salt,
            from,
            last,
            parts: Vec::new(),
            splits: 0,
            lists: 0,
            listed: 0,
            differences: Vec::new(),
            looked_at: 0,
            is_cut: false,
        }
    }

    /// The first and last place of a span that are compared, if any are.
    fn clip(&self, span: Span) -> Option<(u64, u64)> {
        let (first, last) = span.places();
        let (first, last) = (first.max(self.from), last.min(self.last));
        (first <= last).then_some((first, last))
    }

    /// Ends before a place. Something before it was done, so that what is left is less than it was.
    fn cut(&mut self, place: u64) {
        debug_assert!(place > self.from, "nothing was done");
        self.last = place.saturating_sub(1);
        self.is_cut = true;
    }

    /// Tells of a span: its entries if they are few, or the hashes of its parts.
    fn tell<K: AsRef<[u8]> + Ord + Clone>(
        &mut self,
        tree: &mut Tree<K>,
        span: Span,
        splits_max: usize,
    ) {
        let Some((first, last)) = self.clip(span) else { return };
        let is_full = self.splits >= splits_max
            || self.lists >= LISTS_MAX
            || self.listed + LIST_MAX > LISTED_MAX;
        if is_full {
            return self.cut(first);
        }
        let holds = match tree.few(span) {
            Some(_) => {
                let entries = tree.places(first, last);
                let entries =
                    entries.map(|(place, mark)| Entry { place, sum: short(mark, self.salt) });
                let entries: Box<[_]> = entries.collect();
                self.lists += 1;
                self.listed += entries.len();
                self.looked_at += 1 + entries.len();
                Holds::Entries(entries)
            }
            None => {
                let mut sums = [0; FAN];
                for (sum, part) in sums.iter_mut().zip(span.children()) {
                    *sum = short(tree.mark(part), self.salt);
                }
                self.splits += 1;
                self.looked_at += FAN;
                Holds::Sums(sums)
            }
        };
        self.parts.push(Part { span, holds });
    }

    /// Finds what differs from all that a peer has in a span.
    fn settle<K: AsRef<[u8]> + Ord + Clone>(
        &mut self,
        tree: &Tree<K>,
        span: Span,
        theirs: &[Entry],
    ) {
        let Some((first, last)) = self.clip(span) else { return };
        let mut ours = tree.places(first, last).peekable();
        let mut theirs = theirs.iter().peekable();
        loop {
            let next = match (ours.peek(), theirs.peek()) {
                (None, None) => return,
                (Some((ours, _)), None) => (*ours, Side::Ours),
                (None, Some(theirs)) => (theirs.place, Side::Theirs),
                (Some((ours, _)), Some(theirs)) if *ours < theirs.place => (*ours, Side::Ours),
                (Some((ours, _)), Some(theirs)) if *ours > theirs.place => {
                    (theirs.place, Side::Theirs)
                }
                (Some((ours, _)), Some(_)) => (*ours, Side::Both),
            };
            let (place, side) = next;
            let ours = ours.next_if(|_| side != Side::Theirs);
            let theirs = theirs.next_if(|_| side != Side::Ours);
            self.looked_at += 1;
            let is_same = matches!((ours, theirs), (Some((_, mark)), Some(theirs)) if short(mark, self.salt) == theirs.sum);
            if is_same {
                continue;
            }
            if self.differences.len() == DIFFERENCES_MAX {
                return self.cut(place);
            }
            self.differences.push(Difference { place, side });
        }
    }

    fn comparison(self) -> Comparison {
        Comparison { salt: self.salt, from: self.from, last: self.last, parts: self.parts.into() }
    }
}
