mod choice;
mod model;
mod tried;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::chain::opaque::Opaque;
use crate::params::Params;

/// Everything that a `Cx` borrows.
pub(super) struct Surroundings {
    params: Params,
    chain: Opaque,
    pub(super) rng: ChaCha8Rng,
    pub(super) now: Time,
}

impl Surroundings {
    pub(super) fn new(seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let mut params = Params::default();
        params.peers.local_addresses = true;
        Self { params, chain: Opaque::default(), rng, now: Time::ZERO }
    }

    fn of_size(book_max: usize) -> Self {
        let mut world = Self::new(1);
        world.params.peers.book_max = book_max;
        world
    }

    pub(super) fn with<T>(&mut self, run: impl FnOnce(&mut Cx<'_>) -> T) -> T {
        run(&mut Cx {
            now: self.now,
            params: &self.params,
            chain: &self.chain,
            rng: &mut self.rng,
            actions: &mut Vec::new(),
        })
    }

    fn hear(&mut self, book: &mut Book, addr: PeerAddr, from: impl Into<Source>) -> Added {
        self.with(|cx| book.hear(addr, from, cx))
    }

    /// A peer says hello at an address, and the link ends.
    fn visit(&mut self, book: &mut Book, addr: PeerAddr) {
        self.with(|cx| book.reach(addr, cx));
        book.set_connected(addr, false);
    }

    fn fail(&mut self, book: &mut Book, addr: PeerAddr, times: u16) {
        for _ in 0..times {
            self.with(|cx| book.fail(addr, cx));
        }
    }

    fn choose(&mut self, book: &Book, wish: &Wish<'_>) -> Choice {
        book.choose(wish, self.now, &mut self.rng)
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
    }
}

/// An address that is by itself.
fn addr(n: u32) -> PeerAddr {
    PeerAddr::tcp(SocketAddr::new(Ipv4Addr::from_bits(0x0a00_0000 + n).into(), 4_000))
}

/// The `n`th address of a network of the world.
pub(super) fn network(first: u8, group: u32, n: u32) -> PeerAddr {
    let ip = (u32::from(first) << 24) + (group << 16) + n + 1;
    PeerAddr::tcp(SocketAddr::new(Ipv4Addr::from_bits(ip).into(), 4_000))
}

fn book() -> Book {
    Book::new(None, Salt::new(1))
}

/// A book of so many addresses that are by themselves, from as many peers as that takes; and which.
fn book_of(world: &mut Surroundings, count: usize) -> (Book, Vec<PeerAddr>) {
    let mut book = book();
    let mut held = Vec::new();
    for n in 0.. {
        if held.len() == count {
            break;
        }
        assert!(n < 1_000_000, "no room for {count}");
        if world.hear(&mut book, addr(n), PeerKey(u64::from(n))) == Added::New {
            held.push(addr(n));
        }
    }
    (book, held)
}

#[test]
fn what_cannot_be_dialled_or_is_our_own_is_never_kept() {
    let mut world = Surroundings::new(1);
    let mut book = Book::new(Some(addr(7)), Salt::new(1));
    let portless = PeerAddr { port: 0, ..addr(1) };
    for bad in [portless, addr(7)] {
        assert_eq!(world.hear(&mut book, bad, PeerKey(1)), Added::Refused);
        assert_eq!(world.with(|cx| book.name(bad, cx)), Added::Refused);
        world.with(|cx| book.reach(bad, cx));
        let kept = BookRecord::from(vec![AddressRecord::reached(bad)]);
        world.with(|cx| book.import(&kept, cx));
    }
    assert!(book.is_empty());
}

#[test]
fn a_shunned_address_is_not_brought_back_by_gossip_but_by_our_operator() {
    let mut world = Surroundings::new(1);
    let mut book = book();
    world.hear(&mut book, addr(1), PeerKey(1));
    book.shun(addr(1), world.now);
    assert!(book.is_empty());
    assert_eq!(world.hear(&mut book, addr(1), PeerKey(2)), Added::Refused);
    assert_eq!(world.with(|cx| book.name(addr(1), cx)), Added::New);
}

#[test]
fn a_shunned_address_is_taken_again_after_a_day() {
    let mut world = Surroundings::new(1);
    let mut book = book();
    book.shun(addr(1), world.now);
    world.wait(Duration::from_secs(86_399));
    assert_eq!(world.hear(&mut book, addr(1), PeerKey(2)), Added::Refused);
    world.wait(Duration::from_secs(1));
    assert_eq!(world.hear(&mut book, addr(1), PeerKey(2)), Added::New);
}

#[test]
fn the_oldest_shunned_address_is_forgotten_first() {
    let mut world = Surroundings::new(1);
    let mut book = book();
    let max = u32::try_from(SHUNNED_MAX).unwrap();
    (0..=max).for_each(|n| book.shun(addr(n), world.now));
    assert_eq!(world.hear(&mut book, addr(0), PeerKey(1)), Added::New);
    assert_eq!(world.hear(&mut book, addr(1), PeerKey(1)), Added::Refused);
}

#[test]
fn a_liar_holds_at_most_its_share_whatever_it_tells() {
    let mut world = Surroundings::of_size(2_560);
    let (mut book, liar) = (book(), Source::Network(666));
    for n in 0..50_000_u32 {
        let told = network(u8::try_from(20 + n % 100).unwrap(), n / 100 % 256, n / 25_600);
        world.hear(&mut book, told, liar);
    }
    // 64 of the 1,024 buckets at most, of two slots each.
    assert!((100..=128).contains(&book.len()), "{}", book.len());
    let buckets: BTreeSet<_> = book.iter().map(|view| view.bucket).collect();
    assert!(buckets.len() <= 64);
    let others = (0..1_000_u32).filter(|n| {
        let told = network(200, n % 256, n / 256);
        world.hear(&mut book, told, Source::Network(*n)) == Added::New
    });
    assert!(others.count() > 700, "others have room all the same");
    book.check_all(2_560);
}

#[test]
fn a_small_network_is_learned_from_a_single_node() {
    for (nodes, least) in [(16, 16), (100, 99), (500, 400)] {
        let mut world = Surroundings::new(1);
        let mut book = book();
        (1..=nodes).for_each(|n| _ = world.hear(&mut book, addr(n), PeerKey(1)));
        assert!(book.len() >= least, "{} of {nodes}", book.len());
        // What has no place when one tells it has one when another does.
        (1..=nodes).for_each(|n| _ = world.hear(&mut book, addr(n), PeerKey(2)));
        (1..=nodes).for_each(|n| _ = world.hear(&mut book, addr(n), PeerKey(3)));
        assert!(book.len() * 100 >= nodes as usize * 99, "{} of {nodes}", book.len());
    }
}

#[test]
fn a_million_hostile_addresses_drive_out_nobody_who_was_reached() {
    let mut world = Surroundings::new(1);
    let mut book = book();
    for n in 0..1_000 {
        world.visit(&mut book, network(60, n % 250, n));
    }
    let honest = |book: &Book| -> BTreeMap<_, _> {
        let reached = book.iter().filter(|view| view.successes > 0);
        reached.map(|view| (view.addr, view.tried)).collect()
    };
    let before = honest(&book);
    assert!(before.len() >= 990, "{} found a place", before.len());
    for n in 0..1_000_000_u32 {
        let hostile = network(u8::try_from(20 + n % 16).unwrap(), n / 16 % 256, n / 4_096);
        world.hear(&mut book, hostile, Source::Network(n % 64));
    }
    assert_eq!(honest(&book), before, "all of them are left, and where they were");
    book.check_all(world.params.peers.book_max);
}

#[test]
fn whoever_has_a_place_keeps_it_until_it_is_terrible() {
    let mut world = Surroundings::of_size(40);
    let (mut book, held) = book_of(&mut world, 25);
    let strangers = |world: &mut Surroundings, book: &mut Book, from: u32| {
        for n in from..from + 2_000 {
            world.hear(book, addr(n), PeerKey(u64::from(n)));
        }
    };
    strangers(&mut world, &mut book, 10_000);
    assert!(held.iter().all(|addr| book.contains(*addr)));
    // What failed often gives way, what is connected or named doesn't.
    book.set_connected(held[0], true);
    world.with(|cx| book.name(held[1], cx));
    held[..10].iter().for_each(|addr| world.fail(&mut book, *addr, TELL_FAILURES_MAX));
    strangers(&mut world, &mut book, 20_000);
    let is_left: Vec<_> = held.iter().map(|addr| book.contains(*addr)).collect();
    assert_eq!(is_left[..2], [true; 2]);
    assert_eq!(is_left[2..10], [false; 8]);
    assert_eq!(is_left[10..], [true; 15]);
    // And what nobody heard of for a month.
    world.wait(HORIZON + Duration::from_secs(1));
    book.refresh(held[11], world.now);
    strangers(&mut world, &mut book, 30_000);
    let is_left: Vec<_> = held[10..].iter().map(|addr| book.contains(*addr)).collect();
    assert_eq!(is_left.iter().filter(|left| **left).count(), 1);
    assert!(book.contains(held[11]) && book.contains(held[0]) && book.contains(held[1]));
    book.check_all(40);
}

#[test]
fn failures_that_are_excused_cost_no_place() {
    let mut world = Surroundings::of_size(40);
    let (mut book, held) = book_of(&mut world, 20);
    for addr in &held {
        for _ in 0..50 {
            world.with(|cx| book.excuse(*addr, true, cx));
        }
    }
    for n in 10_000..12_000 {
        world.hear(&mut book, addr(n), PeerKey(u64::from(n)));
    }
    assert!(held.iter().all(|addr| book.contains(*addr)));
}

#[test]
fn a_named_address_finds_a_place_among_strangers() {
    let mut world = Surroundings::of_size(40);
    let (mut book, held) = book_of(&mut world, 32);
    book.set_connected(held[0], true);
    for n in 1_000..1_031 {
        assert_eq!(world.with(|cx| book.name(addr(n), cx)), Added::New);
    }
    assert!((1_000..1_031).all(|n| book.contains(addr(n))) && book.contains(held[0]));
    assert_eq!(world.with(|cx| book.name(addr(2_000), cx)), Added::Refused, "all are named");
    book.check_all(40);
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
        world.hear(&mut book, addr(n), PeerKey(1));
    }
    world.with(|cx| book.name(addr(2), cx));
    world.visit(&mut book, addr(3));
    (1..=3).for_each(|n| world.fail(&mut book, addr(n), FAILURES_MAX));
    assert!(!book.contains(addr(1)));
    assert!(book.contains(addr(2)), "our operator named it");
    assert!(book.contains(addr(3)), "it was reached once");
    book.check_all(10_000);
}

