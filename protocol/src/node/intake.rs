//! An item is announced, comes in, is checked, accepted, and spread.

use crate::chain::Verdict;
use crate::report::event::Event;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use super::Node;
use super::chain::UNKNOWN_PARENT;
use super::orphans::{PARENTS_MISSING, ParentStatus};
use super::wake::Reach;
use crate::chain::{Blame, Confirmed, Inspection, Rejection};
use crate::ground::item::{Item, ItemId, ItemKind, Name};
use crate::ground::link::{Link, LinkSet};
use crate::items::pool::FEE_TOO_LOW;
use crate::items::seen::{Outcome, Seen};
use crate::items::verification::{Checking, PAUSE};
use crate::limits::misbehavior::Offence;
use crate::machine::{Action, Cx};
use crate::record::{Heard, ItemEvent};
use crate::relay::Strategy as _;
use crate::relay::request::Announced;
use crate::wire::kinds::Budget;
use crate::wire::message::Names;

/// Too much is being verified: it may come again.
const BUSY: Rejection = Rejection::policy("busy-verifying");

impl Node {
    pub(super) fn on_announce(
        &mut self,
        link: Link,
        announcement: &Names,
        admitted: usize,
        cx: &mut Cx<'_>,
    ) -> Reach {
        self.found.on_news(announcement.iter().take(admitted).map(Name::short));
        self.hear(link, announcement, admitted, true, cx)
    }

    /// A peer says that it has these. What isn't news the strategy hears nothing of, and it is asked for at once.
    pub(super) fn hear(
        &mut self,
        link: Link,
        announcement: &Names,
        admitted: usize,
        is_news: bool,
        cx: &mut Cx<'_>,
    ) -> Reach {
        let (kind, mut names) = (announcement.kind(), announcement.iter());
        let announced = names.len();
        if admitted < announced {
            self.counters.announcements_dropped += (announced - admitted) as u64;
            self.misbehave(link, Offence::OverBudget(Budget::Announcements), cx);
        }
        // What waits for its parents may have them asked for.
        let mut is_stale = admitted == announced && self.orphans.is_empty();
        let mut are_known = false;
        for name in names.by_ref().take(admitted) {
            let id = name.short();
            let known = self.note_holder(name, link, cx);
            is_stale &= !(known && self.on_echo(name, cx));
            are_known |= known;
            let mut wait = Duration::ZERO;
            if is_news {
                self.relay_about(link, cx, |strategy, cx| {
                    wait = strategy.on_announced(link, (kind, id), known, cx);
                });
            }
            if let Some(until) = self.rebuilt_until(name).max(self.coded_until(name)) {
                wait = wait.max(until.since(cx.now));
            }
            let heard = if known {
                self.announcer.on_known(link, name);
                self.anti_entropy.on_announced(link, id);
                self.counters.duplicate_announcements += 1;
                is_stale &= !self.on_wanted(name, cx);
                Heard::Known
            } else {
                is_stale = false;
                self.want(link, name, wait, cx)
            };
            self.record.note(link, id, ItemEvent::Heard(heard), cx.now);
        }
        if are_known {
            self.on_service(link);
        }
        if admitted < announced {
            self.record.on_unseen(link, names.map(Name::short), cx.now);
        }
        if is_stale { Reach::Tidings } else { Reach::Everything }
    }

    /// A peer announced an item that we don't have.
    fn want(&mut self, link: Link, name: Name, wait: Duration, cx: &Cx<'_>) -> Heard {
        match self.requests.on_announced(link, name, wait, cx.now, &cx.params.requests) {
            Announced::Requested => Heard::Asked,
            Announced::Remembered if wait.is_zero() => Heard::Kept,
            Announced::Remembered => Heard::Held,
            Announced::Repeated => {
                self.counters.duplicate_announcements += 1;
                Heard::Again
            }
            Announced::Dropped => {
                self.counters.announcements_dropped += 1;
                Heard::Dropped
            }
        }
    }

