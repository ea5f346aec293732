//! A load: valid signed transactions, submitted to many nodes at a rate, whatever becomes of them.
//!
//! # Map
//! From the ground up; each module knows only those before it.
//!
//! - [`transfers`] makes signed transactions that never conflict; [`sizes`] is how large they are
//! - [`schedule`] is when each is due, on a grid that nothing delays
//! - [`targets`] is which nodes, and connections to them
//! - [`tally`] counts what became of them, and how soon
//! - [`lines`] writes a table line by line, of which none is ever half there
//! - [`drive`] submits

pub mod transfers;

pub mod sizes;

pub mod schedule;

pub mod targets;

pub mod tally;

pub mod lines;

pub mod drive;
