//! Links come up, say hello, run over their budgets, misbehave and go down.

use rand::RngExt as _;

use super::block_links::is_of_blocks;
use super::{LinkState, Node};
use crate::ground::bringer::{self, Bringer};
use crate::ground::item::ItemKind;
use crate::ground::link::{Direction, Link};
use crate::ground::peer::{DialError, PeerAddr, PeerKey};
use crate::ground::time::Time;
use crate::limits::allowance::{self, Allowance};
use crate::limits::budget::{Debt, LinkBudget};
use crate::limits::misbehavior::{Offence, Reason};
use crate::machine::{Action, Cx};
use crate::peers::ping::Health;
use crate::peers::useless::Service;
use crate::peers::{Admission, Role, Standing};
use crate::record::ItemEvent;
use crate::relay::{Neighbour, Strategy as _};
use crate::report::event::Event;
use crate::wire::codec;
use crate::wire::kinds::Budget;
use crate::wire::message::{Hello, Items, Message, PeerExchange, Session, VERSION};

impl Node {
    pub(super) fn on_connected(
        &mut self,
        link: Link,
        peer: PeerKey,
        direction: Direction,
        addr: Option<PeerAddr>,
        cx: &mut Cx<'_>,
    ) {
        let budget = LinkBudget::new(cx.params.requests.announced_max, cx.now, &cx.params.budgets);
        let credit = budget.credit();
        let state = LinkState {
            peer,
            direction,
            bringer: Bringer::of(direction, addr),
            since: cx.now,
            ready: false,
            rebuilds: false,
            templates: false,
            advertise: None,
            region: None,
            closing: None,
            group: addr.map_or(0, |addr| bringer::group(addr.ip, cx.params.peers.local_addresses)),
            brought: [0; 2],
            service: Service::new(self.rounds.now()),
            congested: false,
            only_blocks: false,
            allowance: Allowance::default(),
            budget,
        };
        let before = self.links.insert(link, state);
        debug_assert!(before.is_none(), "the driver reused the slot of a live link: {link}");
        if self.links.len() == 1 {
            self.requests.set_secret(cx.rng.random());
        }
        self.record.on_connected(link, peer, direction, cx.now);
        self.parts_on_link_up(link, direction, cx);
        let (links, health, round) = (&self.links, &self.health, self.rounds.now());
        let standing = |link| links.get(link).map(|state| state.standing(link, health, round));
        let standing = |link| standing(link).unwrap_or_default();
        match self.peers.on_connected(link, peer, (direction, addr), &standing, cx) {
            Admission::Welcome => {}
            Admission::Replaces(older) => self.disconnect(older, Reason::Duplicate, cx),
            Admission::Displaces(other) => self.disconnect(other, Reason::GaveWay, cx),
            Admission::Refused(why) => self.disconnect(link, why, cx),
        }
        if self.links.get(link).is_some_and(|state| state.closing.is_none()) {
            let (advertise, region) = (self.peers.told(), self.region);
            let accepts =
                allowance::accepts(credit, self.strategy.takes_unasked(), &cx.params.budgets);
            let is_new = self.anti_entropy.keeps_nothing(cx.now, &cx.params.relay);
            let role = self.peers.choose_role(link, cx.params);
            let features = if is_new { Hello::KEEPS_NOTHING } else { 0 }
                | match role {
                    Role::Relays => 0,
                    Role::Compares => Hello::ONLY_COMPARES,
                    Role::Blocks => Hello::ONLY_BLOCKS,
                }
                | if cx.params.blocks.compact { Hello::REBUILDS } else { 0 }
                | if cx.chain.root().is_some() { Hello::KEEPS_CHAIN } else { 0 }
                | if cx.params.blocks.shares_templates() { Hello::TEMPLATES } else { 0 }
                | if cx.params.blocks.coded_above > 0 { Hello::TAKES_SYMBOLS } else { 0 };
            let is_for_all = role != Role::Blocks;
            let advertise = advertise.filter(|_| is_for_all);
            let map = self.member.terms_for(peer).filter(|_| is_for_all);
            let hello = Hello { version: VERSION, features, advertise, region, accepts, map };
            self.send(link, Session::Hello(Box::new(hello)), cx);
        }
    }

    pub(super) fn on_disconnected(&mut self, link: Link, cx: &mut Cx<'_>) {
        let Some(state) = self.links.remove(link) else {
            return;
        };
        self.record.on_disconnected(link, state.closing.as_deref().copied(), cx.now);
        self.leave(link, cx);
        self.parts_on_link_down(link, cx);
        self.do_for_replica(cx);
        cx.report(Event::LinkDown { link, why: state.closing.map(|why| *why) });
    }

    pub(super) fn on_dial_failed(&mut self, addr: PeerAddr, why: DialError, cx: &mut Cx<'_>) {
        self.peers.on_dial_failed(addr, why, cx);
        cx.report(Event::DialFailed { addr, why });
    }

