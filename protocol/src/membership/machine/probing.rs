//! Pings of our own, pings for others, and what we make of silence.
//!
//! One ping is out at a time. It goes to the member itself; after the timeout, `k` others are asked to ping it and it is tried by a
//! stream; when the interval is over without an answer by any way, it is suspected. With bad local health all of that takes longer (Lifeguard,
//! §IV.A): whoever is slow itself waits for others.
//!
//! What a ping-req can be abused for is a reflector. It names no address: only known members are pinged, where they are known to be; one
//! for each packet; a few at a time for each who asks, and a few dozen for all.

use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt as _;

use super::super::contract::{Action, Cx, Event};
use super::super::member_id::MemberId;
use super::super::packet::{Ack, Failed, Nack, Part, Ping, PingReq, Suspect};
use super::super::said::{Said, Saying};
use super::super::status::Status;
use super::super::suspicion::Accusation;
use super::{Membership, below};
use crate::ground::time::Time;

/// Our ping.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    target: MemberId,
    addr: SocketAddr,
    seq: u32,
    sent: Time,
    is_answered: bool,
    /// Nobody listens there.
    is_refused: bool,
    /// Who is asked to ping as well, and whether it said that it has no answer.
    asked: Vec<(MemberId, bool)>,
    /// When others are asked. Never, once they are.
    ask_at: Time,
    end: Time,
}

impl Probe {
    pub(super) fn deadline(&self) -> Time {
        if self.is_answered { self.end } else { self.ask_at.min(self.end) }
    }
}

/// A ping for somebody else.
#[derive(Clone, Debug)]
pub(super) struct Relay {
    /// Who asked, where it is, and its own number.
    by: MemberId,
    to: SocketAddr,
    their_seq: u32,
    target: MemberId,
    seq: u32,
    /// When we say that there is no answer. Never, once that is said.
    nack_at: Time,
    end: Time,
}

impl Relay {
    pub(super) fn deadline(&self) -> Time {
        self.nack_at.min(self.end)
    }
}

impl Membership {
    /// Whatever is due of pings.
    pub(super) fn wake_probes(&mut self, cx: &mut Cx<'_>) {
        self.wake_relays(cx);
        let now = cx.now;
        match &self.probe {
            Some(probe) if now >= probe.end => self.end_probe(cx),
            Some(probe) if !probe.is_answered && now >= probe.ask_at => self.ask_others(cx),
            None if now >= self.timers.probe => self.begin_probe(cx),
            Some(_) | None => {}
        }
    }

