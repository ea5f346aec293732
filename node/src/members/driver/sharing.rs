//! What members share besides who lives: what is asked of it, and how it is told.

use std::collections::VecDeque;
use std::time::Duration;

use tidings_protocol::ground::time::Time;
use tidings_protocol::membership::filter::Filter;
use tidings_protocol::membership::lamport::LamportTime;
use tidings_protocol::membership::leader::Record;
use tidings_protocol::membership::queries::{Asked, Query, Question, timeout};
use tidings_protocol::membership::state::Change;
use tidings_protocol::membership::{Input, MemberId, Membership, Refused};

use super::Driver;
use crate::api::What;
use crate::api::kv::KvText;
use crate::api::members::shared::{
    AnnounceRequest, AnswerView, ClaimView, Done, FilterRequest, FireRequest, LeaderView,
    QueryRequest, QueryResult, RespondRequest, RttView, StateEntry, StateWrite,
};
use crate::members::control::{MembersRefused, QUERY_PATIENCE_MAX_MS, Reply, SharedCommand};
use crate::members::view;

/// Shortest time for answers, milliseconds. A guess: a round trip around the world takes less.
const PATIENCE_MIN_MS: u64 = 100;

/// Most queries of others that wait for an answer of this node; the oldest gives way. A guess: answers come from a program at once.
const WAITING_MAX: usize = 64;

/// What names a query of ours.
type QueryId = (LamportTime, u32);

/// What waits, and what the machine said to the input at hand.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// Why it refused.
    pub(super) refused: Option<Refused>,
    /// The query that left.
    pub(super) sent: Option<QueryId>,
    /// Who waits for answers. As many as the machine has queries open.
    asking: Vec<(QueryId, Reply<QueryResult>)>,
    /// Queries of others, and until when they are waited for.
    waiting: VecDeque<(String, Query, Time)>,
}

const DONE: Done = Done { done: true };

impl Driver {
    pub(super) fn on_shared(&mut self, command: SharedCommand) {
        // Whoever asked may be gone by now; that is no error.
        match command {
            SharedCommand::State { member, reply } => {
                let _ = reply.send(self.state(member.as_deref()));
            }
            SharedCommand::Write(write, reply) => drop(reply.send(self.write(&write))),
            SharedCommand::Leaders(reply) => drop(reply.send(self.leaders())),
            SharedCommand::Announce(request, reply) => drop(reply.send(self.announce(&request))),
            SharedCommand::Fire(request, reply) => drop(reply.send(self.fire(&request))),
            SharedCommand::Ask(request, reply) => self.ask(&request, reply),
            SharedCommand::Respond(request, reply) => drop(reply.send(self.respond(&request))),
            SharedCommand::Rtt { one, other, reply } => drop(reply.send(self.rtt(&one, &other))),
        }
    }

    /// Hands in what the operator wants, and says whether the machine does it.
    fn want(&mut self, input: Input<'_>) -> Result<(), MembersRefused> {
        self.desk.refused = None;
        if self.machine.is_gone() {
            return Err(MembersRefused::Shared(Refused::Off));
        }
        self.handle(input);
        self.desk.refused.take().map_or(Ok(()), |why| Err(MembersRefused::Shared(why)))
    }

    /// The one of this name or id, the node itself among them.
    fn anybody(&self, named: &str) -> Result<MemberId, MembersRefused> {
        match view::find(&self.machine, named) {
            Err(MembersRefused::Itself(_)) => Ok(self.machine.id()),
            found => found,
        }
    }

    fn state(&self, member: Option<&str>) -> Result<Vec<StateEntry>, MembersRefused> {
        let states = self.machine.states().ok_or(MembersRefused::Shared(Refused::Off))?;
        let one = member.map(|member| self.anybody(member)).transpose()?;
        let all = states.members().filter(|id| one.is_none_or(|one| one == *id));
        let mut entries: Vec<_> = all
            .flat_map(|id| states.values(id).map(move |(key, value)| (id, key, value)))
            .map(|(id, key, value)| StateEntry {
                member: view::name(&self.machine, id),
                key: (&key[..]).into(),
                value: (&value[..]).into(),
            })
            .collect();
        let order = |entry: &StateEntry| {
            (entry.member.name.clone(), entry.member.id.clone(), entry.key.clone())
        };
        entries.sort_by_cached_key(order);
        Ok(entries)
    }

    fn write(&mut self, write: &StateWrite) -> Result<Done, MembersRefused> {
        let key = &write.key.0;
        match &write.value {
            Some(value) => self.want(Input::Set { key, value: &value.0 })?,
            None => self.want(Input::Delete { key })?,
        }
        Ok(DONE)
    }

    /// What a change of what a member says is told as.
    pub(super) fn changed(&self, change: Change) -> Option<What> {
        let (member, key, value) = match change {
            Change::Set { member, key, value, .. } => (member, key, Some(value)),
            Change::Deleted { member, key, .. } => (member, key, None),
            Change::Began { .. } | Change::Beat(_) => return None,
        };
        let member = view::name(&self.machine, member);
        let value = value.map(|value| (&value[..]).into());
        Some(What::MemberState { member, key: (&key[..]).into(), value })
    }

    fn leaders(&self) -> Result<Vec<LeaderView>, MembersRefused> {
        let leaders = self.machine.leaders().ok_or(MembersRefused::Shared(Refused::Off))?;
        Ok(leaders.records().map(|record| leader_view(&self.machine, record)).collect())
    }

