//! Gossipsub v1.2: whole items within a mesh of few links, ids to some of the others each second.
//!
//! The specifications are libp2p's (`pubsub/gossipsub` in its `specs`), the figures those of rust-libp2p's gossipsub 0.50
//! (the defaults of its `Config`), most of which go-libp2p-pubsub shares. Each node keeps some of its links
//! in a *mesh* (`gossipsub/mesh.rs`): an item goes whole to all of it, and an own one to all peers (`flood_publish`). Each
//! *heartbeat* the mesh is mended, and a few random peers outside it are told (IHAVE, here announcements) what came within the
//! last [`HISTORY_GOSSIP`] heartbeats; they ask for what they lack (IWANT, here getdata).
//!
//! IDONTWANT (v1.2, here [`Signal::Known`]): whoever gets an item that is larger than `idontwant_bytes` says so to its mesh at
//! once, before the item is checked; whoever hears that in time doesn't send it (`gossipsub/unwanted.rs`). The
//! specification warns of it for small messages. Where checking takes no time, as in the simulator, it saves nothing: the
//! item itself, which goes to the same links, says as much.
//!
//! *Other than there*: no topics, since there is one; no scores, so that whoever does nothing stays in the mesh; no
//! exchange of peers. What a peer is known to have it isn't told of, and of the rest once, where IHAVE lists everything each
//! time; ids in signals have 8 bytes and there 20 or more. So it costs less here. Nothing asks two peers for one item, or
//! more than `requests.in_flight_max`.
//!
//! # Attacks
//! *Silence*: a mesh in which nobody speaks is found out by nobody (scores are what would), and items come by IHAVE, a
//! heartbeat later. *IDONTWANT of everything* keeps from the liar what he doesn't want, and nobody else. *GRAFT*: more than
//! `mesh_n_high` are refused, and [`mesh::OUTBOUND_MIN`] links of the mesh stay ones that we dialled.

pub mod mesh;
mod unwanted;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;

use super::topology::{sample, spread, spread_among};
use super::{Neighbour, RelayCx, Step, Strategy};
use crate::ground::item::{Item, ItemId, ItemKind};
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::params::RelayParams;
use crate::wire::message::Signal;

use mesh::Mesh;
use unwanted::Unwanted;

/// Of how many heartbeats the items are told (`history_gossip`).
pub const HISTORY_GOSSIP: u32 = 3;

/// Least peers outside the mesh that are told at a heartbeat (`gossip_lazy`).
pub const GOSSIP_LAZY: usize = 6;

/// Or, if that is more, one in so many of them (`gossip_factor`, 0.25).
pub const GOSSIP_SHARE: usize = 4;

/// How long a peer that is asked has before another is (`iwant_followup_time`).
pub const IWANT_FOLLOWUP: Duration = Duration::from_secs(3);

/// Most items that are told at a heartbeat; over it the oldest are forgotten. A guess: 340 a second, and a third of a
/// millisecond's work. (`max_control_messages_sent`, 5,000, bounds it there.)
const HISTORY_MAX: usize = 1_024;

/// The strategy.
#[derive(Clone, Debug)]
pub struct Gossipsub {
    mesh: Mesh,
    unwanted: Unwanted,
    /// What came within the last heartbeats.
    history: VecDeque<(Time, ItemId)>,
    /// The next heartbeat: never while there is nothing to do in one.
    next: Time,
}

impl Default for Gossipsub {
    fn default() -> Self {
        let (mesh, unwanted) = (Mesh::default(), Unwanted::default());
        Self { mesh, unwanted, history: VecDeque::new(), next: Time::NEVER }
    }
}

impl Gossipsub {
    /// The links to which items go whole.
    #[must_use]
    pub const fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The heart beats, from a random phase on.
    fn beat(&mut self, cx: &mut RelayCx<'_>) {
        if self.next == Time::NEVER {
            let heartbeat = cx.params.gossipsub.heartbeat();
            self.next = cx.now + heartbeat.mul_f64(cx.rng.random());
        }
    }

    /// The heart beats while the mesh isn't as it should be.
    fn tend(&mut self, cx: &mut RelayCx<'_>) {
        if !self.mesh.is_settled(cx) {
            self.beat(cx);
        }
    }

