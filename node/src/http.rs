//! Serving HTTP/1: where, to whom, how many at once, and for how long.

pub mod bind;
pub(crate) mod contain;
pub(crate) mod door;
pub(crate) mod error;
pub(crate) mod host_header;
pub mod pages;
mod patience;
pub mod server;
pub(crate) mod take;
pub(crate) mod token;
