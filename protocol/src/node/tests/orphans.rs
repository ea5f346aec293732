//! A transaction waits for its parents, and a child pays for one that pays too little.

use super::policy::refusals;
use super::*;
use crate::ground::fee::FeeRate;
use crate::ground::item::{Hash256, Item, ItemId, ItemKind};
use crate::machine::Action;
use crate::testkit::ties::{Draft, Ties, block, referred};
use crate::wire::message::{Items, Names};

const OUT: Direction = Direction::Outbound;
const IN: Direction = Direction::Inbound;

/// Transactions of some 20 to 60 bytes have to pay a unit for each.
pub(super) fn solo() -> Solo {
    let mut params = at_once();
    params.pool.min_fee_rate = FeeRate(1_000_000);
    params.relay.safety_pull_ms = 0;
    Solo::with_chain(params, Box::new(Ties))
}

impl Solo {
    pub(super) fn waits(&self, item: &Item) -> bool {
        self.node.orphanage().is_some_and(|orphanage| orphanage.get(item.id()).is_some())
    }
}

pub(super) fn family() -> (Arc<Item>, Arc<Item>, Arc<Item>) {
    let parent = Draft::paying(1, 1_000).item();
    let child = Draft::paying(2, 1_000).after(&[&parent]).item();
    let grandchild = Draft::paying(3, 1_000).after(&[&child]).item();
    (parent, child, grandchild)
}

/// What a node asks for.
pub(super) fn asks(actions: &[Action]) -> Vec<(Link, ItemId)> {
    let ids = sends(actions).into_iter().filter_map(|(link, message)| match message {
        Message::Items(Items::GetData(Names::Whole { ids, .. })) => Some((link, ids)),
        _ => None,
    });
    ids.flat_map(|(link, ids)| ids.iter().map(|id| (link, *id)).collect::<Vec<_>>()).collect()
}

#[test]
fn a_child_waits_until_its_parent_is_accepted() {
    let mut solo = solo();
    let link = solo.link(0, IN);
    let (parent, child, grandchild) = family();
    assert_eq!(asks(&solo.feed(link, &grandchild)), [(link, child.id())]);
    assert_eq!(asks(&solo.send(link, &child)), [(link, parent.id())], "the missing generation");
    assert!(solo.waits(&child) && solo.waits(&grandchild) && solo.node.pool().is_empty());
    solo.send(link, &parent);
    assert!([&parent, &child, &grandchild].into_iter().all(|item| solo.has(item)));
    assert!(solo.node.orphanage().is_none(), "nothing is kept for what is seldom needed");
}

#[test]
fn a_block_of_a_parents_bytes_leaves_its_child_waiting_for_the_parent() {
    // Too short for a block, which is refused; and long enough.
    for filler in [0, 40] {
        let mut solo = solo();
        let (liar, honest) = (solo.link(0, IN), solo.link(1, IN));
        let parent = Draft { filler, ..Draft::paying(1, 1_000) }.item();
        let child = Draft::paying(2, 1_000).after(&[&parent]).item();
        let block = Ties.item(ItemKind::Block, parent.bytes().clone()).unwrap();
        solo.feed(honest, &child);
        solo.feed(liar, &block);
        assert_eq!(solo.node.blocks().len(), usize::from(filler > 0));
        assert!(solo.waits(&child));
        solo.send(honest, &parent);
        assert!(solo.has(&child) && solo.node.orphanage().is_none());
    }
}

#[test]
fn only_unknown_parents_are_asked_for_and_a_notfound_does_not_give_the_child_up() {
    let mut solo = solo();
    let (a, b) = (solo.link(0, IN), solo.link(1, IN));
    let (known, unknown) = (Draft::paying(1, 1_000).item(), Draft::paying(2, 1_000).item());
    let child = Draft::paying(3, 1_000).after(&[&known, &unknown]).item();
    solo.feed(a, &known);
    assert_eq!(asks(&solo.feed(a, &child)), [(a, unknown.id())]);
    solo.say(a, &not_found(&unknown));
    assert!(solo.waits(&child));
    assert_eq!(asks(&solo.say(b, &announce(&child))), [(b, unknown.id())]);
    solo.send(b, &unknown);
    assert!(solo.has(&child));
}

