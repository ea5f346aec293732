//! The parameters of the core: one tree, shared by all machines of a driver, never changed by them.
//!
//! Every field has a default and says where it comes from; "a guess" means that nothing was measured
//! yet. The tree reads and writes as TOML, with unknown keys refused.

mod pool;
mod unbroadcast;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::digest::RECENT_MAX;
use crate::item::ItemKind;
use crate::message::ANNOUNCE_MAX;
use crate::record::RecordParams;
use crate::relay::adaptive::{Preset, Probability};
use crate::relay::{FANOUT_MAX, StrategyKind};

pub use pool::{OrphanParams, PoolParams};
pub use unbroadcast::UnbroadcastParams;

/// All parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// How items spread.
    pub relay: RelayParams,
    /// Whom to ask for what, and how long to wait.
    pub requests: RequestParams,
    /// What one peer may cost us.
    pub budgets: BudgetParams,
    /// Whom to connect to.
    pub peers: PeerParams,
    /// How to tell that a peer is gone.
    pub health: HealthParams,
    /// How much to remember.
    pub memory: MemoryParams,
    /// Which transactions are worth keeping.
    pub pool: PoolParams,
    /// When our own transactions are announced again.
    pub unbroadcast: UnbroadcastParams,
    /// How many transactions may wait for their parents.
    pub orphans: OrphanParams,
    /// How much of the past can be explained.
    pub record: RecordParams,
}

/// How items spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RelayParams {
    /// The strategy. The default is the one with the least t99 for its bytes in `tidings-testnet frontier`.
    pub strategy: StrategyKind,
    /// Mean wait before announcing transactions to an outbound peer, milliseconds; exponentially
    /// distributed; 0 announces at once. Bitcoin Core waits 2 s (relay.md §1) for privacy's sake. The
    /// default is what batching needs to keep 50 transactions a second cheap: a message costs tens of
    /// microseconds at both ends, and an id in it next to nothing.
    pub trickle_outbound_ms: u64,
    /// The same for inbound peers, who share one timer, so that a spy with many connections learns no
    /// more than one (Bitcoin Core: 5 s, relay.md §1). The default keeps about its ratio.
    pub trickle_inbound_ms: u64,
    /// Most ids waiting to be announced to one peer; over it the oldest are dropped and counted.
    /// A guess: Bitcoin Core saw queues of 60,000 in overload (relay.md §2).
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
    /// of most links (memberlist: 200 on a LAN, 500 on a WAN, gossip.md §2).
    pub round_ms: u64,
    /// How many links a node contacts in a round, at most [`FANOUT_MAX`] (memberlist: 3, gossip.md §2).
    pub fanout: usize,
    /// Most links of the own region that get an item at once, or are contacted in a round; without it,
    /// and without `remote_fanout`, regions make no difference. At most [`FANOUT_MAX`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_fanout: Option<usize>,
    /// The same for links into other regions. Those left out may miss items: the exchange of digests
    /// is to stay on (a rumour with local bias may never leave its site, gossip.md §3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_fanout: Option<usize>,
    /// How often a node that accepted something lately compares it with a random peer, milliseconds;
    /// 0 is off. What that costs is told at [`crate::digest`]. A guess.
    pub safety_pull_ms: u64,
    /// What "lately" means there, milliseconds. An outage longer than that leaves gaps. With a fifth of
    /// all messages lost, direct mail, which hardly spreads by itself, left gaps in 2 of 16 simulations
    /// of 2,000 deliveries with 60 s and in none of 24 with the default.
    pub safety_recent_ms: u64,
    /// For how long items are spread in rounds, milliseconds. A guess.
    pub recent_ms: u64,
    /// Most items that are "lately" in either sense; over it the oldest are forgotten. At most [`RECENT_MAX`]. A guess:
    /// 68 transactions a second for a minute.
    pub recent_max: usize,
    /// How rumours end.
    pub rumor: RumorParams,
    /// The timers of trees.
    pub plumtree: PlumtreeParams,
}

