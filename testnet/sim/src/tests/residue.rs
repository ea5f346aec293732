//! What is left when messages are lost, nodes come and go, and the network falls apart for a while: with
//! the safety net, nothing.

use super::*;

/// Pairs of item and node in each run.
const PAIRS: u64 = 2_000;

/// A network in which one thing goes wrong while 20 items spread.
fn troubled(strategy: StrategyKind, fault: &str, safety_net: bool) -> u64 {
    let mut scenario = with_faults(scenario(strategy), &[fault]);
    scenario.workload = Transfers { txs: 20, rate: 1.0, sizes: Sizes::Fixed(300) };
    scenario.measure.stall_s = 60.0;
    if !safety_net {
        scenario.params.relay.safety_pull_ms = 0;
        scenario.measure.stall_s = 5.0;
    }
    missing(&simulate(&scenario))
}

/// What every strategy misses without its safety net, having checked that it misses nothing with it.
fn residues(fault: &str) -> impl Fn(StrategyKind) -> u64 {
    let of = |safety_net| {
        // `reconcile` is nothing without comparisons, which are the net.
        let all = StrategyKind::ALL.iter();
        let all = all.filter(|kind| safety_net || **kind != StrategyKind::Reconcile);
        let missed = all.map(|kind| (*kind, troubled(*kind, fault, safety_net)));
        missed.collect::<Vec<_>>()
    };
    let without = of(false);
    println!("{fault}: of {PAIRS} pairs without the safety net {without:?}");
    let left: Vec<_> = of(true).into_iter().filter(|(_, missed)| *missed > 0).collect();
    assert!(left.is_empty(), "{fault}: of {PAIRS} pairs, in spite of the safety net, {left:?}");
    move |kind| without.iter().find(|(other, _)| *other == kind).map_or(0, |(_, missed)| *missed)
}

#[test]
fn a_fifth_of_all_messages_lost_leaves_nothing_behind() {
    let residue = residues("loss:share=0.2");
    assert!(residue(StrategyKind::DirectMail) > PAIRS / 2, "nobody but the origin sends");
    assert_eq!(residue(StrategyKind::Flood), 0, "a flood has copies to spare");
}

#[test]
fn a_tenth_of_the_nodes_coming_and_going_a_minute_leaves_nothing_behind() {
    let residue = residues("churn:per_minute=0.1");
    assert!(residue(StrategyKind::DirectMail) > PAIRS / 2);
}

#[test]
fn a_partition_of_half_a_minute_leaves_nothing_behind() {
    let residue = residues("partition:share=0.5,for_s=30");
    for strategy in [StrategyKind::Flood, StrategyKind::Inventory, StrategyKind::Plumtree] {
        assert!(residue(strategy) > PAIRS / 4, "{strategy} doesn't cross a gap in time");
    }
}

#[test]
fn links_that_stall_for_half_a_minute_leave_nothing_behind() {
    let residue = residues("partition:share=0.5,for_s=30,mode=stall");
    assert_eq!(residue(StrategyKind::Flood), 0, "what was sent arrives in the end");
}

#[test]
fn links_that_break_for_half_a_minute_leave_nothing_behind_and_grow_again() {
    let mut scenario = with_faults(
        scenario(StrategyKind::Inventory),
        &["partition:share=0.5,for_s=30,mode=break"],
    );
    // The last items are submitted a minute and a half after the network is whole again.
    scenario.workload = Transfers { txs: 40, rate: 1.0 / 3.0, sizes: Sizes::Fixed(300) };
    scenario.measure.stall_s = 60.0;
    let finished = simulate(&scenario);
    let missed: Vec<usize> =
        (0..40).filter(|item| finished.world.record().deliveries(*item).count() < 100).collect();
    assert_eq!(missed, [] as [usize; 0]);
    scenario.params.peers.feeler_s = 0;
    assert!(missing(&simulate(&scenario)) > PAIRS / 2, "two networks for ever");
}
