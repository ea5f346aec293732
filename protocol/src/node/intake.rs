//! An item is announced, comes in, is checked, accepted, and spread.

use std::sync::Arc;
use std::time::Duration;

use super::{Node, Verifying};
use crate::chain::{Blame, Facts, Rejection};
use crate::conduct::{Budget, Offence};
use crate::event::Event;
use crate::item::{Item, ItemId, ItemKind, Name, ShortId};
use crate::link::{Link, LinkSet};
use crate::machine::{Action, Cx};
use crate::relay::Strategy as _;
use crate::request::Announced;
use crate::seen::Seen;

impl Node {
    pub(super) fn on_announce(
        &mut self,
        link: Link,
        kind: ItemKind,
        names: impl ExactSizeIterator<Item = Name>,
        cx: &mut Cx<'_>,
    ) {
        let Some(state) = self.links.get_mut(link) else {
            return;
        };
        let announced = names.len();
        let admitted = state.budget.admit_announcements(announced, cx.now, &cx.params.budgets);
        if admitted < announced {
            self.counters.announcements_dropped += (announced - admitted) as u64;
            self.misbehave(link, Offence::OverBudget(Budget::Announcements), cx);
        }
        for name in names.take(admitted) {
            let id = name.short();
            let known = self.note_holder(id, link);
            let mut wait = Duration::ZERO;
            self.relay(cx, |strategy, cx| {
                wait = strategy.on_announced(link, (kind, id), known, cx);
            });
            if known {
                self.announcer.on_known(link, id);
                self.counters.duplicate_announcements += 1;
                continue;
            }
            let requests = &cx.params.requests;
            match self.requests.on_announced(link, (kind, name), wait, cx.now, requests) {
                Announced::Requested | Announced::Remembered => {}
                Announced::Repeated => self.counters.duplicate_announcements += 1,
                Announced::Dropped => self.counters.announcements_dropped += 1,
            }
        }
    }

    pub(super) fn on_not_found(
        &mut self,
        link: Link,
        ids: impl Iterator<Item = ShortId>,
        cx: &mut Cx<'_>,
    ) {
        for id in ids {
            let known = self.requests.on_failed(link, id, cx.now, &cx.params.requests);
            // An answer that came after its request ran out, or after the item did, is in order.
            let late = self.requests.was_asked(link, id) || self.is_known(id);
            if !known && !late {
                return self.misbehave(link, Offence::SpuriousNotFound, cx);
            }
        }
    }

    pub(super) fn on_item(&mut self, link: Link, item: &Arc<Item>, cx: &mut Cx<'_>) {
        let id = item.id();
        if self.note_holder(id.into(), link) {
            self.counters.duplicate_items += 1;
            return self.relay(cx, |strategy, cx| strategy.on_duplicate(link, id, cx));
        }
        if !self.requests.was_asked(link, id) && !self.strategy.takes_unasked() {
            self.counters.unsolicited += 1;
            return self.misbehave(link, Offence::Unsolicited, cx);
        }
        match cx.chain.inspect(item) {
            Ok(facts) => self.take(item, facts, Some(link), cx),
            Err(rejection) => self.refuse(item, Some(link), rejection, cx),
        }
    }

    pub(super) fn on_submitted(&mut self, item: Arc<Item>, cx: &mut Cx<'_>) {
        self.counters.submitted += 1;
        let id = item.id();
        let refused_before = self.seen.get_mut(id).is_some_and(|seen| seen.rejected);
        if self.is_known(id.into()) && !refused_before {
            return cx.report(Event::AlreadyKnown { id });
        }
        match cx.chain.inspect(&item) {
            Ok(facts) => self.take(&item, facts, None, cx),
            Err(rejection) => self.refuse(&item, None, rejection, cx),
        }
    }

    pub(super) fn on_verdict(
        &mut self,
        id: ItemId,
        verdict: Result<(), Rejection>,
        cx: &mut Cx<'_>,
    ) {
        let Some(Verifying { item, facts, ingress, holders }) = self.verifying.remove(&id.into())
        else {
            return;
        };
        match verdict {
            Ok(()) => self.accept(&item, facts, ingress, &holders, cx),
            Err(rejection) => self.refuse(&item, ingress, rejection, cx),
        }
    }

