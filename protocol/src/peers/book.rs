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
//! - Addresses that one source told us and that were never reached hold at most a
//!   [`SOURCE_SHARE`]-th of the book, and those of one host less; more are refused (`book/shares.rs`). The share
//!   belongs to the peer's network or key, so that it doesn't start afresh with a new link.
//! - In a full book the newcomer displaces the worst of [`EVICTION_SAMPLE`] random addresses: never
//!   reached before reached, then most failures, then at random. Connected addresses and those that
//!   our operator named never yield.
//! - What was never reached and failed [`FAILURES_MAX`] times in a row is given up even if there is
//!   room, which also gives its source the place back; and then it isn't taken again for a while (`book/given_up.rs`).
//! - Which failures count is for others to say (`outage.rs`).
//!
//! Whoever has addresses in many networks gets many shares. It can then crowd out addresses that we only
//! heard of, but hardly those that we reached.
//!
//! Addresses carry no time on the wire, so an address that is repeated is not thereby fresh: only its
//! first mention, and the peer at that address itself, count as news.

mod given_up;
mod shares;

use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::ground::map::{Map, Salt};
use crate::ground::peer::{AddressRecord, PeerAddr};
use crate::ground::reach::Reach;
use crate::ground::time::Time;
use crate::machine::Cx;
use crate::params::PeerParams;
use crate::wire::message::ADDRESSES_MAX;

use super::backoff::Backoff;
use super::outage::{ALONE_MAX_MS, HEARSAY_MAX_MS, Scope};
use super::recent::Recent;
use given_up::GivenUp;
pub use given_up::{GIVEN_UP_MAX, REST_MAX_MS};
use shares::Shares;
pub use shares::{HOST_MAX, SOURCE_MIN, SOURCE_SHARE, Source};

/// How many random addresses are compared for the worst to leave a full book. If half of the book was
/// reached, a reached one leaves once in 65,536 times.
pub const EVICTION_SAMPLE: usize = 16;

/// Failures in a row after which an address that was never reached is given up: two minutes after
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
    shares: Shares,
    /// Where we tell peers to dial us.
    own: Option<PeerAddr>,
    shunned: Recent<PeerAddr>,
    given_up: GivenUp,
}

/// What we know of one address.
#[derive(Clone, Debug)]
struct Entry {
    addr: PeerAddr,
    /// A link leads there now.
    connected: bool,
    /// Our operator named it.
    named: bool,
    /// Whose share it counts against: who told us, until we reach it ourselves.
    source: Option<Source>,
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
    /// Failures in a row that are held against it.
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
    /// It is not kept: shunned, given up lately, over its source's or host's share, or the book is full of
    /// better ones.
    Refused,
}

