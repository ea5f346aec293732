//! The kinds of message: one table that names all that is particular to a kind.
//!
//! A new kind is a variant in its subject's file in [`crate::wire::message`], a row here, and what is done with it
//! in [`crate::node`]. Its numbers are written nowhere else.

use crate::chain::Chain;
use crate::ground::fee::FeeRate;
use crate::ground::item::{HASH_LEN, ItemKind, SHORT_ID_LEN, ShortId};
use crate::wire::cursor::Cursor;
use crate::wire::error::DecodeError;
use crate::wire::message::blocks::{
    COMPACT_MAX, GET_PARTS_MAX, HEADERS_BODY_MAX, LOCATOR_MAX, read_compact, read_get_headers,
    read_get_parts, read_headers, read_parts, read_prefer,
};
use crate::wire::message::items::{short_len, whole_len};
use crate::wire::message::peers::{
    ADDRESSES_BODY_MAX, FORWARD_JOIN_BODY_MAX, SHUFFLE_BODY_MAX, read_addresses, read_choice,
    read_forward_join, read_shuffle, read_shuffle_reply,
};
use crate::wire::message::reconcile::{
    CELLS_BODY_MAX, DIGEST_MAX, LACKED_BODY_MAX, LISTS_BODY_MAX, WANT_BODY_MAX, read_cells,
    read_digest, read_held, read_lacked, read_want,
};
use crate::wire::message::relay::KNOWN_BODY_MAX;
use crate::wire::message::replica::SAID_MAX;
use crate::wire::message::session::read_hello;
use crate::wire::message::symbols::{
    CLASSES_LEN, GET_SYMBOLS_LEN, OFFER_MAX, SYMBOL_LEN, read_classes, read_get_symbols,
    read_offer, read_symbol,
};
use crate::wire::message::templates::{
    EXTRA_MAX, LISTED_BODY_MAX, TEMPLATE_BODY_MAX, read_by_template, read_listed, read_template,
};
use crate::wire::message::{
    ANNOUNCE_MAX, Blocks, GETDATA_MAX, HELLO_MAX, Items, Message, Names, PeerExchange, Reconcile,
    Replica, Session, Signal, Symbols,
};

/// Most bytes of a body whose kind we don't know; they are skipped, never kept. A guess: as the
/// longest list that isn't an announcement.
pub const UNKNOWN_MAX: usize = 64 * 1024;

/// Messages of one class arrive in the order sent; a class never waits long behind another, but for the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Everything small: before all else.
    Control,
    /// Blocks: never behind transactions.
    Block,
    /// Transactions.
    Tx,
    /// The replicated map: behind all else, when nothing else waits.
    Replica,
}

impl Class {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Control, Self::Block, Self::Tx, Self::Replica];

    /// The class that items of a kind travel in.
    #[must_use]
    pub const fn of_items(kind: ItemKind) -> Self {
        match kind {
            ItemKind::Tx => Self::Tx,
            ItemKind::Block => Self::Block,
        }
    }

    /// What the bytes of its messages are charged to.
    #[must_use]
    pub const fn budget(self) -> Budget {
        match self {
            Self::Control | Self::Replica => Budget::ControlBytes,
            Self::Block => Budget::BlockBytes,
            Self::Tx => Budget::TxBytes,
        }
    }
}

/// The budgets of a link, see [`crate::limits::budget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// Messages but transactions.
    Messages,
    /// Announced ids.
    Announcements,
    /// Requested ids.
    Requests,
    /// Bytes of transactions.
    TxBytes,
    /// Bytes of blocks.
    BlockBytes,
    /// Addresses.
    Addresses,
    /// Bytes of everything else.
    ControlBytes,
    /// Transactions.
    Txs,
}

impl Budget {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Messages,
        Self::Announcements,
        Self::Requests,
        Self::TxBytes,
        Self::BlockBytes,
        Self::Addresses,
        Self::ControlBytes,
        Self::Txs,
    ];

    /// Its name in metrics and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Announcements => "announcements",
            Self::Requests => "requests",
            Self::TxBytes => "tx_bytes",
            Self::BlockBytes => "block_bytes",
            Self::Addresses => "addresses",
            Self::ControlBytes => "control_bytes",
            Self::Txs => "txs",
        }
    }

    /// The kind of item that it is a budget of alone: whoever is over it is owed no more of these, and everything else
    /// goes on. `None` if it is of what any link needs.
    #[must_use]
    pub const fn of_items(self) -> Option<ItemKind> {
        match self {
            Self::Txs | Self::TxBytes => Some(ItemKind::Tx),
            Self::BlockBytes => Some(ItemKind::Block),
            Self::Messages
            | Self::Announcements
            | Self::Requests
            | Self::Addresses
            | Self::ControlBytes => None,
        }
    }

    /// Whether what is over it is dropped, since taking it is optional; else it makes a debt.
    #[must_use]
    pub const fn drops(self) -> bool {
        matches!(self, Self::Announcements | Self::Addresses)
    }
}