/// How [`Adaptive`](crate::relay::Adaptive) spends bytes on speed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaptiveParams {
    /// The place on the dial.
    pub preset: Preset,
    /// Any other place: a whole item goes to the peers that have it first from us with at least this
    /// probability, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eager_percent: Option<u16>,
    /// To how many peers own transactions go whole at first; without it as the preset says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_hops: Option<usize>,
}

impl AdaptiveParams {
    /// From which odds on a peer gets items whole.
    #[must_use]
    pub fn eager_from(&self) -> Probability {
        self.eager_percent.map_or_else(|| self.preset.eager_from(), Probability::percent)
    }

    /// To how many peers own transactions go whole at first.
    #[must_use]
    pub fn first_hops(&self) -> usize {
        self.first_hops.unwrap_or_else(|| self.preset.first_hops())
    }

    /// From which odds on a peer is at least told at once; the others wait for the next batch.
    #[must_use]
    pub fn prompt_from(&self) -> Probability {
        self.eager_from().half()
    }
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
            safety_recent_ms: 90_000,
            recent_ms: 60_000,
            recent_max: RECENT_MAX,
            rumor: RumorParams::default(),
            plumtree: PlumtreeParams::default(),
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

    fn validate(&self) -> Result<(), ParamError> {
        let limits = [
            ("relay.batch_max", self.batch_max, 1..=ANNOUNCE_MAX, "1 to 4096"),
            ("relay.fanout", self.fanout, 1..=FANOUT_MAX, "1 to 16"),
            ("relay.local_fanout", self.local_fanout.unwrap_or(0), 0..=FANOUT_MAX, "at most 16"),
            ("relay.remote_fanout", self.remote_fanout.unwrap_or(0), 0..=FANOUT_MAX, "at most 16"),
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

/// How rumours end (Demers et al. 1987, "Epidemic algorithms for replicated database maintenance", §1.4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RumorParams {
    /// How many contacts in a row must be in vain before a node stops spreading an item; with `coin`,
    /// each of them ends it with a chance of one in `k`. The default leaves 1.1 % of a thousand nodes
    /// without it (table 1 of the paper).
    pub k: u32,
    /// Whether the other end says that it had the item; otherwise every contact counts as in vain.
    pub feedback: bool,
    /// Whether a coin decides instead of a counter.
    pub coin: bool,
    /// Whether nodes ask for rumours instead of telling them.
    pub pull: bool,
}

impl Default for RumorParams {
    fn default() -> Self {
        Self { k: 3, feedback: true, coin: false, pull: false }
    }
}

/// The timers of trees (Leitão, Pereira, Rodrigues 2007, "Epidemic Broadcast Trees").
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlumtreeParams {
    /// How long an announced item may take to come by the tree before the announcer is asked for it,
    /// milliseconds. The paper: "configured considering the diameter of the overlay and a target
    /// maximum recovery latency"; iroh-gossip: 80.
    pub graft_ms: u64,
    /// How long that announcer may take before the next one is asked, milliseconds. The paper:
    /// "smaller than the first, in the order of an average round trip time to a neighbor";
    /// iroh-gossip: 40.
    pub regraft_ms: u64,
    /// How long announcements to lazy links are collected, milliseconds (iroh-gossip: 5).
    pub lazy_ms: u64,
    /// An announcement that came this long before the item itself shows a shorter way: its link
    /// replaces the other one in the tree, milliseconds; 0 is off. A guess. (The paper compares hops,
    /// with a threshold of 7; see [`crate::relay::plumtree`] for why this is a time.)
    pub optimise_ms: u64,
}

impl Default for PlumtreeParams {
    fn default() -> Self {
        Self { graft_ms: 80, regraft_ms: 40, lazy_ms: 5, optimise_ms: 40 }
    }
}

/// Whom to ask for what, and how long to wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestParams {
    /// How long to wait for a requested transaction before asking the next announcer, milliseconds.
    /// geth's fetch timeout (libp2p.md §1); Bitcoin Core waits 60 s.
    pub tx_timeout_ms: u64,
    /// The same for a block: a block of 4 MB at 2 Mbit/s. A guess.
    pub block_timeout_ms: u64,
    /// How long an inbound peer has for a transaction once an outbound one has announced it too,
    /// milliseconds; a quarter of it before it has delivered anything. A guess: longer than nearly all round
    /// trips.
    pub inbound_patience_ms: u64,
    /// Most announced and not yet received items remembered per link; further announcements are
    /// dropped and counted (Bitcoin Core's `MAX_PEER_TX_ANNOUNCEMENTS`, relay.md §1).
    pub announced_max: usize,
    /// Most items in flight from one link; further ones wait. Without it one peer fills the queue with
    /// ids that don't exist (zebra, GHSA-4fc2-h7jh-287c, libp2p.md §5). The number is a guess: one
    /// batch at 500 transactions a second.
    pub in_flight_max: usize,
}

impl RequestParams {
    /// How long an inbound peer has once an outbound one could be asked.
    #[must_use]
    pub const fn inbound_patience(&self) -> Duration {
        Duration::from_millis(self.inbound_patience_ms)
    }

