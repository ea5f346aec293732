//! What lets two peers find out what one of them missed.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use super::{ALLOCATION, ANNOUNCE_MAX, Body, allocated_by};
use crate::ground::item::{SHORT_ID_LEN, ShortId};
use crate::ground::varint;
use crate::wire::cursor::Cursor;
use crate::wire::digest::{
    Digest, FAN, LIST_MAX, LISTED_MAX, LISTS_MAX, List, SPLITS_MAX, Span, Split, are_in_order,
};
use crate::wire::error::{DecodeError, Field};
use crate::wire::sketch::{CELLS_MAX, COUNTS_MAX, Cell, Cells, Want};

/// Most bytes of a span: how deep it is, and its half bytes.
const SPAN_MAX: usize = 1 + SHORT_ID_LEN;

/// Bytes of the sums of a split.
const SUMS_LEN: usize = FAN * 4;

/// Most bytes of a digest.
pub(in crate::wire) const DIGEST_MAX: usize = 8 + SPLITS_MAX * (SPAN_MAX + SUMS_LEN);

/// Most bytes of lists.
pub(in crate::wire) const LISTS_BODY_MAX: usize =
    LISTS_MAX * (SPAN_MAX + 1) + LISTED_MAX * SHORT_ID_LEN;

/// Most bytes of cells.
pub(in crate::wire) const CELLS_BODY_MAX: usize = 4 + CELLS_MAX * Cell::LEN;

/// Most bytes of what is lacked.
pub(in crate::wire) const LACKED_BODY_MAX: usize = ANNOUNCE_MAX * SHORT_ID_LEN;

/// Most bytes of a question for them.
pub(in crate::wire) const WANT_BODY_MAX: usize = 4 + COUNTS_MAX * varint::LEN_MAX;

const _: () = assert!(LISTED_MAX <= ANNOUNCE_MAX, "what is listed is announced");

/// How peers compare the transactions that they keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reconcile {
    /// I have this in sums: say more of where your sums are others. Body: salt u64, splits; of each how many half
    /// bytes its span has u8, those (two in a byte, the first one in the high half), sums u32 of the 16 parts.
    ///
    /// Boxed, as the lists are: either would be the largest message, and is rare.
    Digest(Box<Digest>),
    /// I have these, and of each span nothing else: ask for what you lack, and announce what I lack. Body: lists; of
    /// each its span, the count u8, short ids.
    Held(Box<[List]>),
    /// The first cells of what I have: find out what differs, announce what I lack and ask for what you lack; or say what to
    /// tell. Body: how many ids u32; cells: the sum of ids u64, that of their checks u32.
    Cells(Box<Cells>),
    /// Those are too few: these counts say how many it takes. Body: how many ids u32; counts: varints, where 0, 1, 2, 3 stand
    /// for 0, -1, 1, -2.
    Want(Box<Want>),
    /// You lack these, as a comparison showed: ask for what you want of it. Body: short ids. They need credit, as announcements do.
    Lacked(Arc<[ShortId]>),
}

impl Body for Reconcile {
    fn len(&self) -> usize {
        match self {
            Self::Digest(digest) => {
                let spans = digest.splits.iter().map(|split| span_len(split.span));
                8 + spans.map(|len| len + SUMS_LEN).sum::<usize>()
            }
            Self::Held(lists) => {
                let len = |list: &List| span_len(list.span) + 1 + list.ids.len() * SHORT_ID_LEN;
                lists.iter().map(len).sum()
            }
            Self::Cells(told) => 4 + told.cells.len() * Cell::LEN,
            Self::Want(want) => {
                let lens = want.counts.iter().map(|count| varint::len(zigzag(*count)));
                4 + lens.sum::<usize>()
            }
            Self::Lacked(ids) => ids.len() * SHORT_ID_LEN,
        }
    }

