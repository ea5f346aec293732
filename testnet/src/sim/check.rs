//! After every step of a debug build: is the node that it touched still sound?

use tidings_protocol::node::Node;
use tidings_protocol::params::Params;

/// Checks a node's invariants. Does nothing in release builds.
///
/// # Panics
/// When one is broken, and says which.
#[inline]
pub fn node(node: &Node, params: &Params) {
    #[cfg(debug_assertions)]
    node.check_invariants(params);
    #[cfg(not(debug_assertions))]
    let _ = (node, params);
}
