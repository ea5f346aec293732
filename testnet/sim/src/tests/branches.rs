//! One more entry in a scenario changes nothing before its moment: what a laboratory's forks stand on.

use core::time::Duration;

use tidings_protocol::ground::time::Time;

use super::*;
use crate::hash::EventHash;
use crate::mining::Mining;
use crate::workload::Write;

/// When the entry is added, seconds.
const AT_S: f64 = 0.62;

/// A network in which much goes wrong already, by chance too.
fn troubled(strategy: StrategyKind) -> Scenario {
    let faults = [
        "loss:share=0.05",
        "churn:per_minute=1,away_s=0.5",
        "crash:share=0.05,at_s=0.2",
        "pause:share=0.1,at_s=0.3,for_s=0.6",
        "liar:share=0.05",
        "partition:share=0.2,at_s=0.5,for_s=0.2",
    ];
    let mut scenario = with_faults(scenario(strategy), &faults);
    scenario.workload = Transfers { txs: 25, rate: 20.0, sizes: Sizes::Bitcoin };
    scenario.warmup_txs = 5;
    scenario.spies = 0.1;
    scenario
}

/// The hash and number of all events before a moment after the first submission.
fn before(scenario: &Scenario, at_s: f64) -> (EventHash, u64) {
    scenario.validate().unwrap();
    let mut world = World::new(scenario).unwrap();
    let outlook = world.schedule(scenario, 1.0);
    let until = outlook.first + Duration::from_secs_f64(at_s);
    world.run_until(Time::from_nanos(until.as_nanos() - 1));
    (world.hash(), world.events())
}

#[test]
fn one_more_fault_or_write_leaves_every_event_before_it_as_it_was() {
    for strategy in [StrategyKind::Adaptive, StrategyKind::Inventory, StrategyKind::PushPull] {
        let base = troubled(strategy);
        let (then, later) = (before(&base, AT_S), before(&base, AT_S + 3.0));
        let check = |branch: &Scenario, what: &str| {
            assert_eq!(before(branch, AT_S), then, "{strategy}: {what}");
            assert_ne!(before(branch, AT_S + 3.0), later, "{strategy}: {what} does nothing");
        };
        let neighbour = World::new(&base).unwrap().dialled_links()[0];
        assert_eq!(neighbour.0, 0);
        for added in [
            "loss:share=0.5",
            "duplicate:share=0.5",
            "reorder:share=0.5",
            "clog:share=0.3,for_s=1",
            "crash:nodes=3+7,restart_after_s=0.2",
            "crash:share=0.1,silent=true",
            "churn:per_minute=1,for_s=5",
            "partition:share=0.5,for_s=0.5",
            "partition:share=0.5,for_s=0.5,mode=break",
            "pause:share=0.3,for_s=0.3",
            "cut:links=0-PEER",
            "cut:links=0-PEER,mode=stall,for_s=2",
            "cut:links=0-PEER,mode=break",
            "slow:nodes=0+1,by_ms=300",
            "slow:links=0-PEER,by_ms=300",
            "slow:share=0.2,by_ms=300,for_s=0.4",
            "liar:nodes=0+1+2+3+4,say=first,for_s=0.4",
            "liar:share=0.3,say=all",
        ] {
            let added = added.replace("PEER", &neighbour.1.to_string());
            let mut branch = base.clone();
            branch.fault.push(parse(&format!("{added},at_s={AT_S}")));
            check(&branch, &added);
        }
        let mut branch = base.clone();
        branch.write.push(Write { at_s: AT_S, node: 0 });
        check(&branch, "write");
    }
}

#[test]
fn a_write_after_all_else_moves_neither_the_last_block_nor_the_end_of_a_churn() {
    let mut base = with_faults(scenario(StrategyKind::Adaptive), &["churn:per_minute=1"]);
    base.mining = Some(Mining { interval_s: 0.2, txs_max: 50 });
    let mut branch = base.clone();
    branch.write.push(Write { at_s: 5.0, node: 3 });
    assert_eq!(before(&branch, 5.0), before(&base, 5.0));
    assert_eq!(
        simulate(&branch).world.mined().blocks().len(),
        simulate(&base).world.mined().blocks().len()
    );
}

#[test]
fn a_write_is_submitted_where_it_says_unless_nobody_is_there() {
    let mut written = with_faults(scenario(StrategyKind::Adaptive), &["crash:nodes=7,at_s=0.1"]);
    written.write = vec![Write { at_s: 0.45, node: 3 }, Write { at_s: 0.3, node: 7 }];
    let finished = simulate(&written);
    let record = finished.world.record();
    assert_eq!(finished.world.items().len(), 12);
    let (at, origin) = record.submission(10).unwrap();
    assert_eq!((at.since(finished.outlook.first), origin), (Duration::from_millis(450), 3));
    assert_eq!(record.submission(11), None, "node 7 is dead");
    assert_eq!((record.deliveries(10).count(), missing(&finished)), (99, 0));
    let mut liar = with_faults(scenario(StrategyKind::Adaptive), &["liar:nodes=3"]);
    liar.write = vec![Write { at_s: 0.45, node: 3 }];
    assert_eq!(simulate(&liar).world.record().submission(10).unwrap().1, 3, "a liar may write");
}

