//! One node, fed by hand: what it answers to good and bad input.

use crate::ground::item::{Hash256, Item, ItemKind};
use crate::machine::Action;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::chain::opaque::Opaque;
use crate::chain::{Chain, GOOD, Inspection, Rejection, Verdict};
use crate::params::{Rate, StrategyKind};
use crate::report::event::Event;
use crate::wire::error::DecodeError;
use crate::wire::kinds::Budget;
use crate::wire::message::{Hello, Items, Names, Session};

mod block_links;
mod catching_up;
mod coded;
mod compact;
mod comparing;
mod explaining;
mod fees;
mod fleet;
mod liars;
mod limits;
mod memory;
mod orphans;
mod own;
mod partition;
mod places;
mod policy;
mod privacy;
mod reconcile_links;
mod reorg;
mod restart;
mod short_ids;
mod sketching;
mod spreading;
mod syncing;
mod templates;
mod upload;
mod useless;
mod work;

/// A node with an operator's hand on it.
struct Solo {
    node: Node,
    params: Params,
    chain: Box<dyn Chain>,
    rng: ChaCha8Rng,
    now: Time,
}

impl Solo {
    fn new(params: Params) -> Self {
        Self::with_chain(params, Box::new(Opaque::default()))
    }

    fn with_chain(params: Params, chain: Box<dyn Chain>) -> Self {
        let node = Node::new(Identity::for_tests(1_000), &params);
        let rng = ChaCha8Rng::seed_from_u64(5);
        Self { node, params, chain, rng, now: Time::ZERO }
    }

    fn hand(&mut self, input: Input<'_>) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut cx = Cx {
            now: self.now,
            params: &self.params,
            chain: &*self.chain,
            rng: &mut self.rng,
            actions: &mut actions,
        };
        self.node.handle(input, &mut cx);
        self.node.check_invariants(&self.params);
        actions
    }

    fn say(&mut self, link: Link, message: &Message) -> Vec<Action> {
        self.hand(Input::Received { link, message })
    }

    /// A link in a slot, hellos said.
    fn link(&mut self, slot: u32, direction: Direction) -> Link {
        let link = Link::new(slot, 1);
        let peer = PeerKey(u64::from(slot) + 1);
        let addr = None;
        self.hand(Input::Connected { link, peer, direction, addr });
        self.say(link, &hello());
        self.hand(Input::Wake); // sends the first ping
        link
    }

    fn wait(&mut self, ms: u64) -> Vec<Action> {
        self.now = self.now + Duration::from_millis(ms);
        self.hand(Input::Wake)
    }

    fn tx(&self, n: u8) -> Arc<Item> {
        (*self.chain).item(ItemKind::Tx, vec![n; 100].into()).unwrap()
    }
}

fn hello() -> Message {
    Message::Session(Session::Hello(Box::default()))
}

fn announce(item: &Item) -> Message {
    Message::Items(Items::Announce(Names::Whole { kind: item.kind(), ids: [item.id()].into() }))
}

fn get_data(item: &Item) -> Message {
    Message::Items(Items::GetData(Names::Whole { kind: item.kind(), ids: [item.id()].into() }))
}

fn not_found(item: &Item) -> Message {
    Message::Items(Items::NotFound(Names::Whole { kind: item.kind(), ids: [item.id()].into() }))
}

/// Inventory, without waits.
fn at_once() -> Params {
    let mut params = Params::default();
    params.relay.strategy = StrategyKind::Inventory;
    params.relay.trickle_inbound_ms = 0;
    params.relay.trickle_outbound_ms = 0;
    params
}

fn sends(actions: &[Action]) -> Vec<(Link, Message)> {
    let send = |action: &Action| match action {
        Action::Send { link, message } => Some((*link, message.clone())),
        _ => None,
    };
    actions.iter().filter_map(send).collect()
}

fn disconnects(actions: &[Action]) -> Vec<(Link, Reason)> {
    let close = |action: &Action| match action {
        Action::Disconnect { link, why } => Some((*link, *why)),
        _ => None,
    };
    actions.iter().filter_map(close).collect()
}

