//! Everything that leaves: one way out for every message, and one for each way of telling a peer of an item.
//!
//! *The way out* is [`Node::send`]: what a message means for the link's budget, for own transactions and for the
//! counters is seen to there, so that nobody has to remember it; and where debug assertions are on, whether its receiver can read
//! it. An item or its id leaves by [`Node::give`] or
//! [`Node::announce`], which note that the peer knows it and record it.

use std::sync::Arc;

use super::Node;
use crate::ground::item::{Item, ItemId, ItemKind, Name, ShortId};
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::machine::{Action, Cx};
use crate::record::{ItemEvent, Manner};
use crate::relay::Strategy as _;
use crate::relay::announce::Form;
use crate::report::event::Event;
use crate::wire::codec;
use crate::wire::kinds::Class;
use crate::wire::message::{ANNOUNCE_MAX, Blocks, Items, Message, Names, PeerExchange, Reconcile};

impl Node {
    /// Sends a message.
    pub(super) fn send(&mut self, link: Link, message: impl Into<Message>, cx: &mut Cx<'_>) {
        let message = message.into();
        debug_assert_eq!(codec::check(&message, cx.chain), Ok(()), "it is refused: {message:?}");
        let Some(state) = self.links.get_mut(link) else { return };
        let len = codec::frame_len(&message);
        self.counters.traffic.count_sent(message.kind(), len);
        self.record.on_sent(link, len);
        if self.region.is_some() && state.region.is_some_and(|region| Some(region) != self.region) {
            self.counters.sent_cross_region_bytes += len as u64;
        }
        state.allowance.charge(&message, len, cx.now, &cx.params.budgets);
        match &message {
            Message::Peers(PeerExchange::GetAddresses) => state.budget.expect_addresses(),
            Message::Items(Items::Item(item)) => {
                let id = item.id();
                self.on_wanted(id, cx);
            }
            _ => {}
        }
        cx.actions.push(Action::Send { link, message });
    }

    /// Sends what the parts left in their outbox.
    pub(super) fn send_outbox(&mut self, cx: &mut Cx<'_>) {
        for (link, message) in self.peers.take_outbox() {
            self.send(link, message, cx);
        }
    }

    /// Sends an item whole to a peer that is then known to have it.
    pub(super) fn give(&mut self, link: Link, item: Arc<Item>, manner: Manner, cx: &mut Cx<'_>) {
        self.seen.note_told(item.id(), link);
        self.upload.on_given(item.id(), link);
        self.record.note(link, item.id(), ItemEvent::Sent(manner), cx.now);
        match self.as_names(link, &item, cx) {
            Some(compact) => {
                self.on_wanted(item.id(), cx);
                self.send(link, Blocks::Compact(compact), cx);
            }
            None => self.send(link, Items::Item(item), cx),
        }
    }

    /// Sends an item that we still hold, unless the peer doesn't take it. If it doesn't now, it is announced.
    pub(super) fn give_by_id(&mut self, link: Link, id: ItemId, manner: Manner, cx: &mut Cx<'_>) {
        let Some(item) = self
            .item(&id)
            .filter(|_| !self.is_filtered(link, &id) && !self.is_hidden(link, id, cx))
            .cloned()
        else {
            return;
        };
        if self.takes_unasked(link, &item, cx) {
            self.give(link, item, manner, cx);
        } else {
            self.enqueue(link, (id, Form::Id), cx);
        }
    }

    /// When a peer takes an item; a moment that is past if it does now.
    pub(super) fn takes_at(&self, link: Link, item: &Arc<Item>, cx: &Cx<'_>) -> Time {
        let Some(state) = self.links.get(link) else { return Time::ZERO };
        // As it will be charged.
        let len = codec::frame_len(&Message::Items(Items::Item(Arc::clone(item))));
        match item.kind() {
            ItemKind::Tx => state.allowance.tx_at(len, &cx.params.budgets),
            ItemKind::Block => state.allowance.block_at(len, &cx.params.budgets),
        }
    }

    /// Whether a peer takes an item now that it didn't ask for.
    pub(super) fn takes_unasked(&self, link: Link, item: &Arc<Item>, cx: &Cx<'_>) -> bool {
        let takes = self.links.get(link).is_some_and(|state| state.allowance.takes_unasked());
        (takes || item.kind() == ItemKind::Block) && self.takes_at(link, item, cx) <= cx.now
    }

    /// How many ids of transactions a peer takes now, at least one; or when it may.
    pub(super) fn may_announce(&self, link: Link, cx: &Cx<'_>) -> Result<usize, Time> {
        let Some(state) = self.links.get(link) else { return Err(Time::NEVER) };
        state.allowance.announce(cx.now, &cx.params.budgets)
    }