#[test]
fn a_sample_is_bounded_and_without_repeats() {
    for (known, expected) in [(0, 0), (10, 10), (64, 64), (200, 64), (1_000, 230), (8_000, 1_000)] {
        let mut world = Surroundings::of_size(81_920);
        let (book, _) = book_of(&mut world, known);
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
        world.hear(&mut book, addr(n), PeerKey(1));
    }
    world.visit(&mut book, addr(1));
    world.fail(&mut book, addr(2), TELL_FAILURES_MAX);
    world.wait(HEARD_LATELY);
    book.refresh(addr(4), world.now);
    let mut sample = book.sample(world.now, &mut world.rng);
    sample.sort_unstable();
    assert_eq!(sample, [addr(1), addr(4)]);
}

#[test]
fn a_book_reads_back_from_what_it_exports_with_every_address_in_its_place() {
    let mut world = Surroundings::of_size(1_000);
    let mut book = book();
    for n in 0..300 {
        world.hear(&mut book, network(20, n % 100, n), Source::Network(n % 7));
        world.hear(&mut book, addr(n), PeerKey(u64::from(n % 9)));
    }
    for n in (0..300).step_by(3) {
        world.visit(&mut book, network(20, n % 100, n));
    }
    world.fail(&mut book, addr(3), 2);
    let kept = book.export(world.now);
    let json = serde_json::to_string(&(kept.secret, &kept.addresses)).unwrap();
    let (secret, addresses) = serde_json::from_str(&json).unwrap();
    let read = BookRecord { secret, addresses, anchors: Vec::new() };
    assert_eq!(read, kept);
    let mut later = Book::new(None, Salt::new(2));
    world.with(|cx| later.import(&read, cx));
    assert_eq!(later.export(world.now), kept);
    let places = |book: &Book| -> BTreeMap<_, _> {
        book.iter().map(|view| (view.addr, (view.tried, view.bucket, view.source))).collect()
    };
    assert_eq!(places(&later), places(&book));
    later.check_all(1_000);
    // A smaller one takes what finds room.
    world.params.peers.book_max = 50;
    let mut smaller = Book::new(None, Salt::new(2));
    world.with(|cx| smaller.import(&read, cx));
    smaller.check_all(50);
    assert!(smaller.len() > 25, "{}", smaller.len());
}

#[test]
fn what_an_earlier_run_knew_goes_on_to_age() {
    let mut world = Surroundings::new(1);
    let mut book = book();
    world.hear(&mut book, addr(1), PeerKey(1));
    for run in 1..=4 {
        world.wait(Duration::from_secs(10 * 86_400));
        let kept = book.export(world.now);
        assert_eq!(kept.addresses[0].age_s, run * 10 * 86_400);
        world.now = Time::ZERO;
        book = Book::new(None, Salt::new(1));
        world.with(|cx| book.import(&kept, cx));
        let is_terrible = book.get(addr(1)).unwrap().is_terrible(world.now);
        assert_eq!(is_terrible, run > 3, "after {run} runs of ten days");
    }
}

#[test]
fn a_book_of_few_addresses_is_small() {
    // A simulator holds 100,000s of them.
    assert!(size_of::<Entry>() <= 128, "{} bytes", size_of::<Entry>());
    assert!(size_of::<Book>() <= 320, "{} bytes", size_of::<Book>());
    let world = Surroundings::new(1);
    let book = book();
    assert_eq!(
        (book.entries.capacity(), book.placing.is_none()),
        (0, true),
        "nothing before it is used"
    );
    drop(world);
}
