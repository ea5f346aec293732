//! How old things in the store are.
//!
//! The system's clock doesn't tell: it may be wrong by years, now or when an item came, and whoever believed it would
//! throw away what was acknowledged. So a store has a time of its own: the seconds during which some process had it
//! open, counted by that process's monotonic clock. It is saved with every commit, and every
//! [`SAVE_INTERVAL`] when nothing else is. Nobody can vouch for the time when no process ran, so it doesn't count: after
//! a year off, what is stored comes back.
//!
//! What a crash costs is what passed since the last commit: items then stay a little longer, never shorter.

use std::time::{Duration, Instant};

/// How often the time is saved when nothing else is. A guess: a commit costs a few milliseconds, and the
/// shortest age that anything asks for is 20 minutes.
pub(super) const SAVE_INTERVAL: Duration = Duration::from_secs(600);

/// The store's time, running.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoreTime {
    /// What it was when this process opened the store.
    before_s: u64,
    opened: Instant,
}

impl StoreTime {
    /// Lets it go on from where an earlier process left it.
    pub(super) fn resume(before_s: u64) -> Self {
        Self { before_s, opened: Instant::now() }
    }

    /// What it is now, seconds.
    pub(super) fn now_s(self) -> u64 {
        self.before_s.saturating_add(self.opened.elapsed().as_secs())
    }

    /// How long ago a moment was.
    pub(super) fn since(self, at_s: u64) -> Duration {
        Duration::from_secs(self.now_s().saturating_sub(at_s))
    }
}
