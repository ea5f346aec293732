//! A block as symbols of a code, and back: any set of enough different ones will do, whoever sent them.
//!
//! The code is `RaptorQ` (RFC 6330). It is systematic: the first symbols are the block itself, cut into pieces, so that nothing has to be
//! computed where nothing was lost. Behind them come as many repair symbols as anybody likes.
//!
//! # Slices
//! A block is cut into slices of at most [`SLICE_MAX`] symbols, each with a code of its own: one that comes whole, or is made ready for
//! repair symbols, is a fraction of a millisecond's work, and so no input takes long and nothing has to be done elsewhere. Piece `i` of
//! the block belongs to slice `i mod slices`: what is lost in a row is lost to all slices alike. The price is that each slice needs its own
//! surplus. (RFC 6330, 4.4.1.2, cuts into source blocks for the same reason, one behind the other.)
//!
//! # Bounds
//! What is here of a block takes its own length, and [`SURPLUS_MAX`] symbols a slice more. A slice that can't be solved by then never
//! will be: k symbols fail once in a hundred times, and each one more makes that a hundred times less (RFC 6330, 5.8).

use std::collections::BTreeMap;

use bytes::{BufMut as _, Bytes, BytesMut};
use raptorq::{
    EncodingPacket, ObjectTransmissionInformation, PayloadId, SourceBlockDecoder,
    SourceBlockEncoder,
};

use crate::wire::message::{SYMBOL_BYTES, SymbolId};

/// Most symbols of a slice. `examples/coding` has what one costs.
pub const SLICE_MAX: usize = 64;

/// Symbols of a slice that are kept beyond as many as should do. A guess.
pub const SURPLUS_MAX: usize = 8;

/// Most slices of a block: they have one byte, and 255 means all of them.
const SLICES_MAX: usize = 255;

/// How a block of some length is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    size: u32,
    symbols: u32,
    slices: u8,
}

impl Layout {
    /// Of so many bytes; `None` if there are none or too many.
    #[must_use]
    pub fn new(size: u32) -> Option<Self> {
        let symbols = (size as usize).div_ceil(SYMBOL_BYTES);
        let slices = symbols.div_ceil(SLICE_MAX);
        if !(1..=SLICES_MAX).contains(&slices) {
            return None;
        }
        let (symbols, slices) = (u32::try_from(symbols).ok()?, u8::try_from(slices).ok()?);
        Some(Self { size, symbols, slices })
    }

    /// Length of the block, bytes.
    #[must_use]
    pub const fn size(self) -> u32 {
        self.size
    }

    /// Pieces of the block.
    #[must_use]
    pub const fn symbols(self) -> usize {
        self.symbols as usize
    }

    /// Slices of the block.
    #[must_use]
    pub const fn slices(self) -> u8 {
        self.slices
    }

    /// Pieces of a slice, and so many symbols of it do. At least one.
    #[must_use]
    pub fn pieces(self, slice: u8) -> u16 {
        let behind = self.symbols.saturating_sub(slice.into());
        u16::try_from(behind.div_ceil(self.slices.into())).expect("a slice has few symbols")
    }

    /// Whether there is such a symbol.
    #[must_use]
    pub const fn has(self, id: SymbolId) -> bool {
        id.slice < self.slices
    }

    /// To which of so many classes a symbol belongs. Each class has its share of each slice.
    #[must_use]
    pub fn class(id: SymbolId, classes: u8) -> u8 {
        let place = u32::from(id.number) + u32::from(id.slice);
        u8::try_from(place % u32::from(classes.max(1))).expect("less than a byte's number")
    }

    /// Where a piece lies in the block.
    const fn piece(self, id: SymbolId) -> usize {
        id.number as usize * self.slices as usize + id.slice as usize
    }