#[test]
fn parents_are_asked_from_outbound_announcers_first_and_then_from_the_others() {
    let mut solo = solo();
    let links = [solo.link(0, IN), solo.link(1, OUT), solo.link(2, IN)];
    let (parent, child, _) = family();
    for link in links {
        solo.say(link, &announce(&child));
    }
    assert_eq!(asks(&solo.send(links[0], &child)), [(links[1], parent.id())]);
    let next = asks(&solo.say(links[1], &not_found(&parent)));
    assert!(next.len() == 1 && next[0].0 != links[1], "{next:?}");
    let after = asks(&solo.say(next[0].0, &not_found(&parent)));
    assert!(after.len() == 1 && !next.contains(&after[0]), "{after:?}");
}

#[test]
fn a_parent_in_flight_is_not_asked_for_twice() {
    let mut solo = solo();
    let (a, b) = (solo.link(0, OUT), solo.link(1, OUT));
    let parent = Draft::paying(1, 1_000).item();
    let children = [2, 3].map(|n| Draft::paying(n, 1_000).after(&[&parent]).item());
    assert_eq!(asks(&solo.feed(a, &children[0])), [(a, parent.id())]);
    assert_eq!(asks(&solo.feed(b, &children[1])), []);
    solo.send(a, &parent);
    assert!(children.iter().all(|child| solo.has(child)));
}

#[test]
fn a_parent_that_arrives_meanwhile_is_never_asked_for() {
    let mut solo = solo();
    let (a, b) = (solo.link(0, OUT), solo.link(1, OUT));
    let (parent, child, _) = family();
    solo.say(a, &announce(&parent));
    assert_eq!(asks(&solo.feed(b, &child)), [], "it is being asked for already");
    solo.send(a, &parent);
    assert!(solo.has(&parent) && solo.has(&child));
    assert_eq!(solo.node.counters().requests, 2);
}

#[test]
fn a_disconnect_erases_orphans_that_nobody_else_announced() {
    let mut solo = solo();
    let (a, b) = (solo.link(0, IN), solo.link(1, IN));
    let parent = Draft::paying(1, 1_000).item();
    let own = Draft::paying(2, 1_000).after(&[&parent]).item();
    let shared = Draft::paying(3, 1_000).after(&[&parent]).item();
    solo.feed(a, &own);
    solo.feed(a, &shared);
    solo.say(b, &announce(&shared));
    let actions = solo.hand(Input::Disconnected { link: a });
    assert!(!solo.waits(&own) && solo.waits(&shared));
    assert_eq!(asks(&actions), [(b, parent.id())], "the request passes on");
}

#[test]
fn children_of_a_refused_parent_are_refused_and_it_is_not_asked_for() {
    let mut solo = solo();
    let (liar, link) = (solo.link(0, IN), solo.link(1, IN));
    let forged = Draft { is_forged: true, ..Draft::paying(1, 1_000) }.item();
    let early = Draft::paying(2, 1_000).after(&[&forged]).item();
    let last = Draft::paying(3, 1_000).after(&[&early]).item();
    solo.feed(link, &early);
    solo.feed(link, &last);
    let actions = solo.feed(liar, &forged);
    assert!(solo.node.orphanage().is_some(), "it was asked from the other one");
    assert!(disconnects(&actions).is_empty());
    let actions = solo.send(link, &forged);
    assert_eq!(refusals(&actions), ["forged", "parent-refused", "parent-refused"]);
    let mut late = solo_with_refused(&forged);
    let link = late.link(1, IN);
    let child = Draft::paying(4, 1_000).after(&[&forged]).item();
    let actions = late.feed(link, &child);
    assert_eq!((refusals(&actions), asks(&actions)), (vec!["parent-refused"], vec![]));
    assert!(disconnects(&actions).is_empty(), "its sender may not know");
}

fn solo_with_refused(item: &Arc<Item>) -> Solo {
    let mut solo = solo();
    let liar = solo.link(0, IN);
    solo.feed(liar, item);
    solo
}

#[test]
fn a_block_that_confirms_the_parent_frees_the_child() {
    let mut solo = solo();
    let link = solo.link(0, IN);
    let (parent, child, _) = family();
    solo.feed(link, &child);
    solo.feed(link, &block(Hash256([0; 32]), &[&parent]));
    assert!(solo.has(&child) && !solo.waits(&child));
}

