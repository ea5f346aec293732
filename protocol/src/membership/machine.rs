//! The machine: inputs with the time in, actions out. Its contract stands at [`crate::membership`].
//!
//! - `probing`: our pings, those that we send for others, and what we make of silence.
//! - `claims`: what is said of members, and what we believe of it.
//! - `stating`: what members say of themselves; `beating`: phi, by their heartbeats; `locating`: where they are.
//! - `spreading`: rumors, which are told on at once; `asking`: events and queries.
//! - `telling`: news, exchanges, coming and going.
//! - `receiving`: what each part of a packet is for; `view`: what can be asked of it.

mod beating;
mod claims;
mod locating;
mod probing;
mod spreading;
mod stating;

mod asking;
mod telling;

mod receiving;
mod view;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;

use super::broadcasts::{Broadcasts, transmissions};
use super::bytes::canonical;
use super::contract::{Action, Counts, Cx, Event, Input, Work};
use super::member_id::MemberId;
use super::packet::{HEAD, PACKET_MAX, Packet, Part};
use super::profile::Profile;
use super::roster::{Member, Roster};
use super::settings::{Riding, Settings};
use super::status::Status;
use super::suspicion::{Due, Suspicions};
use crate::ground::map::Salt;
use crate::ground::time::Time;
use beating::Beats;
use locating::Places;
use probing::{Probe, Relay};
use spreading::Rumors;
use stating::Stating;

/// How often the failed and those who left are looked through for whom to forget. A guess: they are kept for hours.
const SWEEP: Duration = Duration::from_secs(60);

/// What news is about: newer news of the same takes the place of older.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    /// A member.
    Member(MemberId),
}

/// When each thing that comes again is due.
#[derive(Clone, Debug)]
struct Timers {
    /// The next ping, if none is out.
    probe: Time,
    gossip: Time,
    exchange: Time,
    reconnect: Time,
    join: Time,
    sweep: Time,
    /// The next refutation, if one waits.
    refute: Time,
    /// When leaving is over, told or not.
    leave: Time,
}

/// How far we are in leaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stay {
    /// We don't.
    Here,
    /// The news of it is being told.
    Leaving,
    /// It is told. Nothing is done any more.
    Gone,
}

/// A member of the fleet. See [`crate::membership`].
#[derive(Clone, Debug)]
pub struct Membership {
    id: MemberId,
    profile: Arc<Profile>,
    incarnation: u32,
    /// Lifeguard's local health: 0 is good.
    health: u32,
    stay: Stay,
    /// Whether nobody has answered us yet who is there: then what we are told first is no news to others, unless it is short.
    is_new: bool,
    probe: Option<Probe>,
    timers: Timers,
    settings: Settings,
    roster: Roster,
    suspicions: Suspicions,
    news: Broadcasts<Topic, Part>,
    stating: Stating,
    beats: Beats,
    places: Places,
    rumors: Rumors,
    relays: Vec<Relay>,
    join: Vec<SocketAddr>,
    /// The highest incarnation of ours that others hold against us, and who does, if a refutation waits.
    claimed: Option<(u32, Option<MemberId>)>,
    /// When there was an input last.
    awake: Time,
    /// When anything came from another one last.
    heard: Time,
    /// No refutation before this.
    refuted_until: Time,
    /// No report of a conflict before this.
    conflict_until: Time,
    /// Where in the roster the next exchange begins.
    cursor: usize,
    counts: Counts,
}

impl Membership {
    /// A member that knows nobody. `salt` is for its tables: secret where others may choose ids.
    #[must_use]
    pub fn new(id: MemberId, profile: Arc<Profile>, settings: Settings, salt: Salt) -> Self {
        let settings = settings.checked();
        let never = Time::NEVER;
        Self {
            id,
            profile,
            incarnation: 0,
            health: 0,
            stay: Stay::Here,
            is_new: true,
            probe: None,
            timers: Timers {
                probe: never,
                gossip: Time::ZERO,
                exchange: never,
                reconnect: never,
                join: never,
                sweep: never,
                refute: never,
                leave: never,
            },
            roster: Roster::new(salt),
            suspicions: Suspicions::default(),
            news: Broadcasts::new(settings.news_max.0, settings.news_max.1),
            stating: Stating::default(),
            beats: Beats::default(),
            places: Places::new(&settings.riding),
            rumors: Rumors::new(id, &settings.riding, salt),
            relays: Vec::new(),
            join: Vec::new(),
            claimed: None,
            awake: Time::ZERO,
            heard: Time::ZERO,
            refuted_until: Time::ZERO,
            conflict_until: Time::ZERO,
            cursor: 0,
            counts: Counts::default(),
            settings,
        }
    }

