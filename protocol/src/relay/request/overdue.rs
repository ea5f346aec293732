//! A peer that is asked takes too long: its time is up, or somebody better has the item.

use std::cmp::Reverse;

use super::link::LinkRequests;
use super::{Announcer, Requests};
use crate::ground::item::{ItemKind, ShortId};
use crate::ground::link::{Direction, Link};
use crate::ground::time::Time;
use crate::params::RequestParams;

impl Requests {
    /// An outbound peer has what an inbound one is asked for: that one gets only so long.
    pub(super) fn contest(&mut self, asked: Link, id: ShortId, now: Time, params: &RequestParams) {
        let is_inbound = |state: &&LinkRequests| state.direction == Direction::Inbound;
        if let Some(state) = self.links.get(asked).filter(is_inbound)
            && let Some(wanted) = self.wanted.get_mut(&id)
            && wanted.kind == ItemKind::Tx
            && wanted.contested == Time::NEVER
        {
            let patience = params.inbound_patience();
            let until = now + if state.has_delivered { patience } else { patience / 4 };
            wanted.contested = until;
            self.turns.push(Reverse((until, id)));
        }
    }

    /// An inbound peer has had its time, and gives way if an outbound one has room. Says whether it did.
    pub(super) fn settle_contest(
        &mut self,
        asked: Link,
        id: ShortId,
        now: Time,
        params: &RequestParams,
    ) -> bool {
        let Some(wanted) = self.wanted.get_mut(&id) else { return false };
        wanted.contested = Time::NEVER;
        let links = &self.links;
        let is_better = |held: &Announcer| {
            !held.was_asked
                && links.get(held.link).is_some_and(|state| {
                    state.direction == Direction::Outbound
                        && !state.is_staller()
                        && state.has_room(params)
                })
        };
        let gives_way = wanted.announcers.iter().any(is_better);
        if gives_way {
            self.run_out(asked, id, now, params);
        }
        gives_way
    }

    /// Who was asked for an item took too long.
    pub(super) fn run_out(&mut self, link: Link, id: ShortId, now: Time, params: &RequestParams) {
        let kind = self.wanted.get(&id).map_or(ItemKind::Tx, |wanted| wanted.kind);
        if let Some(state) = self.links.get_mut(link) {
            state.strike(now, params.timeout(kind));
        }
        self.give_way(link, id, params);
        self.expired += 1;
        self.ask_next(id, now, params);
        self.release(link, now, params);
    }

    /// Who was asked for an item isn't any more, but may yet send it.
    pub(super) fn give_way(&mut self, link: Link, id: ShortId, params: &RequestParams) {
        if let Some(wanted) = self.wanted.get_mut(&id) {
            wanted.asked = None;
            wanted.failed = true;
        }
        if let Some(state) = self.links.get_mut(link) {
            state.expect_late(id, params);
        }
    }
}
