//! Captures: all that a node's core was handed, on disk, so that it can live again.
//!
//! The core is a machine without clock, input and chance of its own: what it was made of and the log of its inputs are a whole
//! replay ([`tidings_protocol::machine`]). A node with `capture.file` writes both, and beside each input what the core decided
//! about it: the kinds of its actions and a digest of them. Whoever replays it ([`Replay`]) has the node as it was at any moment, to be
//! asked what a running one can be asked; and sees where another core would have acted otherwise. The format is in
#![doc = "[`node/CAPTURE.md`](https://docs.rs/crate/tidings/latest/source/CAPTURE.md)."]
//!
//! - [`Capture`] writes, on a thread of its own (`writer`), into segments (`files`) of compressed blocks (`block`)
//! - `head` is what the core was made of, `input` its inputs as bytes (`values`, `bytes`), `actions` the digest;
//!   `asked` saves writing an item twice
//! - [`Life`] reads (`reader`), [`Replay`] runs the core over it, `words` says it to people

mod actions;
mod asked;
mod block;
mod bytes;
mod files;
mod head;
mod input;
mod reader;
mod replay;
mod values;
pub mod words;
mod writer;

pub use block::VERSION;
pub use bytes::Malformed;
pub use head::{BadHead, Head, Origin, Place, Random, rules_of};
pub use input::{Judged, Recorded};
pub use reader::{Acted, Ending, Life, ReadError, Record, captures_in, lives};
pub use replay::{Difference, Replay, Step};
pub use writer::{Capture, CaptureConfig, CaptureError, Captured, End};

#[cfg(test)]
pub(crate) use reader::raw;

#[cfg(test)]
mod tests;
