//! Unbroadcast: own transactions that no peer has asked for yet. They are announced again until one does.
//!
//! The first announcement of an own transaction may reach nobody: there are no peers yet, or they leave
//! before they ask. So it stays in this set until a peer has been given it, or has it from elsewhere, or
//! it leaves the pool; the driver is told, so that the set can outlive the process.
//! (Bitcoin Core's unbroadcast set, `ReattemptInitialBroadcast` in `net_processing.cpp`.)
//!
//! # Privacy
//! A transaction that one node announces again and again began there. So an attempt goes the way of every
//! relayed transaction: its id waits for the trickle of each link, leaves in a batch sorted by id, and goes
//! to no peer that was told before; and a random transaction of the pool goes with it, so that a peer who is
//! told of an old transaction can't know which it is. Each transaction has a wait of its own, uniform between
//! `unbroadcast.wait_s` and half as much more, so that two of them don't appear together; it doubles with
//! each attempt that told somebody, up to four times.
//!
//! # Bound
//! `unbroadcast.items_max`; over it further ones are announced once, as relayed ones are.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use rand::{Rng, RngExt as _};

use crate::ground::item::{ItemId, Name};
use crate::ground::map::{Map, Salt};
use crate::ground::time::Time;
use crate::machine::Part;
use crate::params::{Params, UnbroadcastParams};

/// How often the wait doubles: from 10 minutes to 2 h 40 min. A guess.
const DOUBLINGS_MAX: u32 = 4;

/// Most that are announced again at one wake-up, each to all peers; the rest stays due. A guess: half a millisecond's work
/// with a hundred links.
const ATTEMPTS_MAX: usize = 8;

/// The own transactions that nobody has asked for. Takes no memory while there are none.
#[derive(Clone, Debug, Default)]
pub struct Unbroadcast(Option<Box<Waiting>>);

#[derive(Clone, Debug)]
struct Waiting {
    by_id: Map<ItemId, Attempt>,
    /// Those that were removed stay until they come to the front, or are as many as the others. The front one
    /// is always there.
    by_time: BinaryHeap<Reverse<(Time, ItemId)>>,
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    id: ItemId,
    at: Time,
    /// How many attempts told somebody.
    told: u32,
}

impl Unbroadcast {
    /// An own transaction was accepted. False if there is no room, or it is there already.
    pub fn insert(
        &mut self,
        id: ItemId,
        now: Time,
        params: &UnbroadcastParams,
        salt: Salt,
        rng: &mut dyn Rng,
    ) -> bool {
        let is_new = !self.contains(id) && self.len() < params.items_max;
        if is_new {
            let at = now + wait(0, params, rng);
            let waiting = self.0.get_or_insert_with(|| Box::new(Waiting::new(salt)));
            waiting.by_id.insert(id, Attempt { id, at, told: 0 });
            waiting.by_time.push(Reverse((at, id)));
        }
        is_new
    }

    /// A transaction needn't be announced again. Its whole id, if it was to be.
    pub fn remove(&mut self, id: impl Into<Name>) -> Option<ItemId> {
        let waiting = self.0.as_mut()?;
        let attempt = waiting.by_id.remove(&id.into())?;
        if waiting.by_id.is_empty() {
            self.0 = None;
        } else {
            waiting.tidy();
        }
        Some(attempt.id)
    }

    /// Announces what is due, `ATTEMPTS_MAX` at most: `announce` says whether it told anybody.
    pub fn on_wake(
        &mut self,
        now: Time,
        params: &UnbroadcastParams,
        rng: &mut dyn Rng,
        mut announce: impl FnMut(ItemId, &mut dyn Rng) -> bool,
    ) {
        let Some(waiting) = self.0.as_mut() else { return };
        for _ in 0..ATTEMPTS_MAX {
            let next = waiting.by_time.peek().copied();
            let Some(Reverse((_, id))) = next.filter(|Reverse((at, _))| *at <= now) else { return };
            waiting.by_time.pop();
            let attempt = waiting.by_id.get_mut(&id).expect("the front one is always there");
            attempt.told += u32::from(announce(attempt.id, rng));
            // Later than now even where the wait is short, so that this ends.
            attempt.at = now + wait(attempt.told, params, rng).max(Duration::from_nanos(1));
            waiting.by_time.push(Reverse((attempt.at, id)));
            waiting.tidy();
        }
    }

