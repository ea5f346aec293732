//! Holds a probe's links and fills its record.
//!
//! A probe has *places*, each for one link. A place that is empty dials whom the [`Deck`] draws; in rounds, all links are closed
//! together and the places filled anew, so that in each round the same peers stand side by side. It never listens, so nobody
//! dials it. Every link is pinged, for the half of a round trip by which what comes over it is late.
//!
//! *What a peer can do*: send more than there is room for, which is counted and not kept ([`Bounds`]); send what is no message, or
//! no hello within 15 seconds, which ends the link; tell addresses that lead nowhere, of which [`ADDRESSES_MAX`](super::wait::ADDRESSES_MAX) are kept.
//! What it sends is dropped once it is noted, and the transport's own bounds hold before.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::{RngExt as _, SeedableRng as _, rngs::SysRng};
use rand_chacha::ChaCha8Rng;
use tidings::clock::{Clock, SystemClock};
use tidings::files::network::Network;
use tidings::lab::slow_motion::{self, SlowMotion};
use tidings::links::{Position, Region};
use tidings::net::{Keypair, Net, NetConfig, NetError, NetEvent};
use tidings_protocol::chain::Chain;
use tidings_protocol::ground::item::Name;
use tidings_protocol::ground::link::Link as NetLink;
use tidings_protocol::ground::peer::PeerAddr;
use tidings_protocol::ground::time::Time;
use tidings_protocol::wire::message::{Hello, Items, Message, PeerExchange, Session};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::manners;
use super::record::{About, Bounds, Event, Link, Probe, Record, Recorder};
use super::relaying::Relaying;
use super::wait::{self, Deck};

/// Most places. A guess: more than most networks' nodes, and a few hundred MB of what the transport may hold.
pub const PLACES_MAX: usize = 1_000;

/// How often places are looked after. A guess.
const TICK: Duration = Duration::from_millis(50);

/// How often a link is pinged; as often as that a shortest round trip is found within seconds. A guess: 20 bytes.
const PING: Duration = Duration::from_millis(500);

/// How long a peer may take to say hello, from the dial on. A guess: far more than three round trips.
const HELLO_MAX: Duration = Duration::from_secs(15);

/// How long a place waits after a dial that failed. A guess.
const RETRY: Duration = Duration::from_millis(500);

/// How long no link may stand, after one did, until the network counts as gone. A guess.
const GONE: Duration = Duration::from_secs(10);

/// What a probe does.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Its name in records.
    pub name: String,
    /// Which network.
    pub network: Network,
    /// Nodes that are known.
    pub addresses: Vec<PeerAddr>,
    /// Whether peers are asked for further ones.
    pub learns: bool,
    /// How many places: 1 to [`PLACES_MAX`].
    pub places: usize,
    /// How many of them are for peers that other probes have too.
    pub shared: usize,
    /// How long a round is; for good if unset.
    pub round: Option<Duration>,
    /// How long it listens; until it is stopped or the network is gone if unset.
    pub long: Option<Duration>,
    /// Where it is in an emulated world, and what that is called.
    pub position: Option<(Position, String)>,
    /// Whether it relays, and so is a hop.
    pub relays: bool,
    /// How many times slower a launch's clocks are going to run, and the folder where it says from when; all times are the
    /// network's then.
    pub slow_motion: Option<(SlowMotion, PathBuf)>,
    /// Most that is recorded.
    pub bounds: Bounds,
}

impl Setup {
    /// What the probe is going to do to the network, in sentences for whoever starts it.
    #[must_use]
    pub fn warning(&self) -> String {
        let places = match self.places {
            1 => "one place for peers that dial".to_owned(),
            places => format!("{places} places for peers that dial, one at each of as many nodes"),
        };
        let rounds = self.round.map_or_else(String::new, |round| {
            format!(", at others every {} s", round.as_secs_f64())
        });
        let relays = if self.relays {
            "It RELAYS: peers get transactions by it, so it changes what it measures, and its record says so."
        } else {
            "It relays nothing, announces nothing and asks for nothing."
        };
        format!(
            "The probe joins {} and takes {places}{rounds}. Each of these nodes sends it every item. {relays}",
            self.network.name
        )
    }
}

