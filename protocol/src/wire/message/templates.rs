//! Templates: what a node would put into the next block, told beforehand; and blocks by the places of their transactions in one.
//!
//! The idea is that of sharing block templates (BIP 153, `SENDTEMPLATE`; Bitcoin Core, issue 33691): whoever knows what a peer expects in a block can be
//! sent the block as little more than its header and its order. A template is told once, and then what changes in it. Names
//! are short ids, by which the pool finds transactions at once: a receiver looks nothing through, neither then nor when the block comes.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::ALLOCATION;
use super::parts::{HEADER_MAX, bytes_len, number, put_bytes, read_bytes};
use crate::ground::item::{SHORT_ID_LEN, ShortId};
use crate::ground::varint;
use crate::wire::cursor::Cursor;
use crate::wire::error::{DecodeError, Field};

/// Most transactions of a template. A guess: twice what a block of Bitcoin has when all are small.
pub const TEMPLATE_MAX: usize = 8_192;

/// Most transactions of a block that travels by places in a template. A guess: half of them may be unexpected.
pub const BY_TEMPLATE_MAX: usize = 2 * TEMPLATE_MAX;

/// Most transactions of a template that are asked for at once. A guess: as many as a full block's in fifty.
pub const EXTRA_MAX: usize = 256;

/// Longest template, bytes: all of it new, and every second place of the last one gone.
pub(in crate::wire) const TEMPLATE_BODY_MAX: usize = 16 + TEMPLATE_MAX * (2 + SHORT_ID_LEN);

/// Longest answer with transactions of a template, bytes: as much as is sent at a time ([`crate::relay::serve::PORTION`]), and their
/// lengths.
pub(in crate::wire) const LISTED_BODY_MAX: usize = (256 << 10) + 5 * EXTRA_MAX;

/// The place of what the template doesn't have.
pub const NOWHERE: u16 = u16::MAX;

/// Bits of a place at most.
const WIDTH_MAX: u8 = 14;

/// What a node would put into the next block, as far as it differs from what it told last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// It begins anew: nothing of what was told before counts.
    pub is_new: bool,
    /// Its number, by which blocks refer to it.
    pub number: u32,
    /// Places of the last one that are gone: where a run begins, and how long it is. In order, with something between two.
    pub gone: Box<[(u16, u16)]>,
    /// What comes behind the others.
    pub added: Box<[ShortId]>,
}

/// A block as places in a template that its sender told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByTemplate {
    /// What it begins with, and by which it is identified.
    pub header: Bytes,
    /// The number of the template.
    pub template: u32,
    /// The places of its transactions, in its order; [`NOWHERE`] of what the template doesn't have.
    pub places: Arc<[u16]>,
    /// Of those, what comes whole, with its place in the block, in order.
    pub prefilled: Box<[(u16, Bytes)]>,
    /// The names of all others, in order.
    pub ids: Box<[ShortId]>,
}

impl Template {
    /// What it makes of the one before. `None` if it can't be said of that, or is too long.
    #[must_use]
    pub fn apply(&self, before: &[ShortId]) -> Option<Vec<ShortId>> {
        let before = if self.is_new { &[] } else { before };
        let mut next = Vec::with_capacity(before.len() + self.added.len());
        let mut from = 0;
        for (start, len) in self.gone.iter().map(|run| (usize::from(run.0), usize::from(run.1))) {
            next.extend_from_slice(before.get(from..start)?);
            from = start + len;
        }
        next.extend_from_slice(before.get(from..)?);
        next.extend_from_slice(&self.added);
        next.shrink_to_fit();
        (next.len() <= TEMPLATE_MAX).then_some(next)
    }
}

impl ByTemplate {
    /// How many of its transactions the template doesn't have.
    #[must_use]
    pub fn outside(&self) -> usize {
        self.places.iter().filter(|place| **place == NOWHERE).count()
    }
}

/// How places are written.
enum Form {
    /// As runs of places that follow one another.
    Runs,
    /// Each in so many bits.
    Packed(u8),
}

