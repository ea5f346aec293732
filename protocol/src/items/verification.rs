//! Verification: items whose expensive checks are under way elsewhere, and what waits for their verdicts.
//!
//! Most are judged alone. A parent that pays too little and a child that pays for both are a *pair*: they are
//! accepted together once both have passed, and fall together when one fails.
//!
//! # Bounds
//! At most `memory.verifying_max` transactions, and [`BLOCKS_MAX`] blocks beside them: no block waits for transactions. Of
//! each kind at most `memory.verifying_max_bytes`, but for one item if that is larger; and of transactions a quarter of
//! those by one link. Whoever begins a check sees to that (see [`Verification::has_room_for`]). Over it an arriving item is
//! dropped: it is asked for again, from somebody else first.
//!
//! A link may have an eighth of that under way before it is slowed, so that one that floods leaves seven eighths to
//! the others; and never more than a quarter of what is still free, so that many busy links slow down before there
//! is no room, with some left for one more item of each (as switches share their buffers: Choudhury and Hahne 1998,
//! "Dynamic queue length thresholds").

use std::sync::Arc;
use std::time::Duration;

use crate::chain::{Inspection, Verified};
use crate::ground::item::{Item, ItemId, ItemKind, Name};
use crate::ground::link::Link;
use crate::ground::map::{Map, Salt};
use crate::machine::Part;
use crate::params::Params;

/// A link may have this part of `memory.verifying_max` under way before it is slowed. A guess.
const SHARES: usize = 8;

/// A link may have this part of `memory.verifying_max_bytes` under way at most. A guess.
const BYTE_SHARES: usize = 4;

/// For how long a link is slowed that has more than its share under way. A guess: what a batch takes.
pub const PAUSE: Duration = Duration::from_millis(5);

/// The same while blocks take half of their room; 128 times as long once they take all of it. A guess: what blocks of 100 kB take, and those
/// of 4 MB that are full of signatures.
const BLOCK_PAUSE: Duration = Duration::from_millis(1);

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
    /// Bytes of all of them, by [`ItemKind`].
    bytes: [usize; 2],
    /// What came by each link, of links that have any.
    shares: Vec<(Link, Share)>,
}

/// What came by one link.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    items: usize,
    /// Of transactions.
    bytes: usize,
}

