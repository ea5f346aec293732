//! Rumors: events, queries and who leads. What is for all members is told on the moment that it comes.
//!
//! - **Trees** (`trees`): each member tells its children in two trees, which are drawn anew for each rumor. That is two datagrams a
//!   member, and a few hops.
//! - **Repair**: a rumor then rides on a few pings and answers, without datagrams of its own: whom the trees missed hears of it within a
//!   second. Who leads is told in exchanges, too.
//! - **Without trees** rumors are gossiped as all news ([`Riding::trees`](super::Riding::trees) is zero), which is Serf's way.
//!
//! # Bounds and attacks
//! - An input makes at most [`TOLD_MAX`] datagrams of rumors. What would be more rides on pings only.
//! - Storms of events and queries, times of the future, old and doubled ones: [`user_events`](crate::membership::user_events) and
//!   [`queries`](crate::membership::queries) say which are taken. Only those are told on.
//! - A false leader: nobody can tell ([`leader`](crate::membership::leader)). One with the epoch of another is reported by all.
//! - A response counts for whoever it comes from. One in another's name is none.

use super::super::broadcasts::{Broadcasts, transmissions};
use super::super::contract::{Action, Cx, Event};
use super::super::filter::Filter;
use super::super::lamport::LamportTime;
use super::super::leader::{Change, Leaders, Record};
use super::super::member_id::MemberId;
use super::super::packet::{HEAD, PACKET_MAX, Part};
use super::super::queries::Queries;
use super::super::said::Full;
use super::super::trees::children;
use super::super::user_events::UserEvents;
use super::{Membership, Riding};
use crate::ground::map::Salt;
use crate::ground::time::Time;
use bytes::Bytes;

/// Most datagrams that tell of rumors for one input. A guess: eight rumors in one packet, none of whose children are the same.
pub(super) const TOLD_MAX: usize = 64;

/// What a rumor is about: newer ones of the same take the place of older.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// Who leads a group.
    Leader(Bytes),
    /// An event: its time, origin and what tells it from others of the same.
    Event(LamportTime, MemberId, u64),
    /// A query: its time, origin and number.
    Query(LamportTime, MemberId, u32),
}

/// Rumors, and what is known by them.
#[derive(Clone, Debug)]
pub(super) struct Rumors {
    pub(super) queue: Broadcasts<Subject, Part>,
    pub(super) leaders: Option<Box<Leaders>>,
    pub(super) events: Option<Box<UserEvents>>,
    pub(super) queries: Option<Box<Queries>>,
    /// Whom to tell of what at this input's end.
    due: Vec<(MemberId, Part)>,
}

impl Rumors {
    pub(super) fn new(own: MemberId, riding: &Riding, salt: Salt) -> Self {
        Self {
            queue: Broadcasts::new(riding.rumors_max.0, riding.rumors_max.1),
            leaders: riding.leaders.then(Box::default),
            events: riding.events.map(|settings| Box::new(UserEvents::new(own, settings, salt))),
            queries: riding.queries.map(|settings| Box::new(Queries::new(own, settings))),
            due: Vec::new(),
        }
    }

    pub(super) fn deadline(&self) -> Time {
        let events = self.events.as_ref().map_or(Time::NEVER, |events| events.deadline());
        events.min(self.queries.as_ref().map_or(Time::NEVER, |queries| queries.deadline()))
    }

    pub(super) fn times(&self) -> [LamportTime; 2] {
        let events = self.events.as_ref().map(|events| events.time());
        [events, self.queries.as_ref().map(|queries| queries.time())].map(Option::unwrap_or_default)
    }

    /// A newcomer's past isn't its own.
    pub(super) fn join(&mut self, times: [LamportTime; 2]) {
        if let Some(events) = &mut self.events {
            events.join(times[0]);
        }
        if let Some(queries) = &mut self.queries {
            queries.join(times[1]);
        }
    }
}

/// A rumor that is to be told on.
pub(super) struct Telling {
    pub(super) subject: Subject,
    /// What is told in trees, as it came: of this the trees are.
    pub(super) told: Part,
    /// What rides on pings, which may be more by now.
    pub(super) kept: Part,
    /// Who began it.
    pub(super) first: MemberId,
    /// What its trees are drawn by.
    pub(super) number: u64,
    /// Who told us, and so needn't be told.
    pub(super) from: Option<MemberId>,
}

impl Membership {
    /// What is known of who leads. `None` if it is switched off.
    #[must_use]
    pub fn leaders(&self) -> Option<&Leaders> {
        self.rumors.leaders.as_deref()
    }

    /// Queries of ours whose time isn't over, with what was answered.
    #[must_use]
    pub fn queries(&self) -> Option<&Queries> {
        self.rumors.queries.as_deref()
    }

    /// Whether there is something that gossip has to tell.
    pub(super) fn has_gossip(&self) -> bool {
        !self.news.is_empty() || (self.settings.riding.trees == 0 && !self.rumors.queue.is_empty())
    }

