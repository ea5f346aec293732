//! Items that outlive the process: they come back after a restart, and own ones are announced again.

use std::sync::Arc;

use rand::Rng;

use super::Node;
use crate::announce::Form;
use crate::chain::Rejection;
use crate::event::Event;
use crate::item::{Item, ItemKind, ShortId};
use crate::link::LinkSet;
use crate::machine::Cx;
use crate::record::What;
use crate::seen::{Outcome, Seen};

impl Node {
    /// An item of an earlier run comes back. Nobody is told: peers had it, or will be asked about it; and
    /// an own one waits for its next attempt like one that was submitted now.
    pub(super) fn on_restored(&mut self, item: &Arc<Item>, own: bool, cx: &mut Cx<'_>) {
        let (id, kind) = (item.id(), item.kind());
        if self.is_known(id.into()) {
            if own && !self.unbroadcast.contains(id) {
                cx.report(Event::Broadcast { id }); // a peer was quicker than the disk
            }
            return;
        }
        if let Err(rejection) = self.take_back(item, cx) {
            return self.refuse(item, None, rejection, cx);
        }
        let mut known = LinkSet::default();
        for link in self.requests.on_arrived(id, cx.now, &cx.params.requests) {
            known.insert(link);
        }
        let wanted = !known.is_empty();
        self.seen.insert(id, Seen::new(Outcome::Accepted, known));
        self.on_parent_accepted(id);
        self.counters.restored += 1;
        self.record.note_from(None, id, What::Restored, cx.now);
        cx.report(Event::Restored { id, kind });
        if own && wanted {
            cx.report(Event::Broadcast { id });
        } else if own {
            self.remember_own(item, cx);
        }
    }

    /// Puts an item back where it was. Its parents were there then: those that don't come back with it were
    /// confirmed since.
    fn take_back(&mut self, item: &Arc<Item>, cx: &Cx<'_>) -> Result<(), Rejection> {
        let facts = cx.chain.inspect(item)?;
        match item.kind() {
            ItemKind::Tx => self.pool.insert(item.clone(), facts, cx.now, cx.params)?,
            ItemKind::Block => self.on_block(item, &facts, cx),
        }
        Ok(())
    }

    /// An own item was accepted: a transaction is announced until somebody asks for it. (A block is
    /// announced at once, and soon replaced by the next.)
    pub(super) fn remember_own(&mut self, item: &Arc<Item>, cx: &mut Cx<'_>) {
        if item.kind() == ItemKind::Tx {
            let (params, salt) = (&cx.params.unbroadcast, *self.verifying.salt());
            self.unbroadcast.insert(item.id(), cx.now, params, salt, cx.rng);
        }
    }

    /// A peer has an item, or was given it: it needn't be announced again.
    pub(super) fn on_wanted(&mut self, id: impl Into<ShortId>, cx: &mut Cx<'_>) {
        if let Some(id) = self.unbroadcast.remove(id) {
            cx.report(Event::Broadcast { id });
        }
    }

    /// Transactions left the pool: the driver is told.
    pub(super) fn tell_gone(&mut self, cx: &mut Cx<'_>) {
        for id in self.pool.take_gone() {
            self.unbroadcast.remove(id);
            cx.report(Event::Left { id });
        }
    }

    /// Announces own transactions again, the way of relayed ones and in their company: see
    /// [`crate::unbroadcast`].
    pub(super) fn announce_again(&mut self, cx: &mut Cx<'_>) {
        let Self { unbroadcast, announcer, ready, seen, pool, counters, .. } = self;
        let (now, params) = (cx.now, cx.params);
        unbroadcast.on_wake(now, &params.unbroadcast, cx.rng, |own, rng| {
            let mut announce = |id, rng: &mut dyn Rng| {
                let links = ready.iter().map(|neighbour| neighbour.link);
                let mut told = 0;
                for link in links.filter(|link| !seen.knows(id, *link)) {
                    announcer.enqueue(link, (id, Form::Id), now, &params.relay, rng);
                    told += 1;
                }
                counters.reannounced += told;
                told > 0
            };
            let told = announce(own, rng);
            if told && let Some(companion) = pool.any(rng).filter(|id| *id != own) {
                announce(companion, rng);
            }
            told
        });
    }
}
