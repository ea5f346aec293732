//! Any strategy, chosen at run time: an enum, so that a node stays [`Clone`] and different strategies can meet in
//! one network.

use std::sync::Arc;
use std::time::Duration;

use crate::ground::item::{Item, ItemId, ItemKind, ShortId};
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::params::{RelayParams, StrategyKind};
use crate::relay::{
    Adaptive, Cat, DirectMail, Dog, Eth68, Flood, Gossipsub, Inventory, Neighbour, Plumtree, Pull,
    Push, PushPull, Reconcile, RelayCx, Rumor, Strategy,
};
use crate::wire::message::Signal;

macro_rules! define_any {
    ($($(#[$meta:meta])* $variant:ident = $name:literal,)*) => {
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

            fn on_arrived(&mut self, item: &Arc<Item>, link: Link, cx: &mut RelayCx<'_>) {
                match self {
                    $(Self::$variant(strategy) => strategy.on_arrived(item, link, cx),)*
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

            fn on_let_go(&mut self, item: &Arc<Item>, others: &[Link], cx: &mut RelayCx<'_>) {
                match self {
                    $(Self::$variant(strategy) => strategy.on_let_go(item, others, cx),)*
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

            fn keeps(&self, link: Link) -> bool {
                match self {
                    $(Self::$variant(strategy) => strategy.keeps(link),)*
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

            fn shows_at_once(&self) -> bool {
                match self {
                    $(Self::$variant(strategy) => strategy.shows_at_once(),)*
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
for_each_strategy!(define_any);
