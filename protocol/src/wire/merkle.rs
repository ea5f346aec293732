//! What two peers tell of their maps from key to version, so that both find out where these differ: short hashes of
//! the parts of spans, and what little spans hold (see [`crate::merkle`]).
//!
//! Every message says all that it is about: the salt of its hashes, how far it goes, and the spans. Whoever gets it
//! needs to remember nothing, and whoever lost the link goes on with the last one that it had.
//!
//! # Bytes
//! ```text
//! salt u64   flags u8   from u64, if it isn't 0   last u64, if it isn't 2^64 - 1   parts
//! a part:    depth u8   half bytes of the span, two in a byte, the first one in the high half
//!            255 u8     16 hashes u32, of the parts of the span
//!     or     count u8   entries, each: bytes of the place that the span doesn't tell, hash u32
//! ```

use bytes::BufMut;

use crate::wire::cursor::take;
use crate::wire::digest::{FAN, Span};
use crate::wire::error::{DecodeError, Field};

/// Most spans of a message of which hashes are told. A guess: 8.7 kB, and a millisecond's work to answer.
pub const SPLITS_MAX: usize = 128;

/// Most spans of a message of which the entries are told.
pub const LISTS_MAX: usize = 1_024;

/// Most entries that are told of one span. Where a few in a hundred entries differ, a list of nine costs more than the
/// hashes of its sixteen parts and a list of one of them.
pub const LIST_MAX: usize = 8;

/// Most entries in all lists of a message. A guess: 10 kB.
pub const LISTED_MAX: usize = 1_024;

/// Most bytes of a message.
pub const COMPARISON_MAX: usize = 8
    + 1
    + 16
    + SPLITS_MAX * (PART_HEAD_MAX + 4 * FAN)
    + LISTS_MAX * PART_HEAD_MAX
    + LISTED_MAX * (8 + 4);

/// Most bytes of a part before its hashes or entries.
const PART_HEAD_MAX: usize = 1 + 8 + 1;

/// Stands for the count of entries where there are hashes instead.
const SUMS: u8 = u8::MAX;

/// Flags: whether `from` and `last` are there.
const FROM: u8 = 1;
const LAST: u8 = 2;

/// The strong hash of an entry, or of all entries of a span. None is all zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark(pub [u8; 16]);

/// Where maps are compared, and what one of them has there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Decides what is sent of each hash. New for each comparison, so that nobody can make maps that look equal.
    pub salt: u64,
    /// The first place that is compared.
    pub from: u64,
    /// The last place that is compared: not before [`Self::from`].
    pub last: u64,
    /// In order, none within another, all of them reaching into what is compared.
    pub parts: Box<[Part]>,
}

/// What is told of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The places.
    pub span: Span,
    /// What one of the two has there.
    pub holds: Holds,
}

/// What a map has in a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Much: the hash of each part of the span, made short by [`short`]. At most [`SPLITS_MAX`] spans of a message have it.
    Sums([u32; FAN]),
    /// Little: all of it that is compared, in order. At most [`LIST_MAX`], and [`LISTED_MAX`] in a message.
    Entries(Box<[Entry]>),
}

/// What a map has at a place: one entry, unless somebody took the trouble of finding keys that share one (2^32 hashes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The place.
    pub place: u64,
    /// The hash of key and version, made short by [`short`].
    pub sum: u32,
}