    fn allocated(&self) -> usize {
        match self {
            Self::Digest(digest) => ALLOCATION + size_of::<Digest>() + allocated_by(&digest.splits),
            Self::Held(lists) => {
                let ids = lists.iter().map(|list| allocated_by(&list.ids));
                allocated_by(lists) + ids.sum::<usize>()
            }
            Self::Cells(told) => ALLOCATION + size_of::<Cells>() + allocated_by(&told.cells),
            Self::Want(want) => ALLOCATION + size_of::<Want>() + allocated_by(&want.counts),
            Self::Lacked(ids) => allocated_by(ids),
        }
    }

    fn put(&self, out: &mut BytesMut) {
        match self {
            Self::Digest(digest) => {
                out.put_u64_le(digest.salt);
                for split in &digest.splits {
                    put_span(split.span, out);
                    split.sums.iter().for_each(|sum| out.put_u32_le(*sum));
                }
            }
            Self::Held(lists) => {
                for list in lists {
                    put_span(list.span, out);
                    debug_assert!(list.ids.len() <= LIST_MAX, "the peer would refuse it");
                    out.put_u8(u8::try_from(list.ids.len()).unwrap_or(u8::MAX));
                    list.ids.iter().for_each(|id| out.put_slice(&id.0));
                }
            }
            Self::Cells(told) => {
                out.put_u32_le(told.of);
                for cell in &told.cells {
                    out.put_u64_le(cell.sum);
                    out.put_u32_le(cell.check);
                }
            }
            Self::Want(want) => {
                out.put_u32_le(want.of);
                want.counts.iter().for_each(|count| varint::put(zigzag(*count), out));
            }
            Self::Lacked(ids) => ids.iter().for_each(|id| out.put_slice(&id.0)),
        }
    }

    fn elements(&self) -> usize {
        match self {
            Self::Digest(digest) => digest.splits.len() * FAN,
            Self::Held(lists) => lists.iter().map(|list| list.ids.len()).sum(),
            Self::Cells(told) => told.cells.len(),
            Self::Want(_) => 1,
            Self::Lacked(ids) => ids.len(),
        }
    }
}

/// Reads a digest. Spans that overlap are refused: sums over them would be work that grows with the square of the
/// bytes.
pub(in crate::wire) fn read_digest(body: &mut Cursor<'_>) -> Result<Reconcile, DecodeError> {
    let salt = body.u64()?;
    let mut splits = Vec::new();
    while !body.rest().is_empty() {
        let (span, mut sums) = (read_span(body)?, [0; FAN]);
        for sum in &mut sums {
            *sum = body.u32()?;
        }
        splits.push(Split { span, sums });
    }
    check_count(splits.len(), SPLITS_MAX)?;
    if !are_in_order(splits.iter().map(|split| split.span)) {
        return Err(DecodeError::BadValue(Field::Span));
    }
    Ok(Reconcile::Digest(Box::new(Digest { salt, splits: splits.into() })))
}

/// Reads lists. They must be as they say: in order, as long as their counts, and of their spans.
pub(in crate::wire) fn read_held(body: &mut Cursor<'_>) -> Result<Reconcile, DecodeError> {
    let (mut lists, mut listed) = (Vec::new(), 0);
    while !body.rest().is_empty() {
        let (span, count) = (read_span(body)?, usize::from(body.u8()?));
        check_count(count, LIST_MAX)?;
        listed += count;
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            let id = ShortId(body.take()?);
            if !span.contains(id) || ids.last().is_some_and(|last| *last >= id) {
                return Err(DecodeError::BadValue(Field::Span));
            }
            ids.push(id);
        }
        lists.push(List { span, ids: ids.into() });
    }
    check_count(lists.len(), LISTS_MAX)?;
    check_count(listed, LISTED_MAX)?;
    if !are_in_order(lists.iter().map(|list| list.span)) {
        return Err(DecodeError::BadValue(Field::Span));
    }
    Ok(Reconcile::Held(lists.into()))
}

