//! The blocks of a chain, kept on the disk: under rules with a root, a node has no room for all of them in memory.
//!
//! A folder holds the blocks one after the other in *segments*, files that only grow, and an *index* that says where each
//! lies. All that was ever kept stays in the index with its header: with these the next run begins.
//!
//! - `blocks/format.rs`: records, tables, and the version of both
//! - `blocks/segments.rs`: appends, cuts off, takes away
//! - `blocks/index.rs`: which blocks, in which order, and where
//! - `blocks/scan.rs`: makes the index anew from the segments
//! - `blocks/open.rs`: opens the folder, or says why not and leaves it as it was
//! - `blocks/reader.rs`: reads a block, on any thread
//! - `blocks/read.rs`: reads all of them and changes nothing, for those who check them or carry them elsewhere
//! - `blocks/writer.rs`: the one thread that writes; blocks that come together share a commit
//!
//! # A crash at any byte
//! Records are on the disk before the index names them. So the last commit is what is left: what lies behind the
//! indexed end of a segment is cut off when the folder is opened, and a segment that nothing names is taken away. Every record has a
//! checksum, which is compared when it is read: a block that changed on the disk counts as not kept.
//!
//! # Bounds
//! The disk holds what `blocks.kept` and `blocks.max_bytes` say, and a segment more; some 200 bytes stay in the index
//! for each block that was ever kept. In memory there are at most [`WAITING_MAX_BYTES`] that wait to be written: when the disk is slower than
//! blocks come, further ones aren't kept, and the core is told so when it wants them. The index takes
//! a cache of [`CACHE_BYTES`].
//!
//! # Why not in a database
//! A block is written once, read whole and never changed. In copy-on-write trees it would be written with pages of its own,
//! and what leaves would stay in the file; a file of its own for each block costs an inode and a directory's
//! entry. Bitcoin Core keeps them the same way (`blk*.dat`, an index beside them, `BlockManager`).

mod format;
mod index;
mod open;
mod read;
mod reader;
mod scan;
mod segments;
mod writer;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::{Hash256, Item, ItemId};

pub use crate::config::blocks::{KEPT_MIN, SEGMENT_BYTES};
pub use open::OpenError;
pub use read::{Checked, ReadBlocks};
pub use reader::{Reader, Unreadable};
pub use writer::{BlocksHandle, Gauges};

use crate::files::network::Meaning;
use index::{Index, Placed};
use open::Opened;
use reader::Shared;
use segments::Segments;

/// Most bytes of blocks that wait to be written, one block aside. A guess: eight of the largest, and some seconds of a
/// disk that writes slowly.
pub const WAITING_MAX_BYTES: usize = 32 << 20;

/// Most memory that the index's cache takes, bytes. A guess: what a commit touches.
pub const CACHE_BYTES: usize = 4 << 20;

/// Where blocks are kept, and how many.
#[derive(Clone)]
pub struct BlocksConfig {
    /// The folder.
    pub folder: PathBuf,
    /// The network's name: blocks of another one are no use.
    pub network: String,
    /// What the network's file says about which items are valid.
    pub rules: Meaning,
    /// The network's rules.
    pub chain: Arc<dyn Chain>,
    /// What the first block follows: [`Chain::root`] of these rules.
    pub root: Hash256,
    /// How many of the last blocks of the chain are kept at least; `None` keeps all.
    pub kept: Option<u32>,
    /// How many bytes of blocks are kept at most, as long as [`KEPT_MIN`] blocks are; `None` for as many as come.
    pub max_bytes: Option<u64>,
    /// From which size on another segment is begun.
    pub segment_bytes: u64,
}

impl std::fmt::Debug for BlocksConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlocksConfig").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// One thing to change.
#[derive(Clone, Debug)]
pub enum Change {
    /// Keep a block, unless it is kept already.
    Keep {
        /// The block.
        block: Arc<Item>,
        /// How many blocks come before it, if that is known.
        height: Option<u32>,
    },
    /// A block isn't where it was.
    Lost(ItemId),
}

/// Why changes couldn't be made.
#[derive(Debug)]
pub enum Failure {
    /// A segment can't be written. What was committed stands, and the next attempt goes on from there.
    Segment(io::Error),
    /// The index can't be written: the folder must be opened again.
    Index(redb::Error),
}

/// An open folder of blocks. Its calls wait for the disk.
#[derive(Debug)]
pub struct BlockStore {
    config: BlocksConfig,
    index: Index,
    segments: Segments,
    /// Something was appended and not committed.
    is_torn: bool,
}

