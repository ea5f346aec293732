//! Blocks that are sent as names.

use ed25519_zebra::SigningKey;

use super::*;
use crate::chain::Verified;
use crate::chain::tidings::{Block, Tidings, Transfer};
use crate::ground::item::{Hash256, ItemId};
use crate::machine::RestoredAs;
use crate::testkit::Mesh;
use crate::wire::kinds::MessageKind;
use crate::wire::message::{Blocks, Compact, PartNames, Parts, PartsWanted};

pub(super) const GENESIS: Hash256 = Hash256([7; 32]);

pub(super) fn rules() -> Tidings {
    Tidings::new(GENESIS, 0)
}

pub(super) fn transfer(n: u16) -> Arc<Item> {
    let mut seed = [0; 32];
    seed[..2].copy_from_slice(&n.to_le_bytes());
    let bytes = Transfer::sign(&SigningKey::from(seed), GENESIS, 0, 1, &[0; 200]);
    rules().item(ItemKind::Tx, bytes).unwrap()
}

pub(super) fn block_of(parent: Hash256, transfers: &[Arc<Item>]) -> Arc<Item> {
    let bytes: Vec<_> = transfers.iter().map(|item| item.bytes().clone()).collect();
    rules().item(ItemKind::Block, Block::mine(parent, &bytes, 0, 0).unwrap()).unwrap()
}

pub(super) fn names(block: &Item, prefilled: &[u16], nonce: u64) -> Arc<Compact> {
    let split = rules().split(block).unwrap();
    let of = PartNames::of(&split.header, nonce);
    let all = || split.transactions.iter().zip(0_u16..);
    let whole = all().filter(|(_, place)| prefilled.contains(place));
    let named = all().filter(|(_, place)| !prefilled.contains(place));
    Arc::new(Compact {
        header: split.header.clone(),
        nonce,
        prefilled: whole.map(|(part, place)| (place, part.bytes().clone())).collect(),
        parts: named.map(|(part, _)| of.name(part.id())).collect(),
    })
}

/// Nodes in a row, whose links are the only ones, and who don't compare.
pub(super) fn row(nodes: usize) -> Mesh {
    let mut params = at_once();
    params.peers.outbound = 0;
    params.relay.safety_pull_ms = 0;
    let mut mesh = Mesh::new(nodes, 1, 1, params, Arc::new(rules()));
    (1..nodes).for_each(|index| mesh.connect(index, index - 1));
    mesh.run_for(Duration::from_secs(1));
    mesh
}

/// Messages of a kind that a node was sent.
pub(super) fn received(mesh: &Mesh, index: usize, kind: MessageKind) -> (u64, u64) {
    let count = mesh.node(index).counters().traffic.received(kind);
    (count.messages, count.bytes)
}

/// A node that knows all of 20 transfers but some, and two peers who take names.
fn solo(lacked: &[u16]) -> (Solo, [Link; 2], Arc<Item>) {
    let mut solo = Solo::with_chain(at_once(), Box::new(rules()));
    let transfers: Vec<_> = (0..20).map(transfer).collect();
    for (tx, n) in transfers.iter().zip(0..) {
        if !lacked.contains(&n) {
            let (item, was) = (tx.clone(), RestoredAs::Kept);
            let (age, verified) = (Duration::ZERO, Verified::default());
            solo.hand(Input::Restored { item, was, age, verified });
        }
    }
    let links = [0, 1].map(|slot| {
        let link = Link::new(slot, 1);
        let (peer, direction) = (PeerKey(u64::from(slot) + 1), Direction::Outbound);
        solo.hand(Input::Connected { link, peer, direction, addr: None });
        let hello = Hello { features: Hello::REBUILDS, ..Hello::default() };
        solo.say(link, &Session::Hello(Box::new(hello)).into());
        link
    });
    (solo, links, block_of(GENESIS, &transfers))
}

impl Solo {
    /// A peer announces a block, is asked for it, and sends its names. What that leads to.
    fn send_names(
        &mut self,
        link: Link,
        block: &Item,
        compact: Arc<Compact>,
    ) -> Vec<(Link, Message)> {
        self.say(link, &announce(block));
        sends(&self.say(link, &Blocks::Compact(compact).into()))
    }

    /// What is to be verified is good.
    pub(super) fn pass(&mut self, block: &Arc<Item>) -> Vec<Action> {
        let verdict = rules().verify(block);
        self.hand(Input::Verdict { item: block, verdict })
    }
}

pub(super) fn asked_for(sent: &[(Link, Message)]) -> Vec<(Link, Vec<u16>)> {
    let wanted = |(link, message): &(Link, Message)| match message {
        Message::Blocks(Blocks::GetParts(wanted)) => Some((*link, wanted.places.to_vec())),
        _ => None,
    };
    sent.iter().filter_map(wanted).collect()
}

