//! The tree of headers: which blocks there are, which of them are here, and which branch has most work.
//!
//! A header is a block's place in the chain and costs its maker work, so that headers can be kept before there is a body. Two chains
//! lead through the tree from its root. The *main* chain is that of the headers with most work, and of those the one that was
//! there first; its blocks are worth fetching. The *active* chain is the one whose blocks are connected: what they contain counts as
//! confirmed. It follows the main chain as blocks come.
//!
//! A block is *stored* once its body passed the rules, and whoever drives the machine keeps it. It is *linked* if all blocks before
//! it are stored too: only linked blocks can be connected.
//!
//! # Bounds
//! At most `blocks.headers_max` headers, [`SIDE_MAX`] of them beside the main chain: when another comes the end of the branch with least
//! work is forgotten, unless it is active. A header that leads to less work than the active chain had [`WORTH_DEPTH`] blocks
//! ago isn't taken (Bitcoin Core: `GetAntiDoSWorkThreshold`, `net_processing.cpp`), so that memory can't be filled with headers
//! that cost little. Each takes some 250 bytes.

mod branches;

use std::collections::{BTreeSet, VecDeque};

use crate::chain::BlockHeader;
use crate::ground::item::Hash256;
use crate::ground::map::{Map, Salt};

pub use branches::Step;

/// Most headers beside the main chain. A guess: a month of one side branch each two hours, three deep.
pub const SIDE_MAX: usize = 1_000;

/// What leads to less work than there was so many blocks ago isn't taken (Bitcoin Core: 144 blocks,
/// `GetAntiDoSWorkThreshold`).
pub const WORTH_DEPTH: u32 = 144;

/// A block is news if the headers that are known promise no more than so much more work, counted in blocks like it. A guess: a few
/// that are on their way, and not the rest of a chain that is being fetched.
const NEWS_DEPTH: u128 = 8;

/// Most blocks that are remembered for breaking a rule; the oldest is forgotten first, and costs a fetch if somebody mines on it. A guess.
const INVALID_MAX: usize = 256;

/// A header's place in memory.
type Place = u32;

/// The place of the root.
const ROOT: Place = 0;

/// How far a block has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Only its header is known.
    Header,
    /// Its body passed the rules, and it is kept.
    Stored,
}

/// What is known of the work to which a header leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// Its own at least.
    Unknown,
    /// It belongs to headers that lead to enough, or our operator wants it.
    Vouched,
}

/// Why a header isn't taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// What it follows isn't known.
    Unconnected,
    /// It breaks a rule, as was found out, or follows directly on one that does.
    Invalid,
    /// It leads to so little work that it isn't worth remembering.
    TooLittleWork,
    /// There are as many headers as there may be.
    Full,
}

/// A header of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View<'a> {
    /// The block's id.
    pub id: Hash256,
    /// The block before.
    pub parent: Hash256,
    /// How many blocks come before it, counted from the root: the first block's is 1.
    pub height: u32,
    /// The work of the chain that ends with it.
    pub work: u128,
    /// When it was made, seconds since 1970, as its maker says.
    pub time_s: u64,
    /// How far it has come.
    pub status: Status,
    /// Whether it is connected: what it contains counts as confirmed.
    pub is_active: bool,
    /// Its bytes.
    pub header: &'a [u8],
}

#[derive(Clone, Debug)]
struct Entry {
    id: Hash256,
    parent: Place,
    height: u32,
    /// Of the chain that ends here.
    work: u128,
    time_s: u64,
    header: Box<[u8]>,
    status: Status,
    is_linked: bool,
    /// How many headers were taken before: of equal work the first counts.
    order: u64,
    /// One of the headers that follow it directly, and another one that follows the same; the root, which follows nothing, if there is
    /// none.
    first_child: Place,
    next_sibling: Place,
}

/// The end of a branch, in the order of worth: more work first, then who was there first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    work: u128,
    order: std::cmp::Reverse<u64>,
    place: Place,
}

