//! Handing in items, and what becomes of them.

use std::fmt;

use serde::{Deserialize, Serialize};
use tidings_protocol::chain;
use tidings_protocol::ground::item::Hash256;
use utoipa::ToSchema;

use super::problem::Problem;
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

/// A pooled transaction that stands in the way of another, since both claim the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rival {
    /// Its id. Of several, the one that pays the highest rate.
    #[schema(value_type = ItemHash)]
    pub id: Hash256,
    /// The least fee with which the same transaction would replace it, and all others in its way, as the pool is now; `null` if none would, or
    /// the rules know no fees.
    pub least_fee: Option<u64>,
}

impl From<chain::Rival> for Rival {
    fn from(chain::Rival { id, least_fee }: chain::Rival) -> Self {
        Self { id: id.hash(), least_fee }
    }
}

impl fmt::Display for Rival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, least_fee } = self;
        write!(f, "it conflicts with {id}, which was first; ")?;
        match least_fee {
            Some(fee) => write!(f, "with a fee of {fee} or more it would replace that one"),
            None => f.write_str("no fee would make it replace that one"),
        }
    }
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
