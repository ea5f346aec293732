//! The trace: a file with a line for every item that a node accepted or rejected, and for every link that it had. Nodes
//! write it, measuring tools read it while it is being written.

mod line;
mod reader;
mod writer;

pub use libp2p::PeerId;

pub use self::line::{BUFFER_LEN, BadLine, Entry, HEADER, Line};
pub use self::reader::Tail;
pub use self::writer::Trace;
