use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::shares::{is_counted, share_of};
use super::*;
use crate::chain::opaque::Opaque;
use crate::ground::peer::PeerKey;
use crate::params::Params;

/// Everything that a `Cx` borrows.
struct Surroundings {
    params: Params,
    chain: Opaque,
    rng: ChaCha8Rng,
    now: Time,
}

impl Surroundings {
    fn new(seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let mut params = Params::default();
        params.peers.local_addresses = true;
        Self { params, chain: Opaque::default(), rng, now: Time::ZERO }
    }

    fn with<T>(&mut self, run: impl FnOnce(&mut Cx<'_>) -> T) -> T {
        run(&mut Cx {
            now: self.now,
            params: &self.params,
            chain: &self.chain,
            rng: &mut self.rng,
            actions: &mut Vec::new(),
        })
    }

    fn fail(&mut self, book: &mut Book, n: u32, times: u16) {
        for _ in 0..times {
            self.with(|cx| book.fail(addr(n), cx));
        }
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
    }
}

fn addr(n: u32) -> PeerAddr {
    PeerAddr::tcp(SocketAddr::new(Ipv4Addr::from_bits(0x0a00_0000 + n).into(), 4_000))
}

fn book() -> Book {
    Book::new(None, Salt::new(1))
}

/// A book filled to the brim, from as many peers as that takes.
fn full_book(world: &mut Surroundings) -> Book {
    let mut book = book();
    let max = u32::try_from(world.params.peers.book_max).unwrap();
    for n in 0..max {
        let from = PeerKey(u64::from(n / 2));
        assert_eq!(world.with(|cx| book.hear(addr(n), from, cx)), Added::New);
    }
    book
}

impl Book {
    /// Recomputes what is derived.
    fn check(&self, max: usize) {
        assert!(self.len() <= max, "the bound");
        assert_eq!(self.places.len(), self.entries.len(), "one place each");
        let (mut shares, mut hosts) = (BTreeMap::new(), BTreeMap::new());
        for (place, entry) in self.entries.iter().enumerate() {
            assert_eq!(self.places.get(&entry.addr).map(|place| *place as usize), Some(place));
            assert!(!self.shunned.contains(&entry.addr), "a shunned address is not kept");
            if let Some(source) = entry.source {
                *shares.entry(source).or_insert(0) += 1;
                if is_counted(entry.addr.ip) {
                    *hosts.entry(entry.addr.ip).or_insert(0) += 1;
                }
            }
        }
        let (of_sources, of_hosts) = self.shares.held();
        assert_eq!(
            (of_sources.len(), of_hosts.len()),
            (shares.len(), hosts.len()),
            "none left over"
        );
        for (source, held) in shares {
            assert_eq!(of_sources.get(&source), Some(&held));
            assert!(held as usize <= share_of(max), "the share of {source:?}");
        }
        for (host, held) in hosts {
            assert_eq!(of_hosts.get(&host), Some(&held));
        }
    }
}

#[test]
fn what_cannot_be_dialled_or_is_our_own_is_never_kept() {
    let mut world = Surroundings::new(1);
    let mut book = Book::new(Some(addr(7)), Salt::new(1));
    let portless = PeerAddr { port: 0, ..addr(1) };
    for bad in [portless, addr(7)] {
        assert_eq!(world.with(|cx| book.hear(bad, PeerKey(1), cx)), Added::Refused);
        assert_eq!(world.with(|cx| book.name(bad, cx)), Added::Refused);
        world.with(|cx| book.reach(bad, cx));
        let record = AddressRecord { addr: bad, successes: 1, failures: 0 };
        book.import(&[record], &world.params.peers, world.now);
    }
    assert!(book.is_empty());
}

#[test]
fn a_shunned_address_is_not_brought_back_by_gossip_but_by_our_operator() {
    let mut world = Surroundings::new(1);
    let mut book = book();
    world.with(|cx| book.hear(addr(1), PeerKey(1), cx));
    book.shun(addr(1));
    assert!(book.is_empty());
    assert_eq!(world.with(|cx| book.hear(addr(1), PeerKey(2), cx)), Added::Refused);
    assert_eq!(world.with(|cx| book.name(addr(1), cx)), Added::New);
}

#[test]
fn the_oldest_shunned_address_is_forgotten_first() {
    let mut world = Surroundings::new(1);
    let mut book = book();
    let max = u32::try_from(SHUNNED_MAX).unwrap();
    (0..=max).for_each(|n| book.shun(addr(n)));
    assert_eq!(world.with(|cx| book.hear(addr(0), PeerKey(1), cx)), Added::New);
    assert_eq!(world.with(|cx| book.hear(addr(1), PeerKey(1), cx)), Added::Refused);
}

#[test]
fn a_liar_holds_at_most_its_share() {
    let mut world = Surroundings::new(1);
    world.params.peers.book_max = 3_200;
    let (mut book, liar) = (book(), PeerKey(666));
    for n in 0..10_000 {
        world.with(|cx| book.hear(addr(n), liar, cx));
    }
    assert_eq!(book.len(), 200);
    assert_eq!(world.with(|cx| book.hear(addr(20_000), PeerKey(1), cx)), Added::New);
    // What we reached ourselves is no hearsay any more.
    world.with(|cx| book.reach(addr(0), cx));
    assert_eq!(world.with(|cx| book.hear(addr(10_001), liar, cx)), Added::New);
    assert_eq!(world.with(|cx| book.hear(addr(10_002), liar, cx)), Added::Refused);
    book.check(3_200);
}

#[test]
fn a_liar_cannot_crowd_out_what_we_reached() {
    let mut world = Surroundings::new(1);
    world.params.peers.book_max = 200;
    let mut book = full_book(&mut world);
    for n in 0..100 {
        world.with(|cx| book.reach(addr(n), cx));
        book.set_connected(addr(n), false);
    }
    for n in 1_000..3_000 {
        let liar = PeerKey(u64::from(n)); // a new key for each lie
        assert_eq!(world.with(|cx| book.hear(addr(n), liar, cx)), Added::New);
    }
    let kept = (0..100).filter(|n| book.contains(addr(*n))).count();
    assert!(kept >= 99, "{kept} of 100 kept");
    book.check(200);
}

#[test]
fn a_full_book_keeps_what_is_connected_or_named() {
    let mut world = Surroundings::new(1);
    world.params.peers.book_max = 20;
    let mut book = full_book(&mut world);
    (0..10).for_each(|n| book.set_connected(addr(n), true));
    for n in 10..15 {
        world.with(|cx| book.name(addr(n), cx));
    }
    for n in 1_000..2_000 {
        world.with(|cx| book.hear(addr(n), PeerKey(u64::from(n)), cx));
    }
    assert!((0..15).all(|n| book.contains(addr(n))));
    book.check(20);
}

#[test]
fn the_worst_address_leaves_a_full_book() {
    let mut world = Surroundings::new(1);
    world.params.peers.book_max = 4;
    let mut book = full_book(&mut world);
    world.with(|cx| book.reach(addr(0), cx));
    book.set_connected(addr(0), false);
    for (n, failures) in [(1, 1), (2, 3), (3, 2)] {
        world.fail(&mut book, n, failures);
    }
    // Sixteen draws of four miss one of them once in a hundred times; not with this seed.
    world.with(|cx| book.hear(addr(9), PeerKey(9), cx));
    assert!(!book.contains(addr(2)), "failed most");
}

#[test]
fn a_book_of_connected_addresses_refuses_newcomers() {
    let mut world = Surroundings::new(1);
    world.params.peers.book_max = 8;
    let mut book = full_book(&mut world);
    (0..8).for_each(|n| book.set_connected(addr(n), true));
    assert_eq!(world.with(|cx| book.hear(addr(9), PeerKey(9), cx)), Added::Refused);
    assert_eq!(book.len(), 8);
}

#[test]
fn the_wait_doubles_with_each_failure_up_to_its_cap() {
    let mut world = Surroundings::new(1);
    world.params.peers.retry_min_ms = 100;
    world.params.peers.retry_max_ms = 1_000;
    let mut book = book();
    world.with(|cx| book.name(addr(1), cx));
    for most_ms in [100, 200, 400, 800, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000] {
        let until = world.with(|cx| book.fail(addr(1), cx)).unwrap();
        let wait = until.since(world.now);
        let most = Duration::from_millis(most_ms);
        assert!(wait >= most / 2 && wait <= most, "{wait:?} of {most:?}");
        assert!(!book.is_free(addr(1), world.now));
        world.wait(wait);
        assert!(book.is_free(addr(1), world.now));
    }
    world.with(|cx| book.rest(addr(1), cx));
    let wait = world.with(|cx| book.fail(addr(1), cx)).unwrap().since(world.now);
    assert!(wait <= Duration::from_millis(100), "a good link resets it");
}

#[test]
fn an_address_that_was_never_reached_is_given_up() {
    let mut world = Surroundings::new(1);
    let mut book = book();
    for n in 1..=3 {
        world.with(|cx| book.hear(addr(n), PeerKey(1), cx));
    }
    world.with(|cx| book.name(addr(2), cx));
    world.with(|cx| book.reach(addr(3), cx));
    book.set_connected(addr(3), false);
    (1..=3).for_each(|n| world.fail(&mut book, n, FAILURES_MAX));
    assert!(!book.contains(addr(1)));
    assert!(book.contains(addr(2)), "our operator named it");
    assert!(book.contains(addr(3)), "it was reached once");
    book.check(10_000);
}

#[test]
fn a_sample_is_bounded_and_without_repeats() {
    let mut world = Surroundings::new(1);
    for (known, expected) in [(0, 0), (10, 10), (64, 64), (200, 64), (1_000, 230), (8_000, 1_000)] {
        world.params.peers.book_max = known.max(1) as usize;
        let book = if known == 0 { book() } else { full_book(&mut world) };
        let sample = book.sample(world.now, &mut world.rng);
        assert_eq!(sample.len(), expected, "of {known}");
        assert_eq!(sample.iter().collect::<BTreeSet<_>>().len(), expected, "no repeats");
    }
}

#[test]
fn a_sample_leaves_out_what_fails_and_what_is_old_hearsay() {
    let mut world = Surroundings::new(1);
    let mut book = book();
    for n in 1..=4 {
        world.with(|cx| book.hear(addr(n), PeerKey(1), cx));
    }
    world.with(|cx| book.reach(addr(1), cx));
    book.set_connected(addr(1), false);
    world.fail(&mut book, 2, TELL_FAILURES_MAX);
    world.wait(HEARD_LATELY);
    book.refresh(addr(4), world.now);
    let mut sample = book.sample(world.now, &mut world.rng);
    sample.sort_unstable();
    assert_eq!(sample, [addr(1), addr(4)]);
}

#[test]
fn every_free_address_is_chosen_equally_often() {
    let mut world = Surroundings::new(1);
    // With few free ones the draws miss and the walk decides; it must be fair as well.
    for (free, known) in [(5, 200), (50, 60)] {
        world.params.peers.book_max = known as usize;
        let mut book = full_book(&mut world);
        (free..known).for_each(|n| book.set_connected(addr(n), true));
        let mut chosen = BTreeMap::new();
        for _ in 0..free * 200 {
            match book.choose(&[addr(0)], world.now, &mut world.rng) {
                Choice::Dial(addr) => *chosen.entry(addr).or_insert(0_u32) += 1,
                Choice::NoneBefore(_) => panic!("{free} are free"),
            }
        }
        assert_eq!(chosen.len(), free as usize - 1, "all but the busy one");
        // 200 expected, plus a little; five standard deviations are 71.
        assert!(chosen.values().all(|times| (130..330).contains(times)), "{chosen:?}");
    }
}

#[test]
fn without_a_free_address_the_next_rest_to_end_is_named() {
    let mut world = Surroundings::new(1);
    let mut book = book();
    assert_eq!(book.choose(&[], world.now, &mut world.rng), Choice::NoneBefore(Time::NEVER));
    for n in 1..=3 {
        world.with(|cx| book.name(addr(n), cx));
    }
    book.set_connected(addr(1), true);
    let soon = world.with(|cx| book.fail(addr(2), cx)).unwrap();
    let choice = book.choose(&[addr(3)], world.now, &mut world.rng);
    assert_eq!(choice, Choice::NoneBefore(soon));
}

#[test]
fn a_book_reads_back_from_what_it_exports() {
    let mut world = Surroundings::new(1);
    let mut book = book();
    for n in 1..=3 {
        world.with(|cx| book.hear(addr(n), PeerKey(1), cx));
    }
    world.with(|cx| book.reach(addr(2), cx));
    world.with(|cx| book.fail(addr(3), cx));
    let json = serde_json::to_string(&book.export()).unwrap();
    let records: Vec<AddressRecord> = serde_json::from_str(&json).unwrap();
    let mut later = Book::new(None, Salt::new(2));
    later.import(&records, &world.params.peers, Time::ZERO);
    assert_eq!(later.export(), records);
    assert_eq!(records.len(), 3);
    world.params.peers.book_max = 2;
    let mut smaller = Book::new(None, Salt::new(2));
    smaller.import(&records, &world.params.peers, Time::ZERO);
    assert_eq!(smaller.len(), 2);
}

/// What may happen to a book.
#[derive(Clone, Copy, Debug)]
enum Op {
    Hear { n: u32, from: u64 },
    Name { n: u32 },
    Reach { n: u32 },
    Part { n: u32 },
    Fail { n: u32 },
    Shun { n: u32 },
    Choose,
}

fn op() -> impl Strategy<Value = Op> {
    let n = 0..40_u32;
    prop_oneof![
        8 => (n.clone(), 0..4_u64).prop_map(|(n, from)| Op::Hear { n, from }),
        1 => n.clone().prop_map(|n| Op::Name { n }),
        2 => n.clone().prop_map(|n| Op::Reach { n }),
        2 => n.clone().prop_map(|n| Op::Part { n }),
        4 => n.clone().prop_map(|n| Op::Fail { n }),
        1 => n.prop_map(|n| Op::Shun { n }),
        3 => Just(Op::Choose),
    ]
}

/// The book as a plain list, without shares or order: what must be there, what may have made room.
#[derive(Default)]
struct Model {
    held: BTreeMap<PeerAddr, Known>,
    shunned: BTreeSet<PeerAddr>,
    given_up: BTreeSet<PeerAddr>,
}

#[derive(Clone, Copy, Default)]
struct Known {
    named: bool,
    connected: bool,
    reached: bool,
    source: Option<u64>,
    failures: u16,
    until: Time,
}

const MODEL_MAX: usize = 16;

impl Model {
    /// An address was offered; `added` is what the book says became of it.
    fn offer(&mut self, addr: PeerAddr, source: Option<u64>, added: Added, book: &Book) {
        let share = self.held.values().filter(|known| known.source == source).count();
        let over = source.is_some() && share >= share_of(MODEL_MAX);
        let protected = |known: &Known| known.connected || known.named;
        match added {
            Added::Known => assert!(self.held.contains_key(&addr)),
            Added::Refused => {
                let stuck = self.held.values().any(protected) && self.held.len() == MODEL_MAX;
                let out = self.shunned.contains(&addr) || self.given_up.contains(&addr);
                assert!(out || over || stuck, "refused without a reason");
            }
            Added::New => {
                assert!(!self.held.contains_key(&addr) && !self.shunned.contains(&addr) && !over);
                assert!(source.is_none() || !self.given_up.contains(&addr), "it rests");
                let gone: Vec<_> =
                    self.held.keys().copied().filter(|held| !book.contains(*held)).collect();
                assert_eq!(gone.len(), usize::from(self.held.len() == MODEL_MAX));
                for gone in gone {
                    let gone = self.held.remove(&gone).unwrap();
                    assert!(!protected(&gone), "what is connected or named stays");
                }
                self.held.insert(addr, Known { source, ..Known::default() });
            }
        }
    }

