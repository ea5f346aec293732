//! Peers that lie: about kinds, names and bytes, or that leave what they said behind.

use super::*;
use crate::chain::tidings::{Block, Tidings};
use crate::ground::item::{ItemId, ShortId, twin};
use crate::items::seen::Seen;
use crate::testkit::ties::{Draft, Ties, block};

fn item(item: &Arc<Item>) -> Message {
    Message::Items(Items::Item(item.clone()))
}

fn announce_id(id: ItemId) -> Message {
    Message::Items(Items::Announce(Names::Whole { kind: id.kind(), ids: [id].into() }))
}

fn asks(actions: &[Action]) -> Vec<(Link, Vec<ItemId>)> {
    let ask = |(link, message)| match message {
        Message::Items(Items::GetData(Names::Whole { ids, .. })) => Some((link, ids.to_vec())),
        _ => None,
    };
    sends(actions).into_iter().filter_map(ask).collect()
}

#[test]
fn a_block_is_not_hidden_by_a_transaction_that_is_its_header() {
    let chain = Tidings::new(Hash256([7; 32]), 0);
    let bytes = Block::mine(Hash256([7; 32]), &[], 0, 0).unwrap();
    let header = chain.item(ItemKind::Tx, bytes.slice(..bytes.len() - 1)).unwrap();
    let block = chain.item(ItemKind::Block, bytes).unwrap();
    assert_eq!(header.id().hash(), block.id().hash());
    let mut solo = Solo::with_chain(at_once(), Box::new(chain));
    let (liar, honest) = (solo.link(0, Direction::Inbound), solo.link(1, Direction::Inbound));
    solo.say(liar, &announce(&header));
    solo.say(liar, &item(&header));
    assert!(solo.node.seen().contains(header.id()) && solo.node.item(&block.id()).is_none());
    assert_eq!(sends(&solo.say(honest, &announce(&block))), [(honest, get_data(&block))]);
    solo.send(honest, &block);
    assert!(solo.node.item(&block.id()).is_some() && solo.node.item(&header.id()).is_none());
}

#[test]
fn a_transaction_is_not_hidden_by_a_block_of_its_bytes() {
    let mut solo = Solo::new(at_once());
    let (liar, honest) = (solo.link(0, Direction::Inbound), solo.link(1, Direction::Inbound));
    let tx = solo.tx(1);
    let false_block = (*solo.chain).item(ItemKind::Block, tx.bytes().clone()).unwrap();
    solo.say(liar, &announce(&false_block));
    solo.say(liar, &item(&false_block));
    assert_eq!(sends(&solo.say(honest, &announce(&tx))), [(honest, get_data(&tx))]);
    solo.say(honest, &item(&tx));
    assert!(solo.node.item(&tx.id()).is_some() && solo.node.item(&false_block.id()).is_some());
}

#[test]
fn each_announcer_is_asked_in_its_own_terms() {
    let mut solo = Solo::new(at_once());
    let links: Vec<_> = (0..4).map(|slot| solo.link(slot, Direction::Inbound)).collect();
    let tx = solo.tx(1);
    let (false_kind, twin) = (ItemId::block(tx.id().hash()), twin(tx.id()));
    let short = Names::Short([ShortId::from(tx.id())].into());
    assert_eq!(asks(&solo.say(links[0], &announce_id(false_kind))), [(links[0], vec![false_kind])]);
    assert_eq!(asks(&solo.say(links[1], &announce_id(twin))), [(links[1], vec![twin])]);
    assert!(sends(&solo.say(links[2], &announce(&tx))).is_empty(), "it may be the same item");
    solo.say(links[3], &Message::Items(Items::Announce(short.clone())));
    let denied =
        Message::Items(Items::NotFound(Names::Whole { kind: ItemKind::Tx, ids: [twin].into() }));
    let next = sends(&solo.say(links[1], &denied));
    let own_terms = [(links[2], get_data(&tx)), (links[3], Message::Items(Items::GetData(short)))];
    assert!(next.len() == 1 && own_terms.contains(&next[0]), "{next:?}");
    let (asked, _) = next[0];
    solo.say(asked, &item(&tx));
    assert!(solo.node.item(&tx.id()).is_some());
}

#[test]
fn what_comes_for_another_name_leaves_the_liar_alone_with_his_own() {
    let mut solo = Solo::new(at_once());
    let (liar, honest) = (solo.link(0, Direction::Inbound), solo.link(1, Direction::Outbound));
    let tx = solo.tx(1);
    let twin = twin(tx.id());
    solo.say(honest, &announce(&tx));
    assert!(asks(&solo.say(liar, &announce_id(twin))).is_empty());
    let next = solo.say(honest, &item(&tx));
    assert_eq!(asks(&next), [(liar, vec![twin])]);
    assert!(solo.node.item(&tx.id()).is_some());
    assert_eq!(solo.node.wanted(), 1);
    solo.hand(Input::Disconnected { link: liar });
    assert_eq!(solo.node.wanted(), 0);
}

