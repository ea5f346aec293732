//! Where members are ([`coordinates`](crate::membership::coordinates)).
//!
//! The round trips of our pings move our own coordinate. Pings and answers bring those of others, of whom we remember the latest, as Serf
//! does. (As keys of their states they would spread in seconds, but each moves a little with each ping: a fleet would speak of nothing else.) So
//! after a round of pings, n seconds, the round trip between any two can be told without asking either.
//!
//! *Bounds and attacks*: [`coordinates_max`](super::Riding::coordinates_max) are remembered, and of more others give way. Whoever forges its
//! coordinate is bounded by what [`coordinates`](crate::membership::coordinates) takes; it is heard for itself alone, from where it is
//! known to be.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::Rng;

use super::super::coordinates::{Coordinate, Vivaldi};
use super::super::member_id::MemberId;
use super::super::packet::Part;
use super::{Membership, Riding};

/// Our coordinate, and those of others.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    ours: Option<Box<Vivaldi>>,
    others: BTreeMap<MemberId, Coordinate>,
}

impl Places {
    pub(super) fn new(riding: &Riding) -> Self {
        let ours = (riding.coordinates_max > 0).then(Box::default);
        Self { ours, others: BTreeMap::new() }
    }

    fn own(&self) -> Option<&Coordinate> {
        self.ours.as_ref().map(|ours| ours.coordinate())
    }

    /// What pings and answers say of ours.
    pub(super) fn told(&self) -> Option<Part> {
        self.own().map(|ours| ours.as_told().into())
    }

    pub(super) fn note(&mut self, id: MemberId, coordinate: &Coordinate, riding: &Riding) {
        if riding.coordinates_max == 0 {
            return;
        }
        if !self.others.contains_key(&id) && self.others.len() >= riding.coordinates_max {
            // Any: the next by number.
            let next = self.others.range(id..).next().or_else(|| self.others.first_key_value());
            let next = next.map(|(id, _)| *id);
            next.map(|next| self.others.remove(&next));
        }
        self.others.insert(id, coordinate.clone());
    }

    /// A member answered after a while. What can't be a round trip is none.
    pub(super) fn measure(&mut self, id: MemberId, rtt: Duration, rng: &mut dyn Rng) {
        if let (Some(ours), Some(theirs)) = (&mut self.ours, self.others.get(&id)) {
            let _ = ours.update(id, theirs, rtt, rng);
        }
    }

    pub(super) fn forget(&mut self, id: MemberId) {
        self.others.remove(&id);
        if let Some(ours) = &mut self.ours {
            ours.forget(id);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.others.len()
    }
}

impl Membership {
    /// Where a member is, as far as it told us. We ourselves, too.
    #[must_use]
    pub fn coordinate(&self, id: MemberId) -> Option<&Coordinate> {
        if id == self.id { self.places.own() } else { self.places.others.get(&id) }
    }

    /// The round trip between any two, estimated from their coordinates. `None` if one of them isn't known.
    #[must_use]
    pub fn rtt(&self, one: MemberId, other: MemberId) -> Option<Duration> {
        Some(self.coordinate(one)?.distance(self.coordinate(other)?))
    }
}
