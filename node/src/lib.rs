//! A Tidings node: the core of `tidings-protocol` behind libp2p, with what its operator needs.
//!
//! This is the only crate that sees libp2p and the network. The binary `tidings` is [`cli::main`] and
//! nothing else, so that other programs (the test network's launcher) can be nodes themselves.
//!
//! # Map
//! - the node: [`shell`] owns the core, its clock and its randomness, and carries out its actions;
//!   [`net`] is the transport, [`clock`] tells the time to both, [`links`] is the emulated world for test
//!   networks, [`trace`] the record of deliveries, [`store`] what outlives the process
//! - between the shell and all others: [`control`], commands over a bounded channel
//! - the operator's side: [`admin`] offers the API, [`client`] speaks it, [`metrics`] serves
//!   Prometheus, [`logging`] writes logs, [`explain`] is what the node can tell of items and peers
//! - what a node is made of: [`config`] in four layers, [`network`] with its rules, [`identity`] with
//!   its keys, all in one [`datadir`]
//! - the command line: [`cli`], with [`error`] and its exit codes
//!
//! # One thread
//! A node runs on a current-thread runtime, so that hundreds fit on a machine; only signatures are
//! verified elsewhere. Nothing is built before somebody needs it.

pub mod addresses;
pub mod admin;
pub mod calendar;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod control;
pub mod datadir;
pub mod error;
pub mod explain;
pub mod identity;
pub mod logging;
pub mod metrics;
pub mod net;
pub mod network;
pub mod shell;
pub mod store;
pub mod trace;

pub use tidings_links as links;
