//! A node of this machine.
//!
//! - `folder`: what it finds when it starts, and where it leaves what it has to tell
//! - `node`: its life, from start to end, in a process of its own or in a host
//! - `error`: that it didn't start, or died
//! - `process`: a process that the launcher started; `host`: one with many nodes
//! - [`mode`]: this same program as a node, or as a host

mod error;
mod folder;
mod host;
pub mod mode;
mod node;
mod process;

pub use error::NodeError;
pub use folder::{CAPTURE, Common, LOG, TRACE, check_socket_path};
pub use host::Host;
pub use node::{Fate, Node};