impl Verification {
    /// Nothing is under way.
    #[must_use]
    pub fn new(salt: Salt) -> Self {
        Self { under_way: Map::new(salt), blocks: 0, bytes: [0; 2], shares: Vec::new() }
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

    /// Whether so many more of a kind, of so many bytes together, may be under way that came by a link.
    #[must_use]
    pub fn has_room_for(
        &self,
        (items, bytes): (usize, usize),
        kind: ItemKind,
        ingress: Option<Link>,
        params: &Params,
    ) -> bool {
        let max = params.memory.verifying_max_bytes;
        let fits = |held: usize, max: usize| held == 0 || held + bytes <= max;
        let has_bytes = fits(self.bytes[kind as usize], max);
        match kind {
            ItemKind::Tx => {
                self.transactions() + items <= params.memory.verifying_max
                    && has_bytes
                    && fits(self.share(ingress).bytes, max / BYTE_SHARES)
            }
            ItemKind::Block => self.blocks + items <= BLOCKS_MAX && has_bytes,
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

    /// A check begins, of an item that isn't under way. For how long the link is to be slowed that the item came by, if it has more than
    /// its share under way now, or if blocks take half of their room, so that what is on its way still finds some: the longer the less
    /// room there is. So blocks that are checked in no time keep nobody waiting for long, and those that take long find room.
    pub fn begin(&mut self, checking: Checking, params: &Params) -> Option<Duration> {
        let max = params.memory.verifying_max;
        debug_assert!(!self.contains(checking.item.id()), "it is under way: a verdict names one");
        let free = max.saturating_sub(self.transactions());
        self.count(&checking, true);
        let share = self.share(checking.ingress).items;
        let pause = match checking.item.kind() {
            ItemKind::Block => self.block_pause(params),
            ItemKind::Tx => None,
        };
        self.under_way.insert(checking.item.id(), checking);
        let is_over = share > (free / 4).min(max / SHARES).max(1);
        pause.max(is_over.then_some(PAUSE))
    }

    /// For how long whoever brought a block is slowed: twice as long for each sixteenth of the room over one half.
    fn block_pause(&self, params: &Params) -> Option<Duration> {
        let (bytes, max) =
            (self.bytes[ItemKind::Block as usize], params.memory.verifying_max_bytes);
        let sixteenths = (16 * self.blocks).div_ceil(BLOCKS_MAX).max(16 * bytes / max.max(1));
        Some(BLOCK_PAUSE * (1 << sixteenths.min(16).checked_sub(9)?))
    }

    /// A check ends, whatever came of it.
    pub fn end(&mut self, id: ItemId) -> Option<Checking> {
        let checking = self.under_way.remove(&id)?;
        self.count(&checking, false);
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

    /// What came by a link.
    fn share(&self, link: Option<Link>) -> Share {
        let held = self.shares.iter().find(|(held, _)| Some(*held) == link);
        held.map(|(_, share)| *share).unwrap_or_default()
    }

    /// One more is under way, or one less.
    fn count(&mut self, checking: &Checking, begins: bool) {
        let change = |held: &mut usize, by: usize| {
            *held = if begins { *held + by } else { *held - by };
        };
        let (kind, bytes) = (checking.item.kind(), checking.item.size());
        let is_block = kind == ItemKind::Block;
        change(&mut self.blocks, usize::from(is_block));
        change(&mut self.bytes[kind as usize], bytes);
        let Some(link) = checking.ingress else { return };
        let place = self.shares.iter().position(|(held, _)| *held == link);
        let place = place.unwrap_or_else(|| {
            self.shares.push((link, Share::default()));
            self.shares.len() - 1
        });
        let share = &mut self.shares[place].1;
        change(&mut share.items, 1);
        change(&mut share.bytes, if is_block { 0 } else { bytes });
        if share.items == 0 {
            self.shares.swap_remove(place);
        }
    }
}

impl Part for Verification {
    fn check(&self, params: &Params) {
        let (len, blocks) = (self.len(), self.blocks);
        let (transactions, max) = (self.transactions(), params.memory.verifying_max);
        assert!(transactions <= max, "verifying: {transactions} of at most {max}");
        assert!(blocks <= BLOCKS_MAX, "verifying: {blocks} blocks of at most {BLOCKS_MAX}");
        let most = params.memory.verifying_max_bytes;
        for (kind, items) in [(ItemKind::Tx, transactions), (ItemKind::Block, blocks)] {
            let bytes = self.bytes[kind as usize];
            assert!(items <= 1 || bytes <= most, "verifying: {bytes} bytes of {kind}s");
            assert!(items > 0 || bytes == 0, "verifying: {bytes} bytes of nothing");
        }
        let shares: usize = self.shares.iter().map(|(_, share)| share.items).sum();
        assert!(shares <= len, "{shares} items under way in the name of links, {len} in all");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::item::Hash256;

    /// Pauses of blocks of a size that come one after the other, as long as there is room, milliseconds.
    fn pauses(size: usize) -> Vec<u128> {
        let (mut verification, params) = (Verification::new(Salt::new(1)), Params::default());
        let ingress = Some(Link::new(0, 1));
        let mut pauses = Vec::new();
        while verification.has_room_for((1, size), ItemKind::Block, ingress, &params) {
            let id = ItemId::block(Hash256([u8::try_from(pauses.len()).unwrap(); 32]));
            let item = Item::identified(id, vec![0; size].into());
            let (inspection, holders) = (Inspection::default(), Vec::new());
            let checking = Checking { item, inspection, ingress, holders, pair: None };
            pauses.push(verification.begin(checking, &params).map_or(0, |it| it.as_millis()));
            verification.check(&params);
        }
        pauses
    }

    #[test]
    fn who_brings_blocks_is_slowed_the_more_the_less_room_there_is() {
        assert_eq!(pauses(1), [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128]);
        assert_eq!(pauses(4_000_000), [0, 0, 8, 128]);
        assert_eq!(pauses(1_600_000), [0, 0, 0, 0, 0, 1, 4, 8, 32, 128]);
    }
}
