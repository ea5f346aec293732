//! The tree against a map, and comparisons against what they should find.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rand::{Rng, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::wire::merkle::{
    COMPARISON_MAX, Comparison, Entry, Holds, LISTED_MAX, LISTS_MAX, Part, SPLITS_MAX,
};

mod liars;

/// Any salt of a comparison.
const SALT: u64 = 77;

/// Most that one answer may look at.
const LOOKED_MAX: usize = 2 * 16 * SPLITS_MAX + LISTS_MAX + 2 * LISTED_MAX + DIFFERENCES_MAX;

type Key = Vec<u8>;

/// A map, which is the model, and its tree.
#[derive(Clone)]
struct Replica {
    map: BTreeMap<Key, u32>,
    tree: Tree<Key>,
}

fn key(number: u32) -> Key {
    number.to_le_bytes().to_vec()
}

impl Replica {
    fn of(entries: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut replica = Self { map: BTreeMap::new(), tree: Tree::new(1) };
        entries.for_each(|(key, version)| replica.set(key, version));
        replica
    }

    fn set(&mut self, number: u32, version: u32) {
        self.map.insert(key(number), version);
        self.tree.set(key(number), &version.to_le_bytes());
    }

    fn remove(&mut self, number: u32) {
        assert_eq!(self.tree.remove(&key(number)), self.map.remove(&key(number)).is_some());
    }

    /// Everything that differs from another map, as the model has it.
    fn differences(&self, other: &Self) -> BTreeSet<Difference> {
        let keys: BTreeSet<_> = self.map.keys().chain(other.map.keys()).collect();
        let differing = keys.into_iter().filter(|key| self.map.get(*key) != other.map.get(*key));
        let told = differing.map(|key| {
            let side = match (self.map.contains_key(key), other.map.contains_key(key)) {
                (true, true) => Side::Both,
                (true, false) => Side::Ours,
                (false, _) => Side::Theirs,
            };
            Difference { place: self.tree.place(key), side }
        });
        told.collect()
    }
}

/// What an exchange came to.
#[derive(Debug, Default)]
struct Exchange {
    /// As the first of the two sees them.
    found: Vec<Difference>,
    messages: usize,
    bytes: usize,
}

/// What the other of two calls it.
fn mirrored(difference: Difference) -> Difference {
    let side = match difference.side {
        Side::Ours => Side::Theirs,
        Side::Theirs => Side::Ours,
        Side::Both => Side::Both,
    };
    Difference { side, ..difference }
}

/// As it comes out at the other end: written, checked against the bounds, and read.
fn sent(message: &Comparison) -> Comparison {
    let mut bytes = Vec::new();
    message.put(&mut bytes);
    assert_eq!(bytes.len(), message.encoded_len());
    assert!(bytes.len() <= COMPARISON_MAX, "{} bytes", bytes.len());
    let read = Comparison::read(&bytes).expect("it was written by us");
    assert_eq!(read, *message);
    read
}

/// Compares two maps to the end. `between` is called before each answer.
fn exchange(
    replicas: &mut [Replica; 2],
    mut between: impl FnMut(&mut [Replica; 2], usize),
) -> Exchange {
    let mut done = Exchange::default();
    let mut said = Some(replicas[0].tree.begin(SALT, 0));
    for turn in 1.. {
        let Some(message) = said else { break };
        done.messages += 1;
        done.bytes += message.encoded_len();
        between(replicas, turn);
        let answer = replicas[turn % 2].tree.answer(&sent(&message));
        assert!(answer.looked_at <= LOOKED_MAX && answer.differences.len() <= DIFFERENCES_MAX);
        assert!(answer.differences.is_sorted());
        let found = answer.differences.into_iter();
        done.found.extend(found.map(|found| if turn % 2 == 0 { found } else { mirrored(found) }));
        said = answer.reply;
        assert!(turn < 100_000, "it goes on without end");
    }
    done
}

