//! Launches real Tidings networks on one machine, simulates larger ones, and measures how items spread
//! through them.
//!
//! # Map
//! - the command line: [`cli`] settles what was asked for, [`exit`] has the codes that all commands end with, [`output`]
//!   what they say, without waiting for whoever reads it, [`ui`] lines and bars on the way
//! - settings: [`manifest`] is all of them as data, for both worlds
//! - real nodes: [`launch`] tells the story of a run, from the top down
//! - the same core without sockets and clocks: [`simulate`] runs `tidings_sim` and meters it
//! - many runs side by side: [`study`] compares strategies, theory, and both worlds
//! - [`scenario`] has small runs that explain what gossip does, each with what must be seen
//! - [`why`] asks why an item came late in a simulated run
//! - [`assault`] has real nodes attacked, and tells what it cost them
//! - [`up`] starts a network that stays, and ends it
//! - [`view`] shows runs in a browser, over time
//! - [`outage`] takes the network away from one of them, and gives it back
//! - [`replay`] has captured nodes live again, and asks them; [`captures`] is what those of a network say together
//! - [`namespace`] makes networks of this machine's own for that, and for what is counted by itself
//! - [`usage`] reads CPU time and memory of processes, for both worlds
//!
//! Each of them uses those below it only.

pub mod assault;
pub mod captures;
pub mod cli;
pub mod exit;
pub mod launch;
pub mod manifest;
pub mod namespace;
pub mod outage;
pub mod output;
pub mod replay;
pub mod scenario;
pub mod simulate;
pub mod study;
pub mod ui;
pub mod up;
pub mod usage;
pub mod view;
pub mod why;
