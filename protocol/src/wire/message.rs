//! What peers say to one another, and how much of it they may say at once.

use std::sync::Arc;

use crate::ground::fee::FeeRate;
use crate::ground::item::{Item, ItemId, ItemKind, Name, ShortId};
use crate::ground::peer::PeerAddr;
use crate::wire::digest::Digest;

/// Version of the protocol that this code speaks.
pub const VERSION: u16 = 1;

/// Most ids in one announcement: 128 KiB of ids. Bitcoin Core's `MAX_INV_SZ` is 50,000;
/// batches here are smaller because they leave more often.
pub const ANNOUNCE_MAX: usize = 4_096;

/// Most ids in one getdata or notfound (Bitcoin Core's `MAX_GETDATA_SZ`, `net_processing.cpp`).
pub const GETDATA_MAX: usize = 1_000;

/// Most addresses in one message (Bitcoin Core's `MAX_ADDR_TO_SEND`, `net_processing.cpp`).
pub const ADDRESSES_MAX: usize = 1_000;

/// Most ids in one [`Signal::Known`]. A guess: as many as arrive in one batch.
pub const KNOWN_MAX: usize = 1_000;

/// The first message on a link, from both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Protocol version of the sender, [`VERSION`] or later.
    pub version: u16,
    /// Optional abilities of the sender, one bit each; unknown bits are ignored. The lowest is the
    /// codec's own, which tells whether a region follows.
    pub features: u32,
    /// Where the sender can be dialled, if it wants to be.
    pub advertise: Option<PeerAddr>,
    /// The region that its operator says it is in, if any: nothing depends on its being true but how
    /// well bytes are saved.
    pub region: Option<u8>,
}

/// What the strategies at both ends of a link say to one another, besides announcing, asking and sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Don't send me whole items unasked any more, announce them (Plumtree's PRUNE).
    Prune,
    /// Send me whole items again (the first half of Plumtree's GRAFT; the items are asked for by
    /// getdata).
    Graft,
    /// Tell me what is new since you last told me: pull.
    Poll,
    /// I had these already when you sent them, at most [`KNOWN_MAX`]: feedback.
    Known(Arc<[ShortId]>),
    /// You announced these before anybody sent them to me, and yet I had them from somebody else, at most
    /// [`KNOWN_MAX`]: feedback.
    First(Arc<[ShortId]>),
}

/// What is done with a list of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// I have these (inv), at most [`ANNOUNCE_MAX`].
    Announce,
    /// Send me these, at most [`GETDATA_MAX`].
    GetData,
    /// I can't send you these that you asked for, at most [`GETDATA_MAX`].
    NotFound,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Who I am; first on every link, once.
    Hello(Hello),
    /// Are you there?
    Ping {
        /// Comes back in the pong.
        nonce: u64,
    },
    /// I am here.
    Pong {
        /// As in the ping.
        nonce: u64,
    },
    /// Tell me addresses of peers. Answered once per link.
    GetAddresses,
    /// Addresses of peers, at most [`ADDRESSES_MAX`].
    Addresses(Arc<[PeerAddr]>),
    /// I have these items (inv), at most [`ANNOUNCE_MAX`].
    Announce {
        /// Kind of all of them.
        kind: ItemKind,
        /// Their ids.
        ids: Arc<[ItemId]>,
    },
    /// Send me these items, at most [`GETDATA_MAX`].
    GetData {
        /// Kind of all of them.
        kind: ItemKind,
        /// Their ids.
        ids: Arc<[ItemId]>,
    },
    /// I can't send you these items that you asked for, at most [`GETDATA_MAX`].
    NotFound {
        /// Kind of all of them.
        kind: ItemKind,
        /// Their ids.
        ids: Arc<[ItemId]>,
    },
    /// The same about transactions, which are named by their short ids.
    Short(Verb, Arc<[ShortId]>),
    /// Here is an item. Its size is bounded by the chain's limits.
    Item(Arc<Item>),
    /// What one strategy says to another.
    Signal(Signal),
    /// I accepted these lately: announce what you have besides, and ask if you have less.
    Digest(Digest),
    /// Don't announce transactions to me that pay less: I would refuse them.
    FeeFilter(FeeRate),
    /// A message of a kind that we don't know, from a later version: skipped and counted.
    Unknown {
        /// Its kind byte.
        kind: u8,
        /// Length of its body, bytes.
        len: u32,
    },
}

/// Messages of one class arrive in the order sent; a class never waits long behind another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Everything small: before all else.
    Control,
    /// Blocks: never behind transactions.
    Block,
    /// Transactions.
    Tx,
}

