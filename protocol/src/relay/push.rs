//! Push: each round, a node that has news sends it whole to a few random links.
//!
//! With one contact a round in a complete overlay, log2 n + ln n + O(1) rounds reach everybody: the number
//! of nodes that know doubles until half of them do, and then each round leaves 1/e of the others
//! (Pittel 1987, "On spreading a rumor"). In a sparse overlay a node sends an item over each link at most once, and
//! not to peers that are known to have it; when all of them do, it sleeps.

use std::sync::Arc;

use super::round::Rounds;
use super::topology::{contacts, lacks};
use super::{RelayCx, Strategy};
use crate::ground::item::Item;
use crate::ground::link::Link;
use crate::ground::time::Time;
use crate::items::recent::Recent;

/// The strategy, with the items that some peer may lack.
#[derive(Clone, Debug, Default)]
pub struct Push {
    news: Recent,
    rounds: Rounds,
}

impl Strategy for Push {
    fn on_accepted(&mut self, item: &Arc<Item>, _ingress: Option<Link>, cx: &mut RelayCx<'_>) {
        self.news.push(item.id(), cx.now, cx.params);
        self.rounds.start(cx);
    }

    fn on_wake(&mut self, cx: &mut RelayCx<'_>) {
        if !self.rounds.begins(cx) {
            return;
        }
        cx.retire(&mut self.news);
        if self.news.is_empty() {
            return self.rounds.stop();
        }
        let (news, overlay, params) = (&self.news, cx.overlay, cx.params);
        let lacks_some =
            |neighbour| news.iter().any(|(_, id)| lacks(overlay, params, neighbour, id));
        let contacts = contacts(cx, lacks_some);
        for neighbour in contacts.iter() {
            cx.send_news(neighbour, news);
        }
        if contacts.is_empty() && !overlay.is_empty() {
            // Whoever doesn't know is behind enough links into other regions.
            self.news = Recent::default();
            self.rounds.stop();
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
    use crate::relay::fake::{Fake, sends};

    #[test]
    fn each_round_sends_to_a_few_until_all_know_and_then_it_sleeps() {
        let (mut fake, mut push) = (Fake::new(5), Push::default());
        fake.params.fanout = 2;
        assert_eq!(push.deadline(), Time::NEVER);
        assert!(fake.accept(&mut push, 1, Some(0)).is_empty(), "nothing before a round");
        assert!(push.deadline() < fake.now + fake.params.round());
        assert_eq!(sends(&fake.wake(&mut push)), 2);
        assert_eq!(sends(&fake.wake(&mut push)), 2);
        assert!(fake.wake(&mut push).is_empty());
        assert_eq!(push.deadline(), Time::NEVER);
        assert!(push.news.is_empty());
    }

    #[test]
    fn all_news_goes_to_the_contact() {
        let (mut fake, mut push) = (Fake::new(5), Push::default());
        fake.params.fanout = 1;
        for n in 0..3 {
            fake.accept(&mut push, n, None);
        }
        assert_eq!(sends(&fake.wake(&mut push)), 3);
    }

    #[test]
    fn without_links_news_waits_until_it_is_old() {
        let (mut fake, mut push) = (Fake::new(0), Push::default());
        fake.accept(&mut push, 1, None);
        assert!(fake.wake(&mut push).is_empty());
        assert_ne!(push.deadline(), Time::NEVER);
        fake.now = Time::from_millis(fake.params.recent_ms + 1_000);
        assert!(fake.wake(&mut push).is_empty());
        assert_eq!(push.deadline(), Time::NEVER);
    }
}
