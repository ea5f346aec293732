//! A probe: a listener with links to some nodes of a live network, which writes down who announced and sent what, and when.
//!
//! # Map
//! From the ground up; each module knows only those before it.
//!
//! - [`record`] is what was seen: links, items and sightings, bounded, with what was lost for want of room counted
//! - [`manners`] is what a listener answers, so that its links stay and nothing depends on it; [`relaying`] is what it does
//!   if it is told to be a hop
//! - [`wait`] waits for the file of a network and draws whom to dial; [`listen`] holds the links and fills a record
//! - [`columns`] writes a record as Parquet and reads it
//! - [`submissions`] is when items were submitted, if somebody knows; [`estimate`] makes times of propagation of a record, and
//!   says how far they can be off; [`merge`] makes one record of those of several probes
//! - [`folder`] shows a record as a run folder, so that the report draws it
//!
//! What is recorded, in which units, and in what the times are biased, stands in `tools/PROBE.md`.

pub mod record;

pub mod manners;
pub mod relaying;
pub mod wait;

pub mod listen;

pub mod columns;

pub mod submissions;

pub mod estimate;

pub mod merge;

pub mod folder;
