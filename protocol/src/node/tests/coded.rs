//! Blocks that come in symbols of a code.

use bytes::Bytes;
use ed25519_zebra::SigningKey;

use super::*;
use crate::chain::tidings::{Block, Tidings, Transfer};
use crate::ground::item::Hash256;
use crate::items::coding::{Layout, Repairer};
use crate::relay::coded::{STALL, beginning};
use crate::testkit::Mesh;
use crate::wire::kinds::MessageKind;
use crate::wire::message::{Offer, Symbol, SymbolId, Symbols, SymbolsWanted};

const GENESIS: Hash256 = Hash256([7; 32]);

fn rules() -> Tidings {
    Tidings::new(GENESIS, 0)
}

/// A block of so many transfers, each of a kilobyte, that nobody has.
fn block(transfers: u16) -> Arc<Item> {
    block_of(GENESIS, &(0..transfers).map(transfer).collect::<Vec<_>>())
}

fn transfer(n: u16) -> Bytes {
    let mut seed = [0; 32];
    seed[..2].copy_from_slice(&n.to_le_bytes());
    Transfer::sign(&SigningKey::from(seed), GENESIS, 0, 1, &[9; 900])
}

fn item(transfer: &Bytes) -> Arc<Item> {
    rules().item(ItemKind::Tx, transfer.clone()).unwrap()
}

fn block_of(parent: Hash256, transfers: &[Bytes]) -> Arc<Item> {
    rules().item(ItemKind::Block, Block::mine(parent, transfers, 0, 0).unwrap()).unwrap()
}

fn params() -> Params {
    let mut params = at_once();
    params.peers.outbound = 0;
    params.relay.safety_pull_ms = 0;
    params.blocks.coded_above = 10_000;
    params
}

fn mesh(nodes: usize, hash_seed: u64, links: &[(usize, usize)]) -> Mesh {
    mesh_with(params(), nodes, hash_seed, links)
}

fn mesh_with(params: Params, nodes: usize, hash_seed: u64, links: &[(usize, usize)]) -> Mesh {
    let mut mesh = Mesh::new(nodes, 1, hash_seed, params, Arc::new(rules()));
    links.iter().for_each(|(from, to)| mesh.connect(*from, *to));
    mesh.run_for(Duration::from_secs(1));
    mesh
}

fn row(nodes: usize) -> Vec<(usize, usize)> {
    (1..nodes).map(|index| (index, index - 1)).collect()
}

/// Bytes of a kind that a node was sent.
fn received(mesh: &Mesh, index: usize, kind: MessageKind) -> u64 {
    mesh.node(index).counters().traffic.received(kind).bytes
}

/// How long a block took to a node.
fn took(mesh: &Mesh, index: usize, since: Time) -> Duration {
    mesh.accepted(index).last().expect("it came").0.since(since)
}

fn layout(block: &Item) -> Layout {
    Layout::new(u32::try_from(block.size()).unwrap()).unwrap()
}

/// A block is offered in four classes, of which the sender gives some.
fn offer(block: &Item, has: u16) -> Message {
    let header = rules().split(block).unwrap().header;
    let size = u32::try_from(block.size()).unwrap();
    Symbols::Offer(Arc::new(Offer { header, size, classes: 4, has, is_named: false })).into()
}

/// What somebody who has the block answers, all of it.
fn answer(block: &Item, wanted: &SymbolsWanted) -> Vec<Symbol> {
    let layout = layout(block);
    let repairers: Vec<_> =
        (0..layout.slices()).map(|slice| Repairer::new(layout, block.bytes(), slice)).collect();
    let ids = (wanted.from..2_000)
        .flat_map(|number| (0..layout.slices()).map(move |slice| SymbolId { slice, number }));
    let ids = ids.filter(|id| crate::relay::coded::includes(wanted, *id, layout));
    let ids = ids.take(wanted.count.into()).zip(1..);
    ids.map(|(id, place)| {
        let made = || repairers[usize::from(id.slice)].make(id.number);
        let bytes = layout.source(block.bytes(), id).or_else(made).unwrap();
        let is_last = place == wanted.count;
        Symbol { stream: wanted.stream, id, is_vouched: true, is_last, bytes }
    })
    .collect()
}

