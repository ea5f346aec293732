//! The pure core of Tidings: gossip relay of transactions and blocks as a state machine.
//!
//! One [`Node`](node::Node) is one relay node. It has no clock, no I/O, no threads and no entropy:
//! a driver hands it one [`Input`](machine::Input) at a time and carries out the
//! [`Action`](machine::Action)s that it appends. The same value runs behind libp2p in `tidings`, in
//! memory in the tests, and in the simulator. The whole contract stands at [`machine`].
//!
//! # Map
//! - the contract: [`machine`], [`time`], [`link`], [`params`], [`event`], [`counters`]
//! - the wire: [`message`], [`codec`], [`frame`]
//! - what is relayed: [`item`], [`chain`] and its two rule sets, [`fee`], [`pool`], [`blocks`]
//! - how it is relayed: [`seen`], [`request`], [`announce`], [`relay`] and its strategies
//! - what waits: [`orphanage`] for parents, [`quota`] for the budget; [`fee_filter`] for what isn't wanted
//! - what lets nothing be missed for good: [`digest`], and [`unbroadcast`] for what is our own
//! - what happened to each item: [`record`]
//! - whom to trust how far: [`bucket`], [`budget`], [`conduct`], [`health`]
//! - with whom: [`peers`], its address book and its outbound set
//! - where they meet: [`node`]

pub mod announce;
mod backlog;
pub mod blocks;
pub mod bucket;
pub mod budget;
pub mod chain;
pub mod codec;
pub mod conduct;
pub mod counters;
pub mod digest;
pub mod event;
pub mod fee;
pub mod fee_filter;
pub mod frame;
pub mod health;
pub mod item;
pub mod link;
pub mod machine;
pub mod map;
pub mod message;
pub mod node;
pub mod orphanage;
pub mod params;
pub mod peers;
pub mod pool;
pub mod quota;
pub mod record;
pub mod relay;
pub mod request;
pub mod seen;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod time;
pub mod unbroadcast;