#[test]
fn what_is_pooled_is_known_whatever_else_is_remembered() {
    let mut params = at_once();
    params.memory.seen_max = 4;
    let mut solo = Solo::with_chain(params, Box::new(Ties));
    let (a, b) = (solo.link(0, Direction::Inbound), solo.link(1, Direction::Inbound));
    let txs: Vec<_> = (0..20).map(|n| Draft::paying(n, 1_000).item()).collect();
    for tx in &txs {
        solo.say(a, &announce(tx));
        solo.say(a, &item(tx));
        solo.hand(Input::Verdict { item: tx, verdict: GOOD });
    }
    solo.wait(0);
    for tx in &txs {
        assert!(asks(&solo.say(a, &announce(tx))).is_empty(), "it is here");
        assert_eq!(sends(&solo.say(b, &get_data(tx))), [(b, item(tx))], "b was told of it");
    }
}

#[test]
fn refusals_push_out_nothing_but_refusals() {
    let mut params = at_once();
    params.memory.seen_max = 8;
    let mut solo = Solo::with_chain(params, Box::new(FirstByte));
    let link = solo.link(0, Direction::Inbound);
    let confirmed: Vec<_> = (0..8).map(|n| first_byte(0, n)).collect();
    for tx in &confirmed {
        solo.node.seen.insert(tx.id(), Seen::default());
    }
    for n in 100..200 {
        let refused = first_byte(1, n);
        solo.say(link, &announce(&refused));
        solo.say(link, &item(&refused));
    }
    assert!(confirmed.iter().all(|tx| solo.node.seen.contains(tx.id())));
}

#[test]
fn malleated_bytes_cost_whoever_sent_them_and_the_others_are_asked() {
    let mut solo = Solo::with_chain(at_once(), Box::new(Unsigned));
    let (liar, honest) = (solo.link(0, Direction::Inbound), solo.link(1, Direction::Inbound));
    let (good, bad) = (unsigned(0), unsigned(1));
    assert_eq!(good.id(), bad.id());
    solo.say(liar, &announce(&good));
    solo.say(honest, &announce(&good));
    solo.say(liar, &item(&bad));
    let verdict = solo.chain.verify(&bad);
    let actions = solo.hand(Input::Verdict { item: &bad, verdict });
    let closed: Vec<_> = disconnects(&actions).into_iter().map(|(link, _)| link).collect();
    assert_eq!(closed, [liar]);
    assert_eq!(asks(&actions), [(honest, vec![good.id()])]);
    solo.say(honest, &item(&good));
    solo.hand(Input::Verdict { item: &good, verdict: GOOD });
    assert!(solo.node.item(&good.id()).is_some());
}

#[test]
fn a_block_with_a_swapped_body_costs_whoever_sent_it_and_is_asked_of_others() {
    let chain = Tidings::new(Hash256([7; 32]), 0);
    let bytes = Block::mine(Hash256([7; 32]), &[], 0, 0).unwrap();
    let swapped = [&bytes[..bytes.len() - 1], &[1, 0]].concat();
    let [good, bad] = [bytes, swapped.into()].map(|it| chain.item(ItemKind::Block, it).unwrap());
    assert_eq!(good.id(), bad.id());
    let mut solo = Solo::with_chain(at_once(), Box::new(chain));
    let (liar, honest) = (solo.link(0, Direction::Outbound), solo.link(1, Direction::Inbound));
    solo.say(liar, &announce(&good));
    solo.say(honest, &announce(&good));
    let actions = solo.send(liar, &bad);
    assert_eq!(disconnects(&actions).len(), 1);
    assert_eq!(asks(&actions), [(honest, vec![good.id()])]);
    solo.send(honest, &good);
    assert!(solo.node.item(&good.id()).is_some());
}

#[test]
fn a_block_is_checked_at_once_however_many_transactions_are() {
    let mut params = at_once();
    params.memory.verifying_max = 1;
    let mut solo = Solo::with_chain(params, Box::new(Ties));
    let link = solo.link(0, Direction::Inbound);
    let (tx, block) = (Draft::paying(1, 1_000).item(), block(Hash256([0; 32]), &[]));
    solo.hand(Input::Submitted(tx));
    solo.say(link, &announce(&block));
    let actions = solo.say(link, &item(&block));
    assert!(actions.contains(&Action::Verify(block)), "{actions:?}");
}

/// Rules whose ids leave out the first byte, which is the signature: 0 is good.
struct Unsigned;

