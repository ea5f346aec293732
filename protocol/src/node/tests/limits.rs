//! What peers take is kept to, and what exceeds it waits.

use super::*;
use crate::wire::kinds::Class;
use crate::wire::message::{Accepts, Allowed};

const ONE_BY_ONE: Allowed = Allowed { per_s: 1, burst: 1 };

/// A node, and a link whose peer told what it takes.
fn linked(params: Params, accepts: Accepts) -> (Solo, Link) {
    let mut solo = Solo::new(params);
    let link = Link::new(0, 1);
    let direction = Direction::Outbound;
    solo.hand(Input::Connected { link, peer: PeerKey(1), direction, addr: None });
    let hello = Hello { accepts, ..Hello::default() };
    solo.say(link, &Message::Session(Session::Hello(Box::new(hello))));
    solo.wait(0);
    (solo, link)
}

fn flood() -> Params {
    let mut params = at_once();
    params.relay.strategy = StrategyKind::Flood;
    params
}

fn credit(ids: u32) -> Message {
    Message::Items(Items::Credit(ids))
}

/// How many ids of transactions and how many transactions are sent.
fn told_and_given(actions: &[Action]) -> (usize, usize) {
    sends(actions).iter().fold((0, 0), |(told, given), (_, message)| match message {
        Message::Items(Items::Announce(names)) => (told + names.len(), given),
        Message::Items(Items::Item(_)) => (told, given + 1),
        _ => (told, given),
    })
}

#[test]
fn a_hello_tells_what_a_node_takes() {
    let mut solo = Solo::new(at_once());
    let (link, direction) = (Link::new(0, 1), Direction::Inbound);
    let actions = solo.hand(Input::Connected { link, peer: PeerKey(1), direction, addr: None });
    let [(_, Message::Session(Session::Hello(hello))), ..] = &sends(&actions)[..] else {
        panic!("{actions:?}")
    };
    let txs = Allowed { per_s: 5_000, burst: 20_000 };
    assert_eq!((hello.accepts.txs, hello.accepts.credit), (txs, 5_000));
    assert!(!hello.accepts.unasked, "inventory");
}

#[test]
fn no_more_is_announced_than_a_peer_gave_credit_for_and_the_rest_follows() {
    let accepts = Accepts { credit: 2, ..Accepts::default() };
    let (mut solo, link) = linked(at_once(), accepts);
    for n in 0..5 {
        solo.hand(Input::Submitted(solo.tx(n)));
    }
    assert_eq!(told_and_given(&solo.wait(0)), (2, 0));
    assert_eq!(told_and_given(&solo.wait(10_000)), (0, 0));
    solo.say(link, &credit(1));
    assert_eq!(told_and_given(&solo.wait(0)), (1, 0));
    solo.say(link, &credit(100));
    assert_eq!(told_and_given(&solo.wait(0)), (2, 0));
}

#[test]
fn a_transaction_that_a_peer_does_not_take_now_is_announced() {
    let (mut solo, link) = linked(flood(), Accepts { txs: ONE_BY_ONE, ..Accepts::default() });
    let first = solo.hand(Input::Submitted(solo.tx(1)));
    assert_eq!(told_and_given(&first), (0, 1));
    let second = solo.hand(Input::Submitted(solo.tx(2)));
    assert_eq!(told_and_given(&second), (0, 0), "it waits");
    assert_eq!(told_and_given(&solo.wait(0)), (1, 0));
    let asked = get_data(&solo.tx(2));
    assert_eq!(told_and_given(&solo.say(link, &asked)), (0, 0), "what is asked for waits as well");
    assert_eq!(told_and_given(&solo.wait(1_000)), (0, 1));
}

#[test]
fn nobody_is_sent_unasked_what_he_does_not_take_unasked() {
    let (mut solo, _) = linked(flood(), Accepts { unasked: false, ..Accepts::default() });
    solo.hand(Input::Submitted(solo.tx(1)));
    assert_eq!(told_and_given(&solo.wait(0)), (1, 0));
}

