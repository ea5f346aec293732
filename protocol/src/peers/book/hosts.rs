//! How much of the book one host may fill.
//!
//! One host of the world gets at most [`HOST_MAX`] addresses of hearsay: those that a peer told us and that we never
//! reached. *Attack:* whoever wants somebody dialled names all of his ports, since each is an address of its own. What one
//! *source* may fill is a matter of the buckets (`tables.rs`).

use std::net::IpAddr;

use crate::ground::map::{Map, Salt};
use crate::ground::reach::Reach;

/// Most addresses of one host that are kept on hearsay. A guess: some households run more than one node. (Bitcoin
/// Core's buckets make it hard to have many, and at most one of a /16 is dialled.)
pub const HOST_MAX: u32 = 4;

/// How many addresses of hearsay each host of the world has in the book. Bounded by the book.
#[derive(Clone, Debug)]
pub(super) struct Hosts(Map<IpAddr, u32>);

impl Hosts {
    pub(super) fn new(salt: Salt) -> Self {
        Self(Map::new(salt))
    }

    /// Whether one more address of a host is taken on hearsay.
    pub(super) fn has_room_for(&self, host: IpAddr) -> bool {
        self.0.get(&host).is_none_or(|held| *held < HOST_MAX)
    }

    /// An address is in the book on hearsay.
    pub(super) fn take(&mut self, host: IpAddr) {
        if is_counted(host) {
            *self.0.entry(host).or_insert(0) += 1;
        }
    }

    /// It no longer is, or it is no hearsay any more.
    pub(super) fn release(&mut self, host: IpAddr) {
        if !is_counted(host) {
            return;
        }
        let held = self.0.get_mut(&host).expect("what is in the book on hearsay is counted");
        *held -= 1;
        if *held == 0 {
            self.0.remove(&host);
        }
    }

    #[cfg(test)]
    pub(super) const fn held(&self) -> &Map<IpAddr, u32> {
        &self.0
    }
}

/// Nearer hosts have as many addresses as they like: whole test networks live on one.
pub(super) fn is_counted(host: IpAddr) -> bool {
    Reach::of(host) == Some(Reach::World)
}
