//! What neighbours expect in the next block, and blocks that are sent by that.

use bytes::Bytes;

use super::compact::{GENESIS, asked_for, block_of, names, parts, received, row, rules, transfer};
use super::*;
use crate::ground::item::ShortId;
use crate::wire::kinds::MessageKind;
use crate::wire::message::{Blocks, ByTemplate, EXTRA_MAX, NOWHERE, TEMPLATE_MAX, Template};

fn ids(some: &[Arc<Item>]) -> Vec<ShortId> {
    some.iter().map(|item| item.id().into()).collect()
}

/// What a peer expects.
fn template(number: u32, some: &[Arc<Item>]) -> Message {
    let (gone, added) = (Box::default(), ids(some).into());
    Blocks::Template(Arc::new(Template { is_new: true, number, gone, added })).into()
}

/// A block by these places in a template; what comes along has none.
fn by_template(block: &Item, template: u32, places: &[u16], along: &[u16]) -> Message {
    let split = rules().split(block).unwrap();
    let bytes = |place: u16| split.transactions[usize::from(place)].bytes().clone();
    Blocks::ByTemplate(Arc::new(ByTemplate {
        header: split.header.clone(),
        template,
        places: places.into(),
        prefilled: along.iter().map(|place| (*place, bytes(*place))).collect(),
        ids: Box::default(),
    }))
    .into()
}

/// A node whose pool is empty, and peers that dialled it and exchange templates with it.
fn solo<const N: usize>() -> (Solo, [Link; N]) {
    let mut solo = Solo::with_chain(at_once(), Box::new(rules()));
    let links = std::array::from_fn(|slot| {
        let link = Link::new(u32::try_from(slot).unwrap(), 1);
        let (peer, direction) = (PeerKey(slot as u64 + 1), Direction::Inbound);
        solo.hand(Input::Connected { link, peer, direction, addr: None });
        let hello = Hello { features: Hello::REBUILDS | Hello::TEMPLATES, ..Hello::default() };
        solo.say(link, &Session::Hello(Box::new(hello)).into());
        link
    });
    (solo, links)
}

/// What a node asks for of templates.
fn wanted(actions: &[Action]) -> Vec<(Link, Vec<ShortId>)> {
    let wanted = |(link, message): (Link, Message)| match message {
        Message::Blocks(Blocks::GetListed(ids)) => Some((link, ids.to_vec())),
        _ => None,
    };
    sends(actions).into_iter().filter_map(wanted).collect()
}

fn listed(some: &[Arc<Item>]) -> Message {
    Blocks::Listed(some.iter().map(|item| item.bytes().clone()).collect()).into()
}

fn checks(actions: &[Action], block: &Item) -> bool {
    let is_it =
        |action: &Action| matches!(action, Action::Verify(item) if item.bytes() == block.bytes());
    actions.iter().any(is_it)
}

#[test]
fn a_block_of_what_was_expected_travels_as_its_header_and_its_order() {
    let mut mesh = row(4);
    let first = block_of(GENESIS, &[transfer(1_000), transfer(1_001)]);
    mesh.submit(0, first.clone());
    mesh.run_for(Duration::from_secs(30));
    let transfers: Vec<_> = (0..30).map(transfer).collect();
    transfers.iter().for_each(|tx| mesh.submit(0, tx.clone()));
    mesh.run_for(Duration::from_secs(60));
    let before = [1, 2, 3].map(|index| received(&mesh, index, MessageKind::Compact));
    let block = block_of(first.id().hash(), &transfers);
    mesh.submit(0, block.clone());
    mesh.run_for(Duration::from_secs(1));
    for index in 1..4 {
        assert!(mesh.node(index).item(&block.id()).is_some(), "node {index}");
        assert_eq!(received(&mesh, index, MessageKind::Compact), before[index - 1]);
        let (messages, bytes) = received(&mesh, index, MessageKind::ByTemplate);
        assert!(messages == 1 && bytes < 150, "{bytes} bytes in {messages}");
        assert_eq!(mesh.node(index).counters().template_parts, 0, "nothing was lacking");
    }
}