fn check_exchange(mut replicas: [Replica; 2]) -> Exchange {
    let expected = replicas[0].differences(&replicas[1]);
    let done = exchange(&mut replicas, |_, _| ());
    let found: BTreeSet<_> = done.found.iter().copied().collect();
    assert_eq!(found.len(), done.found.len(), "something was found twice");
    assert_eq!(found, expected);
    let is_equal = replicas[0].tree.root() == replicas[1].tree.root();
    assert_eq!(is_equal, expected.is_empty(), "the roots say otherwise");
    done
}

/// So many entries, of which one in a hundred times `percent` isn't what the other has.
fn damaged(count: u32, percent: f64, rng: &mut impl Rng) -> [Replica; 2] {
    let whole = Replica::of((0..count).map(|n| (n, 0)));
    let mut other = whole.clone();
    for n in 0..count {
        if rng.random_bool(percent / 100.0) {
            match rng.random_range(0..3) {
                0 => other.set(n, 1),
                1 => other.remove(n),
                _ => other.set(n + count, 0),
            }
        }
    }
    [whole, other]
}

proptest! {
    #[test]
    fn whatever_differs_is_found_once_and_nothing_else(
        count in 0_u32..3_000, percent in prop_oneof![Just(0.0), 0.0..5.0, 0.0..100.0], seed: u64, turned: bool,
    ) {
        let mut replicas = damaged(count, percent, &mut ChaCha8Rng::seed_from_u64(seed));
        if turned {
            replicas.reverse();
        }
        check_exchange(replicas);
    }

    #[test]
    fn the_tree_is_a_function_of_the_map(
        steps in prop::collection::vec((0_u32..60, prop::option::of(0_u32..3), any::<bool>()), 0..300),
    ) {
        let mut replica = Replica::of(std::iter::empty());
        for (number, version, asked) in steps {
            match version {
                Some(version) => replica.set(number, version),
                None => replica.remove(number),
            }
            if asked {
                replica.tree.root();
            }
            prop_assert_eq!(replica.tree.len(), replica.map.len());
        }
        let mut again = Tree::new(1);
        replica.map.iter().rev().for_each(|(key, version)| again.set(key.clone(), &version.to_le_bytes()));
        prop_assert_eq!(replica.tree.root(), again.root());
        prop_assert_eq!(replica.tree.nodes, again.nodes);
    }
}

#[test]
fn a_large_map_finds_all_that_differs() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for percent in [0.01, 0.5, 5.0, 100.0] {
        check_exchange(damaged(20_000, percent, &mut rng));
    }
}

#[test]
fn equal_maps_cost_one_message_of_less_than_a_hundred_bytes() {
    let whole = Replica::of((0..5_000).map(|n| (n, 0)));
    let done = check_exchange([whole.clone(), whole]);
    assert_eq!(done.messages, 1);
    assert!(done.bytes < 100, "{} bytes", done.bytes);
    let none = || Replica::of(std::iter::empty());
    assert_eq!(check_exchange([none(), none()]).messages, 1);
}

#[test]
fn one_that_has_nothing_gets_everything_for_a_few_bytes_an_entry() {
    let whole = || Replica::of((0..5_000).map(|n| (n, 0)));
    let none = || Replica::of(std::iter::empty());
    for replicas in [[whole(), none()], [none(), whole()]] {
        let done = check_exchange(replicas);
        assert!(done.bytes < 1_000, "{} bytes for hashes", done.bytes);
        assert!(done.messages <= 2 * 5_000_usize.div_ceil(DIFFERENCES_MAX), "{}", done.messages);
    }
}

#[test]
fn a_few_that_differ_in_many_cost_what_they_are() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let whole = Replica::of((0..50_000).map(|n| (n, 0)));
    let mut other = whole.clone();
    (0..10).for_each(|_| other.set(rng.random_range(0..50_000), 1));
    let done = check_exchange([whole, other]);
    assert!(done.bytes < 4_000 && done.messages <= 6, "{done:?}");
}

