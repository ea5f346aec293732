//! Items that outlive the process: they come back after a restart, and own ones are announced again.

use std::sync::Arc;

use rand::Rng;

use super::orphans::{PARENT_REFUSED, ParentStatus};
use super::{Comeback, Node};
use crate::chain::Inspection;
use crate::event::Event;
use crate::ground::item::{Item, ItemId, ItemKind, ShortId};
use crate::ground::link::LinkSet;
use crate::items::orphanage::Orphan;
use crate::items::pool::FEE_TOO_LOW;
use crate::items::seen::{Outcome, Seen};
use crate::machine::{Cx, Was};
use crate::record::What;
use crate::relay::announce::Form;

impl Node {
    /// An item of an earlier run comes back. Nobody is told: peers had it, or will be asked about it; and
    /// an own one waits for its next attempt like one that was submitted now.
    pub(super) fn on_restored(&mut self, item: Arc<Item>, was: Was, cx: &mut Cx<'_>) {
        let id = item.id();
        if self.is_known(id.into()) {
            if was == Was::Own && !self.unbroadcast.contains(id) {
                cx.report(Event::Broadcast { id }); // a peer was quicker than the disk
            }
            return;
        }
        let inspection = match cx.chain.inspect(&item) {
            Ok(inspection) => inspection,
            Err(rejection) => return self.refuse(&item, None, rejection, cx),
        };
        if item.kind() == ItemKind::Block {
            self.on_block(&item, &inspection, cx);
            return self.is_back(&item, was, cx);
        }
        // The parents of others were there: those that don't come back with them were confirmed since.
        if was == Was::Orphan {
            self.record.note_from(None, id, What::Restored, cx.now);
            match self.parent_status(&inspection) {
                ParentStatus::Complete => {}
                ParentStatus::Lacks(missing) => {
                    return self.wait_again(item, inspection, missing, cx);
                }
                ParentStatus::Hopeless => return self.refuse(&item, None, PARENT_REFUSED, cx),
            }
        }
        self.bring_back(Comeback { item, inspection, was }, cx);
    }

    /// Puts a transaction back into the pool, together with a parent that pays too little alone.
    pub(super) fn bring_back(&mut self, back: Comeback, cx: &mut Cx<'_>) {
        let Some(parent) = self.take_cheap_parent(&back.inspection) else {
            return self.bring_back_alone(back, cx);
        };
        let [first, second] =
            [&parent, &back].map(|one| (one.item.clone(), one.inspection.clone()));
        match self.pool.insert_pair(first, second, cx.now, cx.params) {
            Ok(()) => {
                self.is_back(&parent.item, parent.was, cx);
                self.is_back(&back.item, back.was, cx);
            }
            Err(rejection) => {
                self.refuse(&parent.item, None, FEE_TOO_LOW, cx);
                self.refuse(&back.item, None, rejection, cx);
            }
        }
    }

    fn bring_back_alone(&mut self, back: Comeback, cx: &mut Cx<'_>) {
        let Comeback { item, inspection, was } = &back;
        let mut put = self.pool.check(item, inspection, cx.now, cx.params);
        if put == Err(FEE_TOO_LOW) && self.has_room_for_cheap(item, cx) {
            let orphans = self.orphans_mut();
            orphans.cheap_until = cx.now + cx.params.orphans.expiry();
            return orphans.cheap.push(back); // it came with a child that comes next
        }
        if put.is_ok() {
            put = self.pool.insert(item.clone(), inspection.clone(), cx.now, cx.params);
        }
        match put {
            Ok(()) => self.is_back(item, *was, cx),
            Err(rejection) => self.refuse(item, None, rejection, cx),
        }
    }

    fn has_room_for_cheap(&self, item: &Item, cx: &Cx<'_>) -> bool {
        let held = self.orphans.as_ref().map_or(&[][..], |orphans| &orphans.cheap);
        let bytes: usize = held.iter().map(|back| back.item.size()).sum();
        bytes + item.size() <= cx.params.orphans.reserve_bytes
    }

    fn take_cheap_parent(&mut self, inspection: &Inspection) -> Option<Comeback> {
        let cheap = &mut self.orphans.as_mut()?.cheap;
        let place = cheap
            .iter()
            .position(|back| inspection.parents.contains(&back.inspection.referred(&back.item)))?;
        Some(cheap.remove(place))
    }

    /// Its parents are still missing. Whoever announces it is asked for them.
    fn wait_again(
        &mut self,
        item: Arc<Item>,
        inspection: Inspection,
        missing: Vec<ItemId>,
        cx: &mut Cx<'_>,
    ) {
        let id = item.id();
        let orphan = Orphan { item, inspection, announcers: Vec::new(), missing };
        self.orphans_mut().waiting.restore(orphan, cx.now, &cx.params.orphans);
        if self.is_orphan(id.into()) {
            self.record.note_from(None, id, What::Orphaned, cx.now);
            cx.report(Event::Orphaned { id });
        }
    }

    /// An item is where it was.
    fn is_back(&mut self, item: &Arc<Item>, was: Was, cx: &mut Cx<'_>) {
        let (id, kind) = (item.id(), item.kind());
        let mut known = LinkSet::default();
        for link in self.requests.on_arrived(id, cx.now, &cx.params.requests) {
            known.insert(link);
        }
        let wanted = !known.is_empty();
        self.seen.insert(id, Seen::new(Outcome::Accepted, known));
        self.on_parent_accepted(self.pool.referred(id));
        self.counters.restored += 1;
        // One that waited for its parents came back before.
        let what = if was == Was::Orphan { What::Accepted } else { What::Restored };
        self.record.note_from(None, id, what, cx.now);
        cx.report(Event::Restored { id, kind });
        if was == Was::Own && wanted {
            cx.report(Event::Broadcast { id });
        } else if was == Was::Own {
            self.remember_own(item, cx);
        }
    }

    /// An own item was accepted: a transaction is announced until somebody asks for it. (A block is
    /// announced at once, and soon replaced by the next.)
    pub(super) fn remember_own(&mut self, item: &Arc<Item>, cx: &mut Cx<'_>) {
        if item.kind() == ItemKind::Tx {
            let (params, salt) = (&cx.params.unbroadcast, *self.verifying.salt());
            self.unbroadcast.insert(item.id(), cx.now, params, salt, cx.rng);
        }
    }

    /// A peer has an item, or was given it: it needn't be announced again. Says whether it was to be.
    pub(super) fn on_wanted(&mut self, id: impl Into<ShortId>, cx: &mut Cx<'_>) -> bool {
        let wanted = self.unbroadcast.remove(id);
        if let Some(id) = wanted {
            cx.report(Event::Broadcast { id });
        }
        wanted.is_some()
    }

    /// Transactions left the pool: the driver is told.
    pub(super) fn tell_gone(&mut self, cx: &mut Cx<'_>) {
        for (id, why) in self.pool.take_gone() {
            self.unbroadcast.remove(id);
            self.record.note_from(None, id, What::Left(why), cx.now);
            cx.report(Event::Left { id });
        }
    }

    /// Announces own transactions again, the way of relayed ones and in their company: see
    /// [`crate::items::unbroadcast`].
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