#[test]
fn a_cut_lies_between_the_nodes_that_it_names_alone() {
    let mut line = scenario(StrategyKind::Flood);
    line.network.nodes = 10;
    line.network.topology = Shape::Line;
    line.params.relay.safety_pull_ms = 0;
    line.measure.stall_s = 3.0;
    line.origin = Some(0);
    let reached = |fault: &str, item: usize| {
        let finished = simulate(&with_faults(line.clone(), &[fault]));
        assert_eq!(finished.invalid_reasons, [""; 0], "{fault}");
        let nodes: Vec<u32> =
            finished.world.record().deliveries(item).map(|(node, _)| node).collect();
        nodes
    };
    for mode in ["drop", "break"] {
        let cut = format!("cut:links=5-4,mode={mode}");
        assert_eq!(reached(&cut, 0), [0, 1, 2, 3, 4], "{mode}");
        assert_eq!(reached(&format!("{cut},at_s=0.5"), 9), [0, 1, 2, 3, 4], "{mode}");
    }
    assert_eq!(
        reached("cut:links=4-5,mode=stall,for_s=2", 0).len(),
        10,
        "it arrives when it is over"
    );
    assert_eq!(reached("cut:links=4-5,for_s=0.05", 9).len(), 10, "the link is whole again");
}

#[test]
fn what_is_slow_takes_longer_by_what_it_says() {
    let mut line = scenario(StrategyKind::Flood);
    line.network.nodes = 6;
    line.network.topology = Shape::Line;
    line.link = LinkSpec::Constant { latency_ms: 10.0 };
    line.origin = Some(0);
    let last_ms = |faults: &[&str]| {
        let finished = simulate(&with_faults(line.clone(), faults));
        assert_eq!(missing(&finished), 0);
        finished.world.record().deliveries(9).map(|(_, us)| us / 1_000).max().unwrap()
    };
    assert_eq!(last_ms(&[]), 50);
    assert_eq!(last_ms(&["slow:nodes=2,by_ms=100,at_s=0.1"]), 250, "in and out again");
    assert_eq!(last_ms(&["slow:links=2-3,by_ms=100"]), 150);
    assert_eq!(last_ms(&["slow:nodes=2+3,by_ms=100"]), 450, "twice between them");
    assert_eq!(last_ms(&["slow:nodes=2,by_ms=100,for_s=0.5"]), 50, "it is over");
}

#[test]
fn a_node_lies_from_a_moment_on_and_no_longer_than_it_is_to() {
    let scenario =
        with_faults(scenario(StrategyKind::Adaptive), &["liar:nodes=3,at_s=0.3,for_s=0.4"]);
    let mut world = World::new(&scenario).unwrap();
    let outlook = world.schedule(&scenario, 1.0);
    let mut lies_at = |ms| {
        world.run_until(outlook.first + Duration::from_millis(ms));
        world.faults().is_liar(3)
    };
    assert_eq!([250, 350, 650, 750].map(&mut lies_at), [false, true, true, false]);
}

#[test]
fn what_makes_no_sense_is_told() {
    let told = |fault: &str| parse(fault).validate(10).unwrap_err();
    for (fault, sentence) in [
        ("cut:links=3-3", "node 3 has no link with itself"),
        ("cut:links=3-10", "there is no node 10 among 10"),
        ("cut:links=3-4,mode=stall", "give for_s, or use drop"),
        ("slow:by_ms=0,nodes=1", "by_ms is 0, but must be more than 0"),
        ("slow:by_ms=5,nodes=1,links=1-2", "give either share, nodes or links, not both"),
        ("slow:by_ms=5,nodes=1,for_s=0", "for_s is 0, but must be more than 0"),
    ] {
        assert!(told(fault).contains(sentence), "{fault}: {}", told(fault));
    }
    let empty: FaultSpec = toml::from_str("kind = \"cut\"\nlinks = []").unwrap();
    assert!(empty.validate(10).unwrap_err().contains("links names none"));
    let told = |at_s, node| {
        let write = vec![Write { at_s, node }];
        Scenario { write, ..scenario(StrategyKind::Flood) }.validate().unwrap_err()
    };
    assert!(told(-1.0, 0).contains("write.at_s is -1"));
    assert!(told(f64::NAN, 0).contains("write.at_s is NaN"));
    assert!(told(0.0, 100).contains("there is no node 100 among 100"));
    let write = vec![Write { at_s: 0.0, node: 0 }; 1_001];
    let many = Scenario { write, ..scenario(StrategyKind::Flood) };
    assert!(many.validate().unwrap_err().contains("may be at most 1000"));
}
