//! Peers that speak libp2p and the relay protocol wrongly: what a stranger on the open internet may do to a node.
//!
//! # Map
//! - below the protocol, written out so that each of its rules can be broken: [`tcp`] connects from an address and
//!   counts bytes, [`secure`] is multistream-select and Noise, [`mux`] Yamux by single frames
//! - [`link`] speaks the relay protocol on it, correctly unless told otherwise; [`items`] makes transactions and blocks
//! - [`target`] is who is attacked, and [`lane`] one of the peers that do it
//! - [`mode`] is what a way of attacking consists of, and [`modes`] the table of them, one a file
//! - [`strangers`] come at a steady rate, whatever becomes of them
//! - [`attack`] keeps modes going
//!
//! None of it takes part in a node or in a network of them; it runs on loopback addresses only
//! ([`target::Target::check`]).

pub mod attack;
pub mod items;
pub mod lane;
pub mod link;
pub mod mode;
pub mod modes;
pub mod mux;
pub mod secure;
pub mod strangers;
pub mod target;
pub mod tcp;
