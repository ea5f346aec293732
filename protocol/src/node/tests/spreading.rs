//! What a node does for its strategy, for regions, and to find gaps.

use super::*;
use crate::ground::item::Item;
use crate::machine::Action;
use crate::wire::digest::{List, Span};
use crate::wire::message::{Items, Names, Reconcile, Session, Signal};
use std::time::Duration;

fn strategy(strategy: StrategyKind) -> Params {
    let mut params = at_once();
    params.relay.strategy = strategy;
    params
}

/// What is sent to compare.
pub(super) fn comparing(actions: &[Action]) -> Vec<Reconcile> {
    let compares = |(_, message): (Link, Message)| match message {
        Message::Reconcile(message) => Some(message),
        _ => None,
    };
    sends(actions).into_iter().filter_map(compares).collect()
}

/// "I have these and nothing else."
pub(super) fn only(items: &[&Item]) -> Message {
    let mut ids: Vec<_> = items.iter().map(|item| item.id().into()).collect();
    ids.sort_unstable();
    Message::Reconcile(Reconcile::Held([List { span: Span::ALL, ids: ids.into() }].into()))
}

/// "You lack these", as a comparison showed.
pub(super) fn lacked(items: &[&Item]) -> Message {
    let ids = items.iter().map(|item| item.id().into()).collect();
    Message::Reconcile(Reconcile::Lacked(ids))
}

fn ask_short(item: &Item) -> Message {
    Message::Items(Items::GetData(Names::Short([item.id().into()].into())))
}

#[test]
fn a_digest_is_answered_by_what_it_lacks_even_if_that_was_announced_before() {
    let mut solo = Solo::new(at_once());
    let link = solo.link(0, Direction::Inbound);
    let tx = solo.tx(1);
    solo.hand(Input::Submitted(tx.clone()));
    assert_eq!(sends(&solo.wait(0)), [(link, announce(&tx))]);
    solo.wait(2_000);
    assert_eq!(sends(&solo.say(link, &only(&[]))), [(link, lacked(&[&tx]))]);
    assert_eq!(solo.node.counters().gaps_found, 1);
    assert!(sends(&solo.say(link, &only(&[]))).is_empty(), "not at once again");
    assert!(sends(&solo.say(link, &only(&[&tx]))).is_empty());
}

#[test]
fn a_digest_of_what_we_lack_is_answered_by_our_own_once() {
    let mut solo = Solo::new(at_once());
    let link = solo.link(0, Direction::Inbound);
    let tx = solo_tx(1);
    let asked = sends(&solo.say(link, &only(&[&tx])));
    assert_eq!(asked, [(link, ask_short(&tx))], "a list is an announcement");
    assert!(solo.say(link, &only(&[&tx])).is_empty());
}

fn solo_tx(n: u8) -> Arc<Item> {
    Opaque::default().item(ItemKind::Tx, vec![n; 100].into()).unwrap()
}

#[test]
fn a_node_with_news_compares_now_and_then_and_with_every_newcomer() {
    let mut solo = Solo::new(at_once());
    solo.link(0, Direction::Inbound);
    solo.hand(Input::Submitted(solo.tx(1)));
    let interval = solo.params.relay.safety_pull_ms;
    solo.wait(1_000);
    let compared = comparing(&solo.wait(interval)).len() + comparing(&solo.wait(interval)).len();
    assert_eq!(compared, 2);
    // Whoever dialled begins.
    for (slot, direction, begins) in [(1, Direction::Outbound, 1), (2, Direction::Inbound, 0)] {
        let (link, peer) = (Link::new(slot, 1), PeerKey(u64::from(slot) + 8));
        solo.hand(Input::Connected { link, peer, direction, addr: None });
        solo.say(link, &hello());
        assert_eq!(comparing(&solo.wait(1_000)).len(), begins);
    }
}

#[test]
fn without_the_safety_net_digests_are_neither_sent_nor_answered() {
    let mut params = at_once();
    params.relay.safety_pull_ms = 0;
    let mut solo = Solo::new(params);
    let link = solo.link(0, Direction::Outbound);
    solo.hand(Input::Submitted(solo.tx(1)));
    assert!((0..10).all(|_| comparing(&solo.wait(5_000)).is_empty()));
    assert!(sends(&solo.say(link, &only(&[]))).is_empty());
}

#[test]
fn digests_that_ask_for_too_much_are_charged_like_requests() {
    let mut params = at_once();
    params.budgets.requests = Rate::new(1.0, 4.0);
    let mut solo = Solo::new(params);
    let link = solo.link(0, Direction::Inbound);
    let throttled =
        |actions: &[Action]| actions.iter().any(|a| matches!(a, Action::Throttle { .. }));
    (0..3).for_each(|n| drop(solo.hand(Input::Submitted(solo_tx(n)))));
    solo.wait(2_000);
    assert!(!throttled(&solo.say(link, &only(&[]))));
    (3..8).for_each(|n| drop(solo.hand(Input::Submitted(solo_tx(n)))));
    solo.wait(2_000);
    assert!(throttled(&solo.say(link, &only(&[]))));
    assert_eq!(solo.node.counters().over_budget[Budget::Requests as usize], 1);
}