/// The kinds of message, as counted and budgeted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum MessageKind {
    /// [`Message::Hello`].
    Hello,
    /// [`Message::Ping`].
    Ping,
    /// [`Message::Pong`].
    Pong,
    /// [`Message::GetAddresses`].
    GetAddresses,
    /// [`Message::Addresses`].
    Addresses,
    /// [`Message::Announce`].
    Announce,
    /// [`Message::GetData`].
    GetData,
    /// [`Message::NotFound`].
    NotFound,
    /// [`Message::Item`], a transaction.
    Tx,
    /// [`Message::Item`], a block.
    Block,
    /// [`Signal::Prune`].
    Prune,
    /// [`Signal::Graft`].
    Graft,
    /// [`Signal::Poll`].
    Poll,
    /// [`Signal::Known`].
    Known,
    /// [`Message::Digest`].
    Digest,
    /// [`Signal::First`].
    First,
    /// [`Message::Unknown`].
    Unknown,
    /// [`Message::FeeFilter`].
    FeeFilter,
}

impl MessageKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 18] = [
        Self::Hello,
        Self::Ping,
        Self::Pong,
        Self::GetAddresses,
        Self::Addresses,
        Self::Announce,
        Self::GetData,
        Self::NotFound,
        Self::Tx,
        Self::Block,
        Self::Prune,
        Self::Graft,
        Self::Poll,
        Self::Known,
        Self::Digest,
        Self::First,
        Self::Unknown,
        Self::FeeFilter,
    ];

    /// Its name in metrics and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::GetAddresses => "getaddresses",
            Self::Addresses => "addresses",
            Self::Announce => "announce",
            Self::GetData => "getdata",
            Self::NotFound => "notfound",
            Self::Tx => "tx",
            Self::Block => "block",
            Self::Prune => "prune",
            Self::Graft => "graft",
            Self::Poll => "poll",
            Self::Known => "known",
            Self::Digest => "digest",
            Self::First => "first",
            Self::Unknown => "unknown",
            Self::FeeFilter => "feefilter",
        }
    }
}

impl Message {
    /// A message about items that are all named in the same way. Blocks are never named short.
    pub fn naming(verb: Verb, kind: ItemKind, names: impl ExactSizeIterator<Item = Name>) -> Self {
        let mut names = names.peekable();
        if !matches!(names.peek(), Some(Name::Whole(_))) {
            return Self::Short(verb, names.map(Name::short).collect());
        }
        let (mut whole, count) = (Vec::with_capacity(names.len()), names.len());
        whole.extend(names.filter_map(|name| match name {
            Name::Whole(id) => Some(id),
            Name::Short(_) => None,
        }));
        debug_assert_eq!(whole.len(), count, "the names are mixed");
        let ids = whole.into();
        match verb {
            Verb::Announce => Self::Announce { kind, ids },
            Verb::GetData => Self::GetData { kind, ids },
            Verb::NotFound => Self::NotFound { kind, ids },
        }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::Hello(_) => MessageKind::Hello,
            Self::Ping { .. } => MessageKind::Ping,
            Self::Pong { .. } => MessageKind::Pong,
            Self::GetAddresses => MessageKind::GetAddresses,
            Self::Addresses(_) => MessageKind::Addresses,
            Self::Announce { .. } | Self::Short(Verb::Announce, _) => MessageKind::Announce,
            Self::GetData { .. } | Self::Short(Verb::GetData, _) => MessageKind::GetData,
            Self::NotFound { .. } | Self::Short(Verb::NotFound, _) => MessageKind::NotFound,
            Self::Item(item) => match item.kind() {
                ItemKind::Tx => MessageKind::Tx,
                ItemKind::Block => MessageKind::Block,
            },
            Self::Signal(Signal::Prune) => MessageKind::Prune,
            Self::Signal(Signal::Graft) => MessageKind::Graft,
            Self::Signal(Signal::Poll) => MessageKind::Poll,
            Self::Signal(Signal::Known(_)) => MessageKind::Known,
            Self::Signal(Signal::First(_)) => MessageKind::First,
            Self::Digest(_) => MessageKind::Digest,
            Self::FeeFilter(_) => MessageKind::FeeFilter,
            Self::Unknown { .. } => MessageKind::Unknown,
        }
    }

    /// Its class.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Item(item) => match item.kind() {
                ItemKind::Tx => Class::Tx,
                ItemKind::Block => Class::Block,
            },
            Self::Hello(_)
            | Self::Ping { .. }
            | Self::Pong { .. }
            | Self::GetAddresses
            | Self::Addresses(_)
            | Self::Announce { .. }
            | Self::GetData { .. }
            | Self::NotFound { .. }
            | Self::Short(..)
            | Self::Signal(_)
            | Self::Digest(_)
            | Self::FeeFilter(_)
            | Self::Unknown { .. } => Class::Control,
        }
    }
}
