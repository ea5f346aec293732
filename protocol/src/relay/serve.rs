//! What peers asked for and haven't been sent yet.
//!
//! A portion of what was asked for is sent at once; the rest waits here, and the next portion goes with each
//! wake-up, so that the driver can say in between that the link is congested. So does what the peer takes later only, and,
//! behind all that, what has to wait for the [budgets of what we upload](crate::relay::upload). What is asked for again
//! while it waits is sent once.
//!
//! # Bounds
//! At most `memory.serve_queue_max` ids a link. Nothing is kept for links for which nothing waits.

use std::collections::{BTreeSet, VecDeque};

use rand::{Rng, RngExt as _};

use crate::ground::item::{ItemKind, Name};
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::machine::{Cx, Part};
use crate::params::Params;

/// Bytes of items that one link is sent at a time. Large enough for a batch of several hundred
/// transactions, small against the driver's bound on what it queues per link. A guess.
pub const PORTION: usize = 256 * 1024;

/// Items that one link is sent at a time, or told that they aren't here: half a millisecond's work. A guess.
pub const PORTION_MAX: usize = 500;

/// A requested id pays for an answer of so many bytes; what is larger is charged as several. So 5,000 requests a second
/// pay for 50 Mbit/s, as is taken of transactions. A guess.
pub const BYTES_PER_REQUEST: usize = 1_250;

/// Most links that get a portion at one wake-up: some milliseconds' work, after which the driver looks after
/// everything else. A guess.
const PORTIONS_MAX: usize = 4;

/// What one peer asked for and hasn't been sent yet: each id once.
#[derive(Clone, Debug)]
pub struct Asked {
    link: Link,
    names: BTreeSet<(ItemKind, Name)>,
    /// What may leave as soon as the peer takes it, in that order.
    ready: VecDeque<(ItemKind, Name)>,
    /// Before which moment the peer takes none of a kind.
    not_before: [Time; 2],
    /// What is to be paid for, in that order, and when that may be tried again.
    owed: VecDeque<(ItemKind, Name)>,
    owed_at: Time,
}

impl Asked {
    fn new(link: Link) -> Self {
        let (names, ready, owed) = Default::default();
        Self { link, names, ready, not_before: [Time::ZERO; 2], owed, owed_at: Time::ZERO }
    }

    /// How many ids wait.
    fn len(&self) -> usize {
        self.names.len()
    }

    /// A peer asks for an item that it hasn't asked for already: a transaction waits behind others, a block before them.
    fn push(&mut self, kind: ItemKind, name: Name) {
        if self.names.insert((kind, name)) {
            insert(&mut self.ready, (kind, name));
        }
    }

    /// Takes the next item that may leave now: one that needn't be paid for, as long as there is such.
    pub fn next(&mut self, may_pay: bool, now: Time) -> Option<(ItemKind, Name)> {
        let next = match self.next_ready(now) {
            Some(place) => self.ready.remove(place),
            None if may_pay && self.owed_at <= now => self.owed.pop_front(),
            None => None,
        }?;
        self.names.remove(&next);
        Some(next)
    }

    /// The item that was taken is to leave later, since the peer doesn't take it before a moment.
    pub fn put_off(&mut self, next: (ItemKind, Name), not_before: Time) {
        if self.names.insert(next) {
            let place = if next.0 == ItemKind::Tx { blocks(&self.ready) } else { 0 };
            self.ready.insert(place, next);
        }
        self.not_before[next.0 as usize] = not_before;
    }

    /// The first that may leave without being paid for.
    fn next_ready(&self, now: Time) -> Option<usize> {
        let firsts = [0, blocks(&self.ready)].into_iter();
        firsts.filter(|place| *place < self.ready.len()).find(|place| {
            let (kind, _) = self.ready[*place];
            self.not_before[kind as usize] <= now
        })
    }

    /// The item that was taken has to be paid for, which may be tried again at a moment.
    pub fn owe(&mut self, next: (ItemKind, Name), at: Time) {
        if self.names.insert(next) {
            insert(&mut self.owed, next);
        }
        self.owed_at = at;
    }

    /// Whether something may leave at a moment that needn't be paid for.
    fn is_ready(&self, now: Time) -> bool {
        self.next_ready(now).is_some()
    }

    /// Whether something may be paid for at a moment.
    fn is_owed(&self, now: Time) -> bool {
        self.owed_at <= now && !self.owed.is_empty()
    }

    /// When something may leave.
    #[must_use]
    pub fn at(&self) -> Time {
        let firsts = [self.ready.front(), self.ready.back()].into_iter().flatten();
        let ready = firsts.map(|(kind, _)| self.not_before[*kind as usize]).min();
        let owed = if self.owed.is_empty() { Time::NEVER } else { self.owed_at };
        ready.map_or(owed, |ready| ready.min(owed))
    }
}

fn insert(queue: &mut VecDeque<(ItemKind, Name)>, asked: (ItemKind, Name)) {
    match asked.0 {
        ItemKind::Tx => queue.push_back(asked),
        ItemKind::Block => queue.insert(blocks(queue), asked),
    }
}

