//! What the pool won't have, and what a block changes about that.

use super::*;
use crate::ground::fee::FeeRate;
use crate::ground::item::{Hash256, Item};
use crate::machine::Action;
use crate::testkit::ties::{Draft, Ties, block};
use crate::wire::message::Items;

fn solo() -> Solo {
    let mut params = at_once();
    params.pool.min_fee_rate = FeeRate(1_000_000);
    Solo::with_chain(params, Box::new(Ties))
}

impl Solo {
    /// A peer announces, is asked for, and sends an item, which is verified if need be.
    pub(super) fn feed(&mut self, link: Link, item: &Arc<Item>) -> Vec<Action> {
        self.say(link, &announce(item));
        self.send(link, item)
    }

    /// A peer sends an item, which is verified if need be.
    pub(super) fn send(&mut self, link: Link, item: &Arc<Item>) -> Vec<Action> {
        let mut actions = self.say(link, &Message::Items(Items::Item(item.clone())));
        let is_verify = |action: &Action| matches!(action, Action::Verify(_));
        while let Some(at) = actions.iter().position(is_verify) {
            let Action::Verify(item) = actions.remove(at) else { continue };
            let verdict = self.chain.verify(&item);
            actions.extend(self.hand(Input::Verdict { item: &item, verdict }));
        }
        actions
    }

    pub(super) fn has(&self, item: &Item) -> bool {
        self.node.pool().contains(item.id())
    }
}

pub(super) fn refusals(actions: &[Action]) -> Vec<&'static str> {
    let refusal = |action: &Action| match action {
        Action::Report(Event::Rejected { rejection, .. }) => Some(rejection.rule),
        _ => None,
    };
    actions.iter().filter_map(refusal).collect()
}

#[test]
fn what_the_pool_will_not_have_is_not_verified_and_costs_the_peer_nothing() {
    let mut solo = solo();
    let link = solo.link(0, Direction::Inbound);
    let cheap = Draft::paying(1, 0).item();
    solo.say(link, &announce(&cheap));
    let actions = solo.say(link, &Message::Items(Items::Item(cheap)));
    assert_eq!(refusals(&actions), ["fee-too-low"]);
    assert!(!actions.iter().any(|action| matches!(action, Action::Verify(_))));
    assert!(disconnects(&actions).is_empty());
}

#[test]
fn a_refused_transaction_is_not_asked_for_again_until_a_block_comes() {
    let mut solo = solo();
    let link = solo.link(0, Direction::Inbound);
    let cheap = Draft::paying(1, 0).item();
    solo.feed(link, &cheap);
    assert!(sends(&solo.say(link, &announce(&cheap))).is_empty());
    solo.feed(link, &block(Hash256([0; 32]), &[]));
    assert_eq!(sends(&solo.say(link, &announce(&cheap))), [(link, get_data(&cheap))]);
}

#[test]
fn an_invalid_transaction_is_not_asked_for_again_whatever_comes() {
    let mut solo = solo();
    let (liar, link) = (solo.link(0, Direction::Inbound), solo.link(1, Direction::Inbound));
    let forged = Draft { is_forged: true, ..Draft::paying(1, 1_000) }.item();
    assert_eq!(disconnects(&solo.feed(liar, &forged)).len(), 1);
    solo.feed(link, &block(Hash256([0; 32]), &[]));
    assert!(sends(&solo.say(link, &announce(&forged))).is_empty());
}

#[test]
fn what_a_block_confirmed_is_not_asked_for_again_unless_another_branch_follows() {
    let mut solo = solo();
    let link = solo.link(0, Direction::Inbound);
    let tx = Draft::paying(1, 1_000).item();
    let first = block(Hash256([0; 32]), &[&tx]);
    solo.feed(link, &first);
    assert!(sends(&solo.say(link, &announce(&tx))).is_empty());
    solo.feed(link, &block(first.id().hash(), &[]));
    assert!(sends(&solo.say(link, &announce(&tx))).is_empty());
    solo.feed(link, &block(Hash256([7; 32]), &[]));
    assert_eq!(sends(&solo.say(link, &announce(&tx))), [(link, get_data(&tx))]);
}

#[test]
fn what_a_block_confirms_leaves_the_pool_and_is_served_until_the_next() {
    let mut solo = solo();
    let link = solo.link(0, Direction::Inbound);
    let (tx, rival) =
        (Draft::paying(1, 1_000).claiming(&[1]), Draft::paying(2, 1_000).claiming(&[1]));
    let (tx, rival) = (tx.item(), rival.item());
    solo.feed(link, &tx);
    let first = block(Hash256([0; 32]), &[&tx]);
    solo.feed(link, &first);
    assert!(!solo.has(&tx));
    assert_eq!(
        sends(&solo.say(link, &get_data(&tx))),
        [(link, Message::Items(Items::Item(tx.clone())))]
    );
    solo.feed(link, &rival);
    assert!(solo.has(&rival), "there is no ledger that would know better");
    let second = block(first.id().hash(), &[&Draft::paying(3, 1).claiming(&[1]).item()]);
    solo.feed(link, &second);
    assert!(!solo.has(&rival), "it conflicts with a block");
    assert_eq!(sends(&solo.say(link, &get_data(&tx))), [(link, not_found(&tx))]);
}

#[test]
fn a_replaced_transaction_is_not_served_any_more() {
    let mut solo = solo();
    let link = solo.link(0, Direction::Inbound);
    let (tx, better) =
        (Draft::paying(1, 1_000).claiming(&[1]), Draft::paying(2, 2_000).claiming(&[1]));
    let (tx, better) = (tx.item(), better.item());
    solo.feed(link, &tx);
    solo.feed(link, &better);
    assert_eq!(sends(&solo.say(link, &get_data(&tx))), [(link, not_found(&tx))]);
    assert_eq!(
        sends(&solo.say(link, &get_data(&better))),
        [(link, Message::Items(Items::Item(better)))]
    );
}

#[test]
fn a_refused_conflict_is_reported_and_remembered_with_its_rival() {
    let mut params = at_once();
    params.record.steps = Some(1_000);
    let mut solo = Solo::with_chain(params, Box::new(Ties));
    let link = solo.link(0, Direction::Inbound);
    let [first, second] = [1, 2].map(|n| Draft::paying(n, 1_000).claiming(&[1]).item());
    solo.feed(link, &first);
    let actions = solo.feed(link, &second);
    let rival = |action: &Action| match action {
        Action::Report(Event::Rejected { id, rejection, .. }) => {
            assert_eq!((*id, rejection.rule), (second.id(), "conflicts-with-pool"));
            rejection.rival
        }
        _ => None,
    };
    let rival = actions.iter().find_map(rival).unwrap();
    assert_eq!(rival.id, first.id());
    assert!(rival.least_fee.unwrap() > 1_000, "{rival:?}");
    assert_eq!(solo.node.story_of(second.id()).unwrap().rival, Some(rival));
}