/// A number that a template bounds, as a place.
fn place(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(NOWHERE)
}

/// Runs of places that follow one another, or are nowhere: the first, and how many.
fn runs(places: &[u16]) -> impl Iterator<Item = (u16, usize)> {
    let follows = |a: &u16, b: &u16| match (*a, *b) {
        (NOWHERE, b) => b == NOWHERE,
        (a, b) => b != NOWHERE && a + 1 == b,
    };
    places.chunk_by(follows).map(|run| (run[0], run.len()))
}

/// What is written of a run's first place.
const fn first(place: u16) -> u32 {
    match place {
        NOWHERE => 0,
        place => place as u32 + 1,
    }
}

fn runs_len(places: &[u16]) -> usize {
    let len =
        |(place, count): (u16, usize)| varint::len(first(place)) + varint::len(number(count - 1));
    runs(places).map(len).sum()
}

/// The bits that hold every place, and one number more.
fn width(places: &[u16]) -> u8 {
    let most = places.iter().filter(|place| **place != NOWHERE).max();
    let numbers = most.map_or(1, |most| u32::from(*most) + 2);
    let bits = u32::BITS - (numbers - 1).leading_zeros();
    u8::try_from(bits.max(1)).expect("places have sixteen bits")
}

const fn packed_len(places: usize, width: u8) -> usize {
    (places * width as usize).div_ceil(8)
}

/// The shorter of both.
fn form(places: &[u16]) -> (Form, usize) {
    let (runs, width) = (runs_len(places), width(places));
    let packed = packed_len(places.len(), width);
    if runs <= packed { (Form::Runs, runs) } else { (Form::Packed(width), packed) }
}

fn put_packed(places: &[u16], width: u8, out: &mut BytesMut) {
    let nowhere = (1_u32 << width) - 1;
    let (mut bits, mut held) = (0_u32, 0);
    for place in places {
        let value = if *place == NOWHERE { nowhere } else { (*place).into() };
        bits |= value << held;
        held += width;
        while held >= 8 {
            out.put_u8(bits.to_le_bytes()[0]);
            (bits, held) = (bits >> 8, held - 8);
        }
    }
    if held > 0 {
        out.put_u8(bits.to_le_bytes()[0]);
    }
}

fn read_packed(body: &mut Cursor<'_>, count: usize, width: u8) -> Result<Vec<u16>, DecodeError> {
    let nowhere = (1_u32 << width) - 1;
    let mut places = Vec::with_capacity(count);
    let (mut bits, mut held) = (0_u32, 0);
    for byte in body.slice(packed_len(count, width))? {
        bits |= u32::from(*byte) << held;
        held += 8;
        while held >= width && places.len() < count {
            let value = bits & nowhere;
            places.push(if value == nowhere { NOWHERE } else { place(value as usize) });
            (bits, held) = (bits >> width, held - width);
        }
    }
    if bits == 0 { Ok(places) } else { Err(DecodeError::BadValue(Field::Parts)) }
}

fn read_runs(body: &mut Cursor<'_>, count: usize) -> Result<Vec<u16>, DecodeError> {
    let bad = DecodeError::BadValue(Field::Parts);
    let mut places = Vec::new();
    while places.len() < count {
        let (first, len) = (body.varint()? as usize, body.varint()? as usize + 1);
        let is_within = first == 0 || first - 1 + len <= TEMPLATE_MAX;
        if len > count - places.len() || !is_within {
            return Err(bad);
        }
        match first {
            0 if 3 * len > body.rest().len() => return Err(bad), // each is as long at least
            0 => places.extend(std::iter::repeat_n(NOWHERE, len)),
            _ => places.extend((first - 1..).take(len).map(place)),
        }
    }
    Ok(places)
}

