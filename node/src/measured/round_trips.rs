//! How long a ping takes to the peer and back, the peer's loop included.

use metrics::Histogram;
use tidings_protocol::ground::link::{Link, LinkTable};
use tokio::time::Instant;

/// Round trips of all links. It remembers one ping for each link that is up.
#[derive(Debug)]
pub(super) struct RoundTrips {
    /// What makes the pong the right one, and when the ping left.
    asked: LinkTable<(u64, Instant)>,
    took: Histogram,
}

impl RoundTrips {
    /// Records round trips.
    pub(super) fn new(took: Histogram) -> Self {
        Self { asked: LinkTable::default(), took }
    }

    /// A ping leaves.
    pub(super) fn ping(&mut self, link: Link, nonce: u64, now: Instant) {
        self.asked.insert(link, (nonce, now));
    }

    /// A pong came. Those that nobody asked for don't count, nor does one twice.
    pub(super) fn pong(&mut self, link: Link, nonce: u64, now: Instant) {
        if let Some((_, asked)) = self.asked.get(link).filter(|(expected, _)| *expected == nonce) {
            self.took.record(now.duration_since(*asked));
            self.asked.remove(link);
        }
    }

    /// The link is gone.
    pub(super) fn gone(&mut self, link: Link) {
        self.asked.remove(link);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::measured::histogram::Buckets;

    #[test]
    fn only_the_pong_that_was_asked_for_counts_and_once() {
        let (took, start) = (Arc::new(Buckets::default()), Instant::now());
        let mut trips = RoundTrips::new(Histogram::from_arc(Arc::clone(&took)));
        let link = Link::new(3, 1);
        trips.ping(link, 7, start);
        trips.pong(link, 8, start);
        trips.pong(Link::new(4, 1), 7, start);
        trips.pong(link, 7, start + Duration::from_millis(20));
        trips.pong(link, 7, start + Duration::from_millis(90));
        assert_eq!((took.count(), took.sum()), (1, 0.02));
        trips.ping(link, 9, start);
        trips.gone(link);
        trips.pong(link, 9, start);
        assert_eq!(took.count(), 1);
    }
}
