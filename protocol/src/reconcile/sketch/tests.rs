use std::collections::BTreeSet;

use proptest::prelude::*;

use super::decoder::{Decoded, decode};
use super::*;
use crate::wire::digest::mixed;
use crate::wire::sketch::{COUNTS_MAX, Want};

fn id(n: u64) -> ShortId {
    ShortId(mixed(n.wrapping_add(1)).to_be_bytes())
}

fn ids(numbers: std::ops::Range<u64>) -> impl Iterator<Item = ShortId> {
    numbers.map(id)
}

/// What is made out of `cells` cells of two sets.
fn compared(one: &BTreeSet<ShortId>, other: &BTreeSet<ShortId>, cells: usize) -> Decoded {
    let [one, other] = [one, other].map(|set| Sketch::of(set.iter().copied(), cells));
    decode(one.against(&other.told()))
}

/// How many cells it takes to tell `count` ids apart.
fn needed(count: u64, first: u64) -> usize {
    let all =
        Sketch::of(ids(first..first + count), 4 * usize::try_from(count).unwrap() + 64).told();
    let whole = |cells: usize| decode(all[..cells].to_vec()).is_whole;
    (1..all.len()).find(|cells| whole(*cells)).expect("four times as many cells as ids")
}

proptest! {
    #[test]
    fn what_is_found_is_what_differs(
        shared in 0..300_u64, ours in 0..40_u64, theirs in 0..40_u64, cells in 0..300_usize,
    ) {
        let one: BTreeSet<_> = ids(0..shared + ours).collect();
        let other = ids(0..shared).chain(ids(10_000..10_000 + theirs)).collect();
        let decoded = compared(&one, &other, cells);
        let model: Vec<_> = one.symmetric_difference(&other).copied().collect();
        if decoded.is_whole && cells > 0 {
            prop_assert_eq!(&decoded.ids, &model);
        }
        prop_assert!(decoded.ids.iter().all(|id| model.contains(id)), "an id that isn't there");
        let enough = 3 * model.len() + 24;
        prop_assert!(cells < enough || decoded.is_whole, "{} in {cells} cells", model.len());
    }

    #[test]
    fn a_sketch_is_what_came_and_did_not_go(changes in prop::collection::vec(0..60_u64, 0..400)) {
        let (mut sketch, mut model) = (Sketch::of(ids(0..0), 64), BTreeSet::new());
        for n in changes {
            if model.insert(id(n)) {
                sketch.insert(id(n));
            } else {
                model.remove(&id(n));
                sketch.remove(id(n));
            }
        }
        let made = Sketch::of(model.iter().copied(), 64);
        prop_assert_eq!(&sketch.cells, &made.cells);
        prop_assert_eq!(sketch.len(), model.len());
        prop_assert_eq!(sketch.first(9).cells, &made.cells[..9]);
    }

    #[test]
    fn cells_that_were_made_up_are_survived(
        cells in prop::collection::vec((any::<u64>(), any::<u32>()), 0..200),
        singles in prop::collection::vec(any::<u64>(), 0..200),
    ) {
        let made_up = cells.into_iter().map(|(sum, check)| Cell { sum, check });
        let all: Vec<_> = made_up.chain(singles.into_iter().map(|n| Cell::of(id(n)))).collect();
        let count = all.len();
        prop_assert!(decode(all).ids.len() <= count);
    }
}

#[test]
fn thousands_of_differences_take_less_than_one_and_a_half_cells_each() {
    let mean = |count: u64, times: u64| {
        let needed: usize = (0..times).map(|n| needed(count, n * 1_000_000)).sum();
        needed as f64 / (times * count) as f64
    };
    for (count, times, most) in [(1, 50, 1.5), (8, 50, 1.9), (50, 20, 1.75), (400, 4, 1.55)] {
        let mean = mean(count, times);
        assert!((1.0..most).contains(&mean), "{mean} cells an id, of {count}");
    }
}

#[test]
fn how_much_differs_is_seen_from_the_counts() {
    for (shared, ours, theirs) in [
        (50_000, 500, 500),
        (50_000, 1_000, 0),
        (2_000, 10, 30),
        (9_000, 0, 0),
        (300, 2_000, 1_000),
    ] {
        let mut off = Vec::new();
        for seed in 0..20 {
            let set = |from: u64, count| ids(from..from + count);
            let base = seed * 1_000_000;
            let cells = COUNTS_MAX + 1;
            let one = set(base, shared).chain(set(base + 200_000, ours));
            let other = set(base, shared).chain(set(base + 400_000, theirs));
            let [one, other] = [Sketch::of(one, cells), Sketch::of(other, cells)];
            let of = u32::try_from(other.len()).unwrap();
            let want = Want { of, counts: estimate::counts(&other) };
            off.push((estimate::difference(&one, &want) + 1.0) / ((ours + theirs) as f64 + 1.0));
        }
        assert!(off.iter().all(|off| (0.6..1.6).contains(off)), "{off:?} of {ours} and {theirs}");
        let mean = off.iter().sum::<f64>() / off.len() as f64;
        assert!((0.88..1.12).contains(&mean), "{mean} of {ours} and {theirs}");
    }
}

#[test]
fn counts_are_short_however_many_ids_there_are() {
    let counts = estimate::counts(&Sketch::of(ids(0..40_000), COUNTS_MAX + 1));
    assert_eq!(counts.len(), COUNTS_MAX);
    let long = counts.iter().filter(|count| !(-64..64).contains(*count)).count();
    assert!(long < COUNTS_MAX / 5, "{long} of two bytes and more");
}

#[test]
fn two_ids_made_to_be_in_the_same_cells_hide_nothing_else() {
    // All but two of the ids differ as they will; those two are in the same cells of these few.
    const CELLS: usize = 24;
    let cells_of = |id| Places::of(id).take_while(|at| *at < CELLS).collect::<Vec<_>>();
    let wanted = cells_of(id(0));
    let twin = (1..).map(id).find(|id| cells_of(*id) == wanted).expect("there are few choices");
    let set: BTreeSet<_> = ids(100_000..100_008).chain([id(0), twin]).collect();
    let decoded = compared(&set, &BTreeSet::new(), CELLS);
    assert!(!decoded.is_whole);
    assert_eq!(decoded.ids.len(), 8, "what is left is the two");
}

#[test]
fn a_false_cell_shows_an_id_that_nobody_has_and_no_more() {
    let sum = id(1).0;
    let cell = Cell::of(ShortId(sum));
    let decoded = decode(vec![cell; 3]);
    assert!(decoded.ids.len() <= 3);
}
