//! How much of the past can be explained.

use serde::{Deserialize, Serialize};

/// How many steps a node of the real world keeps if it isn't told. A guess: 1 MiB, the last 2,000 items
/// of a node with 16 links.
pub const STEPS_DEFAULT: usize = 65_536;

/// How much of the past a node can explain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordParams {
    /// Most steps kept, 16 bytes each; 0 is off. An item takes some two steps for each link. Unset, it is
    /// the driver's to say: nodes of the real world keep [`STEPS_DEFAULT`], simulated ones none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
}
