//! The node's clock: real time becomes the core's [`Time`], and the core's deadlines become moments of
//! real time. Everything that waits on the network's behalf asks this clock, so slow motion is here and
//! nowhere else.
//!
//! # Slow motion
//! Hundreds of nodes on one machine share its cores, and a time that the machine needs looks like one of
//! the network. If every node's clock runs N times slower, latencies, time-outs and lines do too, and the
//! machine looks N times faster: time dilation (Gupta et al., "To Infinity and Beyond: Time-Warped Network
//! Emulation", NSDI 2006). For test networks only: a node whose `lab.slow_motion` is unset refuses.
//!
//! A node starts and finds its peers at the pace of real time. Then all nodes of a network are told one
//! moment from which their clocks are slow, so that what two of them call the same time stays the same:
//! the clock of each shows `from + (real - from) / N` from there. It never runs faster again.
//!
//! Slow: the core with all its timers, emulated links ([`crate::links`]), throttling, how long peers may
//! take to connect, and the stamps of traces, events and stories. Not slow: the processor, which is the
//! point; the kernel's TCP on this machine; writing files; the admin API and its time-outs; logs' own stamps.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tidings_protocol::ground::time::Time;
use tokio::time::Instant;

/// The slowest motion: a second then takes more than a quarter of an hour. A guess at what is of use.
pub const SLOWEST: u32 = 1_000;

/// How far ahead a moment is that no clock can name. Whoever sleeps until then wakes for nothing.
const FAR: Duration = Duration::from_secs(365 * 24 * 3_600);

/// How many times slower than real time a clock runs: 1 to [`SLOWEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct SlowMotion(u32);

/// A number that is no [`SlowMotion`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("slow motion is {0}, but must be a whole number of times, 1 to {SLOWEST}")]
pub struct SlowMotionError(String);

impl SlowMotion {
    /// Real time.
    pub const NONE: Self = Self(1);

    /// How many times slower.
    #[must_use]
    pub const fn times(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for SlowMotion {
    type Error = SlowMotionError;

    fn try_from(times: u32) -> Result<Self, SlowMotionError> {
        if (1..=SLOWEST).contains(&times) {
            Ok(Self(times))
        } else {
            Err(SlowMotionError(times.to_string()))
        }
    }
}

impl FromStr for SlowMotion {
    type Err = SlowMotionError;

    fn from_str(text: &str) -> Result<Self, SlowMotionError> {
        let times: u32 = text.parse().map_err(|_| SlowMotionError(text.to_owned()))?;
        times.try_into()
    }
}

impl From<SlowMotion> for u32 {
    fn from(slow: SlowMotion) -> Self {
        slow.0
    }
}

impl fmt::Display for SlowMotion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Why a clock didn't become slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSlowed {
    /// It is no clock of a test network.
    #[error(
        "lab.slow_motion is not set: only a node of a test network lets its clock be slowed down"
    )]
    Unset,
    /// It is slow already.
    #[error("this node's clock is slow already, and stays so")]
    Already,
    /// The moment has passed: others may have been slow since, and would disagree about the time.
    #[error("the moment from which the clock was to be slow has passed: name a later one")]
    Past,
}

/// A clock. Its clones are the same clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    started: Instant,
    started_unix_us: u64,
    slow_motion: Option<SlowMotion>,
    /// Since when it has been slow.
    slow_from: OnceLock<Instant>,
}

impl Clock {
    /// A clock that shows [`Time::ZERO`] now, and can be slowed down if `slow_motion` is set.
    #[must_use]
    pub fn start(slow_motion: Option<SlowMotion>) -> Self {
        Self(Arc::new(Inner {
            started: Instant::now(),
            started_unix_us: real_unix_us(),
            slow_motion,
            slow_from: OnceLock::new(),
        }))
    }

    /// What it shows now.
    #[must_use]
    pub fn now(&self) -> Time {
        self.at(Instant::now())
    }

    /// What it shows at a moment of real time.
    #[must_use]
    pub fn at(&self, real: Instant) -> Time {
        let Inner { started, slow_from, .. } = &*self.0;
        let shown = match slow_from.get() {
            Some(from) if real > *from => (*from - *started) + (real - *from) / self.times(),
            _ => real - *started,
        };
        Time::ZERO + shown
    }

    /// When it will show a time. One that it showed long ago is a moment in the past.
    #[must_use]
    pub fn instant(&self, time: Time) -> Instant {
        let Inner { started, slow_from, .. } = &*self.0;
        let shown = time - Time::ZERO;
        let real = match slow_from.get() {
            Some(from) if shown > *from - *started => {
                from.checked_add(self.stretched(shown - (*from - *started)))
            }
            _ => started.checked_add(shown),
        };
        real.unwrap_or_else(|| Instant::now() + FAR)
    }

    /// How much real time may pass in so much of this clock's, whether or not it is slow yet.
    #[must_use]
    pub fn stretched(&self, duration: Duration) -> Duration {
        duration.saturating_mul(self.times())
    }

    /// How much of this clock's time passes in so much real time, at its present pace.
    #[must_use]
    pub fn shrunk(&self, real: Duration) -> Duration {
        if self.0.slow_from.get().is_some() { real / self.times() } else { real }
    }

    /// What it shows, as microseconds of Unix time: the same at all nodes that became slow at one moment.
    #[must_use]
    pub fn unix_us(&self, time: Time) -> u64 {
        self.0.started_unix_us.saturating_add(time.as_nanos() / 1_000)
    }

    /// Lets it run slow from a moment of real time on, in microseconds of Unix time.
    ///
    /// # Errors
    /// When it isn't allowed to, is slow already, or the moment has passed.
    pub fn slow_down(&self, from_unix_us: u64) -> Result<SlowMotion, NotSlowed> {
        let slow_motion = self.0.slow_motion.ok_or(NotSlowed::Unset)?;
        let ahead = from_unix_us.checked_sub(real_unix_us()).ok_or(NotSlowed::Past)?;
        let from = Instant::now().checked_add(Duration::from_micros(ahead));
        let from = from.unwrap_or_else(|| Instant::now() + FAR);
        self.0.slow_from.set(from).map_err(|_| NotSlowed::Already)?;
        Ok(slow_motion)
    }

    fn times(&self) -> u32 {
        self.0.slow_motion.map_or(1, SlowMotion::times)
    }
}

/// Microseconds of Unix time, of the system's clock: never slow.
#[must_use]
pub fn real_unix_us() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
