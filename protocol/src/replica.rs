//! A replicated map: keys whose values are written anywhere, spread in rounds, and converge. For small things that a fleet
//! shares, such as its settings.
//!
//! A [`Replica`] is a machine of its own, which knows no [`Node`](crate::node::Node): a value without a clock, I/O or entropy. A node may
//! have one, and drives it ([`crate::member`]).
//! Replicas that have seen the same writes hold the same, however these came ([`state`]). News travels in rounds (`peers`), and
//! what rounds miss is found by comparing Merkle trees ([`crate::merkle`]), at a cost of what differs.
//!
//! # What converges how
//! One of these for a network ([`Model`]):
//! - **last writer wins**: the value with the latest stamp stays. Of concurrent writes all but one are lost; replicas count
//!   and list what they saw lost ([`lost`]). Stamps are of a hybrid logical clock, or, to show what skew does, the wall's ([`clock`]);
//! - **version vectors**: concurrent values stand side by side until somebody chooses ([`siblings`]);
//! - **data whose writes fit together** (CRDTs): [counters](counter), [sets](set) with removal, [maps of registers](fields).
//!
//! # What the driver promises
//! 1. **Time** in `cx.now` never goes back; `cx.wall` is the machine's clock, milliseconds since 1970, and may go anywhere.
//! 2. **Wake-ups**: when `cx.now >= deadline()` and no other input is ready, [`Input::Wake`]. Early and repeated ones are legal, late ones
//!    make everything that was due late. `deadline()` is read afresh after each input and each write.
//! 3. **Links**: [`Input::Connected`] once both ends speak this protocol for the same network, with a [`Link`](crate::ground::link::Link) in
//!    the lowest free slot and a generation never used in that slot; then what comes on it; then one `Disconnected`. Messages may be lost,
//!    doubled and overtake one another: comparisons make up for it.
//! 4. **Messages** come from [`Message::decode`]. Bytes that aren't one are the peer's offence, and so is [`Action::Misbehaved`].
//! 5. **Charging**: each call of [`Replica::handle`] returns its [`Work`], which the driver charges to the link that sent the input, and reads
//!    less from a link that is over its budget. One message merges at most [`ENTRIES_MAX`] entries; a comparison looks at
//!    a few thousand hashes.
//! 6. **Back-pressure**: [`Input::Congested`] when a link's queue passes its high mark, [`Input::Drained`] when it is short again. Meanwhile
//!    the link gets answers alone, each within [`MESSAGE_MAX`].
//! 7. **Identity**: no two replicas have one [`ReplicaId`], and a replica keeps its own only with all that it wrote: what it saved comes back
//!    by [`Input::Restored`], before the first link. Whatever lost its disk takes a new id, otherwise
//!    what it writes may be taken for what it wrote before.
//! 8. **Settings** stay the same for a replica's life.
//!
//! # What the machine promises
//! - **Bounds**: keys and bytes ([`Settings::keys_max`], [`Settings::bytes_max`]; the rules for a full map stand at `store`), each kind of data by
//!   constants beside it, and a few thousand places for each link. [`Replica::check_invariants`] checks them all.
//! - **A deletion** leaves what keeps older values from coming back, for [`Settings::grace_ms`] by the deleter's clock.
//! - **A stamp too far ahead** ([`Settings::ahead_ms`]) isn't taken, whoever relays it; its sender is told so
//!   ([`Action::ToldAhead`]). The write stays where it was made until our clock comes near, or its writer's
//!   is set right: then it gives way to any other, and its key can be written again.
//! - **Same seed, same run**, and a clone is a complete snapshot.
//!
//! # Whom to believe
//! Peers say what they like of anybody's writes: nothing is signed. *Whoever may link to a replica may change
//! all of the map*, so links are for the fleet alone. What it can't do is exceed a bound, keep others from
//! converging, move their clocks by more than the bound, or crash anybody. A lie is data like any other, and converges.

pub mod stamp;

pub mod clock;
pub mod key;
pub mod register;
pub mod vector;

pub(crate) mod dots;

pub mod counter;
pub mod fields;
pub mod set;
pub mod siblings;

pub mod lost;
pub mod settings;
pub mod state;

pub mod message;

pub mod contract;

pub mod machine;
mod peers;
mod store;

pub use crate::wire::bytes::Malformed;
pub use clock::ClockKind;
pub use contract::{Action, Counts, Cx, Input, Work};
pub use key::{Key, Kind};
pub use machine::Replica;
pub use message::{ENTRIES_MAX, MESSAGE_MAX, Message};
pub use settings::{Model, Settings, Spread};
pub use stamp::{Millis, ReplicaId, Stamp};
pub use state::{Entry, Refused, State, Write};