/// How many blocks there are, which come first.
fn blocks(queue: &VecDeque<(ItemKind, Name)>) -> usize {
    queue.partition_point(|(kind, _)| *kind == ItemKind::Block)
}

/// The queues of all links.
#[derive(Clone, Debug)]
pub struct Serving {
    /// Never an empty one.
    queues: Vec<Asked>,
    /// When the next portions are due.
    at: Time,
}

impl Default for Serving {
    fn default() -> Self {
        Self { queues: Vec::new(), at: Time::NEVER }
    }
}

impl Serving {
    /// A peer asks for items. Returns those for which there is no room.
    pub fn on_asked(
        &mut self,
        link: Link,
        kind: ItemKind,
        mut names: impl Iterator<Item = Name>,
        params: &Params,
    ) -> Vec<Name> {
        let mut asked = self.take(link);
        while asked.len() < params.memory.serve_queue_max
            && let Some(name) = names.next()
        {
            asked.push(kind, name);
        }
        self.keep(asked);
        names.collect()
    }

    /// Takes out all that waits for a link.
    pub fn take(&mut self, link: Link) -> Asked {
        let place = self.queues.iter().position(|asked| asked.link == link);
        place.map_or_else(|| Asked::new(link), |place| self.queues.remove(place))
    }

    /// Keeps what is left of it.
    pub fn keep(&mut self, asked: Asked) {
        if asked.len() > 0 {
            self.queues.push(asked);
        }
    }

    /// There is something to send from a moment on.
    pub fn hurry(&mut self, at: Time) {
        self.at = self.at.min(at);
    }

    /// Whether nobody waits for a turn to pay.
    #[must_use]
    pub fn owes_nobody(&self) -> bool {
        self.queues.iter().all(|asked| asked.owed.is_empty())
    }

    /// The links that get a portion now, among those that `may` get one, and whether it is their turn to pay. When not all
    /// get their turn, of those that wait for one to pay those of the least `rank` do, and of the others some at random; the
    /// rest get theirs at the next wake-up.
    pub fn due<R: Ord>(
        &mut self,
        now: Time,
        rng: &mut dyn Rng,
        may: impl Fn(Link) -> bool,
        rank: impl Fn(Link) -> R,
    ) -> Vec<(Link, bool)> {
        let may_pay = self.owes_nobody();
        let able = self.queues.iter().filter(|asked| may(asked.link));
        let (paying, ready): (Vec<_>, Vec<_>) =
            able.filter(|it| it.is_owed(now) || it.is_ready(now)).partition(|it| it.is_owed(now));
        let [mut paying, mut ready] =
            [paying, ready].map(|some| some.iter().map(|asked| asked.link).collect::<Vec<_>>());
        let later = self.queues.iter().map(Asked::at).filter(|at| *at > now);
        self.at = later.min().unwrap_or(Time::NEVER);
        if ready.len() + paying.len() > PORTIONS_MAX {
            self.at = now;
            paying.sort_by_cached_key(|link| rank(*link));
            // Nobody keeps the others from their turn by asking for more and more.
            paying.truncate(PORTIONS_MAX.saturating_sub(ready.len()).max(PORTIONS_MAX / 2));
            let first = rng.random_range(0..ready.len().max(1));
            ready.rotate_left(first);
            ready.truncate(PORTIONS_MAX - paying.len());
        }
        let (ready, paying) = (ready.into_iter(), paying.into_iter());
        ready.map(|link| (link, may_pay)).chain(paying.map(|link| (link, true))).collect()
    }

    /// How many ids wait for a link.
    #[must_use]
    pub fn waiting(&self, link: Link) -> usize {
        self.queues.iter().find(|asked| asked.link == link).map_or(0, Asked::len)
    }
}

impl Part for Serving {
    fn on_link_down(&mut self, link: Link, _cx: &mut Cx<'_>) {
        self.take(link);
    }

    fn deadline(&self) -> Time {
        self.at
    }

    fn check(&self, params: &Params) {
        for asked in &self.queues {
            let (link, len, max) = (asked.link, asked.len(), params.memory.serve_queue_max);
            assert!(0 < len && len <= max, "serving on {link}: {len} of at most {max}");
            assert_eq!(len, asked.ready.len() + asked.owed.len(), "serving on {link}: each once");
        }
    }