    /// Announces ids to a peer that is then known to have them, or about to; but for those that it doesn't take, or isn't to
    /// hear of yet.
    /// Transactions for which it has given no credit yet wait until it does, and blocks that follow closely on others until
    /// they may leave together.
    pub(super) fn announce(
        &mut self,
        link: Link,
        kind: ItemKind,
        ids: &[ItemId],
        manner: Manner,
        cx: &mut Cx<'_>,
    ) {
        let mut wanted = Vec::new();
        let ids = if self.fee_filter.of(link).is_some() || !self.embargo.is_empty() {
            let is_for_it =
                |id: &ItemId| !self.is_filtered(link, id) && !self.is_hidden(link, id, cx);
            wanted.extend(ids.iter().copied().filter(is_for_it));
            &wanted
        } else {
            ids
        };
        let Some(last) = ids.last() else { return };
        match kind {
            ItemKind::Block if self.block_news.try_tell(*last, cx.now) => {
                self.announce_now(link, kind, ids, manner, cx);
            }
            ItemKind::Block => ids.iter().for_each(|id| self.block_news.wait(link, *id)),
            ItemKind::Tx => {
                let now_or_later = self.may_announce(link, cx);
                let (ids, later) = ids.split_at(now_or_later.unwrap_or(0).min(ids.len()));
                if !later.is_empty() {
                    later.iter().for_each(|id| self.hold(link, *id, cx));
                    self.announcer.hurry(link, now_or_later.err().unwrap_or(Time::NEVER));
                }
                if let Some(state) = self.links.get_mut(link) {
                    state.allowance.spend_credit(ids.len());
                }
                self.announce_now(link, kind, ids, manner, cx);
            }
        }
    }

    /// Tells a peer of ids that it takes now.
    fn announce_now(
        &mut self,
        link: Link,
        kind: ItemKind,
        ids: &[ItemId],
        manner: Manner,
        cx: &mut Cx<'_>,
    ) {
        ids.iter().for_each(|id| self.seen.note_told(id, link));
        self.record.note_all(link, ids, ItemEvent::Told(manner), cx.now);
        if kind == ItemKind::Block && self.takes_headers(link) {
            return ids.iter().for_each(|id| self.announce_block(link, *id, cx));
        }
        let is_short = kind == ItemKind::Tx && self.strategy.names_short();
        for ids in ids.chunks(ANNOUNCE_MAX) {
            if kind == ItemKind::Tx && manner == Manner::Gap {
                let ids = ids.iter().copied().map(ShortId::from).collect();
                self.send(link, Reconcile::Lacked(ids), cx);
            } else {
                let message = announcement(kind, ids, is_short, cx.actions.last());
                self.send(link, message, cx);
            }
        }
    }

    /// A block is told by its header if what comes before is known, else by its id.
    fn announce_block(&mut self, link: Link, id: ItemId, cx: &mut Cx<'_>) {
        match self.as_headers(link, id) {
            Some(headers) => self.send(link, Blocks::Headers(headers), cx),
            None => self.send(link, announcement(ItemKind::Block, &[id], false, None), cx),
        }
    }

    /// Blocks waited to be announced together: those that are still here, to whoever doesn't know them by now.
    pub(super) fn tell_blocks(&mut self, cx: &mut Cx<'_>) {
        for (link, ids) in self.block_news.take(cx.now) {
            let is_news =
                |id: &ItemId| self.blocks.get(id).is_some() && !self.seen.knows(*id, link);
            let ids: Vec<_> = ids.into_iter().filter(is_news).collect();
            self.announce_now(link, ItemKind::Block, &ids, Manner::Now, cx);
        }
    }

    /// Announces items of both kinds.
    pub(super) fn announce_any(
        &mut self,
        link: Link,
        ids: Vec<ItemId>,
        manner: Manner,
        cx: &mut Cx<'_>,
    ) {
        let (blocks, txs): (Vec<_>, Vec<_>) =
            ids.into_iter().partition(|id| id.kind() == ItemKind::Block);
        self.announce(link, ItemKind::Block, &blocks, manner, cx);
        self.announce(link, ItemKind::Tx, &txs, manner, cx);
    }

    /// Has nothing more taken from a link until a moment. If it is items of a kind that are too many, none are asked for
    /// and none are taken until then, and all else goes on: what there is too much of is no reason to miss a ping, a
    /// block or an answer. (As HTTP/2 has windows for each stream beside the connection's: RFC 9113, 5.2.)
    pub(super) fn slow(
        &mut self,
        link: Link,
        kind: Option<ItemKind>,
        until: Time,
        cx: &mut Cx<'_>,
    ) {
        self.record.on_slowed(link, until, cx.now);
        if let Some(kind) = kind {
            self.requests.withhold(link, kind, until);
        }
        let class = kind.map(Class::of_items);
        cx.actions.push(Action::Throttle { link, class, until });
    }

    /// A peer has an item, or was given it: it needn't be announced again. Says whether it was to be.
    pub(super) fn on_wanted(&mut self, id: impl Into<Name>, cx: &mut Cx<'_>) -> bool {
        let Some(id) = self.unbroadcast.remove(id) else { return false };
        cx.report(Event::Broadcast { id });
        self.rest_at = self.find_rest_at();
        true
    }
}

/// Tells a peer of these ids. The same ids often leave on many links at once: messages that follow one another share
/// them.
fn announcement(kind: ItemKind, ids: &[ItemId], is_short: bool, last: Option<&Action>) -> Items {
    if let Some(Action::Send { message: Message::Items(Items::Announce(told)), .. }) = last {
        let is_same = match told {
            Names::Whole { kind: theirs, ids: told } => {
                !is_short && *theirs == kind && **told == *ids
            }
            Names::Short(told) => {
                is_short && told.iter().copied().eq(ids.iter().map(ShortId::from))
            }
        };
        if is_same {
            return Items::Announce(told.clone());
        }
    }
    Items::Announce(match is_short {
        true => Names::Short(ids.iter().map(ShortId::from).collect()),
        false => Names::Whole { kind, ids: ids.into() },
    })
}
