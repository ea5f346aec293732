//! Reading ahead of an input, for a driver of very many nodes.
//!
//! A million nodes lie in memory, not in the processor's caches, and an input touches some twenty cache
//! lines of its node: waiting for one after the other is most of what it costs. A driver that knows the
//! next few inputs can have them read together, which takes hardly longer than reading one. These functions
//! read and change nothing; the sums that they return only keep the reads from being optimised away.

use super::Node;
use crate::link::Link;
use crate::machine::Machine as _;
use crate::message::Message;

impl Node {
    /// Reads what any input touches: what the node itself holds.
    #[must_use]
    pub fn warm(&self) -> u64 {
        let traffic = &self.counters.received;
        let parts = [self.seen.len(), self.requests.len(), self.links.len(), self.pool.len()];
        parts.into_iter().sum::<usize>() as u64
            + traffic.messages[0]
            + traffic.bytes[0]
            + self.deadline().as_nanos() % 2
    }

    /// Reads what a message touches: what is kept of its link and of the item that it is about.
    #[must_use]
    pub fn warm_for(&self, link: Link, message: &Message) -> u64 {
        let state = self.links.get(link);
        let link_state = state.map_or(0, |state| u64::from(state.ready) + state.serving.len() as u64);
        let known = match message {
            Message::Announce { ids, .. } | Message::GetData { ids, .. } => {
                ids.first().is_some_and(|id| self.seen.contains(id))
            }
            Message::Item(item) => self.requests.is_wanted(&item.id()),
            Message::Hello(_)
            | Message::Ping { .. }
            | Message::Pong { .. }
            | Message::GetAddresses
            | Message::Addresses(_)
            | Message::NotFound { .. }
            | Message::Unknown { .. } => false,
        };
        link_state + u64::from(known)
    }
}