    /// A piece of a block of this length; `None` if the symbol is no piece of it.
    #[must_use]
    pub fn source(self, block: &Bytes, id: SymbolId) -> Option<Bytes> {
        if id.number >= self.pieces(id.slice) || block.len() != self.size as usize {
            return None;
        }
        let start = self.piece(id) * SYMBOL_BYTES;
        let end = start + SYMBOL_BYTES;
        if end <= block.len() {
            return Some(block.slice(start..end));
        }
        let mut last = BytesMut::from(&block[start..]);
        last.resize(SYMBOL_BYTES, 0);
        Some(last.freeze())
    }

    fn settings(self, slice: u8) -> ObjectTransmissionInformation {
        let bytes = self.slice_bytes(slice) as u64;
        let symbol = u16::try_from(SYMBOL_BYTES).expect("a symbol is a packet");
        ObjectTransmissionInformation::new(bytes, symbol, 1, 1, 8)
    }

    fn slice_bytes(self, slice: u8) -> usize {
        usize::from(self.pieces(slice)) * SYMBOL_BYTES
    }
}

/// Makes the repair symbols of one slice.
#[derive(Clone, Debug)]
pub struct Repairer {
    encoder: SourceBlockEncoder,
    pieces: u16,
}

impl Repairer {
    /// Of a slice of a block, which must have the layout's length.
    #[must_use]
    pub fn new(layout: Layout, block: &Bytes, slice: u8) -> Self {
        let pieces = layout.pieces(slice);
        let mut data = Vec::with_capacity(layout.slice_bytes(slice));
        for number in 0..pieces {
            let piece = layout.source(block, SymbolId { slice, number });
            data.extend_from_slice(&piece.unwrap_or_else(|| vec![0; SYMBOL_BYTES].into()));
        }
        Self { encoder: SourceBlockEncoder::new(0, &layout.settings(slice), &data), pieces }
    }

    /// A repair symbol; `None` if the number is a piece's.
    #[must_use]
    pub fn make(&self, number: u16) -> Option<Bytes> {
        let number = number.checked_sub(self.pieces)?;
        let packet = self.encoder.repair_packets(number.into(), 1).pop()?;
        Some(packet.split().1.into())
    }
}

/// What became of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was here.
    Known,
    /// It is kept.
    Kept,
    /// With it its slice is whole.
    Whole,
    /// Its slice has more than should do and isn't whole: somebody sent what is no symbol of it.
    Hopeless,
}

/// One slice.
#[derive(Clone, Debug)]
enum Slice {
    Open(BTreeMap<u16, Bytes>),
    Whole(Bytes),
}

/// A block that comes in symbols.
#[derive(Clone, Debug)]
pub struct Assembly {
    layout: Layout,
    slices: Vec<Slice>,
}

