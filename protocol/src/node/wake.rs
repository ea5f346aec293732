//! What is due when a deadline has passed.

use super::Node;
use crate::machine::Cx;
use crate::peers::ping::Due;
use crate::record::ItemEvent;
use crate::wire::message::Session;

/// What an input may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// What peers are known to have, and what they will be told: the deadlines of the swift parts and of the strategy
    /// at most, and nothing that has to be settled before the input is finished.
    Tidings,
    /// Anything.
    Everything,
}

impl Node {
    pub(super) fn on_wake(&mut self, cx: &mut Cx<'_>) -> Reach {
        let reach = if cx.now < self.rest_at { Reach::Tidings } else { Reach::Everything };
        self.strategy_due(cx);
        self.wake_swift_parts(cx);
        if reach == Reach::Everything {
            self.wake_parts(cx);
        }
        reach
    }

    /// Pings are due, or answers to them are overdue.
    pub(super) fn ping_due(&mut self, cx: &mut Cx<'_>) {
        let mut due = Vec::new();
        let health = &cx.params.health;
        self.health.on_wake(cx.now, health, cx.rng, |link, what| due.push((link, what)));
        for (link, what) in due {
            match what {
                Due::Ping(nonce) => self.send(link, Session::Ping { nonce }, cx),
                Due::Close(why) => self.disconnect(link, why, cx),
            }
        }
    }

    /// Requests ran out of time.
    pub(super) fn requests_due(&mut self, cx: &Cx<'_>) {
        let Self { requests, record, .. } = self;
        let ran_out = |link, id| record.note(link, id, ItemEvent::Expired, cx.now);
        requests.on_wake(cx.now, &cx.params.requests, ran_out);
    }

    /// Somebody is to be dialled, or told of addresses.
    pub(super) fn peers_due(&mut self, cx: &mut Cx<'_>) {
        self.peers.on_wake(cx);
    }
}
