//! The address book: every address we know and what became of it.
//!
//! # Model
//! A dense array, so that a uniformly random address costs one draw, and a map from address to place.
//! An address *was reached* if a peer ever said hello there. It *fails* when a dial comes to nothing
//! or the link ends early, and then rests (see `backoff.rs`).
//!
//! # Bounds, and the attack on them
//! At most `peers.book_max` addresses. A peer that wants to be our only neighbour fills the book with
//! its own addresses, or with dead ones so that ours are forgotten. Against it:
//! - Addresses that one peer told us and that were never reached hold at most a
//!   [`SOURCE_SHARE`]-th of the book; more are refused. The share belongs to the peer's key, so that
//!   it doesn't start afresh with a new link.
//! - In a full book the newcomer displaces the worst of [`EVICTION_SAMPLE`] random addresses: never
//!   reached before reached, then most failures, then at random. Connected addresses and those that
//!   our operator named never yield.
//! - What was never reached and failed [`FAILURES_MAX`] times in a row is forgotten even if there is
//!   room, which also gives its source the place back.
//!
//! A peer with many keys gets many shares: keys are free. It can then crowd out addresses that we only
//! heard of, but hardly those that we reached.
//!
//! Addresses carry no time on the wire, so an address that is repeated is not thereby fresh: only its
//! first mention, and the peer at that address itself, count as news.

use crate::ground::peer::AddressRecord;
use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::ground::map::{Map, Salt};
use crate::ground::peer::{PeerAddr, PeerKey};
use crate::ground::time::Time;
use crate::machine::Cx;
use crate::params::PeerParams;
use crate::wire::message::ADDRESSES_MAX;

use super::backoff::Backoff;
use super::recent::Recent;

/// One peer's share of the book: one part in this many (Bitcoin Core: 64 of the 1,024 buckets for
/// untried addresses per source group, `ADDRMAN_NEW_BUCKETS_PER_SOURCE_GROUP` in `addrman.cpp`).
pub const SOURCE_SHARE: usize = 16;

/// ... but a peer may always hold this many, or half of a book that is smaller yet, so that a small
/// network can be learned from a single node. A guess.
pub const SOURCE_MIN: usize = 64;

/// How many random addresses are compared for the worst to leave a full book. If half of the book was
/// reached, a reached one leaves once in 65,536 times.
pub const EVICTION_SAMPLE: usize = 16;

/// Failures in a row after which an address that was never reached is forgotten: two minutes after
/// it was learned with the default backoff. A guess.
pub const FAILURES_MAX: u16 = 8;

/// Failures in a row after which an address isn't told to others (Bitcoin Core: 3 for addresses never
/// reached).
pub const TELL_FAILURES_MAX: u16 = 3;

/// How long an address that was never reached is worth telling to others. A guess: as often as every
/// node repeats its own address by default.
pub const HEARD_LATELY: Duration = Duration::from_secs(86_400);

/// Largest answer to a request for addresses, per cent of the book (Bitcoin Core's `MAX_PCT_ADDR_TO_SEND`).
pub const SAMPLE_PERCENT: usize = 23;

/// ... but never less than this many if there are as many. A guess, for small networks.
pub const SAMPLE_MIN: usize = 64;

/// Most addresses remembered as not worth keeping: ours, of another network, of misbehaved peers. Over
/// it the oldest are forgotten, and cost one more dial if they are heard of again. A guess.
pub const SHUNNED_MAX: usize = 1_000;

/// The address book. See the [module](self).
#[derive(Clone, Debug)]
pub struct Book {
    entries: Vec<Entry>,
    places: Map<PeerAddr, u32>,
    /// How many never-reached addresses each peer told us.
    shares: Map<PeerKey, u32>,
    /// Where we tell peers to dial us.
    own: Option<PeerAddr>,
    shunned: Recent<PeerAddr>,
}

/// What we know of one address.
#[derive(Clone, Debug)]
struct Entry {
    addr: PeerAddr,
    /// A link leads there now.
    connected: bool,
    /// Our operator named it.
    named: bool,
    /// The peer whose share it counts against: who told us, until we reach it ourselves.
    source: Option<PeerKey>,
    /// When we first heard of it, or last from the peer there.
    heard: Time,
    attempted: Option<Time>,
    reached: Option<Time>,
    successes: u32,
    backoff: Backoff,
}

