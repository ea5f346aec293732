//! Blocks that the driver keeps, for the machine has no room for all.

use std::sync::Arc;

use crate::chain::{Chain, Confirmed, Disconnected};
use crate::ground::item::Item;

/// What is to be read of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// The block itself.
    Block,
    /// What it confirms when it joins the chain.
    Confirms,
    /// What it leaves behind when it leaves the chain.
    Returns,
}

/// What was read of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// The block itself.
    Block(Arc<Item>),
    /// What it confirms.
    Confirms(Vec<Confirmed>),
    /// What it leaves behind.
    Returns(Disconnected),
}

impl Load {
    /// Reads it of a block that passed all checks once. Takes as long as the block is large: run it off the event loop. `None` if the
    /// rules refuse the block now.
    #[must_use]
    pub fn of(self, block: &Arc<Item>, chain: &dyn Chain) -> Option<Loaded> {
        match self {
            Self::Block => Some(Loaded::Block(Arc::clone(block))),
            Self::Confirms => {
                let confirms = match chain.open(block) {
                    Some(opened) => opened.ok()?.confirms,
                    None => chain.verify(block).ok()?.confirms,
                };
                Some(Loaded::Confirms(confirms))
            }
            Self::Returns => Some(Loaded::Returns(chain.disconnect(block))),
        }
    }
}