fn asks(actions: &[Action]) -> Vec<(Link, SymbolsWanted)> {
    let wanted = |(link, message): (Link, Message)| match message {
        Message::Symbols(Symbols::Get(wanted)) => Some((link, *wanted)),
        _ => None,
    };
    sends(actions).into_iter().filter_map(wanted).collect()
}

/// A node that knows nothing, and peers who take symbols.
fn solo<const N: usize>() -> (Solo, [Link; N]) {
    let mut solo = Solo::with_chain(params(), Box::new(rules()));
    let mut slot = 0;
    let links = [(); N].map(|()| {
        let link = Link::new(slot, 1);
        let (peer, direction) = (PeerKey(u64::from(slot) + 1), Direction::Outbound);
        solo.hand(Input::Connected { link, peer, direction, addr: None });
        let hello = Hello { features: Hello::TAKES_SYMBOLS, ..Hello::default() };
        solo.say(link, &Session::Hello(Box::new(hello)).into());
        slot += 1;
        link
    });
    (solo, links)
}

impl Solo {
    fn tell(&mut self, link: Link, symbol: Symbol) -> Vec<Action> {
        self.say(link, &Symbols::Symbol(Arc::new(symbol)).into())
    }

    /// Peers offer a block, by turns a class each, and what they are asked for.
    fn offered(&mut self, block: &Item, links: &[Link]) -> Vec<(Link, SymbolsWanted)> {
        let mut asked = Vec::new();
        for (place, link) in links.iter().enumerate() {
            let classes = (0..4).filter(|class| class % links.len() == place);
            let has = classes.fold(0, |has, class| has | 1 << class);
            asked.extend(asks(&self.say(*link, &offer(block, has))));
        }
        asked
    }

    /// What is to be verified, if anything is, passes.
    fn verified(&mut self, actions: &[Action]) -> Vec<Action> {
        let mut all = Vec::new();
        for action in actions {
            if let Action::Verify(item) = action {
                let verdict = rules().verify(item);
                all.extend(self.hand(Input::Verdict { item, verdict }));
            }
        }
        all
    }
}

fn wants_whole(actions: &[Action]) -> Vec<Link> {
    let is_get = |message: &Message| matches!(message, Message::Items(Items::GetData(_)));
    sends(actions).iter().filter(|(_, message)| is_get(message)).map(|(link, _)| *link).collect()
}

#[test]
fn a_block_that_nobody_knows_anything_of_comes_once_and_while_it_comes_goes_on() {
    let (nodes, block) = (5, block(300));
    let mut mesh = mesh(nodes, 1, &row(nodes));
    let began = mesh.now();
    mesh.submit(0, block.clone());
    mesh.run_for(Duration::from_secs(3));
    for index in 1..nodes {
        assert!(mesh.node(index).item(&block.id()).is_some(), "node {index}");
        assert_eq!(received(&mesh, index, MessageKind::Block), 0);
        let bytes = received(&mesh, index, MessageKind::Symbol) as f64;
        assert!(bytes < 1.15 * block.size() as f64, "{bytes} of {}", block.size());
        assert_eq!(mesh.node(index).counters().blocks_coded, 1);
    }
    // The offers travel all the way; then, two links each, names and symbols: all else is at the same time.
    let links = u32::try_from(nodes - 1).unwrap();
    let most = Duration::from_millis(20) * (links + 4);
    assert!(took(&mesh, nodes - 1, began) <= most, "{:?}", took(&mesh, nodes - 1, began));
}

#[test]
fn names_come_first_and_whoever_has_most_of_a_block_needs_no_symbols() {
    let mut without_templates = params();
    without_templates.blocks.templates_s = 0;
    let mut mesh = mesh_with(without_templates, 4, 1, &row(4));
    let mut parent = GENESIS;
    for (round, is_known) in [(0, false), (1, false), (2, true)] {
        let transfers: Vec<_> = (0..60).map(|n| transfer(100 * round + n)).collect();
        if is_known {
            transfers.iter().for_each(|tx| mesh.submit(0, item(tx)));
            mesh.run_for(Duration::from_secs(30));
        }
        let block = block_of(parent, &transfers);
        parent = block.id().hash();
        let before = [1, 2, 3].map(|index| received(&mesh, index, MessageKind::Symbol));
        let compact = [1, 2, 3].map(|index| received(&mesh, index, MessageKind::Compact));
        mesh.submit(0, block.clone());
        mesh.run_for(Duration::from_secs(3));
        for index in 1..4 {
            assert!(mesh.node(index).item(&block.id()).is_some(), "node {index} in {round}");
            let symbols = received(&mesh, index, MessageKind::Symbol) - before[index - 1];
            assert_eq!(symbols == 0, is_known, "node {index} in {round}: {symbols} bytes");
            let names = received(&mesh, index, MessageKind::Compact) - compact[index - 1];
            assert!(names > 0, "names to node {index} in {round}");
        }
    }
}

