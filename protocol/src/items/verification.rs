//! Verification: items whose expensive checks are under way elsewhere, and what waits for their verdicts.
//!
//! Most are judged alone. A parent that pays too little and a child that pays for both are a *pair*: they are
//! accepted together once both have passed, and fall together when one fails.
//!
//! # Bounds
//! At most `memory.verifying_max` transactions, and [`BLOCKS_MAX`] blocks beside them, which whoever begins a check sees
//! to (see [`Verification::has_room_for`]): no block waits for transactions.
//! A link may have an eighth of that under way before it is slowed, so that one that floods leaves seven eighths to
//! the others; and never more than a quarter of what is still free, so that many busy links slow down before there
//! is no room, with some left for one more item of each (as switches share their buffers: Choudhury and Hahne 1998,
//! "Dynamic queue length thresholds").

use crate::chain::Verified;
use std::sync::Arc;

use crate::chain::Inspection;
use crate::ground::item::{Item, ItemId, ItemKind, Name};
use crate::ground::link::Link;
use crate::ground::map::{Map, Salt};
use crate::machine::Part;
use crate::params::Params;

/// A link may have this part of `memory.verifying_max` under way before it is slowed. A guess.
const SHARES: usize = 8;

/// Most blocks under way. A guess: more come together only when a node catches up.
pub const BLOCKS_MAX: usize = 16;

/// An item that waits for its verdict.
#[derive(Clone, Debug)]
pub struct Checking {
    /// The item.
    pub item: Arc<Item>,
    /// What its inspection found.
    pub inspection: Inspection,
    /// The link that it came by; `None` if our operator submitted it.
    pub ingress: Option<Link>,
    /// Links whose peers have the item: at most one entry for each link.
    pub holders: Vec<Link>,
    /// Set if it is judged together with another one.
    pub pair: Option<Pair>,
}

impl Checking {
    /// Whether these very bytes are being checked: a verdict that comes late may be of others, under the same id by
    /// rules whose ids leave signatures out.
    fn is_of(&self, item: &Item) -> bool {
        std::ptr::eq(&raw const *self.item, item) || *self.item == *item
    }
}

/// A parent and a child that pays for it, both being checked.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// The other one.
    pub other: ItemId,
    /// This one is the parent.
    pub is_parent: bool,
    /// This one has passed its checks.
    pub is_verified: bool,
}

/// What a good verdict lets in.
#[derive(Clone, Debug)]
pub enum Passed {
    /// An item by itself, and what was found out of it.
    Alone(Checking, Verified),
    /// A pair: both have passed.
    Pair {
        /// The one that pays too little.
        parent: Checking,
        /// The one that pays for both.
        child: Checking,
    },
}

/// The items under way.
#[derive(Clone, Debug)]
pub struct Verification {
    under_way: Map<ItemId, Checking>,
    /// How many of them are blocks.
    blocks: usize,
    /// How many came by each link, of links that have any.
    shares: Vec<(Link, usize)>,
}

impl Verification {
    /// Nothing is under way.
    #[must_use]
    pub fn new(salt: Salt) -> Self {
        Self { under_way: Map::new(salt), blocks: 0, shares: Vec::new() }
    }

