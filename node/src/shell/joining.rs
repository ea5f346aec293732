//! How a node finds its first peers, and why it has none.
//!
//! What is written down is our operator's word, and handed to the core as that. What names lead to is hearsay, one source
//! for each (`names.rs`), and so is who answers on this link (`mdns.rs`).
//!
//! # Why it has none
//! A node without a link says so once, with all that came of its attempts, as soon as nothing is under way any more or
//! [`MANY`] of them failed; and again when it lost all links and finds none again, but not within [`SAY_EVERY`]. The latest failure is in its status for
//! whoever asks.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tidings_protocol::ground::peer::{DialError, PeerAddr};
use tidings_protocol::machine::Input;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Shell, ShellConfig};
use crate::api::JoinFailure;
use crate::config::seeds::{Seed, SeedAt};
use crate::mdns::{self, Setup};
use crate::names::{LINKS_ENOUGH, NAMES_MAX, Names, Resolver, Told, source_of};

/// So many failures are told while others are under way. A guess: two rounds of the default set.
const MANY: u32 = 16;

/// Least time between two sayings: of a peer that comes and goes a line each time would be a line too many. A guess.
const SAY_EVERY: Duration = Duration::from_secs(600);

/// Why attempts failed, the most useful to know first.
const REASONS: [(&str, &str); 11] = [
    ("it belongs to another network", "Are node.network and those addresses of one network?"),
    ("it has links of another model", "Is links.model the same here and there?"),
    (
        "another peer is there than the one that was named",
        "Is the id behind /p2p/ that of the node there?",
    ),
    (
        "this machine has no way there",
        "Is its network up, and does it have addresses of that family?",
    ),
    (
        "the handshake failed",
        "Something answers there, which may be full or no node of this version.",
    ),
    ("the connection was refused", "Is the node there running, and listening at that port?"),
    ("nobody answered", "Are the addresses right, and does a firewall let this node out?"),
    ("the name led nowhere", "Does this machine resolve names?"),
    (
        "this node has no QUIC",
        "Its build lacks it, or its links are emulated (links.model): name addresses of TCP.",
    ),
    ("it is this node's own address", "Name another node in node.bootstrap."),
    ("too many connection attempts are under way", ""),
];

/// What became of attempts to find a peer, while there is none.
#[derive(Debug, Default)]
pub(super) struct Joining {
    /// How many failed, by reason as in [`REASONS`].
    failed: [u32; REASONS.len()],
    /// Whether our operator was told that there is no link, and why, since there was one.
    is_told: bool,
    /// When that was said last.
    told_at: Option<Instant>,
    last: Option<Last>,
}

/// What failed last.
#[derive(Debug)]
struct Last {
    whom: String,
    why: String,
    at: Instant,
}

impl Joining {
    fn note(&mut self, whom: String, why: &str, reason: &str, at: Instant) {
        let index = REASONS.iter().position(|(known, _)| *known == reason);
        let count = &mut self.failed[index.expect("every reason is in the table")];
        *count = count.saturating_add(1);
        self.last = Some(Last { whom, why: why.to_owned(), at });
    }

    /// There is a link.
    pub(super) fn joined(&mut self) {
        (self.failed, self.is_told) = (<[u32; REASONS.len()]>::default(), false);
    }