impl BlockStore {
    /// Opens a folder, or makes one where there is none.
    ///
    /// # Errors
    /// When it can't be used; what is in it is then as it was.
    pub fn open(config: &BlocksConfig) -> Result<Self, OpenError> {
        let Opened { index, segments } = open::open(config)?;
        Ok(Self { config: config.clone(), index, segments, is_torn: false })
    }

    /// Makes changes, all or none; they are on the disk when this returns.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn apply(&mut self, changes: &[Change]) -> Result<(), Failure> {
        if self.is_torn {
            self.segments.take_back(self.index.last()).map_err(Failure::Segment)?;
            self.is_torn = false;
        }
        // What was lost may come again with the same changes.
        let lost = changes.iter().filter_map(|change| match change {
            Change::Lost(id) => Some(id.hash()),
            Change::Keep { .. } => None,
        });
        let lost: Vec<_> = lost.collect();
        if !lost.is_empty() {
            self.index.lose(&lost).map_err(Failure::Index)?;
        }
        let (mut placed, mut seen) = (Vec::new(), BTreeSet::new());
        for change in changes {
            if let Change::Keep { block, height } = change
                && seen.insert(block.id())
            {
                placed.extend(self.put(block, *height)?);
            }
        }
        if self.is_torn {
            self.segments.sync().map_err(Failure::Segment)?;
        }
        self.index.place(&placed).map_err(Failure::Index)?;
        self.is_torn = false;
        Ok(())
    }

    /// Appends a block unless it is kept already. None if its header isn't one under these rules, which the core doesn't accept.
    fn put(&mut self, block: &Arc<Item>, height: Option<u32>) -> Result<Option<Placed>, Failure> {
        let Ok(header) = self.config.chain.header(block.bytes()) else { return Ok(None) };
        let id = block.id().hash();
        let spot = match index::spot_of(self.index.db(), id).map_err(Failure::Index)? {
            Some(_) => None,
            None => {
                self.is_torn = true;
                Some(self.segments.append(block).map_err(Failure::Segment)?)
            }
        };
        let bytes = block.bytes().slice(..header.len.min(block.size()));
        Ok(Some(Placed { id, parent: header.parent, height, spot, header: bytes }))
    }

    /// Takes away the oldest segments all of whose blocks are deep enough below the last block of the chain. Says how many blocks left.
    ///
    /// # Errors
    /// When the index can't be written: the folder must be opened again.
    pub fn prune(&mut self, tip: u32) -> Result<u64, redb::Error> {
        let mut left = 0;
        while let Some(number) = self.doomed(tip) {
            // First the index: a file that nothing names is taken away when the folder is opened.
            left += self.index.shorten(number, None)?;
            if let Err(error) = segments::remove(&self.config.folder, number) {
                let path = segments::path(&self.config.folder, number);
                tracing::warn!(path = %path.display(), %error, "blocks can't be taken away");
            }
        }
        Ok(left)
    }

    /// The oldest segment that is to leave.
    fn doomed(&self, tip: u32) -> Option<u32> {
        let current = self.segments.current();
        let is_over = self.config.max_bytes.is_some_and(|max| self.bytes() > max);
        let depth = match (self.config.kept, is_over) {
            (_, true) => KEPT_MIN,
            (Some(kept), false) => kept.max(KEPT_MIN),
            (None, false) => return None,
        };
        let mut old = self.index.extents().iter().filter(|(number, _)| Some(**number) != current);
        let doomed = old.find(|(_, extent)| extent.top.saturating_add(depth) <= tip);
        doomed.map(|(number, _)| *number)
    }

    /// The headers of all blocks that were ever kept: parents before their children, and else in the order of arrival.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn headers(&self) -> Result<Vec<Bytes>, redb::Error> {
        self.index.headers()
    }

    /// Blocks that are kept.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.index.figures().blocks
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Blocks that ever were.
    #[must_use]
    pub fn headers_len(&self) -> u64 {
        self.index.figures().headers
    }

    /// Bytes of all segments.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.index.extents().values().map(|extent| extent.end).sum()
    }

    /// How many segments there are.
    #[must_use]
    pub fn segments_len(&self) -> usize {
        self.index.extents().len()
    }

    /// What reads beside it.
    fn shared(&self) -> Shared {
        Shared::new(Arc::clone(self.index.db()))
    }

    /// Who reads what is here; not what is still to be written.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.config.reader(Arc::new(self.shared()))
    }
}

impl BlocksConfig {
    fn reader(&self, shared: Arc<Shared>) -> Reader {
        let (folder, magic) = (self.folder.clone(), self.magic());
        Reader { shared, folder, magic, chain: Arc::clone(&self.chain) }
    }
}

#[cfg(test)]
mod tests;
