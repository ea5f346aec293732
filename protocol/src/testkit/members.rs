//! A fleet of members in memory, on a network that delays, loses and divides, with members that stop, die and come back. The same
//! seed gives the same run, whether packets travel as bytes or as values.

pub mod life;
#[cfg(test)]
mod riders;
#[cfg(test)]
mod scenarios;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::ground::map::Salt;
use crate::ground::time::Time;
use crate::membership::packet::Alive;
use crate::membership::said::{Entry, Full};
use crate::membership::{
    Action, Cx, Event, Input, MemberId, Membership, Packet, Profile, Said, Saying, Settings,
    Status, StreamId, Versions,
};

/// Most that waits for a member that is paused: what Linux keeps of small datagrams for a socket (`net.core.rmem_default`, 212,992 bytes,
/// at 832 each).
const BACKLOG_MAX: usize = 256;

/// What a network does to datagrams. Streams have their delay, and lose nothing.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Share of the datagrams that are lost.
    pub loss: f64,
    /// The shortest and the longest way; each message takes one of its own.
    pub delay: (Duration, Duration),
}

impl Weather {
    /// A local network: nothing is lost, and everything takes up to a millisecond.
    pub const LAN: Self =
        Self { loss: 0.0, delay: (Duration::from_micros(200), Duration::from_millis(1)) };
}

/// How packets travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// As they are, with shared profiles: for many members.
    Values,
    /// Encoded and decoded.
    Bytes,
}

/// How a member's process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// It runs.
    Running,
    /// It stands still (SIGSTOP), and what comes for it waits.
    Paused,
    /// It was killed: streams to it are refused.
    Killed,
    /// Its machine is gone: nothing comes back.
    Vanished,
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Datagrams.
    pub datagrams: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The longest of them.
    pub longest: usize,
    /// Streams that were opened.
    pub streams: u64,
    /// Bytes on streams.
    pub stream_bytes: u64,
}

#[derive(Clone, Debug)]
enum Arrival {
    Datagram { from: SocketAddr, packet: Packet },
    Asked { stream: StreamId, said: Said },
    Answered { by: SocketAddr, said: Said },
    Refused { addr: SocketAddr },
}

#[derive(Debug)]
struct Host {
    machine: Membership,
    profile: Arc<Profile>,
    process: Process,
    backlog: VecDeque<Arrival>,
    /// Where it stands among the deadlines.
    deadline: Time,
}

/// Members, and the network between them.
#[derive(Debug)]
pub struct Members {
    hosts: Vec<Host>,
    settings: Settings,
    weather: Weather,
    carriage: Carriage,
    /// Whether the drivers of those that were paused wake them before they read what came.
    is_rash: bool,
    /// Which side of a partition each is on.
    sides: Vec<usize>,
    /// Losses from one to another that differ from the weather's.
    links: BTreeMap<(usize, usize), f64>,
    rng: ChaCha8Rng,
    now: Time,
    under_way: BTreeMap<(Time, u64), (usize, Arrival)>,
    deadlines: BTreeSet<(Time, usize)>,
    /// Who opened each stream.
    streams: BTreeMap<StreamId, usize>,
    sequence: u64,
    traffic: Traffic,
    log: Vec<(Time, usize, Event)>,
    actions: Vec<Action>,
}

