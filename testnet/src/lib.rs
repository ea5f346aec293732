//! Launches real Tidings networks on one machine, simulates larger ones, and measures how items spread
//! through them.
//!
//! # Map
//! - the command: [`cli`] settles every setting, [`launch`] tells the story of a run from the top
//!   down, [`ui`] shows how far it is
//! - before anything starts: [`manifest`] holds the settings, [`plan`] draws all that the seed
//!   decides ([`rng`]: [`topology`], [`workload`], places, keys, victims), [`ports`] finds free ports
//! - the nodes: [`node_process`] is one, [`fleet`] all of them; [`node_mode`] is this same program
//!   as a node; [`overlay`] waits until they are connected
//! - the measured part: [`drive`] runs it; [`submit`] submits, [`fault`] kills, [`collect`] follows
//!   the deliveries, [`measure`] meters CPU and memory
//! - around and after it: [`observe`] asks the nodes, [`record`] makes tables and figures of it all,
//!   those of `tidings_tools`, [`run_folder`] keeps them
//! - the same core without sockets and clocks: [`sim`]; the same manifest both ways: [`validate`]
//!
//! Everything runs on one thread, the one that starts the nodes: the kernel ends a node when the
//! thread that started it ends.

pub mod cli;
pub mod collect;
pub mod compare;
pub mod drive;
pub mod fault;
pub mod fleet;
pub mod frontier;
pub mod jobs;
pub mod launch;
pub mod manifest;
pub mod measure;
pub mod node_mode;
pub mod node_process;
pub mod observe;
pub mod overlay;
pub mod plan;
pub mod ports;
pub mod predict;
pub mod record;
pub mod rng;
pub mod rounds;
pub mod run_folder;
pub mod sim;
pub mod slow;
pub mod submit;
pub mod theory;
pub mod topology;
pub mod ui;
pub mod validate;
pub mod workload;
