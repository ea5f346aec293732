//! What a node of a test network may be told to do to its own messages.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most effects at once. A guess: a manifest has a handful of faults.
pub const EFFECTS_MAX: usize = 64;

/// All that goes wrong with what a node sends from now on; nothing if empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    /// One after the other, a message meets each of them. At most 64.
    #[schema(max_items = 64)]
    pub effects: Vec<Effect>,
}

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Effect {
    /// Messages never leave; hello, ping and pong do.
    Loss {
        /// Which share of them, 0 to 1.
        #[schema(minimum = 0, maximum = 1)]
        share: f64,
    },
    /// Messages leave twice; hello, ping and pong don't.
    Duplicate {
        /// Which share of them, 0 to 1.
        #[schema(minimum = 0, maximum = 1)]
        share: f64,
    },
    /// Messages are held up, and with each what follows it in its class and on its link.
    Reorder {
        /// Which share of them, 0 to 1.
        #[schema(minimum = 0, maximum = 1)]
        share: f64,
        /// By how much, milliseconds.
        #[schema(minimum = 0, maximum = 3_600_000)]
        by_ms: f64,
    },
    /// The node and some peers hear nothing of each other.
    Cut {
        /// Their ids.
        peers: Vec<String>,
        /// What becomes of messages and links.
        how: CutHow,
    },
}

/// What becomes of messages to peers from whom a node is cut off, and of the links with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CutHow {
    /// Messages are lost, links stay.
    Drop,
    /// Messages leave when it is over.
    Stall,
    /// Links break, and new ones do at once.
    Break,
}

/// The trouble is what it was asked to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Troubled {
    /// Messages that were lost or doubled or held up so far, by whatever trouble there was.
    pub met: u64,
}
