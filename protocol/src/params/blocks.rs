//! How blocks travel.

use serde::{Deserialize, Serialize};

use super::ParamError;
use crate::wire::message::CLASSES_MAX;

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
    /// Blocks of so many bytes or more are offered as symbols of a code, which several peers send without any of them sending what
    /// another does; and asked for so by whoever lacks most of what is in them ([`crate::relay::coded`]). 0: never. A guess, where it is
    /// on: below it a block comes whole as soon.
    pub coded_above: usize,
    /// Into how many classes symbols of a block of ours are divided at most, 1 to 16: as many as we have links to whoever takes them, since each
    /// class is given to one of them. A guess, as links are (`peers.outbound` and as many inbound).
    pub coded_classes: usize,
    /// How many symbols more than should do are asked for, percent. A guess; `MEASURED.md` has what more and less come to.
    pub coded_spare: usize,
    /// Most headers that are remembered, under rules whose blocks form a chain: some 250 bytes each. When there are more of the chain of
    /// most work, it isn't followed further. A guess: 20 years of a block each ten minutes.
    pub headers_max: usize,
}

impl Default for BlockParams {
    fn default() -> Self {
        Self {
            compact: true,
            pushers: 3,
            cut_through: true,
            coded_above: 0,
            coded_classes: 16,
            coded_spare: 10,
            headers_max: 1 << 20,
        }
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
        if !(1..=usize::from(CLASSES_MAX)).contains(&self.coded_classes) {
            let (key, value) = ("blocks.coded_classes", self.coded_classes.to_string());
            return Err(ParamError { key, value, must: "1 to 16" });
        }
        if self.coded_spare > 100 {
            let (key, value) = ("blocks.coded_spare", self.coded_spare.to_string());
            return Err(ParamError { key, value, must: "at most 100" });
        }
        Ok(())
    }
}