    pub(super) fn on_hello(&mut self, link: Link, hello: &Hello, cx: &mut Cx<'_>) {
        let Some(state) = self.links.get_mut(link) else {
            return;
        };
        if state.ready {
            return; // a second hello changes nothing (RELAY.md, 38)
        }
        if hello.version < VERSION {
            return self.misbehave(link, Offence::Version(hello.version), cx);
        }
        state.ready = true;
        state.advertise = hello.advertise.filter(PeerAddr::is_dialable);
        state.region = hello.region;
        state.rebuilds = hello.rebuilds() && cx.params.blocks.compact;
        state.templates = hello.templates() && cx.params.blocks.shares_templates();
        state.allowance.on_hello(&hello.accepts, &cx.params.budgets);
        let (peer, direction, advertise) = (state.peer, state.direction, state.advertise);
        cx.report(Event::LinkUp { link, peer, direction, advertise });
        self.health.on_hello(link, cx.now);
        let role = self.role(link, direction, hello, cx);
        if role != Role::Compares && hello.takes_symbols() && cx.params.blocks.coded_above > 0 {
            self.coded.on_taker(link);
        }
        if role == Role::Blocks {
            self.peers.hush(link);
        }
        self.peers.on_hello(link, advertise, cx);
        self.begin_chain(link, hello, cx);
        if role == Role::Blocks {
            return self.begin_blocks(link, cx);
        }
        let neighbour = Neighbour { link, direction, region: hello.region };
        self.greet(link, cx);
        if role == Role::Compares {
            self.begin_to_compare(neighbour, hello, cx);
        } else {
            self.ready.push(neighbour);
            self.on_ready(cx);
            self.relay(cx, |strategy, cx| strategy.on_link_up(neighbour, cx));
            self.meet(neighbour, hello, cx);
        }
        self.meet_fleet(link, (peer, direction), hello.map, cx);
    }

    /// What a link is for: whoever dialled decides.
    fn role(&self, link: Link, direction: Direction, hello: &Hello, cx: &Cx<'_>) -> Role {
        match direction {
            Direction::Outbound => self.peers.role(link),
            Direction::Inbound if hello.only_blocks() => Role::Blocks,
            Direction::Inbound if hello.only_compares() && cx.params.relay.safety_pull_ms > 0 => {
                Role::Compares
            }
            Direction::Inbound => Role::Relays,
        }
    }

    pub(super) fn on_addresses(
        &mut self,
        link: Link,
        addresses: &[PeerAddr],
        admitted: usize,
        cx: &mut Cx<'_>,
    ) {
        let dropped = addresses.len() - admitted;
        self.counters.addresses_received += addresses.len() as u64;
        self.counters.addresses_dropped += dropped as u64;
        if dropped > 0 {
            self.over_budget(link, Budget::Addresses, cx.now);
        }
        let unkept = self.peers.on_addresses(link, &addresses[..admitted], cx);
        self.counters.addresses_dropped += unkept as u64;
    }

    /// A peer said something about HyParView's views.
    pub(super) fn on_views(
        &mut self,
        link: Link,
        message: &PeerExchange,
        admitted: usize,
        cx: &mut Cx<'_>,
    ) {
        let addresses = message.addresses();
        self.counters.addresses_received += addresses as u64;
        if admitted < addresses {
            self.over_budget(link, Budget::Addresses, cx.now);
        }
        let dropped = self.peers.on_views(link, message, admitted, cx);
        self.counters.addresses_dropped += dropped as u64;
    }

    /// Counts and charges what a peer sent: how many of the ids or addresses in it may be looked at. `None` if it isn't
    /// to be handled at all.
    pub(super) fn admit(
        &mut self,
        link: Link,
        message: &Message,
        cx: &mut Cx<'_>,
    ) -> Option<usize> {
        let is_fetched = matches!(message, Message::Items(Items::Item(item)) if self.owes_block(link, item.id()));
        let state = self.links.get_mut(link)?;
        let len = codec::frame_len(message);
        self.counters.traffic.count_received(message.kind(), len);
        self.record.on_received(link, len);
        if state.closing.is_some() {
            return None;
        }
        let debts = match is_fetched {
            true => [None, None], // each was asked for, and few are at a time
            false => state.budget.charge(message, len, cx.now, &cx.params.budgets),
        };
        if !state.ready && !matches!(message, Message::Session(Session::Hello(_))) {
            self.misbehave(link, Offence::BeforeHello, cx);
            return None;
        }
        if state.only_blocks && !is_of_blocks(message) {
            // No honest peer says it; who goes on is thrown out.
            self.misbehave(link, Offence::Unsolicited, cx);
            return None;
        }
        for debt in debts.into_iter().flatten() {
            self.throttle(link, debt, cx);
        }
        let state = self.links.get_mut(link).filter(|state| state.closing.is_none())?;
        let (kind, elements) = (message.kind(), message.elements());
        if matches!(message, Message::Items(Items::Announce(names)) if names.kind() == ItemKind::Block)
        {
            return Some(elements); // never behind transactions
        }
        Some(state.budget.admit(kind, elements, cx.now, &cx.params.budgets))
    }

