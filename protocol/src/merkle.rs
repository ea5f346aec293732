//! A Merkle tree over a map from key to version: two peers find out where their maps differ, at a cost of what differs.
//!
//! # The tree
//! A key has a *place*, 64 bits of a strong hash of it, so that keys are spread evenly whatever they look like. A node of
//! the tree is a [`Span`] of places. Its hash is
//! - nothing for no entry, the entry's for one;
//! - the hash of the entries' hashes for up to [`LIST_MAX`];
//! - the hash of its sixteen parts' hashes for more.
//!
//! So the tree is a function of the map, whatever happened to it before, and splits and joins by itself. Hashes of
//! the third sort are kept, and forgotten up to the root where an entry changes; they are made again when somebody asks. A
//! change among 100,000 entries takes 1 µs, and 2 (one of many) to 12 µs (alone) of the next question. Whoever has loaded a map
//! asks for the [root](Tree::root) before a peer does: from nothing it takes 20 ms.
//!
//! *Why no sums*: sums or XORs of hashes would be cheaper to keep, but whoever may write entries can choose them so that
//! the sum stays the same (of 128 bits: 2^23 work and 2,000 entries, Wagner 2002, "A generalized birthday problem", §3;
//! an XOR takes linear algebra alone, Bellare and Micciancio 1997), and so hide from everybody that two nodes differ. A
//! hash of hashes takes a collision of 128 bits, 2^64 work, to hide one span until one of its entries changes. What is sent of a
//! hash is 32 bits under a salt that nobody knew when the entries were made: it hides a difference once in 2^32 times, and
//! not the next time.
//!
//! # A comparison
//! See [`Tree::begin`] and [`Tree::answer`]. One tells of the hashes of sixteen parts, the other of those parts of which its
//! own hash is another, and so on; of what holds little the entries are told, and whoever reads them knows what differs. No
//! side remembers anything: what a message is about stands in it, and what is too much for one answer isn't begun
//! with. Then the message ends before it, at a place which all further ones keep to, and what comes after has its turn in
//! a comparison of its own, which follows by itself. So a pair that differs in everything walks through its places once, in
//! messages of bounded size; a lost link goes on at
//! [`Comparison::from`](crate::wire::merkle::Comparison::from).
//!
//! # Whom to believe
//! Nobody, of anything but themselves. *A peer that lies about hashes*
//! - can hide that it differs from us, by telling our own hashes back. It could as well have taken our entries and said
//!   nothing of its own: what we have with others it doesn't touch, nor can it make two others look equal to one another;
//! - can pretend to differ. An answer costs us at most what [`Answer::looked_at`] can come to (measured: 0.6 ms), for which it is
//!   charged, and is one message; a span has at most sixteen levels below it, and the answer to a message is never about
//!   more than that message was. Nobody is asked again who doesn't answer;
//! - can pretend to lack what it has, or to have what it hasn't: [`DIFFERENCES_MAX`] of those are told for a message, to
//!   be sent or asked for at a budget of the map's. What it sends then is checked as everything is;
//! - can aim keys at one place, if it may write keys: 2^32 work for two that share all bits, which are then
//!   compared, asked for and sent together; and less for two that share some, which make a path deeper.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::wire::digest::Span;
use crate::wire::merkle::{LIST_MAX, Mark};

mod exchange;

pub use exchange::{Answer, DIFFERENCES_MAX, Difference, Side};

/// Depths at which a span has parts.
const DEPTHS: usize = 16;

/// What a hash is made of, so that none of one sort is one of another.
mod sort {
    pub(super) const PLACE: u8 = 0;
    pub(super) const ENTRY: u8 = 1;
    pub(super) const ENTRIES: u8 = 2;
    pub(super) const PARTS: u8 = 3;
}

/// The keys of a map, and hashes of them and their versions. As large as the map, which has to bound it: some 60 bytes an
/// entry and what the key has allocated, and one hash for a dozen entries.
#[derive(Clone)]
pub struct Tree<K> {
    salt: u64,
    /// By place and key. The key is always there: `None` comes before all keys of a place.
    entries: BTreeMap<(u64, Option<K>), Mark>,
    /// The hashes of spans that hold more than [`LIST_MAX`], by depth and first place. One that isn't there is to be
    /// made again, and so are those of all spans that it is in.
    nodes: [BTreeMap<u64, Mark>; DEPTHS],
}

impl<K: AsRef<[u8]> + Ord + Clone> Tree<K> {
    /// A tree of no entries. All peers must have the same salt, for instance of their network's name: it decides
    /// where keys have their places, so that keys that were found to collide do so in one network only.
    #[must_use]
    pub fn new(salt: u64) -> Self {
        Self { salt, entries: BTreeMap::new(), nodes: std::array::from_fn(|_| BTreeMap::new()) }
    }

