//! What nodes tell one another by comparing: everything that one of them lacks, nothing before its time, and then nothing.

use super::spreading::{lacked, only};
use super::*;
use crate::chain::Verified;
use crate::ground::fee::FeeRate;
use crate::ground::item::{Item, ShortId};
use crate::machine::{Action, RestoredAs};
use crate::params::STEPS_DEFAULT;
use crate::reconcile::kept::{Kept, View};
use crate::reconcile::sketch::estimate::counts;
use crate::reconcile::telling::Telling;
use crate::record::Manner;
use crate::report::counters::Traffic;
use crate::testkit::Mesh;
use crate::testkit::ties::{Draft, Ties};
use crate::wire::digest::{Digest, FAN, Span, Split};
use crate::wire::kinds::MessageKind;
use crate::wire::message::Signal;
use crate::wire::sketch::{Cell, Cells, Want};
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(10);

pub(super) fn tx(n: u32) -> Arc<Item> {
    let bytes = n.to_le_bytes().repeat(25);
    Opaque::default().item(ItemKind::Tx, bytes.into()).unwrap()
}

pub(super) fn named(strategy: StrategyKind) -> Params {
    let mut params = Params::default();
    params.relay.strategy = strategy;
    params.peers.outbound = 0; // no links but those of the test
    params
}

/// Nodes without links under Ties' or opaque rules.
fn mesh(nodes: usize, params: Params) -> Mesh {
    Mesh::new(nodes, 1, 1, params, Arc::new(Opaque::default()))
}

fn has(mesh: &Mesh, index: usize, item: &Item) -> bool {
    mesh.node(index).item(&item.id()).is_some()
}

/// All that a stranger can ask, of one item or of everything.
pub(super) fn questions(item: &Item) -> Vec<Message> {
    let sums = |sums| {
        let split = Split { span: Span::ALL, sums };
        Message::Reconcile(Reconcile::Digest(Box::new(Digest { salt: 7, splits: [split].into() })))
    };
    let short = Names::Short([ShortId::from(item.id())].into());
    let mut kept = Kept::default();
    (5_000..5_100).for_each(|n| kept.insert(tx(n).id().into(), FeeRate::ZERO));
    let many = Telling::begin(&View::new(&kept, Vec::new(), FeeRate::ZERO), 7);
    let cells = |cells: Vec<Cell>| {
        Message::Reconcile(Reconcile::Cells(Box::new(Cells { of: 40, cells: cells.into() })))
    };
    let view = View::new(&kept, Vec::new(), FeeRate::ZERO);
    let want = Want { of: 40, counts: counts(&view.sketch(257).unwrap()) };
    vec![
        cells(Vec::new()),
        cells(vec![Cell::default(); 4]),
        cells(vec![Cell { sum: 1, check: 2 }; 4]),
        cells(view.sketch(400).unwrap().told().into()),
        Message::Reconcile(Reconcile::Want(Box::new(want))),
        only(&[]),
        only(&[&tx(1_000)]),
        sums([0; FAN]),
        sums([1; FAN]),
        Message::Reconcile(Reconcile::Digest(Box::new(many.finish().0.unwrap()))),
        get_data(item),
        Message::Items(Items::GetData(short)),
        Message::Relay(Signal::Poll),
        Message::Relay(Signal::Graft),
        Message::Session(Session::Ping { nonce: 1 }),
        Message::Peers(PeerExchange::GetAddresses),
    ]
}

