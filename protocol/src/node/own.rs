//! Own transactions go to first hops first ([`crate::relay::embargo`]), and are announced until somebody asks for them; and
//! what leaves the pool is told.

use std::sync::Arc;

use rand::Rng;

use super::{LinkState, Node};
use crate::ground::item::{Item, ItemId, ItemKind, Name};
use crate::ground::link::{Direction, Link};
use crate::ground::time::Time;
use crate::machine::Cx;
use crate::params::Params;
use crate::record::ItemEvent;
use crate::relay::Strategy as _;
use crate::relay::announce::Form;
use crate::relay::embargo;
use crate::report::event::Event;

/// Most own transactions that go to all in one wake-up; the rest is due at once. A guess: half a millisecond's work with a
/// hundred links.
const LET_GO_MAX: usize = 8;

/// Links that a peer dialled stand for long if they came up by then.
pub(super) fn standing(now: Time, params: &Params) -> Time {
    Time::ZERO + now.since(Time::ZERO + params.unbroadcast.standing())
}

impl LinkState {
    /// Whether own transactions go to its peer first. A link that was there when time began, as a simulator's are, is as old
    /// as any.
    pub(super) fn is_first_hop(&self, standing: Time) -> bool {
        self.direction == Direction::Outbound || self.since <= standing
    }
}

impl Node {
    /// An own transaction is let out, or back: until its timer ends to first hops only.
    pub(super) fn keep_for_first_hops(&mut self, id: ItemId, cx: &mut Cx<'_>) {
        let params = &cx.params.unbroadcast;
        if params.standing_s > 0 {
            let until = cx.now + embargo::wait(params, cx.rng);
            let surplus = self.embargo.begin(id, until, params, self.salt);
            surplus.into_iter().for_each(|id| self.let_go(id, cx));
        }
    }

    /// Whether a peer isn't to hear of a transaction yet.
    pub(super) fn is_hidden(&self, link: Link, name: impl Into<Name>, cx: &Cx<'_>) -> bool {
        !self.embargo.is_empty()
            && self.embargo.contains(name)
            && !self
                .links
                .get(link)
                .is_some_and(|state| state.is_first_hop(standing(cx.now, cx.params)))
    }

    /// The own transactions that a peer isn't to hear of yet.
    pub(super) fn hidden_from(&self, link: Link, cx: &Cx<'_>) -> impl Iterator<Item = ItemId> {
        let first = self.embargo.iter().next();
        let are_hidden = first.is_some_and(|id| self.is_hidden(link, id, cx));
        self.embargo.iter().filter(move |_| are_hidden)
    }

    /// A peer spoke of an item. Says whether it was an own one that may go to all now.
    pub(super) fn on_echo(&mut self, name: impl Into<Name>, cx: &mut Cx<'_>) -> bool {
        let ended = self.embargo.end(name);
        ended.into_iter().for_each(|id| self.let_go(id, cx));
        ended.is_some()
    }

    /// Own transactions that nobody spoke of in time.
    pub(super) fn embargo_due(&mut self, cx: &mut Cx<'_>) {
        if self.ready.is_empty() {
            return self.embargo.pause();
        }
        for _ in 0..LET_GO_MAX {
            let Some(id) = self.embargo.due(cx.now) else { return };
            let wait = embargo::wait(&cx.params.unbroadcast, cx.rng);
            if !(self.first_hops_lack(id, cx) && self.embargo.put_off(id, cx.now + wait)) {
                self.on_echo(id, cx);
            }
        }
    }

    /// Whether there are first hops, and none has heard of a transaction.
    fn first_hops_lack(&self, id: ItemId, cx: &Cx<'_>) -> bool {
        let standing = standing(cx.now, cx.params);
        let links = self.ready.iter().map(|neighbour| neighbour.link);
        let is_hop =
            |link: &Link| self.links.get(*link).is_some_and(|it| it.is_first_hop(standing));
        let mut hops = links.filter(is_hop).peekable();
        hops.peek().is_some() && hops.all(|link| !self.seen.knows(id, link))
    }

    /// A link is ready. If it is the only one, it may be the first that could hear of what was submitted before.
    pub(super) fn on_ready(&mut self, cx: &mut Cx<'_>) {
        if self.ready.len() == 1 && !self.embargo.is_empty() {
            let wait = embargo::wait(&cx.params.unbroadcast, cx.rng);
            self.embargo.resume(cx.now + wait);
        }
    }