/// Why a probe couldn't listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The transport can't be had.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The system has no randomness.
    #[error("the system gave no random bytes: {0}")]
    Entropy(String),
}

/// Why it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It listened as long as it was to.
    Time,
    /// Somebody stopped it.
    Stopped,
    /// No peer is left.
    NetworkGone,
    /// It couldn't go on, and why; what was recorded before is there.
    Failed(String),
}

/// How far a probe is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Links that stand.
    pub links: usize,
    /// Items seen.
    pub items: usize,
    /// Sightings recorded.
    pub sightings: usize,
}

/// Joins a network and records until `stop`, or until it ends as [`Ended`] has it.
///
/// # Errors
/// When it can't begin.
pub async fn listen(
    setup: &Setup,
    stop: impl Future,
    mut on_progress: impl FnMut(Progress),
) -> Result<(Record, Ended), ListenError> {
    let mut listener = Listener::start(setup).await?;
    let mut stop = std::pin::pin!(stop);
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ended = loop {
        tokio::select! {
            biased;
            _ = &mut stop => break Ended::Stopped,
            () = listener.net.wait() => listener.take_events(),
            _ = tick.tick() => {
                listener.look_after_places();
                on_progress(listener.progress());
            }
        }
        if let Some(ended) = listener.ended() {
            break ended;
        }
    };
    Ok((listener.finish(), ended))
}

/// What is at a place.
#[derive(Debug)]
enum At {
    /// Nobody, and from when on somebody is dialled; whether the dial before failed.
    Nobody { from: Time, failed: bool },
    /// A dial is under way.
    Dialling { addr: PeerAddr, number: u32, since: Time },
    /// Somebody.
    Linked(Linked),
}

#[derive(Debug)]
struct Linked {
    link: NetLink,
    addr: PeerAddr,
    number: u32,
    since: Time,
    is_ready: bool,
    next_ping: Time,
    /// The ping that isn't answered yet: its nonce, and when it left.
    ping: Option<(u64, Time)>,
}

struct Listener<'a> {
    setup: &'a Setup,
    chain: Arc<dyn Chain>,
    net: Net,
    recorder: Recorder,
    deck: Deck,
    places: Vec<At>,
    relaying: Option<Relaying>,
    rng: ChaCha8Rng,
    /// The network's: real time, or slow.
    clock: Clock,
    /// It isn't slow yet, and is to be.
    is_to_slow_down: bool,
    /// Why it can't be any more.
    too_late: Option<String>,
    began: Time,
    began_ns: u64,
    /// When it began by real clocks: one that only goes on, and the system's.
    really_began: (Instant, u64),
    round: u32,
    round_began: Time,
    /// Since when no link stands, if one ever did.
    alone_since: Option<Time>,
}

fn system_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