    /// Has a rumor told on: now, and with the next packets.
    pub(super) fn spread(&mut self, telling: Telling, now: Time) {
        let Telling { subject, told, kept, first, number, from } = telling;
        if !self.has_gossip() {
            self.timers.gossip = self.timers.gossip.max(now);
        }
        let len = kept.encoded_len();
        self.counts.dropped += self.rumors.queue.push(subject, kept, len) as u64;
        let Riding { trees, arity, .. } = self.settings.riding;
        let mut all = Vec::new();
        for tree in 0..trees as u64 {
            let present = self.roster.list().iter().filter(|member| member.status.is_present());
            let others = present.map(|member| member.id);
            let number = Salt::new(tree).rank(number);
            all.append(&mut children(self.id, first, others, number, arity));
        }
        all.sort_unstable();
        all.dedup();
        for child in all.into_iter().filter(|child| Some(*child) != from) {
            if self.rumors.due.len() < TOLD_MAX * 4 {
                self.rumors.due.push((child, told.clone()));
            }
        }
    }

    /// At an input's end: tells children of all that came with it, one packet for as much as fits.
    pub(super) fn tell_children(&mut self, cx: &mut Cx<'_>) {
        let mut due = std::mem::take(&mut self.rumors.due);
        due.sort_by_key(|(child, _)| *child);
        let mut rest = due.into_iter().peekable();
        let mut told = 0;
        while let Some((child, part)) = rest.next() {
            let mut room = (PACKET_MAX - HEAD).saturating_sub(part.encoded_len());
            let mut parts = vec![part];
            while let Some((_, next)) =
                rest.next_if(|(other, next)| *other == child && next.encoded_len() <= room)
            {
                room -= next.encoded_len();
                parts.push(next);
            }
            let Some(addr) = self.roster.get(child).map(|member| member.profile.addr()) else {
                continue;
            };
            told += 1;
            if told > TOLD_MAX {
                break;
            }
            self.counts.rumors_told += 1;
            self.fill_news(&mut parts, room);
            self.send_bare(addr, parts, cx);
        }
    }

    /// Puts rumors into a packet, within so many bytes.
    pub(super) fn fill_rumors(&mut self, parts: &mut Vec<Part>, budget: usize) {
        let limit = transmissions(self.settings.riding.rumor_mult, self.n());
        self.rumors.queue.fill(budget, limit, |part| parts.push(part.clone()));
    }

    /// A rumor comes.
    pub(super) fn on_rumor(&mut self, part: &Part, from: MemberId, cx: &mut Cx<'_>) {
        match part {
            Part::Record(record) => self.on_record(record, Some(from), cx),
            Part::UserEvent(event) => self.on_user_event(event, from, cx),
            Part::Query(query) => self.on_query(query, from, cx),
            Part::Response(response) => self.on_response(response, from, cx),
            _ => {}
        }
    }

    /// Somebody says who leads.
    pub(super) fn on_record(&mut self, record: &Record, from: Option<MemberId>, cx: &mut Cx<'_>) {
        let Some(leaders) = &mut self.rumors.leaders else { return };
        let mut changes = Vec::new();
        let is_news = leaders.merge(record, &mut changes);
        self.on_led(record, is_news, from, changes, cx);
    }

    /// Reports what became of leaders, and tells a record on if it is news.
    pub(super) fn on_led(
        &mut self,
        record: &Record,
        is_news: bool,
        from: Option<MemberId>,
        changes: Vec<Change>,
        cx: &mut Cx<'_>,
    ) {
        for change in changes {
            cx.actions.push(Action::Report(match change {
                Change::Led(record) => Event::LeaderChanged(record),
                Change::BrokenConsensus(record) => Event::BrokenConsensus(record),
                Change::Forgotten(group) => {
                    self.rumors.queue.remove(&Subject::Leader(group.clone()));
                    Event::LeaderForgotten(group)
                }
            }));
        }
        let known = self.rumors.leaders.as_ref().and_then(|leaders| leaders.get(&record.group));
        if let Some(known) = known.filter(|_| is_news) {
            let (group, kept) = (record.group.clone(), known.clone().into());
            let first = record.claims.first().map_or(self.id, |claim| claim.by);
            let of_claims = record.claims.iter().map(|claim| (claim.leader.0, claim.by.0));
            let number = Salt::new(record.epoch).rank(of_claims.collect::<Vec<_>>());
            let (subject, told) = (Subject::Leader(group), record.clone().into());
            self.spread(Telling { subject, told, kept, first, number, from }, cx.now);
        }
    }

    /// What an exchange says besides who is there.
    pub(super) fn merge_rumors(&mut self, full: &Full, from: MemberId, cx: &mut Cx<'_>) {
        for record in &full.leaders {
            self.on_record(record, Some(from), cx);
        }
    }

    /// Whatever is due of events and queries.
    pub(super) fn wake_rumors(&mut self, cx: &mut Cx<'_>) {
        let mut told = Vec::new();
        if let Some(events) = &mut self.rumors.events {
            events.poll(cx.now, &mut told);
        }
        let over =
            self.rumors.queries.as_mut().map_or_else(Vec::new, |queries| queries.poll(cx.now));
        let told = told.into_iter().map(Event::UserEvent);
        let all = told.chain(over.into_iter().map(Event::QueryDone));
        cx.actions.extend(all.map(Action::Report));
    }

    /// Whether something is for us.
    pub(super) fn is_for_us(&self, filter: &Filter) -> bool {
        let tag = |key: &[u8]| {
            let mut tags = self.profile.tags();
            tags.find(|(one, _)| one.as_bytes() == key).map(|(_, value)| value.as_bytes())
        };
        filter.matches(self.profile.name().as_bytes(), tag)
    }
}
