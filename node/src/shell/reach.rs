//! Whether peers can dial this node: what they found out when they were asked to try (`node.autonat`, `net/reach.rs`).
//!
//! # Rules
//! 1. Peers that this node dialled are asked, one after the other, and again after [`AGAIN`], or after [`RETRY`] if nothing is known.
//!    Whom an attacker has dial us isn't asked.
//! 2. One connection that came in is enough for "yes": it can't be forged. "No" takes [`NOES`] peers who couldn't, and no
//!    other who could; else nobody knows.
//! 3. **What can't be dialled isn't told**: the core hides the address of `node.advertise` while the answer is "no".
//!
//! *Attack:* two of our own peers lie, and we aren't told of any more. Then others don't dial us, who would have come by that; links of our
//! own choice and the address in their books stay. It is looked at again after an hour.

use std::time::Duration;

use libp2p::PeerId;
use tidings_protocol::ground::link::Direction;
use tidings_protocol::ground::peer::{PeerAddr, Transport};
use tidings_protocol::machine::Input;
use tokio::time::Instant;

use super::{Shell, ShellConfig};
use crate::net::Verdict;

/// How many peers must have tried in vain. A guess; `AutoNAT`'s first version asks for three.
const NOES: usize = 2;

/// Most peers that are asked in a round. A guess.
const ASKED_MAX: usize = 6;

/// How long a peer has: longer than a dial.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long what is known holds. A guess: who forwards ports does so for longer.
const AGAIN: Duration = Duration::from_secs(3_600);

/// How soon it is tried again when nothing is known. A guess.
const RETRY: Duration = Duration::from_secs(300);

/// How soon a node without peers to ask looks again.
const WAIT: Duration = Duration::from_secs(1);

/// What is known.
#[derive(Debug)]
pub(super) struct Reachability {
    /// Where peers are to try; `None` if nobody is asked.
    port: Option<u16>,
    /// The answer.
    known: Option<bool>,
    /// Whom we asked in this round. At most [`ASKED_MAX`].
    asked: Vec<PeerId>,
    /// The last of them is to answer by `due`.
    is_open: bool,
    noes: usize,
    /// When to go on.
    due: Instant,
}

impl Reachability {
    /// Nothing is known of a node with these settings yet.
    pub(super) fn new(config: &ShellConfig, listening: &[PeerAddr], now: Instant) -> Self {
        let addr = config.advertise.or_else(|| {
            let is_tcp = |addr: &&PeerAddr| addr.transport == Transport::Tcp;
            listening.iter().find(is_tcp).copied()
        });
        let addr = addr.filter(|addr| config.autonat && addr.transport == Transport::Tcp);
        Self {
            port: addr.map(|addr| addr.port),
            known: None,
            asked: Vec::new(),
            is_open: false,
            noes: 0,
            due: now + WAIT,
        }
    }

    /// Whether peers can dial this node; `None` if nobody knows.
    pub(super) const fn is_reachable(&self) -> Option<bool> {
        self.known
    }

    /// When to ask next, or to give up waiting for an answer.
    pub(super) fn due(&self) -> Option<Instant> {
        self.port.map(|_| self.due)
    }

    /// A round is over.
    fn end(&mut self, known: Option<bool>, now: Instant) {
        self.due = now + if known.is_some() { AGAIN } else { RETRY };
        (self.known, self.is_open, self.noes) = (known, false, 0);
        self.asked.clear();
    }

    /// A peer answered.
    fn take(&mut self, peer: PeerId, verdict: Verdict, now: Instant) {
        if !self.is_open || self.asked.last() != Some(&peer) {
            return;
        }
        (self.is_open, self.due) = (false, now);
        match verdict {
            Verdict::Untried => {}
            Verdict::Reached => self.end(Some(true), now),
            Verdict::NotReached => {
                self.noes += 1;
                if self.noes >= NOES {
                    self.end(Some(false), now);
                }
            }
        }
    }

    /// Whom to ask now, of the peers that we dialled.
    fn choose(&mut self, peers: impl Iterator<Item = PeerId>, now: Instant) -> Option<PeerId> {
        self.is_open = false;
        let mut peers = peers.peekable();
        if peers.peek().is_none() {
            self.due = now + WAIT;
            return None;
        }
        let next = peers.find(|peer| !self.asked.contains(peer));
        match next.filter(|_| self.asked.len() < ASKED_MAX) {
            Some(peer) => {
                self.asked.push(peer);
                (self.is_open, self.due) = (true, now + PATIENCE);
                Some(peer)
            }
            None => {
                self.end(None, now);
                None
            }
        }
    }
}

