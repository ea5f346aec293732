//! The node's clock: real time becomes the core's [`Time`], and the core's deadlines become moments of
//! real time. Everything that waits on the network's behalf asks this clock.
//!
//! Whatever the system's own clock does once it has started, this one goes on (`system`). Only the stamps that people read
//! follow it: they are [put right](Clock::settle) when it was set, or when the machine was suspended, which this clock doesn't see.
//!
//! It can be made to run slower than real time from one moment on, which is of use in a lab only
//! ([`crate::lab::slow_motion`]); it never runs faster again.

mod system;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tidings_protocol::ground::time::Time;
use tokio::time::Instant;

pub use self::system::{ClockWatch, Step, SystemClock};

pub(crate) use self::system::doubt;

/// How far ahead a moment is that no clock can name. Whoever sleeps until then wakes for nothing.
pub(crate) const FAR: Duration = Duration::from_secs(365 * 24 * 3_600);

/// A clock. Its clones are the same clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    started: Instant,
    started_unix_us: u64,
    /// How far the stamps are from what they would be if nobody had set the system's clock, microseconds.
    moved_us: AtomicI64,
    system: SystemClock,
    /// How many times slower than real time it can run.
    times: NonZeroU32,
    /// Since when it has been slow.
    slow_from: OnceLock<Instant>,
}

/// A clock is slow already, and stays so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AlreadySlow;

impl Clock {
    /// A clock that shows [`Time::ZERO`] now and keeps the pace of real time.
    #[must_use]
    pub fn start() -> Self {
        Self::dilatable(NonZeroU32::MIN, SystemClock::default())
    }

    /// A clock that shows [`Time::ZERO`] now and can be made to run so many times slower. The system's clock is asked
    /// once, now.
    pub(crate) fn dilatable(times: NonZeroU32, system: SystemClock) -> Self {
        let (started, started_unix_us) = system.now();
        Self(Arc::new(Inner {
            started,
            started_unix_us,
            moved_us: AtomicI64::new(0),
            system,
            times,
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
        let moved_us = self.0.moved_us.load(Ordering::Relaxed);
        let unmoved = self.0.started_unix_us.saturating_add(time.as_nanos() / 1_000);
        unmoved.saturating_add_signed(moved_us)
    }

    /// Moves the stamps to what the system's clock shows, if they differ by more than a moment: it was set since, or the machine was
    /// suspended, or both. Says by how much they moved. Those of a clock that was made slow in a lab stay: they are figures.
    pub fn settle(&self) -> Option<Step> {
        if self.0.slow_from.get().is_some() {
            return None;
        }
        let (real, unix_us) = self.0.system.now();
        let by_us = unix_us.wrapping_sub(self.unix_us(self.at(real))).cast_signed();
        if !system::differs(by_us) {
            return None;
        }
        let moved_us = self.0.moved_us.load(Ordering::Relaxed).saturating_add(by_us);
        self.0.moved_us.store(moved_us, Ordering::Relaxed);
        Some(Step { by_us })
    }

    /// The system's clock by which it was set.
    pub(crate) fn system(&self) -> SystemClock {
        self.0.system
    }

    /// Lets it run slow from a moment of real time on: `from + (real - from) / times` from there.
    pub(crate) fn slow_from(&self, from: Instant) -> Result<(), AlreadySlow> {
        self.0.slow_from.set(from).map_err(|_| AlreadySlow)
    }

    fn times(&self) -> u32 {
        self.0.times.get()
    }
}

/// Microseconds of Unix time, of the system's clock: never slow.
#[must_use]
pub fn real_unix_us() -> u64 {
    SystemClock::default().unix_us()
}

#[cfg(test)]
mod tests;
