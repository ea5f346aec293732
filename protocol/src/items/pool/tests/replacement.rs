//! When one transaction takes the place of another.

use super::*;

fn spending(keys: &[u8], fee: u64) -> Inspection {
    Inspection {
        spends: keys.iter().map(|key| ConflictKey([*key; 32])).collect(),
        fee: Some(fee),
        ..Inspection::default()
    }
}

fn child_of(parent: &Item, fee: u64) -> Inspection {
    Inspection { parents: vec![parent.id()], fee: Some(fee), ..Inspection::default() }
}

#[test]
fn of_two_conflicting_transactions_that_pay_alike_the_first_stays() {
    let (mut pool, params) = (pool(), params(1_000));
    pool.put(&tx(1, 10), claiming(1), &params).unwrap();
    assert_eq!(pool.put(&tx(2, 10), claiming(1), &params), Err("conflicts-with-pool"));
    assert!(pool.contains(tx(1, 10).id()) && !pool.contains(tx(2, 10).id()));
}

#[test]
fn a_replacement_pays_for_what_it_drives_out_and_for_itself() {
    let (mut pool, params) = (pool(), params(1_000));
    pool.put(&tx(1, 10), spending(&[1], 50), &params).unwrap();
    // 10 bytes cost a step of one unit.
    assert_eq!(pool.put(&tx(2, 10), spending(&[1], 50), &params), Err("conflicts-with-pool"));
    assert_eq!(pool.put(&tx(2, 10), spending(&[1], 51), &params), Ok(()));
    assert!(!pool.contains(tx(1, 10).id()));
    assert_eq!((pool.len(), pool.bytes(), pool.evicted()), (1, 10, 0));
}

#[test]
fn a_higher_fee_at_a_lower_rate_replaces_nothing() {
    let (mut pool, params) = (pool(), params(1_000));
    pool.put(&tx(1, 10), spending(&[1], 50), &params).unwrap();
    assert_eq!(pool.put(&tx(2, 100), spending(&[1], 400), &params), Err("conflicts-with-pool"));
}

#[test]
fn the_fees_of_all_that_is_driven_out_count() {
    let (mut pool, params) = (pool(), params(1_000));
    pool.put(&tx(1, 10), spending(&[1], 50), &params).unwrap();
    pool.put(&tx(2, 10), spending(&[2], 50), &params).unwrap();
    pool.put(&tx(3, 10), child_of(&tx(2, 10), 30), &params).unwrap();
    assert_eq!(pool.put(&tx(4, 10), spending(&[1, 2], 130), &params), Err("conflicts-with-pool"));
    assert_eq!(pool.put(&tx(4, 10), spending(&[1, 2], 131), &params), Ok(()));
    assert_eq!(pool.len(), 1, "the child of what was replaced left too");
}

#[test]
fn only_so_many_are_replaced_at_once() {
    let mut params = params(1_000);
    params.pool.replaced_max = 2;
    let mut pool = pool();
    for n in 1..=3 {
        pool.put(&tx(n, 10), spending(&[n], 1), &params).unwrap();
    }
    let refused = pool.put(&tx(4, 10), spending(&[1, 2, 3], 100), &params);
    assert_eq!(refused, Err("replaces-too-many"));
    assert_eq!(pool.put(&tx(4, 10), spending(&[1, 2], 100), &params), Ok(()));
}

#[test]
fn nothing_replaces_its_own_ancestor() {
    let (mut pool, params) = (pool(), params(1_000));
    pool.put(&tx(1, 10), spending(&[1], 5), &params).unwrap();
    let inspection = Inspection { parents: vec![tx(1, 10).id()], ..spending(&[1], 100) };
    assert_eq!(pool.put(&tx(2, 10), inspection, &params), Err("replaces-its-ancestor"));
}
