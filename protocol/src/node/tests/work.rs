//! Whoever has a node work is charged for that, and no input deals with more than so much: counted, not timed.

use super::orphans::solo as with_fees;
use super::*;
use crate::chain::Verified;
use crate::ground::item::{Hash256, ItemId, Name, ShortId};
use crate::machine::{Part as _, RestoredAs};
use crate::testkit::ties::{Draft, Ties, block};
use crate::wire::message::{PeerExchange, Reconcile, Signal};

const OUT: Direction = Direction::Outbound;
const IN: Direction = Direction::Inbound;

fn numbered(n: u32) -> Arc<Item> {
    Opaque::default().item(ItemKind::Tx, n.to_le_bytes().to_vec().into()).unwrap()
}

fn names(ids: impl Iterator<Item = ItemId>) -> Names {
    Names::Short(ids.map(ShortId::from).collect())
}

/// A node whose link is charged a second for each requested id.
pub(super) fn charging(mut params: Params) -> Solo {
    params.budgets.requests = Rate::new(1.0, 0.001);
    Solo::new(params)
}

/// As how many requested ids something was charged.
pub(super) fn charged(solo: &Solo, actions: &[Action]) -> usize {
    let debts = actions.iter().filter_map(|action| match action {
        Action::Throttle { until, .. } => Some(until.since(solo.now).as_millis().div_ceil(1_000)),
        _ => None,
    });
    usize::try_from(debts.max().unwrap_or(0)).unwrap()
}

pub(super) fn restore(solo: &mut Solo, items: impl Iterator<Item = Arc<Item>>) {
    for item in items {
        let (was, age) = (RestoredAs::Kept, Duration::ZERO);
        solo.hand(Input::Restored { item, was, age, verified: Verified::default() });
    }
}

/// Wakes a node for as long as something is due, and hands each wake-up's actions over.
fn wakes(solo: &mut Solo) -> Vec<Vec<Action>> {
    let mut all = Vec::new();
    while solo.node.deadline() <= solo.now {
        all.push(solo.wait(0));
    }
    all
}

fn told(actions: &[Action]) -> usize {
    let ids = |(_, message): &(Link, Message)| match message {
        Message::Items(Items::Announce(names)) => names.len(),
        _ => 0,
    };
    sends(actions).iter().map(ids).sum()
}

#[test]
fn a_newcomer_is_charged_for_the_news_that_it_is_told() {
    let mut solo = charging(Params::default());
    (0..50).for_each(|n| drop(solo.hand(Input::Submitted(solo.tx(n)))));
    let link = Link::new(0, 1);
    solo.hand(Input::Connected { link, peer: PeerKey(1), direction: IN, addr: None });
    let actions = solo.say(link, &hello());
    assert_eq!(charged(&solo, &actions), 50);
}

#[test]
fn whoever_asks_for_addresses_is_charged_for_those_that_it_is_told() {
    let mut solo = charging(Params::default());
    let addrs: Vec<_> = (1..=30).map(|n| format!("20.0.0.{n}:4000").parse().unwrap()).collect();
    solo.hand(Input::Learned(&addrs));
    let link = solo.link(0, IN);
    let ask = Message::Peers(PeerExchange::GetAddresses);
    let actions = solo.say(link, &ask);
    assert_eq!(charged(&solo, &actions), 30);
    let again = solo.say(link, &ask);
    assert_eq!(charged(&solo, &again), 0, "it isn't answered");
}

#[test]
fn an_answer_is_charged_by_its_size() {
    let mut solo = charging(at_once());
    let link = solo.link(0, IN);
    let block = Opaque::default().item(ItemKind::Block, vec![7; 1_000_000].into()).unwrap();
    solo.hand(Input::Submitted(block.clone()));
    let actions = solo.say(link, &get_data(&block));
    assert_eq!(charged(&solo, &actions), 1 + 800);
    let mut solo = charging(at_once());
    let link = solo.link(0, IN);
    let small = solo.tx(1);
    solo.hand(Input::Submitted(small.clone()));
    solo.wait(0);
    let actions = solo.say(link, &get_data(&small));
    assert_eq!(charged(&solo, &actions), 1, "one that is small is paid for by asking");
}