/// Reads a block by places in a template.
pub(in crate::wire) fn read_by_template(
    body: &mut Cursor<'_>,
) -> Result<Arc<ByTemplate>, DecodeError> {
    let bad = DecodeError::BadValue(Field::Parts);
    let header = body.varint()? as usize;
    if header > HEADER_MAX {
        return Err(bad);
    }
    let (header, template) = (body.bytes(header)?, body.u32()?);
    let (count, width) = (body.varint()? as usize, body.u8()?);
    if count > BY_TEMPLATE_MAX || width > WIDTH_MAX {
        return Err(bad);
    }
    let places = match width {
        0 => read_runs(body, count)?,
        _ => read_packed(body, count, width)?,
    };
    let outside = places.iter().filter(|place| **place == NOWHERE).count();
    let along = body.varint()? as usize;
    if along > outside || count - outside > TEMPLATE_MAX {
        return Err(bad);
    }
    let mut prefilled: Vec<(u16, Bytes)> = Vec::new();
    for _ in 0..along {
        let place = body.u16()?;
        let is_next = prefilled.last().is_none_or(|(last, _)| *last < place);
        if !is_next || places.get(usize::from(place)) != Some(&NOWHERE) {
            return Err(bad);
        }
        prefilled.push((place, read_bytes(body)?));
    }
    let ids: Box<[ShortId]> = body.elements(ShortId);
    if ids.len() + along != outside {
        return Err(bad);
    }
    let (places, prefilled) = (places.into(), prefilled.into());
    Ok(Arc::new(ByTemplate { header, template, places, prefilled, ids }))
}

/// Reads a template.
pub(in crate::wire) fn read_template(body: &mut Cursor<'_>) -> Result<Arc<Template>, DecodeError> {
    let bad = DecodeError::BadValue(Field::Parts);
    let is_new = match body.u8()? {
        0 => false,
        1 => true,
        _ => return Err(DecodeError::BadValue(Field::Choice)),
    };
    let (template, count) = (body.u32()?, body.varint()? as usize);
    let (mut gone, mut next) = (Vec::new(), 0);
    for n in 0..count {
        let (gap, len) = (body.varint()? as usize, body.varint()? as usize);
        let start = next + gap;
        next = start + len;
        if len == 0 || (n > 0 && gap == 0) || next > TEMPLATE_MAX || is_new {
            return Err(bad);
        }
        gone.push((place(start), place(len)));
    }
    let added: Box<[ShortId]> = body.elements(ShortId);
    if added.len() > TEMPLATE_MAX {
        return Err(bad);
    }
    Ok(Arc::new(Template { is_new, number: template, gone: gone.into(), added }))
}

/// Reads transactions of a template.
pub(in crate::wire) fn read_listed(body: &mut Cursor<'_>) -> Result<Arc<[Bytes]>, DecodeError> {
    let mut transactions = Vec::new();
    while !body.rest().is_empty() {
        if transactions.len() == EXTRA_MAX {
            return Err(DecodeError::BadValue(Field::Parts));
        }
        transactions.push(read_bytes(body)?);
    }
    Ok(transactions.into())
}

pub(super) fn by_template_len(block: &ByTemplate) -> usize {
    let ByTemplate { header, places, prefilled, ids, .. } = block;
    let whole = prefilled.iter().map(|(_, bytes)| 2 + bytes_len(bytes));
    let heads = varint::len(number(places.len())) + varint::len(number(prefilled.len()));
    let (_, places) = form(places);
    bytes_len(header) + 4 + heads + 1 + places + whole.sum::<usize>() + ids.len() * SHORT_ID_LEN
}

pub(super) fn put_by_template(block: &ByTemplate, out: &mut BytesMut) {
    let ByTemplate { header, template, places, prefilled, ids } = block;
    put_bytes(header, out);
    out.put_u32_le(*template);
    varint::put(number(places.len()), out);
    match form(places) {
        (Form::Runs, _) => {
            out.put_u8(0);
            for (place, count) in runs(places) {
                varint::put(first(place), out);
                varint::put(number(count - 1), out);
            }
        }
        (Form::Packed(width), _) => {
            out.put_u8(width);
            put_packed(places, width, out);
        }
    }
    varint::put(number(prefilled.len()), out);
    for (place, bytes) in prefilled {
        out.put_u16_le(*place);
        put_bytes(bytes, out);
    }
    ids.iter().for_each(|id| out.put_slice(&id.0));
}

