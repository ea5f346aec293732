//! The task that owns the machine: it hands in what comes, with the time, and carries out what the machine decides, as
//! [`tidings_protocol::membership`] demands.
//!
//! Whatever woke it, it reads what waits in the socket before the machine is told that its deadline passed: the answer
//! that seems to be missing may be there. A flood in the socket keeps the machine from its deadline for a few
//! hundred datagrams and no longer.

mod joins;
mod reports;
mod sharing;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use tidings_protocol::ground::map::Salt;
use tidings_protocol::ground::time::Time;
use tidings_protocol::membership::{
    Action, Cx, Input, MemberId, Membership, Packet, Profile, Said, Settings, StreamId, Work,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use self::joins::Joins;
use self::sharing::Desk;
use super::charges::Charges;
use super::control::{MembersCommand, MembersRefused};
use super::generation;
use super::replay::Replays;
use super::round_trips::RoundTrips;
use super::seal::{Purpose, Seal, Shut};
use super::socket::{Datagrams, READ_MAX};
use super::streams::{Crossed, News, Streams};
use super::view;
use crate::api::members::{MemberView, MembersStatus};
use crate::clock::{Clock, real_unix_us};
use crate::control::Events;

/// How many times [`READ_MAX`] datagrams are read before a deadline that has passed.
const TURNS_MAX: usize = 4;

/// What a member is, whenever it begins anew.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) id: MemberId,
    pub(super) profile: Arc<Profile>,
    pub(super) settings: Settings,
    pub(super) generation: u64,
    pub(super) generation_file: PathBuf,
}

impl Life {
    /// What the wall's clock shows: never less than when this life began, whatever it is set to.
    fn wall(&self) -> u32 {
        let now = (real_unix_us() / 1_000_000).max(self.generation);
        u32::try_from(now).unwrap_or(u32::MAX)
    }

    /// A later life. Where the disk refuses, others may hear nothing of its state after the next start.
    fn renew(&mut self) {
        let now = real_unix_us() / 1_000_000;
        let next = generation::next(&self.generation_file, now.max(self.generation + 1));
        self.generation = next.unwrap_or(self.generation + 1);
    }

    fn begin(&self, rng: &mut ChaCha8Rng) -> Membership {
        let salt = Salt::new(rng.next_u64());
        Membership::new(self.id, Arc::clone(&self.profile), self.settings.clone(), salt)
    }
}

/// What crossed the socket.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    received: u64,
    received_bytes: u64,
    sent_bytes: u64,
    /// What the system had no room to send, or no way.
    unsent: u64,
    replayed: u64,
    over_budget: u64,
    /// What came on streams and says nothing.
    malformed: u64,
    /// Members taken for dead, whoever found out.
    deaths: u64,
}

/// Drives a machine.
pub(super) struct Driver {
    life: Life,
    machine: Membership,
    rng: ChaCha8Rng,
    clock: Clock,
    datagrams: Datagrams,
    streams: Streams,
    news: mpsc::Receiver<News>,
    crossed: Arc<Crossed>,
    seal: Arc<Seal>,
    events: Events,
    replays: Replays,
    charges: Charges,
    trips: RoundTrips,
    joins: Joins,
    /// Who waits until it has left.
    leaving: Vec<oneshot::Sender<()>>,
    /// Where the answer to the question at hand goes.
    reply: Option<oneshot::Sender<Vec<u8>>>,
    /// Since when it is in the fleet, or isn't.
    since: Time,
    counted: Counted,
    shut: [u64; Shut::ALL.len()],
    /// What is shared besides who lives.
    desk: Desk,
    /// The machine's output; empty but while it is carried out.
    actions: Vec<Action>,
}

impl Driver {
    #[expect(clippy::too_many_arguments, reason = "each is a part that somebody else has made")]
    pub(super) fn new(
        life: Life,
        mut rng: ChaCha8Rng,
        clock: Clock,
        datagrams: Datagrams,
        (streams, news): (Streams, mpsc::Receiver<News>),
        crossed: Arc<Crossed>,
        seal: Arc<Seal>,
        events: Events,
    ) -> Self {
        Self {
            machine: life.begin(&mut rng),
            life,
            rng,
            since: clock.now(),
            clock,
            datagrams,
            streams,
            news,
            crossed,
            seal,
            events,
            replays: Replays::default(),
            charges: Charges::default(),
            trips: RoundTrips::default(),
            joins: Joins::default(),
            leaving: Vec::new(),
            reply: None,
            counted: Counted::default(),
            shut: [0; Shut::ALL.len()],
            desk: Desk::default(),
            actions: Vec::new(),
        }
    }