impl Assembly {
    /// Nothing is here of it.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        let slices = (0..layout.slices()).map(|_| Slice::Open(BTreeMap::new())).collect();
        Self { layout, slices }
    }

    /// How it is cut.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// Takes in a symbol, which there [is](Layout::has).
    pub fn take(&mut self, id: SymbolId, bytes: &Bytes) -> Taken {
        let pieces = usize::from(self.layout.pieces(id.slice));
        let Slice::Open(symbols) = &mut self.slices[usize::from(id.slice)] else {
            return Taken::Known;
        };
        if symbols.contains_key(&id.number) {
            return Taken::Known;
        }
        symbols.insert(id.number, bytes.clone());
        if symbols.len() < pieces {
            return Taken::Kept;
        }
        match solve(self.layout, id.slice, symbols) {
            Some(whole) => {
                self.slices[usize::from(id.slice)] = Slice::Whole(whole);
                Taken::Whole
            }
            None if symbols.len() > pieces + SURPLUS_MAX => Taken::Hopeless,
            None => Taken::Kept,
        }
    }

    /// How many symbols of a slice should do, besides those that are here: at least one until it is whole.
    #[must_use]
    pub fn lacks(&self, slice: u8) -> usize {
        match self.slices.get(usize::from(slice)) {
            Some(Slice::Open(symbols)) => {
                usize::from(self.layout.pieces(slice)).saturating_sub(symbols.len()).max(1)
            }
            _ => 0,
        }
    }

    /// The same of all slices.
    #[must_use]
    pub fn lacking(&self) -> usize {
        (0..self.layout.slices()).map(|slice| self.lacks(slice)).sum()
    }

    /// A number of a slice from which on nothing of it is here, and no pieces.
    #[must_use]
    pub fn unused(&self, slice: u8) -> u16 {
        let pieces = self.layout.pieces(slice);
        match &self.slices[usize::from(slice)] {
            Slice::Open(symbols) => symbols
                .last_key_value()
                .map_or(pieces, |(number, _)| number.saturating_add(1).max(pieces)),
            Slice::Whole(_) => pieces,
        }
    }

    /// Symbols that are here of a slice, in the order of their numbers: all of its pieces, if it is whole.
    #[must_use]
    pub fn held(&self, slice: u8) -> Vec<(SymbolId, Bytes)> {
        let id = |number| SymbolId { slice, number };
        match self.slices.get(usize::from(slice)) {
            Some(Slice::Open(symbols)) => {
                symbols.iter().map(|(number, bytes)| (id(*number), bytes.clone())).collect()
            }
            Some(Slice::Whole(bytes)) => {
                let piece = |n: u16| {
                    let start = usize::from(n) * SYMBOL_BYTES;
                    bytes.slice(start..start + SYMBOL_BYTES)
                };
                (0..self.layout.pieces(slice)).map(|n| (id(n), piece(n))).collect()
            }
            None => Vec::new(),
        }
    }

    /// The block, once all slices are whole.
    #[must_use]
    pub fn join(&self) -> Option<Bytes> {
        let whole = self.slices.iter().map(|slice| match slice {
            Slice::Whole(bytes) => Some(bytes),
            Slice::Open(_) => None,
        });
        let slices: Vec<&Bytes> = whole.collect::<Option<_>>()?;
        let mut block = BytesMut::with_capacity(self.layout.symbols() * SYMBOL_BYTES);
        for piece in 0..self.layout.symbols() {
            let (slice, number) = (piece % slices.len(), piece / slices.len());
            block.put_slice(&slices[slice][number * SYMBOL_BYTES..(number + 1) * SYMBOL_BYTES]);
        }
        block.truncate(self.layout.size as usize);
        Some(block.freeze())
    }

    /// Most bytes that symbols of a block of some length take while it comes.
    #[must_use]
    pub fn bytes_max(size: usize) -> usize {
        let symbols = size.div_ceil(SYMBOL_BYTES);
        (symbols + symbols.div_ceil(SLICE_MAX) * SURPLUS_MAX) * (SYMBOL_BYTES + 64) + size
    }
}

/// The pieces of a slice, one behind the other, from symbols of it.
fn solve(layout: Layout, slice: u8, symbols: &BTreeMap<u16, Bytes>) -> Option<Bytes> {
    let pieces = layout.pieces(slice);
    let are_pieces = symbols.len() == usize::from(pieces)
        && symbols.last_key_value().is_some_and(|(number, _)| *number < pieces);
    if are_pieces {
        let mut whole = BytesMut::with_capacity(layout.slice_bytes(slice));
        symbols.values().for_each(|piece| whole.put_slice(piece));
        return Some(whole.freeze());
    }
    let settings = layout.settings(slice);
    let mut decoder = SourceBlockDecoder::new(0, &settings, layout.slice_bytes(slice) as u64);
    let packets = symbols.iter().map(|(number, bytes)| {
        EncodingPacket::new(PayloadId::new(0, (*number).into()), bytes.to_vec())
    });
    decoder.decode(packets).map(Bytes::from)
}

#[cfg(test)]
mod tests;
