//! Parents and children.

use super::*;
use crate::chain::Weight;
use crate::ground::item::Hash256;

fn child_of(parents: &[&Arc<Item>], fee: u64) -> Inspection {
    Inspection {
        parents: parents.iter().map(|parent| parent.id()).collect(),
        fee: Some(fee),
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
    assert_eq!(pool.items.get(&child.id()).unwrap().children(), []);
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
    let block = [Confirmed { id: parent.id(), referred: None, spends: Vec::new() }];
    let cleared = pool.on_block(&block, Time::ZERO, &params);
    assert!(cleared.conflicted.is_empty());
    assert!(pool.contains(child.id()) && !pool.contains(parent.id()));
    assert!(pool.items.get(&child.id()).unwrap().family.is_none());
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
    assert_eq!(
        pool.insert_pair(first, second, Bringer::Own, Time::ZERO, &params),
        Err(FEE_TOO_LOW)
    );
    assert!(pool.is_empty());
    let (first, second) = pair(20);
    assert_eq!(pool.insert_pair(first, second, Bringer::Own, Time::ZERO, &params), Ok(()));
    assert_eq!(pool.by_key.first().unwrap().rate, FeeRate(1_000_000), "the parent's, by its child");
}

#[test]
fn a_pair_replaces_nobody() {
    let (mut pool, params) = (pool(), params(1_000));
    pool.put(&tx(3, 10), claiming(1), &params).unwrap();
    let (parent, child) = (tx(1, 10), tx(2, 10));
    let conflicting = Inspection { fee: Some(0), ..claiming(1) };
    let child = (child, child_of(&[&parent], 1_000));
    let refused = pool.insert_pair((parent, conflicting), child, Bringer::Own, Time::ZERO, &params);
    assert_eq!(refused.unwrap_err().rule, "conflicts-with-pool");
}

/// One that its children know by another id, and that has so many outputs.
fn known_as(referred: ItemId, outputs: u32) -> Inspection {
    Inspection { referred: Some(referred), creates: outputs, ..paying(1) }
}

fn spending(parent: ItemId, output: u32) -> Inspection {
    let spends = vec![ConflictKey::output(parent.hash(), output)];
    Inspection { parents: vec![parent], spends, ..paying(1) }
}

#[test]
fn a_child_finds_its_parent_by_the_id_that_it_knows() {
    let (mut pool, params) = (pool(), params(100));
    let (parent, child, known) = (tx(1, 10), tx(2, 10), ItemId::tx(Hash256([9; 32])));
    pool.put(&parent, known_as(known, 1), &params).unwrap();
    pool.put(&child, spending(known, 0), &params).unwrap();
    assert_eq!(pool.children(parent.id()), [child.id()]);
    assert_eq!(pool.find_referred(known), Some(&parent));
    assert_eq!(pool.find_referred(parent.id()), None, "children don't name it so");
    assert_eq!(pool.find_referred(child.id()), Some(&child));
    assert_eq!((pool.referred(parent.id()), pool.referred(child.id())), (known, child.id()));
    let block = [Confirmed { id: parent.id(), referred: Some(known), spends: Vec::new() }];
    pool.on_block(&block, Time::ZERO, &params);
    assert_eq!(pool.find_referred(known), None);
    assert!(pool.contains(child.id()) && pool.items.get(&child.id()).unwrap().family.is_none());
}

#[test]
fn a_parent_that_comes_after_its_children_finds_them() {
    let (mut pool, params) = (pool(), params(40));
    let (parent, known) = (tx(1, 10), ItemId::tx(Hash256([9; 32])));
    let children = [tx(2, 10), tx(3, 10)];
    for (child, output) in children.iter().zip([0, 2]) {
        pool.put(child, spending(known, output), &params).unwrap();
    }
    pool.put(&parent, Inspection { fee: Some(0), ..known_as(known, 3) }, &params).unwrap();
    assert_eq!(pool.children(parent.id()), children.each_ref().map(|child| child.id()));
    pool.put(&tx(4, 20), paying(100), &params).unwrap();
    assert!(pool.contains(tx(4, 20).id()) && pool.len() == 1, "they leave with their parent");
}

#[test]
fn a_parent_that_comes_late_must_not_make_its_family_too_large() {
    let mut params = params(1_000);
    params.pool.family_max = 2;
    let (mut pool, known) = (pool(), ItemId::tx(Hash256([9; 32])));
    pool.put(&tx(1, 10), spending(known, 0), &params).unwrap();
    pool.put(&tx(2, 10), spending(known, 1), &params).unwrap();
    assert_eq!(pool.put(&tx(3, 10), known_as(known, 2), &params), Err("too-many-descendants"));
    assert_eq!(pool.put(&tx(4, 10), known_as(known, 1), &params), Ok(()));
    let above = Inspection { creates: 1, ..known_as(ItemId::tx(Hash256([8; 32])), 1) };
    let between = Inspection {
        parents: vec![ItemId::tx(Hash256([8; 32]))],
        ..known_as(ItemId::tx(Hash256([7; 32])), 1)
    };
    pool.put(&tx(5, 10), spending(ItemId::tx(Hash256([7; 32])), 0), &params).unwrap();
    pool.put(&tx(6, 10), above, &params).unwrap();
    assert_eq!(pool.put(&tx(7, 10), between, &params), Err("too-many-descendants"));
}

#[test]
fn fee_rates_go_by_what_counts_of_the_bytes() {
    let (mut pool, params) = (pool(), params(100));
    let light = Inspection { weight: Some(Weight(20)), ..paying(10) };
    pool.put(&tx(1, 10), light, &params).unwrap();
    pool.put(&tx(2, 10), paying(10), &params).unwrap();
    let rates = [1, 2].map(|n| pool.fee_rate(tx(n, 10).id()).map(|rate| rate.0));
    assert_eq!(rates, [Some(2_000_000), Some(1_000_000)]);
    assert_eq!(pool.bytes(), 20, "what it takes is what it is");
}

#[test]
fn a_fee_that_nobody_knows_counts_as_none() {
    let (mut pool, params) = (pool(), params(20));
    pool.put(&tx(1, 10), Inspection::default(), &params).unwrap();
    pool.put(&tx(2, 10), paying(1), &params).unwrap();
    pool.put(&tx(3, 10), paying(1), &params).unwrap();
    assert!(!pool.contains(tx(1, 10).id()));
}

#[test]
fn what_expires_together_leaves_in_portions_families_included() {
    let (mut pool, mut params) = (pool(), params(1_000_000));
    params.pool.family_max = 25;
    for family in 0..40 {
        let mut last = None;
        for number in 0..20 {
            let item = numbered(family * 100 + number);
            let parents: Vec<_> = last.iter().collect();
            pool.put(&item, child_of(&parents, 9), &params).unwrap();
            last = Some(item);
        }
    }
    let expired = Time::ZERO + Duration::from_secs(params.memory.pool_expiry_s);
    while pool.deadline() <= expired {
        pool.on_wake(expired);
        let gone = pool.take_gone().len();
        assert!(gone < EXPIRE_MAX + 25, "{gone} at once");
    }
    assert!(pool.is_empty());
}

fn numbered(n: u32) -> Arc<Item> {
    let bytes = n.to_le_bytes().to_vec();
    Opaque::default().item(ItemKind::Tx, bytes.into()).unwrap()
}
