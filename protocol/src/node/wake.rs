//! What is due when a deadline has passed.

use super::Node;
use crate::ground::time::Time;
use crate::machine::Cx;
use crate::peers::ping::Due;
use crate::record::ItemEvent;
use crate::relay::Strategy as _;
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

/// Once so many actions came of a wake-up it ends, and what else is due is due at once. A guess: a hundred microseconds'
/// work at least.
const ACTIONS_MAX: usize = 64;

/// Whether what was woken did as much as one input deals with: it has more to do at once, or much came of it.
pub(super) fn is_much_done(next: Time, actions_before: usize, cx: &Cx<'_>) -> bool {
    next <= cx.now || cx.actions.len() > actions_before + ACTIONS_MAX
}

impl Node {
    pub(super) fn on_wake(&mut self, cx: &mut Cx<'_>) -> Reach {
        let reach = if cx.now < self.rest_at { Reach::Tidings } else { Reach::Everything };
        let is_all_due = reach == Reach::Everything;
        // Whoever does much ends the wake-up, and the next one begins with the others.
        let before = cx.actions.len();
        let mut is_much = false;
        if !(is_all_due && self.is_rest_first) {
            self.strategy_due(cx);
            is_much = is_much_done(self.strategy.deadline(), before, cx);
            if !is_much {
                self.wake_swift_parts(cx);
                is_much = is_much_done(self.swift_at(), before, cx);
            }
        }
        self.is_rest_first = is_much;
        if is_all_due && !self.is_rest_first {
            self.wake_parts(cx);
        }
        reach
    }

    /// The earliest deadline of the strategy and the swift parts.
    pub(super) fn tidings_at(&self) -> Time {
        self.strategy.deadline().min(self.swift_at())
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
        let (links, health, round) = (&self.links, &self.health, self.rounds.now());
        let standing = |link| links.get(link).map(|state| state.standing(link, health, round));
        self.peers.on_wake(&|link| standing(link).unwrap_or_default(), cx);
    }
}