#[test]
fn no_query_tells_a_stranger_of_an_item_before_its_announcement_to_him_is_due() {
    for strategy in [StrategyKind::Inventory, StrategyKind::Adaptive] {
        let mut params = named(strategy);
        params.relay.trickle_inbound_ms = 3_600_000;
        params.relay.trickle_outbound_ms = 3_600_000;
        params.health.ping_interval_s = 1_000_000;
        let secret = tx(7);
        // Two nodes that differ in one transaction of their operator's; a stranger who is there when that comes, and
        // one who comes later.
        let [mut with, mut without] = [(), ()].map(|()| Solo::new(params.clone()));
        for solo in [&mut with, &mut without] {
            (0..40).for_each(|n| {
                drop(solo.hand(Input::Restored {
                    item: tx(n + 10),
                    was: RestoredAs::Kept,
                    age: Duration::ZERO,
                    verified: Verified::default(),
                }));
            });
            solo.link(0, Direction::Inbound);
        }
        with.hand(Input::Submitted(secret.clone()));
        let mut asked = 0;
        for ms in [0, 100, 900, 1_000, 5_000, 60_000_u32] {
            let (present, late) = (Link::new(0, 1), Link::new(1, ms + 1));
            // Our own go whole to a few of those who are there.
            let strangers = if strategy == StrategyKind::Adaptive { 1.. } else { 0.. };
            for solo in [&mut with, &mut without] {
                let (peer, direction) = (PeerKey(u64::from(ms) + 100), Direction::Inbound);
                solo.hand(Input::Connected { link: late, peer, direction, addr: None });
                solo.say(late, &hello());
            }
            for question in questions(&secret) {
                for link in &[present, late][strangers.clone()] {
                    // What is drawn for an answer tells nothing, and differs with what was drawn before.
                    for solo in [&mut with, &mut without] {
                        solo.rng = ChaCha8Rng::seed_from_u64(asked);
                    }
                    let [told, known] =
                        [&mut with, &mut without].map(|solo| sends(&solo.say(*link, &question)));
                    assert_eq!(told, known, "{strategy}, after {ms} ms, {question:?}");
                    asked += 1;
                }
            }
            for solo in [&mut with, &mut without] {
                solo.hand(Input::Disconnected { link: late });
            }
            for solo in [&mut with, &mut without] {
                solo.wait(ms.into());
            }
        }
        assert!(asked >= 40, "{strategy}: {asked}");
    }
}

/// What a node says in its hello to a peer that connects now.
fn hello_of(solo: &mut Solo, slot: u32) -> Hello {
    let (link, direction) = (Link::new(slot, 1), Direction::Outbound);
    let peer = PeerKey(u64::from(slot) + 1);
    let actions = solo.hand(Input::Connected { link, peer, direction, addr: None });
    let [(_, Message::Session(Session::Hello(hello))), ..] = &sends(&actions)[..] else {
        panic!("{actions:?}")
    };
    **hello
}

/// Whether a node compares with a peer that it dialled and that says what it keeps.
fn compares(solo: &mut Solo, slot: u32, features: u32) -> bool {
    hello_of(solo, slot);
    let hello = Hello { features, ..Hello::default() };
    let mut said =
        sends(&solo.say(Link::new(slot, 1), &Message::Session(Session::Hello(Box::new(hello)))));
    said.extend(sends(&solo.wait(1_000)));
    said.iter().any(|(_, message)| matches!(message, Message::Reconcile(_)))
}

#[test]
fn two_that_keep_nothing_do_not_compare_and_others_do() {
    let fresh = || Solo::new(named(StrategyKind::Inventory));
    let full = || {
        let mut solo = fresh();
        let (item, was, age) = (tx(1), RestoredAs::Kept, Duration::ZERO);
        solo.hand(Input::Restored { item, was, age, verified: Verified::default() });
        solo
    };
    assert!(!compares(&mut fresh(), 0, Hello::KEEPS_NOTHING));
    assert!(compares(&mut fresh(), 0, 0) && compares(&mut full(), 0, Hello::KEEPS_NOTHING));
}

#[test]
fn a_hello_does_not_tell_of_what_a_newcomer_is_not_to_be_told_yet() {
    let mut solo = Solo::new(named(StrategyKind::Inventory));
    assert!(hello_of(&mut solo, 0).keeps_nothing());
    solo.hand(Input::Submitted(tx(1)));
    assert!(hello_of(&mut solo, 1).keeps_nothing(), "its announcement may not be due");
    solo.wait(60_000);
    assert!(!hello_of(&mut solo, 2).keeps_nothing());
}

