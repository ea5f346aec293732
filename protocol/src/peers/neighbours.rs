//! How HyParView fits in: its views choose whom to be linked with, and everything else here goes on as ever.
//!
//! # What it means for the rest
//! - *Links*: the active view and those that come and go. `peers.outbound` counts for nothing; the degree is
//!   `peers.hyparview.active_view`, whoever dialled. The counts by who dialled stay what they are.
//! - *`peers.inbound_max`* bounds those who dialled us, neighbours or not; of those who have to give way to others none is a neighbour.
//! - *The book* holds the contacts that our operator named, addresses that we reached, of earlier runs too, and those of peers that
//!   dialled us from the host that they name: who has no candidate left tries those. It takes nothing else from peers. Questions for
//!   addresses are answered from it.
//! - *Seeds* are contacts, and neighbours like others: they make room for newcomers, and are left so (rule 6).
//! - *Feelers, address gossip and the repeated telling of our own address* are off: shuffles do that.
//! - *Links that only compare* (`relay.reconcile_links`) are off, since no link is to spare.
//! - *Fixed addresses* are an overlay of their own: a node that has some keeps no views. Nobody in a network of HyParView stays linked
//!   with it, so all nodes must be told to use it, and none to stay connected to others.
//! - A link is one for the strategy from its hellos on, so for a round trip before it is a neighbour's, and for one after.

use crate::ground::link::Link;
use crate::ground::peer::{DialError, PeerAddr};
use crate::machine::Cx;
use crate::wire::message::PeerExchange;

use super::Peers;
use super::hyparview::{Aim, Around};

impl Peers {
    /// How many neighbours the active view has, if there are views, and how many addresses the passive one.
    #[must_use]
    pub fn views(&self) -> Option<(usize, usize)> {
        let views = self.views.as_ref()?.views();
        Some((views.active().len(), views.passive().len()))
    }

    /// The addresses of the passive view.
    pub fn candidates(&self) -> impl Iterator<Item = PeerAddr> {
        self.views.iter().flat_map(|views| views.views().passive().iter())
    }

    /// Whether a link is to a neighbour of the active view.
    #[must_use]
    pub fn is_neighbour(&self, link: Link) -> bool {
        self.views.as_ref().is_some_and(|views| views.views().get(link).is_some())
    }

    /// A peer said something about views; of the addresses in it, the first `admitted` may be looked at. Returns how many
    /// were not taken.
    pub fn on_views(
        &mut self,
        link: Link,
        message: &PeerExchange,
        admitted: usize,
        cx: &mut Cx<'_>,
    ) -> usize {
        let Self { views, table, book, .. } = self;
        let Some(views) = views else { return message.addresses() };
        let around = Around { table, book };
        if table.get(link).is_none_or(|peer| !peer.is_ready()) {
            return message.addresses();
        }
        let dropped = views.on_message(link, message, admitted, around, cx);
        self.settle(cx);
        dropped
    }

    pub(super) fn view_dial_ended(&mut self, addr: PeerAddr) -> Option<Aim> {
        let views = self.views.as_mut()?;
        views.remove_candidate(addr);
        views.dial_ended(addr)
    }

    /// A link came up, dialled for views or not, unless it was refused.
    pub(super) fn on_view_link(&mut self, link: Link, aim: Option<Aim>) {
        let is_there = self.table.get(link).is_some();
        if let (Some(views), Some(aim), true) = (&mut self.views, aim, is_there) {
            views.on_dialled(link, aim);
        }
    }

    pub(super) fn on_view_hello(&mut self, link: Link, is_outbound: bool, cx: &Cx<'_>) {
        if let Some(views) = &mut self.views {
            views.on_hello(link, is_outbound, cx);
        }
    }

    pub(super) fn on_view_dial_failed(&mut self, addr: PeerAddr, why: DialError, cx: &mut Cx<'_>) {
        let alone = self.is_alone(addr);
        let Some(views) = &mut self.views else { return };
        views.dial_ended(addr);
        match why {
            DialError::Busy => {}
            DialError::Myself => views.remove_candidate(addr),
            _ if !alone && why != DialError::NoRoute => views.remove_candidate(addr),
            _ => views.excuse(addr, cx),
        }
    }

    /// Nobody is dialled for a while.
    pub(super) fn pause(&mut self, wait_ms: u64, cx: &mut Cx<'_>) {
        match &mut self.views {
            Some(views) => views.pause(wait_ms, cx),
            None => self.outbound.pause(wait_ms, cx),
        }
    }

    pub(super) fn wake_views(&mut self, cx: &mut Cx<'_>) {
        let Self { views, table, book, .. } = self;
        if let Some(views) = views {
            views.on_wake(Around { table, book }, cx);
        }
    }

    pub(super) fn settle_views(&mut self, cx: &mut Cx<'_>) {
        let Some(views) = &mut self.views else { return };
        views.refill(&mut self.book, &self.bans, cx);
        self.outbox.append(views.outbox_mut());
        self.deadline = views.deadline();
    }
}
