//! What the relay needs to know of a chain, and nothing more.
//!
//! The relay never looks inside an item. A [`Chain`] does: it names items, checks cheaply whether
//! they are well formed, tells what can't coexist with them, and (separately, since it is expensive)
//! whether they are authentic. The relay computes no fee and keeps no ledger.
//!
//! # Rules of your own
//! Implement [`Chain`] and hand it to the core with each input ([`Cx::chain`](crate::machine::Cx)). Three methods
//! must be written, besides name and sizes: [`identify`](Chain::identify), [`inspect`](Chain::inspect) and
//! [`verify`](Chain::verify); the others have defaults that leave something out. Rules that need a ledger keep it
//! behind the trait, read it in `verify` (off the event loop), and say the fee in the [`Verified`] that they
//! return. A fee ranks transactions, evicts and replaces them: say only one that the rules vouch for
//! ([`Inspection::fee`]).
//!
//! ```
//! # use tidings_protocol::chain::{Chain, GOOD, Inspection, Rejection, Verdict};
//! # use tidings_protocol::ground::item::{Hash256, Item, ItemKind};
//! /// Transactions that pay by work: a unit for each zero bit that their hash begins with, 8 at most; blocks that mean nothing.
//! struct Work;
//!
//! impl Chain for Work {
//!     fn name(&self) -> &'static str {
//!         "work"
//!     }
//!     fn max_size(&self, _: ItemKind) -> usize {
//!         1_000
//!     }
//!     fn identify(&self, _: ItemKind, bytes: &[u8]) -> Result<Hash256, Rejection> {
//!         Ok(Hash256::of(bytes))
//!     }
//!     fn inspect(&self, item: &Item) -> Result<Inspection, Rejection> {
//!         let Hash256([first, ..]) = item.id().hash();
//!         Ok(Inspection { fee: Some(first.leading_zeros().into()), ..Inspection::default() })
//!     }
//!     fn verify(&self, _: &Item) -> Verdict {
//!         GOOD // never asked: no inspection says `needs_verification`
//!     }
//! }
//! let item = Work.item(ItemKind::Tx, vec![7].into())?;
//! assert!(Work.inspect(&item)?.fee <= Some(8));
//! # Ok::<(), Rejection>(())
//! ```
//!
//! # Built in
//! [`Rules`] names those that are built in.

mod inspection;
mod mining;
mod rejection;

#[cfg(feature = "bitcoin")]
pub mod bitcoin;
pub mod opaque;
pub mod tidings;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::ground::item::{Hash256, Item, ItemId, ItemKind};

pub use inspection::{
    BlockHeader, Confirmed, ConflictKey, Disconnected, GOOD, Inspection, Opened, Sender, Split,
    Verdict, Verified, Weight,
};
pub use mining::Unminable;
pub use rejection::{Blame, Rejection, Rival};

/// The rules of a chain.
///
/// All methods but [`verify`](Chain::verify) are pure functions of their arguments and the chain's settings: the
/// same today as tomorrow, in a simulation and on every node. They run on the event loop, where a millisecond is
/// much. None may panic, whatever the bytes.
pub trait Chain: Send + Sync {
    /// Name of the rules, as configuration and status show it.
    fn name(&self) -> &'static str;

    /// Most bytes that an item may have. The codec refuses longer ones before it reads them.
    fn max_size(&self, kind: ItemKind) -> usize;

    /// What names canonical bytes among their kind, when they are relayed: a hash that covers all bytes of a transaction, and the header
    /// of a block, which commits to the rest. It is asked of bytes that nobody has looked at yet. Must not fail
    /// for any transaction; a block fails if it is too short to have a header.
    ///
    /// # Errors
    /// When the bytes can't be identified.
    fn identify(&self, kind: ItemKind, bytes: &[u8]) -> Result<Hash256, Rejection>;

    /// Identifies bytes: the item that they are.
    ///
    /// # Errors
    /// When the bytes can't be identified, for instance a block shorter than a header.
    fn item(&self, kind: ItemKind, bytes: Bytes) -> Result<Arc<Item>, Rejection> {
        let hash = self.identify(kind, &bytes)?;
        Ok(Item::identified(ItemId::new(kind, hash), bytes))
    }

