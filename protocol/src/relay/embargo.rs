//! Embargo: an own transaction leaves by first hops, and everybody else hears of it later.
//!
//! Whoever tells a peer of a transaction before anybody else is taken for its origin, and a spy has only to dial a node
//! to be told of all that begins there. So an own transaction goes to *first hops* alone for a time: peers that we
//! dialled, and those that dialled us and stand for long (`unbroadcast.standing_s`). Nobody becomes one by dialling us
//! again, since a link is as old as itself. For all others it isn't there: no strategy sees that they lack it, no
//! comparison and no newcomer's greeting tells of it, and nobody who asks by its id gets it.
//!
//! The embargo ends with the first word of the transaction from any peer, since then it is out; or by a timer, between
//! `unbroadcast.first_hops_ms` and half as much more after it was let out, so that a first hop that keeps it to itself
//! delays it by no more than that, and so does having no first hop; while there are some and none has heard of it yet the
//! timer begins anew, four times at most. The timer doesn't run out while there is no link at all:
//! else whoever comes next, which may be a stranger, would be the first. (Dandelion++ has the same timer, and calls it so:
//! Fanti et al. 2018, §4.3; its stems are outbound links, too. Bitcoin Core sends own transactions over links made for
//! that, `private_broadcast.h`.)
//!
//! # Bound
//! `unbroadcast.items_max`; over it the one whose timer ends first goes to all.
//!
//! *Not hidden*: whoever knows a transaction's id or spends its outputs can find out that we have it: by what we ask for.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::ground::item::{ItemId, Name};
use crate::ground::map::{Map, Salt};
use crate::ground::time::Time;
use crate::machine::Part;
use crate::params::{Params, UnbroadcastParams};

/// How often a timer begins anew while first hops are there and none has heard: longer than nearly every wait of a trickle. A
/// guess.
const PUT_OFF_MAX: u32 = 4;

/// The own transactions that only first hops may hear of. Takes no memory while there are none.
#[derive(Clone, Debug, Default)]
pub struct Embargo(Option<Box<Held>>);

#[derive(Clone, Debug)]
struct Held {
    by_id: Map<ItemId, Hidden>,
    by_time: BTreeSet<(Time, ItemId)>,
    /// None ends before.
    not_before: Time,
}

/// An own transaction.
#[derive(Clone, Copy, Debug)]
struct Hidden {
    id: ItemId,
    /// When it may go to all.
    until: Time,
    /// How often that was put off.
    put_off: u32,
}

impl Embargo {
    /// A transaction is for first hops alone until its timer ends, or has one. Returns one that goes to all for want of
    /// room.
    pub fn begin(
        &mut self,
        id: ItemId,
        until: Time,
        params: &UnbroadcastParams,
        salt: Salt,
    ) -> Option<ItemId> {
        let held = self.0.get_or_insert_with(|| Box::new(Held::new(salt)));
        if let Some(before) = held.by_id.insert(id, Hidden { id, until, put_off: 0 }) {
            held.by_time.remove(&(before.until, id));
        }
        held.by_time.insert((until, id));
        let is_full = held.by_time.len() > params.items_max;
        let first = held.by_time.first().filter(|_| is_full).map(|(_, id)| *id);
        first.and_then(|id| self.end(id))
    }

    /// A transaction may go to all. Its whole id, if that is new.
    pub fn end(&mut self, name: impl Into<Name>) -> Option<ItemId> {
        let held = self.0.as_mut()?;
        let Hidden { id, until, .. } = held.by_id.remove(&name.into())?;
        held.by_time.remove(&(until, id));
        if held.by_time.is_empty() {
            self.0 = None;
        }
        Some(id)
    }

    /// One whose timer has ended.
    #[must_use]
    pub fn due(&self, now: Time) -> Option<ItemId> {
        let held = self.0.as_ref().filter(|held| held.not_before <= now)?;
        held.by_time.first().filter(|(until, _)| *until <= now).map(|(_, id)| *id)
    }

    /// No first hop has heard of a transaction: its timer begins anew, unless it has done so often enough. True if so.
    pub fn put_off(&mut self, id: ItemId, until: Time) -> bool {
        let Some(held) = self.0.as_mut() else { return false };
        let Some(hidden) = held.by_id.get_mut(&id).filter(|it| it.put_off < PUT_OFF_MAX) else {
            return false;
        };
        held.by_time.remove(&(hidden.until, id));
        (hidden.until, hidden.put_off) = (until, hidden.put_off + 1);
        held.by_time.insert((until, id));
        true
    }

    /// There is no link: no timer ends.
    pub fn pause(&mut self) {
        if let Some(held) = self.0.as_mut() {
            held.not_before = Time::NEVER;
        }
    }

