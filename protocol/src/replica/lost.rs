//! Writes that are lost: counted, and the latest of them listed.

use std::collections::VecDeque;

use super::key::Key;
use super::register::{Lost, LostWrite};

/// How many writes are lost, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LostCounts {
    /// See [`Lost::Concurrent`].
    pub concurrent: u64,
    /// See [`Lost::Outdated`].
    pub outdated: u64,
    /// See [`Lost::Ahead`].
    pub ahead: u64,
}

/// The lost writes of a replica, the latest last.
#[derive(Clone, Debug, Default)]
pub struct LostWrites {
    counts: LostCounts,
    /// At most [`Settings::lost_max`](super::settings::Settings::lost_max), each with a value of at most
    /// [`VALUE_MAX`](super::register::VALUE_MAX) bytes; over it, the oldest is dropped.
    latest: VecDeque<(Key, LostWrite)>,
}

impl LostWrites {
    /// How many there were.
    #[must_use]
    pub const fn counts(&self) -> LostCounts {
        self.counts
    }

    /// The latest of them.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &LostWrite)> {
        self.latest.iter().map(|(key, lost)| (key, lost))
    }

    pub(crate) fn note(&mut self, key: &Key, lost: LostWrite, most: usize) {
        let count = match lost.why {
            Lost::Concurrent => &mut self.counts.concurrent,
            Lost::Outdated => &mut self.counts.outdated,
            Lost::Ahead => &mut self.counts.ahead,
        };
        *count += 1;
        self.latest.push_back((key.clone(), lost));
        while self.latest.len() > most {
            self.latest.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::key::Kind;
    use crate::replica::stamp::{ReplicaId, Stamp, Tick};

    #[test]
    fn the_list_keeps_the_latest_and_the_count_all() {
        let (key, mut writes) = (Key::new(Kind::Register, b"x").unwrap(), LostWrites::default());
        for millis in 0..5 {
            let stamp = Stamp { tick: Tick { millis, count: 0 }, writer: ReplicaId(1) };
            let why = Lost::Concurrent;
            writes.note(&key, LostWrite { stamp, value: None, winner: stamp, why }, 2);
        }
        assert_eq!(writes.counts().concurrent, 5);
        let listed: Vec<_> = writes.iter().map(|(_, lost)| lost.stamp.tick.millis).collect();
        assert_eq!(listed, [3, 4]);
    }
}
