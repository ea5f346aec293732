//! Headers and blocks are fetched from peers: from good ones, from those who stall, and from those who lie.

use bytes::Bytes;

use super::reorg::Keeper;
use super::*;
use crate::ground::item::ItemId;
use crate::testkit::coins::{Coins, HEADER_LEN};
use crate::wire::message::{Blocks, Compact, HEADERS_MAX};

pub(super) fn chain_of(parent: Hash256, work: u8, numbers: std::ops::Range<u32>) -> Vec<Arc<Item>> {
    let mut parent = parent;
    let next = |number| {
        let block = Coins::block(parent, work, number, 1, &[]);
        parent = block.id().hash();
        block
    };
    numbers.map(next).collect()
}

fn header(block: &Item) -> Bytes {
    block.bytes().slice(..HEADER_LEN)
}

pub(super) fn headers(blocks: &[Arc<Item>]) -> Message {
    Blocks::Headers(blocks.iter().map(|block| header(block)).collect()).into()
}

pub(super) fn block(item: &Arc<Item>) -> Message {
    Items::Item(item.clone()).into()
}

/// A link to a peer that keeps the chain.
fn link(keeper: &mut Keeper, slot: u32, direction: Direction) -> Link {
    let link = Link::new(slot, 1);
    let peer = PeerKey(u64::from(slot) + 1);
    keeper.hand(Input::Connected { link, peer, direction, addr: None });
    let hello = Hello { features: Hello::KEEPS_CHAIN, ..Hello::default() };
    keeper.say(link, &Session::Hello(Box::new(hello)).into());
    link
}

impl Keeper {
    pub(super) fn say(&mut self, link: Link, message: &Message) -> Vec<(Link, Message)> {
        let said = self.hand(Input::Received { link, message });
        said.into_iter().filter(|(_, message)| !matches!(message, Message::Session(_))).collect()
    }

    pub(super) fn wait(&mut self, ms: u64) -> Vec<(Link, Message)> {
        self.solo.now = self.solo.now + Duration::from_millis(ms);
        let said = self.hand(Input::Wake);
        said.into_iter().filter(|(_, message)| !matches!(message, Message::Session(_))).collect()
    }

    fn misbehaved(&self, link: Link) -> Option<Offence> {
        let of = |event: &Event| match event {
            Event::Misbehaved { link: other, offence } if *other == link => Some(*offence),
            _ => None,
        };
        self.events.iter().find_map(of)
    }
}

fn asks_for_headers(said: &[(Link, Message)]) -> Vec<Link> {
    let asked = |(link, message): &(Link, Message)| {
        matches!(message, Message::Blocks(Blocks::GetHeaders(_))).then_some(*link)
    };
    said.iter().filter_map(asked).collect()
}

pub(super) fn asks_for_blocks(said: &[(Link, Message)]) -> Vec<(Link, ItemId)> {
    let mut asked = Vec::new();
    for (link, message) in said {
        if let Message::Items(Items::GetData(names)) = message {
            asked.extend(names.iter().filter_map(|name| match name {
                Name::Whole(id) => Some((*link, id)),
                Name::Short(_) => None,
            }));
        }
    }
    asked
}

pub(super) fn fresh() -> Keeper {
    Keeper::new(at_once())
}

#[test]
fn whoever_tells_a_tip_that_nothing_known_leads_to_is_asked_for_headers_and_then_for_the_blocks() {
    let mut keeper = fresh();
    let peer = link(&mut keeper, 0, Direction::Outbound);
    let blocks = chain_of(Coins::ROOT, 1, 0..5);
    assert_eq!(asks_for_headers(&keeper.say(peer, &headers(&blocks[4..]))), [peer]);
    let mut asked = asks_for_blocks(&keeper.say(peer, &headers(&blocks)));
    assert_eq!(asked, [(peer, blocks[0].id()), (peer, blocks[1].id())], "two at first");
    for (number, one) in blocks.iter().enumerate() {
        assert!(asked.contains(&(peer, one.id())), "{number}: {asked:?}");
        asked.extend(asks_for_blocks(&keeper.say(peer, &block(one))));
    }
    assert_eq!((keeper.height(), keeper.tip()), (5, blocks[4].id().hash()));
    assert_eq!(asked.len(), 5, "each once");
}