    pub(super) fn on_not_found(
        &mut self,
        link: Link,
        names: impl Iterator<Item = Name>,
        cx: &mut Cx<'_>,
    ) {
        for name in names {
            let mut known = self.requests.on_denied(link, name, cx.now, &cx.params.requests);
            known |= self.on_rebuild_denied(link, name);
            known |= self.on_block_denied(link, name, cx.now);
            known |= self.on_symbols_denied(link, name);
            if known {
                self.record.note(link, name, ItemEvent::NotFound, cx.now);
            }
            // An answer that came after its request ran out, or after the item did, is in order.
            let late = self.requests.was_asked(link, name) || self.is_known(name);
            if !known && !late {
                return self.misbehave(link, Offence::SpuriousNotFound, cx);
            }
        }
    }

    pub(super) fn on_item(&mut self, link: Link, item: &Arc<Item>, cx: &mut Cx<'_>) -> Reach {
        let id = item.id();
        if self.note_holder(id.into(), link, cx) && !self.is_asked_again(link, item, cx) {
            self.counters.duplicate_items += 1;
            self.on_service(link);
            self.record.note(link, id, ItemEvent::Duplicate, cx.now);
            self.on_late_block(link, id, cx);
            let is_echo = self.on_echo(id, cx);
            let is_stale = !self.on_wanted(id, cx) && self.orphans.is_empty() && !is_echo;
            self.relay_about(link, cx, |strategy, cx| strategy.on_duplicate(link, id, cx));
            return if is_stale { Reach::Tidings } else { Reach::Everything };
        }
        self.on_new_item(link, item, cx);
        Reach::Everything
    }

    fn on_new_item(&mut self, link: Link, item: &Arc<Item>, cx: &mut Cx<'_>) {
        let id = item.id();
        let is_fetched = self.rebuilding.awaits_whole(id, link) || self.owes_block(link, id);
        if self.asked_as(link, item, cx).is_none() && !is_fetched {
            if !self.strategy.takes_unasked() {
                self.counters.unsolicited += 1;
                self.record.note(link, id, ItemEvent::Unsolicited, cx.now);
                return self.misbehave(link, Offence::Unsolicited, cx);
            }
            if self.is_far_ahead(item.bytes(), cx) {
                return self.record.note(link, id, ItemEvent::Unsolicited, cx.now);
            }
            self.found.on_news(iter::once(id.into()));
        }
        self.on_arrived(link, item, cx);
    }

    /// An item is here that a peer may send.
    pub(super) fn on_arrived(&mut self, link: Link, item: &Arc<Item>, cx: &mut Cx<'_>) {
        let holders = self.rebuilding.end(item.id());
        self.stop_coded(item.id(), cx);
        self.on_block_brought(link, item.id(), cx);
        self.record.note(link, item.id(), ItemEvent::Arrived, cx.now);
        match cx.chain.inspect(item) {
            Ok(inspection) => {
                self.relay_about(link, cx, |strategy, cx| strategy.on_arrived(item, link, cx));
                self.take(item, inspection, Some(link), holders, cx);
            }
            Err(rejection) => self.refuse(item, Some(link), rejection, cx),
        }
    }

    /// Whether a peer was asked for something that we had once: a block that was lost, or a parent that left the pool, or didn't come
    /// into it, for the sake of its child.
    fn is_asked_again(&self, link: Link, item: &Item, cx: &Cx<'_>) -> bool {
        // What is being checked comes in by that, under whatever name it was asked for.
        if self.is_fetched_again(link, item.id()) {
            return true;
        }
        let is_there = self.pool.contains(item.id()) || self.verification.contains(item.id());
        !is_there && self.asked_as(link, item, cx).is_some_and(|id| self.requests.is_wanted(id))
    }