pub(super) fn parts(block: &Item, places: &[u16]) -> Message {
    let split = rules().split(block).unwrap();
    let part = |place: &u16| split.transactions[usize::from(*place)].bytes().clone();
    let transactions = places.iter().map(part).collect();
    Blocks::Parts(Arc::new(Parts { block: block.id().hash(), transactions })).into()
}

#[test]
fn a_block_whose_transactions_are_everywhere_travels_as_their_names() {
    let mut mesh = row(4);
    let transfers: Vec<_> = (0..30).map(transfer).collect();
    transfers.iter().for_each(|tx| mesh.submit(0, tx.clone()));
    mesh.run_for(Duration::from_secs(30));
    let block = block_of(GENESIS, &transfers);
    mesh.submit(0, block.clone());
    mesh.run_for(Duration::from_secs(1));
    for index in 1..4 {
        assert!(mesh.node(index).item(&block.id()).is_some(), "node {index}");
        assert_eq!(received(&mesh, index, MessageKind::Block), (0, 0));
        let (messages, bytes) = received(&mesh, index, MessageKind::Compact);
        assert!(messages == 1 && bytes < 300, "{bytes} bytes of {}", block.size());
        assert_eq!(mesh.node(index).counters().block_parts_lacked, 0);
        assert_eq!(mesh.node(index).pool().len(), 0, "they are confirmed");
    }
}

#[test]
fn what_one_had_to_ask_for_it_sends_along_to_the_next() {
    let mut mesh = row(3);
    let transfers: Vec<_> = (0..12).map(transfer).collect();
    for tx in &transfers[..10] {
        mesh.submit(0, tx.clone());
    }
    mesh.run_for(Duration::from_secs(30));
    let block = block_of(GENESIS, &transfers);
    mesh.submit(0, block.clone());
    mesh.run_for(Duration::from_secs(1));
    let lacked = [1, 2].map(|index| mesh.node(index).counters().block_parts_lacked);
    assert_eq!(lacked, [2, 0]);
    assert!(mesh.node(2).item(&block.id()).is_some());
    assert_eq!(received(&mesh, 1, MessageKind::Parts).0, 1);
}

#[test]
fn whoever_brought_blocks_sends_the_next_ones_unasked() {
    let mut mesh = row(3);
    let mut parent = GENESIS;
    for n in 0..3 {
        let tx = transfer(n);
        mesh.submit(0, tx.clone());
        mesh.run_for(Duration::from_secs(30));
        let asked = received(&mesh, 1, MessageKind::GetData).0;
        let block = block_of(parent, &[tx, transfer(100 + n), transfer(200 + n)]);
        mesh.submit(0, block.clone());
        mesh.run_for(Duration::from_secs(1));
        assert!(mesh.node(2).item(&block.id()).is_some());
        let by_request = received(&mesh, 1, MessageKind::GetData).0 - asked;
        assert_eq!(by_request, u64::from(n == 0), "block {n}: of node 2, which is further on");
        parent = block.id().hash();
    }
}

#[test]
fn who_takes_no_names_is_sent_the_block() {
    let mut params = at_once();
    params.blocks.compact = false;
    params.peers.outbound = 0;
    let mut mesh = Mesh::new(2, 1, 1, params, Arc::new(rules()));
    mesh.connect(1, 0);
    mesh.run_for(Duration::from_secs(1));
    let block = block_of(GENESIS, &[transfer(0)]);
    mesh.submit(0, block.clone());
    mesh.run_for(Duration::from_secs(1));
    assert!(mesh.node(1).item(&block.id()).is_some());
    assert_eq!(received(&mesh, 1, MessageKind::Compact).0, 0);
}

#[test]
fn what_is_lacking_is_asked_for_by_its_places() {
    let (mut solo, [link, _], block) = solo(&[3, 4, 19]);
    let sent = solo.send_names(link, &block, names(&block, &[4], 1));
    assert_eq!(asked_for(&sent), [(link, vec![3, 19])]);
    let actions = solo.say(link, &parts(&block, &[3, 19]));
    let checked =
        |action: &Action| matches!(action, Action::Verify(item) if item.bytes() == block.bytes());
    assert!(actions.iter().any(checked), "byte for byte");
    solo.pass(&block);
    assert!(solo.node.item(&block.id()).is_some());
    assert_eq!(solo.node.counters().blocks_rebuilt, 1);
}

#[test]
fn a_block_is_passed_on_before_it_is_whole_and_what_is_lacking_follows_it() {
    let (mut solo, [link, other], block) = solo(&[3]);
    solo.say(other, &Blocks::Prefer(true).into());
    let compact = names(&block, &[], 1);
    let sent = solo.send_names(link, &block, compact.clone());
    assert!(sent.contains(&(other, Blocks::Compact(compact).into())), "at once");
    let wanted = PartsWanted { block: block.id().hash(), places: [3].into() };
    let waits = solo.say(other, &Blocks::GetParts(Arc::new(wanted)).into());
    assert_eq!(sends(&waits), [], "it isn't here yet");
    solo.say(link, &parts(&block, &[3]));
    let answers = sends(&solo.pass(&block));
    assert!(answers.contains(&(other, parts(&block, &[3]))), "{answers:?}");
    let again = |(to, message): &(Link, Message)| {
        let tells = matches!(message, Message::Blocks(Blocks::Compact(_)) | Message::Items(_));
        *to == other && tells
    };
    assert!(!answers.iter().any(again), "it is told once");
}