    fn announce(&mut self, request: &AnnounceRequest) -> Result<LeaderView, MembersRefused> {
        let AnnounceRequest { group, epoch, address, leader } = request;
        let leader = leader.as_deref().map(|leader| self.anybody(leader)).transpose()?;
        let leader = leader.unwrap_or_else(|| self.machine.id());
        let (group, address) = (&group.0, &address.0);
        self.want(Input::Claim { group, epoch: *epoch, leader, address })?;
        let known = self.machine.leaders().and_then(|leaders| leaders.get(group));
        let known = known.map(|record| leader_view(&self.machine, record));
        known.ok_or(MembersRefused::Shared(Refused::Off))
    }

    fn fire(&mut self, request: &FireRequest) -> Result<Done, MembersRefused> {
        let filter = &filter(&request.filter)?;
        let (name, payload) = (&request.name.0, &request.payload.0);
        self.want(Input::Fire { name, payload, coalesce: request.coalesce, filter })?;
        Ok(DONE)
    }

    fn ask(&mut self, request: &QueryRequest, reply: Reply<QueryResult>) {
        match self.send_query(request) {
            Ok(id) => self.desk.asking.push((id, reply)),
            Err(why) => drop(reply.send(Err(why))),
        }
    }

    fn send_query(&mut self, request: &QueryRequest) -> Result<QueryId, MembersRefused> {
        let patience = match request.timeout_ms {
            Some(ms) if !(PATIENCE_MIN_MS..=QUERY_PATIENCE_MAX_MS).contains(&ms) => {
                return Err(MembersRefused::Patience);
            }
            Some(ms) => Duration::from_millis(ms),
            None => timeout(self.machine.settings().gossip_interval, self.machine.present()),
        };
        let question = Question {
            name: &request.name.0,
            payload: &request.payload.0,
            ack: true,
            filter: filter(&request.filter)?,
            timeout: patience.min(Duration::from_millis(QUERY_PATIENCE_MAX_MS)),
        };
        self.desk.sent = None;
        self.want(Input::Ask(&question))?;
        self.desk.sent.take().ok_or(MembersRefused::Shared(Refused::Off))
    }

    /// The time of a query of ours is over: whoever asked is told.
    pub(super) fn query_is_over(&mut self, asked: Asked) {
        let at = self.desk.asking.iter().position(|(id, _)| *id == asked.id);
        let Some((_, reply)) = at.map(|at| self.desk.asking.swap_remove(at)) else { return };
        let mut result =
            QueryResult { answers: Vec::new(), silent: Vec::new(), dropped: asked.dropped };
        for (id, answer) in asked.answers {
            let member = view::name(&self.machine, id);
            match answer {
                Some(answer) => {
                    result.answers.push(AnswerView { member, answer: (&answer[..]).into() });
                }
                None => result.silent.push(member),
            }
        }
        let _ = reply.send(Ok(result));
    }

    /// Somebody asks: remembers it for an answer, and what is told of it.
    pub(super) fn asked(&mut self, query: Query) -> What {
        let now = self.clock.now();
        self.desk.waiting.retain(|(_, _, until)| *until > now);
        if self.desk.waiting.len() == WAITING_MAX {
            self.desk.waiting.pop_front();
        }
        let name = format!("{:x}-{:x}-{}", query.time.0, query.id, query.origin);
        let what = What::QueryAsked {
            member: view::name(&self.machine, query.origin),
            query: name.clone(),
            title: (&query.name[..]).into(),
            payload: (&query.payload[..]).into(),
            timeout_ms: u64::from(query.timeout_ms),
        };
        let until = now + query.timeout();
        self.desk.waiting.push_back((name, query, until));
        what
    }

    fn respond(&mut self, request: &RespondRequest) -> Result<Done, MembersRefused> {
        let is_it = |waiting: &(String, Query, Time)| waiting.0 == request.query;
        let at = self.desk.waiting.iter().position(is_it);
        let Some((_, query, _)) = at.and_then(|at| self.desk.waiting.remove(at)) else {
            return Err(MembersRefused::NoQuery(request.query.clone()));
        };
        self.want(Input::Respond { query: &query, answer: &request.answer.0 })?;
        Ok(DONE)
    }

    fn rtt(&self, one: &str, other: &str) -> Result<RttView, MembersRefused> {
        let (one_id, other_id) = (self.anybody(one)?, self.anybody(other)?);
        let rtt = self.machine.rtt(one_id, other_id);
        let unknown = || MembersRefused::NoDistance(one.to_owned(), other.to_owned());
        Ok(RttView {
            one: view::name(&self.machine, one_id),
            other: view::name(&self.machine, other_id),
            rtt_ms: rtt.ok_or_else(unknown)?.as_secs_f64() * 1_000.0,
        })
    }
}

/// Who leads a group, in the API's terms.
pub(super) fn leader_view(machine: &Membership, record: &Record) -> LeaderView {
    let claims = record.claims.iter().map(|claim| ClaimView {
        leader: view::name(machine, claim.leader),
        address: (&claim.address[..]).into(),
        by: claim.by.to_string(),
    });
    LeaderView {
        group: KvText::from(&record.group[..]),
        epoch: record.epoch,
        broken: record.is_broken(),
        claims: claims.collect(),
    }
}

fn filter(request: &FilterRequest) -> Result<Filter, MembersRefused> {
    let names: Vec<&[u8]> = request.names.iter().map(|name| name.as_bytes()).collect();
    let tags: Vec<(&[u8], &[u8])> =
        request.tags.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes())).collect();
    Filter::new(&names, &tags).ok_or(MembersRefused::Filter)
}
