//! Which links of the set are to go: for what a feeler found (one of no use first), and once the set is larger than it should be.

use rand::seq::IteratorRandom as _;

use super::eviction::{Candidate, Standing};
use super::feeler::Leaving;
use super::table::{Peer, Place};
use super::useless;
use super::{Peers, Rare};
use crate::ground::link::{Direction, Link};
use crate::limits::misbehavior::Fault;
use crate::machine::Cx;

impl Peers {
    /// Of a feeler that has stayed for long enough and the links of the set, the one that is to go;
    /// `None` if there is room for all.
    pub(super) fn find_exchanged(&mut self, cx: &mut Cx<'_>) -> Option<Link> {
        if !self.feeler.is_over(cx.now) {
            return None;
        }
        let feeler = self.feeler.take_over(cx.now)?;
        let links = self.table.census().links[Direction::Outbound as usize];
        if links <= cx.params.outbound() {
            self.settle(cx);
            return None;
        }
        let found = self.table.get(feeler).is_some_and(Peer::is_ready);
        if !found || self.shares_group(feeler) {
            return Some(feeler);
        }
        if let Some(useless) = self.take_useless(feeler, cx) {
            return Some(useless);
        }
        let leaves = match self.feeler.take_rotation(cx) {
            Some(Leaving::Any) => self.draw_ordinary(Some(feeler), cx),
            Some(Leaving::Oldest) => self.oldest_ordinary(feeler),
            None => None,
        };
        Some(leaves.unwrap_or(feeler))
    }

    /// A link of no use that another is to take the place of, if one may.
    pub(super) fn find_useless(
        &self,
        standing: &dyn Fn(Link) -> Standing,
        cx: &Cx<'_>,
    ) -> Option<(Link, Fault)> {
        let params = &cx.params.peers;
        let rests = |rare: &Rare| !rare.replacing.is_due(cx.now);
        if params.useless_s == 0 || self.rare.as_deref().is_some_and(rests) {
            return None;
        }
        useless::find(&self.set(standing), cx.now)
    }

    /// The links of the set, as far as they are compared.
    pub(super) fn set(&self, standing: &dyn Fn(Link) -> Standing) -> Vec<Candidate> {
        let ordinary = self.ordinary(None);
        let candidate = |(link, peer): (Link, &Peer)| Candidate {
            link,
            since: peer.since,
            standing: standing(link),
        };
        ordinary.map(candidate).collect()
    }

    /// The link of no use for whose place the feeler was dialled, if it is still there.
    fn take_useless(&mut self, feeler: Link, cx: &Cx<'_>) -> Option<Link> {
        let (link, _) = self.rare.as_ref()?.replacing.aimed()?;
        let is_there = self.ordinary(Some(feeler)).any(|(other, _)| other == link);
        if !is_there {
            return None;
        }
        self.rare.get_or_insert_default().replacing.spend(cx.now, &cx.params.peers);
        Some(link)
    }

    /// Of the links beside the set one that is to go, when the anchors' time is over. It may be any: what an anchor was good
    /// for is done.
    pub(super) fn find_beside(&mut self, cx: &mut Cx<'_>) -> Option<Link> {
        if !self.outbound.anchors().are_over(cx.now) {
            return None;
        }
        let links = self.table.census().links[Direction::Outbound as usize];
        if links - usize::from(self.feeler.is_up()) > cx.params.outbound()
            && let Some(link) = self.draw_ordinary(None, cx)
        {
            return Some(link);
        }
        self.outbound.anchors_mut().end();
        self.settle(cx);
        None
    }

    /// A random link of the set.
    fn draw_ordinary(&self, but: Option<Link>, cx: &mut Cx<'_>) -> Option<Link> {
        self.ordinary(but).choose(cx.rng).map(|(link, _)| link)
    }

    /// The link of the set that has been there for longest.
    fn oldest_ordinary(&self, but: Link) -> Option<Link> {
        self.ordinary(Some(but)).min_by_key(|(_, peer)| peer.since).map(|(link, _)| link)
    }

    /// The ready links of the set, feelers and one other aside.
    fn ordinary(&self, but: Option<Link>) -> impl Iterator<Item = (Link, &Peer)> {
        self.table.iter().filter(move |(link, peer)| {
            let is_other = Some(*link) != but && !self.feeler.is(*link);
            is_other && peer.place == Place::Outbound && peer.is_ready()
        })
    }

    /// Whether another link of our choice leads to the group of this one.
    fn shares_group(&self, link: Link) -> bool {
        let group = |peer: &Peer| peer.dialled.and_then(|addr| self.book.group_of(addr));
        let own = self.table.get(link).and_then(group);
        let is_chosen = |peer: &Peer| peer.place != Place::Inbound;
        let mut others =
            self.table.iter().filter(|(other, peer)| *other != link && is_chosen(peer));
        own.is_some() && others.any(|(_, peer)| group(peer) == own)
    }
}
