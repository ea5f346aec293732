//! What each member says of itself: a map of keys that it alone writes, spread to all (scuttlebutt: van Renesse, Dumitriu, Gough,
//! Thomas 2008, "Efficient Reconciliation and Flow Control for Anti-Entropy Protocols"; Cassandra's `EndpointState`; chitchat).
//!
//! An owner numbers its writes: each has a greater [version](Version) than all before it. Its map stands under a *generation* that rises
//! at each start, and beside a *heartbeat* that it counts up. Two members exchange [`Digest`]s (who, generation, heartbeat, greatest
//! version), and then [`Delta`]s: what one has that the other hasn't. Heartbeats need no delta.
//!
//! ```text
//! A -> B  digest                  States::digest
//! B -> A  delta, digest           States::delta_for (what A lacks), States::reply (where B knows more, or less)
//! A -> B  delta                   States::delta_for (what B lacks)
//! ```
//!
//! # What holds
//! - **"Greatest version v" is true**: of every key whose latest write is at most `v`, the copy has that write. So a delta goes by
//!   ascending version, without gaps, and what doesn't fit is cut off at the end. Whatever is lost, doubled or late does no harm.
//! - **Nothing older replaces newer**: of a key, a copy takes only greater versions; of a member, only greater generations.
//! - **Deleted keys don't come back.** A deletion is a write, a *tombstone*, which each copy keeps for [`Settings::grace`] from when it came
//!   there. Then it is *collected*: the copy remembers the greatest version that it collected. Whoever slept for longer than the grace,
//!   so that its copy is older than that, may have keys whose tombstones are gone. It gets a *reset*: a delta from version 0. What such
//!   deltas pass by in its copy without naming it is gone. A copy in the middle of a reset gives nothing away, and takes nothing
//!   from copies that are older than the reset.
//! - **Fairness of digests.** Ourselves first; then those whose maps changed here lately, the newest first, in at most half of the room that is
//!   left; then the others in turn. With room for `e` entries each of `n` members is told of in every `n / (e / 2 - 1)` digests.
//! - **Fairness of deltas.** Half of the room is for whose map changed here lately, the newest first. The rest begins anywhere among those
//!   whose news the other lacks, so that nobody's flood keeps the others away for good.
//!
//! # How large a fleet
//! A packet's digest tells of some seventy members. All heartbeats of a few hundred members are told of within seconds; of ten thousand each is
//! told of so seldom that phi says little. There probes find the dead, and the maps travel as well as ever.
//!
//! # Bounds
//! A member whose heartbeat alone is known takes 40 bytes. A map has [`KEYS_MAX`] keys (deleted ones included) and [`MAP_MAX`] bytes of keys and
//! values; an owner that writes more is told so. A copy that is partly older may hold twice as much for a while; one that would hold more
//! is thrown away and begins anew. All maps together have [`Settings::bytes_max`]: a delta that needs more isn't taken, and asked
//! for again each time. Only members that were [admitted](States::admit) are stored, at most [`MEMBERS_MAX`].
//!
//! # Attacks
//! A peer says anything of anybody. What it says of *others* is believed, until it comes to them: an owner that hears of more than it said
//! itself begins a new generation, and says all again. So a lie lasts for about as long as news takes to travel, twice.
//! - *A generation* is at most [`GENERATION_AHEAD`] later than our wall clock, so there is always a greater one, after a second at the latest.
//! - *A lie of the past*, of a version that the owner has passed, isn't found out: digests don't tell what was written. It stays with those who
//!   hadn't come so far, until the owner writes that key again or starts anew.
//! - *Heartbeats of the dead*: nobody is there to deny them. Probes don't go by them.
//! - *A heartbeat or version* near its end: messages with more than [`VERSION_MAX`] are malformed, and the owner's new generation is past it.
//! - *A flood of keys* is bounded as above, and the owner's new generation ends it.
//! - *Unknown members* are ignored and counted.

pub use body::{Delta, Digest, Part, TOLD_MAX, Told};
pub use choose::DELTA_MIN;
pub use entries::{Entry, KEY_MAX, KEYS_MAX, MAP_MAX, Refused, VALUE_MAX};
pub use news::{Applied, Change, Moment, Settings};
pub use table::{GENERATION_AHEAD, MEMBERS_MAX, States};

/// The number of a write: 1 is an owner's first in a generation.
pub type Version = u32;

/// When an owner started, seconds since 1970 by its clock, or later; 0 if nothing is known of it. In 2106 it ends.
pub type Generation = u32;

/// The greatest version and heartbeat. Four billion of either begin a new generation.
pub const VERSION_MAX: Version = u32::MAX - 1;

mod entries;

mod body;
mod news;

mod table;

mod choose;
mod take;

#[cfg(test)]
mod tests;
