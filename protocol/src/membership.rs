//! Members: who is in the fleet, and who of them is alive.
//!
//! A [`Membership`] is a machine of its own, which knows no [`Node`](crate::node::Node) and no links: a value without a clock, I/O or entropy. It
//! sends datagrams to members by their addresses. It is SWIM (Das, Gupta, Motivala 2002) with suspicion, made robust against slow members as
//! Lifeguard does (Dadgar, Phillips, Currey 2017), with what memberlist and Serf added: exchanges by a stream, and trying the
//! failed again.
//!
//! # How it works
//! - **Pings**: each member pings one other a second, in a shuffled order; has no answer, asks others to ping it and tries a stream; and then
//!   suspects it. A suspicion that isn't refuted in time is a death.
//! - **Refutation**: whoever hears that it is suspected raises its incarnation and says that it lives.
//! - **News** ([`broadcasts`]) rides on pings and answers, and is gossiped while there is some. Two datagrams a second and member is all that a
//!   quiet fleet costs, at any size.
//! - **Local health**: whoever has no answers from others who are in good health, or is accused itself, takes more time for its pings.
//!   Whoever stood still (a wake-up that is late by more than a ping's interval) holds against nobody what it missed.
//! - **Leaving** is told apart from death. A member is remembered for a day after either, and may come back under its id: it hears what is
//!   held against it and refutes that.
//!
//! What rides on the pings, each a value with its own bounds, and each switchable ([`Riding`]):
//! - [`state`] spreads what each member says of itself: a map of its own, and a heartbeat. Each ping is a contact of push-pull.
//! - [`phi`] tells from a member's heartbeats how sure it is that it is dead. It is shown, or chosen for a detector ([`FailureDetector`]).
//! - [`coordinates`] estimate round trips that nobody measured.
//! - [`user_events`] and [`queries`] go to all members at once, for [some](filter) of them, in the order of [Lamport clocks](lamport).
//! - [`leader`] spreads where leaders are. It elects none.
//!
//! The last three are rumors: they are told on the moment that they come, along two trees that each of them draws anew. That takes two
//! datagrams a member and some milliseconds; pings tell whom the trees missed.
//!
//! # What the driver promises
//! 1. **Time** in `cx.now` never goes back. The wall clock in `cx.wall` may; a member's runs are told apart by it.
//! 2. **Wake-ups**: when `cx.now >= deadline()` and no other input is ready, [`Input::Wake`]. Early and repeated ones are legal; late ones
//!    are taken for a pause of ours: so what waits in sockets comes first.
//!    `deadline()` is read afresh after each input.
//! 3. **Datagrams** come from [`Packet::decode`], with the address they came from, and only if whatever seals them vouches for the fleet's key.
//!    They may be lost, doubled and overtake one another. Replays are the seal's to bound; here a replay is old news.
//! 4. **Streams**: what [`Action::Stream`] opens ends with one [`Input::Answered`], [`Input::Refused`] or nothing. What others say is handed in
//!    as [`Input::Asked`], and answered by [`Action::Answer`] in the same call or never. Bytes come from [`Said::decode`].
//! 5. **Charging**: [`Work`] says what an input took, to be charged to whoever sent it.
//! 6. **Identity**: no two processes have one [`MemberId`] at a time. If they do, that is reported by all who see both.
//!
//! # What the machine promises
//! - **Bounds**: members ([`Settings::members_max`]), news ([`Settings::news_max`]), pings for others, one ping of its own, an exchange's bytes,
//!   and what each rider states. [`Membership::check_invariants`] checks them all. A known member costs some 44 bytes beside its [`Profile`], which is
//!   shared, and 40 more with [`state`]; up to the bounds of [`Riding`], some 320 for its heartbeats and 100 for its coordinate.
//! - **Nobody gets more than it sent** unless it is a member, at the address where it is known to be: a stranger's ping is answered by
//!   a bare ack, which is shorter.
//! - **Same seed, same run**, and a clone is a complete snapshot.
//!
//! # Whom to believe
//! Claims about members aren't signed. *Whoever has the fleet's key may say anything of anybody.* What it can't do is exceed a bound, use us
//! to flood others, have the last word of a member that lives (it refutes, and for lies about incarnations there are bounds), or crash
//! anybody. A newcomer's claims are heard, since its own joining may not have reached us yet; a stranger's answers and requests are counted and
//! not looked at, and so are all claims that come from another address than their sender is known to have.

mod bytes;
pub mod member_id;
pub mod status;

pub mod profile;

pub mod phi;

pub mod state;

pub mod coordinates;

pub mod filter;
pub mod lamport;
pub mod rate;
mod seen;

mod rumors;

pub mod user_events;

pub mod queries;

pub mod leader;

pub mod packet;
pub mod said;

pub mod broadcasts;
pub mod roster;
pub mod settings;
mod trees;

mod suspicion;

pub mod contract;

pub mod machine;

pub use crate::wire::bytes::Malformed;
pub use contract::{Action, Counts, Cx, Event, Input, JOIN_MAX, Refused, Shared, StreamId, Work};
pub use machine::Membership;
pub use member_id::MemberId;
pub use packet::{PACKET_MAX, Packet, Part};
pub use profile::{Invalid, Profile, Versions};
pub use roster::Member;
pub use said::{Said, Saying};
pub use settings::{FailureDetector, Riding, Settings};
pub use status::Status;