#[test]
fn a_block_that_was_lost_is_fetched_again_at_once_and_taken_though_it_was_here() {
    let mut keeper = fresh();
    let peer = link(&mut keeper, 0, Direction::Outbound);
    let first = Coins::block(Coins::ROOT, 1, 1, 1, &[]);
    let rival = Coins::block(Coins::ROOT, 2, 2, 1, &[]);
    let last = Coins::block(first.id().hash(), 3, 3, 1, &[]);
    keeper.submit(&first);
    keeper.submit(&rival);
    assert_eq!(keeper.tip(), rival.id().hash());
    keeper.disk.remove(&first.id());
    let asked = asks_for_blocks(&keeper.say(peer, &headers(&[first.clone(), last.clone()])));
    assert_eq!(asked, [(peer, last.id())], "the first is here, as far as is known");
    let asked = asks_for_blocks(&keeper.say(peer, &block(&last)));
    assert_eq!((asked, keeper.solo.node.counters().blocks_lost), (vec![(peer, first.id())], 1));
    keeper.say(peer, &block(&first));
    assert_eq!((keeper.height(), keeper.tip()), (2, last.id().hash()));
}

#[test]
fn one_peer_is_asked_for_headers_and_each_further_block_has_one_more_asked() {
    let mut keeper = fresh();
    let peers = [0, 1, 2].map(|slot| link(&mut keeper, slot, Direction::Outbound));
    let blocks = chain_of(Coins::ROOT, 1, 0..9);
    assert_eq!(asks_for_headers(&keeper.say(peers[0], &headers(&blocks[7..8]))), [peers[0]]);
    assert_eq!(asks_for_headers(&keeper.say(peers[1], &headers(&blocks[7..8]))), []);
    assert_eq!(asks_for_headers(&keeper.say(peers[2], &headers(&blocks[8..]))), [peers[2]]);
    // Who doesn't answer loses its turn, and the link stays.
    assert_eq!(asks_for_headers(&keeper.wait(20_001)), [peers[1]]);
    assert_eq!(keeper.solo.node.links().count(), 3);
}

#[test]
fn long_lists_of_headers_come_in_pieces() {
    let mut keeper = fresh();
    let peer = link(&mut keeper, 0, Direction::Outbound);
    let blocks = chain_of(Coins::ROOT, 1, 0..2_500);
    keeper.say(peer, &headers(&blocks[2_499..]));
    for piece in blocks.chunks(HEADERS_MAX) {
        let said = keeper.say(peer, &headers(piece));
        let is_full = piece.len() == HEADERS_MAX;
        assert_eq!(asks_for_headers(&said).len(), usize::from(is_full));
    }
    assert_eq!(keeper.solo.node.tree().unwrap().best_header().height, 2_500);
    assert_eq!(keeper.misbehaved(peer), None);
}

#[test]
fn headers_are_answered_by_a_locator_and_none_if_nothing_follows() {
    let mut keeper = fresh();
    let blocks = chain_of(Coins::ROOT, 1, 0..20);
    blocks.iter().for_each(|block| keeper.submit(block));
    let peer = link(&mut keeper, 0, Direction::Inbound);
    let ask = |ids: &[Hash256]| Message::from(Blocks::GetHeaders(ids.into()));
    let said = keeper.say(peer, &ask(&[Hash256::of(b"unknown"), blocks[14].id().hash()]));
    assert_eq!(said, [(peer, headers(&blocks[15..]))]);
    let said = keeper.say(peer, &ask(&[blocks[19].id().hash()]));
    assert_eq!(said, [(peer, headers(&[]))]);
    assert_eq!(keeper.say(peer, &ask(&[])), [(peer, headers(&blocks))]);
}

#[test]
fn bad_headers_cost_the_link() {
    let blocks = chain_of(Coins::ROOT, 1, 0..2_000);
    let workless = {
        let mut bytes = header(&blocks[0]).to_vec();
        bytes[64] = 0;
        Message::from(Blocks::Headers([Bytes::from(bytes)].into()))
    };
    let long = Message::from(Blocks::Headers([blocks[0].bytes().clone()].into()));
    let gap: Vec<_> = [&blocks[0], &blocks[2]].map(Arc::clone).into();
    for (message, rule) in
        [(workless, "no-proof-of-work"), (long, "bad-header"), (headers(&gap), "gap-in-headers")]
    {
        let mut keeper = fresh();
        let peer = link(&mut keeper, 0, Direction::Outbound);
        keeper.say(peer, &message);
        assert_eq!(keeper.misbehaved(peer), Some(Offence::InvalidItem(rule)));
    }
}