    /// How long to wait for an item of a kind.
    #[must_use]
    pub const fn timeout(&self, kind: ItemKind) -> Duration {
        Duration::from_millis(match kind {
            ItemKind::Tx => self.tx_timeout_ms,
            ItemKind::Block => self.block_timeout_ms,
        })
    }
}

impl Default for RequestParams {
    fn default() -> Self {
        Self {
            tx_timeout_ms: 5_000,
            inbound_patience_ms: 500,
            block_timeout_ms: 20_000,
            announced_max: 5_000,
            in_flight_max: 256,
        }
    }
}

/// A rate and how far it may be exceeded at once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Units a second in the long run; more than 0.
    pub per_s: f64,
    /// Units at once.
    pub burst: f64,
}

impl Rate {
    /// `per_s` units a second, `burst` at once.
    #[must_use]
    pub const fn new(per_s: f64, burst: f64) -> Self {
        Self { per_s, burst }
    }
}

/// What one peer may cost us, and how much we announce. All rates are per link and for what comes in, but
/// the last two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetParams {
    /// Messages of any kind. Over it the link is throttled. A guess: 20 times what a busy link needs.
    pub messages: Rate,
    /// Ids announced. Over it ids are dropped. A guess: Bitcoin Core's worst overload was 8,900/s.
    pub announcements: Rate,
    /// Ids requested from us. Over it the link is throttled. A guess.
    pub requests: Rate,
    /// Bytes of transactions. Over it the link is throttled. A guess: 50 Mbit/s.
    pub tx_bytes: Rate,
    /// Bytes of blocks. Over it the link is throttled. A guess: two blocks of 4 MB at once.
    pub block_bytes: Rate,
    /// Addresses. Over it addresses are dropped. Bitcoin Core processes 0.1/s (relay.md §1); small
    /// networks that start all at once need more.
    pub addresses: Rate,
    /// Bytes of everything else, unknown kinds included. Over it the link is throttled. A guess.
    pub control_bytes: Rate,
    /// How often a link may run over a budget before that is abuse and it is closed. A guess: an
    /// honest peer is slowed by throttling before it gets here.
    pub excesses: Rate,
    /// Transactions announced to peers, whichever; over it they wait in one backlog (see [`crate::quota`]).
    /// As many as one of our peers takes from us. (Bitcoin Core: 14 a second, 420 at once, relay.md §1,
    /// "Relay rate".)
    pub relayed: Rate,
    /// Bytes of those transactions. As many as one of our peers takes from us. (Bitcoin Core: 20 kB a
    /// second, 50 MB at once.)
    pub relayed_bytes: Rate,
    /// Most transactions in the backlog; over it the one that pays least is left to digests. A guess: a
    /// megabyte and a half of ids.
    pub backlog_max: usize,
}

impl Default for BudgetParams {
    fn default() -> Self {
        Self {
            messages: Rate::new(2_000.0, 10_000.0),
            announcements: Rate::new(5_000.0, 20_000.0),
            requests: Rate::new(5_000.0, 20_000.0),
            tx_bytes: Rate::new(6_250_000.0, 25_000_000.0),
            block_bytes: Rate::new(2_000_000.0, 10_000_000.0),
            addresses: Rate::new(10.0, 250.0),
            control_bytes: Rate::new(1_000_000.0, 4_000_000.0),
            excesses: Rate::new(1.0, 100.0),
            relayed: Rate::new(5_000.0, 20_000.0),
            relayed_bytes: Rate::new(6_250_000.0, 25_000_000.0),
            backlog_max: 20_000,
        }
    }
}

