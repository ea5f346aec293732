//! A link goes down.

use super::{Requests, WORK_MAX};
use crate::ground::item::ShortId;
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::params::RequestParams;

impl Requests {
    /// A link went down: what was asked from it is asked elsewhere at once, and nobody waits for it.
    pub fn on_disconnected(&mut self, link: Link, now: Time, params: &RequestParams) {
        let Some(mut gone) = self.links.remove(link) else {
            return;
        };
        self.discount(&gone);
        self.unsent.retain(|(to, _)| *to != link);
        self.withheld.forget(link);
        let in_flight = self.expiries.iter().flatten().filter(|expiry| expiry.link == link);
        self.bereft.extend(in_flight.map(|expiry| (link, expiry.id)));
        self.bereft.extend(gone.take_remembered().map(|id| (link, id)));
        self.comfort_bereft(&mut { WORK_MAX }, now, params);
        self.drop_answered();
    }

    /// Looks at items that links had announced which are gone.
    pub(super) fn comfort_bereft(&mut self, room: &mut usize, now: Time, params: &RequestParams) {
        while *room > 0
            && let Some((link, id)) = self.bereft.pop_front()
        {
            *room -= 1;
            self.on_announcer_gone(link, id, now, params);
        }
        if self.bereft.is_empty() {
            self.bereft = std::collections::VecDeque::new();
        }
    }

    fn on_announcer_gone(&mut self, link: Link, id: ShortId, now: Time, params: &RequestParams) {
        let Some(wanted) = self.wanted.get_mut(&id) else {
            return;
        };
        wanted.announcers.retain(|held| held.link != link);
        if wanted.asked.take_if(|asked| asked.link == link).is_some() {
            wanted.failed = true;
            self.failed += 1;
        }
        if wanted.asked.is_none() {
            self.ask_next(id, now, params);
        }
    }
}