/// How long a body may be.
enum Longest {
    /// So many bytes.
    Bytes(usize),
    /// As long as the chain lets such an item be.
    OfItem(ItemKind),
}

use Longest::{Bytes, OfItem};

/// Makes everything that is told by the table below.
macro_rules! kinds {
    ($(
        $kind:ident $name:literal: $class:ident $(, each $each:ident)? {
            $($byte:literal: $longest:expr, $subject:ident($message:pat $(if $guard:expr)?) = $read:expr;)*
        }
    )*) => {
        /// The kinds of message, as counted and budgeted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum MessageKind {
            $(#[doc = concat!("Reported as `", $name, "`.")] $kind,)*
        }

        impl MessageKind {
            /// All kinds, in the order of their numbers.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$kind),*];

            /// Its name in metrics and reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// Its class.
            #[must_use]
            pub const fn class(self) -> Class {
                match self {
                    $(Self::$kind => Class::$class,)*
                }
            }

            /// What each element of its messages is charged to, besides their bytes and themselves.
            #[must_use]
            pub const fn budget_of_elements(self) -> Option<Budget> {
                match self {
                    $($(Self::$kind => Some(Budget::$each),)?)*
                    _ => None,
                }
            }

            /// The kind of a byte that we know.
            pub(crate) const fn of_byte(byte: u8) -> Option<Self> {
                match byte {
                    $($($byte => Some(Self::$kind),)*)*
                    _ => None,
                }
            }
        }

        impl Message {
            /// Its kind.
            #[must_use]
            pub fn kind(&self) -> MessageKind {
                match self {
                    $($(Self::$subject($message) $(if $guard)? => MessageKind::$kind,)*)*
                    Self::Unknown { .. } => MessageKind::Unknown,
                }
            }

            /// The byte that tells its kind and form.
            pub(crate) fn byte(&self) -> u8 {
                match self {
                    $($(Self::$subject($message) $(if $guard)? => $byte,)*)*
                    Self::Unknown { kind, .. } => *kind,
                }
            }
        }

        const fn longest(byte: u8) -> Longest {
            match byte {
                $($($byte => $longest,)*)*
                _ => Bytes(UNKNOWN_MAX),
            }
        }

        /// Reads a body; `None` if we don't know the kind.
        pub(crate) fn read(byte: u8, body: &mut Cursor<'_>) -> Option<Result<Message, DecodeError>> {
            Some(match byte {
                $($($byte => read_as(body, $read, Message::$subject),)*)*
                _ => return None,
            })
        }
    };
}

