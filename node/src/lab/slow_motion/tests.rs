//! In paused time, but for the system's clock, which doesn't stand still in a test.

use super::*;
use crate::clock::real_unix_us;

const SECOND: Duration = Duration::from_secs(1);

fn slow_motion(times: u32) -> Option<SlowMotion> {
    Some(SlowMotion::try_from(times).unwrap())
}

fn clock(slow_motion: Option<SlowMotion>) -> Clock {
    super::clock(slow_motion, SystemClock::default())
}

#[tokio::test(start_paused = true)]
async fn clocks_that_become_slow_at_one_moment_agree_about_the_time() {
    let slow_motion = slow_motion(50);
    let (early, late) = (clock(slow_motion), clock(slow_motion));
    let from = real_unix_us() + 10_000_000;
    begin(slow_motion, &early, from).unwrap();
    begin(slow_motion, &late, from).unwrap();
    let later = Instant::now() + 600 * SECOND;
    let shown = [&early, &late].map(|clock| clock.unix_us(clock.at(later)));
    // The system's clock, by which they agree, doesn't stand still in a test.
    assert!(shown[0].abs_diff(shown[1]) < 100_000, "{shown:?}");
    assert!(shown[0].abs_diff(from + 590 * 1_000_000 / 50) < 200_000, "{from}: {shown:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_is_slowed_only_where_that_is_allowed_once_and_in_time() {
    let soon = real_unix_us() + 10_000_000;
    assert_eq!(begin(None, &clock(None), soon), Err(NotSlowed::Unset));
    let three = slow_motion(3);
    let clock = clock(three);
    let same = clock.clone();
    assert_eq!(begin(three, &clock, real_unix_us() - 1), Err(NotSlowed::Past));
    assert_eq!(begin(three, &same, soon).map(SlowMotion::times), Ok(3));
    assert_eq!(begin(three, &clock, soon), Err(NotSlowed::Already), "a clone is the same clock");
}

#[test]
fn only_a_whole_number_of_times_is_a_slow_motion() {
    assert_eq!("100".parse().map(SlowMotion::times), Ok(100));
    for bad in ["0", "1001", "-3", "2.5", "fast"] {
        let error = bad.parse::<SlowMotion>().unwrap_err().to_string();
        let sentence =
            format!("slow motion is {bad}, but must be a whole number of times, 1 to 1000");
        assert_eq!(error, sentence);
    }
}
