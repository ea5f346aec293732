//! What may be asked of blocks, the pool and items, and why it may have no answer.

use std::sync::Arc;

use tidings_protocol::ground::item::{Hash256, Item};
use tidings_protocol::ground::time::Time;
use tidings_protocol::items::pool::walk::RatePlace;
use tokio::sync::oneshot;

use super::Unexplained;
use crate::api::chain::{BlockRow, PoolPage};

/// One thing asked of the chain, the pool or what is kept.
#[derive(Debug)]
pub enum ChainCommand {
    /// Which blocks came last?
    Blocks {
        /// How many.
        last: usize,
        /// The highest first.
        reply: oneshot::Sender<Vec<Found>>,
    },
    /// What do you know of this block?
    Block {
        /// Its id, the beginning of it, or its height.
        query: String,
        /// What is known.
        reply: oneshot::Sender<Result<Found, NotFound>>,
    },
    /// What is in your pool?
    Pool {
        /// In which order, and where the page before ended.
        from: PoolFrom,
        /// Most transactions.
        limit: usize,
        /// A page of them.
        reply: oneshot::Sender<PoolPage>,
    },
    /// Give me this item.
    Item {
        /// Its id, or the beginning of it.
        query: String,
        /// The item.
        reply: oneshot::Sender<Result<Arc<Item>, NotFound>>,
    },
    /// What would the next block be?
    Template {
        /// The block that it follows; the last of the chain if unset.
        on: Option<String>,
        /// Most transactions.
        txs_max: usize,
        /// What it would be.
        reply: oneshot::Sender<Result<Template, NotFound>>,
    },
}

/// Where a page of the pool begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolFrom {
    /// By age, after a place.
    Age(Option<(Time, u64)>),
    /// By rate, after a place.
    Rate(Option<RatePlace>),
}

impl ChainCommand {
    /// Answers where nothing is kept.
    pub fn refuse(self) {
        match self {
            Self::Blocks { reply, .. } => drop(reply.send(Vec::new())),
            Self::Block { query, reply } => drop(reply.send(Err(NotFound::Block(query)))),
            Self::Pool { reply, .. } => drop(reply.send(PoolPage::default())),
            Self::Item { query, reply } => drop(reply.send(Err(NotFound::Item(query)))),
            Self::Template { reply, .. } => drop(reply.send(Err(NotFound::NoChain))),
        }
    }
}

/// A block as the loop tells it: what takes long to find out is left to whoever asked.
#[derive(Clone, Debug)]
pub struct Found {
    /// What is known of it, but for the number of its transactions.
    pub row: BlockRow,
    /// The block before.
    pub parent: Option<Hash256>,
    /// When it was first heard of, microseconds of Unix time.
    pub heard_unix_us: Option<u64>,
    /// The block, if it is here.
    pub block: Option<Arc<Item>>,
}

/// What a block would be made of.
#[derive(Clone, Debug)]
pub struct Template {
    /// The block that it follows.
    pub parent: Hash256,
    /// Its height.
    pub height: u32,
    /// The time that it would tell, seconds since 1970.
    pub time_s: u64,
    /// Its transactions, parents before children.
    pub transactions: Vec<Arc<Item>>,
}

/// Why what was asked for can't be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// The question makes no sense, or fits several.
    #[error(transparent)]
    Query(#[from] Unexplained),
    /// No such item is here.
    #[error(
        "this node doesn't have the item `{0}`: it has what is in its pool and the blocks that it keeps"
    )]
    Item(String),
    /// No such block is known.
    #[error("this node doesn't know the block `{0}`; `tidings blocks` shows those that came last")]
    Block(String),
    /// The chain isn't so long.
    #[error("no block of height {height} is connected: the last has height {tip}")]
    Height {
        /// What was asked for.
        height: u32,
        /// What there is.
        tip: u32,
    },
    /// Blocks stand by themselves.
    #[error(
        "under this network's rules blocks form no chain: they have no height, and none can be made"
    )]
    NoChain,
}