#[test]
fn a_block_that_neighbours_expect_comes_by_its_template_and_needs_no_symbols() {
    let mut mesh = mesh(4, 1, &row(4));
    // Templates are told once there was a block.
    let first = block_of(GENESIS, &[transfer(100)]);
    mesh.submit(0, first.clone());
    mesh.run_for(Duration::from_secs(3));
    let transfers: Vec<_> = (0..60).map(transfer).collect();
    transfers.iter().for_each(|tx| mesh.submit(0, item(tx)));
    mesh.run_for(Duration::from_secs(60));
    let names = |mesh: &Mesh| [1, 2, 3].map(|index| received(mesh, index, MessageKind::Compact));
    let before = names(&mesh);
    let block = block_of(first.id().hash(), &transfers);
    mesh.submit(0, block.clone());
    mesh.run_for(Duration::from_secs(3));
    assert_eq!(names(&mesh), before);
    for index in 1..4 {
        assert!(mesh.node(index).item(&block.id()).is_some(), "node {index}");
        assert!(received(&mesh, index, MessageKind::ByTemplate) > 0, "node {index}");
        assert_eq!(received(&mesh, index, MessageKind::Symbol), 0, "node {index}");
    }
}

#[test]
fn what_is_lost_costs_nobody_a_round_trip() {
    let (nodes, block) = (4, block(300));
    let links = [(1, 0), (2, 0), (2, 1), (3, 1), (3, 2)];
    let mut mesh = mesh(nodes, 1, &links);
    mesh.lose(0.01);
    let began = mesh.now();
    mesh.submit(0, block.clone());
    mesh.run_for(Duration::from_secs(3));
    for index in 1..nodes {
        assert!(mesh.node(index).item(&block.id()).is_some(), "node {index}");
        assert!(took(&mesh, index, began) <= Duration::from_millis(150), "node {index}");
        let bytes = received(&mesh, index, MessageKind::Symbol) as f64;
        assert!(bytes < 1.3 * block.size() as f64, "{bytes} of {}", block.size());
    }
}

#[test]
fn a_run_is_the_same_whatever_the_salt_of_hash_maps() {
    let log = |hash_seed| {
        let mut mesh = mesh(4, hash_seed, &[(1, 0), (2, 0), (2, 1), (3, 1), (3, 2)]);
        mesh.lose(0.02);
        mesh.submit(0, block(100));
        mesh.run_for(Duration::from_secs(3));
        mesh.log().to_owned()
    };
    let first = log(1);
    assert!(first.contains("Symbol"), "no symbols in it");
    assert!(first == log(2), "the logs differ");
}

#[test]
fn two_peers_feed_one_block_and_none_sends_what_the_other_does() {
    let (mut solo, [a, b]) = solo();
    let block = block(60);
    let asked = solo.offered(&block, &[a, b]);
    let of = |link| asked.iter().filter(|(other, _)| *other == link).count();
    assert_eq!((of(a), of(b)), (2, 2), "{asked:?}");
    let mut streams: Vec<_> =
        asked.iter().map(|(link, wanted)| (*link, answer(&block, wanted))).collect();
    let mut ids: Vec<_> = streams.iter().flat_map(|(_, all)| all).map(|it| it.id).collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "two of the same");
    // Each loses some, one after the other brings one.
    streams.iter_mut().for_each(|(_, all)| drop(all.remove(3)));
    let (mut place, mut came) = (0, Vec::new());
    while came.is_empty() {
        let (link, all) = &streams[place % streams.len()];
        let symbol = all[place / streams.len()].clone();
        let actions = solo.tell(*link, symbol);
        came = solo.verified(&actions);
        place += 1;
    }
    assert!(place <= layout(&block).symbols() + 4, "{place} symbols");
    assert!(solo.node.item(&block.id()).is_some());
}

