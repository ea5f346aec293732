//! The streaming side of the wire: a [`Reader`] makes messages of bytes as they come, a [`Writer`]
//! decides whose bytes go next. Both are pure; the node's connection handler and the tests use the
//! same ones.
//!
//! # Interleaving
//! A message longer than [`PART_MAX`](crate::wire::codec::PART_MAX) travels in parts, so that it doesn't
//! hold up what is more urgent. Between its parts come messages, and parts of messages, of other
//! [classes](crate::wire::kinds::Class); within a class, a message is complete before the next begins.
//! So at most one message per class is incomplete in each direction, and order within a class is
//! the order sent. A reader refuses anything else. (It can't tell the class of a whole message of an
//! unknown kind, and lets it pass anywhere.)
//!
//! # Turns
//! Control messages go first. Blocks and transactions share what is left, turn by turn, a part's
//! length of bytes each (deficit round robin, Shreedhar and Varghese 1995): a burst of transactions
//! delays a block by at most twice, and a block that comes while only transactions are being sent
//! goes next. Control messages are small and bounded by what the peer asks, so they can't starve the
//! others for long. What replicas of a map say leaves when nothing else waits: relaying never waits for it.
//!
//! # Example
//! ```
//! use bytes::BytesMut;
//! use tidings_protocol::chain::opaque::Opaque;
//! use tidings_protocol::wire::frame::{Reader, Writer};
//! use tidings_protocol::wire::message::{Message, Session};
//!
//! let mut writer = Writer::new(1 << 20);
//! writer.push(Message::Session(Session::Ping { nonce: 7 }))?;
//! let mut out = BytesMut::new();                       // what the socket takes next
//! writer.fill(&mut out, 64 * 1024);
//!
//! let (chain, mut reader) = (Opaque::default(), Reader::default());
//! let mut input = &out[..];                            // what the socket gave, cut anywhere
//! while let Some(message) = reader.read(&mut input, &chain)? {
//!     assert_eq!(message, Message::Session(Session::Ping { nonce: 7 }));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod reader;
mod writer;

pub use reader::Reader;
pub use writer::{QueueFull, Writer};