/// Reads cells.
pub(in crate::wire) fn read_cells(body: &mut Cursor<'_>) -> Result<Reconcile, DecodeError> {
    let of = body.u32()?;
    let cell = |bytes: [u8; Cell::LEN]| {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
        let sum = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        Cell { sum, check: u32::from_le_bytes([i, j, k, l]) }
    };
    let cells: Box<[Cell]> = body.elements(cell);
    check_count(cells.len(), CELLS_MAX)?;
    Ok(Reconcile::Cells(Box::new(Cells { of, cells })))
}

/// Reads what is lacked.
pub(in crate::wire) fn read_lacked(body: &mut Cursor<'_>) -> Result<Reconcile, DecodeError> {
    let ids = body.list(ShortId);
    check_count(ids.len(), ANNOUNCE_MAX)?;
    Ok(Reconcile::Lacked(ids))
}

/// Reads a question for cells.
pub(in crate::wire) fn read_want(body: &mut Cursor<'_>) -> Result<Reconcile, DecodeError> {
    let (of, mut counts) = (body.u32()?, Vec::new());
    while !body.rest().is_empty() {
        check_count(counts.len() + 1, COUNTS_MAX)?;
        counts.push(unzigzag(body.varint()?));
    }
    Ok(Reconcile::Want(Box::new(Want { of, counts: counts.into() })))
}

/// A number whose amount is small as a small one without a sign.
const fn zigzag(count: i32) -> u32 {
    (count << 1 ^ count >> 31).cast_unsigned()
}

const fn unzigzag(word: u32) -> i32 {
    (word >> 1).cast_signed() ^ -(word & 1).cast_signed()
}

const fn check_count(count: usize, max: usize) -> Result<(), DecodeError> {
    if count > max { Err(DecodeError::TooMany { count, max }) } else { Ok(()) }
}

const fn span_len(span: Span) -> usize {
    1 + (span.depth() as usize).div_ceil(2)
}

fn put_span(span: Span, out: &mut BytesMut) {
    out.put_u8(span.depth());
    out.put_slice(&span.first().0[..span_len(span) - 1]);
}

