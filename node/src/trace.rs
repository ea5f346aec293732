//! The trace: a file with a line for every item that a node accepted or rejected. Nodes write it, measuring
//! tools read it while it is being written.

mod line;
mod reader;
mod writer;

pub use self::line::{BUFFER_LEN, BadLine, Entry, Line};
pub use self::reader::Tail;
pub use self::writer::Trace;