    /// Cheap, structural checks of an item that these rules identified: of a transaction all but its signatures; of a
    /// block its size and its header's proof of work, and nothing whose cost grows with its body. Run on the event
    /// loop, before anything is relayed.
    ///
    /// # Errors
    /// When the item breaks a rule.
    fn inspect(&self, item: &Item) -> Result<Inspection, Rejection>;

    /// Expensive checks (a block's body, signatures, a ledger) of an item that passed [`Chain::inspect`]. Run off the
    /// event loop, perhaps on several threads at once. A transaction's parents were in the pool when it was handed
    /// over.
    ///
    /// # Errors
    /// When the item breaks a rule.
    fn verify(&self, item: &Item) -> Verdict;

    /// Whether transactions may pay anything that these rules vouch for ([`Inspection::fee`]). Where none can, nobody is told
    /// that a fee would help. It can, by default.
    fn has_fees(&self) -> bool {
        true
    }

    /// [`Chain::verify`] for many items, in order. Override it where a batch is cheaper; the result
    /// must be the same as one by one.
    fn verify_batch(&self, items: &[Arc<Item>]) -> Vec<Verdict> {
        items.iter().map(|item| self.verify(item)).collect()
    }

    /// A name of all that the verdict of [`Chain::verify`] depends on, for a driver that remembers verdicts:
    /// two items may share it only if they must share their verdict. The id will do if it covers every byte,
    /// signatures included; an id that leaves them out won't, since a good verdict would then cover for
    /// forged ones. None, the default, if verdicts aren't to be remembered: so it must be where they depend on a
    /// ledger.
    fn verdict_key(&self, _item: &Item) -> Option<Hash256> {
        None
    }

    /// Opens a block that passed [`Chain::inspect`], for a driver that verifies its parts on many cores and leaves out
    /// those whose verdict it remembers. Run off the event loop. [`Chain::verify`] of the block must say the same: the
    /// rejection of the body, or else the first of a part, and what is confirmed. `None`, the default, if a block is
    /// verified as a whole.
    fn open(&self, _block: &Item) -> Option<Result<Opened, Rejection>> {
        None
    }

    /// Takes a block apart that passed all checks, so that a peer may be sent the names of what it has already
    /// ([`crate::wire::message::Blocks`]). `None`, the default, if a block is sent as a whole.
    fn split(&self, _block: &Item) -> Option<Split> {
        None
    }

    /// Puts a block together again from its header and all its transactions, in its order: its canonical bytes. `None`
    /// if the header doesn't commit to just these; so it is by default.
    fn join(&self, _header: &[u8], _transactions: &[Arc<Item>]) -> Option<Bytes> {
        None
    }

    /// What the first block follows: blocks form a chain from here on, of which the branch of most work counts. `None`, the
    /// default, if blocks stand by themselves: then each counts as soon as it passes.
    fn root(&self) -> Option<Hash256> {
        None
    }

    /// Reads a header, or that of a block which begins with it, and checks its proof of work. Asked only if there is a
    /// [`Chain::root`], and then at most once for a header that comes: it should cost no more than a hash or two.
    ///
    /// # Errors
    /// When it is no header, or breaks a rule by itself. By default always.
    fn header(&self, _bytes: &[u8]) -> Result<BlockHeader, Rejection> {
        Err(Rejection::policy("no-headers"))
    }

    /// How many nonces are worth trying for a block, where these rules can make one: see [`Chain::mine_with`].
    ///
    /// # Errors
    /// When they can't, or it would take too long. By default always.
    fn minable(&self) -> Result<u64, Unminable> {
        Err(Unminable::Never)
    }

    /// A block on that parent with those transactions and one of these nonces: a range, so that whoever searches can stop now and
    /// then. `None` if none of them is one.
    fn mine_with(
        &self,
        _parent: Hash256,
        _transactions: &[Arc<Item>],
        _time_s: u64,
        _nonces: Range<u64>,
    ) -> Option<Bytes> {
        None
    }

    /// A block that once joined the chain leaves it, because another branch is better: what becomes of its
    /// transactions. Nothing, the default, if the rules don't look into blocks.
    fn disconnect(&self, _block: &Item) -> Disconnected {
        Disconnected::default()
    }
}

/// Rules that are built in. This is the only list of them: to add rules is to write their file in `chain/`, and to
/// name them above, here and, if a network can set something of them, in [`Settings`]. The network file and all command
/// lines read this table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Rules {
    /// Signed transfers, and blocks with a proof of work: [`tidings`].
    Tidings,
    /// Bytes are bytes: [`opaque`].
    Opaque,
    /// Bitcoin's, without its ledger: [`bitcoin`].
    #[cfg(feature = "bitcoin")]
    Bitcoin,
}

