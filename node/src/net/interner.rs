//! Gives each connection the lowest free slot, and a generation that the slot never had before.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use libp2p::PeerId;
use tidings_protocol::ground::item::Hash256;
use tidings_protocol::ground::link::{Link, LinkTable};
use tidings_protocol::ground::peer::PeerKey;

use crate::net::pipe::Pipe;

/// The live links and their pipes. Bounded by the swarm's connection limits.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    pipes: LinkTable<Arc<Pipe>>,
    /// Generation that each slot had last.
    generations: Vec<u32>,
    free: BinaryHeap<Reverse<u32>>,
}

impl Interner {
    /// Gives a connection its link.
    pub(crate) fn insert(&mut self, pipe: Arc<Pipe>) -> Link {
        let slot = self.free.pop().map_or_else(
            || {
                self.generations.push(0);
                u32::try_from(self.generations.len() - 1).expect("connections fit into memory")
            },
            |Reverse(slot)| slot,
        );
        let generation = &mut self.generations[slot as usize];
        *generation = generation.wrapping_add(1);
        let link = Link::new(slot, *generation);
        let before = self.pipes.insert(link, pipe);
        assert!(before.is_none(), "a slot is handed out only while it is free");
        link
    }

    /// Takes a link back; `None` if it isn't live.
    pub(crate) fn remove(&mut self, link: Link) -> Option<Arc<Pipe>> {
        let pipe = self.pipes.remove(link)?;
        self.free.push(Reverse(u32::try_from(link.slot()).expect("it came from a u32")));
        Some(pipe)
    }

    /// The pipe of a live link.
    pub(crate) fn get(&self, link: Link) -> Option<&Arc<Pipe>> {
        self.pipes.get(link)
    }

    /// All live links with their pipes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Link, &Arc<Pipe>)> {
        self.pipes.iter()
    }
}

/// The core's name of a peer: the first eight bytes of a SHA-256 of its id (twice hashed, as items
/// are). Both ends compute the same; to imitate another's takes 2^64 key pairs.
pub fn peer_key(peer: &PeerId) -> PeerKey {
    let hash = Hash256::of(&peer.to_bytes()).0;
    let (first, _) = hash.split_first_chunk().expect("a hash is longer than eight bytes");
    PeerKey(u64::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use libp2p::swarm::ConnectionId;
    use tidings_protocol::ground::link::Direction;

    use super::*;

    fn pipe(id: usize) -> Arc<Pipe> {
        let who = (ConnectionId::new_unchecked(id), PeerId::random(), Direction::Inbound);
        Pipe::new(who, None, 0, Arc::default(), Arc::default())
    }

    #[test]
    fn a_freed_slot_is_used_again_with_a_new_generation() {
        let mut interner = Interner::default();
        let links: Vec<_> = (0..3).map(|id| interner.insert(pipe(id))).collect();
        assert_eq!(links.iter().map(|link| link.slot()).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(interner.remove(links[2]).is_some());
        assert!(interner.remove(links[0]).is_some());
        assert!(interner.remove(links[0]).is_none());
        let reused = interner.insert(pipe(3));
        assert_eq!(reused.slot(), 0, "the lowest free one");
        assert_ne!(reused, links[0]);
        assert!(interner.get(links[0]).is_none());
        assert!(interner.get(links[1]).is_some() && interner.get(reused).is_some());
    }

    #[test]
    fn both_ends_give_a_peer_the_same_key() {
        let peer = PeerId::random();
        assert_eq!(peer_key(&peer), peer_key(&PeerId::from_bytes(&peer.to_bytes()).unwrap()));
        assert_ne!(peer_key(&peer), peer_key(&PeerId::random()));
    }
}