#[test]
fn announcements_leave_together_when_a_peer_takes_few_messages() {
    let (mut solo, _) = linked(at_once(), Accepts { messages: ONE_BY_ONE, ..Accepts::default() });
    for n in 0..5 {
        solo.hand(Input::Submitted(solo.tx(n)));
        assert_eq!(told_and_given(&solo.wait(0)), (0, 0), "the first ping was one already");
    }
    let mut told = 0;
    for _ in 0..5 {
        let actions = solo.wait(1_000);
        let is_announcement =
            |(_, message): &(Link, Message)| matches!(message, Message::Items(Items::Announce(_)));
        told += sends(&actions).into_iter().filter(is_announcement).count();
    }
    assert_eq!(told, 1);
}

#[test]
fn what_a_full_queue_drops_is_announced_out_of_the_pool() {
    let mut params = at_once();
    params.relay.announce_queue_max = 2;
    let (mut solo, link) = linked(params, Accepts { credit: 0, ..Accepts::default() });
    for n in 0..20 {
        solo.hand(Input::Submitted(solo.tx(n)));
        solo.wait(0);
    }
    assert_eq!(solo.node.counters().announcements_unsent, 18);
    solo.say(link, &credit(1_000));
    let mut told = 0;
    for _ in 0..100 {
        told += told_and_given(&solo.wait(100)).0;
    }
    assert_eq!(told, 20);
    assert_eq!(solo.node.deadline().max(solo.now), solo.node.deadline(), "and then it is quiet");
}

#[test]
fn what_the_backlog_drops_is_announced_after_what_pays_more() {
    let mut params = at_once();
    params.budgets.relayed = Rate::new(1.0, 1.0);
    params.budgets.backlog_max = 3;
    let (mut solo, _) = linked(params, Accepts::default());
    for n in 0..20 {
        solo.hand(Input::Submitted(solo.tx(n)));
    }
    let mut told = 0;
    for _ in 0..200 {
        told += told_and_given(&solo.wait(100)).0;
    }
    assert_eq!(told, 20);
}

#[test]
fn what_arrives_late_is_no_offence_however_much_it_is() {
    let mut params = at_once();
    params.requests.in_flight_max = 2;
    params.budgets.excesses = Rate::new(0.001, 1.0);
    let mut solo = Solo::new(params);
    let link = solo.link(0, Direction::Outbound);
    for n in 0..8 {
        solo.say(link, &announce(&solo.tx(n)));
        solo.wait(5_000);
    }
    for n in 0..8 {
        let item = Message::Items(Items::Item(solo.tx(n)));
        assert_eq!(disconnects(&solo.say(link, &item)), []);
    }
    assert_eq!(solo.node.pool().len(), 8);
}

#[test]
fn a_peer_that_is_slowed_commits_no_offence_however_often() {
    let mut params = at_once();
    params.budgets.messages = Rate::new(10.0, 20.0);
    params.budgets.excesses = Rate::new(0.001, 5.0);
    let mut solo = Solo::new(params);
    let link = solo.link(0, Direction::Inbound);
    let mut slowed = 0;
    for _ in 0..200 {
        let actions = solo.say(link, &Message::Session(Session::Ping { nonce: 0 }));
        slowed += u64::from(actions.iter().any(|it| matches!(it, Action::Throttle { .. })));
        assert_eq!(disconnects(&actions), []);
    }
    assert_eq!(slowed, 181, "all but the burst, of which the hello was one");
    assert_eq!(solo.node.counters().over_budget[Budget::Messages as usize], slowed);
    assert_eq!(solo.node.counters().misbehaved, 0);
}

