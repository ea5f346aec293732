//! What members say of themselves rides on pings ([`state`](crate::membership::state)).
//!
//! ```text
//! Ping  digest, guess          what is known here; the latest changes of those whom the digest has no room for, and of those in it
//! Ack   delta, digest, guess   what the other lacks; where it knows more; the latest changes that it told nothing of
//! Delta                        what the answer's digest asks for, if there is any: the only datagram that a ping without states hasn't
//! ```
//! So a quiet fleet costs the two datagrams of its pings, and a write spreads by push with the ping and by pull with the answer: each ping is
//! one contact of push-pull.
//!
//! # Room in a packet
//! Digest and guess have their shares ([`Riding`](crate::membership::settings::Riding)), and an answer's digest [`REPLY_BYTES`]. News and
//! states come first in turns, each with what the other leaves: a storm of either halves the other, and doesn't stop it.
//!
//! # Exchanges
//! By a stream both tell digests, and whoever answers tells what the other lacks. A newcomer learns by its first whom there is, and by its
//! second, at most [`join_retry`](crate::membership::Settings::join_retry) later, what all of them say. Where more is known than fits
//! there, pings bring the rest.
//!
//! A digest that tells of somebody who isn't known here has the next exchange come soon: news of a newcomer misses some, in large fleets.
//!
//! # Attacks
//! Only members are heard and answered, where they are known to be: one datagram for each of theirs. What they may say stands at
//! [`state`](crate::membership::state). Digests of invented members make us ask others who is there, once in
//! some twenty seconds (`ASKS_AGAIN`).

use std::net::SocketAddr;

use super::super::contract::{Action, Cx, Event, Refused};
use super::super::member_id::MemberId;
use super::super::packet::{HEAD, PACKET_MAX, Part};
use super::super::roster::Roster;
use super::super::said::{DELTA_MAX, DIGEST_MAX, Full};
use super::super::settings::Settings;
use super::super::state::{Applied, Change, Delta, Digest, Moment, States};
use super::{Membership, Riding, below};
use crate::ground::time::Time;

/// Most bytes of an answer's digest. A guess: where fifteen members differ. Heartbeats differ always, so it is full in any fleet.
const REPLY_BYTES: usize = 256;

/// How many times [`join_retry`](Settings::join_retry) lie between two exchanges that come soon for whom we don't know. A guess: some stay
/// unknown, as those who speak no version of ours.
const ASKS_AGAIN: u32 = 4;

/// Bytes of a part's kind and length.
const PART_HEAD: usize = 3;

/// States, and when they are told.
#[derive(Clone, Debug, Default)]
pub(super) struct Stating {
    /// None before the first input, which brings the clock; and none at all if it is switched off.
    states: Option<Box<States>>,
    /// Who was taken up by this input: they are admitted together.
    newcomers: Vec<MemberId>,
    /// Our next heartbeat.
    beat: Time,
    /// When an exchange may come soon again for whom we don't know.
    asks_again: Time,
    /// Whether states have the first place in the next packet, or news.
    is_first: bool,
}

const fn moment(cx: &Cx<'_>) -> Moment {
    Moment { now: cx.now, wall: cx.wall }
}

impl Stating {
    /// Begins our generation with the first input.
    pub(super) fn begin(&mut self, own: MemberId, settings: &Settings, cx: &Cx<'_>) {
        if let (None, Some(settings)) = (&self.states, settings.riding.state) {
            self.states = Some(Box::new(States::new(own, settings, moment(cx))));
        }
    }

    pub(super) const fn states(&self) -> Option<&States> {
        match &self.states {
            Some(states) => Some(states),
            None => None,
        }
    }

    pub(super) fn admit_later(&mut self, id: MemberId) {
        self.newcomers.push(id);
    }

    pub(super) fn forget(&mut self, id: MemberId) {
        self.newcomers.retain(|one| *one != id);
        if let Some(states) = &mut self.states {
            states.forget(id);
        }
    }

    pub(super) fn deadline(&self) -> Time {
        self.states.as_ref().map_or(Time::NEVER, |states| states.deadline())
    }

    pub(super) fn collect(&mut self, now: Time) {
        if let Some(states) = &mut self.states {
            states.collect(now);
        }
    }
}

