//! What becomes of a submitted item.

use serde::{Deserialize, Serialize};
use tidings_protocol::ground::item::Hash256;

/// What became of a submitted item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// Its id; `None` if it couldn't even be identified.
    pub id: Option<Hash256>,
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
