//! Links of the set that broke: whoever was there is dialled again before anybody else is drawn.
//!
//! # Why
//! Each time that a place of the set falls free an attacker has another chance to be drawn, and of his links none breaks. So who can
//! break others' links, by resetting them or by exhausting the hosts at their other ends, would have the whole set in the end,
//! however small his part of the draws: the first eclipse of an Ethereum node took 95 % of its outgoing slots so (arXiv 2601.16560,
//! 2026). If whoever was there is asked first, he gains nothing unless he keeps him away.
//!
//! # Rules
//! 1. Of links of the set that were ready, lasted for [`super::SHORT_LIVED`] and weren't closed by us, the other end is dialled
//!    again, once, as soon as it has rested. Until then its place is kept.
//! 2. Not if another link leads to its group by then, nor if the book has forgotten it: it was shunned.
//!
//! *Attack:* whoever lets us in and closes again is dialled again, but for as long as a link lasts at least; he would have the place
//! by staying.

use std::time::Duration;

use crate::ground::peer::PeerAddr;
use crate::ground::time::Time;
use crate::params::PeerParams;

use super::book::Book;

/// Most ends of broken links; more are as if they had never been. A guess: twice the links of our own choice that a node has.
pub(super) const LOST_MAX: usize = 16;

/// The other ends of links that broke, and weren't dialled since.
#[derive(Clone, Debug, Default)]
pub(super) struct Lost(Vec<PeerAddr>);

impl Lost {
    /// Nobody.
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// A link of some standing to an address broke.
    pub(super) fn push(&mut self, addr: PeerAddr) {
        if self.0.len() < LOST_MAX && !self.0.contains(&addr) {
            self.0.push(addr);
        }
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// One that is to be dialled now, and no longer lost then; an error with the moment if places are kept for as many as
    /// are missing, and all of them rest. `taken` are the groups that have a link.
    pub(super) fn take(
        &mut self,
        (busy, taken): (&[PeerAddr], &[u32]),
        missing: usize,
        book: &Book,
        now: Time,
        params: &PeerParams,
    ) -> Result<Option<PeerAddr>, Time> {
        let longest = now + Duration::from_millis(params.retry_min_ms);
        self.0.retain(|addr| {
            let is_apart = book.group_of(*addr).is_none_or(|group| !taken.contains(&group));
            let rests_until = book.free_from(*addr).filter(|until| *until <= longest);
            is_apart && !busy.contains(addr) && rests_until.is_some()
        });
        if let Some(index) = self.0.iter().position(|addr| book.is_free(*addr, now)) {
            return Ok(Some(self.0.remove(index)));
        }
        match self.0.iter().filter_map(|addr| book.free_from(*addr)).min() {
            Some(until) if self.0.len() >= missing => Err(until),
            Some(_) | None => Ok(None),
        }
    }
}
