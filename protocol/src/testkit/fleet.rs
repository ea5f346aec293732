//! A fleet of replicas in memory, each linked to each, with clocks that may be wrong and a network that loses, doubles and
//! reorders what they say. Messages travel as bytes. The same seed gives the same run.

pub mod life;
pub mod scenes;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::ground::link::{Direction, Link};
use crate::ground::time::Time;
use crate::replica::{
    Action, Cx, Input, Key, Message, Millis, Refused, Replica, ReplicaId, Settings, State, Work,
    Write,
};

/// What all clocks that are right say in the beginning: some day in 2026.
pub const START: Millis = 1_790_000_000_000;

/// What a network does to messages.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Share of the messages that are lost.
    pub loss: f64,
    /// Share of those that arrive twice.
    pub doubled: f64,
    /// The shortest and the longest way; each message takes one of its own.
    pub delay: (Duration, Duration),
}

impl Weather {
    /// Nothing is lost, and everything takes ten milliseconds.
    pub const FAIR: Self = Self {
        loss: 0.0,
        doubled: 0.0,
        delay: (Duration::from_millis(10), Duration::from_millis(10)),
    };

    /// A quarter is lost, a quarter of the rest comes twice, and all of it in any order.
    pub const FOUL: Self = Self {
        loss: 0.25,
        doubled: 0.25,
        delay: (Duration::from_millis(1), Duration::from_secs(2)),
    };
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Replicas, and the network between them.
#[derive(Debug)]
pub struct Fleet {
    replicas: Vec<Replica>,
    /// By how much each clock is wrong, milliseconds.
    skews: Vec<i64>,
    /// Which side of a partition each is on. Nothing passes between sides.
    sides: Vec<usize>,
    weather: Weather,
    rng: ChaCha8Rng,
    now: Time,
    under_way: BTreeMap<(Time, u64), Packet>,
    sequence: u64,
    traffic: Traffic,
    told_ahead: Vec<u64>,
    work: Work,
    actions: Vec<Action>,
}

#[derive(Debug)]
struct Packet {
    from: usize,
    to: usize,
    bytes: Bytes,
}

impl Fleet {
    /// Replicas that are linked to one another: of two, the one with the lower number dialled.
    #[must_use]
    pub fn new(size: usize, settings: &Settings, weather: Weather, seed: u64) -> Self {
        let replica = |number| Replica::new(ReplicaId(100 + number as u64), settings.clone());
        let mut fleet = Self {
            replicas: (0..size).map(replica).collect(),
            skews: vec![0; size],
            sides: vec![0; size],
            weather,
            rng: ChaCha8Rng::seed_from_u64(seed),
            now: Time::ZERO,
            under_way: BTreeMap::new(),
            sequence: 0,
            traffic: Traffic::default(),
            told_ahead: vec![0; size],
            work: Work::default(),
            actions: Vec::new(),
        };
        for (one, other) in (0..size).flat_map(|one| (0..size).map(move |other| (one, other))) {
            if one != other {
                let direction = if one < other { Direction::Outbound } else { Direction::Inbound };
                fleet.hand(one, Input::Connected { link: link_to(other), direction });
            }
        }
        fleet
    }

    /// One of the replicas.
    #[must_use]
    pub fn replica(&self, number: usize) -> &Replica {
        &self.replicas[number]
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.replicas.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.replicas.is_empty()
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

    /// How often a replica was told that its stamps are too far ahead.
    #[must_use]
    pub fn told_ahead(&self, number: usize) -> u64 {
        self.told_ahead[number]
    }

    /// The most of each sort of work that a single message was.
    #[must_use]
    pub const fn most_work(&self) -> Work {
        self.work
    }

    /// A random number below another, of the fleet's own.
    pub fn below(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound)
    }

    /// Sets a replica's clock: by how much it is wrong, milliseconds.
    pub fn set_skew(&mut self, number: usize, skew: i64) {
        self.skews[number] = skew;
    }

    /// Says who is on which side of a partition; all on one side is none.
    pub fn divide(&mut self, side: impl Fn(usize) -> usize) {
        self.sides = (0..self.len()).map(side).collect();
    }

    /// The weather changes.
    pub const fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// Writes at one of them.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn write(&mut self, number: usize, key: &Key, write: Write) -> Result<(), Refused> {
        let mut actions = std::mem::take(&mut self.actions);
        let wall = self.wall(number);
        let cx = &mut Cx { now: self.now, wall, rng: &mut self.rng, actions: &mut actions };
        let written = self.replicas[number].write(key, write, cx);
        self.carry_out(number, actions);
        written
    }

