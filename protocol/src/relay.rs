//! Relay strategies: who gets a newly accepted item whole, who hears of it, who gets nothing, and when.
//!
//! One trait, one file for each member of the family, so that they can be read and measured side by
//! side. What all of them share stands elsewhere: the [seen cache](crate::seen), the
//! [requests](crate::request) that pull what was announced, the [queues](crate::announce) in which
//! announcements wait, the [choice of links](topology) by region, the [digests](crate::digest) that find
//! what was missed, and the [budgets](crate::budget). A strategy therefore never sends by itself: it
//! looks at its [`Overlay`] and appends [`Step`]s, which the node carries out.

pub mod adaptive;
pub mod direct_mail;
pub mod flood;
pub mod inventory;
pub mod plumtree;
pub mod pull;
pub mod push;
pub mod push_pull;
pub mod round;
pub mod rumor;
pub mod topology;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;

use crate::digest::Recent;
use crate::item::{Item, ItemId, ItemKind, ShortId};
use crate::link::{Direction, Link};
use crate::message::Signal;
use crate::params::RelayParams;
use crate::time::Time;

pub use adaptive::Adaptive;
pub use direct_mail::DirectMail;
pub use flood::Flood;
pub use inventory::Inventory;
pub use plumtree::Plumtree;
pub use pull::Pull;
pub use push::Push;
pub use push_pull::PushPull;
pub use rumor::Rumor;
pub use topology::FANOUT_MAX;

/// A link, as a strategy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its handle.
    pub link: Link,
    /// Who dialled.
    pub direction: Direction,
    /// The region that the peer says it is in.
    pub region: Option<u8>,
}

/// The links of a node that are ready, and what is known of them. They are numbered from 0 without
/// gaps, so that one can be drawn at random; the order is the same in every run.
pub trait Overlay {
    /// How many links are ready.
    fn len(&self) -> usize;

    /// Whether none is.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `index`-th of them, below [`Overlay::len`].
    fn neighbour(&self, index: usize) -> Neighbour;

    /// Whether the peer is known to have an item: it announced or sent it, or we sent or announced it.
    fn knows(&self, link: Link, id: &ItemId) -> bool;

    /// How many items wait in a link's queue.
    fn waiting(&self, link: Link) -> usize;

    /// An item, if we still hold it.
    fn item(&self, id: &ItemId) -> Option<&Arc<Item>>;

    /// Our own region.
    fn region(&self) -> Option<u8> {
        None
    }
}

impl dyn Overlay + '_ {
    /// All links that are ready.
    pub fn neighbours(&self) -> impl Iterator<Item = Neighbour> {
        (0..self.len()).map(|index| self.neighbour(index))
    }

    /// The links whose peer isn't known to have an item.
    pub fn ignorant(&self, id: ItemId) -> impl Iterator<Item = Neighbour> {
        self.neighbours().filter(move |neighbour| !self.knows(neighbour.link, &id))
    }
}

/// What surrounds one call of a strategy.
pub struct RelayCx<'a> {
    /// The time.
    pub now: Time,
    /// Parameters of all strategies.
    pub params: &'a RelayParams,
    /// The only source of randomness.
    pub rng: &'a mut dyn Rng,
    /// The links.
    pub overlay: &'a dyn Overlay,
    /// Where steps are appended.
    pub steps: &'a mut Vec<Step>,
}

impl fmt::Debug for RelayCx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelayCx").field("now", &self.now).finish_non_exhaustive()
    }
}

