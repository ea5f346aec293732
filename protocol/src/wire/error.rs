//! What can be wrong with bytes that came by the wire.

use std::fmt;

use crate::chain::Rejection;
use crate::ground::varint::VarintError;

/// Bytes that are no message. The stream they came by can't be trusted any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A frame without even a kind.
    #[error("a frame is empty")]
    Empty,
    /// A number longer than it need be, or than it may be.
    #[error("a varint is not the shortest form of a 32-bit number")]
    Varint,
    /// Longer than its kind may be. Refused before it is read.
    #[error("{len} bytes are announced where at most {max} are allowed")]
    TooLong {
        /// Bytes announced.
        len: usize,
        /// Most bytes allowed.
        max: usize,
    },
    /// More elements than a list of its kind may have.
    #[error("a list has {count} elements or more where at most {max} are allowed")]
    TooMany {
        /// Elements counted when the list was refused.
        count: usize,
        /// Most elements allowed.
        max: usize,
    },
    /// Ends before it is complete.
    #[error("the message ends too early")]
    Truncated,
    /// Goes on after it is complete.
    #[error("bytes are left over after the message")]
    TrailingBytes,
    /// A field has a value that means nothing.
    #[error("the {0} means nothing")]
    BadValue(Field),
    /// The chain can't identify an item.
    #[error("an item can't be identified: {0}")]
    BadItem(Rejection),
    /// A part of a message that is malformed or out of order.
    #[error("a part {0}")]
    BadPart(PartFault),
}

impl From<VarintError> for DecodeError {
    fn from(error: VarintError) -> Self {
        match error {
            VarintError::Truncated => Self::Truncated,
            VarintError::Malformed => Self::Varint,
        }
    }
}

/// Fields that can hold what means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// An address whose length doesn't fit its tag.
    Address,
    /// A yes or no that is neither.
    Choice,
    /// Headers: too many, or too long.
    Headers,
    /// The kind of an item.
    ItemKind,
    /// The parts of a block: none, too many, out of order, or behind a header that is too long.
    Parts,
    /// A span of ids, or what is told of it: deeper than ids are long, out of order, or of other ids.
    Span,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "address",
            Self::Choice => "choice",
            Self::Headers => "list of headers",
            Self::ItemKind => "kind of item",
            Self::Parts => "list of a block's parts",
            Self::Span => "span of ids",
        })
    }
}

/// What can be wrong with a part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartFault {
    /// Its class or flags mean nothing.
    #[error("has a head that means nothing")]
    Head,
    /// It, or a whole message, comes before the last message of its class is complete.
    #[error("or whole message comes before the last one of its class is complete")]
    Interrupts,
    /// Its place in the message asks for another length.
    #[error("has the wrong length for its place")]
    Length,
    /// Its message is short enough to travel whole, or a part itself.
    #[error("belongs to a message that doesn't travel in parts")]
    NotDivisible,
    /// No first part came before it.
    #[error("continues nothing")]
    Orphan,
    /// The kind that it begins belongs to another class.
    #[error("has a kind of another class")]
    WrongClass,
}
