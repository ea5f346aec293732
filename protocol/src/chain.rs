//! What the relay needs to know of a chain, and nothing more.
//!
//! The relay never looks inside an item. A [`Chain`] does: it names items, checks cheaply whether
//! they are well formed, tells what can't coexist with them, and (separately, since it is expensive)
//! whether they are authentic. Embedders bring their own; built in are [`tidings`] and [`opaque`].

pub mod opaque;
pub mod tidings;

use std::sync::Arc;

use bytes::Bytes;

use crate::ground::item::{Item, ItemId, ItemKind};

/// The rules of a chain. All methods are pure functions of their arguments and the chain's settings.
pub trait Chain: Send + Sync {
    /// Name of the rules, as configuration and status show it.
    fn name(&self) -> &'static str;

    /// Most bytes that an item may have. The codec refuses longer ones before it reads them.
    fn max_size(&self, kind: ItemKind) -> usize;

    /// The id of canonical bytes. Must not fail for any transaction; a block fails if it is too short
    /// to have a header.
    ///
    /// # Errors
    /// When the bytes can't be identified.
    fn identify(&self, kind: ItemKind, bytes: &[u8]) -> Result<ItemId, Rejection>;

    /// Identifies bytes: the item that they are.
    ///
    /// # Errors
    /// When the bytes can't be identified, for instance a block shorter than a header.
    fn item(&self, kind: ItemKind, bytes: Bytes) -> Result<Arc<Item>, Rejection> {
        let id = self.identify(kind, &bytes)?;
        Ok(Item::identified(kind, id, bytes))
    }

    /// Cheap, structural checks, in an order that costs an attacker most: sizes, then a header's
    /// proof of work, then the rest. Run on the event loop, before anything is relayed.
    ///
    /// # Errors
    /// When the item breaks a rule.
    fn inspect(&self, item: &Item) -> Result<Inspection, Rejection>;

    /// Expensive checks (signatures). Run off the event loop, after [`Chain::inspect`] passed.
    ///
    /// # Errors
    /// When the item breaks a rule.
    fn verify(&self, item: &Item) -> Result<(), Rejection>;

    /// [`Chain::verify`] for many items, in order. Override it where a batch is cheaper; the result
    /// must be the same as one by one.
    fn verify_batch(&self, items: &[Arc<Item>]) -> Vec<Result<(), Rejection>> {
        items.iter().map(|item| self.verify(item)).collect()
    }

    /// A name of all that the verdict of [`Chain::verify`] depends on, for a driver that remembers verdicts:
    /// two items may share it only if they must share their verdict. The id will do if it covers every byte,
    /// signatures included; an id that leaves them out won't, since a good verdict would then cover for
    /// forged ones. None, the default, if verdicts aren't to be remembered.
    fn verdict_key(&self, _item: &Item) -> Option<ItemId> {
        None
    }

    /// The parts of a block that passed [`Chain::inspect`], for a driver that verifies them on many cores and
    /// leaves out those whose verdict it remembers: [`Chain::verify`] of the block must say the same as of each
    /// of them, the first rejection counting. None, the default, if a block is verified as a whole.
    fn parts(&self, _block: &Item) -> Vec<Arc<Item>> {
        Vec::new()
    }

    /// The transactions of a block that passed [`Chain::inspect`], in its order: they are confirmed, and
    /// what conflicts with them can't be any more. None if the rules don't look into blocks.
    fn contents(&self, _block: &Item) -> Vec<Content> {
        Vec::new()
    }
}

/// A transaction of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its id.
    pub id: ItemId,
    /// What no other transaction may use any more.
    pub conflicts: Vec<ConflictKey>,
}

/// What the relay knows of an item that passed [`Chain::inspect`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Fee, in the chain's smallest unit.
    pub fee: u64,
    /// What no two pooled transactions may share: an outpoint, or a sender and nonce.
    pub conflicts: Vec<ConflictKey>,
    /// Items that must come first, as far as their ids can be told. For a block, its parent. A chain
    /// with a ledger leaves out the transactions that it has confirmed.
    pub parents: Vec<ItemId>,
    /// Who pays for a transaction, where somebody does: what the pool holds of one sender is limited.
    pub sender: Option<Sender>,
    /// Whether [`Chain::verify`] has anything to check.
    pub needs_verification: bool,
}

/// Something that only one pooled transaction may use; a hash made by the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConflictKey(pub [u8; 32]);

/// Who pays for a transaction: a short hash made by the chain, which nobody can make another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sender(pub [u8; 8]);

/// Why an item was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct Rejection {
    /// Name of the broken rule, in `kebab-case`.
    pub rule: &'static str,
    /// What it says of who relayed the item.
    pub blame: Blame,
}

/// What a rejection says of the peer that relayed the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// An honest peer may well have relayed it: its view of the chain differs from ours.
    Nobody,
    /// No honest node relays it: the rule depends on the bytes alone.
    Peer,
    /// No honest node relays it, and the id may yet belong to a good item: the body was swapped under
    /// a good header. The peer is blamed, the id isn't.
    Mutated,
}

impl Rejection {
    /// A rule that an honest peer may have broken.
    #[must_use]
    pub const fn policy(rule: &'static str) -> Self {
        Self { rule, blame: Blame::Nobody }
    }

    /// A rule that no honest peer breaks.
    #[must_use]
    pub const fn invalid(rule: &'static str) -> Self {
        Self { rule, blame: Blame::Peer }
    }

    /// A body that doesn't belong to its header.
    #[must_use]
    pub const fn mutated(rule: &'static str) -> Self {
        Self { rule, blame: Blame::Mutated }
    }
}
