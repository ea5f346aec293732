//! A node as a process of this machine.
//!
//! - `folder`: what it finds when it starts, and where it leaves what it has to tell
//! - `process`: its life, from start to end
//! - [`mode`]: this same program as a node

mod folder;
pub mod mode;
mod process;

pub use folder::{Common, LOG, TRACE, check_socket_path};
pub use process::{Fate, NodeError, NodeProcess};