#[test]
fn a_class_is_asked_for_once_of_whom_it_was_heard_from_first_and_told_to_the_others() {
    let (mut solo, [a, b, c]) = solo();
    let block = block(60);
    let begin = beginning(block.id());
    let more = |has| Message::from(Symbols::Classes { block: begin, has });
    let told = |actions: &[Action]| {
        let classes = |(link, message): (Link, Message)| match message {
            Message::Symbols(Symbols::Offer(offer)) => Some((link, offer.has)),
            Message::Symbols(Symbols::Classes { has, .. }) => Some((link, has)),
            _ => None,
        };
        sends(actions).into_iter().filter_map(classes).collect::<Vec<_>>()
    };
    let of = |actions: &[Action]| {
        let asked = asks(actions);
        asked.into_iter().map(|(link, wanted)| (link, wanted.class)).collect::<Vec<_>>()
    };
    let actions = solo.say(a, &offer(&block, 1));
    assert_eq!((told(&actions), of(&actions)), (vec![(b, 1), (c, 1)], vec![(a, 0)]));
    // It has that from us, perhaps.
    let actions = solo.say(b, &offer(&block, 1));
    assert_eq!((told(&actions), of(&actions)), (vec![], vec![]));
    let actions = solo.say(b, &more(0b11));
    assert_eq!((told(&actions), of(&actions)), (vec![(a, 2), (c, 2)], vec![(b, 1)]));
    let actions = solo.say(c, &more(0b100));
    assert_eq!((told(&actions), of(&actions)), (vec![], vec![]), "it offered nothing before");
    let actions = solo.say(c, &offer(&block, 0b100));
    assert_eq!((told(&actions), of(&actions)), (vec![(a, 4), (b, 4)], vec![(c, 2)]));
}

#[test]
fn a_peer_that_stops_in_the_middle_is_made_up_for_by_others() {
    let (mut solo, [a, b]) = solo();
    let block = block(60);
    let asked = solo.offered(&block, &[a, b]);
    for (link, wanted) in &asked {
        let all = answer(&block, wanted);
        let few = if *link == a { all.len() } else { 2 };
        all.into_iter().take(few).for_each(|symbol| drop(solo.tell(*link, symbol)));
    }
    let mut more = Vec::new();
    for _ in 0..3 {
        let again = solo.wait(u64::try_from(STALL.as_millis()).unwrap() + 1);
        more.extend(asks(&again).into_iter().filter(|(link, _)| *link == a));
    }
    assert!(!more.is_empty(), "nobody else was asked");
    let mut came = Vec::new();
    for (link, wanted) in more {
        for symbol in answer(&block, &wanted) {
            let actions = solo.tell(link, symbol);
            came.extend(solo.verified(&actions));
        }
    }
    assert!(solo.node.item(&block.id()).is_some(), "{came:?}");
}

#[test]
fn nobody_who_brings_nothing_holds_a_block_up_for_long() {
    let (mut solo, [a, b]) = solo();
    let block = block(60);
    solo.offered(&block, &[a, b]);
    let mut whole = Vec::new();
    for _ in 0..60 {
        whole.extend(wants_whole(&solo.wait(50)));
    }
    assert_eq!(whole.len(), 1, "one of them is asked for all of it");
    assert!(!solo.node.coded.contains(block.id()));
}

/// One peer sends what is wrong, another what is right. What came of it, once the block is here.
fn poison(is_vouched: bool) -> (Solo, [Link; 2], Vec<(Link, Reason)>) {
    let (mut solo, [good, bad]) = solo();
    let block = block(60);
    let asked = solo.offered(&block, &[good, bad]);
    let mut actions = Vec::new();
    for (link, wanted) in &asked {
        for mut symbol in answer(&block, wanted) {
            if *link == bad {
                let mut bytes = symbol.bytes.to_vec();
                bytes[17] ^= 1;
                (symbol.bytes, symbol.is_vouched) = (bytes.into(), is_vouched);
            }
            actions.extend(solo.tell(*link, symbol));
        }
    }
    assert!(disconnects(&actions).is_empty(), "nobody knows yet");
    let whole = wants_whole(&actions);
    assert_eq!(whole.len(), 1, "{whole:?}");
    let actions = solo.say(whole[0], &Items::Item(block.clone()).into());
    let mut closed = disconnects(&solo.verified(&actions));
    assert!(solo.node.item(&block.id()).is_some());
    for _ in 0..10 {
        closed.extend(disconnects(&solo.wait(1)));
    }
    (solo, [good, bad], closed)
}

