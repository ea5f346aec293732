//! The eclipse gym: one real node, and an attacker that wants to be all of its peers.
//!
//! # What is real
//! The node (`Node`, with its address book, outbound set, feelers, eviction and budgets) is the shipped one, driven as any driver does
//! it. Everybody else follows a script ([`internet`]): honest hosts that come and go, take links, tell of one another and dial the node; and an
//! attacker's hosts, which are always up, answer faster, tell of none but their own, and dial the node as often as they are let.
//! Nobody relays anything: an eclipse is about who one's peers are.
//!
//! # What isn't
//! - The transport, and with it the node's gate (`node/src/net/gate.rs`): addresses come as often as they like here, and each attacking host
//!   has an identity of its own. That is the attacker's favour.
//! - Honest books are what is given ([`Setup::poisoned`]): how an attacker's addresses get into those of others isn't simulated.
//!
//! # Why in a simulator
//! Erebus takes six weeks (Tran et al., IEEE S&P 2020), and the poisoning of a discovery table that preceded the first eclipse of an Ethereum node
//! a hundred days (arXiv 2601.16560). Six weeks of one node are some million inputs, and take seconds.

pub mod internet;
mod victim;

use std::time::Duration;

use rand::RngExt as _;
use rand::seq::IteratorRandom as _;
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::peer::{AddressRecord, BookRecord, DialError, PeerAddr};
use tidings_protocol::ground::time::Time;
use tidings_protocol::params::Params;
use tidings_protocol::wire::codec::frame_len;
use tidings_protocol::wire::message::{ADDRESSES_MAX, Message, PeerExchange};

use crate::queue::Queue;
use crate::random::{SplitMix64, Use, stream};
use crate::units::nanos;
use internet::{Grouping, Host, Internet};
use victim::{Heard, Victim};

/// How long a dial of a host that isn't there takes: until the driver gives up.
const GIVE_UP: Duration = Duration::from_secs(5);

/// One way, from and to honest hosts.
const HONEST_DELAY: Duration = Duration::from_millis(50);

/// One way, from and to the attacker's: near, as those who want low round trips are.
const ATTACKER_DELAY: Duration = Duration::from_millis(5);

/// How often it is looked whose the outbound links are.
const LOOK: Duration = Duration::from_secs(600);

/// How often a link of the attacker tells addresses: all that the budget of a link allows in between.
const TELLS: Duration = Duration::from_secs(60);

/// All settings of one attack. Two runs with equal ones don't differ.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Seed of everything random.
    pub seed: u64,
    /// How long it goes on, days.
    pub days: f64,
    /// The node's parameters.
    pub params: Params,
    /// Honest hosts that can be dialled.
    pub honest: usize,
    /// In how many networks (/16) they are.
    pub honest_groups: usize,
    /// Mean time that an honest host stays up, hours; it is away for a ninth of it.
    pub session_h: f64,
    /// How many honest hosts the node knows by its own links when it begins.
    pub known: usize,
    /// Mean time between two honest hosts that dial the node, seconds; infinite for one that can't be dialled.
    pub dialled_every_s: f64,
    /// What the attacker has.
    pub attack: Attack,
    /// The share of the addresses that honest hosts tell which are the attacker's.
    pub poisoned: f64,
    /// When the node is started again, days, in order.
    pub restarts: Vec<f64>,
    /// Whether its operator gave it bootstrap addresses, which it tries at each start.
    pub is_bootstrapped: bool,
    /// By what it groups addresses.
    pub grouping: Grouping,
    /// Whether it begins with the peers of before, after a restart.
    pub has_anchors: bool,
}

/// What an attacker has, and does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attack {
    /// Its hosts: each has an address of its own.
    pub addresses: usize,
    /// In how many networks they are.
    pub groups: usize,
    /// How many links it tries to hold to the node, and tells its addresses by.
    pub links: usize,
    /// Of three bootstrap addresses that the node is given, how many are its own. They tell of none but its own.
    pub seeds: usize,
    /// How often it breaks one of the node's honest outbound links, seconds; infinite for one that can't.
    pub breaks_every_s: f64,
}

