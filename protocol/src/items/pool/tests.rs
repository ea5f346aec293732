//! Scenarios by name, then random operations against a naive model.

use super::*;
use crate::chain::Chain as _;
use crate::chain::opaque::Opaque;
use crate::ground::item::ItemKind;

mod families;
mod model;
mod replacement;
mod shares;
mod template;

pub(super) fn tx(n: u8, size: usize) -> Arc<Item> {
    Opaque::default().item(ItemKind::Tx, vec![n; size].into()).unwrap()
}

pub(super) fn claiming(key: u8) -> Inspection {
    Inspection { spends: vec![ConflictKey([key; 32])], ..Inspection::default() }
}

pub(super) fn paying(fee: u64) -> Inspection {
    Inspection { fee: Some(fee), ..Inspection::default() }
}

/// A pool of so many bytes, in which transactions last 10 s and the minimum halves in 100 s. A step is a
/// unit for 10 bytes, the size of most transactions here.
pub(super) fn params(pool_max_bytes: usize) -> Params {
    let mut params = Params::default();
    params.memory.pool_max_bytes = pool_max_bytes;
    params.memory.pool_expiry_s = 10;
    params.pool.half_life_s = 100;
    params.pool.fee_rate_step = FeeRate(100_000);
    params
}

pub(super) fn pool() -> Pool {
    Pool::new(Salt::new(0))
}

impl Pool {
    pub(super) fn put(
        &mut self,
        item: &Arc<Item>,
        inspection: Inspection,
        params: &Params,
    ) -> Result<(), &'static str> {
        let put = self.insert(item.clone(), inspection, Bringer::Own, Time::ZERO, params);
        put.map_err(|rejection| rejection.rule)
    }
}

impl Pool {
    /// A block was accepted.
    fn on_block(&mut self, block: &[Confirmed], now: Time, params: &Params) -> Cleared {
        self.begin_block();
        self.confirm(block, now, params)
    }
}

#[test]
fn a_transaction_takes_room_besides_its_bytes_so_that_small_ones_are_no_way_to_more() {
    let params = params(250);
    for size in [1, 10, 25] {
        let mut pool = pool().with_entry_bytes(100);
        for n in 1..=9 {
            pool.put(&tx(n, size), claiming(n), &params).unwrap();
        }
        assert_eq!((pool.len(), pool.bytes(), pool.evicted()), (2, 2 * size, 7));
    }
    let full = pool().with_entry_bytes(300).put(&tx(1, 10), claiming(1), &params);
    assert_eq!(full, Err("larger-than-pool"));
}

#[test]
fn a_full_pool_where_nobody_pays_drops_its_oldest_and_frees_what_they_claimed() {
    let (mut pool, params) = (pool(), params(25));
    for n in 1..=3 {
        pool.put(&tx(n, 10), claiming(n), &params).unwrap();
    }
    assert!(pool.get(tx(1, 10).id()).is_none());
    assert_eq!((pool.len(), pool.bytes(), pool.evicted()), (2, 20, 1));
    assert_eq!(
        pool.min_fee_rate(Time::ZERO, &params),
        FeeRate::ZERO,
        "the next one pays nothing either"
    );
    pool.put(&tx(4, 5), claiming(1), &params).unwrap();
}

#[test]
fn a_full_pool_drops_whoever_pays_least() {
    let (mut pool, params) = (pool(), params(30));
    for (n, fee) in [(1, 30), (2, 10), (3, 20)] {
        pool.put(&tx(n, 10), paying(fee), &params).unwrap();
    }
    pool.put(&tx(4, 10), paying(40), &params).unwrap();
    assert!(!pool.contains(tx(2, 10).id()));
    assert_eq!((pool.len(), pool.evicted()), (3, 1));
}

