//! The trace: a file with a line for every item that a node accepted or rejected. Nodes write it, measuring
//! tools read it while it is being written.

mod line;
mod reader;
mod writer;

pub use self::line::{BadLine, Entry, Line};
pub use self::reader::Tail;
pub use self::writer::Trace;

/// Bytes that are written at once at most, so that one read of as many usually gets all.
pub const BUFFER_LEN: usize = 64 << 10;
