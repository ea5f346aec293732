//! What leaves on request: news at once, all else as fast as the budgets allow, and whose turn it is.

use super::*;
use crate::ground::peer::PeerAddr;
use crate::params::UploadParams;
use crate::relay::upload::WINDOW;

const BLOCK: usize = 10_000;

/// A block's worth a second for a link, two for a group, four for all; four, eight and sixteen blocks at once.
fn tight() -> Params {
    let mut params = at_once();
    params.health.ping_interval_s = 1_000_000;
    params.relay.safety_pull_ms = 0;
    let rate = |blocks: usize| Rate::new((blocks * BLOCK) as f64, (4 * blocks * BLOCK) as f64);
    let (link, group, all) = (rate(LINK), rate(GROUP), rate(ALL));
    params.upload = UploadParams { unlimited: false, link, group, all };
    params
}

fn block(n: u8) -> Arc<Item> {
    Opaque::default().item(ItemKind::Block, vec![n; BLOCK].into()).unwrap()
}

fn bytes(actions: &[Action], to: Link) -> usize {
    let items = |(link, message): (Link, Message)| match message {
        Message::Items(Items::Item(item)) if link == to => item.size(),
        _ => 0,
    };
    sends(actions).into_iter().map(items).sum()
}

impl Solo {
    /// A link in a slot, from a group of its number, hellos said.
    fn link_of_group(&mut self, slot: u32, generation: u32, group: u32) -> Link {
        let link = Link::new(slot, generation);
        let addr = Some(PeerAddr::tcp(format!("20.{group}.0.1:{}", 4_000 + slot).parse().unwrap()));
        let (peer, direction) = (PeerKey(u64::from(slot) + 1), Direction::Inbound);
        self.hand(Input::Connected { link, peer, direction, addr });
        self.say(link, &hello());
        link
    }

    /// Lets peers ask for an item again as soon as nothing of theirs waits, for some seconds. Returns how many bytes each
    /// was given.
    fn have_asked(&mut self, links: &[Link], item: &Item, seconds: u64) -> Vec<usize> {
        let mut given = vec![0; links.len()];
        let until = self.now + Duration::from_secs(seconds);
        while self.now < until {
            for asking in links {
                let mut actions = Vec::new();
                if self.node.serving.waiting(*asking) == 0 {
                    actions = self.say(*asking, &get_data(item));
                }
                actions.extend(self.hand(Input::Wake));
                for (link, given) in links.iter().zip(&mut given) {
                    *given += bytes(&actions, *link);
                }
            }
            self.now = self.now + Duration::from_millis(10);
        }
        given
    }
}

/// What a budget of so many blocks a second allows in some seconds, and one block more.
const fn allowed(blocks: usize, seconds: usize) -> usize {
    blocks * BLOCK * (4 + seconds) + BLOCK
}

const LINK: usize = 1;
const GROUP: usize = 2;
const ALL: usize = 4;

#[test]
fn what_came_while_a_peer_was_linked_is_given_to_it_once_whatever_is_spent() {
    let mut solo = Solo::new(tight());
    let links: Vec<_> = (0..4).map(|slot| solo.link_of_group(slot, 1, 1)).collect();
    solo.hand(Input::Submitted(block(1)));
    assert!(solo.have_asked(&links, &block(1), 20).iter().all(|given| *given > BLOCK));
    let news = block(2);
    solo.hand(Input::Submitted(news.clone()));
    for link in &links {
        assert_eq!(bytes(&solo.say(*link, &get_data(&news)), *link), BLOCK, "at once");
        assert_eq!(bytes(&solo.say(*link, &get_data(&news)), *link), 0, "and once");
    }
}

