//! Transactions that are named by short ids: understood by every node, used by some strategies.

use super::*;
use crate::ground::item::{Item, ShortId, twin};
use crate::machine::Action;
use crate::wire::message::{Items, Names};

fn short(verb: fn(Names) -> Items, item: &Item) -> Message {
    Message::Items(verb(Names::Short([item.id().into()].into())))
}

#[test]
fn a_peer_is_asked_in_the_terms_in_which_it_announced() {
    let mut solo = Solo::new(at_once());
    let link = solo.link(0, Direction::Outbound);
    let (one, two) = (solo.tx(1), solo.tx(2));
    let asked = sends(&solo.say(link, &short(Items::Announce, &one)));
    assert_eq!(asked, [(link, short(Items::GetData, &one))]);
    assert_eq!(sends(&solo.say(link, &announce(&two))), [(link, get_data(&two))]);
    solo.say(link, &Message::Items(Items::Item(one.clone())));
    assert!(solo.node.item(&one.id()).is_some());
}

#[test]
fn what_is_asked_for_by_short_id_is_sent_or_not_found_by_short_id() {
    let mut solo = Solo::new(at_once());
    let link = solo.link(0, Direction::Inbound);
    let (one, two) = (solo.tx(1), solo.tx(2));
    solo.hand(Input::Submitted(one.clone()));
    solo.wait(0);
    let sent = sends(&solo.say(link, &short(Items::GetData, &one)));
    assert_eq!(sent, [(link, Message::Items(Items::Item(one)))]);
    let sent = sends(&solo.say(link, &short(Items::GetData, &two)));
    assert_eq!(sent, [(link, short(Items::NotFound, &two))]);
}

#[test]
fn not_found_by_short_id_passes_the_request_on() {
    let mut solo = Solo::new(at_once());
    let (first, second) = (solo.link(0, Direction::Outbound), solo.link(1, Direction::Outbound));
    let tx = solo.tx(1);
    solo.say(first, &short(Items::Announce, &tx));
    assert!(sends(&solo.say(second, &short(Items::Announce, &tx))).is_empty());
    let asked = sends(&solo.say(first, &short(Items::NotFound, &tx)));
    assert_eq!(asked, [(second, short(Items::GetData, &tx))]);
}

#[test]
fn a_whole_id_that_only_shares_its_short_id_with_an_item_is_not_found() {
    let mut solo = Solo::new(at_once());
    let link = solo.link(0, Direction::Inbound);
    let tx = solo.tx(1);
    solo.hand(Input::Submitted(tx.clone()));
    solo.wait(0);
    let other = twin(tx.id());
    assert!(other != tx.id() && ShortId::from(other) == tx.id().into());
    let ask =
        Message::Items(Items::GetData(Names::Whole { kind: ItemKind::Tx, ids: [other].into() }));
    let answer =
        Message::Items(Items::NotFound(Names::Whole { kind: ItemKind::Tx, ids: [other].into() }));
    assert_eq!(sends(&solo.say(link, &ask)), [(link, answer)]);
}

#[test]
fn requests_by_short_id_are_charged_like_others() {
    let mut params = at_once();
    params.budgets.requests = Rate::new(1.0, 2.0);
    let mut solo = Solo::new(params);
    let link = solo.link(0, Direction::Inbound);
    let ids: Vec<ShortId> = (0..4).map(|n| solo.tx(n).id().into()).collect();
    let actions = solo.say(link, &Message::Items(Items::GetData(Names::Short(ids.into()))));
    assert!(actions.iter().any(|action| matches!(action, Action::Throttle { .. })));
}

#[test]
fn only_the_strategies_that_want_to_announce_by_short_id() {
    for (strategy, is_short) in [(StrategyKind::Inventory, false), (StrategyKind::Adaptive, true)] {
        let mut params = at_once();
        params.relay.strategy = strategy;
        let mut solo = Solo::new(params);
        let link = solo.link(0, Direction::Inbound);
        let tx = solo.tx(1);
        solo.hand(Input::Submitted(tx.clone()));
        let sent = sends(&solo.wait(0));
        let announced = sent.contains(&(link, announce(&tx)));
        assert_eq!(announced, !is_short, "{sent:?}");
        assert_eq!(solo.node.strategy.names_short(), is_short);
    }
}