impl Attack {
    /// Nobody attacks.
    pub const NONE: Self =
        Self { addresses: 0, groups: 0, links: 0, seeds: 0, breaks_every_s: f64::INFINITY };
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aftermath {
    /// The attacker's share of the node's outbound links: of the whole time, and at the end.
    pub share: f64,
    /// See there.
    pub share_at_end: f64,
    /// Mean number of outbound links.
    pub outbound: f64,
    /// When the attacker first had all of them, days.
    pub eclipsed_after: Option<f64>,
    /// For how much of the time it had all of them.
    pub eclipsed: f64,
    /// Whether it had all of them ten minutes after the last start.
    pub eclipsed_after_restart: bool,
    /// The attacker's share of the node's inbound links, of the whole time.
    pub inbound_share: f64,
    /// Of the honest hosts that dialled the node, how many were let in.
    pub let_in: f64,
    /// The attacker's share of the node's address book at the end.
    pub book_share: f64,
    /// Messages and bytes that the attacker sent, hellos and pongs aside.
    pub messages: u64,
    /// See there.
    pub bytes: u64,
    /// Inputs that the node handled.
    pub inputs: u64,
}

/// Something that happens.
#[derive(Clone, Debug)]
enum Event {
    /// A dial of the node's ends.
    Dialled(PeerAddr),
    /// A message arrives at the node.
    Arrives(Link, Message),
    /// An honest host goes down or comes up.
    Turns(u32),
    /// An honest host dials the node.
    Visits,
    /// An honest host that dialled the node leaves.
    Leaves(Link),
    /// An honest peer mentions an address.
    Mentions,
    /// The attacker dials the node until it has its links.
    Presses,
    /// A link of the attacker tells addresses.
    Tells(Link),
    /// The attacker breaks an honest link.
    Breaks,
    /// The node is started again.
    Restarts,
    /// Whose the links are is looked at.
    Looks,
}

/// A running attack.
struct Gym {
    setup: Setup,
    internet: Internet,
    victim: Victim,
    queue: Queue<Event>,
    now: Time,
    end: Time,
    rng: SplitMix64,
    /// Which of the attacker's hosts dials next.
    next_attacker: u32,
    looks: Looks,
    aftermath: Aftermath,
}

/// What was seen when it was looked.
#[derive(Clone, Copy, Debug, Default)]
struct Looks {
    count: f64,
    outbound: f64,
    attackers: f64,
    inbound: f64,
    inbound_attackers: f64,
    eclipsed: f64,
    visits: f64,
    let_in: f64,
    /// Looks since the last start.
    since_start: u32,
}

/// Runs an attack from beginning to end.
#[must_use]
pub fn run(setup: &Setup) -> Aftermath {
    let mut gym = Gym::new(setup);
    while gym.step() {}
    gym.finish()
}

impl Gym {
    fn new(setup: &Setup) -> Self {
        let internet = Internet::new(setup);
        let victim = Victim::new(setup.seed, &setup.params, setup.grouping);
        let mut gym = Self {
            internet,
            victim,
            queue: Queue::default(),
            now: Time::ZERO,
            end: Time::from_nanos(nanos(setup.days * 86_400.0)),
            rng: stream(setup.seed, Use::Gym, 0),
            next_attacker: 0,
            looks: Looks::default(),
            aftermath: Aftermath::default(),
            setup: setup.clone(),
        };
        gym.begin();
        gym
    }

    /// Lets the node know what it does, and queues what happens by itself.
    fn begin(&mut self) {
        let Setup { known, restarts, attack, .. } = self.setup.clone();
        for host in 0..self.internet.honest() {
            let spell = self.internet.spell(host, &mut self.rng);
            self.queue.push(self.now + spell, Event::Turns(host));
        }
        let record = |host| AddressRecord::reached(self.internet.addr(Host::Honest(host)));
        let known = self.internet.some_honest(known, &mut self.rng);
        let known: Vec<_> = known.into_iter().map(record).collect();
        self.remember(&known.into());
        let seeds = self.internet.seeds(&attack, &mut self.rng);
        if self.setup.is_bootstrapped {
            let heard = self.victim.learn(&seeds, self.now, &mut self.rng);
            self.heed(heard);
        }
        for day in restarts {
            self.queue.push(Time::from_nanos(nanos(day * 86_400.0)), Event::Restarts);
        }
        self.after_about(self.setup.dialled_every_s, Event::Visits);
        self.after_about(self.mention_s(), Event::Mentions);
        self.after_about(attack.breaks_every_s, Event::Breaks);
        if attack.links > 0 {
            self.queue.push(self.now, Event::Presses);
        }
        self.queue.push(self.now + LOOK, Event::Looks);
    }

    /// Each host announces itself once a day, and each node passes that on to two peers: so everybody hears of everybody twice a day.
    fn mention_s(&self) -> f64 {
        43_200.0 / f64::from(self.internet.honest().max(1))
    }

    fn remember(&mut self, kept: &BookRecord) {
        let heard = self.victim.remember(kept, self.now, &mut self.rng);
        self.heed(heard);
    }