impl Chain for Unsigned {
    fn name(&self) -> &'static str {
        "unsigned"
    }

    fn max_size(&self, kind: ItemKind) -> usize {
        FirstByte.max_size(kind)
    }

    fn identify(&self, kind: ItemKind, bytes: &[u8]) -> Result<Hash256, Rejection> {
        FirstByte.identify(kind, bytes)
    }

    fn inspect(&self, _: &Item) -> Result<Inspection, Rejection> {
        Ok(Inspection { needs_verification: true, ..Inspection::default() })
    }

    fn verify(&self, item: &Item) -> Verdict {
        if item.bytes()[0] == 0 { GOOD } else { Err(Rejection::mutated("signature")) }
    }
}

fn unsigned(signature: u8) -> Arc<Item> {
    Unsigned.item(ItemKind::Tx, vec![signature, 7].into()).unwrap()
}

#[test]
fn a_verdict_is_of_the_bytes_that_were_checked_not_of_all_that_have_their_id() {
    let mut solo = Solo::with_chain(at_once(), Box::new(Unsigned));
    let (good, forged) = (unsigned(0), unsigned(1));
    solo.hand(Input::Submitted(forged.clone()));
    // The check of these ended otherwise, and their verdict comes late.
    solo.hand(Input::Verdict { item: &good, verdict: GOOD });
    assert!(
        solo.node.item(&forged.id()).is_none(),
        "those that came in aren't those that are good"
    );
    let verdict = Unsigned.verify(&forged);
    solo.hand(Input::Verdict { item: &forged, verdict });
    solo.hand(Input::Submitted(good.clone()));
    solo.hand(Input::Verdict { item: &forged, verdict: Unsigned.verify(&forged) });
    solo.hand(Input::Verdict { item: &good, verdict: GOOD });
    assert_eq!(solo.node.item(&good.id()), Some(&good));
}

#[test]
fn an_orphan_whose_sender_left_during_its_check_is_forgotten() {
    let mut solo = Solo::with_chain(at_once(), Box::new(Ties));
    let (sender, other) = (solo.link(0, Direction::Inbound), solo.link(1, Direction::Inbound));
    let parent = Draft::paying(1, 1_000).claiming(&[1]).item();
    let child = Draft::paying(2, 1_000).after(&[&parent]).item();
    for tx in [&parent, &child] {
        solo.say(sender, &announce(tx));
        solo.say(sender, &item(tx));
        if tx.id() == parent.id() {
            solo.hand(Input::Verdict { item: tx, verdict: GOOD });
        }
    }
    // While the child is checked, its parent is replaced and its sender goes; a newcomer takes his slot.
    let rival = Draft::paying(3, 100_000).claiming(&[1]).item();
    solo.say(other, &announce(&rival));
    solo.say(other, &item(&rival));
    solo.hand(Input::Verdict { item: &rival, verdict: GOOD });
    assert!(solo.node.item(&parent.id()).is_none());
    solo.hand(Input::Disconnected { link: sender });
    let newcomer = Link::new(0, 2);
    let (peer, direction) = (PeerKey(9), Direction::Inbound);
    solo.hand(Input::Connected { link: newcomer, peer, direction, addr: None });
    solo.hand(Input::Verdict { item: &child, verdict: GOOD });
    assert!(solo.node.orphanage().is_none(), "nobody is there who could bring its parent");
    assert_eq!(solo.node.wanted(), 0);
}

#[test]
fn a_child_that_has_to_wait_is_blamed_on_whoever_sent_it() {
    let mut solo = Solo::with_chain(at_once(), Box::new(Ties));
    let (honest, liar) = (solo.link(0, Direction::Outbound), solo.link(1, Direction::Inbound));
    let parent = Draft::paying(1, 1_000).item();
    let child = Draft { is_forged: true, ..Draft::paying(2, 1_000).after(&[&parent]) }.item();
    solo.say(liar, &announce(&child));
    solo.say(honest, &announce(&child));
    solo.say(liar, &item(&child));
    solo.say(honest, &announce(&parent));
    solo.say(honest, &item(&parent));
    solo.hand(Input::Verdict { item: &parent, verdict: GOOD });
    let verdict = Ties.verify(&child);
    let actions = solo.hand(Input::Verdict { item: &child, verdict });
    let closed: Vec<_> = disconnects(&actions).into_iter().map(|(link, _)| link).collect();
    assert_eq!(closed, [liar]);
}

#[test]
fn a_child_of_ours_waits_for_its_parents_verdict_without_passing_any_bound() {
    let mut params = at_once();
    params.memory.verifying_max = 1;
    let mut solo = Solo::with_chain(params, Box::new(Ties));
    let parent = Draft::paying(1, 1_000).item();
    let child = Draft::paying(2, 1_000).after(&[&parent]).item();
    assert!(solo.hand(Input::Submitted(parent.clone())).contains(&Action::Verify(parent.clone())));
    let actions = solo.hand(Input::Submitted(child.clone()));
    assert!(!actions.contains(&Action::Verify(child.clone())), "it would come back at once");
    let actions = solo.hand(Input::Verdict { item: &parent, verdict: GOOD });
    assert!(actions.contains(&Action::Verify(child.clone())));
    solo.hand(Input::Verdict { item: &child, verdict: GOOD });
    assert!(solo.node.item(&child.id()).is_some());
}

