//! What peers asked for and haven't been sent yet.
//!
//! A portion of what was asked for is sent at once; the rest waits here, and the next portion goes with each
//! wake-up, so that the driver can say in between that the link is congested. So does a kind of which the peer takes more
//! later only, and, behind all that, what has to wait for the [budgets of what we upload](crate::relay::upload). What is asked for again
//! while it waits is sent once.
//!
//! # Bounds
//! At most `memory.serve_queue_max` ids a link, in at most an eighth more room than they take. Nothing is kept for links
//! for which nothing waits.

use std::collections::{BTreeSet, VecDeque};

use rand::{Rng, RngExt as _};

use crate::ground::item::{ItemKind, Name, ShortId};
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
    ids: BTreeSet<(ItemKind, ShortId)>,
    /// Blocks come before transactions; and neither kind waits for the other while the peer doesn't take that.
    lines: [Line; 2],
    /// When what is to be paid for may be tried again.
    owed_at: Time,
}

/// What was asked for of one kind.
#[derive(Clone, Debug, Default)]
struct Line {
    /// What may leave as soon as the peer takes it, in that order.
    ready: VecDeque<Name>,
    /// What is to be paid for, in that order.
    owed: VecDeque<Name>,
    /// Before which moment the peer takes none of it.
    not_before: Time,
    /// The first is being read.
    reads: bool,
}

impl Line {
    /// Gives room back of which it uses less than eight ninths.
    fn fit(&mut self) {
        for queue in [&mut self.ready, &mut self.owed] {
            queue.shrink_to(queue.len() + queue.len() / 8);
        }
    }
}

/// In which order kinds are served.
const KINDS: [ItemKind; 2] = [ItemKind::Block, ItemKind::Tx];

impl Asked {
    fn new(link: Link) -> Self {
        let (ids, lines) = Default::default();
        Self { link, ids, lines, owed_at: Time::ZERO }
    }

    /// How many ids wait.
    fn len(&self) -> usize {
        self.ids.len()
    }

    /// A peer asks for an item that it hasn't asked for already.
    fn push(&mut self, kind: ItemKind, name: Name) {
        if self.ids.insert((kind, name.short())) {
            self.lines[kind as usize].ready.push_back(name);
        }
    }

    /// Takes the next item that may leave now: one that needn't be paid for, as long as there is such.
    pub fn next(&mut self, may_pay: bool, now: Time) -> Option<(ItemKind, Name)> {
        let pays = may_pay && !self.is_ready(now) && self.is_owed(now);
        let (kind, name) = KINDS.into_iter().find_map(|kind| {
            let line = &mut self.lines[kind as usize];
            let queue = if pays { &mut line.owed } else { &mut line.ready };
            let name = if line.not_before <= now { queue.pop_front() } else { None };
            Some((kind, name?))
        })?;
        self.ids.remove(&(kind, name.short()));
        Some((kind, name))
    }

    /// The item that was taken is to leave later, since the peer takes nothing of its kind before a moment.
    pub fn put_off(&mut self, (kind, name): (ItemKind, Name), not_before: Time) {
        let line = &mut self.lines[kind as usize];
        if self.ids.insert((kind, name.short())) {
            line.ready.push_front(name);
        }
        line.not_before = not_before;
    }

    /// The block that was taken is to leave once it is read.
    pub fn await_read(&mut self, name: Name) {
        self.put_off((ItemKind::Block, name), Time::NEVER);
        self.lines[ItemKind::Block as usize].reads = true;
    }

    /// The blocks that leave next.
    pub fn blocks_ahead(&self, max: usize) -> impl Iterator<Item = Name> {
        self.lines[ItemKind::Block as usize].ready.iter().copied().take(max)
    }

    /// The item that was taken has to be paid for, which may be tried again at a moment.
    pub fn owe(&mut self, (kind, name): (ItemKind, Name), at: Time) {
        if self.ids.insert((kind, name.short())) {
            self.lines[kind as usize].owed.push_back(name);
        }
        self.owed_at = at;
    }

    /// Whether something may leave at a moment that needn't be paid for.
    fn is_ready(&self, now: Time) -> bool {
        self.lines.iter().any(|line| line.not_before <= now && !line.ready.is_empty())
    }

    /// Whether something is to be paid for.
    fn owes(&self) -> bool {
        self.lines.iter().any(|line| !line.owed.is_empty())
    }

    /// Whether something may be paid for at a moment.
    fn is_owed(&self, now: Time) -> bool {
        let may_leave = |line: &Line| line.not_before <= now && !line.owed.is_empty();
        self.owed_at <= now && self.lines.iter().any(may_leave)
    }

    /// When something may leave.
    #[must_use]
    pub fn at(&self) -> Time {
        let at = |line: &Line| {
            let ready = if line.ready.is_empty() { Time::NEVER } else { line.not_before };
            let owed = if line.owed.is_empty() { Time::NEVER } else { self.owed_at };
            ready.min(owed.max(line.not_before))
        };
        self.lines.iter().map(at).min().unwrap_or(Time::NEVER)
    }
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

    /// Keeps what is left of it, in no more room than it takes.
    pub fn keep(&mut self, mut asked: Asked) {
        if asked.len() > 0 {
            asked.lines.iter_mut().for_each(Line::fit);
            self.queues.push(asked);
        }
    }

    /// Blocks were read that peers wait for.
    pub fn on_read(&mut self, now: Time) {
        for asked in &mut self.queues {
            let line = &mut asked.lines[ItemKind::Block as usize];
            if line.reads {
                (line.reads, line.not_before) = (false, now);
                self.at = self.at.min(now);
            }
        }
    }

    /// There is something to send from a moment on.
    pub fn hurry(&mut self, at: Time) {
        self.at = self.at.min(at);
    }

    /// Whether nobody waits for a turn to pay.
    #[must_use]
    pub fn owes_nobody(&self) -> bool {
        !self.queues.iter().any(Asked::owes)
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
            let queued = asked.lines.iter().map(|line| line.ready.len() + line.owed.len());
            assert_eq!(len, queued.sum::<usize>(), "serving on {link}: each once");
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
