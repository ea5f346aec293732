//! Members, and the loop that drives them: one queue of events ordered by time and sequence, one thread.
//!
//! - `carrying`: what becomes of what members send
//! - `clock`: clocks that are wrong
//! - `doing`: what members are told to do
//! - `trouble`: what goes wrong, by the setup's faults and by whoever calls
//! - `looking`: what can be asked about the members

mod carrying;
mod clock;
mod doing;
mod looking;
mod trouble;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tidings_protocol::ground::map::Salt;
use tidings_protocol::ground::time::Time;
use tidings_protocol::membership::packet::Alive;
use tidings_protocol::membership::said::{Entry, Full};
use tidings_protocol::membership::{
    Action, Cx, Input, MemberId, Membership, Packet, Profile, Said, Saying, Status, StreamId,
    Versions,
};
use tidings_protocol::testkit::members::{addr_of, id_of};

use super::setup::{Process, Setup, Start};
use super::tally::{Traffic, Verdicts};
use crate::fault::Faults;
use crate::hash::EventHash;
use crate::latency::Latencies;
use crate::queue::Queue;
use crate::random::{SplitMix64, Use, mix, stream};
use crate::units::nanos;
use clock::Clock;
pub use clock::DRIFT_MAX;

/// What comes to a member.
#[derive(Clone, Debug)]
enum Arrival {
    Datagram { from: u32, packet: Packet },
    Asked { stream: StreamId, said: Said },
    Answered { by: u32, said: Said },
    Refused { by: u32 },
}

/// Something that happens.
#[derive(Clone, Debug)]
enum Event {
    /// A member's deadline, as it was when this was queued.
    Wake(u32),
    Arrives(u32, Arrival),
    /// A fault begins or ends.
    Begin(u32),
    End(u32),
    /// A member starts anew.
    Restart(u32),
    /// A member's time has come in a churn, or it is drawn anew when that will be.
    Crash {
        member: u32,
        fault: u32,
    },
    Doom {
        member: u32,
        fault: u32,
    },
    /// A slow member stops or goes on.
    Turn(u32),
}

#[derive(Clone, Debug)]
struct Host {
    machine: Membership,
    profile: Arc<Profile>,
    process: Process,
    /// Whether a fault has met it: what is said of it then is no mistake.
    is_met: bool,
    /// What came while it was paused.
    backlog: VecDeque<Arrival>,
    /// What it sent while it was muffled: to whom, and whether by a stream.
    outbox: Vec<(u32, bool, Arrival)>,
    clock: Clock,
    /// The earliest wake-up that is queued.
    wake_at: Time,
    /// If it is slow: how, for how long, and how long it is free in between.
    slow: Option<(Process, Duration, Duration)>,
    /// Its choices.
    rng: SplitMix64,
    /// What is drawn for what it sends.
    jitter: SplitMix64,
}

/// Members, and what lies between them. A clone goes on as its original does.
#[derive(Clone, Debug)]
pub struct Fleet {
    setup: Setup,
    hosts: Vec<Host>,
    /// Who has which id, by id.
    numbers: Vec<(MemberId, u32)>,
    queue: Queue<Event>,
    now: Time,
    latencies: Latencies,
    faults: Faults,
    /// Share of the datagrams that are lost from one to another, and what that draws from.
    losses: BTreeMap<(u32, u32), f64>,
    chance: SplitMix64,
    /// Which side of a partition each is on, besides those of the setup. Empty: there is none.
    sides: Vec<u8>,
    sequence: u64,
    hash: EventHash,
    /// Whether the beginning is over, and what happens counts.
    is_counting: bool,
    traffic: Traffic,
    verdicts: Verdicts,
    heard: Vec<Time>,
    actions: Vec<Action>,
}

impl Fleet {
    /// Members, after their warm-up.
    ///
    /// # Errors
    /// A sentence about what makes no sense in the setup.
    pub fn new(setup: &Setup) -> Result<Self, String> {
        setup.validate()?;
        let (size, seed) = (setup.members, setup.seed);
        let hosts: Vec<_> = (0..narrow(size)).map(|number| Host::new(number, setup)).collect();
        let mut numbers: Vec<_> = (0..narrow(size)).map(|number| (id(number), number)).collect();
        numbers.sort_unstable();
        let mut fleet = Self {
            setup: setup.clone(),
            hosts,
            numbers,
            queue: Queue::default(),
            now: Time::ZERO,
            latencies: Latencies::new(&setup.link, size, seed),
            faults: Faults::new(&setup.fault, seed),
            losses: BTreeMap::new(),
            chance: stream(seed, Use::Fault, 0),
            sides: Vec::new(),
            sequence: 0,
            hash: EventHash::default(),
            is_counting: false,
            traffic: Traffic::default(),
            verdicts: Verdicts::new(size),
            heard: Vec::new(),
            actions: Vec::new(),
        };
        match setup.start {
            Start::Acquainted => fleet.acquaint(),
            Start::Joining => (1..narrow(size)).for_each(|number| fleet.join(number)),
            Start::Strangers => {}
        }
        fleet.is_counting = setup.start != Start::Acquainted;
        fleet.run_for(setup.warmup_s);
        fleet.is_counting = true;
        fleet.schedule_faults();
        Ok(fleet)
    }

