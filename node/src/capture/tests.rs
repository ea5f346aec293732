//! A core behind a capture, and the same core again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tidings_protocol::chain::Chain;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::peer::PeerKey;
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::{Action, Cx, Input, Machine as _};
use tidings_protocol::node::{Identity, Node};
use tidings_protocol::params::{Params, StrategyKind};
use tidings_protocol::wire::message::{Items, Message, Names, Session};

use super::*;
use crate::clock::Clock;
use crate::files::network::Network;

struct Rig {
    folder: tempfile::TempDir,
    node: Node,
    params: Params,
    chain: Arc<dyn Chain>,
    rng: ChaCha8Rng,
    capture: Option<Capture>,
    now: Time,
}

fn network() -> String {
    rules_of(&Network::for_tests(tidings_protocol::chain::Rules::Opaque))
}

impl Rig {
    fn new(change: impl FnOnce(&mut CaptureConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::within(folder, change)
    }

    fn within(folder: tempfile::TempDir, change: impl FnOnce(&mut CaptureConfig)) -> Self {
        let mut config = CaptureConfig {
            file: folder.path().join("node.capture"),
            segment_bytes: 1 << 20,
            segments: 4,
            network: network(),
        };
        change(&mut config);
        let (mut params, identity) = (Params::default(), Identity::for_tests(7));
        params.relay.strategy = StrategyKind::Inventory;
        let rng = ChaCha8Rng::seed_from_u64(3);
        let clock = Clock::start();
        let head = Head::of(&Origin {
            identity: &identity,
            peer_id: "12D3KooWtest",
            params: &params,
            network: &config.network,
            asmap: None,
            rng: &rng,
            began_unix_us: clock.unix_us(Time::ZERO),
        });
        let capture = Capture::start(config, &head.unwrap(), &clock).unwrap();
        let node = Node::new(identity, &params);
        let chain: Arc<dyn Chain> = Arc::new(Opaque::default());
        Self { folder, node, params, chain, rng, capture: Some(capture), now: Time::ZERO }
    }

    fn stem(&self) -> PathBuf {
        self.folder.path().join("node.capture")
    }

    fn hand(&mut self, input: Input<'_>) -> Vec<Action> {
        let mut actions = Vec::new();
        let capture = self.capture.as_mut().unwrap();
        capture.input(self.now, &input);
        let cx = &mut Cx {
            now: self.now,
            params: &self.params,
            chain: &*self.chain,
            rng: &mut self.rng,
            actions: &mut actions,
        };
        self.node.handle(input, cx);
        capture.acted(&actions);
        actions
    }

    /// A life with peers that send what nobody has, and are told of it.
    fn live(&mut self, steps: u32) {
        let mut world = ChaCha8Rng::seed_from_u64(11);
        for slot in 0..4 {
            let link = Link::new(slot, 1);
            let peer = PeerKey(100 + u64::from(slot));
            self.capture.as_mut().unwrap().met(self.now, peer, b"somebody");
            self.hand(Input::Connected { link, peer, direction: Direction::Inbound, addr: None });
            let hello = Message::Session(Session::Hello(Box::default()));
            self.hand(Input::Received { link, message: &hello });
        }
        for step in 0..steps {
            self.now = self.now + Duration::from_millis(world.random_range(1..200));
            let bytes: Vec<u8> = (0..200).map(|_| world.random()).collect();
            let item = self.chain.item(ItemKind::Tx, bytes.into()).unwrap();
            let link = Link::new(step % 4, 1);
            match step % 3 {
                0 => drop(self.hand(Input::Submitted(item))),
                _ => {
                    let ids = vec![item.id()];
                    let told = Names::Whole { kind: ItemKind::Tx, ids: ids.into() };
                    for message in [Items::Announce(told), Items::Item(item)] {
                        let message = message.into();
                        self.hand(Input::Received { link, message: &message });
                    }
                }
            }
            if self.node.deadline() <= self.now {
                self.hand(Input::Wake);
            }
        }
    }

    fn finish(&mut self) {
        let thread = self.capture.take().unwrap().finish(End::Stopped);
        thread.unwrap().join().unwrap();
    }
}

/// How a life went when it lived again: inputs, the first difference and how it ends.
fn replay(path: &Path) -> (u64, Option<Difference>, Option<Ending>) {
    let mut replay = Replay::new(Life::open(path).unwrap()).unwrap();
    while let Some(step) = replay.step().unwrap() {
        if let Some(difference) = step.difference {
            return (replay.inputs(), Some(*difference), None);
        }
    }
    (replay.inputs(), None, replay.ending().cloned())
}

#[test]
fn a_captured_core_lives_again_and_acts_the_same() {
    let mut rig = Rig::new(|_| {});
    rig.live(300);
    let inputs = rig.capture.as_ref().unwrap().status().inputs;
    rig.finish();
    let ended = Some(Ending::Ended("the node was stopped".to_owned()));
    assert_eq!(replay(&rig.stem()), (inputs, None, ended));
    let mut replay = Replay::new(Life::open(&rig.stem()).unwrap()).unwrap();
    let mut sent = 0;
    while let Some(step) = replay.step().unwrap() {
        sent += step.actions.iter().filter(|action| matches!(action, Action::Send { .. })).count();
    }
    assert!(sent > 100, "it said little: {sent}");
    assert_eq!(replay.name_of(PeerKey(100)), Some(&b"somebody"[..]));
    assert_eq!(replay.node().pool().len(), rig.node.pool().len());
    assert_eq!(format!("{:?}", replay.node()), format!("{:?}", rig.node));
}

#[test]
fn a_core_that_acts_otherwise_is_told_apart_with_the_first_difference() {
    let mut rig = Rig::new(|_| {});
    rig.live(100);
    rig.finish();
    // Another binary, as it were: one with other parameters.
    let mut life = Life::open(&rig.stem()).unwrap();
    let mut params = life.head.params().unwrap();
    params.relay.trickle_inbound_ms += 50;
    life.head.params = toml::to_string(&params).unwrap();
    let began_unix_us = life.head.began_unix_us;
    let mut replay = Replay::new(life).unwrap();
    let difference = loop {
        let step = replay.step().unwrap().expect("it should act otherwise");
        if let Some(difference) = step.difference {
            break difference;
        }
    };
    assert!(difference.then != difference.now && difference.number > 8, "{difference:?}");
    assert!(difference.digest_then != difference.digest_now, "{difference:?}");
    assert!(difference.unix_us > began_unix_us && !difference.input.is_empty());
}

#[test]
fn a_life_that_was_cut_off_is_read_to_the_last_whole_block() {
    let mut rig = Rig::new(|_| {});
    rig.live(300);
    rig.finish();
    let file = files::path(&rig.stem(), 1, 0);
    let whole = fs::read(&file).unwrap();
    let (all, _, _) = replay(&rig.stem());
    for cut in [1, 40, 100, whole.len() / 3] {
        fs::write(&file, &whole[..whole.len() - cut]).unwrap();
        let (inputs, difference, ending) = replay(&rig.stem());
        assert!(inputs <= all && difference.is_none(), "{cut}: {difference:?}");
        assert!(matches!(ending, Some(Ending::Damaged { .. })), "{cut}: {ending:?}");
    }
    let mut other = whole.clone();
    other[whole.len() / 2] ^= 1;
    fs::write(&file, &other).unwrap();
    let (inputs, difference, ending) = replay(&rig.stem());
    assert!(inputs < all && difference.is_none());
    assert!(matches!(ending, Some(Ending::Damaged { .. })), "{ending:?}");
}

#[test]
fn a_node_that_is_killed_leaves_what_was_handed_over() {
    let mut rig = Rig::new(|_| {});
    rig.live(30);
    let later = tokio::time::Instant::now() + Duration::from_secs(10);
    let capture = rig.capture.as_mut().unwrap();
    assert_eq!(capture.tick(later), None);
    wait_until(|| capture.status().queued_bytes == 0);
    let inputs = capture.status().inputs;
    rig.capture = None;
    assert_eq!(replay(&rig.stem()), (inputs, None, Some(Ending::Open)));
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(20), "waited too long");
        std::thread::yield_now();
    }
}

