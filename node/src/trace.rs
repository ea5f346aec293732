//! The trace: a line for every item that was accepted or rejected. [`writer`] is the node's, [`reader`] that of
//! the measuring tools.

pub mod reader;
pub mod writer;
