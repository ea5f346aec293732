//! Addresses are exchanged with whoever is at the end of a random walk.

use crate::ground::link::Link;
use crate::ground::peer::PeerAddr;
use crate::ground::time::Time;
use crate::machine::Cx;
use crate::params::{PeerParams, Rate};
use crate::wire::message::{PeerExchange, SHUFFLED_MAX};

use super::super::backoff::jittered;
use super::passive::Teller;
use super::walks::Back;
use super::{Around, HyParView};

/// Shuffles at once that are taken from a neighbour. A guess.
pub(in crate::peers) const SHUFFLES_BURST: f64 = 20.0;

/// How many times the shuffles are taken that come by a link on average. A guess.
const SHUFFLES_EXCESS: f64 = 10.0;

impl HyParView {
    /// A shuffle came. False if there were too many.
    pub(super) fn on_shuffle(
        &mut self,
        link: Link,
        (number, steps): (u32, u8),
        addrs: &[PeerAddr],
        around: Around<'_>,
        cx: &mut Cx<'_>,
    ) -> bool {
        let params = &cx.params.peers.hyparview;
        let Some(neighbour) = self.views.get_mut(link) else { return false };
        if !neighbour.shuffles.try_take(1.0, cx.now, shuffles(&cx.params.peers)) {
            return false;
        }
        let teller = neighbour.teller();
        let steps = steps.min(params.active_walk).saturating_sub(1);
        let next = self.views.other(Some(link), cx.rng).filter(|_| steps > 0);
        if let Some(next) = next {
            self.walks.push(number, next, Back::By(link));
            let addrs = told(next, addrs.iter().copied(), around, cx);
            self.say(next, PeerExchange::Shuffle { number, steps, addrs: addrs.into() });
            return true;
        }
        let answer = self.views.passive().sample(addrs.len(), cx.rng);
        let answer = told(link, answer, around, cx);
        self.mix(addrs, teller, &answer, around, cx);
        self.say(link, PeerExchange::ShuffleReply { number, addrs: answer.into() });
        true
    }

    pub(super) fn on_shuffle_reply(
        &mut self,
        link: Link,
        number: u32,
        addrs: &[PeerAddr],
        around: Around<'_>,
        cx: &mut Cx<'_>,
    ) {
        let Some(neighbour) = self.views.get(link) else { return };
        let teller = neighbour.teller();
        match self.walks.take(number, link) {
            None => {}
            Some(Back::Here(sent)) => self.mix(addrs, teller, &sent, around, cx),
            Some(Back::By(from)) if self.views.get(from).is_none() => {}
            Some(Back::By(from)) => {
                let addrs = told(from, addrs.iter().copied(), around, cx).into();
                self.say(from, PeerExchange::ShuffleReply { number, addrs });
            }
        }
    }

    /// Takes addresses of others into the passive view, for those that were sent.
    pub(super) fn mix(
        &mut self,
        addrs: &[PeerAddr],
        teller: Teller,
        sent: &[PeerAddr],
        around: Around<'_>,
        cx: &mut Cx<'_>,
    ) {
        let params = &cx.params.peers.hyparview;
        for addr in addrs.iter().filter(|addr| !around.table.is_connected(**addr)) {
            self.views.note(*addr, teller, sent, params, cx.rng);
        }
    }

    pub(super) fn shuffle(&mut self, around: Around<'_>, cx: &mut Cx<'_>) {
        let params = &cx.params.peers.hyparview;
        let Some(to) = self.views.other(None, cx.rng) else { return };
        let addrs = self.views.shuffled(to, params, cx.rng);
        let addrs = told(to, addrs, around, cx);
        let number = cx.rng.next_u32();
        self.walks.push(number, to, Back::Here(addrs.clone().into()));
        let steps = params.active_walk;
        self.say(to, PeerExchange::Shuffle { number, steps, addrs: addrs.into() });
    }

    pub(super) fn plan_shuffle(&mut self, cx: &mut Cx<'_>) {
        let wait_ms = cx.params.peers.hyparview.shuffle_s.saturating_mul(1_000);
        self.shuffle_at = match self.views.active().is_empty() {
            true => Time::NEVER,
            false => cx.now + jittered(wait_ms, cx.rng),
        };
    }
}

/// Shuffles that are taken from a neighbour: each node begins one in `shuffle_s`, and each goes over as many links as it has steps.
fn shuffles(params: &PeerParams) -> Rate {
    let usual = f64::from(params.hyparview.active_walk) / params.hyparview.shuffle_s as f64;
    Rate::new(SHUFFLES_EXCESS * usual, SHUFFLES_BURST)
}

/// Of addresses that came by a link, those that are taken.
pub(super) fn taken(
    by: Link,
    addrs: &[PeerAddr],
    admitted: usize,
    around: Around<'_>,
    cx: &Cx<'_>,
) -> Vec<PeerAddr> {
    let first = addrs.iter().copied().take(admitted);
    first.filter(|addr| around.may_take(by, *addr, cx)).collect()
}

/// Of some addresses, those that may be told by a link.
fn told(
    to: Link,
    addrs: impl IntoIterator<Item = PeerAddr>,
    around: Around<'_>,
    cx: &Cx<'_>,
) -> Vec<PeerAddr> {
    let addrs = addrs.into_iter().filter(|addr| around.means_the_same(to, *addr, cx));
    addrs.take(SHUFFLED_MAX).collect()
}
