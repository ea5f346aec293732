//! A transaction waits for its parents, or pays for one that pays too little by itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{Comeback, Node, Orphans, Pair, Verifying};
use crate::chain::{Confirmed, Inspection, Rejection, Verdict};
use crate::event::Event;
use crate::ground::item::{Item, ItemId, ItemKind, Name, ShortId};
use crate::ground::link::{Direction, Link};
use crate::ground::map::Salt;
use crate::ground::time::Time;
use crate::items::orphanage::{Orphan, Orphanage};
use crate::items::pool::FEE_TOO_LOW;
use crate::items::seen::Outcome;
use crate::machine::{Cx, Was};
use crate::record::What;

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

impl Orphans {
    fn new(salt: Salt) -> Self {
        Self {
            waiting: Orphanage::new(salt),
            ready: VecDeque::new(),
            refused: Vec::new(),
            cheap: Vec::new(),
            cheap_until: Time::NEVER,
        }
    }

    /// When something has waited for long enough.
    pub(super) fn deadline(&self) -> Time {
        let cheap = if self.cheap.is_empty() { Time::NEVER } else { self.cheap_until };
        cheap.min(self.waiting.deadline())
    }
}

impl Node {
    pub(super) fn is_orphan(&self, id: ShortId) -> bool {
        self.orphanage().is_some_and(|orphanage| orphanage.get(id).is_some())
    }

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
            let are_coming = missing.iter().all(|id| self.verifying.contains(&id.into()));
            if are_coming && inspection.needs_verification {
                let holders = Vec::new();
                let own =
                    Verifying { item: item.clone(), inspection, ingress, holders, pair: None };
                return self.check(own, cx);
            }
            return self.refuse(item, None, PARENTS_MISSING, cx);
        };
        self.record.note(ingress, item.id(), What::Orphaned, cx.now);
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
        self.orphans_mut().waiting.insert(orphan, &cx.params.orphans);
        self.counters.orphaned += 1;
        if self.is_orphan(item.id().into()) {
            cx.report(Event::Orphaned { id: item.id() });
            self.ask_for_parents(&missing, &announcers, cx);
        }
    }

    /// What waits; it takes memory from now on.
    pub(super) fn orphans_mut(&mut self) -> &mut Orphans {
        let salt = *self.verifying.salt();
        self.orphans.get_or_insert_with(|| Box::new(Orphans::new(salt)))
    }

    /// Those of an earlier run don't wait for ever.
    pub(super) fn expire_orphans(&mut self, cx: &mut Cx<'_>) {
        let Some(orphans) = self.orphans.as_mut().filter(|held| held.deadline() <= cx.now) else {
            return;
        };
        orphans.waiting.on_wake(cx.now);
        if orphans.cheap_until <= cx.now {
            for Comeback { item, .. } in std::mem::take(&mut orphans.cheap) {
                self.refuse(&item, None, FEE_TOO_LOW, cx);
            }
        }
    }

    /// A peer announced what waits here: it may have the parents too. False if it doesn't wait here.
    pub(super) fn on_orphan_announced(&mut self, link: Link, id: ShortId, cx: &Cx<'_>) -> bool {
        let Some(orphans) = &mut self.orphans else { return false };
        let Some(missing) = orphans.waiting.on_announced(link, id, &cx.params.orphans) else {
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
            let short = ShortId::from(parent);
            if self.verifying.contains(&short) || self.is_orphan(short) {
                continue;
            }
            let item = (ItemKind::Tx, Name::Whole(*parent));
            for link in first.iter().chain(&then) {
                let (wait, requests) = (Duration::ZERO, &cx.params.requests);
                self.requests.on_announced(*link, item, wait, cx.now, requests);
                self.record.note(*link, short, What::Implied, cx.now);
            }
        }
    }

    pub(super) fn on_parent_accepted(&mut self, id: ItemId) {
        if let Some(orphans) = &mut self.orphans {
            let ready = orphans.waiting.on_parent(id);
            orphans.ready.extend(ready);
        }
    }

    pub(super) fn on_parent_refused(&mut self, id: ItemId) {
        if let Some(orphans) = &mut self.orphans {
            let refused = orphans.waiting.on_refused(id);
            orphans.refused.extend(refused);
        }
    }

    /// A block was accepted: its transactions are there, as parents.
    pub(super) fn block_orphans(&mut self, confirmed: &[Confirmed]) {
        let Some(orphans) = &mut self.orphans else { return };
        for parent in orphans.waiting.on_block(confirmed) {
            let ready = orphans.waiting.on_parent(parent);
            orphans.ready.extend(ready);
        }
    }

    /// Deals with what need not wait any more, one after the other: each may free or doom others.
    pub(super) fn settle_orphans(&mut self, cx: &mut Cx<'_>) {
        loop {
            let Some(orphans) = &mut self.orphans else { return };
            if let Some(Orphan { item, inspection, announcers, .. }) = orphans.ready.pop_front() {
                match announcers.first().copied() {
                    Some(first) => self.take(&item, inspection, Some(first), announcers, cx),
                    // Nobody announced it in this run; it was verified when it came back.
                    None => self.bring_back(Comeback { item, inspection, was: Was::Orphan }, cx),
                }
            } else if let Some(Orphan { item, announcers, .. }) = orphans.refused.pop() {
                let ingress = announcers.first().copied();
                self.refuse(&item, ingress, PARENT_REFUSED, cx);
            } else {
                orphans.waiting.trim(&cx.params.orphans);
                self.counters.orphans_evicted += orphans.waiting.take_evicted();
                if orphans.waiting.is_empty() && orphans.cheap.is_empty() {
                    self.orphans = None;
                }
                return;
            }
        }
    }

    /// A transaction pays too little. If the same peer sent a child that pays for both, they are judged
    /// together; otherwise this is false. (From the same peer, so that nobody can spoil another's pair
    /// with a child of his own, relay.md §1, "1p1c packages".)
    pub(super) fn pays_by_child(
        &mut self,
        parent: &Arc<Item>,
        inspection: &Inspection,
        ingress: Option<Link>,
        is_verified: bool,
        cx: &mut Cx<'_>,
    ) -> bool {
        let Some((link, orphans)) = ingress.zip(self.orphans.as_mut()) else { return false };
        if self.verifying.len() + 2 > cx.params.memory.verifying_max {
            return false;
        }
        let fits = |orphan: &&Orphan| {
            let child = (&orphan.item, &orphan.inspection);
            self.pool.check_pair((parent, inspection), child, cx.now, cx.params).is_ok()
        };
        let child = orphans
            .waiting
            .only_children(inspection.referred(parent), link)
            .filter(fits)
            .max_by_key(|orphan| (orphan.inspection.fee(), orphan.item.id()));
        let Some(id) = child.map(|child| ShortId::from(child.item.id())) else { return false };
        let Some(child) = orphans.waiting.remove(id) else { return false };
        let mut holders = self.requests.on_arrived(parent.id(), cx.now, &cx.params.requests);
        holders.retain(|holder| *holder != link);
        holders.push(link);
        self.check_member(
            (parent.clone(), inspection.clone(), link, holders),
            Pair { other: id, is_parent: true, is_verified },
            cx,
        );
        let first = child.announcers.first().copied().unwrap_or(link);
        self.check_member(
            (child.item, child.inspection, first, child.announcers),
            Pair { other: parent.id().into(), is_parent: false, is_verified: false },
            cx,
        );
        self.accept_pair(parent.id().into(), cx);
        true
    }

    fn check_member(
        &mut self,
        (item, inspection, ingress, holders): (Arc<Item>, Inspection, Link, Vec<Link>),
        mut pair: Pair,
        cx: &mut Cx<'_>,
    ) {
        pair.is_verified |= !inspection.needs_verification;
        let (ingress, pair) = (Some(ingress), Some(pair));
        self.check(Verifying { item, inspection, ingress, holders, pair }, cx);
    }

    /// One of two that are judged together was checked.
    pub(super) fn on_verdict_of_pair(&mut self, id: ItemId, verdict: Verdict, cx: &mut Cx<'_>) {
        let id = ShortId::from(id);
        let Some(held) = self.verifying.get_mut(&id) else { return };
        let Some(pair) = &mut held.pair else { return };
        let Pair { other, is_parent, .. } = *pair;
        let rejection = match verdict {
            Ok(verified) => {
                pair.is_verified = true;
                held.inspection.learn(verified);
                return self.accept_pair(id, cx);
            }
            Err(rejection) => rejection,
        };
        let (failed, other) = (self.end_check(id), self.end_check(other));
        if let Some(failed) = failed {
            self.refuse(&failed.item, failed.ingress, rejection, cx);
        }
        if let Some(other) = other {
            let rejection = if is_parent { PARENT_REFUSED } else { FEE_TOO_LOW };
            self.refuse(&other.item, other.ingress, rejection, cx);
        }
    }

    /// Lets a pair into the pool, if both have been checked.
    fn accept_pair(&mut self, id: ShortId, cx: &mut Cx<'_>) {
        let is_verified = |held: &Verifying| held.pair.is_some_and(|pair| pair.is_verified);
        let Some(held) = self.verifying.get(&id).filter(|held| is_verified(held)) else { return };
        let Some(Pair { other, is_parent, .. }) = held.pair else { return };
        if !self.verifying.get(&other).is_some_and(is_verified) {
            return;
        }
        let (parent, child) = if is_parent { (id, other) } else { (other, id) };
        let (Some(parent), Some(child)) = (self.end_check(parent), self.end_check(child)) else {
            return;
        };
        let members = [&parent, &child].map(|one| (one.item.clone(), one.inspection.clone()));
        let [first, second] = members;
        match self.pool.insert_pair(first, second, cx.now, cx.params) {
            Ok(()) => {
                self.accepted(&parent.item, parent.ingress, &parent.holders, cx);
                self.accepted(&child.item, child.ingress, &child.holders, cx);
            }
            Err(rejection) => {
                self.refuse(&parent.item, parent.ingress, FEE_TOO_LOW, cx);
                self.refuse(&child.item, child.ingress, rejection, cx);
            }
        }
    }
}