    /// Takes one input at a moment, appending what is to be done about it. Says how much work it was.
    pub fn handle(&mut self, input: Input<'_>, cx: &mut Cx<'_>) -> Work {
        if self.stay == Stay::Gone {
            return Work::default();
        }
        self.notice_stall(cx);
        self.stating.begin(self.id, &self.settings, cx);
        if let Input::Datagram { .. }
        | Input::Asked { .. }
        | Input::Answered { .. }
        | Input::Refused { .. } = input
        {
            self.heard = cx.now;
        }
        let work = self.take(input, cx);
        self.admit(cx.now);
        self.tell_children(cx);
        work
    }

    fn take(&mut self, input: Input<'_>, cx: &mut Cx<'_>) -> Work {
        match input {
            Input::Joining(addrs) => self.on_joining(addrs, cx),
            Input::Datagram { from, packet } => return self.on_datagram(from, packet, cx),
            Input::Malformed { .. } => self.counts.malformed += 1,
            Input::Asked { stream, said } => return self.on_asked(stream, said, cx),
            Input::Answered { by, said } => return self.on_answered(canonical(by), said, cx),
            Input::Refused { addr } => self.on_refused(canonical(addr)),
            Input::Leave => self.on_leave(cx),
            Input::ForceLeave(id) => self.on_force_leave(id, cx),
            Input::Retag(profile) => self.on_retag(profile, cx.now),
            Input::Set { key, value } => self.on_write(key, Some(value), cx),
            Input::Delete { key } => self.on_write(key, None, cx),
            Input::Claim { group, epoch, leader, address } => {
                self.on_lead(group, epoch, (leader, address), cx);
            }
            Input::Fire { name, payload, coalesce, filter } => {
                self.on_fire((name, payload), coalesce, filter, cx);
            }
            Input::Ask(question) => self.on_ask(question, cx),
            Input::Respond { query, answer } => self.respond(query, Some(answer), cx),
            Input::Wake => self.on_wake(cx),
        }
        Work::default()
    }

    /// When it next wants [`Input::Wake`].
    #[must_use]
    pub fn deadline(&self) -> Time {
        if self.stay == Stay::Gone {
            return Time::NEVER;
        }
        let timers = &self.timers;
        let if_so = |is: bool, at: Time| if is { at } else { Time::NEVER };
        let gone = self.roster.count(Status::Failed) + self.roster.count(Status::Left);
        [
            self.probe.as_ref().map_or(timers.probe, Probe::deadline),
            self.relays.iter().map(Relay::deadline).min().unwrap_or(Time::NEVER),
            self.suspicions.deadline(),
            if_so(self.has_gossip(), timers.gossip),
            if_so(self.roster.present() > 0, timers.exchange),
            if_so(self.roster.count(Status::Failed) > 0, timers.reconnect),
            if_so(self.wants_to_join(), timers.join),
            if_so(gone > 0, timers.sweep),
            self.stating.deadline(),
            self.rumors.deadline(),
            timers.refute,
            timers.leave,
        ]
        .into_iter()
        .min()
        .unwrap_or(Time::NEVER)
    }

    /// Whoever wakes up late by more than a period stood still, and so it is us whom nobody heard: what was due meanwhile
    /// is no evidence against others.
    fn notice_stall(&mut self, cx: &mut Cx<'_>) {
        let late = cx.now - self.deadline().max(self.awake);
        self.awake = cx.now;
        if late <= self.settings.probe_interval || !self.settings.notice_stalls {
            return;
        }
        self.counts.stalled += 1;
        self.worsen(1);
        self.suspicions.delay(late, cx.now + self.settings.probe_interval);
        self.relays.clear();
        self.beats.excuse_all(cx.now);
        if self.probe.take().is_some() {
            self.timers.probe = cx.now + below(self.settings.probe_interval, cx);
        }
        cx.actions.push(Action::Report(Event::Stalled { late }));
    }

