//! Whose transactions leave first where nobody pays: those of whoever brought most.
//!
//! Where rules vouch for no fee, any number of transactions by any number of senders costs nothing, and which of them an
//! honest user sent can't be told. What can be told is [who brought each](Source). So a full pool makes room among what its
//! largest source brought, oldest first; and half of it is for sources that we chose ourselves, whatever the others bring.
//!
//! *What holds.* A newcomer is always let in. A source that has no more than its share (the pool divided by how many
//! sources fill it) loses nothing to others: whoever floods displaces what came the same way.
//! *Attack*: many links, keys or accounts of one network are one source. Whoever has addresses in many networks has as
//! many shares of the half that is for those who dial us, and none of the other half.
//! *What doesn't hold.* A flood that honest peers pass on comes the way that they come, and shortens the time for
//! which what they bring is kept. It doesn't keep it out.

use std::collections::{BTreeMap, BTreeSet};

use super::EvictionKey;
use super::ages::Ages;
use crate::ground::source::Source;
use crate::ground::time::Time;

/// What each source brought of those that pay nothing. As many sources as transactions, at most.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares {
    by_source: BTreeMap<Source, Share>,
    by_size: BTreeSet<(Rank, Source)>,
    /// Bytes of all sources that we chose, and of all others.
    chosen: usize,
    coming: usize,
}

/// Whether we chose a source, and the bytes that it brought.
type Rank = (bool, usize);

#[derive(Clone, Debug, Default)]
struct Share {
    bytes: usize,
    ages: Ages,
}

impl Shares {
    /// A transaction came.
    pub(super) fn push(&mut self, source: Source, size: usize, expires: Time, key: EvictionKey) {
        self.by_source.entry(source).or_default().ages.push(expires, key);
        self.resize(source, |bytes| bytes + size);
    }

    /// A transaction left. `is_there` tells of others whether they still are.
    pub(super) fn remove(
        &mut self,
        source: Source,
        size: usize,
        sequence: u64,
        is_there: impl Fn(&EvictionKey) -> bool,
    ) {
        self.resize(source, |bytes| bytes - size);
        if let Some(share) = self.by_source.get_mut(&source) {
            share.ages.remove(sequence, is_there);
            if share.bytes == 0 {
                self.by_source.remove(&source);
            }
        }
    }

    fn resize(&mut self, source: Source, size: impl Fn(usize) -> usize) {
        let Some(share) = self.by_source.get_mut(&source) else { return };
        let (is_chosen, before) = (source.is_chosen(), share.bytes);
        share.bytes = size(before);
        self.by_size.remove(&((is_chosen, before), source));
        if share.bytes > 0 {
            self.by_size.insert(((is_chosen, share.bytes), source));
        }
        let all = if is_chosen { &mut self.chosen } else { &mut self.coming };
        *all = size(*all);
    }

    /// All in the order in which they have to leave for a newcomer, and perhaps some that have left: those of the largest
    /// source first, when the newcomer is counted, of the half that holds more.
    pub(super) fn leaving(
        &self,
        newcomer: Source,
        size: usize,
    ) -> impl Iterator<Item = &EvictionKey> {
        let is_chosen = newcomer.is_chosen();
        let of = |half| if half == is_chosen { size } else { 0 };
        let first = self.chosen + of(true) > self.coming + of(false);
        let own = self.by_source.get(&newcomer).map_or(0, |share| share.bytes) + size;
        let leads = first == is_chosen && self.largest(first) <= own;
        let others = [first, !first].into_iter().flat_map(|half| self.sources(half));
        let others = others.filter(move |source| !(leads && *source == newcomer));
        let sources = leads.then_some(newcomer).into_iter().chain(others);
        sources.filter_map(|source| self.by_source.get(&source)).flat_map(|share| share.ages.iter())
    }

    /// The sources of a half, the largest first.
    fn sources(&self, chosen: bool) -> impl Iterator<Item = Source> {
        let (least, most) = ((chosen, 0), (chosen, usize::MAX));
        let (first, last) = (*Source::CHOSEN.start(), *Source::COMING.end());
        self.by_size.range((least, first)..=(most, last)).rev().map(|(_, source)| *source)
    }

    /// What each source holds.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> BTreeMap<Source, usize> {
        let (chosen, coming): (Vec<_>, Vec<_>) =
            self.by_size.iter().partition(|((chosen, _), _)| *chosen);
        let sum = |of: &[&(Rank, Source)]| of.iter().map(|((_, bytes), _)| bytes).sum::<usize>();
        assert_eq!((sum(&chosen), sum(&coming)), (self.chosen, self.coming));
        assert_eq!(self.by_size.len(), self.by_source.len());
        self.by_source.iter().map(|(source, share)| (*source, share.bytes)).collect()
    }

    fn largest(&self, chosen: bool) -> usize {
        let largest = self.sources(chosen).next().and_then(|source| self.by_source.get(&source));
        largest.map_or(0, |share| share.bytes)
    }
}
