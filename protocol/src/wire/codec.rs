//! Messages as bytes: one encoding each, bounded before it is read.
//!
//! # Frames
//! ```text
//! whole message        length kind                           body
//! first part of one    length 0    class|first  kind  total  first 16 KiB of the body
//! each further part    length 0    class                     next 16 KiB, or what is left
//! ```
//! `length` (of all that follows in the frame) and `total` (of the whole body) are LEB128 varints,
//! the others single bytes; `class` is 0 for control, 1 for blocks, 2 for transactions, 3 for replicas, and `first`
//! adds 4. A body of at most [`PART_MAX`] bytes travels whole and a longer one in parts, all full but
//! the last; there is no choice, so that the same message always costs the same bytes and
//! [`frame_len`] knows them without encoding. How parts interleave is told at [`crate::wire::frame`].
//!
//! What bodies hold is told at each message's variant in [`crate::wire::message`], and which kind byte stands for it
//! and how long it may be, in the table at [`crate::wire::kinds`].

mod head;
mod parts;

use bytes::{Bytes, BytesMut};

use crate::chain::Chain;
use crate::wire::cursor::Cursor;
use crate::wire::error::{DecodeError, PartFault};
use crate::wire::kinds::{self, MessageKind};
use crate::wire::message::{Items, Message};

pub(crate) use head::{HEAD_MAX, Head};
pub(crate) use parts::Parts;

/// Most bytes of a body in one frame; longer ones travel in parts of this length. One takes 13 ms at
/// 10 Mbit/s. A guess: Yamux, below us, splits what is written at 16 KiB too.
pub const PART_MAX: usize = 16 * 1024;

/// Stands where a whole message has its kind, if what follows is a part of one.
const PART: u8 = 0;
const _: () = assert!(MessageKind::of_byte(PART).is_none(), "no kind may have this byte");

/// Appends a message as it travels: one frame, or all its parts in a row.
pub fn encode(message: &Message, out: &mut BytesMut) {
    let body = message.body_len();
    if body <= PART_MAX {
        Head::Whole { kind: message.byte() }.put(body, out);
        put_body(message, out);
        return;
    }
    let mut parts = Parts::of(message);
    while !parts.is_done() {
        parts.put_next(out);
    }
}

/// How many bytes [`encode`] appends, frames and parts included. It encodes nothing: the length of
/// all but a list of addresses is known at once.
///
/// For a received message it is what the message took on the wire too, save for what was passed over
/// because a later version wrote it.
#[must_use]
pub fn frame_len(message: &Message) -> usize {
    let body = message.body_len();
    let kind = message.byte();
    if body <= PART_MAX {
        return Head::Whole { kind }.len(body) + body;
    }
    let class = message.class();
    let (full, rest) = (body / PART_MAX, body % PART_MAX);
    let first = Head::First { class, kind, total: body }.len(PART_MAX);
    let next = |len: usize| {
        if len == 0 { 0 } else { Head::Next { class }.len(len) }
    };
    first + (full - 1) * next(PART_MAX) + next(rest) + body
}

/// Reads the body of a frame (or of reassembled parts). An item keeps `body` itself: nothing is
/// copied, so `body` should not be a slice of a much larger buffer.
///
/// # Errors
/// Everything that the message's documentation doesn't allow, and [`DecodeError::BadItem`] when the
/// chain can't identify an item.
pub fn decode(kind: u8, body: Bytes, chain: &dyn Chain) -> Result<Message, DecodeError> {
    kinds::check_len(kind, body.len(), chain)?;
    if kind == PART {
        return Err(DecodeError::BadPart(PartFault::NotDivisible));
    }
    let (len, mut body) = (body.len(), Cursor::new(body, chain));
    let Some(message) = kinds::read(kind, &mut body) else {
        return Ok(Message::unknown(kind, len));
    };
    message.and_then(|message| body.finish().map(|()| message))
}

/// Whether a message of ours is one to whoever gets it: it is read as what was written. Items are left out, since they were read once
/// already.
///
/// # Errors
/// What the receiver would say.
pub fn check(message: &Message, chain: &dyn Chain) -> Result<(), DecodeError> {
    if matches!(message, Message::Items(Items::Item(_))) {
        return Ok(());
    }
    let mut body = BytesMut::with_capacity(message.body_len());
    put_body(message, &mut body);
    decode(message.byte(), body.freeze(), chain).map(|_| ())
}

fn put_body(message: &Message, out: &mut BytesMut) {
    debug_assert!(message.is_allowed(), "the peer would refuse it");
    message.put_body(out);
}

/// Whether a message fits one frame.
pub(crate) fn travels_whole(message: &Message) -> bool {
    message.body_len() <= PART_MAX
}

#[cfg(test)]
mod tests;