    /// Whoever hears nobody doubts itself before it gives a verdict on others ([`Settings::deaf_max`]).
    fn notice_deafness(&mut self, cx: &Cx<'_>) {
        let (silent, probe_interval) = (cx.now - self.heard, self.settings.probe_interval);
        let is_deaf = silent > 2 * probe_interval && silent < self.settings.deaf_max;
        if is_deaf && self.roster.present() >= 2 && self.suspicions.deadline() <= cx.now {
            self.suspicions.delay(probe_interval, cx.now + probe_interval);
        }
    }

    fn on_wake(&mut self, cx: &mut Cx<'_>) {
        self.wake_probes(cx);
        self.notice_deafness(cx);
        while let Some(due) = self.suspicions.due(cx.now) {
            match due {
                Due::Ask(id) => self.ask_once_more(id, cx),
                Due::Verdict(id) => self.on_verdict(id, cx),
            }
        }
        if cx.now >= self.timers.refute {
            self.refute(cx);
        }
        self.wake_rumors(cx);
        self.stating.collect(cx.now);
        self.wake_telling(cx);
        if cx.now >= self.timers.sweep {
            self.sweep(cx);
        }
    }

    /// Forgets who failed or left long ago.
    fn sweep(&mut self, cx: &mut Cx<'_>) {
        self.timers.sweep = cx.now + SWEEP;
        let settings = &self.settings;
        let is_over = |member: &&Member| match member.status {
            Status::Failed => cx.now - member.since >= settings.keep_failed,
            Status::Left => cx.now - member.since >= settings.keep_left,
            Status::Alive | Status::Suspect => false,
        };
        let over: Vec<_> = self.roster.list().iter().filter(is_over).map(|one| one.id).collect();
        for id in over {
            self.reap(id, cx);
        }
    }

    fn reap(&mut self, id: MemberId, cx: &mut Cx<'_>) {
        self.roster.remove(id);
        self.news.remove(&Topic::Member(id));
        self.stating.forget(id);
        self.beats.forget(id);
        self.places.forget(id);
        cx.actions.push(Action::Report(Event::Reaped { id }));
    }

    /// How many there are to speak of, for all that grows with their number.
    const fn n(&self) -> usize {
        self.roster.present() + 1
    }

    fn worsen(&mut self, by: u32) {
        self.health = self.health.saturating_add(by).min(self.settings.health_max);
    }

    /// Sends a packet to a member, with what else there is to tell.
    fn send(&mut self, to: SocketAddr, mut parts: Vec<Part>, cx: &mut Cx<'_>) {
        let taken: usize = parts.iter().map(Part::encoded_len).sum();
        self.fill(&mut parts, (PACKET_MAX - HEAD).saturating_sub(taken));
        self.send_bare(to, parts, cx);
    }

    /// Sends a packet as it is.
    fn send_bare(&mut self, to: SocketAddr, parts: Vec<Part>, cx: &mut Cx<'_>) {
        self.counts.sent += 1;
        cx.actions.push(Action::Send { to, packet: Packet::new(self.id, parts) });
    }

    /// Puts into a packet what waits to be told, within so many bytes. Whatever else rides on packets gets its share here.
    fn fill(&mut self, parts: &mut Vec<Part>, budget: usize) {
        let taken = self.fill_news(parts, budget);
        self.fill_rumors(parts, budget - taken);
    }

    /// Puts into a packet what waits to be told of members. Returns how many bytes it took.
    fn fill_news(&mut self, parts: &mut Vec<Part>, budget: usize) -> usize {
        let limit = transmissions(self.settings.retransmit_mult, self.n());
        self.news.fill(budget, limit, |part| parts.push(part.clone()))
    }
}

/// A random span below another.
fn below(span: Duration, cx: &mut Cx<'_>) -> Duration {
    let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(cx.rng.random_range(0..nanos.max(1)))
}

#[cfg(test)]
mod tests;
