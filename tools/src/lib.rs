//! What a run of a Tidings network measured, and how it is shown.
//!
//! A *run folder* holds the raw data of one run: its manifest, nodes, items, first deliveries and
//! traffic ([`run`]). From these follow, in this order, the arrivals of every item at the live nodes
//! ([`spread`]), the run's figures ([`summary`], with [`stats`] underneath), and what people look
//! at: the terminal table ([`table`]), the pictures ([`chart`]) and the page ([`report`]). [`diff`]
//! sets two runs side by side.
//!
//! All this is a function of its input: no clock, no network, no randomness, so that a report made again
//! from the same folder is the same file.
//!
//! Apart from it stands [`maelstrom`]: a node of the core behind the standard input and output of Jepsen's
//! workbench, which judges it.

#[cfg(test)]
extern crate self as tidings_tools;

pub mod chart;
pub mod diff;
pub mod figures;
pub mod format;
pub mod maelstrom;
pub mod report;
pub mod run;
pub mod spread;
pub mod stats;
pub mod summary;
pub mod table;

#[cfg(test)]
mod sample;
