//! The contract between the core and whatever drives it.
//!
//! A machine is a value. The driver hands [`Machine::handle`] one [`Input`] and a [`Cx`]: the time,
//! the shared parameters and rules, a random source and a list of actions. The machine changes
//! itself, appends [`Action`]s and returns. It never calls out.
//!
//! # What the driver promises
//! 1. **Time** in `cx.now` never goes back for one machine. Any number of inputs may share a moment.
//! 2. **Wake-ups.** When `cx.now >= deadline()` and no other input is ready, the driver hands in
//!    [`Input::Wake`]. Early and repeated wake-ups are legal. `deadline()` may change with every input, so the driver
//!    reads it afresh after each. A deadline that is already past means "as soon as the inputs that are ready have
//!    been handed in": this is how the core batches what several inputs of one moment cause.
//!    *Late* ones are tolerated, at a price: whatever was due leaves late by as much. Up to some tens of
//!    milliseconds nobody notices. From `requests.inbound_patience_ms` on (half a second) peers that answered in time
//!    may be passed over, since their answers lie unread; a driver under load therefore hands in what was received
//!    before it hands in the wake-up, so that answers and pongs that are there count. From one second on a wake-up
//!    tells of an absence, such as a suspended machine, and nobody is given up for having been silent in it. From
//!    `health.ping_timeout_s` on the peers close their links.
//! 3. **Links.** [`Input::Connected`] is handed in once both sides speak the same protocol and
//!    network, with a [`Link`] in the lowest free slot and a generation never used in that slot
//!    before. Then follow `Received` in the order the peer sent, then exactly one `Disconnected`,
//!    also when the core itself asked for it, and nothing after that. Actions about a link that is
//!    already gone are ignored.
//! 4. **Actions** are carried out in the order appended. `Send`s on one link arrive in order within a
//!    [class](crate::wire::kinds::Class), or the link breaks. Every `Dial` is answered by one `Connected`
//!    with that address or one `DialFailed`. Every `Verify` is answered by one `Verdict`, whenever.
//! 5. **Back-pressure.** The driver bounds what it queues per link. When the queue passes its high
//!    mark it hands in [`Input::Congested`]; the core then sends only small answers on the link until
//!    [`Input::Drained`]. A queue that reaches its hard bound all the same is cut by the driver.
//! 6. **Throttling.** After [`Action::Throttle`] the driver hands in nothing more that was received on the link before
//!    `until`, or nothing more of one class; what is already handed in counts. What is held comes in order afterwards,
//!    and what isn't of the class overtakes it. A driver that holds as much as it will stops reading, so that the peer is
//!    slowed by its own transport. [`Holds`] keeps what is held until when.
//! 7. **The wall's clock**, where the node has a replica of a map: [`Input::Clock`] before the first link, before each write, and
//!    now and then, when it was set above all.
//! 8. **Blocks**, where the rules have a [root](Chain::root): the driver keeps each block that was reported [`Event::Accepted`], for
//!    as long as it likes, and answers each [`Action::Load`] by one [`Input::Loaded`]. What it kept in an earlier run it hands
//!    in with [`Input::Headers`], before the first link.
//! 9. **Parameters and rules** in `cx.params` and `cx.chain` stay the same for the life of a machine, and the
//!    parameters have passed [`Params::validate`]: bounds and timers are read from them at every input.
//! 10. **Randomness**: `cx.rng` is the only source. A driver that seeds it gets the same run again,
//!     byte for byte, whatever the hash salt.
//!
//! # What a broken promise does
//! Nothing of it is undefined, and nothing of it panics in a release build.
//!
//! | broken promise | what follows |
//! |---|---|
//! | time goes back | spans count as zero: timers are late by the step, nothing is early |
//! | a wake-up never comes | inputs are taken as ever; nothing that waits for its time leaves |
//! | a slot is used again before `Disconnected` | asserts in debug builds; else the old link is forgotten unreported |
//! | an input about a link that isn't there | ignored |
//! | `Received` out of order | as if the peer had sent it so: perhaps an offence of the peer |
//! | `Disconnected` never comes | the place stays taken, with the memory of one link |
//! | a `Dial` is never answered | one of `peers.dialling_max` places stays taken |
//! | a verdict is lost | the item counts as being checked for ever: one of `memory.verifying_max` places (of its few, for a block), and a part of its link's share; nobody is asked for the item again |
//! | a load is never answered | the chain stands still; a peer that asked for the block gets no answer |
//! | a block isn't kept | whoever asks for it is told that it isn't here; a branch that it is on is left without what it contained |
//! | a verdict comes twice, or for nothing | ignored |
//! | `Congested` is never told | what is queued for the link grows up to the driver's own bound |
//! | `Drained` is never told | the link gets nothing but announcements that wait, and small answers |
//! | the wall's clock is never told | it is 1970 here: what peers write is taken for wrong until most of them tell the time |
//! | parameters change | bounds that shrank hold from the next insertion on; timers that run keep their moments |
//!
//! # What the machine promises
//! It is bounded: each collection has a limit in [`Params`] or beside its type. It never panics on
//! what a peer sends: misbehaviour becomes [`Action::Disconnect`] with a reason. It is [`Clone`], and
//! a clone is a complete snapshot, timers included.
//!
//! # A driver, in full
//! Two nodes in one process, with a link, a signature to verify, and time that passes when there is nothing else to
//! do. A driver of the real world does the same with a socket, a thread for signatures, and a timer.
//! ```
//! use std::collections::VecDeque;
//! use std::sync::Arc;
//! use ed25519_zebra::SigningKey;
//! use rand::SeedableRng as _;
//! use rand_chacha::ChaCha8Rng;
//! use tidings_protocol::{
//!     chain::{Chain, tidings::{Tidings, Transfer}},
//!     report::event::Event,
//!     ground::{item::{Hash256, Item, ItemKind}, link::{Direction, Link}, peer::PeerKey, time::Time},
//!     machine::{Action, Cx, Input, Machine as _},
//!     node::{Identity, Node},
//!     params::Params,
//!     wire::message::Message,
//! };
//!
//! /// What is on its way to a node.
//! enum Waiting { Message(Message), Verify(Arc<Item>) }
//!
//! let (params, chain) = (Params::default(), Tidings::new(Hash256([7; 32]), 0));
//! let mut rng = ChaCha8Rng::seed_from_u64(1);
//! let mut nodes = [1, 2].map(|key| Node::new(Identity::for_tests(key), &params));
//! let link = Link::new(0, 1);                           // the lowest slot, at either end
//! let mut on_the_way: VecDeque<(usize, Waiting)> = VecDeque::new();
//! let mut arrived = None;
//! let mut now = Time::ZERO;
//! let mut actions: Vec<Action> = Vec::new();            // reused for every input
//!
//! // One input, and what follows from it.
//! let mut hand = |nodes: &mut [Node; 2], node: usize, input: Input<'_>, now: Time,
//!                 on_the_way: &mut VecDeque<(usize, Waiting)>, arrived: &mut Option<Time>| {
//!     let cx = &mut Cx { now, params: &params, chain: &chain, rng: &mut rng, actions: &mut actions };
//!     nodes[node].handle(input, cx);
//!     for action in actions.drain(..) {
//!         match action {
//!             Action::Send { message, .. } => on_the_way.push_back((1 - node, Waiting::Message(message))),
//!             Action::Verify(item) => on_the_way.push_back((node, Waiting::Verify(item))),
//!             Action::Report(Event::Accepted { ingress: Some(_), .. }) => *arrived = Some(now),
//!             _ => {}                                   // nothing else happens here
//!         }
//!     }
//! };
//!
//! // The first dials the second.
//! for (node, direction) in [(0, Direction::Outbound), (1, Direction::Inbound)] {
//!     let peer = PeerKey(2 - node as u64);
//!     let connected = Input::Connected { link, peer, direction, addr: None };
//!     hand(&mut nodes, node, connected, now, &mut on_the_way, &mut arrived);
//! }
//! // Its operator submits a transfer.
//! let key = SigningKey::from([1; 32]);
//! let transfer = chain.item(ItemKind::Tx, Transfer::sign(&key, Hash256([7; 32]), 0, 10, b"hello"))?;
//! hand(&mut nodes, 0, Input::Submitted(transfer), now, &mut on_the_way, &mut arrived);
//!
//! while arrived.is_none() {
//!     match on_the_way.pop_front() {
//!         Some((node, Waiting::Message(message))) => {
//!             let received = Input::Received { link, message: &message };
//!             hand(&mut nodes, node, received, now, &mut on_the_way, &mut arrived);
//!         }
//!         Some((node, Waiting::Verify(item))) => {        // a thread of its own, elsewhere
//!             let verdict = Input::Verdict { item: &item, verdict: chain.verify(&item) };
//!             hand(&mut nodes, node, verdict, now, &mut on_the_way, &mut arrived);
//!         }
//!         None => {                                     // sleep until somebody has something to do
//!             let first = if nodes[0].deadline() <= nodes[1].deadline() { 0 } else { 1 };
//!             now = now.max(nodes[first].deadline());
//!             hand(&mut nodes, first, Input::Wake, now, &mut on_the_way, &mut arrived);
//!         }
//!     }
//! }
//! assert!(nodes[1].pool().len() == 1);
//! # Ok::<(), tidings_protocol::chain::Rejection>(())
//! ```

