//! Blocks by the names of what is in them: whoever has the transactions already is sent six bytes for each.
//!
//! The scheme is BIP 152's ("Compact Block Relay"): short ids keyed for each message, so that nobody can have two transactions
//! made that share one everywhere; what the receiver can hardly have comes with it; what it lacks it asks for by place.

use std::hash::Hasher as _;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use siphasher::sip::SipHasher24;

use super::parts::{BLOCK_PARTS_MAX, HEADER_MAX, bytes_len, number, put_bytes, read_bytes};
use super::templates::{
    ByTemplate, Template, by_template_allocated, by_template_len, put_by_template, put_template,
    template_allocated, template_len,
};
use super::{ALLOCATION, Body, allocated_by};
use crate::ground::item::{HASH_LEN, Hash256, ItemId, SHORT_ID_LEN, ShortId};
use crate::ground::varint;
use crate::wire::cursor::Cursor;
use crate::wire::error::{DecodeError, Field};

/// Length of a transaction's name, bytes (BIP 152, "Short transaction IDs").
pub const PART_ID_LEN: usize = 6;

/// Longest block by names, bytes: as many names as there may be, and some transactions that come along. A guess. What would be longer
/// travels whole.
pub const COMPACT_MAX: usize = 512 << 10;

/// Longest request for transactions by their places, bytes: each has three at most.
pub(in crate::wire) const GET_PARTS_MAX: usize = HASH_LEN + 3 * BLOCK_PARTS_MAX;

/// Most headers of one message: half a millisecond's work. Bitcoin Core sends 2,000 (`MAX_HEADERS_RESULTS`).
pub const HEADERS_MAX: usize = 1_000;

/// Most names in a request for headers (Bitcoin Core: `MAX_LOCATOR_SZ`, `net_processing.cpp`).
pub const LOCATOR_MAX: usize = 101;

/// Longest list of headers, bytes. A guess: for headers of twice the length that any have.
pub(in crate::wire) const HEADERS_BODY_MAX: usize = HEADERS_MAX * 200;

/// A transaction's name within one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartId(pub [u8; PART_ID_LEN]);

/// A block as the names of its transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compact {
    /// What it begins with, and by which it is identified.
    pub header: Bytes,
    /// Makes the names this message's own.
    pub nonce: u64,
    /// Transactions that come whole, with their places, in order.
    pub prefilled: Box<[(u16, Bytes)]>,
    /// The names of all others, in order.
    pub parts: Box<[PartId]>,
}

/// What some transactions of a block are named by.
#[derive(Clone, Copy, Debug)]
pub struct PartNames(SipHasher24);

/// Transactions of a block, by their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartsWanted {
    /// The block.
    pub block: Hash256,
    /// The places, in order. None means the whole block.
    pub places: Box<[u16]>,
}

/// Transactions of a block that somebody asked for, in the order of their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The block.
    pub block: Hash256,
    /// Their bytes.
    pub transactions: Box<[Bytes]>,
}

/// How blocks travel between those who have most of what is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// A block, in the place of its bytes. Body: length of the header as a varint, header, nonce u64, number of prefilled ones as a
    /// varint, of each its place u16, its length as a varint and its bytes; then names of six bytes.
    Compact(Arc<Compact>),
    /// I lack these of a block. Body: hash of the block, places as varints: the first, and how many lie between two.
    GetParts(Arc<PartsWanted>),
    /// Here they are. Body: hash of the block, then of each its length as a varint, and its bytes.
    Parts(Arc<Parts>),
    /// Send me blocks as soon as you have them, unasked, or not any more. Body: 1 or 0.
    Prefer(bool),
    /// Which blocks follow the first of these that you have connected? Body: ids, the last ones first.
    GetHeaders(Arc<[Hash256]>),
    /// Headers of blocks, each of which follows the one before: the answer, or news. Body: of each its length as a varint, and its
    /// bytes.
    Headers(Arc<[Bytes]>),
    /// A block, in the place of its bytes. Body: length of the header as a varint, header, number of the template u32, number of
    /// transactions as a varint; their places, packed in so many bits (u8; all of them set: nowhere), or if these are none as runs of
    /// two varints each, the first place and one (0: nowhere) and how many follow it; number of prefilled ones as a varint, of each its place
    /// in the block u16, its length as a varint and its bytes; then short ids of all others that are nowhere.
    ByTemplate(Arc<ByTemplate>),
    /// What I would put into the next block. Body: 1 if it begins anew, or 0; its number u32; number of runs of places that are gone as a
    /// varint, of each how many lie before it and behind the last one, and how many it has, as varints; then short ids of what is added.
    Template(Arc<Template>),
    /// I lack these of your template. Body: short ids.
    GetListed(Arc<[ShortId]>),
    /// Here are those that are here still. Body: of each its length as a varint, and its bytes.
    Listed(Arc<[Bytes]>),
}

