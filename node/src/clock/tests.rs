//! In paused time, which stands still but for what a test lets pass.

use tokio::time::{advance, sleep_until};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn dilatable(times: u32) -> Clock {
    Clock::dilatable(NonZeroU32::new(times).unwrap(), SystemClock::default())
}

/// A clock that has just become slow, and what it showed then.
async fn slow(times: u32) -> (Clock, Time) {
    let clock = dilatable(times);
    advance(3 * SECOND).await;
    clock.slow_from(Instant::now()).unwrap();
    let shown = clock.now();
    (clock, shown)
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_nobody_slowed_shows_real_time() {
    for clock in [Clock::start(), dilatable(100)] {
        let before = clock.now();
        advance(7 * SECOND).await;
        assert_eq!(clock.now() - before, 7 * SECOND);
        assert_eq!(clock.instant(clock.now()), Instant::now());
        assert_eq!(clock.shrunk(SECOND), SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_clock_takes_so_many_times_as_long_for_everything() {
    let (clock, from) = slow(100).await;
    advance(5 * SECOND).await;
    assert_eq!(clock.now() - from, SECOND / 20);
    let begun = Instant::now();
    sleep_until(clock.instant(clock.now() + 3 * SECOND)).await;
    let late = begun.elapsed() - 300 * SECOND;
    assert!(late <= Duration::from_millis(1), "no more than timers are: {late:?}");
    assert_eq!((clock.stretched(SECOND), clock.shrunk(SECOND)), (100 * SECOND, SECOND / 100));
}

#[tokio::test(start_paused = true)]
async fn it_is_slow_from_the_moment_named_and_not_before() {
    let (clock, from) = (dilatable(10), Instant::now() + 10 * SECOND);
    clock.slow_from(from).unwrap();
    let before = clock.now();
    advance(2 * SECOND).await;
    assert_eq!(clock.now() - before, 2 * SECOND);
    assert_eq!(clock.at(from) - before, from - clock.0.started);
    assert_eq!(clock.at(from + 10 * SECOND) - clock.at(from), SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_time_and_the_moment_it_is_shown_lead_to_each_other() {
    let (clock, from) = slow(77).await;
    for time in [Time::ZERO, Time::from_millis(3), from, from + SECOND, from + 999_999 * SECOND] {
        assert_eq!(clock.at(clock.instant(time)), time);
    }
    let mut last = clock.now();
    for _ in 0..1_000 {
        advance(Duration::from_nanos(1)).await;
        assert!(clock.now() >= last, "it never goes backwards");
        last = clock.now();
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_beyond_all_clocks_is_far_and_no_overflow() {
    let (clock, _) = slow(1_000).await;
    for time in [Time::NEVER, Time::from_nanos(u64::MAX - 1), Time::from_nanos(u64::MAX / 1_000)] {
        assert!(clock.instant(time) >= Instant::now() + FAR);
    }
    assert_eq!(clock.stretched(Duration::MAX), Duration::MAX);
}

#[tokio::test(start_paused = true)]
async fn stamps_follow_a_clock_that_is_set_and_nothing_else_does() {
    let system = SystemClock::ahead(0);
    let clock = Clock::dilatable(NonZeroU32::MIN, system);
    let (before, begun) = (clock.unix_us(clock.now()), clock.now());
    assert_eq!(clock.settle(), None);
    for ahead_s in [86_400, 0, -86_400, 10 * 365 * 86_400] {
        system.set_ahead(ahead_s);
        let step = clock.settle().expect("it was set");
        assert_eq!(clock.settle(), None, "{step}");
        let ahead_us = clock.unix_us(clock.now()).wrapping_sub(before).cast_signed();
        assert!((ahead_us - ahead_s * 1_000_000).abs() < 60_000_000, "{ahead_us}");
        assert_eq!(clock.now(), begun, "deadlines are as far as they were");
    }
}

/// A suspended machine's steady clock stands still, and the system's goes on: here it is the other way round, ten minutes at once.
#[tokio::test(start_paused = true)]
async fn after_ten_minutes_of_suspension_stamps_are_right_again() {
    let clock = Clock::start();
    advance(600 * SECOND).await;
    let by_us = clock.settle().expect("the two differ").by_us;
    assert!((by_us + 600_000_000).abs() < 60_000_000, "{by_us}");
    let wrong_us = clock.unix_us(clock.now()).abs_diff(SystemClock::default().unix_us());
    assert!(wrong_us < 1_000_000, "{wrong_us}");
}

#[tokio::test(start_paused = true)]
async fn stamps_of_a_slow_clock_are_left_alone() {
    let (clock, _) = slow(100).await;
    advance(600 * SECOND).await;
    assert_eq!(clock.settle(), None);
}