#[test]
fn a_life_that_fills_its_segments_ends_with_its_beginning_whole() {
    let mut rig = Rig::new(|config| (config.segment_bytes, config.segments) = (10_000, 3));
    rig.live(2_000);
    let capture = rig.capture.as_mut().unwrap();
    let mut end = None;
    wait_until(|| {
        end = capture.tick(tokio::time::Instant::now() + Duration::from_secs(10));
        end.is_some()
    });
    assert_eq!(end, Some(End::Full { segments: 3 }));
    assert_eq!(capture.tick(tokio::time::Instant::now()), None, "it is told once");
    let status = capture.status();
    assert!(status.ended.is_some() && status.segments == 3, "{status:?}");
    let (inputs, difference, ending) = replay(&rig.stem());
    assert!(difference.is_none() && inputs > 100, "{difference:?}");
    let Some(Ending::Ended(why)) = ending else { panic!("{ending:?}") };
    assert!(why.starts_with("3 segments are full"), "{why}");
    // What comes now makes no difference.
    rig.hand(Input::Wake);
}

#[test]
fn earlier_lives_make_room_and_each_can_be_replayed() {
    let mut folder = tempfile::tempdir().unwrap();
    for life in 1..=4 {
        let mut rig = Rig::within(folder, |config| config.segments = 3);
        assert_eq!(rig.capture.as_ref().unwrap().status().life, life);
        rig.live(20);
        rig.finish();
        folder = rig.folder;
    }
    let stem = folder.path().join("node.capture");
    let lives = |path: &str| Life::open(&folder.path().join(path)).map(|life| life.life);
    assert_eq!(lives("node.capture").unwrap(), 4);
    assert_eq!(lives("node.capture.3").unwrap(), 3);
    assert_eq!(lives("node.capture.2-0").unwrap(), 2);
    let gone = lives("node.capture.1").unwrap_err().to_string();
    assert!(gone.starts_with("there is no capture"), "{gone}");
    fs::rename(files::path(&stem, 4, 0), files::path(&stem, 4, 1)).unwrap();
    let error = lives("node.capture").unwrap_err().to_string();
    assert!(error.contains("the beginning is gone"), "{error}");
}

