//! What must hold of a node after every input, for drivers that want it checked: a simulator does, after
//! every step of a debug build.

use super::Node;
use crate::params::Params;

impl Node {
    /// Checks that every collection keeps its bound, and that what is kept of several places agrees. Walks all
    /// links.
    ///
    /// # Panics
    /// When one doesn't, and says which.
    pub fn check_invariants(&self, params: &Params) {
        let memory = &params.memory;
        let bounds = [
            ("seen", self.seen.len(), memory.seen_max),
            ("verifying", self.verifying.len(), memory.verifying_max),
            ("unbroadcast", self.unbroadcast.len(), params.unbroadcast.items_max),
            ("pool bytes", self.pool.bytes(), memory.pool_max_bytes),
            ("book", self.peers.book().len(), params.peers.book_max),
        ];
        for (what, len, max) in bounds {
            assert!(len <= max, "{what}: {len} of at most {max}");
        }
        if let Some(orphanage) = self.orphanage() {
            let (bytes, max) = (orphanage.bytes(), orphanage.max_bytes(&params.orphans));
            assert!(bytes <= max, "orphans: {bytes} of at most {max} bytes");
            let (score, max) = (orphanage.score(), params.orphans.announcements_max);
            assert!(score <= max, "orphans: {score} of at most {max} announcements");
        }
        for (link, state) in self.links.iter() {
            let bounds = [
                ("in flight", self.requests.in_flight(link), params.requests.in_flight_max),
                ("waiting", self.announcer.waiting(link), params.relay.announce_queue_max),
                ("serving", state.serving.len(), memory.serve_queue_max),
            ];
            for (what, len, max) in bounds {
                assert!(len <= max, "{what} on {link}: {len} of at most {max}");
            }
        }
        assert_eq!(self.rest_at, self.find_rest_at(), "the deadline of the parts at rest");
        let usable = self.links.iter().filter(|(_, state)| state.ready && state.closing.is_none());
        assert_eq!(self.ready.len(), usable.count(), "links that the strategy may use");
        let inbound = self.peers.inbound_ready();
        assert!(inbound <= params.peers.inbound_max, "{inbound} inbound links");
    }
}