#[test]
fn headers_that_nobody_asked_for_and_connect_to_nothing_are_asked_about_and_cost_no_link() {
    let mut keeper = fresh();
    let peer = link(&mut keeper, 0, Direction::Outbound);
    let mut asked = 0;
    for n in 0..100 {
        let unknown = chain_of(Hash256::of(&[n]), 1, 0..1);
        asked += asks_for_headers(&keeper.say(peer, &headers(&unknown))).len();
        asked += asks_for_headers(&keeper.say(peer, &headers(&[]))).len();
    }
    assert_eq!((asked, keeper.misbehaved(peer)), (100, None));
    let many = chain_of(Coins::ROOT, 1, 0..9);
    keeper.say(peer, &headers(&many));
    assert_eq!(keeper.solo.node.counters().misbehaved, 0, "borne now and then");
    assert!(keeper.solo.node.tree().unwrap().is_empty());
}

#[test]
fn an_answer_that_follows_nothing_we_have_costs_the_link() {
    let mut keeper = fresh();
    let peer = link(&mut keeper, 0, Direction::Outbound);
    keeper.say(peer, &headers(&chain_of(Hash256::of(b"a"), 1, 0..1)));
    keeper.say(peer, &headers(&chain_of(Hash256::of(b"b"), 1, 0..3)));
    assert_eq!(keeper.misbehaved(peer), Some(Offence::InvalidItem("unconnected-headers")));
}

#[test]
fn a_better_branch_that_begins_with_little_work_is_read_twice_and_nothing_of_it_kept_before() {
    let mut keeper = fresh();
    let ours = chain_of(Coins::ROOT, 2, 0..400);
    ours.iter().for_each(|block| keeper.submit(block));
    let peer = link(&mut keeper, 0, Direction::Outbound);
    let theirs = chain_of(Coins::ROOT, 1, 10_000..12_500);
    assert_eq!(asks_for_headers(&keeper.say(peer, &headers(&theirs[2_499..]))), [peer]);
    // The first thousand lead to more work than ours has.
    assert_eq!(asks_for_headers(&keeper.say(peer, &headers(&theirs[..1_000]))), [peer]);
    assert_eq!(keeper.solo.node.tree().unwrap().best_header().work, 1_000);
    // Of less than that nothing is kept.
    let mut keeper = fresh();
    let ours = chain_of(Coins::ROOT, 9, 0..400);
    ours.iter().for_each(|block| keeper.submit(block));
    let peer = link(&mut keeper, 0, Direction::Outbound);
    let theirs = chain_of(Coins::ROOT, 1, 10_000..14_500);
    keeper.say(peer, &headers(&theirs[4_499..]));
    let kept = |keeper: &Keeper| keeper.solo.node.tree().unwrap().len();
    for piece in theirs[..4_000].chunks(HEADERS_MAX) {
        assert_eq!(asks_for_headers(&keeper.say(peer, &headers(piece))), [peer]);
        assert_eq!(kept(&keeper), 401);
    }
    // Enough. The second time all is taken, as long as it is the same.
    for (number, piece) in theirs[..4_000].chunks(HEADERS_MAX).enumerate() {
        assert_eq!(asks_for_headers(&keeper.say(peer, &headers(piece))), [peer]);
        assert_eq!(kept(&keeper), 401 + (number + 1) * HEADERS_MAX);
    }
    keeper.say(peer, &headers(&theirs[4_000..]));
    assert_eq!(keeper.solo.node.tree().unwrap().best_header().work, 4_500);
    assert_eq!(keeper.misbehaved(peer), None);
}

#[test]
fn whoever_tells_other_headers_the_second_time_loses_the_link_and_none_is_kept() {
    let mut keeper = fresh();
    let ours = chain_of(Coins::ROOT, 9, 0..400);
    ours.iter().for_each(|block| keeper.submit(block));
    let peer = link(&mut keeper, 0, Direction::Outbound);
    let theirs = chain_of(Coins::ROOT, 1, 10_000..14_000);
    let cheap = chain_of(Coins::ROOT, 1, 50_000..51_000);
    keeper.say(peer, &headers(&theirs[3_999..]));
    theirs.chunks(HEADERS_MAX).for_each(|piece| drop(keeper.say(peer, &headers(piece))));
    keeper.say(peer, &headers(&cheap));
    assert_eq!(keeper.misbehaved(peer), Some(Offence::InvalidItem("changed-headers")));
    assert_eq!(keeper.solo.node.tree().unwrap().len(), 401);
}

