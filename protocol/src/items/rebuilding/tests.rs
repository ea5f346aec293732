use std::collections::BTreeSet;

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::chain::tidings::{Block, Tidings};
use crate::chain::{Confirmed, ConflictKey, Inspection};
use crate::ground::bringer::Bringer;
use crate::ground::item::{HASH_LEN, Hash256};
use crate::items::orphanage::{Origin, Orphan};
use crate::items::orphans::Orphans;
use crate::items::pool::Pool;
use crate::items::templates::Templates;
use crate::wire::message::{PART_ID_LEN, PartNames};

const RULES: Tidings = Tidings::new(Hash256([0; HASH_LEN]), 0);

/// Bytes that are long enough for a transfer; nobody looks into them here.
fn tx(n: u16) -> Arc<Item> {
    let bytes = [&n.to_le_bytes()[..], &[7; 200]].concat();
    RULES.item(ItemKind::Tx, bytes.into()).unwrap()
}

fn block(txs: &[Arc<Item>]) -> Arc<Item> {
    let bytes: Vec<_> = txs.iter().map(|item| item.bytes().clone()).collect();
    RULES.item(ItemKind::Block, Block::mine(Hash256([0; HASH_LEN]), &bytes, 0, 0).unwrap()).unwrap()
}

/// A block as names, of which some come along.
fn names(block: &Item, along: impl Fn(usize) -> bool) -> Arc<Compact> {
    let split = RULES.split(block).unwrap();
    let of = PartNames::of(&split.header, 1);
    let (mut prefilled, mut parts) = (Vec::new(), Vec::new());
    for (place, part) in split.transactions.iter().enumerate() {
        match along(place) {
            true => prefilled.push((u16::try_from(place).unwrap(), part.bytes().clone())),
            false => parts.push(of.name(part.id())),
        }
    }
    let (prefilled, parts) = (prefilled.into(), parts.into());
    Arc::new(Compact { header: split.header, nonce: 1, prefilled, parts })
}

/// Looks a block up in a pool of these.
fn look_up(pooled: &[Arc<Item>], compact: Arc<Compact>) -> Rebuild {
    let mut pool = Pool::new(Salt::new(1));
    for item in pooled {
        let inspection = Inspection { fee: Some(0), ..Inspection::default() };
        let params = Params::default();
        pool.insert(item.clone(), inspection, Bringer::Own, Time::ZERO, &params).unwrap();
    }
    look_up_in(&pool, &Orphans::new(Salt::new(1)), compact)
}

fn look_up_in(pool: &Pool, orphans: &Orphans, compact: Arc<Compact>) -> Rebuild {
    let (params, mut rng, mut actions) =
        (Params::default(), ChaCha8Rng::seed_from_u64(1), Vec::new());
    let cx = Cx {
        now: Time::ZERO,
        params: &params,
        chain: &RULES,
        rng: &mut rng,
        actions: &mut actions,
    };
    let here = Here { pool, orphans, templates: &Templates::default() };
    let id = ItemId::block(Hash256([9; HASH_LEN]));
    Rebuild::new(id, Link::new(0, 1), compact, here, &cx)
}

fn rebuild(id: u8, link: u32) -> Rebuild {
    let header = Bytes::from_static(b"any");
    let compact = Compact {
        header,
        nonce: 1,
        prefilled: Box::default(),
        parts: [PartId([0; PART_ID_LEN])].into(),
    };
    let mut rebuild = look_up(&[], Arc::new(compact));
    (rebuild.id, rebuild.link) = (ItemId::block(Hash256([id; HASH_LEN])), Link::new(link, 1));
    rebuild
}

proptest! {
    #[test]
    fn whatever_is_pooled_or_comes_along_the_block_is_the_same_byte_for_byte(
        whence in prop::collection::vec(0..3_u8, 1..40),
        others in 0..20_u16,
    ) {
        let txs: Vec<_> = (0..).zip(&whence).map(|(n, _)| tx(n)).collect();
        let block = block(&txs);
        let pooled = txs.iter().zip(&whence).filter(|(_, whence)| **whence == 1);
        let mut pooled: Vec<_> = pooled.map(|(tx, _)| tx.clone()).collect();
        pooled.extend((1_000..1_000 + others).map(tx));
        let mut rebuild = look_up(&pooled, names(&block, |place| whence[place] == 2));
        let lacked: Vec<_> = rebuild.lacked.iter().map(|place| usize::from(*place)).collect();
        let expected: Vec<_> = (0..whence.len()).filter(|place| whence[*place] == 0).collect();
        prop_assert_eq!(&lacked, &expected);
        let bytes: Vec<_> = lacked.iter().map(|place| txs[*place].bytes().clone()).collect();
        prop_assert!(rebuild.fill(&bytes, &RULES));
        let joined = rebuild.join(&RULES).unwrap();
        prop_assert_eq!(joined.bytes(), block.bytes());
    }
}

#[test]
fn a_name_that_two_places_share_is_asked_for_in_both() {
    let txs = [tx(0), tx(1), tx(2)];
    let mut compact = Compact::clone(&names(&block(&txs), |_| false));
    compact.parts[1] = compact.parts[0];
    assert_eq!(*look_up(&txs, Arc::new(compact)).lacked, [0, 1]);
}

