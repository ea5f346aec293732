//! Simulates the shipped node, from ten of them to a million.
//!
//! # Map
//! - what to simulate: [`scenario`] is all of it as plain data, [`sparse`] the same in short; [`overlay`], [`latency`], [`workload`] and
//!   [`fault`] are its parts
//! - the engine: [`world`] holds nodes and links and drives them, [`queue`] says what is next, [`random`]
//!   gives every use a stream of its own
//! - what comes out: [`record`] remembers first deliveries, [`spies`] note who told them first, [`hash`]
//!   tells runs apart, [`baseline`] is what nodes had counted before the measured part, [`healing`] what a partition cost
//! - [`recording`]: every message of a run, as a timeline
//! - [`survivors`] looks at how the living hang together
//! - [`simulation`] tells the story of a run; [`fork`] keeps a moment of it, to go on from there again
//! - [`why`] asks why an item came late, by branches with other draws and by worlds with one thing [`otherwise`]; [`watch`] notes what was
//!   said of it
//! - [`blocks`] measures how soon blocks are everywhere whose transactions are known
//! - [`gym`] has one real node attacked by whoever wants to be all of its peers
//! - [`members`] simulates the fleet's other machine, membership, over the same link models and faults
//!
//! # Pure
//! Nothing in a run depends on the machine: no clock, no threads, no files, no order of hash maps. Two runs
//! of one scenario give the same event hash, on every platform, a browser's WebAssembly included (`wasm/`).
//! Who calls has the clock with which to measure what a run costs.

pub mod baseline;
pub mod blocks;
pub mod fault;
pub mod fork;
pub mod gym;
pub mod hash;
pub mod healing;
pub mod latency;
pub mod listing;
pub mod members;
pub mod mining;
pub mod otherwise;
pub mod overlay;
pub mod queue;
pub mod random;
pub mod record;
pub mod recording;
pub mod scenario;
pub mod simulation;
pub mod sparse;
pub mod spies;
pub mod survivors;
pub mod units;
pub mod watch;
pub mod why;
pub mod workload;
pub mod world;

#[cfg(test)]
mod tests;
