//! Bitcoin's rules, as far as the bytes alone tell.
//!
//! There is no ledger: no script is run, no fee is known, and no output is looked up. What is checked is what
//! Bitcoin Core's `CheckTransaction`, `CheckBlock` and `IsBlockMutated` check, and of what it holds for standard
//! (`IsStandardTx`) the sizes. Whoever has a ledger builds rules of his own on these: see [`crate::chain`].
//!
//! # Ids
//! A transaction is relayed by wtxid (BIP 339), and its children name it by txid; a block's id is its hash. All are in
//! the byte order in which Bitcoin hashes and sends them; explorers and RPC show them backwards, as [`shown`] does.
//!
//! # Parents
//! A transaction's parents are those that it spends from. Without a ledger nobody can say of one that isn't here
//! whether it was confirmed long ago or is still to come. It counts as confirmed, and nothing waits for it: or else
//! whoever announces a confirmed txid would hold up its children. If it comes, the pool makes it their parent.

mod block;
mod merkle;
mod transaction;

use std::sync::Arc;

use ::bitcoin::{CompactTarget, Target};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    BlockHeader, Chain, Confirmed, Disconnected, GOOD, Inspection, Limits, Opened, Rejection,
    Split, Verdict, Verified,
};
use crate::ground::item::{Hash256, Item, ItemId, ItemKind};

use block::Block;

pub use block::HEADER_LEN;

/// Bitcoin's rules on one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bitcoin {
    /// The easiest target that a header may set itself.
    pub easiest: Target,
    /// What the first block follows.
    pub root: Option<Hash256>,
    /// Most virtual bytes of a loose transaction.
    pub max_tx_bytes: usize,
    /// Most bytes of a block, and its most weight.
    pub max_block_bytes: usize,
}

/// What a network sets of these rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The easiest proof of work that a block may have, as its header would say it (`nBits`). Which is the right one
    /// depends on the blocks before, and isn't known here.
    pub easiest_bits: u32,
    /// Id of the block from which on blocks form a chain, in the byte order in which Bitcoin hashes it. Without one each block
    /// stands by itself: there is no chain to sync from, and no branch is better than another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<Hash256>,
}

impl Default for Settings {
    /// The main network's.
    fn default() -> Self {
        let easiest_bits = Target::MAX_ATTAINABLE_MAINNET.to_compact_lossy().to_consensus();
        Self { easiest_bits, root: None }
    }
}

impl Settings {
    /// Those of networks in which any proof of work will do, as `regtest` has it.
    #[must_use]
    pub const fn regtest() -> Self {
        Self { easiest_bits: 0x207f_ffff, root: None }
    }

    /// The rules with these settings.
    #[must_use]
    pub fn chain(self, limits: Limits) -> Bitcoin {
        let Limits { max_tx_bytes, max_block_bytes } = limits;
        let easiest = Target::from_compact(CompactTarget::from_consensus(self.easiest_bits));
        Bitcoin { easiest, root: self.root, max_tx_bytes, max_block_bytes }
    }
}

/// An id as explorers and Bitcoin's RPC show it: its bytes backwards, in hexadecimal.
#[must_use]
pub fn shown(id: Hash256) -> String {
    let mut bytes = id.0;
    bytes.reverse();
    Hash256(bytes).to_string()
}

impl Bitcoin {
    /// A loose transaction: sizes first, as its encoding may be long.
    fn inspect_transaction(&self, item: &Item) -> Result<Inspection, Rejection> {
        if item.size() > self.max_size(ItemKind::Tx) {
            return Err(Rejection::invalid("too-large"));
        }
        let parsed = transaction::parse(item.bytes())?;
        transaction::check(&parsed)?;
        if parsed.is_coinbase() {
            return Err(Rejection::invalid("loose-coinbase"));
        }
        let weight = transaction::weight(&parsed);
        transaction::check_standard(&parsed, weight, self.max_tx_bytes)?;
        Ok(Inspection {
            referred: transaction::alias(&parsed),
            spends: transaction::spends(&parsed),
            creates: u32::try_from(parsed.output.len()).unwrap_or(u32::MAX),
            parents: transaction::parents(&parsed),
            takes_absent_for_confirmed: true,
            weight: Some(weight),
            ..Inspection::default()
        })
    }

    /// The header, whose id is known already and whose proof cost its maker work.
    fn inspect_block(&self, item: &Item) -> Result<Inspection, Rejection> {
        if item.size() > self.max_block_bytes {
            return Err(Rejection::mutated("too-large"));
        }
        let header = block::header(item.bytes())?;
        block::check_proof(&header, item.id().hash(), self.easiest)?;
        Ok(Inspection {
            parents: vec![block::parent(&header)],
            needs_verification: true,
            ..Inspection::default()
        })
    }

