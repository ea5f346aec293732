//! A transaction waits for its parents.

use std::sync::Arc;
use std::time::Duration;

use super::Node;
use crate::chain::{Inspection, Rejection};
use crate::ground::item::{Item, ItemId, Name};
use crate::ground::link::{Direction, Link};
use crate::items::orphanage::Orphan;
use crate::items::orphans::Settled;
use crate::items::restoring::Comeback;
use crate::items::seen::Outcome;
use crate::items::verification::Checking;
use crate::machine::{Cx, RestoredAs};
use crate::record::ItemEvent;
use crate::report::event::Event;

/// One of its parents was refused.
pub(super) const PARENT_REFUSED: Rejection = Rejection::policy("parent-refused");

/// Our operator submitted it before its parents.
pub(super) const PARENTS_MISSING: Rejection = Rejection::policy("parents-missing");

/// How it stands with a transaction's parents.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ParentStatus {
    /// They are all there.
    Complete,
    /// These haven't come yet.
    Lacks(Vec<ItemId>),
    /// One was refused, or more than one pays too little.
    Hopeless,
}

impl Node {
    /// How it stands with a transaction's parents.
    pub(super) fn parent_status(&self, inspection: &Inspection) -> ParentStatus {
        let (mut missing, mut cheap) = (Vec::new(), 0);
        for parent in &inspection.parents {
            if self.pool.find_referred(*parent).is_some() || missing.contains(parent) {
                continue;
            }
            match self.seen.outcome(parent) {
                Some(Outcome::Confirmed) => continue,
                Some(Outcome::Invalid | Outcome::Refused) => return ParentStatus::Hopeless,
                Some(Outcome::TooCheap) => cheap += 1,
                Some(Outcome::Accepted) | None if inspection.takes_absent_for_confirmed => continue,
                Some(Outcome::Accepted) | None => {}
            }
            missing.push(*parent);
        }
        match (missing.is_empty(), cheap) {
            (true, _) => ParentStatus::Complete,
            (false, 0 | 1) => ParentStatus::Lacks(missing),
            // Only one parent can be judged together with its child.
            (false, _) => ParentStatus::Hopeless,
        }
    }

    /// A transaction has to wait for its parents, which are asked from all that announced it.
    pub(super) fn orphan(
        &mut self,
        item: &Arc<Item>,
        inspection: Inspection,
        missing: Vec<ItemId>,
        ingress: Option<Link>,
        holders: Vec<Link>,
        cx: &mut Cx<'_>,
    ) {
        let Some(ingress) = ingress else {
            // Parents that are being checked come before it.
            let are_coming = missing.iter().all(|id| self.verification.contains(id));
            if are_coming && inspection.needs_verification {
                let (item, holders) = (item.clone(), Vec::new());
                return self.check(Checking { item, inspection, ingress, holders, pair: None }, cx);
            }
            return self.refuse(item, None, PARENTS_MISSING, cx);
        };
        self.record.note(ingress, item.id(), ItemEvent::Orphaned, cx.now);
        let mut announcers = vec![ingress];
        let others = self.requests.on_arrived(item.id(), cx.now, &cx.params.requests);
        for link in holders.into_iter().chain(others) {
            if !announcers.contains(&link) && self.links.get(link).is_some() {
                announcers.push(link);
            }
        }
        let orphan =
            Orphan { item: item.clone(), inspection, announcers: announcers.clone(), missing };
        let missing = orphan.missing.clone();
        self.orphans.orphanage_mut().insert(orphan, &cx.params.orphans);
        self.counters.orphaned += 1;
        if self.orphans.contains(item.id()) {
            cx.report(Event::Orphaned { id: item.id() });
            self.ask_for_parents(&missing, &announcers, cx);
        }
    }

    /// Those of an earlier run don't wait for ever.
    pub(super) fn orphans_due(&mut self, cx: &Cx<'_>) {
        self.orphans.on_wake(cx.now);
    }

    /// A peer announced what waits here: it may have the parents too. False if it doesn't wait here.
    pub(super) fn on_orphan_announced(&mut self, link: Link, name: Name, cx: &Cx<'_>) -> bool {
        let Some(missing) = self.orphans.on_announced(link, name, &cx.params.orphans) else {
            return false;
        };
        self.ask_for_parents(&missing, &[link], cx);
        true
    }

    /// Asks for parents that nobody is being asked for, outbound peers first. Those that wait here
    /// themselves, or are being checked, are on their way.
    fn ask_for_parents(&mut self, missing: &[ItemId], announcers: &[Link], cx: &Cx<'_>) {
        let is_outbound = |link: &Link| {
            self.links.get(*link).is_some_and(|state| state.direction == Direction::Outbound)
        };
        let (first, then): (Vec<_>, Vec<_>) = announcers.iter().copied().partition(is_outbound);
        for parent in missing {
            if self.verification.contains(parent) || self.orphans.contains(parent) {
                continue;
            }
            for link in first.iter().chain(&then) {
                let (wait, requests) = (Duration::ZERO, &cx.params.requests);
                self.requests.on_announced(*link, parent.into(), wait, cx.now, requests);
                self.record.note(*link, parent, ItemEvent::Implied, cx.now);
            }
        }
    }

    /// Deals with what need not wait any more, one after the other: each may free or doom others.
    pub(super) fn settle_orphans(&mut self, cx: &mut Cx<'_>) {
        loop {
            let evicted = &mut self.counters.orphans_evicted;
            match self.orphans.next_settled(&cx.params.orphans, evicted) {
                Some(Settled::Ready(Orphan { item, inspection, announcers, .. })) => {
                    match announcers.first().copied() {
                        Some(first) => self.take(&item, inspection, Some(first), announcers, cx),
                        // Nobody announced it in this run; it was verified when it came back.
                        None => self
                            .bring_back(Comeback { item, inspection, was: RestoredAs::Orphan }, cx),
                    }
                }
                Some(Settled::Refused(Orphan { item, announcers, .. })) => {
                    let ingress = announcers.first().copied();
                    self.refuse(&item, ingress, PARENT_REFUSED, cx);
                }
                None => return,
            }
        }
    }
}
