//! Items of an earlier run, and own transactions that nobody has asked for.

use super::*;
use crate::ground::item::{Hash256, Item};
use crate::machine::{Action, RestoredAs};
use crate::report::event::Departure;
use crate::testkit::ties::{Draft, Ties, block};
use crate::wire::message::{Items, Names};

/// Longest wait before the first attempt.
const ATTEMPT_MS: u64 = 15 * 60 * 1_000;

/// Parameters under which links stay up though nobody answers pings, and nobody compares.
pub(super) fn quiet() -> Params {
    let mut params = at_once();
    params.health.ping_interval_s = 1_000_000;
    params.health.ping_timeout_s = 1_000_000;
    params.relay.safety_pull_ms = 0;
    params
}

pub(super) fn reports(actions: &[Action]) -> Vec<Event> {
    let report = |action: &Action| match action {
        Action::Report(event) => Some(*event),
        _ => None,
    };
    actions.iter().filter_map(report).collect()
}

fn restored(item: &Arc<Item>, own: bool) -> Input<'static> {
    let was = if own { RestoredAs::Own } else { RestoredAs::Kept };
    Input::Restored {
        item: item.clone(),
        was,
        age: Duration::ZERO,
        verified: Ties.verify(item).unwrap_or_default(),
    }
}

impl Solo {
    /// Waits for the next attempt, and for the batches that it makes leave.
    fn attempt(&mut self) -> Vec<(Link, Message)> {
        let mut sent = sends(&self.wait(ATTEMPT_MS));
        sent.extend(sends(&self.wait(0)));
        sent
    }
}

#[test]
fn an_own_transaction_is_announced_to_newcomers_until_a_peer_asks() {
    let mut solo = Solo::new(quiet());
    let tx = solo.tx(1);
    solo.hand(Input::Submitted(tx.clone()));
    let first = solo.link(0, Direction::Outbound);
    assert_eq!(solo.attempt(), [(first, announce(&tx))]);
    let second = solo.link(1, Direction::Inbound);
    assert!(solo.attempt().is_empty(), "the wait has doubled");
    assert_eq!(solo.attempt(), [(second, announce(&tx))], "the first was told before");
    let asked = reports(&solo.say(first, &get_data(&tx)));
    assert_eq!(asked, [Event::Broadcast { id: tx.id() }]);
    solo.link(2, Direction::Inbound);
    assert!((0..20).all(|_| solo.attempt().is_empty()));
    assert_eq!(solo.node.counters().reannounced, 2);
}

#[test]
fn a_transaction_that_a_peer_asked_for_at_once_is_never_announced_again() {
    let mut solo = Solo::new(quiet());
    let link = solo.link(0, Direction::Inbound);
    let tx = solo.tx(1);
    solo.hand(Input::Submitted(tx.clone()));
    solo.wait(0);
    solo.say(link, &get_data(&tx));
    solo.link(1, Direction::Outbound);
    assert!(solo.node.unbroadcast().is_empty() && solo.attempt().is_empty());
}

#[test]
fn whole_items_and_announcements_from_elsewhere_end_it_too() {
    let mut params = quiet();
    params.relay.strategy = StrategyKind::Flood;
    let mut solo = Solo::new(params);
    let (a, b) = (solo.tx(1), solo.tx(2));
    solo.hand(Input::Submitted(a.clone()));
    let link = solo.link(0, Direction::Inbound);
    assert_eq!(reports(&solo.say(link, &announce(&a))), [Event::Broadcast { id: a.id() }]);
    let events = reports(&solo.hand(Input::Submitted(b.clone())));
    assert_eq!(events.last(), Some(&Event::Broadcast { id: b.id() }), "it was sent whole");
}

#[test]
fn a_relayed_transaction_is_not_announced_again() {
    let mut solo = Solo::new(quiet());
    let link = solo.link(0, Direction::Inbound);
    let tx = solo.tx(1);
    solo.say(link, &announce(&tx));
    solo.say(link, &Message::Items(Items::Item(tx)));
    solo.link(1, Direction::Outbound);
    assert!(solo.attempt().is_empty());
}

#[test]
fn an_own_transaction_is_announced_again_with_relayed_ones_in_one_sorted_batch() {
    let mut solo = Solo::new(quiet());
    solo.params.relay.trickle_outbound_ms = 60_000;
    let own = solo.tx(1);
    solo.hand(Input::Submitted(own.clone()));
    let (peer, told) = (solo.link(0, Direction::Inbound), solo.link(1, Direction::Outbound));
    let mut relayed: Vec<_> = (2..6).map(|n| solo.tx(n)).collect();
    // The attempt falls due, and others come in before the trickle lets anything go.
    assert!(sends(&solo.wait(ATTEMPT_MS)).iter().all(|(link, _)| *link != told));
    for tx in &relayed {
        solo.say(peer, &announce(tx));
        solo.say(peer, &Message::Items(Items::Item(tx.clone())));
    }
    let sent = sends(&solo.wait(ATTEMPT_MS));
    relayed.push(own);
    let mut ids: Vec<_> = relayed.iter().map(|tx| tx.id()).collect();
    ids.sort_unstable();
    let batch =
        Message::Items(Items::Announce(Names::Whole { kind: ItemKind::Tx, ids: ids.into() }));
    assert!(sent.contains(&(told, batch)), "{sent:?}");
}

