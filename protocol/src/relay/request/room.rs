//! Whether something more may be asked of a link, and what waits until it may.
//!
//! There is room for `in_flight_max` items of a kind; and for none while the peer has sent more of it than it may, which
//! is the mildest way to slow it. What it announced waits until that is paid for, or is asked of others.

use super::Requests;
use crate::ground::item::{ItemKind, ShortId};
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::params::RequestParams;

/// Who isn't asked for what, and until when: at most one entry for each link and kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Withheld(Vec<(Time, Link, ItemKind)>);

impl Withheld {
    /// When the first of them is over.
    pub(super) fn deadline(&self) -> Time {
        self.0.iter().map(|(until, ..)| *until).min().unwrap_or(Time::NEVER)
    }

    /// A link went down.
    pub(super) fn forget(&mut self, link: Link) {
        self.0.retain(|(_, held, _)| *held != link);
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
    }

    /// Whether a link is named.
    pub(super) fn names(&self, link: Link) -> bool {
        self.0.iter().any(|(_, held, _)| *held == link)
    }
}

impl Requests {
    /// Nothing of a kind is asked of a link until a moment at least.
    pub fn withhold(&mut self, link: Link, kind: ItemKind, until: Time) {
        let Some(state) = self.links.get_mut(link) else { return };
        state.lane_mut(kind).is_withheld = true;
        let held = |entry: &&mut (Time, Link, ItemKind)| (entry.1, entry.2) == (link, kind);
        match self.withheld.0.iter_mut().find(held) {
            Some(entry) => entry.0 = entry.0.max(until),
            None => self.withheld.0.push((until, link, kind)),
        }
    }

    /// Asks for what waited for those whose time is up.
    pub(super) fn end_withholding(&mut self, now: Time, params: &RequestParams) {
        while let Some(place) = self.withheld.0.iter().position(|(until, ..)| *until <= now) {
            let (_, link, kind) = self.withheld.0.remove(place);
            if let Some(state) = self.links.get_mut(link) {
                state.lane_mut(kind).is_withheld = false;
                self.ask_waiting(link, kind, now, params);
            }
        }
    }

    /// An item is asked from a link when something in flight from it has arrived.
    pub(super) fn wait_for_room(&mut self, link: Link, id: ShortId) {
        let Some(state) = self.links.get_mut(link) else {
            return;
        };
        let held = self.wanted.get_mut(&id).and_then(|wanted| {
            wanted.announcers.iter_mut().find(|held| held.link == link && !held.is_waiting)
        });
        if let Some(held) = held {
            held.is_waiting = true;
            let kind = held.name.kind();
            state.queue_up(link, id, kind, &self.wanted);
        }
    }

    /// One thing less is in flight from a link: asks for what waited.
    pub(super) fn release(
        &mut self,
        link: Link,
        kind: ItemKind,
        now: Time,
        params: &RequestParams,
    ) {
        let Some(state) = self.links.get_mut(link) else {
            return;
        };
        state.lane_mut(kind).in_flight -= 1;
        self.ask_waiting(link, kind, now, params);
    }

    /// Asks a link for what waits for it, as much as it has room for.
    fn ask_waiting(&mut self, link: Link, kind: ItemKind, now: Time, params: &RequestParams) {
        while let Some(state) = self.links.get_mut(link) {
            if !state.has_room(kind, params) {
                return;
            }
            let Some(id) = state.lane_mut(kind).waiting.pop_front() else {
                return;
            };
            let Some(wanted) = self.wanted.get_mut(&id) else {
                continue;
            };
            let is_free = wanted.asked.is_none();
            let Some(held) = wanted.announcers.iter_mut().find(|held| held.link == link) else {
                continue;
            };
            held.is_waiting = false;
            if is_free && !held.was_asked && (held.turn <= now || wanted.failed) {
                self.ask(link, id, now, params);
            }
        }
    }
}
