//! How a node is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidings_protocol::ground::peer::PeerAddr;
use utoipa::ToSchema;

use super::chain::ChainStatus;
use super::kv::KvStatus;
use super::members::MembersStatus;
use super::schema::Address;

/// State of a node.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Version of the software.
    pub version: String,
    /// Identity on the network.
    pub peer_id: String,
    /// Name of the network.
    pub network: String,
    /// Name of the chain's rules.
    pub rules: String,
    /// Name of the relay strategy.
    pub strategy: String,
    /// Where it listens.
    #[schema(value_type = Vec<Address>)]
    pub listen: Vec<PeerAddr>,
    /// Seconds since it started, by its own clock.
    pub uptime_s: f64,
    /// Links that it dialled and whose hello arrived.
    pub outbound: usize,
    /// Links dialled by peers and whose hello arrived.
    pub inbound: usize,
    /// How many outbound links it wants; 0 where `HyParView`'s views decide, for which it is the same who dialled.
    pub outbound_target: usize,
    /// Addresses in its book.
    pub addresses: usize,
    /// The latest attempt to find a peer that came to nothing, if any did.
    #[serde(default)]
    pub last_failure: Option<JoinFailure>,
    /// Whether peers can dial it, as far as they found out (`node.autonat`).
    #[serde(default)]
    pub reachable: Option<bool>,
    /// `HyParView`'s views, if the node keeps them.
    #[serde(default)]
    pub views: Option<ViewsStatus>,
    /// Transactions in its pool.
    pub pool_items: usize,
    /// Bytes of these.
    pub pool_bytes: usize,
    /// Recent blocks that it can serve.
    pub blocks: usize,
    /// The id of the one that came last, if any is kept.
    #[serde(default)]
    pub latest_block: Option<String>,
    /// The chain of blocks, where the rules have one.
    #[serde(default)]
    pub chain: Option<ChainStatus>,
    /// Ids in its seen cache.
    pub seen: usize,
    /// Messages and bytes by message kind.
    pub traffic: BTreeMap<String, TrafficStatus>,
    /// All other counters by name.
    pub counters: BTreeMap<String, u64>,
    /// The store, if there is one.
    #[serde(default)]
    pub store: Option<StoreStatus>,
    /// The chain of blocks on the disk, if it is kept.
    #[serde(default)]
    pub block_store: Option<BlockStoreStatus>,
    /// The capture of what its core is handed, if there is one.
    #[serde(default)]
    pub capture: Option<CaptureStatus>,
    /// The fleet's map, if there is one.
    #[serde(default)]
    pub kv: Option<KvStatus>,
    /// The fleet's members, if the node is one of them.
    #[serde(default)]
    pub members: Option<MembersStatus>,
    /// Resident memory, bytes; 0 where the system doesn't tell.
    pub rss_bytes: u64,
    /// Memory that messages of and for all peers take, bytes.
    #[serde(default)]
    pub held_bytes: usize,
    /// Most that they may take, bytes.
    #[serde(default)]
    pub held_max_bytes: usize,
    /// CPU time used, user and system, seconds.
    pub cpu_s: f64,
    /// Longest that the main loop was busy with one turn, seconds.
    #[serde(default)]
    pub longest_turn_s: f64,
}

/// An attempt to find a peer that came to nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JoinFailure {
    /// The address that was dialled, or the name that was looked up.
    pub whom: String,
    /// Why.
    pub why: String,
    /// How long ago, seconds.
    pub ago_s: f64,
}

/// How much is in `HyParView`'s views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ViewsStatus {
    /// Neighbours.
    pub active: usize,
    /// Addresses to replace them.
    pub passive: usize,
}

/// State of a node's store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreStatus {
    /// Items in it.
    pub items: usize,
    /// Size of the file, bytes.
    pub file_bytes: u64,
    /// Batches of changes written.
    pub commits: u64,
    /// Batches that the disk refused.
    pub failures: u64,
    /// Changes dropped because the disk refused for too long.
    pub dropped: u64,
    /// Bytes of items that wait to be written.
    #[serde(default)]
    pub unwritten_bytes: usize,
    /// Whether items of an earlier run are still coming back.
    pub restoring: bool,
}

/// State of the blocks that a node keeps on its disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockStoreStatus {
    /// Blocks that are kept.
    pub blocks: u64,
    /// Blocks that ever were, whose headers are kept.
    pub headers: u64,
    /// Files of blocks.
    pub segments: usize,
    /// Size of these, bytes.
    pub bytes: u64,
    /// Bytes of blocks that wait to be written.
    pub unwritten_bytes: usize,
    /// Batches written.
    pub commits: u64,
    /// Batches that the disk refused.
    pub failures: u64,
    /// Blocks not kept because too many waited for the disk.
    pub dropped: u64,
    /// Blocks that weren't on the disk what they had been.
    pub damaged: u64,
    /// Blocks that left since enough came after them.
    pub pruned: u64,
}

/// State of a capture (`capture.file`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CaptureStatus {
    /// What the names of its files begin with.
    pub file: String,
    /// Number of this run among those captured there.
    pub life: u32,
    /// What the core was handed so far.
    pub inputs: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Bytes that wait to be written, before they are compressed.
    pub queued_bytes: usize,
    /// Files of this run.
    pub segments: u32,
    /// Why nothing more is captured, if that is so.
    pub ended: Option<String>,
}

/// Traffic of one message kind, framing included, transport security excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrafficStatus {
    /// Messages sent.
    pub sent_messages: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Messages received.
    pub received_messages: u64,
    /// Bytes received.
    pub received_bytes: u64,
}

/// A status with a bit of everything.
#[cfg(test)]
pub(crate) fn example() -> Status {
    let traffic = TrafficStatus { sent_messages: 3, sent_bytes: 900, ..TrafficStatus::default() };
    Status {
        version: "0.1.0".to_owned(),
        peer_id: "12D3KooWtest".to_owned(),
        network: "tidings-dev".to_owned(),
        rules: "opaque".to_owned(),
        strategy: "inventory".to_owned(),
        listen: vec!["127.0.0.1:4000".parse().unwrap()],
        uptime_s: 12.5,
        outbound: 2,
        inbound: 1,
        outbound_target: 8,
        addresses: 5,
        last_failure: None,
        reachable: None,
        views: None,
        pool_items: 1,
        pool_bytes: 300,
        blocks: 0,
        latest_block: None,
        chain: None,
        seen: 4,
        traffic: BTreeMap::from([("tx".to_owned(), traffic)]),
        counters: BTreeMap::from([("accepted".to_owned(), 7), ("strange".to_owned(), 1)]),
        capture: None,
        kv: None,
        members: None,
        store: None,
        block_store: None,
        rss_bytes: 8_000_000,
        cpu_s: 0.25,
        longest_turn_s: 0.002,
        held_bytes: 4_096,
        held_max_bytes: 1 << 27,
    }
}