/// The tree. It begins with a root, which is no block.
#[derive(Clone, Debug)]
pub struct Tree {
    entries: Vec<Entry>,
    places: Map<Hash256, Place>,
    /// Places of headers that were forgotten.
    vacant: Vec<Place>,
    /// Headers that nothing follows.
    ends: BTreeSet<Rank>,
    /// Blocks that broke a rule. They and what follows them aren't in the tree.
    invalid: VecDeque<Hash256>,
    /// The best of the linked blocks.
    best_linked: Place,
    main: Vec<Place>,
    active: Vec<Place>,
    taken: u64,
}

impl Tree {
    /// Nothing but the root.
    #[must_use]
    pub fn new(root: Hash256, salt: Salt) -> Self {
        let entry = Entry {
            id: root,
            parent: ROOT,
            height: 0,
            work: 0,
            time_s: 0,
            header: Box::default(),
            status: Status::Stored,
            is_linked: true,
            order: 0,
            first_child: ROOT,
            next_sibling: ROOT,
        };
        let mut places = Map::new(salt);
        places.insert(root, ROOT);
        Self {
            ends: [rank(ROOT, &entry)].into(),
            entries: vec![entry],
            places,
            vacant: Vec::new(),
            invalid: VecDeque::new(),
            best_linked: ROOT,
            main: vec![ROOT],
            active: vec![ROOT],
            taken: 0,
        }
    }