#[test]
fn what_waits_for_the_budget_of_announcements_is_shown_to_nobody() {
    let mut params = at_once();
    params.budgets.relayed = Rate::new(0.001, 1.0);
    let mut solo = Solo::new(params);
    let link = solo.link(0, Direction::Inbound);
    (1..=5).for_each(|n| drop(solo.hand(Input::Submitted(solo.tx(n)))));
    let told = sends(&solo.wait(0));
    solo.wait(20_000);
    assert_eq!((told.len(), solo.node.pool().len()), (1, 5));
    let (shown, all) = (ids_told(&sends(&solo.say(link, &only(&[])))), ids_told(&told));
    assert!(!all.is_empty() && shown == all, "what was announced, and nothing else");
}

/// The ids in announcements and in what comparisons found, in order.
fn ids_told(sent: &[(Link, Message)]) -> Vec<ShortId> {
    let mut ids: Vec<ShortId> = Vec::new();
    for (_, message) in sent {
        match message {
            Message::Items(Items::Announce(names)) => ids.extend(names.iter().map(Name::short)),
            Message::Reconcile(Reconcile::Lacked(lacked)) => ids.extend(lacked.iter()),
            other => panic!("{other:?}"),
        }
    }
    ids.sort_unstable();
    ids
}

#[test]
fn whoever_asks_pays_for_the_ids_that_are_looked_at() {
    let mut params = at_once();
    params.budgets.requests = Rate::new(1.0, 100.0);
    let mut solo = Solo::new(params);
    let link = solo.link(0, Direction::Inbound);
    for n in 0..5_000 {
        solo.hand(Input::Restored {
            item: tx(n),
            was: RestoredAs::Kept,
            age: Duration::ZERO,
            verified: Verified::default(),
        });
    }
    let split = Split { span: Span::ALL, sums: [1; FAN] };
    let question = Digest { salt: 7, splits: [split].into() };
    let question = Message::Reconcile(Reconcile::Digest(Box::new(question)));
    let throttled =
        |actions: &[Action]| actions.iter().any(|a| matches!(a, Action::Throttle { .. }));
    let asked = (1..).find(|_| throttled(&solo.say(link, &question))).unwrap();
    // Twice all of the pool and the beginnings of its parts, at 256 ids for one, and one for the question itself.
    assert!((2..=4).contains(&asked), "{asked} questions of some 40");
}

#[test]
fn a_peer_that_takes_nothing_is_told_once_and_then_ever_less_often() {
    let mut solo = Solo::new(at_once());
    let link = solo.link(0, Direction::Inbound);
    (0..50).for_each(|n| {
        drop(solo.hand(Input::Restored {
            item: tx(n),
            was: RestoredAs::Kept,
            age: Duration::ZERO,
            verified: Verified::default(),
        }));
    });
    let told = |solo: &mut Solo| {
        let sent = sends(&solo.say(link, &only(&[])));
        let is_told =
            |message: &Message| matches!(message, Message::Reconcile(Reconcile::Lacked(_)));
        sent.iter().filter(|(_, message)| is_told(message)).count()
    };
    assert_eq!(told(&mut solo), 1);
    let again = (0..3_600).filter(|_| {
        solo.now = solo.now + Duration::from_secs(1);
        told(&mut solo) > 0
    });
    assert_eq!(again.count(), 6);
}

/// What nodes sent in a while, all together.
fn sent(mesh: &mut Mesh, time: Duration) -> Vec<(MessageKind, u64)> {
    let count = |mesh: &Mesh| {
        let mut sum = Traffic::default();
        (0..mesh.len()).for_each(|index| sum.add(&mesh.node(index).counters().traffic));
        sum
    };
    let before = count(mesh);
    mesh.run_for(time);
    let after = count(mesh);
    let new = |kind: &MessageKind| after.sent(*kind).messages - before.sent(*kind).messages;
    let all = MessageKind::ALL.iter().map(|kind| (*kind, new(kind)));
    all.filter(|(_, messages)| *messages > 0).collect()
}

fn is_ping(kind: MessageKind) -> bool {
    matches!(kind, MessageKind::Ping | MessageKind::Pong)
}

