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
    /// There is news, which somebody may lack.
    pub fn on_news(&mut self, round: Duration, cx: &RelayCx<'_>) {
        self.until = self.until.max(cx.now + 2 * round);
        if self.next == Time::NEVER {
            self.next = cx.now + self.wait(round, cx);
        }
    }

    /// Something should have come by itself and didn't, or may not come.
    pub fn hurry(&mut self, round: Duration, cx: &RelayCx<'_>) {
        self.hasty_until = cx.now + HASTY;
        self.until = self.until.max(cx.now + 2 * HASTE);
        self.next = self.next.min(cx.now + self.wait(round, cx));
    }

    /// Has the comparison begin whose turn it is.
    pub fn on_wake(&mut self, round: Duration, cx: &mut RelayCx<'_>) {
        if cx.now < self.next {
            return;
        }
        let links = cx.overlay.len();
        if links == 0 || cx.now > self.until {
            self.next = Time::NEVER;
            return;
        }
        let peer = cx.overlay.neighbour(self.turn as usize % links);
        self.turn = self.turn.wrapping_add(1);
        cx.step(Step::Compare(peer.link));
        self.next = cx.now + self.wait(round, cx);
    }

    /// How long from one turn to the next.
    fn wait(&self, round: Duration, cx: &RelayCx<'_>) -> Duration {
        let each = if cx.now < self.hasty_until { round.min(HASTE) } else { 2 * round };
        each / u32::try_from(cx.overlay.len().max(1)).unwrap_or(u32::MAX)
    }

    /// When the next turn is.
    #[must_use]
    pub const fn deadline(&self) -> Time {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::link::Link;
    use crate::relay::fake::{Fake, link};

    const ROUND: Duration = Duration::from_secs(8);

    fn compared(fake: &mut Fake, turns: &mut Turns) -> Vec<Link> {
        fake.now = turns.deadline();
        let steps = fake.ask(|cx| turns.on_wake(ROUND, cx));
        let links = steps.iter().map(|step| match step {
            Step::Compare(link) => *link,
            other => panic!("{other:?}"),
        });
        links.collect()
    }

    #[test]
    fn each_peer_has_one_turn_in_two_rounds_and_in_haste_one_in_two_seconds() {
        let (mut fake, mut turns) = (Fake::new(8), Turns::default());
        for (each, hurries) in [(2 * ROUND, false), (HASTE, true)] {
            fake.ask(|cx| turns.on_news(ROUND, cx));
            if hurries {
                fake.ask(|cx| turns.hurry(ROUND, cx));
            }
            let began = fake.now;
            let mut all: Vec<_> = (0..8).flat_map(|_| compared(&mut fake, &mut turns)).collect();
            all.sort_unstable();
            assert_eq!(all, [0, 1, 2, 3, 4, 5, 6, 7].map(link));
            assert_eq!(fake.now, began + each);
        }
        fake.now = fake.now + HASTY;
        fake.ask(|cx| turns.on_news(ROUND, cx));
        fake.ask(|cx| turns.on_wake(ROUND, cx));
        assert_eq!(turns.deadline(), fake.now + ROUND / 4, "not for ever");
    }

    #[test]
    fn without_news_for_two_rounds_it_is_silent_until_there_is_some() {
        let (mut fake, mut turns) = (Fake::new(2), Turns::default());
        fake.ask(|cx| turns.on_news(ROUND, cx));
        assert_eq!([(); 2].map(|()| compared(&mut fake, &mut turns).len()), [1, 1]);
        assert!(compared(&mut fake, &mut turns).is_empty() && turns.deadline() == Time::NEVER);
        fake.ask(|cx| turns.on_news(ROUND, cx));
        assert_eq!(compared(&mut fake, &mut turns).len(), 1);
    }

    #[test]
    fn whoever_is_alone_compares_with_nobody() {
        let (mut fake, mut turns) = (Fake::new(0), Turns::default());
        fake.ask(|cx| turns.on_news(ROUND, cx));
        assert!(compared(&mut fake, &mut turns).is_empty() && turns.deadline() == Time::NEVER);
    }
}
