//! The seen cache: which items we have dealt with, and which links know them.
//!
//! Least recently used ids are forgotten first. It grows as it fills: a cache that reserved its whole
//! capacity up front would take 37 KB per node at 1,024 entries, which a simulator of a million nodes can't
//! pay. Entries lie in one array, linked by their places in the order of use, and a table
//! of places finds them: a lookup touches two or three cache lines. The first few are found without it, so
//! that a node that relays its first item allocates once.
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
//! Ids are kept short: two items that share one count as one (see [`ShortId`]).
//!
//! *Security*: an attacker who makes us forget an id can make us ask for and relay the item once more.
//! Only accepted or refused items enter, so each forgotten id costs it one whole item.

use std::hash::BuildHasher as _;

use hashbrown::HashTable;

use crate::ground::item::ShortId;
use crate::ground::link::{Link, LinkSet};
use crate::ground::map::Salt;
use crate::machine::{Cx, Part};
use crate::params::Params;

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

/// The bounded cache.
#[derive(Clone)]
pub struct SeenCache {
    entries: Vec<Entry>,
    /// Places in `entries`, by the hash of the id, once there are more than [`FEW`].
    places: HashTable<u32>,
    /// The entry used last, and the one that wasn't used for longest; [`NONE`] when empty.
    newest: u32,
    oldest: u32,
    max: usize,
    /// How many blocks have come, and how many of them didn't follow the one before.
    tips: u32,
    branches: u32,
    /// Links that went down, once there are any.
    departures: Option<Box<Departures>>,
    salt: Salt,
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
    id: ShortId,
    seen: Seen,
    /// The entries used just after and just before this one.
    newer: u32,
    older: u32,
}

/// Up to so many entries are searched in order: half a kilobyte, which costs no more than a table.
const FEW: usize = 8;

/// No entry.
const NONE: u32 = u32::MAX;

impl SeenCache {
    /// An empty cache for at most `max` ids. It allocates nothing yet.
    #[must_use]
    pub fn new(max: usize, salt: Salt) -> Self {
        let max = max.clamp(1, NONE as usize);
        Self {
            entries: Vec::new(),
            places: HashTable::new(),
            newest: NONE,
            oldest: NONE,
            max,
            tips: 0,
            branches: 0,
            departures: None,
            salt,
        }
    }

    /// Whether the item was dealt with. Doesn't count as use.
    #[must_use]
    pub fn contains(&self, id: impl Into<ShortId>) -> bool {
        self.current(id).is_some()
    }

    /// What is known of an item. Doesn't count as use.
    #[must_use]
    pub fn peek(&self, id: impl Into<ShortId>) -> Option<&Seen> {
        self.current(id).map(|place| &self.entries[place as usize].seen)
    }

    /// What became of an item, if that still holds. Doesn't count as use.
    #[must_use]
    pub fn outcome(&self, id: impl Into<ShortId>) -> Option<Outcome> {
        self.peek(id).map(|seen| seen.outcome)
    }

    /// Whether the peer of a link is known to have an item. Doesn't count as use.
    #[must_use]
    pub fn knows(&self, id: impl Into<ShortId>, link: Link) -> bool {
        self.peek(id).is_some_and(|seen| self.holds(seen, link))
    }

    /// Whether the peer of a link is known to have the item of an entry.
    pub(crate) fn holds(&self, seen: &Seen, link: Link) -> bool {
        let is_void = |departures: &Departures| departures.voids(seen, link);
        seen.known.contains(link) && !self.departures.as_deref().is_some_and(is_void)
    }

