//! Messages as bytes: one encoding each, bounded before it is read.
//!
//! # Frames
//! ```text
//! whole message        length kind                           body
//! first part of one    length 0    class|first  kind  total  first 16 KiB of the body
//! each further part    length 0    class                     next 16 KiB, or what is left
//! ```
//! `length` (of all that follows in the frame) and `total` (of the whole body) are LEB128 varints,
//! the others single bytes; `class` is 0 for control, 1 for blocks, 2 for transactions, and `first`
//! adds 4. A body of at most [`PART_MAX`] bytes travels whole and a longer one in parts, all full but
//! the last; there is no choice, so that the same message always costs the same bytes and
//! [`frame_len`] knows them without encoding. How parts interleave is told at [`crate::wire::frame`].
//!
//! # Bodies
//! | kind | | body | longest |
//! |---|---|---|---|
//! | 1 | hello | version u16, features u32, address record (empty if none), region byte (if features has bit 0), later fields | [`HELLO_MAX`] |
//! | 2, 3 | ping, pong | nonce u64 | 8 |
//! | 4 | getaddresses | | 0 |
//! | 5 | addresses | address records | [`ADDRESSES_MAX`] records |
//! | 6 | announce | item kind (0 tx, 1 block), ids | [`ANNOUNCE_MAX`] ids |
//! | 7, 8 | getdata, notfound | item kind, ids | [`GETDATA_MAX`] ids |
//! | 9, 10 | tx, block | the item | [`Chain::max_size`] |
//! | 11, 12, 13 | prune, graft, poll | | 0 |
//! | 14 | known | short ids | [`KNOWN_MAX`] short ids |
//! | 15 | digest | is answer (0, 1), count u32, salt u64, filter | [`FILTER_MAX`] bytes of filter |
//! | 16 | first | short ids | [`KNOWN_MAX`] short ids |
//! | 17 | announce transactions | short ids | [`ANNOUNCE_MAX`] short ids |
//! | 18, 19 | getdata, notfound of transactions | short ids | [`GETDATA_MAX`] short ids |
//! | 20 | feefilter | fee rate u64 | 8 |
//! | other | from a later version | skipped | [`UNKNOWN_MAX`] |
//!
//! Numbers are little-endian. An address record is a length byte, a tag (0 IPv4 and TCP, 1 IPv4
//! and QUIC, 2 IPv6 and TCP, 3 IPv6 and QUIC), the IP address and the port; one with an unknown tag
//! is passed over and counts towards the maximum. What later versions may add is therefore: kinds,
//! fields at the end of the hello, and tags of addresses. Everything else must be exact: no padding,
//! no bytes left over.

mod address;
mod head;
mod parts;

use std::fmt;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use crate::chain::{Chain, Rejection};
use crate::ground::fee::FeeRate;
use crate::ground::item::{ITEM_ID_LEN, ItemId, ItemKind, SHORT_ID_LEN, ShortId};
use crate::ground::peer::PeerAddr;
use crate::ground::varint::VarintError;
use crate::wire::digest::{Digest, FILTER_MAX};
use crate::wire::message::{
    ADDRESSES_MAX, ANNOUNCE_MAX, Class, GETDATA_MAX, Hello, KNOWN_MAX, Message, Signal, Verb,
};

pub(crate) use head::{HEAD_MAX, Head};
pub(crate) use parts::Parts;

/// Most bytes of a body in one frame; longer ones travel in parts of this length. One takes 13 ms at
/// 10 Mbit/s. A guess: Yamux, below us, splits what is written at 16 KiB too.
pub const PART_MAX: usize = 16 * 1024;

/// Most bytes of a hello's body, the fields of later versions included. A guess.
pub const HELLO_MAX: usize = 1024;

/// Most bytes of a body whose kind we don't know; they are skipped, never kept. A guess: as the
/// longest list that isn't an announcement.
pub const UNKNOWN_MAX: usize = 64 * 1024;

/// In a hello's features: a region follows the address.
const HAS_REGION: u32 = 1;

/// Bytes of a digest before its filter.
const DIGEST_HEAD: usize = 1 + 4 + 8;

const ADDRESSES_BODY_MAX: usize = ADDRESSES_MAX * (1 + address::RECORD_MAX);

