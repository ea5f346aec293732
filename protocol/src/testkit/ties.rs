//! Rules under which a transaction says all about itself: what it pays, what it conflicts with, what must
//! come before it, whether it is valid. For tests of what depends on that.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::chain::{
    Chain, Confirmed, ConflictKey, Disconnected, GOOD, Inspection, Rejection, Sender, Verdict,
    Verified,
};
use crate::ground::item::{HASH_LEN, Hash256, Item, ItemId, ItemKind};

/// The rules.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ties;

/// A transaction in the making.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Tells apart transactions that are the same otherwise.
    pub number: u32,
    /// What it pays.
    pub fee: u64,
    /// What it conflicts by.
    pub keys: Vec<u8>,
    /// What must come first.
    pub parents: Vec<ItemId>,
    /// Who pays for it; 0 is nobody.
    pub sender: u8,
    /// Whether its verification fails.
    pub is_forged: bool,
    /// What its id covers and the one by which children name it doesn't, below 128; 0 if both are the same.
    pub seal: u8,
    /// Bytes besides all that.
    pub filler: usize,
}

impl Draft {
    /// A transaction that pays a fee.
    #[must_use]
    pub fn paying(number: u32, fee: u64) -> Self {
        Self { number, fee, ..Self::default() }
    }

    /// The same, after others.
    #[must_use]
    pub fn after(mut self, parents: &[&Arc<Item>]) -> Self {
        self.parents = parents.iter().map(|parent| referred(parent)).collect();
        self
    }

    /// The same under another id, though not to its children.
    #[must_use]
    pub fn sealed(mut self, seal: u8) -> Self {
        self.seal = seal;
        self
    }

    /// The same, in conflict with all that have one of these keys.
    #[must_use]
    pub fn claiming(mut self, keys: &[u8]) -> Self {
        self.keys = keys.to_vec();
        self
    }

    /// The finished transaction.
    ///
    /// # Panics
    /// Never: any bytes are a transaction.
    #[must_use]
    pub fn item(&self) -> Arc<Item> {
        let mut bytes = BytesMut::new();
        bytes.put_u32_le(self.number);
        bytes.put_u64_le(self.fee);
        bytes.put_u8(self.sender);
        bytes.put_u8(self.seal << 1 | u8::from(self.is_forged));
        bytes.put_u8(u8::try_from(self.keys.len()).expect("a test has few keys"));
        bytes.put_slice(&self.keys);
        bytes.put_u8(u8::try_from(self.parents.len()).expect("a test has few parents"));
        self.parents.iter().for_each(|parent| bytes.put_slice(&parent.hash().0));
        bytes.put_bytes(0, self.filler);
        Ties.item(ItemKind::Tx, bytes.freeze()).expect("any bytes are a transaction")
    }

    fn parse(mut bytes: &[u8]) -> Option<Self> {
        let number = bytes.try_get_u32_le().ok()?;
        let fee = bytes.try_get_u64_le().ok()?;
        let sender = bytes.try_get_u8().ok()?;
        let seal = bytes.try_get_u8().ok()?;
        let (seal, is_forged) = (seal >> 1, seal & 1 != 0);
        let keys = bytes.try_get_u8().ok()?;
        let keys = bytes.split_off(..usize::from(keys))?.to_vec();
        let parents = bytes.try_get_u8().ok()?;
        let parents = bytes.split_off(..usize::from(parents) * HASH_LEN)?;
        let parents =
            parents.as_chunks().0.iter().copied().map(|hash| ItemId::tx(Hash256(hash))).collect();
        Some(Self { number, fee, keys, parents, sender, is_forged, seal, filler: bytes.len() })
    }

    fn conflicts(&self) -> Vec<ConflictKey> {
        self.keys.iter().map(|key| ConflictKey([*key; 32])).collect()
    }
}

/// The id by which children name a transaction.
#[must_use]
pub fn referred(item: &Item) -> ItemId {
    alias(item.bytes()).unwrap_or_else(|| item.id())
}

/// The same where it isn't the transaction's own id: that of one without the seal.
fn alias(bytes: &[u8]) -> Option<ItemId> {
    let draft = Draft::parse(bytes).filter(|draft| draft.seal != 0)?;
    Some(Draft { seal: 0, ..draft }.item().id())
}

fn transactions(block: &Item) -> Vec<Bytes> {
    let mut rest: Bytes = block.bytes().slice(HASH_LEN.min(block.size())..);
    let mut transactions = Vec::new();
    while let Ok(len) = rest.try_get_u32_le()
        && rest.len() >= len as usize
    {
        transactions.push(rest.split_to(len as usize));
    }
    transactions
}

fn confirmed(bytes: Bytes) -> Confirmed {
    let spends = Draft::parse(&bytes).map(|draft| draft.conflicts()).unwrap_or_default();
    Confirmed { id: ItemId::tx(Hash256::of(&bytes)), referred: alias(&bytes), spends }
}

/// A block of some transactions.
///
/// # Panics
/// Never: any bytes are a block.
#[must_use]
pub fn block(parent: Hash256, transactions: &[&Arc<Item>]) -> Arc<Item> {
    let mut bytes = BytesMut::from(&parent.0[..]);
    for item in transactions {
        bytes.put_u32_le(u32::try_from(item.size()).expect("a test has small transactions"));
        bytes.put_slice(item.bytes());
    }
    Ties.item(ItemKind::Block, bytes.freeze()).expect("any bytes are a block")
}

impl Chain for Ties {
    fn name(&self) -> &'static str {
        "ties"
    }

    fn max_size(&self, _: ItemKind) -> usize {
        100_000
    }

    fn identify(&self, _: ItemKind, bytes: &[u8]) -> Result<Hash256, Rejection> {
        Ok(Hash256::of(bytes))
    }

    fn inspect(&self, item: &Item) -> Result<Inspection, Rejection> {
        if item.kind() == ItemKind::Block {
            let parent = item.bytes().first_chunk().ok_or(Rejection::invalid("truncated"))?;
            return Ok(Inspection {
                parents: vec![ItemId::block(Hash256(*parent))],
                needs_verification: true,
                ..Inspection::default()
            });
        }
        let draft = Draft::parse(item.bytes()).ok_or(Rejection::invalid("truncated"))?;
        Ok(Inspection {
            referred: alias(item.bytes()),
            fee: Some(draft.fee),
            spends: draft.conflicts(),
            sender: (draft.sender != 0).then_some(Sender([draft.sender; 8])),
            parents: draft.parents,
            needs_verification: true,
            ..Inspection::default()
        })
    }

    fn verify(&self, item: &Item) -> Verdict {
        if item.kind() == ItemKind::Block {
            let confirms = transactions(item).into_iter().map(confirmed).collect();
            return Ok(Verified { confirms, ..Verified::default() });
        }
        let is_forged = Draft::parse(item.bytes()).is_some_and(|draft| draft.is_forged);
        if is_forged { Err(Rejection::invalid("forged")) } else { GOOD }
    }

    fn disconnect(&self, block: &Item) -> Disconnected {
        let back = transactions(block).into_iter().map(|bytes| self.item(ItemKind::Tx, bytes));
        Disconnected { returns: back.filter_map(Result::ok).collect(), void: Vec::new() }
    }
}