impl Members {
    /// Members that know nobody yet.
    #[must_use]
    pub fn new(size: usize, settings: &Settings, weather: Weather, seed: u64) -> Self {
        let host = |number| {
            let (addr, name) = (addr_of(number), format!("m{number}"));
            let profile = Profile::new(&name, addr, &[], Versions::OURS).expect("it is valid");
            let profile = Arc::new(profile);
            let machine = machine(number, &profile, settings);
            let deadline = Time::NEVER;
            Host { machine, profile, process: Process::Running, backlog: VecDeque::new(), deadline }
        };
        Self {
            hosts: (0..size).map(host).collect(),
            settings: settings.clone(),
            weather,
            carriage: Carriage::Bytes,
            is_rash: false,
            sides: vec![0; size],
            links: BTreeMap::new(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            now: Time::ZERO,
            under_way: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            streams: BTreeMap::new(),
            sequence: 0,
            traffic: Traffic::default(),
            log: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Members that all know one another, with some seconds behind them.
    ///
    /// # Panics
    /// When they don't find one another within five minutes: gossip misses one in thousands, whom exchanges find.
    #[must_use]
    pub fn joined(size: usize, settings: &Settings, weather: Weather, seed: u64) -> Self {
        let mut members = Self::new(size, settings, weather, seed);
        members.join_all();
        let joined = members.settle(Duration::from_secs(300));
        assert!(joined.is_some(), "seed {seed}: {:?}", members.disagreements());
        members.run_for(Duration::from_secs(10));
        members
    }

    /// Members that know one another from the beginning, with some seconds behind them: for many of them. Their packets travel as values.
    #[must_use]
    pub fn acquainted(size: usize, settings: &Settings, weather: Weather, seed: u64) -> Self {
        let mut members = Self::new(size, settings, weather, seed).carried(Carriage::Values);
        let entry = |(number, host): (usize, &Host)| Entry {
            status: Status::Alive,
            last: Alive { id: id_of(number), incarnation: 0, profile: Arc::clone(&host.profile) },
        };
        let entries = members.hosts.iter().enumerate().map(entry).collect();
        let saying = Saying::Exchange(Arc::new(Full { entries, ..Full::default() }));
        for number in 0..size {
            let other = usize::from(number == 0);
            let said = Said { from: id_of(other), saying: saying.clone() };
            members.hand(number, Input::Answered { by: addr_of(other), said: &said });
        }
        members.run_for(Duration::from_secs(10));
        members.take_log();
        members
    }

    /// How packets travel from now on.
    #[must_use]
    pub const fn carried(mut self, carriage: Carriage) -> Self {
        self.carriage = carriage;
        self
    }

    /// All ask the first who is there.
    pub fn join_all(&mut self) {
        for number in 1..self.hosts.len() {
            self.join(number);
        }
    }

    /// One asks the first, or the second if it is that, who is there.
    pub fn join(&mut self, number: usize) {
        let seed = addr_of(usize::from(number == 0));
        self.hand(number, Input::Joining(&[seed]));
    }

    /// After a pause timers come before what waits in sockets, against what a driver promises: as where each timer is a thread of its own, and
    /// whoever is overloaded finds that its time is over before it finds the answer.
    pub const fn set_rash(&mut self) {
        self.is_rash = true;
    }

    /// One of them.
    #[must_use]
    pub fn member(&self, number: usize) -> &Membership {
        &self.hosts[number].machine
    }

    /// How many there are, whatever their processes do.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// What was sent since this was last asked.
    pub fn take_traffic(&mut self) -> Traffic {
        std::mem::take(&mut self.traffic)
    }

    /// What was reported, when and by whom, since this was last asked.
    pub fn take_log(&mut self) -> Vec<(Time, usize, Event)> {
        std::mem::take(&mut self.log)
    }

    /// What one takes another for. `None`: it doesn't know it.
    #[must_use]
    pub fn view(&self, of: usize, on: usize) -> Option<Status> {
        self.hosts[of].machine.get(id_of(on)).map(|member| member.status)
    }

    /// Stops a process, lets it go on, or ends it.
    pub fn set(&mut self, number: usize, process: Process) {
        let host = &mut self.hosts[number];
        let before = std::mem::replace(&mut host.process, process);
        if process == Process::Running && before == Process::Paused {
            if self.is_rash && self.hosts[number].machine.deadline() <= self.now {
                self.hand(number, Input::Wake);
            }
            // What came meanwhile comes first.
            while let Some(arrival) = self.hosts[number].backlog.pop_front() {
                self.deliver(number, &arrival);
            }
        }
        if !matches!(process, Process::Running | Process::Paused) {
            self.hosts[number].backlog.clear();
        }
        self.note_deadline(number);
    }

    /// Starts a process anew, which knows nothing of its earlier run but its key and its name, and has it join.
    pub fn restart(&mut self, number: usize) {
        let host = &mut self.hosts[number];
        host.machine = machine(number, &host.profile, &self.settings);
        host.process = Process::Running;
        host.backlog.clear();
        self.join(number);
    }

    /// One leaves in order. Its process goes on until the machine says that it has left.
    pub fn leave(&mut self, number: usize) {
        self.hand(number, Input::Leave);
    }

    /// Hands in whatever a test wants.
    pub fn inject(&mut self, number: usize, input: Input<'_>) {
        self.hand(number, input);
    }

    /// Says who is on which side of a partition; all on one side is none. Streams between sides are silent, too.
    pub fn divide(&mut self, side: impl Fn(usize) -> usize) {
        self.sides = (0..self.len()).map(side).collect();
    }

    /// Share of the datagrams that are lost from one to another, in that direction alone.
    pub fn set_loss(&mut self, from: usize, to: usize, loss: f64) {
        self.links.insert((from, to), loss);
    }

    /// Lets time pass.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        while self.step(end) {}
        self.now = end;
    }

    /// Lets time pass until something holds, and returns how long that took; `None` if it doesn't within `most`.
    pub fn run_until(&mut self, most: Duration, holds: impl Fn(&Self) -> bool) -> Option<Duration> {
        let (start, end) = (self.now, self.now + most);
        while !holds(self) {
            let next = (self.now + Duration::from_millis(10)).min(end);
            if self.now >= end {
                return None;
            }
            while self.step(next) {}
            self.now = next;
        }
        Some(self.now - start)
    }

    /// Lets time pass until all that run take all that run for alive and nobody else, and returns how long that took.
    pub fn settle(&mut self, most: Duration) -> Option<Duration> {
        self.run_until(most, Self::agree)
    }

    /// Whether all that run take all that run for alive, and nobody else.
    #[must_use]
    pub fn agree(&self) -> bool {
        let running = self.running();
        let knows_all = |of: usize| {
            let is_alive = |on: usize| self.view(of, on) == Some(Status::Alive);
            self.hosts[of].machine.present() == running.len()
                && running.iter().all(|on| *on == of || is_alive(*on))
        };
        running.iter().all(|of| knows_all(*of))
    }

    /// Who takes whom for something else than it is, of those that run: for whoever asks why they don't agree.
    #[must_use]
    pub fn disagreements(&self) -> Vec<(usize, usize, Option<Status>)> {
        let running = self.running();
        let pairs = running.iter().flat_map(|of| (0..self.len()).map(move |on| (*of, on)));
        let is_wrong = |of, on| match self.view(of, on) {
            Some(status) => {
                status.is_present() != running.contains(&on) || status == Status::Suspect
            }
            None => running.contains(&on) && of != on,
        };
        let wrong = pairs.filter(|(of, on)| is_wrong(*of, *on));
        wrong.map(|(of, on)| (of, on, self.view(of, on))).collect()
    }

    fn running(&self) -> Vec<usize> {
        let runs = |host: &Host| host.process == Process::Running && !host.machine.is_gone();
        (0..self.len()).filter(|at| runs(&self.hosts[*at])).collect()
    }

    /// Checks every member's bounds.
    ///
    /// # Panics
    /// When one doesn't hold.
    pub fn check(&self) {
        self.hosts.iter().for_each(|host| host.machine.check_invariants());
    }

    /// The next thing that happens until `end`. False if nothing does.
    fn step(&mut self, end: Time) -> bool {
        let arrives = self.under_way.first_key_value().map_or(Time::NEVER, |((at, _), _)| *at);
        let (wakes, who) = self.deadlines.first().copied().unwrap_or((Time::NEVER, 0));
        let next = arrives.min(wakes);
        if next > end || next == Time::NEVER {
            return false;
        }
        self.now = self.now.max(next);
        if wakes < arrives {
            self.hand(who, Input::Wake);
        } else if let Some((_, (to, arrival))) = self.under_way.pop_first() {
            let host = &mut self.hosts[to];
            match host.process {
                Process::Running => self.deliver(to, &arrival),
                Process::Paused if host.backlog.len() < BACKLOG_MAX => {
                    host.backlog.push_back(arrival);
                }
                Process::Paused | Process::Vanished => {}
                Process::Killed => self.refuse(to, &arrival),
            }
        }
        true
    }

    fn deliver(&mut self, to: usize, arrival: &Arrival) {
        match arrival {
            Arrival::Datagram { from, packet } => {
                self.hand(to, Input::Datagram { from: *from, packet });
            }
            Arrival::Asked { stream, said } => {
                self.hand(to, Input::Asked { stream: *stream, said });
            }
            Arrival::Answered { by, said } => self.hand(to, Input::Answered { by: *by, said }),
            Arrival::Refused { addr } => self.hand(to, Input::Refused { addr: *addr }),
        }
    }

    fn refuse(&mut self, number: usize, arrival: &Arrival) {
        if let Arrival::Asked { stream, .. } = arrival
            && let Some(opener) = self.streams.remove(stream)
        {
            self.post(number, opener, Arrival::Refused { addr: addr_of(number) });
        }
    }

    fn hand(&mut self, number: usize, input: Input<'_>) {
        let mut actions = std::mem::take(&mut self.actions);
        let cx = &mut Cx {
            now: self.now,
            wall: wall(self.now),
            rng: &mut self.rng,
            actions: &mut actions,
        };
        self.hosts[number].machine.handle(input, cx);
        for action in actions.drain(..) {
            self.carry_out(number, action);
        }
        self.actions = actions;
        self.note_deadline(number);
    }

    fn note_deadline(&mut self, number: usize) {
        let host = &mut self.hosts[number];
        let runs = host.process == Process::Running;
        let deadline = if runs { host.machine.deadline() } else { Time::NEVER };
        self.deadlines.remove(&(host.deadline, number));
        host.deadline = deadline;
        if deadline != Time::NEVER {
            self.deadlines.insert((deadline, number));
        }
    }

    fn carry_out(&mut self, number: usize, action: Action) {
        match action {
            Action::Send { to, packet } => {
                let packet = self.carry(packet);
                let Some(to) = self.number_at(to) else { return };
                let loss = self.links.get(&(number, to)).copied().unwrap_or(self.weather.loss);
                if !self.rng.random_bool(loss) {
                    self.post(number, to, Arrival::Datagram { from: addr_of(number), packet });
                }
            }
            Action::Stream { to, said } => {
                self.traffic.streams += 1;
                let said = self.carry_said(said);
                let Some(to) = self.number_at(to) else { return };
                self.sequence += 1;
                let stream = StreamId(self.sequence);
                self.streams.insert(stream, number);
                self.post(number, to, Arrival::Asked { stream, said });
            }
            Action::Answer { stream, said } => {
                let said = self.carry_said(said);
                if let Some(opener) = self.streams.remove(&stream) {
                    self.post(number, opener, Arrival::Answered { by: addr_of(number), said });
                }
            }
            Action::Report(event) => self.log.push((self.now, number, event)),
        }
    }

    fn carry(&mut self, packet: Packet) -> Packet {
        let (len, packet) = match self.carriage {
            Carriage::Values => (packet.encoded_len(), packet),
            Carriage::Bytes => {
                let bytes = packet.encode();
                let read = Packet::decode(&bytes).expect("a member wrote it");
                assert_eq!(read, packet, "it isn't read as it was");
                (bytes.len(), read)
            }
        };
        self.traffic.datagrams += 1;
        self.traffic.bytes += len as u64;
        self.traffic.longest = self.traffic.longest.max(len);
        packet
    }

    fn carry_said(&mut self, said: Said) -> Said {
        if self.carriage == Carriage::Values {
            return said;
        }
        let bytes = said.encode();
        self.traffic.stream_bytes += bytes.len() as u64;
        let read = Said::decode(&bytes).expect("a member wrote it");
        assert_eq!(read, said, "it isn't read as it was");
        read
    }

    fn post(&mut self, from: usize, to: usize, arrival: Arrival) {
        // Drawn in any case: so what a fault changes is what it touches.
        let delay = self.rng.random_range(self.weather.delay.0..=self.weather.delay.1);
        if self.sides[from] == self.sides[to] {
            self.sequence += 1;
            self.under_way.insert((self.now + delay, self.sequence), (to, arrival));
        }
    }

    fn number_at(&self, addr: SocketAddr) -> Option<usize> {
        let SocketAddr::V4(addr) = addr else { return None };
        let number = u32::from(*addr.ip()).checked_sub(u32::from_be_bytes([10, 0, 0, 1]))?;
        Some(number as usize).filter(|number| *number < self.len())
    }
}

/// A member's id by its number.
#[must_use]
pub const fn id_of(number: usize) -> MemberId {
    // Spread, as hashes of keys are.
    MemberId((number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// Where a member is, by its number.
///
/// # Panics
/// With more than sixteen million.
#[must_use]
pub fn addr_of(number: usize) -> SocketAddr {
    let number = u32::try_from(number).expect("a fleet is small");
    let [_, a, b, c] = (number + 1).to_be_bytes();
    ([10, a, b, c], 7946).into()
}

/// The wall clock of all.
#[must_use]
pub fn wall(now: Time) -> u32 {
    let seconds = (now - Time::ZERO).as_secs();
    1_700_000_000_u32.saturating_add(u32::try_from(seconds).unwrap_or(u32::MAX))
}

fn machine(number: usize, profile: &Arc<Profile>, settings: &Settings) -> Membership {
    Membership::new(id_of(number), Arc::clone(profile), settings.clone(), Salt::new(number as u64))
}