    /// The id by which a peer was asked for an item: its own, or that by which a child named it, which has to be
    /// looked up in the item.
    fn asked_as(&self, link: Link, item: &Item, cx: &Cx<'_>) -> Option<ItemId> {
        if self.requests.was_asked(link, item.id()) {
            return Some(item.id());
        }
        let may_be_parent = !self.orphans.is_empty() && item.kind() == ItemKind::Tx;
        let referred = may_be_parent.then(|| cx.chain.inspect(item).ok()?.referred).flatten()?;
        self.requests.was_asked(link, referred).then_some(referred)
    }

    pub(super) fn on_submitted(&mut self, item: Arc<Item>, cx: &mut Cx<'_>) {
        self.counters.submitted += 1;
        let id = item.id();
        let refused_before = self.seen.outcome(id).is_some_and(Outcome::is_refusal);
        let may_come_in = refused_before || self.orphans.contains(id);
        if self.verification.contains(id) || (self.is_known(id) && !may_come_in) {
            if let Some(pooled) = self.pool.get(id).cloned() {
                self.announce_resubmitted(&pooled, cx);
            }
            return cx.report(Event::AlreadyKnown { id });
        }
        self.found.on_news(iter::once(id.into()));
        self.record.note_from(None, id, ItemEvent::Submitted, cx.now);
        match cx.chain.inspect(&item) {
            Ok(inspection) => self.take(&item, inspection, None, Vec::new(), cx),
            Err(rejection) => self.refuse(&item, None, rejection, cx),
        }
    }

    pub(super) fn on_verdict(&mut self, item: &Item, verdict: Verdict, cx: &mut Cx<'_>) {
        match verdict {
            Ok(verified) => {
                if let Some(passed) = self.verification.on_passed(item, verified) {
                    self.on_passed(passed, cx);
                }
            }
            Err(rejection) => {
                if let Some((failed, other)) = self.verification.on_failed(item) {
                    self.on_failed(&failed, other, rejection, cx);
                }
            }
        }
    }

    /// Whether the item was dealt with or is being checked.
    pub(super) fn is_known(&self, name: impl Into<Name>) -> bool {
        let name = name.into();
        self.seen.contains(name) || self.verification.contains(name) || self.orphans.contains(name)
    }

    /// Notes that a link's peer has an item; false if we know nothing of the item.
    pub(super) fn note_holder(&mut self, name: Name, link: Link, cx: &Cx<'_>) -> bool {
        self.on_chain_holder(link, name);
        self.seen.note(name, link)
            || self.verification.note_holder(name, link)
            || self.on_orphan_announced(link, name, cx)
    }

    /// Hands an item over to be checked. A peer from which more than its share is being checked is slowed.
    pub(super) fn check(&mut self, checking: Checking, cx: &mut Cx<'_>) {
        let (item, ingress) = (checking.item.clone(), checking.ingress);
        let is_verified = checking.pair.is_some_and(|pair| pair.is_verified);
        let pause = self.verification.begin(checking, cx.params);
        if let (Some(link), Some(pause)) = (ingress, pause) {
            self.slow(link, Some(item.kind()), cx.now + pause, cx);
        }
        if !is_verified {
            self.record.note_from(ingress, item.id(), ItemEvent::Checking, cx.now);
            cx.actions.push(Action::Verify(item));
        }
    }