#[test]
fn poisoned_symbols_cost_whoever_vouched_for_them_and_nobody_else() {
    let (_, [_, bad], closed) = poison(true);
    assert!(matches!(closed[..], [(link, Reason::Misbehaved(_))] if link == bad), "{closed:?}");
}

#[test]
fn whoever_passed_on_a_poisoned_symbol_is_not_asked_for_any_and_keeps_the_link() {
    let (mut solo, [good, bad], closed) = poison(false);
    assert!(closed.is_empty(), "{closed:?}");
    let next = block(61);
    let asked = solo.offered(&next, &[bad, good]);
    assert!(!asked.is_empty() && asked.iter().all(|(link, _)| *link == good), "{asked:?}");
}

#[test]
fn endless_symbols_and_such_that_nobody_asked_for_end_the_link() {
    for is_asked in [true, false] {
        let (mut solo, [a, _]) = solo();
        let block = block(60);
        let asked = if is_asked { solo.offered(&block, &[a]) } else { Vec::new() };
        let wanted = SymbolsWanted {
            block: block.id().hash(),
            size: u32::try_from(block.size()).unwrap(),
            stream: asked.first().map_or(77, |(_, wanted)| wanted.stream),
            class: asked.first().map_or(0, |(_, wanted)| wanted.class),
            classes: 4,
            slice: 255,
            from: 0,
            count: 600,
        };
        let mut closed = Vec::new();
        let most = asked.first().map_or(0, |(_, wanted)| usize::from(wanted.count));
        for (place, symbol) in answer(&block, &wanted).into_iter().enumerate() {
            let actions = solo.tell(a, Symbol { is_last: false, ..symbol });
            closed.extend(disconnects(&actions));
            assert!(closed.is_empty() || place > most, "it kept to what was asked");
        }
        assert_eq!(closed.len(), 1, "{is_asked}: {closed:?}");
    }
}

#[test]
fn requests_for_symbols_that_go_on_are_charged_and_answered_within_what_was_asked() {
    let (mut solo, [a, b]) = solo();
    let block = block(60);
    let actions = solo.hand(Input::Submitted(block.clone()));
    solo.verified(&actions);
    let wanted = |stream| SymbolsWanted {
        block: block.id().hash(),
        size: u32::try_from(block.size()).unwrap(),
        stream,
        class: 0,
        classes: 1,
        slice: 255,
        from: 0,
        count: 70,
    };
    let mut sent = Vec::new();
    solo.say(a, &Symbols::Get(Arc::new(wanted(1))).into());
    (0..10).for_each(|_| sent.extend(sends(&solo.wait(1))));
    let symbols: Vec<_> = sent
        .iter()
        .filter_map(|(link, message)| match message {
            Message::Symbols(Symbols::Symbol(symbol)) if *link == a => Some(symbol.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(symbols.len(), 70);
    assert!(symbols.iter().all(|symbol| symbol.is_vouched));
    assert_eq!(symbols.iter().filter(|symbol| symbol.is_last).count(), 1);
    let right = answer(&block, &wanted(1));
    assert!(symbols.iter().zip(&right).all(|(one, other)| **one == *other), "not these symbols");
    // Of another length there is no such block.
    let other = SymbolsWanted { size: 5_000, ..wanted(2) };
    let answer = sends(&solo.say(b, &Symbols::Get(Arc::new(other)).into()));
    assert!(matches!(answer[..], [(_, Message::Items(Items::NotFound(_)))]), "{answer:?}");
    // Whoever asks on and on is slowed.
    let throttled = (3..600).any(|stream| {
        let actions = solo.say(b, &Symbols::Get(Arc::new(wanted(stream))).into());
        actions.iter().any(|action| matches!(action, Action::Throttle { .. }))
    });
    assert!(throttled);
}
