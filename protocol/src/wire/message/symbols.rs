//! Blocks as symbols of a code: whoever has enough different ones, of whomever, has the block.
//!
//! The code is `RaptorQ` (RFC 6330); how a block is cut into symbols is told in [`crate::items::coding`].

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::{ALLOCATION, Body, HEADER_MAX};
use crate::ground::item::{HASH_LEN, Hash256};
use crate::wire::cursor::Cursor;
use crate::wire::error::{DecodeError, Field};

/// Bytes of a symbol: one packet of an Ethernet (1,500), with room for what carries it. A guess, as RFC 6330's example (1,280: section
/// 4.4.1.2 wants a multiple of eight).
pub const SYMBOL_BYTES: usize = 1_200;

/// Before its header: what an offer has.
const OFFER_LEN: usize = 1 + 1 + 2 + 4;

/// Most classes of symbols of one block.
pub const CLASSES_MAX: u8 = 16;

/// Length of what is said of more classes, bytes.
pub(in crate::wire) const CLASSES_LEN: usize = 8 + 2;

/// Longest offer, bytes.
pub(in crate::wire) const OFFER_MAX: usize = OFFER_LEN + HEADER_MAX;

/// Length of a request for symbols, bytes.
pub(in crate::wire) const GET_SYMBOLS_LEN: usize = HASH_LEN + 4 + 4 + 3 + 2 + 2;

/// Length of a symbol with what it is, bytes.
pub(in crate::wire) const SYMBOL_LEN: usize = 4 + 1 + 2 + 1 + SYMBOL_BYTES;

/// In a symbol's flags: the sender has the whole block, and answers for it.
const VOUCHED: u8 = 1;

/// In a symbol's flags: it is the last that was asked for.
const LAST: u8 = 2;

/// A block that is to be had in symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What it begins with, and by which it is identified.
    pub header: Bytes,
    /// Its length, bytes.
    pub size: u32,
    /// Into how many classes its symbols are divided, [`CLASSES_MAX`] at most: whoever has it first decides.
    pub classes: u8,
    /// Those of them that the sender has, or is to get: a bit each.
    pub has: u16,
    /// The sender sends it as the names of its transactions, too, to whoever wants that.
    pub is_named: bool,
}

/// Which symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolId {
    /// Of which slice of the block.
    pub slice: u8,
    /// Its number there: parts of the block first, then repair symbols (RFC 6330: the encoding symbol id).
    pub number: u16,
}

/// Symbols that are asked for: those of one class, so that no other peer sends the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolsWanted {
    /// The block.
    pub block: Hash256,
    /// Its length, bytes.
    pub size: u32,
    /// By what the answer is known, on this link; 0 asks for the names of its transactions instead.
    pub stream: u32,
    /// Of which class.
    pub class: u8,
    /// Of how many.
    pub classes: u8,
    /// Of which slice; of all if there is none of this number.
    pub slice: u8,
    /// From which number on, in each slice.
    pub from: u16,
    /// How many at most. None: what came of this stream is enough.
    pub count: u16,
}

/// A symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// As it was asked for.
    pub stream: u32,
    /// Which.
    pub id: SymbolId,
    /// The sender has the whole block, and answers for it; else it is passed on as it came.
    pub is_vouched: bool,
    /// No more come of this stream.
    pub is_last: bool,
    /// [`SYMBOL_BYTES`].
    pub bytes: Bytes,
}

/// How blocks travel that nobody knows anything of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Symbols {
    /// A block is to be had, or will be. Body: flags u8 (1: as names, too), classes u8, those of the sender u16, length of the block u32, header.
    Offer(Arc<Offer>),
    /// Of a block that I offered I am to get these classes, too. Body: the first eight bytes of its hash, classes u16.
    Classes {
        /// The first eight bytes of its hash.
        block: u64,
        /// The classes, a bit each.
        has: u16,
    },
    /// Send me such symbols as you get or make them. Body: hash of the block, its length u32, stream u32, class u8, classes u8, slice
    /// u8, from u16, count u16.
    Get(Arc<SymbolsWanted>),
    /// One of them. Body: stream u32, slice u8, number u16, flags u8 (1: vouched, 2: the last), 1,200 bytes.
    Symbol(Arc<Symbol>),
}

