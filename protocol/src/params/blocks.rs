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
    /// Most bytes of transactions that are sent along unasked since the receiver probably lacks them. A guess, as is usual for what
    /// fits into one round trip of a new TCP connection (ten segments: RFC 6928).
    pub prefilled_max: usize,
    /// How often some neighbours are told what has changed in what would be put into the next block (see
    /// [`crate::items::templates`]), once a block came; what came within the last one or two of these times isn't told yet. 0: never.
    /// Seconds. A guess: some times less than what lies between two blocks.
    pub templates_s: u64,
    /// With how many of the peers that we dialled templates are exchanged; they do so with as many that dialled them, in the mean.
    /// Measured: with four 99 % have a block within 1.2 times what a flooded header takes, and 98.8 % need to ask for nothing where 5 %
    /// is unknown (MEASURED.md, Blocks). Each costs eight bytes a transaction, either way.
    pub template_links: usize,
}

impl Default for BlockParams {
    fn default() -> Self {
        Self {
            compact: true,
            pushers: 3,
            cut_through: true,
            headers_max: 1 << 20,
            prefilled_max: 10_000,
            templates_s: 10,
            template_links: 4,
            coded_above: 0,
            coded_classes: 16,
            coded_spare: 10,
        }
    }
}

/// Most peers that may be asked to send blocks unasked, or to exchange templates. A guess: each sends every block.
const PUSHERS_MAX: usize = 16;

/// Most bytes that may come along. A guess: a fifth of what names of a block may take.
const PREFILLED_MAX: usize = 100_000;

/// Most headers that may be remembered: so many that their places fit. A guess.
const HEADERS_MAX: usize = 1_000_000_000;

impl BlockParams {
    /// Whether templates are told and taken.
    #[must_use]
    pub const fn shares_templates(&self) -> bool {
        self.compact && self.templates_s > 0
    }

    pub(super) fn validate(&self) -> Result<(), ParamError> {
        if !(1..=HEADERS_MAX).contains(&self.headers_max) {
            let (key, value) = ("blocks.headers_max", self.headers_max.to_string());
            return Err(ParamError { key, value, must: "1 to 1000000000" });
        }
        for (key, value, most, must) in [
            ("blocks.pushers", self.pushers, PUSHERS_MAX, "at most 16"),
            ("blocks.template_links", self.template_links, PUSHERS_MAX, "at most 16"),
            ("blocks.prefilled_max", self.prefilled_max, PREFILLED_MAX, "at most 100000"),
        ] {
            if value > most {
                return Err(ParamError { key, value: value.to_string(), must });
            }
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
