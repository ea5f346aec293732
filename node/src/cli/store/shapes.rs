//! What `tidings store` prints with `--json`.

use std::path::PathBuf;

use serde::Serialize;
use utoipa::ToSchema;

/// `tidings store check`: what a data folder keeps, and what is wrong with it.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = StoreChecked)]
pub(in crate::cli) struct Checked {
    /// The store; missing if there is none yet, or it can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) store: Option<CheckedStore>,
    /// The blocks; missing if there are none yet, or they can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) blocks: Option<CheckedBlocks>,
    /// Whether nothing is wrong.
    pub(super) well: bool,
    /// What is wrong, in sentences; the first of them, if there are many.
    pub(super) problems: Vec<String>,
}

/// The store.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::cli) struct CheckedStore {
    /// Its file.
    #[schema(value_type = String)]
    pub(super) path: PathBuf,
    /// Version of its format.
    pub(super) format: u64,
    /// How large the file is, bytes.
    pub(super) file_bytes: u64,
    /// Items in it.
    pub(super) items: u64,
    /// Those among them that are the node's own, and that no peer asked for yet.
    pub(super) own: u64,
    /// Transactions that wait for their parents.
    pub(super) waiting: u64,
    /// Entries of the fleet's map.
    pub(super) map_entries: u64,
    /// Items that break a rule.
    pub(super) refused: u64,
}

/// The blocks.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::cli) struct CheckedBlocks {
    /// Their folder.
    #[schema(value_type = String)]
    pub(super) path: PathBuf,
    /// Version of the index's format.
    pub(super) format: u32,
    /// How large the files are, bytes.
    pub(super) bytes: u64,
    /// How many files.
    pub(super) files: usize,
    /// Blocks in them.
    pub(super) blocks: u64,
    /// Headers in the index.
    pub(super) headers: u64,
    /// Blocks that can't be read.
    pub(super) bad: u64,
}

/// `tidings store export`: what was written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StoreExported)]
pub(in crate::cli) struct Exported {
    /// The file.
    #[schema(value_type = String)]
    pub(super) file: PathBuf,
    /// Items in it.
    pub(super) items: u64,
    /// Blocks that couldn't be read, and were left out.
    pub(super) unread: u64,
}

/// `tidings store import`: what became of the items of a file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StoreImported)]
pub(in crate::cli) struct Imported {
    /// Taken in.
    pub(super) added: u64,
    /// There already.
    pub(super) known: u64,
    /// Refused.
    pub(super) refused: u64,
    /// Why, of the first of those.
    pub(super) refusals: Vec<Refusal>,
}

/// Why an item of a file was refused.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StoreRefusal)]
pub(in crate::cli) struct Refusal {
    /// Its line, from 1.
    pub(super) line: u64,
    /// What it is.
    pub(super) kind: String,
    /// Why.
    pub(super) why: String,
}