#[test]
fn whoever_keeps_announcing_more_than_it_was_granted_is_cut_off() {
    let mut params = at_once();
    params.budgets.announcements = Rate::new(0.001, 2.0);
    params.budgets.excesses = Rate::new(0.001, 3.0);
    let mut solo = Solo::new(params);
    let link = solo.link(0, Direction::Inbound);
    for n in 0..5 {
        assert_eq!(disconnects(&solo.say(link, &announce(&solo.tx(n)))), []);
    }
    let why = Reason::Misbehaved(Offence::Flooding);
    assert_eq!(disconnects(&solo.say(link, &announce(&solo.tx(5)))), [(link, why)]);
}

/// What of which link is throttled.
fn throttled(actions: &[Action]) -> Vec<Option<Class>> {
    let class = |action: &Action| match action {
        Action::Throttle { class, .. } => Some(*class),
        _ => None,
    };
    actions.iter().filter_map(class).collect()
}

fn block(solo: &Solo, n: u8, bytes: usize) -> Arc<Item> {
    solo.chain.item(ItemKind::Block, vec![n; bytes].into()).unwrap()
}

fn item(item: &Arc<Item>) -> Message {
    Message::Items(Items::Item(item.clone()))
}

#[test]
fn too_many_items_of_a_kind_stop_neither_the_link_nor_the_other_kind() {
    let mut params = at_once();
    params.relay.strategy = StrategyKind::Flood;
    params.budgets.tx_bytes = Rate::new(100.0, 250.0);
    params.budgets.block_bytes = Rate::new(100.0, 250.0);
    let mut solo = Solo::new(params);
    let link = solo.link(0, Direction::Inbound);
    for n in 0..2 {
        assert_eq!(throttled(&solo.say(link, &item(&solo.tx(n)))), []);
    }
    assert_eq!(throttled(&solo.say(link, &item(&solo.tx(2)))), [Some(Class::Tx)]);
    let first = block(&solo, 1, 200);
    assert_eq!(throttled(&solo.say(link, &item(&first))), [], "blocks have a budget of their own");
    let second = block(&solo, 2, 200);
    assert_eq!(throttled(&solo.say(link, &item(&second))), [Some(Class::Block)]);
    let ping = Message::Session(Session::Ping { nonce: 7 });
    assert_eq!(throttled(&solo.say(link, &ping)), []);
}

#[test]
fn small_messages_without_number_stop_the_link() {
    let mut params = at_once();
    params.budgets.messages = Rate::new(1.0, 3.0);
    let mut solo = Solo::new(params);
    let link = solo.link(0, Direction::Inbound);
    let ping = Message::Session(Session::Ping { nonce: 7 });
    let all: Vec<_> = (0..4).flat_map(|_| throttled(&solo.say(link, &ping))).collect();
    assert_eq!(all, [None, None], "the hello counts");
}

#[test]
fn of_what_comes_too_fast_nothing_is_asked_for_until_it_is_paid_for() {
    let mut params = at_once();
    params.budgets.tx_bytes = Rate::new(100.0, 250.0);
    let mut solo = Solo::new(params);
    let (link, other) = (solo.link(0, Direction::Outbound), solo.link(1, Direction::Inbound));
    for n in 0..3 {
        solo.say(link, &announce(&solo.tx(n)));
        solo.say(link, &item(&solo.tx(n)));
    }
    assert_eq!(sends(&solo.say(link, &announce(&solo.tx(3)))), [], "it is in debt");
    let theirs = block(&solo, 1, 100);
    let asked = sends(&solo.say(link, &announce(&theirs)));
    assert_eq!(asked, [(link, get_data(&theirs))], "but not for blocks");
    let elsewhere = sends(&solo.say(other, &announce(&solo.tx(3))));
    assert_eq!(elsewhere, [(other, get_data(&solo.tx(3)))], "and somebody else is asked");
    solo.say(link, &announce(&solo.tx(4)));
    let fourth = get_data(&solo.tx(4));
    let asked = |actions: Vec<Action>| sends(&actions).contains(&(link, fourth.clone()));
    assert!(!asked(solo.wait(100)));
    assert!(asked(solo.wait(2_000)));
}