    fn attempts(&self) -> u32 {
        self.failed.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The latest failure.
    pub(super) fn latest(&self, now: Instant) -> Option<JoinFailure> {
        let Last { whom, why, at } = self.last.as_ref()?;
        let ago_s = now.saturating_duration_since(*at).as_secs_f64();
        Some(JoinFailure { whom: whom.clone(), why: why.clone(), ago_s })
    }

    /// Whether it is to be said now that there is no link. `is_over` is whether no attempt is under way.
    fn take_saying(&mut self, is_over: bool, now: Instant) -> bool {
        let attempts = self.attempts();
        let is_late = self.told_at.is_none_or(|told| now >= told + SAY_EVERY);
        let says = !self.is_told && is_late && attempts > 0 && (is_over || attempts >= MANY);
        if says {
            (self.is_told, self.told_at) = (true, Some(now));
        }
        says
    }

    /// What came of all attempts, with what to look at first.
    fn sentence(&self) -> String {
        let mut why = String::new();
        let mut hint = "";
        for ((reason, advice), count) in REASONS.iter().zip(self.failed) {
            if count > 0 {
                let comma = if why.is_empty() { "" } else { ", " };
                let _ = write!(why, "{comma}{reason} ({count})");
                hint = if hint.is_empty() { advice } else { hint };
            }
        }
        let last = self.last.as_ref().map_or("nothing", |last| &last.whom);
        let tried = self.attempts();
        format!("no peer can be reached; attempts: {tried}, the last at {last}: {why}. {hint}")
    }
}

/// The names that a node with these settings asks. One that stays with fixed addresses has no use for others.
pub(super) fn names(
    config: &ShellConfig,
    resolver: Arc<dyn Resolver>,
    known: usize,
    now: Instant,
) -> Names {
    let seeds = if config.connect.is_empty() { &config.bootstrap[..] } else { &[] };
    let local = config.params.peers.local_addresses;
    let count = seeds.iter().filter(|seed| matches!(seed.at, SeedAt::Name(_))).count();
    if count > NAMES_MAX {
        tracing::warn!(
            count,
            "node.bootstrap and the network's file have too many names: only {NAMES_MAX} are asked"
        );
    }
    Names::new(seeds, resolver, (known, local), now)
}

/// Asks who of our network is on this link, if it is to be asked. A node without such a link goes on without it.
pub(super) fn neighbours(
    config: &ShellConfig,
    listening: &[PeerAddr],
    label: u64,
) -> Option<mpsc::Receiver<PeerAddr>> {
    let is_wanted = |seed: &Seed| seed.at == SeedAt::Neighbourhood;
    config.bootstrap.iter().any(is_wanted).then_some(())?;
    let setup = Setup {
        network: config.network.clone(),
        listening: listening.to_vec(),
        local: config.params.peers.local_addresses,
        label,
    };
    match mdns::start(&setup) {
        Ok(found) => Some(found),
        Err(error) => {
            tracing::warn!("node.mdns has no link to ask on: {error}; the node goes on without it");
            None
        }
    }
}

impl Shell {
    /// Hands in what our operator wrote down. Names come later.
    pub(super) fn begin_to_join(&mut self, seeds: &[Seed]) {
        let mut addrs = Vec::new();
        for seed in seeds {
            let SeedAt::Addr(addr) = seed.at else { continue };
            if seed.peer.is_none_or(|peer| self.net.pin(addr, peer)) {
                addrs.push(addr);
            }
        }
        self.handle(Input::Learned(&addrs));
    }

    /// Has names asked that are due, if there are too few links.
    pub(super) fn look_up(&mut self) {
        if self.names.due().is_some_and(|due| due <= self.real) {
            let peers = self.node.peers();
            let (links, wanted) = match peers.views() {
                // Whoever dialled.
                Some(_) => (peers.outbound_ready() + peers.inbound_ready(), LINKS_ENOUGH),
                None => (peers.outbound_ready(), LINKS_ENOUGH.min(self.outbound_target())),
            };
            self.names.tick(links < wanted, self.real);
        }
    }

    /// A name was looked up.
    pub(super) fn on_told(&mut self, told: Told) {
        let Told { seed, source, peer, addrs } = told;
        match addrs {
            Ok(mut addrs) => {
                if let Some(peer) = peer {
                    // Of what others told before, nobody is kept away for that.
                    let book = self.node.peers().book();
                    addrs.retain(|addr| self.net.is_pinned(addr) || !book.contains(*addr));
                    addrs.retain(|addr| self.net.pin(*addr, peer));
                }
                tracing::info!(seed, addresses = addrs.len(), "a name was looked up");
                self.handle(Input::Heard { from: source, addrs: &addrs });
            }
            Err((why, is_news)) => {
                if is_news {
                    tracing::warn!(
                        "the name {seed} in node.bootstrap, or in the network's file, leads nowhere: {why}. The node asks again later"
                    );
                }
                self.joining.note(seed, &why, "the name led nowhere", self.real);
                self.tell_if_alone();
            }
        }
    }