#[test]
fn a_notfound_is_charged_for_what_it_names() {
    let mut solo = charging(at_once());
    let link = solo.link(0, IN);
    let ids = || (0..5).map(|n| numbered(n).id());
    solo.say(link, &Message::Items(Items::Announce(names(ids()))));
    let actions = solo.say(link, &Message::Items(Items::NotFound(names(ids()))));
    assert_eq!(charged(&solo, &actions), 5);
}

#[test]
fn a_credit_is_charged_for_what_waits_for_it() {
    let mut solo = charging(at_once());
    let link = Link::new(0, 1);
    solo.hand(Input::Connected { link, peer: PeerKey(1), direction: IN, addr: None });
    let accepts = crate::wire::message::Accepts { credit: 0, ..Default::default() };
    let hello = Hello { accepts, ..Hello::default() };
    solo.say(link, &Message::Session(Session::Hello(Box::new(hello))));
    (0..160).for_each(|n| drop(solo.hand(Input::Submitted(numbered(n)))));
    solo.wait(0);
    let actions = solo.say(link, &Message::Items(Items::Credit(u32::MAX)));
    assert_eq!(charged(&solo, &actions), 10, "sixteen for one");
    assert_eq!(told(&solo.wait(0)), 160);
    let actions = solo.say(link, &Message::Items(Items::Credit(u32::MAX)));
    assert_eq!(charged(&solo, &actions), 0, "nothing waits");
}

#[test]
fn whoever_polls_is_charged_for_the_news_that_is_looked_at() {
    let mut params = Params::default();
    params.relay.strategy = StrategyKind::Pull;
    let mut solo = charging(params);
    let link = solo.link(0, IN);
    (0..160).for_each(|n| drop(solo.hand(Input::Submitted(numbered(n)))));
    let poll = Message::Relay(Signal::Poll);
    let first = solo.say(link, &poll);
    assert_eq!((told(&first), charged(&solo, &first)), (160, 10));
    let again = solo.say(link, &poll);
    assert_eq!((told(&again), charged(&solo, &again)), (0, 20), "it is looked at again");
}

#[test]
fn a_question_is_charged_for_finding_what_it_is_about() {
    let mut solo = charging(at_once());
    let link = solo.link(0, IN);
    restore(&mut solo, (0..1_000).map(numbered));
    use crate::wire::digest::{List, Span};
    let thirds = Span::ALL.children().flat_map(Span::children).flat_map(Span::children);
    let deep = thirds.filter_map(|span| Span::new(u64::from_be_bytes(span.first().0), 16));
    let lists: Box<[List]> = deep.take(1_024).map(|span| List { span, ids: [].into() }).collect();
    let actions = solo.say(link, &Message::Reconcile(Reconcile::Held(lists)));
    assert!(charged(&solo, &actions) >= 1_024 * 64 / 256, "though nothing is there");
}

#[test]
fn a_transaction_is_charged_for_the_many_that_it_drives_out() {
    let mut params = at_once();
    params.budgets.requests = Rate::new(1.0, 0.001);
    let mut solo = Solo::with_chain(params, Box::new(Ties));
    let link = solo.link(0, IN);
    let keys: Vec<u8> = (0..40).collect();
    restore(
        &mut solo,
        keys.iter()
            .map(|key| Draft { keys: vec![*key], ..Draft::paying(u32::from(*key), 1) }.item()),
    );
    let replacing = Draft { keys, ..Draft::paying(100, 1_000_000) }.item();
    let actions = solo.feed(link, &replacing);
    assert_eq!((solo.node.pool().len(), charged(&solo, &actions)), (1, 10));
    let actions = solo.feed(link, &Draft::paying(101, 1).item());
    assert_eq!(charged(&solo, &actions), 0);
}

#[test]
fn an_orphan_is_charged_for_all_who_are_asked_for_all_its_parents() {
    let mut params = at_once();
    params.budgets.requests = Rate::new(1.0, 0.001);
    let mut solo = Solo::with_chain(params, Box::new(Ties));
    let links: Vec<_> = (0..10).map(|slot| solo.link(slot, IN)).collect();
    let parents: Vec<_> = (0..20).map(|n| Draft::paying(n, 1).item()).collect();
    let orphan = Draft::paying(100, 1).after(&parents.iter().collect::<Vec<_>>()).item();
    links.iter().for_each(|link| drop(solo.say(*link, &announce(&orphan))));
    let actions = solo.say(links[0], &Message::Items(Items::Item(orphan)));
    assert_eq!(charged(&solo, &actions), 20 * 10 / 4);
}