#[test]
fn an_announced_item_is_asked_for_taken_and_announced_to_the_others() {
    let mut solo = Solo::new(at_once());
    let (a, b) = (solo.link(0, Direction::Outbound), solo.link(1, Direction::Inbound));
    let tx = solo.tx(1);
    assert_eq!(sends(&solo.say(a, &announce(&tx))), [(a, get_data(&tx))]);
    let actions = solo.say(a, &Message::Items(Items::Item(tx.clone())));
    let accepted = Event::Accepted { id: tx.id(), size: 100, ingress: Some(a) };
    assert!(actions.contains(&Action::Report(accepted)), "{actions:?}");
    assert_eq!(sends(&solo.wait(0)), [(b, announce(&tx))], "not back to where it came from");
    assert_eq!(sends(&solo.say(b, &get_data(&tx))), [(b, Message::Items(Items::Item(tx)))]);
}

#[test]
fn an_item_is_asked_for_once_however_many_announce_it() {
    let mut solo = Solo::new(at_once());
    let (a, b) = (solo.link(0, Direction::Outbound), solo.link(1, Direction::Outbound));
    let tx = solo.tx(1);
    solo.say(a, &announce(&tx));
    assert!(solo.say(b, &announce(&tx)).is_empty());
    solo.say(a, &Message::Items(Items::Item(tx)));
    assert!(sends(&solo.wait(0)).is_empty(), "both know it already");
    assert_eq!(solo.node.counters().requests, 1);
}

#[test]
fn an_item_that_was_not_asked_for_is_dropped_and_counted() {
    let mut solo = Solo::new(at_once());
    let link = solo.link(0, Direction::Inbound);
    let tx = solo.tx(1);
    assert!(solo.say(link, &Message::Items(Items::Item(tx.clone()))).is_empty());
    assert_eq!(solo.node.counters().unsolicited, 1);
    assert!(solo.node.item(&tx.id()).is_none());
}

#[test]
fn whoever_keeps_sending_what_was_not_asked_for_is_cut_off() {
    let mut params = at_once();
    params.budgets.excesses = Rate::new(0.001, 3.0);
    let mut solo = Solo::new(params);
    let link = solo.link(0, Direction::Inbound);
    for n in 0..3 {
        let tx = solo.tx(n);
        assert!(solo.say(link, &Message::Items(Items::Item(tx))).is_empty());
    }
    let actions = solo.say(link, &Message::Items(Items::Item(solo.tx(3))));
    assert_eq!(disconnects(&actions), [(link, Reason::Misbehaved(Offence::Flooding))]);
}

#[test]
fn flood_takes_items_unasked_and_sends_them_whole() {
    let mut params = at_once();
    params.relay.strategy = StrategyKind::Flood;
    let mut solo = Solo::new(params);
    let (a, b) = (solo.link(0, Direction::Inbound), solo.link(1, Direction::Outbound));
    let tx = solo.tx(1);
    let actions = solo.say(a, &Message::Items(Items::Item(tx.clone())));
    assert_eq!(sends(&actions), [(b, Message::Items(Items::Item(tx.clone())))]);
    assert!(solo.say(b, &Message::Items(Items::Item(tx))).is_empty());
    assert_eq!(solo.node.counters().duplicate_items, 1);
}

#[test]
fn what_we_do_not_have_is_answered_with_notfound() {
    let mut solo = Solo::new(at_once());
    let link = solo.link(0, Direction::Inbound);
    let tx = solo.tx(1);
    assert_eq!(sends(&solo.say(link, &get_data(&tx))), [(link, not_found(&tx))]);
}

#[test]
fn an_item_is_not_served_as_another_kind() {
    let mut solo = Solo::new(at_once());
    let link = solo.link(0, Direction::Inbound);
    let tx = solo.tx(1);
    solo.hand(Input::Submitted(tx.clone()));
    let wrong = Message::Items(Items::GetData(Names::Whole {
        kind: ItemKind::Block,
        ids: [tx.id()].into(),
    }));
    let answer = Message::Items(Items::NotFound(Names::Whole {
        kind: ItemKind::Block,
        ids: [tx.id()].into(),
    }));
    assert_eq!(sends(&solo.say(link, &wrong)), [(link, answer)]);
}