    /// An item passed its inspection. `holders` have it besides those that announced it.
    pub(super) fn take(
        &mut self,
        item: &Arc<Item>,
        inspection: Inspection,
        ingress: Option<Link>,
        mut holders: Vec<Link>,
        cx: &mut Cx<'_>,
    ) {
        let (id, requests) = (item.id(), &cx.params.requests);
        let is_tx = item.kind() == ItemKind::Tx;
        if self.verification.contains(id) {
            // Other bytes of it are being checked already, and whoever has it is asked if they fail.
            let others = ingress.into_iter().chain(holders);
            others.for_each(|link| _ = self.verification.note_holder(id.into(), link));
            return;
        }
        if !is_tx {
            match self.place_block(item.bytes(), ingress.is_none(), cx) {
                Ok(()) => {}
                Err(UNKNOWN_PARENT) if let Some(link) = ingress => {
                    return self.on_unplaced(link, item, cx);
                }
                Err(why) => return self.refuse(item, ingress, why, cx),
            }
        }
        if is_tx && !inspection.parents.is_empty() {
            match self.parent_status(&inspection, cx.params) {
                ParentStatus::Complete => {}
                ParentStatus::Lacks(missing) => {
                    return self.orphan(item, inspection, missing, ingress, holders, cx);
                }
                ParentStatus::Hopeless(why) => return self.refuse(item, ingress, why, cx),
            }
        }
        if inspection.needs_verification && is_tx && inspection.fee.is_some() {
            // What the pool won't have isn't worth the verification.
            let bringer = self.bringer(ingress);
            if let Err(rejection) = self.pool.check(item, &inspection, bringer, cx.now, cx.params) {
                let is_paid_for = rejection == FEE_TOO_LOW
                    && self.pays_by_child(item, &inspection, ingress, false, cx);
                if !is_paid_for {
                    self.refuse(item, ingress, rejection, cx);
                }
                return;
            }
        }
        let one = (1, item.size());
        if inspection.needs_verification
            && !self.verification.has_room_for(one, id.kind(), ingress, cx.params)
        {
            self.counters.verify_overflow += 1;
            match ingress {
                Some(link) => {
                    self.record.note(link, id, ItemEvent::Overflow, cx.now);
                    self.requests.on_failed(link, id, cx.now, requests);
                    self.fetch_blocks_at(cx.now + PAUSE);
                    self.slow(link, Some(id.kind()), cx.now + PAUSE, cx);
                }
                None => self.refuse(item, None, BUSY, cx),
            }
            return;
        }
        if let Some(link) = ingress.filter(|link| self.requests.was_asked(*link, id)) {
            self.requests.on_delivered(link);
        }
        holders.extend(self.requests.on_arrived(id, cx.now, requests));
        holders.retain(|holder| Some(*holder) != ingress);
        holders.extend(ingress);
        if inspection.needs_verification {
            let item = item.clone();
            self.check(Checking { item, inspection, ingress, holders, pair: None }, cx);
        } else {
            self.accept(item, inspection, Vec::new(), ingress, holders, cx);
        }
    }

    pub(super) fn refuse(
        &mut self,
        item: &Arc<Item>,
        ingress: Option<Link>,
        mut rejection: Rejection,
        cx: &mut Cx<'_>,
    ) {
        let id = item.id();
        self.counters.rejected += 1;
        if let Some(rival) = &mut rejection.rival {
            rival.least_fee = rival.least_fee.filter(|_| cx.chain.has_fees());
            self.record.note_rival(id, *rival);
        }
        self.record.note_from(ingress, id, ItemEvent::Rejected(rejection.rule), cx.now);
        cx.report(Event::Rejected { id, ingress, rejection });
        if rejection.blame == Blame::Mutated {
            // Another announcer may yet have the true body.
            if let Some(link) = ingress {
                self.requests.on_failed(link, id, cx.now, &cx.params.requests);
            }
        } else if ![BUSY, PARENTS_MISSING, UNKNOWN_PARENT].contains(&rejection) {
            if id.kind() == ItemKind::Block && rejection.blame != Blame::Nobody {
                self.on_invalid_block(id);
            }
            self.requests.on_arrived(id, cx.now, &cx.params.requests);
            let outcome = match rejection {
                FEE_TOO_LOW => Outcome::TooCheap,
                Rejection { blame: Blame::Nobody, .. } => Outcome::Refused,
                Rejection { .. } => Outcome::Invalid,
            };
            self.seen.insert(id, Seen::new(outcome, LinkSet::default()));
            if outcome != Outcome::TooCheap {
                self.orphans.on_parent_refused(id);
            }
        }
        // Names are passed on before what they name is checked (BIP 152: "must not be banned").
        let may_be_unchecked = rejection.blame != Blame::Mutated && self.rebuilding.was_rebuilt(id);
        if let Some(link) = ingress
            && rejection.blame != Blame::Nobody
            && !may_be_unchecked
            && !self.is_nobodys(id)
        {
            self.misbehave(link, Offence::InvalidItem(rejection.rule), cx);
        }
    }

