//! Whose transactions leave first where nobody pays: those of whoever brought most.
//!
//! Where rules vouch for no fee, any number of transactions by any number of senders costs nothing, and which of them an
//! honest user sent can't be told. What can be told is [who brought each](Bringer). So a full pool makes room among what its
//! largest bringer brought, oldest first; and half of it is for bringers that we chose ourselves, whatever the others bring.
//!
//! *What holds.* A newcomer is always let in. A bringer that has no more than its share (the pool divided by how many
//! bringers fill it) loses nothing to others: whoever floods displaces what came the same way.
//! *Attack*: many links, keys or accounts of one network are one bringer. Whoever has addresses in many networks has as
//! many shares of the half that is for those who dial us, and none of the other half.
//! *What doesn't hold.* A flood that honest peers pass on comes the way that they come, and shortens the time for
//! which what they bring is kept. It doesn't keep it out.

use std::collections::{BTreeMap, BTreeSet};

use super::EvictionKey;
use super::ages::Ages;
use crate::ground::bringer::Bringer;
use crate::ground::time::Time;

/// So few transactions that pay nothing are looked through when somebody has to leave: most of a million simulated nodes
/// have one or two, and shares would take a kilobyte of each.
pub(super) const FEW: usize = 4;

/// What each bringer brought of those that pay nothing. As many bringers as transactions, at most.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares {
    by_bringer: BTreeMap<Bringer, Share>,
    by_size: BTreeSet<(Rank, Bringer)>,
    /// Bytes of all bringers that we chose, and of all others.
    chosen: usize,
    coming: usize,
}

/// Whether we chose a bringer, and the bytes that it brought.
type Rank = (bool, usize);

#[derive(Clone, Debug, Default)]
struct Share {
    bytes: usize,
    ages: Ages,
}

impl Shares {
    /// Whether nothing is there.
    pub(super) fn is_empty(&self) -> bool {
        self.by_bringer.is_empty()
    }

    /// A transaction came.
    pub(super) fn push(&mut self, bringer: Bringer, size: usize, expires: Time, key: EvictionKey) {
        self.by_bringer.entry(bringer).or_default().ages.push(expires, key);
        self.resize(bringer, |bytes| bytes + size);
    }

    /// A transaction left. `is_there` tells of others whether they still are.
    pub(super) fn remove(
        &mut self,
        bringer: Bringer,
        size: usize,
        sequence: u64,
        is_there: impl Fn(&EvictionKey) -> bool,
    ) {
        self.resize(bringer, |bytes| bytes - size);
        if let Some(share) = self.by_bringer.get_mut(&bringer) {
            share.ages.remove(sequence, is_there);
            if share.bytes == 0 {
                self.by_bringer.remove(&bringer);
            }
        }
    }

    fn resize(&mut self, bringer: Bringer, size: impl Fn(usize) -> usize) {
        let Some(share) = self.by_bringer.get_mut(&bringer) else { return };
        let (is_chosen, before) = (bringer.is_chosen(), share.bytes);
        share.bytes = size(before);
        self.by_size.remove(&((is_chosen, before), bringer));
        if share.bytes > 0 {
            self.by_size.insert(((is_chosen, share.bytes), bringer));
        }
        let all = if is_chosen { &mut self.chosen } else { &mut self.coming };
        *all = size(*all);
    }

    /// All in the order in which they have to leave for a newcomer, and perhaps some that have left: those of the largest
    /// bringer first, when the newcomer is counted, of the half that holds more.
    pub(super) fn leaving(
        &self,
        newcomer: Bringer,
        size: usize,
    ) -> impl Iterator<Item = &EvictionKey> {
        let is_chosen = newcomer.is_chosen();
        let of = |half| if half == is_chosen { size } else { 0 };
        let first = self.chosen + of(true) > self.coming + of(false);
        let own = self.by_bringer.get(&newcomer).map_or(0, |share| share.bytes) + size;
        let leads = first == is_chosen && self.largest(first) <= own;
        let others = [first, !first].into_iter().flat_map(|half| self.bringers(half));
        let others = others.filter(move |bringer| !(leads && *bringer == newcomer));
        let bringers = leads.then_some(newcomer).into_iter().chain(others);
        bringers
            .filter_map(|bringer| self.by_bringer.get(&bringer))
            .flat_map(|share| share.ages.iter().map(|(_, key)| key))
    }

    /// The bringers of a half, the largest first.
    fn bringers(&self, chosen: bool) -> impl Iterator<Item = Bringer> {
        let (least, most) = ((chosen, 0), (chosen, usize::MAX));
        let (first, last) = (*Bringer::CHOSEN.start(), *Bringer::COMING.end());
        self.by_size.range((least, first)..=(most, last)).rev().map(|(_, bringer)| *bringer)
    }

    /// What each bringer holds.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> BTreeMap<Bringer, usize> {
        let (chosen, coming): (Vec<_>, Vec<_>) =
            self.by_size.iter().partition(|((chosen, _), _)| *chosen);
        let sum = |of: &[&(Rank, Bringer)]| of.iter().map(|((_, bytes), _)| bytes).sum::<usize>();
        assert_eq!((sum(&chosen), sum(&coming)), (self.chosen, self.coming));
        assert_eq!(self.by_size.len(), self.by_bringer.len());
        self.by_bringer.iter().map(|(bringer, share)| (*bringer, share.bytes)).collect()
    }

    fn largest(&self, chosen: bool) -> usize {
        let largest =
            self.bringers(chosen).next().and_then(|bringer| self.by_bringer.get(&bringer));
        largest.map_or(0, |share| share.bytes)
    }
}
