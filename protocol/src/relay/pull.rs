//! Pull: each round, every node asks a few random links for news, whether there is any or not.
//!
//! The peer announces what this link isn't known to have, and the node asks for what it lacks. A round
//! squares the share of nodes that miss an item, where push only divides it by e: log2 n + log2 ln n rounds
//! (the tail: Demers et al. 1987, §1.3). The price is that nobody ever sleeps.

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
pub struct Pull {
    news: Recent,
    rounds: Rounds,
}

impl Strategy for Pull {
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
            cx.step(Step::Signal(neighbour.link, Signal::Poll));
        }
    }

    fn deadline(&self) -> Time {
        self.rounds.deadline()
    }

    fn takes_unasked(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::fake::{Fake, link, polls, tx};

    fn connected(links: u32) -> (Fake, Pull) {
        let (mut fake, mut pull) = (Fake::new(links), Pull::default());
        let first = fake.links[0];
        fake.ask(|cx| pull.on_link_up(first, cx));
        (fake, pull)
    }

    #[test]
    fn it_asks_even_when_idle() {
        let (mut fake, mut pull) = connected(5);
        fake.params.fanout = 2;
        for _ in 0..10 {
            assert_eq!(polls(&fake.wake(&mut pull)).len(), 2);
        }
    }

    #[test]
    fn without_links_it_sleeps_until_there_is_one() {
        let (mut fake, mut pull) = connected(1);
        let last = fake.links.pop().unwrap();
        assert!(fake.wake(&mut pull).is_empty());
        assert_eq!(pull.deadline(), Time::NEVER);
        fake.links.push(last);
        fake.ask(|cx| pull.on_link_up(last, cx));
        assert_eq!(polls(&fake.wake(&mut pull)).len(), 1);
    }

    #[test]
    fn who_asks_hears_what_is_new_to_it_and_only_once() {
        let (mut fake, mut pull) = connected(5);
        for n in 0..3 {
            assert!(fake.accept(&mut pull, n, None).is_empty(), "nobody is told unasked");
        }
        fake.tell(4, tx(1).id());
        let told = fake.ask(|cx| pull.on_signal(link(4), &Signal::Poll, cx));
        let (first, last) = (Step::Hold(link(4), tx(0).id()), Step::Hold(link(4), tx(2).id()));
        assert_eq!(told, [first, last, Step::Flush(link(4))]);
        assert!(fake.ask(|cx| pull.on_signal(link(4), &Signal::Poll, cx)).is_empty());
    }

    #[test]
    fn what_all_know_is_forgotten() {
        let (mut fake, mut pull) = connected(2);
        fake.accept(&mut pull, 1, None);
        fake.wake(&mut pull);
        assert_eq!(pull.news.len(), 1);
        fake.tell(0, tx(1).id());
        fake.tell(1, tx(1).id());
        fake.wake(&mut pull);
        assert!(pull.news.is_empty());
    }
}