    /// An item passed all checks. A block confirms some transactions.
    pub(super) fn accept(
        &mut self,
        item: &Arc<Item>,
        inspection: Inspection,
        confirms: Vec<Confirmed>,
        ingress: Option<Link>,
        holders: Vec<Link>,
        cx: &mut Cx<'_>,
    ) {
        match item.kind() {
            ItemKind::Tx => {
                // One of its parents may have left while it was being checked.
                if !inspection.parents.is_empty()
                    && self.parent_status(&inspection, cx.params) != ParentStatus::Complete
                {
                    return self.take(item, inspection, ingress, holders, cx);
                }
                let spare = (!self.orphans.is_empty()).then(|| inspection.clone());
                let (evicted, before) = (self.pool.evicted(), self.pool.len());
                let bringer = self.bringer(ingress);
                let put = self.pool.insert(item.clone(), inspection, bringer, cx.now, cx.params);
                if self.pool.evicted() > evicted {
                    self.on_minimum_risen(cx);
                }
                match put {
                    Ok(()) => {
                        let gone = (before + 1).saturating_sub(self.pool.len());
                        self.charge_work(ingress, gone, cx);
                        self.accepted(item, ingress, &holders, cx);
                        self.spread(item, ingress, cx);
                    }
                    Err(FEE_TOO_LOW)
                        if spare.is_some_and(|inspection| {
                            self.pays_by_child(item, &inspection, ingress, true, cx)
                        }) => {}
                    Err(rejection) => self.refuse(item, ingress, rejection, cx),
                }
            }
            ItemKind::Block => {
                let is_news = if cx.chain.root().is_some() {
                    self.store_block(item, confirms, cx)
                } else {
                    self.on_block(item, &inspection, confirms, cx);
                    true
                };
                self.accepted(item, ingress, &holders, cx);
                if is_news {
                    self.spread(item, ingress, cx);
                }
                self.answer_askers(cx);
                self.advance(cx);
                self.fetch_blocks(cx);
            }
        }
    }

    /// An item is in the pool or the block store.
    pub(super) fn accepted(
        &mut self,
        item: &Arc<Item>,
        ingress: Option<Link>,
        holders: &[Link],
        cx: &mut Cx<'_>,
    ) {
        if ingress.is_some() {
            self.rounds.on_news(cx.now);
        }
        let mut known = LinkSet::default();
        for link in holders.iter().filter(|link| self.links.get(**link).is_some()) {
            known.insert(*link);
        }
        holders.iter().for_each(|link| self.on_service(*link));
        self.seen.insert(item.id(), Seen::new(Outcome::Accepted, known));
        self.seen.hold(item.id());
        let referred = self.pool.referred(item.id());
        if referred != item.id() {
            self.requests.on_arrived(referred, cx.now, &cx.params.requests);
        }
        self.orphans.on_parent_accepted(referred);
        self.counters.accepted += 1;
        self.upload.on_accepted(item.id(), cx.now, &cx.params.upload);
        self.record.note_from(ingress, item.id(), ItemEvent::Accepted, cx.now);
        let size = u32::try_from(item.size()).unwrap_or(u32::MAX);
        cx.report(Event::Accepted { id: item.id(), size, ingress });
        if let Some(state) = ingress.and_then(|link| self.links.get_mut(link)) {
            state.brings(item.kind(), cx.now);
        }
        if item.kind() == ItemKind::Block
            && let Some(link) = ingress
        {
            self.choose_pusher(link, cx);
        }
        if ingress.is_none() {
            self.remember_own(item, cx);
        }
        if self.ready.is_empty() {
            self.record.note_from(None, item.id(), ItemEvent::Alone, cx.now);
        }
    }
}