    fn keeps(&self, link: Link) -> bool {
        self.waiting(link) > 0
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::ground::item::ShortId;

    fn name(n: u8) -> Name {
        Name::Short(ShortId([n; 8]))
    }

    fn names(count: u8) -> impl Iterator<Item = Name> {
        (0..count).map(name)
    }

    fn slots(due: Vec<(Link, bool)>) -> Vec<usize> {
        due.into_iter().map(|(link, _)| link.slot()).collect()
    }

    #[test]
    fn what_is_over_the_bound_is_given_back() {
        let mut params = Params::default();
        params.memory.serve_queue_max = 3;
        let (mut serving, link) = (Serving::default(), Link::new(0, 1));
        assert!(serving.on_asked(link, ItemKind::Tx, names(2), &params).is_empty());
        assert_eq!(serving.on_asked(link, ItemKind::Tx, names(5).skip(2), &params).len(), 2);
        assert_eq!(serving.waiting(link), 3);
        serving.check(&params);
    }

    #[test]
    fn what_a_peer_takes_later_waits_and_keeps_nobody_else_waiting() {
        let (params, mut serving) = (Params::default(), Serving::default());
        let later = Time::from_millis(9);
        for slot in 0..6 {
            let link = Link::new(slot, 1);
            serving.on_asked(link, ItemKind::Tx, names(1), &params);
            if slot > 0 {
                let mut asked = serving.take(link);
                let next = asked.next(true, later).unwrap();
                asked.put_off(next, later);
                serving.keep(asked);
            }
        }
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let due = serving.due(Time::from_millis(7), &mut rng, |_| true, |link| link);
        assert_eq!(due, [(Link::new(0, 1), true)]);
        assert_eq!(serving.deadline(), later);
    }

    #[test]
    fn a_block_is_sent_before_transactions() {
        let (params, mut serving, link) = (Params::default(), Serving::default(), Link::new(0, 1));
        for kind in [ItemKind::Tx, ItemKind::Block] {
            serving.on_asked(link, kind, names(1), &params);
        }
        let next = serving.take(link).next(true, Time::ZERO);
        assert_eq!(next.map(|(kind, _)| kind), Some(ItemKind::Block));
    }

    #[test]
    fn a_few_links_get_their_turn_and_the_others_theirs_at_once_afterwards() {
        let (params, mut serving) = (Params::default(), Serving::default());
        for slot in 0..6 {
            serving.on_asked(Link::new(slot, 1), ItemKind::Tx, names(1), &params);
        }
        let (mut rng, now) = (ChaCha8Rng::seed_from_u64(1), Time::from_millis(7));
        let links = serving.due(now, &mut rng, |_| true, |link| link);
        assert_eq!((links.len(), serving.deadline()), (PORTIONS_MAX, now));
        for (link, _) in links {
            serving.take(link);
        }
        assert_eq!(serving.due(now, &mut rng, |_| true, |link| link).len(), 2);
        assert_eq!(serving.deadline(), Time::NEVER);
    }

    #[test]
    fn a_link_that_takes_nothing_large_waits_without_a_timer() {
        let (params, mut serving) = (Params::default(), Serving::default());
        let link = Link::new(0, 1);
        serving.on_asked(link, ItemKind::Tx, names(1), &params);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert!(serving.due(Time::ZERO, &mut rng, |_| false, |link| link).is_empty());
        assert_eq!((serving.deadline(), serving.waiting(link)), (Time::NEVER, 1));
    }

    #[test]
    fn what_is_asked_for_twice_while_it_waits_waits_once() {
        let (params, mut serving, link) = (Params::default(), Serving::default(), Link::new(0, 1));
        for _ in 0..2 {
            let twice = names(2).chain(names(2));
            assert!(serving.on_asked(link, ItemKind::Tx, twice, &params).is_empty());
        }
        assert_eq!(serving.waiting(link), 2);
    }

    #[test]
    fn what_is_to_be_paid_for_waits_behind_what_is_not_and_keeps_none_of_it_waiting() {
        let (params, mut serving, link) = (Params::default(), Serving::default(), Link::new(0, 1));
        let (now, later) = (Time::from_millis(1), Time::from_millis(9));
        serving.on_asked(link, ItemKind::Tx, names(2), &params);
        let mut asked = serving.take(link);
        let first = asked.next(true, now).unwrap();
        asked.owe(first, later);
        assert_eq!(asked.next(true, now), Some((ItemKind::Tx, name(1))));
        assert_eq!(asked.next(true, now), None, "not yet");
        assert_eq!(asked.at(), later);
        serving.keep(asked);
        assert_eq!(serving.take(link).next(true, later), Some(first));
    }

    #[test]
    fn those_who_pay_take_turns_by_rank_however_many_need_not() {
        let (params, mut serving) = (Params::default(), Serving::default());
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for slot in 0..20 {
            let link = Link::new(slot, 1);
            serving.on_asked(link, ItemKind::Tx, names(1), &params);
            if slot < 10 {
                let mut asked = serving.take(link);
                let next = asked.next(true, Time::ZERO).unwrap();
                asked.owe(next, Time::ZERO);
                serving.keep(asked);
            }
        }
        let due = serving.due(Time::ZERO, &mut rng, |_| true, |link| usize::MAX - link.slot());
        let (paying, ready): (Vec<_>, Vec<_>) = due.into_iter().partition(|(_, pays)| *pays);
        assert_eq!((slots(paying), ready.len()), (vec![9, 8], PORTIONS_MAX / 2));
    }
}
