//! Events and queries, and what the operator wants of rumors.

use bytes::Bytes;

use super::super::contract::{Action, Cx, Event, Refused};
use super::super::filter::Filter;
use super::super::leader::Claim;
use super::super::member_id::MemberId;
use super::super::queries::{ANSWER_MAX, Collected, Query, Question, Response};
use super::super::user_events::{Taken, UserEvent};
use super::spreading::{Subject, Telling};
use super::{Membership, Stay};
use crate::ground::map::Salt;
use crate::ground::time::Time;

impl Membership {
    /// An event comes.
    pub(super) fn on_user_event(&mut self, event: &UserEvent, from: MemberId, cx: &mut Cx<'_>) {
        let is_for_us = self.is_for_us(&event.filter);
        let Some(events) = &mut self.rumors.events else { return };
        let mut told = Vec::new();
        let taken = events.take(event, is_for_us, cx.now, &mut told);
        cx.actions.extend(told.into_iter().map(Event::UserEvent).map(Action::Report));
        if self.is_news(taken) {
            self.spread_event(event, Some(from), cx.now);
        }
    }

    fn spread_event(&mut self, event: &UserEvent, from: Option<MemberId>, now: Time) {
        let (time, first) = (event.time, event.origin);
        let number = Salt::new(time.0).rank((first.0, &event.name, &event.payload));
        let subject = Subject::Event(time, first, number);
        let part = || event.clone().into();
        self.spread(Telling { subject, told: part(), kept: part(), first, number, from }, now);
    }

    /// A query comes.
    pub(super) fn on_query(&mut self, query: &Query, from: MemberId, cx: &mut Cx<'_>) {
        let Some(queries) = &mut self.rumors.queries else { return };
        let taken = queries.take(query, cx.now);
        if !self.is_news(taken) {
            return;
        }
        self.spread_query(query, Some(from), cx.now);
        self.be_asked(query, cx);
    }

    fn spread_query(&mut self, query: &Query, from: Option<MemberId>, now: Time) {
        let (time, first) = (query.time, query.origin);
        let number = Salt::new(time.0).rank((first.0, query.id));
        let subject = Subject::Query(time, first, query.id);
        let part = || query.clone().into();
        self.spread(Telling { subject, told: part(), kept: part(), first, number, from }, now);
    }

    /// Has a query answered, if it is for us.
    fn be_asked(&mut self, query: &Query, cx: &mut Cx<'_>) {
        if !self.is_for_us(&query.filter) {
            return;
        }
        if query.ack {
            self.respond(query, None, cx);
        }
        cx.actions.push(Action::Report(Event::QueryAsked(query.clone())));
    }

    /// Answers a query, where its origin is known to be.
    pub(super) fn respond(&mut self, query: &Query, answer: Option<&[u8]>, cx: &mut Cx<'_>) {
        let answer = answer.map(|answer| &answer[..answer.len().min(ANSWER_MAX)]);
        let answer = answer.map(Bytes::copy_from_slice);
        let response = Response { time: query.time, id: query.id, from: self.id, answer };
        if query.origin == self.id {
            self.on_response(&response, self.id, cx);
        } else if let Some(origin) = self.roster.get(query.origin) {
            let addr = origin.profile.addr();
            self.send(addr, vec![response.into()], cx);
        }
    }

    /// A response comes.
    pub(super) fn on_response(&mut self, response: &Response, from: MemberId, cx: &mut Cx<'_>) {
        let Some(queries) = &mut self.rumors.queries else { return };
        if response.from == from && queries.collect(response, cx.now) == Collected::New {
            cx.actions.push(Action::Report(Event::QueryAnswered(response.clone())));
        } else {
            self.counts.rumors_refused += 1;
        }
    }

    /// Whether something that came is to be told on. What can't be taken is counted.
    const fn is_news(&mut self, taken: Taken) -> bool {
        if !matches!(taken, Taken::New | Taken::Known) {
            self.counts.rumors_refused += 1;
        }
        matches!(taken, Taken::New)
    }

    /// A consensus says who leads.
    pub(super) fn on_lead(
        &mut self,
        group: &[u8],
        epoch: u64,
        (leader, address): (MemberId, &[u8]),
        cx: &mut Cx<'_>,
    ) {
        let claim = Claim { leader, address: Bytes::copy_from_slice(address), by: self.id };
        let is_here = self.stay == Stay::Here;
        let Some(leaders) = self.rumors.leaders.as_mut().filter(|_| is_here) else {
            refuse(Refused::Off, cx);
            return;
        };
        let (before, mut changes) = (leaders.get(group).cloned(), Vec::new());
        match leaders.claim(group, epoch, claim, &mut changes).cloned() {
            Ok(mut record) => {
                // Whoever says again what is known, as a script that goes on saying it, makes nobody tell it on.
                let is_news = before.as_ref() != Some(&record);
                // In trees goes what is new, so that all draw the same.
                record.claims.retain(|claim| claim.by == self.id);
                self.on_led(&record, is_news, None, changes, cx);
            }
            Err(refused) => refuse(refused.into(), cx),
        }
    }

    /// Fires an event.
    pub(super) fn on_fire(
        &mut self,
        (name, payload): (&[u8], &[u8]),
        coalesce: bool,
        filter: &Filter,
        cx: &mut Cx<'_>,
    ) {
        let is_here = self.stay == Stay::Here;
        let Some(events) = self.rumors.events.as_mut().filter(|_| is_here) else {
            refuse(Refused::Off, cx);
            return;
        };
        match events.fire(name, payload, coalesce, filter.clone(), cx.now) {
            Ok(event) => self.spread_event(&event, None, cx.now),
            Err(refused) => refuse(refused.into(), cx),
        }
    }

    /// Asks all.
    pub(super) fn on_ask(&mut self, question: &Question<'_>, cx: &mut Cx<'_>) {
        let is_here = self.stay == Stay::Here;
        let Some(queries) = self.rumors.queries.as_mut().filter(|_| is_here) else {
            refuse(Refused::Off, cx);
            return;
        };
        match queries.ask(question, cx.now, cx.rng) {
            Ok(query) => {
                cx.actions.push(Action::Report(Event::QuerySent { id: (query.time, query.id) }));
                self.spread_query(&query, None, cx.now);
                self.be_asked(&query, cx);
            }
            Err(refused) => refuse(refused.into(), cx),
        }
    }
}

fn refuse(refused: Refused, cx: &mut Cx<'_>) {
    cx.actions.push(Action::Report(Event::Refused(refused)));
}
