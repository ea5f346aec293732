//! The book against a plain list of addresses, each with the slot that the layout says.

use super::*;

/// Buckets of three slots: five in *new*, two in *tried*.
const SHAPE: Shape = Shape::exact(3, 5, 2);
const MODEL_MAX: usize = 21;

/// What may happen to a book.
#[derive(Clone, Copy, Debug)]
enum Op {
    Hear { n: u32, from: u32 },
    Name { n: u32 },
    Reach { n: u32 },
    Part { n: u32 },
    Fail { n: u32 },
    TurnAway { n: u32 },
    Shun { n: u32 },
    Test,
    Choose,
}

fn op() -> impl Strategy<Value = Op> {
    let n = || 0..40_u32;
    prop_oneof![
        8 => (n(), 0..4_u32).prop_map(|(n, from)| Op::Hear { n, from }),
        1 => n().prop_map(|n| Op::Name { n }),
        4 => n().prop_map(|n| Op::Reach { n }),
        4 => n().prop_map(|n| Op::Part { n }),
        4 => n().prop_map(|n| Op::Fail { n }),
        1 => n().prop_map(|n| Op::TurnAway { n }),
        1 => n().prop_map(|n| Op::Shun { n }),
        2 => Just(Op::Test),
        3 => Just(Op::Choose),
    ]
}

/// Half of them by themselves, half in groups of four.
fn nth(n: u32) -> PeerAddr {
    if n < 20 { addr(n) } else { network(20, n / 4, n % 4) }
}

/// All slots of a bucket, from one of them on.
fn bucket(slot: u32) -> impl Iterator<Item = u32> {
    (0..3).map(move |steps| slot / 3 * 3 + (slot + steps) % 3)
}

/// The book as a plain list.
struct Model {
    layout: Layout,
    held: BTreeMap<PeerAddr, Known>,
    shunned: BTreeSet<PeerAddr>,
    given_up: BTreeSet<PeerAddr>,
    /// Newcomers, and for which slot they wait.
    waiting: Vec<(PeerAddr, u32)>,
}

#[derive(Clone, Copy)]
struct Known {
    named: bool,
    connected: bool,
    reached: bool,
    source: Option<Source>,
    failures: u16,
    until: Time,
    slot: u32,
}

impl Known {
    fn is_protected(self) -> bool {
        self.named || self.connected
    }

    /// The test lasts for less than a week.
    fn is_terrible(self) -> bool {
        !self.is_protected() && !self.reached && self.failures >= TELL_FAILURES_MAX
    }
}

impl Model {
    fn new(book: &mut Book, world: &mut Surroundings) -> Self {
        let layout = Layout::new(BookSecret(world.rng.random()), SHAPE);
        book.placing = Some(Box::new(Placing::new(layout, Salt::new(1))));
        Self {
            layout,
            held: BTreeMap::new(),
            shunned: BTreeSet::new(),
            given_up: BTreeSet::new(),
            waiting: Vec::new(),
        }
    }

    fn whose(addr: PeerAddr, source: Option<Source>) -> Whose {
        Whose { addr, group: Groups::default().group(addr.ip), source }
    }

    fn at(&self, slot: u32) -> Option<PeerAddr> {
        self.held.iter().find(|(_, known)| known.slot == slot).map(|(addr, _)| *addr)
    }

    fn is_tried(&self, addr: PeerAddr) -> bool {
        self.held[&addr].slot >= self.layout.shape().new_slots()
    }

    fn insert(&mut self, addr: PeerAddr, source: Option<Source>, slot: u32) {
        let known = Known {
            named: false,
            connected: false,
            reached: false,
            source,
            failures: 0,
            until: Time::ZERO,
            slot,
        };
        assert!(self.held.insert(addr, known).is_none());
    }

    fn remove(&mut self, addr: PeerAddr) {
        let Some(known) = self.held.remove(&addr) else { return };
        self.waiting.retain(|(newcomer, _)| *newcomer != addr);
        self.promote(known.slot);
    }

    fn promote(&mut self, slot: u32) {
        if let Some(first) = self.waiting.iter().position(|waiting| waiting.1 == slot) {
            let (newcomer, _) = self.waiting.remove(first);
            self.held.get_mut(&newcomer).unwrap().slot = slot;
        }
    }

