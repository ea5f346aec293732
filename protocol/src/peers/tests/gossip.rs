//! What a node tells of addresses, to whom, and when.

use super::*;
use crate::wire::message::PeerExchange;

fn told(world: &mut World) -> Vec<(Link, Vec<u32>)> {
    let addresses = |(link, message)| match message {
        Message::Peers(PeerExchange::Addresses(addrs)) => {
            Some((link, addrs.iter().copied().map(number).collect()))
        }
        _ => None,
    };
    world.sent().into_iter().filter_map(addresses).collect()
}

fn ask(world: &mut World, link: Link) -> bool {
    world.run(|peers, cx| peers.on_get_addresses(link, cx)).is_some()
}

/// A node without wishes of its own, and this many inbound peers at 101, 102 and so on.
fn hub(peers: u32) -> (World, Vec<Link>) {
    hub_with(peers, 81_920) // in which one peer may tell much
}

fn hub_with(peers: u32, book_max: usize) -> (World, Vec<Link>) {
    let mut world = World::new();
    world.params.peers.book_max = book_max;
    world.params.peers.outbound = 0;
    let links = (1..=peers).map(|n| world.inbound(100 + n)).collect();
    world.wait(Duration::from_secs(60));
    world.actions.clear();
    (world, links)
}

#[test]
fn a_new_outbound_peer_is_asked_and_an_inbound_one_is_not() {
    let mut world = World::new();
    world.params.peers.outbound = 2;
    world.learn([1, 2]);
    world.actions.clear();
    let links = [1, 2].map(|n| world.outbound(n));
    assert_eq!(world.sent(), links.map(|link| (link, Message::Peers(PeerExchange::GetAddresses))));
    world.inbound(3);
    assert_eq!(world.sent(), []);
}

#[test]
fn a_node_that_has_nobody_to_dial_asks_inbound_peers_too_each_once() {
    let mut world = World::new();
    let links = [1, 2].map(|n| world.inbound(n));
    assert_eq!(world.sent(), links.map(|link| (link, Message::Peers(PeerExchange::GetAddresses))));
    links.iter().for_each(|link| assert_eq!(world.tell(*link, [1, 2]), 0));
    assert_eq!(world.sent(), [], "nobody is asked twice, and a link isn't dialled");
    world.tell(links[1], [3]);
    assert_eq!(world.dials(), [3]);
}

#[test]
fn a_node_that_knows_enough_does_not_ask() {
    let mut world = World::new();
    world.remember(1..=1_000);
    let n = world.dials()[0];
    world.outbound(n);
    assert_eq!(world.sent(), []);
}

#[test]
fn a_peer_is_answered_once_and_not_before_its_hello() {
    let (mut world, links) = hub(3);
    let (silent, _) = world.connect(104, None);
    assert!(!ask(&mut world, silent));
    assert!(ask(&mut world, links[0]));
    let mut answers = told(&mut world);
    answers[0].1.sort_unstable();
    assert_eq!(answers, [(links[0], vec![102, 103])], "not what it knows best itself");
    assert!(!ask(&mut world, links[0]));
    assert_eq!(world.sent(), []);
}

#[test]
fn an_address_that_is_new_goes_to_a_few_links_but_not_back() {
    let (mut world, links) = hub(10);
    for n in 1..=20 {
        assert_eq!(world.tell(links[0], [n]), 0);
        assert_eq!(world.sent(), [], "not at once");
        world.wait(Duration::from_secs(60));
        let told = told(&mut world);
        assert_eq!(told.len(), 2, "to two links");
        assert!(told.iter().all(|(link, addrs)| *link != links[0] && *addrs == [n]));
        assert_ne!(told[0].0, told[1].0);
    }
    assert_eq!(world.tell(links[1], 1..=20), 0);
    world.wait(Duration::from_secs(60));
    assert_eq!(world.sent(), [], "none of them is new");
}

#[test]
fn what_arrives_within_one_wait_leaves_in_one_message() {
    let (mut world, links) = hub(3);
    for n in 1..=60 {
        world.tell(links[0], [n]);
    }
    world.wait(Duration::from_secs(60));
    let mut told = told(&mut world);
    told.sort();
    // With a fanout of two and two other links, each gets everything.
    let all: Vec<u32> = (1..=60).collect();
    assert_eq!(told, [(links[1], all.clone()), (links[2], all)]);
    assert_eq!(world.peers.gossip.deadline(), Time::NEVER);
}

#[test]
fn a_peer_that_said_nothing_is_told_nothing() {
    let (mut world, links) = hub(1);
    let (silent, _) = world.connect(104, None);
    world.tell(links[0], 1..=5);
    world.wait(Duration::from_secs(60));
    assert_eq!(told(&mut world), []);
    world.hello(silent, None);
    world.tell(links[0], 6..=9);
    world.wait(Duration::from_secs(60));
    assert_eq!(told(&mut world), [(silent, vec![6, 7, 8, 9])]);
}

#[test]
fn the_answer_to_our_question_is_not_passed_on() {
    let mut world = World::new();
    world.params.peers.outbound = 1;
    world.inbound(101);
    world.learn([1]);
    let link = world.outbound(1);
    world.wait(Duration::from_secs(60));
    world.actions.clear();
    world.tell(link, 10..=12);
    world.wait(Duration::from_secs(60));
    assert_eq!(told(&mut world), []);
    world.tell(link, 13..=15);
    world.wait(Duration::from_secs(60));
    assert_eq!(told(&mut world).len(), 1, "what comes later is news");
}

