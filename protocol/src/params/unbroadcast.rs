//! Whom our own transactions are announced to first, and when again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ParamError, at_least_one};

/// Whom our own transactions are announced to first, and when again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnbroadcastParams {
    /// Shortest wait before an own transaction that nobody has asked for is announced again, seconds; the
    /// longest is half as much more, and both double with each attempt (Bitcoin Core: 10 to 15 minutes,
    /// always, `ReattemptInitialBroadcast`).
    pub wait_s: u64,
    /// Most own transactions that are announced again; over it further ones are announced once. A guess.
    pub items_max: usize,
    /// For how long a link that a peer dialled has to stand until the peer hears of our own transactions as early as those
    /// that we dialled do, seconds; 0 makes no difference between them. A guess: nobody who comes for a transaction knows
    /// of it ten minutes before.
    pub standing_s: u64,
    /// How long own transactions are for those alone if nobody speaks of them, milliseconds; the longest is half as much
    /// more. A guess: until they have gone two hops.
    pub first_hops_ms: u64,
}

impl UnbroadcastParams {
    pub(super) fn validate(&self) -> Result<(), ParamError> {
        at_least_one(&[("unbroadcast.wait_s", self.wait_s)])
    }

    /// For how long a link that a peer dialled has to stand.
    #[must_use]
    pub const fn standing(&self) -> Duration {
        Duration::from_secs(self.standing_s)
    }

    /// Shortest wait before the first attempt.
    #[must_use]
    pub const fn wait(&self) -> Duration {
        Duration::from_secs(self.wait_s)
    }
}

impl Default for UnbroadcastParams {
    fn default() -> Self {
        Self { wait_s: 600, items_max: 10_000, standing_s: 600, first_hops_ms: 2_000 }
    }
}