    /// To *new*; false if there is no place.
    fn offer(&mut self, addr: PeerAddr, source: Option<Source>, named: bool) -> bool {
        let own = self.layout.new_slot(Self::whose(addr, source));
        let all = self.layout.shape().new_slots();
        let slots: Vec<u32> = match named {
            false => bucket(own).collect(),
            true => (0..all).map(|steps| (own + steps) % all).collect(),
        };
        let is_loose = |slot: &&u32| {
            let other = self.held[&self.at(**slot).unwrap()];
            if named { !other.is_protected() } else { other.is_terrible() }
        };
        let empty = slots.iter().find(|slot| self.at(**slot).is_none());
        let slot = empty.or_else(|| slots.iter().find(is_loose)).copied();
        let Some(slot) = slot else { return false };
        if let Some(other) = self.at(slot) {
            self.remove(other);
        }
        self.insert(addr, source, slot);
        true
    }

    fn hear(&mut self, addr: PeerAddr, source: Source) -> Added {
        if self.held.contains_key(&addr) {
            return Added::Known;
        }
        let out = self.shunned.contains(&addr) || self.given_up.contains(&addr);
        if out || !self.offer(addr, Some(source), false) { Added::Refused } else { Added::New }
    }

    fn name(&mut self, addr: PeerAddr) -> Added {
        self.shunned.remove(&addr);
        self.given_up.remove(&addr);
        let is_known = self.held.contains_key(&addr);
        if !is_known && !self.offer(addr, None, true) {
            return Added::Refused;
        }
        self.held.get_mut(&addr).unwrap().named = true;
        if is_known { Added::Known } else { Added::New }
    }

    fn reach(&mut self, addr: PeerAddr) {
        if self.shunned.contains(&addr) {
            return;
        }
        self.given_up.remove(&addr);
        let tried = self.layout.tried_slot(Self::whose(addr, None)).unwrap();
        let empty = bucket(tried).find(|slot| self.at(*slot).is_none());
        if !self.held.contains_key(&addr) {
            match empty {
                Some(empty) => self.insert(addr, None, empty),
                None if !self.offer(addr, None, false) => return,
                None => {}
            }
        }
        let known = self.held.get_mut(&addr).unwrap();
        (known.connected, known.reached) = (true, true);
        let slot = known.slot;
        if self.is_tried(addr) {
            return self.waiting.retain(|waiting| waiting.1 != slot);
        }
        if let Some(empty) = empty {
            self.held.get_mut(&addr).unwrap().slot = empty;
            return self.waiting.retain(|waiting| waiting.0 != addr);
        }
        let is_waiting = self.waiting.iter().any(|waiting| waiting.0 == addr);
        let is_there = self.held[&self.at(tried).unwrap()].connected;
        if !is_there && !is_waiting && self.waiting.len() < COLLISIONS_MAX {
            self.waiting.push((addr, tried));
        }
    }

    /// A failure that counts, before which it is to be noted.
    fn give_way(&mut self, addr: PeerAddr) {
        self.waiting.retain(|(newcomer, _)| *newcomer != addr);
        let known = self.held[&addr];
        if !self.is_tried(addr) || !self.waiting.iter().any(|waiting| waiting.1 == known.slot) {
            return;
        }
        if known.is_protected() {
            return self.waiting.retain(|waiting| waiting.1 != known.slot);
        }
        let own = self.layout.new_slot(Self::whose(addr, known.source));
        let empty = bucket(own).find(|slot| self.at(*slot).is_none());
        let new = empty.unwrap_or(own);
        match self.at(new) {
            Some(other) if self.held[&other].is_protected() || self.held[&other].reached => {
                return self.remove(addr);
            }
            Some(other) => self.remove(other),
            None => {}
        }
        self.held.get_mut(&addr).unwrap().slot = new;
        self.promote(known.slot);
    }

    fn free(&self, now: Time) -> BTreeSet<PeerAddr> {
        let is_free = |known: &Known| !known.connected && known.until <= now;
        self.held.iter().filter(|(_, known)| is_free(known)).map(|(addr, _)| *addr).collect()
    }

