//! What the captures of a network's nodes say together.
//!
//! Each is replayed by itself, which tells all that its node sent and received and when, by its own clock ([`sightings`]). Then the
//! ends of links are put together, and the messages on them ([`pairing`]); by those the clocks are compared ([`align`]); and all of
//! it becomes one timeline ([`merge`]).

pub mod align;
pub mod merge;
pub mod pairing;
pub mod sightings;
