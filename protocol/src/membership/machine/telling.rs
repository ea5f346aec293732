//! News, exchanges, coming and going.
//!
//! News rides on every packet to a member, and is told to a few random ones at an interval while there is some: without any, a fleet
//! is as quiet as its pings. An exchange by a stream makes up for what news missed, and is how one joins: all that fits is sent, ourselves
//! first, and the next exchange begins where this one ended, so that each has its turn. Now and then it goes to an address of the operator's list at
//! which nobody is known.

use std::net::SocketAddr;
use std::sync::Arc;

use rand::RngExt as _;
use rand::seq::IteratorRandom as _;

use super::super::bytes::canonical;
use super::super::contract::{Action, Cx, Event, JOIN_MAX, StreamId, Work};
use super::super::member_id::MemberId;
use super::super::packet::{Ack, Alive, HEAD, Left, PACKET_MAX};
use super::super::profile::Profile;
use super::super::roster::Member;
use super::super::said::{Entry, Full, Said, Saying};
use super::super::status::Status;
use super::{Membership, Stay, Topic, below};
use crate::ground::time::Time;
use crate::wire::bytes::Encode as _;

/// One in so many exchanges goes to an absent one of those whom the operator said to ask, if there is any. A guess: with half a minute between
/// exchanges, each member tries every two minutes.
const ABSENT_SHARE: u32 = 4;

impl Membership {
    /// Whatever is due of news, exchanges and leaving.
    pub(super) fn wake_telling(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now;
        if self.has_gossip() && now >= self.timers.gossip {
            self.gossip(cx);
        }
        if self.roster.present() > 0 && now >= self.timers.exchange {
            self.timers.exchange = now + self.settings.exchange_interval(self.n());
            if let Some(addr) = self.absent(cx).or_else(|| self.someone(cx)) {
                self.open_exchange(addr, cx);
            }
        }
        if self.roster.count(Status::Failed) > 0 && now >= self.timers.reconnect {
            self.timers.reconnect = now + self.settings.reconnect;
            self.reconnect(cx);
        }
        if self.wants_to_join() && now >= self.timers.join {
            self.ask_to_join(cx);
        }
        let is_told = !self.news.contains(&Topic::Member(self.id));
        if self.stay == Stay::Leaving && (is_told || now >= self.timers.leave) {
            self.depart(cx);
        }
    }

    /// Tells news to a few: to those who are there, and to those who failed a short while ago, who may live.
    fn gossip(&mut self, cx: &mut Cx<'_>) {
        self.timers.gossip = cx.now + self.settings.gossip_interval;
        let hears = |member: &Member| match member.status {
            Status::Alive | Status::Suspect => true,
            Status::Failed => cx.now - member.since < self.settings.tell_failed,
            Status::Left => false,
        };
        let some = self.roster.random(self.settings.fanout, cx.rng, hears);
        let some: Vec<_> = some.iter().map(|member| member.profile.addr()).collect();
        if some.is_empty() && self.roster.present() == 0 {
            // Nobody to tell it to; by the time somebody comes it is an exchange's.
            self.news.clear();
            self.rumors.queue.clear();
        }
        for to in some {
            let mut parts = Vec::new();
            self.fill(&mut parts, PACKET_MAX - HEAD);
            if parts.is_empty() {
                break;
            }
            self.send_bare(to, parts, cx);
        }
    }

    fn someone(&self, cx: &mut Cx<'_>) -> Option<SocketAddr> {
        let some = self.roster.random(1, cx.rng, |member| member.status == Status::Alive);
        some.first().map(|member| member.profile.addr())
    }

    /// Now and then one of those whom the operator said to ask, at whose address nobody is known to be: members that started at one moment
    /// and asked others than one another would else stay apart for good.
    fn absent(&self, cx: &mut Cx<'_>) -> Option<SocketAddr> {
        let is_known = |addr: SocketAddr| {
            let present = self.roster.list().iter().filter(|member| member.status.is_present());
            present.map(|member| member.profile.addr()).any(|known| known == addr)
        };
        let absent = self.join.iter().copied().filter(|addr| !is_known(*addr));
        absent.choose(cx.rng).filter(|_| cx.rng.random_ratio(1, ABSENT_SHARE))
    }

    fn open_exchange(&mut self, to: SocketAddr, cx: &mut Cx<'_>) {
        let said = Said { from: self.id, saying: Saying::Exchange(self.full(None, cx).0) };
        cx.actions.push(Action::Stream { to, said });
    }

    /// Tries one of the failed again: with many of them always, with few seldom (Serf, `reconnect`).
    fn reconnect(&mut self, cx: &mut Cx<'_>) {
        let (failed, present) = (self.roster.count(Status::Failed), self.roster.present());
        if cx.rng.random_range(0..present.max(1)) >= failed {
            return;
        }
        // Among many who are there a random place is rarely a failed one's.
        let all = self.roster.list().iter().filter(|member| member.status == Status::Failed);
        let one = all.map(|member| member.profile.addr()).nth(cx.rng.random_range(0..failed));
        if let Some(addr) = one {
            self.open_exchange(addr, cx);
        }
    }

