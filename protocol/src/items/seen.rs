//! The seen cache: which items we have dealt with, and which links know them.
//!
//! What is *held*, which is all that the pool and the block store have, is never forgotten: it could be asked for,
//! verified and relayed once more, and would no longer be served to whoever was told of it. Of the rest the least
//! recently used is forgotten first: of what was accepted once, `seen_max`, and apart from that of what was refused,
//! half as many, so that refusals, which cost a few bytes each, push out nothing but one another.
//!
//! It grows as it fills: a cache that reserved its whole capacity up front would take 80 KB per node at 1,024 entries,
//! which a simulator of a million nodes can't pay. Entries lie in one array, linked by their places in the order of
//! use, and a table of places finds them: a lookup touches two or three cache lines. The first few are found without
//! it, so that a node that relays its first item allocates once.
//!
//! What became of an item may hold only for a time. Refusals by policy are forgotten when a new block comes:
//! what was refused under the last one may be right under this one. Confirmations are forgotten when a
//! block doesn't follow the one before it: what was confirmed may not be any more. (Bitcoin Core empties
//! its filters of recent rejects and recent confirmations then, `node/txdownloadman_impl.cpp`; an
//! exact cache has no false positives.) What breaks a rule of the bytes alone stays refused.
//!
//! When a link goes down, nothing is looked through: the cache numbers the links that went down, and notes
//! the number of the last one in each slot and, in each entry, how many it has taken into account. What an entry
//! says of a slot whose link went down since is void, and is cleared when the entry is next changed.
//!
//! Items are found by whole and by short names, since both hash alike (see [`Name`]).
//!
//! *Security*: an attacker who makes us forget an id can make us ask for the item once more. Only accepted or refused
//! items enter, so each forgotten id costs it one whole item.

mod order;

use std::hash::BuildHasher as _;

use hashbrown::HashTable;

use crate::ground::item::{ItemId, Name, ShortId};
use crate::ground::link::{Link, LinkSet};
use crate::ground::map::Salt;
use crate::machine::{Cx, Part};
use crate::params::Params;

use order::{NONE, Order};

/// What became of an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// Accepted, whether it is still kept or not.
    #[default]
    Accepted,
    /// Confirmed by a block. Forgotten when a block doesn't follow the last one.
    Confirmed,
    /// Refused for breaking a rule that no block can change.
    Invalid,
    /// Refused by policy. Forgotten when a block comes.
    Refused,
    /// Refused for its fee alone: a child may yet pay for it. Forgotten when a block comes.
    TooCheap,
}

impl Outcome {
    /// Whether the item was refused.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::Invalid | Self::Refused | Self::TooCheap)
    }
}

/// What we know of an item that we have dealt with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What became of it.
    pub outcome: Outcome,
    /// The age of the cache that the outcome belongs to.
    age: Age,
    /// Links whose peer is known to have it: it announced it, sent it, or we sent it.
    known: LinkSet,
    /// How many links had gone down when `known` was last cleared of them.
    departures: u32,
}

/// A number that begins anew after 16 million blocks, when no entry is as old.
type Age = [u8; 3];

impl Seen {
    /// An item that these links' peers have.
    #[must_use]
    pub const fn new(outcome: Outcome, known: LinkSet) -> Self {
        Self { outcome, age: [0; 3], known, departures: 0 }
    }
}

/// The bounded cache. What a lookup of one of few items touches comes first and together.
#[derive(Clone)]
#[repr(C)]
pub struct SeenCache {
    entries: Vec<Entry>,
    /// Links that went down, once there are any.
    departures: Option<Box<Departures>>,
    /// How many blocks have come, and how many of them didn't follow the one before.
    tips: u32,
    branches: u32,
    /// Places in `entries`, by the hash of the id, once there are more than [`FEW`].
    places: HashTable<u32>,
    salt: Salt,
    max: usize,
    /// What was accepted and isn't held, what was refused, and places of entries that were forgotten.
    orders: [Order; 3],
}

/// Links that went down. Bounded by the number of slots.
#[derive(Clone, Default)]
struct Departures {
    count: u32,
    /// For each slot, the number of the last link that went down there; 0 if none did.
    last: Vec<u32>,
}

impl Departures {
    /// Forgets what is known of links that went down since an entry was last cleared.
    fn clear(&self, seen: &mut Seen) {
        if seen.departures == self.count {
            return;
        }
        for (slot, last) in (0..).zip(&self.last) {
            if *last > seen.departures {
                seen.known.remove(Link::new(slot, 0)); // whatever its generation
            }
        }
        seen.departures = self.count;
    }

