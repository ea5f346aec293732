//! How a detector is set, and how well-known ones are.

use std::time::Duration;

/// How intervals between heartbeats are taken to be distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Exponential: heartbeats that come through many hands, at any moment. Cassandra's.
    Exponential,
    /// Normal, by its own tail. That of the paper (§4.2).
    Normal,
    /// Normal, by a logistic function near it, as Akka has it. In the far tail it is surer than the normal: its phi 8 comes at 5.2
    /// deviations, where the normal's phi is 7.1.
    Logistic,
}

/// What stands in for intervals that aren't known yet: as many of it as `weight` says, until the window is full of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prior {
    /// Their mean.
    pub mean: Duration,
    /// Their standard deviation.
    pub deviation: Duration,
    /// How many they count for. Until the first interval is known there is at least one.
    pub weight: u32,
}

/// How a detector works. Presets keep what their projects publish.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhiSettings {
    /// The distribution.
    pub distribution: Distribution,
    /// How many intervals are remembered, 1 to [`WINDOW_MAX`](Self::WINDOW_MAX). The mean's own error is 1/sqrt of this.
    pub window: usize,
    /// The phi at which a member is taken for dead. Zero or less takes everybody for dead.
    pub threshold: f64,
    /// Granted on top of the mean, for what isn't the member's fault (a pause to collect garbage).
    pub pause: Duration,
    /// The least standard deviation, so that a member that was very regular isn't taken for dead at once. Of the exponential it
    /// is the least mean.
    pub min_deviation: Duration,
    /// Longer intervals aren't counted: they were outages.
    pub max_interval: Duration,
    /// Whether an interval counts at whose end the member was taken for dead.
    pub counts_outages: bool,
    /// What stands in for the first intervals.
    pub prior: Prior,
}

impl PhiSettings {
    /// The longest window. Cassandra's and Akka's.
    pub const WINDOW_MAX: usize = 1_000;

    /// Cassandra's: exponential, `phi = t / (mean ln 10)`, threshold 8, window 1,000 (`gms/FailureDetector`: `SAMPLE_SIZE`,
    /// `PHI_FACTOR`; `conf/cassandra.yaml`: `phi_convict_threshold`). The first interval is taken for two of gossip, which are two seconds, and
    /// longer ones than that don't count (`INITIAL_VALUE_NANOS`, `MAX_INTERVAL_IN_NANO`).
    #[must_use]
    pub const fn cassandra() -> Self {
        Self {
            distribution: Distribution::Exponential,
            window: 1_000,
            threshold: 8.0,
            pause: Duration::ZERO,
            min_deviation: Duration::ZERO,
            max_interval: Duration::from_secs(2),
            counts_outages: true,
            prior: Prior { mean: Duration::from_secs(2), deviation: Duration::ZERO, weight: 1 },
        }
    }

    /// Akka's in a cluster: normal by its logistic approximation, threshold 8, window 1,000, least deviation 100 ms, pause 3 s, heartbeats
    /// each second (`akka.cluster.failure-detector` of `reference.conf`); begins with two intervals of mean ± mean/4, and
    /// doesn't count outages (`PhiAccrualFailureDetector`: `firstHeartbeat`, `heartbeat`).
    #[must_use]
    pub const fn akka() -> Self {
        Self {
            distribution: Distribution::Logistic,
            window: 1_000,
            threshold: 8.0,
            pause: Duration::from_secs(3),
            min_deviation: Duration::from_millis(100),
            max_interval: Duration::MAX,
            counts_outages: false,
            prior: Prior {
                mean: Duration::from_secs(1),
                deviation: Duration::from_millis(250),
                weight: 2,
            },
        }
    }

    /// Ours, for heartbeats that come by gossip about once a second: normal, threshold 8 (Cassandra's and Akka's). A window of 64 costs
    /// 256 bytes a member, and the mean is known to an eighth of a deviation. Pause, least deviation, longest interval and prior are
    /// guesses.
    #[must_use]
    pub const fn gossip() -> Self {
        Self {
            distribution: Distribution::Normal,
            window: 64,
            threshold: 8.0,
            pause: Duration::from_secs(1),
            min_deviation: Duration::from_millis(200),
            max_interval: Duration::from_secs(10),
            counts_outages: false,
            prior: Prior {
                mean: Duration::from_secs(1),
                deviation: Duration::from_millis(500),
                weight: 4,
            },
        }
    }

    /// How many intervals are remembered, within the bounds.
    pub(super) fn size(&self) -> usize {
        self.window.clamp(1, Self::WINDOW_MAX)
    }
}

impl Default for PhiSettings {
    /// [`gossip`](Self::gossip).
    fn default() -> Self {
        Self::gossip()
    }
}