    /// How many headers are known, the root included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len() - self.vacant.len()
    }

    /// Whether there is nothing but the root.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 1
    }

    /// The last connected block; the root if there is none.
    #[must_use]
    pub fn tip(&self) -> View<'_> {
        self.view(last(&self.active))
    }

    /// The header with most work.
    #[must_use]
    pub fn best_header(&self) -> View<'_> {
        self.view(last(&self.main))
    }

    /// A header.
    #[must_use]
    pub fn get(&self, id: Hash256) -> Option<View<'_>> {
        self.place(id).map(|place| self.view(place))
    }

    /// Whether a header is known.
    #[must_use]
    pub fn contains(&self, id: Hash256) -> bool {
        self.places.contains(&id)
    }

    /// The connected block of a height.
    #[must_use]
    pub fn active(&self, height: u32) -> Option<View<'_>> {
        self.active.get(height as usize).map(|place| self.view(*place))
    }

    /// The header of a height that belongs to the chain of most work.
    #[must_use]
    pub fn main(&self, height: u32) -> Option<View<'_>> {
        self.main.get(height as usize).map(|place| self.view(*place))
    }

    /// Whether a block is known to break a rule.
    #[must_use]
    pub fn is_invalid(&self, id: Hash256) -> bool {
        self.invalid.contains(&id)
    }

    /// Whether a block is connected.
    #[must_use]
    pub fn is_active(&self, id: Hash256) -> bool {
        self.place(id).is_some_and(|place| self.is_on(&self.active, place))
    }

    /// Whether a block ends the best branch that is here, and is at most a few blocks behind the header of most work: then it is news.
    /// Not only if it has that header itself, or whoever makes one header and keeps its block would stop all others.
    #[must_use]
    pub fn is_news(&self, id: Hash256) -> bool {
        let Some(place) = self.place(id).filter(|place| *place == self.best_linked) else {
            return false;
        };
        let entry = self.entry(place);
        let own = entry.work - self.entry(entry.parent).work;
        self.best_header().work - entry.work <= own.saturating_mul(NEWS_DEPTH)
    }

    /// Whether one block comes before another, or is the same.
    #[must_use]
    pub fn is_ancestor(&self, of: Hash256, id: Hash256) -> bool {
        let (Some(of), Some(place)) = (self.place(of), self.place(id)) else { return false };
        let height = self.entry(place).height;
        if height > self.entry(of).height {
            return false;
        }
        self.ancestor(of, height) == place
    }

    /// How much work a chain must have to be worth remembering.
    #[must_use]
    pub fn worthwhile(&self) -> u128 {
        let depth = self.active.len().saturating_sub(1 + WORTH_DEPTH as usize);
        self.entry(self.active[depth]).work
    }

    /// The work of the chain that would end with headers of so much work, on top of a known block.
    #[must_use]
    pub fn work_with(&self, parent: Hash256, work: u128) -> Option<u128> {
        Some(self.entry(self.place(parent)?).work.saturating_add(work))
    }

    /// Takes a header whose proof was checked. Says whether it is new.
    ///
    /// # Errors
    /// When it can't be taken.
    pub fn insert(
        &mut self,
        header: &BlockHeader,
        bytes: &[u8],
        worth: Worth,
        max: usize,
    ) -> Result<bool, Refusal> {
        if self.contains(header.id) {
            return Ok(false);
        }
        if [header.id, header.parent].iter().any(|id| self.invalid.contains(id)) {
            return Err(Refusal::Invalid);
        }
        let parent = self.place(header.parent).ok_or(Refusal::Unconnected)?;
        let before = self.entry(parent);
        let (work, height) = (before.work.saturating_add(header.work), before.height + 1);
        if worth == Worth::Unknown && work < self.worthwhile() {
            return Err(Refusal::TooLittleWork);
        }
        self.make_room(parent, worth, max)?;
        self.taken += 1;
        let entry = Entry {
            id: header.id,
            parent,
            height,
            work,
            time_s: header.time_s,
            header: bytes.into(),
            status: Status::Header,
            is_linked: false,
            order: self.taken,
            first_child: ROOT,
            next_sibling: self.entry(parent).first_child,
        };
        self.ends.remove(&rank(parent, self.entry(parent)));
        let place = match self.vacant.pop() {
            Some(place) => {
                self.entries[place as usize] = entry;
                place
            }
            None => {
                let place = Place::try_from(self.entries.len()).map_err(|_| Refusal::Full)?;
                self.entries.push(entry);
                place
            }
        };
        self.entry_mut(parent).first_child = place;
        self.places.insert(header.id, place);
        self.ends.insert(rank(place, self.entry(place)));
        self.follow_best();
        Ok(true)
    }

    /// A block passed the rules, and is kept. Says whether it and all before it are here now.
    pub fn on_stored(&mut self, id: Hash256) -> bool {
        let Some(place) = self.place(id) else { return false };
        self.entry_mut(place).status = Status::Stored;
        if self.entry(self.entry(place).parent).is_linked {
            self.link_from(place);
        }
        self.entry(place).is_linked
    }

    /// All headers of an earlier run are here: the best block that can be connected is the tip again, but for the last few, which are
    /// connected once more. So many are meant by `again`.
    pub fn resume(&mut self, again: u32) {
        let height = self.entry(self.best_linked).height.saturating_sub(again);
        let mut place = self.ancestor(self.best_linked, height);
        let mut chain = vec![place];
        while place != ROOT {
            place = self.entry(place).parent;
            chain.push(place);
        }
        chain.reverse();
        self.active = chain;
    }

    /// A block isn't kept any more, or never was: it has to be fetched again. Nothing happens to one that is connected.
    pub fn on_lost(&mut self, id: Hash256) {
        let Some(place) = self.place(id).filter(|place| !self.is_on(&self.active, *place)) else {
            return;
        };
        self.entry_mut(place).status = Status::Header;
        self.unlink_from(place);
    }

    /// A block broke a rule: it and all that follow it leave. Nothing happens to one that is connected.
    pub fn on_invalid(&mut self, id: Hash256) {
        if !self.invalid.contains(&id) {
            self.invalid.truncate(INVALID_MAX - 1);
            self.invalid.push_front(id);
        }
        let Some(place) = self.place(id).filter(|place| !self.is_on(&self.active, *place)) else {
            return;
        };
        let doomed = self.with_descendants(place);
        let is_linked = doomed.iter().any(|place| self.entry(*place).is_linked);
        doomed.into_iter().rev().for_each(|place| self.forget(place));
        if is_linked {
            self.find_best_linked();
        }
        self.follow_best();
    }
}

fn last(chain: &[Place]) -> Place {
    *chain.last().expect("a chain begins with the root")
}

fn rank(place: Place, entry: &Entry) -> Rank {
    Rank { work: entry.work, order: std::cmp::Reverse(entry.order), place }
}

#[cfg(test)]
mod tests;