#[test]
fn what_was_replaced_what_was_confirmed_and_what_waits_for_parents_is_found_too() {
    let [pooled, replaced, winner, confirmed, waits, unknown] = [0, 1, 2, 3, 4, 5].map(tx);
    let (params, now) = (Params::default(), Time::ZERO);
    let mut pool = Pool::new(Salt::new(1));
    let mut insert = |item: &Arc<Item>, key: u8, fee| {
        let spends = vec![ConflictKey([key; 32])];
        let inspection = Inspection { fee: Some(fee), spends, ..Inspection::default() };
        pool.insert(item.clone(), inspection, Bringer::Own, now, &params).unwrap();
    };
    insert(&pooled, 1, 1_000);
    insert(&replaced, 2, 1_000);
    insert(&winner, 2, 10_000);
    insert(&confirmed, 3, 1_000);
    let block_before = Confirmed { id: confirmed.id(), referred: None, spends: Vec::new() };
    pool.begin_block();
    pool.confirm(&[block_before], now, &params);
    assert!(pool.get(replaced.id()).is_none() && pool.get(confirmed.id()).is_none());
    let mut orphans = Orphans::new(Salt::new(1));
    orphans.orphanage_mut().insert(
        Orphan {
            item: waits.clone(),
            inspection: Inspection::default(),
            origin: Origin::Peer(Link::new(0, 1)),
            announcers: vec![Link::new(0, 1), Link::new(1, 1)],
            missing: BTreeSet::from([unknown.id()]),
        },
        &params.orphans,
    );
    let block = block(&[waits, unknown, confirmed, replaced, pooled]);
    let rebuild = look_up_in(&pool, &orphans, names(&block, |_| false));
    assert_eq!(*rebuild.lacked, [1]);
    assert_eq!(*rebuild.unpooled, [0, 1, 3], "which is lacking elsewhere too");
}

#[test]
fn what_does_not_have_the_names_that_were_asked_for_is_refused() {
    let txs = [tx(0), tx(1), tx(2)];
    let compact = names(&block(&txs), |_| false);
    let [a, b, c] = txs.map(|tx| tx.bytes().clone());
    for wrong in [vec![], vec![a.clone()], vec![b, a.clone()], vec![a, c.clone(), c]] {
        assert!(!look_up(&[tx(2)], compact.clone()).fill(&wrong, &RULES), "{}", wrong.len());
    }
}

#[test]
fn requests_for_parts_of_several_blocks_wait_and_of_too_many_the_oldest_give_way() {
    let (mut rebuilding, link) = (Rebuilding::default(), Link::new(0, 1));
    let wanted = |block: u8, places: usize| {
        let places = vec![0; places].into();
        Arc::new(PartsWanted { block: Hash256([block; HASH_LEN]), places })
    };
    let take = |rebuilding: &mut Rebuilding, of: Link| -> Vec<u8> {
        let taken = rebuilding.take_askers(|link, _| link == of);
        taken.iter().map(|(_, wanted)| wanted.block.0[0]).collect()
    };
    rebuilding.wait(Link::new(1, 1), wanted(9, 1));
    for block in [1, 2, 1, 3] {
        rebuilding.wait(link, wanted(block, 2));
    }
    assert_eq!(take(&mut rebuilding, link), [2, 1, 3], "each block once");
    (1..=6).for_each(|block| rebuilding.wait(link, wanted(block, 2)));
    assert_eq!(take(&mut rebuilding, link), [3, 4, 5, 6]);
    rebuilding.wait(link, wanted(1, 2));
    rebuilding.wait(link, wanted(2, BLOCK_PARTS_MAX));
    assert_eq!(take(&mut rebuilding, link), [2]);
    assert_eq!(take(&mut rebuilding, Link::new(1, 1)), [9]);
}

#[test]
fn the_last_place_is_for_a_peer_that_we_dialled() {
    let (mut rebuilding, id) = (Rebuilding::default(), rebuild(1, 0).id);
    let room = |rebuilding: &Rebuilding, link, direction| {
        rebuilding.has_room_for(id, Link::new(link, 1), direction)
    };
    for link in 0..2 {
        assert!(room(&rebuilding, link, Direction::Inbound));
        rebuilding.push(rebuild(1, link));
        assert!(!room(&rebuilding, link, Direction::Outbound), "once for each");
    }
    assert!(!room(&rebuilding, 2, Direction::Inbound) && room(&rebuilding, 2, Direction::Outbound));
    rebuilding.push(rebuild(1, 2));
    assert!(!room(&rebuilding, 3, Direction::Outbound));
    rebuilding.check(&Params::default());
    assert_eq!(rebuilding.end(id), [0, 1, 2].map(|link| Link::new(link, 1)));
    assert!(!rebuilding.contains(id));
}

#[test]
fn so_many_blocks_come_in_parts_at_once_and_what_was_lacking_of_the_last_is_known() {
    let mut rebuilding = Rebuilding::default();
    for n in 1..=u8::try_from(REBUILT_MAX).unwrap() {
        rebuilding.push(rebuild(n, 0));
    }
    let more = rebuild(99, 0).id;
    assert!(!rebuilding.has_room_for(more, Link::new(0, 1), Direction::Outbound));
    for n in 0..10_u8 {
        rebuilding.remember_lacked(ItemId::block(Hash256([n; HASH_LEN])), [u16::from(n)].into());
    }
    let lacked = |n: u8| rebuilding.lacked(ItemId::block(Hash256([n; HASH_LEN]))).to_vec();
    assert_eq!((lacked(4), lacked(5), lacked(9)), (vec![], vec![5], vec![9]));
}
