//! What peers have and needn't be sent: IDONTWANT.
//!
//! It comes before the item itself does, or is of no use; so little of it is kept, and for a short time.

use std::time::Duration;

use crate::ground::backlog::Backlog;
use crate::ground::item::ShortId;
use crate::ground::link::{Link, LinkSet, LinkTable};
use crate::ground::time::Time;

/// For how long it is kept (rust-libp2p's `IDONTWANT_TIMEOUT`).
pub(super) const KEPT: Duration = Duration::from_secs(3);

/// Most ids that are kept of a link; over it the oldest are forgotten. A guess: half a second at 500 a second. (There it is
/// `IDONTWANT_CAP`, 10,000.)
pub(super) const UNWANTED_MAX: usize = 256;

/// What each link's peer needn't be sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Unwanted(LinkTable<Backlog<(ShortId, Time)>>);

impl Unwanted {
    /// A peer has these.
    pub(super) fn note(&mut self, link: Link, ids: &[ShortId], now: Time) {
        if self.0.get(link).is_none() {
            self.0.insert(link, Backlog::default());
        }
        let Some(unwanted) = self.0.get_mut(link) else { return };
        for id in &ids[ids.len().saturating_sub(UNWANTED_MAX)..] {
            if unwanted.len() >= UNWANTED_MAX {
                unwanted.pop_front();
            }
            unwanted.push_back((*id, now));
        }
    }

    /// An item is here: who said that it needn't be sent. Nothing is kept of it any more.
    pub(super) fn take(&mut self, id: ShortId) -> LinkSet {
        let mut links = LinkSet::default();
        for (link, unwanted) in self.0.iter_mut() {
            let before = unwanted.len();
            unwanted.retain(|(held, _)| *held != id);
            if unwanted.len() < before {
                links.insert(link);
            }
        }
        links
    }

    /// Time passed.
    pub(super) fn expire(&mut self, now: Time) {
        for (_, unwanted) in self.0.iter_mut() {
            unwanted.retain(|(_, at)| now.since(*at) < KEPT);
        }
    }

    /// Whether nothing is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|(_, unwanted)| unwanted.len() == 0)
    }

    /// A link is gone.
    pub(super) fn on_link_down(&mut self, link: Link) {
        self.0.remove(link);
    }

    /// Whether anything is kept of a link.
    pub(super) fn keeps(&self, link: Link) -> bool {
        self.0.get(link).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> ShortId {
        ShortId((n as u64).to_be_bytes())
    }

    #[test]
    fn an_item_is_unwanted_by_whoever_said_so_until_it_comes_or_for_a_while() {
        let mut unwanted = Unwanted::default();
        let links = [0, 1].map(|slot| Link::new(slot, 1));
        unwanted.note(links[0], &[id(1), id(2)], Time::ZERO);
        unwanted.note(links[1], &[id(2)], Time::from_millis(1));
        let of = unwanted.take(id(1));
        assert_eq!(links.map(|link| of.contains(link)), [true, false]);
        assert!(unwanted.take(id(1)).is_empty());
        unwanted.expire(Time::ZERO + KEPT);
        let of = unwanted.take(id(2));
        assert_eq!(links.map(|link| of.contains(link)), [false, true]);
        assert!(unwanted.is_empty());
    }

    #[test]
    fn of_too_much_the_latest_is_kept() {
        let (mut unwanted, link) = (Unwanted::default(), Link::new(0, 1));
        let ids: Vec<_> = (0..1_000).map(id).collect();
        unwanted.note(link, &ids, Time::ZERO);
        unwanted.note(link, &[id(1_000)], Time::ZERO);
        let kept = (0..=1_000).filter(|n| unwanted.take(id(*n)).contains(link)).count();
        assert_eq!(kept, UNWANTED_MAX);
        unwanted.note(link, &[id(1)], Time::ZERO);
        unwanted.on_link_down(link);
        assert!(!unwanted.keeps(link));
    }
}