#[test]
fn a_block_erases_orphans_that_it_contains_or_conflicts_with() {
    let mut solo = solo();
    let link = solo.link(0, IN);
    let (parent, child, _) = family();
    let rival = Draft::paying(7, 1_000).after(&[&parent]).claiming(&[9]).item();
    let winner = Draft::paying(8, 1_000).claiming(&[9]).item();
    solo.feed(link, &child);
    solo.feed(link, &rival);
    solo.feed(link, &block(Hash256([0; 32]), &[&child, &winner]));
    assert!(!solo.waits(&child) && !solo.waits(&rival) && solo.node.orphanage().is_none());
}

#[test]
fn a_parent_that_left_the_pool_is_asked_for_again() {
    let mut solo = solo();
    let link = solo.link(0, IN);
    let (parent, child, _) = family();
    solo.params.memory.pool_expiry_s = 1;
    solo.feed(link, &parent);
    solo.wait(1_000);
    assert!(!solo.has(&parent));
    assert_eq!(asks(&solo.feed(link, &child)), [(link, parent.id())]);
    solo.send(link, &parent);
    assert!(solo.has(&parent) && solo.has(&child));
}

pub(super) fn cheap_parent() -> Arc<Item> {
    Draft::paying(1, 0).item()
}

#[test]
fn a_child_pays_for_its_parent_whichever_comes_first() {
    let parent = cheap_parent();
    let child = Draft::paying(2, 1_000).after(&[&parent]).item();
    for parent_first in [true, false] {
        let mut solo = solo();
        let link = solo.link(0, IN);
        if parent_first {
            assert_eq!(refusals(&solo.feed(link, &parent)), ["fee-too-low"]);
        }
        assert_eq!(asks(&solo.feed(link, &child)), [(link, parent.id())]);
        solo.send(link, &parent);
        assert!(solo.has(&parent) && solo.has(&child));
        assert!(solo.node.orphanage().is_none());
    }
}

#[test]
fn a_child_that_pays_too_little_for_both_is_refused_and_a_better_one_is_not() {
    let parent = cheap_parent();
    let mut solo = solo();
    let link = solo.link(0, IN);
    let poor = Draft::paying(2, 50).after(&[&parent]).item();
    let rich = Draft::paying(3, 1_000).after(&[&parent]).item();
    solo.feed(link, &poor);
    solo.send(link, &parent);
    assert!(!solo.has(&parent) && !solo.has(&poor));
    assert_eq!(asks(&solo.feed(link, &rich)), [(link, parent.id())]);
    solo.send(link, &parent);
    assert!(solo.has(&parent) && solo.has(&rich));
}

#[test]
fn parent_and_child_from_different_peers_are_not_judged_together() {
    let parent = cheap_parent();
    let child = Draft::paying(2, 1_000).after(&[&parent]).item();
    let mut solo = solo();
    let (a, b) = (solo.link(0, IN), solo.link(1, IN));
    solo.say(b, &announce(&parent));
    solo.feed(a, &child);
    assert_eq!(refusals(&solo.send(b, &parent)), ["fee-too-low"]);
    assert!(solo.node.pool().is_empty());
}

#[test]
fn a_parent_in_the_pool_does_not_keep_the_other_from_being_paid_for() {
    let (pooled, cheap) = (Draft::paying(9, 1_000).item(), cheap_parent());
    let child = Draft::paying(2, 1_000).after(&[&pooled, &cheap]).item();
    let mut solo = solo();
    let link = solo.link(0, IN);
    solo.feed(link, &pooled);
    solo.feed(link, &child);
    solo.send(link, &cheap);
    assert!(solo.has(&cheap) && solo.has(&child));
}

#[test]
fn two_parents_that_pay_too_little_are_not_asked_for() {
    let cheap = [0, 1].map(|n| Draft::paying(n, 0).item());
    let child = Draft::paying(2, 1_000).after(&[&cheap[0], &cheap[1]]).item();
    let mut solo = solo();
    let link = solo.link(0, IN);
    cheap.iter().for_each(|parent| drop(solo.feed(link, parent)));
    let actions = solo.feed(link, &child);
    assert_eq!((refusals(&actions), asks(&actions)), (vec!["parent-refused"], vec![]));
}