#[test]
fn a_block_without_transactions_travels_as_its_header() {
    let mut mesh = row(4);
    let first = block_of(GENESIS, &[transfer(1_000), transfer(1_001)]);
    mesh.submit(0, first.clone());
    mesh.run_for(Duration::from_secs(60));
    let block = block_of(first.id().hash(), &[]);
    mesh.submit(0, block.clone());
    mesh.run_for(Duration::from_secs(1));
    for index in 1..4 {
        assert!(mesh.node(index).item(&block.id()).is_some(), "node {index}");
        assert_eq!(received(&mesh, index, MessageKind::ByTemplate).0, 1, "node {index}");
    }
}

#[test]
fn templates_that_do_not_change_are_not_told() {
    let mut mesh = row(2);
    mesh.submit(0, block_of(GENESIS, &[transfer(1), transfer(2)]));
    mesh.submit(0, transfer(3));
    mesh.run_for(Duration::from_secs(60));
    let told = received(&mesh, 0, MessageKind::Template);
    assert!(told.0 > 0);
    mesh.run_for(Duration::from_secs(600));
    assert_eq!(received(&mesh, 0, MessageKind::Template), told);
}

#[test]
fn what_a_neighbour_expects_is_asked_for_and_a_block_of_it_needs_no_question() {
    let (mut solo, [mate, other]) = solo();
    let transfers: Vec<_> = (0..8).map(transfer).collect();
    let actions = solo.say(mate, &template(3, &transfers[..6]));
    assert_eq!(wanted(&actions), [(mate, ids(&transfers[..6]))]);
    let tells = |(to, message): &(Link, Message)| {
        *to == mate && matches!(message, Message::Blocks(Blocks::Template(_)))
    };
    assert!(sends(&actions).iter().any(tells), "and told what we expect");
    assert_eq!(solo.say(mate, &listed(&transfers[..6])), []);
    // It isn't pooled, announced or served.
    assert_eq!(solo.node.pool().len(), 0);
    let tells = |(_, message): &(Link, Message)| matches!(message, Message::Items(_));
    assert!(!sends(&solo.wait(10_000)).iter().any(tells));
    let refused = sends(&solo.say(other, &get_data(&transfers[0])));
    assert_eq!(refused, [(other, not_found(&transfers[0]))]);
    let order = [5, 4, 3, 2, 1, 0, 6, 7];
    let block = block_of(GENESIS, &order.map(|n: usize| transfers[n].clone()));
    let places = [5, 4, 3, 2, 1, 0, NOWHERE, NOWHERE];
    let actions = solo.say(mate, &by_template(&block, 3, &places, &[6, 7]));
    assert!(checks(&actions, &block), "byte for byte");
    assert_eq!((asked_for(&sends(&actions)), wanted(&actions)), (vec![], vec![]));
    assert_eq!(solo.node.counters().block_parts_lacked, 0);
}

#[test]
fn a_block_goes_on_to_those_who_expect_it_before_it_is_verified() {
    let (mut solo, [mate, next, stranger]) = solo();
    let transfers: Vec<_> = (0..8).map(transfer).collect();
    solo.say(mate, &template(1, &transfers));
    solo.say(mate, &listed(&transfers));
    solo.say(next, &template(1, &transfers[..7]));
    let backwards: Vec<_> = transfers.iter().rev().cloned().collect();
    let block = block_of(GENESIS, &backwards);
    let actions = solo.say(mate, &by_template(&block, 1, &[7, 6, 5, 4, 3, 2, 1, 0], &[]));
    // Our own template has none of it: what the other one lists is named, and what it lacks comes along. But that is most of the
    // block, and so it is sent when it is asked for.
    assert!(checks(&actions, &block));
    assert_eq!(sends(&actions), []);
    for tx in &transfers[..6] {
        let (item, was) = (tx.clone(), crate::machine::RestoredAs::Kept);
        let (age, verified) = (Duration::ZERO, crate::chain::Verified::default());
        solo.hand(Input::Restored { item, was, age, verified });
    }
    (0..3).for_each(|_| drop(solo.wait(10_000)));
    let block = block_of(GENESIS, &transfers);
    let actions = solo.say(mate, &by_template(&block, 1, &[0, 1, 2, 3, 4, 5, 6, 7], &[]));
    let sent = sends(&actions);
    let [(to, Message::Blocks(Blocks::ByTemplate(sent)))] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((*to, &*sent.places), (next, &[0, 1, 2, 3, 4, 5, NOWHERE, NOWHERE][..]));
    assert_eq!(*sent.ids, *ids(&transfers[6..7]), "it lists that");
    assert_eq!(*sent.prefilled, [(7, transfers[7].bytes().clone())]);
    let again = solo.pass(&block);
    let tells =
        |(to, message): &(Link, Message)| *to == next && matches!(message, Message::Blocks(_));
    assert!(!sends(&again).iter().any(tells), "it has it");
    let announced = |(to, message): &(Link, Message)| {
        *to == stranger && matches!(message, Message::Items(Items::Announce(_)))
    };
    assert!(sends(&again).iter().any(announced));
}

