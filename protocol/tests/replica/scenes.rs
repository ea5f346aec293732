//! The failure modes, by their figures.

use std::time::Duration;

use tidings_protocol::replica::{ClockKind, Model, Spread};
use tidings_protocol::testkit::fleet::scenes;

const HOUR_MS: i64 = 3_600_000;

#[test]
fn of_what_a_partition_makes_concurrent_the_last_writer_loses_one_each_and_lists_it() {
    for seed in 1..4 {
        let it = scenes::partition(Model::LastWriter(ClockKind::Hybrid), seed);
        assert!(it.both_sides >= 30, "seed {seed}: {it:?}");
        assert_eq!((it.lost, it.gone), (it.both_sides, it.both_sides), "seed {seed}: {it:?}");
        assert!(it.healed_after < Duration::from_secs(60), "seed {seed}: {it:?}");
    }
}

#[test]
fn version_vectors_lose_nothing_in_a_partition() {
    for seed in 1..4 {
        let it = scenes::partition(Model::Versions, seed);
        assert!(it.both_sides >= 30, "seed {seed}: {it:?}");
        assert_eq!((it.lost, it.gone), (0, 0), "seed {seed}: {it:?}");
        assert_eq!(it.contested, it.both_sides, "seed {seed}: {it:?}");
    }
}

#[test]
fn a_wrong_wall_clock_loses_updates() {
    for seed in 1..3 {
        let slow = scenes::skew(ClockKind::Wall, 5, -HOUR_MS, seed);
        assert!(slow.wrong_lost > slow.wrong / 2 && slow.right_lost == 0, "seed {seed}: {slow:?}");
        let fast = scenes::skew(ClockKind::Wall, 5, HOUR_MS, seed);
        assert!(fast.right_lost > fast.right / 2 && fast.wrong_lost == 0, "seed {seed}: {fast:?}");
    }
}

#[test]
fn a_wrong_hybrid_clock_loses_nothing_where_the_others_know_better() {
    for (seed, skew) in [(1, -HOUR_MS), (1, HOUR_MS), (2, -30_000), (2, 30_000), (3, 1 << 40)] {
        let it = scenes::skew(ClockKind::Hybrid, 5, skew, seed);
        assert_eq!((it.right_lost, it.wrong_lost), (0, 0), "seed {seed} skew {skew}: {it:?}");
        assert!(it.agree, "seed {seed} skew {skew}: {it:?}");
    }
}

#[test]
fn of_two_replicas_neither_takes_what_is_too_far_ahead_and_both_agree_once_the_clock_is_right() {
    for seed in 1..3 {
        let fast = scenes::skew(ClockKind::Hybrid, 2, HOUR_MS, seed);
        assert_eq!((fast.right_lost, fast.wrong_lost), (0, fast.wrong), "seed {seed}: {fast:?}");
        assert!(fast.told > 0 && fast.agree, "seed {seed}: {fast:?}");
        let slow = scenes::skew(ClockKind::Hybrid, 2, -HOUR_MS, seed);
        assert!(slow.right_lost == 0 && slow.agree, "seed {seed}: {slow:?}");
    }
}

#[test]
fn a_damaged_copy_is_repaired_for_a_few_times_what_is_damaged() {
    let it = scenes::repair(4_000, 1);
    assert_eq!((it.entries, it.damaged), (4_000, 200));
    assert!(it.traffic.bytes < it.full as u64 / 4, "{it:?}");
    assert!(it.idle.bytes < 200, "{it:?}");
}

#[test]
fn push_is_silent_without_news_and_push_pull_is_the_quickest() {
    let mean = |spread| {
        let runs: Vec<_> = (0..5).map(|seed| scenes::spread(spread, 50, seed)).collect();
        let sum = |of: fn(&scenes::Spreading) -> f64| runs.iter().map(of).sum::<f64>() / 5.0;
        (sum(|it| it.rounds), sum(|it| it.idle))
    };
    let [(push, idle), (pull, _), (both, _)] =
        [Spread::Push, Spread::Pull, Spread::PushPull].map(mean);
    assert!(both < push && both < pull, "{push} {pull} {both}");
    assert!(idle.abs() < f64::EPSILON, "{idle}");
}
