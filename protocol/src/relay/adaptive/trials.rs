//! Trials: items by which the odds are learned.
//!
//! One item in [`ONE_IN`] is a *trial*, on a new link every one, and who gets a copy of it that comes second says
//! so. Those who get ids only can tell too: a peer says of a trial when our id was ahead of the copy that
//! came. That teaches something wherever the id didn't wait for the lazy batch; so that it teaches
//! everywhere, one item in [`TOLD_ONE_IN`] (on a young link in [`TOLD_YOUNG_ONE_IN`]) is told promptly to all. After
//! [`VERDICT`] silence is an answer: who got the item whole had it first from us, who got its id didn't.
//!
//! Which items are trials is told by their ids, so that both ends of a link choose the same; how many a
//! link has seen since it came up they know alike, but for a few.

use std::collections::VecDeque;
use std::time::Duration;

use super::LAZY;
use crate::ground::item::ShortId;
use crate::ground::link::{Link, LinkSet};
use crate::ground::time::Time;

/// One item in so many is a trial. Measured: learning from every one costs more feedback and
/// makes nothing faster.
const ONE_IN: u8 = 4;

/// One item in so many is told promptly to all. Measured: one in 16 makes `lean` send a seventh more messages
/// than one in 32, and neither faster nor cheaper.
const TOLD_ONE_IN: u8 = 32;

/// The same on a [young](YOUNG) link. Measured: with one in 4 `balanced` sends a tenth more messages in its first minute, and is no
/// faster; with one in 32 `lean` has a t99 that is 6 % higher after 800 items (regions, three seeds).
const TOLD_YOUNG_ONE_IN: u8 = 16;

/// For so many items a link is new: every one is a trial. A guess: as many misses as `fast` needs to give a
/// peer ids only.
pub(super) const NEW: u32 = 16;

/// The first item on a link that is a trial for being so. The very first isn't: a message of feedback for each of its
/// copies costs more than it teaches. Measured: one item in a network of 110,000 new nodes takes 2.5 CPU s, not 5.4.
const FIRST: u32 = 2;

/// For so many items a link is young: until its odds have settled (twice 32 trials).
const YOUNG: u32 = 256;

/// How long feedback may take: the longest that it is held, and a few of the longest round trips on Earth.
pub(super) const VERDICT: Duration = Duration::from_secs(LAZY.as_secs() + 2);

/// Most trials under way; over it the oldest gets its verdict early. A guess: 1,000 items a second.
const TRIALS_MAX: usize = 512;

/// Whether an item is a trial for those who get it whole. Who grinds ids so that his own items aren't only
/// teaches us nothing by them.
pub(super) const fn is_trial(id: ShortId) -> bool {
    is_one_in(ONE_IN, id)
}

/// Whether an item's id may not wait for the lazy batch, on a link that has seen so many items.
pub(super) const fn is_told_trial(id: ShortId, link_age: u32) -> bool {
    is_one_in(if link_age < YOUNG { TOLD_YOUNG_ONE_IN } else { TOLD_ONE_IN }, id)
}

/// Whether every item is a trial on a link that has seen so many, for those who get it whole.
pub(super) const fn is_new(link_age: u32) -> bool {
    FIRST <= link_age && link_age < NEW
}

/// Whether feedback is due for every item on a link that has seen so many; for longer than the other end
/// takes the link for new, since the two don't count quite alike, and silence counts.
pub(super) const fn is_answered(link_age: u32) -> bool {
    FIRST <= link_age && link_age < 2 * NEW
}

const fn is_one_in(count: u8, id: ShortId) -> bool {
    let [.., last] = id.0;
    last.is_multiple_of(count)
}

/// The trials under way, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Trials(VecDeque<Trial>);

/// An item of which nobody else's word has come yet from these links.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) id: ShortId,
    /// The epoch of the threshold in which it was begun.
    pub(super) epoch: u8,
    /// How many said that they had it before; of more than 255 it is 255.
    pub(super) useless: u8,
    since: Time,
    /// Whose copy counts as the first.
    pub(super) first: Option<Link>,
    /// Links that got it whole.
    pub(super) sent: LinkSet,
    /// Links that got its id.
    pub(super) told: LinkSet,
}

impl Trials {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// A trial begins: an item that came by `first` went to these links whole, and they are told of those.
    pub(super) fn begin(
        &mut self,
        id: ShortId,
        (since, first): (Time, Option<Link>),
        sent: LinkSet,
        told: LinkSet,
        epoch: u8,
    ) {
        if first.is_some() || !(sent.is_empty() && told.is_empty()) {
            self.0.push_back(Trial { id, epoch, useless: 0, since, first, sent, told });
        }
    }

    /// The oldest trial, if its time is up.
    pub(super) fn take_due(&mut self, now: Time) -> Option<Trial> {
        let oldest = self.0.front()?;
        if oldest.since + VERDICT > now && self.0.len() <= TRIALS_MAX {
            return None;
        }
        let due = self.0.pop_front();
        if self.0.is_empty() {
            self.0 = VecDeque::new();
        }
        due
    }

    /// A copy came by another link: which of the two counts as second. `prevails` is asked, with the moment
    /// and the link of the first one, whether the later one goes first after all.
    pub(super) fn on_copy(
        &mut self,
        link: Link,
        id: ShortId,
        prevails: impl FnOnce(Time, Link) -> bool,
    ) -> Link {
        let Some(trial) = self.find(id) else { return link };
        match &mut trial.first {
            Some(first) if prevails(trial.since, *first) => std::mem::replace(first, link),
            _ => link,
        }
    }

    /// A peer says that what we sent it came too late: true if we did, and it says so for the first time.
    pub(super) fn take_sent(&mut self, link: Link, id: ShortId) -> bool {
        self.find(id).is_some_and(|trial| {
            let is_news = trial.sent.remove(link);
            trial.useless = trial.useless.saturating_add(is_news.into());
            is_news
        })
    }

    /// A peer says that it heard of an item from us first: true if we told it, and it says so for the
    /// first time.
    pub(super) fn take_told(&mut self, link: Link, id: ShortId) -> bool {
        self.find(id).is_some_and(|trial| trial.told.remove(link))
    }

    /// A link is gone; nothing is learned about its successor from its silence.
    pub(super) fn on_link_down(&mut self, link: Link) {
        for trial in &mut self.0 {
            trial.sent.remove(link);
            trial.told.remove(link);
            trial.first.take_if(|first| *first == link);
        }
    }

    /// Whether anything is kept of a link.
    pub(super) fn keeps(&self, link: Link) -> bool {
        self.0.iter().any(|trial| {
            trial.first == Some(link) || trial.sent.contains(link) || trial.told.contains(link)
        })
    }

    fn find(&mut self, id: ShortId) -> Option<&mut Trial> {
        self.0.iter_mut().rev().find(|trial| trial.id == id)
    }
}