    /// Whether a transaction is among them.
    #[must_use]
    pub fn contains(&self, id: impl Into<Name>) -> bool {
        self.0.as_ref().is_some_and(|waiting| waiting.by_id.contains(&id.into()))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |waiting| waiting.by_id.len())
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl Waiting {
    fn new(salt: Salt) -> Self {
        Self { by_id: Map::new(salt), by_time: BinaryHeap::new() }
    }

    /// Sees to it that the front one is there, and that not too many aren't.
    fn tidy(&mut self) {
        let Self { by_id, by_time } = self;
        let is_there = |Reverse((at, id)): &Reverse<(Time, ItemId)>| {
            by_id.get(id).is_some_and(|attempt| attempt.at == *at)
        };
        if by_time.len() > 2 * by_id.len() + 8 {
            by_time.retain(is_there);
        }
        while by_time.peek().is_some_and(|first| !is_there(first)) {
            by_time.pop();
        }
    }
}

/// How long to wait after so many attempts that told somebody.
fn wait(told: u32, params: &UnbroadcastParams, rng: &mut dyn Rng) -> Duration {
    let shortest = params.wait().saturating_mul(1 << told.min(DOUBLINGS_MAX));
    let nanos = u64::try_from(shortest.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(nanos.saturating_add(rng.random_range(0..=nanos / 2)))
}

impl Part for Unbroadcast {
    fn deadline(&self) -> Time {
        let first = self.0.as_ref().and_then(|waiting| waiting.by_time.peek());
        first.map_or(Time::NEVER, |Reverse((at, _))| *at)
    }

    fn check(&self, params: &Params) {
        let (len, max) = (self.len(), params.unbroadcast.items_max);
        assert!(len <= max, "unbroadcast: {len} of at most {max}");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ground::item::{Hash256, ShortId};
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    const MINUTE: Duration = Duration::from_secs(60);

    struct Set {
        set: Unbroadcast,
        params: UnbroadcastParams,
        rng: ChaCha8Rng,
    }

    impl Set {
        fn new() -> Self {
            let rng = ChaCha8Rng::seed_from_u64(1);
            Self { set: Unbroadcast::default(), params: UnbroadcastParams::default(), rng }
        }

        fn insert(&mut self, n: u8, now: Time) -> bool {
            self.set.insert(id(n), now, &self.params, Salt::new(7), &mut self.rng)
        }

        fn wake(&mut self, now: Time, tells: bool) -> Vec<ItemId> {
            let mut announced = Vec::new();
            self.set.on_wake(now, &self.params, &mut self.rng, |id, _| {
                announced.push(id);
                tells
            });
            announced
        }
    }

    fn id(n: u8) -> ItemId {
        ItemId::tx(Hash256([n; 32]))
    }

    #[test]
    fn an_attempt_comes_after_ten_to_fifteen_minutes_and_each_item_has_its_own() {
        let mut own = Set::new();
        let mut waits = BTreeSet::new();
        for n in 0..100 {
            own.insert(n, Time::ZERO);
            waits.insert(own.set.deadline());
            own.set.remove(id(n));
        }
        assert_eq!(waits.len(), 100);
        let range = Time::ZERO + 10 * MINUTE..=Time::ZERO + 15 * MINUTE;
        assert!(waits.iter().all(|at| range.contains(at)), "{waits:?}");
        let spread = *waits.last().unwrap() - *waits.first().unwrap();
        assert!(spread > 4 * MINUTE, "{spread:?}");
    }

    #[test]
    fn the_wait_doubles_with_each_attempt_that_told_somebody_up_to_a_bound() {
        let mut own = Set::new();
        own.insert(1, Time::ZERO);
        for (told, minutes) in
            [(true, 20), (false, 20), (true, 40), (true, 80), (true, 160), (true, 160)]
        {
            let now = own.set.deadline();
            assert_eq!(own.wake(now, told), [id(1)]);
            let wait = own.set.deadline() - now;
            assert!(wait >= minutes * MINUTE && wait <= minutes * MINUTE * 3 / 2, "{wait:?}");
        }
    }

    #[test]
    fn nothing_is_announced_before_its_time_or_after_it_was_removed() {
        let mut own = Set::new();
        own.insert(1, Time::ZERO);
        own.insert(2, Time::ZERO);
        assert!(own.wake(Time::ZERO + 9 * MINUTE, true).is_empty());
        assert_eq!(own.set.remove(ShortId::from(id(1))), Some(id(1)));
        assert_eq!(own.set.remove(id(1)), None);
        assert_eq!(own.wake(Time::ZERO + 15 * MINUTE, true), [id(2)]);
        own.set.remove(id(2));
        assert!(own.set.is_empty());
        assert_eq!(own.set.deadline(), Time::NEVER);
    }

    #[test]
    fn what_was_removed_takes_no_room_for_long() {
        let mut own = Set::new();
        for n in 0..=255 {
            own.insert(n, Time::ZERO);
        }
        for n in 0..255 {
            own.set.remove(id(n));
            let waiting = own.set.0.as_ref().unwrap();
            assert!(waiting.by_time.len() <= 2 * waiting.by_id.len() + 8);
            let first = waiting.by_time.peek().unwrap().0.1;
            assert!(own.set.contains(first), "the front one is there");
        }
        assert_eq!(own.wake(Time::ZERO + 15 * MINUTE, true), [id(255)]);
    }

    #[test]
    fn over_the_bound_further_ones_are_not_remembered() {
        let mut own = Set::new();
        own.params.items_max = 2;
        assert!(own.insert(1, Time::ZERO) && own.insert(2, Time::ZERO));
        assert!(!own.insert(3, Time::ZERO), "it is full");
        own.set.remove(id(1));
        assert!(!own.insert(2, Time::ZERO), "it is there");
        assert!(own.insert(3, Time::ZERO));
        assert_eq!(own.set.len(), 2);
    }

    #[test]
    fn a_wait_of_nothing_is_still_one_attempt_a_moment() {
        let mut own = Set::new();
        own.params.wait_s = 0;
        own.insert(1, Time::ZERO);
        assert_eq!(own.wake(Time::ZERO, true), [id(1)]);
        assert!(own.set.deadline() > Time::ZERO);
    }
}