#[test]
fn what_the_book_refuses_is_not_passed_on() {
    let (mut world, links) = hub_with(5, 1_280);
    let dropped = world.tell(links[0], 1_000..2_000);
    world.wait(Duration::from_secs(60));
    let mentions: usize = told(&mut world).iter().map(|(_, addrs)| addrs.len()).sum();
    assert_eq!(mentions, 2 * (1_000 - dropped), "each that was kept, twice");
    assert!(world.peers.book().len() <= 64 + 5, "a liar holds at most its share");
}

#[test]
fn a_new_peers_own_address_is_passed_on() {
    let (mut world, links) = hub(2);
    world.inbound(7);
    world.wait(Duration::from_secs(60));
    let mut told = told(&mut world);
    told.sort();
    assert_eq!(told, [(links[0], vec![7]), (links[1], vec![7])]);
}

#[test]
fn our_own_address_is_repeated_now_and_then() {
    let (mut world, links) = hub(2);
    let day = Duration::from_secs(world.params.peers.self_announce_s);
    world.wait(day);
    let mut told = told(&mut world);
    told.sort();
    assert_eq!(told, [(links[0], vec![0]), (links[1], vec![0])]);
}

#[test]
fn our_own_address_is_told_to_nobody_while_nobody_can_dial_us_there() {
    let (mut world, links) = hub(2);
    let own = world.peers.told();
    assert!(own.is_some());
    world.peers.set_hidden(true);
    let day = Duration::from_secs(world.params.peers.self_announce_s);
    world.wait(2 * day);
    assert_eq!((told(&mut world), world.peers.told()), (vec![], None));
    world.peers.set_hidden(false);
    world.wait(day + day / 2);
    assert!(told(&mut world).contains(&(links[0], vec![0])));
    assert_eq!(world.peers.told(), own);
}

#[test]
fn a_link_that_is_gone_is_told_nothing() {
    let (mut world, links) = hub(2);
    world.tell(links[0], 1..=5);
    world.disconnect(links[1]);
    world.wait(Duration::from_secs(60));
    assert_eq!(told(&mut world), []);
}

#[test]
fn a_queue_holds_no_more_than_one_message() {
    let (mut world, links) = hub(2);
    for first in (0..3_000).step_by(1_000) {
        world.tell(links[0], 10_000 + first..11_000 + first);
    }
    world.wait(Duration::from_secs(60));
    let told = told(&mut world);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1.len(), crate::wire::message::ADDRESSES_MAX);
}

#[test]
fn an_answer_is_a_message_that_may_be_sent() {
    let (mut world, links) = hub(1);
    world.remember(1_000..10_000);
    assert!(ask(&mut world, links[0]));
    let expected: Arc<[PeerAddr]> = match world.sent().remove(0).1 {
        Message::Peers(PeerExchange::Addresses(addrs)) => addrs,
        other => panic!("{other:?}"),
    };
    // A full message, less the asker's own address if that was drawn.
    let most = crate::wire::message::ADDRESSES_MAX;
    assert!((most - 1..=most).contains(&expected.len()), "{}", expected.len());
}

#[test]
fn a_node_that_knows_enough_is_in_no_hurry_to_pass_addresses_on() {
    use crate::peers::gossip::{HURRY_BELOW, WAIT_MAX_MS, mean_wait_ms};
    let params = PeerParams::default();
    let waits = [0, HURRY_BELOW, 2 * HURRY_BELOW, 10_000].map(|known| mean_wait_ms(known, &params));
    assert_eq!(waits, [1_000, 1_000, 2_000, WAIT_MAX_MS]);
    let longer = PeerParams { address_trickle_ms: 60_000, ..params };
    assert_eq!(mean_wait_ms(10_000, &longer), 60_000, "the operator's wish is the least");
    // A node that is told of newcomers, ten a second.
    let messages = |known: u32| {
        let (mut world, links) = hub(8);
        world.remember(10_000..10_000 + known);
        for n in 0..150 {
            world.tell(links[0], [1_000 + n]);
            world.wait(Duration::from_millis(100));
        }
        told(&mut world).len()
    };
    let (new, grown) = (messages(0), messages(2_000));
    assert!(
        grown * 4 < new,
        "{new} messages of a node that knew nobody, {grown} of one that knew many"
    );
}

#[test]
fn all_who_ask_are_told_the_same_for_a_day_unless_the_book_changes() {
    let mut world = World::new();
    world.learn(1..=400);
    world.actions.clear();
    let ask = |world: &mut World, n: u32| -> Vec<PeerAddr> {
        let link = world.inbound(n);
        world.actions.clear();
        world.run(|peers, cx| peers.on_get_addresses(link, cx));
        let told = world.actions.iter().find_map(|action| match action {
            Action::Send { message: Message::Peers(PeerExchange::Addresses(addrs)), .. } => {
                Some(addrs.to_vec())
            }
            _ => None,
        });
        told.unwrap()
    };
    // Nobody is told its own address, so the first isn't told what the others are.
    ask(&mut world, 1_001);
    let told: Vec<_> = (1_002..1_010).map(|n| ask(&mut world, n)).collect();
    assert!(told[0].len() > 80 && told.iter().all(|each| *each == told[0]));
    world.learn(2_000..2_200);
    assert_ne!(ask(&mut world, 1_011), told[0], "the book has grown by more than a quarter");
}