/// What a network sets of its rules: a section for each that has something to set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Of the `tidings` rules.
    pub tidings: tidings::Settings,
    /// Of the `bitcoin` rules.
    #[cfg(feature = "bitcoin")]
    pub bitcoin: bitcoin::Settings,
}

impl Settings {
    /// Those of test networks, in which blocks prove as little work as they like.
    #[must_use]
    pub fn for_tests() -> Self {
        Self {
            #[cfg(feature = "bitcoin")]
            bitcoin: bitcoin::Settings::regtest(),
            tidings: tidings::Settings::default(),
        }
    }
}

impl Rules {
    /// The names of all rules, those that this build leaves out included.
    pub const NAMES: [&str; 3] = ["tidings", "opaque", "bitcoin"];

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tidings => Self::NAMES[0],
            Self::Opaque => Self::NAMES[1],
            #[cfg(feature = "bitcoin")]
            Self::Bitcoin => Self::NAMES[2],
        }
    }

    /// The rules of a network, ready to use.
    #[must_use]
    pub fn chain(self, limits: Limits, settings: &Settings) -> Arc<dyn Chain> {
        match self {
            Self::Tidings => Arc::new(settings.tidings.chain(limits)),
            Self::Opaque => Arc::new(opaque::Opaque::from(limits)),
            #[cfg(feature = "bitcoin")]
            Self::Bitcoin => Arc::new(settings.bitcoin.chain(limits)),
        }
    }
}

/// Most bytes of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Of a transaction. Where bytes don't all count alike, it bounds those that count
    /// ([`Weight::vbytes`]).
    pub max_tx_bytes: usize,
    /// Of a block.
    pub max_block_bytes: usize,
}

impl Default for Limits {
    /// Bitcoin's limits: a standard transaction weighs at most 400,000 units (`MAX_STANDARD_TX_WEIGHT`,
    /// 100,000 bytes without witness), and a block takes at most 4,000,000 bytes
    /// (`MAX_BLOCK_SERIALIZED_SIZE`).
    fn default() -> Self {
        Self { max_tx_bytes: 100_000, max_block_bytes: 4_000_000 }
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Rules> for &'static str {
    fn from(rules: Rules) -> Self {
        rules.name()
    }
}

/// A name that no rules of this build have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchRules {
    /// Rules that were left out of this build.
    #[error("the rules `{0}` were left out of this build: build with `--features {0}`")]
    LeftOut(&'static str),
    /// No such rules.
    #[error("there are no rules `{name}`: it must be one of `{}`", Rules::NAMES.join("`, `"))]
    Unknown {
        /// The name.
        name: String,
    },
}

impl FromStr for Rules {
    type Err = NoSuchRules;

    fn from_str(text: &str) -> Result<Self, NoSuchRules> {
        let name = Self::NAMES.into_iter().find(|name| *name == text);
        match name {
            Some("tidings") => Ok(Self::Tidings),
            Some("opaque") => Ok(Self::Opaque),
            #[cfg(feature = "bitcoin")]
            Some("bitcoin") => Ok(Self::Bitcoin),
            Some(left_out) => Err(NoSuchRules::LeftOut(left_out)),
            None => Err(NoSuchRules::Unknown { name: text.to_owned() }),
        }
    }
}

impl TryFrom<String> for Rules {
    type Error = NoSuchRules;

    fn try_from(text: String) -> Result<Self, NoSuchRules> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_rules_of_that_name_or_says_what_to_do() {
        for name in Rules::NAMES {
            let rules = match name.parse::<Rules>() {
                Ok(rules) => rules,
                Err(error) => {
                    assert!(error.to_string().contains("--features bitcoin"), "{error}");
                    continue;
                }
            };
            let chain = rules.chain(Limits::default(), &Settings::default());
            assert_eq!((chain.name(), rules.to_string().as_str()), (name, name));
            assert_eq!(chain.max_size(ItemKind::Block), Limits::default().max_block_bytes);
        }
        let error = "none".parse::<Rules>().unwrap_err().to_string();
        assert!(error.contains("`tidings`, `opaque`, `bitcoin`"), "{error}");
    }
}
