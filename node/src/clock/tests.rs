//! In paused time, which stands still but for what a test lets pass.

use tokio::time::{advance, sleep_until};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn slow_motion(times: u32) -> Option<SlowMotion> {
    Some(SlowMotion::try_from(times).unwrap())
}

/// A clock that has just become slow, and what it showed then.
async fn slow(times: u32) -> (Clock, Time) {
    let clock = Clock::start(slow_motion(times));
    advance(3 * SECOND).await;
    clock.0.slow_from.set(Instant::now()).unwrap();
    let shown = clock.now();
    (clock, shown)
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_nobody_slowed_shows_real_time() {
    for clock in [Clock::start(None), Clock::start(slow_motion(100))] {
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
    let clock = Clock::start(slow_motion(10));
    clock.slow_down(real_unix_us() + 10_000_000).unwrap();
    let from = *clock.0.slow_from.get().unwrap();
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
    let (clock, _) = slow(SLOWEST).await;
    for time in [Time::NEVER, Time::from_nanos(u64::MAX - 1), Time::from_nanos(u64::MAX / 1_000)] {
        assert!(clock.instant(time) >= Instant::now() + FAR);
    }
    assert_eq!(clock.stretched(Duration::MAX), Duration::MAX);
}

#[tokio::test(start_paused = true)]
async fn clocks_that_become_slow_at_one_moment_agree_about_the_time() {
    let early = Clock::start(slow_motion(50));
    let late = Clock::start(slow_motion(50));
    let from = real_unix_us() + 10_000_000;
    early.slow_down(from).unwrap();
    late.slow_down(from).unwrap();
    let later = Instant::now() + 600 * SECOND;
    let shown = [&early, &late].map(|clock| clock.unix_us(clock.at(later)));
    // The system's clock, by which they agree, doesn't stand still in a test.
    assert!(shown[0].abs_diff(shown[1]) < 100_000, "{shown:?}");
    assert!(shown[0].abs_diff(from + 590 * 1_000_000 / 50) < 200_000, "{from}: {shown:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_is_slowed_only_where_that_is_allowed_once_and_in_time() {
    let soon = real_unix_us() + 10_000_000;
    assert_eq!(Clock::start(None).slow_down(soon), Err(NotSlowed::Unset));
    let clock = Clock::start(slow_motion(3));
    let same = clock.clone();
    assert_eq!(clock.slow_down(real_unix_us() - 1), Err(NotSlowed::Past));
    assert_eq!(same.slow_down(soon).map(SlowMotion::times), Ok(3));
    assert_eq!(clock.slow_down(soon), Err(NotSlowed::Already), "a clone is the same clock");
}

#[test]
fn only_a_whole_number_of_times_is_a_slow_motion() {
    assert_eq!("100".parse(), Ok(SlowMotion(100)));
    for bad in ["0", "1001", "-3", "2.5", "fast"] {
        let error = bad.parse::<SlowMotion>().unwrap_err().to_string();
        let sentence =
            format!("slow motion is {bad}, but must be a whole number of times, 1 to 1000");
        assert_eq!(error, sentence);
    }
}
