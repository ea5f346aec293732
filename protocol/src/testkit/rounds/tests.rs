//! Against an independent simulation of the same model, in which each node draws its contacts from all
//! others, and against the tables of Demers et al. 1987. A tolerance is what is asked for plus four standard
//! errors of the runs made; the full tables come from many more runs.

use super::*;
use crate::params::{RumorParams, StrategyKind};

fn params(strategy: StrategyKind) -> RelayParams {
    RelayParams { strategy, fanout: 1, recent_ms: 3_600_000, ..RelayParams::default() }
}

fn rumor(k: u32, feedback: bool, coin: bool, pull: bool) -> RelayParams {
    RelayParams { rumor: RumorParams { k, feedback, coin, pull }, ..params(StrategyKind::Rumor) }
}

fn assert_near(what: &str, measured: Mean, expected: f64, share: f64) {
    let tolerance = expected * share + 4.0 * measured.error;
    assert!((measured.value - expected).abs() <= tolerance, "{what}: {measured:?}, not {expected}");
}

#[test]
fn push_pull_and_both_take_the_rounds_of_the_theory_for_a_thousand_nodes() {
    for (strategy, rounds) in
        [(StrategyKind::Push, 18.1), (StrategyKind::Pull, 13.8), (StrategyKind::PushPull, 9.15)]
    {
        let summary = measure(1_000, &params(strategy), 30, 1);
        assert_near(strategy.name(), summary.rounds, rounds, 0.02);
        assert_eq!(summary.residue.value, 0.0, "{strategy}");
    }
}

#[test]
fn push_pull_and_both_take_the_rounds_of_the_theory_for_ten_thousand_nodes() {
    for (strategy, rounds) in
        [(StrategyKind::Push, 23.8), (StrategyKind::Pull, 17.5), (StrategyKind::PushPull, 11.54)]
    {
        let summary = measure(10_000, &params(strategy), 4, 1);
        assert_near(strategy.name(), summary.rounds, rounds, 0.02);
    }
}

#[test]
fn push_costs_eight_copies_a_node_for_a_thousand_nodes() {
    let summary = measure(1_000, &params(StrategyKind::Push), 20, 1);
    assert_near("copies", summary.traffic, 8.0, 0.05);
}

#[test]
fn more_contacts_a_round_shorten_it() {
    for (fanout, rounds) in [(2, 10.7), (3, 8.2)] {
        let params = RelayParams { fanout, ..params(StrategyKind::Push) };
        let summary = measure(1_000, &params, 20, 1);
        assert_near("rounds", summary.rounds, rounds, 0.02);
    }
}

#[test]
fn a_rumour_with_feedback_and_counter_leaves_the_residue_of_table_1() {
    let table = [
        (1, 0.174, 1.75),
        (2, 0.0365, 3.30),
        (3, 0.0111, 4.53),
        (4, 0.0035, 5.64),
        (5, 0.0013, 6.68),
    ];
    for (k, residue, traffic) in table {
        let summary = measure(1_000, &rumor(k, true, false, false), 20, 1);
        assert_near(&format!("residue, k = {k}"), summary.residue, residue, 0.05);
        assert_near(&format!("traffic, k = {k}"), summary.traffic, traffic, 0.05);
    }
}

#[test]
fn a_blind_rumour_with_a_coin_leaves_the_residue_of_table_2() {
    for (k, residue) in [(1, 0.959), (2, 0.204), (3, 0.060), (4, 0.020), (5, 0.007)] {
        let summary = measure(1_000, &rumor(k, false, true, false), 20, 1);
        assert_near(&format!("residue, k = {k}"), summary.residue, residue, 0.05);
    }
}

#[test]
fn a_rumour_that_is_asked_for_leaves_the_residue_of_table_3() {
    for (k, residue) in [(1, 0.032), (2, 5e-4), (3, 0.0)] {
        let summary = measure(1_000, &rumor(k, true, false, true), 20, 1);
        assert_near(&format!("residue, k = {k}"), summary.residue, residue, 0.05);
    }
}

#[test]
fn a_run_repeats_by_its_seed() {
    let params = params(StrategyKind::PushPull);
    assert_eq!(spread(500, &params, 3), spread(500, &params, 3));
    assert_ne!(spread(500, &params, 3), spread(500, &params, 4));
}

#[test]
fn the_course_of_a_run_begins_at_the_origin_and_ends_as_the_run_does() {
    let params = params(StrategyKind::Push);
    let (course, spread) = (course(500, &params, 3), spread(500, &params, 3));
    assert_eq!((course[0], course[course.len() - 1]), (1, 500));
    assert_eq!(course.len(), spread.rounds as usize + 1);
    assert!(course.is_sorted());
}
