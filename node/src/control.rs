//! What the admin API may ask of the shell, and what it gets back.
//!
//! The shell owns the node; everybody else sends it a [`Command`] over a bounded channel and waits for
//! the answer. A full channel makes the asker wait, never the shell.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tidings_protocol::item::{ItemId, ItemKind};
use tidings_protocol::link::Direction;
use tidings_protocol::message::PeerAddr;
use tokio::sync::oneshot;

use crate::api::explain::{PeerStory, TxStory, Unexplained};
use crate::clock::{NotSlowed, SlowMotion};

/// Most commands waiting for the shell; over it the API waits.
pub const COMMANDS_MAX: usize = 256;

/// Most events waiting for one reader of the event stream; a slower reader is told how many it missed.
pub const EVENTS_MAX: usize = 1_024;

/// One thing asked of the shell. An asker that has gone away is no error.
#[derive(Debug)]
pub enum Command {
    /// How are you?
    Status(oneshot::Sender<Status>),
    /// Who are your peers?
    Peers(oneshot::Sender<Vec<PeerStatus>>),
    /// What addresses do you know?
    Addresses(oneshot::Sender<Vec<PeerAddr>>),
    /// Relay this.
    Submit {
        /// What it is.
        kind: ItemKind,
        /// Its canonical bytes.
        bytes: Bytes,
        /// Answered once the item is refused, or accepted and saved.
        reply: SubmitReply,
    },
    /// Give me this item, if you have it.
    Item {
        /// Its id.
        id: ItemId,
        /// Its bytes.
        reply: oneshot::Sender<Option<Bytes>>,
    },
    /// What happened to this item?
    ExplainTx {
        /// Its id, or the beginning of it.
        query: String,
        /// What is known.
        reply: oneshot::Sender<Result<TxStory, Unexplained>>,
    },
    /// What passed between you and this peer?
    ExplainPeer {
        /// Its id, or the beginning of it, its address, or its link.
        query: String,
        /// What is known.
        reply: oneshot::Sender<Result<PeerStory, Unexplained>>,
    },
    /// Let your clock run slow.
    SlowDown {
        /// From when on, microseconds of Unix time, of the system's clock.
        from_unix_us: u64,
        /// How slow it will be.
        reply: oneshot::Sender<Result<SlowMotion, NotSlowed>>,
    },
    /// Shut down gracefully.
    Stop(oneshot::Sender<()>),
}

/// Where the answer to a submission goes.
pub type SubmitReply = oneshot::Sender<Result<Submitted, NotSaved>>;

/// An item was accepted and is being relayed, but couldn't be saved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NotSaved {
    /// Whether the disk is full.
    pub disk_full: bool,
    /// What the system said.
    pub reason: String,
}

/// What became of a submitted item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// Its id; `None` if it couldn't even be identified.
    pub id: Option<ItemId>,
    /// What became of it.
    pub outcome: Outcome,
    /// The rule it broke, if it was rejected.
    pub rule: Option<String>,
}

/// What became of a submitted item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is new and being relayed.
    Accepted,
    /// It breaks a rule.
    Rejected,
    /// The node knew it already.
    AlreadyKnown,
}

/// From when on a node's clock is to run slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowFrom {
    /// Microseconds of Unix time, of the system's clock.
    pub from_unix_us: u64,
}

/// How slow a node's clock will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slowed {
    /// How many times slower than real time.
    pub slow_motion: SlowMotion,
}

/// State of a node.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    pub listen: Vec<PeerAddr>,
    /// Seconds since it started, by its own clock.
    pub uptime_s: f64,
    /// Links that it dialled and whose hello arrived.
    pub outbound: usize,
    /// Links dialled by peers and whose hello arrived.
    pub inbound: usize,
    /// How many outbound links it wants.
    pub outbound_target: usize,
    /// Addresses in its book.
    pub addresses: usize,
    /// Transactions in its pool.
    pub pool_items: usize,
    /// Bytes of these.
    pub pool_bytes: usize,
    /// Recent blocks that it can serve.
    pub blocks: usize,
    /// Ids in its seen cache.
    pub seen: usize,
    /// Messages and bytes by message kind.
    pub traffic: BTreeMap<String, TrafficStatus>,
    /// All other counters by name.
    pub counters: BTreeMap<String, u64>,
    /// The store, if there is one.
    #[serde(default)]
    pub store: Option<StoreStatus>,
    /// Resident memory, bytes; 0 where the system doesn't tell.
    pub rss_bytes: u64,
    /// CPU time used, user and system, seconds.
    pub cpu_s: f64,
    /// Longest that the main loop was busy with one turn, seconds.
    #[serde(default)]
    pub longest_turn_s: f64,
}

/// State of a node's store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreStatus {
    /// Items in it.
    pub items: usize,
    /// Size of the file.
    pub file_bytes: u64,
    /// Batches of changes written.
    pub commits: u64,
    /// Batches that the disk refused.
    pub failures: u64,
    /// Changes dropped because the disk refused for too long.
    pub dropped: u64,
    /// Whether items of an earlier run are still coming back.
    pub restoring: bool,
}

/// Traffic of one message kind, framing included, transport security excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// State of one link.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Handle of the link, for matching with logs.
    pub link: String,
    /// Identity of the peer.
    pub peer_id: String,
    /// Who dialled.
    pub direction: Direction,
    /// Address at the other end as the transport sees it.
    pub remote: Option<PeerAddr>,
    /// Where the peer says that it can be dialled.
    pub advertise: Option<PeerAddr>,
    /// Seconds since the link came up.
    pub connected_s: f64,
    /// Last round trip, milliseconds; `None` before the first pong.
    pub rtt_ms: Option<f64>,
    /// Items requested from the peer and not yet answered.
    pub in_flight: usize,
    /// Bytes queued for the peer.
    pub queued_bytes: usize,
}
