//! Items that were announced and aren't here: since when, and by whom.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::item::ShortId;
use crate::link::{Link, LinkSet};
use crate::time::Time;

/// How long an announcement is remembered. A guess: as long as a request for it may take.
const KEPT: Duration = Duration::from_secs(5);

/// Most announced items remembered; over it the oldest is forgotten, and merely teaches nothing any more.
/// A guess: 800 items a second.
pub(super) const EXPECTED_MAX: usize = 4_096;

/// The items, at most [`EXPECTED_MAX`].
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    items: BTreeMap<ShortId, Notice>,
    /// The same ids in the order of their first announcement.
    order: VecDeque<(Time, ShortId)>,
}

#[derive(Clone, Debug)]
struct Notice {
    since: Time,
    first: Link,
    /// All links that announced it before it came.
    by: LinkSet,
}

/// How an item came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Before any announcement.
    Unannounced,
    /// After `first` had announced it, so much later, but unasked.
    Unasked { first: Link, lag: Duration },
    /// From a peer that had announced it, because we asked.
    Asked,
}

impl Expected {
    /// A peer announced an item that isn't here. Returns since when we know of it.
    pub(super) fn on_announced(&mut self, link: Link, id: ShortId, now: Time) -> Time {
        self.forget_old(now);
        let notice = self.items.entry(id).or_insert_with(|| {
            self.order.push_back((now, id));
            Notice { since: now, first: link, by: LinkSet::default() }
        });
        notice.by.insert(link);
        notice.since
    }

    /// An item came. One that was asked for stays for [`Expected::overtaken`].
    pub(super) fn on_arrived(&mut self, id: ShortId, ingress: Option<Link>, now: Time) -> Arrival {
        let Some(notice) = self.items.get(&id) else { return Arrival::Unannounced };
        if ingress.is_some_and(|link| notice.by.contains(link)) {
            return Arrival::Asked;
        }
        let arrival = Arrival::Unasked { first: notice.first, lag: now - notice.since };
        self.remove(id);
        arrival
    }

    /// An item came again, unasked: if we had asked for it too early, how long we should have waited.
    pub(super) fn overtaken(&mut self, id: ShortId, now: Time) -> Option<Duration> {
        self.remove(id).map(|notice| now - notice.since)
    }

    /// Whether a link announced an item, so that a copy from there was asked for.
    pub(super) fn is_answer(&self, link: Link, id: ShortId) -> bool {
        self.items.get(&id).is_some_and(|notice| notice.by.contains(link))
    }

    /// How many items are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    fn forget_old(&mut self, now: Time) {
        while let Some((since, id)) = self.order.front().copied() {
            if since + KEPT > now && self.order.len() < EXPECTED_MAX {
                break;
            }
            self.order.pop_front();
            if self.items.get(&id).is_some_and(|notice| notice.since == since) {
                self.remove(id);
            }
        }
    }

    fn remove(&mut self, id: ShortId) -> Option<Notice> {
        let notice = self.items.remove(&id)?;
        if self.items.is_empty() {
            self.items = BTreeMap::new(); // an emptied one keeps a node of its tree
        }
        Some(notice)
    }
}
