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

/// Whom a transaction conflicts with, and the least fee that would replace that.
fn rival_of(
    pool: &Pool,
    (item, inspection): (&Arc<Item>, &Inspection),
    bringer: Bringer,
    params: &Params,
) -> Option<(ItemId, Option<u64>)> {
    let refused = pool.check(item, inspection, bringer, Time::ZERO, params).err()?;
    assert_eq!(refused.rule, "conflicts-with-pool");
    refused.rival.map(|rival| (rival.id, rival.least_fee))
}

#[test]
fn a_refusal_names_the_rival_and_the_least_fee_that_would_replace_it() {
    let (mut pool, params) = (pool(), params(1_000));
    pool.put(&tx(1, 10), spending(&[1], 50), &params).unwrap();
    pool.put(&tx(2, 20), spending(&[2], 60), &params).unwrap();
    pool.put(&tx(3, 10), child_of(&tx(2, 20), 30), &params).unwrap();
    // The rival, the fee: for itself and all that goes with it, or for the higher rate.
    for (size, keys, rival, least) in [
        (10, &[1][..], 1, 51),
        (30, &[1], 1, 151),
        (10, &[2], 2, 91),
        (10, &[1, 2], 1, 141),
        (100, &[1, 2], 1, 501),
    ] {
        let new = tx(9, size);
        let (id, fee) = rival_of(&pool, (&new, &spending(keys, 0)), Bringer::Own, &params).unwrap();
        let rival = if rival == 1 { tx(1, 10) } else { tx(2, 20) };
        assert_eq!((id, fee), (rival.id(), Some(least)), "{size} {keys:?}");
        let almost = spending(keys, least - 1);
        assert!(rival_of(&pool, (&new, &almost), Bringer::Own, &params).is_some());
        let enough = spending(keys, least);
        pool.check(&new, &enough, Bringer::Own, Time::ZERO, &params).unwrap();
    }
}

#[test]
fn where_no_fee_would_replace_it_none_is_named() {
    let mut params = params(10_000);
    params.pool.replaced_max = 2;
    let mut pool = pool();
    pool.put(&tx(1, 10), spending(&[1], 5), &params).unwrap();
    let its_child = Inspection { parents: vec![tx(1, 10).id()], ..spending(&[1], 1) };
    let told = rival_of(&pool, (&tx(2, 10), &its_child), Bringer::Own, &params);
    assert_eq!(told, Some((tx(1, 10).id(), None)), "it would replace its ancestor");
    pool.put(&tx(3, 10), child_of(&tx(1, 10), 1), &params).unwrap();
    pool.put(&tx(4, 10), child_of(&tx(3, 10), 1), &params).unwrap();
    let told = rival_of(&pool, (&tx(5, 10), &spending(&[1], 1)), Bringer::Own, &params);
    assert_eq!(told, Some((tx(1, 10).id(), None)), "it would replace too many");
}

#[test]
fn a_peers_cheap_transaction_with_many_rivals_costs_no_walk_through_what_descends_from_them() {
    let (mut pool, params) = (pool(), params(1_000));
    for n in 1..=5 {
        pool.put(&tx(n, 10), spending(&[n], 50), &params).unwrap();
    }
    let told = |keys: &[u8], bringer| {
        rival_of(&pool, (&tx(9, 10), &spending(keys, 1)), bringer, &params).unwrap().1
    };
    assert_eq!(told(&[1, 2, 3, 4], Bringer::Dialler(1)), Some(201));
    assert_eq!(told(&[1, 2, 3, 4, 5], Bringer::Dialler(1)), None);
    assert_eq!(told(&[1, 2, 3, 4, 5], Bringer::Own), Some(251));
}
