//! Who is let in, and who is kept out.

use std::time::Duration;

use super::Peers;
use super::bans::Bans;
use super::eviction::{self, Candidate, Standing};
use super::table::{Peer, Place};
use super::trial::{self, Trials};
use crate::ground::link::{Direction, Link};
use crate::ground::peer::PeerAddr;
use crate::ground::subnet::Banned;
use crate::ground::time::Time;
use crate::limits::misbehavior::Reason;
use crate::machine::Cx;
use crate::params::PeerParams;

/// What is to be done about a link that came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It stays.
    Welcome,
    /// It stays, and this older link to the same peer is to be closed as [`Reason::Duplicate`].
    Replaces(Link),
    /// It stays in the place of this other link, which is to be closed as [`Reason::GaveWay`].
    Displaces(Link),
    /// It is to be closed.
    Refused(Reason),
}

impl Peers {
    /// Whether a new link may stay, and what that means for the address it was dialled at.
    pub(super) fn admit(
        &mut self,
        link: Link,
        peer: &Peer,
        standing: &dyn Fn(Link) -> Standing,
        cx: &mut Cx<'_>,
    ) -> Admission {
        if peer.key == self.own {
            if let Some(addr) = peer.dialled {
                self.found_ourselves_at(addr, cx.now);
            }
            return Admission::Refused(Reason::Myself);
        }
        let wanted = peer.dialled.is_some_and(|addr| self.outbound.is_fixed(addr));
        if self.discouraged.contains(&peer.key, cx.now) && !wanted {
            if let Some(addr) = peer.dialled {
                self.book.shun(addr, cx.now);
            }
            return Admission::Refused(Reason::Discouraged);
        }
        if let Some((other, twin)) = self.table.find(peer.key) {
            if peer.dialler(self.own) < twin.dialler(self.own) {
                return Admission::Replaces(other);
            }
            if let Some(addr) = peer.dialled {
                self.found_twin_at(other, addr, cx);
            }
            return Admission::Refused(Reason::Duplicate);
        }
        if peer.is_outbound() || !self.is_full(&cx.params.peers) {
            return Admission::Welcome;
        }
        let network = standing(link).group;
        self.settle_trials(&cx.params.peers);
        match self.who_gives_way(network, standing) {
            Some(other) => Admission::Displaces(other),
            None => self.try_newcomer((link, network), standing, cx),
        }
    }

    /// Whether all inbound places are taken but those that are for trials: then whoever comes needs somebody who gives way.
    #[must_use]
    pub const fn is_full(&self, params: &PeerParams) -> bool {
        let inbound = self.table.census().links[Direction::Inbound as usize];
        inbound >= params.inbound_max - trial::places(params.inbound_max)
    }

    /// Trials are over as far as other places are free.
    fn settle_trials(&mut self, params: &PeerParams) {
        let inbound = self.table.census().links[Direction::Inbound as usize];
        if let Some(trials) = &mut self.trials {
            let others = params.inbound_max - trial::places(params.inbound_max);
            trials.settle(others.saturating_sub(inbound - trials.links().len()));
        }
    }

    /// Links on trial.
    fn on_trial(&self) -> &[Link] {
        self.trials.as_ref().map_or(&[], |trials| trials.links())
    }

    /// Nobody gives way to a newcomer of a network: it is tried, if nobody is of its network and nobody lately was.
    fn try_newcomer(
        &mut self,
        (link, network): (Link, u32),
        standing: &dyn Fn(Link) -> Standing,
        cx: &Cx<'_>,
    ) -> Admission {
        let all = cx.params.peers.inbound_max;
        let places = trial::places(all);
        let mut inbound = self.table.iter().filter(|(_, peer)| peer.place == Place::Inbound);
        let is_known = inbound.any(|(other, _)| standing(other).group == network);
        if places == 0 || is_known {
            return Admission::Refused(Reason::Full);
        }
        let taken = self.table.census().links[Direction::Inbound as usize];
        let trials = self.trials.get_or_insert_with(|| Box::new(Trials::new(self.secret)));
        if trials.had(network, cx.now) {
            return Admission::Refused(Reason::Full);
        }
        let oldest = trials.links().first().copied();
        let admission = match oldest {
            _ if taken < all && trials.links().len() < places => Admission::Welcome,
            Some(oldest) => Admission::Displaces(oldest),
            None => return Admission::Refused(Reason::Full),
        };
        trials.begin(link, network, cx.now);
        admission
    }

