//! Comparisons in turn: a node compares what it keeps with one after another of its peers, each every second round, as its peers
//! do with it. So each link is seen to once a round, and every second round if one end has no news and sleeps: without any
//! for two rounds a node is silent.
//!
//! Where a link is gone, or a comparison showed what should have come by itself, a node compares in haste for a while, with each
//! peer every [`HASTE`]. By then whoever relays to it has learned that it depends on him now.
//!
//! *Attack*: a peer that shows ids which don't exist keeps a node in haste, and so has it tell each of its peers the first cells of
//! what it keeps every two seconds: less than half a kilobyte a second and peer.

use std::time::Duration;

use super::{RelayCx, Step};
use crate::ground::time::Time;

/// How often a node in haste compares with each peer, at least. A guess: some round trips.
pub const HASTE: Duration = Duration::from_secs(2);

/// How long haste lasts. A guess: a few hundred items of a busy network, by which odds settle.
const HASTY: Duration = Duration::from_secs(30);

/// Whose turn is when.
#[derive(Clone, Copy, Debug)]
pub struct Turns {
    next: Time,
    /// Turns end then, unless there is news.
    until: Time,
    hasty_until: Time,
    /// How many turns there were; wraps.
    turn: u32,
}

impl Default for Turns {
    fn default() -> Self {
        Self { next: Time::NEVER, until: Time::ZERO, hasty_until: Time::ZERO, turn: 0 }
    }
}

impl Turns {
    /// There is news, which some of so many peers may lack.
    pub fn on_news(&mut self, round: Duration, peers: usize, now: Time) {
        self.until = self.until.max(now + 2 * round);
        if self.next == Time::NEVER {
            self.next = now + self.wait(round, peers, now);
        }
    }

    /// Something should have come by itself and didn't, or may not come.
    pub fn hurry(&mut self, round: Duration, peers: usize, now: Time) {
        self.hasty_until = now + HASTY;
        self.until = self.until.max(now + 2 * HASTE);
        self.next = self.next.min(now + self.wait(round, peers, now));
    }

    /// Which of so many peers to compare with now; `None` if it is nobody's turn.
    pub fn on_wake(&mut self, round: Duration, peers: usize, now: Time) -> Option<usize> {
        if now < self.next {
            return None;
        }
        if peers == 0 || now > self.until {
            self.next = Time::NEVER;
            return None;
        }
        let place = self.turn as usize % peers;
        self.turn = self.turn.wrapping_add(1);
        self.next = now + self.wait(round, peers, now);
        Some(place)
    }

    /// How long from one turn to the next.
    fn wait(&self, round: Duration, peers: usize, now: Time) -> Duration {
        let each = if now < self.hasty_until { round.min(HASTE) } else { 2 * round };
        each / u32::try_from(peers.max(1)).unwrap_or(u32::MAX)
    }

    /// When the next turn is.
    #[must_use]
    pub const fn deadline(&self) -> Time {
        self.next
    }
}

impl RelayCx<'_> {
    /// Has the comparison begin whose turn it is.
    pub fn take_turn(&mut self, turns: &mut Turns, round: Duration) {
        if let Some(place) = turns.on_wake(round, self.overlay.len(), self.now) {
            self.step(Step::Compare(self.overlay.neighbour(place).link));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND: Duration = Duration::from_secs(8);

    /// Who is compared with at the next moment at which somebody is to be.
    fn compared(now: &mut Time, turns: &mut Turns, peers: usize) -> Option<usize> {
        *now = turns.deadline();
        turns.on_wake(ROUND, peers, *now)
    }

    #[test]
    fn each_peer_has_one_turn_in_two_rounds_and_in_haste_one_in_two_seconds() {
        let (mut now, mut turns) = (Time::from_millis(1), Turns::default());
        for (each, hurries) in [(2 * ROUND, false), (HASTE, true)] {
            turns.on_news(ROUND, 8, now);
            if hurries {
                turns.hurry(ROUND, 8, now);
            }
            let began = now;
            let mut all: Vec<_> =
                (0..8).filter_map(|_| compared(&mut now, &mut turns, 8)).collect();
            all.sort_unstable();
            assert_eq!(all, [0, 1, 2, 3, 4, 5, 6, 7]);
            assert_eq!(now, began + each);
        }
        now = now + HASTY;
        turns.on_news(ROUND, 8, now);
        turns.on_wake(ROUND, 8, now);
        assert_eq!(turns.deadline(), now + ROUND / 4, "not for ever");
    }

    #[test]
    fn without_news_for_two_rounds_it_is_silent_until_there_is_some() {
        let (mut now, mut turns) = (Time::from_millis(1), Turns::default());
        turns.on_news(ROUND, 2, now);
        assert_eq!([(); 2].map(|()| compared(&mut now, &mut turns, 2).is_some()), [true; 2]);
        assert_eq!(compared(&mut now, &mut turns, 2), None);
        assert_eq!(turns.deadline(), Time::NEVER);
        turns.on_news(ROUND, 2, now);
        assert!(compared(&mut now, &mut turns, 2).is_some());
    }

    #[test]
    fn whoever_is_alone_compares_with_nobody() {
        let (mut now, mut turns) = (Time::from_millis(1), Turns::default());
        turns.on_news(ROUND, 0, now);
        assert_eq!(compared(&mut now, &mut turns, 0), None);
        assert_eq!(turns.deadline(), Time::NEVER);
    }
}
