//! The address book: every address we know and what became of it.
//!
//! # Model
//! A dense array of entries, a map from address to entry, and one from slot to entry: each address stands in a slot of one
//! of two tables, *new* and *tried*, in a bucket that a secret chooses (`tables.rs`). An address *was reached* if a peer ever said hello there. It
//! *fails* when a dial comes to nothing or the link ends early, and then rests (see `backoff.rs`).
//!
//! # Bounds, and the attack on them
//! At most `peers.book_max` addresses. A peer that wants to be our only neighbour fills the book with
//! its own addresses, or with dead ones so that ours are forgotten. Against it:
//! - **Whoever has a slot keeps it.** In a full bucket of *new* an address gives way only if it is terrible: it failed often, or nothing was
//!   heard of it for [`HORIZON`]. Connected addresses and those that our operator named never yield.
//! - **Hearsay never reaches *tried***: an address gets there when a peer said hello at it, on a link that we dialled. If
//!   its bucket is full, it waits until a feeler tried who is there (`collisions.rs`); who is then driven out goes back to *new*.
//! - What one source tells reaches its share of the buckets, and one host has few addresses (`tables.rs`, `hosts.rs`). The
//!   share belongs to the peer's network or key, so that it doesn't start afresh with a new link.
//! - What was never reached and failed [`FAILURES_MAX`] times in a row is given up even if there is
//!   room; and then it isn't taken again for a while (`book/given_up.rs`).
//! - Which failures count is for others to say (`outage.rs`).
//! - Which address is dialled is drawn by group (`choice.rs`).
//!
//! Whoever has addresses in many networks gets many shares. It can then keep others out of *new* for as long as its own
//! answer or are young, but it drives nobody out of *tried*.
//!
//! Addresses carry no time on the wire, so an address that is repeated is not thereby fresh: only its
//! first mention, and the peer at that address itself, count as news.

pub mod asmap;
mod choice;
mod collisions;
mod entry;
mod given_up;
pub mod groups;
mod hosts;
mod tables;
mod tried;

use rand::{Rng, RngExt as _};

use crate::ground::map::{Map, Salt};
use crate::ground::peer::{AddressRecord, BookRecord, BookSecret, PeerAddr, PeerKey, Source};
use crate::ground::reach::{Origin, Reach};
use crate::ground::time::Time;
use crate::machine::Cx;
use crate::wire::message::ADDRESSES_MAX;

use super::backoff::Backoff;
use super::outage::{ALONE_MAX_MS, HEARSAY_MAX_MS, Scope};
use super::recent::Recent;
pub(super) use choice::{Choice, Wish};
pub use collisions::COLLISIONS_MAX;
use collisions::Collisions;
use entry::Entry;
pub use entry::{
    AddressView, FAILURES_MAX, HEARD_LATELY, HORIZON, STALE, STALE_FAILURES, TELL_FAILURES_MAX,
};
use given_up::GivenUp;
pub use given_up::{GIVEN_UP_MAX, REST_MAX_MS};
use groups::Groups;
pub use hosts::HOST_MAX;
use hosts::Hosts;
pub use tables::{GROUP_BUCKETS, NEW_BUCKETS, SOURCE_BUCKETS, SOURCE_MIN, TRIED_BUCKETS};
use tables::{Layout, Shape, Slots, Whose};

/// Among how many slots, from its own on, an address that our operator named finds its place. A guess.
pub const NAMED_SLOTS: u32 = 64;

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
    /// Made when the first address comes.
    placing: Option<Box<Placing>>,
    groups: Groups,
    /// How many entries rules of the draw are about (`choice.rs`).
    grouped: u32,
    /// Where we tell peers to dial us.
    own: Option<PeerAddr>,
    shunned: Recent<PeerAddr, SHUNNED_MAX>,
    salt: Salt,
}

/// What says which address may have which place. A node that knows nobody does without.
#[derive(Clone, Debug)]
struct Placing {
    /// Its secret is drawn, or kept from an earlier run.
    layout: Layout,
    slots: Slots,
    collisions: Collisions,
    hosts: Hosts,
    given_up: GivenUp,
}

impl Placing {
    fn new(layout: Layout, salt: Salt) -> Self {
        Self {
            layout,
            slots: Slots::new(salt),
            collisions: Collisions::new(),
            hosts: Hosts::new(salt),
            given_up: GivenUp::new(salt),
        }
    }
}

/// The source that a peer belongs to.
pub(super) fn source_of(key: PeerKey, origin: Origin) -> Source {
    origin.network().map_or(Source::Peer(key), Source::Network)
}

/// What became of an address offered to the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// It is in the book now.
    New,
    /// It was there already.
    Known,
    /// It is not kept: shunned, given up lately, over its host's share, or a better one has its place.
    Refused,
}

