//! All that a node keeps of the chain of blocks. Under rules without a root there is none of it.

use crate::blocks::tree::Tree;
use crate::ground::item::Hash256;
use crate::ground::map::Salt;
use crate::machine::Part;
use crate::params::Params;

/// The chain, as far as this node knows it.
#[derive(Clone, Debug)]
pub struct Blockchain {
    /// The headers, and which blocks are connected.
    pub tree: Tree,
}

impl Blockchain {
    /// Nothing but the root.
    #[must_use]
    pub fn new(root: Hash256, salt: Salt) -> Self {
        Self { tree: Tree::new(root, salt) }
    }
}

impl Part for Option<Box<Blockchain>> {
    fn check(&self, params: &Params) {
        if let Some(chain) = self {
            chain.tree.check(params.blocks.headers_max);
        }
    }
}
