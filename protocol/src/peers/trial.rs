//! A few inbound places for newcomers whose networks nobody is of, when nobody gives way to them any more.
//!
//! # Why
//! Whoever has addresses in as many networks as there are places holds one in each. By the rules of `eviction.rs` the places
//! are shared out then as evenly as can be, and nobody gives way, for as long as he likes. Nothing tells an honest network from one of his,
//! but that he uses his again and again, and a newcomer comes for the first time.
//!
//! # Rules
//! 1. Of the inbound places one in [`PART`] is for *trials*. While all others are taken, a newcomer to whom nobody gives way
//!    gets one, if no inbound link is of its network, and its network had no trial within a day ([`Recent`]).
//! 2. If those are taken too, the oldest trial ends, which isn't held against its peer.
//! 3. A trial becomes a link as all others when one of the other places is free, the oldest first.
//!
//! *Attack:* whoever has N networks ends N trials a day, and no other link: what stands elsewhere isn't touched by them. So who has
//! hundreds uses them up within seconds, and then trials last; who has more than [`NETWORKS_MAX`] may come again in each, and so
//! end trials without end. Then a newcomer is linked for as long as it takes him to come a few times, which is enough to ask for addresses.

use crate::ground::link::Link;
use crate::ground::map::Salt;
use crate::ground::time::Time;

use super::recent::Recent;

/// One inbound place in so many is for trials. A guess: three of 117, and none where places are few and for those who know them.
const PART: usize = 32;

/// Networks whose trials are remembered; over it the oldest are forgotten. A guess: 100 KB, at a node that strangers filled from so many.
const NETWORKS_MAX: usize = 4_096;

/// How many of so many inbound places are for trials.
pub(super) const fn places(inbound_max: usize) -> usize {
    inbound_max / PART
}

/// Who is on trial, and whose network was.
#[derive(Clone, Debug)]
pub(super) struct Trials {
    had: Recent<u32, NETWORKS_MAX>,
    /// The oldest first; at most [`places`].
    links: Vec<Link>,
}

impl Trials {
    /// Nobody was on trial yet.
    pub(super) const fn new(salt: Salt) -> Self {
        Self { had: Recent::new(salt), links: Vec::new() }
    }

    /// Links on trial.
    pub(super) fn links(&self) -> &[Link] {
        &self.links
    }

    /// A link is gone.
    pub(super) fn forget(&mut self, link: Link) {
        self.links.retain(|other| *other != link);
    }

    /// So many of the other places are free: as many trials are over.
    pub(super) fn settle(&mut self, free: usize) {
        self.links.drain(..free.min(self.links.len()));
    }

    /// Whether a network had its turn.
    pub(super) fn had(&self, network: u32, now: Time) -> bool {
        self.had.contains(&network, now)
    }

    /// A newcomer of a network is on trial from now on.
    pub(super) fn begin(&mut self, link: Link, network: u32, now: Time) {
        self.had.insert(network, now);
        self.links.push(link);
    }
}