/// What is sent of a hash under a salt. Two that differ look the same once in 2^32 times; the next salt shows what this
/// one hides. (The finaliser of `SplitMix64`, Steele, Lea, Flood 2014, over one word after the other: enough, since
/// nobody chooses the output of the strong hash that it shortens, nor knows the salt before.)
#[must_use]
pub fn short(mark: Mark, salt: u64) -> u32 {
    let words = mark.0.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word));
    let [.., a, b, c, d] = words.fold(salt, |mixed, word| mix(mixed ^ word)).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl Comparison {
    /// How many bytes [`Self::put`] appends.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let ends = 8 * (usize::from(self.from != 0) + usize::from(self.last != u64::MAX));
        let parts = self.parts.iter().map(|part| {
            let depth = part.span.depth();
            let holds = match &part.holds {
                Holds::Sums(sums) => size_of_val(sums),
                Holds::Entries(entries) => entries.len() * (rest_of(depth) + 4),
            };
            2 + prefix_of(depth) + holds
        });
        8 + 1 + ends + parts.sum::<usize>()
    }

    /// Memory that its parts have allocated, bytes, the allocator's own left out.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let lists = self.parts.iter().map(|part| match &part.holds {
            Holds::Sums(_) => 0,
            Holds::Entries(entries) => size_of_val(&**entries),
        });
        size_of_val(&*self.parts) + lists.sum::<usize>()
    }

    /// Appends it.
    pub fn put(&self, out: &mut impl BufMut) {
        out.put_u64_le(self.salt);
        let (has_from, has_last) = (self.from != 0, self.last != u64::MAX);
        out.put_u8((u8::from(has_from) * FROM) | (u8::from(has_last) * LAST));
        if has_from {
            out.put_u64_le(self.from);
        }
        if has_last {
            out.put_u64_le(self.last);
        }
        for part in &self.parts {
            let depth = part.span.depth();
            out.put_u8(depth);
            out.put_slice(&part.span.first().0[..prefix_of(depth)]);
            match &part.holds {
                Holds::Sums(sums) => {
                    out.put_u8(SUMS);
                    sums.iter().for_each(|sum| out.put_u32_le(*sum));
                }
                Holds::Entries(entries) => {
                    debug_assert!(entries.len() <= LIST_MAX, "the peer would refuse it");
                    out.put_u8(u8::try_from(entries.len()).unwrap_or(SUMS));
                    for entry in entries {
                        out.put_slice(&entry.place.to_be_bytes()[8 - rest_of(depth)..]);
                        out.put_u32_le(entry.sum);
                    }
                }
            }
        }
    }

    /// Reads one that is all of `bytes`. What overlaps is refused: it would have us look at one place many times.
    ///
    /// # Errors
    /// Whatever [`Self::put`] would have written in another way, or not at all.
    pub fn read(mut bytes: &[u8]) -> Result<Self, DecodeError> {
        let input = &mut bytes;
        let salt = number(input)?;
        let [flags] = take(input)?;
        if flags & !(FROM | LAST) != 0 {
            return Err(MEANINGLESS);
        }
        let from = if flags & FROM != 0 { number(input)? } else { 0 };
        let last = if flags & LAST != 0 { number(input)? } else { u64::MAX };
        let is_short =
            (from != 0) == (flags & FROM != 0) && (last != u64::MAX) == (flags & LAST != 0);
        if !is_short || from > last {
            return Err(MEANINGLESS);
        }
        let mut read = Self { salt, from, last, parts: Box::default() };
        read.parts = read.parts(input)?;
        Ok(read)
    }

    fn parts(&self, input: &mut &[u8]) -> Result<Box<[Part]>, DecodeError> {
        let (mut parts, mut splits, mut lists, mut listed) = (Vec::<Part>::new(), 0, 0, 0);
        while !input.is_empty() {
            let part = self.part(input)?;
            match &part.holds {
                Holds::Sums(_) => splits += 1,
                Holds::Entries(entries) => (lists, listed) = (lists + 1, listed + entries.len()),
            }
            check_count(splits, SPLITS_MAX)?;
            check_count(lists, LISTS_MAX)?;
            check_count(listed, LISTED_MAX)?;
            if parts.last().is_some_and(|before| !before.span.is_before(part.span)) {
                return Err(MEANINGLESS);
            }
            parts.push(part);
        }
        Ok(parts.into())
    }

    fn part(&self, input: &mut &[u8]) -> Result<Part, DecodeError> {
        let [depth] = take(input)?;
        let mut first = [0; 8];
        let prefix = first.get_mut(..prefix_of(depth)).ok_or(MEANINGLESS)?;
        let (read, rest) = input.split_at_checked(prefix.len()).ok_or(DecodeError::Truncated)?;
        prefix.copy_from_slice(read);
        *input = rest;
        let span = Span::new(u64::from_be_bytes(first), depth).ok_or(MEANINGLESS)?;
        let (first, last) = span.places();
        let compared = first.max(self.from)..=last.min(self.last);
        if compared.is_empty() {
            return Err(MEANINGLESS);
        }
        let holds = match take(input)? {
            [SUMS] if first == last => return Err(MEANINGLESS),
            [SUMS] => Holds::Sums(sums(input)?),
            [count] => {
                check_count(usize::from(count), LIST_MAX)?;
                let entries = entries(input, span, usize::from(count))?;
                if entries.iter().any(|entry| !compared.contains(&entry.place)) {
                    return Err(MEANINGLESS);
                }
                Holds::Entries(entries)
            }
        };
        Ok(Part { span, holds })
    }
}

const MEANINGLESS: DecodeError = DecodeError::BadValue(Field::Span);