fn read_span(body: &mut Cursor<'_>) -> Result<Span, DecodeError> {
    let depth = body.u8()?;
    let mut first = [0; SHORT_ID_LEN];
    let len = usize::from(depth).div_ceil(2);
    let prefix = first.get_mut(..len).ok_or(DecodeError::BadValue(Field::Span))?;
    prefix.copy_from_slice(body.slice(len)?);
    Span::new(u64::from_be_bytes(first), depth).ok_or(DecodeError::BadValue(Field::Span))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::opaque::Opaque;
    use crate::wire::codec::decode;
    use crate::wire::message::Message;
    use bytes::Bytes;

    const DIGEST: u8 = 15;
    const HELD: u8 = 21;
    const SPAN: DecodeError = DecodeError::BadValue(Field::Span);

    /// A split of a span of half a byte.
    fn split(first: u8) -> Vec<u8> {
        [&[1, first][..], &[7; SUMS_LEN]].concat()
    }

    /// A list of a span of half a byte, of ids that begin with these bytes.
    fn list(first: u8, ids: &[u8]) -> Vec<u8> {
        let count = u8::try_from(ids.len()).unwrap();
        let ids = ids.iter().flat_map(|id| [*id, 0, 0, 0, 0, 0, 0, 9]);
        [1, first, count].into_iter().chain(ids).collect()
    }

    fn digest(splits: &[Vec<u8>]) -> Result<Message, DecodeError> {
        decode(DIGEST, Bytes::from([&[5; 8], &splits.concat()[..]].concat()), &Opaque::default())
    }

    fn held(lists: &[Vec<u8>]) -> Result<Message, DecodeError> {
        decode(HELD, Bytes::from(lists.concat()), &Opaque::default())
    }

    #[test]
    fn spans_that_overlap_are_refused() {
        assert!(digest(&[split(0x10), split(0x20)]).is_ok() && digest(&[]).is_ok());
        assert_eq!(digest(&[split(0x10), split(0x10)]), Err(SPAN));
        assert_eq!(digest(&[split(0x20), split(0x10)]), Err(SPAN));
        let all = [&[0][..], &[7; SUMS_LEN]].concat();
        assert!(digest(std::slice::from_ref(&all)).is_ok());
        assert_eq!(digest(&[all, split(0x10)]), Err(SPAN), "one within another");
        assert_eq!(held(&[list(0x10, &[0x11]), list(0x10, &[0x12])]), Err(SPAN));
    }

    #[test]
    fn spans_that_mean_nothing_are_refused() {
        assert_eq!(digest(&[split(0x01)]), Err(SPAN), "half a byte, and it has two");
        assert_eq!(digest(&[vec![17; 90]]), Err(SPAN), "deeper than an id is long");
        assert_eq!(digest(&[vec![200; 90]]), Err(SPAN));
    }

    #[test]
    fn lists_that_are_not_as_they_say_are_refused() {
        assert!(held(&[list(0x10, &[0x10, 0x11, 0x1f])]).is_ok() && held(&[list(0, &[])]).is_ok());
        for (ids, why) in [
            (&[0x11, 0x20][..], "not of the span"),
            (&[0x12, 0x11][..], "not in order"),
            (&[0x11, 0x11][..], "twice the same"),
        ] {
            assert_eq!(held(&[list(0x10, ids)]), Err(SPAN), "{why}");
        }
        let mut short = list(0x10, &[0x11]);
        short[2] = 2;
        assert_eq!(held(&[short.clone()]), Err(DecodeError::Truncated));
        short[2] = 17;
        let max = LIST_MAX;
        assert_eq!(held(&[short]), Err(DecodeError::TooMany { count: 17, max }));
    }

    #[test]
    fn counts_of_either_sign_are_short() {
        for (count, word) in
            [(0, 0), (-1, 1), (1, 2), (i32::MAX, u32::MAX - 1), (i32::MIN, u32::MAX)]
        {
            assert_eq!((zigzag(count), unzigzag(word)), (word, count));
        }
    }

    #[test]
    fn a_question_is_read_in_one_form_alone_and_no_longer_than_a_node_asks() {
        let want = |counts: &[u8]| {
            decode(24, Bytes::from([&[5, 0, 0, 0], counts].concat()), &Opaque::default())
        };
        let counts: Box<[i32]> = [-1, 64].into();
        let wanted = Reconcile::Want(Box::new(Want { of: 5, counts }));
        assert_eq!(want(&[1, 0x80, 1]), Ok(Message::Reconcile(wanted)));
        assert_eq!(want(&[0x81, 0]), Err(DecodeError::Varint));
        assert_eq!(want(&[0x81]), Err(DecodeError::Truncated));
        let [count, max] = [COUNTS_MAX + 1, COUNTS_MAX];
        assert_eq!(want(&[0; COUNTS_MAX + 1]), Err(DecodeError::TooMany { count, max }));
        let cells = |len| decode(23, Bytes::from(vec![1; 4 + len]), &Opaque::default());
        assert!(cells(0).is_ok() && cells(CELLS_MAX * Cell::LEN).is_ok());
        assert_eq!(cells(Cell::LEN + 1), Err(DecodeError::TrailingBytes));
        let len = CELLS_BODY_MAX + Cell::LEN;
        assert!(cells(len - 4).is_err());
    }

    #[test]
    fn no_more_is_read_than_a_node_says() {
        let spans = (0..=255).flat_map(|a| (0..16).map(move |b| [3, a, b << 4]));
        let splits = spans.clone().map(|span| [&span[..], &[7; SUMS_LEN]].concat());
        let too_many = |max| Err(DecodeError::TooMany { count: max + 1, max });
        assert_eq!(digest(&splits.take(SPLITS_MAX + 1).collect::<Vec<_>>()), too_many(SPLITS_MAX));
        let lists = spans.map(|[depth, a, b]| vec![depth, a, b, 0]);
        assert_eq!(held(&lists.take(LISTS_MAX + 1).collect::<Vec<_>>()), too_many(LISTS_MAX));
    }
}