/// A view of one address, for status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressView {
    /// The address.
    pub addr: PeerAddr,
    /// Whether a link leads there now.
    pub connected: bool,
    /// When it was last dialled in this run.
    pub attempted: Option<Time>,
    /// When a peer last said hello there in this run.
    pub reached: Option<Time>,
    /// How often a peer said hello there.
    pub successes: u32,
    /// Failures in a row.
    pub failures: u16,
    /// When it may be dialled again.
    pub retry: Time,
}

/// What became of an address offered to the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// It is in the book now.
    New,
    /// It was there already.
    Known,
    /// It is not kept: shunned, over its source's share, or the book is full of better ones.
    Refused,
}

impl Book {
    /// An empty book, which never takes our own address. It allocates nothing until it is used.
    pub(super) fn new(own: Option<PeerAddr>, salt: Salt) -> Self {
        Self {
            entries: Vec::new(),
            places: Map::new(salt),
            shares: Map::new(salt),
            own,
            shunned: Recent::new(SHUNNED_MAX, salt),
        }
    }

    /// How many addresses are in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the address is in it.
    #[must_use]
    pub fn contains(&self, addr: PeerAddr) -> bool {
        self.places.contains(&addr)
    }

    /// All addresses, in no particular order, which is the same in every run.
    pub fn iter(&self) -> impl Iterator<Item = AddressView> {
        self.entries.iter().map(Entry::view)
    }

    /// What is worth keeping over a restart: every address that is not known to be bad.
    #[must_use]
    pub fn export(&self) -> Vec<AddressRecord> {
        let record = |entry: &Entry| AddressRecord {
            addr: entry.addr,
            successes: entry.successes,
            failures: entry.backoff.failures(),
        };
        self.entries.iter().map(record).collect()
    }

    /// Takes in what an earlier run kept, until the book is full.
    pub(super) fn import(&mut self, records: &[AddressRecord], params: &PeerParams, now: Time) {
        for record in records {
            if self.len() >= params.book_max {
                return;
            }
            if self.may_hold(record.addr, now) && !self.contains(record.addr) {
                let mut entry = Entry::new(record.addr, None, now);
                entry.successes = record.successes;
                entry.backoff = Backoff::resumed(record.failures);
                self.push(entry);
            }
        }
    }

    /// A peer told us an address, its own or another's.
    pub(super) fn hear(&mut self, addr: PeerAddr, from: PeerKey, cx: &mut Cx<'_>) -> Added {
        if self.contains(addr) {
            return Added::Known;
        }
        let share = share_of(cx.params.peers.book_max);
        let held = self.shares.get(&from).copied().unwrap_or(0);
        if !self.may_hold(addr, cx.now) || held as usize >= share {
            return Added::Refused;
        }
        self.add(Entry::new(addr, Some(from), cx.now), cx)
    }

    /// Our operator named an address. That it was shunned no longer counts.
    pub(super) fn name(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) -> Added {
        self.shunned.remove(&addr);
        if !self.may_hold(addr, cx.now) {
            return Added::Refused;
        }
        let added = if self.contains(addr) {
            Added::Known
        } else {
            self.add(Entry::new(addr, None, cx.now), cx)
        };
        if let Some(entry) = self.get_mut(addr) {
            entry.named = true;
        }
        added
    }

    /// The address is being dialled.
    pub(super) fn attempt(&mut self, addr: PeerAddr, now: Time) {
        if let Some(entry) = self.get_mut(addr) {
            entry.attempted = Some(now);
        }
    }

    /// A link to the address came up, or went down.
    pub(super) fn set_connected(&mut self, addr: PeerAddr, connected: bool) {
        if let Some(entry) = self.get_mut(addr) {
            entry.connected = connected;
        }
    }

    /// The peer that we dialled at the address said hello, so we vouch for it ourselves now. An
    /// address that left the book while it was dialled comes back.
    pub(super) fn reach(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) {
        if !self.may_hold(addr, cx.now) {
            return;
        }
        if !self.contains(addr) && self.add(Entry::new(addr, None, cx.now), cx) == Added::Refused {
            return;
        }
        let Some(entry) = self.get_mut(addr) else {
            return;
        };
        let source = entry.source.take();
        entry.connected = true;
        entry.heard = cx.now;
        entry.reached = Some(cx.now);
        entry.successes = entry.successes.saturating_add(1);
        self.release_share(source);
    }

