//! Simulates a fleet of members: who knows whom, and who takes whom for dead.
//!
//! Each member is the [`Membership`](tidings_protocol::membership::Membership) that `tidings` ships, driven as its contract says. It has
//! no links: what lies between any two of them says the link model, each message for itself, and datagrams overtake one another.
//! Packets pass as values, and the bytes that they would have are counted; lines have no width, since a member sends a few hundred bytes
//! a second.
//!
//! - [`setup`]: what two runs share that have the same hash
//! - [`fleet`]: members, the queue, the loop; in its own rooms what becomes of what they send, and what goes wrong
//! - [`tally`]: what was sent, and who was taken for dead, rightly and wrongly
//!
//! # Same seed, same run
//! Each member draws from streams of its own (its choices, the delays of what it sends), and each fault from its own: so two runs that
//! differ in a fault, or in settings, meet the same chances otherwise.
//!
//! # Large fleets
//! A member that knows another takes 45 bytes for it: ten thousand take 4.5 GB, and begin with all of them acquainted
//! ([`Start::Acquainted`](setup::Start)).

pub mod setup;
pub mod tally;

pub mod fleet;

#[cfg(test)]
mod tests;
