//! What each fault does, and that it does nothing else.

use tidings_protocol::ground::time::Time;
use tidings_protocol::testkit::hostile::{Lie, Lies};
use tidings_protocol::wire::kinds::MessageKind;

use super::*;

/// Floods 20 items over 2 s with some faults.
fn flood(faults: &[&str]) -> Finished {
    let mut scenario = with_faults(scenario(StrategyKind::Flood), faults);
    scenario.workload = Transfers { txs: 20, rate: 10.0, sizes: Sizes::Fixed(300) };
    scenario.params.relay.safety_pull_ms = 0;
    scenario.measure.stall_s = 5.0;
    simulate(&scenario)
}

fn touched(finished: &Finished) -> u64 {
    finished.world.faults().all()[0].touched
}

/// Whole items that nodes received.
fn copies(finished: &Finished) -> u64 {
    let traffic = |node| finished.world.counters(node).0.traffic;
    (0..100).map(|node| traffic(node).received(MessageKind::Tx).messages).sum()
}

/// When an item reached its last node, microseconds after its submission.
fn last_us(finished: &Finished, item: usize) -> u32 {
    finished.world.record().deliveries(item).map(|(_, us)| us).max().unwrap()
}

#[test]
fn loss_drops_its_share_and_duplicates_come_twice() {
    let whole = copies(&flood(&[]));
    let twice = flood(&["duplicate:share=0.5"]);
    assert_eq!(copies(&twice), whole + touched(&twice));
    assert!((touched(&twice) as f64 / whole as f64 - 0.5).abs() < 0.05);
    let lossy = flood(&["loss:share=0.3"]);
    assert!(
        (touched(&lossy) as f64 / (copies(&lossy) + touched(&lossy)) as f64 - 0.3).abs() < 0.05
    );
    assert_eq!(missing(&lossy), 0, "a flood has copies to spare");
    assert!(missing(&flood(&["loss:share=1"])) > 0);
}

#[test]
fn reordered_messages_come_late() {
    let on_time = last_us(&flood(&[]), 0);
    let late = flood(&["reorder:share=1,by_ms=700"]);
    assert_eq!(missing(&late), 0);
    assert!(last_us(&late, 0) >= on_time + 700_000);
}

#[test]
fn a_clogged_link_carries_nothing_until_it_is_free() {
    let clogged = flood(&["clog:share=1,for_s=1.5"]);
    assert_eq!(missing(&clogged), 0);
    // The first 15 items wait for the end of it, and arrive soon after.
    assert!(last_us(&clogged, 0) >= 1_500_000 && last_us(&clogged, 0) < 1_900_000);
    assert!(last_us(&clogged, 16) < 400_000);
}

#[test]
fn a_crashed_node_is_gone_and_a_restarted_one_is_back_without_what_it_had() {
    let crashed = flood(&["crash:nodes=3+5,at_s=0.55"]);
    assert_eq!((crashed.world.living(), missing(&crashed)), (98, 0));
    assert!(!crashed.world.is_alive(3) && crashed.world.is_alive(4));
    let back = flood(&["crash:nodes=3+5,at_s=0.55,restart_after_s=0.5"]);
    assert_eq!(back.world.living(), 100);
    let got = |item| back.world.record().deliveries(item).any(|(node, _)| node == 3);
    assert!(got(0) && !got(7) && got(19), "had one, missed one, and is back");
    assert!(back.world.node(3).peers().outbound_ready() >= 6);
    assert!(back.world.node(3).item(&back.world.items()[0].id()).is_none());
}

#[test]
fn a_silent_crash_is_noticed_by_the_ping_alone() {
    let links = |finished: &Finished| -> usize {
        let to_dead =
            |node| finished.world.node(node).links().filter(|link| link.peer.0 == 4).count();
        (0..100).filter(|node| *node != 3).map(to_dead).sum()
    };
    assert_eq!(links(&flood(&["crash:nodes=3,at_s=0.55"])), 0);
    assert!(links(&flood(&["crash:nodes=3,at_s=0.55,silent=true"])) >= 6);
}

#[test]
fn churn_crashes_as_many_as_it_says() {
    let churned = flood(&["churn:per_minute=1,away_s=1,for_s=20"]);
    // A Poisson variable of mean 100 * 20 / 60, a little less for those away.
    assert!((18..=48).contains(&touched(&churned)), "{}", touched(&churned));
    assert_eq!(churned.world.living(), 100, "all are back");
}