// Kind, its name in metrics and reports: its class, and the budget that each of its elements is charged to.
//     Its byte: its longest body, the message = how its body is read.
// Kinds are numbered in this order, from 0, in counters; bytes are the wire's, where 0 is taken by parts. A kind
// may travel in several forms, each with a byte of its own. A byte that is taken doesn't compile twice without a
// warning (its second row can't be reached), nor does a message without a row.
kinds! {
    Hello "hello": Control {
        1: Bytes(HELLO_MAX), Session(Session::Hello(_)) = read_hello;
    }
    Ping "ping": Control {
        2: Bytes(8), Session(Session::Ping { .. }) = |body| Ok(Session::Ping { nonce: body.u64()? });
    }
    Pong "pong": Control {
        3: Bytes(8), Session(Session::Pong { .. }) = |body| Ok(Session::Pong { nonce: body.u64()? });
    }
    GetAddresses "getaddresses": Control {
        4: Bytes(0), Peers(PeerExchange::GetAddresses) = |_| Ok(PeerExchange::GetAddresses);
    }
    Addresses "addresses": Control, each Addresses {
        5: Bytes(ADDRESSES_BODY_MAX), Peers(PeerExchange::Addresses(_)) = read_addresses;
    }
    Announce "announce": Control, each Announcements {
        6: Bytes(whole_len(ANNOUNCE_MAX)),
            Items(Items::Announce(Names::Whole { .. })) = |body| Names::read_whole(body).map(Items::Announce);
        17: Bytes(short_len(ANNOUNCE_MAX)),
            Items(Items::Announce(Names::Short(_))) = |body| Names::read_short(body).map(Items::Announce);
    }
    GetData "getdata": Control, each Requests {
        7: Bytes(whole_len(GETDATA_MAX)),
            Items(Items::GetData(Names::Whole { .. })) = |body| Names::read_whole(body).map(Items::GetData);
        18: Bytes(short_len(GETDATA_MAX)),
            Items(Items::GetData(Names::Short(_))) = |body| Names::read_short(body).map(Items::GetData);
    }
    NotFound "notfound": Control, each Requests {
        8: Bytes(whole_len(GETDATA_MAX)),
            Items(Items::NotFound(Names::Whole { .. })) = |body| Names::read_whole(body).map(Items::NotFound);
        19: Bytes(short_len(GETDATA_MAX)),
            Items(Items::NotFound(Names::Short(_))) = |body| Names::read_short(body).map(Items::NotFound);
    }
    Tx "tx": Tx, each Txs {
        9: OfItem(ItemKind::Tx),
            Items(Items::Item(item) if item.kind() == ItemKind::Tx) = |body| body.item(ItemKind::Tx).map(Items::Item);
    }
    Block "block": Block {
        10: OfItem(ItemKind::Block),
            Items(Items::Item(_)) = |body| body.item(ItemKind::Block).map(Items::Item);
    }
    Prune "prune": Control {
        11: Bytes(0), Relay(Signal::Prune) = |_| Ok(Signal::Prune);
    }
    Graft "graft": Control {
        12: Bytes(0), Relay(Signal::Graft) = |_| Ok(Signal::Graft);
    }
    Poll "poll": Control {
        13: Bytes(0), Relay(Signal::Poll) = |_| Ok(Signal::Poll);
    }
    Known "known": Control {
        14: Bytes(KNOWN_BODY_MAX), Relay(Signal::Known(_)) = |body| Ok(Signal::Known(body.list(ShortId)));
    }
    Digest "digest": Control, each Requests {
        15: Bytes(DIGEST_MAX), Reconcile(Reconcile::Digest(_)) = read_digest;
    }
    First "first": Control {
        16: Bytes(KNOWN_BODY_MAX), Relay(Signal::First(_)) = |body| Ok(Signal::First(body.list(ShortId)));
    }
    Unknown "unknown": Control {}
    FeeFilter "feefilter": Control {
        20: Bytes(8), Items(Items::FeeFilter(_)) = |body| Ok(Items::FeeFilter(FeeRate(body.u64()?)));
    }
    Credit "credit": Control {
        22: Bytes(4), Items(Items::Credit(_)) = |body| Ok(Items::Credit(body.u32()?));
    }
    Held "held": Control, each Requests {
        21: Bytes(LISTS_BODY_MAX), Reconcile(Reconcile::Held(_)) = read_held;
    }
    Cells "cells": Control, each Requests {
        23: Bytes(CELLS_BODY_MAX), Reconcile(Reconcile::Cells(_)) = read_cells;
    }
    Want "want": Control, each Requests {
        24: Bytes(WANT_BODY_MAX), Reconcile(Reconcile::Want(_)) = read_want;
    }
    Lacked "lacked": Control, each Announcements {
        26: Bytes(LACKED_BODY_MAX), Reconcile(Reconcile::Lacked(_)) = read_lacked;
    }
    Replica "replica": Replica {
        25: Bytes(SAID_MAX), Replica(Replica::Said(_)) = |body| Ok(Replica::Said(body.all().into()));
    }
    Join "join": Control {
        32: Bytes(0), Peers(PeerExchange::Join) = |_| Ok(PeerExchange::Join);
    }
    ForwardJoin "forwardjoin": Control, each Addresses {
        33: Bytes(FORWARD_JOIN_BODY_MAX), Peers(PeerExchange::ForwardJoin { .. }) = read_forward_join;
    }
    Neighbour "neighbour": Control {
        34: Bytes(1), Peers(PeerExchange::Neighbour { .. })
            = |body| read_choice(body).map(|is_urgent| PeerExchange::Neighbour { is_urgent });
        35: Bytes(1), Peers(PeerExchange::NeighbourReply { .. })
            = |body| read_choice(body).map(|is_taken| PeerExchange::NeighbourReply { is_taken });
    }
    Disconnect "disconnect": Control {
        36: Bytes(0), Peers(PeerExchange::Disconnect) = |_| Ok(PeerExchange::Disconnect);
    }
    Shuffle "shuffle": Control, each Addresses {
        37: Bytes(SHUFFLE_BODY_MAX), Peers(PeerExchange::Shuffle { .. }) = read_shuffle;
        38: Bytes(SHUFFLE_BODY_MAX), Peers(PeerExchange::ShuffleReply { .. }) = read_shuffle_reply;
    }
    Compact "compact": Block {
        40: Bytes(COMPACT_MAX), Blocks(Blocks::Compact(_)) = read_compact;
    }
    GetParts "getparts": Control, each Requests {
        41: Bytes(GET_PARTS_MAX), Blocks(Blocks::GetParts(_)) = read_get_parts;
    }
    Parts "parts": Block {
        42: OfItem(ItemKind::Block), Blocks(Blocks::Parts(_)) = read_parts;
    }
    Prefer "prefer": Control {
        43: Bytes(1), Blocks(Blocks::Prefer(_)) = read_prefer;
    }
    GetHeaders "getheaders": Control, each Requests {
        44: Bytes(LOCATOR_MAX * HASH_LEN), Blocks(Blocks::GetHeaders(_)) = read_get_headers;
    }
    Headers "headers": Block {
        45: Bytes(HEADERS_BODY_MAX), Blocks(Blocks::Headers(_)) = read_headers;
    }
    ByTemplate "bytemplate": Block {
        46: Bytes(COMPACT_MAX), Blocks(Blocks::ByTemplate(_))
            = |body| read_by_template(body).map(Blocks::ByTemplate);
    }
    Template "template": Block {
        47: Bytes(TEMPLATE_BODY_MAX), Blocks(Blocks::Template(_))
            = |body| read_template(body).map(Blocks::Template);
    }
    GetListed "getlisted": Control, each Requests {
        48: Bytes(EXTRA_MAX * SHORT_ID_LEN),
            Blocks(Blocks::GetListed(_)) = |body| Ok(Blocks::GetListed(body.list(ShortId)));
    }
    Listed "listed": Block {
        49: Bytes(LISTED_BODY_MAX), Blocks(Blocks::Listed(_)) = |body| read_listed(body).map(Blocks::Listed);
    }
    Offer "offer": Control {
        50: Bytes(OFFER_MAX), Symbols(Symbols::Offer(_)) = read_offer;
    }
    GetSymbols "getsymbols": Control, each Requests {
        51: Bytes(GET_SYMBOLS_LEN), Symbols(Symbols::Get(_)) = read_get_symbols;
    }
    Symbol "symbol": Block {
        52: Bytes(SYMBOL_LEN), Symbols(Symbols::Symbol(_)) = read_symbol;
    }
    Classes "classes": Control {
        53: Bytes(CLASSES_LEN), Symbols(Symbols::Classes { .. }) = read_classes;
    }
}

fn read_as<T>(
    body: &mut Cursor<'_>,
    read: impl FnOnce(&mut Cursor<'_>) -> Result<T, DecodeError>,
    message: fn(T) -> Message,
) -> Result<Message, DecodeError> {
    read(body).map(message)
}

impl Message {
    /// Its class.
    #[must_use]
    pub fn class(&self) -> Class {
        self.kind().class()
    }

    /// Whether its peer takes it: what we send must not be longer than what we allow.
    pub(crate) fn is_allowed(&self) -> bool {
        match longest(self.byte()) {
            Bytes(max) => self.body_len() <= max,
            OfItem(_) => true, // the chain has seen to that
        }
    }
}

/// Refuses a body that is longer than its kind allows, before anything of it is read.
pub(crate) fn check_len(byte: u8, len: usize, chain: &dyn Chain) -> Result<(), DecodeError> {
    let max = match longest(byte) {
        Bytes(max) => max,
        OfItem(kind) => chain.max_size(kind),
    };
    if len > max { Err(DecodeError::TooLong { len, max }) } else { Ok(()) }
}