    /// Tells some peers outside the mesh of what came lately. Whoever hasn't taken what it was to be told before is told
    /// of that first.
    fn gossip(&self, cx: &mut RelayCx<'_>) {
        let is_outside = |neighbour: Neighbour| !self.mesh.contains(neighbour.link);
        let outside = cx.overlay.neighbours().filter(|neighbour| is_outside(*neighbour)).count();
        let told = sample(cx, GOSSIP_LAZY.max(outside / GOSSIP_SHARE), is_outside);
        let overlay = cx.overlay;
        let links = || overlay.neighbours().map(|it| it.link).filter(|link| told.contains(*link));
        for (_, id) in &self.history {
            let lacks = |link: &Link| overlay.waiting(*link) == 0 && !overlay.knows(*link, id);
            cx.steps.extend(links().filter(lacks).map(|link| Step::Hold(link, *id)));
        }
        cx.steps.extend(links().map(Step::Flush));
    }
}

impl Strategy for Gossipsub {
    fn on_link_up(&mut self, neighbour: Neighbour, cx: &mut RelayCx<'_>) {
        self.mesh.on_link_up(neighbour.link, cx);
        self.tend(cx);
    }

    fn on_link_down(&mut self, link: Link, cx: &mut RelayCx<'_>) {
        self.mesh.on_link_down(link);
        self.unwanted.on_link_down(link);
        self.tend(cx);
    }

    fn on_arrived(&mut self, item: &Arc<Item>, link: Link, cx: &mut RelayCx<'_>) {
        let is_large = item.size() as u64 > cx.params.gossipsub.idontwant_bytes;
        if item.kind() == ItemKind::Block || !is_large {
            return;
        }
        let signal = Signal::Known([item.id().into()].into());
        let others = self.mesh.links().filter(|other| *other != link);
        cx.steps.extend(others.map(|other| Step::Signal(other, signal.clone())));
    }

    fn on_accepted(&mut self, item: &Arc<Item>, ingress: Option<Link>, cx: &mut RelayCx<'_>) {
        let id = item.id();
        if id.kind() == ItemKind::Block {
            return cx.announce_block(id);
        }
        if self.history.len() >= HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back((cx.now, id));
        self.beat(cx);
        let whole = |to: Neighbour| Step::Send(to.link, item.clone());
        if ingress.is_none() {
            return spread(cx, id, whole);
        }
        let unwanted = self.unwanted.take(id.into());
        let is_in = |to: Neighbour| self.mesh.contains(to.link) && !unwanted.contains(to.link);
        spread_among(cx, id, is_in, whole);
    }

    fn on_signal(&mut self, link: Link, signal: &Signal, cx: &mut RelayCx<'_>) {
        match signal {
            Signal::Graft => self.mesh.on_graft(link, cx),
            Signal::Prune => self.mesh.on_prune(link, cx.now),
            Signal::Known(ids) => {
                self.unwanted.note(link, ids, cx.now);
                self.beat(cx);
            }
            Signal::Poll | Signal::First(_) => {}
        }
        self.tend(cx);
    }

    fn on_wake(&mut self, cx: &mut RelayCx<'_>) {
        if cx.now < self.next {
            return;
        }
        let heartbeat = cx.params.gossipsub.heartbeat();
        let is_old = |at: Time| cx.now.since(at) >= HISTORY_GOSSIP * heartbeat;
        while self.history.pop_front_if(|(at, _)| is_old(*at)).is_some() {}
        self.unwanted.expire(cx.now);
        self.mesh.mend(cx);
        if self.history.is_empty() {
            self.history = VecDeque::new();
        } else {
            self.gossip(cx);
        }
        // Those that were slept through are left out.
        let is_over = self.history.is_empty() && self.unwanted.is_empty();
        let sleeps = is_over && self.mesh.is_settled(cx);
        self.next = if sleeps { Time::NEVER } else { cx.now + heartbeat };
    }

    fn deadline(&self) -> Time {
        self.next
    }

    fn keeps(&self, link: Link) -> bool {
        self.mesh.keeps(link) || self.unwanted.keeps(link)
    }

    fn patience(&self, _params: &RelayParams) -> Option<Duration> {
        Some(IWANT_FOLLOWUP)
    }

    fn takes_unasked(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
