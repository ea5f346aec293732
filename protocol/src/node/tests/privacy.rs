//! Our own transactions and strangers who have just come: others hear of them first, and in the end everybody does.

use super::comparing::{named, questions, tx};
use super::spreading::only;
use super::*;
use crate::chain::Verified;
use crate::ground::item::ShortId;
use crate::machine::RestoredAs;
use crate::wire::message::{Reconcile, Signal};

const OUT: Direction = Direction::Outbound;
const IN: Direction = Direction::Inbound;

/// Whether somebody is told of an item.
fn tells(actions: &[Action], to: Link, item: &Item) -> bool {
    sends(actions).iter().filter(|(link, _)| *link == to).any(|(_, message)| match message {
        Message::Items(Items::Item(told)) => told.id() == item.id(),
        Message::Items(Items::Announce(names)) => names.iter().any(|name| name.fits(&item.id())),
        Message::Reconcile(Reconcile::Lacked(ids)) => ids.contains(&ShortId::from(item.id())),
        Message::Reconcile(Reconcile::Held(lists)) => {
            lists.iter().any(|list| list.ids.contains(&ShortId::from(item.id())))
        }
        _ => false,
    })
}

fn polls() -> Message {
    Message::Relay(Signal::Poll)
}

fn restored(item: &Arc<Item>, was: RestoredAs) -> Input<'static> {
    let (item, age, verified) = (item.clone(), Duration::ZERO, Verified::default());
    Input::Restored { item, was, age, verified }
}

/// A node whose time has begun.
fn solo(params: Params) -> Solo {
    let mut solo = Solo::new(params);
    solo.wait(1);
    solo
}

/// Parameters under which links stay up though nobody answers pings.
fn patient(strategy: StrategyKind) -> Params {
    let mut params = named(strategy);
    params.health.ping_interval_s = 1_000_000;
    params.health.ping_timeout_s = 1_000_000;
    params
}

/// Of 25 own transactions of a node with one peer that it dialled: how many a stranger who dials it just before, and asks
/// whatever can be asked, hears of no later than that peer.
fn heard_first_by_a_stranger(params: Params) -> usize {
    let mut solo = solo(params);
    let peer = solo.link(0, OUT);
    let mut count = 0;
    for n in 0..25 {
        let (own, stranger) = (tx(n), Link::new(1, n + 1));
        let key = PeerKey(u64::from(n) + 100);
        solo.hand(Input::Connected { link: stranger, peer: key, direction: IN, addr: None });
        solo.say(stranger, &hello());
        let mut actions = solo.hand(Input::Submitted(own.clone()));
        let mut steps = 0;
        while !tells(&actions, peer, &own) && !tells(&actions, stranger, &own) {
            actions = solo.wait(10);
            for question in questions(&own) {
                actions.extend(solo.say(stranger, &question));
            }
            actions.extend(solo.say(peer, &polls()));
            steps += 1;
            assert!(steps < 10_000, "the {n}-th is told to nobody");
        }
        count += usize::from(tells(&actions, stranger, &own));
        while !tells(&actions, stranger, &own) {
            actions = solo.wait(100);
            actions.extend(solo.say(stranger, &polls()));
            steps += 1;
            assert!(steps < 10_000, "the {n}-th is lost to all but the first");
        }
        solo.hand(Input::Disconnected { link: stranger });
    }
    count
}

#[test]
fn under_every_strategy_a_stranger_who_has_just_come_hears_of_no_own_transaction_first() {
    let mut before = Vec::new();
    for strategy in StrategyKind::ALL {
        let mut params = patient(*strategy);
        assert_eq!(heard_first_by_a_stranger(params.clone()), 0, "{strategy}");
        params.unbroadcast.standing_s = 0; // as if he were no stranger
        before.push((strategy.name(), heard_first_by_a_stranger(params)));
    }
    assert!(before.iter().any(|(_, count)| *count == 25), "what this is for: {before:?}");
}

