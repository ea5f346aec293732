//! The strategies by name, and the parameters of those that have some of their own.
//!
//! The list itself, one line for each, stands in `lib.rs`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ParamError;

macro_rules! define_kind {
    ($($(#[$meta:meta])* $variant:ident = $name:literal,)*) => {
        /// The strategies by name, as configuration and reports show them.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum StrategyKind {
            $($(#[$meta])* $variant,)*
        }

        impl StrategyKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}
for_each_strategy!(define_kind);

impl fmt::Display for StrategyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Text that names no strategy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no strategy `{0}`; there are: {all}", all = all_names())]
pub struct ParseStrategyError(String);

fn all_names() -> String {
    let names: Vec<_> = StrategyKind::ALL.iter().map(|kind| kind.name()).collect();
    names.join(", ")
}

impl FromStr for StrategyKind {
    type Err = ParseStrategyError;

    fn from_str(text: &str) -> Result<Self, ParseStrategyError> {
        let found = Self::ALL.iter().find(|kind| kind.name() == text);
        found.copied().ok_or_else(|| ParseStrategyError(text.to_owned()))
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

/// What [`Dog`](crate::relay::Dog) holds, and how often it looks (`CometBFT`'s ADR 119).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DogParams {
    /// How many copies of an item a node is to get beyond the first, percent. `CometBFT`'s `dog_target_redundancy` is 1;
    /// it found 0.5 acceptable.
    pub target_percent: u64,
    /// How often that is adjusted, milliseconds: longer than any round trip. `CometBFT`'s `dog_adjust_interval` is 1 s.
    pub adjust_ms: u64,
}

impl Default for DogParams {
    fn default() -> Self {
        Self { target_percent: 100, adjust_ms: 1_000 }
    }
}

/// What the strategy `reconcile` tells at once, and what it leaves to comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReconcileParams {
    /// How many of the links that the node dialled are told of a transaction at once. A guess: half of eight.
    pub flood: usize,
    /// How often each link is compared, milliseconds. A guess. (Erlay: one link a second, in turn.)
    pub round_ms: u64,
}

impl Default for ReconcileParams {
    fn default() -> Self {
        Self { flood: 4, round_ms: 8_000 }
    }
}

/// How [`Cat`](crate::relay::Cat) asks (Celestia's ADR 009).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CatParams {
    /// How long a peer that is asked for a transaction has before the next one is, milliseconds. ADR 009: 200, "an
    /// estimation of network round trip time"; celestia-core's `DefaultGossipDelay` has since become 60 s.
    pub retry_ms: u64,
}

impl Default for CatParams {
    fn default() -> Self {
        Self { retry_ms: 200 }
    }
}

/// The mesh of [`Gossipsub`](crate::relay::Gossipsub), named and set as rust-libp2p's `gossipsub::Config` is; in brackets what
/// Ethereum's consensus layer sets (the gossip parameters of its phase 0's networking specification).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GossipsubParams {
    /// How many links a mesh is to have (8).
    pub mesh_n: usize,
    /// With fewer, it takes some in (6).
    pub mesh_n_low: usize,
    /// With so many, it gives some up, and takes none in (12).
    pub mesh_n_high: usize,
    /// From one heartbeat to the next, milliseconds (700).
    pub heartbeat_ms: u64,
    /// Larger items are told to the mesh before they are checked, bytes: `idontwant_message_size_threshold`. With 0 all
    /// are.
    pub idontwant_bytes: u64,
}

impl Default for GossipsubParams {
    fn default() -> Self {
        let (mesh_n, mesh_n_low, mesh_n_high) = (6, 5, 12);
        Self { mesh_n, mesh_n_low, mesh_n_high, heartbeat_ms: 1_000, idontwant_bytes: 1_000 }
    }
}

impl GossipsubParams {
    /// From one heartbeat to the next.
    #[must_use]
    pub const fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms)
    }

    pub(super) fn validate(&self) -> Result<(), ParamError> {
        let wrong =
            |key, value: usize, must| Err(ParamError { key, value: value.to_string(), must });
        if self.mesh_n_low > self.mesh_n {
            return wrong("relay.gossipsub.mesh_n_low", self.mesh_n_low, "at most mesh_n");
        }
        if self.mesh_n_high < self.mesh_n {
            return wrong("relay.gossipsub.mesh_n_high", self.mesh_n_high, "at least mesh_n");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_is_found_by_its_name() {
        for kind in StrategyKind::ALL {
            assert_eq!(kind.name().parse(), Ok(*kind));
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{kind}\""));
        }
        let error = "inventori".parse::<StrategyKind>().unwrap_err().to_string();
        assert!(StrategyKind::ALL.iter().all(|kind| error.contains(kind.name())), "{error}");
    }
}
