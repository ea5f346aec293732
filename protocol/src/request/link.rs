//! What the requests know of one link.

use std::collections::VecDeque;

use super::Wanted;
use super::standing::Standing;
use crate::item::ShortId;
use crate::link::Direction;
use crate::map::{Map, Salt};
use crate::params::RequestParams;

#[derive(Clone, Debug)]
pub(super) struct LinkRequests {
    pub(super) direction: Direction,
    pub(super) standing: Standing,
    /// Decides whose turn it is among equals.
    pub(super) secret: Salt,
    /// Wanted items that this link announced.
    pub(super) announced: usize,
    /// Items asked from this link.
    pub(super) in_flight: usize,
    /// Items to ask for when something in flight has arrived. Those got elsewhere meanwhile stay until
    /// they come to the front or there are `announced_max`, and are skipped.
    pub(super) waiting: VecDeque<ShortId>,
    /// Items asked for in vain, the oldest first: they may yet come. At most `in_flight_max`.
    pub(super) late: VecDeque<ShortId>,
}

impl LinkRequests {
    pub(super) fn new(direction: Direction, secret: Salt) -> Self {
        Self {
            direction,
            standing: Standing::default(),
            secret,
            announced: 0,
            in_flight: 0,
            waiting: VecDeque::new(),
            late: VecDeque::new(),
        }
    }

    /// Remembers that the peer was asked for an item in vain.
    pub(super) fn expect_late(&mut self, id: ShortId, params: &RequestParams) {
        if self.late.len() >= params.in_flight_max {
            self.late.pop_front();
        }
        self.late.push_back(id);
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