#[test]
fn under_every_strategy_an_own_transaction_gets_out_where_all_links_are_strangers() {
    for strategy in StrategyKind::ALL {
        let mut solo = solo(patient(*strategy));
        let links: Vec<_> = (0..3).map(|slot| solo.link(slot, IN)).collect();
        let own = tx(1);
        let mut actions = solo.hand(Input::Submitted(own.clone()));
        // The timer's longest, and what a trickle hardly ever exceeds.
        for _ in 0..230 {
            actions.extend(solo.wait(100));
            links.iter().for_each(|link| actions.extend(solo.say(*link, &polls())));
        }
        let told = links.iter().filter(|link| tells(&actions, **link, &own)).count();
        assert_eq!(told, links.len(), "{strategy}");
    }
}

#[test]
fn a_link_that_stands_for_long_is_a_first_hop_and_one_that_comes_again_is_not() {
    let mut solo = solo(patient(StrategyKind::Flood));
    let (standing, other) = (solo.link(0, IN), solo.link(1, IN));
    solo.wait(1_000 * solo.params.unbroadcast.standing_s - 1);
    let early = solo.hand(Input::Submitted(tx(1)));
    assert!(![standing, other].into_iter().any(|link| tells(&early, link, &tx(1))));
    solo.hand(Input::Disconnected { link: other });
    let again = Link::new(1, 2);
    let (peer, addr) = (PeerKey(2), None);
    solo.hand(Input::Connected { link: again, peer, direction: IN, addr });
    solo.say(again, &hello());
    solo.wait(1);
    let actions = solo.hand(Input::Submitted(tx(2)));
    assert!(tells(&actions, standing, &tx(2)) && !tells(&actions, again, &tx(2)));
}

#[test]
fn an_own_transaction_that_comes_back_goes_to_all_at_once() {
    let mut solo = solo(patient(StrategyKind::Inventory));
    solo.params.relay.trickle_inbound_ms = 0;
    let (first, stranger) = (solo.link(0, OUT), solo.link(1, IN));
    solo.hand(Input::Submitted(tx(1)));
    assert!(!tells(&solo.wait(0), stranger, &tx(1)));
    solo.say(first, &announce(&tx(1)));
    assert!(tells(&solo.wait(0), stranger, &tx(1)));
}

#[test]
fn nobody_who_comes_to_a_lonely_node_hears_of_what_was_submitted_there_before_a_first_hop_could_have_come()
 {
    let mut solo = solo(patient(StrategyKind::Adaptive));
    solo.hand(Input::Submitted(tx(1)));
    solo.wait(3_600_000);
    let stranger = solo.link(0, IN);
    let mut actions = Vec::new();
    for question in questions(&tx(1)) {
        actions.extend(solo.say(stranger, &question));
    }
    actions.extend(solo.wait(1_900));
    let first = solo.link(1, OUT);
    (0..10).for_each(|_| actions.extend(solo.wait(10)));
    assert!(!tells(&actions, stranger, &tx(1)) && solo.node.seen.knows(tx(1).id(), first));
    let later: Vec<_> = (0..200).flat_map(|_| solo.wait(100)).collect();
    assert!(tells(&later, stranger, &tx(1)));
}

#[test]
fn no_stranger_finds_an_own_transaction_of_an_earlier_run_before_a_first_hop_can() {
    let mut solo = solo(patient(StrategyKind::Inventory));
    let (own, other) = (tx(1), tx(2));
    solo.hand(restored(&own, RestoredAs::Own));
    solo.hand(restored(&other, RestoredAs::Kept));
    solo.wait(5_000);
    let everything = only(&[]); // that he has nothing
    for (slot, direction, hears) in [(0, IN, false), (1, OUT, true)] {
        let link = solo.link(slot, direction);
        let told = solo.say(link, &everything);
        assert_eq!((tells(&told, link, &own), tells(&told, link, &other)), (hears, true));
    }
}