    fn free(&self, now: Time) -> impl Iterator<Item = PeerAddr> {
        let free =
            self.held.iter().filter(move |(_, known)| !known.connected && known.until <= now);
        free.map(|(addr, _)| *addr)
    }

    fn apply(&mut self, op: Op, book: &mut Book, world: &mut Surroundings) {
        match op {
            Op::Hear { n, from } => {
                let added = world.with(|cx| book.hear(addr(n), PeerKey(from), cx));
                self.offer(addr(n), Some(from), added, book);
            }
            Op::Name { n } => {
                self.shunned.remove(&addr(n));
                self.given_up.remove(&addr(n));
                let added = world.with(|cx| book.name(addr(n), cx));
                self.offer(addr(n), None, added, book);
                if let Some(known) = self.held.get_mut(&addr(n)) {
                    known.named = true;
                }
            }
            Op::Reach { n } => {
                world.with(|cx| book.reach(addr(n), cx));
                if book.contains(addr(n)) && !self.held.contains_key(&addr(n)) {
                    self.offer(addr(n), None, Added::New, book);
                }
                if let Some(known) = self.held.get_mut(&addr(n)) {
                    self.given_up.remove(&addr(n));
                    *known = Known { connected: true, reached: true, source: None, ..*known };
                }
            }
            Op::Part { n } => {
                book.set_connected(addr(n), false);
                if let Some(known) = self.held.get_mut(&addr(n)) {
                    known.connected = false;
                }
            }
            Op::Fail { n } => self.fail(addr(n), book, world),
            Op::Shun { n } => {
                book.shun(addr(n));
                self.held.remove(&addr(n));
                self.shunned.insert(addr(n));
            }
            Op::Choose => match book.choose(&[], world.now, &mut world.rng) {
                Choice::Dial(addr) => assert!(self.free(world.now).any(|free| free == addr)),
                Choice::NoneBefore(at) => {
                    assert_eq!(self.free(world.now).count(), 0);
                    let resting = self.held.values().filter(|known| !known.connected);
                    let earliest = resting.map(|known| known.until).min();
                    assert_eq!(at, earliest.unwrap_or(Time::NEVER));
                }
            },
        }
    }