/// What is encoded of each run: how many places lie before it and behind the last one, and its length.
fn gaps(gone: &[(u16, u16)]) -> impl Iterator<Item = [u32; 2]> {
    let end = |(start, len): &(u16, u16)| u32::from(*start) + u32::from(*len);
    let before = std::iter::once(0).chain(gone.iter().map(end));
    let gap = |start: u16, before| u32::from(start).saturating_sub(before);
    gone.iter().zip(before).map(move |((start, len), before)| [gap(*start, before), (*len).into()])
}

pub(super) fn template_len(template: &Template) -> usize {
    let gone = gaps(&template.gone).flatten().map(varint::len).sum::<usize>();
    let count = varint::len(number(template.gone.len()));
    5 + count + gone + template.added.len() * SHORT_ID_LEN
}

pub(super) fn put_template(template: &Template, out: &mut BytesMut) {
    out.put_u8(template.is_new.into());
    out.put_u32_le(template.number);
    varint::put(number(template.gone.len()), out);
    gaps(&template.gone).flatten().for_each(|word| varint::put(word, out));
    template.added.iter().for_each(|id| out.put_slice(&id.0));
}

pub(super) fn by_template_allocated(block: &ByTemplate) -> usize {
    let entries = block.prefilled.len() * size_of::<(u16, Bytes)>();
    let places = size_of_val(&*block.places) + size_of_val(&*block.ids);
    5 * ALLOCATION + size_of::<ByTemplate>() + entries + places + by_template_len(block)
}

pub(super) fn template_allocated(template: &Template) -> usize {
    let lists = size_of_val(&*template.gone) + size_of_val(&*template.added);
    3 * ALLOCATION + size_of::<Template>() + lists
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(n: u16) -> ShortId {
        ShortId(u64::from(n).to_le_bytes())
    }

    #[test]
    fn what_is_told_of_a_change_is_the_change() {
        let before: Vec<_> = (0..10).map(id).collect();
        let template = |is_new, gone: &[(u16, u16)], added: &[u16]| Template {
            is_new,
            number: 1,
            gone: gone.into(),
            added: added.iter().copied().map(id).collect(),
        };
        let change = template(false, &[(0, 2), (5, 1), (9, 1)], &[20, 21]);
        let expected: Vec<_> = [2, 3, 4, 6, 7, 8, 20, 21].map(id).into();
        assert_eq!(change.apply(&before), Some(expected));
        assert_eq!(template(true, &[], &[1]).apply(&before), Some(vec![id(1)]));
        assert_eq!(template(false, &[(9, 2)], &[]).apply(&before), None, "there is no such place");
        let many: Vec<_> = (0..u16::try_from(TEMPLATE_MAX).unwrap()).collect();
        assert_eq!(template(false, &[], &many).apply(&before), None, "too many");
    }

    proptest! {
        #[test]
        fn places_read_back_in_either_form(
            places in prop::collection::vec(prop_oneof![0..8_192_u16, Just(NOWHERE)], 1..300),
            start in 0..4_000_u16,
        ) {
            let width = width(&places);
            let mut packed = BytesMut::new();
            put_packed(&places, width, &mut packed);
            prop_assert_eq!(packed.len(), packed_len(places.len(), width));
            let chain = crate::chain::opaque::Opaque::default();
            let mut cursor = Cursor::new(packed.freeze(), &chain);
            prop_assert_eq!(read_packed(&mut cursor, places.len(), width).unwrap(), places.clone());
            let in_order: Vec<u16> = (start..).take(places.len()).collect();
            prop_assert!(runs_len(&in_order) <= 4, "{} bytes", runs_len(&in_order));
        }
    }
}
