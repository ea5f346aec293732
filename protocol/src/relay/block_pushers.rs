//! Who sends blocks unasked, to us and by us.
//!
//! A block that is sent as soon as it is there saves the announcement and the request: a round trip for each hop. From all
//! neighbours it would come as often as there are links. So a few are asked to, those that were last to bring a block first, and
//! the others announce (BIP 152, high-bandwidth mode; Bitcoin Core: `MaybeSetPeerAsAnnouncingHeaderAndIDs`,
//! `net_processing.cpp`).
//!
//! *Attack:* whoever is fastest for a while is asked, and may then be silent. So one of those asked is always a peer that we
//! dialled, if any of those ever was; and who was asked first makes room for whoever is faster.

use crate::ground::link::{Direction, Link};
use crate::machine::{Cx, Part};
use crate::params::Params;

/// Both sides of it.
#[derive(Clone, Debug, Default)]
pub struct BlockPushers {
    /// Whom we asked, the latest to bring a block last.
    chosen: Vec<(Link, Direction)>,
    /// Who asked us.
    asked_by: Vec<Link>,
}

/// What is to be said to two peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// It is to push from now on.
    pub asked: Option<Link>,
    /// It isn't to any more.
    pub released: Option<Link>,
}

impl BlockPushers {
    /// A peer was the first to bring a block: it is to push, one of at most so many.
    pub fn on_brought(&mut self, link: Link, direction: Direction, most: usize) -> Choice {
        if most == 0 {
            return Choice::default();
        }
        if let Some(place) = self.chosen.iter().position(|(other, _)| *other == link) {
            let again = self.chosen.remove(place);
            self.chosen.push(again);
            return Choice::default();
        }
        let asked = Some(link);
        if self.chosen.len() < most {
            self.chosen.push((link, direction));
            return Choice { asked, released: None };
        }
        let is_ours = |direction| direction == Direction::Outbound;
        let ours = self.chosen.iter().filter(|(_, direction)| is_ours(*direction)).count();
        let is_last_of_ours = ours == 1 && !is_ours(direction);
        let may_go = |(_, direction): &(Link, Direction)| !is_last_of_ours || !is_ours(*direction);
        let Some(place) = self.chosen.iter().position(may_go) else { return Choice::default() };
        let (released, _) = self.chosen.remove(place);
        self.chosen.push((link, direction));
        Choice { asked, released: Some(released) }
    }

    /// Nobody needs to push any more. Returns who was asked to.
    pub fn release(&mut self) -> Vec<Link> {
        std::mem::take(&mut self.chosen).into_iter().map(|(link, _)| link).collect()
    }

    /// Whether we asked a peer to push.
    #[must_use]
    pub fn is_chosen(&self, link: Link) -> bool {
        self.chosen.iter().any(|(other, _)| *other == link)
    }

    /// A peer asks to be pushed to, or not any more.
    pub fn on_prefer(&mut self, link: Link, wanted: bool) {
        self.asked_by.retain(|other| *other != link);
        if wanted {
            self.asked_by.push(link);
        }
    }

    /// Who asked to be pushed to, in that order.
    #[must_use]
    pub fn asked_by(&self) -> &[Link] {
        &self.asked_by
    }
}

impl Part for BlockPushers {
    fn on_link_down(&mut self, link: Link, _cx: &mut Cx<'_>) {
        self.chosen.retain(|(other, _)| *other != link);
        self.asked_by.retain(|other| *other != link);
    }

    fn keeps(&self, link: Link) -> bool {
        self.is_chosen(link) || self.asked_by.contains(&link)
    }

    fn check(&self, params: &Params) {
        let (chosen, most) = (self.chosen.len(), params.blocks.pushers);
        assert!(chosen <= most, "{chosen} peers of {most} that push blocks");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(n: u32) -> Link {
        Link::new(n, 1)
    }

    /// The slots of who is asked and who is released.
    fn brings(pushers: &mut BlockPushers, n: u32, direction: Direction) -> [Option<u32>; 2] {
        let Choice { asked, released } = pushers.on_brought(link(n), direction, 3);
        [asked, released].map(|link| link.map(|link| u32::try_from(link.slot()).unwrap()))
    }

    #[test]
    fn the_three_that_brought_the_last_blocks_push() {
        let mut pushers = BlockPushers::default();
        for n in 0..3 {
            assert_eq!(brings(&mut pushers, n, Direction::Outbound), [Some(n), None]);
        }
        assert_eq!(brings(&mut pushers, 0, Direction::Outbound), [None, None], "it does already");
        assert_eq!(brings(&mut pushers, 3, Direction::Outbound), [Some(3), Some(1)]);
        assert!(pushers.is_chosen(link(0)) && !pushers.is_chosen(link(1)));
    }

    #[test]
    fn those_who_dialled_us_never_take_the_last_place_of_those_whom_we_dialled() {
        let mut pushers = BlockPushers::default();
        assert_eq!(brings(&mut pushers, 0, Direction::Outbound), [Some(0), None]);
        let taken: Vec<_> =
            (1..9).filter_map(|n| brings(&mut pushers, n, Direction::Inbound)[1]).collect();
        assert_eq!(taken, [1, 2, 3, 4, 5, 6]);
        assert!(pushers.is_chosen(link(0)));
        let one = pushers.on_brought(link(9), Direction::Inbound, 1);
        assert!(one.released.is_some(), "more were asked than may be");
    }

    #[test]
    fn where_one_may_push_it_is_one_that_we_dialled_if_any_was() {
        let mut pushers = BlockPushers::default();
        let mut brings = |n, direction| pushers.on_brought(link(n), direction, 1);
        let choice = |asked, released| Choice { asked, released };
        assert_eq!(brings(0, Direction::Inbound), choice(Some(link(0)), None));
        assert_eq!(brings(1, Direction::Outbound), choice(Some(link(1)), Some(link(0))));
        assert_eq!(brings(2, Direction::Inbound), Choice::default());
        assert_eq!(brings(3, Direction::Outbound), choice(Some(link(3)), Some(link(1))));
    }

    #[test]
    fn who_asked_to_be_pushed_to_is_until_it_says_otherwise() {
        let mut pushers = BlockPushers::default();
        [0, 1, 0].into_iter().for_each(|n| pushers.on_prefer(link(n), true));
        assert_eq!(pushers.asked_by(), [link(1), link(0)]);
        pushers.on_prefer(link(1), false);
        assert_eq!(pushers.asked_by(), [link(0)]);
    }
}