    fn fail(&mut self, addr: PeerAddr, book: &mut Book, world: &mut Surroundings) {
        let until = world.with(|cx| book.fail(addr, cx));
        let Some(known) = self.held.get_mut(&addr) else {
            return assert_eq!(until, None);
        };
        known.failures += 1;
        let hopeless = !known.named && !known.connected && !known.reached;
        if hopeless && known.failures >= FAILURES_MAX {
            self.held.remove(&addr);
            self.given_up.insert(addr); // for longer than the test lasts
            assert_eq!(until, None);
        } else {
            known.until = until.unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_book_does_what_a_plain_list_does(seed: u64, ops in prop::collection::vec(op(), 1..300)) {
        let mut world = Surroundings::new(seed);
        world.params.peers.book_max = MODEL_MAX;
        let (mut book, mut model) = (book(), Model::default());
        for op in ops {
            world.wait(Duration::from_millis(100));
            model.apply(op, &mut book, &mut world);
            book.check(MODEL_MAX);
            let mut held: Vec<_> = book.iter().map(|view| view.addr).collect();
            held.sort_unstable();
            prop_assert!(held.iter().eq(model.held.keys()), "after {op:?}");
        }
    }

    #[test]
    fn a_book_does_not_depend_on_the_salt(seed: u64, ops in prop::collection::vec(op(), 1..100)) {
        let run = |salt| {
            let mut world = Surroundings::new(seed);
            world.params.peers.book_max = MODEL_MAX;
            let (mut book, mut model) = (Book::new(None, Salt::new(salt)), Model::default());
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
