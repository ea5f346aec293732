//! When blocks are announced: at once, and together with others where they come close upon one another.
//!
//! Blocks don't wait for budgets or trickles, and are few. Where they cost nothing they may come by the thousand a second,
//! from whoever has one link; and announced one at a time they would fill all that our peers take of
//! messages, who would slow us for what others sent. So after an announcement of a block the next one waits until `GAP` has
//! passed, and all that has come by then leaves in one message for each link.

use std::collections::VecDeque;
use std::time::Duration;

use crate::ground::item::ItemId;
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::machine::{Cx, Part};
use crate::params::Params;

/// The time between announcements of blocks: a hundred messages a second at most, a twentieth of what a link takes by default. A
/// guess.
const GAP: Duration = Duration::from_millis(10);

/// Most blocks that wait for a link; over it the oldest is announced to it by nobody but a comparison. As many as a
/// peer remembers (`requests.blocks_announced_max`).
const WAITING_MAX: usize = 200;

/// The blocks that wait to be announced. Eight bytes until there is a block: every wake-up of a node asks when they are due.
#[derive(Clone, Debug, Default)]
pub struct BlockNews(Option<Box<Told>>);

#[derive(Clone, Debug)]
struct Told {
    /// What was announced last, and when.
    last: (Time, ItemId),
    /// Never an empty one.
    waiting: Vec<(Link, VecDeque<ItemId>)>,
}

impl BlockNews {
    /// Whether blocks may be announced at a moment, of which this is the last; then they are. The same to other links in the same
    /// moment is no other announcement. Whatever waits comes first.
    pub fn try_tell(&mut self, id: ItemId, now: Time) -> bool {
        let Some(told) = &mut self.0 else {
            self.0 = Some(Box::new(Told { last: (now, id), waiting: Vec::new() }));
            return true;
        };
        let may_follow = told.last == (now, id) || now >= told.last.0 + GAP;
        let may = told.waiting.is_empty() && may_follow;
        if may {
            told.last = (now, id);
        }
        may
    }

    /// A block waits until it may be announced to a link, since [`Self::try_tell`] said no.
    pub fn wait(&mut self, link: Link, id: ItemId) {
        let Some(Told { waiting, .. }) = self.0.as_deref_mut() else { return };
        let place = waiting.iter().position(|(other, _)| *other == link);
        let place = place.unwrap_or_else(|| {
            waiting.push((link, VecDeque::new()));
            waiting.len() - 1
        });
        let (_, ids) = &mut waiting[place];
        if !ids.contains(&id) {
            if ids.len() >= WAITING_MAX {
                ids.pop_front();
            }
            ids.push_back(id);
        }
    }

    /// All that waits, in the order in which links began to: it is announced now.
    pub fn take(&mut self, now: Time) -> Vec<(Link, VecDeque<ItemId>)> {
        let Some(told) = &mut self.0 else { return Vec::new() };
        told.last.0 = now;
        std::mem::take(&mut told.waiting)
    }
}

impl Part for BlockNews {
    fn on_link_down(&mut self, link: Link, _cx: &mut Cx<'_>) {
        if let Some(told) = &mut self.0 {
            told.waiting.retain(|(other, _)| *other != link);
        }
    }

    fn deadline(&self) -> Time {
        let waits = self.0.as_ref().filter(|told| !told.waiting.is_empty());
        waits.map_or(Time::NEVER, |told| told.last.0 + GAP)
    }

    fn keeps(&self, link: Link) -> bool {
        self.0.iter().flat_map(|told| &told.waiting).any(|(other, _)| *other == link)
    }

    fn check(&self, _params: &Params) {
        for (link, ids) in self.0.iter().flat_map(|told| &told.waiting) {
            let waiting = ids.len();
            assert!((1..=WAITING_MAX).contains(&waiting), "blocks for {link}: {waiting}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::item::{Hash256, ItemKind};

    fn block(n: usize) -> ItemId {
        ItemId::new(ItemKind::Block, Hash256::of(&n.to_le_bytes()))
    }

    #[test]
    fn the_first_is_told_at_once_and_those_that_follow_closely_together() {
        let (mut news, link) = (BlockNews::default(), Link::new(0, 1));
        let began = Time::from_millis(7);
        assert!((0..9).all(|_| news.try_tell(block(0), began)), "to all links");
        assert_eq!(news.deadline(), Time::NEVER);
        assert!(!news.try_tell(block(1), began) && !news.try_tell(block(1), began + GAP / 2));
        [1, 2, 1].into_iter().for_each(|n| news.wait(link, block(n)));
        assert_eq!(news.deadline(), began + GAP);
        assert!(!news.try_tell(block(3), began + GAP), "others wait");
        assert_eq!(news.take(began + GAP), [(link, VecDeque::from([block(1), block(2)]))]);
        assert_eq!(news.deadline(), Time::NEVER);
        assert!(!news.try_tell(block(3), began + GAP) && news.try_tell(block(3), began + 2 * GAP));
    }

    #[test]
    fn what_waits_is_bounded_and_the_latest_stay() {
        let (mut news, link) = (BlockNews::default(), Link::new(0, 1));
        assert!(news.try_tell(block(0), Time::ZERO));
        (0..2 * WAITING_MAX).for_each(|n| news.wait(link, block(n)));
        news.check(&Params::default());
        assert_eq!(news.take(Time::ZERO)[0].1.back(), Some(&block(2 * WAITING_MAX - 1)));
    }
}