#[test]
fn notfound_sends_the_request_to_the_next_announcer() {
    let mut solo = Solo::new(at_once());
    let (a, b) = (solo.link(0, Direction::Inbound), solo.link(1, Direction::Inbound));
    let tx = solo.tx(1);
    solo.say(a, &announce(&tx));
    solo.say(b, &announce(&tx));
    assert_eq!(sends(&solo.say(a, &not_found(&tx))), [(b, get_data(&tx))]);
}

#[test]
fn a_peer_that_stalls_is_passed_over_when_its_time_is_up() {
    let mut solo = Solo::new(at_once());
    let (a, b) = (solo.link(0, Direction::Inbound), solo.link(1, Direction::Inbound));
    let tx = solo.tx(1);
    solo.say(a, &announce(&tx));
    solo.say(b, &announce(&tx));
    let timeout = solo.params.requests.tx_timeout_ms;
    assert!(sends(&solo.wait(timeout - 1)).is_empty());
    assert_eq!(sends(&solo.wait(1)), [(b, get_data(&tx))]);
    // Late is better than never, and no offence.
    let actions = solo.say(a, &Message::Items(Items::Item(tx.clone())));
    assert!(disconnects(&actions).is_empty());
    assert!(solo.node.item(&tx.id()).is_some());
}

#[test]
fn a_disconnect_sends_the_request_to_the_next_announcer() {
    let mut solo = Solo::new(at_once());
    let (a, b) = (solo.link(0, Direction::Inbound), solo.link(1, Direction::Inbound));
    let tx = solo.tx(1);
    solo.say(a, &announce(&tx));
    solo.say(b, &announce(&tx));
    assert_eq!(sends(&solo.hand(Input::Disconnected { link: a })), [(b, get_data(&tx))]);
}

#[test]
fn nothing_may_come_before_the_hello() {
    let mut solo = Solo::new(at_once());
    let link = Link::new(0, 1);
    let direction = Direction::Inbound;
    solo.hand(Input::Connected { link, peer: PeerKey(1), direction, addr: None });
    let actions = solo.say(link, &Message::Session(Session::Ping { nonce: 1 }));
    assert_eq!(disconnects(&actions), [(link, Reason::Misbehaved(Offence::BeforeHello))]);
    assert!(solo.say(link, &hello()).is_empty(), "nothing more is taken from it");
}

#[test]
fn a_second_hello_changes_nothing() {
    let mut solo = Solo::new(at_once());
    let link = solo.link(0, Direction::Inbound);
    assert!(solo.say(link, &hello()).is_empty());
    assert!(!sends(&solo.say(link, &Message::Session(Session::Ping { nonce: 1 }))).is_empty());
}

#[test]
fn a_version_that_we_cannot_speak_is_refused() {
    let mut solo = Solo::new(at_once());
    let link = Link::new(0, 1);
    let direction = Direction::Inbound;
    solo.hand(Input::Connected { link, peer: PeerKey(1), direction, addr: None });
    let hello = Hello { version: 0, ..Hello::default() };
    let old = Message::Session(Session::Hello(Box::new(hello)));
    let why = Reason::Misbehaved(Offence::Version(0));
    assert_eq!(disconnects(&solo.say(link, &old)), [(link, why)]);
}

#[test]
fn malformed_bytes_cost_the_peer_its_link_and_its_return() {
    let mut solo = Solo::new(at_once());
    let link = solo.link(0, Direction::Inbound);
    let error = DecodeError::Truncated;
    let actions = solo.hand(Input::Malformed { link, error });
    let why = Reason::Misbehaved(Offence::Malformed(error));
    assert_eq!(disconnects(&actions), [(link, why)]);
    solo.hand(Input::Disconnected { link });
    let again = Link::new(0, 2);
    let direction = Direction::Inbound;
    let input = Input::Connected { link: again, peer: PeerKey(1), direction, addr: None };
    assert_eq!(disconnects(&solo.hand(input)), [(again, Reason::Discouraged)]);
}

#[test]
fn an_unknown_kind_is_skipped_and_counted() {
    let mut solo = Solo::new(at_once());
    let link = solo.link(0, Direction::Inbound);
    assert!(solo.say(link, &Message::Unknown { kind: 99, len: 10 }).is_empty());
    let traffic = solo.node.counters().traffic;
    assert_eq!(traffic.received(crate::wire::kinds::MessageKind::Unknown).messages, 1);
}

