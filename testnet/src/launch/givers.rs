//! Who gave a node an item: a trace names the link that it came by, and before that who is at the link's other end.

use std::collections::{BTreeMap, HashMap};

use tidings::trace::PeerId;
use tidings_protocol::ground::link::Link;

/// Nobody known: whoever submitted it, a block, or a stranger.
pub const NOBODY: u32 = u32::MAX;

/// The nodes at the other ends of each node's links. Of links that used one slot the latest is kept, so there are as
/// many as a node may have at once; strangers' aren't kept.
#[derive(Debug, Default)]
pub struct Givers {
    numbers: HashMap<PeerId, u32>,
    links: BTreeMap<(usize, usize), (Link, u32)>,
}

impl Givers {
    /// Knows nodes by these identities.
    #[must_use]
    pub fn new(numbers: HashMap<PeerId, u32>) -> Self {
        Self { numbers, links: BTreeMap::new() }
    }

    /// A node has a link with a peer.
    pub fn linked(&mut self, node: usize, link: Link, peer: &PeerId) {
        let number = self.numbers.get(peer).copied().unwrap_or(NOBODY);
        self.links.insert((node, link.slot()), (link, number));
    }

    /// Which node is at the other end of a node's link; [`NOBODY`] if that isn't known.
    #[must_use]
    pub fn giver(&self, node: usize, link: Option<Link>) -> u32 {
        let Some(link) = link else { return NOBODY };
        let end = self.links.get(&(node, link.slot())).filter(|(of, _)| *of == link);
        end.map_or(NOBODY, |(_, number)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_nodes_and_a_slot_that_is_used_again_to_its_new_one() {
        let [a, b, stranger] = [(); 3].map(|()| PeerId::random());
        let mut givers = Givers::new(HashMap::from([(a, 3), (b, 4)]));
        let [old, new] = [0, 1].map(|generation| Link::new(7, generation));
        givers.linked(0, old, &a);
        assert_eq!(
            [Some(old), Some(new), None].map(|link| givers.giver(0, link)),
            [3, NOBODY, NOBODY]
        );
        assert_eq!(givers.giver(1, Some(old)), NOBODY, "another node's");
        givers.linked(0, new, &b);
        givers.linked(0, Link::new(8, 0), &stranger);
        assert_eq!((givers.giver(0, Some(new)), givers.giver(0, Some(old))), (4, NOBODY));
        assert_eq!(givers.giver(0, Some(Link::new(8, 0))), NOBODY);
    }
}
