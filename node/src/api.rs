//! What a node and those who ask it say to each other: every type that both sides share, and where what is.
//!
//! `admin` answers and `client` asks; neither knows the other. All of it is JSON, but for items, which are their
//! canonical bytes.

pub mod bans;
pub mod chain;
pub mod counters;
pub mod event;
pub mod explain;
pub mod health;
pub mod kv;
pub mod members;
pub mod peers;
pub mod problem;
pub mod rival;
pub mod schema;
pub mod settings;
pub mod status;
pub mod submit;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::event::{KvChange, LinkName, NodeEvent, Notice, Streamed, What};
pub use self::health::{Health, Readiness};
pub use self::peers::{AddressPage, AddressStatus, PeerStatus, Peers};
pub use self::problem::{Problem, ProblemKind};
pub use self::rival::Rival;
pub use self::status::{
    BlockStoreStatus, CaptureStatus, JoinFailure, Status, StoreStatus, TrafficStatus, ViewsStatus,
};
pub use self::submit::{Batch, BatchItem, BatchResult, Outcome, Submitted, Taken};
use crate::lab::slow_motion::SlowMotion;
pub use crate::lab::trouble::spec as trouble;

/// Where what is.
pub mod path {
    /// State of the node.
    pub const STATUS: &str = "/v1/status";
    /// Its peers.
    pub const PEERS: &str = "/v1/peers";
    /// Dealings with a peer.
    pub const PEER_STORY: &str = "/v1/peers/{id}/story";
    /// Closes the link with a peer.
    pub const DISCONNECT: &str = "/v1/peers/disconnect";
    /// Tries an address before others.
    pub const CONNECT: &str = "/v1/peers/connect";
    /// The addresses that it knows, with what became of each.
    pub const ADDRESSES: &str = "/v1/addresses";
    /// Bans: lists them, makes one, takes all back.
    pub const BANS: &str = "/v1/bans";
    /// One ban: takes it back.
    pub const BAN: &str = "/v1/bans/{subject}";
    /// Takes transactions.
    pub const TRANSACTIONS: &str = "/v1/transactions";
    /// The blocks that came last; takes blocks.
    pub const BLOCKS: &str = "/v1/blocks";
    /// A block by id or height.
    pub const BLOCK: &str = "/v1/blocks/{id}";
    /// Items, by id.
    pub const ITEMS: &str = "/v1/items";
    /// An item.
    pub const ITEM: &str = "/v1/items/{id}";
    /// What happened to an item.
    pub const ITEM_STORY: &str = "/v1/items/{id}/story";
    /// The pool.
    pub const POOL: &str = "/v1/pool";
    /// What happens from now on.
    pub const EVENTS: &str = "/v1/events";
    /// What the log tells.
    pub const LOG: &str = "/v1/log";
    /// The settings that are in force.
    pub const CONFIG: &str = "/v1/config";
    /// The fleet's map: lists keys, and takes writes.
    pub const KV: &str = "/v1/kv";
    /// What is under a key.
    pub const KV_ENTRY: &str = "/v1/kv/entry";
    /// What wants attention.
    pub const KV_CONFLICTS: &str = "/v1/kv/conflicts";
    /// What changes from now on.
    pub const KV_WATCH: &str = "/v1/kv/watch";
    /// The fleet's members.
    pub const MEMBERS: &str = "/v1/members";
    /// Asks members who is there.
    pub const MEMBERS_JOIN: &str = "/v1/members/join";
    /// Takes the node out of the fleet.
    pub const MEMBERS_LEAVE: &str = "/v1/members/leave";
    /// Takes another one for one that has left.
    pub const MEMBERS_FORCE_LEAVE: &str = "/v1/members/force-leave";
    /// The keys that members seal with.
    pub const MEMBERS_KEYS: &str = "/v1/members/keys";
    /// What members say of themselves: lists it, and takes writes of the node's own.
    pub const MEMBERS_STATE: &str = "/v1/members/state";
    /// Who leads.
    pub const MEMBERS_LEADERS: &str = "/v1/members/leaders";
    /// Tells all members of an event.
    pub const MEMBERS_EVENT: &str = "/v1/members/event";
    /// Asks all members.
    pub const MEMBERS_QUERY: &str = "/v1/members/query";
    /// Answers what another member asks.
    pub const MEMBERS_RESPOND: &str = "/v1/members/respond";
    /// How far two members are apart.
    pub const MEMBERS_RTT: &str = "/v1/members/rtt";
    /// Lets the clock run slow, in a test network.
    pub const SLOW_MOTION: &str = "/v1/lab/slow-motion";
    /// Lets things go wrong, in a test network.
    pub const TROUBLE: &str = "/v1/lab/trouble";
    /// Makes blocks, in a test network.
    pub const MINE: &str = "/v1/lab/mine";
    /// Ends the node.
    pub const STOP: &str = "/v1/stop";
    /// All of this, described (`OpenAPI` 3.1).
    pub const OPENAPI: &str = "/v1/openapi.json";
    /// Before all of these, in a host: the nodes, by number.
    pub const NODES: &str = "/nodes";
    /// In a host: how long what is ready waits for its turn.
    pub const HOST_QUEUE: &str = "/queue";
    /// Whether it works.
    pub const HEALTHY: &str = "/healthy";
    /// Whether it has the peers that it needs.
    pub const READY: &str = "/ready";
}

/// How long what is ready in a host waits for its turn, as far as that was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostQueue {
    /// How often it was.
    pub turns: u64,
    /// How long it waited in all, microseconds.
    pub waited_us: u64,
}

/// The node is going to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stopping {
    /// That it is.
    pub stopping: bool,
}

/// From when on a node's clock is to run slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SlowFrom {
    /// Microseconds of Unix time, of the system's clock.
    #[schema(maximum = 18_446_744_073_709_551_615_u64)]
    pub from_unix_us: u64,
}

/// How slow a node's clock will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Slowed {
    /// How many times slower than real time.
    #[schema(value_type = u32)]
    pub slow_motion: SlowMotion,
}
