//! A node among numbered ones, of which each knows how far all others are: any latencies at all, without a model that
//! both ends would have to share.

use core::time::Duration;
use std::sync::Arc;

use crate::Place;

/// Most nodes that may be numbered: as many as two bytes tell apart.
pub const NUMBERS_MAX: usize = 1 << 16;

/// A node's number, and its latencies from all nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number.
    pub number: u16,
    /// Mean one-way latency from each node to this one, microseconds, by number.
    pub from_us: Arc<[u64]>,
    /// Jitter as a share of the latency, either way, 0 to 1.
    pub jitter: f64,
    /// Seed of the jitter that its links show.
    pub seed: u64,
}

impl Row {
    /// Mean one-way latency from another node; `None` if it isn't among them.
    #[must_use]
    pub fn latency(&self, from: u16) -> Option<Duration> {
        self.from_us.get(usize::from(from)).map(|us| Duration::from_micros(*us))
    }
}

/// Where a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Position {
    /// In a region of the world.
    Place(Place),
    /// As far from the others as its row says; its line has no bound.
    Row(Row),
}
