//! What members tell each other besides who lives: state, leaders, events, queries, distances.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::MemberName;
use crate::api::kv::KvText;
use crate::api::schema::Text;

/// A key that a member owns, and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateEntry {
    /// Whose.
    #[serde(flatten)]
    pub member: MemberName,
    /// The key.
    #[schema(value_type = Text)]
    pub key: KvText,
    /// Its value.
    #[schema(value_type = Text)]
    pub value: KvText,
}

/// What members say of themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateEntries {
    /// By member and key.
    pub entries: Vec<StateEntry>,
}

/// A write to a key of the node's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StateWrite {
    /// The key: 1 to 64 bytes.
    #[schema(value_type = Text)]
    pub key: KvText,
    /// Its value, at most 1,024 bytes; `null` deletes it.
    #[schema(value_type = Option<Text>)]
    pub value: Option<KvText>,
}

/// What was wanted is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// That it is.
    pub done: bool,
}

/// Who leads a group, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeaderView {
    /// The group.
    #[schema(value_type = Text)]
    pub group: KvText,
    /// The latest epoch.
    pub epoch: u64,
    /// Whether its consensus is broken: the epoch was given to several leaders, or somebody lies.
    pub broken: bool,
    /// Who leads since then; several if it is broken.
    pub claims: Vec<ClaimView>,
}

/// Who leads the groups that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Leaders {
    /// By group.
    pub leaders: Vec<LeaderView>,
}

/// Who leads, as somebody says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimView {
    /// The leader.
    #[serde(flatten)]
    pub leader: MemberName,
    /// Where clients turn to.
    #[schema(value_type = Text)]
    pub address: KvText,
    /// Id of the member that said so.
    pub by: String,
}

/// Says who leads a group, since a consensus decided it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnnounceRequest {
    /// The group: 1 to 64 bytes.
    #[schema(value_type = Text)]
    pub group: KvText,
    /// The epoch that the consensus gave: 1 or more, and higher with each leader.
    #[schema(maximum = 18_446_744_073_709_551_615_u64)]
    pub epoch: u64,
    /// Where clients turn to: 1 to 128 bytes.
    #[schema(value_type = Text)]
    pub address: KvText,
    /// The leader's name or id; the node itself if none is named.
    #[serde(default)]
    pub leader: Option<String>,
}

/// Whom an event or a query is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FilterRequest {
    /// Members with one of these names; all if there are none.
    #[serde(default)]
    pub names: Vec<String>,
    /// ... that have all of these tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// An event to tell all members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FireRequest {
    /// What it is called: 1 to 64 bytes.
    #[schema(value_type = Text)]
    pub name: KvText,
    /// What it says: at most 512 bytes.
    #[serde(default = "nothing")]
    #[schema(value_type = Text)]
    pub payload: KvText,
    /// Whether only the latest of its name has to be told.
    #[serde(default)]
    pub coalesce: bool,
    /// Whom it is for.
    #[serde(flatten)]
    pub filter: FilterRequest,
}

/// A question to all members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueryRequest {
    /// What it is called: 1 to 64 bytes.
    #[schema(value_type = Text)]
    pub name: KvText,
    /// What it says: at most 512 bytes.
    #[serde(default = "nothing")]
    #[schema(value_type = Text)]
    pub payload: KvText,
    /// How long answers are waited for, milliseconds; as long as the size of the fleet takes if it isn't said.
    #[serde(default)]
    #[schema(minimum = 100, maximum = 15_000)]
    pub timeout_ms: Option<u64>,
    /// Whom it is for.
    #[serde(flatten)]
    pub filter: FilterRequest,
}

fn nothing() -> KvText {
    "".into()
}

/// What came of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueryResult {
    /// What members answered.
    pub answers: Vec<AnswerView>,
    /// Those whom it reached, and who answered nothing.
    pub silent: Vec<MemberName>,
    /// Answers for which there was no room.
    pub dropped: u32,
}

/// A member's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnswerView {
    /// Whose.
    #[serde(flatten)]
    pub member: MemberName,
    /// What it says.
    #[schema(value_type = Text)]
    pub answer: KvText,
}

/// Answers a query that another member asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RespondRequest {
    /// Which: as the event `query-asked` names it.
    pub query: String,
    /// The answer: at most 1,024 bytes.
    #[schema(value_type = Text)]
    pub answer: KvText,
}

/// How far two members are apart, as their coordinates say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RttView {
    /// One.
    pub one: MemberName,
    /// The other.
    pub other: MemberName,
    /// The estimate of a round trip, milliseconds.
    pub rtt_ms: f64,
}