#[test]
fn what_cannot_be_made_has_its_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let config = CaptureConfig {
        file: folder.path().join("nowhere").join("node.capture"),
        segment_bytes: 1,
        segments: 1,
        network: String::new(),
    };
    let (params, rng) = (Params::default(), ChaCha8Rng::seed_from_u64(1));
    let head = Head::of(&Origin {
        identity: &Identity::for_tests(1),
        peer_id: "",
        params: &params,
        network: "",
        asmap: None,
        rng: &rng,
        began_unix_us: 0,
    })
    .unwrap();
    assert!(head.chain().err().unwrap().to_string().contains("rules of its own"));
    let error = Capture::start(config, &head, &Clock::start()).unwrap_err().to_string();
    assert!(error.contains("capture.file"), "{error}");
    fs::write(folder.path().join("x.1-0"), "nothing of the kind, and long enough").unwrap();
    let error = Life::open(&folder.path().join("x")).unwrap_err().to_string();
    assert!(error.contains("it is no capture of a node"), "{error}");
}

#[test]
fn where_random_numbers_come_from_reads_back_in_the_middle_of_a_word() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    rng.set_stream(9);
    let _: [u32; 17] = rng.random();
    let mut again = Random::of(&rng).rng().unwrap();
    assert_eq!(rng.random::<[u64; 8]>(), again.random::<[u64; 8]>());
}