    /// A replica's copy of a key is damaged: it is lost, or another one takes its place.
    pub fn damage(&mut self, number: usize, key: &Key, state: Option<State>) {
        self.replicas[number].forget(key);
        if let Some(state) = state {
            let entry = crate::replica::Entry { key: key.clone(), state };
            self.hand(number, Input::Restored(entry));
        }
    }

    /// Somebody who isn't honest sends something, from the place of a replica.
    pub fn inject(&mut self, from: usize, to: usize, message: &Message) {
        self.post(from, to, message.encode().into());
    }

    /// Lets time pass.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        while self.step(end) {}
        self.now = end;
    }

    /// Lets time pass until all hold the same, and returns how long that took; `None` if they don't within `most`.
    pub fn settle(&mut self, most: Duration) -> Option<Duration> {
        let (start, end) = (self.now, self.now + most);
        while !self.agrees(|_| true) {
            let next = (self.now + Duration::from_millis(10)).min(end);
            if self.now >= end {
                return None;
            }
            while self.step(next) {}
            self.now = next;
        }
        Some(self.now - start)
    }

    /// Whether some of the replicas hold the same.
    #[must_use]
    pub fn agrees(&self, counts: impl Fn(usize) -> bool) -> bool {
        let mut some = (0..self.len()).filter(|number| counts(*number)).map(|n| &self.replicas[n]);
        let Some(first) = some.next() else { return true };
        some.all(|other| other.entries().eq(first.entries()))
    }

    /// Checks every replica's bounds.
    ///
    /// # Panics
    /// When one doesn't hold.
    pub fn check(&self) {
        self.replicas.iter().for_each(Replica::check_invariants);
    }

    /// The next thing that happens until `end`. False if nothing does.
    fn step(&mut self, end: Time) -> bool {
        let arrives = self.under_way.first_key_value().map_or(Time::NEVER, |((at, _), _)| *at);
        let deadlines = self.replicas.iter().map(Replica::deadline).zip(0..);
        let (wakes, who) = deadlines.min().unwrap_or((Time::NEVER, 0));
        let next = arrives.min(wakes);
        if next > end {
            return false;
        }
        self.now = self.now.max(next);
        if wakes <= arrives {
            self.hand(who, Input::Wake);
        } else if let Some((_, packet)) = self.under_way.pop_first() {
            let message = Message::decode(&packet.bytes).expect("a replica wrote it");
            let link = link_to(packet.from);
            self.hand(packet.to, Input::Received { link, message: &message });
        }
        true
    }

    fn hand(&mut self, number: usize, input: Input<'_>) {
        let mut actions = std::mem::take(&mut self.actions);
        let wall = self.wall(number);
        let cx = &mut Cx { now: self.now, wall, rng: &mut self.rng, actions: &mut actions };
        let work = self.replicas[number].handle(input, cx);
        self.work.merged = self.work.merged.max(work.merged);
        self.work.looked_at = self.work.looked_at.max(work.looked_at);
        self.work.bytes = self.work.bytes.max(work.bytes);
        self.carry_out(number, actions);
    }

    fn carry_out(&mut self, number: usize, mut actions: Vec<Action>) {
        for action in actions.drain(..) {
            match action {
                Action::Send { link, message } => {
                    self.post(number, link.slot(), message.encode().into());
                }
                Action::ToldAhead { .. } => self.told_ahead[number] += 1,
                Action::Changed { .. } | Action::Misbehaved { .. } => {}
            }
        }
        self.actions = actions;
    }

    fn post(&mut self, from: usize, to: usize, bytes: Bytes) {
        self.traffic.messages += 1;
        self.traffic.bytes += bytes.len() as u64;
        let Weather { loss, doubled, delay } = self.weather;
        if self.sides[from] != self.sides[to] || self.rng.random_bool(loss) {
            return;
        }
        let copies = if self.rng.random_bool(doubled) { 2 } else { 1 };
        for _ in 0..copies {
            self.sequence += 1;
            let delay = self.rng.random_range(delay.0..=delay.1);
            let packet = Packet { from, to, bytes: bytes.clone() };
            self.under_way.insert((self.now + delay, self.sequence), packet);
        }
    }

    fn wall(&self, number: usize) -> Millis {
        let right = START + self.now.as_nanos() / 1_000_000;
        right.saturating_add_signed(self.skews[number])
    }
}

/// A replica's link to another: the slot is the other's number.
fn link_to(other: usize) -> Link {
    Link::new(u32::try_from(other).expect("a fleet is small"), 1)
}