#[test]
fn answers_leave_in_portions_whether_the_items_are_here_or_not() {
    let mut solo = Solo::new(at_once());
    let link = solo.link(0, IN);
    restore(&mut solo, (0..2_000).map(numbered));
    for n in 0..2 {
        let ids = (1_000 * n..1_000 * (n + 1)).map(|n| numbered(n).id());
        solo.say(link, &Message::Items(Items::Announce(names(ids))));
    }
    solo.hand(Input::Congested { link });
    for n in 0..4 {
        let ids = (1_000 * n..1_000 * (n + 1)).map(|n| numbered(n).id());
        solo.say(link, &Message::Items(Items::GetData(names(ids))));
    }
    let answers = |actions: &[Action]| -> usize {
        let count = |(_, message): &(Link, Message)| match message {
            Message::Items(Items::Item(_)) => 1,
            Message::Items(Items::NotFound(names)) => names.len(),
            _ => 0,
        };
        sends(actions).iter().map(count).sum()
    };
    solo.hand(Input::Drained { link });
    let portions: Vec<_> = wakes(&mut solo).iter().map(|actions| answers(actions)).collect();
    assert_eq!(portions.iter().sum::<usize>(), 4_000);
    assert!(portions.iter().all(|answered| *answered <= 500), "{portions:?}");
}

#[test]
fn what_a_strategy_flushes_to_many_peers_leaves_in_portions() {
    let mut params = Params::default();
    params.relay.strategy = StrategyKind::Plumtree;
    let mut solo = Solo::new(params);
    let links: Vec<_> = (0..20).map(|slot| solo.link(slot, OUT)).collect();
    for link in &links {
        solo.say(*link, &Message::Relay(Signal::Prune));
    }
    (0..500).for_each(|n| drop(solo.hand(Input::Submitted(numbered(n)))));
    solo.now = solo.now + Duration::from_secs(5);
    let portions: Vec<_> = wakes(&mut solo).iter().map(|actions| told(actions)).collect();
    assert_eq!(portions.iter().sum::<usize>(), 20 * 500);
    let most = 2 * crate::wire::message::ANNOUNCE_MAX;
    assert!(portions.iter().all(|told| *told <= most), "{portions:?}");
}

#[test]
fn a_wake_up_ends_with_whoever_does_much_and_the_next_begins_with_the_others() {
    let mut params = Params::default();
    params.relay.strategy = StrategyKind::Inventory;
    let mut solo = Solo::new(params);
    let silent = solo.link(0, OUT);
    (0..4_000).for_each(|n| drop(solo.hand(Input::Submitted(numbered(n)))));
    solo.now = solo.node.health.deadline();
    let first = solo.hand(Input::Wake);
    assert!(told(&first) > 0 && disconnects(&first).is_empty(), "announcements are enough for one");
    assert!(solo.node.deadline() <= solo.now, "the rest is due at once");
    let second = disconnects(&solo.hand(Input::Wake));
    assert_eq!(
        second.iter().map(|(link, _)| *link).collect::<Vec<_>>(),
        [silent],
        "it gave no sign of life"
    );
}

#[test]
fn children_of_one_parent_are_dealt_with_in_portions() {
    let mut solo = with_fees();
    let link = solo.link(0, IN);
    let parent = Draft::paying(1, 1_000).item();
    let children: Vec<_> =
        (0..300).map(|n| Draft::paying(100 + n, 1_000).after(&[&parent]).item()).collect();
    children.iter().for_each(|child| drop(solo.feed(link, child)));
    assert!(children.iter().all(|child| solo.waits(child)));
    solo.say(link, &Message::Items(Items::Item(parent.clone())));
    let checks = |actions: &[Action]| {
        actions.iter().filter(|action| matches!(action, Action::Verify(_))).count()
    };
    let first = solo.hand(Input::Verdict { item: &parent, verdict: GOOD });
    let mut portions = vec![checks(&first)];
    portions.extend(wakes(&mut solo).iter().map(|actions| checks(actions)));
    // A family is limited, but that is found out when they have passed.
    assert_eq!(portions.iter().sum::<usize>(), 300, "{portions:?}");
    assert!(portions.iter().all(|checked| *checked <= 128), "{portions:?}");
    assert!(solo.node.orphanage().is_none());
}