    /// Runs until nobody can ask it anything any more.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<MembersCommand>,
        join: Vec<SocketAddr>,
    ) {
        let mut timer = pin!(sleep_until(tokio::time::Instant::now()));
        if !join.is_empty() {
            self.handle(Input::Joining(&join));
        }
        loop {
            let wake_at = self.machine.deadline().min(self.joins.deadline());
            timer.as_mut().reset(self.clock.instant(wake_at));
            let (command, news) = tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(command) => (Some(command), None),
                    None => return,
                },
                news = self.news.recv() => (None, news),
                () = poll_fn(|cx| self.datagrams.poll_ready(cx)) => (None, None),
                () = timer.as_mut() => (None, None),
            };
            // What waits comes first: it may be what the rest is waiting for.
            let is_rest = self.read();
            if let Some(news) = news {
                self.on_news(news);
            }
            while let Ok(news) = self.news.try_recv() {
                self.on_news(news);
            }
            if let Some(command) = command {
                self.on_command(command);
            }
            self.joins.expire(self.clock.now());
            if self.clock.now() >= self.machine.deadline() {
                self.handle(Input::Wake);
            }
            if is_rest {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Reads what waits in the socket. True if there may be more.
    fn read(&mut self) -> bool {
        for _ in 0..TURNS_MAX * READ_MAX {
            let own = self.life.profile.addr();
            let Some((bytes, from)) = self.datagrams.next() else { return false };
            self.counted.received += 1;
            self.counted.received_bytes += bytes.len() as u64;
            let opened = if bytes.len() > super::seal::DATAGRAM_MAX {
                Err(Shut::Long)
            } else {
                self.seal.open(Purpose::Datagram(own), bytes)
            };
            match opened {
                Ok((_, stamp)) if !self.replays.is_new(&stamp) => self.counted.replayed += 1,
                Ok((bytes, _)) => self.on_datagram(from, &bytes),
                Err(shut) => self.note(shut),
            }
        }
        true
    }

    fn on_datagram(&mut self, from: SocketAddr, bytes: &[u8]) {
        let now = self.clock.now();
        if !self.charges.may(from.ip(), now) {
            self.counted.over_budget += 1;
            return;
        }
        let work = match Packet::decode(bytes) {
            Ok(packet) => {
                let is_known = self.machine.get(packet.from).is_some();
                if is_known {
                    self.trips.came(&packet, now);
                }
                self.handle(Input::Datagram { from, packet: &packet })
            }
            Err(_) => self.handle(Input::Malformed { from }),
        };
        self.charges.charge(from.ip(), work, now);
    }

    fn on_news(&mut self, news: News) {
        match news {
            News::Asked { from, stamp, bytes, reply } => {
                let now = self.clock.now();
                if !self.replays.is_new(&stamp) {
                    self.counted.replayed += 1;
                } else if !self.charges.may(from.ip(), now) {
                    self.counted.over_budget += 1;
                } else {
                    self.reply = Some(reply);
                    let work = match Said::decode(&bytes) {
                        Ok(said) => self.handle(Input::Asked { stream: StreamId(0), said: &said }),
                        Err(_) => self.handle(Input::Malformed { from }),
                    };
                    // Without an answer it is closed.
                    self.reply = None;
                    self.charges.charge(from.ip(), work, now);
                }
            }
            News::Answered { by, bytes } => {
                let said = Said::decode(&bytes);
                match &said {
                    Ok(said) => drop(self.handle(Input::Answered { by, said })),
                    Err(_) => self.counted.malformed += 1,
                }
                self.joins.heard(by, said.is_ok());
            }
            News::Refused(addr) => {
                self.handle(Input::Refused { addr });
                self.joins.heard(addr, false);
            }
            News::Silent(addr) => self.joins.heard(addr, false),
            News::Shut(shut) => self.note(shut),
        }
    }

    fn note(&mut self, shut: Shut) {
        self.shut[shut as usize] += 1;
    }

    /// Hands one input in, and carries out what comes of it.
    fn handle(&mut self, input: Input<'_>) -> Work {
        let now = self.clock.now();
        let wall = self.life.wall();
        let cx = &mut Cx { now, wall, rng: &mut self.rng, actions: &mut self.actions };
        let work = self.machine.handle(input, cx);
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            self.carry_out(action, now);
        }
        self.actions = actions;
        work
    }

    fn carry_out(&mut self, action: Action, now: Time) {
        match action {
            Action::Send { to, packet } => {
                let (sealed, _) = self.seal.seal(Purpose::Datagram(to), &packet.encode());
                self.trips.sent(&packet, now);
                if self.datagrams.send(to, &sealed) {
                    self.counted.sent_bytes += sealed.len() as u64;
                } else {
                    self.counted.unsent += 1;
                }
            }
            Action::Stream { to, said } => {
                if !self.streams.ask(to, said.encode()) {
                    self.joins.heard(to, false);
                }
            }
            Action::Answer { said, .. } => {
                if let Some(reply) = self.reply.take() {
                    let _ = reply.send(said.encode());
                }
            }
            Action::Report(event) => self.report(event),
        }
    }

    fn on_command(&mut self, command: MembersCommand) {
        // Whoever asked may be gone by now; that is no error.
        match command {
            MembersCommand::List(reply) => drop(reply.send(self.list())),
            MembersCommand::Status(reply) => drop(reply.send(self.status())),
            MembersCommand::Join { addrs, reply } => self.join(&addrs, reply),
            MembersCommand::Leave(reply) => {
                if self.machine.is_gone() {
                    let _ = reply.send(());
                    return;
                }
                self.leaving.push(reply);
                self.handle(Input::Leave);
            }
            MembersCommand::ForceLeave { member, reply } => {
                let _ = reply.send(self.force_leave(&member));
            }
            MembersCommand::Shared(command) => self.on_shared(command),
        }
    }

    fn join(
        &mut self,
        addrs: &[SocketAddr],
        reply: oneshot::Sender<Result<crate::api::members::Joined, MembersRefused>>,
    ) {
        let own = self.life.profile.addr();
        let now = self.clock.now();
        let Some(asked) = self.joins.begin(addrs, own, now, reply) else { return };
        if self.machine.is_gone() {
            self.life.renew();
            self.machine = self.life.begin(&mut self.rng);
            (self.since, self.trips) = (now, RoundTrips::default());
        }
        self.handle(Input::Joining(&asked));
    }

    fn force_leave(&mut self, member: &str) -> Result<MemberView, MembersRefused> {
        let id = view::find(&self.machine, member)?;
        self.handle(Input::ForceLeave(id));
        let known = self
            .machine
            .get(id)
            .map(|member| view::of(member, &self.machine, &self.trips, self.clock.now()));
        known.ok_or_else(|| MembersRefused::Unknown(member.to_owned()))
    }

    fn list(&self) -> Vec<MemberView> {
        let now = self.clock.now();
        let others = self
            .machine
            .members()
            .iter()
            .map(|member| view::of(member, &self.machine, &self.trips, now));
        let mut all: Vec<_> = others.chain([view::own(&self.machine, self.since, now)]).collect();
        all.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        all
    }

    fn status(&self) -> MembersStatus {
        let (machine, counts) = (&self.machine, self.machine.counts());
        let named = |(name, count): (&str, u64)| (name.to_owned(), count);
        let mut counters: BTreeMap<String, u64> = view::counters(&counts).map(named).collect();
        let (counted, crossed) = (&self.counted, &self.crossed);
        let of = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let own = [
            ("datagrams_received", counted.received),
            ("datagram_bytes_received", counted.received_bytes),
            ("datagram_bytes_sent", counted.sent_bytes),
            ("datagrams_unsent", counted.unsent),
            ("deaths", counted.deaths),
            ("streams_opened", of(&crossed.opened)),
            ("streams_taken", of(&crossed.taken)),
            ("streams_crowded", of(&crossed.crowded)),
            ("streams_unasked", of(&crossed.unasked)),
            ("stream_bytes_sent", of(&crossed.sent_bytes)),
            ("stream_bytes_received", of(&crossed.received_bytes)),
        ];
        counters.extend(own.map(named));
        let mut dropped: BTreeMap<String, u64> = view::dropped(&counts).map(named).collect();
        *dropped.entry("malformed".to_owned()).or_default() += counted.malformed;
        let shut = Shut::ALL.into_iter().map(|shut| (shut.name(), self.shut[shut as usize]));
        let others = [("replayed", counted.replayed), ("over_budget", counted.over_budget)];
        dropped.extend(shut.chain(others).map(named));
        MembersStatus {
            name: machine.profile().name().to_owned(),
            id: machine.id().to_string(),
            addr: Some(machine.profile().addr()),
            left: machine.is_gone(),
            sealed: !self.seal.ring().is_empty(),
            generation: self.life.generation,
            incarnation: machine.incarnation(),
            health: machine.health(),
            members: view::counted(machine),
            rtt_ms: self.trips.last(),
            counters,
            dropped,
        }
    }
}
