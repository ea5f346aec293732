//! What `why` answers, and that it answers the same again.

mod planted;

use super::*;
use crate::overlay::Shape;
use crate::watch::Watch;
use crate::workload::Transfers;
use crate::workload::sizes::Sizes;
use crate::world::World;
use tidings_protocol::params::StrategyKind;

/// A small tree, in which every node has one way to the others.
fn tree(seed: u64, nodes: usize) -> Scenario {
    let mut scenario = Scenario { seed, ..Scenario::default() };
    scenario.network.nodes = nodes;
    scenario.network.topology = Shape::Tree;
    scenario.workload = Transfers { txs: 3, rate: 4.0, sizes: Sizes::Fixed(300) };
    scenario.measure.idle_s = 0.5;
    scenario.measure.stall_s = 15.0;
    scenario.link = crate::latency::LinkSpec::Planar { min_ms: 10.0, max_ms: 60.0, jitter: 0.05 };
    scenario.params.relay.strategy = StrategyKind::Inventory;
    scenario.params.relay.trickle_outbound_ms = 40;
    scenario.params.relay.trickle_inbound_ms = 40;
    scenario.params.unbroadcast.standing_s = 0;
    scenario
}

fn finish(mut why: Why) -> Answer {
    while !why.progress().done {
        why.step().unwrap();
    }
    why.answer()
}

fn question(item: usize, node: u32) -> Question {
    Question { item, node, branches: 400, ..Question::default() }
}

#[test]
fn a_watched_run_is_the_same_run() {
    let scenario = tree(3, 15);
    let mut plain = World::new(&scenario).unwrap();
    plain.schedule(&scenario, 0.5);
    let mut watched = plain.clone();
    watched.set_watch(Some(Watch::new(watched.items()[1].id())));
    for world in [&mut plain, &mut watched] {
        world.run_until(tidings_protocol::ground::time::Time::from_millis(4_000));
    }
    assert_eq!((plain.hash(), plain.events()), (watched.hash(), watched.events()));
    assert!(watched.watch().unwrap().notes().len() > 30);
}

#[test]
fn branches_of_a_seed_repeat_and_others_differ() {
    let scenario = tree(3, 15);
    let mut world = World::new(&scenario).unwrap();
    world.schedule(&scenario, 0.5);
    world.run_until(tidings_protocol::ground::time::Time::from_millis(600));
    let end = |seed| {
        let mut branch = world.clone();
        branch.reseed(seed);
        branch.run_until(tidings_protocol::ground::time::Time::from_millis(3_000));
        branch.hash()
    };
    assert_eq!(end(1), end(1));
    assert_ne!(end(1), end(2));
}

#[test]
fn who_isnt_there_is_told_who_is() {
    let scenario = tree(1, 15);
    let error = |question| Why::new(&scenario, question).unwrap_err();
    assert_eq!(error(question(3, 2)), "there is no item 3 here: the measured items are 0 to 2");
    assert_eq!(error(question(0, 15)), "there is no node 15 here: nodes are 0 to 14");
    let few = Question { branches: 3, ..question(0, 1) };
    assert_eq!(error(few), "branches is 3, but must be 100 to 100000");
    let none = Question { late: Late::Times(0.0), ..question(0, 1) };
    assert!(error(none).contains("must be more than 0"));
}

#[test]
fn what_was_in_time_or_began_there_isnt_asked_about() {
    let scenario = tree(1, 15);
    let why = Why::new(&scenario, question(0, 0)).unwrap();
    let (origin, half) = (why.answer().origin, why.answer().median_us.unwrap());
    let of_origin = finish(Why::new(&scenario, question(0, origin)).unwrap());
    assert_eq!((of_origin.verdict, of_origin.branches), (Verdict::Origin, 0));
    assert!(of_origin.story[0].contains("was submitted at node"), "{:?}", of_origin.story);
    assert_eq!(of_origin.late_us, u64::from(half) * 2);
    let late = Late::Us(60_000_000);
    let other = u32::from(origin == 0);
    let in_time = finish(Why::new(&scenario, Question { late, ..question(0, other) }).unwrap());
    assert_eq!((in_time.verdict, in_time.curve.len()), (Verdict::InTime, 0));
    assert!(in_time.story[0].contains("wasn't late"), "{:?}", in_time.story);
}

#[test]
fn the_same_question_has_the_same_answer_whoever_runs_it() {
    let mut scenario = tree(5, 21);
    scenario.params.relay.trickle_outbound_ms = 400;
    scenario.params.relay.trickle_inbound_ms = 400;
    let mut node = 0;
    let late = Late::Times(1.2);
    let ask = |node| Why::new(&scenario, Question { late, ..question(1, node) }).unwrap();
    while ask(node).verdict() != Verdict::Late {
        node += 1;
    }
    let alone = finish(ask(node));
    // Backwards, as another thread might.
    let mut why = ask(node);
    loop {
        let jobs = why.jobs();
        if jobs.is_empty() {
            break;
        }
        let mut done: Vec<Done> = jobs.iter().rev().map(Job::run).collect();
        done.reverse();
        why.take(done).unwrap();
    }
    assert_eq!(why.answer(), alone);
    assert!(alone.curve.is_sorted_by_key(|point| point.step));
    assert!(alone.curve.last().unwrap().late.share() >= 1.0);
    assert!(alone.branches > 100 && alone.events > 1_000);
}