fn number(input: &mut &[u8]) -> Result<u64, DecodeError> {
    take(input).map(u64::from_le_bytes)
}

fn sums(input: &mut &[u8]) -> Result<[u32; FAN], DecodeError> {
    let mut sums = [0; FAN];
    for sum in &mut sums {
        *sum = take(input).map(u32::from_le_bytes)?;
    }
    Ok(sums)
}

/// Reads entries of a span: in order, each place once.
fn entries(input: &mut &[u8], span: Span, count: usize) -> Result<Box<[Entry]>, DecodeError> {
    let known = 8 - rest_of(span.depth());
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let mut place = span.first().0;
        let (read, rest) = input.split_at_checked(8 - known).ok_or(DecodeError::Truncated)?;
        // The half byte that the span tells of a byte is told again.
        place[known..].copy_from_slice(read);
        *input = rest;
        let entry =
            Entry { place: u64::from_be_bytes(place), sum: take(input).map(u32::from_le_bytes)? };
        if entries.last().is_some_and(|before: &Entry| before.place >= entry.place) {
            return Err(MEANINGLESS);
        }
        entries.push(entry);
    }
    Ok(entries.into())
}

const fn check_count(count: usize, max: usize) -> Result<(), DecodeError> {
    if count > max { Err(DecodeError::TooMany { count, max }) } else { Ok(()) }
}

/// Bytes of the half bytes of a span.
const fn prefix_of(depth: u8) -> usize {
    (depth as usize).div_ceil(2)
}

