//! Inputs as bytes, and back. All that reaches the core is here; a message is as the wire has it.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use tidings_protocol::chain::{Chain, Verdict, Verified};
use tidings_protocol::ground::item::{Item, ItemId};
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::peer::{BookRecord, DialError, PeerAddr, PeerKey, Source};
use tidings_protocol::ground::subnet::Banned;
use tidings_protocol::machine::{Input, Load, Loaded, RestoredAs};
use tidings_protocol::replica::{Entry, Key, Millis, Write};
use tidings_protocol::wire::codec;
use tidings_protocol::wire::error::DecodeError;
use tidings_protocol::wire::frame::Reader;
use tidings_protocol::wire::message::Message;

use super::bytes::{
    Cursor, Malformed, put_addr, put_addrs, put_bytes, put_id, put_item, put_len, put_link,
    put_number, put_span,
};
use super::values::{
    place, put_banned, put_book, put_error, put_loaded, put_rejection, put_source, put_verified,
    put_write, take_banned, take_book, take_error, take_key, take_loaded, take_rejection,
    take_source, take_verified, take_write,
};

const DIRECTIONS: [Direction; 2] = [Direction::Inbound, Direction::Outbound];
const LOADS: [Load; 3] = [Load::Block, Load::Confirms, Load::Returns];
const RESTORED: [RestoredAs; 3] = [RestoredAs::Kept, RestoredAs::Own, RestoredAs::Orphan];
const DIAL_ERRORS: [DialError; 10] = [
    DialError::Unreachable,
    DialError::Refused,
    DialError::Handshake,
    DialError::NoRoute,
    DialError::WrongNetwork,
    DialError::WrongPeer,
    DialError::OtherLinks,
    DialError::NoTransport,
    DialError::Myself,
    DialError::Busy,
];

/// The item of a verdict: most of them were received a moment before, and are named only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// The one that the core asked to verify by this id, and that has no verdict yet.
    Asked(ItemId),
    /// This one.
    Item(Arc<Item>),
}

/// An input as a capture has it: [`Input`] with all of it owned.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "documented where they come from: `Input` has the same names")]
pub enum Recorded {
    Connected {
        link: Link,
        peer: PeerKey,
        direction: Direction,
        addr: Option<PeerAddr>,
    },
    Disconnected {
        link: Link,
    },
    DialFailed {
        addr: PeerAddr,
        why: DialError,
    },
    Received {
        link: Link,
        message: Message,
    },
    Malformed {
        link: Link,
        error: DecodeError,
    },
    Submitted(Arc<Item>),
    Clock {
        wall: Millis,
    },
    Write {
        ticket: u64,
        key: Key,
        write: Write,
    },
    Recalled(Entry),
    Restored {
        item: Arc<Item>,
        was: RestoredAs,
        age: Duration,
        verified: Verified,
    },
    Headers(Vec<Bytes>),
    Loaded {
        id: ItemId,
        what: Load,
        loaded: Option<Loaded>,
    },
    Verdict {
        item: Judged,
        verdict: Verdict,
    },
    Congested {
        link: Link,
    },
    Drained {
        link: Link,
    },
    Learned(Vec<PeerAddr>),
    Heard {
        from: Source,
        addrs: Vec<PeerAddr>,
    },
    Reachable(bool),
    Remembered(BookRecord),
    Ban {
        whom: Banned,
        span: Duration,
    },
    Unban(Banned),
    Wake,
    /// No input: the transport's name of the peer whose key comes next, for whoever reads.
    Met {
        peer: PeerKey,
        id: Bytes,
    },
}

/// The number by which a capture knows an input. A new one gets the next number; none is used twice.
const fn number(input: &Input<'_>) -> u8 {
    match input {
        Input::Connected { .. } => 0,
        Input::Disconnected { .. } => 1,
        Input::DialFailed { .. } => 2,
        Input::Received { .. } => 3,
        Input::Malformed { .. } => 4,
        Input::Submitted(_) => 5,
        Input::Clock { .. } => 6,
        Input::Write { .. } => 7,
        Input::Recalled(_) => 8,
        Input::Restored { .. } => 9,
        Input::Headers(_) => 10,
        Input::Loaded { .. } => 11,
        Input::Verdict { .. } => 12,
        Input::Congested { .. } => 13,
        Input::Drained { .. } => 14,
        Input::Learned(_) => 15,
        Input::Heard { .. } => 16,
        Input::Reachable(_) => 17,
        Input::Remembered(_) => 18,
        Input::Ban { .. } => 19,
        Input::Unban(_) => 20,
        Input::Wake => 21,
    }
}

/// The number of [`Recorded::Met`], which is no input.
const MET: u8 = 64;

