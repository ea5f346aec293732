//! A Tidings node: the core of `tidings-protocol` behind libp2p, with what its operator needs.
//!
//! This is the only crate that sees libp2p and the network. The binary `tidings` is [`cli::main`] and
//! nothing else, so that other programs (the test network's launcher) can be nodes themselves.
//!
//! # Map
//! From the top floor down; each room knows only those below it.
//!
//! - [`cli`]: the operator's commands, with what goes wrong as sentences and exit codes
//! - [`host`] has many nodes in one process, for test networks
//! - [`client`] asks a node, [`admin`] answers, both in the terms of [`api`]; [`http`] serves, bounded and timed;
//!   [`metrics`] shows a node to Prometheus
//! - [`shell`]: the loop that owns the core, its clock and its randomness, and carries out its actions;
//!   [`control`] is how others ask it
//! - [`capture`] writes all that the core is handed, and replays it
//! - [`decode`]: what bytes are under a network's rules
//! - [`members`]: the node as a member of a fleet, beside the shell and not known to it
//! - [`names`] has looked up what names of peers lead to; `mdns` asks who is on this link
//! - [`net`]: links to peers over libp2p; [`blocks`]: the chain on the disk, over [`store`]: what else outlives the process;
//!   [`trace`]: the record of deliveries, written and read
//! - [`files`]: the data folder with identity, network and addresses; [`config`]: settings in four layers
//! - [`lab`]: what only test networks have, over [`links`], the emulated world; [`measured`]: times and counts for metrics
//! - [`panics`]: what becomes of them; [`logging`], by way of [`printable`], how text of strangers is shown
//! - [`clock`], [`calendar`]
//!
//! # A node in your own program
//! A program that has rules of its own implements [`Chain`](tidings_protocol::chain::Chain) and starts a [`Shell`](shell::Shell) with them.
//! This is `examples/embed.rs`: two nodes that relay an item under rules of six lines.
//!
//! ```no_run
#![doc = include_str!("../examples/embed.rs")]
//! ```
//!
//! # One thread
//! A node runs on a current-thread runtime, so that hundreds fit on a machine; only signatures are
//! verified elsewhere. Nothing is built before somebody needs it.

pub mod admin;
pub mod api;
pub mod blocks;
pub mod calendar;
mod called;
pub mod capture;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod control;
pub mod decode;
pub mod files;
pub mod host;
pub mod http;
pub mod lab;
pub mod logging;
mod mdns;
pub mod measured;
pub mod members;
pub mod metrics;
pub mod names;
pub mod net;
#[cfg(test)]
mod pages;
pub mod panics;
pub mod printable;
pub mod shell;
pub mod store;
pub mod trace;

/// The name that follows from it.
pub use libp2p::PeerId;
/// A node's identity on the network.
pub use libp2p::identity::Keypair;
pub use tidings_links as links;
