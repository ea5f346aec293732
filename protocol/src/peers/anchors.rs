//! Anchors: peers that a node dials first after a restart.
//!
//! # Why
//! A restart is when all links are chosen anew, so an attacker who filled the book has the node restarted, or waits for it. The
//! links of before were drawn from the book as well, but long ago and while others held them: with anchors he must have been
//! drawn then, too (E. Heilman and others, "Eclipse Attacks on Bitcoin's Peer-to-Peer Network", 2015, 7.4; Bitcoin Core:
//! `anchors.dat`, two block-relay-only links).
//!
//! # Rules
//! 1. Anchors are the [`ANCHORS_MAX`] oldest links of our own choice that brought anything new, and before all others those for blocks
//!    alone (`roles.rs`): nobody finds them by watching, and they stay when others are exchanged. Whoever drives this keeps
//!    them with the book, now and then and at the end, so that a node that is killed has some, too.
//! 2. They are dialled before all others and *beside* the set: as long as [`ANCHORS_STAY`] after the start, the set holds a
//!    link more for each. Then random links of it are closed until it is as large as it should be.
//! 3. **They are used once**: whoever drives this removes them from the file before it hands them over. *Attack:* a peer that
//!    can bring a node down would otherwise do so at every start, from the first link on.
//!
//! *Attack:* who has an attacker's peers for anchors is where it would be without any.

use std::time::Duration;

use crate::ground::link::Link;
use crate::ground::peer::PeerAddr;
use crate::ground::time::Time;

use super::book::Book;
use super::table::{Peer, Place, Table};

/// Most anchors (Bitcoin Core: `MAX_BLOCK_RELAY_ONLY_ANCHORS`, `net.cpp`: 2).
pub const ANCHORS_MAX: usize = 2;

/// How long the set is larger for them. A guess: some five feelers, each of which finds an eclipse out if it comes to
/// somebody honest.
pub const ANCHORS_STAY: Duration = Duration::from_secs(600);

/// The anchors of an earlier run. Holds nothing for a node without, and once their time is over.
#[derive(Clone, Debug)]
pub(super) struct Anchors {
    /// Not dialled yet.
    waiting: Vec<PeerAddr>,
    dialled: Vec<PeerAddr>,
    /// When their time is over; [`Time::NEVER`] without any.
    until: Time,
}

impl Default for Anchors {
    fn default() -> Self {
        Self { waiting: Vec::new(), dialled: Vec::new(), until: Time::NEVER }
    }
}

impl Anchors {
    /// Takes up those of an earlier run.
    pub(super) fn import(&mut self, kept: &[PeerAddr], now: Time) {
        let room = ANCHORS_MAX.saturating_sub(self.waiting.len() + self.dialled.len());
        for addr in kept.iter().take(room) {
            if !self.waiting.contains(addr) && !self.dialled.contains(addr) {
                self.waiting.push(*addr);
                self.until = now + ANCHORS_STAY;
            }
        }
    }

    /// One that may be dialled now. Each is dialled once as an anchor, and if the book doesn't know it, not at all.
    pub(super) fn take(&mut self, busy: &[PeerAddr], book: &Book, now: Time) -> Option<PeerAddr> {
        while let Some(addr) = self.waiting.pop() {
            if book.is_free(addr, now) && !busy.contains(&addr) {
                self.dialled.push(addr);
                return Some(addr);
            }
        }
        None
    }

    /// How many links there are beside the set, or will be.
    pub(super) fn beside(&self, dialling: &[PeerAddr], book: &Book, now: Time) -> usize {
        if self.are_over(now) {
            return 0;
        }
        let lives = |addr: &&PeerAddr| dialling.contains(addr) || book.is_connected(**addr);
        self.waiting.len() + self.dialled.iter().filter(lives).count()
    }

    /// Whether an address is one that was dialled as such.
    pub(super) fn is(&self, addr: PeerAddr) -> bool {
        self.dialled.contains(&addr)
    }

    /// When their time is over.
    pub(super) const fn deadline(&self) -> Time {
        self.until
    }

    /// Whether it is.
    pub(super) fn are_over(&self, now: Time) -> bool {
        self.until <= now
    }

    /// The set is as large as it should be again.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }
}

/// The addresses of the oldest links of our choice that brought anything, the oldest last: it is dialled first.
pub(super) fn find(table: &Table, brought: impl Fn(Link) -> bool) -> Vec<PeerAddr> {
    let chosen = table.iter().filter(|(_, peer)| {
        matches!(peer.place, Place::Outbound | Place::Blocks) && peer.is_ready()
    });
    let worthy = chosen.filter(|(link, _)| brought(*link));
    let rank = |peer: &Peer| peer.place != Place::Blocks;
    let mut found: Vec<_> =
        worthy.filter_map(|(_, peer)| Some((rank(peer), peer.since, peer.dialled?))).collect();
    found.sort_unstable();
    found.truncate(ANCHORS_MAX);
    found.into_iter().rev().map(|(.., addr)| addr).collect()
}
