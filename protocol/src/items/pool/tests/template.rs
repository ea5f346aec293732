//! What a miner takes: scenarios by name, then random pools against a naive model.

use std::cmp::Reverse;

use proptest::prelude::*;

use super::super::template::Room;
use super::*;

fn room(bytes: usize) -> Room {
    Room { bytes, each: 0, transactions: usize::MAX }
}

fn child_of(parents: &[u8], fee: u64) -> Inspection {
    let parents = parents.iter().map(|n| tx(*n, 10).id()).collect();
    Inspection { parents, ..paying(fee) }
}

/// What is taken, by the number that its bytes repeat.
fn taken(pool: &Pool, room: Room) -> Vec<u8> {
    pool.template(room).iter().map(|item| item.bytes()[0]).collect()
}

fn pool_of(txs: &[(u8, Inspection)]) -> Pool {
    let mut pool = pool();
    for (n, inspection) in txs {
        pool.put(&tx(*n, 10), inspection.clone(), &params(10_000)).unwrap();
    }
    pool
}

#[test]
fn who_pays_best_goes_first_and_of_equals_who_came_first() {
    let fees = [(1, 5), (2, 9), (3, 0), (4, 5), (5, 0)];
    let pool = pool_of(&fees.map(|(n, fee)| (n, paying(fee))));
    assert_eq!(taken(&pool, room(1_000)), [2, 1, 4, 3, 5]);
    assert_eq!(taken(&pool, room(25)), [2, 1]);
    assert_eq!(taken(&pool, Room { bytes: 36, each: 2, transactions: 9 }), [2, 1, 4]);
    assert_eq!(taken(&pool, Room { transactions: 1, ..room(1_000) }), [2]);
    assert!(taken(&pool, Room { transactions: 0, ..room(1_000) }).is_empty());
}

#[test]
fn a_child_that_pays_well_brings_its_parents_and_never_goes_without_them() {
    let pool = pool_of(&[(1, paying(0)), (2, paying(20)), (3, child_of(&[1], 60))]);
    assert_eq!(taken(&pool, room(1_000)), [1, 3, 2], "30 for each 10 bytes of the two together");
    assert_eq!(taken(&pool, room(15)), [2], "the child alone would fit");
}

#[test]
fn a_parent_that_pays_better_than_its_child_does_not_lift_it() {
    let pool = pool_of(&[(1, paying(90)), (2, child_of(&[1], 1)), (3, paying(20))]);
    assert_eq!(taken(&pool, room(1_000)), [1, 3, 2]);
}

#[test]
fn a_child_that_came_before_its_parent_goes_after_it() {
    let (parent, child) = (tx(1, 10), tx(2, 10));
    let mut pool = pool();
    let spends = vec![ConflictKey::output(parent.id().hash(), 0)];
    let spending = Inspection { spends, parents: vec![parent.id()], ..Inspection::default() };
    pool.put(&child, spending, &params(1_000)).unwrap();
    pool.put(&parent, Inspection { creates: 1, ..Inspection::default() }, &params(1_000)).unwrap();
    assert_eq!(taken(&pool, room(1_000)), [1, 2]);
}

/// Without any bookkeeping: all are looked at for each place.
fn naive(specs: &[(u64, usize, Vec<usize>)], mut bytes: usize, each: usize) -> Vec<u8> {
    fn up(specs: &[(u64, usize, Vec<usize>)], n: usize, found: &mut Vec<usize>) {
        if !found.contains(&n) {
            specs[n].2.iter().for_each(|parent| up(specs, *parent, found));
            found.push(n);
        }
    }
    let mut order: Vec<usize> = Vec::new();
    loop {
        let package = |n: usize| {
            let mut found = Vec::new();
            up(specs, n, &mut found);
            found.retain(|n| !order.contains(n));
            // Parents have lower numbers here, and came first.
            found.sort_by_key(|n| {
                let mut all = Vec::new();
                up(specs, *n, &mut all);
                (all.len(), *n)
            });
            found
        };
        let rate = |of: &[usize]| {
            let fee = of.iter().map(|n| u128::from(specs[*n].0)).sum();
            FeeRate::of(fee, of.iter().map(|n| specs[*n].1).sum())
        };
        let size = |of: &[usize]| of.iter().map(|n| specs[*n].1 + each).sum::<usize>();
        let open = (0..specs.len()).filter(|n| !order.contains(n));
        let fitting = open.filter(|n| size(&package(*n)) <= bytes);
        let best = fitting.max_by_key(|n| (rate(&[*n]).min(rate(&package(*n))), Reverse(*n)));
        let Some(best) = best else { break };
        let taken = package(best);
        bytes -= size(&taken);
        order.extend(taken);
    }
    order.into_iter().map(|n| u8::try_from(n).unwrap()).collect()
}

proptest! {
    #[test]
    fn it_takes_what_a_search_of_all_would(
        specs in prop::collection::vec(
            (prop_oneof![Just(0_u64), 0_u64..60], 1_usize..40, prop::collection::vec(any::<prop::sample::Index>(), 0..3)),
            1..30,
        ),
        confirmed in prop::collection::vec(any::<bool>(), 30),
        bytes in 0_usize..700,
        each in 0_usize..4,
        salt in any::<u64>(),
    ) {
        let mut params = params(10_000);
        params.pool.family_max = 100;
        let parents = |n: usize| {
            let mut parents: Vec<usize> = Vec::new();
            for index in specs[n].2.iter().filter(|_| n > 0) {
                let parent = index.index(n);
                if !parents.contains(&parent) {
                    parents.push(parent);
                }
            }
            parents
        };
        let items: Vec<_> = specs.iter().enumerate().map(|(n, spec)| tx(u8::try_from(n).unwrap(), spec.1)).collect();
        let mut pool = Pool::new(Salt::new(salt));
        for (n, (fee, ..)) in specs.iter().enumerate() {
            let parents = parents(n).into_iter().map(|parent| items[parent].id()).collect();
            pool.put(&items[n], Inspection { parents, ..paying(*fee) }, &params).unwrap();
        }
        // Some of those that descend from nothing are confirmed, and leave gaps in the queues.
        let gone: Vec<usize> = (0..specs.len()).filter(|n| confirmed[*n] && parents(*n).is_empty()).collect();
        for n in &gone {
            let confirmed = Confirmed { id: items[*n].id(), referred: None, spends: Vec::new() };
            pool.on_block(&[confirmed], Time::ZERO, &params);
        }
        let left: Vec<usize> = (0..specs.len()).filter(|n| !gone.contains(n)).collect();
        let place = |n: usize| left.iter().position(|each| *each == n);
        let model: Vec<_> = left
            .iter()
            .map(|n| (specs[*n].0, specs[*n].1, parents(*n).into_iter().filter_map(place).collect()))
            .collect();
        let expected: Vec<u8> = naive(&model, bytes, each)
            .into_iter()
            .map(|at| u8::try_from(left[usize::from(at)]).unwrap())
            .collect();
        let found = taken(&pool, Room { bytes, each, transactions: usize::MAX });
        prop_assert_eq!(found, expected);
    }
}
