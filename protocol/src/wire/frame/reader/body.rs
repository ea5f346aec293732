//! What has arrived of one message.
//!
//! Bytes lie in pieces of [`PIECE`] bytes until all are here. In one piece that doubles, a long message would leave memory
//! behind in all sizes as it grows, which nothing else fits into: 32 peers that never finish theirs cost half as
//! much again as they hold.

use bytes::Bytes;

use crate::chain::Chain;
use crate::wire::codec;
use crate::wire::error::DecodeError;
use crate::wire::kinds::MessageKind;
use crate::wire::message::Message;

/// Bytes of a piece. A guess: four parts, and less than what the C library maps from the system each time (128 KiB).
const PIECE: usize = 64 << 10;

/// What has arrived of the body of a message. It stays empty for kinds that are skipped.
#[derive(Clone, Debug)]
pub(super) struct Body {
    /// Which message it is of, counted from the first on.
    number: u64,
    kind: u8,
    total: usize,
    arrived: usize,
    data: Data,
}

#[derive(Clone, Debug)]
enum Data {
    /// One piece, or a message that fits into one.
    Short(Vec<u8>),
    /// Pieces that are full, and the last, which may not be.
    Long(Vec<Vec<u8>>),
}

impl Body {
    pub(super) const fn new(number: u64, kind: u8, total: usize) -> Self {
        Self { number, kind, total, arrived: 0, data: Data::Short(Vec::new()) }
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// How many bytes have arrived.
    pub(super) const fn arrived(&self) -> usize {
        self.arrived
    }

    /// How many haven't.
    pub(super) const fn missing(&self) -> usize {
        self.total - self.arrived
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.missing() == 0
    }

    /// Memory that it takes: at most twice what has arrived, or a piece more.
    pub(super) fn held_bytes(&self) -> usize {
        match &self.data {
            Data::Short(piece) => piece.capacity(),
            Data::Long(pieces) => pieces.iter().map(Vec::capacity).sum(),
        }
    }

    /// Takes up to `max` bytes of data off the front of `input`; how many it took.
    pub(super) fn take(&mut self, input: &mut &[u8], max: usize) -> usize {
        let (data, rest) = input.split_at(input.len().min(max));
        *input = rest;
        if self.is_known() {
            self.keep(data);
        }
        self.arrived += data.len();
        data.len()
    }

    fn keep(&mut self, mut data: &[u8]) {
        let mut left = self.missing();
        while !data.is_empty() {
            let piece = self.data.piece_with_room();
            let (fits, more) = data.split_at(data.len().min(PIECE - piece.len()));
            reserve(piece, fits.len(), (piece.len() + left).min(PIECE));
            piece.extend_from_slice(fits);
            (left, data) = (left - fits.len(), more);
        }
    }

    const fn is_known(&self) -> bool {
        MessageKind::of_byte(self.kind).is_some()
    }

    /// The message, once all of it has arrived.
    pub(super) fn decode(self, chain: &dyn Chain) -> Result<Message, DecodeError> {
        if !self.is_known() {
            return Ok(Message::unknown(self.kind, self.total));
        }
        codec::decode(self.kind, Bytes::from(self.data.join(self.total)), chain)
    }
}

impl Data {
    /// The last piece, or a new one if that is full.
    fn piece_with_room(&mut self) -> &mut Vec<u8> {
        if let Self::Short(piece) = self
            && piece.len() == PIECE
        {
            *self = Self::Long(vec![std::mem::take(piece)]);
        }
        match self {
            Self::Short(piece) => piece,
            Self::Long(pieces) => {
                if pieces.last().is_none_or(|last| last.len() == PIECE) {
                    pieces.push(Vec::new());
                }
                pieces.last_mut().expect("one was added if there was none with room")
            }
        }
    }

    /// All of it, in an allocation of just its size.
    fn join(self, total: usize) -> Vec<u8> {
        match self {
            Self::Short(piece) => piece,
            Self::Long(pieces) => {
                let mut data = Vec::with_capacity(total);
                pieces.into_iter().for_each(|piece| data.extend(piece));
                data
            }
        }
    }
}

/// Makes room for so many bytes more in a piece: twice as much as before, but never beyond what it may come to. So a message
/// of one piece fills its allocation exactly, once it is complete.
fn reserve(piece: &mut Vec<u8>, more: usize, most: usize) {
    let (len, capacity) = (piece.len(), piece.capacity());
    if capacity < len + more {
        piece.reserve_exact((len + more).max(2 * capacity).min(most) - len);
    }
}
