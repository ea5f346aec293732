//! What peers say to one another, and how much of it they may say at once: an enum for each subject, in a file
//! of its own with the limits and the bodies of its messages.
//!
//! What all of them have (kind byte, name, class, longest body, the budget they are charged to) stands in one
//! table, at [`crate::wire::kinds`]. In bodies, numbers are little-endian, ids and short ids follow one another
//! to the end, and everything must be exact: no padding, no bytes left over. What later versions may add is
//! kinds, fields at the end of the hello, and tags of addresses.

pub(super) mod address;
pub(super) mod blocks;
pub(super) mod items;
pub(super) mod parts;
pub(super) mod peers;
pub(super) mod reconcile;
pub(super) mod relay;
pub(super) mod replica;
pub(super) mod session;
pub(super) mod symbols;
pub(super) mod templates;

use bytes::{BufMut as _, BytesMut};

pub use blocks::{
    Blocks, COMPACT_MAX, Compact, HEADERS_MAX, LOCATOR_MAX, PART_ID_LEN, PartId, PartNames, Parts,
    PartsWanted,
};
pub use items::{ANNOUNCE_MAX, GETDATA_MAX, Items, Names};
pub use parts::{BLOCK_PARTS_MAX, HEADER_MAX};
pub use peers::{ADDRESSES_MAX, PeerExchange, SHUFFLED_MAX};
pub use reconcile::Reconcile;
pub use relay::{KNOWN_MAX, Signal};
pub use replica::{Replica, SAID_MAX};
pub use session::{Accepts, Allowed, HELLO_MAX, Hello, MapTerms, Session, VERSION};
pub use symbols::{CLASSES_MAX, Offer, SYMBOL_BYTES, Symbol, SymbolId, Symbols, SymbolsWanted};
pub use templates::{BY_TEMPLATE_MAX, ByTemplate, EXTRA_MAX, NOWHERE, TEMPLATE_MAX, Template};

/// What an allocation costs besides what is in it: the counts of an `Arc`, and the allocator's own (glibc: 8 bytes, and
/// up to 15 for alignment).
const ALLOCATION: usize = 32;

/// Memory of a boxed or shared slice, bytes.
const fn allocated_by<T>(slice: &[T]) -> usize {
    ALLOCATION + size_of_val(slice)
}

/// One message, by its subject. 32 bytes: a simulator holds many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The link itself.
    Session(Session),
    /// Addresses of peers.
    Peers(PeerExchange),
    /// Items, and who has them.
    Items(Items),
    /// Blocks, by the names of what is in them.
    Blocks(Blocks),
    /// Blocks, by symbols of a code.
    Symbols(Symbols),
    /// What one strategy says to another.
    Relay(Signal),
    /// What one of the two missed.
    Reconcile(Reconcile),
    /// What replicas of a fleet's map say to one another.
    Replica(Replica),
    /// A message of a kind that we don't know, from a later version: skipped and counted.
    Unknown {
        /// Its kind byte.
        kind: u8,
        /// Length of its body, bytes.
        len: u32,
    },
}

macro_rules! from_subject {
    ($($variant:ident: $subject:ty),*) => {
        $(impl From<$subject> for Message {
            fn from(message: $subject) -> Self {
                Self::$variant(message)
            }
        })*
    };
}

from_subject!(
    Session: Session, Peers: PeerExchange, Items: Items, Blocks: Blocks, Symbols: Symbols,
    Relay: Signal, Reconcile: Reconcile, Replica: Replica
);

/// What each subject tells of the bodies of its messages.
trait Body {
    /// Length of the body, bytes. Nothing is encoded for it.
    fn len(&self) -> usize;

    /// Appends the body.
    fn put(&self, out: &mut BytesMut);

    /// Memory that it has allocated, bytes, each allocation with what keeping it costs.
    fn allocated(&self) -> usize;

    /// How many elements it has for which it is charged one by one.
    fn elements(&self) -> usize {
        0
    }
}

