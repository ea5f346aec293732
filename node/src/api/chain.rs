//! Blocks, the pool and single items, as the API tells them; and blocks that are made for test networks.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tidings_protocol::ground::item::{Hash256, ItemKind};
use utoipa::ToSchema;

use super::schema::{ItemHash, Kind};

/// Most blocks that one answer lists.
pub const BLOCKS_MAX: usize = 1_000;

/// Most ids of transactions that the answer about one block lists.
pub const IDS_MAX: usize = 2_000;

/// Most transactions that a page of the pool has.
pub const PAGE_MAX: usize = 1_000;

/// Where the chain of blocks is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainStatus {
    /// The last connected block; the chain's root if there is none.
    #[schema(value_type = ItemHash)]
    pub tip: Hash256,
    /// How many blocks are connected.
    pub height: u32,
    /// The header with most work.
    #[schema(value_type = ItemHash)]
    pub best_header: Hash256,
    /// Its height.
    pub best_height: u32,
    /// How many headers are known.
    pub headers: usize,
}

/// How far a block has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BlockState {
    /// Only its header is here.
    Header,
    /// It is here, and not part of the chain: it is beside it, or a block before it is missing.
    Stored,
    /// It is part of the chain: what it contains counts as confirmed.
    Connected,
    /// It is here, and these rules have no chain.
    Kept,
}

/// A block in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockRow {
    /// Its id.
    #[schema(value_type = ItemHash)]
    pub id: Hash256,
    /// Its height; none where blocks form no chain.
    pub height: Option<u32>,
    /// How far it has come.
    pub state: BlockState,
    /// When it was made, seconds since 1970, as its maker says; none where rules tell no such thing.
    pub time_s: Option<u64>,
    /// How many transactions it has; none if it isn't here, or the rules don't look into it.
    pub transactions: Option<usize>,
    /// Its size, bytes; none if it isn't here.
    pub bytes: Option<usize>,
    /// When this node had it, microseconds of Unix time, if that wasn't long ago.
    pub came_unix_us: Option<u64>,
    /// The peer it came from; none if it was handed in here, or came long ago.
    pub from: Option<String>,
}

/// Blocks, the highest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Blocks {
    /// Those that end the chain, and headers that lead on from there; where there is no chain, those that came last.
    pub blocks: Vec<BlockRow>,
}

/// A block, looked at closely.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockView {
    /// What a list says of it.
    #[serde(flatten)]
    pub row: BlockRow,
    /// The block before.
    #[schema(value_type = Option<ItemHash>)]
    pub parent: Option<Hash256>,
    /// When it was first heard of, microseconds of Unix time, if the record reaches so far back.
    pub heard_unix_us: Option<u64>,
    /// The ids of its transactions, in its order: as many as are told at once.
    #[schema(value_type = Vec<ItemHash>)]
    pub ids: Vec<Hash256>,
    /// How many more it has.
    pub more: usize,
}

/// A transaction in the pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PoolRow {
    /// Its id.
    #[schema(value_type = ItemHash)]
    pub id: Hash256,
    /// Its size, bytes.
    pub bytes: usize,
    /// What it pays, in the chain's smallest unit per megabyte.
    pub fee_rate: u64,
    /// When it leaves at the latest, seconds from now; `null` where the pool is told by fee rate.
    pub expires_s: Option<u64>,
    /// It was handed in here, and no peer has asked for it yet.
    pub own: bool,
}

/// In which order the pool is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PoolSort {
    /// What leaves first, which is what came first.
    #[default]
    Age,
    /// What pays most for its size first; of the same rate, what came first.
    FeeRate,
}

impl PoolSort {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::FeeRate => "fee-rate",
        }
    }
}

/// Some of the pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PoolPage {
    /// The transactions.
    pub items: Vec<PoolRow>,
    /// How many transactions the whole pool has.
    pub count: usize,
    /// How many bytes they are.
    pub bytes: usize,
    /// The least that a transaction has to pay to be let in now, in the chain's smallest unit per megabyte.
    #[serde(default)]
    pub min_fee_rate: u64,
    /// What to ask for the next page with (`after`); `null` if this is the last.
    pub next: Option<String>,
}

/// What bytes mean under a network's rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Decoded {
    /// As what they were read.
    #[schema(value_type = Kind)]
    pub kind: ItemKind,
    /// The id that names them so; none if they are too short to have one.
    #[schema(value_type = Option<ItemHash>)]
    pub id: Option<Hash256>,
    /// How many bytes they are.
    pub bytes: usize,
    /// Whether they keep the rules, as far as the bytes tell: signatures and proof of work included.
    pub valid: bool,
    /// The rule that they break.
    pub rule: Option<String>,
    /// What they say.
    #[schema(value_type = Object)]
    pub fields: Map<String, Value>,
}

/// Asks for a block to be made, for a test network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MineRequest {
    /// The block that it is to follow: its id, the beginning of it, or its height; the last of the chain if unset.
    #[serde(default)]
    #[schema(pattern = "^[0-9a-fA-F]{1,64}$")]
    pub on: Option<String>,
    /// Most transactions that it is to have; as many as fit if unset.
    #[serde(default)]
    #[schema(maximum = 18_446_744_073_709_551_615_u64)]
    pub txs_max: Option<usize>,
}

/// A block that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mined {
    /// Its id.
    #[schema(value_type = ItemHash)]
    pub id: Hash256,
    /// Its height.
    pub height: u32,
    /// The block before.
    #[schema(value_type = ItemHash)]
    pub parent: Hash256,
    /// How many transactions it has.
    pub transactions: usize,
    /// Its size, bytes.
    pub bytes: usize,
    /// When it was made by the node's clock, seconds since 1970.
    pub time_s: u64,
}