#[test]
fn children_of_a_refused_parent_are_refused_in_portions_and_their_children_too() {
    let mut solo = with_fees();
    let link = solo.link(0, IN);
    let parent = Draft { is_forged: true, ..Draft::paying(1, 1_000) }.item();
    let children: Vec<_> =
        (0..200).map(|n| Draft::paying(100 + n, 1_000).after(&[&parent]).item()).collect();
    let grandchild = Draft::paying(999, 1_000).after(&[&children[0]]).item();
    children.iter().chain([&grandchild]).for_each(|child| drop(solo.feed(link, child)));
    solo.say(link, &Message::Items(Items::Item(parent.clone())));
    let verdict = Err(Rejection::invalid("forged"));
    let first = solo.hand(Input::Verdict { item: &parent, verdict });
    let refusals = |actions: &[Action]| {
        let is_refusal =
            |action: &&Action| matches!(action, Action::Report(Event::Rejected { .. }));
        actions.iter().filter(is_refusal).count()
    };
    let mut portions = vec![refusals(&first)];
    portions.extend(wakes(&mut solo).iter().map(|actions| refusals(actions)));
    assert_eq!(portions.iter().sum::<usize>(), 202);
    assert!(portions.iter().all(|refused| *refused <= 129), "{portions:?}");
    assert!(solo.node.orphanage().is_none());
}

#[test]
fn of_many_children_those_that_pay_most_are_judged_together_with_their_parent() {
    let mut solo = with_fees();
    let link = solo.link(0, IN);
    let parent = Draft { filler: 100, ..Draft::paying(1, 0) }.item();
    // All but one pay too little for both.
    let poor = |n: u32| Draft::paying(100 + n, 60).after(&[&parent]).item();
    (0..100).for_each(|n| drop(solo.feed(link, &poor(n))));
    let rich = Draft::paying(99, 10_000).after(&[&parent]).item();
    solo.feed(link, &rich);
    solo.send(link, &parent);
    assert!(solo.has(&parent) && solo.has(&rich));
}

#[test]
fn a_large_block_is_confirmed_in_portions_and_all_of_it_in_the_end() {
    let mut params = at_once();
    params.relay.safety_pull_ms = 0;
    let mut solo = Solo::with_chain(params, Box::new(Ties));
    let link = solo.link(0, IN);
    let items: Vec<_> = (0..600).map(|n| Draft::paying(n, 1).item()).collect();
    restore(&mut solo, items.iter().cloned());
    let rival = Draft { keys: vec![9], ..Draft::paying(1_000, 1) }.item();
    let winner = Draft { keys: vec![9], ..Draft::paying(1_001, 1) }.item();
    restore(&mut solo, [rival].into_iter());
    let all: Vec<_> = items.iter().chain([&winner]).collect();
    let block = block(Hash256([0; 32]), &all);
    solo.say(link, &announce(&block));
    solo.send(link, &block);
    let left = solo.node.pool().len();
    assert!((300..600).contains(&left), "{left} are yet to be confirmed");
    wakes(&mut solo);
    assert!(solo.node.pool().is_empty(), "what it conflicts with is gone too");
    let served = solo.node.find(Name::Whole(items[0].id())).is_some();
    assert!(served, "until the next block comes");
}

#[test]
fn own_transactions_are_announced_again_in_portions() {
    let mut solo = Solo::new(at_once());
    (0..200).for_each(|n| drop(solo.hand(Input::Submitted(numbered(n)))));
    let link = solo.link(0, IN);
    solo.wait(60_000);
    wakes(&mut solo);
    let reannounced = |solo: &Solo| solo.node.counters().reannounced;
    let before = reannounced(&solo);
    assert_eq!(before, 0);
    let _ = link;
    solo.now = solo.now + Duration::from_secs(3_600);
    let mut last = 0;
    while solo.node.deadline() <= solo.now {
        solo.wait(0);
        assert!(reannounced(&solo) - last <= 64, "each with a companion");
        last = reannounced(&solo);
    }
}
