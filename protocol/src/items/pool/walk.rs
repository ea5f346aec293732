//! The pool as a queue: whoever passes it on in the order in which it came keeps one number, and nothing is lost. And
//! as a list to look at, page by page.

use std::ops::Bound;
use std::sync::Arc;

use super::Pool;
use crate::ground::fee::FeeRate;
use crate::ground::item::{Hash256, Item, ItemId, Name};
use crate::ground::time::Time;

/// A transaction on the way through the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Its number in the order of arrival.
    pub sequence: u64,
    /// Its id.
    pub id: ItemId,
    /// When it expires.
    pub expires: Time,
}

/// A transaction in the order of rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// Its id.
    pub id: ItemId,
    /// Its place.
    pub place: RatePlace,
}

/// A place in the order of rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatePlace {
    /// Among those that count for something: the rate, and the number in the order of arrival.
    Paying(FeeRate, u64),
    /// Among the others: when it expires, and the number.
    Free(Time, u64),
}

impl Pool {
    /// The number of a pooled transaction in the order of arrival.
    #[must_use]
    pub fn sequence(&self, id: ItemId) -> Option<u64> {
        self.items.get(&id).map(|pooled| pooled.sequence)
    }

    /// The pooled transactions from a number on, in the order of arrival.
    pub fn since(&self, sequence: u64) -> impl Iterator<Item = Passed> {
        let mut free = self.free.since(sequence).peekable();
        let mut paying = self.paying.since(sequence).peekable();
        let all = std::iter::from_fn(move || {
            let number = |entry: Option<&&(Time, super::EvictionKey)>| {
                entry.map_or(u64::MAX, |(_, key)| key.sequence)
            };
            if number(free.peek()) < number(paying.peek()) { free.next() } else { paying.next() }
        });
        all.filter_map(|(expires, key)| {
            let pooled = self.items.get(&key.id)?;
            let (sequence, expires) = (key.sequence, *expires);
            let is_current = pooled.sequence == sequence;
            is_current.then(|| Passed { sequence, id: pooled.item.id(), expires })
        })
    }

    /// The ids of what left lately and may be in a block all the same.
    pub fn departed(&self) -> impl Iterator<Item = ItemId> {
        self.departed.ids()
    }

    /// A transaction that gave way to others lately.
    #[must_use]
    pub fn gave_way(&self, id: impl Into<Name>) -> Option<&Arc<Item>> {
        self.departed.gave_way(id.into())
    }

    /// All pooled transactions, those of an earlier run included, in the order in which they expire and of their numbers; those after
    /// such a place, if one is given.
    pub fn by_age(&self, after: Option<(Time, u64)>) -> impl Iterator<Item = Passed> {
        let mut free = self.free.after(after).peekable();
        let mut paying = self.paying.after(after).peekable();
        let all = std::iter::from_fn(move || {
            let place = |(expires, key): &(Time, super::EvictionKey)| (*expires, key.sequence);
            match (free.peek(), paying.peek()) {
                (Some(one), Some(other)) if place(one) > place(other) => paying.next(),
                (Some(_), _) => free.next(),
                (None, _) => paying.next(),
            }
        });
        all.filter(|(_, key)| super::is_current(&self.items, key)).map(|(expires, key)| Passed {
            sequence: key.sequence,
            id: key.id,
            expires: *expires,
        })
    }

    /// All pooled transactions in the order in which a block would take them, but for their parents: by the rate that counts, which is
    /// that with their descendants where these pay for them, of the same rate the latest first; then those that pay
    /// nothing, the oldest first. Those after such a place, if one is given.
    pub fn by_rate(&self, after: Option<RatePlace>) -> impl Iterator<Item = Ranked> {
        let (paying, free) = match after {
            None => (Some(None), None),
            Some(RatePlace::Paying(rate, sequence)) => (Some(Some((rate, sequence))), None),
            Some(RatePlace::Free(expires, sequence)) => (None, Some((expires, sequence))),
        };
        let paying = paying.into_iter().flat_map(|after| {
            let first = ItemId::tx(Hash256([0; 32]));
            let end = after.map_or(Bound::Unbounded, |(rate, sequence)| {
                Bound::Excluded(super::EvictionKey { rate, sequence, id: first })
            });
            self.by_key
                .range((Bound::Unbounded, end))
                .rev()
                .map(|key| Ranked { id: key.id, place: RatePlace::Paying(key.rate, key.sequence) })
        });
        let free = self.free.after(free).filter_map(|(expires, key)| {
            let pooled = self.items.get(&key.id)?;
            let is_here = pooled.sequence == key.sequence && !pooled.is_sorted;
            is_here.then_some(Ranked { id: key.id, place: RatePlace::Free(*expires, key.sequence) })
        });
        paying.chain(free)
    }

    /// The number of what came last; 0 if nothing ever did.
    #[must_use]
    pub const fn last_sequence(&self) -> u64 {
        self.sequence
    }

    /// What a block would be made of, each with its number in the order of arrival: what pays best comes first, then what pays
    /// nothing, the oldest of it first.
    pub fn best(&self) -> impl Iterator<Item = (u64, &Arc<Item>)> {
        let paying = self.by_key.iter().rev();
        let free = self.free.iter().map(|(_, key)| key);
        let pooled = |key: &super::EvictionKey| {
            let pooled = self.items.get(&key.id)?;
            (pooled.sequence == key.sequence).then_some(pooled)
        };
        let free = free.filter_map(pooled).filter(|pooled| !pooled.is_sorted);
        paying.filter_map(pooled).chain(free).map(|pooled| (pooled.sequence, &pooled.item))
    }
}
