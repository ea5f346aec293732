//! Reconcile: a transaction is announced to a few links at once, and what the others lack of it is found by comparing.
//!
//! Erlay's idea (Naumenko, Maxwell, Wuille, Fedorova, Beschastnikh: Bandwidth-Efficient Transaction Relay in Bitcoin, CCS 2019,
//! §5) with rateless sketches ([`crate::reconcile::by_sketch`]) in the place of Minisketch: whoever compares needn't guess how
//! much differs. Announcements reach most nodes in a few hops, each over several links instead of all of them; a link of the
//! others costs what differs between its ends, once a round.
//!
//! *Other than Erlay*: it announces 32 bytes an id and so gains most of an announcement that isn't made; here ids are of eight bytes,
//! and a sketch takes some twenty for each that differs. So it pays where links are many and rounds are long. Erlay announces
//! to all outbound links and some inbound ones (BIP 330 leaves that open); here to `flood` outbound ones that are drawn for each.
//!
//! # Cost, predicted
//! Of a transaction every node hears from about `flood` others, 8 bytes each; and each of its comparisons, one a link and round,
//! tells what came to one end in the last round trip and not yet to the other, some twenty bytes for each.
//! Who hears of it from nobody, a share of e^-flood, waits half a round divided by its links.
//!
//! # Attacks
//! As with [`Inventory`](super::Inventory). What isn't announced to a peer yet is shown to it all the same when it compares: so a
//! peer that compares without end learns when items come as early as a trickle of that pace would tell it.

use std::sync::Arc;
use std::time::Duration;

use super::topology::{sample, spread_among};
use super::turns::Turns;
use super::{Neighbour, RelayCx, Step, Strategy};
use crate::ground::item::{Item, ItemKind};
use crate::ground::link::{Direction, Link};
use crate::ground::time::Time;
use crate::params::RelayParams;

/// The strategy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reconcile {
    turns: Turns,
}

const fn round(params: &RelayParams) -> Duration {
    Duration::from_millis(params.reconcile.round_ms)
}

impl Strategy for Reconcile {
    fn on_accepted(&mut self, item: &Arc<Item>, _ingress: Option<Link>, cx: &mut RelayCx<'_>) {
        let id = item.id();
        if id.kind() == ItemKind::Block {
            return cx.announce_block(id);
        }
        let told = sample(cx, cx.params.reconcile.flood, |to| to.direction == Direction::Outbound);
        let step = |to: Neighbour| Step::AnnounceNow(to.link, id);
        spread_among(cx, id, |to| told.contains(to.link), step);
        self.turns.on_news(round(cx.params), cx.overlay.len(), cx.now);
    }

    fn on_wake(&mut self, cx: &mut RelayCx<'_>) {
        cx.take_turn(&mut self.turns, round(cx.params));
    }

    fn deadline(&self) -> Time {
        self.turns.deadline()
    }

    fn takes_unasked(&self) -> bool {
        false
    }

    fn names_short(&self) -> bool {
        true
    }

    fn shows_at_once(&self) -> bool {
        true
    }
}
