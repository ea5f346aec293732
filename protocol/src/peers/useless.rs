//! Useless links of our choice: one of them goes at an exchange, before any other.
//!
//! # Why
//! A place of the set is one of few, and whoever has it and brings nothing keeps out somebody who might. Exchanges at random
//! (`feeler.rs`) come to each link in the end; where it is plain whom nothing is lost with, that one goes first. (Bitcoin Core:
//! `ConsiderEviction` drops an outbound peer whose chain stays behind, `EvictExtraOutboundPeers` the one that was longest ago the first
//! with a block; both in `net_processing.cpp`. There they look at blocks alone. Here there may be none for long, so all items count.)
//!
//! # Rules
//! 1. What came is counted in *rounds of news* ([`Rounds`]), at most one in [`ROUND`], and not by the clock: in a quiet network
//!    nobody is judged, and a burst that one peer missed is one round.
//! 2. A link of the set is at fault ([`Fault`]), always beside the others:
//!    - it is *behind*: for [`ROUNDS`] rounds it neither told nor sent an item that we have, nor asked for one, nor was found to keep
//!      the same when we compared, while half of the others did lately;
//!    - it is *slow*: its shortest round trip is over [`SLOW`], and [`SLOWER`] times the middle one of the others;
//!    - it is *idle*: for [`ROUNDS`] rounds it told and sent nothing that we have, while three quarters of the others did lately.
//! 3. Half of the set is protected: a quarter, the last to bring a new block, and of the others the oldest that aren't behind. With the
//!    eight of the default four are (Bitcoin Core: `MAX_OUTBOUND_PEERS_TO_PROTECT_FROM_DISCONNECT`, 4).
//! 4. One at a time, one in `peers.useless_s`, and only for another that was drawn as any is, dialled, and ready: the set never
//!    shrinks for it, and a node that knows nobody else keeps whom it has. Who goes did nothing wrong, and may be drawn again.
//!
//! # What others could do about it
//! *Attack: whoever is first with everything makes the others look idle.* Their copies come second. But who announces what he was just
//! told of, as two do whose messages cross, has told us; so an honest peer is idle only if the attacker is ahead of it on all of
//! 128 rounds. He must be so on three quarters of the links beside it, or nobody is judged: of eight, on six. Then he has all but two
//! already. He has one of these replaced in half an hour, and each by one that he doesn't choose: with a share p of the draws
//! he gains p links in half an hour, while the exchanges at random, four times as many, draw his share back to p. Over a day
//! his share grows from p to 1.25 p at most (`tests/useless.rs`).
//!
//! *Behind* and *slow* nobody can make another: a peer that asks others for what we told it, and hears of it from others first, keeps the
//! same as we do when we compare; and by being near nobody makes a round trip of less than two seconds slow.
//!
//! *Not defended:* whoever wants to keep a place does, by telling us again what we told him. He would have kept it without this, too.

use std::time::Duration;

use super::eviction::{Candidate, Shield, Standing};
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::limits::misbehavior::Fault;
use crate::params::PeerParams;

/// Shortest time from one round of news to the next: far more than any strategy lets an id wait, so that what a peer does in one says
/// nothing of the next. A guess.
pub const ROUND: Duration = Duration::from_secs(10);

/// A link that brings nothing for so many rounds is at fault. At a round in ten seconds that is 21 minutes (Bitcoin Core:
/// `CHAIN_SYNC_TIMEOUT`, 20 minutes).
pub const ROUNDS: u32 = 128;

/// Others did lately what they did in so many rounds. If three quarters did in eight, a link usually does in one round of six, and one
/// that does nothing in 128 by chance is one of ten thousand millions. (With 32 in place of eight, `reconcile` had honest links replaced.)
const LATELY: u32 = ROUNDS / 16;

/// No round trip below it is slow. A guess: four times the longest on Earth's worst lines; who needs longer for a ping needs three times
/// as long for an item, and its announcer is given up before (`requests.tx_timeout_ms`).
pub const SLOW: Duration = Duration::from_secs(2);

/// So many times the others' middle round trip is slow. A guess; where all are slow the line is ours.
pub const SLOWER: u32 = 4;

/// How old a link is before it may be slow: ten pings, of which the shortest counts. A guess.
const PINGED: Duration = Duration::from_secs(600);

/// With fewer others nobody is judged. A guess: of three, two may be wrong.
const OTHERS_MIN: usize = 3;

/// Counts rounds of news: moments at which a new item came from a peer, at least [`ROUND`] apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rounds {
    count: u32,
    /// When the last one was, seconds of the run.
    last_s: u32,
}

impl Rounds {
    /// A new item came from a peer.
    pub fn on_news(&mut self, now: Time) {
        let now_s = u32::try_from(now.since(Time::ZERO).as_secs()).unwrap_or(u32::MAX);
        if self.count == 0 || u64::from(now_s - self.last_s) >= ROUND.as_secs() {
            (self.count, self.last_s) = (self.count.saturating_add(1), now_s);
        }
    }

    /// How many there were.
    #[must_use]
    pub const fn now(&self) -> u32 {
        self.count
    }
}