impl Compact {
    /// How many transactions the block has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.prefilled.len() + self.parts.len()
    }

    /// What its transactions are named by: SipHash-2-4, whose key is made of a hash of header and nonce (BIP 152; the hash
    /// here is the double SHA-256 of all items).
    #[must_use]
    pub fn names(&self) -> PartNames {
        PartNames::of(&self.header, self.nonce)
    }
}

impl PartNames {
    /// Those of a block with this header, under a nonce.
    #[must_use]
    pub fn of(header: &[u8], nonce: u64) -> Self {
        let Hash256(seed) = Hash256::of(&[header, &nonce.to_le_bytes()].concat());
        let key = seed.first_chunk().expect("a hash has more than sixteen bytes");
        Self(SipHasher24::new_with_key(key))
    }

    /// The name of a transaction.
    #[must_use]
    pub fn name(&self, id: ItemId) -> PartId {
        let mut hasher = self.0;
        hasher.write(&id.hash().0);
        let [name @ .., _, _] = hasher.finish().to_le_bytes();
        PartId(name)
    }
}

/// Reads a block by names.
pub(in crate::wire) fn read_compact(body: &mut Cursor<'_>) -> Result<Blocks, DecodeError> {
    let header = body.varint()? as usize;
    if header > HEADER_MAX {
        return Err(DecodeError::BadValue(Field::Parts));
    }
    let (header, nonce) = (body.bytes(header)?, body.u64()?);
    let count = body.varint()? as usize;
    if count > BLOCK_PARTS_MAX || count > body.rest().len() {
        return Err(DecodeError::BadValue(Field::Parts));
    }
    let mut prefilled: Vec<(u16, Bytes)> = Vec::with_capacity(count);
    for _ in 0..count {
        let place = body.u16()?;
        if prefilled.last().is_some_and(|(last, _)| *last >= place) {
            return Err(DecodeError::BadValue(Field::Parts));
        }
        prefilled.push((place, read_bytes(body)?));
    }
    let parts: Box<[PartId]> = body.elements(PartId);
    let all = prefilled.len() + parts.len();
    let is_within = prefilled.last().is_none_or(|(last, _)| usize::from(*last) < all);
    if !(1..=BLOCK_PARTS_MAX).contains(&all) || !is_within {
        return Err(DecodeError::BadValue(Field::Parts));
    }
    Ok(Blocks::Compact(Arc::new(Compact { header, nonce, prefilled: prefilled.into(), parts })))
}

/// Reads a request for transactions of a block.
pub(in crate::wire) fn read_get_parts(body: &mut Cursor<'_>) -> Result<Blocks, DecodeError> {
    let block = Hash256(body.take()?);
    let (mut places, mut next) = (Vec::new(), 0_u32);
    while !body.rest().is_empty() {
        let place = next.saturating_add(body.varint()?);
        places.push(u16::try_from(place).map_err(|_| DecodeError::BadValue(Field::Parts))?);
        next = place + 1;
    }
    Ok(Blocks::GetParts(Arc::new(PartsWanted { block, places: places.into() })))
}

/// Reads transactions of a block.
pub(in crate::wire) fn read_parts(body: &mut Cursor<'_>) -> Result<Blocks, DecodeError> {
    let block = Hash256(body.take()?);
    let mut transactions = Vec::new();
    while !body.rest().is_empty() {
        if transactions.len() == BLOCK_PARTS_MAX {
            return Err(DecodeError::BadValue(Field::Parts));
        }
        transactions.push(read_bytes(body)?);
    }
    Ok(Blocks::Parts(Arc::new(Parts { block, transactions: transactions.into() })))
}

/// Reads whether blocks are to come unasked.
pub(in crate::wire) fn read_prefer(body: &mut Cursor<'_>) -> Result<Blocks, DecodeError> {
    match body.u8()? {
        0 => Ok(Blocks::Prefer(false)),
        1 => Ok(Blocks::Prefer(true)),
        _ => Err(DecodeError::BadValue(Field::Choice)),
    }
}

/// Reads a request for headers.
pub(in crate::wire) fn read_get_headers(body: &mut Cursor<'_>) -> Result<Blocks, DecodeError> {
    Ok(Blocks::GetHeaders(body.list(Hash256)))
}

/// Reads headers.
pub(in crate::wire) fn read_headers(body: &mut Cursor<'_>) -> Result<Blocks, DecodeError> {
    let mut headers = Vec::new();
    while !body.rest().is_empty() {
        let header = read_bytes(body)?;
        if headers.len() == HEADERS_MAX || header.len() > HEADER_MAX {
            return Err(DecodeError::BadValue(Field::Headers));
        }
        headers.push(header);
    }
    Ok(Blocks::Headers(headers.into()))
}