    /// Whether the item was dealt with or is being checked.
    fn is_known(&self, id: ShortId) -> bool {
        self.seen.contains(id) || self.verifying.contains(&id)
    }

    /// Notes that a link's peer has an item; false if we know nothing of the item.
    fn note_holder(&mut self, id: ShortId, link: Link) -> bool {
        if self.seen.note(id, link) {
            return true;
        }
        let Some(verifying) = self.verifying.get_mut(&id) else {
            return false;
        };
        if !verifying.holders.contains(&link) {
            verifying.holders.push(link);
        }
        true
    }

    /// An item passed its inspection.
    fn take(&mut self, item: &Arc<Item>, facts: Facts, ingress: Option<Link>, cx: &mut Cx<'_>) {
        let (id, requests) = (item.id(), &cx.params.requests);
        if facts.needs_verification && self.verifying.len() >= cx.params.memory.verifying_max {
            self.counters.verify_overflow += 1;
            match ingress {
                Some(link) => {
                    self.requests.on_failed(link, id, cx.now, requests);
                }
                None => self.refuse(item, None, Rejection::policy("busy-verifying"), cx),
            }
            return;
        }
        let mut holders = self.requests.on_arrived(id, cx.now, requests);
        holders.retain(|holder| Some(*holder) != ingress);
        holders.extend(ingress);
        if facts.needs_verification {
            let verifying = Verifying { item: item.clone(), facts, ingress, holders };
            self.verifying.insert(id.into(), verifying);
            cx.actions.push(Action::Verify(item.clone()));
        } else {
            self.accept(item, facts, ingress, &holders, cx);
        }
    }

    fn refuse(
        &mut self,
        item: &Arc<Item>,
        ingress: Option<Link>,
        rejection: Rejection,
        cx: &mut Cx<'_>,
    ) {
        let (id, kind) = (item.id(), item.kind());
        self.counters.rejected += 1;
        cx.report(Event::Rejected { id, kind, ingress, rejection });
        if rejection.blame == Blame::PeerNotId {
            // Another announcer may yet have the true body.
            if let Some(link) = ingress {
                self.requests.on_failed(link, id, cx.now, &cx.params.requests);
            }
        } else if rejection.rule != "busy-verifying" {
            self.requests.on_arrived(id, cx.now, &cx.params.requests);
            self.seen.insert(id, Seen { rejected: true, known: LinkSet::default() });
        }
        if let Some(link) = ingress
            && rejection.blame != Blame::Nobody
        {
            self.misbehave(link, Offence::InvalidItem(rejection.rule), cx);
        }
    }

    fn accept(
        &mut self,
        item: &Arc<Item>,
        facts: Facts,
        ingress: Option<Link>,
        holders: &[Link],
        cx: &mut Cx<'_>,
    ) {
        match item.kind() {
            ItemKind::Tx => {
                let pooled = self.pool.insert(item.clone(), facts, cx.now, &cx.params.memory);
                if let Err(rejection) = pooled {
                    return self.refuse(item, ingress, rejection, cx);
                }
            }
            ItemKind::Block => self.blocks.insert(item.clone(), &cx.params.memory),
        }
        let mut known = LinkSet::default();
        for link in holders.iter().filter(|link| self.links.get(**link).is_some()) {
            known.insert(*link);
        }
        self.seen.insert(item.id(), Seen { rejected: false, known });
        self.counters.accepted += 1;
        self.safety_net.on_accepted(item.id(), cx.now, &cx.params.relay, cx.rng);
        let size = u32::try_from(item.size()).unwrap_or(u32::MAX);
        cx.report(Event::Accepted { id: item.id(), kind: item.kind(), size, ingress });
        self.relay(cx, |strategy, cx| strategy.on_accepted(item, ingress, cx));
    }
}
