//! Parents and children.

use super::*;

fn child_of(parents: &[&Arc<Item>], fee: u64) -> Inspection {
    Inspection {
        parents: parents.iter().map(|parent| parent.id()).collect(),
        fee,
        ..Inspection::default()
    }
}

#[test]
fn a_child_that_pays_well_keeps_its_parent() {
    let (mut pool, params) = (pool(), params(40));
    let (parent, child) = (tx(1, 10), tx(2, 10));
    pool.put(&parent, paying(1), &params).unwrap();
    pool.put(&child, child_of(&[&parent], 99), &params).unwrap();
    pool.put(&tx(3, 10), paying(30), &params).unwrap();
    pool.put(&tx(4, 10), paying(40), &params).unwrap();
    pool.put(&tx(5, 10), paying(60), &params).unwrap();
    assert!(pool.contains(parent.id()) && pool.contains(child.id()));
    assert!(!pool.contains(tx(3, 10).id()), "it pays 3 a byte, and those two 5");
}

#[test]
fn a_parent_leaves_with_its_descendants() {
    let (mut pool, params) = (pool(), params(40));
    let (parent, child, grandchild) = (tx(1, 10), tx(2, 10), tx(3, 10));
    pool.put(&parent, paying(10), &params).unwrap();
    pool.put(&child, child_of(&[&parent], 9), &params).unwrap();
    pool.put(&grandchild, child_of(&[&child], 8), &params).unwrap();
    pool.put(&tx(4, 10), paying(50), &params).unwrap();
    // The grandchild counts for 8 alone, and the child for 8.5 with it: it leaves first, and alone.
    pool.put(&tx(5, 10), paying(50), &params).unwrap();
    assert!(pool.contains(child.id()) && !pool.contains(grandchild.id()));
    assert_eq!(pool.items.get(&child.id().into()).unwrap().children(), []);
    pool.put(&tx(6, 20), paying(100), &params).unwrap();
    assert_eq!((pool.len(), pool.bytes()), (3, 40));
    assert!(!pool.contains(parent.id()));
}

#[test]
fn nobody_drives_out_its_own_ancestor() {
    let (mut pool, params) = (pool(), params(20));
    let parent = tx(1, 10);
    pool.put(&parent, paying(10), &params).unwrap();
    pool.put(&tx(2, 10), paying(30), &params).unwrap();
    // Together they would pay 2 a byte, less than the other one's 3.
    assert_eq!(pool.put(&tx(3, 10), child_of(&[&parent], 30), &params), Err("pool-full"));
    assert_eq!(pool.put(&tx(3, 10), child_of(&[&parent], 60), &params), Ok(()));
    assert!(pool.contains(parent.id()));
}

#[test]
fn ancestors_and_descendants_are_limited() {
    let mut params = params(1_000);
    params.pool.family_max = 3;
    let mut pool = pool();
    let chain: Vec<_> = (1..=4).map(|n| tx(n, 10)).collect();
    pool.put(&chain[0], paying(1), &params).unwrap();
    for n in 1..3 {
        pool.put(&chain[n], child_of(&[&chain[n - 1]], 1), &params).unwrap();
    }
    let fourth = pool.put(&chain[3], child_of(&[&chain[2]], 1), &params);
    assert_eq!(fourth, Err("too-many-ancestors"));
    let sibling = pool.put(&tx(9, 10), child_of(&[&chain[0]], 1), &params);
    assert_eq!(sibling, Err("too-many-descendants"));
}

#[test]
fn a_confirmed_parent_leaves_its_children_behind() {
    let (mut pool, params) = (pool(), params(1_000));
    let (parent, child) = (tx(1, 10), tx(2, 10));
    pool.put(&parent, paying(1), &params).unwrap();
    pool.put(&child, child_of(&[&parent], 1), &params).unwrap();
    let block = [Content { id: parent.id(), conflicts: Vec::new() }];
    let cleared = pool.on_block(&block, Time::ZERO, &params);
    assert!(cleared.conflicted.is_empty());
    assert!(pool.contains(child.id()) && !pool.contains(parent.id()));
    assert!(pool.items.get(&child.id().into()).unwrap().family.is_none());
}

#[test]
fn a_child_pays_for_a_parent_that_is_judged_with_it() {
    let mut params = params(1_000);
    params.pool.min_fee_rate = FeeRate(1_000_000);
    let mut pool = pool();
    let (parent, child) = (tx(1, 10), tx(2, 10));
    assert_eq!(pool.put(&parent, paying(0), &params), Err("fee-too-low"));
    let pair = |fee| ((parent.clone(), paying(0)), (child.clone(), child_of(&[&parent], fee)));
    let (first, second) = pair(19);
    assert_eq!(pool.insert_pair(first, second, Time::ZERO, &params), Err(FEE_TOO_LOW));
    assert!(pool.is_empty());
    let (first, second) = pair(20);
    assert_eq!(pool.insert_pair(first, second, Time::ZERO, &params), Ok(()));
    assert_eq!(
        pool.by_standing.first().unwrap().rate,
        FeeRate(1_000_000),
        "the parent's, by its child"
    );
}

#[test]
fn a_pair_replaces_nobody() {
    let (mut pool, params) = (pool(), params(1_000));
    pool.put(&tx(3, 10), claiming(1), &params).unwrap();
    let (parent, child) = (tx(1, 10), tx(2, 10));
    let conflicting = Inspection { fee: 0, ..claiming(1) };
    let child = (child, child_of(&[&parent], 1_000));
    let refused = pool.insert_pair((parent, conflicting), child, Time::ZERO, &params);
    assert_eq!(refused.unwrap_err().rule, "conflicts-with-pool");
}
