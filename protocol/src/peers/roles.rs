//! What links of our own choice are for.
//!
//! # Rules
//! 1. Most *relay*: everything is announced on them. `relay.reconcile_links` only *compare* (`relay/reconcile_links.rs`).
//! 2. `peers.block_only` are for *blocks alone*: no transaction and no address is asked for, told or answered there, either way. *Why:*
//!    who follows how a transaction spreads, or asks for addresses, finds out who is linked with whom, and whoever knows a
//!    node's links knows whom to buy, block or replace to surround it (A. Miller and others, "Discovering Bitcoin's Public Topology and Influential
//!    Nodes", 2015; S. Delgado-Segura and others, `TxProbe`, 2019). Blocks spread too soon and too seldom to tell. (Bitcoin Core:
//!    `MAX_BLOCK_RELAY_ONLY_CONNECTIONS`, its pull request 15759.) They are drawn as all links are, and stay when others are
//!    exchanged; so they are the first to be anchors (`anchors.rs`).
//! 3. Links that relay are filled first, then those for blocks, then those that compare. But an anchor is for blocks again.
//! 4. Who dials decides, and says so in its hello. It doesn't say there where it can be dialled.
//!
//! *Attack:* whoever dials us for blocks alone gets a place among those who dial us, and from us blocks, as whoever dials us at all. He
//! brings no transaction to keep it by, but may bring blocks.

use super::Peers;
use super::table::{Place, Question};
use crate::ground::link::Link;
use crate::params::Params;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything is announced there.
    Relays,
    /// Nothing is announced there but what a comparison found.
    Compares,
    /// Nothing is said there but of blocks.
    Blocks,
}

impl Peers {
    /// Decides what a link that we just dialled is for. A feeler relays, since it may take over from a link that does.
    pub fn choose_role(&mut self, link: Link, params: &Params) -> Role {
        let block_only = if self.outbound.is_fixed_mode() { 0 } else { params.peers.block_only };
        let is_simple = params.relay.reconcile_links == 0 && block_only == 0;
        if is_simple || self.feeler.is(link) || self.views.is_some() {
            return Role::Relays;
        }
        let count = |place| {
            let others = self.table.iter().filter(|(other, peer)| {
                peer.place == place && *other != link && !self.feeler.is(*other)
            });
            others.count()
        };
        let stand = count(Place::Outbound) >= self.outbound.relaying(params);
        let lacks_blocks = count(Place::Blocks) < block_only;
        let Some(peer) = self.table.get(link) else { return Role::Relays };
        if !matches!(peer.place, Place::Outbound | Place::Compared | Place::Blocks) {
            return Role::Relays;
        }
        let is_anchor = peer.dialled.is_some_and(|addr| self.outbound.anchors().is(addr));
        let place = match stand {
            // A peer that dialled us and took over: it is for him to say, and he said nothing.
            _ if !peer.is_outbound() => Place::Outbound,
            _ if lacks_blocks && (stand || is_anchor) => Place::Blocks,
            true if params.relay.reconcile_links > 0 => Place::Compared,
            _ => Place::Outbound,
        };
        if let Some(peer) = self.table.get_mut(link) {
            peer.place = place;
        }
        if place == Place::Blocks {
            self.hush(link);
        }
        self.role(link)
    }

    /// What we chose a link for.
    #[must_use]
    pub fn role(&self, link: Link) -> Role {
        match self.table.get(link).map(|peer| peer.place) {
            Some(Place::Compared) => Role::Compares,
            Some(Place::Blocks) => Role::Blocks,
            _ => Role::Relays,
        }
    }

    /// No addresses are told, asked for or heard on a link from now on.
    pub fn hush(&mut self, link: Link) {
        if let Some(peer) = self.table.get_mut(link) {
            peer.question = Question::Never;
        }
    }
}
