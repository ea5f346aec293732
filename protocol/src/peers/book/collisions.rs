//! Who waits for a place in *tried* that another address has.
//!
//! *Attack:* whoever can make us reach many addresses of his drives out of *tried* what we reached before, if the newcomer
//! gets the place; after the next restart we dial nobody else. So it waits in *new* until a feeler tried whoever is there
//! (*test before evict*, from E. Heilman and others, "Eclipse Attacks on Bitcoin's Peer-to-Peer Network", 2015, 7.1): only
//! who isn't there any more gives way. What fails in an outage of our own wasn't tried, and nobody gives way untried,
//! however long that takes (in Bitcoin Core after `ADDRMAN_TEST_WINDOW`, 40 minutes).

use crate::ground::peer::PeerAddr;

/// Most addresses that wait; more stay in *new* without waiting, until they are reached again (Bitcoin Core:
/// `ADDRMAN_SET_TRIED_COLLISION_SIZE`, `addrman.cpp`).
pub const COLLISIONS_MAX: usize = 10;

/// The addresses that wait, longest first.
#[derive(Clone, Debug)]
pub(super) struct Collisions(Vec<Waiting>);

/// An address that waits for a slot.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    newcomer: PeerAddr,
    slot: u32,
}

impl Collisions {
    /// Nobody waits.
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// An address waits for a slot from now on, if there is room for one more.
    pub(super) fn push(&mut self, newcomer: PeerAddr, slot: u32) {
        let is_known = self.0.iter().any(|waiting| waiting.newcomer == newcomer);
        if !is_known && self.0.len() < COLLISIONS_MAX {
            self.0.push(Waiting { newcomer, slot });
        }
    }

    /// The slots that are waited for.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|waiting| waiting.slot)
    }

    /// Whoever waits for a slot for longest, and doesn't any more.
    pub(super) fn take_first(&mut self, slot: u32) -> Option<PeerAddr> {
        let first = self.0.iter().position(|waiting| waiting.slot == slot)?;
        Some(self.0.remove(first).newcomer)
    }

    /// An address no longer waits.
    pub(super) fn remove(&mut self, newcomer: PeerAddr) {
        self.0.retain(|waiting| waiting.newcomer != newcomer);
    }

    /// Nobody waits for a slot any more: whoever has it is there.
    pub(super) fn keep(&mut self, slot: u32) {
        self.0.retain(|waiting| waiting.slot != slot);
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (PeerAddr, u32)> {
        self.0.iter().map(|waiting| (waiting.newcomer, waiting.slot))
    }
}