    /// A key has a version: it is new, or has another one now. The version is whatever is the same at two peers exactly
    /// if they have the same there, with a hash of the value in it if that is to be repaired when it is damaged.
    pub fn set(&mut self, key: K, version: &[u8]) {
        let (place, mark) = (self.place(key.as_ref()), entry(key.as_ref(), version));
        if self.entries.insert((place, Some(key)), mark) != Some(mark) {
            self.forget(place);
        }
    }

    /// A key has none any more. Whether it had one.
    pub fn remove(&mut self, key: &K) -> bool {
        let place = self.place(key.as_ref());
        let had = self.entries.remove(&(place, Some(key.clone()))).is_some();
        if had {
            self.forget(place);
        }
        had
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where a key has its place, whether it is there or not.
    #[must_use]
    pub fn place(&self, key: &[u8]) -> u64 {
        let hash = Sha256::new().chain_update([sort::PLACE]).chain_update(self.salt.to_le_bytes());
        u64::from_be_bytes(begin_of(hash.chain_update(key)))
    }

    /// The keys at a place: at most one, unless somebody aimed others there.
    pub fn keys_at(&self, place: u64) -> impl Iterator<Item = &K> {
        self.range(place, place).filter_map(|((_, key), _)| key.as_ref())
    }

    /// The hash of everything: equal at two peers if their maps are.
    pub fn root(&mut self) -> Mark {
        self.mark(Span::ALL)
    }

    /// The hash of a span. Recurses at most sixteen times.
    fn mark(&mut self, span: Span) -> Mark {
        let (first, depth) = (span.places().0, usize::from(span.depth()));
        if let Some(mark) = self.nodes.get(depth).and_then(|nodes| nodes.get(&first)) {
            return *mark;
        }
        if let Some(marks) = self.few(span) {
            return few(&marks);
        }
        let mut hash = Sha256::new().chain_update([sort::PARTS]);
        for part in span.children() {
            hash.update(self.mark(part).0);
        }
        let mark = Mark(begin_of(hash));
        self.nodes[depth].insert(first, mark);
        mark
    }

    /// The hashes of all entries of a span, if they are few or all at one place.
    fn few(&self, span: Span) -> Option<Vec<Mark>> {
        let (first, last) = span.places();
        let most = if first == last { usize::MAX } else { LIST_MAX };
        let mut marks = Vec::with_capacity(LIST_MAX);
        for (_, mark) in self.range(first, last) {
            if marks.len() == most {
                return None;
            }
            marks.push(*mark);
        }
        Some(marks)
    }

    /// The places that have entries, from one to another, each with the hash of what is there.
    fn places(&self, first: u64, last: u64) -> impl Iterator<Item = (u64, Mark)> {
        let mut entries =
            self.range(first, last).map(|((place, _), mark)| (*place, *mark)).peekable();
        std::iter::from_fn(move || {
            let (place, mark) = entries.next()?;
            let mut marks = vec![mark];
            while let Some((_, mark)) = entries.next_if(|(next, _)| *next == place) {
                marks.push(mark);
            }
            Some((place, few(&marks)))
        })
    }

    fn range(&self, first: u64, last: u64) -> impl Iterator<Item = (&(u64, Option<K>), &Mark)> {
        self.entries.range((first, None)..).take_while(move |((place, _), _)| *place <= last)
    }

    /// Something changed at a place.
    fn forget(&mut self, place: u64) {
        for (depth, nodes) in
            self.nodes.iter_mut().enumerate().filter(|(_, nodes)| !nodes.is_empty())
        {
            nodes.remove(&(place & !(u64::MAX >> (4 * depth))));
        }
    }
}

impl<K> fmt::Debug for Tree<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tree({})", self.entries.len())
    }
}

fn entry(key: &[u8], version: &[u8]) -> Mark {
    let hash = Sha256::new().chain_update([sort::ENTRY]);
    let hash = hash.chain_update((key.len() as u64).to_le_bytes());
    Mark(begin_of(hash.chain_update(key).chain_update(version)))
}

/// The hash of entries that are few.
fn few(marks: &[Mark]) -> Mark {
    match marks {
        [] => Mark::default(),
        [mark] => *mark,
        marks => {
            let mut hash = Sha256::new().chain_update([sort::ENTRIES]);
            marks.iter().for_each(|mark| hash.update(mark.0));
            Mark(begin_of(hash))
        }
    }
}

/// The first bytes of a hash.
fn begin_of<const N: usize>(hash: Sha256) -> [u8; N] {
    let mut begin = [0; N];
    begin.copy_from_slice(&hash.finalize()[..N]);
    begin
}

#[cfg(test)]
mod tests;
