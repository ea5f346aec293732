//! Links: the live connections of one node, as small dense handles.
//!
//! The driver gives each connected peer a [`Link`]: the lowest free slot, and a generation that makes
//! a handle of an earlier connection in the same slot tell itself apart. Per-link state is then an
//! array ([`LinkTable`]) and a set of links a bit field ([`LinkSet`]); no map is needed on the hot path.

use std::fmt;

/// Handle of a live connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    slot: u32,
    generation: u32,
}

impl Link {
    /// The handle of the `generation`-th connection in `slot`. Only drivers make links.
    #[must_use]
    pub const fn new(slot: u32, generation: u32) -> Self {
        Self { slot, generation }
    }

    /// The place in per-link arrays. Dense: a driver always hands out the lowest free one.
    #[must_use]
    pub const fn slot(self) -> usize {
        self.slot as usize
    }

    /// Tells successive connections in one slot apart.
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.generation)
    }
}

/// Who dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The peer dialled us.
    Inbound,
    /// We dialled the peer.
    Outbound,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        })
    }
}

/// State kept for each live link, found by slot and checked by generation.
///
/// Bounded by the number of live links, which the peer table bounds. It grows by a quarter: doubling
/// would leave a third of it empty, and a simulator holds several for each of a million nodes.
#[derive(Clone, Debug)]
pub struct LinkTable<T> {
    slots: Vec<Option<Held<T>>>,
    live: usize,
}

/// What a slot holds; its place tells the rest of the [`Link`].
#[derive(Clone, Debug)]
struct Held<T> {
    generation: u32,
    state: T,
}

impl<T> Default for LinkTable<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), live: 0 }
    }
}

impl<T> LinkTable<T> {
    /// Makes room for so many links at once; more are welcome.
    pub fn reserve(&mut self, links: usize) {
        self.slots.reserve_exact(links.saturating_sub(self.slots.len()));
    }

    /// Adds the state of a new link. A link that still held the slot is returned: the driver broke
    /// the contract, and its state would otherwise be lost silently.
    pub fn insert(&mut self, link: Link, state: T) -> Option<(Link, T)> {
        let wanted = link.slot() + 1;
        if self.slots.len() < wanted {
            if self.slots.capacity() < wanted {
                let spare = (self.slots.len() / 4).max(3);
                self.slots.reserve_exact(wanted + spare - self.slots.len());
            }
            self.slots.resize_with(wanted, || None);
        }
        let held = Held { generation: link.generation, state };
        let before = self.slots[link.slot()].replace(held);
        self.live += usize::from(before.is_none());
        before.map(|held| (Link::new(link.slot, held.generation), held.state))
    }

    /// Removes a link's state; `None` if the link isn't live.
    pub fn remove(&mut self, link: Link) -> Option<T> {
        let slot = self.slots.get_mut(link.slot())?;
        let held = slot.take_if(|held| held.generation == link.generation)?;
        self.live -= 1;
        Some(held.state)
    }

    /// The state of a live link.
    #[must_use]
    pub fn get(&self, link: Link) -> Option<&T> {
        match self.slots.get(link.slot())? {
            Some(held) if held.generation == link.generation => Some(&held.state),
            _ => None,
        }
    }

    /// The state of a live link, to change.
    pub fn get_mut(&mut self, link: Link) -> Option<&mut T> {
        match self.slots.get_mut(link.slot())? {
            Some(held) if held.generation == link.generation => Some(&mut held.state),
            _ => None,
        }
    }

    /// The live link in a slot.
    #[must_use]
    pub fn at(&self, slot: usize) -> Option<Link> {
        let held = self.slots.get(slot)?.as_ref()?;
        u32::try_from(slot).ok().map(|slot| Link::new(slot, held.generation))
    }