#[test]
fn equal_nodes_send_nothing_but_pings_after_ten_minutes() {
    for strategy in StrategyKind::ALL {
        let mut mesh = mesh(6, named(*strategy));
        for (from, to) in [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0), (0, 3), (1, 4)] {
            mesh.connect(from, to);
        }
        mesh.run_for(Duration::from_secs(1));
        for n in 0..60 {
            mesh.submit(n as usize % 6, tx(n));
            mesh.run_for(Duration::from_millis(200));
        }
        mesh.run_for(Duration::from_secs(600));
        assert!((0..6).all(|index| mesh.node(index).pool().len() == 60), "{strategy}");
        let sent = sent(&mut mesh, Duration::from_secs(3_600));
        // Who pulls asks whether there is news, each round: that is what there is to see of him.
        let is_poll = |kind| kind == MessageKind::Poll;
        let asks = matches!(strategy, StrategyKind::Pull | StrategyKind::PushPull);
        let is_quiet = |kind| is_ping(kind) || asks && is_poll(kind);
        assert!(sent.iter().all(|(kind, _)| is_quiet(*kind)), "{strategy}: {sent:?}");
    }
}

#[test]
fn nodes_that_refused_what_others_hold_fall_silent_too() {
    for strategy in [StrategyKind::Inventory, StrategyKind::Adaptive, StrategyKind::Flood] {
        let mut params = named(strategy);
        params.pool.fee_rate_step = FeeRate(u64::MAX / 2_000_000);
        let mut mesh = Mesh::new(3, 1, 1, params, Arc::new(Ties));
        // Each of two nodes holds 40 that conflict with what the other holds; the third is between them.
        for key in 0..40 {
            for (index, number) in [(0, 0), (1, 1_000)] {
                let draft = Draft::paying(number + u32::from(key), 10).claiming(&[key]);
                mesh.submit(index, draft.item());
            }
        }
        mesh.run_for(Duration::from_secs(30));
        for (from, to) in [(0, 1), (1, 2), (2, 0)] {
            mesh.connect(from, to);
        }
        mesh.run_for(Duration::from_secs(30));
        assert!((0..3).all(|index| mesh.node(index).pool().len() == 40));
        // What came after that they have in common.
        let later = Draft::paying(9_999, 10).item();
        mesh.submit(0, later.clone());
        mesh.run_for(Duration::from_secs(3_600));
        assert!((0..3).all(|index| has(&mesh, index, &later)));
        let sent = sent(&mut mesh, Duration::from_secs(3_600));
        assert!(sent.iter().all(|(kind, _)| is_ping(*kind)), "{strategy}: {sent:?}");
    }
}

#[test]
fn what_was_submitted_alone_reaches_the_first_link_within_the_trickle() {
    for strategy in StrategyKind::ALL {
        for (alone, direction) in [(0, false), (0, true), (300, false), (300, true)] {
            let mut mesh = mesh(2, named(*strategy));
            mesh.submit(0, tx(1));
            mesh.run_for(Duration::from_secs(alone));
            match direction {
                true => mesh.connect(0, 1),
                false => mesh.connect(1, 0),
            }
            // Whoever dials is a stranger, for three seconds more.
            mesh.run_for(Duration::from_secs(if direction { 10 } else { 13 }));
            assert!(has(&mesh, 1, &tx(1)), "{strategy}, after {alone} s, {direction}");
        }
    }
}

#[test]
fn a_node_that_was_away_has_what_it_missed_ten_seconds_after_its_first_link() {
    for strategy in StrategyKind::ALL {
        let mut mesh = mesh(4, named(*strategy));
        for (from, to) in [(0, 1), (1, 2), (0, 2)] {
            mesh.connect(from, to);
        }
        mesh.submit(0, tx(999));
        for n in 0..300 {
            mesh.submit(n as usize % 3, tx(n));
            mesh.run_for(Duration::from_millis(400)); // two minutes in all
        }
        let block = Opaque::default().item(ItemKind::Block, vec![1; 1_000].into()).unwrap();
        mesh.submit(2, block.clone());
        mesh.run_for(Duration::from_secs(10));
        mesh.connect(3, 1);
        mesh.run_for(Duration::from_secs(10));
        let missing = (0..300).filter(|n| !has(&mesh, 3, &tx(*n))).count();
        assert_eq!(
            missing,
            0,
            "{strategy} {:?}",
            (0..300).filter(|n| !has(&mesh, 3, &tx(*n))).collect::<Vec<_>>()
        );
        assert!(has(&mesh, 3, &tx(999)) && has(&mesh, 3, &block), "{strategy}");
    }
}

