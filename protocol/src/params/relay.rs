//! How items spread.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    AdaptiveParams, CatParams, DogParams, GossipsubParams, ParamError, PlumtreeParams,
    ReconcileParams, RumorParams, StrategyKind, at_least_one,
};
use crate::wire::message::ANNOUNCE_MAX;

/// Most links that a fanout may draw. A guess: beyond it a strategy is nearly a flood.
pub const FANOUT_MAX: usize = 16;

/// Most items that a node tells of again and again. A guess: 68 transactions a second for a minute.
pub const RECENT_MAX: usize = 4_096;

/// Most links that only compare. A guess: each costs a comparison a round.
pub const RECONCILE_LINKS_MAX: usize = 64;

/// How items spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RelayParams {
    /// The strategy. The default is the one with the least t99 for its bytes in `tidings-testnet frontier`.
    pub strategy: StrategyKind,
    /// Mean wait before announcing transactions to an outbound peer, milliseconds; exponentially
    /// distributed; 0 announces at once. Bitcoin Core waits 2 s for privacy's sake. The
    /// default is what batching needs to keep 50 transactions a second cheap: a message costs tens of
    /// microseconds at both ends, and an id in it next to nothing.
    pub trickle_outbound_ms: u64,
    /// The same for inbound peers, who share one timer, so that a spy with many connections learns no
    /// more than one (Bitcoin Core: 5 s). The default keeps about its ratio.
    pub trickle_inbound_ms: u64,
    /// Most ids waiting to be announced to one peer; over it the oldest are dropped and counted, and announced later.
    /// A guess: Bitcoin Core saw queues of 60,000 in overload (its pull request 34628).
    pub announce_queue_max: usize,
    /// Only for the strategy `adaptive`.
    pub adaptive: AdaptiveParams,
    /// Batches of a fixed wait instead of the trickle: milliseconds from the first transaction in a
    /// link's queue until all of it leaves, announcements and whole transactions alike; 0 keeps the
    /// trickle for announcements, and whole transactions leave at once.
    pub batch_ms: u64,
    /// Most ids in one batch; more leave as several.
    pub batch_max: usize,
    /// Whether a batch that is full leaves at once, instead of when its wait is over.
    pub flush_on_full: bool,
    /// Length of a round of the strategies that have rounds, milliseconds; longer than the round trip
    /// of most links (memberlist's `config.go`: 200 on a LAN, 500 on a WAN).
    pub round_ms: u64,
    /// How many links a node contacts in a round, at most [`FANOUT_MAX`] (memberlist: 3).
    pub fanout: usize,
    /// Most links of the own region that get an item at once, or are contacted in a round; without it,
    /// and without `remote_fanout`, regions make no difference. At most [`FANOUT_MAX`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_fanout: Option<usize>,
    /// The same for links into other regions. Those left out may miss items: the exchange of digests
    /// is to stay on (a rumour with local bias may never leave its site, Demers et al. 1987, §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_fanout: Option<usize>,
    /// How often a node compares all that it keeps with a random peer, as long as something came lately, milliseconds;
    /// 0 is off, and then it compares nothing when a link comes up either. What that costs is told at
    /// [`crate::reconcile::anti_entropy`]. A guess.
    pub safety_pull_ms: u64,
    /// Whether nodes compare by sketches, which costs what differs, or by sums of spans alone.
    pub sketches: bool,
    /// What "lately" means there, milliseconds: without news for so long a node is silent. The default lets a gap
    /// cross some nine links, one a round.
    pub safety_recent_ms: u64,
    /// How many of the links that a node dials only compare: nothing is announced there, but for what a comparison
    /// found. They come beside `peers.outbound`; of fixed addresses, the last to be reached are taken. Each is compared once a
    /// `relay.reconcile.round_ms`, as long as something comes. At most [`RECONCILE_LINKS_MAX`].
    pub reconcile_links: usize,
    /// For how long items are spread in rounds, milliseconds. A guess.
    pub recent_ms: u64,
    /// Most items that are spread in rounds, and most of which a newcomer is told by the trickle; over it the oldest
    /// are forgotten. At most [`RECENT_MAX`].
    pub recent_max: usize,
    /// How rumours end.
    pub rumor: RumorParams,
    /// The timers of trees.
    pub plumtree: PlumtreeParams,
    /// What DOG holds.
    pub dog: DogParams,
    /// How CAT asks.
    pub cat: CatParams,
    /// The mesh of gossipsub.
    pub gossipsub: GossipsubParams,
    /// What the strategy `reconcile` leaves to comparisons.
    pub reconcile: ReconcileParams,
}