/// In which rounds a link's peer did anything for us.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    gave: u32,
    took_part: u32,
}

impl Service {
    /// A link that comes up in a round.
    #[must_use]
    pub const fn new(round: u32) -> Self {
        Self { gave: round, took_part: round }
    }

    /// The peer told or sent an item that we have, or have now.
    pub const fn gives(&mut self, round: u32) {
        (self.gave, self.took_part) = (round, round);
    }

    /// The peer asked for an item that we have, or keeps what we keep.
    pub const fn takes_part(&mut self, round: u32) {
        self.took_part = round;
    }

    /// For how many rounds it gave nothing, and for how many it did nothing at all.
    #[must_use]
    pub const fn missed(&self, round: u32) -> (u32, u32) {
        (round.saturating_sub(self.gave), round.saturating_sub(self.took_part))
    }
}

/// Which link is to go for a feeler under way, and when another may.
#[derive(Clone, Debug, Default)]
pub(super) struct Replacing {
    from: Time,
    /// In whose place the last feeler was dialled, and why.
    aim: Option<(Link, Fault)>,
    /// Who went last for another, and why.
    gone: Option<(Link, Fault)>,
}

impl Replacing {
    /// Whether another may go by now.
    pub(super) fn is_due(&self, now: Time) -> bool {
        self.from <= now
    }

    /// A feeler is dialled, to take the place of a useless link or not.
    pub(super) const fn aim(&mut self, at: Option<(Link, Fault)>) {
        self.aim = at;
    }

    /// In whose place the last feeler was dialled.
    pub(super) const fn aimed(&self) -> Option<(Link, Fault)> {
        self.aim
    }

    /// The link goes in whose place the last feeler was dialled.
    pub(super) fn spend(&mut self, now: Time, params: &PeerParams) {
        self.from = now + Duration::from_secs(params.useless_s);
        self.gone = self.aim.take();
    }

    /// Why a link went, if it was of no use and the last that was.
    pub(super) fn fault_of(&self, link: Link) -> Option<Fault> {
        self.gone.filter(|(gone, _)| *gone == link).map(|(_, fault)| fault)
    }
}

/// The link of the set that is to go first, and why: of those at fault and not protected the one whose fault weighs most, and of several
/// such the youngest.
pub(super) fn find(set: &[Candidate], now: Time) -> Option<(Link, Fault)> {
    let is_protected = |link| protected(set).any(|(other, _)| other == link);
    let at_fault = set.iter().filter_map(|one| Some((fault_of(one, set, now)?, one)));
    let loose = at_fault.filter(|(_, one)| !is_protected(one.link));
    let (fault, one) = loose.max_by_key(|(fault, one)| (*fault, one.since))?;
    Some((one.link, fault))
}

/// What a link's fault is beside the others of the set, if it has one.
pub(super) fn fault_of(one: &Candidate, set: &[Candidate], now: Time) -> Option<Fault> {
    let others = || set.iter().filter(|other| other.link != one.link).map(|other| other.standing);
    let count = others().count();
    if count < OTHERS_MIN {
        return None;
    }
    let of_others = |does: fn(&Standing) -> bool| others().filter(does).count();
    let Standing { idle, silent, .. } = one.standing;
    if silent >= ROUNDS && 2 * of_others(|other| other.silent <= LATELY) >= count {
        return Some(Fault::Behind);
    }
    if now.since(one.since) >= PINGED && is_slow(one.standing.rtt, others()) {
        return Some(Fault::Slow);
    }
    let are_idle = idle >= ROUNDS && 4 * of_others(|other| other.idle <= LATELY) >= 3 * count;
    are_idle.then_some(Fault::Idle)
}

fn is_slow(rtt: Option<Duration>, others: impl Iterator<Item = Standing>) -> bool {
    let Some(rtt) = rtt.filter(|rtt| *rtt > SLOW) else { return false };
    // Who hasn't answered any ping yet is no proof that others are quick.
    let mut trips: Vec<_> = others.map(|other| other.rtt.unwrap_or(Duration::MAX)).collect();
    trips.sort_unstable();
    rtt / SLOWER > trips[trips.len() / 2]
}

/// Half of the set, whom nothing is held against, and why.
pub(super) fn protected(set: &[Candidate]) -> impl Iterator<Item = (Link, Shield)> {
    let (half, quarter) = (set.len().div_ceil(2), set.len().div_ceil(4));
    let mut by_block: Vec<_> =
        set.iter().filter(|one| one.standing.brought_block > 0).copied().collect();
    by_block.sort_by_key(|one| (std::cmp::Reverse(one.standing.brought_block), one.since));
    by_block.truncate(quarter);
    let is_new = |one: &&Candidate| by_block.iter().all(|other| other.link != one.link);
    let mut by_age: Vec<_> =
        set.iter().filter(is_new).filter(|one| one.standing.silent < ROUNDS).copied().collect();
    by_age.sort_by_key(|one| one.since);
    by_age.truncate(half - by_block.len());
    let by_block = by_block.into_iter().map(|one| (one.link, Shield::Block));
    by_block.chain(by_age.into_iter().map(|one| (one.link, Shield::Age)))
}
