//! What a run measured, in numbers.
//!
//! From the raw data follow the arrivals of every item at the live nodes ([`spread`]), and from these the
//! figures under the names that every command uses ([`summary`]), with [`statistics`] underneath. [`verdict`] says whose figures
//! they are: the network's or the machine's. [`graph`] tells of the overlay, [`hops`] over how many links items came, and [`uniform`] what it would be by pure chance; [`members`] are the
//! figures of membership, where nodes are members of a fleet, and [`blocks`] those of blocks, where some were made.

pub mod blocks;
pub mod graph;
pub mod hops;
pub mod members;
pub mod spread;
pub mod statistics;
pub mod summary;
pub mod uniform;
pub mod verdict;
