//! What comes of an address by what came of its dials and links: it rests, for ever longer if it is to blame, or it is excused.

use crate::ground::peer::{DialError, PeerAddr};
use crate::machine::Cx;

use super::Peers;
use super::outage::Scope;

impl Peers {
    /// Nobody was reached at an address, which is to blame for it or not (rule 8).
    pub(super) fn not_reached(&mut self, addr: PeerAddr, why: DialError, cx: &mut Cx<'_>) {
        let alone = self.is_alone(addr);
        if why.is_of_address() && !alone {
            self.outage.suspect(addr, cx.now);
        }
        let fixed = self.outbound.fixed_mut().and_then(|fixed| fixed.excuse(addr, alone, cx));
        let until = fixed.or_else(|| self.book.excuse(addr, alone, cx));
        self.outbound.nudge(until.unwrap_or(cx.now));
        if alone && let Some(wait_ms) = self.outage.fail_alone(&cx.params.peers) {
            self.pause(wait_ms, cx);
        }
    }

    /// Blames those suspects that peers bore witness against, and excuses those against whom nobody can any more.
    pub(super) fn judge_suspects(&mut self, cx: &Cx<'_>) {
        let census = self.table.census();
        for addr in self.outage.judge(|scope| census.is_alone(scope)) {
            let is_fixed = self.outbound.fixed_mut().is_some_and(|fixed| fixed.blame(addr));
            if !is_fixed {
                self.book.blame(addr, cx);
            }
        }
    }

    /// Whether no link is ready that shows that such an address could be reached.
    pub(super) fn is_alone(&self, addr: PeerAddr) -> bool {
        self.table.census().is_alone(Scope::of_address(addr))
    }

    /// Somebody is there again.
    pub(super) fn end_outage(&mut self, of: Scope, cx: &Cx<'_>) {
        let hearsay = self.outage.end(cx.now);
        self.book.forgive(of, hearsay, cx.now);
        if let Some(fixed) = self.outbound.fixed_mut() {
            fixed.forgive(cx.now);
        }
        self.outbound.resume();
        if let Some(views) = &mut self.views {
            views.end_outage(cx.now);
        }
    }

    pub(super) fn fail(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) {
        let fixed = self.outbound.fixed_mut().and_then(|fixed| fixed.fail(addr, cx));
        let until = fixed.or_else(|| self.book.fail(addr, cx));
        self.outbound.nudge(until.unwrap_or(cx.now));
    }

    pub(super) fn turned_away(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) {
        let fixed = self.outbound.fixed_mut().and_then(|fixed| fixed.fail(addr, cx));
        let until = fixed.or_else(|| self.book.turn_away(addr, cx));
        self.outbound.nudge(until.unwrap_or(cx.now));
    }

    pub(super) fn rest(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) {
        let fixed = self.outbound.fixed_mut().and_then(|fixed| fixed.rest(addr, cx));
        let until = fixed.or_else(|| self.book.rest(addr, cx));
        self.outbound.nudge(until.unwrap_or(cx.now));
    }
}