    /// How many are under way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.under_way.len() == 0
    }

    /// Whether so many more of a kind may be under way.
    #[must_use]
    pub fn has_room_for(&self, items: usize, kind: ItemKind, params: &Params) -> bool {
        match kind {
            ItemKind::Tx => self.transactions() + items <= params.memory.verifying_max,
            ItemKind::Block => self.blocks + items <= BLOCKS_MAX,
        }
    }

    fn transactions(&self) -> usize {
        self.under_way.len() - self.blocks
    }

    /// Whether an item is under way.
    #[must_use]
    pub fn contains(&self, id: impl Into<Name>) -> bool {
        self.under_way.contains(&id.into())
    }

    /// Notes that a link's peer has an item; false if it isn't under way.
    pub fn note_holder(&mut self, name: Name, link: Link) -> bool {
        let Some(checking) = self.under_way.get_mut(&name) else { return false };
        if !checking.holders.contains(&link) {
            checking.holders.push(link);
        }
        true
    }

    /// A check begins, of an item that isn't under way. True if the link that the item came by has more than its share under way now.
    pub fn begin(&mut self, checking: Checking, params: &Params) -> bool {
        let max = params.memory.verifying_max;
        debug_assert!(!self.contains(checking.item.id()), "it is under way: a verdict names one");
        let free = max.saturating_sub(self.transactions());
        let share = checking.ingress.map_or(0, |link| self.share(link));
        self.blocks += usize::from(checking.item.kind() == ItemKind::Block);
        self.under_way.insert(checking.item.id(), checking);
        share > (free / 4).min(max / SHARES).max(1)
    }

    /// A check ends, whatever came of it.
    pub fn end(&mut self, id: ItemId) -> Option<Checking> {
        let checking = self.under_way.remove(&id)?;
        self.blocks -= usize::from(id.kind() == ItemKind::Block);
        let of_link = |(link, _): &(Link, usize)| Some(*link) == checking.ingress;
        if let Some(place) = self.shares.iter().position(of_link) {
            self.shares[place].1 -= 1;
            if self.shares[place].1 == 0 {
                self.shares.swap_remove(place);
            }
        }
        Some(checking)
    }

    /// An item passed its checks, which may have told its fee: what may come in now. One of a pair waits for the other.
    pub fn on_passed(&mut self, item: &Item, verified: Verified) -> Option<Passed> {
        let id = item.id();
        let checking = self.under_way.get_mut(&id).filter(|checking| checking.is_of(item))?;
        checking.inspection.learn(&verified);
        match &mut checking.pair {
            None => self.end(id).map(|checking| Passed::Alone(checking, verified)),
            Some(pair) => {
                pair.is_verified = true;
                self.take_pair(id)
            }
        }
    }

    /// An item failed its checks: it, and the one that falls with it.
    pub fn on_failed(&mut self, item: &Item) -> Option<(Checking, Option<Checking>)> {
        self.under_way.get(&item.id()).filter(|checking| checking.is_of(item))?;
        let failed = self.end(item.id())?;
        let other = failed.pair.and_then(|pair| self.end(pair.other));
        Some((failed, other))
    }

    /// Takes out a pair if both have passed.
    pub fn take_pair(&mut self, id: ItemId) -> Option<Passed> {
        let Pair { other, is_parent, .. } = self.verified_pair(id)?;
        self.verified_pair(other)?;
        let (parent, child) = if is_parent { (id, other) } else { (other, id) };
        Some(Passed::Pair { parent: self.end(parent)?, child: self.end(child)? })
    }

    fn verified_pair(&self, id: ItemId) -> Option<Pair> {
        self.under_way.get(&id)?.pair.filter(|pair| pair.is_verified)
    }

    /// One more came by a link: how many that makes.
    fn share(&mut self, link: Link) -> usize {
        let place = self.shares.iter().position(|(held, _)| *held == link);
        let place = place.unwrap_or_else(|| {
            self.shares.push((link, 0));
            self.shares.len() - 1
        });
        self.shares[place].1 += 1;
        self.shares[place].1
    }
}

impl Part for Verification {
    fn check(&self, params: &Params) {
        let (len, blocks) = (self.len(), self.blocks);
        let (transactions, max) = (self.transactions(), params.memory.verifying_max);
        assert!(transactions <= max, "verifying: {transactions} of at most {max}");
        assert!(blocks <= BLOCKS_MAX, "verifying: {blocks} blocks of at most {BLOCKS_MAX}");
        let shares: usize = self.shares.iter().map(|(_, count)| count).sum();
        assert!(shares <= len, "{shares} items under way in the name of links, {len} in all");
    }
}
