//! Slow motion: the clocks of all nodes, and the launcher's own, become slow at one moment.
//!
//! The overlay comes up at the pace of real time. From the moment on, the whole run is in the network's
//! own time: submissions leave by it, traces are stamped with it, and waiting is measured by it. What
//! slow motion is for, and what it can't slow down, is told in [`tidings::lab::slow_motion`].

use std::path::Path;
use std::time::Duration;

use tidings::clock::{Clock, SystemClock, real_unix_us};
use tidings::lab::slow_motion::{self, SlowMotion};
use tidings_tools::probe::wait::{SLOW_MOTION, slow_motion_text};
use tidings_tools::run::write_text;
use tokio::time::{Instant, sleep_until};

use super::fleet::{Fleet, ask_all};
use super::settings::narrow;

/// How far ahead the moment is, and more for each node: they are told a few at a time. Guesses; a node
/// that hears of it too late says so, and the run ends.
const NOTICE: Duration = Duration::from_secs(2);
const NOTICE_PER_NODE: Duration = Duration::from_millis(10);

/// Lets all clocks run slow if that is asked for, and waits until they do. Returns the launcher's clock. Whoever listens beside
/// them finds the moment in the run's folder.
///
/// # Errors
/// A sentence about a node that didn't.
pub async fn slow_down(
    fleet: &Fleet,
    wanted: Option<SlowMotion>,
    run: &Path,
) -> Result<Clock, String> {
    let clock = slow_motion::clock(wanted, SystemClock::default());
    if wanted.is_none_or(|wanted| wanted == SlowMotion::NONE) {
        return Ok(clock);
    }
    let notice = NOTICE + NOTICE_PER_NODE.saturating_mul(narrow(fleet.nodes().len()));
    let (from, from_unix_us) = (Instant::now() + notice, real_unix_us() + micros(notice));
    slow_motion::begin(wanted, &clock, from_unix_us).map_err(|why| why.to_string())?;
    let told = write_text(&run.join(SLOW_MOTION), &slow_motion_text(from_unix_us));
    told.map_err(|error| error.to_string())?;
    for (node, told) in
        ask_all(fleet.live(), async |node| node.client.slow_down(from_unix_us).await).await
    {
        let name = &fleet.nodes()[node].name;
        told.map_err(|error| format!("{name} doesn't run in slow motion: {error}"))?;
    }
    sleep_until(from).await;
    Ok(clock)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