    /// There is a link again, the only one: no timer ends before a moment.
    pub fn resume(&mut self, not_before: Time) {
        if let Some(held) = self.0.as_mut() {
            held.not_before = not_before;
        }
    }

    /// Whether only first hops may hear of a transaction.
    #[must_use]
    pub fn contains(&self, name: impl Into<Name>) -> bool {
        self.0.as_ref().is_some_and(|held| held.by_id.contains(&name.into()))
    }

    /// All of them, the one whose timer ends last first.
    pub fn iter(&self) -> impl Iterator<Item = ItemId> {
        self.0.as_ref().into_iter().flat_map(|held| held.by_time.iter().rev()).map(|(_, id)| *id)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl Held {
    fn new(salt: Salt) -> Self {
        Self { by_id: Map::new(salt), by_time: BTreeSet::new(), not_before: Time::ZERO }
    }
}

/// How long a transaction that is let out now is for first hops alone.
pub fn wait(params: &UnbroadcastParams, rng: &mut dyn Rng) -> Duration {
    Duration::from_millis(params.first_hops_ms).mul_f64(rng.random_range(1.0..1.5))
}

impl Part for Embargo {
    fn deadline(&self) -> Time {
        let Some(held) = self.0.as_ref() else { return Time::NEVER };
        held.by_time.first().map_or(Time::NEVER, |(until, _)| (*until).max(held.not_before))
    }

    fn check(&self, params: &Params) {
        let Some(held) = self.0.as_ref() else { return };
        let (len, max) = (held.by_time.len(), params.unbroadcast.items_max);
        assert!(len <= max, "embargo: {len} of at most {max}");
        assert_eq!(len, held.by_id.len(), "embargo: each once");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::item::{Hash256, ShortId};

    fn id(n: u8) -> ItemId {
        ItemId::tx(Hash256([n; 32]))
    }

    fn ms(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    fn begin(embargo: &mut Embargo, n: u8, until: Time) -> Option<ItemId> {
        let params = UnbroadcastParams { items_max: 3, ..UnbroadcastParams::default() };
        embargo.begin(id(n), until, &params, Salt::new(7))
    }

    #[test]
    fn it_ends_by_a_word_of_it_or_by_its_timer() {
        let mut embargo = Embargo::default();
        begin(&mut embargo, 1, ms(20));
        begin(&mut embargo, 2, ms(10));
        assert_eq!((embargo.deadline(), embargo.due(ms(9))), (ms(10), None));
        assert_eq!(embargo.due(ms(10)), Some(id(2)));
        assert_eq!(embargo.end(ShortId::from(id(1))), Some(id(1)));
        assert_eq!(embargo.end(id(1)), None);
        assert_eq!(embargo.end(id(2)), Some(id(2)));
        assert!(embargo.is_empty() && embargo.deadline() == Time::NEVER);
    }

    #[test]
    fn no_timer_ends_while_there_is_no_link_nor_soon_after() {
        let mut embargo = Embargo::default();
        begin(&mut embargo, 1, ms(10));
        embargo.pause();
        assert_eq!((embargo.deadline(), embargo.due(ms(10_000))), (Time::NEVER, None));
        embargo.resume(ms(20_000));
        assert_eq!((embargo.deadline(), embargo.due(ms(20_000))), (ms(20_000), Some(id(1))));
    }

    #[test]
    fn a_timer_begins_anew_a_few_times() {
        let mut embargo = Embargo::default();
        begin(&mut embargo, 1, ms(10));
        for n in 1..=u64::from(PUT_OFF_MAX) {
            assert!(embargo.put_off(id(1), ms(10 + n)));
            assert_eq!(embargo.deadline(), ms(10 + n));
        }
        assert!(!embargo.put_off(id(1), ms(99)) && !embargo.put_off(id(2), ms(99)));
    }

    #[test]
    fn over_the_bound_the_one_whose_timer_ends_first_goes_to_all() {
        let mut embargo = Embargo::default();
        assert!([1, 2, 3].into_iter().all(|n| begin(&mut embargo, n, ms(u64::from(n))).is_none()));
        assert_eq!(begin(&mut embargo, 1, ms(9)), None, "it is there");
        assert_eq!(begin(&mut embargo, 4, ms(4)), Some(id(2)));
        assert_eq!(begin(&mut embargo, 5, Time::NEVER), Some(id(3)));
        assert_eq!(begin(&mut embargo, 6, ms(1)), Some(id(6)));
        assert_eq!(embargo.iter().collect::<Vec<_>>(), [id(5), id(1), id(4)]);
    }
}