impl RelayCx<'_> {
    /// Appends a step.
    pub fn step(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Sends what a link's peer [lacks](topology::lacks), whole.
    pub fn send_news(&mut self, neighbour: Neighbour, recent: &Recent) {
        let (overlay, params) = (self.overlay, self.params);
        let news = recent.iter().map(|(_, id)| id);
        for id in news.filter(|id| topology::lacks(overlay, params, neighbour, id)) {
            if let Some(item) = overlay.item(id) {
                self.steps.push(Step::Send(neighbour.link, item.clone()));
            }
        }
    }

    /// Announces what a link's peer isn't known to have, at once.
    pub fn announce_news(&mut self, link: Link, recent: &Recent) {
        let steps_before = self.steps.len();
        let news = recent.iter().filter(|(_, id)| !self.overlay.knows(link, id));
        self.steps.extend(news.map(|(_, id)| Step::Hold(link, *id)));
        if self.steps.len() > steps_before {
            self.steps.push(Step::Flush(link));
        }
    }

    /// Forgets the oldest of the recent items, as long as they are too old to be spread, gone, or known
    /// to every peer.
    pub fn retire(&self, recent: &mut Recent) {
        let overlay = self.overlay;
        let everybody_knows = |id: &ItemId| {
            !overlay.is_empty() && overlay.neighbours().all(|n| overlay.knows(n.link, id))
        };
        let too_old = Duration::from_millis(self.params.recent_ms);
        recent.forget_while(|at, id| {
            self.now.since(at) > too_old || overlay.item(id).is_none() || everybody_knows(id)
        });
    }
}

/// One thing that a strategy wants done. Steps about links that are gone are ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send the item whole, now. On a congested link it is announced instead.
    Send(Link, Arc<Item>),
    /// Announce the item in the link's next batch, which leaves by the link's own timer (see
    /// [`crate::announce`]); a block is announced at once.
    Announce(Link, ItemId),
    /// Announce the item at once, in a message of its own.
    AnnounceNow(Link, ItemId),
    /// Let the item wait in the link's queue, without a timer, until [`Step::Flush`] or
    /// [`Step::FlushWhole`].
    Hold(Link, ItemId),
    /// Announce everything that waits for the link and that its peer isn't known to have.
    Flush(Link),
    /// Send all of that whole.
    FlushWhole(Link),
    /// Say something to the strategy at the other end.
    Signal(Link, Signal),
}