#[test]
fn an_own_transaction_is_announced_again_in_the_company_of_a_relayed_one() {
    let mut solo = Solo::new(quiet());
    let (own, other) = (solo.tx(1), solo.tx(2));
    solo.hand(restored(&own, true));
    solo.hand(restored(&other, false));
    let mut companions = 0;
    for slot in 0..20 {
        let link = solo.link(slot, Direction::Inbound);
        let told = (0..20).flat_map(|_| solo.attempt()).filter(|(to, _)| *to == link);
        let ids: Vec<_> = told
            .flat_map(|(_, message)| match message {
                Message::Items(Items::Announce(Names::Whole { ids, .. })) => ids.to_vec(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(ids.contains(&own.id()));
        companions += usize::from(ids.contains(&other.id()));
    }
    // Drawn from a pool of two, often the own one itself.
    assert!((4..=16).contains(&companions), "{companions} of 20");
}

#[test]
fn what_was_relayed_before_a_restart_is_known_and_not_announced() {
    let mut solo = Solo::new(quiet());
    let link = solo.link(0, Direction::Inbound);
    let tx = solo.tx(1);
    let back = Event::Restored { id: tx.id() };
    assert_eq!(reports(&solo.hand(restored(&tx, false))), [back]);
    assert!(sends(&solo.wait(0)).is_empty() && solo.attempt().is_empty());
    let told = sends(&solo.say(link, &get_data(&tx)));
    assert_eq!(told, [(link, not_found(&tx))], "nobody has been told of it since");
    assert!(solo.say(link, &announce(&tx)).is_empty(), "it is known");
    assert_eq!(
        sends(&solo.say(link, &get_data(&tx))),
        [(link, Message::Items(Items::Item(tx.clone())))]
    );
    assert_eq!((solo.node.counters().accepted, solo.node.counters().restored), (0, 1));
}

#[test]
fn what_was_own_before_a_restart_waits_for_its_attempt() {
    let mut solo = Solo::new(quiet());
    let link = solo.link(0, Direction::Inbound);
    let tx = solo.tx(1);
    solo.hand(restored(&tx, true));
    assert!(sends(&solo.wait(9 * 60 * 1_000)).is_empty());
    assert_eq!(solo.attempt(), [(link, announce(&tx))]);
    assert_eq!(reports(&solo.say(link, &get_data(&tx))), [Event::Broadcast { id: tx.id() }]);
}

#[test]
fn what_a_peer_brought_before_the_disk_did_is_no_news_and_not_announced_again() {
    let mut solo = Solo::new(quiet());
    let link = solo.link(0, Direction::Inbound);
    let (here, coming) = (solo.tx(1), solo.tx(2));
    solo.say(link, &announce(&here));
    solo.say(link, &Message::Items(Items::Item(here.clone())));
    let broadcast = |item: &Item| Event::Broadcast { id: item.id() };
    assert_eq!(reports(&solo.hand(restored(&here, true))), [broadcast(&here)]);
    assert_eq!(solo.node.pool().len(), 1);
    solo.say(link, &announce(&coming));
    let events = reports(&solo.hand(restored(&coming, true)));
    assert_eq!(events[1..], [broadcast(&coming)]);
    assert_eq!(solo.node.unbroadcast().len(), 0);
}

#[test]
fn what_breaks_a_rule_now_does_not_come_back() {
    let mut solo = Solo::with_chain(quiet(), Box::new(Ties));
    let (tx, rival) = (Draft::paying(1, 9).claiming(&[1]), Draft::paying(2, 9).claiming(&[1]));
    solo.hand(restored(&tx.item(), true));
    let events = reports(&solo.hand(restored(&rival.item(), true)));
    assert!(matches!(events[..], [Event::Rejected { ingress: None, .. }]), "{events:?}");
    assert_eq!((solo.node.pool().len(), solo.node.unbroadcast().len()), (1, 1));
}

#[test]
fn a_restored_block_is_served_and_confirms_what_it_holds() {
    let mut solo = Solo::with_chain(quiet(), Box::new(Ties));
    let link = solo.link(0, Direction::Inbound);
    let tx = Draft::paying(1, 9).item();
    let block = block(Hash256([0; 32]), &[&tx]);
    solo.hand(restored(&block, false));
    assert_eq!(
        sends(&solo.say(link, &get_data(&block))),
        [(link, Message::Items(Items::Item(block.clone())))]
    );
    assert!(reports(&solo.hand(restored(&tx, false))).is_empty());
    assert!(!solo.has(&tx));
}

#[test]
fn whatever_leaves_the_pool_is_reported_and_not_announced_again() {
    let mut solo = Solo::with_chain(quiet(), Box::new(Ties));
    let (old, new) = (Draft::paying(1, 9).claiming(&[1]), Draft::paying(2, 1_000).claiming(&[1]));
    let (old, new) = (old.item(), new.item());
    let left = |item: &Item, why| Event::Left { id: item.id(), why };
    solo.hand(restored(&old, true));
    assert!(reports(&solo.hand(Input::Submitted(new.clone()))).is_empty(), "it is being verified");
    let verified = reports(&solo.hand(Input::Verdict { item: &new, verdict: GOOD }));
    assert!(verified.contains(&left(&old, Departure::Replaced)), "{verified:?}");
    assert!(solo.node.unbroadcast().contains(new.id()) && solo.node.unbroadcast().len() == 1);
    let confirmed = reports(&solo.hand(restored(&block(Hash256([0; 32]), &[&new]), false)));
    assert!(confirmed.contains(&left(&new, Departure::Confirmed)), "{confirmed:?}");
    assert!(solo.node.unbroadcast().is_empty());
}