    /// Remembers an item. When full, the least recently used one is forgotten.
    pub fn insert(&mut self, id: impl Into<ShortId>, mut seen: Seen) {
        let id = id.into();
        seen.age = self.age(seen.outcome);
        seen.departures = self.departures.as_ref().map_or(0, |departures| departures.count);
        if let Some(place) = self.place(id) {
            self.use_now(place);
            self.entries[place as usize].seen = seen;
            return;
        }
        let entry = Entry { id, seen, newer: NONE, older: NONE };
        let place = if self.entries.len() < self.max {
            self.entries.push(entry);
            place_of(self.entries.len() - 1)
        } else {
            let place = self.forget_oldest();
            self.entries[place as usize] = entry;
            place
        };
        self.attach(place);
        if self.places.is_empty() && self.entries.len() > FEW {
            (0..place).for_each(|place| self.index(place));
        }
        if self.entries.len() > FEW {
            self.index(place);
        }
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
    pub fn confirm(&mut self, id: impl Into<ShortId>) {
        let id = id.into();
        let place = self.current(id);
        let known = place.map(|place| std::mem::take(&mut self.cleared(place).known));
        self.insert(id, Seen::new(Outcome::Confirmed, known.unwrap_or_default()));
    }

    /// Notes that the peer of a link has an item, which counts as use; false if the item isn't in the cache.
    pub fn note(&mut self, id: impl Into<ShortId>, link: Link) -> bool {
        let Some(place) = self.current(id) else { return false };
        self.use_now(place);
        self.cleared(place).known.insert(link);
        true
    }

    /// Notes that the peer of a link is being given or told of an item. Doesn't count as use: it was used when
    /// it came, and one item is told to all peers.
    pub fn note_told(&mut self, id: impl Into<ShortId>, link: Link) {
        if let Some(place) = self.current(id) {
            self.cleared(place).known.insert(link);
        }
    }

    /// Reads what a lookup of the first item will, see `node/warm.rs`.
    pub(crate) fn warm(&self) -> u64 {
        self.entries.first().map_or(0, |entry| u64::from(entry.newer ^ entry.older))
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
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it remembers none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn place(&self, id: impl Into<ShortId>) -> Option<u32> {
        let id = id.into();
        if self.entries.len() <= FEW {
            return self.entries.iter().position(|entry| entry.id == id).map(place_of);
        }
        let is_it = |place: &u32| self.entries[*place as usize].id == id;
        self.places.find(self.salt.hash_one(id), is_it).copied()
    }

    /// Has an entry found by the table.
    fn index(&mut self, place: u32) {
        let Self { places, entries, salt, .. } = self;
        let hash = |place: &u32| salt.hash_one(entries[*place as usize].id);
        places.insert_unique(hash(&place), place, hash);
    }

    /// The place of an item whose outcome still holds.
    fn current(&self, id: impl Into<ShortId>) -> Option<u32> {
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
        if self.newest != place {
            self.detach(place);
            self.attach(place);
        }
    }

    /// Takes the least recently used entry out of the table and the order, and returns its place.
    fn forget_oldest(&mut self) -> u32 {
        let place = self.oldest;
        self.detach(place);
        let hash = self.salt.hash_one(self.entries[place as usize].id);
        if let Ok(found) = self.places.find_entry(hash, |other| *other == place) {
            found.remove();
        }
        place
    }

    fn attach(&mut self, place: u32) {
        let older = std::mem::replace(&mut self.newest, place);
        let entry = &mut self.entries[place as usize];
        (entry.newer, entry.older) = (NONE, older);
        match self.entries.get_mut(older as usize) {
            Some(older) => older.newer = place,
            None => self.oldest = place,
        }
    }

    fn detach(&mut self, place: u32) {
        let Entry { newer, older, .. } = self.entries[place as usize];
        match self.entries.get_mut(newer as usize) {
            Some(newer) => newer.older = older,
            None => self.newest = older,
        }
        match self.entries.get_mut(older as usize) {
            Some(older) => older.newer = newer,
            None => self.oldest = newer,
        }
    }
}

/// The bound on entries keeps places within 32 bits.
fn place_of(index: usize) -> u32 {
    u32::try_from(index).expect("at most u32::MAX entries are kept")
}

impl std::fmt::Debug for SeenCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SeenCache({} of {})", self.len(), self.max)
    }
}

impl Part for SeenCache {
    fn on_link_down(&mut self, link: Link, _cx: &mut Cx<'_>) {
        self.forget_link(link);
    }