#[test]
fn announcements_over_budget_are_dropped_without_a_request() {
    let mut params = at_once();
    params.budgets.announcements = Rate::new(1.0, 2.0);
    let mut solo = Solo::new(params);
    let link = solo.link(0, Direction::Inbound);
    let ids: Vec<_> = (0..5).map(|n| solo.tx(n).id()).collect();
    let message =
        Message::Items(Items::Announce(Names::Whole { kind: ItemKind::Tx, ids: ids.into() }));
    let sent = sends(&solo.say(link, &message));
    assert!(
        matches!(&sent[..], [(_, Message::Items(Items::GetData(Names::Whole { ids, .. })))] if ids.len() == 2)
    );
    assert_eq!(solo.node.counters().announcements_dropped, 3);
}

#[test]
fn a_congested_link_is_served_when_it_has_drained() {
    let mut solo = Solo::new(at_once());
    let link = solo.link(0, Direction::Inbound);
    let tx = solo.tx(1);
    solo.hand(Input::Submitted(tx.clone()));
    solo.hand(Input::Congested { link });
    assert!(sends(&solo.wait(10)).is_empty(), "announcements wait");
    assert!(sends(&solo.say(link, &get_data(&tx))).is_empty(), "answers wait");
    solo.hand(Input::Drained { link });
    assert!(solo.node.deadline() <= solo.now);
    let sent = sends(&solo.wait(0));
    assert!(sent.contains(&(link, Message::Items(Items::Item(tx)))), "{sent:?}");
}

#[test]
fn a_large_getdata_is_served_in_portions() {
    let mut solo = Solo::new(at_once());
    let link = solo.link(0, Direction::Inbound);
    let big = |n: u8| Opaque::default().item(ItemKind::Tx, vec![n; 90_000].into()).unwrap();
    let items: Vec<_> = (0..8).map(big).collect();
    for item in &items {
        solo.hand(Input::Submitted(item.clone()));
    }
    solo.wait(0);
    let ids = items.iter().map(|item| item.id()).collect();
    let mut portions = vec![sends(
        &solo.say(link, &Message::Items(Items::GetData(Names::Whole { kind: ItemKind::Tx, ids }))),
    )];
    while solo.node.deadline() <= solo.now {
        portions.push(sends(&solo.wait(0)));
    }
    assert_eq!(portions.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 2]);
}

#[test]
fn of_many_links_that_ask_for_much_a_few_are_served_at_a_time_and_all_in_the_end() {
    let mut solo = Solo::new(at_once());
    let links: Vec<_> = (0..10).map(|slot| solo.link(slot, Direction::Inbound)).collect();
    let big = |n: u8| Opaque::default().item(ItemKind::Tx, vec![n; 90_000].into()).unwrap();
    let items: Vec<_> = (0..6).map(big).collect();
    for item in &items {
        solo.hand(Input::Submitted(item.clone()));
    }
    solo.wait(0);
    let ids: Vec<_> = items.iter().map(|item| item.id()).collect();
    let ask = Message::Items(Items::GetData(Names::Whole { kind: ItemKind::Tx, ids: ids.into() }));
    let mut sent: Vec<_> = links.iter().map(|link| sends(&solo.say(*link, &ask)).len()).collect();
    assert_eq!(sent, [3; 10], "a portion each");
    let mut most = 0;
    while solo.node.deadline() <= solo.now {
        let portion = sends(&solo.wait(0));
        most = most.max(portion.len());
        portion.iter().for_each(|(link, _)| sent[link.slot()] += 1);
    }
    assert_eq!((most, sent), (4 * 3, vec![6; 10]));
}