    /// One event, or one wake-up of the node. False at the end.
    fn step(&mut self) -> bool {
        let wake = self.victim.deadline().max(self.now);
        if self.queue.is_due(wake.min(self.end)) {
            let (at, event) = self.queue.pop();
            self.now = self.now.max(at);
            self.happen(event);
            return true;
        }
        if wake > self.end {
            return false;
        }
        self.now = wake;
        let heard = self.victim.wake(self.now, &mut self.rng);
        self.heed(heard);
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Dialled(addr) => self.dialled(addr),
            Event::Arrives(link, message) => {
                let heard = self.victim.receive(link, &message, self.now, &mut self.rng);
                self.heed(heard);
            }
            Event::Turns(host) => self.turn(host),
            Event::Visits => self.visit(),
            Event::Leaves(link) => self.close(link),
            Event::Mentions => self.mention(),
            Event::Presses => self.press(),
            Event::Tells(link) => self.tell(link),
            Event::Breaks => self.break_one(),
            Event::Restarts => self.restart(),
            Event::Looks => self.look(),
        }
    }

    /// Does what the node wants, and answers what it says.
    fn heed(&mut self, heard: Vec<Heard>) {
        for one in heard {
            match one {
                Heard::Dials(addr) => {
                    let there =
                        self.internet.at(addr).is_some_and(|host| self.internet.is_up(host));
                    let wait = if there { HONEST_DELAY * 6 } else { GIVE_UP };
                    self.queue.push(self.now + wait, Event::Dialled(addr));
                }
                Heard::Says(link, message) => self.answer(link, &message),
            }
        }
    }

    fn delay(&self, link: Link) -> Duration {
        match self.victim.host(link) {
            Some(Host::Attacker(_)) => ATTACKER_DELAY,
            _ => HONEST_DELAY,
        }
    }

    fn answer(&mut self, link: Link, message: &Message) {
        let Some(host) = self.victim.host(link) else { return };
        let answer = match message {
            Message::Session(_) => victim::pong(message),
            Message::Peers(PeerExchange::GetAddresses) => {
                let addrs = self.internet.sample(host, self.setup.poisoned, &mut self.rng);
                Some(PeerExchange::Addresses(addrs.into()).into())
            }
            _ => None,
        };
        if let Some(answer) = answer {
            if matches!(host, Host::Attacker(_)) && matches!(answer, Message::Peers(_)) {
                self.count(&answer);
            }
            self.queue.push(self.now + self.delay(link) * 2, Event::Arrives(link, answer));
        }
    }

    /// A link comes up, and its peer says hello.
    fn connect(&mut self, host: Host, direction: Direction) -> Option<Link> {
        let addr = self.internet.addr(host);
        let (link, heard) = self.victim.connect(host, addr, direction, self.now, &mut self.rng);
        self.heed(heard);
        let is_up = self.victim.host(link).is_some();
        if is_up {
            let at = self.now + self.delay(link);
            self.queue.push(at, Event::Arrives(link, victim::hello(addr)));
            if matches!(host, Host::Attacker(_)) {
                self.queue.push(at, Event::Tells(link));
            }
        }
        is_up.then_some(link)
    }

    fn dialled(&mut self, addr: PeerAddr) {
        match self.internet.at(addr).filter(|host| self.internet.is_up(*host)) {
            Some(host) => {
                self.connect(host, Direction::Outbound);
            }
            None => {
                let why = DialError::Unreachable;
                let heard = self.victim.dial_failed(addr, why, self.now, &mut self.rng);
                self.heed(heard);
            }
        }
    }

    fn turn(&mut self, host: u32) {
        let is_up = self.internet.turn(host);
        if !is_up {
            for link in self.victim.links_of(Host::Honest(host)) {
                self.close(link);
            }
        }
        let spell = self.internet.spell(host, &mut self.rng);
        self.queue.push(self.now + spell, Event::Turns(host));
    }

    fn visit(&mut self) {
        if let Some(host) = self.internet.random_honest(&mut self.rng) {
            self.looks.visits += 1.0;
            if let Some(link) = self.connect(Host::Honest(host), Direction::Inbound) {
                self.looks.let_in += 1.0;
                // It keeps the link for about as long as ours do: rotation takes one of eight every seven minutes.
                let stay = exponential(3_600.0, &mut self.rng);
                self.queue.push(self.now + stay, Event::Leaves(link));
            }
        }
        self.after_about(self.setup.dialled_every_s, Event::Visits);
    }

    fn close(&mut self, link: Link) {
        if self.victim.host(link).is_some() {
            let heard = self.victim.disconnect(link, self.now, &mut self.rng);
            self.heed(heard);
        }
    }

    fn mention(&mut self) {
        if let Some(link) = self.victim.random_honest_link(&mut self.rng) {
            let addrs = self.internet.mention(self.setup.poisoned, &mut self.rng);
            let message = PeerExchange::Addresses(addrs.into()).into();
            self.queue.push(self.now, Event::Arrives(link, message));
        }
        self.after_about(self.mention_s(), Event::Mentions);
    }

