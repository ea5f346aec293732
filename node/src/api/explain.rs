//! Why an item is here or isn't, and what a peer is worth: answers of the node's
//! [record](tidings_protocol::record), as the admin API gives them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::ground::link::Direction;
use tidings_protocol::ground::peer::PeerAddr;
use utoipa::ToSchema;

use super::rival::Rival;
use super::schema::{Address, Dialled, Kind};

/// Most steps told of one link, the latest: what an answer may hold without getting in the way of others.
pub const PEER_STEPS_MAX: usize = 1_000;

/// What happened to one item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TxStory {
    /// Its id; the first 16 digits if the node doesn't have it.
    pub id: String,
    /// What it is, if the node has it.
    #[schema(value_type = Option<Kind>)]
    pub kind: Option<ItemKind>,
    /// Its size, bytes, if the node has it.
    pub bytes: Option<usize>,
    /// Since when the record is complete, microseconds of Unix time. Of quiet links it has older steps too.
    pub complete_since_unix_us: u64,
    /// Settings that waits depend on.
    pub settings: WaitSettings,
    /// The links that had a part in it.
    pub links: Vec<LinkStatus>,
    /// What happened, in order.
    pub steps: Vec<StepStatus>,
}

/// What passed between the node and one peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeerStory {
    /// Identity of the peer.
    pub peer_id: String,
    /// Since when the record is complete, microseconds of Unix time.
    pub complete_since_unix_us: u64,
    /// Each of its links, the latest last.
    pub links: Vec<DealingsStatus>,
}

/// What passed on one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DealingsStatus {
    /// The link.
    #[serde(flatten)]
    pub link: LinkStatus,
    /// How often the peer misbehaved.
    pub offences: u32,
    /// What it did the last time.
    pub last_offence: Option<String>,
    /// What its budgets cost the peer.
    pub excess: ExcessStatus,
    /// What happened, in numbers.
    pub totals: TotalsStatus,
    /// What happened, in order: the latest steps, at most [`PEER_STEPS_MAX`].
    pub steps: Vec<StepStatus>,
}

/// What a peer's running over its budgets (`params.budgets`) cost it, since the link came up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExcessStatus {
    /// How often it overran each of those that it overran.
    pub overrun: BTreeMap<String, u32>,
    /// Ids that it announced and that weren't looked at.
    pub announcements_unseen: u64,
    /// For how long nothing was read from it, microseconds.
    pub slowed_us: u64,
}

/// Dealings in numbers, as far as they are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TotalsStatus {
    /// Announcements that the peer made.
    pub announced: usize,
    /// Of these, those of items that the node didn't have.
    pub announced_news: usize,
    /// Items that the node asked for.
    pub asked: usize,
    /// Requests that were answered with the item.
    pub answered: usize,
    /// Requests that ran out of time.
    pub expired: usize,
    /// Requests that were answered with notfound.
    pub not_found: usize,
    /// Requests that weren't answered when another announcer was asked instead.
    pub gave_way: usize,
    /// Requests that weren't answered yet, or when the item came from elsewhere.
    pub open: usize,
    /// Items that the peer sent and the node didn't have.
    pub arrived: usize,
    /// Items that it sent and the node had.
    pub duplicates: usize,
    /// Items of its that broke a rule.
    pub rejected: usize,
    /// Items announced to it.
    pub told: usize,
    /// Items sent to it.
    pub sent: usize,
    /// Of these, those that it had asked for.
    pub sent_on_request: usize,
    /// Middle of the times that it took to answer, microseconds.
    pub answer_median_us: Option<u64>,
}

/// A link, and who is or was there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkStatus {
    /// Its handle.
    pub link: String,
    /// Identity of the peer; `None` if the node has forgotten it.
    pub peer_id: Option<String>,
    /// Who dialled.
    #[schema(value_type = Dialled)]
    pub direction: Direction,
    /// Where the peer says that it can be dialled, or else the other end as the transport sees it.
    #[schema(value_type = Option<Address>)]
    pub address: Option<PeerAddr>,
    /// When it came up, microseconds of Unix time.
    pub up_unix_us: u64,
    /// When it went down, microseconds of Unix time, if it did.
    pub down_unix_us: Option<u64>,
    /// Why the node closed it, if it did.
    pub why: Option<String>,
}

/// Settings that waits depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitSettings {
    /// The relay strategy.
    pub strategy: String,
    /// How long a peer that is asked for a transaction has, milliseconds.
    pub answer_ms: u64,
    /// Mean of the trickle to outbound peers, milliseconds.
    pub trickle_outbound_ms: u64,
    /// Mean of the trickle to inbound peers, milliseconds.
    pub trickle_inbound_ms: u64,
    /// Length of batches instead of the trickle, milliseconds; 0 if there are none.
    pub batch_ms: u64,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepStatus {
    /// When, microseconds of Unix time.
    pub unix_us: u64,
    /// The item, by the first 16 digits of its id; left out where it is always the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The link; `None` if no peer had a part in it.
    pub link: Option<String>,
    /// What happened.
    pub step: StepName,
    /// What came of an announcement (`asked`, `kept`, `held`, `known`, `again`, `dropped`, `over-budget`), how
    /// something left (`now`, `batch`, `round`, `gap`, `answer`), why it left the pool (`evicted`, `replaced`,
    /// `expired`, `confirmed`, `conflicted`), the rule that was broken, or the budget that was overrun.
    pub detail: Option<String>,
    /// The pooled transaction that was first, if the item was rejected for that and the node still knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rival: Option<Rival>,
    /// What the item then waited for, if it is an announcement that was kept for later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<WaitStatus>,
}

/// What happened. See [`ItemEvent`](tidings_protocol::record::ItemEvent), which has the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "documented where they come from")]
pub enum StepName {
    Submitted,
    Restored,
    Heard,
    Implied,
    Arrived,
    Duplicate,
    Unsolicited,
    Overflow,
    Orphaned,
    Checking,
    Accepted,
    Rejected,
    Delayed,
    Unsent,
    Released,
    Alone,
    Again,
    Told,
    Sent,
    Denied,
    NotFound,
    Expired,
    Broke,
    Asked,
    Left,
    Congested,
    Drained,
    OverBudget,
}

/// What a known item waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WaitStatus {
    /// The answer on another link.
    Request(String),
    /// Whether somebody sends it unasked, as the strategy has it.
    Push,
    /// That the announcer has fewer requests in flight.
    Capacity,
}