#[test]
fn whoever_pays_less_than_all_that_would_have_to_leave_is_refused() {
    let (mut pool, params) = (pool(), params(30));
    for (n, fee) in [(1, 30), (2, 10), (3, 20)] {
        pool.put(&tx(n, 10), paying(fee), &params).unwrap();
    }
    assert_eq!(pool.put(&tx(4, 10), paying(9), &params), Err("pool-full"));
    // 20 bytes would need the second one's place as well, which pays as much for 10 bytes as this for 20.
    assert_eq!(pool.put(&tx(5, 20), paying(39), &params), Err("pool-full"));
    assert_eq!((pool.len(), pool.evicted()), (3, 0), "who is refused changes nothing");
    pool.put(&tx(6, 20), paying(40), &params).unwrap();
    assert_eq!((pool.len(), pool.evicted()), (2, 2));
}

#[test]
fn the_minimum_rises_above_what_was_evicted_and_decays() {
    let (mut pool, params) = (pool(), params(20));
    for (n, fee) in [(1, 10), (2, 20), (3, 30)] {
        pool.put(&tx(n, 10), paying(fee), &params).unwrap();
    }
    // 10 units for 10 bytes, and a step.
    let risen = FeeRate(1_100_000);
    assert_eq!(pool.min_fee_rate(Time::ZERO, &params), risen);
    assert_eq!(pool.put(&tx(4, 10), paying(10), &params), Err("fee-too-low"));
    let half = pool.min_fee_rate(Time::from_millis(100_000), &params);
    assert_eq!(half, FeeRate(550_000));
    let later =
        pool.insert(tx(4, 10), paying(25), Bringer::Own, Time::from_millis(100_000), &params);
    assert_eq!(later, Ok(()));
}

#[test]
fn less_than_the_minimum_is_refused_even_by_an_empty_pool() {
    let mut params = params(100);
    params.pool.min_fee_rate = FeeRate(1_000_000);
    let mut pool = pool();
    assert_eq!(pool.put(&tx(1, 10), paying(9), &params), Err("fee-too-low"));
    assert_eq!(pool.put(&tx(1, 10), paying(10), &params), Ok(()));
}

#[test]
fn what_is_larger_than_the_pool_is_refused_and_evicts_nothing() {
    let (mut pool, params) = (pool(), params(25));
    pool.put(&tx(1, 10), claiming(1), &params).unwrap();
    assert_eq!(pool.put(&tx(2, 26), claiming(2), &params), Err("larger-than-pool"));
    assert_eq!((pool.len(), pool.evicted()), (1, 0));
}

#[test]
fn transactions_expire() {
    let (mut pool, params) = (pool(), params(1_000));
    assert_eq!(pool.deadline(), Time::NEVER);
    pool.put(&tx(1, 10), Inspection::default(), &params).unwrap();
    pool.insert(tx(2, 10), Inspection::default(), Bringer::Own, Time::from_millis(500), &params)
        .unwrap();
    assert_eq!(pool.deadline(), Time::from_millis(10_000));
    pool.on_wake(Time::from_millis(10_000));
    assert_eq!((pool.len(), pool.bytes()), (1, 10));
    assert_eq!(pool.deadline(), Time::from_millis(10_500));
}

#[test]
fn one_sender_may_hold_only_so_much() {
    let mut params = params(1_000);
    params.pool.sender_max_bytes = 20;
    let mut pool = pool();
    let from = |sender, key: u8| Inspection {
        sender: Some(Sender([sender; 8])),
        fee: Some(10),
        ..claiming(key)
    };
    pool.put(&tx(1, 10), from(1, 1), &params).unwrap();
    pool.put(&tx(2, 10), from(1, 2), &params).unwrap();
    assert_eq!(pool.put(&tx(3, 10), from(1, 3), &params), Err("sender-holds-too-much"));
    assert_eq!(pool.put(&tx(4, 10), from(2, 4), &params), Ok(()), "others are another matter");
    let instead = Inspection { fee: Some(12), ..from(1, 2) };
    assert_eq!(pool.put(&tx(5, 10), instead, &params), Ok(()), "what it replaces makes room");
    pool.on_wake(Time::from_millis(10_000));
    assert!(pool.is_empty() && pool.senders.is_empty() && pool.claims.is_empty());
}

