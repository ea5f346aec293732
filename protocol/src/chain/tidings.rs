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

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::rejection::refuse_duplicates;
use super::{
    BlockHeader, Chain, Confirmed, Disconnected, GOOD, Inspection, Limits, Opened, Rejection,
    Split, Unminable, Verdict, Verified,
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

    /// The header, whose id is known already and whose proof cost its maker work.
    fn inspect_block(&self, item: &Item) -> Result<Inspection, Rejection> {
        if item.size() > self.max_block_bytes {
            return Err(Rejection::mutated("too-large"));
        }
        let header = Header::parse(item.bytes())?;
        header.check_proof(item.id().hash(), self.difficulty_bits)?;
        Ok(Inspection {
            parents: vec![ItemId::block(header.parent)],
            needs_verification: true,
            ..Inspection::default()
        })
    }

    /// What could have been swapped under the header first; then what the header vouches for.
    fn open_block(&self, item: &Item) -> Result<Opened, Rejection> {
        let Block { header, transactions } = Block::parse(item.bytes())?;
        let parts = transactions.into_iter().map(|bytes| self.item(ItemKind::Tx, bytes));
        let parts: Vec<_> = parts.collect::<Result<_, _>>()?;
        let ids: Vec<_> = parts.iter().map(|part| part.id().hash()).collect();
        if merkle::root(&ids) != header.root {
            return Err(Rejection::mutated("wrong-root"));
        }
        refuse_duplicates(ids, "duplicate-transaction")?;
        let confirms =
            parts.iter().map(|part| self.confirmed(part)).collect::<Result<Vec<_>, _>>()?;
        let spent = confirms.iter().flat_map(|confirmed| confirmed.spends.iter().copied());
        refuse_duplicates(spent.collect(), "conflicting-transactions")?;
        Ok(Opened { parts, confirms })
    }

    /// A transfer of a block.
    fn confirmed(&self, part: &Item) -> Result<Confirmed, Rejection> {
        if part.size() > self.max_tx_bytes {
            return Err(Rejection::invalid("transaction-too-large"));
        }
        let transfer = Transfer::parse(part.bytes())?;
        transfer.check_network(self.genesis)?;
        Ok(Confirmed { id: part.id(), referred: None, spends: vec![transfer.conflict_key()] })
    }

    fn verify_block(&self, block: &Item) -> Verdict {
        let Opened { parts, confirms } = self.open_block(block)?;
        signatures::verify_batch(&parts).into_iter().collect::<Result<(), _>>()?;
        Ok(Verified { confirms, ..Verified::default() })
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

    fn has_fees(&self) -> bool {
        false
    }

    fn verify(&self, item: &Item) -> Verdict {
        match item.kind() {
            ItemKind::Tx => signatures::verify(item).and(GOOD),
            ItemKind::Block => self.verify_block(item),
        }
    }

    /// Transfers all at once, and each block by itself.
    fn verify_batch(&self, items: &[Arc<Item>]) -> Vec<Verdict> {
        let is_transfer = |item: &&Arc<Item>| item.kind() == ItemKind::Tx;
        let transfers: Vec<_> = items.iter().filter(is_transfer).cloned().collect();
        let mut checked = signatures::verify_batch(&transfers).into_iter();
        let verdict = |item: &Arc<Item>| match item.kind() {
            ItemKind::Tx => checked.next().expect("one for each transfer").and(GOOD),
            ItemKind::Block => self.verify_block(item),
        };
        items.iter().map(verdict).collect()
    }

    /// The id of a transfer is a hash of all its bytes, the signature included. A block is verified in parts.
    fn verdict_key(&self, item: &Item) -> Option<Hash256> {
        (item.kind() == ItemKind::Tx).then(|| item.id().hash())
    }

    fn open(&self, block: &Item) -> Option<Result<Opened, Rejection>> {
        Some(self.open_block(block))
    }

    fn split(&self, block: &Item) -> Option<Split> {
        let Block { transactions, .. } = Block::parse(block.bytes()).ok()?;
        let parts = transactions.into_iter().map(|bytes| self.item(ItemKind::Tx, bytes));
        let transactions = parts.collect::<Result<_, _>>().ok()?;
        Some(Split { header: block.bytes().slice(..HEADER_LEN), transactions, made_with: 0 })
    }

    fn join(&self, header: &[u8], transactions: &[Arc<Item>]) -> Option<Bytes> {
        if header.len() != HEADER_LEN {
            return None;
        }
        let ids: Vec<_> = transactions.iter().map(|part| part.id().hash()).collect();
        if merkle::root(&ids) != Header::parse(header).ok()?.root {
            return None;
        }
        Block::join(header, transactions.iter().map(|part| part.bytes()))
    }

    fn root(&self) -> Option<Hash256> {
        Some(self.genesis)
    }

    fn header(&self, bytes: &[u8]) -> Result<BlockHeader, Rejection> {
        let header = Header::parse(bytes)?;
        let id = Header::id(bytes)?;
        header.check_proof(id, self.difficulty_bits)?;
        let Header { parent, time: time_s, bits, .. } = header;
        let work = 1_u128.checked_shl(bits.into()).unwrap_or(u128::MAX);
        Ok(BlockHeader { id, parent, work, time_s, len: HEADER_LEN })
    }

    fn minable(&self) -> Result<u64, Unminable> {
        let bits = self.difficulty_bits;
        block::patience(bits).ok_or(Unminable::TooHard { bits, max: MINE_BITS_MAX })
    }

    fn mine_with(
        &self,
        parent: Hash256,
        transactions: &[Arc<Item>],
        time_s: u64,
        nonces: Range<u64>,
    ) -> Option<Bytes> {
        let transactions: Vec<_> = transactions.iter().map(|item| item.bytes().clone()).collect();
        Block::mine_with(parent, &transactions, (time_s, self.difficulty_bits), nonces)
    }

    /// All its transfers come back: none is made with the block.
    fn disconnect(&self, block: &Item) -> Disconnected {
        let opened = self.open_block(block).unwrap_or_default();
        Disconnected { returns: opened.parts, void: Vec::new() }
    }
}

#[cfg(test)]
mod tests;
