//! Memory is fetched before it is needed.
//!
//! A large network doesn't fit the processor's caches, and each event concerns another node: left alone,
//! a simulator waits for memory most of the time, one cache line after another. The queue knows the next
//! events. Reading a little of each thing that they need, all nodes first, then what these point to, lets
//! the processor fetch them together. Nothing is changed by it.

use std::hint::black_box;

use tidings_protocol::ground::link::Link;
use tidings_protocol::ground::time::Time;
use tidings_protocol::wire::message::{Items, Message, Names};

use super::state::{Entry, Event, Seat, World};

/// Events looked ahead: more cache lines than the processor can fetch at once, and few enough that they
/// are all still in its caches when they are needed.
pub(super) const AHEAD: usize = 32;

/// Networks of fewer nodes fit the caches.
const NODES_MIN: usize = 2_000;

impl World {
    /// Once for every few events, reads what they need.
    pub(super) fn fetch_ahead(&mut self, until: Time) {
        if self.fetched > 0 {
            self.fetched -= 1;
            return;
        }
        if self.seats.len() < NODES_MIN || self.queue.look_ahead(until).is_none() {
            return;
        }
        let next = || self.queue.next_events(AHEAD);
        let nodes =
            next().fold(0, |sum, (_, entry)| sum ^ self.warm_node(entry.node) ^ entry.event.warm());
        let rest = next().fold(0, |sum, (_, entry)| sum ^ self.warm_rest(entry));
        let due = next().fold(0, |sum, (at, entry)| sum ^ self.warm_due(at, entry));
        black_box(nodes ^ rest ^ due);
        self.fetched = next().len() - 1;
    }

    /// Reads nodes that are about to be linked.
    pub(super) fn fetch_nodes(&self, nodes: impl Iterator<Item = u32>) {
        let warm_all = |node| self.warm_node(node) ^ self.seats[node as usize].node.warm_rest();
        black_box(nodes.fold(0, |sum, node| sum ^ warm_all(node)));
    }

    fn warm_node(&self, node: u32) -> u64 {
        let seat = &self.seats[node as usize];
        seat.node.warm() ^ seat.ends.len() as u64 ^ seat.wakes[0].as_nanos() ^ u64::from(seat.alive)
    }

    fn warm_rest(&self, Entry { node, event }: &Entry) -> u64 {
        let seat = &self.seats[*node as usize];
        match event {
            Event::Message { link, message, .. } => {
                seat.warm_end(*link) ^ seat.node.warm_message(*link, message)
            }
            Event::Wake => seat.node.warm_wake(),
            _ => seat.node.warm_spread() ^ seat.line_up,
        }
    }

    fn warm_due(&self, at: Time, Entry { node, event }: &Entry) -> u64 {
        let seat = &self.seats[*node as usize];
        match event {
            Event::Wake => seat.node.warm_due(at, |link| seat.warm_end(link)),
            _ => 0,
        }
    }
}

impl Seat {
    /// Reads what a message to or from a link touches of it.
    fn warm_end(&self, link: Link) -> u64 {
        let end = self.ends.get(link.slot());
        end.map_or(0, |end| end.latency ^ end.last[0] ^ end.near.slot() as u64)
    }
}

impl Event {
    /// Reads what a message says.
    fn warm(&self) -> u64 {
        match self {
            Self::Message {
                message: Message::Items(Items::Announce(Names::Whole { ids, .. })),
                ..
            } => ids.first().map_or(0, |id| u64::from(id.hash().0[0]) ^ id.kind() as u64),
            _ => 0,
        }
    }
}
