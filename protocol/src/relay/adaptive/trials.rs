//! Trials: items by which the odds are learned.
//!
//! Some items are trials: every peer is told of one at once, whole or by id, and says when somebody else
//! was faster (or slower). After [`VERDICT`] silence is an answer too: who got it whole had it first from
//! us, who got its id didn't. Which items are trials is told by their ids, and by how many items a link
//! has seen since it came up, so that both of its ends choose the same (nearly: a few items, when
//! it ceases to be young).

use std::collections::VecDeque;
use std::time::Duration;

use super::LAZY;
use crate::item::ShortId;
use crate::link::{Link, LinkSet};
use crate::relay::Step;
use crate::time::Time;

/// On a young link one item in so many is a trial. Measured: learning from every item costs 0.1 bytes per
/// payload byte more (feedback, and announcements that can't wait), and makes nothing faster.
const YOUNG_ONE_IN: u8 = 4;

/// On any other link one item in so many is. Measured: as fast and as lean as one in four, with two lone
/// messages less a delivery.
const ONE_IN: u8 = 16;

/// For so many items a link is young: enough for the odds to settle ([`Odds::MEMORY`] trials, twice).
///
/// [`Odds::MEMORY`]: super::Odds::MEMORY
const YOUNG: u32 = 256;

/// How long feedback may take: the longest that it is held, and a few of the longest round trips on Earth.
pub(super) const VERDICT: Duration = Duration::from_secs(LAZY.as_secs() + 2);

/// Most trials under way; over it the oldest gets its verdict early. A guess: 1,000 items a second.
const TRIALS_MAX: usize = 512;

/// Whether an item is a trial on a link that has seen so many items. Who grinds ids so that his own items
/// aren't only teaches us nothing by them.
pub(super) const fn is_trial(id: ShortId, link_age: u32) -> bool {
    let [.., last] = id.0;
    last.is_multiple_of(if link_age < YOUNG { YOUNG_ONE_IN } else { ONE_IN })
}

/// The trials under way, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Trials(VecDeque<Trial>);

/// An item of which nobody else's word has come yet from these links.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    id: ShortId,
    since: Time,
    /// Links that got it whole.
    pub(super) sent: LinkSet,
    /// Links that got its id.
    pub(super) told: LinkSet,
}

impl Trials {
    /// A trial begins: an item is shared out in these steps, and on some of these links it is a trial.
    pub(super) fn begin(
        &mut self,
        id: ShortId,
        now: Time,
        steps: &[Step],
        is_trial: impl Fn(Link) -> bool,
    ) {
        let (mut sent, mut told) = (LinkSet::default(), LinkSet::default());
        for step in steps {
            match step {
                Step::Send(link, _) if is_trial(*link) => sent.insert(*link),
                Step::AnnounceNow(link, _) if is_trial(*link) => told.insert(*link),
                _ => false,
            };
        }
        if !(sent.is_empty() && told.is_empty()) {
            self.0.push_back(Trial { id, since: now, sent, told });
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

    /// A peer says that what we sent it came too late: true if we did, and it says so for the first time.
    pub(super) fn take_sent(&mut self, link: Link, id: ShortId) -> bool {
        self.find(id).is_some_and(|trial| trial.sent.remove(link))
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
        }
    }

    fn find(&mut self, id: ShortId) -> Option<&mut Trial> {
        self.0.iter_mut().rev().find(|trial| trial.id == id)
    }
}
