//! Blocks that nodes make while transactions are submitted.

use super::*;
use crate::fault::{Cut, FaultSpec};
use crate::latency::LinkSpec;
use crate::scenario::{Network, Scenario};
use crate::simulation::{Finished, simulate};
use crate::workload::Transfers;

fn scenario() -> Scenario {
    Scenario {
        network: Network { nodes: 30, ..Network::default() },
        link: LinkSpec::Planar { min_ms: 5.0, max_ms: 100.0, jitter: 0.0 },
        workload: Transfers { txs: 120, rate: 4.0, ..Transfers::default() },
        mining: Some(Mining { interval_s: 2.0, txs_max: 50 }),
        ..Scenario::default()
    }
}

fn tips(finished: &Finished) -> Vec<Option<(Hash256, u32)>> {
    let mut tips: Vec<_> = (0..30).map(|node| finished.world.tip(node)).collect();
    tips.sort_unstable();
    tips.dedup();
    tips
}

#[test]
fn blocks_reach_all_and_confirm_what_was_submitted_before() {
    let finished = simulate(&scenario()).unwrap();
    let tips = tips(&finished);
    assert_eq!(tips.len(), 1, "all agree");
    let (tip, height) = tips[0].unwrap();
    let blocks = finished.world.mined().blocks();
    let on_chain = finished.world.mined().on_chain(tip);
    assert_eq!(on_chain.iter().filter(|it| **it).count(), height as usize);
    assert!((8..25).contains(&blocks.len()), "{} in 30 s", blocks.len());
    assert!(blocks.iter().all(|made| made.arrivals().count() == 30), "all have all of them");
    let on_chain = blocks.iter().zip(&on_chain).filter(|(_, on_chain)| **on_chain);
    let mut confirmed: Vec<_> =
        on_chain.flat_map(|(made, _)| made.transactions.iter().copied()).collect();
    let count = confirmed.len();
    confirmed.sort_unstable();
    confirmed.dedup();
    assert_eq!((confirmed.len(), count > 80), (count, true), "each once, and most: {count}");
}

#[test]
fn the_same_seed_makes_the_same_blocks_at_the_same_times() {
    let [one, two] = [0, 1].map(|_| simulate(&scenario()).unwrap());
    let shown = |finished: &Finished| format!("{:?}", finished.world.mined().blocks());
    assert_eq!((one.world.hash(), shown(&one)), (two.world.hash(), shown(&two)));
}

#[test]
fn two_halves_that_mined_apart_agree_again_once_they_are_one_network() {
    let mut scenario = scenario();
    scenario.fault =
        vec![FaultSpec::Partition { share: 0.4, at_s: 5.0, for_s: 15.0, mode: Cut::default() }];
    let finished = simulate(&scenario).unwrap();
    assert_eq!(tips(&finished).len(), 1);
    let left: u64 = (0..30).map(|node| finished.world.counters(node).0.blocks_disconnected).sum();
    assert!(left > 0, "one half left its branch");
}

#[test]
fn blocks_that_make_no_sense_are_refused_by_name() {
    for (mining, wrong) in [
        (Mining { interval_s: 0.0, txs_max: 1 }, "mining.interval_s is 0"),
        (Mining { interval_s: f64::NAN, txs_max: 1 }, "mining.interval_s is NaN"),
        (Mining { interval_s: 1.0, txs_max: 0 }, "mining.txs_max is 0"),
    ] {
        let error = mining.validate().unwrap_err();
        assert!(error.starts_with(wrong), "{error}");
    }
}