#[test]
fn low_work_without_end_is_neither_kept_nor_followed() {
    let mut keeper = fresh();
    let ours = chain_of(Coins::ROOT, 200, 0..400);
    ours.iter().for_each(|block| keeper.submit(block));
    let peer = link(&mut keeper, 0, Direction::Outbound);
    let theirs = chain_of(Coins::ROOT, 1, 10_000..20_500);
    keeper.say(peer, &headers(&theirs[10_499..]));
    for piece in theirs.chunks(HEADERS_MAX) {
        keeper.say(peer, &headers(piece));
    }
    assert_eq!(keeper.solo.node.tree().unwrap().len(), 401);
    let low = Coins::block(Coins::ROOT, 1, 70_000, 1, &[]);
    keeper.say(peer, &announce(&low));
    keeper.say(peer, &block(&low));
    assert_eq!((keeper.solo.node.tree().unwrap().len(), keeper.height()), (401, 400));
    assert_eq!(keeper.misbehaved(peer), None, "it may know no better");
}

#[test]
fn building_on_an_invalid_block_costs_the_link_and_relaying_it_does_too() {
    let mut keeper = fresh();
    let (a, b) =
        (link(&mut keeper, 0, Direction::Outbound), link(&mut keeper, 1, Direction::Outbound));
    let bad = Coins::block(Coins::ROOT, 255, 0, 1, &[]);
    let on_it = chain_of(bad.id().hash(), 1, 1..3);
    keeper.say(a, &headers(std::slice::from_ref(&bad)));
    keeper.say(a, &block(&bad));
    assert_eq!(keeper.misbehaved(a), Some(Offence::InvalidItem("bad-work")));
    keeper.say(b, &headers(&on_it));
    assert_eq!(keeper.misbehaved(b), Some(Offence::InvalidItem("builds-on-invalid")));
    assert_eq!((keeper.height(), keeper.solo.node.tree().unwrap().len()), (0, 1));
}

#[test]
fn whoever_passes_on_names_of_an_invalid_block_keeps_the_link_and_the_block_is_invalid() {
    let mut keeper = fresh();
    let peer = link(&mut keeper, 0, Direction::Outbound);
    let bad = Coins::block(Coins::ROOT, 255, 0, 1, &[]);
    keeper.say(peer, &announce(&bad));
    let coinbase = Coins::transactions(&bad).remove(0);
    let compact = Compact {
        header: header(&bad),
        nonce: 1,
        prefilled: [(0, coinbase.bytes().clone())].into(),
        parts: Box::default(),
    };
    keeper.say(peer, &Blocks::Compact(Arc::new(compact)).into());
    assert_eq!(keeper.misbehaved(peer), None);
    assert!(keeper.solo.node.tree().unwrap().is_invalid(bad.id().hash()));
}

#[test]
fn a_tip_is_told_by_headers_to_whoever_keeps_the_chain_and_by_name_after_a_long_reorganisation() {
    let mut keeper = fresh();
    let peer = link(&mut keeper, 0, Direction::Inbound);
    let other = keeper.solo.link(1, Direction::Inbound);
    let old = chain_of(Coins::ROOT, 1, 0..3);
    let (first, rest) = old.split_first().unwrap();
    let said = keeper.hand(Input::Submitted(first.clone()));
    assert!(said.contains(&(peer, headers(&old[..1]))), "{said:?}");
    assert!(said.contains(&(other, announce(first))), "{said:?}");
    rest.iter().for_each(|block| keeper.submit(block));
    // Eight blocks of which the last one decides are told with it; of nine it is named.
    for (length, is_told) in [(8, true), (9, false)] {
        let mut keeper = fresh();
        let peer = link(&mut keeper, 0, Direction::Inbound);
        chain_of(Coins::ROOT, 1, 0..20).iter().for_each(|block| keeper.submit(block));
        keeper.wait(1_000);
        let mut new = chain_of(Coins::ROOT, 1, 100..99 + length);
        new.extend(chain_of(new[new.len() - 1].id().hash(), 200, 900..901));
        let mut said = Vec::new();
        for one in &new {
            said.extend(keeper.hand(Input::Submitted(one.clone())));
        }
        said.extend(keeper.wait(20)); // those of one moment are told together
        let last = &new[new.len() - 1];
        assert_eq!(keeper.tip(), last.id().hash(), "{length}");
        assert_eq!(said.contains(&(peer, headers(&new))), is_told, "{length}: {said:?}");
        assert_eq!(said.contains(&(peer, announce(last))), !is_told, "{length}");
    }
}