    /// What could have been swapped under the header first; then what the header vouches for. Nothing is left to be
    /// verified: that needs a ledger.
    fn open_block(&self, item: &Item) -> Result<Opened, Rejection> {
        let header = block::header(item.bytes())?;
        let block = Block::parse(item.bytes())?;
        block.check_body(&header)?;
        block.check_transactions(self.max_block_bytes)?;
        let confirmed = |(bytes, parsed): &block::Transaction| Confirmed {
            id: ItemId::tx(Hash256::of(bytes)),
            referred: transaction::alias(parsed),
            spends: transaction::spends(parsed),
        };
        let confirms = block.transactions.iter().map(confirmed).collect();
        Ok(Opened { parts: Vec::new(), confirms })
    }
}

impl Chain for Bitcoin {
    fn name(&self) -> &'static str {
        "bitcoin"
    }

    /// A transaction may have four bytes for each that counts, if they are witness.
    fn max_size(&self, kind: ItemKind) -> usize {
        match kind {
            ItemKind::Tx => self.max_tx_bytes.saturating_mul(4).min(self.max_block_bytes),
            ItemKind::Block => self.max_block_bytes,
        }
    }

    /// The wtxid of a transaction, which is a hash of all its bytes; the hash of a block's header.
    fn identify(&self, kind: ItemKind, bytes: &[u8]) -> Result<Hash256, Rejection> {
        match kind {
            ItemKind::Tx => Ok(Hash256::of(bytes)),
            ItemKind::Block => {
                let header = bytes.get(..HEADER_LEN).ok_or(Rejection::invalid("truncated"))?;
                Ok(Hash256::of(header))
            }
        }
    }

    fn inspect(&self, item: &Item) -> Result<Inspection, Rejection> {
        match item.kind() {
            ItemKind::Tx => self.inspect_transaction(item),
            ItemKind::Block => self.inspect_block(item),
        }
    }

    /// What is left to be verified of a transaction needs a ledger.
    fn has_fees(&self) -> bool {
        false
    }

    fn verify(&self, item: &Item) -> Verdict {
        match item.kind() {
            ItemKind::Tx => GOOD,
            ItemKind::Block => {
                let Opened { confirms, .. } = self.open_block(item)?;
                Ok(Verified { confirms, ..Verified::default() })
            }
        }
    }

    fn open(&self, block: &Item) -> Option<Result<Opened, Rejection>> {
        Some(self.open_block(block))
    }

    fn split(&self, block: &Item) -> Option<Split> {
        let header = block.bytes().get(..HEADER_LEN).map(|header| block.bytes().slice_ref(header));
        let transactions = Block::parse(block.bytes()).ok()?.transactions.into_iter();
        let item = |bytes: Bytes| Item::identified(ItemId::tx(Hash256::of(&bytes)), bytes);
        let transactions = transactions.map(|(bytes, _)| item(bytes)).collect();
        Some(Split { header: header?, transactions, made_with: 1 })
    }

    fn join(&self, header: &[u8], transactions: &[Arc<Item>]) -> Option<Bytes> {
        let header: &[u8; HEADER_LEN] = header.try_into().ok()?;
        let bytes = block::join(header, transactions.iter().map(|part| part.bytes()));
        Block::parse(&bytes).ok()?.check_body(&block::header(header).ok()?).ok()?;
        Some(bytes)
    }

    fn root(&self) -> Option<Hash256> {
        self.root
    }

    /// Of the difficulty it is checked that the header has what it claims, and claims enough: which is the right one isn't known.
    fn header(&self, bytes: &[u8]) -> Result<BlockHeader, Rejection> {
        let header = block::header(bytes)?;
        let id = Hash256::of(&bytes[..HEADER_LEN]);
        block::check_proof(&header, id, self.easiest)?;
        let parent = block::parent(&header).hash();
        let work = block::work(&header);
        Ok(BlockHeader { id, parent, work, time_s: header.time.into(), len: HEADER_LEN })
    }

    /// All come back but the coinbase, whose outputs never were.
    fn disconnect(&self, block: &Item) -> Disconnected {
        let Ok(block) = Block::parse(block.bytes()) else { return Disconnected::default() };
        let Some(((_, coinbase), others)) = block.transactions.split_first() else {
            return Disconnected::default();
        };
        let item = |(bytes, _): &block::Transaction| -> Arc<Item> {
            Item::identified(ItemId::tx(Hash256::of(bytes)), bytes.clone())
        };
        let void = transaction::outputs(coinbase).collect();
        Disconnected { returns: others.iter().map(item).collect(), void }
    }
}

#[cfg(test)]
mod tests;