    /// All that fits of what we know, and its bytes: ourselves, and then from where the last exchange ended. And whatever rides on it; for an
    /// answer, what the other lacks.
    fn full(&mut self, theirs: Option<&Full>, cx: &mut Cx<'_>) -> (Arc<Full>, usize) {
        let status = match self.stay {
            Stay::Here => Status::Alive,
            Stay::Leaving | Stay::Gone => Status::Left,
        };
        let own = Entry { status, last: self.own() };
        let mut bytes = own.encoded_len();
        let mut entries = vec![own];
        let len = self.roster.len();
        let begin = self.cursor;
        for step in 0..len {
            let at = (begin + step) % len;
            let Member { id, ref profile, incarnation, status, .. } = self.roster.list()[at];
            let last = Alive { id, incarnation, profile: Arc::clone(profile) };
            let entry = Entry { status, last };
            bytes += entry.encoded_len();
            if bytes > self.settings.exchange_bytes {
                self.cursor = at;
                break;
            }
            entries.push(entry);
        }
        let leaders = self.leaders().into_iter().flat_map(|all| all.records().cloned()).collect();
        let times = self.rumors.times();
        let mut full = Full { entries, leaders, times, ..Full::default() };
        self.fill_exchange(theirs, &mut full, cx);
        bytes += full.digest.encoded_len() + full.delta.encoded_len();
        (Arc::new(full), bytes)
    }

    /// Somebody opened a stream. Whoever tells us what it knows is told what we know, with that in it: so it hears what we made of it.
    pub(super) fn on_asked(&mut self, stream: StreamId, said: &Said, cx: &mut Cx<'_>) -> Work {
        if said.from == self.id {
            return Work::default();
        }
        let (saying, work) = match &said.saying {
            Saying::Exchange(theirs) => {
                // Even if nobody has told us anything yet: whoever asks may be new itself, and whom it asked is who tells others.
                self.merge(theirs, said.from, true, cx);
                let (full, bytes) = self.full(Some(theirs), cx);
                (Saying::Exchange(full), Work { claims: theirs.entries.len(), bytes })
            }
            Saying::Ping(ping) if ping.target == self.id => {
                (Saying::Ack(Ack { seq: ping.seq }), Work::default())
            }
            Saying::Ping(_) | Saying::Ack(_) => return Work::default(),
        };
        cx.actions.push(Action::Answer { stream, said: Said { from: self.id, saying } });
        work
    }

    /// An answer to what we said by a stream.
    pub(super) fn on_answered(&mut self, by: SocketAddr, said: &Said, cx: &mut Cx<'_>) -> Work {
        match &said.saying {
            Saying::Exchange(theirs) if said.from != self.id => {
                if self.is_new && !self.join.is_empty() {
                    self.rumors.join(theirs.times);
                }
                let is_news = !self.is_new || is_short(theirs);
                self.merge(theirs, said.from, is_news, cx);
                self.is_new = false;
                Work { claims: theirs.entries.len(), bytes: 0 }
            }
            Saying::Ack(ack) => {
                let is_at = |member: &Member| member.profile.addr() == by;
                if self.roster.get(said.from).is_some_and(is_at)
                    && self.is_answer(said.from, ack.seq)
                {
                    self.on_answer();
                }
                Work::default()
            }
            Saying::Exchange(_) | Saying::Ping(_) => Work::default(),
        }
    }

    pub(super) fn on_joining(&mut self, addrs: &[SocketAddr], cx: &mut Cx<'_>) {
        let own = self.profile.addr();
        let others = addrs.iter().map(|addr| canonical(*addr)).filter(|addr| *addr != own);
        self.join = others.take(JOIN_MAX).collect();
        self.ask_to_join(cx);
    }

    /// Whether it is alone and knows whom to ask.
    pub(super) fn wants_to_join(&self) -> bool {
        !self.join.is_empty() && self.roster.present() == 0 && self.stay == Stay::Here
    }

    fn ask_to_join(&mut self, cx: &mut Cx<'_>) {
        // Not all at once again, when all lost the same.
        let pause = self.settings.join_retry;
        self.timers.join = cx.now + pause / 2 + below(pause, cx);
        for at in 0..self.join.len() {
            self.open_exchange(self.join[at], cx);
        }
    }

    pub(super) fn on_leave(&mut self, cx: &mut Cx<'_>) {
        if self.stay != Stay::Here {
            return;
        }
        self.stay = Stay::Leaving;
        self.claimed = None;
        self.timers.refute = Time::NEVER;
        self.timers.leave = cx.now + self.settings.leave_timeout;
        if self.roster.present() == 0 {
            self.depart(cx);
            return;
        }
        let (id, incarnation) = (self.id, self.incarnation);
        self.tell(id, Left { id, incarnation }.into(), cx.now);
    }

    fn depart(&mut self, cx: &mut Cx<'_>) {
        self.stay = Stay::Gone;
        cx.actions.push(Action::Report(Event::Departed));
    }

    pub(super) fn on_force_leave(&mut self, id: MemberId, cx: &mut Cx<'_>) {
        let Some(member) = self.roster.get(id) else { return };
        if member.status != Status::Left {
            let incarnation = member.incarnation;
            self.see_off(Left { id, incarnation }, cx);
        }
    }

    pub(super) fn on_retag(&mut self, profile: &Arc<Profile>, now: Time) {
        let is_ours =
            profile.name() == self.profile.name() && profile.addr() == self.profile.addr();
        if !is_ours || self.stay != Stay::Here || self.incarnation == u32::MAX {
            return;
        }
        self.profile = Arc::clone(profile);
        self.incarnation += 1;
        self.tell(self.id, self.own().into(), now);
    }

    /// Whom an exchange would be told about first: for tests of its rotation.
    #[cfg(test)]
    pub(super) fn told_of(&mut self, cx: &mut Cx<'_>) -> Vec<MemberId> {
        self.full(None, cx).0.entries.iter().map(|entry| entry.last.id).collect()
    }
}

/// Whether what somebody knows of all fits one packet: then a newcomer tells it on. Those who join at one moment miss some of each other otherwise,
/// and hear of them only in their first exchange; in a small fleet telling takes a few packets, and a large one knows itself.
fn is_short(full: &Full) -> bool {
    let mut room = PACKET_MAX - HEAD;
    full.entries.iter().all(|entry| match room.checked_sub(entry.encoded_len()) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    })
}
