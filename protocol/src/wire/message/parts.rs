//! What all messages have in common that bring parts of a block: bytes with their length before them, and how many there may be.

use bytes::{BufMut, Bytes, BytesMut};

use crate::ground::varint;
use crate::wire::cursor::Cursor;
use crate::wire::error::DecodeError;

/// Most transactions of a block that travels so, as places have 16 bits (BIP 152). Larger ones travel whole.
pub const BLOCK_PARTS_MAX: usize = 65_535;

/// Most bytes of a header. A guess: Bitcoin's has 80.
pub const HEADER_MAX: usize = 1_024;

/// Reads bytes and their length.
pub(super) fn read_bytes(body: &mut Cursor<'_>) -> Result<Bytes, DecodeError> {
    let len = body.varint()? as usize;
    body.bytes(len)
}

/// Appends bytes and their length.
pub(super) fn put_bytes(bytes: &Bytes, out: &mut BytesMut) {
    varint::put(number(bytes.len()), out);
    out.put_slice(bytes);
}

/// How long both are.
pub(super) fn bytes_len(bytes: &Bytes) -> usize {
    varint::len(number(bytes.len())) + bytes.len()
}

/// A length as it is written.
pub(super) fn number(len: usize) -> u32 {
    u32::try_from(len).expect("nothing of a block is longer than a message may be")
}
