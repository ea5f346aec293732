//! The simulated world: nodes, what lies between them, and the loop that drives both.
//!
//! One queue of events ordered by time and sequence, one thread, no tasks. Each node is the
//! [`Node`](tidings_protocol::node::Node) that `tidings` ships, driven as [`tidings_protocol::machine`] says;
//! all share one set of parameters, one list of actions and one set of rules. Nodes and links are found by
//! number: a [`Link`](tidings_protocol::ground::link::Link) names a slot of its node, the slot names node and slot at
//! the other end.
//!
//! - `state`: what there is
//! - `build`: makes nodes, sets up the overlay, and schedules what is to come
//! - `engine`: the loop
//! - `links`: dialling, connecting, breaking
//! - `traffic`: a message's way from one node to another
//! - `trouble`: faults begin and end
//! - `recorded`: what happens is told to whoever records it
//! - `fetch`: memory is read before it is needed
//! - `branch`: other draws, and one thing otherwise ([`crate::why`])
//!
//! A clone of a world is a complete snapshot: it goes on as its original does ([`crate::fork`]).

mod branch;
mod build;
mod engine;
mod fetch;
mod links;
mod recorded;
mod state;
mod traffic;
mod trouble;

pub use build::Outlook;
pub use state::{Former, World};
