//! A parent that pays too little and a child that pays for both are judged together.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use super::Node;
use super::orphans::PARENT_REFUSED;
use crate::chain::{Blame, Inspection, Rejection};
use crate::ground::item::{Item, ItemKind};
use crate::ground::link::Link;
use crate::items::orphanage::Orphan;
use crate::items::pool::FEE_TOO_LOW;
use crate::items::verification::{Checking, Pair, Passed};
use crate::machine::Cx;

/// Most children that are judged together with a parent. *Attack*: a thousand of one parent that all pay too little, and
/// then the parent, again and again. A guess.
const TRIED_MAX: usize = 16;

impl Node {
    /// A transaction pays too little. If the same peer sent a child that pays for both, they are judged
    /// together; otherwise this is false. (From the same peer, so that nobody can spoil another's pair
    /// with a child of his own; Bitcoin Core's `Find1P1CPackage`, `node/txdownloadman_impl.cpp`.)
    pub(super) fn pays_by_child(
        &mut self,
        parent: &Arc<Item>,
        inspection: &Inspection,
        ingress: Option<Link>,
        is_verified: bool,
        cx: &mut Cx<'_>,
    ) -> bool {
        let Some(link) = ingress else { return false };
        let two = (2, parent.size() + cx.chain.max_size(ItemKind::Tx));
        if !self.verification.has_room_for(two, ItemKind::Tx, ingress, cx.params) {
            return false;
        }
        let Some(child) = self.child_that_pays(parent, inspection, link, cx) else { return false };
        let mut holders = self.requests.on_arrived(parent.id(), cx.now, &cx.params.requests);
        holders.retain(|holder| *holder != link);
        holders.push(link);
        let (parent_id, child_id) = (parent.id(), child.item.id());
        let member = |item, inspection: Inspection, ingress, holders, mut pair: Pair| {
            pair.is_verified |= !inspection.needs_verification;
            Checking { item, inspection, ingress: Some(ingress), holders, pair: Some(pair) }
        };
        let pair = Pair { other: child_id, is_parent: true, is_verified };
        self.check(member(parent.clone(), inspection.clone(), link, holders, pair), cx);
        let first = child.origin.link().unwrap_or(link);
        let pair = Pair { other: parent_id, is_parent: false, is_verified: false };
        self.check(member(child.item, child.inspection, first, child.announcers, pair), cx);
        if let Some(passed) = self.verification.take_pair(parent_id) {
            self.on_passed(passed, cx);
        }
        true
    }

    /// Takes out the child that pays most, of those that wait for this parent alone and together with it come in; of the
    /// `TRIED_MAX` that pay most.
    fn child_that_pays(
        &mut self,
        parent: &Arc<Item>,
        inspection: &Inspection,
        link: Link,
        cx: &Cx<'_>,
    ) -> Option<Orphan> {
        let waiting = self.orphans.orphanage()?;
        let mut children: Vec<_> =
            waiting.only_children(inspection.referred(parent), link).collect();
        children.sort_by_cached_key(|orphan| Reverse((orphan.inspection.fee(), orphan.item.id())));
        let bringer = self.bringer(Some(link));
        let fits = |orphan: &&&Orphan| {
            let child = (&orphan.item, &orphan.inspection);
            self.pool.check_pair((parent, inspection), child, bringer, cx.now, cx.params).is_ok()
        };
        let id = children.iter().take(TRIED_MAX).find(fits)?.item.id();
        self.orphans.orphanage_mut().remove(id)
    }

    /// An item, or a pair, passed its checks.
    pub(super) fn on_passed(&mut self, passed: Passed, cx: &mut Cx<'_>) {
        match passed {
            Passed::Alone(Checking { item, inspection, ingress, holders, .. }, verified) => {
                self.accept(&item, inspection, verified.confirms, ingress, holders, cx);
            }
            Passed::Pair { parent, child } => self.accept_pair(&parent, &child, cx),
        }
    }

    /// An item failed its checks, and the one that it is judged together with falls too.
    pub(super) fn on_failed(
        &mut self,
        failed: &Checking,
        other: Option<Checking>,
        rejection: Rejection,
        cx: &mut Cx<'_>,
    ) {
        self.refuse(&failed.item, failed.ingress, rejection, cx);
        if rejection.blame == Blame::Mutated {
            self.ask_others(failed, cx);
        }
        if let Some(other) = other {
            let is_child = other.pair.is_some_and(|pair| !pair.is_parent);
            let rejection = if is_child { PARENT_REFUSED } else { FEE_TOO_LOW };
            self.refuse(&other.item, other.ingress, rejection, cx);
        }
    }

    /// The bytes didn't fit the id, which only their checks showed: those who have the item otherwise are asked.
    fn ask_others(&mut self, failed: &Checking, cx: &Cx<'_>) {
        let id = failed.item.id();
        for link in failed.holders.iter().filter(|link| Some(**link) != failed.ingress) {
            let (wait, requests) = (Duration::ZERO, &cx.params.requests);
            self.requests.on_announced(*link, id.into(), wait, cx.now, requests);
        }
    }

    fn accept_pair(&mut self, parent: &Checking, child: &Checking, cx: &mut Cx<'_>) {
        let [first, second] = [parent, child].map(|one| (one.item.clone(), one.inspection.clone()));
        let bringer = self.bringer(child.ingress);
        match self.pool.insert_pair(first, second, bringer, cx.now, cx.params) {
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
