//! What is due, and when the next thing will be.
//!
//! Most inputs are announcements of what is known and wake-ups to announce something. They change nothing of
//! most parts of a node, whose deadlines are therefore kept as one moment: it is found anew only after inputs
//! that may have changed it, and before it comes a wake-up looks at no more than announcer and strategy.

use super::Node;
use crate::ground::item::ItemKind;
use crate::ground::time::Time;
use crate::machine::{Action, Cx};
use crate::peers::ping::Due;
use crate::record::{Manner, What};
use crate::relay::announce::Form;
use crate::relay::{AnyStrategy, Strategy as _};
use crate::wire::message::Message;

/// What an input may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// What peers are known to have, and what they will be told: the deadlines of announcer and strategy at
    /// most, and nothing that has to be settled before the input is finished.
    Tidings,
    /// Anything.
    Everything,
}

impl Node {
    pub(super) fn on_wake(&mut self, cx: &mut Cx<'_>) -> Reach {
        let now = cx.now;
        if now < self.rest_at {
            self.strategy_due(cx);
            self.announce_due(cx);
            return Reach::Tidings;
        }
        let mut closing = Vec::new();
        let actions = &mut *cx.actions;
        self.health.on_wake(now, &cx.params.health, cx.rng, |link, due| match due {
            Due::Ping(nonce) => {
                actions.push(Action::Send { link, message: Message::Ping { nonce } });
            }
            Due::Close(why) => closing.push((link, why)),
        });
        for (link, why) in closing {
            self.disconnect(link, why, cx);
        }
        let record = &mut self.record;
        let ran_out = |link, id| record.note(link, id, What::Expired, now);
        self.requests.on_wake(now, &cx.params.requests, ran_out);
        self.pool.on_wake(now);
        self.expire_orphans(cx);
        if self.peers.deadline() <= now {
            self.peers.on_wake(cx);
        }
        self.strategy_due(cx);
        self.compare_due(cx);
        self.tell_fee_filter(cx);
        self.relay_due(cx);
        self.announce_again(cx);
        self.announce_due(cx);
        self.serve_due(cx);
        Reach::Everything
    }

    /// Lets the strategy do what is due.
    fn strategy_due(&mut self, cx: &mut Cx<'_>) {
        if self.strategy.deadline() <= cx.now {
            self.relay(cx, AnyStrategy::on_wake);
        }
    }

    /// Sends the batches that are due.
    fn announce_due(&mut self, cx: &mut Cx<'_>) {
        let Self { announcer, seen, .. } = self;
        let mut due = Vec::new();
        announcer.on_wake(
            cx.now,
            &cx.params.relay,
            |link, id| seen.knows(id, link),
            |link, batch| due.push((link, batch)),
        );
        for (link, mut batch) in due {
            if let [(id, Form::Id)] = batch[..] {
                self.announce(link, ItemKind::Tx, &[id], Manner::Batch, cx);
                continue;
            }
            for (id, _) in batch.extract_if(.., |(_, form)| *form == Form::Whole) {
                self.send_now(link, id, Manner::Batch, cx);
            }
            let ids: Vec<_> = batch.into_iter().map(|(id, _)| id).collect();
            self.announce(link, ItemKind::Tx, &ids, Manner::Batch, cx);
        }
    }

    /// The earliest deadline of all parts but the announcer and the strategy.
    pub(super) fn find_rest_at(&self) -> Time {
        let parts = [
            self.requests.deadline(),
            self.health.deadline(),
            self.peers.deadline(),
            self.pool.deadline(),
            self.unbroadcast.deadline(),
            self.fee_filter.deadline(),
            self.quota_at,
            self.safety_net.deadline(),
            self.serve_at,
            self.orphans.as_ref().map_or(Time::NEVER, |orphans| orphans.deadline()),
        ];
        parts.into_iter().fold(Time::NEVER, Time::min)
    }
}