    /// The peer at the address told us so itself.
    pub(super) fn refresh(&mut self, addr: PeerAddr, now: Time) {
        if let Some(entry) = self.get_mut(addr) {
            entry.heard = now;
        }
    }

    /// An attempt at the address came to nothing. Returns when it may be dialled again, unless it is
    /// forgotten now.
    pub(super) fn fail(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) -> Option<Time> {
        let entry = self.get_mut(addr)?;
        entry.backoff.fail(cx.now, &cx.params.peers, cx.rng);
        let (until, failures) = (entry.backoff.until(), entry.backoff.failures());
        let worth_keeping = entry.named || entry.connected || entry.successes > 0;
        if !worth_keeping && failures >= FAILURES_MAX {
            self.forget(addr);
            return None;
        }
        Some(until)
    }

    /// A good link to the address ended. Returns when it may be dialled again.
    pub(super) fn rest(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) -> Option<Time> {
        let entry = self.get_mut(addr)?;
        entry.backoff.rest(cx.now, &cx.params.peers, cx.rng);
        Some(entry.backoff.until())
    }

    /// Forgets an address and doesn't take it from peers again for a while: it is our own, belongs to
    /// another network, or to a peer that misbehaved.
    pub(super) fn shun(&mut self, addr: PeerAddr, now: Time) {
        self.forget(addr);
        self.shunned.insert(addr, now);
    }

    /// Whether the address may be dialled now, as far as the book knows.
    pub(super) fn is_free(&self, addr: PeerAddr, now: Time) -> bool {
        let entry = self.places.get(&addr).map(|place| &self.entries[*place as usize]);
        entry.is_some_and(|entry| entry.is_free(now))
    }

    /// A uniformly random address that is neither connected, nor resting, nor among `busy`; or else
    /// when the next one will have rested.
    pub(super) fn choose(&self, busy: &[PeerAddr], now: Time, rng: &mut dyn Rng) -> Choice {
        const DRAWS: usize = 8;
        if self.is_empty() {
            return Choice::NoneBefore(Time::NEVER);
        }
        let is_free = |entry: &Entry| entry.is_free(now) && !busy.contains(&entry.addr);
        for _ in 0..DRAWS {
            let entry = &self.entries[rng.random_range(0..self.entries.len())];
            if is_free(entry) {
                return Choice::Dial(entry.addr);
            }
        }
        // Few addresses are free, if any: count them, then draw among those.
        let free = self.entries.iter().filter(|entry| is_free(entry)).count();
        if free > 0 {
            let nth = rng.random_range(0..free);
            let entry = self.entries.iter().filter(|entry| is_free(entry)).nth(nth);
            return Choice::Dial(entry.expect("there are more than `nth` free entries").addr);
        }
        let resting = self.entries.iter().filter(|entry| !entry.connected);
        let resting = resting.filter(|entry| !busy.contains(&entry.addr));
        let earliest = resting.map(|entry| entry.backoff.until()).min();
        Choice::NoneBefore(earliest.unwrap_or(Time::NEVER))
    }

    /// A uniformly random sample of what is worth telling to others, to answer a peer's question: at
    /// most [`SAMPLE_PERCENT`] of the book (but [`SAMPLE_MIN`]) and [`ADDRESSES_MAX`].
    ///
    /// *Attack:* who asks often enough under many names learns the whole book all the same, and from
    /// it, whom we are likely to be connected to; this makes it take longer.
    pub(super) fn sample(&self, now: Time, rng: &mut dyn Rng) -> Vec<PeerAddr> {
        let most = (self.len() * SAMPLE_PERCENT / 100).clamp(SAMPLE_MIN, ADDRESSES_MAX);
        let telling = self.entries.iter().filter(|entry| entry.is_worth_telling(now));
        let mut addrs: Vec<PeerAddr> = telling.map(|entry| entry.addr).collect();
        let len = addrs.len().min(most);
        for i in 0..len {
            let other = rng.random_range(i..addrs.len());
            addrs.swap(i, other);
        }
        addrs.truncate(len);
        addrs
    }