/// One that brings a block each tenth of a second, and two that bring none.
#[test]
fn whoever_stalls_while_others_bring_is_dropped_after_two_seconds() {
    let mut keeper = fresh();
    let peers = [0, 1, 2].map(|slot| link(&mut keeper, slot, Direction::Outbound));
    let blocks = chain_of(Coins::ROOT, 1, 0..200);
    let (honest, mut waiting, mut gone) = (peers[2], Vec::new(), Vec::new());
    for peer in peers {
        waiting.extend(asks_for_blocks(&keeper.say(peer, &headers(&blocks[199..]))));
        waiting.extend(asks_for_blocks(&keeper.say(peer, &headers(&blocks))));
    }
    for step in 0..400 {
        let next = waiting.iter().position(|(peer, _)| *peer == honest);
        if let Some((peer, id)) = next.map(|place| waiting.remove(place)) {
            let one = blocks.iter().find(|block| block.id() == id).unwrap();
            waiting.extend(asks_for_blocks(&keeper.say(peer, &block(one))));
        }
        waiting.extend(asks_for_blocks(&keeper.wait(100)));
        while gone.len() < keeper.closed.len() {
            gone.push((keeper.closed[gone.len()], step * 100));
        }
    }
    assert_eq!(keeper.height(), 200);
    let dropped: Vec<_> = gone.iter().map(|(closed, _)| *closed).collect();
    assert_eq!(dropped, [(peers[0], Reason::Stalls), (peers[1], Reason::Stalls)]);
    assert!(gone.iter().all(|(_, ms)| (1_900..4_500).contains(ms)), "{gone:?}");
}

#[test]
fn old_blocks_are_read_from_the_disk_for_whoever_asks_and_those_gone_are_denied() {
    let mut keeper = fresh();
    let blocks = chain_of(Coins::ROOT, 1, 0..400);
    blocks.iter().for_each(|block| keeper.submit(block));
    let peer = link(&mut keeper, 0, Direction::Inbound);
    assert!(keeper.solo.node.blocks().get(&blocks[3].id()).is_none(), "not in memory");
    assert_eq!(keeper.say(peer, &get_data(&blocks[3])), [(peer, block(&blocks[3]))]);
    keeper.disk.remove(&blocks[4].id());
    assert_eq!(keeper.say(peer, &get_data(&blocks[4])), [(peer, not_found(&blocks[4]))]);
}

#[test]
fn what_is_fetched_of_the_chain_is_sent_and_taken_at_any_rate() {
    let mut params = at_once();
    params.budgets.block_bytes = Rate::new(100.0, 4_000.0);
    params.upload.unlimited = true;
    let mut keeper = Keeper::new(params.clone());
    let blocks = chain_of(Coins::ROOT, 1, 0..40);
    blocks.iter().for_each(|block| keeper.submit(block));
    let peer = link(&mut keeper, 0, Direction::Inbound);
    for one in &blocks[..30] {
        assert_eq!(keeper.say(peer, &get_data(one)), [(peer, block(one))]);
    }
    let mut keeper = Keeper::new(params);
    let peer = link(&mut keeper, 0, Direction::Outbound);
    keeper.say(peer, &headers(&blocks[39..]));
    keeper.say(peer, &headers(&blocks));
    blocks.iter().for_each(|one| drop(keeper.say(peer, &block(one))));
    let over = keeper.solo.node.counters().over_budget;
    assert_eq!((keeper.height(), over.iter().sum::<u64>()), (40, 0));
}

#[test]
fn whoever_tells_a_header_and_keeps_its_block_stops_no_other_block() {
    let mut keeper = fresh();
    let (liar, peer) =
        (link(&mut keeper, 0, Direction::Inbound), link(&mut keeper, 1, Direction::Inbound));
    let withheld = chain_of(Coins::ROOT, 1, 0..3);
    keeper.say(liar, &headers(&withheld));
    let honest = chain_of(Coins::ROOT, 1, 10..14);
    for (number, block) in (0..).zip(&honest) {
        let mut said = keeper.hand(Input::Submitted(block.clone()));
        said.extend(keeper.wait(20));
        assert!(said.contains(&(peer, headers(&honest[number..=number]))), "{number}: {said:?}");
    }
    assert_eq!(keeper.tip(), honest[3].id().hash());
}