#[test]
fn what_does_not_fit_the_queue_of_answers_is_not_found() {
    let mut params = at_once();
    params.memory.serve_queue_max = 1;
    let mut solo = Solo::new(params);
    let link = solo.link(0, Direction::Inbound);
    let txs = [solo.tx(1), solo.tx(2)];
    for tx in &txs {
        solo.hand(Input::Submitted(tx.clone()));
    }
    solo.wait(0);
    let ids = txs.iter().map(|tx| tx.id()).collect();
    let sent = sends(
        &solo.say(link, &Message::Items(Items::GetData(Names::Whole { kind: ItemKind::Tx, ids }))),
    );
    assert_eq!(
        sent,
        [(link, not_found(&txs[1])), (link, Message::Items(Items::Item(txs[0].clone())))]
    );
}

/// Rules under which nothing needs more than a look at the first byte: 0 is good, 1 breaks a policy,
/// 2 is invalid, 3 is found out only by verification, 4 is a swapped body.
struct FirstByte;

impl Chain for FirstByte {
    fn name(&self) -> &'static str {
        "first-byte"
    }

    fn max_size(&self, _: ItemKind) -> usize {
        1_000
    }

    fn identify(&self, _: ItemKind, bytes: &[u8]) -> Result<Hash256, Rejection> {
        Ok(Hash256::of(&bytes[1..])) // so that a body can be swapped under an id
    }

    fn inspect(&self, item: &Item) -> Result<Inspection, Rejection> {
        match item.bytes()[0] {
            1 => Err(Rejection::policy("policy")),
            2 => Err(Rejection::invalid("invalid")),
            4 => Err(Rejection::mutated("mutated")),
            _ => Ok(Inspection { needs_verification: true, ..Inspection::default() }),
        }
    }

    fn verify(&self, item: &Item) -> Verdict {
        if item.bytes()[0] == 3 { Err(Rejection::invalid("signature")) } else { GOOD }
    }
}

fn first_byte(first: u8, n: u8) -> Arc<Item> {
    FirstByte.item(ItemKind::Tx, vec![first, n].into()).unwrap()
}

#[test]
fn an_item_is_spread_only_after_its_verdict() {
    let mut solo = Solo::with_chain(at_once(), Box::new(FirstByte));
    let (a, b) = (solo.link(0, Direction::Inbound), solo.link(1, Direction::Inbound));
    let item = first_byte(0, 1);
    solo.say(a, &announce(&item));
    assert_eq!(
        solo.say(a, &Message::Items(Items::Item(item.clone()))),
        [Action::Verify(item.clone())]
    );
    assert!(solo.wait(0).is_empty());
    assert!(sends(&solo.say(b, &announce(&item))).is_empty(), "it is here already");
    solo.hand(Input::Verdict { item: &item, verdict: GOOD });
    assert!(sends(&solo.wait(0)).is_empty(), "b announced it meanwhile");
    assert!(solo.node.item(&item.id()).is_some());
}

#[test]
fn a_broken_policy_is_no_offence_and_an_invalid_item_is() {
    for (first, offence) in [(1, None), (2, Some("invalid"))] {
        let mut solo = Solo::with_chain(at_once(), Box::new(FirstByte));
        let link = solo.link(0, Direction::Inbound);
        let item = first_byte(first, 1);
        solo.say(link, &announce(&item));
        let actions = solo.say(link, &Message::Items(Items::Item(item.clone())));
        let whys: Vec<_> = disconnects(&actions).into_iter().map(|(_, why)| why).collect();
        let expected: Vec<_> = offence
            .map(|rule| Reason::Misbehaved(Offence::InvalidItem(rule)))
            .into_iter()
            .collect();
        assert_eq!(whys, expected);
        assert!(solo.node.item(&item.id()).is_none());
        assert!(solo.node.seen().contains(item.id()), "it isn't asked for again");
    }
}

#[test]
fn a_bad_signature_costs_the_peer_that_sent_it() {
    let mut solo = Solo::with_chain(at_once(), Box::new(FirstByte));
    let link = solo.link(0, Direction::Inbound);
    let item = first_byte(3, 1);
    solo.say(link, &announce(&item));
    solo.say(link, &Message::Items(Items::Item(item.clone())));
    let verdict = FirstByte.verify(&item);
    let actions = solo.hand(Input::Verdict { item: &item, verdict });
    let why = Reason::Misbehaved(Offence::InvalidItem("signature"));
    assert_eq!(disconnects(&actions), [(link, why)]);
}

