//! Slow motion: time dilation for test networks.
//!
//! Hundreds of nodes on one machine share its cores, and a time that the machine needs looks like one of
//! the network. If every node's clock runs N times slower, latencies, time-outs and lines do too, and the
//! machine looks N times faster (Gupta et al., "To Infinity and Beyond: Time-Warped Network Emulation",
//! NSDI 2006).
//!
//! A node starts and finds its peers at the pace of real time. Then all nodes of a network are told one
//! moment from which their clocks are slow, so that what two of them call the same time stays the same.
//!
//! Slow: the core with all its timers, emulated links, throttling, how long peers may take to connect, and
//! the stamps of traces, events and stories. Not slow: the processor, which is the point; the kernel's TCP on
//! this machine; writing files; the admin API and its time-outs; logs' own stamps.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::clock::{AlreadySlow, Clock, FAR, SystemClock};

/// The slowest motion: a second then takes more than a quarter of an hour. A guess at what is of use.
pub const SLOWEST: u32 = 1_000;

/// How many times slower than real time a clock runs: 1 to [`SLOWEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct SlowMotion(NonZeroU32);

/// A number that is no [`SlowMotion`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("slow motion is {0}, but must be a whole number of times, 1 to {SLOWEST}")]
pub struct SlowMotionError(String);

impl SlowMotion {
    /// Real time.
    pub const NONE: Self = Self(NonZeroU32::MIN);

    /// How many times slower.
    #[must_use]
    pub const fn times(self) -> u32 {
        self.0.get()
    }
}

impl TryFrom<u32> for SlowMotion {
    type Error = SlowMotionError;

    fn try_from(times: u32) -> Result<Self, SlowMotionError> {
        let within = NonZeroU32::new(times).filter(|_| times <= SLOWEST);
        within.map(Self).ok_or_else(|| SlowMotionError(times.to_string()))
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
        slow.times()
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

/// A clock for a node, set by the system's, which can be slowed down if its settings say so.
#[must_use]
pub fn clock(slow_motion: Option<SlowMotion>, system: SystemClock) -> Clock {
    Clock::dilatable(slow_motion.unwrap_or(SlowMotion::NONE).0, system)
}

/// Lets such a clock run slow from a moment of real time on, in microseconds of Unix time.
///
/// # Errors
/// When it isn't allowed to, is slow already, or the moment has passed.
pub fn begin(
    slow_motion: Option<SlowMotion>,
    clock: &Clock,
    from_unix_us: u64,
) -> Result<SlowMotion, NotSlowed> {
    let slow_motion = slow_motion.ok_or(NotSlowed::Unset)?;
    let ahead = from_unix_us.checked_sub(clock.system().unix_us()).ok_or(NotSlowed::Past)?;
    let from = Instant::now().checked_add(Duration::from_micros(ahead));
    let from = from.unwrap_or_else(|| Instant::now() + FAR);
    clock.slow_from(from).map_err(|AlreadySlow| NotSlowed::Already)?;
    Ok(slow_motion)
}

#[cfg(test)]
mod tests;