    /// Lets time pass, seconds.
    pub fn run_for(&mut self, seconds: f64) {
        let end = self.now + Duration::from_nanos(nanos(seconds));
        self.run_to(end);
    }

    /// Lets time pass until something holds, seconds at most, looking every so many. Returns how long it took; `None` if it
    /// didn't come to hold.
    pub fn run_until(
        &mut self,
        most_s: f64,
        every_s: f64,
        holds: impl Fn(&Self) -> bool,
    ) -> Option<Duration> {
        let (start, end) = (self.now, self.now + Duration::from_nanos(nanos(most_s)));
        while !holds(self) {
            if self.now >= end {
                return None;
            }
            self.run_to((self.now + Duration::from_nanos(nanos(every_s))).min(end));
        }
        Some(self.now - start)
    }

    /// All are told of all, as by an exchange.
    fn acquaint(&mut self) {
        let entry = |(number, host): (u32, &Host)| Entry {
            status: Status::Alive,
            last: Alive { id: id(number), incarnation: 0, profile: Arc::clone(&host.profile) },
        };
        let entries = (0..).zip(&self.hosts).map(entry).collect();
        let saying = Saying::Exchange(Arc::new(Full { entries, ..Full::default() }));
        for number in 0..narrow(self.hosts.len()) {
            let other = u32::from(number == 0);
            let said = Said { from: id(other), saying: saying.clone() };
            self.hand(number, Input::Answered { by: addr(other), said: &said });
        }
    }

    fn run_to(&mut self, end: Time) {
        while self.queue.is_due(end) {
            let (at, event) = self.queue.pop();
            self.now = self.now.max(at);
            self.happen(event);
        }
        self.now = self.now.max(end);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake(number) => self.wake(number),
            Event::Arrives(number, arrival) => self.arrive(number, arrival),
            Event::Begin(fault) => self.begin(fault),
            Event::End(fault) => self.end(fault),
            Event::Restart(number) => self.restart(number),
            Event::Crash { member, fault } => self.churn(member, fault),
            Event::Doom { member, fault } => self.doom(member, fault),
            Event::Turn(number) => self.turn(number),
        }
    }

    fn wake(&mut self, number: u32) {
        let host = &mut self.hosts[number as usize];
        if self.now != host.wake_at {
            return;
        }
        host.wake_at = Time::NEVER;
        if !host.process.has_timers() {
            return;
        }
        if host.is_due(self.now) {
            self.hand(number, Input::Wake);
        } else {
            self.arm(number);
        }
    }

    /// Hands an input in, carries out what comes of it, and sees to it that the member wakes in time.
    fn hand(&mut self, number: u32, input: Input<'_>) {
        let kind = match input {
            Input::Wake => 1,
            Input::Datagram { .. } => 2,
            Input::Asked { .. } => 3,
            Input::Answered { .. } => 4,
            Input::Refused { .. } => 5,
            Input::Joining(_) => 6,
            Input::Leave => 7,
            _ => 8,
        };
        self.hash.word(self.now.as_nanos());
        self.hash.word(u64::from(number) << 8 | kind);
        let mut actions = std::mem::take(&mut self.actions);
        let host = &mut self.hosts[number as usize];
        let (now, wall) = (host.clock.timers(self.now), host.clock.wall(self.now));
        let cx = &mut Cx { now, wall, rng: &mut host.rng, actions: &mut actions };
        host.machine.handle(input, cx);
        for action in actions.drain(..) {
            self.carry_out(number, action);
        }
        self.actions = actions;
        self.arm(number);
    }

    /// Queues a member's wake-up, if it wants one that is earlier than what is queued.
    fn arm(&mut self, number: u32) {
        let host = &mut self.hosts[number as usize];
        if !host.process.has_timers() {
            return;
        }
        let deadline = host.clock.moment(host.machine.deadline());
        if deadline < host.wake_at {
            let at = deadline.max(self.now);
            host.wake_at = at;
            self.queue.push(at, Event::Wake(number));
        }
    }
}

impl Host {
    fn new(number: u32, setup: &Setup) -> Self {
        let profile = Profile::new(&format!("m{number}"), addr(number), &[], Versions::OURS);
        let profile = Arc::new(profile.expect("a short name and no tags are valid"));
        Self {
            machine: machine(number, &profile, setup),
            profile,
            process: Process::Running,
            is_met: false,
            backlog: VecDeque::new(),
            outbox: Vec::new(),
            clock: Clock::default(),
            wake_at: Time::NEVER,
            slow: None,
            rng: stream(setup.seed, Use::Node, number.into()),
            jitter: stream(setup.seed, Use::Jitter, number.into()),
        }
    }

    /// Whether its machine is to wake.
    fn is_due(&self, now: Time) -> bool {
        self.machine.deadline() <= self.clock.timers(now)
    }
}

fn machine(number: u32, profile: &Arc<Profile>, setup: &Setup) -> Membership {
    let salt = Salt::new(mix(setup.seed ^ mix(number.into())));
    Membership::new(id(number), Arc::clone(profile), setup.settings.clone(), salt)
}

/// A member's id by its number.
fn id(number: u32) -> MemberId {
    id_of(number as usize)
}

/// Where a member is, by its number.
fn addr(number: u32) -> SocketAddr {
    addr_of(number as usize)
}

/// A number of members in the width in which they are numbered.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).expect("a setup has a few thousand members")
}
