//! Relay strategies: who gets a newly accepted item whole, who hears of it, and who gets nothing.
//!
//! One trait, one file for each member of the family, so that they can be read and measured side by
//! side. What all of them share stands elsewhere: the [seen cache](crate::seen), the
//! [requests](crate::request) that pull what was announced, the [batches](crate::announce) in which
//! announcements leave, and the [budgets](crate::budget).

pub mod flood;
pub mod inventory;

use std::fmt;
use std::str::FromStr;

use rand::Rng;

use crate::item::Item;
use crate::link::{Direction, Link};

pub use flood::Flood;
pub use inventory::Inventory;

/// A link, as a strategy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its handle.
    pub link: Link,
    /// Who dialled.
    pub direction: Direction,
    /// Whether its peer is known to have the item already.
    pub knows: bool,
}

/// How a link gets an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The whole item, now.
    Whole,
    /// Its id, in the link's next batch.
    Announced,
}

/// What is to be done about one item: each link at most once. Links not named get nothing.
pub type Plan = Vec<(Link, Delivery)>;

/// A member of the gossip family.
pub trait Strategy {
    /// Appends to `plan` what each link gets of an item that was accepted for the first time, from a
    /// peer or from our operator. `neighbours` come in slot order.
    fn spread(
        &mut self,
        item: &Item,
        neighbours: impl Iterator<Item = Neighbour>,
        rng: &mut dyn Rng,
        plan: &mut Plan,
    );

    /// Whether its peers are expected to send whole items that were not asked for.
    fn takes_unasked(&self) -> bool;
}

/// The strategies by name, as configuration and reports show them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StrategyKind {
    /// [`Flood`].
    Flood,
    /// [`Inventory`].
    #[default]
    Inventory,
}

impl StrategyKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Flood, Self::Inventory];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flood => "flood",
            Self::Inventory => "inventory",
        }
    }
}

impl fmt::Display for StrategyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Text that names no strategy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no strategy `{0}`; there are: flood, inventory")]
pub struct ParseStrategyError(String);

impl FromStr for StrategyKind {
    type Err = ParseStrategyError;

    fn from_str(text: &str) -> Result<Self, ParseStrategyError> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| ParseStrategyError(text.to_owned()))
    }
}

/// Any strategy, chosen at run time; an enum, so that a node stays [`Clone`] and different strategies
/// can meet in one network.
#[derive(Clone, Debug)]
pub enum AnyStrategy {
    /// [`Flood`].
    Flood(Flood),
    /// [`Inventory`].
    Inventory(Inventory),
}

impl From<StrategyKind> for AnyStrategy {
    fn from(kind: StrategyKind) -> Self {
        match kind {
            StrategyKind::Flood => Self::Flood(Flood),
            StrategyKind::Inventory => Self::Inventory(Inventory),
        }
    }
}

impl Strategy for AnyStrategy {
    fn spread(
        &mut self,
        item: &Item,
        neighbours: impl Iterator<Item = Neighbour>,
        rng: &mut dyn Rng,
        plan: &mut Plan,
    ) {
        match self {
            Self::Flood(strategy) => strategy.spread(item, neighbours, rng, plan),
            Self::Inventory(strategy) => strategy.spread(item, neighbours, rng, plan),
        }
    }

    fn takes_unasked(&self) -> bool {
        match self {
            Self::Flood(strategy) => strategy.takes_unasked(),
            Self::Inventory(strategy) => strategy.takes_unasked(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_is_found_by_its_name() {
        for kind in StrategyKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
        let error = "inventori".parse::<StrategyKind>().unwrap_err().to_string();
        assert!(StrategyKind::ALL.iter().all(|kind| error.contains(kind.name())), "{error}");
    }
}