    /// Whether the address may be in the book at all.
    fn may_hold(&self, addr: PeerAddr, now: Time) -> bool {
        let is_shunned = self.shunned.contains(&addr, now);
        addr.is_dialable() && self.own != Some(addr) && !is_shunned
    }

    fn get_mut(&mut self, addr: PeerAddr) -> Option<&mut Entry> {
        let place = *self.places.get(&addr)?;
        Some(&mut self.entries[place as usize])
    }

    /// Adds an address that isn't in the book, in the place of another one if need be.
    fn add(&mut self, entry: Entry, cx: &mut Cx<'_>) -> Added {
        if self.len() >= cx.params.peers.book_max {
            let Some(victim) = self.draw_victim(cx.rng) else {
                return Added::Refused;
            };
            self.forget(victim);
        }
        self.push(entry);
        Added::New
    }

    /// Whoever is to leave a full book; `None` if all that were drawn must stay.
    fn draw_victim(&self, rng: &mut dyn Rng) -> Option<PeerAddr> {
        let mut worst: Option<&Entry> = None;
        for _ in 0..EVICTION_SAMPLE {
            let entry = &self.entries[rng.random_range(0..self.entries.len())];
            if entry.connected || entry.named {
                continue;
            }
            if worst.is_none_or(|worst| entry.badness() > worst.badness()) {
                worst = Some(entry);
            }
        }
        worst.map(|entry| entry.addr)
    }

    fn push(&mut self, entry: Entry) {
        let place = u32::try_from(self.entries.len()).expect("a book has fewer than 2^32 entries");
        if let Some(source) = entry.source {
            *self.shares.entry(source).or_insert(0) += 1;
        }
        self.places.insert(entry.addr, place);
        self.entries.push(entry);
    }

    fn forget(&mut self, addr: PeerAddr) {
        let Some(place) = self.places.remove(&addr) else {
            return;
        };
        let entry = self.entries.swap_remove(place as usize);
        if let Some(moved) = self.entries.get(place as usize) {
            self.places.insert(moved.addr, place);
        }
        self.release_share(entry.source);
    }

    fn release_share(&mut self, source: Option<PeerKey>) {
        let Some(source) = source else { return };
        let held = self.shares.get_mut(&source).expect("a source in the book has a share");
        *held -= 1;
        if *held == 0 {
            self.shares.remove(&source);
        }
    }
}

/// What [`Book::choose`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// This address may be dialled.
    Dial(PeerAddr),
    /// None may be dialled before this moment, unless something changes.
    NoneBefore(Time),
}

/// How many never-reached addresses one peer may hold in a book of `book_max`.
const fn share_of(book_max: usize) -> usize {
    let least = if SOURCE_MIN < book_max / 2 { SOURCE_MIN } else { book_max / 2 };
    let share = book_max / SOURCE_SHARE;
    let share = if share > least { share } else { least };
    if share > 0 { share } else { 1 }
}

impl Entry {
    const fn new(addr: PeerAddr, source: Option<PeerKey>, heard: Time) -> Self {
        Self {
            addr,
            connected: false,
            named: false,
            source,
            heard,
            attempted: None,
            reached: None,
            successes: 0,
            backoff: Backoff::resumed(0),
        }
    }

    fn is_free(&self, now: Time) -> bool {
        !self.connected && self.backoff.until() <= now
    }

    fn is_worth_telling(&self, now: Time) -> bool {
        let known_good = self.successes > 0 || now.since(self.heard) < HEARD_LATELY;
        self.connected || (known_good && self.backoff.failures() < TELL_FAILURES_MAX)
    }

    /// Greater for an address that we would rather lose.
    const fn badness(&self) -> (bool, u16) {
        (self.successes == 0, self.backoff.failures())
    }

    const fn view(&self) -> AddressView {
        AddressView {
            addr: self.addr,
            connected: self.connected,
            attempted: self.attempted,
            reached: self.reached,
            successes: self.successes,
            failures: self.backoff.failures(),
            retry: self.backoff.until(),
        }
    }
}

#[cfg(test)]
mod tests;
