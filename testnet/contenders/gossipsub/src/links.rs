//! Whom the node dials, and whom it is linked with: exactly those that it was told of, again and again until they
//! answer, and whoever dials it.

use std::collections::BTreeMap;
use std::time::Duration;

use libp2p::PeerId;
use libp2p::core::ConnectedPoint;
use libp2p::swarm::ConnectionId;
use libp2p::swarm::dial_opts::DialOpts;
use tidings::api::PeerStatus;
use tidings::net::{from_multiaddr, to_multiaddr};
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::peer::PeerAddr;
use tokio::time::Instant;

/// How long after a dial that came to nothing the next one begins: nodes of a run start one after the other. A guess.
pub(crate) const RETRY: Duration = Duration::from_millis(250);

/// Whom the node dials, and whom it is linked with. As many targets as it was told of; as many peers as they and the
/// rest of the overlay are.
#[derive(Debug)]
pub(crate) struct Links {
    targets: Vec<Target>,
    peers: BTreeMap<PeerId, Peer>,
    /// Links so far: each has its own name in the trace.
    made: u32,
}

#[derive(Debug)]
struct Target {
    addr: PeerAddr,
    /// The connection that is under way, or up.
    connection: Option<ConnectionId>,
}

#[derive(Debug)]
struct Peer {
    link: Link,
    direction: Direction,
    remote: Option<PeerAddr>,
    since: Instant,
}

impl Links {
    pub(crate) fn new(targets: &[PeerAddr]) -> Self {
        let target = |addr: &PeerAddr| Target { addr: *addr, connection: None };
        let targets = targets.iter().map(target).collect();
        Self { targets, peers: BTreeMap::new(), made: 0 }
    }

    /// Dials to begin now.
    pub(crate) fn dials(&mut self) -> Vec<DialOpts> {
        let idle = self.targets.iter_mut().filter(|target| target.connection.is_none());
        let dial = |target: &mut Target| {
            let addr = to_multiaddr(&target.addr);
            let opts = DialOpts::unknown_peer_id().address(addr).allocate_new_port().build();
            target.connection = Some(opts.connection_id());
            opts
        };
        idle.map(dial).collect()
    }

    /// A connection is secured. True if it is the first with this peer.
    pub(crate) fn up(&mut self, peer: PeerId, end: &ConnectedPoint) -> bool {
        if self.peers.contains_key(&peer) {
            return false;
        }
        let (direction, remote) = match end {
            ConnectedPoint::Dialer { address, .. } => (Direction::Outbound, address),
            ConnectedPoint::Listener { send_back_addr, .. } => (Direction::Inbound, send_back_addr),
        };
        let link = Link::new(self.made, 0);
        self.made += 1;
        let remote = from_multiaddr(remote);
        self.peers.insert(peer, Peer { link, direction, remote, since: Instant::now() });
        true
    }

    /// A connection is gone, or a dial came to nothing.
    pub(crate) fn down(&mut self, connection: ConnectionId) {
        for target in &mut self.targets {
            target.connection.take_if(|id| *id == connection);
        }
    }

    /// The last connection with a peer is gone.
    pub(crate) fn gone(&mut self, peer: &PeerId) {
        self.peers.remove(peer);
    }

    /// The link with a peer.
    pub(crate) fn link(&self, peer: &PeerId) -> Option<Link> {
        self.peers.get(peer).map(|peer| peer.link)
    }

    /// How many links were dialled one way.
    pub(crate) fn count(&self, direction: Direction) -> usize {
        self.peers.values().filter(|peer| peer.direction == direction).count()
    }

    /// How many peers the node wants to have dialled.
    pub(crate) const fn wanted(&self) -> usize {
        self.targets.len()
    }

    /// All links.
    pub(crate) fn all(&self) -> Vec<PeerStatus> {
        let status = |(id, peer): (&PeerId, &Peer)| PeerStatus {
            link: peer.link.to_string(),
            peer_id: id.to_string(),
            direction: peer.direction,
            remote: peer.remote,
            advertise: None,
            connected_s: peer.since.elapsed().as_secs_f64(),
            rtt_ms: None,
            in_flight: 0,
            queued_bytes: 0,
            only_compares: false,
            only_blocks: false,
            group: None,
            passed: None,
            budgets: BTreeMap::new(),
            place: None,
            held_bytes: 0,
        };
        self.peers.iter().map(status).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_dialled_once_and_again_when_its_connection_is_gone() {
        let mut links = Links::new(&["127.0.0.1:4000".parse().unwrap()]);
        let first = links.dials();
        assert_eq!((first.len(), links.dials().len()), (1, 0));
        links.down(first[0].connection_id());
        assert_eq!(links.dials().len(), 1);
        assert_eq!(links.wanted(), 1);
    }

    #[test]
    fn a_peer_is_one_link_however_many_connections_there_are() {
        let mut links = Links::new(&[]);
        let (peer, end) = (
            PeerId::random(),
            ConnectedPoint::Listener {
                local_addr: "/ip4/127.0.0.1/tcp/1".parse().unwrap(),
                send_back_addr: "/ip4/127.0.0.1/tcp/2".parse().unwrap(),
            },
        );
        assert!(links.up(peer, &end) && !links.up(peer, &end));
        assert_eq!((links.count(Direction::Inbound), links.all().len()), (1, 1));
        links.gone(&peer);
        assert_eq!((links.count(Direction::Inbound), links.link(&peer)), (0, None));
    }
}
