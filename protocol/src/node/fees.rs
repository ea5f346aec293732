//! Peers are told the least fee rate that we take, and aren't told of transactions that pay less than they
//! take; and all peers together are told only so much.

use std::sync::Arc;

use super::Node;
use crate::ground::bringer::Bringer;
use crate::ground::fee::FeeRate;
use crate::ground::item::{Item, ItemId, ItemKind};
use crate::ground::link::Link;
use crate::machine::Cx;
use crate::record::ItemEvent;
use crate::relay::Strategy as _;
use crate::relay::rate_limiter::{Admitted, Held};
use crate::wire::message::Items;

/// Most transactions that leave the backlog in one wake-up; the rest is due at once. A guess: a millisecond's work with
/// a hundred links.
const RELEASED_MAX: usize = 64;

impl Node {
    /// A new peer is told what we take.
    pub(super) fn greet(&mut self, link: Link, cx: &mut Cx<'_>) {
        let minimum = self.pool.min_fee_rate(cx.now, cx.params);
        if let Some(rate) = self.fee_filter.greet(minimum, cx.rng) {
            self.send(link, Items::FeeFilter(rate), cx);
        }
    }

    /// All peers are told anew what we take.
    pub(super) fn tell_fee_filter(&mut self, cx: &mut Cx<'_>) {
        let minimum = self.pool.min_fee_rate(cx.now, cx.params);
        let least = cx.params.pool.min_fee_rate;
        if let Some(rate) = self.fee_filter.on_wake(minimum, least, cx.now, cx.rng) {
            let links: Vec<_> = self.ready_links().collect();
            for link in links {
                self.send(link, Items::FeeFilter(rate), cx);
            }
        }
    }

    /// Something had to leave the pool for want of room.
    pub(super) fn on_minimum_risen(&mut self, cx: &mut Cx<'_>) {
        let minimum = self.pool.min_fee_rate(cx.now, cx.params);
        if minimum > FeeRate::ZERO {
            self.fee_filter.on_risen(minimum, cx.now, cx.rng);
        }
    }

    pub(super) fn on_fee_filter(&mut self, link: Link, rate: FeeRate) {
        if self.links.get(link).is_some() {
            self.fee_filter.on_told(link, rate);
        }
    }

    /// Whether a transaction pays less than a peer takes. Blocks, and what isn't pooled, never do.
    pub(super) fn is_filtered(&self, link: Link, id: &ItemId) -> bool {
        let filter = self.fee_filter.of(link);
        filter.is_some_and(|least| self.pool.fee_rate(id).is_some_and(|rate| rate < least))
    }

    /// The strategy spreads an item that was accepted, if the budget allows it now.
    pub(super) fn spread(&mut self, item: &Arc<Item>, ingress: Option<Link>, cx: &mut Cx<'_>) {
        if item.kind() == ItemKind::Tx {
            let bringer = self.bringer(ingress);
            let Self { rate_limiter, pool, .. } = self;
            let (id, size) = (item.id(), item.size());
            let rate = || pool.fee_rate(id).unwrap_or_default();
            let budgets = &cx.params.budgets;
            let admitted =
                rate_limiter.admit(Held { id, size, ingress, bringer }, rate, cx.now, budgets);
            if let Admitted::Later { dropped } = admitted {
                self.record.note_from(None, id, ItemEvent::Delayed, cx.now);
                if let Some(id) = dropped {
                    self.counters.announcements_unsent += 1;
                    self.all_fall_behind(id, cx.now);
                    self.record.note_from(None, id, ItemEvent::Unsent, cx.now);
                    self.let_out(id, self.unbroadcast.contains(id), false, cx);
                }
                return;
            }
            let is_found = self.found.on_accepted(id.into(), cx.now);
            self.let_out(id, bringer == Bringer::Own, is_found, cx);
            if is_found {
                return;
            }
        } else {
            self.anti_entropy.on_block(item.id(), cx.now, &cx.params.relay, cx.rng);
            self.push_block(item, cx);
            self.tell_block_links(item, cx);
        }
        self.relay(cx, |strategy, cx| strategy.on_accepted(item, ingress, cx));
    }

    /// Who brought what came over a link; a link that is gone by now was one that dialled us.
    pub(super) fn bringer(&self, ingress: Option<Link>) -> Bringer {
        let of = |link| self.links.get(link).map_or(Bringer::Dialler(0), |state| state.bringer);
        ingress.map_or(Bringer::Own, of)
    }

    /// A transaction waits for the budget no longer: from now on peers may find it by comparing, one of our own first hops
    /// only.
    fn let_out(&mut self, id: ItemId, is_own: bool, is_found: bool, cx: &mut Cx<'_>) {
        if is_own {
            self.keep_for_first_hops(id, cx);
        }
        if let Some(rate) = self.pool.fee_rate(id) {
            let params = &cx.params.relay;
            self.anti_entropy.on_let_out((id, rate), !is_found, cx.now, params, cx.rng);
            self.reconcile_links.on_news(cx.now, &cx.params.relay);
        }
    }

    /// Spreads what waited for the budget, not all at once after a late wake-up.
    pub(super) fn relay_due(&mut self, cx: &mut Cx<'_>) {
        for _ in 0..RELEASED_MAX {
            let next = self.rate_limiter.next(cx.now, &cx.params.budgets);
            let Some(Held { id, ingress, bringer, .. }) = next else { return };
            let ingress = ingress.filter(|link| self.links.get(*link).is_some());
            if let Some(item) = self.pool.get(id).cloned() {
                self.record.note_from(None, id, ItemEvent::Released, cx.now);
                let is_found = self.found.on_accepted(id.into(), cx.now);
                self.let_out(id, bringer == Bringer::Own, is_found, cx);
                if is_found {
                    continue;
                }
                self.relay(cx, |strategy, cx| strategy.on_accepted(&item, ingress, cx));
            }
        }
    }
}
