//! The two views and the paper's rules for them, without links that come up, timers or messages.
//!
//! # What holds
//! The active view has at most `peers.hyparview.active_view` neighbours, the passive view at most
//! `peers.hyparview.passive_view` addresses; no address is in both, none twice, and never our own.
//!
//! # Who makes room
//! Whoever is to come into a full active view takes the place of a random neighbour (the paper's
//! `dropRandomElementFromActiveView`, section 4.2), whose address goes to the passive view. Here *random* has one exception: once
//! half of the neighbours or more came to us by their own wish, another such takes the place of one of those. *Attack:* a peer
//! that asks for a place again and again under new names, as a newcomer or as one that has nobody left, is always let in by the paper's
//! rules, and would soon be all our neighbours. So it gets no more than it finds free, and half of the places.

use rand::{Rng, RngExt as _};

use crate::ground::link::Link;
use crate::ground::peer::PeerAddr;
use crate::limits::bucket::Bucket;
use crate::params::HyparviewParams;

use super::passive::{Passive, Teller};
use crate::ground::peer::Source;

/// A neighbour.
#[derive(Clone, Debug)]
pub(in crate::peers) struct Neighbour {
    pub(in crate::peers) link: Link,
    /// Where it can be dialled, if it can.
    pub(in crate::peers) addr: Option<PeerAddr>,
    /// To whose share belongs what it tells.
    pub(super) source: Source,
    /// Whether we looked for it ourselves; else it asked, or somebody told us that it is new.
    pub(in crate::peers) is_chosen: bool,
    /// The news of newcomers that are taken from it.
    pub(super) newcomers: Bucket,
    /// The shuffles that are.
    pub(super) shuffles: Bucket,
}

impl Neighbour {
    /// Somebody from whom nothing has come yet.
    pub(super) fn new(link: Link, addr: Option<PeerAddr>, source: Source, is_chosen: bool) -> Self {
        let (newcomers, shuffles) = <(Bucket, Bucket)>::default();
        Self { link, addr, source, is_chosen, newcomers, shuffles }
    }

    /// Whose telling it is when it tells something.
    pub(super) const fn teller(&self) -> Teller {
        if self.is_chosen { Teller::Chosen(self.source) } else { Teller::Asker(self.source) }
    }
}

/// Both views. See the [module](self).
#[derive(Clone, Debug)]
pub(in crate::peers) struct Views {
    own: Option<PeerAddr>,
    active: Vec<Neighbour>,
    passive: Passive,
}

impl Views {
    /// Two empty views, which never take our own address.
    pub(super) fn new(own: Option<PeerAddr>) -> Self {
        Self { own, active: Vec::new(), passive: Passive::default() }
    }

    /// The active view, in the order in which they came.
    pub(in crate::peers) fn active(&self) -> &[Neighbour] {
        &self.active
    }

    /// The passive view.
    pub(in crate::peers) const fn passive(&self) -> &Passive {
        &self.passive
    }

    pub(super) const fn passive_mut(&mut self) -> &mut Passive {
        &mut self.passive
    }

    /// A neighbour.
    pub(in crate::peers) fn get(&self, link: Link) -> Option<&Neighbour> {
        self.active.iter().find(|neighbour| neighbour.link == link)
    }

    pub(super) fn get_mut(&mut self, link: Link) -> Option<&mut Neighbour> {
        self.active.iter_mut().find(|neighbour| neighbour.link == link)
    }

    /// A neighbour comes in. If there was no room, somebody else goes for it and is returned; its address is kept.
    pub(super) fn enter(
        &mut self,
        neighbour: Neighbour,
        params: &HyparviewParams,
        rng: &mut dyn Rng,
    ) -> Option<Neighbour> {
        if let Some(addr) = neighbour.addr {
            self.passive.remove(addr);
        }
        let full = self.active.len() >= params.active_view;
        let goes = full.then(|| self.who_makes_room(&neighbour, params, rng)).flatten();
        let gone = goes.map(|place| self.active.remove(place));
        self.active.push(neighbour);
        if let Some(gone) = &gone {
            self.keep(gone, params, rng);
        }
        gone
    }

