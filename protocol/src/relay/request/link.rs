//! What the requests know of one link.

use std::time::Duration;

use super::reliability::Reliability;
use super::wanted::Wanted;
use crate::ground::backlog::Backlog;
use crate::ground::item::{ItemKind, ShortId};
use crate::ground::link::{Direction, Link};
use crate::ground::map::Map;
use crate::ground::time::Time;
use crate::params::RequestParams;

#[derive(Clone, Debug)]
pub(super) struct LinkRequests {
    pub(super) direction: Direction,
    /// It has delivered something that we had asked it for.
    pub(super) has_delivered: bool,
    txs: Lane,
    /// Wanted items that it announced without being asked at once, or was asked for in vain. Those that came or were forgotten since stay for
    /// a while: there are at most as many of them as of the others, and [`SPARE`].
    remembered: Backlog<ShortId>,
    /// What most links don't have.
    rest: Option<Box<Rest>>,
}

/// What was announced of one kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    /// Wanted items that this link announced.
    pub(super) announced: u32,
    /// Items asked from this link.
    pub(super) in_flight: u32,
    /// None are asked for at present: see [`super::room`].
    pub(super) is_withheld: bool,
    /// Items to ask for when something in flight has arrived. Those got elsewhere meanwhile are skipped when they come
    /// to the front: there are at most as many of them as of the others, and [`SPARE`].
    pub(super) waiting: Backlog<ShortId>,
}

/// Blocks, and what it failed to deliver.
#[derive(Clone, Debug, Default)]
struct Rest {
    blocks: Lane,
    reliability: Reliability,
    /// Items asked for in vain, the oldest first: they may yet come. At most `in_flight_max`.
    late: Backlog<ShortId>,
    /// There were more. Any item may be one of them: that a peer is slow is no offence.
    has_more: bool,
}

/// Of a link that announced no block.
static NO_BLOCKS: Lane =
    Lane { announced: 0, in_flight: 0, is_withheld: false, waiting: Backlog::EMPTY };

/// So many remembered or waiting items may have come since before they are looked through.
const SPARE: usize = 32;

impl LinkRequests {
    pub(super) fn new(direction: Direction) -> Self {
        let (txs, remembered) = (Lane::default(), Backlog::default());
        Self { direction, has_delivered: false, txs, remembered, rest: None }
    }

    pub(super) fn lane(&self, kind: ItemKind) -> &Lane {
        match kind {
            ItemKind::Tx => &self.txs,
            ItemKind::Block => self.rest.as_ref().map_or(&NO_BLOCKS, |rest| &rest.blocks),
        }
    }

    pub(super) fn lane_mut(&mut self, kind: ItemKind) -> &mut Lane {
        match kind {
            ItemKind::Tx => &mut self.txs,
            ItemKind::Block => &mut self.rest.get_or_insert_default().blocks,
        }
    }

    /// Items of both kinds that were asked from it.
    pub(super) fn in_flight(&self) -> usize {
        self.txs.in_flight as usize + self.lane(ItemKind::Block).in_flight as usize
    }

    /// Whether something more of a kind may be asked from it.
    pub(super) fn has_room(&self, kind: ItemKind, params: &RequestParams) -> bool {
        let lane = self.lane(kind);
        !lane.is_withheld && (lane.in_flight as usize) < params.in_flight_max(kind)
    }

    /// Most wanted items of a kind that are remembered of it, where all links together have announced as many as there is
    /// room for, or not.
    pub(super) fn remembered_max(
        &self,
        kind: ItemKind,
        is_crowded: bool,
        params: &RequestParams,
    ) -> usize {
        let max = params.announced_max(kind);
        if is_crowded { max.min(params.in_flight_max(kind)) } else { max }
    }

    /// Most that are granted to it.
    pub(super) fn granted_max(
        &self,
        kind: ItemKind,
        is_crowded: bool,
        params: &RequestParams,
    ) -> usize {
        self.remembered_max(kind, is_crowded || self.is_staller(), params)
    }

    /// Whether others are to be asked before it.
    pub(super) fn is_staller(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.reliability.is_staller())
    }

    /// A request ran out.
    pub(super) fn strike(&mut self, now: Time, timeout: Duration) {
        self.rest.get_or_insert_default().reliability.strike(now, timeout);
    }

    /// It delivered something that we had asked it for.
    pub(super) fn deliver(&mut self) {
        self.has_delivered = true;
        if let Some(rest) = &mut self.rest {
            rest.reliability.deliver();
        }
    }

    /// Remembers that the peer was asked for an item in vain.
    pub(super) fn expect_late(&mut self, id: ShortId, params: &RequestParams) {
        let rest = self.rest.get_or_insert_default();
        if rest.late.len() >= params.in_flight_max {
            rest.late.pop_front();
            rest.has_more = true;
        }
        rest.late.push_back(id);
    }

    /// Whether the peer was asked for an item in vain.
    pub(super) fn expects_late(&self, id: ShortId) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.has_more || rest.late.contains(&id))
    }

    /// Lets an item wait for something in flight to arrive.
    pub(super) fn queue_up(
        &mut self,
        link: Link,
        id: ShortId,
        kind: ItemKind,
        wanted: &Map<ShortId, Wanted>,
    ) {
        let lane = self.lane_mut(kind);
        if lane.waiting.len() >= 2 * lane.announced as usize + SPARE {
            let waits = |wanted: &Wanted| wanted.announcer(link).is_some_and(|it| it.is_waiting);
            lane.waiting.retain(|id| wanted.get(id).is_some_and(waits));
        }
        lane.waiting.push_back(id);
    }

    /// Notes a wanted item that the link announced.
    pub(super) fn remember(&mut self, link: Link, id: ShortId, wanted: &Map<ShortId, Wanted>) {
        let announced = self.txs.announced + self.lane(ItemKind::Block).announced;
        if self.remembered.len() >= 2 * announced as usize + SPARE {
            self.remembered
                .retain(|id| wanted.get(id).is_some_and(|wanted| wanted.announcer(link).is_some()));
        }
        self.remembered.push_back(id);
    }

    /// All that it announced and isn't asked for.
    pub(super) fn take_remembered(&mut self) -> impl Iterator<Item = ShortId> {
        self.remembered.take().into_iter()
    }
}
