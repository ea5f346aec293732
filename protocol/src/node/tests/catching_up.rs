//! A newcomer catches up with a chain: whatever was said before, and from whomever.

use rand::RngExt as _;

use super::reorg::Keeper;
use super::syncing::{asks_for_blocks, block, chain_of, fresh, headers};
use super::*;
use crate::testkit::Mesh;
use crate::testkit::coins::Coins;
use crate::testkit::hostile::{Hostile, Lie, Lies};
use crate::wire::message::Blocks;

/// A forest of blocks, some of which break a rule or prove nothing.
fn forest(rng: &mut ChaCha8Rng) -> Vec<Arc<Item>> {
    let mut blocks: Vec<Arc<Item>> = Vec::new();
    for number in 0..120 {
        let parent = match rng.random_range(0..=blocks.len().min(5)) {
            0 => Coins::ROOT,
            back => blocks[blocks.len() - back].id().hash(),
        };
        let work = if rng.random_range(0..20) == 0 { 255 } else { rng.random_range(0..9) };
        blocks.push(Coins::block(parent, work, number, 1, &[]));
    }
    blocks
}

/// Links that come and go.
#[derive(Default)]
struct Crowd {
    links: Vec<Link>,
    came: u32,
}

impl Crowd {
    fn come(&mut self, keeper: &mut Keeper, rng: &mut ChaCha8Rng) {
        let is_free = |slot: &u32| self.links.iter().all(|it| it.slot() != *slot as usize);
        let slot = (0..).find(is_free).unwrap();
        self.came += 1;
        let (link, peer) = (Link::new(slot, self.came), PeerKey(1_000 + u64::from(self.came)));
        let direction = if rng.random() { Direction::Outbound } else { Direction::Inbound };
        keeper.hand(Input::Connected { link, peer, direction, addr: None });
        let features = if rng.random_range(0..4) == 0 { 0 } else { Hello::KEEPS_CHAIN };
        let features = features | if rng.random() { Hello::REBUILDS } else { 0 };
        let hello = Hello { features, ..Hello::default() };
        keeper.say(link, &Session::Hello(Box::new(hello)).into());
        self.links.push(link);
    }

    fn speak(&self, keeper: &mut Keeper, blocks: &[Arc<Item>], rng: &mut ChaCha8Rng) {
        if self.links.is_empty() {
            return;
        }
        let link = self.links[rng.random_range(0..self.links.len())];
        let any = rng.random_range(0..blocks.len());
        let one = &blocks[any];
        let message = match rng.random_range(0..6) {
            0 => headers(&blocks[any..blocks.len().min(any + rng.random_range(0..6))]),
            1 => Blocks::GetHeaders([one.id().hash()].into()).into(),
            2 => announce(one),
            3 => get_data(one),
            4 => not_found(one),
            _ => block(one),
        };
        keeper.say(link, &message);
    }
}

/// Somebody honest tells a chain, and answers what it is asked.
fn tell_honestly(keeper: &mut Keeper, chain: &[Arc<Item>]) {
    let (link, peer, direction) = (Link::new(0, 1_000), PeerKey(7_777), Direction::Outbound);
    keeper.hand(Input::Connected { link, peer, direction, addr: None });
    let hello = Hello { features: Hello::KEEPS_CHAIN, ..Hello::default() };
    let mut said = keeper.say(link, &Session::Hello(Box::new(hello)).into());
    said.extend(keeper.say(link, &headers(&chain[chain.len() - 1..])));
    for _ in 0..60 {
        let mut answers = Vec::new();
        for (_, message) in said.drain(..) {
            if matches!(message, Message::Blocks(Blocks::GetHeaders(_))) {
                answers.push(headers(chain));
            }
            for (_, id) in asks_for_blocks(&[(link, message)]) {
                answers.extend(chain.iter().find(|it| it.id() == id).map(block));
            }
        }
        answers.iter().for_each(|answer| said.extend(keeper.say(link, answer)));
        said.extend(keeper.wait(500));
    }
}

/// Whatever anybody says about blocks, in any order, from links that come and go: what must hold at any time is checked after each input,
/// and afterwards one honest peer is enough.
#[test]
fn whatever_is_said_of_headers_and_blocks_the_best_chain_is_found_once_somebody_tells_it() {
    for seed in 0..40 {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let (mut keeper, mut crowd, blocks) = (fresh(), Crowd::default(), forest(rng));
        for _ in 0..300 {
            match rng.random_range(0..10) {
                0 if crowd.links.len() < 6 => crowd.come(&mut keeper, rng),
                1 if !crowd.links.is_empty() => {
                    let link = crowd.links.swap_remove(rng.random_range(0..crowd.links.len()));
                    keeper.hand(Input::Disconnected { link });
                }
                2 => drop(keeper.wait(rng.random_range(0..9_000))),
                3 => keeper.submit(&blocks[rng.random_range(0..blocks.len())]),
                _ => crowd.speak(&mut keeper, &blocks, rng),
            }
        }
        for link in crowd.links {
            keeper.hand(Input::Disconnected { link });
        }
        keeper.wait(60_000);
        let best = chain_of(Coins::ROOT, 200, 5_000..5_010);
        tell_honestly(&mut keeper, &best);
        assert_eq!(keeper.tip(), best[9].id().hash(), "seed {seed}");
        keeper.solo.node.tree().unwrap().check(1 << 20);
    }
}

/// How long a newcomer takes to catch up with these blocks, from so many peers of each kind, seconds.
fn catches_up(blocks: &[Arc<Item>], honest: usize, stalling: usize, lying: usize) -> f64 {
    let count = honest + stalling + lying;
    let mut params = Params::default();
    params.peers.local_addresses = true;
    params.peers.outbound = count;
    let mut mesh = Mesh::new(count + 1, 7, 1, params, Arc::new(Coins));
    for block in blocks {
        (0..count).for_each(|peer| mesh.hand(peer, Input::Submitted(block.clone())));
        mesh.run_for(Duration::from_micros(10));
    }
    for peer in honest..count {
        let hostile = Hostile::new(Lies::One(Lie::Bytes), peer as u64);
        let is_staller = peer < honest + stalling;
        mesh.corrupt(peer, if is_staller { hostile.withholding() } else { hostile });
    }
    (0..count).for_each(|peer| mesh.connect(count, peer));
    let began = mesh.now();
    let wanted = u32::try_from(blocks.len()).unwrap();
    while mesh.node(count).tree().is_none_or(|tree| tree.tip().height < wanted) {
        mesh.run_for(Duration::from_millis(50));
        let took = mesh.now().since(began);
        let height = mesh.node(count).tree().map_or(0, |tree| tree.tip().height);
        let download = &mesh.node(count).blockchain.as_ref().unwrap().download;
        assert!(
            took < Duration::from_secs(60),
            "at {height}: {download:?} {:?}",
            mesh.closings().len()
        );
    }
    mesh.now().since(began).as_secs_f64()
}

#[test]
fn with_a_third_of_stallers_and_a_third_of_liars_catching_up_takes_at_most_twice_as_long() {
    let blocks = chain_of(Coins::ROOT, 1, 0..2_000);
    let (good, bad) = (catches_up(&blocks, 9, 0, 0), catches_up(&blocks, 3, 3, 3));
    assert!(bad <= 2.0 * good, "{bad} s, and {good} s from honest peers");
}