#[test]
fn what_is_fetched_of_a_long_chain_is_no_news_but_for_its_end() {
    let mut keeper = fresh();
    let (from, other) =
        (link(&mut keeper, 0, Direction::Outbound), link(&mut keeper, 1, Direction::Inbound));
    let blocks = chain_of(Coins::ROOT, 1, 0..60);
    keeper.say(from, &headers(&blocks[59..]));
    keeper.say(from, &headers(&blocks));
    let mut told = 0;
    for one in &blocks {
        let said = keeper.say(from, &block(one));
        told += said.iter().filter(|(link, _)| *link == other).count();
        told += keeper.wait(20).iter().filter(|(link, _)| *link == other).count();
    }
    assert_eq!(keeper.height(), 60);
    assert!((1..=9).contains(&told), "{told} times");
}

#[test]
fn blocks_that_are_fetched_may_come_as_names_however_far_ahead_they_are() {
    let mut keeper = fresh();
    let (peer, blocks) = (Link::new(0, 1), chain_of(Coins::ROOT, 1, 0..400));
    let (key, direction) = (PeerKey(1), Direction::Outbound);
    keeper.hand(Input::Connected { link: peer, peer: key, direction, addr: None });
    let features = Hello::KEEPS_CHAIN | Hello::REBUILDS;
    let hello = Hello { features, ..Hello::default() };
    keeper.say(peer, &Session::Hello(Box::new(hello)).into());
    keeper.say(peer, &headers(&blocks[399..]));
    let mut asked = asks_for_blocks(&keeper.say(peer, &headers(&blocks)));
    // The last ones asked for are answered first.
    while let Some((_, id)) = asked.pop() {
        let one = blocks.iter().find(|block| block.id() == id).unwrap();
        let coinbase = Coins::transactions(one).remove(0);
        let compact = Compact {
            header: header(one),
            nonce: 1,
            prefilled: [(0, coinbase.bytes().clone())].into(),
            parts: Box::default(),
        };
        asked
            .extend(asks_for_blocks(&keeper.say(peer, &Blocks::Compact(Arc::new(compact)).into())));
    }
    assert_eq!((keeper.height(), keeper.misbehaved(peer)), (400, None));
}

/// A driver that verifies nothing for long: what finds no room is asked for again.
#[test]
fn blocks_that_found_no_room_are_asked_for_again() {
    let mut keeper = fresh();
    let peer = link(&mut keeper, 0, Direction::Outbound);
    let blocks = chain_of(Coins::ROOT, 1, 0..100);
    keeper.say(peer, &headers(&blocks[99..]));
    let mut asked = asks_for_blocks(&keeper.say(peer, &headers(&blocks)));
    let mut unverified = Vec::new();
    for _ in 0..400 {
        let mut next = Vec::new();
        for (_, id) in asked.drain(..) {
            let one = blocks.iter().find(|block| block.id() == id).unwrap();
            let actions = keeper.solo.say(peer, &block(one));
            next.extend(asks_for_blocks(&sends(&actions)));
            unverified.extend(actions.iter().filter_map(|action| match action {
                Action::Verify(item) => Some(item.clone()),
                _ => None,
            }));
        }
        if unverified.len() >= 16 || next.is_empty() {
            for item in unverified.drain(..) {
                let verdict = Coins.verify(&item);
                next.extend(asks_for_blocks(&keeper.hand(Input::Verdict { item: &item, verdict })));
            }
        }
        next.extend(asks_for_blocks(&keeper.wait(100)));
        asked = next;
    }
    assert!(keeper.solo.node.counters().verify_overflow > 0, "there was no room now and then");
    assert_eq!(keeper.height(), 100);
}

#[test]
fn a_block_far_ahead_that_nobody_asked_for_is_not_taken() {
    let mut params = at_once();
    params.relay.strategy = StrategyKind::Flood;
    let mut keeper = Keeper::new(params);
    let peer = link(&mut keeper, 0, Direction::Outbound);
    let blocks = chain_of(Coins::ROOT, 1, 0..290);
    keeper.say(peer, &headers(&blocks[289..]));
    keeper.say(peer, &headers(&blocks));
    for (number, is_taken) in [(288, false), (287, true)] {
        keeper.say(peer, &block(&blocks[number]));
        let is_here = keeper.disk.contains_key(&blocks[number].id());
        assert_eq!(is_here, is_taken, "{number}");
    }
    assert_eq!(keeper.misbehaved(peer), None);
}