    /// An own transaction may go to all: those hear of it that weren't to before.
    fn let_go(&mut self, id: ItemId, cx: &mut Cx<'_>) {
        let Some(item) = self.pool.get(id).cloned() else { return };
        let standing = standing(cx.now, cx.params);
        let is_stranger = |link: &Link| {
            let state = self.links.get(*link);
            state.is_some_and(|it| !it.is_first_hop(standing)) && !self.seen.knows(id, *link)
        };
        let links = self.ready.iter().map(|neighbour| neighbour.link);
        let strangers: Vec<_> = links.filter(is_stranger).collect();
        self.relay(cx, |strategy, cx| strategy.on_let_go(&item, &strangers, cx));
    }

    /// An own item was accepted: a transaction is announced until somebody asks for it, and a block is pushed however
    /// many others are. (It is announced at once, and soon replaced by the next.)
    pub(super) fn remember_own(&mut self, item: &Arc<Item>, cx: &mut Cx<'_>) {
        match item.kind() {
            ItemKind::Tx => {
                let (params, salt) = (&cx.params.unbroadcast, self.salt);
                self.unbroadcast.insert(item.id(), cx.now, params, salt, cx.rng);
            }
            ItemKind::Block => self.pushed_blocks.on_own(item.id()),
        }
    }

    /// Our operator submits a transaction that is pooled: it doesn't seem to have arrived, so it is announced again, also to
    /// those that were told before, and as often as it takes. It goes the way of one that nobody asked for: by the
    /// trickle, and in company.
    pub(super) fn announce_resubmitted(&mut self, item: &Arc<Item>, cx: &mut Cx<'_>) {
        self.remember_own(item, cx);
        self.record.note_from(None, item.id(), ItemEvent::Again, cx.now);
        let companion = self.company(item.id(), cx.rng);
        let links: Vec<_> = self.ready.iter().map(|neighbour| neighbour.link).collect();
        for link in links {
            if self.is_hidden(link, item.id(), cx) {
                continue;
            }
            for id in [item.id()].into_iter().chain(companion) {
                self.enqueue(link, (id, Form::Again), cx);
            }
        }
    }

    /// A random transaction to be announced together with an own one.
    fn company(&self, own: ItemId, rng: &mut dyn Rng) -> Option<ItemId> {
        self.pool.any(rng).filter(|id| *id != own && !self.embargo.contains(id))
    }

    /// Transactions that have been pooled for too long leave.
    pub(super) fn expire_due(&mut self, cx: &Cx<'_>) {
        self.pool.on_wake(cx.now);
    }

    /// Transactions left the pool: the driver is told.
    pub(super) fn tell_gone(&mut self, cx: &mut Cx<'_>) {
        for (id, why) in self.pool.take_gone() {
            self.unbroadcast.remove(id);
            self.embargo.end(id);
            if !self.pool.contains(id) {
                self.seen.release(id);
                self.anti_entropy.on_left(id);
            }
            self.record.note_from(None, id, ItemEvent::Left(why), cx.now);
            cx.report(Event::Left { id, why });
        }
    }

    /// Announces own transactions again, the way of relayed ones and in their company: see
    /// [`crate::items::unbroadcast`].
    pub(super) fn announce_again(&mut self, cx: &mut Cx<'_>) {
        let (now, params) = (cx.now, cx.params);
        let mut unbroadcast = std::mem::take(&mut self.unbroadcast);
        unbroadcast.on_wake(now, &params.unbroadcast, cx.rng, |own, rng| {
            let told = self.announce_once_more(own, (now, params), rng);
            if told {
                self.record.note_from(None, own, ItemEvent::Again, now);
                let companion = self.company(own, rng);
                companion.map(|id| self.announce_once_more(id, (now, params), rng));
            }
            told
        });
        self.unbroadcast = unbroadcast;
    }

    /// Announces a transaction to all who aren't known to have it, and may hear of it. Says whether there is anybody.
    fn announce_once_more(
        &mut self,
        id: ItemId,
        (now, params): (Time, &Params),
        rng: &mut dyn Rng,
    ) -> bool {
        let Self { announcer, ready, seen, counters, embargo, links, .. } = self;
        let hidden = embargo.contains(id);
        let standing = standing(now, params);
        let mut told = 0;
        for link in ready.iter().map(|neighbour| neighbour.link) {
            let may = !hidden || links.get(link).is_some_and(|it| it.is_first_hop(standing));
            if may && !seen.knows(id, link) {
                announcer.enqueue(link, (id, Form::Id), now, &params.relay, rng);
                told += 1;
            }
        }
        counters.reannounced += told;
        told > 0
    }
}