#[test]
fn a_known_transaction_that_is_submitted_again_is_announced_again() {
    let mut solo = Solo::new(at_once());
    let (a, b) = (solo.link(0, Direction::Outbound), solo.link(1, Direction::Inbound));
    let tx = solo.tx(1);
    let told = [(a, announce(&tx)), (b, announce(&tx))];
    solo.hand(Input::Submitted(tx.clone()));
    assert_eq!(sends(&solo.wait(0)), told);
    solo.say(a, &get_data(&tx));
    assert!(solo.node.unbroadcast().is_empty());
    let again = solo.hand(Input::Submitted(tx.clone()));
    assert!(again.contains(&Action::Report(Event::AlreadyKnown { id: tx.id() })), "{again:?}");
    assert_eq!(sends(&solo.wait(0)), told);
    assert!(solo.node.unbroadcast().contains(tx.id()), "until somebody asks");
    solo.hand(Input::Submitted(tx.clone()));
    solo.hand(Input::Submitted(tx));
    assert_eq!(sends(&solo.wait(0)), told, "once, though it was asked twice");
    assert!(sends(&solo.wait(0)).is_empty());
}

#[test]
fn a_story_tells_that_there_was_no_peer_and_that_it_was_announced_again() {
    let mut params = at_once();
    params.record.steps = Some(STEPS_DEFAULT);
    let mut solo = Solo::new(params);
    let tx = solo.tx(1);
    solo.hand(Input::Submitted(tx.clone()));
    solo.wait(60_000);
    let link = solo.link(0, Direction::Outbound);
    solo.hand(Input::Submitted(tx.clone()));
    solo.wait(0);
    let story = solo.node.story_of(tx.id()).unwrap();
    let told: Vec<_> = story.steps.iter().map(|step| (step.link, step.what)).collect();
    let expected = [
        (None, ItemEvent::Submitted),
        (None, ItemEvent::Accepted),
        (None, ItemEvent::Alone),
        (None, ItemEvent::Again),
        (Some(link), ItemEvent::Told(Manner::Gap)),
        (Some(link), ItemEvent::Told(Manner::Batch)),
    ];
    for step in expected {
        assert!(told.contains(&step), "{step:?} of {told:?}");
    }
}

#[test]
fn a_peer_that_announces_what_it_does_not_deliver_does_not_hold_up_the_rest() {
    // Whoever listed it is asked, in vain; another peer's comparison brings it.
    let mut mesh = mesh(3, named(StrategyKind::Inventory));
    mesh.submit(0, tx(1));
    mesh.run_for(Duration::from_secs(30));
    mesh.connect(0, 1);
    mesh.run_for(Duration::from_secs(30));
    mesh.withhold(0);
    mesh.connect(2, 0);
    mesh.run_for(Duration::from_secs(1));
    assert!(!has(&mesh, 2, &tx(1)));
    mesh.connect(2, 1);
    mesh.run_for(INTERVAL);
    assert!(has(&mesh, 2, &tx(1)));
}

#[test]
fn two_that_told_one_another_of_the_same_at_once_fall_silent() {
    let mut params = at_once();
    params.relay.strategy = StrategyKind::Inventory;
    let mut solo = Solo::new(params);
    let link = solo.link(0, Direction::Inbound);
    let tx = solo.tx(1);
    solo.hand(Input::Submitted(tx.clone()));
    solo.wait(5_000);
    let told = [(link, lacked(&[&tx]))];
    assert_eq!(sends(&solo.say(link, &only(&[]))), told, "the peer looks as if it lacked it");
    assert!(sends(&solo.say(link, &announce(&tx))).is_empty());
    assert!(sends(&solo.say(link, &only(&[]))).is_empty(), "it has it, and leaves it out");
}