#[test]
fn keys_of_one_place_are_found_together() {
    // Places are made of 64 bits, so that no test finds two keys that share one: they are put there.
    let put = |tree: &mut Tree<Key>, version: u32, keys: &[u32]| {
        for n in keys {
            let mark = entry(&key(*n), &version.to_le_bytes());
            tree.entries.insert((99, Some(key(*n))), mark);
        }
    };
    let several: Vec<_> = (0..40).collect();
    let [mut one, mut other, mut third] = [(); 3].map(|()| Replica::of((0..500).map(|n| (n, 0))));
    put(&mut one.tree, 7, &several);
    put(&mut other.tree, 7, &several[1..]);
    put(&mut third.tree, 7, &several[..1]);
    for other in [other, third] {
        let mut replicas = [one.clone(), other];
        let done = exchange(&mut replicas, |_, _| ());
        assert_eq!(done.found, [Difference { place: 99, side: Side::Both }]);
        assert_eq!(replicas[0].tree.keys_at(99).count(), 40);
    }
    let none = Replica::of((0..500).map(|n| (n, 0)));
    let done = exchange(&mut [one, none], |_, _| ());
    assert_eq!(done.found, [Difference { place: 99, side: Side::Ours }]);
}

#[test]
fn a_key_is_found_by_its_place_and_placed_by_the_salt() {
    let replica = Replica::of((0..100).map(|n| (n, 0)));
    for n in 0..100 {
        let place = replica.tree.place(&key(n));
        assert!(replica.tree.keys_at(place).eq([&key(n)]));
        assert_ne!(Tree::<Key>::new(2).place(&key(n)), place);
    }
    assert_eq!(replica.tree.keys_at(replica.tree.place(&key(100))).count(), 0);
}

#[test]
fn what_is_kept_of_hashes_is_little_and_goes_with_the_entries() {
    let mut replica = Replica::of((0..20_000).map(|n| (n, 0)));
    let nodes = |tree: &Tree<Key>| tree.nodes.iter().map(BTreeMap::len).sum::<usize>();
    replica.tree.root();
    assert!(nodes(&replica.tree) <= 20_000 / 8, "{} hashes", nodes(&replica.tree));
    (0..20_000).for_each(|n| replica.remove(n));
    assert!(replica.tree.is_empty());
    assert_eq!((nodes(&replica.tree), replica.tree.root()), (0, Mark::default()));
}

#[test]
fn a_comparison_goes_on_where_it_was_left() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut replicas = damaged(20_000, 30.0, &mut rng);
    let expected = replicas[0].differences(&replicas[1]);
    let (mut found, mut said, mut losses) = (BTreeSet::new(), replicas[0].tree.begin(SALT, 0), 0);
    for turn in 1.. {
        let answer = replicas[turn % 2].tree.answer(&sent(&said));
        let each = answer.differences.into_iter();
        found.extend(each.map(|one| if turn % 2 == 0 { one } else { mirrored(one) }));
        let Some(reply) = answer.reply else { break };
        said = reply;
        if turn % 7 == 0 {
            // The message is lost with the link. Whoever sent it still knows where it was.
            losses += 1;
            said = replicas[turn % 2].tree.begin(SALT + turn as u64, said.from);
        }
        assert!(turn < 10_000);
    }
    assert!(losses > 5, "{losses}");
    assert_eq!(found, expected);
}

#[test]
fn maps_that_change_meanwhile_come_to_an_end_and_are_equal_when_they_rest() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let mut replicas = damaged(5_000, 20.0, &mut rng);
    let untouched = replicas[0].differences(&replicas[1]);
    let mut touched = BTreeSet::new();
    let done = exchange(&mut replicas, |replicas, turn| {
        for _ in 0..20 {
            let (n, replica) = (rng.random_range(0..10_000), &mut replicas[turn % 2]);
            touched.insert(replica.tree.place(&key(n)));
            if rng.random_bool(0.3) { replica.remove(n) } else { replica.set(n, 1_000) }
        }
    });
    let found: BTreeSet<_> = done.found.iter().copied().collect();
    let missed = untouched.difference(&found).filter(|one| !touched.contains(&one.place));
    assert_eq!(missed.count(), 0, "what didn't change is found");
    check_exchange(replicas);
}
