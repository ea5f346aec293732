//! Reading ahead of an input, for a driver of very many nodes.
//!
//! A million nodes lie in memory, not in the processor's caches, and an input touches some twenty cache
//! lines of its node: waiting for one after the other is most of what it costs. A driver that knows the
//! next few inputs can have them read together, which takes hardly longer than reading one. These functions
//! read and change nothing; the numbers that they return only keep the reads from being optimised away.

use super::Node;
use crate::link::Link;
use crate::machine::Machine as _;
use crate::message::MessageKind;

impl Node {
    /// Reads what any input touches of the node itself.
    #[must_use]
    pub fn warm(&self) -> u64 {
        let Self { counters, peers, .. } = self;
        let lens = [
            self.links.slots(),
            self.ready.len(),
            self.seen.len(),
            self.requests.len(),
            self.verifying.len(),
            self.pool.len(),
            self.blocks.len(),
            peers.outbound_ready(),
        ];
        let times = [
            self.announcer.deadline(),
            self.health.deadline(),
            self.safety_net.deadline(),
            peers.deadline(),
            self.serve_at,
        ];
        let (sent, received) = (&counters.sent, &counters.received);
        let counts = [
            sent.of(MessageKind::Announce).messages,
            received.of(MessageKind::Announce).messages,
            counters.accepted,
        ];
        let lens = lens.into_iter().fold(0, |sum, len| sum ^ len as u64);
        let times = times.into_iter().fold(lens, |sum, time| sum ^ time.as_nanos());
        counts.into_iter().fold(times, |sum, count| sum ^ count)
    }

    /// Reads what a message on a link touches of that link and of what the node last relayed.
    #[must_use]
    pub fn warm_link(&self, link: Link) -> u64 {
        let state = self.links.get(link).map_or(0, |state| {
            u64::from(state.ready) ^ state.since.as_nanos() ^ state.serving.len() as u64
        });
        let waiting = self.announcer.waiting(link) as u64;
        state ^ waiting ^ self.seen.warm() ^ self.deadline().as_nanos()
    }

    /// Reads what a wake-up touches.
    #[must_use]
    pub fn warm_timers(&self) -> u64 {
        self.announcer.warm() ^ self.seen.warm() ^ self.deadline().as_nanos()
    }
}
