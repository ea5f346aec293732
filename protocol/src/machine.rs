//! The contract between the core and whatever drives it.
//!
//! A machine is a value. The driver hands [`Machine::handle`] one [`Input`] and a [`Cx`]: the time,
//! the shared parameters and rules, a random source and a list of actions. The machine changes
//! itself, appends [`Action`]s and returns. It never calls out.
//!
//! # What the driver promises
//! 1. **Time** in `cx.now` never goes back for one machine. Any number of inputs may share a moment.
//! 2. **Wake-ups.** When `cx.now >= deadline()` and no other input is ready, the driver hands in
//!    [`Input::Wake`]. Early and repeated wake-ups are legal; late ones are tolerated. `deadline()`
//!    may change with every input, so the driver reads it afresh after each. A deadline that is
//!    already past means "as soon as the inputs that are ready have been handed in": this is how the
//!    core batches what several inputs of one moment cause.
//! 3. **Links.** [`Input::Connected`] is handed in once both sides speak the same protocol and
//!    network, with a [`Link`] in the lowest free slot and a generation never used in that slot
//!    before. Then follow `Received` in the order the peer sent, then exactly one `Disconnected`,
//!    also when the core itself asked for it, and nothing after that. Actions about a link that is
//!    already gone are ignored.
//! 4. **Actions** are carried out in the order appended. `Send`s on one link arrive in order within a
//!    [class](crate::wire::message::Class), or the link breaks. Every `Dial` is answered by one `Connected`
//!    with that address or one `DialFailed`. Every `Verify` is answered by one `Verdict`, whenever.
//! 5. **Back-pressure.** The driver bounds what it queues per link. When the queue passes its high
//!    mark it hands in [`Input::Congested`]; the core then sends only small answers on the link until
//!    [`Input::Drained`]. A queue that reaches its hard bound all the same is cut by the driver.
//! 6. **Throttling.** After [`Action::Throttle`] the driver hands in nothing more that was received
//!    on the link before `until`; what is already handed in counts. It stops reading, so that the
//!    peer is slowed by its own transport.
//! 7. **Randomness**: `cx.rng` is the only source. A driver that seeds it gets the same run again,
//!    byte for byte, whatever the hash salt.
//!
//! # What the machine promises
//! It is bounded: each collection has a limit in [`Params`] or beside its type. It never panics on
//! what a peer sends: misbehaviour becomes [`Action::Disconnect`] with a reason. It is [`Clone`], and
//! a clone is a complete snapshot, timers included.
//!
//! # A driver, in full
//! ```
//! use std::sync::Arc;
//! use rand::SeedableRng as _;
//! use tidings_protocol::{
//!     chain::opaque::Opaque,
//!     item::{Item, ItemKind},
//!     machine::{Action, Cx, Input, Machine as _},
//!     node::{Identity, Node},
//!     params::Params,
//!     time::Time,
//! };
//!
//! let (params, chain) = (Params::default(), Opaque::default());
//! let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
//! let mut node = Node::new(Identity::for_tests(1), &params);
//! let item = chain.item(ItemKind::Tx, b"hello".as_slice().into())?;
//!
//! let mut actions: Vec<Action> = Vec::new();           // reused for every input
//! let mut cx = Cx { now: Time::ZERO, params: &params, chain: &chain, rng: &mut rng, actions: &mut actions };
//! node.handle(Input::Submitted(item), &mut cx);
//! for action in actions.drain(..) {
//!     println!("{action:?}");                           // here: the report that it was accepted
//! }
//! assert!(node.deadline() > Time::ZERO);                // when to hand in Input::Wake
//! # Ok::<(), tidings_protocol::chain::Rejection>(())
//! ```

use std::sync::Arc;

use rand::Rng;

use crate::chain::{Chain, Verdict};
use crate::event::Event;
use crate::ground::item::{Item, ItemId};
use crate::ground::link::{Direction, Link};
use crate::ground::peer::{DialError, PeerAddr, PeerKey};
use crate::ground::time::Time;
use crate::limits::misbehavior::Reason;
use crate::params::Params;
use crate::wire::codec::DecodeError;
use crate::wire::message::Message;