#[test]
fn a_missing_item_grafts_its_announcer_and_then_the_next() {
    let mut solo = Solo::new(strategy(StrategyKind::Plumtree));
    let (a, b) = (solo.link(0, Direction::Outbound), solo.link(1, Direction::Outbound));
    let tx = solo.tx(1);
    assert!(solo.say(a, &announce(&tx)).is_empty());
    assert!(solo.say(b, &announce(&tx)).is_empty());
    assert!(sends(&solo.wait(79)).is_empty(), "it may come by the tree");
    let graft = Message::Relay(Signal::Graft);
    assert_eq!(sends(&solo.wait(1)), [(a, get_data(&tx)), (a, graft.clone())]);
    assert!(sends(&solo.wait(39)).is_empty());
    assert_eq!(sends(&solo.wait(1)), [(b, get_data(&tx)), (b, graft)]);
}

#[test]
fn a_duplicate_prunes_its_sender() {
    let mut solo = Solo::new(strategy(StrategyKind::Plumtree));
    let (a, b) = (solo.link(0, Direction::Outbound), solo.link(1, Direction::Outbound));
    let tx = solo.tx(1);
    assert_eq!(
        sends(&solo.say(a, &Message::Items(Items::Item(tx.clone())))),
        [(b, Message::Items(Items::Item(tx.clone())))]
    );
    let prune = Message::Relay(Signal::Prune);
    assert_eq!(sends(&solo.say(b, &Message::Items(Items::Item(tx)))), [(b, prune)]);
}

#[test]
fn batches_hold_whole_items_back_until_they_are_full() {
    let mut params = strategy(StrategyKind::Flood);
    params.relay.batch_ms = 50;
    params.relay.batch_max = 2;
    let mut solo = Solo::new(params);
    solo.link(0, Direction::Outbound);
    solo.hand(Input::Submitted(solo_tx(1)));
    assert!(sends(&solo.wait(49)).is_empty());
    assert_eq!(sends(&solo.wait(1)).len(), 1);
    solo.hand(Input::Submitted(solo_tx(2)));
    assert!(sends(&solo.wait(0)).is_empty());
    solo.hand(Input::Submitted(solo_tx(3)));
    assert_eq!(sends(&solo.wait(0)).len(), 2);
}

#[test]
fn bytes_to_other_regions_are_counted() {
    let identity = Identity { region: Some(1), ..Identity::for_tests(1_000) };
    let mut solo = Solo::new(at_once());
    solo.params.peers.outbound = 0;
    solo.node = Node::new(identity, &solo.params);
    for (slot, region) in [(0, Some(1)), (1, Some(2)), (2, None)] {
        let link = Link::new(slot, 1);
        let (peer, direction) = (PeerKey(u64::from(slot) + 1), Direction::Inbound);
        let actions = solo.hand(Input::Connected { link, peer, direction, addr: None });
        let [(_, Message::Session(Session::Hello(ours))), ..] = &sends(&actions)[..] else {
            panic!("{actions:?}")
        };
        assert_eq!(ours.region, Some(1));
        solo.say(link, &Message::Session(Session::Hello(Box::new(Hello { region, ..**ours }))));
        solo.wait(0);
        solo.say(link, &Message::Session(Session::Ping { nonce: 1 }));
    }
    // A ping of ours and an answer to theirs, ten bytes each, over one of the three links.
    assert_eq!(solo.node.counters().sent_cross_region_bytes % 10, 0);
    assert_eq!(solo.node.counters().sent_cross_region_bytes, 20);
}

#[test]
fn links_that_are_told_of_the_same_items_at_once_share_the_ids() {
    let mut solo = Solo::new(at_once());
    (0..3).for_each(|slot| _ = solo.link(slot, Direction::Inbound));
    for n in 1..=2 {
        solo.hand(Input::Submitted(solo.tx(n)));
    }
    let sent = sends(&solo.wait(0));
    let ids = |(_, message): &(Link, Message)| match message {
        Message::Items(Items::Announce(Names::Whole { ids, .. })) => ids.clone(),
        other => panic!("expected an announcement, got {other:?}"),
    };
    let told: Vec<_> = sent.iter().map(ids).collect();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|ids| Arc::ptr_eq(ids, &told[0]) && ids.len() == 2));
}

#[test]
fn what_is_due_besides_announcements_is_not_forgotten_for_them() {
    let mut params = at_once();
    params.relay.trickle_outbound_ms = 1;
    let mut solo = Solo::new(params);
    let (a, b) = (solo.link(0, Direction::Outbound), solo.link(1, Direction::Outbound));
    let wanted = solo.tx(1);
    assert_eq!(sends(&solo.say(a, &announce(&wanted))), [(a, get_data(&wanted))]);
    assert!(sends(&solo.say(b, &announce(&wanted))).is_empty());
    let until = solo.now + Duration::from_millis(solo.params.requests.tx_timeout_ms);
    let mut asked = Vec::new();
    for n in 2.. {
        solo.hand(Input::Submitted(solo.tx(n)));
        solo.say(b, &announce(&solo.tx(n))); // known: changes nothing else
        solo.now = solo.node.deadline();
        asked.extend(sends(&solo.hand(Input::Wake)));
        asked.retain(|(_, message)| matches!(message, Message::Items(Items::GetData(_))));
        if solo.now >= until {
            break;
        }
        assert!(asked.is_empty(), "{asked:?}");
        solo.now = (solo.now + Duration::from_millis(400)).min(until);
    }
    assert_eq!(asked, [(b, get_data(&wanted))], "the next one when the time ran out");
}
