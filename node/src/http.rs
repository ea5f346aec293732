//! Serving HTTP/1: where, to whom, how many at once, and for how long.

pub mod bind;
pub(crate) mod contain;
pub(crate) mod error;
pub mod server;
pub(crate) mod token;