/// A protocol state machine. See the [module](self) for the whole contract.
pub trait Machine {
    /// Takes one input at a moment, appending what is to be done about it.
    fn handle(&mut self, input: Input<'_>, cx: &mut Cx<'_>);

    /// When it next wants [`Input::Wake`]; [`Time::NEVER`] when idle.
    fn deadline(&self) -> Time;
}

/// What surrounds one call of [`Machine::handle`].
pub struct Cx<'a> {
    /// The time.
    pub now: Time,
    /// Parameters, shared by all machines of a driver.
    pub params: &'a Params,
    /// The rules of the chain.
    pub chain: &'a dyn Chain,
    /// The only source of randomness.
    pub rng: &'a mut dyn Rng,
    /// Where actions are appended. Owned and emptied by the driver, so that it is allocated once.
    pub actions: &'a mut Vec<Action>,
}

impl std::fmt::Debug for Cx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cx").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Cx<'_> {
    /// Appends a message to a link.
    pub fn send(&mut self, link: Link, message: Message) {
        self.actions.push(Action::Send { link, message });
    }

    /// Appends a report for the operator.
    pub fn report(&mut self, event: Event) {
        self.actions.push(Action::Report(event));
    }
}

/// What an item was in an earlier run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Was {
    /// A block, or a pooled transaction.
    Kept,
    /// A pooled transaction that our operator submitted, and of which [`Event::Broadcast`] was never reported.
    Own,
    /// A transaction that waited for its parents: [`Event::Orphaned`] was reported.
    Orphan,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A link came up.
    Connected {
        /// Its handle.
        link: Link,
        /// Who is there.
        peer: PeerKey,
        /// Who dialled.
        direction: Direction,
        /// The address that we dialled; `None` for inbound links, whose port means nothing.
        addr: Option<PeerAddr>,
    },
    /// A link went down.
    Disconnected {
        /// Its handle, which is free again.
        link: Link,
    },
    /// An [`Action::Dial`] came to nothing.
    DialFailed {
        /// The address that was dialled.
        addr: PeerAddr,
        /// Why.
        why: DialError,
    },
    /// A whole message arrived.
    Received {
        /// Where.
        link: Link,
        /// What.
        message: &'a Message,
    },
    /// Bytes arrived that are no message. The driver hands in nothing more from this link.
    Malformed {
        /// Where.
        link: Link,
        /// What was wrong.
        error: DecodeError,
    },
    /// Our own operator hands in an item.
    Submitted(Arc<Item>),
    /// An item of an earlier run. The driver has asked [`Chain::verify`] again. Parents come before their
    /// children, blocks before transactions, and what waited for parents comes last.
    Restored {
        /// The item.
        item: Arc<Item>,
        /// What it was then.
        was: Was,
    },
    /// The answer to [`Action::Verify`].
    Verdict {
        /// The item.
        id: ItemId,
        /// What [`Chain::verify`] said.
        verdict: Verdict,
    },
    /// The link's send queue passed its high mark.
    Congested {
        /// Which.
        link: Link,
    },
    /// The link's send queue fell below its low mark again.
    Drained {
        /// Which.
        link: Link,
    },
    /// Our operator names addresses worth trying.
    Learned(&'a [PeerAddr]),
    /// The deadline passed.
    Wake,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a message.
    Send {
        /// Where.
        link: Link,
        /// What.
        message: Message,
    },
    /// Stop reading from a link for a while.
    Throttle {
        /// Which.
        link: Link,
        /// Until when.
        until: Time,
    },
    /// Run [`Chain::verify`] on an item, anywhere, and hand in the [`Input::Verdict`].
    Verify(Arc<Item>),
    /// Open a connection.
    Dial {
        /// Where to.
        addr: PeerAddr,
    },
    /// Close a link.
    Disconnect {
        /// Which.
        link: Link,
        /// Why; goes to the log, never to the peer.
        why: Reason,
    },
    /// Tell the operator.
    Report(Event),
}
