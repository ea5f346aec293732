//! Own transactions are announced until somebody asks for them, and what leaves the pool is told.

use std::sync::Arc;

use rand::Rng;

use super::Node;
use crate::ground::item::{Item, ItemKind};
use crate::machine::Cx;
use crate::record::ItemEvent;
use crate::relay::announce::Form;
use crate::report::event::Event;

impl Node {
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
        let companion = self.pool.any(cx.rng).filter(|id| *id != item.id());
        let links: Vec<_> = self.ready.iter().map(|neighbour| neighbour.link).collect();
        for link in links {
            for id in [item.id()].into_iter().chain(companion) {
                self.enqueue(link, (id, Form::Again), cx);
            }
        }
    }

    /// Transactions that have been pooled for too long leave.
    pub(super) fn expire_due(&mut self, cx: &Cx<'_>) {
        self.pool.on_wake(cx.now);
    }

    /// Transactions left the pool: the driver is told.
    pub(super) fn tell_gone(&mut self, cx: &mut Cx<'_>) {
        for (id, why) in self.pool.take_gone() {
            self.unbroadcast.remove(id);
            if !self.pool.contains(id) {
                self.seen.release(id);
                self.anti_entropy.on_left(id);
            }
            self.record.note_from(None, id, ItemEvent::Left(why), cx.now);
            cx.report(Event::Left { id });
        }
    }

    /// Announces own transactions again, the way of relayed ones and in their company: see
    /// [`crate::items::unbroadcast`].
    pub(super) fn announce_again(&mut self, cx: &mut Cx<'_>) {
        let Self { unbroadcast, announcer, ready, seen, pool, counters, record, .. } = self;
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
            if told {
                record.note_from(None, own, ItemEvent::Again, now);
            }
            if told && let Some(companion) = pool.any(rng).filter(|id| *id != own) {
                announce(companion, rng);
            }
            told
        });
    }
}
