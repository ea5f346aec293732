//! How much of the book one source may fill, and how much of it one host.
//!
//! Only hearsay counts: addresses that a peer told us and that we never reached. Whoever tells gets a
//! [`SOURCE_SHARE`]-th of the book. Keys are free, so peers in one network of the world share a share; peers that are
//! near (or whose place isn't known) have one each, since many nodes on one machine are how test networks live.
//!
//! One host of the world gets at most [`HOST_MAX`] addresses. *Attack:* whoever wants somebody dialled names all of
//! his ports, since each is an address of its own.

use std::net::IpAddr;

use crate::ground::map::{Map, Salt};
use crate::ground::peer::PeerKey;
use crate::ground::reach::{Origin, Reach};

/// One source's share of the book: one part in this many (Bitcoin Core: 64 of the 1,024 buckets for
/// untried addresses per source group, `ADDRMAN_NEW_BUCKETS_PER_SOURCE_GROUP` in `addrman.cpp`).
pub const SOURCE_SHARE: usize = 16;

/// ... but a source may always hold this many, or half of a book that is smaller yet, so that a small
/// network can be learned from a single node. A guess.
pub const SOURCE_MIN: usize = 64;

/// Most addresses of one host that are kept on hearsay. A guess: some households run more than one node. (Bitcoin
/// Core's buckets make it hard to have many, and at most one of a /16 is dialled.)
pub const HOST_MAX: u32 = 4;

/// Whose share an address counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// This peer's.
    Peer(PeerKey),
    /// That of all peers in this network of the world.
    Network(u32),
}

impl Source {
    /// The source that a peer belongs to.
    pub(in crate::peers) fn of(key: PeerKey, origin: Origin) -> Self {
        origin.network().map_or(Self::Peer(key), Self::Network)
    }
}

impl From<PeerKey> for Source {
    fn from(key: PeerKey) -> Self {
        Self::Peer(key)
    }
}

/// How many addresses of hearsay each source and each host of the world has in the book. Bounded by the book.
#[derive(Clone, Debug)]
pub(super) struct Shares {
    sources: Map<Source, u32>,
    hosts: Map<IpAddr, u32>,
}

impl Shares {
    pub(super) fn new(salt: Salt) -> Self {
        Self { sources: Map::new(salt), hosts: Map::new(salt) }
    }

    /// Whether a source may tell one more, in a book of `book_max`.
    pub(super) fn has_room(&self, source: Source, book_max: usize) -> bool {
        (self.sources.get(&source).copied().unwrap_or(0) as usize) < share_of(book_max)
    }

    /// Whether one more address of a host is taken on hearsay.
    pub(super) fn has_room_for(&self, host: IpAddr) -> bool {
        self.hosts.get(&host).is_none_or(|held| *held < HOST_MAX)
    }

    /// An address is in the book on hearsay.
    pub(super) fn take(&mut self, source: Source, host: IpAddr) {
        *self.sources.entry(source).or_insert(0) += 1;
        if is_counted(host) {
            *self.hosts.entry(host).or_insert(0) += 1;
        }
    }

    /// It no longer is, or it is no hearsay any more.
    pub(super) fn release(&mut self, source: Source, host: IpAddr) {
        release(&mut self.sources, &source);
        if is_counted(host) {
            release(&mut self.hosts, &host);
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> (&Map<Source, u32>, &Map<IpAddr, u32>) {
        (&self.sources, &self.hosts)
    }
}

/// Nearer hosts have as many addresses as they like: whole test networks live on one.
pub(super) fn is_counted(host: IpAddr) -> bool {
    Reach::of(host) == Some(Reach::World)
}

fn release<K: Eq + std::hash::Hash>(shares: &mut Map<K, u32>, of: &K) {
    let held = shares.get_mut(of).expect("what is in the book on hearsay has a share");
    *held -= 1;
    if *held == 0 {
        shares.remove(of);
    }
}

/// How many never-reached addresses one source may hold in a book of `book_max`.
pub(super) const fn share_of(book_max: usize) -> usize {
    let least = if SOURCE_MIN < book_max / 2 { SOURCE_MIN } else { book_max / 2 };
    let share = book_max / SOURCE_SHARE;
    let share = if share > least { share } else { least };
    if share > 0 { share } else { 1 }
}
