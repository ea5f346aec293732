//! Our own items: sent so that they look like relayed ones.
//!
//! An item that leaves its origin whole on all links at once is marked: a peer who has it before anybody
//! else, or whole over a link that otherwise brings ids, knows where it began. So an own item goes whole
//! to a few *first hops* only, and the others are told by the next lazy batch (never by a prompt one, which
//! would soon give it away); or as soon as there is an *echo*, the first word of the item from another
//! peer: then it is spread as if it had just come from there.
//!
//! First hops are the outbound links that are up for longest, and after them inbound ones that stand for long: of all others
//! the node hides an own item for a time ([`crate::relay::embargo`]). We chose those peers; an attacker can't
//! become one by dialling us, nor by what he says about items; and they stay the same, so that the others
//! don't see more of our items with time (Dandelion++ keeps its stems for an epoch for the same
//! reason: Fanti et al. 2018).
//!
//! *Bound*: first hops that keep an item to themselves delay it by one lazy batch.

use std::collections::VecDeque;

use crate::ground::item::{ItemId, ShortId};
use crate::ground::link::{Direction, LinkSet};
use crate::relay::Overlay;

/// Most own items that wait for an echo; over it the oldest joins what waits for the links. A guess: 60
/// submissions a second.
const OWN_MAX: usize = 64;

/// Own items that nobody else has spoken of yet, at most [`OWN_MAX`].
#[derive(Clone, Debug, Default)]
pub(super) struct Own(VecDeque<ItemId>);

impl Own {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// An item was submitted to us. Returns one that can't wait any more, for want of room.
    pub(super) fn on_submitted(&mut self, id: ItemId) -> Option<ItemId> {
        self.0.push_back(id);
        if self.0.len() > OWN_MAX { self.0.pop_front() } else { None }
    }

    /// Nobody has spoken of these: they wait no longer.
    pub(super) fn take(&mut self) -> VecDeque<ItemId> {
        std::mem::take(&mut self.0)
    }

    /// A peer spoke of an item: its whole id, if it is an own one that nobody spoke of before.
    pub(super) fn take_echo(&mut self, id: ShortId) -> Option<ItemId> {
        let place = self.0.iter().position(|own| ShortId::from(own) == id)?;
        let own = self.0.remove(place);
        if self.0.is_empty() {
            self.0 = VecDeque::new();
        }
        own
    }
}

/// The links that get own items whole: outbound ones, if there are enough.
pub(super) fn first_hops(overlay: &dyn Overlay, most: usize) -> LinkSet {
    let of = |direction| overlay.neighbours().filter(move |n| n.direction == direction);
    let mut hops = LinkSet::default();
    for neighbour in of(Direction::Outbound).chain(of(Direction::Inbound)).take(most) {
        hops.insert(neighbour.link);
    }
    hops
}
