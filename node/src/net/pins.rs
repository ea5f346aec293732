//! Who must be at an address: peers that our operator named by their id.
//!
//! An id is checked where the connection is secured, before anything is said: whoever else answers gets nothing, and the
//! core is told so ([`DialError::WrongPeer`](tidings_protocol::ground::peer::DialError)).
//!
//! *Attack:* whoever answers for a name that has an id leads us to others' addresses, where the peer of that id isn't, so that
//! we don't take those who are there. That is as many addresses as one name may tell at a time.

use std::collections::BTreeMap;

use libp2p::{Multiaddr, PeerId};
use tidings_protocol::ground::peer::PeerAddr;

use super::transport::to_multiaddr;

/// Most addresses with an id. Sixteen names of 32 addresses, and as many that are written down. A guess.
const PINS_MAX: usize = 1_024;

/// Who must be where.
#[derive(Debug, Default)]
pub(super) struct Pins(BTreeMap<PeerAddr, PeerId>);

impl Pins {
    /// Only this peer is taken at an address; false if there is no room for that. The first one stays.
    pub(super) fn insert(&mut self, addr: PeerAddr, peer: PeerId) -> bool {
        if self.0.len() >= PINS_MAX && !self.0.contains_key(&addr) {
            return false;
        }
        self.0.entry(addr).or_insert(peer);
        true
    }

    /// Whether only one peer is taken at an address.
    pub(super) fn contains(&self, addr: &PeerAddr) -> bool {
        self.0.contains_key(addr)
    }

    /// The address to dial, with the id of whoever must be there.
    pub(super) fn address(&self, addr: &PeerAddr) -> Multiaddr {
        let plain = to_multiaddr(addr);
        match self.0.get(addr) {
            Some(peer) => plain.with_p2p(*peer).expect("it ends in no other id"),
            None => plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_dialled_with_the_first_id_that_it_got_and_there_are_so_many() {
        let (mut pins, peer) = (Pins::default(), PeerId::random());
        let addr = |port: u16| PeerAddr::tcp(([1, 2, 3, 4], port).into());
        assert!(pins.insert(addr(1), peer) && pins.insert(addr(1), PeerId::random()));
        assert_eq!(pins.address(&addr(1)).to_string(), format!("/ip4/1.2.3.4/tcp/1/p2p/{peer}"));
        assert_eq!(pins.address(&addr(2)).to_string(), "/ip4/1.2.3.4/tcp/2");
        let taken = (1..2_000).filter(|port| pins.insert(addr(*port), peer)).count();
        assert_eq!((taken, pins.0.len()), (PINS_MAX, PINS_MAX));
    }
}
