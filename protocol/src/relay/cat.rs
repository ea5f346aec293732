//! CAT, Celestia's content-addressable transaction pool: the origin pushes, everybody else announces and asks.
//!
//! The specification in `mempool/cat` of celestia-core's repository. What its operator submits a node sends whole to all peers, since
//! nobody else has it. What came from a peer it announces (`SeenTx`) to at most [`STICKY_MAX`] peers, and whoever lacks it
//! asks one of its announcers (`WantTx`), and the next one when that one hasn't answered after `cat.retry_ms`. Nothing
//! waits for company: each transaction costs each link a message.
//!
//! Which peers are told is a matter of rank: by a hash of the signer, the peer and a secret of the node (rendezvous hashing),
//! so that a signer's transactions take one way. Items have no signers here, and each counts as one of another's.
//! `SeenTx` also has the signer and the number of his transaction, so that gaps are seen; ours is an id.
//!
//! # Attacks
//! There is no feedback to lie about. An announcer that doesn't give delays an item by `cat.retry_ms`. A node with more
//! than [`STICKY_MAX`] peers tells the last in rank nothing: who is told by nobody hears of it by comparing
//! ([`crate::reconcile`]).

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;

use super::topology::{spread, spread_among};
use super::{Neighbour, RelayCx, Step, Strategy};
use crate::ground::item::{Item, ItemId, ItemKind, ShortId};
use crate::ground::link::{Link, LinkSet};
use crate::ground::map::Salt;
use crate::params::RelayParams;

/// Most peers that are told of a transaction (celestia-core's `maxSeenTxBroadcast`).
pub const STICKY_MAX: usize = 15;

/// The strategy.
#[derive(Clone, Debug, Default)]
pub struct Cat {
    /// Ranks peers; drawn when it is first needed.
    secret: Option<Salt>,
}

impl Cat {
    /// The peers that are to be told of an item, of those that lack it: the first in rank.
    fn sticky(&mut self, id: ItemId, cx: &mut RelayCx<'_>) -> LinkSet {
        let secret = *self.secret.get_or_insert_with(|| Salt::new(cx.rng.random()));
        let rank = |link: Link| secret.rank((link, ShortId::from(id)));
        let lacking = cx.overlay.ignorant(id).map(|neighbour| neighbour.link);
        let mut ranked: Vec<_> = lacking.map(|link| (rank(link), link)).collect();
        if ranked.len() > STICKY_MAX {
            ranked.select_nth_unstable(STICKY_MAX);
        }
        let mut sticky = LinkSet::default();
        ranked.iter().take(STICKY_MAX).for_each(|(_, link)| _ = sticky.insert(*link));
        sticky
    }
}

impl Strategy for Cat {
    fn on_accepted(&mut self, item: &Arc<Item>, ingress: Option<Link>, cx: &mut RelayCx<'_>) {
        let id = item.id();
        if id.kind() == ItemKind::Block {
            return cx.announce_block(id);
        }
        if ingress.is_none() {
            return spread(cx, id, |to| Step::Send(to.link, item.clone()));
        }
        let sticky = self.sticky(id, cx);
        let is_told = |to: Neighbour| sticky.contains(to.link);
        spread_among(cx, id, is_told, |to| Step::AnnounceNow(to.link, id));
    }

    fn patience(&self, params: &RelayParams) -> Option<Duration> {
        Some(Duration::from_millis(params.cat.retry_ms))
    }

    fn takes_unasked(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::fake::{Fake, sends, tx};

    fn told(steps: &[Step]) -> Vec<Link> {
        let told = |step: &Step| match step {
            Step::AnnounceNow(link, _) => Some(*link),
            _ => None,
        };
        steps.iter().filter_map(told).collect()
    }

    #[test]
    fn the_origin_pushes_and_everybody_else_announces() {
        let (mut fake, mut cat) = (Fake::new(10), Cat::default());
        assert_eq!(sends(&fake.accept(&mut cat, 1, None)), 10);
        let steps = fake.accept(&mut cat, 2, Some(0));
        assert_eq!((sends(&steps), told(&steps).len()), (0, 9));
    }

    #[test]
    fn no_more_than_fifteen_are_told_the_same_for_an_item_and_others_for_another() {
        let (mut fake, mut cat) = (Fake::new(40), Cat::default());
        let of = |fake: &mut Fake, cat: &mut Cat, n| told(&fake.accept(cat, n, Some(0)));
        let first = of(&mut fake, &mut cat, 1);
        assert_eq!(first.len(), STICKY_MAX);
        let mut again = Fake::new(40);
        assert_eq!(of(&mut again, &mut cat, 1), first, "the rank is the node's");
        assert_ne!(of(&mut fake, &mut cat, 2), first);
        assert_ne!(of(&mut Fake::new(40), &mut Cat { secret: Some(Salt::new(1)) }, 1), first);
    }

    #[test]
    fn who_has_it_leaves_room_for_the_next_in_rank() {
        let (mut fake, mut cat) = (Fake::new(40), Cat::default());
        let mut others = Fake::new(40);
        for slot in 0..20 {
            others.tell(slot, tx(1).id());
        }
        let first = told(&fake.accept(&mut cat, 1, Some(0)));
        let rest = told(&others.accept(&mut cat, 1, Some(0)));
        assert_eq!(rest.len(), STICKY_MAX);
        let lacking = first.iter().filter(|link| link.slot() >= 20);
        assert!(lacking.into_iter().all(|link| rest.contains(link)));
    }

    #[test]
    fn an_announcer_has_little_time_to_give() {
        let patience = Cat::default().patience(&RelayParams::default());
        assert_eq!(patience, Some(Duration::from_millis(200)));
    }
}
