//! Shuffles that are under way: by which link each came, and by which it went on, so that its answer finds the way back.
//!
//! The paper has the end of the walk open a connection to the beginning for its answer. Here that would cost a handshake for eight
//! addresses, and whoever forges a shuffle could have anybody dialled by anybody. An answer that goes back by the links of
//! the walk reaches only who asked, and one that nobody waits for is ignored.
//!
//! At most [`WALKS_MAX`] are remembered; over it the oldest are forgotten, and their answers are ignored.

use std::collections::VecDeque;

use crate::ground::link::Link;
use crate::ground::peer::PeerAddr;

/// Most shuffles that are remembered. A guess: with the default views a node passes on one in ten seconds, and an answer takes a second.
pub(super) const WALKS_MAX: usize = 64;

/// Where an answer belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Back {
    /// Us, who told these.
    Here(Box<[PeerAddr]>),
    /// Whoever is behind this link.
    By(Link),
}

/// Shuffles under way. See the [module](self).
#[derive(Clone, Debug, Default)]
pub(super) struct Walks(VecDeque<Walk>);

#[derive(Clone, Debug)]
struct Walk {
    number: u32,
    to: Link,
    back: Back,
}

impl Walks {
    /// A shuffle goes on by a link.
    pub(super) fn push(&mut self, number: u32, to: Link, back: Back) {
        if self.0.len() >= WALKS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Walk { number, to, back });
    }

    /// The answer to a shuffle came by a link: whose it is. It comes once.
    pub(super) fn take(&mut self, number: u32, by: Link) -> Option<Back> {
        let place = self.0.iter().position(|walk| walk.number == number && walk.to == by)?;
        self.0.remove(place).map(|walk| walk.back)
    }

    /// A link is gone.
    pub(super) fn forget(&mut self, link: Link) {
        self.0.retain(|walk| walk.to != link && walk.back != Back::By(link));
    }

    /// Whether anything of a link is remembered.
    pub(super) fn keeps(&self, link: Link) -> bool {
        self.0.iter().any(|walk| walk.to == link || walk.back == Back::By(link))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(slot: u32) -> Link {
        Link::new(slot, 1)
    }

    #[test]
    fn an_answer_goes_where_its_shuffle_came_from_and_only_once() {
        let mut walks = Walks::default();
        walks.push(7, link(2), Back::By(link(1)));
        assert_eq!(walks.take(7, link(3)), None, "from whoever wasn't asked");
        assert_eq!(walks.take(8, link(2)), None, "to what nobody asked");
        assert_eq!(walks.take(7, link(2)), Some(Back::By(link(1))));
        assert_eq!(walks.take(7, link(2)), None, "twice");
    }

    #[test]
    fn the_oldest_are_forgotten_and_so_is_what_came_by_a_link_that_is_gone() {
        let mut walks = Walks::default();
        for number in 0..1_000 {
            walks.push(number, link(2), Back::By(link(number % 2)));
        }
        assert_eq!(walks.len(), WALKS_MAX);
        assert_eq!(walks.take(0, link(2)), None);
        walks.forget(link(0));
        assert_eq!(walks.len(), WALKS_MAX / 2);
        walks.forget(link(2));
        assert!(!walks.keeps(link(2)) && walks.len() == 0);
    }
}