    fn throttle(&mut self, link: Link, debt: Debt, cx: &mut Cx<'_>) {
        self.slow(link, debt.budget.of_items(), debt.until, cx);
        self.over_budget(link, debt.budget, cx.now);
    }

    /// Counts that a link ran over a budget, which is no offence.
    pub(super) fn over_budget(&mut self, link: Link, budget: Budget, now: Time) {
        self.counters.count_over_budget(budget);
        self.record.on_over_budget(link, budget, now);
    }

    /// Counts an offence. One that no honest peer commits, or one too many of the others, closes the
    /// link.
    pub(super) fn misbehave(&mut self, link: Link, offence: Offence, cx: &mut Cx<'_>) {
        let Some(state) = self.links.get_mut(link) else {
            return;
        };
        if state.closing.is_some() {
            return;
        }
        self.record.on_offence(link, offence, cx.now);
        if let Offence::OverBudget(budget) = offence {
            self.over_budget(link, budget, cx.now);
        }
        let Some(state) = self.links.get_mut(link) else { return };
        let tolerated = offence.is_tolerated() && state.budget.tolerate(cx.now, &cx.params.budgets);
        if tolerated {
            return;
        }
        let offence = if offence.is_tolerated() { Offence::Flooding } else { offence };
        self.counters.misbehaved += 1;
        self.peers.on_misbehaved(link, cx.now);
        cx.report(Event::Misbehaved { link, offence });
        self.disconnect(link, Reason::Misbehaved(offence), cx);
    }

    /// Asks the driver to close a link, from which nothing more is taken.
    pub(super) fn disconnect(&mut self, link: Link, why: Reason, cx: &mut Cx<'_>) {
        let Some(state) = self.links.get_mut(link) else {
            return;
        };
        if state.closing.is_some() {
            return;
        }
        state.closing = Some(Box::new(why));
        self.serving.take(link);
        self.leave(link, cx);
        cx.actions.push(Action::Disconnect { link, why });
    }

    /// The strategy may no longer use a link.
    fn leave(&mut self, link: Link, cx: &mut Cx<'_>) {
        if let Some(index) = self.ready.iter().position(|neighbour| neighbour.link == link) {
            self.ready.remove(index);
            self.relay(cx, |strategy, cx| strategy.on_link_down(link, cx));
        }
        self.reconcile_links.remove(link);
        self.block_links.retain(|other| *other != link);
    }

    /// The peer of a link told or sent an item that we have.
    pub(super) fn on_service(&mut self, link: Link) {
        if let Some(state) = self.links.get_mut(link) {
            state.service.gives(self.rounds.now());
        }
    }

    /// The peer of a link asked for an item that we have, or keeps what we keep.
    pub(super) fn on_part_taken(&mut self, link: Link) {
        if let Some(state) = self.links.get_mut(link) {
            state.service.takes_part(self.rounds.now());
        }
    }

    pub(super) fn on_congested(&mut self, link: Link, cx: &mut Cx<'_>) {
        if let Some(state) = self.links.get_mut(link) {
            state.congested = true;
            self.record.note_link(link, ItemEvent::Congested, cx.now);
            self.announcer.on_congested(link);
            self.member.set_congested(link, true, cx);
            self.do_for_replica(cx);
        }
    }

    pub(super) fn on_drained(&mut self, link: Link, cx: &mut Cx<'_>) {
        if let Some(state) = self.links.get_mut(link) {
            state.congested = false;
            self.record.note_link(link, ItemEvent::Drained, cx.now);
            self.announcer.on_drained(link, cx.now);
            if self.serving.waiting(link) > 0 {
                self.serving.hurry(cx.now);
            }
            self.streams.hurry(cx.now);
            self.answer_askers(cx);
            self.member.set_congested(link, false, cx);
            self.do_for_replica(cx);
        }
    }
}

impl LinkState {
    /// What decides whether the link keeps its place.
    pub(super) fn standing(&self, link: Link, health: &Health, round: u32) -> Standing {
        let [brought_tx, brought_block] = self.brought;
        let (idle, silent) = self.service.missed(round);
        Standing {
            group: self.group,
            rtt: health.least_rtt(link),
            brought_tx,
            brought_block,
            idle,
            silent,
            is_closing: self.closing.is_some(),
        }
    }

    /// The peer brought an item that was new to us.
    pub(super) fn brings(&mut self, kind: ItemKind, now: Time) {
        let seconds = now.since(Time::ZERO).as_secs();
        self.brought[kind as usize] = u32::try_from(seconds).unwrap_or(u32::MAX).max(1);
    }
}