mod holds;
mod load;

pub use holds::Holds;
pub use load::{Load, Loaded};

use crate::report::event::Event;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::Rng;

use crate::chain::{Chain, Verdict, Verified};
use crate::ground::item::{Item, ItemId};
use crate::ground::link::{Direction, Link};
use crate::ground::peer::{BookRecord, DialError, PeerAddr, PeerKey, Source};
use crate::ground::subnet::Banned;
use crate::ground::time::Time;
use crate::limits::misbehavior::Reason;
use crate::params::Params;
use crate::replica::{Entry, Key, Millis, Refused, Write};
use crate::wire::error::DecodeError;
use crate::wire::kinds::Class;
use crate::wire::message::Message;

/// A protocol state machine. See the [module](self) for the whole contract.
pub trait Machine {
    /// Takes one input at a moment, appending what is to be done about it.
    fn handle(&mut self, input: Input<'_>, cx: &mut Cx<'_>);

    /// When it next wants [`Input::Wake`]; [`Time::NEVER`] when idle.
    fn deadline(&self) -> Time;
}

/// One stateful part of a machine: what every part answers, if it is concerned. A machine keeps a list of its
/// parts, calls each of them by it, and wakes those whose deadline has passed.
pub trait Part {
    /// A link came up, to the peer that `direction` says dialled.
    fn on_link_up(&mut self, _link: Link, _direction: Direction, _cx: &mut Cx<'_>) {}

    /// A link went down: whatever is kept of it goes.
    fn on_link_down(&mut self, _link: Link, _cx: &mut Cx<'_>) {}

    /// When it next has something to do.
    fn deadline(&self) -> Time {
        Time::NEVER
    }

    /// Whether anything is kept of a link: never of one that is down.
    fn keeps(&self, _link: Link) -> bool {
        false
    }

    /// Checks that its bounds hold, and that what it keeps in several places agrees.
    ///
    /// # Panics
    /// When that isn't so.
    fn check(&self, _params: &Params) {}
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
    /// Appends a report for the operator.
    pub fn report(&mut self, event: Event) {
        self.actions.push(Action::Report(event));
    }
}

/// What an item was in an earlier run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoredAs {
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
        /// Outbound: the address that we dialled. Inbound: where the peer dialled from, of which the port means nothing;
        /// `None` if the driver doesn't know. It decides which addresses the peer may tell (`ground/reach.rs`).
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
    /// What the machine's clock says, right or wrong, for the stamps of the map: it goes on with the time until the next
    /// reading.
    Clock {
        /// Milliseconds since 1970.
        wall: Millis,
    },
    /// Our own operator writes to the map. Answered by one [`Action::Written`] at once.
    Write {
        /// By what the answer is known.
        ticket: u64,
        /// The key.
        key: &'a Key,
        /// What is written.
        write: &'a Write,
    },
    /// What an earlier run held of the map. All of it comes before the first link.
    Recalled(&'a Entry),
    /// An item of an earlier run. The driver has asked [`Chain::verify`] again. Parents come before their
    /// children, blocks before transactions, and what waited for parents comes last.
    Restored {
        /// The item.
        item: Arc<Item>,
        /// What it was then.
        was: RestoredAs,
        /// How long it was kept by then, as far as clocks can vouch for that which only go on: it expires so much sooner.
        age: Duration,
        /// What [`Chain::verify`] found out.
        verified: Verified,
    },
    /// The headers of blocks that were accepted in an earlier run, in the order in which they were, whether the driver keeps the
    /// blocks still or not. All of them come before the first link, in as few inputs as there can be.
    Headers(&'a [Bytes]),
    /// The answer to [`Action::Load`].
    Loaded {
        /// The block.
        id: ItemId,
        /// What was to be read.
        what: Load,
        /// What was read; `None` if the block isn't kept, or can't be read.
        loaded: Option<Loaded>,
    },
    /// The answer to [`Action::Verify`].
    Verdict {
        /// The item. Of other bytes under the same id it says nothing, and nothing is done.
        item: &'a Arc<Item>,
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
    /// Somebody who is no peer tells addresses: what a name of our operator's was resolved to, who answered on this link. They are
    /// hearsay of that one source, however many they are, and not our operator's word. The driver bounds how many one look-up
    /// brings, and answers for where they may lead: the machine doesn't know how near the source is.
    Heard {
        /// Who tells them.
        from: Source,
        /// Which.
        addrs: &'a [PeerAddr],
    },
    /// Whether peers can dial us where we say, as far as the driver found out. While they can't, nobody is told that address: it
    /// would cost each of them a dial. Links that are up aren't told otherwise.
    Reachable(bool),
    /// The address book of an earlier run.
    Remembered(&'a BookRecord),
    /// Our operator keeps somebody out from now on. Whoever hands this in closes the links that it is about: the machine doesn't keep
    /// where inbound peers dialled from. Of too many the last aren't taken (`peers/bans.rs`).
    Ban {
        /// Whom.
        whom: Banned,
        /// For how long.
        span: Duration,
    },
    /// Our operator lets somebody in again.
    Unban(Banned),
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
    /// Take nothing from a link for a while, or nothing of one class.
    Throttle {
        /// Which.
        link: Link,
        /// Messages of which class; `None` for all.
        class: Option<Class>,
        /// Until when.
        until: Time,
    },
    /// Run [`Chain::verify`] on an item, anywhere, and hand in the [`Input::Verdict`].
    Verify(Arc<Item>),
    /// Read a block that was accepted once, anywhere, and hand in [`Input::Loaded`].
    Load {
        /// The block.
        id: ItemId,
        /// What is to be read.
        what: Load,
    },
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
    /// A key of the map holds something else now, whoever wrote it: for those who watch it, and for the disk.
    Changed(Key),
    /// The answer to an [`Input::Write`].
    Written {
        /// Which.
        ticket: u64,
        /// Whether it is written.
        outcome: Result<(), Refused>,
    },
    /// Tell the operator.
    Report(Event),
}