/// Whom to connect to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeerParams {
    /// How many peers we choose and dial ourselves (Bitcoin Core: 8 full-relay, relay.md §1).
    pub outbound: usize,
    /// Most peers that may dial us (Bitcoin Core: 125 in all, relay.md §1).
    pub inbound_max: usize,
    /// Most addresses in the book; over it a bad or random other address makes room.
    /// Bitcoin Core's tables hold 81,920 (relay.md §1); this is a guess for smaller networks.
    pub book_max: usize,
    /// First wait after a failed dial, milliseconds; it doubles with each failure in a row. A guess.
    pub retry_min_ms: u64,
    /// Longest wait after failed dials, milliseconds. A guess.
    pub retry_max_ms: u64,
    /// Most dials under way at once. A guess.
    pub dialling_max: usize,
    /// Mean wait before passing on addresses, milliseconds, exponentially distributed. Bitcoin Core
    /// waits 30 s; a guess for networks that start all at once.
    pub address_trickle_ms: u64,
    /// To how many random peers an address that is new to us is passed on (Bitcoin Core: 2, relay.md §1).
    pub address_fanout: usize,
    /// How often our own address is told to our peers, seconds (Bitcoin Core: 24 h, relay.md §1).
    pub self_announce_s: u64,
    /// Mean wait between feelers, seconds, exponentially distributed; 0 is never (Bitcoin Core: 2 min,
    /// relay.md §1). What they are for is told in `peers/feeler.rs`.
    pub feeler_s: u64,
    /// Least time between two links that a feeler takes the place of, seconds (Bitcoin Core looks for an
    /// extra block-relay peer to exchange every 5 min, relay.md §1).
    pub rotate_s: u64,
}

impl Default for PeerParams {
    fn default() -> Self {
        Self {
            outbound: 8,
            inbound_max: 117,
            book_max: 10_000,
            retry_min_ms: 500,
            retry_max_ms: 600_000,
            dialling_max: 8,
            address_trickle_ms: 1_000,
            address_fanout: 2,
            self_announce_s: 86_400,
            feeler_s: 120,
            rotate_s: 300,
        }
    }
}

/// How to tell that a peer is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthParams {
    /// How often to ping, seconds (Bitcoin Core: 120, relay.md §1).
    pub ping_interval_s: u64,
    /// How long to wait for a pong, seconds (Bitcoin Core: 1,200, relay.md §1). A guess: long enough
    /// for the largest block on a slow link.
    pub ping_timeout_s: u64,
    /// How long a new link may take to say hello, seconds (Bitcoin Core: 60, relay.md §1).
    pub hello_timeout_s: u64,
}

impl Default for HealthParams {
    fn default() -> Self {
        Self { ping_interval_s: 60, ping_timeout_s: 60, hello_timeout_s: 20 }
    }
}

/// How much to remember.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryParams {
    /// Most ids in the seen cache, least recently used forgotten first. Bitcoin Core remembers 50,000
    /// per peer (relay.md §1); this cache serves all links.
    pub seen_max: usize,
    /// Most bytes of pooled transactions; over it those that pay least leave, of equals the oldest.
    /// (Bitcoin Core: 300 MB.) A guess.
    pub pool_max_bytes: usize,
    /// How long a transaction stays pooled, seconds (Bitcoin Core: 336 h, relay.md §1).
    pub pool_expiry_s: u64,
    /// Most bytes of recent blocks kept to serve; over it the oldest leave, but never the latest.
    /// A guess: four blocks of 4 MB.
    pub blocks_max_bytes: usize,
    /// Most items whose signatures are being checked; over it an arriving one is dropped and asked
    /// for again elsewhere. A guess.
    pub verifying_max: usize,
    /// Most ids of one link's getdata that wait while the link is congested; over it they are
    /// answered with notfound. A guess.
    pub serve_queue_max: usize,
}

