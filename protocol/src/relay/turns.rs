//! Comparisons in turn: a node compares what it keeps with one after another of the peers that it dialled, so that each link is
//! seen to once a round, by one of its ends. Without news for two rounds it is silent.

use std::time::Duration;

use super::{RelayCx, Step};
use crate::ground::link::Direction;
use crate::ground::time::Time;

/// Whose turn is when.
#[derive(Clone, Copy, Debug)]
pub struct Turns {
    next: Time,
    /// Turns end then, unless there is news.
    until: Time,
    /// How many turns there were; wraps.
    turn: u32,
}

impl Default for Turns {
    fn default() -> Self {
        Self { next: Time::NEVER, until: Time::ZERO, turn: 0 }
    }
}

impl Turns {
    /// There is news, which somebody may lack.
    pub fn on_news(&mut self, round: Duration, cx: &RelayCx<'_>) {
        self.until = cx.now + 2 * round;
        if self.next == Time::NEVER {
            self.next = cx.now + share(round, outbound(cx));
        }
    }

    /// Has the comparison begin whose turn it is.
    pub fn on_wake(&mut self, round: Duration, cx: &mut RelayCx<'_>) {
        if cx.now < self.next {
            return;
        }
        let links = outbound(cx);
        if links == 0 || cx.now > self.until {
            self.next = Time::NEVER;
            return;
        }
        let place = self.turn as usize % links;
        self.turn = self.turn.wrapping_add(1);
        let dialled = cx.overlay.neighbours().filter(|peer| peer.direction == Direction::Outbound);
        let link = dialled.map(|peer| peer.link).nth(place);
        cx.steps.extend(link.map(Step::Compare));
        self.next = cx.now + share(round, links);
    }

    /// When the next turn is.
    #[must_use]
    pub const fn deadline(&self) -> Time {
        self.next
    }
}

fn outbound(cx: &RelayCx<'_>) -> usize {
    cx.overlay.neighbours().filter(|peer| peer.direction == Direction::Outbound).count()
}

fn share(round: Duration, links: usize) -> Duration {
    round / u32::try_from(links.max(1)).unwrap_or(u32::MAX)
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
    fn each_peer_that_was_dialled_has_one_turn_a_round() {
        // Of the links of a fake every other one is outbound.
        let (mut fake, mut turns) = (Fake::new(8), Turns::default());
        fake.ask(|cx| turns.on_news(ROUND, cx));
        let all: Vec<_> = (0..4).flat_map(|_| compared(&mut fake, &mut turns)).collect();
        assert_eq!(all, [0, 2, 4, 6].map(link));
        assert_eq!(fake.now, Time::ZERO + ROUND);
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
    fn who_dialled_nobody_compares_with_nobody() {
        let (mut fake, mut turns) = (Fake::new(0), Turns::default());
        fake.ask(|cx| turns.on_news(ROUND, cx));
        assert!(compared(&mut fake, &mut turns).is_empty() && turns.deadline() == Time::NEVER);
    }
}