impl Message {
    /// What stands for a message that was skipped.
    pub(crate) fn unknown(kind: u8, len: usize) -> Self {
        Self::Unknown { kind, len: u32::try_from(len).unwrap_or(u32::MAX) }
    }

    /// Length of its body, bytes. Nothing is encoded for it.
    pub(crate) fn body_len(&self) -> usize {
        match self {
            Self::Session(message) => message.len(),
            Self::Peers(message) => message.len(),
            Self::Items(message) => message.len(),
            Self::Blocks(message) => message.len(),
            Self::Symbols(message) => message.len(),
            Self::Relay(message) => message.len(),
            Self::Reconcile(message) => message.len(),
            Self::Replica(message) => message.len(),
            Self::Unknown { len, .. } => *len as usize,
        }
    }

    /// Memory that it takes where it waits, bytes: more than on the wire, and a message of two bytes takes as much as
    /// one of twenty. What it shares with others is counted as if it were its own.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Session(message) => message.allocated(),
                Self::Peers(message) => message.allocated(),
                Self::Items(message) => message.allocated(),
                Self::Blocks(message) => message.allocated(),
                Self::Symbols(message) => message.allocated(),
                Self::Relay(message) => message.allocated(),
                Self::Reconcile(message) => message.allocated(),
                Self::Replica(message) => message.allocated(),
                Self::Unknown { .. } => 0,
            }
    }

    /// Appends its body.
    pub(crate) fn put_body(&self, out: &mut BytesMut) {
        out.reserve(self.body_len());
        match self {
            Self::Session(message) => message.put(out),
            Self::Peers(message) => message.put(out),
            Self::Items(message) => message.put(out),
            Self::Blocks(message) => message.put(out),
            Self::Symbols(message) => message.put(out),
            Self::Relay(message) => message.put(out),
            Self::Reconcile(message) => message.put(out),
            Self::Replica(message) => message.put(out),
            // We never send what we don't know; zeros stand for what was skipped.
            Self::Unknown { len, .. } => out.put_bytes(0, *len as usize),
        }
    }

    /// How many elements it has for which it is charged one by one: the ids or addresses that it lists.
    pub(crate) fn elements(&self) -> usize {
        match self {
            Self::Session(message) => message.elements(),
            Self::Peers(message) => message.elements(),
            Self::Items(message) => message.elements(),
            Self::Blocks(message) => message.elements(),
            Self::Symbols(message) => message.elements(),
            Self::Relay(message) => message.elements(),
            Self::Reconcile(message) => message.elements(),
            Self::Replica(message) => message.elements(),
            Self::Unknown { .. } => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::item::{Hash256, Item, ItemId, SHORT_ID_LEN, ShortId};

    #[test]
    fn what_a_message_holds_is_never_less_than_itself_and_its_bytes() {
        let item = Item::identified(ItemId::tx(Hash256::of(b"x")), vec![1; 4_000].into());
        let ids: std::sync::Arc<[ShortId]> = vec![ShortId([0; SHORT_ID_LEN]); 100].into();
        for (message, least) in [
            (Message::unknown(255, 60_000), 0),
            (Message::Session(Session::Ping { nonce: 1 }), 0),
            (Message::Session(Session::Hello(Box::default())), size_of::<Hello>()),
            (Message::Items(Items::Item(item)), 4_000),
            (Message::Items(Items::Announce(Names::Short(ids.clone()))), 100 * SHORT_ID_LEN),
            (Message::Relay(Signal::Known(ids)), 100 * SHORT_ID_LEN),
            (Message::Replica(Replica::Said(vec![0; 4_000].into())), 4_000),
        ] {
            let held = message.held_bytes();
            assert!(held >= size_of::<Message>() + least, "{held} for {message:?}");
            assert!(held <= size_of::<Message>() + least + 200, "{held} for {message:?}");
        }
    }

    #[test]
    fn a_message_is_small_since_a_simulator_holds_many() {
        assert!(size_of::<Message>() <= 32, "{} bytes", size_of::<Message>());
    }
}
