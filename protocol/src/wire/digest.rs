//! What two peers tell of the transactions that they keep, so that both find out what one of them lacks: sums over
//! spans of short ids, and lists of what little spans hold (see [`crate::reconcile`]).
//!
//! (Range-based set reconciliation: Meyer 2023, arXiv 2212.13567. `negentropy`, by which the relays of Nostr compare,
//! splits spans in 16 too.)

use crate::ground::item::ShortId;

/// Children of a span: one for each value of the next half byte.
pub const FAN: usize = 16;

/// Half bytes of a short id, and so the deepest span.
const DEPTH_MAX: u8 = 16;

/// Most splits in one digest. A guess: 17 kB, the second level of the tree.
pub const SPLITS_MAX: usize = 256;

/// Most lists in one message.
pub const LISTS_MAX: usize = 1_024;

/// Most ids in one list: fewer make a list shorter than a split and what follows from it.
pub const LIST_MAX: usize = 16;

/// Most ids in all lists of one message, and most that are announced to whoever lacks them at once: half of an
/// announcement, as all of them are far apart in a full pool. A guess: a millisecond's work.
pub const LISTED_MAX: usize = 1_024;

/// The short ids that begin with the same half bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The least id in it, as a number.
    first: u64,
    depth: u8,
}

impl Span {
    /// All ids.
    pub const ALL: Self = Self { first: 0, depth: 0 };

    /// The span of the first `depth` half bytes of a number; `None` if others aren't 0, or there are no more.
    #[must_use]
    pub const fn new(first: u64, depth: u8) -> Option<Self> {
        let span = Self { first, depth };
        if depth <= DEPTH_MAX && first & span.rest() == 0 { Some(span) } else { None }
    }

    /// How many half bytes its ids have in common.
    #[must_use]
    pub const fn depth(self) -> u8 {
        self.depth
    }

    /// The least id in it.
    #[must_use]
    pub const fn first(self) -> ShortId {
        ShortId(self.first.to_be_bytes())
    }

    /// The greatest id in it.
    #[must_use]
    pub const fn last(self) -> ShortId {
        ShortId((self.first | self.rest()).to_be_bytes())
    }

    /// The first and the last number in it.
    #[must_use]
    pub const fn places(self) -> (u64, u64) {
        (self.first, self.first | self.rest())
    }

    /// Whether an id is in it.
    #[must_use]
    pub const fn contains(self, id: ShortId) -> bool {
        u64::from_be_bytes(id.0) & !self.rest() == self.first
    }

    /// Its parts, in order. A single id has none: two sets can't differ in more.
    pub fn children(self) -> impl Iterator<Item = Self> {
        let below = 60_u32.saturating_sub(4 * u32::from(self.depth));
        let count = if self.depth < DEPTH_MAX { FAN as u64 } else { 0 };
        (0..count)
            .map(move |child| Self { first: self.first | child << below, depth: self.depth + 1 })
    }

    /// Which of its children an id of it is in.
    #[must_use]
    pub const fn child_of(self, id: ShortId) -> usize {
        let below = 60_u32.saturating_sub(4 * self.depth as u32);
        ((u64::from_be_bytes(id.0) >> below) & 15) as usize
    }

    /// Whether all of it comes before all of another.
    #[must_use]
    pub const fn is_before(self, other: Self) -> bool {
        self.first | self.rest() < other.first
    }

    /// The bits in which its ids differ.
    const fn rest(self) -> u64 {
        match u64::MAX.checked_shr(4 * self.depth as u32) {
            Some(rest) => rest,
            None => 0,
        }
    }
}

/// A span, and the sum of each of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// The span.
    pub span: Span,
    /// What [`term`] makes of the ids in each of its children, added up. Two sets that differ have the same
    /// sum once in 2^32 times; the next salt shows what this one hides.
    pub sums: [u32; FAN],
}

/// What a peer keeps, in sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Decides what each id counts for. New for each comparison, so that nobody can make sets that look equal.
    pub salt: u64,
    /// At most [`SPLITS_MAX`], in order, none within another.
    pub splits: Box<[Split]>,
}

/// All that a peer keeps of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The span.
    pub span: Span,
    /// At most [`LIST_MAX`], in order, all of the span.
    pub ids: Box<[ShortId]>,
}

/// What an id counts for under a salt: half of what the finaliser of `SplitMix64` makes of both.
#[must_use]
pub const fn term(id: ShortId, salt: u64) -> u32 {
    let [a, b, c, d, ..] = mixed(u64::from_le_bytes(id.0) ^ salt).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The finaliser of `SplitMix64` (Steele, Lea, Flood 2014): each bit of a word depends on each of the other's.
pub(crate) const fn mixed(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Whether spans are in order, and none lies within another: then nobody has to look at an id twice.
#[must_use]
pub fn are_in_order(spans: impl Iterator<Item = Span> + Clone) -> bool {
    spans.clone().zip(spans.skip(1)).all(|(one, next)| one.is_before(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> ShortId {
        ShortId(number.to_be_bytes())
    }

    #[test]
    fn the_parts_of_a_span_are_all_of_it_and_each_id_is_in_one() {
        let mut span = Span::ALL;
        for depth in 0..=16 {
            assert_eq!(span.depth(), depth);
            let children: Vec<_> = span.children().collect();
            if depth == 16 {
                assert!(children.is_empty() && span.first() == span.last());
                break;
            }
            assert_eq!(children.len(), FAN);
            assert_eq!((children[0].first(), children[15].last()), (span.first(), span.last()));
            assert!(are_in_order(children.iter().copied()));
            for (index, child) in children.iter().enumerate() {
                assert!(span.contains(child.first()) && child.contains(child.last()));
                assert_eq!(span.child_of(child.last()), index);
                assert_eq!(Span::new(u64::from_be_bytes(child.first().0), depth + 1), Some(*child));
            }
            span = children[7];
        }
    }

    #[test]
    fn a_span_that_means_nothing_is_none() {
        assert!(Span::new(0, 16).is_some() && Span::new(0, 17).is_none());
        assert!(Span::new(1 << 60, 1).is_some() && Span::new(1 << 59, 1).is_none());
    }

    #[test]
    fn spans_within_one_another_are_not_in_order() {
        let [a, b] = [Span::new(0, 1).unwrap(), Span::new(1 << 60, 1).unwrap()];
        assert!(are_in_order([a, b].into_iter()) && are_in_order([].into_iter()));
        assert!(!are_in_order([b, a].into_iter()) && !are_in_order([a, a].into_iter()));
        assert!(!are_in_order([Span::ALL, b].into_iter()));
    }

    #[test]
    fn what_one_salt_hides_another_shows() {
        let sum = |salt, ids: [u64; 2]| {
            ids.map(|n| term(id(n), salt)).into_iter().fold(0, u32::wrapping_add)
        };
        let (hides, shows) = (1, 2);
        // A pair whose sum is that of another pair under one salt: with 2^17 pairs there are some.
        let mut sums: Vec<_> = (0..1 << 17).map(|n| (sum(hides, [2 * n, 2 * n + 1]), n)).collect();
        sums.sort_unstable();
        let alike = sums.windows(2).find(|pair| pair[0].0 == pair[1].0).expect("a birthday");
        let [a, b] = [alike[0].1, alike[1].1].map(|n| sum(shows, [2 * n, 2 * n + 1]));
        assert_ne!(a, b);
    }
}
