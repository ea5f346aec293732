//! The rules of Tidings' own networks: Ed25519-signed transfers, and blocks with a proof of work.
//!
//! They are as small as rules can be that still exercise a relay like a real chain does: signatures
//! to verify, senders and nonces that conflict, headers whose proof is checked before their body, and
//! bodies that a malicious peer can swap. There is no ledger: whether a sender can pay is not asked, and so the fee that a
//! transfer offers ranks nothing ([`Inspection::fee`]). Where nobody pays, a pool is shared out among those who bring
//! transfers (`items/pool/shares.rs`).
//!
//! Encodings stand at [`Transfer`] and [`Block`]. Numbers are little-endian; every item has exactly
//! one encoding.

mod block;
mod merkle;
mod signatures;
mod transfer;

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::rejection::refuse_duplicates;
use super::{
    Chain, Confirmed, ConflictKey, Disconnected, GOOD, Inspection, Limits, Rejection, Verdict,
};
use crate::ground::item::{HASH_LEN, Hash256, Item, ItemId, ItemKind};

pub use block::{Block, HEADER_LEN, Header, MINE_BITS_MAX};
pub use transfer::{TRANSFER_LEN_MIN, Transfer};

/// The rules of one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tidings {
    /// Id of the genesis block. Transfers name it, so that none is valid on two networks.
    pub genesis: Hash256,
    /// Leading zero bits that the id of every block must have.
    pub difficulty_bits: u8,
    /// Most bytes of a transfer.
    pub max_tx_bytes: usize,
    /// Most bytes of a block.
    pub max_block_bytes: usize,
}

/// What a network sets of these rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Zero bits that the hash of a block's header must start with.
    pub difficulty_bits: u8,
    /// Id of the first block.
    pub genesis: Hash256,
}

impl Default for Settings {
    fn default() -> Self {
        Self { difficulty_bits: 16, genesis: Hash256([0; HASH_LEN]) }
    }
}

impl Settings {
    /// The rules with these settings.
    #[must_use]
    pub const fn chain(self, limits: Limits) -> Tidings {
        let Self { difficulty_bits, genesis } = self;
        let Limits { max_tx_bytes, max_block_bytes } = limits;
        Tidings { genesis, difficulty_bits, max_tx_bytes, max_block_bytes }
    }
}

impl Tidings {
    /// The rules of a network with the default limits: 100,000 bytes a transfer and 4,000,000 a block.
    #[must_use]
    pub const fn new(genesis: Hash256, difficulty_bits: u8) -> Self {
        Self { genesis, difficulty_bits, max_tx_bytes: 100_000, max_block_bytes: 4_000_000 }
    }

    fn inspect_transfer(&self, item: &Item) -> Result<Inspection, Rejection> {
        if item.size() > self.max_tx_bytes {
            return Err(Rejection::invalid("too-large"));
        }
        let transfer = Transfer::parse(item.bytes())?;
        transfer.check_network(self.genesis)?;
        Ok(Inspection {
            // Nobody vouches for what it offers: without a ledger, whoever signs it may have nothing.
            fee: Some(0),
            spends: vec![transfer.conflict_key()],
            sender: Some(transfer.sender_key()),
            needs_verification: true,
            ..Inspection::default()
        })
    }

    /// The header first, whose id is known already and whose proof cost its maker work; then what
    /// could have been swapped under it; then what it vouches for.
    fn inspect_block(&self, item: &Item) -> Result<Inspection, Rejection> {
        if item.size() > self.max_block_bytes {
            return Err(Rejection::mutated("too-large"));
        }
        let header = Header::parse(item.bytes())?;
        header.check_proof(item.id().hash(), self.difficulty_bits)?;
        let block = Block::parse(item.bytes())?;
        let ids = block.transaction_ids();
        if merkle::root(&ids) != header.root {
            return Err(Rejection::mutated("wrong-root"));
        }
        refuse_duplicates(ids, "duplicate-transaction")?;
        self.inspect_transactions(&block)?;
        Ok(Inspection {
            parents: vec![ItemId::block(header.parent)],
            needs_verification: !block.transactions.is_empty(),
            ..Inspection::default()
        })
    }

    fn inspect_transactions(&self, block: &Block) -> Result<(), Rejection> {
        let mut spent: Vec<ConflictKey> = Vec::with_capacity(block.transactions.len());
        for bytes in &block.transactions {
            if bytes.len() > self.max_tx_bytes {
                return Err(Rejection::invalid("transaction-too-large"));
            }
            let transfer = Transfer::parse(bytes)?;
            transfer.check_network(self.genesis)?;
            spent.push(transfer.conflict_key());
        }
        refuse_duplicates(spent, "conflicting-transactions")
    }
}

impl Chain for Tidings {
    fn name(&self) -> &'static str {
        "tidings"
    }

    fn max_size(&self, kind: ItemKind) -> usize {
        match kind {
            ItemKind::Tx => self.max_tx_bytes,
            ItemKind::Block => self.max_block_bytes,
        }
    }

    fn identify(&self, kind: ItemKind, bytes: &[u8]) -> Result<Hash256, Rejection> {
        match kind {
            ItemKind::Tx => Ok(Hash256::of(bytes)),
            ItemKind::Block => Header::id(bytes),
        }
    }

    fn inspect(&self, item: &Item) -> Result<Inspection, Rejection> {
        match item.kind() {
            ItemKind::Tx => self.inspect_transfer(item),
            ItemKind::Block => self.inspect_block(item),
        }
    }

    fn verify(&self, item: &Item) -> Verdict {
        signatures::verify(item).and(GOOD)
    }

    fn verify_batch(&self, items: &[Arc<Item>]) -> Vec<Verdict> {
        signatures::verify_batch(items).into_iter().map(|checked| checked.and(GOOD)).collect()
    }

    /// The id of a transfer is a hash of all its bytes, the signature included. A block is verified in parts.
    fn verdict_key(&self, item: &Item) -> Option<Hash256> {
        (item.kind() == ItemKind::Tx).then(|| item.id().hash())
    }

    fn parts(&self, block: &Item) -> Vec<Arc<Item>> {
        let transactions = Block::parse(block.bytes()).map(|block| block.transactions);
        let part = |bytes| self.item(ItemKind::Tx, bytes).ok();
        transactions.unwrap_or_default().into_iter().filter_map(part).collect()
    }

    fn connect(&self, block: &Item) -> Vec<Confirmed> {
        let transactions = Block::parse(block.bytes()).map(|block| block.transactions);
        let confirmed = |bytes: &Bytes| {
            let spends = vec![Transfer::parse(bytes).ok()?.conflict_key()];
            Some(Confirmed { id: ItemId::tx(Hash256::of(bytes)), referred: None, spends })
        };
        transactions.unwrap_or_default().iter().filter_map(confirmed).collect()
    }

    /// All its transfers come back: none is made with the block.
    fn disconnect(&self, block: &Item) -> Disconnected {
        Disconnected { returns: self.parts(block), void: Vec::new() }
    }
}

#[cfg(test)]
mod tests;