    /// Somebody on this link says that it is of our network.
    pub(super) fn on_neighbour(&mut self, addr: PeerAddr) {
        tracing::debug!(%addr, "found on this link");
        self.handle(Input::Heard { from: source_of("node.mdns"), addrs: &[addr] });
    }

    /// A dial came to nothing.
    pub(super) fn on_dial_failed(&mut self, addr: PeerAddr, why: DialError) {
        let reason = why.to_string();
        self.joining.note(addr.to_string(), &reason, &reason, self.real);
    }

    /// Our own identity answers at an address. Unless that leads here, it may be another machine's by a copy of the
    /// data folder: peers keep only one of the two, now this one, now that.
    pub(super) fn found_myself(&mut self, addr: PeerAddr) {
        if self.config.advertise == Some(addr) || self.net.leads_here(&addr) {
            return;
        }
        self.twins += 1;
        tracing::error!(
            %addr,
            "this node's own identity answers at an address that is none of its own. If that leads to this node all \
             the same, name it in node.advertise. If it is another machine, that runs with a copy of this data \
             folder, and the two take one another's peers: give one an identity of its own with `tidings init`"
        );
    }

    /// Says that there is no link, once, when it is clear that there won't be one soon.
    pub(super) fn tell_if_alone(&mut self) {
        let peers = self.node.peers();
        let is_alone = peers.outbound_ready() + peers.inbound_ready() == 0;
        let is_over = peers.dialling() == 0 && !self.names.is_asking();
        if is_alone && self.joining.take_saying(is_over, self.real) {
            tracing::warn!("{}", self.joining.sentence());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_a_dial_is_in_the_table() {
        for why in [
            DialError::Unreachable,
            DialError::Refused,
            DialError::Handshake,
            DialError::NoRoute,
            DialError::WrongNetwork,
            DialError::WrongPeer,
            DialError::OtherLinks,
            DialError::NoTransport,
            DialError::Myself,
            DialError::Busy,
        ] {
            let mut joining = Joining::default();
            let reason = why.to_string();
            joining.note("1.2.3.4:5".to_owned(), &reason, &reason, Instant::now());
            assert_eq!(joining.attempts(), 1);
        }
    }

    #[test]
    fn that_there_is_no_link_is_said_once_and_of_a_peer_that_comes_and_goes_seldom() {
        let (mut joining, begin) = (Joining::default(), Instant::now());
        let mut said = Vec::new();
        assert!(!joining.take_saying(true, begin), "nothing failed");
        for second in 0..1_800 {
            let now = begin + Duration::from_secs(second);
            joining.note("1.2.3.4:5".to_owned(), "nobody answered", "nobody answered", now);
            // Under way are others, at first.
            if joining.take_saying(second >= 5, now) {
                said.push(second);
            }
            if second > 600 && second % 10 == 0 {
                joining.joined();
            }
        }
        assert_eq!(said, [5, 611, 1_211]);
        let mut joining = Joining::default();
        for attempt in 1..=MANY {
            joining.note("1.2.3.4:5".to_owned(), "nobody answered", "nobody answered", begin);
            assert_eq!(joining.take_saying(false, begin), attempt == MANY);
        }
    }

    #[test]
    fn all_that_failed_is_one_sentence_with_what_to_look_at_first() {
        let (mut joining, now) = (Joining::default(), Instant::now());
        for (whom, reason) in [
            ("1.2.3.4:5", "nobody answered"),
            ("1.2.3.5:5", "it belongs to another network"),
            ("1.2.3.6:5", "nobody answered"),
        ] {
            joining.note(whom.to_owned(), reason, reason, now);
        }
        assert_eq!(
            joining.sentence(),
            "no peer can be reached; attempts: 3, the last at 1.2.3.6:5: it belongs to another network (1), nobody \
             answered (2). Are node.network and those addresses of one network?"
        );
        assert_eq!(joining.latest(now).unwrap().why, "nobody answered");
        joining.joined();
        assert_eq!(joining.attempts(), 0);
        assert!(joining.latest(now).is_some(), "what failed last is still told");
    }
}