fn whole_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl<'a> Listener<'a> {
    async fn start(setup: &'a Setup) -> Result<Self, ListenError> {
        let mut rng = ChaCha8Rng::try_from_rng(&mut SysRng)
            .map_err(|error| ListenError::Entropy(error.to_string()))?;
        let seed: [u8; 32] = rng.random();
        let keypair = Keypair::ed25519_from_bytes(seed).map_err(|error| {
            ListenError::Net(NetError::Identity(io::Error::other(error).to_string()))
        })?;
        let chain = setup.network.chain();
        let slow_motion = setup.slow_motion.as_ref().map(|(times, _)| *times);
        let clock = slow_motion::clock(slow_motion, SystemClock::default());
        let net = Net::start(&NetConfig {
            keypair,
            network: setup.network.name.clone(),
            chain: Arc::clone(&chain),
            listen: Vec::new(),
            inbound_max: 0,
            local_addresses: setup.network.local_addresses,
            autonat: false,
            position: setup.position.as_ref().map(|(position, _)| position.clone()),
            clock: clock.clone(),
        })
        .await?;
        let began = clock.now();
        let began_ns = clock.unix_us(began).saturating_mul(1_000);
        let probe = Probe {
            name: setup.name.clone(),
            places: u32::try_from(setup.places).unwrap_or(u32::MAX),
            shared: u32::try_from(setup.shared).unwrap_or(u32::MAX),
            round_s: setup.round.map_or(0.0, |round| round.as_secs_f64()),
            relays: setup.relays,
            region: setup.position.as_ref().map_or_else(String::new, |(_, name)| name.clone()),
            ..Probe::default()
        };
        let about = About {
            network: setup.network.name.clone(),
            began_ns,
            probes: vec![probe],
            ..About::default()
        };
        Ok(Self {
            setup,
            chain,
            net,
            recorder: Recorder::new(about, setup.bounds),
            deck: Deck::new(&setup.network.name, &setup.addresses, setup.shared),
            places: (0..setup.places).map(|_| At::Nobody { from: began, failed: false }).collect(),
            relaying: setup.relays.then(Relaying::default),
            rng,
            clock,
            is_to_slow_down: slow_motion.is_some(),
            too_late: None,
            began,
            began_ns,
            really_began: (Instant::now(), system_ns()),
            round: 0,
            round_began: began,
            alone_since: None,
        })
    }

    fn now_ns(&self) -> u64 {
        self.began_ns + whole_ns(self.clock.now() - self.began)
    }

    fn progress(&self) -> Progress {
        let record = self.recorder.record();
        Progress {
            links: self.ready().count(),
            items: record.items.len(),
            sightings: record.sightings.len(),
        }
    }

    fn ready(&self) -> impl Iterator<Item = &Linked> {
        self.places.iter().filter_map(|at| match at {
            At::Linked(linked) if linked.is_ready => Some(linked),
            _ => None,
        })
    }

    /// Why it is over, if it is.
    fn ended(&self) -> Option<Ended> {
        if let Some(why) = self.net.failure() {
            return Some(Ended::Failed(format!("the transport failed: {why}")));
        }
        if let Some(why) = &self.too_late {
            return Some(Ended::Failed(why.clone()));
        }
        if self.setup.long.is_some_and(|long| self.clock.now() - self.began >= long) {
            return Some(Ended::Time);
        }
        let is_gone = self.alone_since.is_some_and(|since| self.clock.now() - since >= GONE);
        is_gone.then_some(Ended::NetworkGone)
    }

    fn finish(self) -> Record {
        let ended_ns = self.now_ns();
        let (instant, system) = self.really_began;
        let expected = i128::from(system) + i128::from(whole_ns(instant.elapsed()));
        let step = i64::try_from(i128::from(system_ns()) - expected);
        let passed_on = self.relaying.as_ref().map_or(0, Relaying::passed_on);
        let mut record = self.recorder.finish(ended_ns, step.unwrap_or(i64::MAX));
        record.about.probes.iter_mut().for_each(|probe| probe.passed_on = passed_on);
        record
    }

    /// Ends a round, fills places, pings, and gives up on who says nothing.
    fn look_after_places(&mut self) {
        self.slow_down();
        let now = self.clock.now();
        if self.setup.round.is_some_and(|round| now - self.round_began >= round) {
            self.round += 1;
            self.round_began = now;
            for place in 0..self.places.len() {
                self.leave(place, "the round ended");
            }
        }
        for place in 0..self.places.len() {
            match &self.places[place] {
                At::Nobody { from, failed } if *from <= now => self.fill(place, *failed),
                At::Linked(linked) if linked.is_ready && linked.next_ping <= now => {
                    self.ping(place);
                }
                At::Linked(linked) if !linked.is_ready && now - linked.since > HELLO_MAX => {
                    self.leave(place, "no hello came");
                }
                At::Nobody { .. } | At::Dialling { .. } | At::Linked(_) => {}
            }
        }
        self.note_whether_alone();
    }

    /// Lets the clock run slow from when all of the network's do, once that is told.
    fn slow_down(&mut self) {
        let Some((times, folder)) =
            self.setup.slow_motion.as_ref().filter(|_| self.is_to_slow_down)
        else {
            return;
        };
        let Some(from_unix_us) = wait::slow_from(folder) else { return };
        self.is_to_slow_down = false;
        if let Err(why) = slow_motion::begin(Some(*times), &self.clock, from_unix_us) {
            self.too_late = Some(format!("its clock can't be as slow as the network's: {why}"));
        }
    }

    fn note_whether_alone(&mut self) {
        let stands = self.ready().next().is_some();
        let ever = self.recorder.record().links.iter().any(|link| link.ready_ns.is_some());
        self.alone_since = match (stands, self.alone_since) {
            (true, _) => None,
            (false, None) if ever => Some(self.clock.now()),
            (false, since) => since,
        };
    }

    /// Dials somebody for a place that is empty.
    fn fill(&mut self, place: usize, again: bool) {
        let now = self.clock.now();
        let in_use: Vec<PeerAddr> = self
            .places
            .iter()
            .filter_map(|at| match at {
                At::Nobody { .. } => None,
                At::Dialling { addr, .. } | At::Linked(Linked { addr, .. }) => Some(*addr),
            })
            .collect();
        let drawn = self.deck.draw(place, again, &in_use, &mut self.rng);
        let link = |addr: PeerAddr| Link {
            round: self.round,
            place: u32::try_from(place).unwrap_or(u32::MAX),
            addr: addr.to_string(),
            dialled_ns: self.now_ns(),
            ..Link::default()
        };
        let drawn = drawn.map(|addr| (addr, link(addr)));
        let dialled = drawn.and_then(|(addr, link)| Some((addr, self.recorder.dial(link)?)));
        self.places[place] = match dialled {
            None => At::Nobody { from: now + RETRY, failed: again },
            Some((addr, number)) => {
                self.net.dial(addr);
                At::Dialling { addr, number, since: now }
            }
        };
    }

    fn ping(&mut self, place: usize) {
        let (nonce, now) = (self.rng.random(), self.clock.now());
        let At::Linked(linked) = &mut self.places[place] else { return };
        linked.next_ping = now + PING;
        // One at a time: an answer that is late must not be taken for that of the next.
        if linked.ping.is_none() {
            linked.ping = Some((nonce, now));
            self.net.send(linked.link, Session::Ping { nonce }.into());
        }
    }

    /// Closes a place's link, if there is one.
    fn leave(&mut self, place: usize, why: &str) {
        if let At::Linked(linked) = &self.places[place] {
            let (link, number) = (linked.link, linked.number);
            self.close(number, why);
            self.places[place] = At::Nobody { from: self.clock.now(), failed: false };
            self.net.disconnect(link);
        }
    }

    fn close(&mut self, number: u32, why: &str) {
        let closed_ns = self.now_ns();
        self.recorder.change(number, |link| {
            link.closed_ns = Some(closed_ns);
            why.clone_into(&mut link.why);
        });
    }

    fn take_events(&mut self) {
        while let Some(event) = self.net.next_event() {
            match event {
                NetEvent::Connected { link, addr, .. } => self.on_connected(link, addr),
                NetEvent::Received { link, messages } => self.on_received(link, messages),
                NetEvent::Malformed { link, error } => {
                    if let Some(place) = self.place_of(link) {
                        self.leave(place, &format!("it sent what is no message: {error}"));
                    }
                }
                NetEvent::Disconnected { link, .. } => {
                    if let Some(place) = self.place_of(link) {
                        self.leave(place, "the peer closed it");
                        self.places[place] =
                            At::Nobody { from: self.clock.now() + RETRY, failed: true };
                    }
                }
                NetEvent::DialFailed { addr, why } => self.on_failed(addr, &why.to_string()),
                NetEvent::Congested(_) | NetEvent::Drained(_) | NetEvent::DialledBack { .. } => {}
            }
        }
    }

    fn place_of(&self, link: NetLink) -> Option<usize> {
        self.places.iter().position(|at| matches!(at, At::Linked(linked) if linked.link == link))
    }

    fn dialling(&self, addr: PeerAddr) -> Option<(usize, u32, Time)> {
        self.places.iter().enumerate().find_map(|(place, at)| match at {
            At::Dialling { addr: other, number, since } if *other == addr => {
                Some((place, *number, *since))
            }
            _ => None,
        })
    }

    fn on_connected(&mut self, link: NetLink, addr: Option<PeerAddr>) {
        let dialled = addr.and_then(|addr| Some((addr, self.dialling(addr)?)));
        let Some((addr, (place, number, since))) = dialled else {
            return self.net.disconnect(link);
        };
        let peer = self.net.info(link).map(|info| info.peer.to_string()).unwrap_or_default();
        self.recorder.change(number, |link| link.peer = peer);
        self.places[place] = At::Linked(Linked {
            link,
            addr,
            number,
            since,
            is_ready: false,
            next_ping: self.clock.now(),
            ping: None,
        });
        self.net.send(link, manners::hello());
    }

    fn on_failed(&mut self, addr: PeerAddr, why: &str) {
        if let Some((place, number, _)) = self.dialling(addr) {
            self.close(number, why);
            self.places[place] = At::Nobody { from: self.clock.now() + RETRY, failed: true };
        }
    }

    fn on_received(&mut self, link: NetLink, mut messages: Vec<Message>) {
        let (at, at_ns) = (self.clock.now(), self.now_ns());
        for message in messages.drain(..) {
            let Some(place) = self.place_of(link) else { break };
            self.hear(place, &message, (at, at_ns));
            let asked = match (&self.relaying, &message) {
                (Some(relaying), Message::Items(Items::GetData(names))) => relaying.give(names),
                _ => manners::answer(&message).into_iter().collect(),
            };
            asked.into_iter().for_each(|answer| self.net.send(link, answer));
            if let Message::Items(Items::Item(item)) = &message
                && let Some(relaying) = &mut self.relaying
                && let Some(told) = relaying.take(item, &*self.chain)
            {
                let others: Vec<NetLink> =
                    self.ready().map(|linked| linked.link).filter(|other| *other != link).collect();
                others.into_iter().for_each(|other| self.net.send(other, told.clone()));
            }
        }
        self.net.recycle(link, messages);
    }

    /// Notes what a message says.
    fn hear(&mut self, place: usize, message: &Message, (at, at_ns): (Time, u64)) {
        let At::Linked(linked) = &mut self.places[place] else { return };
        let number = linked.number;
        match message {
            Message::Session(Session::Hello(hello)) if !linked.is_ready => {
                linked.is_ready = true;
                linked.next_ping = at;
                let link = linked.link;
                self.on_hello(link, number, hello, at_ns);
                self.ping(place);
            }
            Message::Session(Session::Pong { nonce }) => {
                if let Some((_, left)) = linked.ping.take_if(|(awaited, _)| awaited == nonce) {
                    self.recorder.pong(number, whole_ns(at - left));
                }
            }
            Message::Items(Items::Announce(names)) => {
                for name in names.iter() {
                    self.recorder.see(number, name, Event::Announced, None, at_ns);
                }
            }
            Message::Items(Items::GetData(names)) => {
                for name in names.iter() {
                    self.recorder.see(number, name, Event::Asked, None, at_ns);
                }
            }
            Message::Items(Items::Item(item)) => {
                let bytes = u32::try_from(item.size()).ok();
                self.recorder.see(number, Name::Whole(item.id()), Event::Sent, bytes, at_ns);
            }
            Message::Peers(PeerExchange::Addresses(addresses)) if self.setup.learns => {
                addresses.iter().for_each(|addr| self.deck.learn(*addr));
            }
            _ => {}
        }
    }

    fn on_hello(&mut self, link: NetLink, number: u32, hello: &Hello, at_ns: u64) {
        let region = hello.region.and_then(Region::from_number);
        self.recorder.change(number, |link| {
            link.ready_ns = Some(at_ns);
            link.region = region.map_or_else(String::new, |region| region.to_string());
        });
        if self.setup.learns {
            self.net.send(link, PeerExchange::GetAddresses.into());
        }
    }
}

#[cfg(test)]
mod tests;