    /// The live link in a slot, and its state, to change.
    pub fn at_mut(&mut self, slot: usize) -> Option<(Link, &mut T)> {
        let held = self.slots.get_mut(slot)?.as_mut()?;
        let link = Link::new(u32::try_from(slot).ok()?, held.generation);
        Some((link, &mut held.state))
    }

    /// Live links in slot order, which is the same in every run.
    pub fn iter(&self) -> impl Iterator<Item = (Link, &T)> {
        (0..).zip(&self.slots).filter_map(|(slot, held)| {
            held.as_ref().map(|held| (Link::new(slot, held.generation), &held.state))
        })
    }

    /// Live links in slot order, to change their state.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Link, &mut T)> {
        (0..).zip(&mut self.slots).filter_map(|(slot, held)| {
            held.as_mut().map(|held| (Link::new(slot, held.generation), &mut held.state))
        })
    }

    /// How many links are live.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.live
    }

    /// Whether no link is live.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// One more than the highest slot ever used: what a walk by [`LinkTable::at`] must cover.
    #[must_use]
    pub const fn slots(&self) -> usize {
        self.slots.len()
    }
}

/// A set of link slots. The first 64 cost no allocation, since most nodes never have more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkSet {
    low: u64,
    high: Box<[u64]>,
}

impl LinkSet {
    /// Adds a link; true if it wasn't in the set.
    pub fn insert(&mut self, link: Link) -> bool {
        let (word, bit) = self.word_mut(link.slot());
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Removes a link; true if it was in the set.
    pub fn remove(&mut self, link: Link) -> bool {
        if !self.contains(link) {
            return false;
        }
        let (word, bit) = self.word_mut(link.slot());
        *word &= !bit;
        true
    }

    /// Whether the link is in the set.
    #[must_use]
    pub fn contains(&self, link: Link) -> bool {
        let slot = link.slot();
        let word =
            if slot < 64 { self.low } else { self.high.get(slot / 64 - 1).copied().unwrap_or(0) };
        word & (1 << (slot % 64)) != 0
    }

    /// How many links are in the set.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.low.count_ones() + self.high.iter().map(|word| word.count_ones()).sum::<u32>()
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn word_mut(&mut self, slot: usize) -> (&mut u64, u64) {
        let bit = 1 << (slot % 64);
        if slot < 64 {
            return (&mut self.low, bit);
        }
        let index = slot / 64 - 1;
        if self.high.len() <= index {
            let mut words = std::mem::take(&mut self.high).into_vec();
            words.resize(index + 1, 0);
            self.high = words.into();
        }
        (&mut self.high[index], bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_event_cannot_reach_a_newcomer_in_the_same_slot() {
        let mut table = LinkTable::default();
        let (old, new) = (Link::new(0, 1), Link::new(0, 2));
        assert!(table.insert(old, "old").is_none());
        assert_eq!(table.remove(old), Some("old"));
        assert!(table.insert(new, "new").is_none());
        assert_eq!(table.get(old), None);
        assert_eq!(table.remove(old), None);
        assert_eq!(table.get(new), Some(&"new"));
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_table_is_walked_in_slot_order() {
        let mut table = LinkTable::default();
        for slot in [3, 0, 2] {
            table.insert(Link::new(slot, 1), slot);
        }
        let slots: Vec<_> = table.iter().map(|(_, slot)| *slot).collect();
        assert_eq!(slots, [0, 2, 3]);
    }

    #[test]
    fn a_set_holds_slots_beyond_its_inline_words() {
        let mut set = LinkSet::default();
        for slot in [0, 63, 64, 200] {
            assert!(set.insert(Link::new(slot, 7)));
            assert!(!set.insert(Link::new(slot, 7)));
        }
        assert_eq!(set.len(), 4);
        assert!(set.remove(Link::new(200, 7)));
        assert!(!set.remove(Link::new(200, 7)));
        assert!(!set.contains(Link::new(200, 7)));
        assert!(set.contains(Link::new(64, 7)));
    }
}
