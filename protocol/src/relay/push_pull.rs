//! Push-pull: each round, every node contacts a few random links, sends its news whole, and asks for
//! theirs.
//!
//! An item grows threefold in a round while few know it, since each who knows contacts one and is
//! contacted by one; the tail is as short as pull's: log3 n + log2 ln n rounds (Karp,
//! Schindelhauer, Shenker, Vöcking 2000, "Randomized rumor spreading"; the base isn't 2).

use std::sync::Arc;

use super::round::Rounds;
use super::topology::contacts;
use super::{Neighbour, RelayCx, Step, Strategy};
use crate::ground::item::Item;
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::items::recent::Recent;
use crate::wire::message::Signal;

/// The strategy, with the items that some peer may lack.
#[derive(Clone, Debug, Default)]
pub struct PushPull {
    news: Recent,
    rounds: Rounds,
}

impl Strategy for PushPull {
    fn on_link_up(&mut self, _neighbour: Neighbour, cx: &mut RelayCx<'_>) {
        self.rounds.start(cx);
    }

    fn on_accepted(&mut self, item: &Arc<Item>, _ingress: Option<Link>, cx: &mut RelayCx<'_>) {
        self.news.push(item.id(), cx.now, cx.params);
    }

    fn on_signal(&mut self, link: Link, signal: &Signal, cx: &mut RelayCx<'_>) {
        if *signal == Signal::Poll {
            cx.announce_news(link, &self.news);
        }
    }

    fn on_wake(&mut self, cx: &mut RelayCx<'_>) {
        if !self.rounds.begins(cx) {
            return;
        }
        cx.retire(&mut self.news);
        if cx.overlay.is_empty() {
            return self.rounds.stop();
        }
        for neighbour in contacts(cx, |_| true).iter() {
            cx.send_news(neighbour, &self.news);
            cx.step(Step::Signal(neighbour.link, Signal::Poll));
        }
    }

    fn deadline(&self) -> Time {
        self.rounds.deadline()
    }

    fn takes_unasked(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::fake::{Fake, link, polls, sends};

    #[test]
    fn a_round_sends_news_and_asks_the_same_link_for_news() {
        let (mut fake, mut strategy) = (Fake::new(5), PushPull::default());
        fake.params.fanout = 1;
        let first = fake.links[0];
        fake.ask(|cx| strategy.on_link_up(first, cx));
        assert_eq!(polls(&fake.wake(&mut strategy)).len(), 1, "it asks even when idle");
        fake.accept(&mut strategy, 1, None);
        let steps = fake.wake(&mut strategy);
        let [Step::Send(to, _), Step::Signal(asked, Signal::Poll)] = &steps[..] else {
            panic!("{steps:?}");
        };
        assert_eq!(to, asked);
    }

    #[test]
    fn who_asks_hears_what_is_new_to_it() {
        let (mut fake, mut strategy) = (Fake::new(5), PushPull::default());
        fake.accept(&mut strategy, 1, Some(0));
        assert!(fake.ask(|cx| strategy.on_signal(link(0), &Signal::Poll, cx)).is_empty());
        let told = fake.ask(|cx| strategy.on_signal(link(1), &Signal::Poll, cx));
        assert_eq!((told.len(), sends(&told)), (2, 0), "announced, not sent: {told:?}");
    }
}