    /// Whether what an entry says of a slot is of a link that went down.
    fn voids(&self, seen: &Seen, link: Link) -> bool {
        self.last.get(link.slot()).is_some_and(|last| *last > seen.departures)
    }
}

#[derive(Clone)]
struct Entry {
    id: ItemId,
    seen: Seen,
    standing: Standing,
    /// The entries of its order used just after and just before this one.
    newer: u32,
    older: u32,
}

/// Whether an entry can be forgotten, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It was accepted once.
    Accepted = 0,
    /// It was refused.
    Refused = 1,
    /// It is no entry any more.
    Vacant = 2,
    /// The item is here: in no order.
    Held = 3,
}

impl Standing {
    /// Of an item that isn't here.
    const fn of(outcome: Outcome) -> Self {
        if outcome.is_refusal() { Self::Refused } else { Self::Accepted }
    }
}

/// Up to so many entries are searched in order: half a kilobyte, which costs no more than a table.
const FEW: usize = 8;

impl SeenCache {
    /// An empty cache for at most `max` ids. It allocates nothing yet.
    #[must_use]
    pub fn new(max: usize, salt: Salt) -> Self {
        let max = max.clamp(1, NONE as usize);
        Self {
            entries: Vec::new(),
            places: HashTable::new(),
            orders: Default::default(),
            max,
            tips: 0,
            branches: 0,
            departures: None,
            salt,
        }
    }

    /// Whether the item was dealt with. Doesn't count as use.
    #[must_use]
    pub fn contains(&self, id: impl Into<Name>) -> bool {
        self.current(id).is_some()
    }

    /// What is known of an item. Doesn't count as use.
    #[must_use]
    pub fn peek(&self, id: impl Into<Name>) -> Option<&Seen> {
        self.current(id).map(|place| &self.entries[place as usize].seen)
    }

    /// What became of an item, if that still holds. Doesn't count as use.
    #[must_use]
    pub fn outcome(&self, id: impl Into<Name>) -> Option<Outcome> {
        self.peek(id).map(|seen| seen.outcome)
    }

    /// Whether the peer of a link is known to have an item. Doesn't count as use.
    #[must_use]
    pub fn knows(&self, id: impl Into<Name>, link: Link) -> bool {
        self.peek(id).is_some_and(|seen| self.holds(seen, link))
    }

    /// Whether the peer of a link is known to have the item of an entry.
    pub(crate) fn holds(&self, seen: &Seen, link: Link) -> bool {
        let is_void = |departures: &Departures| departures.voids(seen, link);
        seen.known.contains(link) && !self.departures.as_deref().is_some_and(is_void)
    }

    /// The item of either kind that the record knows by a short id. Doesn't count as use.
    #[must_use]
    pub fn id_of(&self, short: ShortId) -> Option<ItemId> {
        let place = self.find(short, |id| ShortId::from(id) == short)?;
        Some(self.entries[place as usize].id)
    }

    /// The items whose hashes begin with these hexadecimal digits, in no order. Looks at all.
    pub fn ids_beginning(&self, digits: &str) -> impl Iterator<Item = ItemId> {
        let entries = self.entries.iter().filter(|entry| entry.standing != Standing::Vacant);
        entries.map(|entry| entry.id).filter(move |id| id.hash().begins_with(digits))
    }

    /// Remembers an item. When there are too many of its sort, the least recently used one is forgotten.
    pub fn insert(&mut self, id: ItemId, mut seen: Seen) {
        seen.age = self.age(seen.outcome);
        seen.departures = self.departures.as_ref().map_or(0, |departures| departures.count);
        let place = self.place(id).unwrap_or_else(|| self.add(id));
        let is_held = self.standing(place) == Standing::Held;
        let standing = if is_held { Standing::Held } else { Standing::of(seen.outcome) };
        self.entries[place as usize].seen = seen;
        self.stand(place, standing);
    }

    /// An item that was accepted is here, and isn't forgotten until it is [released](SeenCache::release).
    pub fn hold(&mut self, id: ItemId) {
        if let Some(place) = self.place(id) {
            self.stand(place, Standing::Held);
        }
    }