    /// A neighbour is none any more, and its address is forgotten.
    pub(super) fn leave(&mut self, link: Link) -> Option<Neighbour> {
        let place = self.active.iter().position(|neighbour| neighbour.link == link)?;
        Some(self.active.remove(place))
    }

    /// The address of somebody who was a neighbour and lives, or didn't want to be one, is kept. That we had chosen it says
    /// nothing for it any more.
    pub(super) fn keep(&mut self, gone: &Neighbour, params: &HyparviewParams, rng: &mut dyn Rng) {
        if let Some(addr) = gone.addr {
            self.note(addr, Teller::Asker(gone.source), &[], params, rng);
        }
    }

    /// An address that we heard of is kept, in the place of one of `sent` or another one if need be.
    pub(super) fn note(
        &mut self,
        addr: PeerAddr,
        teller: Teller,
        sent: &[PeerAddr],
        params: &HyparviewParams,
        rng: &mut dyn Rng,
    ) {
        let is_active = self.active.iter().any(|neighbour| neighbour.addr == Some(addr));
        if self.own != Some(addr) && !is_active {
            self.passive.insert(addr, teller, sent, params.passive_view, rng);
        }
    }

    /// A random neighbour but this one.
    pub(super) fn other(&self, but: Option<Link>, rng: &mut dyn Rng) -> Option<Link> {
        let others = || self.active.iter().filter(|neighbour| Some(neighbour.link) != but);
        let count = others().count();
        let nth = (count > 0).then(|| rng.random_range(0..count))?;
        others().nth(nth).map(|neighbour| neighbour.link)
    }

    /// What is told in a shuffle to a neighbour: our own address, and some of both views, but not its own.
    pub(super) fn shuffled(
        &self,
        to: Link,
        params: &HyparviewParams,
        rng: &mut dyn Rng,
    ) -> Vec<PeerAddr> {
        let others = self.active.iter().filter(|neighbour| neighbour.link != to);
        let mut active: Vec<PeerAddr> = others.filter_map(|neighbour| neighbour.addr).collect();
        while active.len() > params.shuffle_active {
            active.swap_remove(rng.random_range(0..active.len()));
        }
        let passive = self.passive.sample(params.shuffle_passive, rng);
        self.own.into_iter().chain(active).chain(passive).collect()
    }

    /// Checks what holds of both views.
    pub(super) fn check(&self, params: &HyparviewParams) {
        let (active, passive) = (self.active.len(), self.passive.len());
        assert!(active <= params.active_view, "{active} neighbours");
        assert!(passive <= params.passive_view, "{passive} in the passive view");
        let addrs = self.active.iter().filter_map(|neighbour| neighbour.addr);
        for addr in addrs {
            assert!(!self.passive.contains(addr), "{addr} is in both views");
        }
        let own = self.own.is_some_and(|own| self.passive.contains(own));
        assert!(!own, "our own address is in the passive view");
    }

    /// The place of whoever goes when somebody comes into a full view; `None` of an empty one.
    fn who_makes_room(
        &self,
        newcomer: &Neighbour,
        params: &HyparviewParams,
        rng: &mut dyn Rng,
    ) -> Option<usize> {
        let askers = self.active.iter().filter(|neighbour| !neighbour.is_chosen).count();
        let among_askers = !newcomer.is_chosen && askers >= params.active_view.div_ceil(2);
        let may_go = |neighbour: &Neighbour| !(among_askers && neighbour.is_chosen);
        let count = if among_askers { askers } else { self.active.len() };
        let nth = (count > 0).then(|| rng.random_range(0..count))?;
        let places = self.active.iter().enumerate().filter(|(_, neighbour)| may_go(neighbour));
        places.map(|(place, _)| place).nth(nth)
    }
}

#[cfg(test)]
mod tests;