#[test]
fn what_is_lacking_of_an_expected_block_is_asked_for_by_its_places() {
    let (mut solo, [mate]) = solo();
    let transfers: Vec<_> = (0..4).map(transfer).collect();
    solo.say(mate, &template(1, &transfers));
    solo.say(mate, &listed(&transfers[..3])); // the last one left
    let block = block_of(GENESIS, &transfers);
    let actions = solo.say(mate, &by_template(&block, 1, &[0, 1, 2, 3], &[]));
    assert_eq!(asked_for(&sends(&actions)), [(mate, vec![3])]);
    let actions = solo.say(mate, &parts(&block, &[3]));
    assert!(checks(&actions, &block));
}

#[test]
fn places_that_fit_no_header_or_template_have_the_block_asked_for_by_names() {
    for (number, places) in [(1, [1, 0, 2, 3]), (7, [0, 1, 2, 3]), (1, [0, 1, 2, 9])] {
        let (mut solo, [mate]) = solo();
        let transfers: Vec<_> = (0..4).map(transfer).collect();
        solo.say(mate, &template(1, &transfers));
        solo.say(mate, &listed(&transfers));
        let block = block_of(GENESIS, &transfers);
        let actions = solo.say(mate, &by_template(&block, number, &places, &[]));
        assert_eq!(sends(&actions), [(mate, get_data(&block))], "{number} {places:?}");
        let actions = solo.say(mate, &Blocks::Compact(names(&block, &[], 1)).into());
        assert!(checks(&actions, &block), "what it brought is found by its names, too");
    }
}

#[test]
fn a_liar_that_lists_what_it_never_sends_keeps_nobody_from_it() {
    let (mut solo, [liar, honest]) = solo();
    let transfers: Vec<_> = (0..4).map(transfer).collect();
    assert_eq!(wanted(&solo.say(liar, &template(1, &transfers))).len(), 1);
    assert_eq!(wanted(&solo.say(honest, &template(1, &transfers))), []);
    solo.wait(3_000);
    for number in 2..5 {
        assert_eq!(wanted(&solo.say(liar, &template(number, &transfers))), [], "it was asked");
    }
    let asked = solo.say(honest, &template(2, &transfers));
    assert_eq!(wanted(&asked), [(honest, ids(&transfers))]);
    solo.say(honest, &listed(&transfers));
    let block = block_of(GENESIS, &transfers);
    let actions = solo.say(honest, &by_template(&block, 2, &[0, 1, 2, 3], &[]));
    assert!(checks(&actions, &block));
}

#[test]
fn a_liar_that_lists_ids_of_nothing_costs_one_question_and_no_honest_peer() {
    let (mut solo, [liar, honest]) = solo();
    let junk: Box<[_]> = (0..TEMPLATE_MAX as u64).map(|n| ShortId(n.to_le_bytes())).collect();
    let junk = Template { is_new: true, number: 1, gone: Box::default(), added: junk };
    let asked = wanted(&solo.say(liar, &Blocks::Template(Arc::new(junk)).into()));
    assert_eq!(asked.iter().map(|(_, ids)| ids.len()).sum::<usize>(), EXTRA_MAX);
    let transfers = [transfer(0)];
    assert_eq!(wanted(&solo.say(honest, &template(1, &transfers))), [(honest, ids(&transfers))]);
    let wrong = solo.say(liar, &listed(&transfers));
    let rule = Offence::InvalidItem("wrong-template");
    assert_eq!(disconnects(&wrong), [(liar, Reason::Misbehaved(rule))], "that wasn't asked for");
    solo.hand(Input::Disconnected { link: liar });
    assert_eq!(solo.node.keeper_of(liar), None);
}

