//! When our own transactions are announced again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ParamError, at_least_one};

/// When our own transactions are announced again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnbroadcastParams {
    /// Shortest wait before an own transaction that nobody has asked for is announced again, seconds; the
    /// longest is half as much more, and both double with each attempt (Bitcoin Core: 10 to 15 minutes,
    /// always, `ReattemptInitialBroadcast`).
    pub wait_s: u64,
    /// Most own transactions that are announced again; over it further ones are announced once. A guess.
    pub items_max: usize,
}

impl UnbroadcastParams {
    pub(super) fn validate(&self) -> Result<(), ParamError> {
        at_least_one(&[("unbroadcast.wait_s", self.wait_s)])
    }

    /// Shortest wait before the first attempt.
    #[must_use]
    pub const fn wait(&self) -> Duration {
        Duration::from_secs(self.wait_s)
    }
}

impl Default for UnbroadcastParams {
    fn default() -> Self {
        Self { wait_s: 600, items_max: 10_000 }
    }
}