    fn check(&self, params: &Params) {
        let (len, max) = (self.len(), params.memory.seen_max);
        assert!(len <= max, "seen: {len} of at most {max}");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ground::item::ItemId;
    use proptest::prelude::*;

    fn id(n: u8) -> ItemId {
        ItemId([n; 32])
    }

    #[test]
    fn a_peer_that_is_noted_is_known() {
        let mut seen = SeenCache::new(2, Salt::new(0));
        let link = Link::new(3, 1);
        assert!(!seen.note(id(1), link));
        seen.insert(id(1), Seen::default());
        assert!(!seen.knows(id(1), link));
        assert!(seen.note(id(1), link));
        assert!(seen.knows(id(1), link));
    }

    #[test]
    fn a_block_has_refusals_by_policy_forgotten_and_no_others() {
        let mut seen = SeenCache::new(8, Salt::new(0));
        let outcomes = [
            Outcome::Accepted,
            Outcome::Confirmed,
            Outcome::Invalid,
            Outcome::Refused,
            Outcome::TooCheap,
        ];
        for (n, outcome) in (0..).zip(outcomes) {
            seen.insert(id(n), Seen::new(outcome, LinkSet::default()));
        }
        let held = |seen: &SeenCache| (0..5).map(|n| seen.contains(id(n))).collect::<Vec<_>>();
        seen.on_block(true);
        assert_eq!(held(&seen), [true, true, true, false, false]);
        seen.on_block(false);
        assert_eq!(held(&seen), [true, false, true, false, false]);
        seen.insert(id(3), Seen::new(Outcome::Refused, LinkSet::default()));
        assert_eq!(seen.outcome(id(3)), Some(Outcome::Refused), "it was refused again");
    }

    #[test]
    fn a_newcomer_does_not_inherit_what_was_known_of_its_predecessor() {
        let mut seen = SeenCache::new(2, Salt::new(0));
        let (old, new) = (Link::new(3, 1), Link::new(3, 2));
        seen.insert(id(1), Seen::default());
        seen.note(id(1), old);
        seen.forget_link(old);
        assert!(!seen.knows(id(1), new));
    }

    #[test]
    fn links_that_went_down_are_numbered_without_end() {
        let mut seen = SeenCache::new(3, Salt::new(0));
        let (stays, goes) = (Link::new(1, 1), Link::new(70, 1));
        for n in 1..=3 {
            seen.insert(id(n), Seen::default());
        }
        seen.forget_link(Link::new(5, 1));
        seen.note(id(1), stays);
        seen.note(id(1), goes);
        seen.departures.as_mut().unwrap().count = u32::MAX - 1;
        seen.note(id(2), goes);
        seen.forget_link(goes);
        seen.note(id(3), goes);
        assert!(seen.knows(id(1), stays) && !seen.knows(id(1), goes) && !seen.knows(id(2), goes));
        seen.forget_link(Link::new(2, 1));
        assert_eq!(seen.departures.as_ref().unwrap().count, 1);
        assert!(seen.knows(id(1), stays) && !seen.knows(id(1), goes) && !seen.knows(id(2), goes));
        assert!(seen.knows(id(3), goes));
        seen.forget_link(goes);
        assert!(!seen.knows(id(3), goes));
    }

    #[test]
    fn an_item_that_is_confirmed_keeps_its_holders() {
        let mut seen = SeenCache::new(2, Salt::new(0));
        let link = Link::new(3, 1);
        seen.insert(id(1), Seen::default());
        seen.note(id(1), link);
        seen.confirm(id(1));
        assert!(seen.knows(id(1), link));
        assert_eq!(seen.outcome(id(1)), Some(Outcome::Confirmed));
    }

    proptest! {
        /// Against a set of pairs, in which links are told apart by their generations.
        #[test]
        fn it_knows_the_holders_among_live_links(
            steps in prop::collection::vec((0_u8..6, 0_u8..4, 0_u32..3), 1..200),
        ) {
            let mut seen = SeenCache::new(4, Salt::new(1));
            let mut generations = [1_u32; 3];
            let mut model: BTreeSet<(u8, usize, u32)> = BTreeSet::new();
            (0..4).for_each(|n| seen.insert(id(n), Seen::default()));
            for (step, n, which) in steps {
                let slot = [0, 63, 64][which as usize];
                let generation = &mut generations[which as usize];
                let link = Link::new(slot, *generation);
                match step {
                    0 => {
                        seen.forget_link(link);
                        *generation += 1;
                    }
                    1 => seen.confirm(id(n)),
                    2 => {
                        seen.insert(id(n), Seen::default());
                        model.retain(|(held, ..)| *held != n);
                    }
                    step => {
                        if step == 3 { seen.note_told(id(n), link) } else { seen.note(id(n), link); }
                        model.insert((n, link.slot(), *generation));
                    }
                }
                for (slot, generation) in [0, 63, 64].into_iter().zip(generations) {
                    let link = Link::new(slot, generation);
                    for n in 0..4 {
                        let is_holder = model.contains(&(n, link.slot(), generation));
                        prop_assert_eq!(seen.knows(id(n), link), is_holder);
                    }
                }
            }
        }

        /// Against a list in order of use.
        #[test]
        fn it_forgets_the_least_recently_used(
            ops in prop::collection::vec((any::<bool>(), 0_u8..24), 1..200),
            max in 1_usize..3 * FEW,
            salt in any::<u64>(),
        ) {
            let mut seen = SeenCache::new(max, Salt::new(salt));
            let mut model: Vec<u8> = Vec::new();
            for (is_insert, n) in ops {
                let position = model.iter().position(|held| *held == n);
                if is_insert {
                    seen.insert(id(n), Seen::default());
                } else {
                    prop_assert_eq!(seen.note(id(n), Link::new(0, 1)), position.is_some());
                }
                if let Some(position) = position {
                    model.remove(position);
                }
                if is_insert || position.is_some() {
                    model.push(n);
                }
                if model.len() > max {
                    model.remove(0);
                }
                prop_assert_eq!(seen.len(), model.len());
                for n in 0..24 {
                    prop_assert_eq!(seen.contains(id(n)), model.contains(&n));
                }
            }
        }
    }
}