/// Appends an input. `asked` tells whether the core waits for the verdict on just this item.
pub(super) fn put(input: &Input<'_>, asked: impl Fn(&Arc<Item>) -> bool, out: &mut BytesMut) {
    out.put_u8(number(input));
    match input {
        Input::Connected { link, peer, direction, addr } => {
            put_link(*link, out);
            out.put_u64_le(peer.0);
            out.put_u8(place(&DIRECTIONS, direction));
            out.put_u8(u8::from(addr.is_some()));
            if let Some(addr) = addr {
                put_addr(*addr, out);
            }
        }
        Input::Disconnected { link } | Input::Congested { link } | Input::Drained { link } => {
            put_link(*link, out);
        }
        Input::DialFailed { addr, why } => {
            put_addr(*addr, out);
            out.put_u8(place(&DIAL_ERRORS, why));
        }
        Input::Received { link, message } => {
            put_link(*link, out);
            put_len(codec::frame_len(message), out);
            codec::encode(message, out);
        }
        Input::Malformed { link, error } => {
            put_link(*link, out);
            put_error(error, out);
        }
        Input::Submitted(item) => put_item(item, out),
        Input::Clock { wall } => put_number(*wall, out),
        Input::Write { ticket, key, write } => {
            put_number(*ticket, out);
            put_bytes(key.as_ref(), out);
            put_write(write, out);
        }
        Input::Recalled(entry) => put_bytes(&entry.to_bytes(), out),
        Input::Restored { item, was, age, verified } => {
            put_item(item, out);
            out.put_u8(place(&RESTORED, was));
            put_span(*age, out);
            put_verified(verified, out);
        }
        Input::Headers(headers) => {
            put_len(headers.len(), out);
            headers.iter().for_each(|header| put_bytes(header, out));
        }
        Input::Loaded { id, what, loaded } => {
            put_id(*id, out);
            out.put_u8(place(&LOADS, what));
            put_loaded(loaded.as_ref(), out);
        }
        Input::Verdict { item, verdict } => {
            let is_asked = asked(item);
            out.put_u8(u8::from(is_asked));
            if is_asked {
                put_id(item.id(), out);
            } else {
                put_item(item, out);
            }
            out.put_u8(u8::from(verdict.is_ok()));
            match verdict {
                Ok(verified) => put_verified(verified, out),
                Err(rejection) => put_rejection(rejection, out),
            }
        }
        Input::Learned(addrs) => put_addrs(addrs, out),
        Input::Heard { from, addrs } => {
            put_source(*from, out);
            put_addrs(addrs, out);
        }
        Input::Reachable(is_reachable) => out.put_u8(u8::from(*is_reachable)),
        Input::Remembered(book) => put_book(book, out),
        Input::Ban { whom, span } => {
            put_banned(whom, out);
            put_span(*span, out);
        }
        Input::Unban(whom) => put_banned(whom, out),
        Input::Wake => {}
    }
}

/// Appends what a peer is called by the transport.
pub(super) fn put_met(peer: PeerKey, id: &[u8], out: &mut BytesMut) {
    out.put_u8(MET);
    out.put_u64_le(peer.0);
    put_bytes(id, out);
}

/// Takes an input.
///
/// # Errors
/// For whatever isn't one under these rules.
pub(super) fn take(from: &mut Cursor<'_>, chain: &dyn Chain) -> Result<Recorded, Malformed> {
    Ok(match from.byte()? {
        0 => Recorded::Connected {
            link: from.link()?,
            peer: PeerKey(from.u64_le()?),
            direction: from.choice(&DIRECTIONS, "a direction")?,
            addr: if from.truth()? { Some(from.addr()?) } else { None },
        },
        1 => Recorded::Disconnected { link: from.link()? },
        2 => {
            let addr = from.addr()?;
            Recorded::DialFailed { addr, why: from.choice(&DIAL_ERRORS, "a failure")? }
        }
        3 => Recorded::Received { link: from.link()?, message: take_message(from, chain)? },
        4 => Recorded::Malformed { link: from.link()?, error: take_error(from)? },
        5 => Recorded::Submitted(from.item(chain)?),
        6 => Recorded::Clock { wall: from.number()? },
        7 => Recorded::Write {
            ticket: from.number()?,
            key: take_key(from)?,
            write: take_write(from)?,
        },
        8 => {
            let entry = Entry::of_bytes(from.bytes()?);
            Recorded::Recalled(entry.map_err(|_| Malformed("an entry of the map"))?)
        }
        9 => Recorded::Restored {
            item: from.item(chain)?,
            was: from.choice(&RESTORED, "what an item was")?,
            age: from.span()?,
            verified: take_verified(from)?,
        },
        10 => {
            let count = from.count()?;
            Recorded::Headers((0..count).map(|_| from.owned()).collect::<Result<_, _>>()?)
        }
        11 => Recorded::Loaded {
            id: from.id()?,
            what: from.choice(&LOADS, "what is to be read")?,
            loaded: take_loaded(from, chain)?,
        },
        12 => {
            let is_asked = from.truth()?;
            let item =
                if is_asked { Judged::Asked(from.id()?) } else { Judged::Item(from.item(chain)?) };
            let is_good = from.truth()?;
            let verdict =
                if is_good { Ok(take_verified(from)?) } else { Err(take_rejection(from)?) };
            Recorded::Verdict { item, verdict }
        }
        13 => Recorded::Congested { link: from.link()? },
        14 => Recorded::Drained { link: from.link()? },
        15 => Recorded::Learned(from.addrs()?),
        16 => Recorded::Heard { from: take_source(from)?, addrs: from.addrs()? },
        17 => Recorded::Reachable(from.truth()?),
        18 => Recorded::Remembered(take_book(from)?),
        19 => Recorded::Ban { whom: take_banned(from)?, span: from.span()? },
        20 => Recorded::Unban(take_banned(from)?),
        21 => Recorded::Wake,
        MET => Recorded::Met { peer: PeerKey(from.u64_le()?), id: from.owned()? },
        _ => return Err(Malformed("a kind of input")),
    })
}

fn take_message(from: &mut Cursor<'_>, chain: &dyn Chain) -> Result<Message, Malformed> {
    let mut bytes = from.bytes()?;
    match Reader::default().read(&mut bytes, chain) {
        Ok(Some(message)) if bytes.is_empty() => Ok(message),
        _ => Err(Malformed("a message")),
    }
}

#[cfg(test)]
mod tests;