impl Default for RelayParams {
    fn default() -> Self {
        Self {
            strategy: StrategyKind::Adaptive,
            trickle_outbound_ms: 1_000,
            trickle_inbound_ms: 2_000,
            announce_queue_max: 20_000,
            adaptive: AdaptiveParams::default(),
            batch_ms: 0,
            batch_max: ANNOUNCE_MAX,
            flush_on_full: true,
            round_ms: 200,
            fanout: 3,
            local_fanout: None,
            remote_fanout: None,
            safety_pull_ms: 10_000,
            sketches: true,
            safety_recent_ms: 90_000,
            reconcile_links: 0,
            recent_ms: 60_000,
            recent_max: RECENT_MAX,
            rumor: RumorParams::default(),
            plumtree: PlumtreeParams::default(),
            dog: DogParams::default(),
            cat: CatParams::default(),
            gossipsub: GossipsubParams::default(),
            reconcile: ReconcileParams::default(),
        }
    }
}

impl RelayParams {
    /// Mean wait before announcing to outbound peers.
    #[must_use]
    pub const fn trickle_outbound(&self) -> Duration {
        Duration::from_millis(self.trickle_outbound_ms)
    }

    /// Mean wait before announcing to inbound peers.
    #[must_use]
    pub const fn trickle_inbound(&self) -> Duration {
        Duration::from_millis(self.trickle_inbound_ms)
    }

    /// How often the strategy `adaptive` compares each link; zero where nothing is compared.
    #[must_use]
    pub fn compared(&self) -> Duration {
        if self.safety_pull_ms == 0 { Duration::ZERO } else { self.adaptive.compared() }
    }

    pub(super) fn validate(&self) -> Result<(), ParamError> {
        if self.strategy == StrategyKind::Reconcile && self.safety_pull_ms == 0 {
            let (key, value) = ("relay.safety_pull_ms", "0".to_owned());
            return Err(ParamError { key, value, must: "above 0 with the strategy `reconcile`" });
        }
        if self.reconcile_links > 0 && self.safety_pull_ms == 0 {
            let (key, value) = ("relay.safety_pull_ms", "0".to_owned());
            return Err(ParamError { key, value, must: "above 0 with `relay.reconcile_links`" });
        }
        at_least_one(&[
            ("relay.announce_queue_max", self.announce_queue_max as u64),
            ("relay.round_ms", self.round_ms),
            ("relay.recent_ms", self.recent_ms),
            ("relay.dog.adjust_ms", self.dog.adjust_ms),
            ("relay.cat.retry_ms", self.cat.retry_ms),
            ("relay.reconcile.round_ms", self.reconcile.round_ms),
            ("relay.gossipsub.mesh_n_low", self.gossipsub.mesh_n_low as u64),
            ("relay.gossipsub.heartbeat_ms", self.gossipsub.heartbeat_ms),
        ])?;
        self.adaptive.validate()?;
        self.gossipsub.validate()?;
        let limits = [
            ("relay.batch_max", self.batch_max, 1..=ANNOUNCE_MAX, "1 to 1024"),
            ("relay.fanout", self.fanout, 1..=FANOUT_MAX, "1 to 16"),
            ("relay.local_fanout", self.local_fanout.unwrap_or(0), 0..=FANOUT_MAX, "at most 16"),
            ("relay.remote_fanout", self.remote_fanout.unwrap_or(0), 0..=FANOUT_MAX, "at most 16"),
            ("relay.reconcile_links", self.reconcile_links, 0..=RECONCILE_LINKS_MAX, "at most 64"),
            ("relay.recent_max", self.recent_max, 1..=RECENT_MAX, "1 to 4096"),
            ("relay.rumor.k", self.rumor.k as usize, 1..=usize::MAX, "at least 1"),
        ];
        let wrong = limits.into_iter().find(|(_, value, range, _)| !range.contains(value));
        wrong.map_or(Ok(()), |(key, value, _, must)| {
            Err(ParamError { key, value: value.to_string(), must })
        })
    }

    /// Length of a round.
    #[must_use]
    pub const fn round(&self) -> Duration {
        Duration::from_millis(self.round_ms)
    }
}