impl Book {
    /// An empty book, which never takes our own address. It allocates nothing until it is used.
    pub(super) fn new(own: Option<PeerAddr>, salt: Salt) -> Self {
        Self {
            entries: Vec::new(),
            places: Map::new(salt),
            placing: None,
            groups: Groups::default(),
            grouped: 0,
            own,
            shunned: Recent::new(salt),
            salt,
        }
    }

    /// Groups addresses by another rule from now on; those that are in the book already stay as they are.
    pub(super) fn set_groups(&mut self, groups: Groups) {
        self.groups = groups;
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

    /// Whether a link leads to the address now.
    pub(super) fn is_connected(&self, addr: PeerAddr) -> bool {
        self.get(addr).is_some_and(|entry| entry.connected)
    }

    /// All addresses, in no particular order, which is the same in every run.
    pub fn iter(&self) -> impl Iterator<Item = AddressView> {
        self.entries.iter().map(|entry| self.view(entry))
    }

    /// What is worth keeping over a restart: every address, those of *tried* first, so that they find their places free.
    #[must_use]
    pub fn export(&self, now: Time) -> BookRecord {
        let tables = [true, false].into_iter();
        let entries = tables.flat_map(|tried| {
            self.entries.iter().filter(move |entry| self.is_tried(entry) == tried)
        });
        BookRecord {
            secret: self.placing.as_ref().map(|placing| placing.layout.secret()),
            anchors: Vec::new(),
            addresses: entries.map(|entry| entry.record(now)).collect(),
        }
    }

    /// Takes in what an earlier run kept: of what peers had told it, what they still may.
    pub(super) fn import(&mut self, kept: &BookRecord, cx: &mut Cx<'_>) {
        if !kept.addresses.is_empty() {
            self.placing_with(kept.secret, cx);
        }
        for record in &kept.addresses {
            let is_world = Reach::of(record.addr.ip) == Some(Reach::World);
            let is_told = cx.params.peers.local_addresses || is_world;
            let wanted = record.successes > 0 || is_told;
            if wanted && self.may_hold(record.addr, cx.now) && !self.contains(record.addr) {
                self.resume(record, cx);
            }
        }
    }

    fn resume(&mut self, record: &AddressRecord, cx: &mut Cx<'_>) {
        let mut entry = Entry::new(self.whose(record.addr, record.source), cx.now);
        entry.successes = record.successes;
        entry.aged_s = record.age_s;
        entry.lone_word &= record.successes == 0;
        entry.backoff = Backoff::resumed(record.failures);
        let layout = self.placing(cx).layout;
        let tried = layout.tried_slot(entry.whose()).filter(|_| entry.successes > 0);
        match tried.and_then(|own| self.find_empty(layout.around(own))) {
            Some(slot) => self.push(entry, slot),
            None => _ = self.add(entry, cx),
        }
    }

    /// A peer told us an address.
    pub(super) fn hear(
        &mut self,
        addr: PeerAddr,
        from: impl Into<Source>,
        cx: &mut Cx<'_>,
    ) -> Added {
        let from = from.into();
        if let Some(entry) = self.get_mut(addr) {
            entry.lone_word &= entry.source == Some(from);
            return Added::Known;
        }
        if !self.may_hold(addr, cx.now) {
            return Added::Refused;
        }
        let placing = self.placing(cx);
        let Ok(failures) = placing.given_up.failures(addr, cx.now) else { return Added::Refused };
        if !placing.hosts.has_room_for(addr.ip) {
            return Added::Refused;
        }
        let mut entry = Entry::new(self.whose(addr, Some(from)), cx.now);
        entry.backoff = Backoff::resumed(failures);
        entry.counted = true;
        self.add(entry, cx)
    }

    /// A peer told us its own address, on the host from which it spoke: whatever others may have made of that
    /// address, it is the host's own wish to be dialled there.
    pub(super) fn invite(&mut self, addr: PeerAddr, from: Source, cx: &mut Cx<'_>) -> Added {
        if self.contains(addr) {
            return Added::Known;
        }
        if !self.may_hold(addr, cx.now) {
            return Added::Refused;
        }
        self.placing(cx).given_up.remove(addr);
        let mut entry = Entry::new(self.whose(addr, Some(from)), cx.now);
        entry.counted = true;
        self.add(entry, cx)
    }

    /// Our operator named an address. That it was shunned no longer counts.
    pub(super) fn name(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) -> Added {
        self.shunned.remove(&addr);
        self.placing(cx).given_up.remove(addr);
        if !self.may_hold(addr, cx.now) {
            return Added::Refused;
        }
        if let Some(entry) = self.get_mut(addr) {
            (entry.named, entry.lone_word) = (true, false);
            return Added::Known;
        }
        let mut entry = Entry::new(self.whose(addr, None), cx.now);
        entry.named = true;
        self.add(entry, cx)
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

    /// The peer at the address told us so itself.
    pub(super) fn refresh(&mut self, addr: PeerAddr, now: Time) {
        if let Some(entry) = self.get_mut(addr) {
            (entry.heard, entry.aged_s) = (now, 0);
        }
    }

    /// An attempt at the address came to nothing, and it is to blame. Returns when it may be dialled again, unless it
    /// is given up now.
    pub(super) fn fail(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) -> Option<Time> {
        let entry = self.get_mut(addr)?;
        entry.backoff.fail(cx.now, &cx.params.peers, cx.rng);
        self.hold_against(addr, cx)
    }

    /// What was excused last is held against the address after all.
    pub(super) fn blame(&mut self, addr: PeerAddr, cx: &Cx<'_>) {
        if self.get_mut(addr).is_some_and(|entry| entry.backoff.blame()) {
            self.hold_against(addr, cx);
        }
    }

    /// A failure counts: an address that has too many is given up. Returns when it may be dialled again, if it is kept.
    fn hold_against(&mut self, addr: PeerAddr, cx: &Cx<'_>) -> Option<Time> {
        let entry = self.get(addr)?;
        let (until, failures) = (entry.backoff.until(), entry.backoff.failures());
        let worth_keeping = entry.connected || entry.is_trusted();
        self.give_way(addr);
        if !worth_keeping && failures >= FAILURES_MAX {
            self.forget(addr);
            self.placed().given_up.insert(addr, failures, cx.now, &cx.params.peers);
            return None;
        }
        Some(until)
    }

    /// The peer at the address let us go at once. Returns when it may be dialled again. It isn't given up for that: it
    /// is there, and may have been full.
    pub(super) fn turn_away(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) -> Option<Time> {
        self.stand_by(addr);
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

    /// When the address has rested; `None` if it is connected or not in the book.
    pub(super) fn free_from(&self, addr: PeerAddr) -> Option<Time> {
        let entry = self.get(addr).filter(|entry| !entry.connected)?;
        Some(entry.backoff.until())
    }

    /// A good link to the address ended. Returns when it may be dialled again.
    pub(super) fn rest(&mut self, addr: PeerAddr, cx: &mut Cx<'_>) -> Option<Time> {
        let entry = self.get_mut(addr)?;
        (entry.heard, entry.aged_s) = (cx.now, 0);
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

    /// The group of an address, if it isn't by itself.
    pub(super) fn group_of(&self, addr: PeerAddr) -> Option<u32> {
        self.groups.group(addr.ip)
    }

    /// Who alone vouches for an address.
    pub(super) fn lone_word(&self, addr: PeerAddr) -> Option<Source> {
        self.get(addr).filter(|entry| entry.lone_word).and_then(|entry| entry.source)
    }

    /// Whether any address is of a group, so that links and sources have to be told apart.
    pub(super) const fn has_groups(&self) -> bool {
        self.grouped > 0
    }

    /// A uniformly random sample of what is worth telling to others, to answer a peer's question: at
    /// most [`SAMPLE_PERCENT`] of the book (but [`SAMPLE_MIN`]) and [`ADDRESSES_MAX`].
    ///
    /// It is kept for a day (`telling.rs`), since a new one for each question would tell all of the book to whoever asks often enough.
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

    fn whose(&self, addr: PeerAddr, source: Option<Source>) -> Whose {
        Whose { addr, group: self.group_of(addr), source }
    }

    /// Who may have which place. It is settled when the first address comes.
    fn placing(&mut self, cx: &mut Cx<'_>) -> &mut Placing {
        self.placing_with(None, cx)
    }

    /// The same, by a secret of an earlier run if there is one.
    fn placing_with(&mut self, kept: Option<BookSecret>, cx: &mut Cx<'_>) -> &mut Placing {
        let salt = self.salt;
        self.placing.get_or_insert_with(|| {
            let secret = kept.unwrap_or_else(|| BookSecret(cx.rng.random()));
            let layout = Layout::new(secret, Shape::of(cx.params.peers.book_max));
            Box::new(Placing::new(layout, salt))
        })
    }

    /// Who may have which place, where an address is in the book.
    fn placed(&mut self) -> &mut Placing {
        self.placing.as_mut().expect("whatever holds an address has settled which places are whose")
    }

    /// Adds an address that isn't in the book to *new*, in the place of a terrible one if need be.
    fn add(&mut self, entry: Entry, cx: &mut Cx<'_>) -> Added {
        let layout = self.placing(cx).layout;
        let Some(slot) = self.find_slot(layout, &entry, cx.now) else { return Added::Refused };
        if let Some(other) = self.at(slot) {
            self.forget(other.addr);
        }
        self.push(entry, slot);
        Added::New
    }

    /// A slot in *new*: an empty one if possible, or one of somebody who gives way.
    fn find_slot(&self, layout: Layout, of: &Entry, now: Time) -> Option<u32> {
        let own = layout.new_slot(of.whose());
        if of.named {
            let slots = || {
                let most = NAMED_SLOTS.min(layout.shape().new_slots());
                (0..most).map(|steps| layout.after(own, steps))
            };
            let is_loose = |slot: &u32| self.at(*slot).is_none_or(|other| !other.is_protected());
            return self.find_empty(slots()).or_else(|| slots().find(is_loose));
        }
        let is_loose = |slot: &u32| self.at(*slot).is_none_or(|other| other.is_terrible(now));
        self.find_empty(layout.around(own)).or_else(|| layout.around(own).find(is_loose))
    }

    fn find_empty(&self, mut slots: impl Iterator<Item = u32>) -> Option<u32> {
        slots.find(|slot| self.at(*slot).is_none())
    }

    /// The entry in a slot.
    fn at(&self, slot: u32) -> Option<&Entry> {
        self.placing.as_ref()?.slots.get(slot).map(|entry| &self.entries[entry])
    }

    fn push(&mut self, mut entry: Entry, slot: u32) {
        let place = u32::try_from(self.entries.len()).expect("a book has fewer than 2^32 entries");
        let placing = self.placed();
        if entry.counted {
            placing.hosts.take(entry.addr.ip);
        }
        placing.slots.set(slot, place as usize);
        self.grouped += u32::from(entry.is_ruled());
        entry.slot = slot;
        self.places.insert(entry.addr, place);
        self.entries.push(entry);
    }

    fn forget(&mut self, addr: PeerAddr) {
        let Some(place) = self.places.remove(&addr) else {
            return;
        };
        let entry = self.entries.swap_remove(place as usize);
        let moved = self.entries.get(place as usize).map(|moved| (moved.addr, moved.slot));
        let placing = self.placed();
        placing.slots.clear(entry.slot);
        if let Some((_, slot)) = moved {
            placing.slots.set(slot, place as usize);
        }
        placing.collisions.remove(addr);
        if entry.counted {
            placing.hosts.release(addr.ip);
        }
        if let Some((moved, _)) = moved {
            self.places.insert(moved, place);
        }
        self.grouped -= u32::from(entry.is_ruled());
        self.fill(entry.slot);
    }

    fn view(&self, entry: &Entry) -> AddressView {
        AddressView {
            addr: entry.addr,
            tried: self.is_tried(entry),
            bucket: self.placing.as_ref().map_or(0, |placing| placing.layout.bucket(entry.slot)),
            group: entry.group,
            source: entry.source,
            connected: entry.connected,
            attempted: entry.attempted,
            reached: entry.reached,
            successes: entry.successes,
            failures: entry.backoff.failures(),
            retry: entry.backoff.until(),
        }
    }

    /// Panics if a bound is passed. Cheap.
    pub(super) fn check(&self, book_max: usize) {
        let len = self.len();
        assert!(len <= book_max, "book: {len} of at most {book_max}");
        assert_eq!(self.places.len(), len, "one entry each");
        let Some(placing) = &self.placing else { return assert_eq!(len, 0, "nobody has a place") };
        assert_eq!(placing.slots.len(), len, "one slot each");
        assert!(placing.collisions.slots().count() <= COLLISIONS_MAX);
    }

    /// Who waits for a place in *tried*, and for which.
    #[cfg(test)]
    fn waiting(&self) -> Vec<(PeerAddr, u32)> {
        self.placing.iter().flat_map(|placing| placing.collisions.iter()).collect()
    }

    /// Recomputes what is derived, and panics if it isn't so.
    #[cfg(test)]
    pub(super) fn check_all(&self, book_max: usize) {
        self.check(book_max);
        let Some(placing) = &self.placing else { return };
        for (place, entry) in self.entries.iter().enumerate() {
            assert_eq!(self.places.get(&entry.addr).map(|place| *place as usize), Some(place));
            assert_eq!(placing.slots.get(entry.slot), Some(place), "the slot of {}", entry.addr);
        }
        let counted = self.entries.iter().filter(|entry| entry.counted);
        let counted = counted.filter(|entry| hosts::is_counted(entry.addr.ip));
        assert_eq!(placing.hosts.held().count(|_| true), {
            let mut hosts: Vec<_> = counted.map(|entry| entry.addr.ip).collect();
            hosts.sort_unstable();
            hosts.dedup();
            hosts.len()
        });
        let grouped = self.entries.iter().filter(|entry| entry.is_ruled()).count();
        assert_eq!(self.grouped as usize, grouped);
    }
}

#[cfg(test)]
mod bound;
#[cfg(test)]
mod tests;