    /// Somebody is there: pings begin, at a moment of our own.
    pub(super) fn schedule(&mut self, cx: &mut Cx<'_>) {
        let begin = |timer: &mut Time, span: Duration, cx: &mut Cx<'_>| {
            if *timer == Time::NEVER && !span.is_zero() {
                *timer = cx.now + below(span, cx);
            }
        };
        let (timers, settings) = (&mut self.timers, &self.settings);
        if self.probe.is_none() {
            begin(&mut timers.probe, settings.probe_interval, cx);
        }
        // The first one soon: for what was said while a newcomer joined.
        begin(&mut timers.exchange, settings.exchange.min(settings.join_retry), cx);
        begin(&mut timers.reconnect, settings.reconnect, cx);
        begin(&mut timers.sweep, super::SWEEP, cx);
    }

    fn begin_probe(&mut self, cx: &mut Cx<'_>) {
        let Some(target) = self.roster.next_target(cx.rng) else {
            self.timers.probe = Time::NEVER;
            return;
        };
        let Some(addr) = self.roster.get(target).map(|member| member.profile.addr()) else {
            return;
        };
        let seq = cx.rng.random();
        let times = self.health + 1;
        self.counts.pings += 1;
        self.probe = Some(Probe {
            target,
            addr,
            seq,
            sent: cx.now,
            is_answered: false,
            is_refused: false,
            asked: Vec::new(),
            ask_at: cx.now + self.settings.probe_timeout * times,
            end: cx.now + self.settings.probe_interval * times,
        });
        let mut parts = vec![Ping { seq, target }.into()];
        parts.extend(self.notice(target));
        parts.extend(self.places.told());
        self.fill_ping(&mut parts, cx);
        self.send_bare(addr, parts, cx);
        self.look_at_phi(cx);
    }

    /// What we hold against somebody, for it to hear from us: Lifeguard's buddy system, for the failed too.
    pub(super) fn notice(&self, id: MemberId) -> Option<Part> {
        let member = self.roster.get(id).filter(|_| self.settings.buddy)?;
        let (incarnation, by) = (member.incarnation, self.id);
        match member.status {
            Status::Alive => None,
            Status::Suspect => Some(Suspect { id, incarnation, by, nacks: 0 }.into()),
            Status::Failed | Status::Left => Some(Failed { id, incarnation, by }.into()),
        }
    }

    fn ask_others(&mut self, cx: &mut Cx<'_>) {
        let Some(probe) = &mut self.probe else { return };
        probe.ask_at = Time::NEVER;
        let (seq, target, addr) = (probe.seq, probe.target, probe.addr);
        let others = self.roster.random(self.settings.indirect, cx.rng, |member| {
            member.status == Status::Alive && member.id != target
        });
        let others: Vec<_> = others.iter().map(|other| (other.id, other.profile.addr())).collect();
        probe.asked = others.iter().map(|(id, _)| (*id, false)).collect();
        for (_, to) in others {
            self.send(to, vec![PingReq { seq, target }.into()], cx);
        }
        if self.settings.stream_ping {
            let said = Said { from: self.id, saying: Saying::Ping(Ping { seq, target }) };
            cx.actions.push(Action::Stream { to: addr, said });
        }
    }

    /// The interval is over: the verdict, and the next ping.
    fn end_probe(&mut self, cx: &mut Cx<'_>) {
        let Some(probe) = self.probe.take() else { return };
        self.timers.probe = cx.now;
        if !probe.is_answered {
            self.on_silence(&probe, cx);
        }
        self.begin_probe(cx);
    }

    /// Nobody had an answer. Whether that is our own fault we learn from those we asked: one in good health says that it has none either.
    fn on_silence(&mut self, probe: &Probe, cx: &mut Cx<'_>) {
        self.counts.unanswered += 1;
        let said_so = probe.asked.iter().filter(|(_, has_said)| *has_said).count();
        let missing = match self.settings.nacks && !probe.asked.is_empty() {
            true => probe.asked.len() - said_so,
            false => 1,
        };
        self.worsen(u32::try_from(missing).unwrap_or(u32::MAX));
        let Some(member) = self.roster.get(probe.target) else { return };
        if !member.status.is_present() || self.detects_by_phi() {
            return;
        }
        let (id, incarnation, addr) = (member.id, member.incarnation, member.profile.addr());
        self.counts.suspected += 1;
        let nacks = u8::try_from(said_so).unwrap_or(u8::MAX);
        let (by, is_refused) = (self.id, probe.is_refused);
        self.suspect(id, incarnation, Accusation { by, nacks, is_ours: true, is_refused }, cx);
        if self.settings.buddy {
            // It hears so at once, not when gossip comes to it.
            let accusation = Suspect { id, incarnation, by, nacks };
            self.send_bare(addr, vec![accusation.into()], cx);
        }
    }

    /// A suspicion runs out: the suspect may have refuted it, and we didn't hear.
    pub(super) fn ask_once_more(&mut self, id: MemberId, cx: &mut Cx<'_>) {
        let addr = self.roster.get(id).map(|member| member.profile.addr());
        if let (Some(addr), Some(notice)) = (addr, self.notice(id)) {
            self.send_bare(addr, vec![notice], cx);
        }
    }

    /// A suspicion ran out.
    pub(super) fn on_verdict(&mut self, id: MemberId, cx: &mut Cx<'_>) {
        let Some(incarnation) = self.roster.get(id).map(|member| member.incarnation) else {
            self.suspicions.end(id);
            return;
        };
        self.counts.failed += 1;
        self.bury(Failed { id, incarnation, by: self.id }, cx);
    }

    /// Somebody answers a ping: it itself, or one whom we asked to ask it.
    pub(super) fn on_ack(&mut self, sender: MemberId, ack: Ack, cx: &mut Cx<'_>) {
        if self.is_answer(sender, ack.seq) {
            let of_it = self.probe.as_ref().filter(|one| one.target == sender && !one.is_answered);
            if let Some(rtt) = of_it.map(|probe| cx.now - probe.sent) {
                self.places.measure(sender, rtt, cx.rng);
            }
            self.on_answer();
            return;
        }
        let is_it = |relay: &Relay| relay.seq == ack.seq && relay.target == sender;
        if let Some(at) = self.relays.iter().position(is_it) {
            let relay = self.relays.swap_remove(at);
            self.send(relay.to, vec![Ack { seq: relay.their_seq }.into()], cx);
        }
    }

    /// Whether somebody may answer our ping so.
    pub(super) fn is_answer(&self, sender: MemberId, seq: u32) -> bool {
        self.probe.as_ref().is_some_and(|probe| {
            let is_asked = probe.asked.iter().any(|(id, _)| *id == sender);
            probe.seq == seq && (probe.target == sender || is_asked)
        })
    }

    pub(super) fn on_answer(&mut self) {
        if let Some(probe) = &mut self.probe
            && !std::mem::replace(&mut probe.is_answered, true)
        {
            self.health = self.health.saturating_sub(1);
        }
    }

    pub(super) fn on_nack(&mut self, sender: MemberId, nack: Nack) {
        if let Some(probe) = &mut self.probe
            && probe.seq == nack.seq
        {
            let asked = probe.asked.iter_mut().filter(|(id, _)| *id == sender);
            asked.for_each(|(_, has_said)| *has_said = true);
        }
    }

    /// Nobody listens at an address: more than silence, if it is whom we ping.
    pub(super) fn on_refused(&mut self, addr: SocketAddr) {
        if let Some(probe) = &mut self.probe {
            probe.is_refused |= probe.addr == addr && probe.ask_at == Time::NEVER;
        }
    }

    /// Pings for somebody, if it may ask that.
    pub(super) fn on_ping_req(
        &mut self,
        by: MemberId,
        to: SocketAddr,
        request: PingReq,
        cx: &mut Cx<'_>,
    ) {
        let addr = self.roster.get(request.target).map(|member| member.profile.addr());
        let of_it = self.relays.iter().filter(|relay| relay.by == by).count();
        let has_room =
            self.relays.len() < self.settings.relays_max && of_it < self.settings.relays_each;
        let Some(addr) = addr.filter(|_| has_room && request.target != by) else {
            self.counts.unrelayed += 1;
            return;
        };
        let seq = cx.rng.random();
        let nack_at = match self.settings.nacks {
            // Before whoever asked has given up: at 80 % of the timeout (Lifeguard, §IV.A).
            true => cx.now + self.settings.probe_timeout.mul_f64(0.8),
            false => Time::NEVER,
        };
        let end = cx.now + self.settings.probe_interval;
        let (their_seq, target) = (request.seq, request.target);
        self.relays.push(Relay { by, to, their_seq, target, seq, nack_at, end });
        self.send(addr, vec![Ping { seq, target }.into()], cx);
    }

    fn wake_relays(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now;
        let due = self.relays.iter_mut().filter(|relay| now >= relay.nack_at);
        let nacks: Vec<_> = due
            .map(|relay| {
                relay.nack_at = Time::NEVER;
                (relay.to, relay.their_seq)
            })
            .collect();
        self.relays.retain(|relay| now < relay.end);
        for (to, seq) in nacks {
            self.send(to, vec![Nack { seq }.into()], cx);
        }
    }

    /// Takes note that somebody is suspected, and tells others if that is news. It is known and counted on.
    pub(super) fn suspect(
        &mut self,
        id: MemberId,
        incarnation: u32,
        accusation: Accusation,
        cx: &mut Cx<'_>,
    ) {
        let Some(before) = self.roster.get(id).map(|member| (member.status, member.incarnation))
        else {
            return;
        };
        if before != (Status::Suspect, incarnation) {
            // Of another incarnation nothing counts any more.
            self.suspicions.end(id);
            self.roster.set(id, Status::Suspect, incarnation, cx.now);
        }
        let n = self.n();
        let is_news = self.suspicions.accuse(id, accusation, &self.settings, n, cx.now);
        if before.0 == Status::Alive {
            cx.actions.push(Action::Report(Event::Suspected { id, by: accusation.by }));
        }
        if is_news {
            let Accusation { by, nacks, .. } = accusation;
            self.tell(id, Suspect { id, incarnation, by, nacks }.into(), cx.now);
        }
    }

    /// Takes somebody for dead, and tells others. It is known and counted on.
    pub(super) fn bury(&mut self, failed: Failed, cx: &mut Cx<'_>) {
        self.suspicions.end(failed.id);
        self.roster.set(failed.id, Status::Failed, failed.incarnation, cx.now);
        cx.actions.push(Action::Report(Event::Failed { id: failed.id, by: failed.by }));
        self.tell(failed.id, failed.into(), cx.now);
    }
}
