//! The table of connected peers.

use std::net::IpAddr;

use crate::ground::link::{Direction, Link, LinkTable};
use crate::ground::peer::{PeerAddr, PeerKey};
use crate::ground::reach::Origin;
use crate::ground::time::Time;

use super::outage::Scope;

/// All connected peers, counted by place. Bounded by `peers.inbound_max` and the outbound set.
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
    /// Which of our places it takes.
    pub(super) place: Place,
    /// Where we reached it, on this link or on one that this link made superfluous.
    pub(super) dialled: Option<PeerAddr>,
    whereabouts: Whereabouts,
    /// Where it is, as far as that decides what it may tell.
    pub(super) origin: Origin,
    /// When the link came up.
    pub(super) since: Time,
    stage: Stage,
    /// Whether we asked it for addresses.
    pub(super) question: Question,
}

/// Whose place a link takes. That is who dialled it, but for a link that replaced another to the same peer: see
/// `Peers::replace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// One of `peers.inbound_max`.
    Inbound,
    /// One of the outbound set, or a feeler's.
    Outbound,
    /// One of the outbound set that is for comparing only.
    Compared,
    /// One of our choice that is for blocks alone.
    Blocks,
    /// A seed's, which is given up once others are found.
    Seed,
}

/// What is known of where a peer can be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whereabouts {
    Unknown,
    /// It speaks from this host.
    On(IpAddr),
    /// It says that it can be dialled there.
    At(PeerAddr),
}

/// How far a link has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Its hellos aren't through.
    Greeting,
    /// They are.
    Ready,
    /// And the peer asked us for addresses and was answered.
    Answered,
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
    /// It won't be: nothing is said of addresses there, either way.
    Never,
}

/// How many links there are of each sort; each array by whose places they take, those of seeds being outbound.
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
    /// Links that are ready and lead beyond this site, or nobody knows where.
    pub(super) far_ready: usize,
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
        let peer = self.links.get_mut(link).filter(|peer| !peer.is_ready())?;
        self.census.remove(peer);
        peer.stage = Stage::Ready;
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
        let seed = self.links.iter().find(|(_, peer)| peer.is_seed());
        seed.map(|(link, _)| link)
    }

    /// Whether a link leads to the address, by a walk through the links.
    pub(super) fn is_connected(&self, addr: PeerAddr) -> bool {
        self.links.iter().any(|(_, peer)| peer.is_at(addr))
    }
}

impl Peer {
    /// Whether it is a link of our own choice that is there to stay, or a feeler's.
    pub(super) const fn is_of_the_set(&self) -> bool {
        matches!(self.place, Place::Outbound | Place::Compared | Place::Blocks)
    }

    /// A peer whose link just came up. `addr` is where we dialled it, or where it dialled from.
    pub(super) fn new(
        key: PeerKey,
        direction: Direction,
        addr: Option<PeerAddr>,
        seed: bool,
        since: Time,
    ) -> Self {
        Self {
            key,
            direction,
            place: match direction {
                Direction::Inbound => Place::Inbound,
                Direction::Outbound if seed => Place::Seed,
                Direction::Outbound => Place::Outbound,
            },
            dialled: addr.filter(|_| direction == Direction::Outbound),
            whereabouts: addr.map_or(Whereabouts::Unknown, |addr| Whereabouts::On(addr.ip)),
            origin: addr.map_or(Origin::UNKNOWN, |addr| Origin::of(addr.ip)),
            since,
            stage: Stage::Greeting,
            question: Question::Unasked,
        }
    }

    /// Whether both hellos are through.
    pub(super) const fn is_ready(&self) -> bool {
        !matches!(self.stage, Stage::Greeting)
    }

    /// Whether anything is said of addresses there.
    pub(super) const fn tells(&self) -> bool {
        !matches!(self.question, Question::Never)
    }

    /// Whether it is given up once others are found.
    pub(super) const fn is_seed(&self) -> bool {
        matches!(self.place, Place::Seed)
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

    /// Where it says that it can be dialled.
    pub(super) const fn advertise(&self) -> Option<PeerAddr> {
        match self.whereabouts {
            Whereabouts::At(addr) => Some(addr),
            Whereabouts::Unknown | Whereabouts::On(_) => None,
        }
    }

    /// It says that it can be dialled there. Returns whether that is the host that it speaks from.
    pub(super) fn set_advertise(&mut self, addr: PeerAddr) -> bool {
        let before = std::mem::replace(&mut self.whereabouts, Whereabouts::At(addr));
        before == Whereabouts::On(addr.ip)
    }

    /// Notes that its question for addresses is answered; false if it was before, or isn't ready.
    pub(super) fn answer(&mut self) -> bool {
        let first = self.stage == Stage::Ready;
        if first {
            self.stage = Stage::Answered;
        }
        first
    }

    /// Whether we reached it at an address, or it says that one could.
    pub(super) fn is_at(&self, addr: PeerAddr) -> bool {
        self.dialled == Some(addr) || self.advertise() == Some(addr)
    }

    const fn side(&self) -> usize {
        match self.place {
            Place::Inbound => Direction::Inbound as usize,
            Place::Outbound | Place::Compared | Place::Blocks | Place::Seed => {
                Direction::Outbound as usize
            }
        }
    }
}

impl Census {
    pub(super) const fn add(&mut self, peer: &Peer) {
        let (seed, ready, side) = (peer.is_seed(), peer.is_ready(), peer.side());
        self.links[side] += 1;
        self.ready[side] += ready as usize;
        self.seeds += seed as usize;
        self.seeds_ready += (seed && ready) as usize;
        self.far_ready += (ready && !peer.origin.is_near()) as usize;
    }

    const fn remove(&mut self, peer: &Peer) {
        let (seed, ready, side) = (peer.is_seed(), peer.is_ready(), peer.side());
        self.links[side] -= 1;
        self.ready[side] -= ready as usize;
        self.seeds -= seed as usize;
        self.seeds_ready -= (seed && ready) as usize;
        self.far_ready -= (ready && !peer.origin.is_near()) as usize;
    }

    /// Whether no link is ready that is a witness for addresses of that scope.
    pub(super) const fn is_alone(&self, of: Scope) -> bool {
        match of {
            Scope::Near => self.ready[0] + self.ready[1] == 0,
            Scope::World => self.far_ready == 0,
        }
    }
}
