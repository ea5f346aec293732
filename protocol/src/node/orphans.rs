//! A transaction waits for its parents.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::Node;
use crate::chain::{Inspection, Rejection};
use crate::ground::item::{Item, ItemId, Name};
use crate::ground::link::{Direction, Link};
use crate::items::orphanage::{Origin, Orphan};
use crate::items::orphans::Settled;
use crate::items::restoring::Comeback;
use crate::items::seen::Outcome;
use crate::machine::{Cx, RestoredAs};
use crate::params::Params;
use crate::record::ItemEvent;
use crate::report::event::Event;

/// One of its parents was refused.
pub(super) const PARENT_REFUSED: Rejection = Rejection::policy("parent-refused");

/// It has more parents that aren't here than it may have ancestors.
pub(super) const TOO_MANY_PARENTS: Rejection = Rejection::policy("too-many-ancestors");

/// Our operator submitted it before its parents.
pub(super) const PARENTS_MISSING: Rejection = Rejection::policy("parents-missing");

/// Most that need not wait any more and are dealt with in one input: half a millisecond's work. A guess.
const SETTLED_MAX: usize = 128;

/// How it stands with a transaction's parents.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ParentStatus {
    /// They are all there.
    Complete,
    /// These haven't come yet.
    Lacks(BTreeSet<ItemId>),
    /// It can't come in, and why: one was refused, or more than one pays too little, or too many are missing.
    Hopeless(Rejection),
}

impl Node {
    /// How it stands with a transaction's parents.
    pub(super) fn parent_status(&self, inspection: &Inspection, params: &Params) -> ParentStatus {
        let (mut missing, mut cheap) = (BTreeSet::new(), 0);
        for parent in &inspection.parents {
            if self.pool.find_referred(*parent).is_some() || missing.contains(parent) {
                continue;
            }
            match self.seen.outcome(parent) {
                Some(Outcome::Confirmed) => continue,
                Some(Outcome::Invalid | Outcome::Refused) => {
                    return ParentStatus::Hopeless(PARENT_REFUSED);
                }
                Some(Outcome::TooCheap) => cheap += 1,
                Some(Outcome::Accepted) | None if inspection.takes_absent_for_confirmed => continue,
                Some(Outcome::Accepted) | None => {}
            }
            missing.insert(*parent);
            if missing.len() >= params.pool.family_max {
                return ParentStatus::Hopeless(TOO_MANY_PARENTS);
            }
        }
        match (missing.is_empty(), cheap) {
            (true, _) => ParentStatus::Complete,
            (false, 0 | 1) => ParentStatus::Lacks(missing),
            // Only one parent can be judged together with its child.
            (false, _) => ParentStatus::Hopeless(PARENT_REFUSED),
        }
    }

    /// A transaction has to wait for its parents, which are asked from all that announced it and are still there.
    /// If nobody is, it is forgotten.
    pub(super) fn orphan(
        &mut self,
        item: &Arc<Item>,
        inspection: Inspection,
        missing: BTreeSet<ItemId>,
        ingress: Option<Link>,
        holders: Vec<Link>,
        cx: &mut Cx<'_>,
    ) {
        let id = item.id();
        let mut announcers = Vec::new();
        let others = self.requests.on_arrived(id, cx.now, &cx.params.requests);
        for link in ingress.into_iter().chain(holders).chain(others) {
            if !announcers.contains(&link) && self.links.get(link).is_some() {
                announcers.push(link);
            }
        }
        let origin = ingress.map_or(Origin::Operator, Origin::Peer);
        let item = item.clone();
        let orphan =
            Orphan { item: item.clone(), inspection, origin, announcers, missing: missing.clone() };
        let announcers = orphan.announcers.clone();
        match ingress {
            Some(_) => self.orphans.orphanage_mut().insert(orphan, &cx.params.orphans),
            // Parents that are being checked come before it.
            None if missing.iter().all(|parent| self.verification.contains(parent)) => {
                self.orphans.orphanage_mut().restore(orphan, cx.now, &cx.params.orphans);
            }
            None => {}
        }
        if self.orphans.contains(id) {
            self.counters.orphaned += 1;
            self.record.note_from(ingress, id, ItemEvent::Orphaned, cx.now);
            cx.report(Event::Orphaned { id });
            self.charge_work(ingress, missing.len() * announcers.len(), cx);
            self.ask_for_parents(&missing, &announcers, cx);
        } else if ingress.is_none() {
            self.refuse(&item, None, PARENTS_MISSING, cx);
        }
    }

    /// Those of an earlier run don't wait for ever; and what one input had no time for goes on.
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
    /// themselves, or are being checked, are on their way; those that are here need only be told to their children.
    fn ask_for_parents(&mut self, missing: &BTreeSet<ItemId>, announcers: &[Link], cx: &Cx<'_>) {
        let is_outbound = |link: &Link| {
            self.links.get(*link).is_some_and(|state| state.direction == Direction::Outbound)
        };
        let (first, then): (Vec<_>, Vec<_>) = announcers.iter().copied().partition(is_outbound);
        for parent in missing {
            let is_coming = self.verification.contains(parent) || self.orphans.contains(parent);
            if is_coming || self.pool.find_referred(*parent).is_some() {
                continue;
            }
            for link in first.iter().chain(&then) {
                let (wait, requests) = (Duration::ZERO, &cx.params.requests);
                self.requests.on_announced(*link, parent.into(), wait, cx.now, requests);
                self.record.note(*link, parent, ItemEvent::Implied, cx.now);
            }
        }
    }

    /// Deals with what need not wait any more, one after the other: each may free or doom others. After `SETTLED_MAX` of
    /// them the rest is due at once.
    pub(super) fn settle_orphans(&mut self, cx: &mut Cx<'_>) {
        let mut room = SETTLED_MAX;
        loop {
            let evicted = &mut self.counters.orphans_evicted;
            match self.orphans.next_settled(&mut room, &cx.params.orphans, evicted) {
                Some(Settled::Ready(Orphan { item, inspection, origin, announcers, .. })) => {
                    let ingress = match origin {
                        Origin::Peer(link) => Some(link),
                        Origin::Operator => None,
                        Origin::EarlierRun => match announcers.first() {
                            Some(first) => Some(*first),
                            // Nobody announced it in this run; it was verified when it came back.
                            None => {
                                let (was, age) = (RestoredAs::Orphan, Duration::ZERO);
                                self.bring_back(Comeback { item, inspection, was, age }, cx);
                                continue;
                            }
                        },
                    };
                    self.take(&item, inspection, ingress, announcers, cx);
                }
                Some(Settled::Refused(Orphan { item, origin, .. })) => {
                    self.refuse(&item, origin.link(), PARENT_REFUSED, cx);
                }
                Some(Settled::Forsaken(Orphan { item, .. })) => {
                    self.refuse(&item, None, PARENTS_MISSING, cx);
                }
                None => return,
            }
        }
    }
}
