//! The parameters of the core: one tree, shared by all machines of a driver, never changed by them.
//!
//! Every field has a default and says where it comes from; "a guess" means that nothing was measured
//! yet. The tree reads and writes as TOML, with unknown keys refused.

mod adaptive;
mod blocks;
mod budgets;
mod hyparview;
mod memory;
mod peers;
mod pool;
mod relay;
mod requests;
mod strategies;
mod unbroadcast;
mod upload;

use serde::{Deserialize, Serialize};

pub use adaptive::{AdaptiveParams, Preset, Probability, Redundancy};
pub use blocks::BlockParams;
pub use budgets::{BudgetParams, Rate};
pub use hyparview::{HyparviewParams, OverlayKind, WALK_MAX};
pub use memory::{MemoryParams, RecordParams, STEPS_DEFAULT};
pub use peers::{HealthParams, PeerParams};
pub use pool::{OrphanParams, PoolParams};
pub use relay::{FANOUT_MAX, RECENT_MAX, RECONCILE_LINKS_MAX, RelayParams};
pub use requests::RequestParams;
pub use strategies::{
    CatParams, DogParams, GossipsubParams, ParseStrategyError, PlumtreeParams, ReconcileParams,
    RumorParams, StrategyKind,
};
pub use unbroadcast::UnbroadcastParams;
pub use upload::UploadParams;

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
    /// What we send on request.
    pub upload: UploadParams,
    /// How blocks travel.
    pub blocks: BlockParams,
    /// Whom to connect to.
    pub peers: PeerParams,
    /// How to tell that a peer is gone.
    pub health: HealthParams,
    /// How much to remember.
    pub memory: MemoryParams,
    /// Which transactions are worth keeping.
    pub pool: PoolParams,
    /// Whom our own transactions are announced to first, and when again.
    pub unbroadcast: UnbroadcastParams,
    /// How many transactions may wait for their parents.
    pub orphans: OrphanParams,
    /// How much of the past can be explained.
    pub record: RecordParams,
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
    /// How many links a node dials: those that everything is announced on, those for blocks alone, and those that only compare.
    #[must_use]
    pub const fn outbound(&self) -> usize {
        let PeerParams { outbound, block_only, .. } = self.peers;
        outbound.saturating_add(block_only).saturating_add(self.relay.reconcile_links)
    }

    /// Whether nodes keep HyParView's views instead of a random set.
    #[must_use]
    pub fn keeps_views(&self) -> bool {
        self.peers.overlay == OverlayKind::Hyparview
    }

    /// Checks every parameter that could stop the core from working.
    ///
    /// # Errors
    /// The first parameter that is out of range.
    pub fn validate(&self) -> Result<(), ParamError> {
        self.relay.validate()?;
        self.requests.validate()?;
        self.peers.validate()?;
        self.health.validate()?;
        self.memory.validate()?;
        self.pool.validate()?;
        self.unbroadcast.validate()?;
        self.orphans.validate()?;
        self.upload.validate()?;
        self.blocks.validate()?;
        self.budgets.validate()
    }
}

/// Refuses the first of some named values that is 0.
fn at_least_one(values: &[(&'static str, u64)]) -> Result<(), ParamError> {
    match values.iter().find(|(_, value)| *value == 0) {
        Some((key, value)) => Err(ParamError { key, value: value.to_string(), must: "at least 1" }),
        None => Ok(()),
    }
}

/// Refuses the first of some named rates that is none.
fn positive_rates(rates: &[(&'static str, Rate)]) -> Result<(), ParamError> {
    let positive = |x: f64| x.is_finite() && x > 0.0;
    let wrong = rates.iter().find(|(_, rate)| !positive(rate.per_s) || !positive(rate.burst));
    wrong.map_or(Ok(()), |(key, rate)| {
        let value = format!("{{ per_s = {}, burst = {} }}", rate.per_s, rate.burst);
        Err(ParamError { key, value, must: "two numbers greater than 0" })
    })
}

#[cfg(test)]
mod tests;
