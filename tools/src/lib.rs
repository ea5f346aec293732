//! What a run of a Tidings network measured, and how it is shown; and how a network that lives is measured.
//!
//! A *run folder* holds the raw data of one run: its manifest, nodes, items, first deliveries and
//! traffic ([`run`]). From these follow its [`figures`], and from the figures what people look at: the
//! terminal's table, pictures and a page ([`show`]). [`diff`] sets two runs side by side.
//!
//! All this is a function of its input: no clock, no network, no randomness, so that a report made again
//! from the same folder is the same file. A [`timeline`] is a run moment by moment, and what others' tools read of one. So are records of a [`probe`] and what is made of them. Only what listens to a live network
//! ([`probe::listen`]) and what submits to one ([`load`]) have clock, network and randomness.

#[cfg(test)]
extern crate self as tidings_tools;

pub mod diff;
pub mod figures;
pub mod load;
pub mod probe;
pub mod run;
pub mod show;
pub mod timeline;

#[cfg(test)]
mod sample;