#[test]
fn a_swapped_body_is_refused_and_the_true_one_still_fetched() {
    let mut solo = Solo::with_chain(at_once(), Box::new(FirstByte));
    let (liar, honest) = (solo.link(0, Direction::Inbound), solo.link(1, Direction::Inbound));
    let (swapped, good) = (first_byte(4, 1), first_byte(0, 1));
    assert_eq!(swapped.id(), good.id());
    solo.say(liar, &announce(&good));
    solo.say(honest, &announce(&good));
    let actions = solo.say(liar, &Message::Items(Items::Item(swapped)));
    assert_eq!(disconnects(&actions).len(), 1);
    assert_eq!(sends(&actions), [(honest, get_data(&good))]);
    let actions = solo.say(honest, &Message::Items(Items::Item(good.clone())));
    assert_eq!(actions, [Action::Verify(good)]);
}

#[test]
fn when_too_much_is_being_verified_an_item_is_asked_for_elsewhere() {
    let mut params = at_once();
    params.memory.verifying_max = 1;
    let mut solo = Solo::with_chain(params, Box::new(FirstByte));
    let (a, b) = (solo.link(0, Direction::Inbound), solo.link(1, Direction::Inbound));
    let (first, second) = (first_byte(0, 1), first_byte(0, 2));
    for item in [&first, &second] {
        solo.say(a, &announce(item));
        solo.say(b, &announce(item));
    }
    solo.say(a, &Message::Items(Items::Item(first)));
    let actions = solo.say(a, &Message::Items(Items::Item(second.clone())));
    assert_eq!(sends(&actions), [(b, get_data(&second))]);
    assert_eq!(solo.node.counters().verify_overflow, 1);
}

#[test]
fn submitting_twice_says_so_and_a_refused_item_may_be_tried_again() {
    let mut solo = Solo::new(at_once());
    let tx = solo.tx(1);
    assert!(matches!(
        solo.hand(Input::Submitted(tx.clone()))[..],
        [Action::Report(Event::Accepted { .. })]
    ));
    let known = Action::Report(Event::AlreadyKnown { id: tx.id() });
    assert_eq!(solo.hand(Input::Submitted(tx)), [known]);

    let mut solo = Solo::with_chain(at_once(), Box::new(FirstByte));
    for _ in 0..2 {
        let actions = solo.hand(Input::Submitted(first_byte(1, 1)));
        assert!(matches!(actions[..], [Action::Report(Event::Rejected { .. })]), "{actions:?}");
    }
}

#[test]
fn actions_and_messages_of_dead_links_are_ignored() {
    let mut solo = Solo::new(at_once());
    let link = solo.link(0, Direction::Inbound);
    solo.hand(Input::Disconnected { link });
    assert!(solo.say(link, &Message::Session(Session::Ping { nonce: 1 })).is_empty());
    assert!(solo.hand(Input::Disconnected { link }).is_empty());
    assert!(solo.hand(Input::Congested { link }).is_empty());
    assert!(solo.hand(Input::Drained { link }).is_empty());
}

#[test]
fn what_comes_after_its_request_ran_out_is_taken_all_the_same() {
    let mut solo = Solo::new(at_once());
    let link = solo.link(0, Direction::Outbound);
    let tx = solo.tx(1);
    solo.say(link, &announce(&tx));
    solo.wait(solo.params.requests.tx_timeout_ms);
    solo.say(link, &Message::Items(Items::Item(tx.clone())));
    assert!(solo.node.pool().contains(tx.id()));
    assert_eq!(solo.node.counters().unsolicited, 0);
}

#[test]
fn a_link_that_breaks_is_gone_for_the_strategy_too() {
    let mut solo = Solo::new(at_once());
    let (broken, other) = (solo.link(0, Direction::Inbound), solo.link(1, Direction::Inbound));
    solo.hand(Input::Disconnected { link: broken });
    solo.node.check_invariants(&solo.params);
    assert_eq!(solo.node.ready.iter().map(|n| n.link).collect::<Vec<_>>(), [other]);
}

#[test]
fn an_idle_node_without_links_never_wants_waking() {
    let solo = Solo::new(Params::default());
    assert_eq!(solo.node.deadline(), Time::NEVER);
}