impl Default for MemoryParams {
    fn default() -> Self {
        Self {
            seen_max: 200_000,
            pool_max_bytes: 64_000_000,
            pool_expiry_s: 336 * 3_600,
            blocks_max_bytes: 16_000_000,
            verifying_max: 4_096,
            serve_queue_max: 4_000,
        }
    }
}

/// A parameter that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {value}, but must be {must}")]
pub struct ParamError {
    /// Dotted name of the parameter.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// What is allowed.
    pub must: &'static str,
}

impl Params {
    /// Checks every parameter that could stop the core from working.
    ///
    /// # Errors
    /// The first parameter that is out of range.
    pub fn validate(&self) -> Result<(), ParamError> {
        self.relay.validate()?;
        let counts = [
            ("relay.announce_queue_max", self.relay.announce_queue_max),
            ("requests.announced_max", self.requests.announced_max),
            ("requests.in_flight_max", self.requests.in_flight_max),
            ("peers.book_max", self.peers.book_max),
            ("peers.dialling_max", self.peers.dialling_max),
            ("memory.seen_max", self.memory.seen_max),
            ("memory.pool_max_bytes", self.memory.pool_max_bytes),
            ("memory.blocks_max_bytes", self.memory.blocks_max_bytes),
            ("memory.verifying_max", self.memory.verifying_max),
            ("pool.family_max", self.pool.family_max),
            ("pool.sender_max_bytes", self.pool.sender_max_bytes),
            ("budgets.backlog_max", self.budgets.backlog_max),
            ("orphans.announcements_max", self.orphans.announcements_max),
            ("orphans.reserve_bytes", self.orphans.reserve_bytes),
        ];
        for (key, value) in counts {
            if value == 0 {
                return Err(ParamError { key, value: value.to_string(), must: "at least 1" });
            }
        }
        let waits = [
            ("relay.round_ms", self.relay.round_ms),
            ("relay.recent_ms", self.relay.recent_ms),
            ("requests.tx_timeout_ms", self.requests.tx_timeout_ms),
            ("requests.block_timeout_ms", self.requests.block_timeout_ms),
            ("peers.retry_min_ms", self.peers.retry_min_ms),
            ("peers.self_announce_s", self.peers.self_announce_s),
            ("health.ping_interval_s", self.health.ping_interval_s),
            ("health.ping_timeout_s", self.health.ping_timeout_s),
            ("health.hello_timeout_s", self.health.hello_timeout_s),
            ("memory.pool_expiry_s", self.memory.pool_expiry_s),
            ("pool.half_life_s", self.pool.half_life_s),
            ("unbroadcast.wait_s", self.unbroadcast.wait_s),
        ];
        for (key, value) in waits {
            if value == 0 {
                return Err(ParamError { key, value: value.to_string(), must: "at least 1" });
            }
        }
        if self.peers.retry_max_ms < self.peers.retry_min_ms {
            let value = self.peers.retry_max_ms.to_string();
            return Err(ParamError {
                key: "peers.retry_max_ms",
                value,
                must: "at least peers.retry_min_ms",
            });
        }
        if let Some(percent) = self.relay.adaptive.eager_percent
            && !(1..=100).contains(&percent)
        {
            let key = "relay.adaptive.eager_percent";
            return Err(ParamError { key, value: percent.to_string(), must: "from 1 to 100" });
        }
        self.budgets.validate()
    }
}

impl BudgetParams {
    fn validate(&self) -> Result<(), ParamError> {
        let rates = [
            ("budgets.messages", self.messages),
            ("budgets.announcements", self.announcements),
            ("budgets.requests", self.requests),
            ("budgets.tx_bytes", self.tx_bytes),
            ("budgets.block_bytes", self.block_bytes),
            ("budgets.addresses", self.addresses),
            ("budgets.control_bytes", self.control_bytes),
            ("budgets.excesses", self.excesses),
            ("budgets.relayed", self.relayed),
            ("budgets.relayed_bytes", self.relayed_bytes),
        ];
        for (key, rate) in rates {
            let positive = |x: f64| x.is_finite() && x > 0.0;
            if !positive(rate.per_s) || !positive(rate.burst) {
                let value = format!("{{ per_s = {}, burst = {} }}", rate.per_s, rate.burst);
                return Err(ParamError { key, value, must: "two numbers greater than 0" });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