/// Bytes of a place that its span doesn't tell whole.
const fn rest_of(depth: u8) -> usize {
    8 - depth as usize / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(message: &Comparison) -> Vec<u8> {
        let mut out = Vec::new();
        message.put(&mut out);
        assert_eq!(out.len(), message.encoded_len());
        out
    }

    fn span(first: u64, depth: u8) -> Span {
        Span::new(first.checked_shl(64 - 4 * u32::from(depth)).unwrap_or(0), depth).unwrap()
    }

    fn list(first: u64, depth: u8, rests: &[u64]) -> Part {
        let span = span(first, depth);
        let entry = |rest: &u64| Entry { place: span.places().0 | *rest, sum: 7 };
        Part { span, holds: Holds::Entries(rests.iter().map(entry).collect()) }
    }

    fn sums(first: u64, depth: u8) -> Part {
        Part { span: span(first, depth), holds: Holds::Sums([0x0102_0304; FAN]) }
    }

    fn message(parts: Vec<Part>) -> Comparison {
        Comparison { salt: 5, from: 0, last: u64::MAX, parts: parts.into() }
    }

    /// One of everything.
    fn sample() -> Comparison {
        let parts = vec![
            list(0x0, 1, &[0x0123_4567_89ab_cdef, 0x0fff_ffff_ffff_ffff]),
            list(0x10, 2, &[]),
            sums(0x234, 3),
            list(0x2_3500, 5, &[1, 2, 3]),
            list(0x7777_7777_7777_7777, 16, &[0]),
            sums(0x8, 1),
        ];
        Comparison { from: 0x0100_0000_0000_0000, last: 0x8fff_ffff_ffff_fffe, ..message(parts) }
    }

    #[test]
    fn a_message_reads_back_and_is_nothing_when_it_is_cut_within_a_part() {
        let sample = sample();
        let bytes = written(&sample);
        assert_eq!(Comparison::read(&bytes), Ok(sample));
        // A cut between two parts is a message that tells of less.
        let parts = |bytes: &[u8]| Comparison::read(bytes).map(|read| read.parts.len());
        let whole: Vec<_> = (0..bytes.len()).filter_map(|cut| parts(&bytes[..cut]).ok()).collect();
        assert_eq!(whole, [0, 1, 2, 3, 4, 5]);
        let cut =
            (0..bytes.len()).filter(|cut| parts(&bytes[..*cut]) == Err(DecodeError::Truncated));
        assert_eq!(cut.count(), bytes.len() - 6);
    }

    #[test]
    fn what_is_read_from_any_bytes_is_written_as_it_was() {
        let bytes = written(&sample());
        for place in 0..bytes.len() {
            for change in [1, 0x10, 0x7f, 0xff] {
                let mut bytes = bytes.clone();
                bytes[place] ^= change;
                if let Ok(read) = Comparison::read(&bytes) {
                    assert_eq!(written(&read), bytes, "byte {place} ^ {change}");
                }
            }
        }
    }

    #[test]
    fn what_overlaps_or_is_out_of_order_is_refused() {
        let read = |parts: Vec<Part>| Comparison::read(&written(&message(parts)));
        assert!(read(vec![sums(1, 1), list(2, 1, &[1])]).is_ok() && read(vec![]).is_ok());
        for parts in [
            vec![sums(1, 1), sums(1, 1)],
            vec![sums(2, 1), list(1, 1, &[])],
            vec![sums(0, 0), list(1, 1, &[])],
            vec![list(1, 1, &[2, 1])],
            vec![list(1, 1, &[1, 1])],
            // An entry of another span; the hashes of the parts of a place.
            vec![list(1, 1, &[1 << 62])],
            vec![sums(1, 16)],
        ] {
            assert_eq!(read(parts.clone()), Err(MEANINGLESS), "{parts:?}");
        }
    }

    #[test]
    fn what_is_not_compared_is_not_told() {
        let read = |from, last, parts: Vec<Part>| {
            Comparison::read(&written(&Comparison { from, last, ..message(parts) }))
        };
        let places = 1 << 60..=(2 << 60) - 1;
        assert!(read(*places.start(), *places.end(), vec![sums(1, 1)]).is_ok());
        assert!(read(places.start() + 5, u64::MAX, vec![list(1, 1, &[5])]).is_ok());
        assert_eq!(read(places.start() + 5, u64::MAX, vec![list(1, 1, &[4])]), Err(MEANINGLESS));
        assert_eq!(read(0, places.start() + 5, vec![list(1, 1, &[6])]), Err(MEANINGLESS));
        assert_eq!(read(places.end() + 1, u64::MAX, vec![sums(1, 1)]), Err(MEANINGLESS));
        assert_eq!(read(0, places.start() - 1, vec![sums(1, 1)]), Err(MEANINGLESS));
        assert_eq!(read(2, 1, vec![]), Err(MEANINGLESS));
    }

    #[test]
    fn an_end_that_need_not_be_told_is_not() {
        for (flags, ends) in [(FROM, 0), (LAST, u64::MAX), (4, 0)] {
            let bytes = [&[5; 8][..], &[flags], &u64::to_le_bytes(ends)].concat();
            assert_eq!(Comparison::read(&bytes), Err(MEANINGLESS), "{flags}");
        }
    }

    #[test]
    fn more_than_a_message_may_tell_is_refused() {
        let too_many = |max| DecodeError::TooMany { count: max + 1, max };
        let of = |count: usize, part: &dyn Fn(u64) -> Part| {
            let message = message((0..count as u64).map(part).collect());
            assert!(count > LISTS_MAX || message.encoded_len() <= COMPARISON_MAX);
            Comparison::read(&written(&message)).map(|read| read.parts.len())
        };
        assert_eq!(of(SPLITS_MAX, &|n| sums(n, 4)), Ok(SPLITS_MAX));
        assert_eq!(of(SPLITS_MAX + 1, &|n| sums(n, 4)), Err(too_many(SPLITS_MAX)));
        assert_eq!(of(LISTS_MAX, &|n| list(n, 4, &[n])), Ok(LISTS_MAX));
        assert_eq!(of(LISTS_MAX + 1, &|n| list(n, 4, &[])), Err(too_many(LISTS_MAX)));
        let full: Vec<_> = (0..LIST_MAX as u64).collect();
        assert_eq!(of(LISTED_MAX / LIST_MAX, &|n| list(n, 4, &full)), Ok(LISTED_MAX / LIST_MAX));
        let over = of(LISTED_MAX / LIST_MAX + 1, &|n| list(n, 4, &full));
        assert_eq!(
            over,
            Err(DecodeError::TooMany { count: LISTED_MAX + LIST_MAX, max: LISTED_MAX })
        );
        let mut long = written(&message(vec![list(1, 1, &full)]));
        long[11] += 1;
        assert_eq!(Comparison::read(&long), Err(too_many(LIST_MAX)));
    }

    #[test]
    fn what_one_salt_hides_another_shows() {
        let mark = |n: u64| Mark((u128::from(n) << 64 | 1).to_le_bytes());
        let mut sums: Vec<_> = (0..1 << 18).map(|n| (short(mark(n), 1), n)).collect();
        sums.sort_unstable();
        let alike = sums.windows(2).find(|pair| pair[0].0 == pair[1].0).expect("a birthday");
        assert_ne!(short(mark(alike[0].1), 2), short(mark(alike[1].1), 2));
    }
}
