//! What the requests know of one link.

use std::time::Duration;

use super::Wanted;
use super::reliability::Reliability;
use crate::ground::backlog::Backlog;
use crate::ground::item::ShortId;
use crate::ground::link::Direction;
use crate::ground::map::Map;
use crate::ground::time::Time;
use crate::params::RequestParams;

#[derive(Clone, Debug)]
pub(super) struct LinkRequests {
    pub(super) direction: Direction,
    /// It has delivered something that we asked it for.
    pub(super) has_delivered: bool,
    /// Wanted items that this link announced.
    pub(super) announced: u32,
    /// Items asked from this link.
    pub(super) in_flight: u32,
    /// Items to ask for when something in flight has arrived. Those got elsewhere meanwhile stay until
    /// they come to the front or there are `announced_max`, and are skipped.
    pub(super) waiting: Backlog<ShortId>,
    /// What it failed to deliver; most links fail never.
    record: Option<Box<Record>>,
}

/// What a peer failed to deliver.
#[derive(Clone, Debug, Default)]
struct Record {
    reliability: Reliability,
    /// Items asked for in vain, the oldest first: they may yet come. At most `in_flight_max`.
    late: Backlog<ShortId>,
    /// There were more. Any item may be one of them: that a peer is slow is no offence.
    has_more: bool,
}

impl LinkRequests {
    pub(super) fn new(direction: Direction) -> Self {
        let waiting = Backlog::default();
        Self { direction, has_delivered: false, announced: 0, in_flight: 0, waiting, record: None }
    }

    /// Whether something more may be asked from it.
    pub(super) const fn has_room(&self, params: &RequestParams) -> bool {
        (self.in_flight as usize) < params.in_flight_max
    }

    /// Most wanted items that are remembered of it.
    pub(super) fn announced_max(&self, params: &RequestParams) -> usize {
        let max = params.announced_max;
        if self.is_staller() { max.min(params.in_flight_max) } else { max }
    }

    /// Whether others are to be asked before it.
    pub(super) fn is_staller(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.reliability.is_staller())
    }

    /// A request ran out.
    pub(super) fn strike(&mut self, now: Time, timeout: Duration) {
        self.record.get_or_insert_default().reliability.strike(now, timeout);
    }

    /// It delivered something that we had asked it for.
    pub(super) fn deliver(&mut self) {
        self.has_delivered = true;
        if let Some(record) = &mut self.record {
            record.reliability.deliver();
        }
    }

    /// Remembers that the peer was asked for an item in vain.
    pub(super) fn expect_late(&mut self, id: ShortId, params: &RequestParams) {
        let record = self.record.get_or_insert_default();
        if record.late.len() >= params.in_flight_max {
            record.late.pop_front();
            record.has_more = true;
        }
        record.late.push_back(id);
    }

    /// Whether the peer was asked for an item in vain.
    pub(super) fn expects_late(&self, id: ShortId) -> bool {
        self.record.as_ref().is_some_and(|record| record.has_more || record.late.contains(&id))
    }

    /// Lets an item wait for something in flight to arrive.
    pub(super) fn queue_up(
        &mut self,
        id: ShortId,
        wanted: &Map<ShortId, Wanted>,
        params: &RequestParams,
    ) {
        if self.waiting.len() >= params.announced_max {
            self.waiting.retain(|id| wanted.contains(id));
        }
        self.waiting.push_back(id);
    }
}
