//! When each link's queue leaves.
//!
//! A wake-up looks at the moments of all links and at the queues of few. So the moments lie side by side, eight to a
//! cache line: a node of a million simulated ones is in no cache when its turn comes.

use crate::ground::link::Link;
use crate::ground::time::Time;

/// One moment for each slot: never if nothing leaves.
#[derive(Clone, Debug)]
pub(super) struct Timers {
    at: Vec<Time>,
    /// The earliest of them.
    next: Time,
}

impl Default for Timers {
    fn default() -> Self {
        Self { at: Vec::new(), next: Time::NEVER }
    }
}

impl Timers {
    /// Makes room for so many links.
    pub(super) fn reserve(&mut self, links: usize) {
        self.at.reserve_exact(links.saturating_sub(self.at.len()));
    }

    /// When a link's queue leaves.
    pub(super) fn get(&self, link: Link) -> Time {
        self.at.get(link.slot()).copied().unwrap_or(Time::NEVER)
    }

    /// A link's queue leaves at a moment.
    pub(super) fn set(&mut self, link: Link, at: Time) {
        if self.at.len() <= link.slot() {
            self.at.resize(link.slot() + 1, Time::NEVER);
        }
        let before = std::mem::replace(&mut self.at[link.slot()], at);
        if at <= self.next {
            self.next = at;
        } else if before == self.next {
            self.find_next();
        }
    }

    /// A link's queue doesn't leave.
    pub(super) fn stop(&mut self, link: Link) {
        if self.get(link) != Time::NEVER {
            self.set(link, Time::NEVER);
        }
    }

    /// The earliest moment of all.
    pub(super) const fn next(&self) -> Time {
        self.next
    }

    /// Reads the first and the last one, see `node/warm.rs`: all that most nodes have lie with these.
    pub(super) fn warm(&self) -> u64 {
        let ends = self.at.first().into_iter().chain(self.at.last());
        ends.fold(0, |sum, at| sum ^ at.as_nanos())
    }

    /// The first slot from one on whose queue leaves by a moment.
    pub(super) fn due(&self, from: usize, now: Time) -> Option<usize> {
        let rest = self.at.get(from..)?;
        rest.iter().position(|at| *at <= now).map(|place| from + place)
    }

    /// Finds the earliest moment when one passed that was. Inbound links share theirs, and so one that is as early as the
    /// last, than which none is earlier, is mostly found soon.
    fn find_next(&mut self) {
        let mut next = Time::NEVER;
        for at in &self.at {
            next = next.min(*at);
            if next <= self.next {
                break;
            }
        }
        self.next = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_next_is_the_earliest_of_all(steps in prop::collection::vec((0_u32..6, 0_u64..9), 1..60)) {
            let mut timers = Timers::default();
            for (slot, at) in steps {
                let (link, at) = (Link::new(slot, 1), Time::from_millis(at));
                if at == Time::ZERO { timers.stop(link) } else { timers.set(link, at) }
                let earliest = (0..6).map(|slot| timers.get(Link::new(slot, 1))).min();
                prop_assert_eq!(Some(timers.next()), earliest);
            }
        }
    }
}