#[test]
fn a_forged_child_pays_for_nobody() {
    let parent = cheap_parent();
    let child = Draft { is_forged: true, ..Draft::paying(2, 1_000).after(&[&parent]) }.item();
    let mut solo = solo();
    let link = solo.link(0, IN);
    solo.feed(link, &child);
    let actions = solo.send(link, &parent);
    assert_eq!(refusals(&actions), ["forged", "fee-too-low"]);
    assert_eq!(disconnects(&actions).len(), 1);
    assert!(solo.node.pool().is_empty());
}

#[test]
fn our_operator_is_told_that_parents_are_missing_unless_they_are_being_checked() {
    let mut solo = solo();
    let (parent, child, _) = family();
    assert_eq!(refusals(&solo.hand(Input::Submitted(child.clone()))), ["parents-missing"]);
    solo.hand(Input::Submitted(parent.clone()));
    solo.hand(Input::Submitted(child.clone()));
    for item in [&parent, &child] {
        solo.hand(Input::Verdict { item, verdict: GOOD });
    }
    assert!(solo.has(&parent) && solo.has(&child));
}

/// A parent that its child knows by another id than peers do, and its child.
fn sealed_family() -> (Arc<Item>, Arc<Item>) {
    let parent = Draft::paying(1, 1_000).sealed(7).item();
    let child = Draft::paying(2, 1_000).after(&[&parent]).item();
    assert_ne!(referred(&parent), parent.id());
    (parent, child)
}

#[test]
fn a_parent_is_asked_for_and_given_by_the_name_that_its_child_has_for_it() {
    let (parent, child) = sealed_family();
    let (mut asking, mut giving) = (solo(), solo());
    let (from, to) = (asking.link(0, IN), giving.link(0, IN));
    assert_eq!(asks(&asking.feed(from, &child)), [(from, referred(&parent))]);
    giving.feed(to, &parent);
    let ask = Message::Items(Items::GetData(Names::Whole {
        kind: ItemKind::Tx,
        ids: [referred(&parent)].into(),
    }));
    assert_eq!(sends(&giving.say(to, &ask)), [(to, Message::Items(Items::Item(parent.clone())))]);
    let actions = asking.send(from, &parent);
    assert!(disconnects(&actions).is_empty(), "it is what was asked for");
    assert!(asking.has(&parent) && asking.has(&child));
    assert_eq!(asking.node.pool().children(parent.id()), [child.id()]);
    assert_eq!(asking.node.wanted(), 0);
}

#[test]
fn a_parent_that_comes_by_its_own_name_frees_its_child_and_is_not_asked_for_any_more() {
    let (parent, child) = sealed_family();
    let mut solo = solo();
    let (a, b) = (solo.link(0, IN), solo.link(1, IN));
    solo.feed(a, &child);
    solo.feed(b, &parent);
    assert!(solo.has(&parent) && solo.has(&child));
    assert_eq!(solo.node.wanted(), 0);
}

#[test]
fn a_refusal_says_nothing_of_others_that_children_know_by_the_same_name() {
    let (parent, child) = sealed_family();
    let spoilt = Draft { is_forged: true, ..Draft::paying(1, 1_000).sealed(8) }.item();
    let mut solo = solo();
    let (a, b) = (solo.link(0, IN), solo.link(1, IN));
    solo.feed(a, &child);
    assert_eq!(refusals(&solo.feed(b, &spoilt)), ["forged"]);
    assert!(solo.waits(&child));
    solo.send(a, &parent);
    assert!(solo.has(&child));
}

#[test]
fn a_child_pays_for_a_parent_that_it_knows_by_another_name() {
    let parent = Draft::paying(1, 0).sealed(7).item();
    let child = Draft::paying(2, 1_000).after(&[&parent]).item();
    let mut solo = solo();
    let link = solo.link(0, IN);
    assert_eq!(refusals(&solo.feed(link, &parent)), ["fee-too-low"]);
    assert_eq!(asks(&solo.feed(link, &child)), [(link, referred(&parent))]);
    solo.send(link, &parent);
    assert!(solo.has(&parent) && solo.has(&child));
}

#[test]
fn a_block_that_confirms_the_parent_frees_the_child_that_knows_it_by_another_name() {
    let (parent, child) = sealed_family();
    let mut solo = solo();
    let link = solo.link(0, IN);
    solo.feed(link, &child);
    solo.feed(link, &block(Hash256([0; 32]), &[&parent]));
    assert!(solo.has(&child) && solo.node.wanted() == 0);
}
