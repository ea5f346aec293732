//! Items that were announced and aren't here: since when, and by whom.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::ground::item::ShortId;
use crate::ground::link::{Link, LinkSet, LinkTable};
use crate::ground::time::Time;

/// How long an announcement is remembered. A guess: as long as a request for it may take.
const KEPT: Duration = Duration::from_secs(5);

/// Most items remembered of those that one link announced first; over it a further one isn't, and merely
/// teaches nothing. So a peer that announces without end washes away nothing but its own. A guess: 50 items
/// a second.
pub(super) const SHARE_MAX: u16 = 256;

/// So many ids of items that are gone may stand in the order of announcements, besides as many as there are
/// items: with fewer it would be swept too often.
const SPARE: usize = 64;

/// The items, at most [`SHARE_MAX`] for each link. Where nothing is expected it holds no memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected(Option<Box<Notices>>);

#[derive(Clone, Debug, Default)]
struct Notices {
    items: BTreeMap<ShortId, Notice>,
    /// The same ids in the order of their first announcement, and others that are gone since, which are at
    /// most a few more.
    order: VecDeque<(Time, ShortId)>,
    /// How many of them each link announced first.
    shares: LinkTable<u16>,
}

#[derive(Clone, Debug)]
struct Notice {
    since: Time,
    first: Link,
    /// All links that announced it before it came.
    by: LinkSet,
    /// One of them was asked.
    asked: bool,
}

/// How an item came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Before any announcement.
    Unannounced,
    /// After `first` had announced it, so much later, but unasked; if somebody was `asked` for it, in vain.
    Unasked { first: Link, lag: Duration, asked: bool },
    /// From a peer that had announced it, because we asked.
    Asked,
}

impl Expected {
    /// A peer announced an item that isn't here. Returns since when we know of it.
    pub(super) fn on_announced(&mut self, link: Link, id: ShortId, now: Time) -> Time {
        self.0.get_or_insert_default().add(link, id, now)
    }

    /// A peer is asked for an item that it announced.
    pub(super) fn on_asked(&mut self, id: ShortId) {
        if let Some(notice) = self.0.as_mut().and_then(|notices| notices.items.get_mut(&id)) {
            notice.asked = true;
        }
    }

    /// An item came. One that was asked for stays for [`Expected::overtaken`].
    pub(super) fn on_arrived(&mut self, id: ShortId, ingress: Option<Link>, now: Time) -> Arrival {
        let Some(notice) = self.find(id) else { return Arrival::Unannounced };
        if ingress.is_some_and(|link| notice.by.contains(link)) {
            return Arrival::Asked;
        }
        let arrival =
            Arrival::Unasked { first: notice.first, lag: now - notice.since, asked: notice.asked };
        self.remove(id);
        arrival
    }

    /// An item came again, unasked: if we had asked for it too early, how long we should have waited.
    pub(super) fn overtaken(&mut self, id: ShortId, now: Time) -> Option<Duration> {
        self.remove(id).map(|notice| now - notice.since)
    }

    /// Whether a link announced an item, so that a copy from there was asked for.
    pub(super) fn is_answer(&self, link: Link, id: ShortId) -> bool {
        self.find(id).is_some_and(|notice| notice.by.contains(link))
    }

    /// A link is gone: what it announced first is forgotten, and of the rest that it announced it.
    pub(super) fn on_link_down(&mut self, link: Link) {
        let Some(notices) = &mut self.0 else { return };
        notices.shares.remove(link);
        notices.items.retain(|_, notice| {
            notice.by.remove(link);
            notice.first != link
        });
        if notices.items.is_empty() {
            self.0 = None;
        }
    }

    /// Whether anything is kept of a link.
    pub(super) fn keeps(&self, link: Link) -> bool {
        let is_named = |notice: &Notice| notice.first == link || notice.by.contains(link);
        self.0.as_ref().is_some_and(|notices| {
            notices.shares.get(link).is_some() || notices.items.values().any(is_named)
        })
    }

    /// How many items are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |notices| notices.items.len())
    }

    fn find(&self, id: ShortId) -> Option<&Notice> {
        self.0.as_ref()?.items.get(&id)
    }

    fn remove(&mut self, id: ShortId) -> Option<Notice> {
        let notices = self.0.as_mut()?;
        let notice = notices.remove(id)?;
        if notices.items.is_empty() {
            self.0 = None;
        }
        Some(notice)
    }
}

impl Notices {
    fn add(&mut self, link: Link, id: ShortId, now: Time) -> Time {
        self.forget_old(now);
        if let Some(notice) = self.items.get_mut(&id) {
            notice.by.insert(link);
            return notice.since;
        }
        match self.shares.get_mut(link) {
            Some(share) if *share >= SHARE_MAX => return now,
            Some(share) => *share += 1,
            None => _ = self.shares.insert(link, 1),
        }
        let mut notice = Notice { since: now, first: link, by: LinkSet::default(), asked: false };
        notice.by.insert(link);
        self.items.insert(id, notice);
        self.order.push_back((now, id));
        now
    }

    fn forget_old(&mut self, now: Time) {
        while let Some((since, id)) = self.order.front().copied() {
            if since + KEPT > now {
                break;
            }
            self.order.pop_front();
            if self.items.get(&id).is_some_and(|notice| notice.since == since) {
                self.remove(id);
            }
        }
        if self.order.len() > 2 * self.items.len() + SPARE {
            let items = &self.items;
            self.order
                .retain(|(since, id)| items.get(id).is_some_and(|notice| notice.since == *since));
        }
    }

    fn remove(&mut self, id: ShortId) -> Option<Notice> {
        let notice = self.items.remove(&id)?;
        if let Some(share) = self.shares.get_mut(notice.first) {
            *share = share.saturating_sub(1);
        }
        Some(notice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_link_announced_goes_with_it() {
        let (mut expected, now) = (Expected::default(), Time::from_millis(1));
        let (gone, here) = (Link::new(0, 1), Link::new(1, 1));
        expected.on_announced(gone, ShortId([1; 8]), now);
        expected.on_announced(here, ShortId([2; 8]), now);
        expected.on_announced(gone, ShortId([2; 8]), now);
        expected.on_link_down(gone);
        let newcomer = Link::new(0, 2);
        assert!(!expected.keeps(newcomer) && !expected.is_answer(newcomer, ShortId([2; 8])));
        assert!(expected.is_answer(here, ShortId([2; 8])) && expected.len() == 1);
    }
}