    fn apply(&mut self, op: Op, book: &mut Book, world: &mut Surroundings) {
        match op {
            Op::Hear { n, from } => {
                let source = Source::Network(from);
                let added = world.hear(book, nth(n), source);
                assert_eq!(self.hear(nth(n), source), added);
            }
            Op::Name { n } => {
                let added = world.with(|cx| book.name(nth(n), cx));
                assert_eq!(self.name(nth(n)), added);
            }
            Op::Reach { n } => {
                world.with(|cx| book.reach(nth(n), cx));
                self.reach(nth(n));
            }
            Op::Part { n } => {
                book.set_connected(nth(n), false);
                if let Some(known) = self.held.get_mut(&nth(n)) {
                    known.connected = false;
                }
            }
            Op::Fail { n } => self.fail(nth(n), book, world),
            Op::TurnAway { n } => {
                let until = world.with(|cx| book.turn_away(nth(n), cx));
                let Some(known) = self.held.get_mut(&nth(n)) else {
                    return assert!(until.is_none());
                };
                (known.failures, known.until) = (known.failures + 1, until.unwrap());
                let slot = known.slot;
                self.waiting.retain(|waiting| waiting.1 != slot);
            }
            Op::Shun { n } => {
                book.shun(nth(n), world.now);
                self.remove(nth(n));
                self.shunned.insert(nth(n));
            }
            Op::Test => {
                let incumbents = self.waiting.iter().filter_map(|waiting| self.at(waiting.1));
                let free = self.free(world.now);
                let expected = incumbents.into_iter().find(|addr| free.contains(addr));
                assert_eq!(book.to_test(world.now), expected);
            }
            Op::Choose => match world.choose(book, &Wish::default()) {
                Choice::Dial(addr) => assert!(self.free(world.now).contains(&addr)),
                Choice::LoneWord(addr) => panic!("{addr}, and no source is spent"),
                Choice::NoneBefore(at) => {
                    assert_eq!(self.free(world.now).len(), 0);
                    let resting = self.held.values().filter(|known| !known.connected);
                    let earliest = resting.map(|known| known.until).min();
                    assert_eq!(at, earliest.unwrap_or(Time::NEVER));
                }
            },
        }
    }

    fn fail(&mut self, addr: PeerAddr, book: &mut Book, world: &mut Surroundings) {
        let until = world.with(|cx| book.fail(addr, cx));
        let Some(known) = self.held.get_mut(&addr) else { return assert_eq!(until, None) };
        known.failures += 1;
        let hopeless = !known.is_protected() && !known.reached && known.failures >= FAILURES_MAX;
        if let Some(until) = until {
            known.until = until;
        }
        self.give_way(addr);
        assert_eq!(until.is_none(), hopeless);
        if hopeless {
            self.remove(addr);
            self.given_up.insert(addr); // for longer than the test lasts
        }
    }

    fn compare(&self, book: &Book) {
        let held: BTreeMap<_, _> = book.iter().map(|view| (view.addr, view.tried)).collect();
        let expected: BTreeMap<_, _> =
            self.held.keys().map(|addr| (*addr, self.is_tried(*addr))).collect();
        assert_eq!(held, expected);
        assert_eq!(book.waiting(), self.waiting);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_book_does_what_a_plain_list_does(seed: u64, ops in prop::collection::vec(op(), 1..300)) {
        let mut world = Surroundings::new(seed);
        world.params.peers.book_max = MODEL_MAX;
        let mut book = book();
        let mut model = Model::new(&mut book, &mut world);
        for op in ops {
            world.wait(Duration::from_millis(100));
            model.apply(op, &mut book, &mut world);
            book.check_all(MODEL_MAX);
            model.compare(&book);
        }
    }

    #[test]
    fn a_book_does_not_depend_on_the_salt(seed: u64, ops in prop::collection::vec(op(), 1..100)) {
        let run = |salt| {
            let mut world = Surroundings::new(seed);
            world.params.peers.book_max = MODEL_MAX;
            let mut book = Book::new(None, Salt::new(salt));
            let mut model = Model::new(&mut book, &mut world);
            for op in &ops {
                world.wait(Duration::from_millis(100));
                model.apply(*op, &mut book, &mut world);
            }
            let sample = book.sample(world.now, &mut world.rng);
            (book.iter().collect::<Vec<_>>(), sample)
        };
        prop_assert_eq!(run(1), run(2));
    }
}
