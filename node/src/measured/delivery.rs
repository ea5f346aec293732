//! How long a transaction takes from when a peer first told of it (or sent it, whichever was first) to when it is accepted.
//!
//! That contains waiting to be asked for, timeouts of peers that don't answer, the way here, and verification. One transaction
//! in `ONE_IN` is measured, by its id, and at most one for each of `PLACES` places at a time: eight peers tell of each item, and
//! a look at a few bits is all that this may cost. A peer that tells of items that don't exist takes places for `KEPT`
//! each; then less is measured, and what is stays right.

use std::time::Duration;

use metrics::Histogram;
use tidings_protocol::ground::item::{ItemKind, ShortId};
use tidings_protocol::wire::message::{Items, Names};
use tokio::time::Instant;

/// One in so many is measured. A power of two. A guess.
const ONE_IN: u64 = 8;

/// How many may be under way. A power of two; 16 KiB, once there is something to measure. A guess.
const PLACES: usize = 512;

/// How long a place is kept for one that doesn't come. A guess: longer than any that comes takes.
const KEPT: Duration = Duration::from_secs(60);

/// One that was heard of.
#[derive(Clone, Copy, Debug)]
struct Place {
    id: ShortId,
    heard: Instant,
    /// It was accepted: others that tell of it are late.
    done: bool,
}

/// Delays of delivery.
#[derive(Debug)]
pub(super) struct Delivery {
    /// Empty until something is heard of.
    places: Vec<Option<Place>>,
    took: Histogram,
}

/// The place of a transaction, if it is one of those that are measured.
fn place_of(id: ShortId) -> Option<usize> {
    let bits = u64::from_le_bytes(id.0);
    let place = (bits / ONE_IN % PLACES as u64) as usize;
    bits.is_multiple_of(ONE_IN).then_some(place)
}

impl Delivery {
    /// Records delays.
    pub(super) const fn new(took: Histogram) -> Self {
        Self { places: Vec::new(), took }
    }

    /// A peer tells of items, or sends one.
    pub(super) fn heard(&mut self, items: &Items, now: Instant) {
        match items {
            Items::Announce(Names::Short(ids)) => ids.iter().for_each(|id| self.note(*id, now)),
            Items::Announce(Names::Whole { kind: ItemKind::Tx, ids }) => {
                ids.iter().for_each(|id| self.note((*id).into(), now));
            }
            Items::Item(item) if item.kind() == ItemKind::Tx => self.note(item.id().into(), now),
            _ => {}
        }
    }

    fn note(&mut self, id: ShortId, now: Instant) {
        let Some(place) = place_of(id) else { return };
        if self.places.is_empty() {
            self.places.resize(PLACES, None);
        }
        let place = &mut self.places[place];
        let is_free = place.is_none_or(|place| {
            place.id != id && (place.done || now.duration_since(place.heard) >= KEPT)
        });
        if is_free {
            *place = Some(Place { id, heard: now, done: false });
        }
    }

    /// A transaction that a peer brought was accepted.
    pub(super) fn accepted(&mut self, id: ShortId, now: Instant) {
        let Some(place) = place_of(id).and_then(|place| self.places.get_mut(place)) else { return };
        if let Some(place) = place
            && place.id == id
            && !place.done
        {
            place.done = true;
            self.took.record(now.duration_since(place.heard));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::measured::histogram::Buckets;

    fn delivery() -> (Delivery, Arc<Buckets>) {
        let took = Arc::new(Buckets::default());
        (Delivery::new(Histogram::from_arc(Arc::clone(&took))), took)
    }

    /// The number of a transaction at a place that is measured.
    fn id(number: u64, place: u64) -> ShortId {
        ShortId(((number * PLACES as u64 + place) * ONE_IN).to_le_bytes())
    }

    fn announce(id: ShortId) -> Items {
        Items::Announce(Names::Short([id].into()))
    }

    #[test]
    fn the_first_to_tell_of_it_counts_and_later_ones_do_not() {
        let ((mut delivery, took), start) = (delivery(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        delivery.heard(&announce(id(1, 3)), at(0));
        delivery.heard(&announce(id(1, 3)), at(30));
        delivery.accepted(id(1, 3), at(70));
        delivery.heard(&announce(id(1, 3)), at(80));
        delivery.accepted(id(1, 3), at(90));
        assert_eq!((took.count(), took.sum()), (1, 0.07));
    }

    #[test]
    fn what_nobody_told_of_is_not_measured() {
        let (mut delivery, took) = delivery();
        delivery.accepted(id(1, 3), Instant::now());
        delivery.heard(&announce(ShortId(9_u64.to_le_bytes())), Instant::now());
        assert_eq!((took.count(), delivery.places.len()), (0, 0));
    }

    #[test]
    fn a_place_is_taken_by_one_until_that_has_come_or_its_time_is_up() {
        let ((mut delivery, took), start) = (delivery(), Instant::now());
        delivery.heard(&announce(id(1, 3)), start);
        delivery.heard(&announce(id(2, 3)), start);
        delivery.accepted(id(2, 3), start);
        assert_eq!(took.count(), 0);
        delivery.heard(&announce(id(2, 3)), start + KEPT);
        delivery.accepted(id(2, 3), start + KEPT);
        delivery.heard(&announce(id(4, 3)), start + KEPT);
        delivery.accepted(id(4, 3), start + KEPT);
        assert_eq!(took.count(), 2);
        assert_eq!(delivery.places.len(), PLACES);
    }
}