#[test]
fn a_block_that_a_peer_does_not_take_now_is_announced_and_delays_no_transaction() {
    let block_bytes = Allowed { per_s: 100, burst: 250 }; // with their heads
    let (mut solo, link) = linked(flood(), Accepts { block_bytes, ..Accepts::default() });
    let blocks: Vec<_> = (0..3).map(|n| block(&solo, n, 200)).collect();
    let mut submit = |what: &Arc<Item>| sends(&solo.hand(Input::Submitted(what.clone())));
    assert_eq!(submit(&blocks[0]), [(link, item(&blocks[0]))]);
    assert_eq!(submit(&blocks[1]), [(link, announce(&blocks[1]))], "it would be too much");
    assert_eq!(submit(&blocks[2]), [], "so soon after another it is announced a little later");
    let tx = solo.tx(9);
    assert_eq!(sends(&solo.hand(Input::Submitted(tx.clone()))), [(link, item(&tx))]);
    assert_eq!(sends(&solo.wait(10)), [(link, announce(&blocks[2]))]);
    // What is asked for waits, and what is asked for after it doesn't wait for it.
    for block in &blocks[1..] {
        assert_eq!(sends(&solo.say(link, &get_data(block))), []);
    }
    assert_eq!(sends(&solo.say(link, &get_data(&tx))), [(link, item(&tx))]);
    assert_eq!(sends(&solo.wait(1_900)), [(link, item(&blocks[1]))], "in the order asked for");
    assert_eq!(sends(&solo.wait(2_100)), [(link, item(&blocks[2]))]);
}

#[test]
fn blocks_of_others_are_announced_beyond_a_rate_and_our_own_are_pushed() {
    let mut params = flood();
    params.budgets.pushed_block_bytes = Rate::new(0.001, 500.0);
    let mut solo = Solo::new(params);
    let links: Vec<_> = (0..3).map(|slot| solo.link(slot, Direction::Inbound)).collect();
    let told = |solo: &mut Solo, n: u8, from: Option<Link>| {
        let block = block(solo, n, 200);
        let actions = match from {
            Some(link) => solo.say(link, &item(&block)),
            None => solo.hand(Input::Submitted(block.clone())),
        };
        let sent = sends(&actions);
        let is = |what: Message| sent.iter().filter(|(_, message)| *message == what).count();
        (is(item(&block)), is(announce(&block)))
    };
    assert_eq!(told(&mut solo, 1, Some(links[0])), (2, 0));
    assert_eq!(told(&mut solo, 2, Some(links[0])), (0, 2), "it is fetched by whoever lacks it");
    assert_eq!(told(&mut solo, 3, None), (3, 0));
}

#[test]
fn blocks_that_come_close_upon_one_another_are_announced_together_and_each_once() {
    let mut params = flood();
    params.budgets.pushed_block_bytes = Rate::new(0.001, 1.0);
    let mut solo = Solo::new(params);
    let [from, to] = [0, 1].map(|slot| solo.link(slot, Direction::Inbound));
    let mut announced = Vec::new();
    for n in 0..200 {
        let block = block(&solo, n, 100);
        let mut actions = solo.say(from, &item(&block));
        actions.extend(solo.wait(1));
        announced.extend(sends(&actions));
    }
    announced.extend(sends(&solo.wait(20)));
    let told: Vec<_> = announced
        .iter()
        .filter_map(|(link, message)| match message {
            Message::Items(Items::Announce(names)) if *link == to => Some(names.len()),
            _ => None,
        })
        .collect();
    assert_eq!(told[0], 1, "the first at once");
    assert_eq!(told.iter().sum::<usize>(), 200);
    assert!(told.len() <= 21, "a message each 10 ms: {}", told.len());
}