    /// Our operator keeps somebody out for so long. Links that stand are the driver's to close, who knows where they come from.
    pub fn ban(&mut self, whom: Banned, span: Duration, now: Time) {
        // Whoever asks for too many was told so.
        let _ = self.bans.ban(whom, now + span, now);
    }

    /// Our operator lets somebody in again.
    pub fn unban(&mut self, whom: Banned) {
        self.bans.unban(whom);
    }

    /// Whom our operator keeps out.
    #[must_use]
    pub const fn bans(&self) -> &Bans {
        &self.bans
    }

    /// Our operator keeps the peer out; an address at which we found it isn't dialled again.
    pub(super) fn turn_away_banned(
        &mut self,
        dialled: Option<PeerAddr>,
        cx: &mut Cx<'_>,
    ) -> Admission {
        if let Some(addr) = dialled {
            match self.outbound.is_fixed(addr) {
                true => self.fail(addr, cx),
                false => self.book.shun(addr, cx.now),
            }
        }
        Admission::Refused(Reason::Banned)
    }

    /// Whose inbound place a newcomer of a network gets, if there is none free.
    fn who_gives_way(&self, newcomer: u32, standing: &dyn Fn(Link) -> Standing) -> Option<Link> {
        eviction::who_gives_way(self.may_give_way(standing), newcomer, self.secret)
    }

    /// Those who have an inbound place that they may lose.
    pub(super) fn may_give_way(&self, standing: &dyn Fn(Link) -> Standing) -> Vec<Candidate> {
        let is_wanted = |peer: &Peer| peer.dialled.is_some_and(|addr| self.outbound.is_fixed(addr));
        let inbound = self.table.iter().filter(|(_, peer)| peer.place == Place::Inbound);
        let may_go = inbound.filter(|(link, peer)| {
            !is_wanted(peer) && !self.is_neighbour(*link) && !self.on_trial().contains(link)
        });
        let candidates = may_go.map(|(link, peer)| Candidate {
            link,
            since: peer.since,
            standing: standing(link),
        });
        candidates.collect()
    }

    /// A link takes over from an older one to the same peer, and with it the old one's place, unless it is to have
    /// another and there is one:
    /// - A link that the peer dialled takes an inbound place if one is free; else it keeps the place that we had for the
    ///   peer. *Attack:* whoever lets us dial him, and then dials back, would otherwise come in however many
    ///   there are, and have us dial the next of his addresses.
    /// - A link that we dialled in passing (a seed, a feeler) keeps the inbound place of a peer that had come to us.
    ///
    /// A link that can't take over is no choice: the other end closes the old one whatever we do.
    pub(super) fn replace(
        &mut self,
        (old, link): (Link, Link),
        mut peer: Peer,
        is_feeler: bool,
        cx: &Cx<'_>,
    ) {
        let was_feeler = self.feeler.is(old);
        let inbound = self.table.census().links[Direction::Inbound as usize];
        let keeps = match peer.place {
            Place::Inbound => inbound >= cx.params.peers.inbound_max,
            Place::Outbound => is_feeler,
            Place::Compared | Place::Blocks => false,
            Place::Seed => true,
        };
        if keeps && was_feeler {
            self.feeler.pass_to(link);
        }
        if let Some(old) = self.remove(old) {
            peer.dialled = peer.dialled.or(old.dialled);
            if keeps {
                peer.place = old.place;
            }
        }
        self.insert(link, peer);
    }

    /// The peer misbehaved, and its link is being closed: it is kept out for a day, unless our
    /// operator wants it for ever.
    ///
    /// The address that it advertises isn't held against it: that may be an honest peer's. Should we
    /// dial it and find the same key there, then it is.
    pub fn on_misbehaved(&mut self, link: Link, now: Time) {
        let Some(peer) = self.table.get(link) else {
            return;
        };
        if peer.dialled.is_some_and(|addr| self.outbound.is_fixed(addr)) {
            return;
        }
        self.discouraged.insert(peer.key, now);
        if let Some(addr) = peer.dialled {
            self.book.shun(addr, now);
        }
    }

    /// We dialled an address and found a peer that another link leads to already.
    fn found_twin_at(&mut self, link: Link, addr: PeerAddr, cx: &mut Cx<'_>) {
        let Some(peer) = self.table.get_mut(link) else {
            return;
        };
        if *peer.dialled.get_or_insert(addr) == addr {
            self.set_connected(addr, true);
        } else {
            // One more address of the same peer: no use, and rested ever longer.
            self.turned_away(addr, cx);
        }
    }
}