    /// An item that was held isn't here any more.
    pub fn release(&mut self, id: ItemId) {
        if let Some(place) = self.place(id).filter(|place| self.standing(*place) == Standing::Held)
        {
            let outcome = self.entries[place as usize].seen.outcome;
            self.stand(place, Standing::of(outcome));
        }
    }

    /// How many items are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.entries.len() - self.orders.iter().map(Order::len).sum::<usize>()
    }

    /// A block came: refusals by policy are forgotten, and confirmations too unless it follows the last
    /// one.
    pub const fn on_block(&mut self, follows: bool) {
        self.tips = self.tips.wrapping_add(1);
        if !follows {
            self.branches = self.branches.wrapping_add(1);
        }
    }

    /// A block confirmed an item.
    pub fn confirm(&mut self, id: ItemId) {
        let place = self.current(id);
        let known = place.map(|place| std::mem::take(&mut self.cleared(place).known));
        self.insert(id, Seen::new(Outcome::Confirmed, known.unwrap_or_default()));
    }

    /// The block that confirmed an item left the chain, and the item is here again.
    pub fn come_back(&mut self, id: ItemId) {
        let place = self.current(id);
        let known = place.map(|place| std::mem::take(&mut self.cleared(place).known));
        self.insert(id, Seen::new(Outcome::Accepted, known.unwrap_or_default()));
        self.hold(id);
    }

    /// Notes that the peer of a link has an item, which counts as use; false if the item isn't in the cache.
    pub fn note(&mut self, id: impl Into<Name>, link: Link) -> bool {
        let Some(place) = self.current(id) else { return false };
        self.use_now(place);
        self.cleared(place).known.insert(link);
        true
    }

    /// Notes that the peer of a link is being given or told of an item. Doesn't count as use: it was used when
    /// it came, and one item is told to all peers.
    pub fn note_told(&mut self, id: impl Into<Name>, link: Link) {
        if let Some(place) = self.current(id) {
            self.cleared(place).known.insert(link);
        }
    }

    /// Reads what a lookup touches first, see `node/warm.rs`.
    pub(crate) fn warm_head(&self) -> u64 {
        self.entries.len() as u64 ^ u64::from(self.departures.is_some())
    }

    /// Reads what a lookup of the first item will.
    pub(crate) fn warm(&self) -> u64 {
        self.entries.first().map_or(0, |Entry { id, seen, newer, older, .. }| {
            let known = seen.known.contains(Link::new(0, 0));
            u64::from(newer ^ older ^ seen.departures)
                ^ u64::from(known)
                ^ u64::from(id.hash().0[0])
        })
    }

    /// A link went down: nothing is known of whoever comes next in its slot.
    pub fn forget_link(&mut self, link: Link) {
        let departures = self.departures.get_or_insert_default();
        if departures.count == u32::MAX {
            for entry in &mut self.entries {
                departures.clear(&mut entry.seen);
                entry.seen.departures = 0;
            }
            **departures = Departures::default();
        }
        if departures.last.len() <= link.slot() {
            departures.last.resize(link.slot() + 1, 0);
        }
        departures.count += 1;
        departures.last[link.slot()] = departures.count;
    }

    /// How many items it remembers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len() - self.orders[Standing::Vacant as usize].len()
    }

    /// Whether it remembers none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn place(&self, name: impl Into<Name>) -> Option<u32> {
        let name = name.into();
        self.find(name.short(), |id| name.fits(id))
    }

    fn find(&self, short: ShortId, is_it: impl Fn(&ItemId) -> bool) -> Option<u32> {
        if self.entries.len() <= FEW {
            let is_it = |entry: &Entry| entry.standing != Standing::Vacant && is_it(&entry.id);
            return self.entries.iter().position(is_it).map(place_of);
        }
        let is_it = |place: &u32| is_it(&self.entries[*place as usize].id);
        self.places.find(self.salt.hash_one(short), is_it).copied()
    }

    /// Makes an entry, and has it found.
    fn add(&mut self, id: ItemId) -> u32 {
        let standing = Standing::Vacant;
        let entry = Entry { id, seen: Seen::default(), standing, newer: NONE, older: NONE };
        let vacant = self.orders[Standing::Vacant as usize].oldest();
        let place = vacant.unwrap_or_else(|| {
            if self.entries.len() < FEW && self.entries.len() == self.entries.capacity() {
                // Most of a million simulated nodes have one item or two.
                self.entries.reserve_exact(self.entries.len().max(1));
            }
            self.entries.push(entry.clone());
            let place = place_of(self.entries.len() - 1);
            self.orders[Standing::Vacant as usize].attach(place, &mut self.entries);
            place
        });
        let Entry { newer, older, .. } = self.entries[place as usize];
        self.entries[place as usize] = Entry { newer, older, ..entry };
        if self.entries.len() > FEW {
            if self.places.is_empty() {
                let taken = |place: &u32| self.standing(*place) != Standing::Vacant;
                let others: Vec<u32> = (0..place_of(self.entries.len())).filter(taken).collect();
                others.into_iter().for_each(|place| self.index(place));
            }
            self.index(place);
        }
        place
    }

    /// Has an entry found by the table.
    fn index(&mut self, place: u32) {
        let Self { places, entries, salt, .. } = self;
        let hash = |place: &u32| salt.hash_one(ShortId::from(entries[*place as usize].id));
        places.insert_unique(hash(&place), place, hash);
    }

    fn standing(&self, place: u32) -> Standing {
        self.entries[place as usize].standing
    }

    /// Moves an entry to another order, as the one used last, and forgets what is too much there.
    fn stand(&mut self, place: u32, standing: Standing) {
        let before = std::mem::replace(&mut self.entries[place as usize].standing, standing);
        if before == standing {
            return self.use_now(place);
        }
        if let Some(order) = self.orders.get_mut(before as usize) {
            order.detach(place, &mut self.entries);
        }
        if let Some(order) = self.orders.get_mut(standing as usize) {
            order.attach(place, &mut self.entries);
        }
        let max = match standing {
            Standing::Accepted => self.max,
            Standing::Refused => self.max.div_ceil(2),
            Standing::Vacant | Standing::Held => return,
        };
        let order = &self.orders[standing as usize];
        if let Some(oldest) = order.oldest().filter(|_| order.len() > max) {
            self.forget(oldest);
        }
    }

    /// The place of an item whose outcome still holds.
    fn current(&self, id: impl Into<Name>) -> Option<u32> {
        self.place(id).filter(|place| {
            let seen = &self.entries[*place as usize].seen;
            seen.age == self.age(seen.outcome)
        })
    }

    /// How old the cache is for an outcome: it holds until that changes.
    const fn age(&self, outcome: Outcome) -> Age {
        let age = match outcome {
            Outcome::Accepted | Outcome::Invalid => 0,
            Outcome::Confirmed => self.branches,
            Outcome::Refused | Outcome::TooCheap => self.tips,
        };
        let [low, middle, high, _] = age.to_le_bytes();
        [low, middle, high]
    }

    /// What is known of an item, without links that went down.
    fn cleared(&mut self, place: u32) -> &mut Seen {
        let seen = &mut self.entries[place as usize].seen;
        if let Some(departures) = &self.departures {
            departures.clear(seen);
        }
        seen
    }

    /// Makes an entry the one used last.
    fn use_now(&mut self, place: u32) {
        let standing = self.standing(place);
        if let Some(order) = self.orders.get_mut(standing as usize) {
            order.use_now(place, &mut self.entries);
        }
    }

    /// Forgets an entry, whose place is free again.
    fn forget(&mut self, place: u32) {
        let hash = self.salt.hash_one(ShortId::from(self.entries[place as usize].id));
        if let Ok(found) = self.places.find_entry(hash, |other| *other == place) {
            found.remove();
        }
        self.entries[place as usize].seen = Seen::default();
        self.stand(place, Standing::Vacant);
    }
}

/// Bounds on entries, and on the bytes of what is held, keep places within 32 bits.
fn place_of(index: usize) -> u32 {
    u32::try_from(index).expect("at most u32::MAX entries are kept")
}

impl std::fmt::Debug for SeenCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SeenCache({}, of them {} held)", self.len(), self.held())
    }
}

impl Part for SeenCache {
    fn on_link_down(&mut self, link: Link, _cx: &mut Cx<'_>) {
        self.forget_link(link);
    }

    fn check(&self, params: &Params) {
        let (len, max) = (self.len() - self.held(), params.memory.seen_max.max(1));
        let max = max + max.div_ceil(2);
        assert!(len <= max, "seen: {len} of at most {max}");
    }

    fn keeps(&self, link: Link) -> bool {
        self.entries.iter().any(|entry| self.holds(&entry.seen, link))
    }
}

#[cfg(test)]
mod tests;