#[test]
fn a_child_of_ours_is_refused_when_its_parent_is() {
    let mut solo = Solo::with_chain(at_once(), Box::new(Ties));
    let parent = Draft { is_forged: true, ..Draft::paying(1, 1_000) }.item();
    let child = Draft::paying(2, 1_000).after(&[&parent]).item();
    solo.hand(Input::Submitted(parent.clone()));
    solo.hand(Input::Submitted(child.clone()));
    let verdict = Ties.verify(&parent);
    let actions = solo.hand(Input::Verdict { item: &parent, verdict });
    let refused = |action: &Action| matches!(action, Action::Report(Event::Rejected { id, .. }) if *id == child.id());
    assert!(actions.iter().any(refused), "its operator waits for an answer: {actions:?}");
}

#[test]
fn whoever_has_more_parents_than_may_be_is_refused_before_any_is_asked_for() {
    let mut solo = Solo::with_chain(at_once(), Box::new(Ties));
    let link = solo.link(0, Direction::Inbound);
    let max = u8::try_from(solo.params.pool.family_max).unwrap();
    let parents: Vec<_> = (0..max).map(|n| ItemId::tx(Hash256([n; 32]))).collect();
    let child = Draft { parents, ..Draft::paying(200, 1_000) }.item();
    solo.say(link, &announce(&child));
    assert!(sends(&solo.say(link, &item(&child))).is_empty());
    assert!(solo.node.orphanage().is_none() && solo.node.seen().contains(child.id()));
}

#[test]
fn junk_does_not_make_a_staller_reliable() {
    let mut solo = Solo::with_chain(at_once(), Box::new(FirstByte));
    let (staller, other) = (solo.link(0, Direction::Outbound), solo.link(1, Direction::Outbound));
    let stalled = first_byte(0, 1);
    solo.say(staller, &announce(&stalled));
    solo.wait(solo.params.requests.tx_timeout_ms);
    assert!(solo.node.requests.is_staller(staller));
    for n in 2..50 {
        let junk = first_byte(1, n);
        solo.say(staller, &announce(&junk));
        solo.say(staller, &item(&junk));
    }
    assert!(solo.node.requests.is_staller(staller));
    let good = first_byte(0, 100);
    solo.say(staller, &announce(&good));
    solo.say(staller, &item(&good));
    solo.hand(Input::Verdict { item: &good, verdict: GOOD });
    assert!(!solo.node.requests.is_staller(staller) && !solo.node.requests.is_staller(other));
}

#[test]
fn what_is_being_checked_is_not_checked_twice_for_a_child_that_names_it_otherwise() {
    let mut solo = Solo::with_chain(at_once(), Box::new(Ties));
    let (a, b) = (solo.link(0, Direction::Inbound), solo.link(1, Direction::Inbound));
    let parent = Draft::paying(1, 1_000).sealed(3).item();
    let child = Draft::paying(2, 1_000).after(&[&parent]).item();
    solo.say(a, &announce(&parent));
    assert!(solo.say(a, &item(&parent)).contains(&Action::Verify(parent.clone())));
    solo.say(b, &announce(&child));
    assert_eq!(asks(&solo.say(b, &item(&child))).len(), 1, "by the name that the child has for it");
    assert!(!solo.say(b, &item(&parent)).contains(&Action::Verify(parent.clone())));
    let actions = solo.hand(Input::Verdict { item: &parent, verdict: GOOD });
    assert!(actions.contains(&Action::Verify(child)));
}

#[test]
fn what_was_refused_and_is_checked_now_is_not_checked_twice_when_it_is_submitted() {
    let mut params = at_once();
    params.pool.min_fee_rate = crate::ground::fee::FeeRate::of(100, 1);
    let mut solo = Solo::with_chain(params, Box::new(Ties));
    let link = solo.link(0, Direction::Inbound);
    let parent = Draft::paying(1, 0).item();
    let child = Draft::paying(2, 1_000_000).after(&[&parent]).item();
    for tx in [&parent, &child, &parent] {
        solo.say(link, &announce(tx));
        solo.say(link, &item(tx));
    }
    assert!(solo.node.is_verifying(&parent.id()), "its child pays for it");
    let actions = solo.hand(Input::Submitted(parent.clone()));
    assert!(!actions.contains(&Action::Verify(parent)), "{actions:?}");
}