/// Kind bytes.
mod kind {
    pub(super) const PART: u8 = 0;
    pub(super) const HELLO: u8 = 1;
    pub(super) const PING: u8 = 2;
    pub(super) const PONG: u8 = 3;
    pub(super) const GET_ADDRESSES: u8 = 4;
    pub(super) const ADDRESSES: u8 = 5;
    pub(super) const ANNOUNCE: u8 = 6;
    pub(super) const GET_DATA: u8 = 7;
    pub(super) const NOT_FOUND: u8 = 8;
    pub(super) const TX: u8 = 9;
    pub(super) const BLOCK: u8 = 10;
    pub(super) const PRUNE: u8 = 11;
    pub(super) const GRAFT: u8 = 12;
    pub(super) const POLL: u8 = 13;
    pub(super) const KNOWN: u8 = 14;
    pub(super) const DIGEST: u8 = 15;
    pub(super) const FIRST: u8 = 16;
    pub(super) const ANNOUNCE_SHORT: u8 = 17;
    pub(super) const GET_DATA_SHORT: u8 = 18;
    pub(super) const NOT_FOUND_SHORT: u8 = 19;
    pub(super) const FEE_FILTER: u8 = 20;
}

/// Appends a message as it travels: one frame, or all its parts in a row.
pub fn encode(message: &Message, out: &mut BytesMut) {
    let body = body_len(message);
    if body <= PART_MAX {
        Head::Whole { kind: kind_byte(message) }.put(body, out);
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
    let body = body_len(message);
    let kind = kind_byte(message);
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
/// Everything that the table at [the top](self) doesn't allow, and [`DecodeError::BadItem`] when the
/// chain can't identify an item.
pub fn decode(kind: u8, body: Bytes, chain: &dyn Chain) -> Result<Message, DecodeError> {
    check_len(kind, body.len(), chain)?;
    let mut rest = &body[..];
    let message = match kind {
        kind::HELLO => return decode_hello(rest),
        kind::PING => Message::Ping { nonce: u64::from_le_bytes(take(&mut rest)?) },
        kind::PONG => Message::Pong { nonce: u64::from_le_bytes(take(&mut rest)?) },
        kind::GET_ADDRESSES => Message::GetAddresses,
        kind::ADDRESSES => return decode_addresses(rest),
        kind::ANNOUNCE => {
            let (kind, ids) = take_ids(&mut rest)?;
            Message::Announce { kind, ids }
        }
        kind::GET_DATA => {
            let (kind, ids) = take_ids(&mut rest)?;
            Message::GetData { kind, ids }
        }
        kind::NOT_FOUND => {
            let (kind, ids) = take_ids(&mut rest)?;
            Message::NotFound { kind, ids }
        }
        kind::TX => return decode_item(ItemKind::Tx, body, chain),
        kind::BLOCK => return decode_item(ItemKind::Block, body, chain),
        kind::PRUNE => Message::Signal(Signal::Prune),
        kind::GRAFT => Message::Signal(Signal::Graft),
        kind::POLL => Message::Signal(Signal::Poll),
        kind::KNOWN => Message::Signal(Signal::Known(take_short_ids(&mut rest))),
        kind::FIRST => Message::Signal(Signal::First(take_short_ids(&mut rest))),
        kind::ANNOUNCE_SHORT => Message::Short(Verb::Announce, take_short_ids(&mut rest)),
        kind::GET_DATA_SHORT => Message::Short(Verb::GetData, take_short_ids(&mut rest)),
        kind::NOT_FOUND_SHORT => Message::Short(Verb::NotFound, take_short_ids(&mut rest)),
        kind::DIGEST => return decode_digest(rest),
        kind::FEE_FILTER => Message::FeeFilter(FeeRate(u64::from_le_bytes(take(&mut rest)?))),
        kind::PART => return Err(DecodeError::BadPart(PartFault::NotDivisible)),
        _ => return Ok(unknown(kind, body.len())),
    };
    if rest.is_empty() { Ok(message) } else { Err(DecodeError::TrailingBytes) }
}

/// Whether a message fits one frame.
pub(crate) fn travels_whole(message: &Message) -> bool {
    body_len(message) <= PART_MAX
}

/// What stands for a message that was skipped.
pub(crate) fn unknown(kind: u8, len: usize) -> Message {
    Message::Unknown { kind, len: u32::try_from(len).unwrap_or(u32::MAX) }
}

/// The class of a kind that we know.
pub(crate) const fn class_of(kind: u8) -> Option<Class> {
    match kind {
        kind::HELLO..=kind::NOT_FOUND | kind::PRUNE..=kind::FEE_FILTER => Some(Class::Control),
        kind::BLOCK => Some(Class::Block),
        kind::TX => Some(Class::Tx),
        _ => None,
    }
}

/// Refuses a body that is longer than its kind allows, before anything of it is read.
fn check_len(kind: u8, len: usize, chain: &dyn Chain) -> Result<(), DecodeError> {
    let max = match kind {
        kind::HELLO => HELLO_MAX,
        kind::PING | kind::PONG | kind::FEE_FILTER => 8,
        kind::GET_ADDRESSES | kind::PRUNE | kind::GRAFT | kind::POLL => 0,
        kind::KNOWN | kind::FIRST => KNOWN_MAX * SHORT_ID_LEN,
        kind::ANNOUNCE_SHORT => ANNOUNCE_MAX * SHORT_ID_LEN,
        kind::GET_DATA_SHORT | kind::NOT_FOUND_SHORT => GETDATA_MAX * SHORT_ID_LEN,
        kind::DIGEST => DIGEST_HEAD + FILTER_MAX,
        kind::ADDRESSES => ADDRESSES_BODY_MAX,
        kind::ANNOUNCE => 1 + ANNOUNCE_MAX * ITEM_ID_LEN,
        kind::GET_DATA | kind::NOT_FOUND => 1 + GETDATA_MAX * ITEM_ID_LEN,
        kind::TX => chain.max_size(ItemKind::Tx),
        kind::BLOCK => chain.max_size(ItemKind::Block),
        _ => UNKNOWN_MAX,
    };
    if len > max { Err(DecodeError::TooLong { len, max }) } else { Ok(()) }
}

fn kind_byte(message: &Message) -> u8 {
    match message {
        Message::Hello(_) => kind::HELLO,
        Message::Ping { .. } => kind::PING,
        Message::Pong { .. } => kind::PONG,
        Message::GetAddresses => kind::GET_ADDRESSES,
        Message::Addresses(_) => kind::ADDRESSES,
        Message::Announce { .. } => kind::ANNOUNCE,
        Message::GetData { .. } => kind::GET_DATA,
        Message::NotFound { .. } => kind::NOT_FOUND,
        Message::Item(item) => match item.kind() {
            ItemKind::Tx => kind::TX,
            ItemKind::Block => kind::BLOCK,
        },
        Message::Signal(Signal::Prune) => kind::PRUNE,
        Message::Signal(Signal::Graft) => kind::GRAFT,
        Message::Signal(Signal::Poll) => kind::POLL,
        Message::Signal(Signal::Known(_)) => kind::KNOWN,
        Message::Signal(Signal::First(_)) => kind::FIRST,
        Message::Short(Verb::Announce, _) => kind::ANNOUNCE_SHORT,
        Message::Short(Verb::GetData, _) => kind::GET_DATA_SHORT,
        Message::Short(Verb::NotFound, _) => kind::NOT_FOUND_SHORT,
        Message::Digest(_) => kind::DIGEST,
        Message::FeeFilter(_) => kind::FEE_FILTER,
        Message::Unknown { kind, .. } => *kind,
    }
}

fn body_len(message: &Message) -> usize {
    match message {
        Message::Hello(hello) => {
            let advertise = hello.advertise.as_ref().map_or(1, address::record_len);
            2 + 4 + advertise + usize::from(hello.region.is_some())
        }
        Message::Ping { .. } | Message::Pong { .. } | Message::FeeFilter(_) => 8,
        Message::GetAddresses | Message::Signal(Signal::Prune | Signal::Graft | Signal::Poll) => 0,
        Message::Signal(Signal::Known(ids) | Signal::First(ids)) | Message::Short(_, ids) => {
            ids.len() * SHORT_ID_LEN
        }
        Message::Digest(digest) => DIGEST_HEAD + digest.filter.len(),
        Message::Addresses(addrs) => addrs.iter().map(address::record_len).sum(),
        Message::Announce { ids, .. }
        | Message::GetData { ids, .. }
        | Message::NotFound { ids, .. } => 1 + ids.len() * ITEM_ID_LEN,
        Message::Item(item) => item.size(),
        Message::Unknown { len, .. } => *len as usize,
    }
}

fn put_body(message: &Message, out: &mut BytesMut) {
    out.reserve(body_len(message));
    match message {
        Message::Hello(hello) => put_hello(hello, out),
        Message::Ping { nonce } | Message::Pong { nonce } => out.put_u64_le(*nonce),
        Message::GetAddresses | Message::Signal(Signal::Prune | Signal::Graft | Signal::Poll) => {}
        Message::Signal(Signal::Known(ids) | Signal::First(ids)) | Message::Short(_, ids) => {
            debug_assert!(ids.len() <= short_ids_max(message), "the peer would refuse it");
            ids.iter().for_each(|id| out.put_slice(&id.0));
        }
        Message::Digest(digest) => put_digest(digest, out),
        Message::FeeFilter(rate) => out.put_u64_le(rate.0),
        Message::Addresses(addrs) => {
            debug_assert!(addrs.len() <= ADDRESSES_MAX, "the peer would refuse it");
            addrs.iter().for_each(|addr| address::put_record(addr, out));
        }
        Message::Announce { kind, ids } => put_ids(*kind, ids, ANNOUNCE_MAX, out),
        Message::GetData { kind, ids } | Message::NotFound { kind, ids } => {
            put_ids(*kind, ids, GETDATA_MAX, out);
        }
        Message::Item(item) => out.put_slice(item.bytes()),
        // We never send what we don't know; zeros stand for what was skipped.
        Message::Unknown { len, .. } => out.put_bytes(0, *len as usize),
    }
}

fn put_hello(hello: &Hello, out: &mut BytesMut) {
    out.put_u16_le(hello.version);
    out.put_u32_le(hello.features & !HAS_REGION | u32::from(hello.region.is_some()));
    match &hello.advertise {
        Some(addr) => address::put_record(addr, out),
        None => out.put_u8(0),
    }
    hello.region.iter().for_each(|region| out.put_u8(*region));
}

fn decode_hello(mut body: &[u8]) -> Result<Message, DecodeError> {
    let version = u16::from_le_bytes(take(&mut body)?);
    let features = u32::from_le_bytes(take(&mut body)?);
    let advertise = address::take_record(&mut body)?;
    let region = match features & HAS_REGION {
        0 => None,
        _ => Some(take::<1>(&mut body)?[0]),
    };
    let features = features & !HAS_REGION;
    Ok(Message::Hello(Hello { version, features, advertise, region }))
}

fn put_digest(digest: &Digest, out: &mut BytesMut) {
    debug_assert!(digest.filter.len() <= FILTER_MAX, "the peer would refuse it");
    out.put_u8(u8::from(digest.is_answer));
    out.put_u32_le(digest.count);
    out.put_u64_le(digest.salt);
    out.put_slice(&digest.filter);
}

fn decode_digest(mut body: &[u8]) -> Result<Message, DecodeError> {
    let is_answer = match take(&mut body)? {
        [0] => false,
        [1] => true,
        _ => return Err(DecodeError::BadValue(Field::IsAnswer)),
    };
    let count = u32::from_le_bytes(take(&mut body)?);
    let salt = u64::from_le_bytes(take(&mut body)?);
    Ok(Message::Digest(Digest { is_answer, count, salt, filter: body.into() }))
}

fn decode_addresses(mut body: &[u8]) -> Result<Message, DecodeError> {
    // The shortest record is its length byte, so there are no more than the body has bytes.
    let mut addrs: Vec<PeerAddr> = Vec::with_capacity((body.len() / 8).min(ADDRESSES_MAX));
    let mut count = 0;
    while !body.is_empty() {
        count += 1;
        if count > ADDRESSES_MAX {
            return Err(DecodeError::TooMany { count, max: ADDRESSES_MAX });
        }
        addrs.extend(address::take_record(&mut body)?);
    }
    Ok(Message::Addresses(addrs.into()))
}

fn put_ids(kind: ItemKind, ids: &[ItemId], max: usize, out: &mut BytesMut) {
    debug_assert!(ids.len() <= max, "the peer would refuse it");
    out.put_u8(match kind {
        ItemKind::Tx => 0,
        ItemKind::Block => 1,
    });
    ids.iter().for_each(|id| out.put_slice(&id.0));
}

/// Most ids in a message of short ids.
const fn short_ids_max(message: &Message) -> usize {
    match message {
        Message::Short(Verb::Announce, _) => ANNOUNCE_MAX,
        Message::Short(Verb::GetData | Verb::NotFound, _) => GETDATA_MAX,
        _ => KNOWN_MAX,
    }
}

/// Takes all short ids; what is no whole one stays.
fn take_short_ids(input: &mut &[u8]) -> Arc<[ShortId]> {
    let (ids, rest) = input.as_chunks();
    *input = rest;
    ids.iter().copied().map(ShortId).collect()
}

/// Takes the kind and all ids that follow; what is no whole id stays.
fn take_ids(input: &mut &[u8]) -> Result<(ItemKind, Arc<[ItemId]>), DecodeError> {
    let kind = match take(input)? {
        [0] => ItemKind::Tx,
        [1] => ItemKind::Block,
        _ => return Err(DecodeError::BadValue(Field::ItemKind)),
    };
    let (ids, rest) = input.as_chunks();
    *input = rest;
    Ok((kind, ids.iter().copied().map(ItemId).collect()))
}

fn decode_item(kind: ItemKind, body: Bytes, chain: &dyn Chain) -> Result<Message, DecodeError> {
    chain.item(kind, body).map(Message::Item).map_err(DecodeError::BadItem)
}

/// Takes `N` bytes off the front.
fn take<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    let (taken, rest) = input.split_first_chunk().ok_or(DecodeError::Truncated)?;
    *input = rest;
    Ok(*taken)
}

/// Bytes that are no message. The stream they came by can't be trusted any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A frame without even a kind.
    #[error("a frame is empty")]
    Empty,
    /// A number longer than it need be, or than it may be.
    #[error("a varint is not the shortest form of a 32-bit number")]
    Varint,
    /// Longer than its kind may be. Refused before it is read.
    #[error("{len} bytes are announced where at most {max} are allowed")]
    TooLong {
        /// Bytes announced.
        len: usize,
        /// Most bytes allowed.
        max: usize,
    },
    /// More elements than a list of its kind may have.
    #[error("a list has {count} elements or more where at most {max} are allowed")]
    TooMany {
        /// Elements counted when the list was refused.
        count: usize,
        /// Most elements allowed.
        max: usize,
    },
    /// Ends before it is complete.
    #[error("the message ends too early")]
    Truncated,
    /// Goes on after it is complete.
    #[error("bytes are left over after the message")]
    TrailingBytes,
    /// A field has a value that means nothing.
    #[error("the {0} means nothing")]
    BadValue(Field),
    /// The chain can't identify an item.
    #[error("an item can't be identified: {0}")]
    BadItem(Rejection),
    /// A part of a message that is malformed or out of order.
    #[error("a part {0}")]
    BadPart(PartFault),
}

impl From<VarintError> for DecodeError {
    fn from(error: VarintError) -> Self {
        match error {
            VarintError::Truncated => Self::Truncated,
            VarintError::Malformed => Self::Varint,
        }
    }
}

/// Fields that can hold what means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// An address whose length doesn't fit its tag.
    Address,
    /// Whether a digest is an answer.
    IsAnswer,
    /// The kind of an item.
    ItemKind,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "address",
            Self::IsAnswer => "mark of an answer",
            Self::ItemKind => "kind of item",
        })
    }
}

/// What can be wrong with a part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartFault {
    /// Its class or flags mean nothing.
    #[error("has a head that means nothing")]
    Head,
    /// It, or a whole message, comes before the last message of its class is complete.
    #[error("or whole message comes before the last one of its class is complete")]
    Interrupts,
    /// Its place in the message asks for another length.
    #[error("has the wrong length for its place")]
    Length,
    /// Its message is short enough to travel whole, or a part itself.
    #[error("belongs to a message that doesn't travel in parts")]
    NotDivisible,
    /// No first part came before it.
    #[error("continues nothing")]
    Orphan,
    /// The kind that it begins belongs to another class.
    #[error("has a kind of another class")]
    WrongClass,
}

#[cfg(test)]
mod tests;
