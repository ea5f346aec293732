//! A member that hears nobody.

use super::*;

/// The members that it takes for dead, and when, seconds after it last heard anybody.
fn verdicts(mut bench: Bench, deaf_max: u64, millis: u64) -> Vec<(Duration, MemberId)> {
    bench.machine.settings.deaf_max = Duration::from_secs(deaf_max);
    let begin = bench.now;
    let dead = |(at, action)| match action {
        Action::Report(Event::Failed { id, .. }) => Some((at - begin, id)),
        _ => None,
    };
    bench.run(millis).into_iter().filter_map(dead).collect()
}

#[test]
fn one_of_several_that_hears_nobody_takes_nobody_for_dead_for_a_minute() {
    let bench = Bench::new(9, Settings::fleet());
    assert!(!verdicts(bench.clone(), 0, 59_000).is_empty());
    assert_eq!(verdicts(bench.clone(), 60, 59_000), []);
    let after = verdicts(bench, 60, 90_000);
    assert!(after.len() >= 4 && after[0].0 >= Duration::from_secs(60), "not for ever: {after:?}");
}

#[test]
fn of_two_each_takes_the_other_for_dead_as_soon_as_ever() {
    let bench = Bench::new(2, Settings::fleet());
    let soon = verdicts(bench.clone(), 0, 30_000);
    assert_eq!(soon.len(), 1);
    assert_eq!(verdicts(bench, 60, 30_000), soon);
}

#[test]
fn whoever_hears_one_is_not_deaf() {
    let mut bench = Bench::new(9, Settings::fleet());
    bench.machine.settings.deaf_max = Duration::from_secs(60);
    let mut dead = 0;
    for second in 0..30 {
        let all = bench.run(1_000).into_iter().map(|(_, action)| action).collect::<Vec<_>>();
        dead += events(&all).iter().filter(|event| matches!(event, Event::Failed { .. })).count();
        bench.hear(2, Ping { seq: second, target: US });
    }
    assert!(dead >= 3, "{dead}");
}