impl Membership {
    /// What each member says of itself, ourselves among them. `None` before the first input, or if it is switched off.
    #[must_use]
    pub const fn states(&self) -> Option<&States> {
        self.stating.states()
    }

    /// At an input's end: whoever is new is heard from now on.
    pub(super) fn admit(&mut self, now: Time) {
        let newcomers = std::mem::take(&mut self.stating.newcomers);
        if let (false, Some(states)) = (newcomers.is_empty(), &mut self.stating.states) {
            match newcomers[..] {
                [one] => {
                    states.admit(one, now);
                }
                _ => states.admit_all(&newcomers, now),
            }
        }
    }

    /// The operator writes a key of ours, or deletes it.
    pub(super) fn on_write(&mut self, key: &[u8], value: Option<&[u8]>, cx: &mut Cx<'_>) {
        let at = moment(cx);
        let result = match (&mut self.stating.states, value) {
            (None, _) => Err(Refused::Off),
            (Some(states), Some(value)) => states.set(key, value, at).map_err(Refused::State),
            (Some(states), None) => states.delete(key, at).map_err(Refused::State),
        };
        if let Err(refused) = result {
            cx.actions.push(Action::Report(Event::Refused(refused)));
        }
    }

    /// Our heartbeat, once in an interval of pings; with each ping, or with an answer if our own pings are slow.
    fn beat(&mut self, cx: &Cx<'_>) {
        // Pings come an interval after one another, and may be a little early for a beat that an answer made.
        let interval = self.settings.probe_interval;
        if let Some(states) = &mut self.stating.states
            && cx.now + interval / 4 >= self.stating.beat
        {
            states.beat(moment(cx));
            self.stating.beat = cx.now + interval;
        }
    }

    /// Adds to a packet what a ping says, news and states in turns first.
    pub(super) fn fill_ping(&mut self, parts: &mut Vec<Part>, cx: &mut Cx<'_>) {
        self.beat(cx);
        self.share(parts, |states, roster, room, riding, parts| {
            let most = riding.digest_bytes.min(room.saturating_sub(PART_HEAD));
            let digest = digest(states, roster, most, cx);
            let mut room = room;
            let nobody = Digest::default();
            if !digest.is_empty() {
                add(digest.into(), &mut room, parts);
            }
            let budget = riding.push_bytes.min(room.saturating_sub(PART_HEAD));
            add_delta(states.guess(&nobody, budget), &mut room, parts);
        });
    }

    /// Adds to a packet what the answer to a ping says.
    pub(super) fn fill_ack(
        &mut self,
        theirs: Option<&Digest>,
        parts: &mut Vec<Part>,
        cx: &mut Cx<'_>,
    ) {
        self.beat(cx);
        let Some(theirs) = theirs.filter(|_| self.stating.states.is_some()) else {
            let taken: usize = parts.iter().map(Part::encoded_len).sum();
            self.fill(parts, (PACKET_MAX - HEAD).saturating_sub(taken));
            return;
        };
        let applied = self.hear(theirs, cx);
        self.on_applied(applied, cx);
        self.share(parts, |states, _, room, riding, parts| {
            let mut room = room;
            let reply = states.reply(theirs, REPLY_BYTES.min(room.saturating_sub(PART_HEAD)));
            if !reply.is_empty() {
                add(reply.into(), &mut room, parts);
            }
            let delta = states.delta_for(theirs, room.saturating_sub(PART_HEAD), cx.rng);
            add_delta(delta, &mut room, parts);
            let budget = riding.push_bytes.min(room.saturating_sub(PART_HEAD));
            add_delta(states.guess(theirs, budget), &mut room, parts);
        });
    }

    /// Fills a packet with news and with what `state` adds, which is told how much room there is.
    fn share(
        &mut self,
        parts: &mut Vec<Part>,
        state: impl FnOnce(&mut States, &Roster, usize, &Riding, &mut Vec<Part>),
    ) {
        let all = PACKET_MAX - HEAD;
        let left = |parts: &[Part]| all.saturating_sub(parts.iter().map(Part::encoded_len).sum());
        let is_first = self.stating.is_first;
        self.stating.is_first = !is_first;
        if !is_first {
            let room = left(parts);
            self.fill(parts, room);
        }
        let riding = self.settings.riding;
        if let Some(states) = &mut self.stating.states {
            let room = left(parts);
            state(states, &self.roster, room, &riding, parts);
        }
        if is_first {
            let room = left(parts);
            self.fill(parts, room);
        }
    }