#[test]
fn endless_templates_slow_their_sender_and_those_that_cannot_be_close_the_link() {
    let (mut solo, [liar, other]) = solo();
    let many: Box<[_]> = (0..TEMPLATE_MAX as u64).map(|n| ShortId(n.to_le_bytes())).collect();
    let all = Template { is_new: true, number: 1, gone: Box::default(), added: many };
    let all = Message::from(Blocks::Template(Arc::new(all)));
    let slows = |action: &Action| matches!(action, Action::Throttle { .. });
    let slowed = (0..100).find(|_| solo.say(liar, &all).iter().any(slows));
    assert!(slowed.is_some(), "what has us look at much is charged");
    let more = Template {
        is_new: false,
        number: 2,
        gone: Box::default(),
        added: [ShortId([9; 8])].into(),
    };
    let actions = solo.say(liar, &Blocks::Template(Arc::new(more)).into());
    let rule = Offence::InvalidItem("wrong-template");
    assert_eq!(disconnects(&actions), [(liar, Reason::Misbehaved(rule))]);
    let gone = Template { is_new: false, number: 1, gone: [(0, 1)].into(), added: Box::default() };
    let actions = solo.say(other, &Blocks::Template(Arc::new(gone)).into());
    assert_eq!(disconnects(&actions), [(other, Reason::Misbehaved(rule))]);
}

#[test]
fn nothing_is_given_but_what_was_told_and_to_those_it_was_told() {
    let (mut solo, [mate, stranger]) = solo();
    let [young, old] = [transfer(0), transfer(1)];
    let restore = |solo: &mut Solo, item: &Arc<Item>| {
        let (item, was) = (item.clone(), crate::machine::RestoredAs::Kept);
        let (age, verified) = (Duration::ZERO, crate::chain::Verified::default());
        solo.hand(Input::Restored { item, was, age, verified })
    };
    solo.say(mate, &template(1, &[]));
    restore(&mut solo, &old);
    solo.wait(10_000);
    restore(&mut solo, &young);
    let told = sends(&solo.wait(10_000));
    let news = Template {
        is_new: false,
        number: 1,
        gone: Box::default(),
        added: ids(std::slice::from_ref(&old)).into(),
    };
    assert!(told.contains(&(mate, Blocks::Template(Arc::new(news)).into())), "{told:?}");
    let both: Arc<[_]> = ids(&[young, old.clone()]).into();
    let asks = Message::from(Blocks::GetListed(both));
    assert_eq!(sends(&solo.say(mate, &asks)), [(mate, listed(&[old]))]);
    let (_, before) =
        (solo.say(stranger, &asks), solo.node.counters().traffic.sent(MessageKind::Listed));
    assert_eq!(before.messages, 1);
}

#[test]
fn whoever_does_not_deal_in_templates_is_told_none_and_answers_none() {
    let mut params = at_once();
    params.blocks.templates_s = 0;
    let mut solo = Solo::with_chain(params, Box::new(rules()));
    let link = solo.link(0, Direction::Inbound);
    solo.hand(Input::Submitted(transfer(0)));
    let block = block_of(GENESIS, &[transfer(1)]);
    solo.hand(Input::Submitted(block.clone()));
    solo.pass(&block);
    (0..3).for_each(|_| drop(solo.wait(20_000)));
    assert_eq!(solo.node.counters().traffic.sent(MessageKind::Template).messages, 0);
    assert_eq!(sends(&solo.say(link, &template(1, &[transfer(5)]))), []);
    assert_eq!(sends(&solo.say(link, &Blocks::Listed([Bytes::new()].into()).into())), []);
}