#[test]
fn a_partition_keeps_its_sides_apart_until_it_heals() {
    for (mode, heals) in [("drop", false), ("stall", true), ("break", false)] {
        let parted = flood(&[&format!("partition:share=0.3,for_s=1.5,mode={mode}")]);
        let after_first =
            (16..20).all(|item| parted.world.record().deliveries(item).count() == 100);
        // The first item leaves its origin in the same moment, just before. Whoever lost links dials others, of the other side
        // too once that is there, and a comparison then brings what was missed.
        let in_time = |us| mode != "break" || us < 1_000_000;
        let second = parted.world.record().deliveries(1).filter(|(_, us)| in_time(*us)).count();
        let sides = if heals { vec![100] } else { vec![30, 70] };
        assert!(sides.contains(&second), "{mode}: {second}");
        assert!(after_first || mode == "break", "{mode}");
    }
}

#[test]
fn a_paused_node_takes_up_what_waited_for_it() {
    let paused = flood(&["pause:nodes=3,at_s=0.05,for_s=1"]);
    assert_eq!(missing(&paused), 0);
    let of = |item: usize| {
        paused.world.record().deliveries(item).find(|(node, _)| *node == 3).unwrap().1
    };
    assert!(of(2) > 800_000 && of(15) < 400_000);
}

#[test]
fn a_fault_that_meets_nothing_makes_a_run_invalid() {
    let idle = flood(&["loss:share=0"]);
    assert_eq!(idle.invalid_reasons, ["the fault loss met nothing"]);
}

/// When each node first died, drawn by a churn.
fn deaths(faults: &[&str]) -> Vec<Option<Time>> {
    let scenario = with_faults(scenario(StrategyKind::Flood), faults);
    let mut world = World::new(&scenario).unwrap();
    let outlook = world.schedule(&scenario, 1.0);
    let mut deaths = vec![None; 100];
    while world.step(outlook.first + core::time::Duration::from_secs(60)) {
        for (node, death) in (0..).zip(&mut deaths) {
            if death.is_none() && !world.is_alive(node) {
                *death = Some(world.now());
            }
        }
    }
    deaths
}

#[test]
fn one_fault_switched_on_leaves_the_draws_of_the_others_alone() {
    let churn = "churn:per_minute=1,for_s=60";
    let alone = deaths(&[churn]);
    assert!(alone.iter().flatten().count() > 40);
    for other in ["loss:share=0.3", "duplicate:share=0.3", "clog:share=0.3,for_s=5"] {
        assert_eq!(deaths(&[other, churn]), alone, "{other}");
    }
    let origins = |faults: &[&str]| -> Vec<_> {
        let finished = flood(faults);
        (0..20).map(|item| finished.world.record().submission(item)).collect()
    };
    assert_eq!(origins(&["loss:share=0.3"]), origins(&[]));
}

#[test]
fn a_liar_is_sent_less_or_more_as_it_says_and_nothing_is_submitted_at_it() {
    let mut base = scenario(StrategyKind::Adaptive);
    base.workload = Transfers { txs: 200, rate: 40.0, sizes: Sizes::Fixed(300) };
    let got = |say: &str| {
        let fault = format!("liar:nodes=7+8+9,withhold=false,say={say}");
        let finished = simulate(&with_faults(base.clone(), &[&fault]));
        let world = finished.world;
        let origins = (0..200).filter_map(|item| world.record().submission(item));
        assert!(origins.into_iter().all(|(_, origin)| !(7..=9).contains(&origin)));
        assert_eq!(world.record().open(), 0, "a liar gets everything, as an honest node does");
        (7..=9)
            .map(|node| world.counters(node).0.traffic.received(MessageKind::Tx).messages)
            .sum::<u64>()
    };
    let (slandering, flattering) = (got("known"), got("first"));
    assert!(flattering > slandering * 3 / 2, "{slandering} and {flattering} copies");
}

#[test]
fn whatever_a_fifth_of_the_nodes_lies_the_honest_get_everything() {
    let lies = Lie::ALL.map(Lies::One).into_iter().chain([Lies::All]);
    let strategies = [StrategyKind::Adaptive, StrategyKind::Inventory].into_iter().cycle();
    for (lies, strategy) in lies.zip(strategies) {
        let mut scenario =
            with_faults(scenario(strategy), &[&format!("liar:share=0.2,say={lies}")]);
        scenario.network.nodes = 40;
        scenario.measure.stall_s = 15.0;
        let world = simulate(&scenario).world;
        let is_honest = |node: &u32| !world.faults().is_liar(*node);
        let honest = (0..40).filter(is_honest).count();
        assert_eq!(honest, 32);
        for item in 0..10 {
            let got = world.record().deliveries(item).filter(|(node, _)| is_honest(node)).count();
            assert_eq!(got, honest, "{strategy}, {lies}, item {item}");
        }
    }
}
