//! Links come up and break.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::peer::{DialError, PeerAddr, PeerKey};
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::Input;

use super::state::{End, Event, Seat, World};

/// Round trips from a dial until both sides speak the protocol: TCP, Noise (three messages), and the
/// negotiation of multiplexer and stream.
const DIAL_ROUND_TRIPS: u64 = 4;

/// The address at which a node can be dialled.
pub(super) fn addr(node: u32) -> PeerAddr {
    let [_, a, b, c] = node.to_be_bytes();
    PeerAddr::tcp(SocketAddr::new(Ipv4Addr::new(10, a, b, c).into(), 4_000))
}

/// The node at an address.
fn node_at(addr: PeerAddr) -> u32 {
    match addr.ip {
        IpAddr::V4(ip) => u32::from(ip) & 0x00FF_FFFF,
        IpAddr::V6(_) => u32::MAX,
    }
}

/// The key that peers know a node by: the same in every life.
pub(super) const fn key(node: u32) -> PeerKey {
    PeerKey(node as u64 + 1)
}

impl World {
    /// The node that peers know by a key.
    #[must_use]
    pub const fn node_of(key: PeerKey) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "it was made of such a number")]
        let node = (key.0 - 1) as u32;
        node
    }

    /// Whether a node lives at an address.
    #[must_use]
    pub fn is_alive_at(&self, addr: PeerAddr) -> bool {
        self.seats.get(node_at(addr) as usize).is_some_and(|seat| seat.alive)
    }

    pub(super) fn dial(&mut self, node: u32, addr: PeerAddr) {
        let to = node_at(addr);
        let life = self.seats[node as usize].life;
        let latencies = &self.fixed.latencies;
        let trip = match self.seats.get(to as usize) {
            Some(_) => latencies.fixed(node, to) + latencies.fixed(to, node),
            None => latencies.fixed(node, node),
        };
        let at = Time::from_nanos(self.now.as_nanos() + DIAL_ROUND_TRIPS * trip);
        self.push(at, node, Event::Dialled { addr, life });
    }

    /// A dial ends: both sides have a link now, or the dialler learns that there is none.
    pub(super) fn dialled(&mut self, node: u32, addr: PeerAddr, life: u32) {
        if !self.lives(node, life) {
            return;
        }
        let to = node_at(addr);
        let answers = |seat: &Seat| seat.alive && seat.listens && !seat.paused;
        let why = if to == node {
            DialError::Myself
        } else if self.seats.get(to as usize).is_some_and(answers) && !self.faults.parted(node, to)
        {
            return self.connect(node, to, Some(addr));
        } else {
            DialError::Unreachable
        };
        self.hand(node, Input::DialFailed { addr, why });
    }

    /// Who dialled whom of the links that stand, in order.
    #[must_use]
    pub fn dialled_links(&self) -> Vec<(u32, u32)> {
        let mut links = Vec::new();
        for (node, seat) in (0..).zip(&self.seats) {
            links.extend(seat.ends.iter().filter_map(End::dialled_peer).map(|peer| (node, peer)));
        }
        links.sort_unstable();
        links
    }

    /// Gives both nodes a link. `addr` is what the dialler is told that it dialled.
    pub(super) fn connect(&mut self, from: u32, to: u32, addr: Option<PeerAddr>) {
        let (near, far) = self.join(from, to);
        let direction = Direction::Outbound;
        self.hand(from, Input::Connected { link: near, peer: key(to), direction, addr });
        let (direction, addr) = (Direction::Inbound, Some(self::addr(from)));
        self.hand(to, Input::Connected { link: far, peer: key(from), direction, addr });
    }

    /// Takes a slot at both nodes, and returns their handles.
    pub(super) fn join(&mut self, from: u32, to: u32) -> (Link, Link) {
        let (near, far) = (self.take_slot(from), self.take_slot(to));
        self.set_end(from, near, to, far, true);
        self.set_end(to, far, from, near, false);
        if let Some(recording) = &mut self.recording {
            recording.link_up(self.now, (from, near.slot()), (to, far.slot()));
        }
        (near, far)
    }

    /// The lowest free slot, with a generation never used in it before.
    fn take_slot(&mut self, node: u32) -> Link {
        let ends = &mut self.seats[node as usize].ends;
        let slot = ends.iter().position(|end| !end.live).unwrap_or(ends.len());
        let generation = ends.get(slot).map_or(0, |end| end.near.generation()) + 1;
        Link::new(u32::try_from(slot).unwrap_or(u32::MAX), generation)
    }

    fn set_end(&mut self, node: u32, near: Link, peer: u32, far: Link, dialled: bool) {
        let end = End {
            near,
            far,
            peer,
            live: true,
            closing: false,
            held: false,
            dialled,
            latency: self.fixed.latencies.fixed(node, peer),
            last: [0; 2],
        };
        let ends = &mut self.seats[node as usize].ends;
        match ends.get_mut(near.slot()) {
            Some(slot) => *slot = end,
            None => ends.push(end),
        }
    }

    /// A live end by its handle.
    pub(super) fn end_mut(&mut self, node: u32, link: Link) -> Option<&mut End> {
        let end = self.seats[node as usize].ends.get_mut(link.slot())?;
        (end.live && end.near == link).then_some(end)
    }

    /// A node closes a link: it learns at once that it is gone, its peer after what was sent before.
    pub(super) fn close(&mut self, node: u32, link: Link) {
        let Some(end) = self.end_mut(node, link).filter(|end| !end.closing) else {
            return;
        };
        end.closing = true;
        self.push(self.now, node, Event::Broken { link });
        self.tell_broken(node, link);
    }

    /// The peer learns that a link is gone, after all that was sent on it.
    pub(super) fn tell_broken(&mut self, node: u32, link: Link) {
        let now = self.now.as_nanos();
        let Some(end) = self.end_mut(node, link) else {
            return;
        };
        let at = (now + end.latency).max(end.last[0]).max(end.last[1]);
        let (peer, far) = (end.peer, end.far);
        self.push(Time::from_nanos(at), peer, Event::Broken { link: far });
    }

    pub(super) fn broken(&mut self, node: u32, link: Link) {
        let Some(end) = self.end_mut(node, link) else {
            return;
        };
        end.live = false;
        if std::mem::take(&mut end.held) {
            let slot = u32::try_from(link.slot()).unwrap_or(u32::MAX);
            self.held.remove(&(node, slot));
        }
        if let Some(recording) = &mut self.recording {
            recording.end_gone(self.now, node, link.slot());
        }
        self.remind(node);
        self.hand(node, Input::Disconnected { link });
    }
}
