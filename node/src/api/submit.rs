//! Handing in items, and what becomes of them.

use serde::{Deserialize, Serialize};
use tidings_protocol::ground::item::Hash256;
use utoipa::ToSchema;

use super::problem::Problem;
use super::rival::Rival;
use super::schema::ItemHash;

/// Most transactions in one batch. A guess: what a node verifies in a quarter of a second on one core.
pub const BATCH_MAX: usize = 1_000;

/// What became of a submitted item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Submitted {
    /// Its id; `null` if it couldn't even be identified.
    #[schema(value_type = Option<ItemHash>)]
    pub id: Option<Hash256>,
    /// What became of it.
    pub outcome: Outcome,
    /// The rule it broke, if it was rejected. Over the API that is a problem, and this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The pooled transaction that was first, if it was rejected for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rival: Option<Rival>,
}

/// What became of a submitted item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is new and being relayed.
    Accepted,
    /// It breaks a rule. Over the API that is a problem (`/problems/rule-broken`), and never an outcome.
    Rejected,
    /// The node knew it already.
    AlreadyKnown,
}

/// Several transactions at once, parents before children.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The canonical bytes of each, as hexadecimal digits: 1 to 1,000 of them.
    #[schema(min_items = 1, max_items = 1_000, value_type = Vec<super::schema::HexDigits>)]
    pub transactions: Vec<String>,
}

/// What became of each transaction of a batch, in its order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchResult {
    /// One for each.
    pub results: Vec<BatchItem>,
}

/// What became of one transaction of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum BatchItem {
    /// It was taken.
    Submitted(Submitted),
    /// It wasn't: what would have been the answer to it alone.
    Problem(Problem),
}

/// What is answered to `POST /v1/transactions`: to raw bytes, or to a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Taken {
    /// Of one.
    One(Submitted),
    /// Of a batch.
    Batch(BatchResult),
}
