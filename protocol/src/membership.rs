//! Members: who is in the fleet, who is alive, and what each says of itself.
//!
//! What stands here is pure: values without a clock, I/O or entropy. Each has its bounds and says what happens when it is full.
//! - [`phi`] tells from a member's heartbeats how sure it is that it is dead.
//! - [`state`] spreads what each member says of itself: a map of its own, and a heartbeat.
//! - [`coordinates`] estimate round trips that nobody measured.
//! - [`user_events`] and [`queries`] go to all members at once, for [some](filter) of them, in the order of [Lamport clocks](lamport).
//! - [`leader`] spreads where leaders are. It elects none.
//!
//! # Whom to believe
//! Members say what they like of anybody: nothing is signed. *Whoever may speak here may say all of it*, so this is for the fleet
//! alone. What a liar can't do is exceed a bound, crash anybody, or keep what others say of themselves from being heard.

pub mod member_id;

pub mod phi;

pub mod state;

pub mod coordinates;

pub mod filter;
pub mod lamport;
pub mod rate;
mod seen;

pub mod user_events;

pub mod queries;

pub mod leader;
