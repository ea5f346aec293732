//! Who asks to be a neighbour, who is asked, and news of newcomers.

use crate::ground::link::Link;
use crate::ground::peer::PeerAddr;
use crate::machine::Cx;
use crate::params::Rate;
use crate::wire::message::PeerExchange;

use super::super::backoff::Backoff;
use super::{Aim, Around, HyParView, Stage};

/// Newcomers for which a full view makes room, and whose news a contact spreads. A guess: a thousand nodes that start together and
/// know one contact are in within minutes; and who lost a neighbour finds another within seconds.
pub(in crate::peers) const ROOM: Rate = Rate::new(5.0, 50.0);

/// News of newcomers that are taken from a neighbour. A guess: what a contact whose room is used up says to each of its neighbours is
/// five times that, and reaches enough of them.
pub(in crate::peers) const NEWCOMERS: Rate = Rate::new(1.0, 50.0);

impl HyParView {
    pub(super) fn on_join(&mut self, link: Link, around: Around<'_>, cx: &mut Cx<'_>) {
        if self.stage(link) != Some(Stage::Awaited) {
            return;
        }
        let is_full = self.views.active().len() >= cx.params.peers.hyparview.active_view;
        let has_room = self.room.try_take(1.0, cx.now, ROOM);
        if is_full && !has_room {
            return self.turn_away(link, cx);
        }
        let Some(addr) = self.take_in(link, false, around, cx) else { return };
        self.say(link, PeerExchange::NeighbourReply { is_taken: true });
        let Some(addr) = addr.filter(|_| has_room) else { return };
        let steps = cx.params.peers.hyparview.active_walk;
        let others = self.views.active().iter().map(|neighbour| neighbour.link);
        let others: Vec<_> = others.filter(|other| *other != link).collect();
        for other in others.into_iter().filter(|to| around.means_the_same(*to, addr, cx)) {
            self.say(other, PeerExchange::ForwardJoin { steps, addr: Some(addr) });
        }
    }

    pub(super) fn on_asked(
        &mut self,
        link: Link,
        is_urgent: bool,
        around: Around<'_>,
        cx: &mut Cx<'_>,
    ) {
        if self.stage(link) != Some(Stage::Awaited) {
            return;
        }
        let has_room = self.views.active().len() < cx.params.peers.hyparview.active_view;
        let is_taken = has_room || (is_urgent && self.room.try_take(1.0, cx.now, ROOM));
        if !is_taken {
            self.turn_away(link, cx);
        } else if self.take_in(link, false, around, cx).is_some() {
            self.say(link, PeerExchange::NeighbourReply { is_taken });
        }
    }

    pub(super) fn on_answer(
        &mut self,
        link: Link,
        is_taken: bool,
        around: Around<'_>,
        cx: &mut Cx<'_>,
    ) {
        let Some(Stage::Asked(aim)) = self.stage(link) else { return };
        let is_full = self.views.active().len() >= cx.params.peers.hyparview.active_view;
        if is_taken && is_full && aim == Aim::Promotion {
            return self.send_off(link, cx); // somebody else came meanwhile
        }
        if is_taken {
            self.refusals = Backoff::default();
            self.take_in(link, aim != Aim::Newcomer, around, cx);
            return;
        }
        self.give_up(link);
        if let Some(neighbour) = around.neighbour(link, false) {
            self.keep(&neighbour, cx);
        }
        if aim != Aim::Newcomer {
            let params = &cx.params.peers;
            let cap_ms = params.hyparview.shuffle_s.saturating_mul(1_000);
            self.refusals.excuse(cx.now, cap_ms, params, cx.rng);
        }
    }

    /// The peer made room for somebody else.
    pub(super) fn on_told_to_go(&mut self, link: Link, cx: &mut Cx<'_>) {
        if let Some(gone) = self.views.leave(link) {
            self.keep(&gone, cx);
            self.give_up(link);
        } else if self.stage(link).is_some() {
            self.give_up(link);
        }
    }

    /// News of a newcomer. False if there was too much of it.
    pub(super) fn on_newcomer(
        &mut self,
        link: Link,
        steps: u8,
        addr: PeerAddr,
        around: Around<'_>,
        cx: &mut Cx<'_>,
    ) -> bool {
        let params = &cx.params.peers.hyparview;
        let Some(neighbour) = self.views.get_mut(link) else { return false };
        if !neighbour.newcomers.try_take(1.0, cx.now, NEWCOMERS) {
            return false;
        }
        let (teller, steps) = (neighbour.teller(), steps.min(params.active_walk));
        let next = self.views.other(Some(link), cx.rng);
        let may_go_on = |next: &Link| steps > 0 && around.means_the_same(*next, addr, cx);
        let next = next.filter(may_go_on);
        if next.is_none() && !around.table.is_connected(addr) && !self.is_dialling(addr) {
            if self.dialling.len() < cx.params.peers.dialling_max {
                self.dial(addr, Aim::Newcomer, cx);
            } else {
                self.views.note(addr, teller, &[], params, cx.rng);
            }
        }
        if let Some(next) = next {
            if steps == params.passive_walk && !around.table.is_connected(addr) {
                self.views.note(addr, teller, &[], params, cx.rng);
            }
            self.say(next, PeerExchange::ForwardJoin { steps: steps - 1, addr: Some(addr) });
        }
        true
    }
}
