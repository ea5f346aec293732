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
#[derive(Clone, Debug, Default)]
pub(super) struct Anchors(Option<Box<Kept>>);

#[derive(Clone, Debug)]
struct Kept {
    /// Not dialled yet.
    waiting: Vec<PeerAddr>,
    dialled: Vec<PeerAddr>,
    /// When their time is over.
    until: Time,
}

impl Anchors {
    /// Takes up those of an earlier run.
    pub(super) fn import(&mut self, kept: &[PeerAddr], now: Time) {
        for addr in kept {
            let until = now + ANCHORS_STAY;
            let none = || Box::new(Kept { waiting: Vec::new(), dialled: Vec::new(), until });
            let kept = self.0.get_or_insert_with(none);
            let is_known = kept.waiting.contains(addr) || kept.dialled.contains(addr);
            if !is_known && kept.waiting.len() + kept.dialled.len() < ANCHORS_MAX {
                kept.waiting.push(*addr);
                kept.until = until;
            }
        }
    }

    /// One that may be dialled now. Each is dialled once as an anchor, and if the book doesn't know it, not at all.
    pub(super) fn take(&mut self, busy: &[PeerAddr], book: &Book, now: Time) -> Option<PeerAddr> {
        let kept = self.0.as_mut()?;
        while let Some(addr) = kept.waiting.pop() {
            if book.is_free(addr, now) && !busy.contains(&addr) {
                kept.dialled.push(addr);
                return Some(addr);
            }
        }
        None
    }

    /// How many links there are beside the set, or will be.
    pub(super) fn beside(&self, dialling: &[PeerAddr], book: &Book, now: Time) -> usize {
        let Some(kept) = self.0.as_ref().filter(|kept| kept.until > now) else { return 0 };
        let lives = |addr: &&PeerAddr| dialling.contains(addr) || book.is_connected(**addr);
        kept.waiting.len() + kept.dialled.iter().filter(lives).count()
    }

    /// Whether an address is one that was dialled as such.
    pub(super) fn is(&self, addr: PeerAddr) -> bool {
        self.0.as_ref().is_some_and(|kept| kept.dialled.contains(&addr))
    }

    /// When their time is over; [`Time::NEVER`] without any.
    pub(super) fn deadline(&self) -> Time {
        self.0.as_ref().map_or(Time::NEVER, |kept| kept.until)
    }

    /// Whether it is.
    pub(super) fn are_over(&self, now: Time) -> bool {
        self.deadline() <= now
    }

    /// The set is as large as it should be again.
    pub(super) fn end(&mut self) {
        self.0 = None;
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
