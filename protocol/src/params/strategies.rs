//! The strategies by name, and the parameters of those that have some of their own.
//!
//! The list itself, one line for each, stands in `lib.rs`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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
