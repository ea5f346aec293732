//! The mesh: the links to which items go whole, the same at both ends.
//!
//! A link joins while there are fewer than `mesh_n_low`, and at a heartbeat until there are `mesh_n`; whoever has
//! `mesh_n_high` refuses, and falls back to `mesh_n` at its next heartbeat, of which [`OUTBOUND_MIN`] at least are links that
//! we dialled, so that nobody fills a mesh by dialling. Each side tells the other (GRAFT, PRUNE); whoever was pruned isn't
//! grafted again, and isn't let in, for [`BACKOFF`].

use std::time::Duration;

use super::super::topology::sample;
use super::super::{Neighbour, RelayCx, Step};
use crate::ground::link::{Direction, Link, LinkSet, LinkTable};
use crate::ground::time::Time;
use crate::wire::message::Signal;

/// Least links of the mesh that we dialled (`mesh_outbound_min`).
pub const OUTBOUND_MIN: usize = 2;

/// For how long a link that was pruned stays out of the mesh (`prune_backoff`).
pub const BACKOFF: Duration = Duration::from_secs(60);

/// The links that are in the mesh, and those that may not be.
#[derive(Clone, Debug, Default)]
pub struct Mesh(LinkTable<Place>);

/// A link is in the mesh, or stays outside until a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Inside,
    OutsideUntil(Time),
}

impl Mesh {
    /// Whether items go whole to a link.
    #[must_use]
    pub fn contains(&self, link: Link) -> bool {
        self.0.get(link) == Some(&Place::Inside)
    }

    /// The links to which items go whole.
    pub fn links(&self) -> impl Iterator<Item = Link> {
        self.0.iter().filter(|(_, place)| **place == Place::Inside).map(|(link, _)| link)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.links().count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A link is ready.
    pub(super) fn on_link_up(&mut self, link: Link, cx: &mut RelayCx<'_>) {
        if self.len() < cx.params.gossipsub.mesh_n_low {
            self.graft(link, cx);
        }
    }

    /// A link is gone.
    pub(super) fn on_link_down(&mut self, link: Link) {
        self.0.remove(link);
    }

    /// A peer has us in its mesh.
    pub(super) fn on_graft(&mut self, link: Link, cx: &mut RelayCx<'_>) {
        if self.contains(link) {
            return;
        }
        if self.len() >= cx.params.gossipsub.mesh_n_high || !self.may_join(link, cx.now) {
            return self.prune(link, cx);
        }
        self.0.insert(link, Place::Inside);
    }

    /// A peer has us in its mesh no more.
    pub(super) fn on_prune(&mut self, link: Link, now: Time) {
        self.0.insert(link, Place::OutsideUntil(now + BACKOFF));
    }

    /// A heartbeat: a mesh that is too small or too large comes to the size that it is to have.
    pub(super) fn mend(&mut self, cx: &mut RelayCx<'_>) {
        let params = &cx.params.gossipsub;
        let size = self.len();
        if size < params.mesh_n_low {
            self.graft_some(params.mesh_n - size, cx, |_| true);
        } else if size >= params.mesh_n_high && size > params.mesh_n {
            self.shrink(cx);
        }
        let outbound = self.links_dialled(cx);
        if self.len() >= params.mesh_n_low && outbound < OUTBOUND_MIN {
            self.graft_some(OUTBOUND_MIN - outbound, cx, is_dialled);
        }
    }

    /// Whether a heartbeat would find nothing to do, now or when somebody's time outside is over.
    pub(super) fn is_settled(&self, cx: &RelayCx<'_>) -> bool {
        let (size, params) = (self.len(), &cx.params.gossipsub);
        let mut outside = cx.overlay.neighbours().filter(|it| !self.contains(it.link));
        if size < params.mesh_n_low {
            outside.next().is_none()
        } else if size >= params.mesh_n_high && size > params.mesh_n {
            false
        } else {
            self.links_dialled(cx) >= OUTBOUND_MIN || !outside.any(is_dialled)
        }
    }

    /// Whether anything is kept of a link.
    pub(super) fn keeps(&self, link: Link) -> bool {
        self.0.get(link).is_some()
    }

    fn may_join(&self, link: Link, now: Time) -> bool {
        match self.0.get(link) {
            None => true,
            Some(Place::Inside) => false,
            Some(Place::OutsideUntil(at)) => *at <= now,
        }
    }

    fn links_dialled(&self, cx: &RelayCx<'_>) -> usize {
        let inside = cx.overlay.neighbours().filter(|neighbour| self.contains(neighbour.link));
        inside.filter(|neighbour| is_dialled(*neighbour)).count()
    }

    fn graft_some(&mut self, most: usize, cx: &mut RelayCx<'_>, suits: fn(Neighbour) -> bool) {
        let now = cx.now;
        let drawn = sample(cx, most, |it| suits(it) && self.may_join(it.link, now));
        for link in among(&drawn, cx) {
            self.graft(link, cx);
        }
    }

    /// Random links leave, but the last that we dialled.
    fn shrink(&mut self, cx: &mut RelayCx<'_>) {
        let most = cx.params.gossipsub.mesh_n;
        let inside = |it: Neighbour| self.contains(it.link);
        let dialled = sample(cx, OUTBOUND_MIN.min(most), |it| inside(it) && is_dialled(it));
        let rest = most - dialled.len() as usize;
        let others = sample(cx, rest, |it| inside(it) && !dialled.contains(it.link));
        let stays = |link: &Link| dialled.contains(*link) || others.contains(*link);
        let leaving: Vec<_> = self.links().filter(|link| !stays(link)).collect();
        leaving.into_iter().for_each(|link| self.prune(link, cx));
    }

    fn graft(&mut self, link: Link, cx: &mut RelayCx<'_>) {
        self.0.insert(link, Place::Inside);
        cx.step(Step::Signal(link, Signal::Graft));
    }

    fn prune(&mut self, link: Link, cx: &mut RelayCx<'_>) {
        self.0.insert(link, Place::OutsideUntil(cx.now + BACKOFF));
        cx.step(Step::Signal(link, Signal::Prune));
    }
}

fn is_dialled(neighbour: Neighbour) -> bool {
    neighbour.direction == Direction::Outbound
}

fn among(drawn: &LinkSet, cx: &RelayCx<'_>) -> Vec<Link> {
    let links = cx.overlay.neighbours().map(|neighbour| neighbour.link);
    links.filter(|link| drawn.contains(*link)).collect()
}
