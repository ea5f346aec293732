//! Two peers compare what they accepted lately, and tell one another what the other one missed.

use rand::RngExt as _;

use super::Node;
use crate::ground::item::HASH_LEN;
use crate::ground::link::Link;
use crate::machine::Cx;
use crate::record::Manner;
use crate::wire::digest::Digest;
use crate::wire::kinds::Budget;
use crate::wire::message::Reconcile;

impl Node {
    /// Begins a comparison with a random peer.
    pub(super) fn compare_due(&mut self, cx: &mut Cx<'_>) {
        if self.anti_entropy.is_due(cx.now, &cx.params.relay) && !self.ready.is_empty() {
            let link = self.ready[cx.rng.random_range(0..self.ready.len())].link;
            let digest = self.anti_entropy.digest(cx.now, &cx.params.relay, cx.rng);
            self.send(link, Reconcile::Digest(Box::new(digest)), cx);
        }
    }

    /// Begins a comparison over a new link, if there is anything to compare.
    pub(super) fn compare(&mut self, link: Link, cx: &mut Cx<'_>) {
        let digest = self.anti_entropy.digest(cx.now, &cx.params.relay, cx.rng);
        if digest.count > 0 {
            self.send(link, Reconcile::Digest(Box::new(digest)), cx);
        }
    }

    pub(super) fn on_digest(&mut self, link: Link, theirs: &Digest, cx: &mut Cx<'_>) {
        if cx.params.relay.safety_pull_ms == 0 {
            return; // off: then we offer nothing either
        }
        let (mut lacked, answer) =
            self.anti_entropy.compare(theirs, cx.now, &cx.params.relay, cx.rng);
        lacked.retain(|id| self.item(id).is_some());
        let answer_len = answer.as_ref().map_or(0, |answer| answer.filter.len());
        self.charge_answer(link, lacked.len() + answer_len / HASH_LEN, cx);
        self.counters.gaps_found += lacked.len() as u64;
        self.announce_any(link, lacked, Manner::Gap, cx);
        if let Some(answer) = answer {
            self.send(link, Reconcile::Digest(Box::new(answer)), cx);
        }
    }

    fn charge_answer(&mut self, link: Link, ids: usize, cx: &mut Cx<'_>) {
        let Some(state) = self.links.get_mut(link) else {
            return;
        };
        if let Some(debt) = state.budget.charge_answer(ids, cx.now, &cx.params.budgets) {
            self.slow(link, debt.until, cx);
            self.over_budget(link, Budget::Requests, cx.now);
        }
    }
}
