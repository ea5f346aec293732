//! What the core reports to its operator: the raw material of logs, streams and measurements.

use crate::chain::Rejection;
use crate::ground::item::ItemId;
use crate::ground::link::{Direction, Link};
use crate::ground::peer::{DialError, PeerAddr, PeerKey};
use crate::limits::misbehavior::{Offence, Reason};
use crate::replica::Millis;
use crate::wire::message::MapTerms;

/// Why a transaction left the pool, by itself or as a descendant of one that did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Departure {
    /// The pool was full, and it paid least.
    Evicted,
    /// One that conflicts with it pays for replacing it.
    Replaced,
    /// It was there for as long as it may be.
    Expired,
    /// A block contains it.
    Confirmed,
    /// A block conflicts with it.
    Conflicted,
}

impl Departure {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Replaced => "replaced",
            Self::Expired => "expired",
            Self::Confirmed => "confirmed",
            Self::Conflicted => "conflicted",
        }
    }
}

/// Something worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An item passed the rules and entered the pool or the block store, for the first time.
    Accepted {
        /// Its id.
        id: ItemId,
        /// Its size, bytes.
        size: u32,
        /// The link it came by; `None` if our operator submitted it.
        ingress: Option<Link>,
    },
    /// An item was refused.
    Rejected {
        /// Its id.
        id: ItemId,
        /// The link it came by; `None` if our operator submitted it.
        ingress: Option<Link>,
        /// The rule it broke.
        rejection: Rejection,
    },
    /// Our operator submitted an item that is already known.
    AlreadyKnown {
        /// Its id.
        id: ItemId,
    },
    /// An item of an earlier run is back.
    Restored {
        /// Its id.
        id: ItemId,
    },
    /// A transaction waits for its parents.
    Orphaned {
        /// Its id.
        id: ItemId,
    },
    /// A peer was given our own transaction, or has it from elsewhere: it needn't be announced again.
    Broadcast {
        /// Its id.
        id: ItemId,
    },
    /// A transaction left the pool.
    Left {
        /// Its id.
        id: ItemId,
        /// Why.
        why: Departure,
    },
    /// A block joined the chain, behind the one that joined it last: what it contains counts as confirmed.
    BlockConnected {
        /// Its id.
        id: ItemId,
        /// How many blocks come before it.
        height: u32,
    },
    /// The last block of the chain left it, because another branch has more work.
    BlockDisconnected {
        /// Its id.
        id: ItemId,
        /// How many blocks came before it.
        height: u32,
    },
    /// A transaction is pooled again, since its block left the chain.
    Returned {
        /// Its id.
        id: ItemId,
    },
    /// A link is up, both hellos included.
    LinkUp {
        /// Its handle.
        link: Link,
        /// Who is there.
        peer: PeerKey,
        /// Who dialled.
        direction: Direction,
        /// Where the peer says that it can be dialled.
        advertise: Option<PeerAddr>,
    },
    /// A link is down.
    LinkDown {
        /// Its handle.
        link: Link,
        /// Why we closed it; `None` if the peer or the network did.
        why: Option<Reason>,
    },
    /// A peer misbehaved.
    Misbehaved {
        /// Where.
        link: Link,
        /// What it did.
        offence: Offence,
    },
    /// A peer of the fleet has a map of other terms: the two don't exchange what it holds, and relay all the same.
    OtherMap {
        /// Where.
        link: Link,
        /// The peer's terms.
        theirs: MapTerms,
    },
    /// A peer of the fleet doesn't take what was written, here or elsewhere, since its stamp is too late for that peer's clock: one of
    /// the clocks is wrong. Told once a minute at most.
    MapAhead {
        /// Who says so.
        link: Link,
        /// By how much the stamp was too late, milliseconds.
        by: Millis,
    },
    /// A dial came to nothing.
    DialFailed {
        /// The address.
        addr: PeerAddr,
        /// Why.
        why: DialError,
    },
}
