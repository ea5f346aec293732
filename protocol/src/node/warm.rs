//! Reading ahead of an input, for a driver of very many nodes.
//!
//! A million nodes lie in memory, not in the processor's caches, and an input touches some ten to forty cache
//! lines of its node: waiting for one after the other is most of what it costs. A driver that knows the
//! next few inputs can have them read together, which takes hardly longer than reading one: of all nodes
//! [`Node::warm`] first, then what that leads to. These functions read and change nothing; the numbers that they
//! return only keep the reads from being optimised away.

use super::Node;
use crate::ground::item::Name;
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::machine::{Machine as _, Part as _};
use crate::relay::Strategy as _;
use crate::wire::kinds::MessageKind;
use crate::wire::message::{Items, Message};

impl Node {
    /// Reads what any input touches of the node itself.
    #[must_use]
    pub fn warm(&self) -> u64 {
        let Self { links, seen, counters, .. } = self;
        let counts = [
            counters.traffic.sent(MessageKind::Announce).messages,
            counters.traffic.received(MessageKind::Announce).messages,
            counters.duplicate_announcements,
        ];
        let sum = links.slots() as u64 ^ seen.warm_head() ^ self.deadline().as_nanos();
        counts.into_iter().fold(sum, |sum, count| sum ^ count)
    }

    /// Reads what a message on a link touches besides.
    #[must_use]
    pub fn warm_message(&self, link: Link, message: &Message) -> u64 {
        let state = self.links.get(link).map_or(0, |state| {
            u64::from(state.ready) ^ state.budget.warm() ^ state.closing.is_some() as u64
        });
        let state = state ^ self.strategy.warm(link);
        let known = |name: Name| match self.seen.contains(name) {
            true => {
                let waits = self.announcer.warm() ^ self.announcer.warm_link(link);
                waits ^ self.seen.warm() ^ self.anti_entropy.warm()
            }
            false => self.requests.in_flight(link) as u64 ^ self.warm_rest(),
        };
        let rest = match message {
            Message::Items(Items::Announce(names)) => names.iter().next().map_or(0, known),
            Message::Items(Items::Item(item)) if self.seen.contains(item.id()) => {
                self.requests.len() as u64 ^ self.seen.warm()
            }
            Message::Items(Items::Item(item)) => {
                u64::from(self.requests.was_asked(link, item.id())) ^ self.warm_rest()
            }
            Message::Items(Items::GetData(names)) => {
                let item = names.iter().next().and_then(|name| self.pool.find(name));
                let size = item.map_or(0, |item| item.size());
                (size ^ self.serving.waiting(link)) as u64 ^ self.warm_rest()
            }
            Message::Reconcile(_) => self.anti_entropy.warm_kept() ^ self.warm_rest(),
            _ => self.serving.waiting(link) as u64 ^ self.warm_rest(),
        };
        state ^ rest
    }

    /// Reads what a wake-up touches first besides: what says on which links something is due.
    #[must_use]
    pub fn warm_wake(&self) -> u64 {
        self.announcer.warm() ^ self.seen.warm() ^ self.fee_filter.warm()
    }

    /// Reads what a wake-up at a moment touches then, and tells of the links on which something is due. What that is decides
    /// where the processor goes on: so it should have been read by [`Node::warm_wake`], for all nodes.
    #[must_use]
    pub fn warm_due(&self, now: Time, mut due: impl FnMut(Link) -> u64) -> u64 {
        let is_all_due = now >= self.rest_at;
        let rest = if is_all_due { self.anti_entropy.warm_kept() ^ self.warm_rest() } else { 0 };
        let mut allowed =
            |link| due(link) ^ self.links.get(link).map_or(0, |state| state.allowance.warm());
        self.announcer.warm_due(now, &mut allowed) ^ rest
    }

    /// Reads what spreading an item touches besides.
    #[must_use]
    pub fn warm_spread(&self) -> u64 {
        let first = self.ready.first().map(|neighbour| neighbour.link);
        let queue = first.map_or(0, |link| self.announcer.warm_link(link));
        queue ^ self.announcer.warm() ^ self.warm_rest()
    }

    /// Reads what inputs touch that have to do with all parts.
    #[must_use]
    pub fn warm_rest(&self) -> u64 {
        let lens = [
            self.ready.len(),
            self.requests.len(),
            self.verification.len(),
            self.pool.len(),
            self.blocks.len(),
        ];
        let times = [self.health.deadline(), self.anti_entropy.deadline(), self.serving.deadline()];
        let counts = self.counters.accepted ^ self.counters.requests;
        let lens = lens.into_iter().fold(counts, |sum, len| sum ^ len as u64);
        let times = times.into_iter().fold(lens, |sum, time| sum ^ time.as_nanos());
        times ^ self.find_rest_at().as_nanos() ^ self.seen.warm() ^ self.peers.warm()
    }
}
