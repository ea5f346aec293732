//! The chain of blocks: headers come, blocks join the chain and leave it.

use bytes::Bytes;

use super::Node;
use crate::blocks::blockchain::Blockchain;
use crate::blocks::tree::Tree;
use crate::ground::item::ItemId;
use crate::machine::{Cx, Load, Loaded};

/// So many of the last blocks of an earlier run are connected once more, so that what they contain is known to be confirmed. A
/// guess: as many as any transaction is likely to be asked for after.
const CONNECTED_AGAIN: u32 = 6;

impl Node {
    /// The tree of headers, if these rules have a chain and anything was heard of it.
    #[must_use]
    pub fn tree(&self) -> Option<&Tree> {
        self.blockchain.as_deref().map(|chain| &chain.tree)
    }

    /// The chain, if these rules have one.
    pub(super) fn chain_of(&mut self, cx: &Cx<'_>) -> Option<&mut Blockchain> {
        if self.blockchain.is_none() {
            let root = cx.chain.root()?;
            self.blockchain = Some(Box::new(Blockchain::new(root, self.salt)));
        }
        self.blockchain.as_deref_mut()
    }

    /// The headers of an earlier run.
    pub(super) fn on_kept_headers(&mut self, headers: &[Bytes], cx: &mut Cx<'_>) {
        let max = cx.params.blocks.headers_max;
        let rules = cx.chain;
        let Some(chain) = self.chain_of(cx) else { return };
        for bytes in headers {
            let Ok(header) = rules.header(bytes) else { continue };
            if chain.tree.insert(&header, bytes, true, max).is_ok() {
                chain.tree.on_stored(header.id);
            }
        }
        chain.tree.resume(CONNECTED_AGAIN);
    }

    /// The driver has read a block.
    pub(super) fn on_loaded(
        &mut self,
        _id: ItemId,
        _what: Load,
        _loaded: Option<Loaded>,
        _cx: &mut Cx<'_>,
    ) {
    }
}