/// Reads an offer.
pub(in crate::wire) fn read_offer(body: &mut Cursor<'_>) -> Result<Symbols, DecodeError> {
    let is_named = match body.u8()? {
        0 => false,
        1 => true,
        _ => return Err(DecodeError::BadValue(Field::Choice)),
    };
    let (classes, has, size) = (body.u8()?, body.u16()?, body.u32()?);
    if !(1..=CLASSES_MAX).contains(&classes) || u32::from(has) >> classes != 0 {
        return Err(DecodeError::BadValue(Field::Choice));
    }
    let header = body.bytes(body.rest().len())?;
    Ok(Symbols::Offer(Arc::new(Offer { header, size, classes, has, is_named })))
}

/// Reads what is said of more classes.
pub(in crate::wire) fn read_classes(body: &mut Cursor<'_>) -> Result<Symbols, DecodeError> {
    Ok(Symbols::Classes { block: body.u64()?, has: body.u16()? })
}

/// Reads a request for symbols.
pub(in crate::wire) fn read_get_symbols(body: &mut Cursor<'_>) -> Result<Symbols, DecodeError> {
    let wanted = SymbolsWanted {
        block: Hash256(body.take()?),
        size: body.u32()?,
        stream: body.u32()?,
        class: body.u8()?,
        classes: body.u8()?,
        slice: body.u8()?,
        from: body.u16()?,
        count: body.u16()?,
    };
    if wanted.class >= wanted.classes {
        return Err(DecodeError::BadValue(Field::Parts));
    }
    Ok(Symbols::Get(Arc::new(wanted)))
}

/// Reads a symbol.
pub(in crate::wire) fn read_symbol(body: &mut Cursor<'_>) -> Result<Symbols, DecodeError> {
    let stream = body.u32()?;
    let id = SymbolId { slice: body.u8()?, number: body.u16()? };
    let flags = body.u8()?;
    if flags > VOUCHED | LAST {
        return Err(DecodeError::BadValue(Field::Choice));
    }
    let (is_vouched, is_last) = (flags & VOUCHED != 0, flags & LAST != 0);
    let bytes = body.bytes(SYMBOL_BYTES)?;
    Ok(Symbols::Symbol(Arc::new(Symbol { stream, id, is_vouched, is_last, bytes })))
}

impl Body for Symbols {
    fn len(&self) -> usize {
        match self {
            Self::Offer(offer) => OFFER_LEN + offer.header.len(),
            Self::Classes { .. } => CLASSES_LEN,
            Self::Get(_) => GET_SYMBOLS_LEN,
            Self::Symbol(_) => SYMBOL_LEN,
        }
    }

    fn put(&self, out: &mut BytesMut) {
        match self {
            Self::Offer(offer) => {
                out.put_u8(u8::from(offer.is_named));
                out.put_u8(offer.classes);
                out.put_u16_le(offer.has);
                out.put_u32_le(offer.size);
                out.put_slice(&offer.header);
            }
            Self::Classes { block, has } => {
                out.put_u64_le(*block);
                out.put_u16_le(*has);
            }
            Self::Get(wanted) => {
                out.put_slice(&wanted.block.0);
                out.put_u32_le(wanted.size);
                out.put_u32_le(wanted.stream);
                out.put_slice(&[wanted.class, wanted.classes, wanted.slice]);
                out.put_u16_le(wanted.from);
                out.put_u16_le(wanted.count);
            }
            Self::Symbol(symbol) => {
                let last = if symbol.is_last { LAST } else { 0 };
                out.put_u32_le(symbol.stream);
                out.put_u8(symbol.id.slice);
                out.put_u16_le(symbol.id.number);
                out.put_u8(u8::from(symbol.is_vouched) | last);
                out.put_slice(&symbol.bytes);
            }
        }
    }

    fn allocated(&self) -> usize {
        match self {
            Self::Offer(offer) => 2 * ALLOCATION + size_of::<Offer>() + offer.header.len(),
            Self::Classes { .. } => 0,
            Self::Get(_) => ALLOCATION + size_of::<SymbolsWanted>(),
            Self::Symbol(symbol) => 2 * ALLOCATION + size_of::<Symbol>() + symbol.bytes.len(),
        }
    }

    fn elements(&self) -> usize {
        match self {
            // Each is about what one request is charged for.
            Self::Get(wanted) => usize::from(wanted.count).max(1),
            Self::Offer(_) | Self::Classes { .. } | Self::Symbol(_) => 0,
        }
    }
}
