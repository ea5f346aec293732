//! The table of blocks that were made during a run, one row each. It is written beside the others, and nothing is made of it again.

use std::path::Path;

use serde::Serialize;

use super::table::{self, Columns, plain};
use super::{BLOCKS, RunError};

const COLUMNS: Columns = &[
    "block",
    "id",
    "parent",
    "height",
    "bytes",
    "transactions",
    "origin",
    "made_us",
    "nodes",
    "t50_ms",
    "t90_ms",
    "t99_ms",
    "on_chain",
];

/// A block that was made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// Its id, hexadecimal.
    pub id: String,
    /// The block before, hexadecimal.
    pub parent: String,
    /// Its height.
    pub height: u32,
    /// Its size, bytes.
    pub bytes: u64,
    /// How many transactions it has.
    pub transactions: u64,
    /// The node that made it.
    pub origin: u32,
    /// When that node had it, microseconds since the run began.
    pub made_us: u64,
    /// How many nodes had it in the end, the dead included.
    pub nodes: u32,
    /// When half of the live nodes had it, milliseconds after the node that made it; `None` if they didn't.
    pub t50_ms: Option<f64>,
    /// When 90 % of them had it.
    pub t90_ms: Option<f64>,
    /// When 99 % of them had it.
    pub t99_ms: Option<f64>,
    /// Whether it is on the final chain.
    pub on_chain: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    block: usize,
    #[serde(serialize_with = "plain")]
    id: &'a str,
    #[serde(serialize_with = "plain")]
    parent: &'a str,
    height: u32,
    bytes: u64,
    transactions: u64,
    origin: u32,
    made_us: u64,
    nodes: u32,
    t50_ms: Option<f64>,
    t90_ms: Option<f64>,
    t99_ms: Option<f64>,
    on_chain: bool,
}

/// Writes the table into the run folder `dir`.
///
/// # Errors
///
/// If it can't be written.
pub fn write_blocks(dir: &Path, blocks: &[Block]) -> Result<(), RunError> {
    let rows = blocks.iter().enumerate().map(|(number, block)| Row {
        block: number,
        id: &block.id,
        parent: &block.parent,
        height: block.height,
        bytes: block.bytes,
        transactions: block.transactions,
        origin: block.origin,
        made_us: block.made_us,
        nodes: block.nodes,
        t50_ms: block.t50_ms,
        t90_ms: block.t90_ms,
        t99_ms: block.t99_ms,
        on_chain: block.on_chain,
    });
    table::write(&dir.join(BLOCKS), COLUMNS, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_a_row_in_which_what_never_was_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let block = Block { id: "ab".into(), height: 3, t50_ms: Some(1.5), ..Block::default() };
        write_blocks(folder.path(), &[block]).unwrap();
        let text = std::fs::read_to_string(folder.path().join(BLOCKS)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines, [COLUMNS.join(",").as_str(), "0,ab,,3,0,0,0,0,0,1.5,,,false"]);
    }
}
