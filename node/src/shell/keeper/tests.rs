//! What waits for its parents outlives a kill. The chain is one of tests: under no rules that are
//! shipped does a transaction wait.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tidings_protocol::chain::GOOD;
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::peer::PeerKey;
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::{Action, Cx, Machine as _};
use tidings_protocol::node::Identity;
use tidings_protocol::params::{Params, StrategyKind};
use tidings_protocol::testkit::ties::{Draft, Ties};
use tidings_protocol::wire::message::{Hello, Items, Message, Names, Session};

use super::*;
use crate::clock::SystemClock;
use crate::files::network::Meaning;

/// A node with one peer and a store, without a shell.
struct Run {
    node: Node,
    keeper: Keeper,
    params: Params,
    rng: ChaCha8Rng,
}

const PEER: Link = Link::new(0, 1);

impl Run {
    /// Goes on with what is in a file.
    async fn start(path: &Path) -> Self {
        let config = StoreConfig {
            path: path.to_owned(),
            network: "test".to_owned(),
            rules: Meaning::default(),
            chain: Arc::new(Ties),
            expiry: Duration::from_secs(1_000),
            orphan_expiry: Duration::from_secs(1_000),
            clock: SystemClock::default(),
            map: false,
        };
        let mut params = Params::default();
        params.relay.strategy = StrategyKind::Inventory;
        let node = Node::new(Identity::for_tests(1), &params);
        let keeper = Keeper::start(Some(config), &Registry::default()).await.unwrap();
        let mut run = Self { node, keeper, params, rng: ChaCha8Rng::seed_from_u64(1) };
        let mut restored = run.keeper.restored.take().unwrap();
        while let Some(batch) = restored.recv().await {
            for Restored { item, was, age, verified } in batch {
                run.keeper.expect(&item, was);
                run.hand(Input::Restored { item, was, age, verified });
            }
        }
        run
    }

    fn hand(&mut self, input: Input<'_>) {
        let mut actions = Vec::new();
        let mut cx = Cx {
            now: Time::ZERO,
            params: &self.params,
            chain: &Ties,
            rng: &mut self.rng,
            actions: &mut actions,
        };
        self.node.handle(input, &mut cx);
        for action in actions {
            match action {
                Action::Report(event) => self.keeper.observe(&event),
                Action::Verify(item) => {
                    self.hand(Input::Verdict { item: &item, verdict: GOOD });
                }
                _ => {}
            }
        }
    }

    fn connect(&mut self) {
        let (peer, direction) = (PeerKey(2), Direction::Inbound);
        self.hand(Input::Connected { link: PEER, peer, direction, addr: None });
        let hello = Hello::default();
        self.say(&Message::Session(Session::Hello(Box::new(hello))));
    }

    fn say(&mut self, message: &Message) {
        self.hand(Input::Received { link: PEER, message });
    }

    /// The peer announces an item and delivers it.
    fn feed(&mut self, item: &Arc<Item>) {
        let ids = [item.id()].into();
        self.say(&Message::Items(Items::Announce(Names::Whole { kind: ItemKind::Tx, ids })));
        self.say(&Message::Items(Items::Item(item.clone())));
    }

    fn waits(&self, item: &Item) -> bool {
        self.node.orphanage().is_some_and(|orphanage| orphanage.get(item.id()).is_some())
    }

    fn has(&self, item: &Item) -> bool {
        self.node.pool().contains(item.id())
    }

    /// Has what was noted written, and takes the file as a kill at that moment leaves it.
    fn kill(mut self, path: &Path, left: &Path) {
        self.keeper.flush(&self.node);
        let expected = self.node.pool().len() + self.node.orphanage().map_or(0, |held| held.len());
        while self.keeper.status().unwrap().items != expected {
            std::thread::yield_now();
        }
        std::fs::copy(path, left).unwrap();
    }
}

#[tokio::test]
async fn what_waits_for_its_parents_outlives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<_> = (0..4).map(|n| folder.path().join(format!("{n}.redb"))).collect();
    let parent = Draft::paying(1, 1_000).item();
    let child = Draft::paying(2, 1_000).after(&[&parent]).item();
    let other = Draft::paying(3, 1_000).after(&[&Draft::paying(4, 1).item()]).item();

    let mut first = Run::start(&files[0]).await;
    first.connect();
    first.feed(&child);
    first.feed(&other);
    assert!(first.waits(&child) && first.waits(&other));
    first.kill(&files[0], &files[1]);

    let mut second = Run::start(&files[1]).await;
    assert!(second.waits(&child) && second.waits(&other));
    second.connect();
    second.feed(&parent);
    assert!(second.has(&parent) && second.has(&child) && second.waits(&other));
    second.kill(&files[1], &files[2]);

    let mut third = Run::start(&files[2]).await;
    assert!(third.has(&parent) && third.has(&child) && third.waits(&other));
    third.connect();
    third.say(&Message::Items(Items::Announce(Names::Whole {
        kind: ItemKind::Tx,
        ids: [other.id()].into(),
    })));
    third.hand(Input::Disconnected { link: PEER });
    assert!(!third.waits(&other), "whoever announced it has left");
    third.kill(&files[2], &files[3]);

    let fourth = Run::start(&files[3]).await;
    assert!(fourth.has(&parent) && fourth.has(&child) && !fourth.waits(&other));
    fourth.keeper.close(&fourth.node).await;
}
