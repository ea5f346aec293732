//! Rules of simulated blocks: transactions are bytes, and a block is a list of them under a header that commits to it.
//!
//! ```text
//! header   parent 32 | hash of all ids 32
//! block    header | of each transaction its length u32 and its bytes
//! ```

use std::sync::Arc;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::chain::{
    BlockHeader, Chain, Confirmed, Disconnected, GOOD, Inspection, Rejection, Split, Verdict,
    Verified,
};
use tidings_protocol::ground::item::{HASH_LEN, Hash256, Item, ItemId, ItemKind};

const HEADER_LEN: usize = 2 * HASH_LEN;

/// The rules.
#[derive(Clone, Copy, Debug, Default)]
pub struct Listing(Opaque);

impl Listing {
    /// What the first block follows.
    #[must_use]
    pub const fn genesis(&self) -> Hash256 {
        Hash256([0; HASH_LEN])
    }

    /// A block.
    #[must_use]
    pub fn block(&self, parent: Hash256, transactions: &[Arc<Item>]) -> Arc<Item> {
        let header = [parent.0, root(transactions).0].concat();
        let bytes = self.join(&header, transactions).expect("the header commits to them");
        self.item(ItemKind::Block, bytes).expect("it has a header")
    }
}

fn root(transactions: &[Arc<Item>]) -> Hash256 {
    let ids: Vec<u8> = transactions.iter().flat_map(|item| item.id().hash().0).collect();
    Hash256::of(&ids)
}

fn transactions(block: &Item) -> Option<Vec<Arc<Item>>> {
    let mut rest = block.bytes().slice(HEADER_LEN.min(block.size())..);
    let mut found = Vec::new();
    while !rest.is_empty() {
        let len = rest.try_get_u32_le().ok()? as usize;
        if len > rest.len() {
            return None;
        }
        let bytes = rest.split_to(len);
        found.push(Item::identified(ItemId::tx(Hash256::of(&bytes)), bytes));
    }
    Some(found)
}

impl Chain for Listing {
    fn name(&self) -> &'static str {
        "listing"
    }

    fn max_size(&self, kind: ItemKind) -> usize {
        self.0.max_size(kind)
    }

    fn identify(&self, kind: ItemKind, bytes: &[u8]) -> Result<Hash256, Rejection> {
        match kind {
            ItemKind::Tx => self.0.identify(kind, bytes),
            ItemKind::Block => {
                bytes.get(..HEADER_LEN).map(Hash256::of).ok_or(Rejection::invalid("truncated"))
            }
        }
    }

    fn inspect(&self, item: &Item) -> Result<Inspection, Rejection> {
        match item.kind() {
            ItemKind::Tx => self.0.inspect(item),
            ItemKind::Block => {
                let parent = item.bytes().first_chunk().ok_or(Rejection::invalid("truncated"))?;
                let parents = vec![ItemId::block(Hash256(*parent))];
                Ok(Inspection { parents, needs_verification: true, ..Inspection::default() })
            }
        }
    }

    fn verify(&self, item: &Item) -> Verdict {
        if item.kind() == ItemKind::Tx {
            return GOOD;
        }
        let bad = Rejection::mutated("bad-body");
        let parts = transactions(item).ok_or(bad)?;
        if item.bytes()[HASH_LEN..HEADER_LEN] != root(&parts).0 {
            return Err(bad);
        }
        let confirmed =
            |part: Arc<Item>| Confirmed { id: part.id(), referred: None, spends: Vec::new() };
        Ok(Verified { confirms: parts.into_iter().map(confirmed).collect(), ..Verified::default() })
    }

    fn split(&self, block: &Item) -> Option<Split> {
        let header = block.bytes().slice(..HEADER_LEN.min(block.size()));
        Some(Split { header, transactions: transactions(block)?, made_with: 0 })
    }

    fn join(&self, header: &[u8], transactions: &[Arc<Item>]) -> Option<Bytes> {
        if header.len() != HEADER_LEN || header[HASH_LEN..] != root(transactions).0 {
            return None;
        }
        let mut bytes = BytesMut::from(header);
        for item in transactions {
            bytes.put_u32_le(u32::try_from(item.size()).ok()?);
            bytes.put_slice(item.bytes());
        }
        Some(bytes.freeze())
    }

    fn root(&self) -> Option<Hash256> {
        Some(self.genesis())
    }

    /// Each is worth the same: a proof costs nothing.
    fn header(&self, bytes: &[u8]) -> Result<BlockHeader, Rejection> {
        let truncated = Rejection::invalid("truncated");
        let header = bytes.get(..HEADER_LEN).ok_or(truncated)?;
        let parent = Hash256(*header.first_chunk().ok_or(truncated)?);
        Ok(BlockHeader { id: Hash256::of(header), parent, work: 1, time_s: 0, len: HEADER_LEN })
    }

    fn disconnect(&self, block: &Item) -> Disconnected {
        Disconnected { returns: transactions(block).unwrap_or_default(), void: Vec::new() }
    }
}