/// What is encoded of each place: how many lie before it and behind the one before.
fn gaps(places: &[u16]) -> impl Iterator<Item = u32> {
    let before = std::iter::once(0).chain(places.iter().map(|place| u32::from(*place) + 1));
    places.iter().zip(before).map(|(place, before)| u32::from(*place).saturating_sub(before))
}

impl Body for Blocks {
    fn len(&self) -> usize {
        match self {
            Self::Compact(compact) => {
                let Compact { header, prefilled, parts, .. } = &**compact;
                let whole = prefilled.iter().map(|(_, bytes)| 2 + bytes_len(bytes));
                bytes_len(header)
                    + 8
                    + varint::len(number(prefilled.len()))
                    + whole.sum::<usize>()
                    + parts.len() * PART_ID_LEN
            }
            Self::GetParts(wanted) => {
                HASH_LEN + gaps(&wanted.places).map(varint::len).sum::<usize>()
            }
            Self::Parts(parts) => {
                HASH_LEN + parts.transactions.iter().map(bytes_len).sum::<usize>()
            }
            Self::Prefer(_) => 1,
            Self::GetHeaders(locator) => locator.len() * HASH_LEN,
            Self::Headers(headers) => headers.iter().map(bytes_len).sum(),
            Self::ByTemplate(block) => by_template_len(block),
            Self::Template(template) => template_len(template),
            Self::GetListed(ids) => ids.len() * SHORT_ID_LEN,
            Self::Listed(transactions) => transactions.iter().map(bytes_len).sum(),
        }
    }

    fn put(&self, out: &mut BytesMut) {
        match self {
            Self::Compact(compact) => {
                put_bytes(&compact.header, out);
                out.put_u64_le(compact.nonce);
                varint::put(number(compact.prefilled.len()), out);
                for (place, bytes) in &compact.prefilled {
                    out.put_u16_le(*place);
                    put_bytes(bytes, out);
                }
                compact.parts.iter().for_each(|PartId(name)| out.put_slice(name));
            }
            Self::GetParts(wanted) => {
                out.put_slice(&wanted.block.0);
                gaps(&wanted.places).for_each(|gap| varint::put(gap, out));
            }
            Self::Parts(parts) => {
                out.put_slice(&parts.block.0);
                parts.transactions.iter().for_each(|bytes| put_bytes(bytes, out));
            }
            Self::Prefer(wanted) => out.put_u8(u8::from(*wanted)),
            Self::GetHeaders(locator) => locator.iter().for_each(|id| out.put_slice(&id.0)),
            Self::Headers(headers) => headers.iter().for_each(|header| put_bytes(header, out)),
            Self::ByTemplate(block) => put_by_template(block, out),
            Self::Template(template) => put_template(template, out),
            Self::GetListed(ids) => ids.iter().for_each(|id| out.put_slice(&id.0)),
            Self::Listed(transactions) => {
                transactions.iter().for_each(|bytes| put_bytes(bytes, out));
            }
        }
    }

    /// The transactions of one message share what it came in.
    fn allocated(&self) -> usize {
        let entry = size_of::<(u16, Bytes)>();
        match self {
            Self::Compact(compact) => {
                let parts = compact.parts.len() * PART_ID_LEN;
                let prefilled = compact.prefilled.len() * entry;
                4 * ALLOCATION + size_of::<Compact>() + parts + prefilled + self.len()
            }
            Self::GetParts(wanted) => {
                2 * ALLOCATION + size_of::<PartsWanted>() + 2 * wanted.places.len()
            }
            Self::Parts(parts) => {
                let transactions = parts.transactions.len() * size_of::<Bytes>();
                3 * ALLOCATION + size_of::<Parts>() + transactions + self.len()
            }
            Self::Prefer(_) => 0,
            Self::GetHeaders(locator) => ALLOCATION + locator.len() * HASH_LEN,
            Self::Headers(headers) => {
                2 * ALLOCATION + headers.len() * size_of::<Bytes>() + self.len()
            }
            Self::ByTemplate(block) => by_template_allocated(block),
            Self::Template(template) => template_allocated(template),
            Self::GetListed(ids) => allocated_by(ids),
            Self::Listed(transactions) => {
                ALLOCATION
                    + allocated_by(transactions)
                    + transactions.iter().map(bytes_len).sum::<usize>()
            }
        }
    }

    fn elements(&self) -> usize {
        match self {
            // The whole of it costs as much as any block does that is asked for.
            Self::GetParts(wanted) => wanted.places.len().max(1),
            Self::GetHeaders(_) => 1, // what is sent for it is charged besides
            Self::GetListed(ids) => ids.len().max(1),
            Self::Compact(_)
            | Self::Parts(_)
            | Self::Prefer(_)
            | Self::ByTemplate(_)
            | Self::Template(_)
            | Self::Listed(_)
            | Self::Headers(_) => 0,
        }
    }
}
