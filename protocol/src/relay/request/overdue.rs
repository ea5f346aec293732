//! A peer that is asked takes too long: its time is up, or somebody better has the item.

use std::cmp::Reverse;

use super::link::LinkRequests;
use super::wanted::{Announcer, Asked};
use super::{Requests, STALE_MAX, WORK_MAX};
use crate::ground::item::{ItemKind, ShortId};
use crate::ground::link::{Direction, Link};
use crate::ground::time::Time;
use crate::params::RequestParams;

impl Requests {
    /// Time passed: requests that ran out go to the next announcer, and announcers whose turn has come
    /// are asked; of blocks first. Tells which requests ran out.
    pub fn on_wake(
        &mut self,
        now: Time,
        params: &RequestParams,
        mut ran_out: impl FnMut(Link, ShortId),
    ) {
        let mut room = WORK_MAX;
        self.comfort_bereft(&mut room, now, params);
        self.end_withholding(now, params);
        self.expire(ItemKind::Block, &mut room, now, params, &mut ran_out);
        self.take_turns(&mut room, now, params, &mut ran_out);
        self.expire(ItemKind::Tx, &mut room, now, params, &mut ran_out);
        self.drop_answered();
    }

    fn take_turns(
        &mut self,
        room: &mut usize,
        now: Time,
        params: &RequestParams,
        ran_out: &mut impl FnMut(Link, ShortId),
    ) {
        while let Some(Reverse((at, id))) = self.turns.peek().copied()
            && at <= now
            && *room > 0
        {
            *room -= 1;
            self.turns.pop();
            let Some(wanted) = self.wanted.get(&id) else { continue };
            match wanted.asked {
                None => self.ask_next(id, now, params),
                Some(Asked { link, .. }) if wanted.contested <= now => {
                    if self.settle_contest(link, id, now, params) {
                        ran_out(link, id);
                    }
                }
                Some(_) => {}
            }
        }
    }

    fn expire(
        &mut self,
        kind: ItemKind,
        room: &mut usize,
        now: Time,
        params: &RequestParams,
        ran_out: &mut impl FnMut(Link, ShortId),
    ) {
        for _ in 0..STALE_MAX {
            if *room == 0 {
                return;
            }
            let next = self.expiries[kind as usize].pop_front_if(|expiry| expiry.at <= now);
            let Some(expiry) = next else { return };
            if self.is_open(&expiry) {
                *room -= 1;
                ran_out(expiry.link, expiry.id);
                self.run_out(expiry.link, expiry.id, now, params);
            }
        }
    }

    /// An outbound peer has what an inbound one is asked for: that one gets only so long.
    pub(super) fn contest(&mut self, asked: Link, id: ShortId, now: Time, params: &RequestParams) {
        let is_inbound = |state: &&LinkRequests| state.direction == Direction::Inbound;
        if let Some(state) = self.links.get(asked).filter(is_inbound)
            && let Some(wanted) = self.wanted.get_mut(&id)
            && let Some(Asked { kind, .. }) = wanted.asked
            && wanted.contested == Time::NEVER
        {
            let patience = params.inbound_patience(kind);
            let until = now + if state.has_delivered { patience } else { patience / 4 };
            wanted.contested = until;
            self.turns.push(Reverse((until, id)));
        }
    }

    /// An inbound peer has had its time, and gives way if an outbound one has room. Says whether it did.
    fn settle_contest(
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
                        && state.has_room(held.name.kind(), params)
                })
        };
        let gives_way = wanted.announcers.iter().any(is_better);
        if gives_way {
            self.run_out(asked, id, now, params);
        }
        gives_way
    }

    /// Who was asked for an item took too long.
    fn run_out(&mut self, link: Link, id: ShortId, now: Time, params: &RequestParams) {
        let kind = self.give_way(link, id, params);
        if let Some(state) = self.links.get_mut(link) {
            state.strike(now, params.timeout(kind));
        }
        self.expired += 1;
        self.ask_next(id, now, params);
        self.release(link, kind, now, params);
    }

    /// Who was asked for an item isn't any more, but may yet send it. Returns the kind that it was asked for.
    pub(super) fn give_way(&mut self, link: Link, id: ShortId, params: &RequestParams) -> ItemKind {
        let asked = self.wanted.get_mut(&id).and_then(|wanted| {
            wanted.failed = true;
            wanted.asked.take()
        });
        if let Some(state) = self.links.get_mut(link) {
            state.expect_late(id, params);
        }
        self.remember(link, id);
        asked.map_or(ItemKind::Tx, |asked| asked.kind)
    }
}