#[test]
fn parts_that_are_not_those_cost_their_sender_the_link_and_another_is_asked() {
    for wrong in [vec![], vec![4], vec![3, 4]] {
        let (mut solo, [liar, honest], block) = solo(&[3]);
        solo.send_names(liar, &block, names(&block, &[], 1));
        solo.say(honest, &announce(&block));
        let actions = solo.say(liar, &parts(&block, &wrong));
        let rule = Offence::InvalidItem("wrong-parts");
        assert_eq!(disconnects(&actions), [(liar, Reason::Misbehaved(rule))], "{wrong:?}");
        assert!(sends(&actions).contains(&(honest, get_data(&block))));
    }
}

#[test]
fn parts_that_fit_their_names_but_not_the_header_are_nobodys_fault() {
    let (mut solo, [link, _], block) = solo(&[]);
    // Two transactions that changed places have their names still.
    let mut compact = Compact::clone(&names(&block, &[], 1));
    compact.parts.swap(0, 1);
    let sent = solo.send_names(link, &block, Arc::new(compact));
    assert_eq!(asked_for(&sent), [(link, vec![])], "all of it");
    solo.say(link, &Items::Item(block.clone()).into());
    solo.pass(&block);
    assert!(solo.node.item(&block.id()).is_some());
    assert_eq!(solo.node.counters().rebuilds_failed, 1);
}

#[test]
fn whoever_stalls_has_its_time_and_then_others_are_asked() {
    let (mut solo, [staller, other], block) = solo(&[3]);
    solo.send_names(staller, &block, names(&block, &[], 1));
    assert_eq!(sends(&solo.say(other, &announce(&block))), [], "it is under way");
    let timeout = solo.params.requests.block_timeout_ms;
    let sent = sends(&solo.wait(timeout));
    assert!(sent.contains(&(other, get_data(&block))), "{sent:?}");
    solo.say(other, &Items::Item(block.clone()).into());
    solo.pass(&block);
    assert!(solo.node.item(&block.id()).is_some());
    let late = solo.say(staller, &parts(&block, &[3]));
    assert_eq!(disconnects(&late), [], "what comes late is in order");
}

#[test]
fn names_that_nobody_asked_for_are_an_offence_and_so_is_a_header_without_proof() {
    let (mut solo, [link, other], block) = solo(&[]);
    let unasked = solo.say(link, &Blocks::Compact(names(&block, &[], 1)).into());
    assert_eq!((sends(&unasked), solo.node.counters().unsolicited), (vec![], 1));
    assert!(!solo.node.is_known(block.id()));
    let mut compact = Compact::clone(&names(&block, &[], 1));
    let mut header = compact.header.to_vec();
    header[73] ^= 1; // the difficulty that it claims
    compact.header = header.into();
    let id = ItemId::block(rules().identify(ItemKind::Block, &compact.header).unwrap());
    let told = Names::Whole { kind: ItemKind::Block, ids: [id].into() };
    solo.say(other, &Items::Announce(told).into());
    let actions = solo.say(other, &Blocks::Compact(Arc::new(compact)).into());
    let rule = Offence::InvalidItem("wrong-difficulty");
    assert_eq!(disconnects(&actions), [(other, Reason::Misbehaved(rule))]);
}

#[test]
fn whoever_asks_for_parts_of_nothing_is_told_so_and_for_places_that_are_none_is_closed() {
    let (mut solo, [link, other], block) = solo(&[]);
    let wanted = |places: &[u16]| {
        let wanted = PartsWanted { block: block.id().hash(), places: places.into() };
        Message::from(Blocks::GetParts(Arc::new(wanted)))
    };
    assert_eq!(sends(&solo.say(link, &wanted(&[0]))), [(link, not_found(&block))]);
    solo.hand(Input::Submitted(block.clone()));
    solo.pass(&block);
    assert_eq!(sends(&solo.say(link, &wanted(&[0, 19]))), [(link, parts(&block, &[0, 19]))]);
    let whole = Items::Item(block.clone()).into();
    assert_eq!(sends(&solo.say(link, &wanted(&[]))), [(link, whole)]);
    let wrong = solo.say(other, &wanted(&[20]));
    assert!(!disconnects(&wrong).is_empty());
}

#[test]
fn a_link_that_breaks_leaves_nothing_of_what_it_began() {
    let (mut solo, [link, other], block) = solo(&[3]);
    solo.send_names(link, &block, names(&block, &[], 1));
    solo.say(other, &announce(&block));
    let sent = sends(&solo.hand(Input::Disconnected { link }));
    assert_eq!(solo.node.keeper_of(link), None);
    assert!(sent.contains(&(other, get_data(&block))), "{sent:?}");
}
