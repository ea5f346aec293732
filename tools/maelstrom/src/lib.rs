//! The core behind Maelstrom's standard input and output.
//!
//! Maelstrom (Jepsen's workbench for distributed systems) starts a binary once for each node, speaks JSON
//! lines with it, simulates the network between the nodes, and judges what clients saw. Its workload
//! `broadcast` is the public yardstick for gossip. Here the same [`Node`](tidings_protocol::node::Node) that
//! runs over libp2p is driven by those lines: node names are its peers, broadcast values are opaque items.
//! `g-set`, `echo` and `unique-ids` are served too; and with `--workload` a [replica](tidings_protocol::replica) of the map serves
//! `g-set`, `g-counter` and `pn-counter`. How to run it, and what was measured: `README.md` beside this crate.
//!
//! - `stdio` owns the clock, the threads and the streams; everything else is a function of lines and time
//! - `driver` tells peers from clients, `request` is what clients may ask, `wire` what peers say
//! - `keeper` drives a replica of the map
//! - `member` drives the core; `peer` and `session` make links of a network that loses messages
//! - `overlay` says who is linked to whom, `options` what the command line may set

mod driver;
mod keeper;
mod member;
mod options;
mod overlay;
mod peer;
mod request;
mod session;
mod stdio;
mod turn;
mod wire;

#[cfg(test)]
mod tests;

use std::io;

pub use options::{Options, Rounds, Workload};
pub use overlay::Overlay;

/// Why the driver couldn't start or go on.
#[derive(Debug, thiserror::Error)]
pub enum MaelstromError {
    /// An option is wrong.
    #[error("{0}")]
    Usage(String),
    /// A stream failed.
    #[error("standard input or output failed: {0}")]
    Stream(#[from] io::Error),
}

/// Runs a node on standard input and output until the input ends.
///
/// # Errors
/// See [`MaelstromError`].
pub fn run(options: &Options) -> Result<(), MaelstromError> {
    let settings = options.settle().map_err(MaelstromError::Usage)?;
    Ok(stdio::run(driver::Driver::new(settings))?)
}