    /// An answer's digest: what they lack goes back, if there is any.
    pub(super) fn on_reply(&mut self, to: SocketAddr, theirs: &Digest, cx: &mut Cx<'_>) {
        let applied = self.hear(theirs, cx);
        self.on_applied(applied, cx);
        let Some(states) = &self.stating.states else { return };
        let delta = states.delta_for(theirs, PACKET_MAX - HEAD - PART_HEAD, cx.rng);
        if !delta.is_empty() {
            self.send(to, vec![delta.into()], cx);
        }
    }

    pub(super) fn on_delta(&mut self, delta: &Delta, cx: &mut Cx<'_>) {
        let at = moment(cx);
        let applied = self.stating.states.as_mut().map(|states| states.apply(delta, at));
        self.on_applied(applied, cx);
    }

    /// What an exchange says of states: what is known, and what the other lacks if it said what it knows.
    pub(super) fn fill_exchange(
        &mut self,
        theirs: Option<&Full>,
        full: &mut Full,
        cx: &mut Cx<'_>,
    ) {
        self.beat(cx);
        let Some(states) = &mut self.stating.states else { return };
        full.digest = digest(states, &self.roster, DIGEST_MAX, cx);
        if let Some(theirs) = theirs {
            full.delta = states.delta_for(&theirs.digest, DELTA_MAX, cx.rng);
        }
    }

    /// Takes in what an exchange says of states. Whoever is new by it is known first.
    pub(super) fn merge_states(&mut self, full: &Full, cx: &mut Cx<'_>) {
        self.admit(cx.now);
        let applied = self.hear(&full.digest, cx);
        self.on_applied(applied, cx);
        self.on_delta(&full.delta, cx);
    }

    fn hear(&mut self, digest: &Digest, cx: &mut Cx<'_>) -> Option<Applied> {
        let at = moment(cx);
        let applied = self.stating.states.as_mut().map(|states| states.hear(digest, at))?;
        let (soon, exchange) = (self.settings.join_retry, &mut self.timers.exchange);
        let is_far = *exchange > cx.now + soon && *exchange != Time::NEVER;
        let has_room = self.roster.len() + 1 < self.settings.members_max;
        if applied.unknown > 0 && is_far && has_room && cx.now >= self.stating.asks_again {
            // News of a member missed us: the next exchange is soon.
            *exchange = cx.now + below(soon, cx);
            self.stating.asks_again = cx.now + soon * ASKS_AGAIN;
        }
        Some(applied)
    }

    fn on_applied(&mut self, applied: Option<Applied>, cx: &mut Cx<'_>) {
        let Some(applied) = applied else { return };
        let Applied { changes, unknown, ahead, full, overflown, refuted, .. } = applied;
        self.counts.states_refused += u64::from(unknown + ahead + full + overflown);
        self.counts.states_refuted += u64::from(refuted);
        for change in changes {
            match change {
                Change::Beat(id) => self.beats.on_beat(id, cx.now, &self.settings.riding),
                other => cx.actions.push(Action::Report(Event::Changed(other))),
            }
        }
    }
}

/// What is known of those who are there: nobody asks for the dead.
fn digest(states: &mut States, roster: &Roster, budget: usize, cx: &mut Cx<'_>) -> Digest {
    let are_all = roster.present() == roster.len();
    let is_there = |id| are_all || roster.get(id).is_none_or(|member| member.status.is_present());
    states.digest_of(is_there, budget, cx.rng)
}

fn add_delta(delta: Delta, room: &mut usize, parts: &mut Vec<Part>) {
    if !delta.is_empty() {
        add(delta.into(), room, parts);
    }
}

fn add(part: Part, room: &mut usize, parts: &mut Vec<Part>) {
    let len = part.encoded_len();
    debug_assert!(len <= *room, "{len} bytes in {room}");
    if len <= *room {
        *room -= len;
        parts.push(part);
    }
}