#[test]
fn what_strangers_get_out_is_bounded_whatever_they_ask_for_and_however_often() {
    const SECONDS: u8 = 60;
    let mut solo = Solo::new(tight());
    let links: Vec<_> = (0..12).map(|slot| solo.link_of_group(slot, 1, slot / 4)).collect();
    solo.hand(Input::Submitted(block(1)));
    let news = BLOCK;
    let given = solo.have_asked(&links, &block(1), SECONDS.into());
    for given in &given {
        assert!(*given <= news + allowed(LINK, SECONDS.into()), "{given}");
    }
    for group in given.chunks(4) {
        assert!(group.iter().sum::<usize>() <= 4 * news + allowed(GROUP, SECONDS.into()));
    }
    let all: usize = given.iter().sum();
    assert!(all <= 12 * news + allowed(ALL, SECONDS.into()), "{all}");
    assert!(all + 2 * BLOCK >= allowed(ALL, SECONDS.into()), "and that is given: {all}");
    let even = all / given.len();
    assert!(given.iter().all(|given| given.abs_diff(even) <= 4 * BLOCK), "in turns: {given:?}");
}

#[test]
fn whoever_comes_again_gets_no_news_of_what_is_here_and_no_new_budget_for_its_group() {
    const SECONDS: u8 = 60;
    let mut solo = Solo::new(tight());
    solo.hand(Input::Submitted(block(1)));
    let mut given = 0;
    for generation in 0..SECONDS.into() {
        let link = solo.link_of_group(0, generation, 1);
        given += solo.have_asked(&[link], &block(1), 1)[0];
        solo.hand(Input::Disconnected { link });
        assert_eq!(solo.node.keeper_of(link), None);
    }
    assert!(given <= allowed(GROUP, SECONDS.into()), "{given}");
}

#[test]
fn whoever_asks_for_much_keeps_nobody_of_another_group_waiting() {
    let mut solo = Solo::new(tight());
    solo.params.upload.group = Rate::new(1e9, 1e9);
    solo.params.upload.link = Rate::new(1e9, 1e9);
    let flood: Vec<_> = (0..20).map(|slot| solo.link_of_group(slot, 1, 1)).collect();
    solo.hand(Input::Submitted(block(1)));
    solo.have_asked(&flood, &block(1), 10);
    let newcomer = solo.link_of_group(20, 1, 2);
    let mut links = flood;
    links.push(newcomer);
    let given = solo.have_asked(&links, &block(1), 10);
    let (all, newcomer) = (given.iter().sum::<usize>(), given[20]);
    assert!(newcomer + 2 * BLOCK >= all / 2, "{newcomer} of {all}");
}

#[test]
fn what_is_owed_to_a_peer_waits_within_its_bound_and_costs_it_nothing_but_time() {
    let mut solo = Solo::new(tight());
    solo.params.memory.serve_queue_max = 50;
    let old: Vec<_> = (0..100).map(block).collect();
    old.iter().for_each(|block| drop(solo.hand(Input::Submitted(block.clone()))));
    solo.wait(1);
    let link = solo.link_of_group(0, 1, 1);
    let mut asked = Vec::new();
    old.iter().for_each(|block| asked.extend(solo.say(link, &get_data(block))));
    assert_eq!((solo.node.serving.waiting(link), disconnects(&asked)), (50, vec![]));
    assert_eq!(bytes(&asked, link), 5 * BLOCK, "four at once, and the one that overdraws it");
    let refused = sends(&asked)
        .into_iter()
        .filter(|(_, message)| matches!(message, Message::Items(Items::NotFound(_))));
    assert_eq!(refused.count(), 45);
    let mut later = 0;
    (0..50).for_each(|_| later += bytes(&solo.wait(1_000), link));
    assert_eq!(later, 50 * BLOCK);
}

#[test]
fn what_came_long_ago_is_no_news_and_a_test_network_has_no_bound() {
    let mut solo = Solo::new(tight());
    let link = solo.link_of_group(0, 1, 1);
    let old = block(1);
    solo.hand(Input::Submitted(old.clone()));
    solo.params.upload.link = Rate::new(1.0, 1.0);
    solo.now = solo.now + WINDOW + Duration::from_secs(1);
    assert_eq!(bytes(&solo.say(link, &get_data(&old)), link), BLOCK, "which overdraws it");
    assert_eq!(bytes(&solo.say(link, &get_data(&old)), link), 0);
    solo.params.upload.unlimited = true;
    let mut solo = Solo::new(solo.params);
    let link = solo.link_of_group(0, 1, 1);
    solo.hand(Input::Submitted(old.clone()));
    for _ in 0..100 {
        assert_eq!(bytes(&solo.say(link, &get_data(&old)), link), BLOCK);
    }
}
