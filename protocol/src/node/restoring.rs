//! Items of an earlier run come back. Nobody is told: peers had them, or will be asked about them; and an own
//! transaction waits for its next attempt like one that was submitted now.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::Node;
use super::orphans::ParentStatus;
use crate::chain::{Inspection, Verified};
use crate::ground::bringer::Bringer;
use crate::ground::item::{Item, ItemId, ItemKind};
use crate::ground::link::LinkSet;
use crate::items::orphanage::{Origin, Orphan};
use crate::items::pool::FEE_TOO_LOW;
use crate::items::restoring::Comeback;
use crate::items::seen::{Outcome, Seen};
use crate::machine::{Cx, RestoredAs};
use crate::record::ItemEvent;
use crate::report::event::Event;

impl Node {
    pub(super) fn on_restored(
        &mut self,
        item: Arc<Item>,
        was: RestoredAs,
        age: Duration,
        verified: Verified,
        cx: &mut Cx<'_>,
    ) {
        let id = item.id();
        if self.is_known(id) {
            if was == RestoredAs::Own && !self.unbroadcast.contains(id) {
                cx.report(Event::Broadcast { id }); // a peer was quicker than the disk
            }
            return;
        }
        let mut inspection = match cx.chain.inspect(&item) {
            Ok(inspection) => inspection,
            Err(rejection) => return self.refuse(&item, None, rejection, cx),
        };
        inspection.learn(&verified);
        if item.kind() == ItemKind::Block {
            match self.place_block(item.bytes(), true, cx) {
                Ok(()) if cx.chain.root().is_some() => {
                    self.store_block(&item, verified.confirms, cx);
                }
                Ok(()) => self.on_block(&item, &inspection, verified.confirms, cx),
                Err(why) => return self.refuse(&item, None, why, cx),
            }
            self.is_back(&item, was, cx);
            return self.advance(cx);
        }
        // The parents of others were there: those that don't come back with them were confirmed since.
        if was == RestoredAs::Orphan {
            self.record.note_from(None, id, ItemEvent::Restored, cx.now);
            match self.parent_status(&inspection, cx.params) {
                ParentStatus::Complete => {}
                ParentStatus::Lacks(missing) => {
                    return self.wait_again(item, inspection, missing, cx);
                }
                ParentStatus::Hopeless(why) => return self.refuse(&item, None, why, cx),
            }
        }
        self.bring_back(Comeback { item, inspection, was, age }, cx);
    }

    /// Puts a transaction back into the pool, together with a parent that pays too little alone.
    pub(super) fn bring_back(&mut self, back: Comeback, cx: &mut Cx<'_>) {
        let Some(parent) = self.restoring.take_parent_of(&back.inspection) else {
            return self.bring_back_alone(back, cx);
        };
        let [first, second] =
            [&parent, &back].map(|one| (one.item.clone(), one.inspection.clone()));
        match self.pool.insert_pair(first, second, Bringer::Earlier, cx.now, cx.params) {
            Ok(()) => {
                for Comeback { item, was, age, .. } in [parent, back] {
                    self.pool.backdate(item.id(), age);
                    self.is_back(&item, was, cx);
                }
            }
            Err(rejection) => {
                self.refuse(&parent.item, None, FEE_TOO_LOW, cx);
                self.refuse(&back.item, None, rejection, cx);
            }
        }
    }

    fn bring_back_alone(&mut self, back: Comeback, cx: &mut Cx<'_>) {
        let bringer = bringer(back.was);
        let mut put = self.pool.check(&back.item, &back.inspection, bringer, cx.now, cx.params);
        let back = if put == Err(FEE_TOO_LOW) {
            // Perhaps it came with a child, which comes next.
            match self.restoring.hold(back, cx.now, &cx.params.orphans) {
                Some(back) => back,
                None => return,
            }
        } else {
            back
        };
        let Comeback { item, inspection, was, age } = back;
        if put.is_ok() {
            put = self.pool.insert(item.clone(), inspection, bringer, cx.now, cx.params);
        }
        match put {
            Ok(()) => {
                self.pool.backdate(item.id(), age);
                self.is_back(&item, was, cx);
            }
            Err(rejection) => self.refuse(&item, None, rejection, cx),
        }
    }

    /// No child came for these.
    pub(super) fn restoring_due(&mut self, cx: &mut Cx<'_>) {
        for Comeback { item, .. } in self.restoring.take_all() {
            self.refuse(&item, None, FEE_TOO_LOW, cx);
        }
    }

    /// Its parents are still missing. Whoever announces it is asked for them.
    fn wait_again(
        &mut self,
        item: Arc<Item>,
        inspection: Inspection,
        missing: BTreeSet<ItemId>,
        cx: &mut Cx<'_>,
    ) {
        let id = item.id();
        let (origin, announcers) = (Origin::EarlierRun, Vec::new());
        let orphan = Orphan { item, inspection, origin, announcers, missing };
        self.orphans.orphanage_mut().restore(orphan, cx.now, &cx.params.orphans);
        if self.orphans.contains(id) {
            self.record.note_from(None, id, ItemEvent::Orphaned, cx.now);
            cx.report(Event::Orphaned { id });
            for link in self.requests.on_arrived(id, cx.now, &cx.params.requests) {
                self.on_orphan_announced(link, id.into(), cx);
            }
        }
    }

    /// An item is where it was.
    fn is_back(&mut self, item: &Arc<Item>, was: RestoredAs, cx: &mut Cx<'_>) {
        let id = item.id();
        let mut known = LinkSet::default();
        for link in self.requests.on_arrived(id, cx.now, &cx.params.requests) {
            known.insert(link);
        }
        let wanted = !known.is_empty();
        self.seen.insert(id, Seen::new(Outcome::Accepted, known));
        self.seen.hold(id);
        self.orphans.on_parent_accepted(self.pool.referred(id));
        if let Some(rate) = self.pool.fee_rate(id) {
            self.anti_entropy.on_restored((id, rate), &cx.params.relay);
        }
        self.counters.restored += 1;
        // One that waited for its parents came back before.
        let what =
            if was == RestoredAs::Orphan { ItemEvent::Accepted } else { ItemEvent::Restored };
        self.record.note_from(None, id, what, cx.now);
        cx.report(Event::Restored { id });
        if was == RestoredAs::Own && wanted {
            cx.report(Event::Broadcast { id });
        } else if was == RestoredAs::Own {
            self.remember_own(item, cx);
            self.keep_for_first_hops(id, cx);
        }
    }
}

/// Who brought what comes back.
const fn bringer(was: RestoredAs) -> Bringer {
    match was {
        RestoredAs::Own => Bringer::Own,
        RestoredAs::Kept | RestoredAs::Orphan => Bringer::Earlier,
    }
}