    /// The attacker's hosts dial, one after the other, until it has its links, or was sent away once for each that it lacks.
    fn press(&mut self) {
        let Attack { addresses, links, .. } = self.setup.attack;
        let lacking = links.saturating_sub(self.victim.attackers(Direction::Inbound));
        for _ in 0..lacking {
            let host = Host::Attacker(self.next_attacker);
            self.next_attacker =
                (self.next_attacker + 1) % u32::try_from(addresses.max(1)).unwrap_or(u32::MAX);
            if self.victim.links_of(host).is_empty() {
                self.connect(host, Direction::Inbound);
            }
        }
        self.queue.push(self.now + TELLS, Event::Presses);
    }

    /// As many addresses as a link's budget has room for, so that none is lost, at random from the attacker's.
    fn tell(&mut self, link: Link) {
        if self.victim.host(link).is_none() {
            return;
        }
        let room = self.setup.params.budgets.addresses.per_s * TELLS.as_secs_f64();
        let count = (1..ADDRESSES_MAX).take_while(|count| *count as f64 <= room).count().max(1);
        let addrs = self.internet.attackers(count, &mut self.rng);
        if !addrs.is_empty() {
            let message = PeerExchange::Addresses(addrs.into()).into();
            self.count(&message);
            self.queue.push(self.now, Event::Arrives(link, message));
        }
        self.queue.push(self.now + TELLS, Event::Tells(link));
    }

    fn count(&mut self, message: &Message) {
        self.aftermath.messages += 1;
        self.aftermath.bytes += frame_len(message) as u64;
    }

    fn break_one(&mut self) {
        let honest =
            self.victim.outbound(self.now).filter(|(_, host)| matches!(host, Host::Honest(_)));
        if let Some((link, _)) = honest.choose(&mut self.rng) {
            self.close(link);
        }
        self.after_about(self.setup.attack.breaks_every_s, Event::Breaks);
    }

    fn restart(&mut self) {
        let mut book = self.victim.book(self.now);
        if !self.setup.has_anchors {
            book.anchors.clear();
        }
        self.victim.restart();
        self.looks.since_start = 0;
        self.remember(&book);
        if self.setup.is_bootstrapped {
            let seeds = self.internet.seeds(&self.setup.attack, &mut self.rng);
            let heard = self.victim.learn(&seeds, self.now, &mut self.rng);
            self.heed(heard);
        }
    }

    fn look(&mut self) {
        let (mut all, mut attackers) = (0.0, 0.0);
        for (_, host) in self.victim.outbound(self.now) {
            all += 1.0;
            attackers += f64::from(u8::from(matches!(host, Host::Attacker(_))));
        }
        let is_eclipsed = all > 0.0 && all == attackers;
        let days = self.now.as_nanos() as f64 / 86_400e9;
        let looks = &mut self.looks;
        looks.count += 1.0;
        looks.since_start += 1;
        looks.outbound += all;
        looks.attackers += attackers;
        looks.inbound += self.victim.inbound() as f64;
        looks.inbound_attackers += self.victim.attackers(Direction::Inbound) as f64;
        looks.eclipsed += f64::from(u8::from(is_eclipsed));
        if looks.since_start == 1 {
            self.aftermath.eclipsed_after_restart = is_eclipsed;
        }
        self.aftermath.share_at_end = attackers / all.max(1.0);
        if is_eclipsed {
            self.aftermath.eclipsed_after.get_or_insert(days);
        }
        self.queue.push(self.now + LOOK, Event::Looks);
    }

    fn finish(self) -> Aftermath {
        let Looks {
            count,
            outbound,
            attackers,
            inbound,
            inbound_attackers,
            eclipsed,
            visits,
            let_in,
            ..
        } = self.looks;
        let book = self.victim.book(self.now).addresses;
        let owned = book
            .iter()
            .filter(|record| matches!(self.internet.at(record.addr), Some(Host::Attacker(_))));
        Aftermath {
            share: attackers / outbound.max(1.0),
            outbound: outbound / count.max(1.0),
            eclipsed: eclipsed / count.max(1.0),
            inbound_share: inbound_attackers / inbound.max(1.0),
            let_in: let_in / visits.max(1.0),
            book_share: owned.count() as f64 / book.len().max(1) as f64,
            inputs: self.victim.inputs(),
            ..self.aftermath
        }
    }

    /// Queues something after an exponentially distributed wait; never, if its mean is infinite.
    fn after_about(&mut self, mean_s: f64, event: Event) {
        if mean_s.is_finite() {
            let wait = exponential(mean_s, &mut self.rng);
            self.queue.push(self.now + wait, event);
        }
    }
}

/// A wait of an exponential distribution.
fn exponential(mean_s: f64, rng: &mut SplitMix64) -> Duration {
    let uniform: f64 = rng.random();
    Duration::from_nanos(nanos(-(1.0 - uniform).ln() * mean_s))
}

#[cfg(test)]
mod tests;
