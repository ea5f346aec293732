//! As Ethereum's eth/68: the whole transaction to some peers, about the square root of their number, its id to the others.
//!
//! geth's `BroadcastTransactions` (`eth/handler.go`) and its `TxFetcher` (`eth/fetcher/tx_fetcher.go`). Of n peers ceil(sqrt n)
//! are to get a transaction whole, unless it is larger than [`BROADCAST_MAX`], and all others are told of it at once. Whoever
//! is told waits [`ARRIVE`] whether somebody sends it, and asks then. So the whole copies run ahead as in a flood of few
//! links, and time is what the announcements cost where they don't get to.
//!
//! *Other than geth*: it ranks peers by a secret hash of the sender's account, so that one account's transactions take one
//! way. Items have no accounts here, so the peers are drawn for each. Its announcements tell size and type, five bytes
//! more than an id. It asks a peer for one list of ids at a time; here up to `requests.in_flight_max` are under way. Its
//! `txFetchTimeout` of 5 s is the default of `requests.tx_timeout_ms`.
//!
//! # Attacks
//! There is no feedback to lie about. Whoever is told and doesn't give delays an item by that time-out, as everywhere
//! ([`crate::relay::request`]); whoever announces first and never sends has it come [`ARRIVE`] later, no more.

use std::sync::Arc;
use std::time::Duration;

use super::topology::{sample, spread};
use super::{RelayCx, Step, Strategy};
use crate::ground::item::{Item, ItemKind, ShortId};
use crate::ground::link::Link;
use crate::ground::time::Time;

/// Larger transactions are announced only (geth's `txMaxBroadcastSize`).
pub const BROADCAST_MAX: usize = 4_096;

/// How long whoever is told of a transaction waits for it to come unasked (geth's `txArriveTimeout`).
pub const ARRIVE: Duration = Duration::from_millis(500);

/// So much earlier a transaction is asked for together with others (geth's `txGatherSlack`).
pub const GATHER_SLACK: Duration = Duration::from_millis(100);

/// The strategy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Eth68 {
    /// When those that were announced last are asked for.
    gathering: Time,
}

impl Strategy for Eth68 {
    fn on_accepted(&mut self, item: &Arc<Item>, _ingress: Option<Link>, cx: &mut RelayCx<'_>) {
        let id = item.id();
        if id.kind() == ItemKind::Block {
            return cx.announce_block(id);
        }
        let most = if item.size() > BROADCAST_MAX { 0 } else { ceil_sqrt(cx.overlay.len()) };
        // Those that have it by now are drawn, too.
        let direct = sample(cx, most, |_| true);
        spread(cx, id, |to| match direct.contains(to.link) {
            true => Step::Send(to.link, item.clone()),
            false => Step::AnnounceNow(to.link, id),
        });
    }

    fn on_announced(
        &mut self,
        _link: Link,
        (kind, _): (ItemKind, ShortId),
        known: bool,
        cx: &mut RelayCx<'_>,
    ) -> Duration {
        if known || kind == ItemKind::Block {
            return Duration::ZERO;
        }
        let latest = cx.now + ARRIVE;
        if self.gathering + GATHER_SLACK < latest {
            self.gathering = latest;
        }
        self.gathering - cx.now
    }

    fn takes_unasked(&self) -> bool {
        true
    }
}

const fn ceil_sqrt(n: usize) -> usize {
    let root = n.isqrt();
    if root * root < n { root + 1 } else { root }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Chain as _;
    use crate::chain::opaque::Opaque;
    use crate::relay::fake::{Fake, link, sends, tx};

    /// How many links are told of an item, and how many get it whole.
    fn spreads(steps: &[Step]) -> (usize, usize) {
        let told = steps.iter().filter(|step| matches!(step, Step::AnnounceNow(..)));
        (told.count(), sends(steps))
    }

    #[test]
    fn the_square_root_of_all_peers_get_it_whole_and_the_others_are_told() {
        for (peers, whole) in [(1, 1), (4, 2), (5, 3), (16, 4), (17, 5), (50, 8)] {
            let (mut fake, mut eth) = (Fake::new(peers), Eth68::default());
            let steps = fake.accept(&mut eth, 1, None);
            assert_eq!(spreads(&steps), (peers as usize - whole, whole), "{peers} peers");
        }
    }

    #[test]
    fn who_has_it_is_neither_told_nor_replaced_by_another() {
        let mut whole = 0;
        for n in 0..200 {
            let (mut fake, mut eth) = (Fake::new(16), Eth68::default());
            (0..8).for_each(|slot| fake.tell(slot, tx(n).id()));
            let (told, sent) = spreads(&fake.accept(&mut eth, n, Some(0)));
            assert_eq!(told + sent, 8);
            whole += sent;
        }
        // Two of the four drawn, with a deviation of 13 over all.
        assert!(whole < 4 * 200 && whole > 200, "{whole}");
    }

    #[test]
    fn a_large_transaction_is_announced_only() {
        let (mut fake, mut eth) = (Fake::new(16), Eth68::default());
        for (size, sent) in [(BROADCAST_MAX, 4), (BROADCAST_MAX + 1, 0)] {
            let item = Opaque::default().item(ItemKind::Tx, vec![7; size].into()).unwrap();
            let steps = fake.ask(|cx| eth.on_accepted(&item, None, cx));
            assert_eq!(spreads(&steps), (16 - sent, sent), "{size} bytes");
        }
    }

    #[test]
    fn what_is_announced_within_a_short_while_is_asked_for_together() {
        let (mut fake, mut eth) = (Fake::new(3), Eth68::default());
        let mut waits = Vec::new();
        for ms in [1_000, 1_060, 1_100, 1_101] {
            fake.now = Time::from_millis(ms);
            let item = (ItemKind::Tx, tx(1).id().into());
            fake.ask(|cx| waits.push(eth.on_announced(link(0), item, false, cx).as_millis()));
        }
        assert_eq!(waits, [500, 440, 400, 500]);
        let block = (ItemKind::Block, tx(1).id().into());
        fake.ask(|cx| assert!(eth.on_announced(link(0), block, false, cx).is_zero()));
    }
}