impl Shell {
    /// Asks the next peer whether it can dial us, if it is time.
    pub(super) fn ask_whether_reachable(&mut self) {
        let Some(port) = self.reachability.port.filter(|_| self.reachability.due <= self.real)
        else {
            return;
        };
        let is_ours = |direction| direction == Direction::Outbound;
        let links = self.node.links().filter(|view| view.ready && is_ours(view.direction));
        let peers = links.filter_map(|view| self.reporter.names.get(view.link).copied());
        let before = self.reachability.known;
        let next = self.reachability.choose(peers, self.real);
        if let Some(peer) = next {
            self.net.ask_to_dial_back(peer, port);
        }
        self.tell_reachable(before);
    }

    pub(super) fn on_dialled_back(&mut self, peer: PeerId, verdict: Verdict) {
        tracing::debug!(%peer, ?verdict, "a peer was asked to dial this node");
        let before = self.reachability.known;
        self.reachability.take(peer, verdict, self.real);
        self.tell_reachable(before);
    }

    /// Tells the core and our operator what is known now, if it is something else.
    fn tell_reachable(&mut self, before: Option<bool>) {
        let known = self.reachability.known;
        if known == before {
            return;
        }
        self.handle(Input::Reachable(known != Some(false)));
        let port = self.reachability.port;
        match known {
            Some(true) => tracing::info!(port, "peers can dial this node"),
            Some(false) => tracing::warn!(
                port,
                "peers can't dial this node, so nobody is told its address: does a firewall or a router let them in at \
                 that port? The node asks again in an hour"
            ),
            None => tracing::info!("whether peers can dial this node isn't known any more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(now: Instant) -> Reachability {
        Reachability {
            port: Some(1),
            known: None,
            asked: Vec::new(),
            is_open: false,
            noes: 0,
            due: now,
        }
    }

    #[test]
    fn one_who_came_is_enough_and_one_who_says_that_it_could_not_is_not() {
        let (now, peers) = (Instant::now(), [(); 8].map(|()| PeerId::random()));
        let mut one = asking(now);
        assert_eq!(one.choose(peers.into_iter(), now), Some(peers[0]));
        one.take(peers[1], Verdict::Reached, now);
        assert_eq!(one.known, None, "it wasn't asked");
        one.take(peers[0], Verdict::NotReached, now);
        assert_eq!((one.known, one.due), (None, now));
        assert_eq!(one.choose(peers.into_iter(), now), Some(peers[1]));
        one.take(peers[1], Verdict::Reached, now);
        assert_eq!((one.known, one.due), (Some(true), now + AGAIN));
        // An hour later.
        for peer in &peers[..2] {
            assert_eq!(one.choose(peers.into_iter(), now), Some(*peer));
            one.take(*peer, Verdict::NotReached, now);
        }
        assert_eq!((one.known, one.due), (Some(false), now + AGAIN));
    }

    #[test]
    fn whoever_asks_those_who_do_not_try_knows_nothing_and_asks_again_later() {
        let (now, peers) = (Instant::now(), [(); 8].map(|()| PeerId::random()));
        let mut one = asking(now);
        assert_eq!(one.choose(std::iter::empty(), now), None);
        assert_eq!(one.due, now + WAIT, "nobody to ask yet");
        for (index, peer) in peers.iter().enumerate().take(ASKED_MAX) {
            assert_eq!(one.choose(peers.into_iter(), now), Some(*peer));
            // Every other one is silent.
            if index % 2 == 0 {
                one.take(*peer, Verdict::Untried, now);
            }
        }
        assert_eq!(one.choose(peers.into_iter(), now), None);
        assert_eq!((one.known, one.due, one.asked.len()), (None, now + RETRY, 0));
        // A lone peer's no is not enough.
        assert_eq!(one.choose(peers[..1].iter().copied(), now), Some(peers[0]));
        one.take(peers[0], Verdict::NotReached, now);
        assert_eq!(one.choose(peers[..1].iter().copied(), now), None);
        assert_eq!(one.known, None);
    }
}
