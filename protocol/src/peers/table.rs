//! The table of connected peers.

use crate::ground::link::{Direction, Link, LinkTable};
use crate::ground::peer::{PeerAddr, PeerKey};
use crate::ground::time::Time;

/// All connected peers, counted by sort. Bounded by `peers.inbound_max` and the outbound set.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    links: LinkTable<Peer>,
    census: Census,
}

/// One connected peer.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) key: PeerKey,
    direction: Direction,
    /// Where we reached it, on this link or on one that this link made superfluous.
    pub(super) dialled: Option<PeerAddr>,
    /// Where it says that it can be dialled.
    pub(super) advertise: Option<PeerAddr>,
    /// When the link came up.
    pub(super) since: Time,
    ready: bool,
    seed: bool,
    /// Whether we asked it for addresses.
    pub(super) question: Question,
    /// It asked us for addresses and was answered.
    pub(super) answered: bool,
}

/// A question for addresses, which is put at most once on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// It wasn't asked.
    Unasked,
    /// It was, and has sent none yet.
    Open,
    /// It was, and has sent some.
    Answered,
}

/// How many links there are of each sort; each array by [`Direction`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Census {
    /// All links.
    pub(super) links: [usize; 2],
    /// Links whose hellos are through.
    pub(super) ready: [usize; 2],
    /// Outbound links that are seeds.
    pub(super) seeds: usize,
    /// Outbound links that are seeds and ready.
    pub(super) seeds_ready: usize,
}

impl Table {
    /// How many links there are of each sort.
    pub(super) const fn census(&self) -> Census {
        self.census
    }

    /// Makes room for so many links.
    pub(super) fn reserve(&mut self, links: usize) {
        self.links.reserve(links);
    }

    /// Adds a new link.
    pub(super) fn insert(&mut self, link: Link, peer: Peer) {
        self.census.add(&peer);
        if let Some((_, lost)) = self.links.insert(link, peer) {
            debug_assert!(false, "the driver reused the slot of a live link");
            self.census.remove(&lost);
        }
    }

    /// Removes a link; `None` if it isn't in the table.
    pub(super) fn remove(&mut self, link: Link) -> Option<Peer> {
        let peer = self.links.remove(link)?;
        self.census.remove(&peer);
        Some(peer)
    }

    /// Marks a link as ready; `None` if it isn't in the table or was ready before.
    pub(super) fn make_ready(&mut self, link: Link) -> Option<&mut Peer> {
        let peer = self.links.get_mut(link).filter(|peer| !peer.ready)?;
        self.census.remove(peer);
        peer.ready = true;
        self.census.add(peer);
        Some(peer)
    }

    /// A link of the table.
    pub(super) fn get(&self, link: Link) -> Option<&Peer> {
        self.links.get(link)
    }

    /// A link of the table, to change.
    pub(super) fn get_mut(&mut self, link: Link) -> Option<&mut Peer> {
        self.links.get_mut(link)
    }

    /// All links, in slot order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Link, &Peer)> {
        self.links.iter()
    }

    /// The link in a slot.
    pub(super) fn at(&self, slot: usize) -> Option<(Link, &Peer)> {
        let link = self.links.at(slot)?;
        self.links.get(link).map(|peer| (link, peer))
    }

    /// One more than the highest slot ever used.
    pub(super) const fn slots(&self) -> usize {
        self.links.slots()
    }

    /// The link to a peer, by a walk through the links.
    pub(super) fn find(&self, key: PeerKey) -> Option<(Link, &Peer)> {
        self.links.iter().find(|(_, peer)| peer.key == key)
    }

    /// A link that is a seed.
    pub(super) fn find_seed(&self) -> Option<Link> {
        let seed = self.links.iter().find(|(_, peer)| peer.seed);
        seed.map(|(link, _)| link)
    }

    /// Whether a link leads to the address, by a walk through the links.
    pub(super) fn is_connected(&self, addr: PeerAddr) -> bool {
        self.links.iter().any(|(_, peer)| peer.is_at(addr))
    }
}

impl Peer {
    /// A peer whose link just came up.
    pub(super) const fn new(
        key: PeerKey,
        direction: Direction,
        dialled: Option<PeerAddr>,
        seed: bool,
        since: Time,
    ) -> Self {
        Self {
            key,
            direction,
            dialled,
            advertise: None,
            since,
            ready: false,
            seed,
            question: Question::Unasked,
            answered: false,
        }
    }

    /// Whether both hellos are through.
    pub(super) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// Whether it is given up once others are found.
    pub(super) const fn is_seed(&self) -> bool {
        self.seed
    }

    /// Whether we dialled it.
    pub(super) fn is_outbound(&self) -> bool {
        self.direction == Direction::Outbound
    }

    /// The key of whoever dialled.
    pub(super) const fn dialler(&self, own: PeerKey) -> PeerKey {
        match self.direction {
            Direction::Inbound => self.key,
            Direction::Outbound => own,
        }
    }

    /// Whether we reached it at an address, or it says that one could.
    pub(super) fn is_at(&self, addr: PeerAddr) -> bool {
        self.dialled == Some(addr) || self.advertise == Some(addr)
    }
}

impl Census {
    pub(super) const fn add(&mut self, peer: &Peer) {
        self.links[peer.direction as usize] += 1;
        self.ready[peer.direction as usize] += peer.ready as usize;
        self.seeds += peer.seed as usize;
        self.seeds_ready += (peer.seed && peer.ready) as usize;
    }

    const fn remove(&mut self, peer: &Peer) {
        self.links[peer.direction as usize] -= 1;
        self.ready[peer.direction as usize] -= peer.ready as usize;
        self.seeds -= peer.seed as usize;
        self.seeds_ready -= (peer.seed && peer.ready) as usize;
    }
}
