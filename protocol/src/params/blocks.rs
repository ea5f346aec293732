//! How blocks travel.

use serde::{Deserialize, Serialize};

use super::ParamError;

/// How blocks travel between those who have most of what is in them (BIP 152).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlockParams {
    /// Whether a block is sent as the names of its transactions to whoever takes that, and taken so. Else it travels whole.
    pub compact: bool,
    /// How many peers are asked to send blocks unasked (Bitcoin Core: `MaybeSetPeerAsAnnouncingHeaderAndIDs`, 3). With none,
    /// each block is announced and asked for.
    pub pushers: usize,
    /// Whether a block is passed on to whoever asked for that as soon as its header's proof is checked, before what is lacking is
    /// here. *Risk:* a block whose body isn't what its header commits to travels as far as there are links of that kind, as names;
    /// each costs its maker a header's proof of work, and each node the names and one question.
    pub cut_through: bool,
    /// Most headers that are remembered, under rules whose blocks form a chain: some 250 bytes each. When there are more of the chain of
    /// most work, it isn't followed further. A guess: 20 years of a block each ten minutes.
    pub headers_max: usize,
}

impl Default for BlockParams {
    fn default() -> Self {
        Self { compact: true, pushers: 3, cut_through: true, headers_max: 1 << 20 }
    }
}

/// Most peers that may be asked to send blocks unasked. A guess: each sends every block.
const PUSHERS_MAX: usize = 16;

impl BlockParams {
    pub(super) fn validate(&self) -> Result<(), ParamError> {
        if self.pushers > PUSHERS_MAX {
            let (key, value) = ("blocks.pushers", self.pushers.to_string());
            return Err(ParamError { key, value, must: "at most 16" });
        }
        Ok(())
    }
}