impl Book {
    /// An empty book, which never takes our own address. It allocates nothing until it is used.
    pub(super) fn new(own: Option<PeerAddr>, salt: Salt) -> Self {
        Self {
            entries: Vec::new(),
            places: Map::new(salt),
            shares: Shares::new(salt),
            own,
            shunned: Recent::new(SHUNNED_MAX, salt),
            given_up: GivenUp::new(salt),
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

    /// Takes in what an earlier run kept, until the book is full: of what peers had told it, what they still may.
    pub(super) fn import(&mut self, records: &[AddressRecord], params: &PeerParams, now: Time) {
        for record in records {
            if self.len() >= params.book_max {
                return;
            }
            let is_told = params.local_addresses || Reach::of(record.addr.ip) == Some(Reach::World);
            let wanted = record.successes > 0 || is_told;
            if wanted && self.may_hold(record.addr, now) && !self.contains(record.addr) {
                let mut entry = Entry::new(record.addr, None, now);
                entry.successes = record.successes;
                entry.backoff = Backoff::resumed(record.failures);
                self.push(entry);
            }
        }
    }

    /// A peer told us an address.
    pub(super) fn hear(
        &mut self,
        addr: PeerAddr,
        from: impl Into<Source>,
        cx: &mut Cx<'_>,
    ) -> Added {
        if self.contains(addr) {
            return Added::Known;
        }
        let from = from.into();
        let Ok(failures) = self.given_up.failures(addr, cx.now) else { return Added::Refused };
        let has_room = self.shares.has_room(from, cx.params.peers.book_max);
        if !has_room || !self.shares.has_room_for(addr.ip) || !self.may_hold(addr, cx.now) {
            return Added::Refused;
        }
        let mut entry = Entry::new(addr, Some(from), cx.now);
        entry.backoff = Backoff::resumed(failures);
        self.add(entry, cx)
    }

    /// A peer told us its own address, on the host from which it spoke: whatever others may have made of that
    /// address, it is the host's own wish to be dialled there.
    pub(super) fn invite(&mut self, addr: PeerAddr, from: Source, cx: &mut Cx<'_>) -> Added {
        if self.contains(addr) {
            return Added::Known;
        }
        if !self.shares.has_room(from, cx.params.peers.book_max) || !self.may_hold(addr, cx.now) {
            return Added::Refused;
        }
        self.given_up.remove(addr);
        self.add(Entry::new(addr, Some(from), cx.now), cx)
    }

    /// Our operator named an address. That it was shunned no longer counts.
    pub(super) fn name(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) -> Added {
        self.shunned.remove(&addr);
        self.given_up.remove(addr);
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
        entry.backoff.forgive(cx.now);
        entry.connected = true;
        entry.heard = cx.now;
        entry.reached = Some(cx.now);
        entry.successes = entry.successes.saturating_add(1);
        self.given_up.remove(addr);
        self.release_share(source, addr);
    }

    /// The peer at the address told us so itself.
    pub(super) fn refresh(&mut self, addr: PeerAddr, now: Time) {
        if let Some(entry) = self.get_mut(addr) {
            entry.heard = now;
        }
    }

    /// An attempt at the address came to nothing, and it is to blame. Returns when it may be dialled again, unless it
    /// is given up now.
    pub(super) fn fail(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) -> Option<Time> {
        let entry = self.get_mut(addr)?;
        entry.backoff.fail(cx.now, &cx.params.peers, cx.rng);
        let (until, failures) = (entry.backoff.until(), entry.backoff.failures());
        let worth_keeping = entry.connected || entry.is_trusted();
        if !worth_keeping && failures >= FAILURES_MAX {
            self.forget(addr);
            self.given_up.insert(addr, failures, cx.now, &cx.params.peers);
            return None;
        }
        Some(until)
    }

    /// The peer at the address let us go at once. Returns when it may be dialled again. It isn't given up for that: it
    /// is there, and may have been full.
    pub(super) fn turn_away(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) -> Option<Time> {
        let entry = self.get_mut(addr)?;
        entry.backoff.fail(cx.now, &cx.params.peers, cx.rng);
        Some(entry.backoff.until())
    }

    /// An attempt at the address came to nothing, perhaps by our own fault. Returns when it may be dialled again: what is
    /// known to be good soon, if we are alone, and hearsay ever more rarely.
    pub(super) fn excuse(&mut self, addr: PeerAddr, alone: bool, cx: &mut Cx<'_>) -> Option<Time> {
        let params = &cx.params.peers;
        let entry = self.get_mut(addr)?;
        let cap_ms = match (entry.is_trusted(), alone) {
            (true, true) => params.retry_max_ms.min(ALONE_MAX_MS),
            (true, false) => params.retry_max_ms,
            (false, _) => params.retry_max_ms.max(HEARSAY_MAX_MS),
        };
        entry.backoff.excuse(cx.now, cap_ms, params, cx.rng);
        Some(entry.backoff.until())
    }

    /// An outage ended: what was excused was our own fault, for addresses of that scope. Of hearsay at most the rests
    /// end. Walks the book.
    pub(super) fn forgive(&mut self, of: Scope, hearsay: bool, now: Time) {
        for entry in &mut self.entries {
            if of == Scope::Near && Scope::of_address(entry.addr) == Scope::World {
                continue;
            }
            if entry.is_trusted() {
                entry.backoff.forgive(now);
            } else if hearsay {
                entry.backoff.end_rest(now);
            }
        }
    }

    /// Whether a failure of the address may be held against it: see [`Backoff::is_news`].
    pub(super) fn is_news(&self, addr: PeerAddr, heard: Time) -> bool {
        self.get(addr).is_none_or(|entry| entry.backoff.is_news(heard))
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
        self.get(addr).is_some_and(|entry| entry.is_free(now))
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
    pub(super) fn may_hold(&self, addr: PeerAddr, now: Time) -> bool {
        let is_shunned = self.shunned.contains(&addr, now);
        addr.is_dialable() && self.own != Some(addr) && !is_shunned
    }

    fn get(&self, addr: PeerAddr) -> Option<&Entry> {
        self.places.get(&addr).map(|place| &self.entries[*place as usize])
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
            self.shares.take(source, entry.addr.ip);
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
        self.release_share(entry.source, addr);
    }

    fn release_share(&mut self, source: Option<Source>, addr: PeerAddr) {
        if let Some(source) = source {
            self.shares.release(source, addr.ip);
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

impl Entry {
    const fn new(addr: PeerAddr, source: Option<Source>, heard: Time) -> Self {
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

    /// Whether we have a better reason for it than hearsay.
    const fn is_trusted(&self) -> bool {
        self.named || self.successes > 0
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
        (self.successes == 0, self.backoff.tries())
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