/// A member of the gossip family. Every method but [`Strategy::on_accepted`] does nothing by default.
pub trait Strategy {
    /// A link is ready.
    fn on_link_up(&mut self, _neighbour: Neighbour, _cx: &mut RelayCx<'_>) {}

    /// A link is gone.
    fn on_link_down(&mut self, _link: Link, _cx: &mut RelayCx<'_>) {}

    /// An item was accepted for the first time: from the peer of `ingress`, or from our operator. The
    /// overlay knows already who has it.
    fn on_accepted(&mut self, item: &Arc<Item>, ingress: Option<Link>, cx: &mut RelayCx<'_>);

    /// A peer sent an item whole that we have already.
    fn on_duplicate(&mut self, _link: Link, _id: ItemId, _cx: &mut RelayCx<'_>) {}

    /// A peer announced an item. `known` says that we have it, or are checking it. Returns how long to
    /// wait, if nobody was asked for it yet, before this peer is.
    fn on_announced(
        &mut self,
        _link: Link,
        _item: (ItemKind, ShortId),
        _known: bool,
        _cx: &mut RelayCx<'_>,
    ) -> Duration {
        Duration::ZERO
    }

    /// A peer asked for an item and is being sent it.
    fn on_requested(&mut self, _link: Link, _id: ItemId, _cx: &mut RelayCx<'_>) {}

    /// A peer is being asked for an item that it announced.
    fn on_asked(&mut self, _link: Link, _id: ShortId, _cx: &mut RelayCx<'_>) {}

    /// The strategy at the other end says something.
    fn on_signal(&mut self, _link: Link, _signal: &Signal, _cx: &mut RelayCx<'_>) {}

    /// The deadline passed, or any other moment.
    fn on_wake(&mut self, _cx: &mut RelayCx<'_>) {}

    /// When it next wants waking. Costs nothing to ask.
    fn deadline(&self) -> Time {
        Time::NEVER
    }

    /// Reads what an input on a link will, see `node/warm.rs`.
    fn warm(&self, _link: Link) -> u64 {
        0
    }

    /// How long a peer that is asked for a transaction has before the next one is; without it
    /// `requests.tx_timeout_ms`.
    fn patience(&self, _params: &RelayParams) -> Option<Duration> {
        None
    }

    /// Whether its peers are expected to send whole items that were not asked for.
    fn takes_unasked(&self) -> bool;

    /// Whether it announces transactions by their short ids.
    fn names_short(&self) -> bool {
        false
    }
}

/// Defines the closed set of strategies: their names, and one that is any of them, chosen at run time;
/// an enum, so that a node stays [`Clone`] and different strategies can meet in one network.
macro_rules! strategies {
    ($($(#[$meta:meta])* $variant:ident = $name:literal,)*) => {
        /// The strategies by name, as configuration and reports show them.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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

        /// Any strategy.
        #[derive(Clone, Debug)]
        pub enum AnyStrategy {
            $(#[doc = concat!("[`", stringify!($variant), "`].")] $variant($variant),)*
        }

        impl From<StrategyKind> for AnyStrategy {
            fn from(kind: StrategyKind) -> Self {
                match kind {
                    $(StrategyKind::$variant => Self::$variant($variant::default()),)*
                }
            }
        }

        impl Strategy for AnyStrategy {
            fn on_link_up(&mut self, neighbour: Neighbour, cx: &mut RelayCx<'_>) {
                match self {
                    $(Self::$variant(strategy) => strategy.on_link_up(neighbour, cx),)*
                }
            }

            fn on_link_down(&mut self, link: Link, cx: &mut RelayCx<'_>) {
                match self {
                    $(Self::$variant(strategy) => strategy.on_link_down(link, cx),)*
                }
            }

            fn on_accepted(
                &mut self,
                item: &Arc<Item>,
                ingress: Option<Link>,
                cx: &mut RelayCx<'_>,
            ) {
                match self {
                    $(Self::$variant(strategy) => strategy.on_accepted(item, ingress, cx),)*
                }
            }

            fn on_duplicate(&mut self, link: Link, id: ItemId, cx: &mut RelayCx<'_>) {
                match self {
                    $(Self::$variant(strategy) => strategy.on_duplicate(link, id, cx),)*
                }
            }

            fn on_announced(
                &mut self,
                link: Link,
                item: (ItemKind, ShortId),
                known: bool,
                cx: &mut RelayCx<'_>,
            ) -> Duration {
                match self {
                    $(Self::$variant(strategy) => strategy.on_announced(link, item, known, cx),)*
                }
            }

            fn on_requested(&mut self, link: Link, id: ItemId, cx: &mut RelayCx<'_>) {
                match self {
                    $(Self::$variant(strategy) => strategy.on_requested(link, id, cx),)*
                }
            }

            fn on_asked(&mut self, link: Link, id: ShortId, cx: &mut RelayCx<'_>) {
                match self {
                    $(Self::$variant(strategy) => strategy.on_asked(link, id, cx),)*
                }
            }

            fn on_signal(&mut self, link: Link, signal: &Signal, cx: &mut RelayCx<'_>) {
                match self {
                    $(Self::$variant(strategy) => strategy.on_signal(link, signal, cx),)*
                }
            }

            fn on_wake(&mut self, cx: &mut RelayCx<'_>) {
                match self {
                    $(Self::$variant(strategy) => strategy.on_wake(cx),)*
                }
            }

            fn deadline(&self) -> Time {
                match self {
                    $(Self::$variant(strategy) => strategy.deadline(),)*
                }
            }

            fn warm(&self, link: Link) -> u64 {
                match self {
                    $(Self::$variant(strategy) => strategy.warm(link),)*
                }
            }

            fn patience(&self, params: &RelayParams) -> Option<Duration> {
                match self {
                    $(Self::$variant(strategy) => strategy.patience(params),)*
                }
            }

            fn takes_unasked(&self) -> bool {
                match self {
                    $(Self::$variant(strategy) => strategy.takes_unasked(),)*
                }
            }

            fn names_short(&self) -> bool {
                match self {
                    $(Self::$variant(strategy) => strategy.names_short(),)*
                }
            }
        }
    };
}

strategies! {
    /// [`Adaptive`].
    #[default]
    Adaptive = "adaptive",
    /// [`DirectMail`].
    DirectMail = "direct-mail",
    /// [`Flood`].
    Flood = "flood",
    /// [`Inventory`].
    Inventory = "inventory",
    /// [`Push`].
    Push = "push",
    /// [`Pull`].
    Pull = "pull",
    /// [`PushPull`].
    PushPull = "push-pull",
    /// [`Rumor`].
    Rumor = "rumor",
    /// [`Plumtree`].
    Plumtree = "plumtree",
}

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

#[cfg(test)]
mod fake;

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