fn content(item: &Item, key: u8) -> Confirmed {
    Confirmed { id: item.id(), referred: None, spends: vec![ConflictKey([key; 32])] }
}

#[test]
fn a_block_takes_out_what_it_confirms_and_what_conflicts_with_it() {
    let (mut pool, params) = (pool(), params(1_000));
    for n in 1..=3 {
        pool.put(&tx(n, 10), claiming(n), &params).unwrap();
    }
    let block = [content(&tx(1, 10), 1), content(&tx(9, 10), 2)];
    let cleared = pool.on_block(&block, Time::ZERO, &params);
    assert_eq!(cleared.conflicted, [tx(2, 10).id()]);
    assert!(pool.contains(tx(3, 10).id()) && pool.len() == 1);
}

#[test]
fn what_the_latest_block_confirmed_can_still_be_served_until_the_next() {
    let (mut pool, params) = (pool(), params(1_000));
    let item = tx(1, 10);
    pool.put(&item, claiming(1), &params).unwrap();
    pool.on_block(&[content(&item, 1)], Time::ZERO, &params);
    assert!(pool.get(item.id()).is_none());
    assert_eq!(pool.find(item.id()), Some(&item));
    pool.on_block(&[content(&tx(2, 10), 2)], Time::ZERO, &params);
    assert_eq!(pool.find(item.id()), None);
}

#[test]
fn what_left_early_leaves_no_trace_behind() {
    let (mut pool, params) = (pool(), params(1_000));
    for round in 0..1_000_u64 {
        let fee = 10 + 10 * round;
        let item = Opaque::default().item(ItemKind::Tx, round.to_le_bytes().to_vec().into());
        let inspection = Inspection { fee: Some(fee), ..claiming(1) };
        pool.put(&item.unwrap(), inspection, &params).unwrap();
    }
    assert_eq!((pool.len(), pool.by_key.len(), pool.claims.len()), (1, 1, 1));
    let queued = pool.free.iter().count();
    assert!(queued <= 18, "{queued}");
}

#[test]
fn a_pool_is_listed_by_rate_page_by_page_and_nothing_is_left_out() {
    let (mut pool, params) = (pool(), params(1_000));
    for n in 1..=7 {
        let inspection = match n {
            2 | 5 => paying(50),
            3 => paying(90),
            _ => claiming(n),
        };
        pool.put(&tx(n, 10), inspection, &params).unwrap();
    }
    pool.backdate(tx(6, 10).id(), Duration::from_secs(3));
    for size in 1..=7 {
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page: Vec<_> = pool.by_rate(after).take(size).collect();
            let Some(last) = page.last() else { break };
            after = Some(last.place);
            listed.extend(page.iter().map(|ranked| pool.get(ranked.id).unwrap().bytes()[0]));
        }
        assert_eq!(listed, [3, 5, 2, 6, 1, 4, 7], "{size} a page");
    }
}

#[test]
fn a_pool_is_listed_by_age_page_by_page_and_nothing_is_left_out() {
    let (mut pool, params) = (pool(), params(1_000));
    for n in 1..=6 {
        let inspection = if n % 2 == 0 { paying(5) } else { claiming(n) };
        pool.put(&tx(n, 10), inspection, &params).unwrap();
    }
    pool.backdate(tx(5, 10).id(), Duration::from_secs(3));
    pool.on_block(
        &[Confirmed { id: tx(3, 10).id(), referred: None, spends: Vec::new() }],
        Time::ZERO,
        &params,
    );
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page: Vec<_> = pool.by_age(after).take(2).collect();
        let Some(last) = page.last() else { break };
        after = Some((last.expires, last.sequence));
        listed.extend(page.iter().map(|passed| pool.get(passed.id).unwrap().bytes()[0]));
    }
    assert_eq!(listed, [5, 1, 2, 4, 6]);
}
