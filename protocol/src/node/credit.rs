//! Peers may announce so much, and so may we.

use super::Node;
use super::wake::Reach;
use crate::ground::link::Link;
use crate::machine::Cx;
use crate::wire::message::Items;

/// As many ids are announced for what one requested id is charged. A guess: few, since a peer may request each of them.
const ANNOUNCED_PER_REQUEST: usize = 16;

impl Node {
    /// A peer takes more announcements, and is charged for what it has us announce now.
    pub(super) fn on_credit(&mut self, link: Link, ids: u32, cx: &mut Cx<'_>) {
        if let Some(state) = self.links.get_mut(link) {
            state.allowance.on_credit(ids);
            self.announcer.hurry(link, cx.now);
            let ids = self.announcer.waiting(link).min(ids as usize);
            self.charge_answer(link, ids / ANNOUNCED_PER_REQUEST, cx);
        }
    }

    /// Lets a peer announce more, if what it announced before has been dealt with. Says what that reaches.
    pub(super) fn grant(&mut self, link: Link, cx: &mut Cx<'_>) -> Reach {
        let Some(state) = self.links.get_mut(link) else { return Reach::Tidings };
        if state.budget.is_high(cx.params.requests.announced_max, &cx.params.budgets) {
            return Reach::Tidings; // as mostly: without a look at what else is known of the link
        }
        let (open, max) = self.requests.announced(link, &cx.params.requests);
        let ids = state.budget.grant(open, max, cx.now, &cx.params.budgets);
        if ids > 0 {
            self.send(link, Items::Credit(ids), cx);
            return Reach::Tidings;
        }
        if !state.budget.is_low(max, &cx.params.budgets) {
            return Reach::Tidings;
        }
        self.credits.look_again(cx.now);
        Reach::Everything
    }

    /// Some peer has little credit left.
    pub(super) fn grant_due(&mut self, cx: &mut Cx<'_>) {
        self.credits.begin();
        let links: Vec<_> = self.ready_links().collect();
        for link in links {
            self.grant(link, cx);
        }
    }
}
