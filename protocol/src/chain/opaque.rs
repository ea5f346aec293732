//! Rules under which bytes are bytes: for replaying the traffic of other chains, and for measuring
//! the relay without the cost of any rules.

use super::{Chain, GOOD, Inspection, Limits, Rejection, Verdict};
use crate::ground::item::{Hash256, Item, ItemKind};

/// Any bytes are an item, named by their double SHA-256. Nothing conflicts, nothing has to be
/// verified, and nothing has parents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opaque {
    /// Most bytes of a transaction.
    pub max_tx_bytes: usize,
    /// Most bytes of a block.
    pub max_block_bytes: usize,
}

impl Default for Opaque {
    fn default() -> Self {
        Limits::default().into()
    }
}

impl From<Limits> for Opaque {
    fn from(Limits { max_tx_bytes, max_block_bytes }: Limits) -> Self {
        Self { max_tx_bytes, max_block_bytes }
    }
}

impl Chain for Opaque {
    fn name(&self) -> &'static str {
        "opaque"
    }

    fn max_size(&self, kind: ItemKind) -> usize {
        match kind {
            ItemKind::Tx => self.max_tx_bytes,
            ItemKind::Block => self.max_block_bytes,
        }
    }

    fn identify(&self, _kind: ItemKind, bytes: &[u8]) -> Result<Hash256, Rejection> {
        Ok(Hash256::of(bytes))
    }

    fn inspect(&self, item: &Item) -> Result<Inspection, Rejection> {
        if item.size() == 0 {
            return Err(Rejection::invalid("empty"));
        }
        if item.size() > self.max_size(item.kind()) {
            return Err(Rejection::invalid("too-large"));
        }
        Ok(Inspection::default())
    }

    fn verify(&self, _item: &Item) -> Verdict {
        GOOD
    }

    fn has_fees(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_an_item_unless_there_are_none_or_too_many() {
        let chain = Opaque { max_tx_bytes: 3, max_block_bytes: 5 };
        let inspect = |kind, bytes: &'static [u8]| {
            let item = chain.item(kind, bytes.into()).unwrap();
            assert_eq!(item.id().hash(), Hash256::of(bytes));
            chain.inspect(&item)
        };
        assert_eq!(inspect(ItemKind::Tx, b"abc"), Ok(Inspection::default()));
        assert_eq!(inspect(ItemKind::Tx, b"abcd"), Err(Rejection::invalid("too-large")));
        assert_eq!(inspect(ItemKind::Block, b"abcd"), Ok(Inspection::default()));
        assert_eq!(inspect(ItemKind::Block, b""), Err(Rejection::invalid("empty")));
    }
}
