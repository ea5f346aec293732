//! Any bytes, as the life of a node: links that come and go, peers that say whatever can be said of a few items, late
//! verdicts, time that jumps. For fuzzing, and for a quick run of random bytes in the tests.
//!
//! After each input all invariants are checked. In the end every link is gone and every verdict given,
//! and then nothing may be left of either; a healthy peer's item must still get through, and two healthy nodes come to
//! hold the same and fall silent (`chaos/ending.rs`).

mod ending;
mod inputs;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::ties::{Draft, Ties, block};
use crate::chain::Chain as _;
use crate::ground::item::{Hash256, Item, ItemId, ItemKind};
use crate::ground::link::{Direction, Link};
use crate::ground::peer::{PeerAddr, PeerKey};
use crate::ground::time::Time;
use crate::machine::{Action, Cx, Input, Machine as _};
use crate::member::{Fleet, Membership};
use crate::node::{Identity, Node};
use crate::params::{OverlayKind, Params, StrategyKind};
use crate::replica::{Model, ReplicaId, Settings};
use crate::report::event::Event;
use crate::wire::message::{Items, Message, Names};

use inputs::Script;

/// How many links there may be at once.
const SLOTS: usize = 6;

/// Long rounds: strategies that have some never sleep, and what isn't slept through costs time here.
const ROUND_MS: u64 = 5_000;

/// A node and whatever happens to it.
#[derive(Debug)]
pub struct Chaos {
    node: Node,
    params: Params,
    rng: ChaCha8Rng,
    now: Time,
    links: [Option<Link>; SLOTS],
    generations: [u32; SLOTS],
    items: Vec<Arc<Item>>,
    /// Items whose verdicts are outstanding.
    checking: Vec<Arc<Item>>,
    dialled: Vec<PeerAddr>,
    /// What the node said since this was last looked at.
    said: Vec<(Link, Message)>,
    /// What is pooled, by what the node reported.
    pooled: BTreeSet<ItemId>,
    /// A peer that keeps to the rules, once there is one.
    honest: Option<Link>,
    /// Inputs so far.
    steps: u64,
}

impl Chaos {
    /// A node with a strategy and room for little of everything, so that every bound is met.
    #[must_use]
    pub fn new(strategy: StrategyKind) -> Self {
        Self::over(OverlayKind::Random, strategy)
    }

    /// The same, over an overlay.
    #[must_use]
    pub fn over(overlay: OverlayKind, strategy: StrategyKind) -> Self {
        let mut params = Params::default();
        params.peers.overlay = overlay;
        params.peers.hyparview.active_view = 2;
        params.peers.hyparview.passive_view = 4;
        params.relay.strategy = strategy;
        params.relay.round_ms = ROUND_MS;
        params.relay.announce_queue_max = 8;
        params.blocks.coded_above = 50;
        params.memory.seen_max = 6;
        params.memory.verifying_max = 4;
        params.memory.pool_max_bytes = 600;
        params.memory.pool_entry_bytes = 0;
        params.memory.blocks_max_bytes = 300;
        params.memory.serve_queue_max = 4;
        params.requests.announced_max = 5;
        params.requests.in_flight_max = 2;
        params.requests.blocks_announced_max = 3;
        params.requests.blocks_in_flight_max = 1;
        params.orphans.announcements_max = 6;
        params.orphans.reserve_bytes = 300;
        params.pool.family_max = 4;
        params.peers.inbound_max = 4;
        params.record.steps = Some(256);
        let identity =
            Identity { member: Some(Box::new(membership())), ..Identity::for_tests(1_000) };
        Self {
            node: Node::new(identity, &params),
            params,
            rng: ChaCha8Rng::seed_from_u64(1),
            now: Time::ZERO,
            links: [None; SLOTS],
            generations: [0; SLOTS],
            items: items(),
            checking: Vec::new(),
            dialled: Vec::new(),
            said: Vec::new(),
            pooled: BTreeSet::new(),
            honest: None,
            steps: 0,
        }
    }

    /// Whether it keeps HyParView's views.
    const fn has_views(&self) -> bool {
        matches!(self.params.peers.overlay, OverlayKind::Hyparview)
    }

    /// Lives through some bytes. Returns how many inputs that made.
    ///
    /// # Panics
    /// When an invariant doesn't hold.
    pub fn run(&mut self, script: &[u8]) -> u64 {
        let mut script = Script(script);
        while let Some(what) = script.next() {
            self.said.clear();
            self.step(what, &mut script);
        }
        self.steps
    }

    fn connect(&mut self, slot: usize, peer: PeerKey, direction: Direction) -> Link {
        self.connect_at(slot, peer, direction, None)
    }

    fn connect_at(
        &mut self,
        slot: usize,
        peer: PeerKey,
        direction: Direction,
        addr: Option<PeerAddr>,
    ) -> Link {
        self.generations[slot] += 1;
        let link = Link::new(u32::try_from(slot).unwrap_or(0), self.generations[slot]);
        let keeper = self.node.keeper_of(link);
        assert_eq!(keeper, None, "something is kept of a link before it comes up");
        self.links[slot] = Some(link);
        self.hand(Input::Connected { link, peer, direction, addr });
        link
    }

    fn disconnect(&mut self, slot: usize) {
        if let Some(link) = self.links[slot].take() {
            self.hand(Input::Disconnected { link });
            let keeper = self.node.keeper_of(link);
            assert_eq!(keeper, None, "something is kept of a link that went down");
        }
    }

    fn say(&mut self, link: Link, message: Message) {
        self.hand(Input::Received { link, message: &message });
    }

    fn give_verdicts(&mut self, count: usize, latest_first: bool) {
        for _ in 0..count {
            if self.checking.is_empty() {
                return;
            }
            let at = if latest_first { self.checking.len() - 1 } else { 0 };
            let item = self.checking.remove(at);
            let verdict = Ties.verify(&item);
            self.hand(Input::Verdict { item: &item, verdict });
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        for _ in 0..64 {
            if self.node.deadline() > self.now {
                return;
            }
            self.hand(Input::Wake);
        }
    }

    /// One input, after which everything that must hold at any time is checked.
    fn hand(&mut self, input: Input<'_>) {
        let mut actions = Vec::new();
        let mut cx = Cx {
            now: self.now,
            params: &self.params,
            chain: &Ties,
            rng: &mut self.rng,
            actions: &mut actions,
        };
        self.node.handle(input, &mut cx);
        self.steps += 1;
        self.node.check_invariants(&self.params);
        let mut closing = Vec::new();
        for action in actions {
            match action {
                Action::Send { link, message } => self.on_said(link, message),
                Action::Verify(item) => {
                    let is_twice = self.checking.iter().any(|other| other.id() == item.id());
                    assert!(!is_twice, "checked twice at once");
                    self.checking.push(item);
                }
                Action::Dial { addr } => {
                    assert!(!self.dialled.contains(&addr), "dialled twice at once");
                    self.dialled.push(addr);
                }
                Action::Disconnect { link, why } => {
                    assert!(Some(link) != self.honest, "a healthy peer is cut off: {why:?}");
                    closing.push(link);
                }
                Action::Report(event) => self.on_event(event),
                Action::Throttle { .. }
                | Action::Changed(_)
                | Action::Written { .. }
                | Action::Load { .. } => {}
            }
        }
        assert_eq!(self.node.pool().len(), self.pooled.len(), "what is pooled was reported");
        assert!(
            self.pooled.iter().all(|id| self.node.pool().contains(*id)),
            "and so was what left"
        );
        assert!(self.checking.len() <= 4 * SLOTS + self.params.memory.verifying_max);
        assert!(self.dialled.len() <= self.params.peers.dialling_max, "too many dials at once");
        closing.into_iter().for_each(|link| self.on_close(link));
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Accepted { id, .. } | Event::Restored { id } => {
                assert!(self.node.seen().contains(id), "accepted and forgotten at once");
                if id.kind() == ItemKind::Tx {
                    assert!(self.pooled.insert(id), "accepted again while it is pooled");
                }
            }
            Event::Left { id, .. } => assert!(self.pooled.remove(&id), "left and wasn't there"),
            _ => {}
        }
    }

    fn on_said(&mut self, link: Link, message: Message) {
        if let Message::Items(Items::GetData(Names::Whole { ids, .. })) = &message {
            let is_here =
                |id: &ItemId| self.pooled.contains(id) || self.node.blocks().get(id).is_some();
            let here = ids.iter().find(|id| is_here(id));
            assert_eq!(here, None, "what is here is asked for");
        }
        self.said.push((link, message));
    }

    /// The driver closes a link; the node hears of it as of any other.
    fn on_close(&mut self, link: Link) {
        let slot = link.slot();
        if self.links[slot] == Some(link) {
            self.disconnect(slot);
        }
    }
}

/// A small map, with some of those who come for its fleet.
fn membership() -> Membership {
    let settings =
        Settings { keys_max: 6, bytes_max: 600, lost_max: 4, ..Settings::new(Model::Versions, 1) };
    Membership { id: ReplicaId(1), fleet: Fleet::of((0..3).map(inputs::key)), settings }
}

/// A family of three, rivals, one that is forged, some that pay and some that don't, blocks, and a block whose bytes
/// are a transaction's.
fn items() -> Vec<Arc<Item>> {
    let parent = Draft::paying(1, 500).claiming(&[1]).item();
    let child = Draft::paying(2, 900).after(&[&parent]).item();
    let grandchild = Draft::paying(3, 10).after(&[&child]).item();
    let rival = Draft::paying(4, 5_000).claiming(&[1]).item();
    let forged = Draft { is_forged: true, ..Draft::paying(5, 700) }.item();
    let lost = Draft {
        parents: (0..3).map(|n| ItemId::tx(Hash256([n; 32]))).collect(),
        ..Draft::paying(6, 100)
    }
    .item();
    let large = Draft { filler: 200, ..Draft::paying(7, 50) }.item();
    let after_forged = Draft::paying(8, 400).after(&[&forged]).item();
    let sealed = Draft::paying(9, 300).sealed(3).item();
    let first = block(Hash256([0; 32]), &[&parent]);
    let second = block(first.id().hash(), &[&rival]);
    let twin = Ties.item(ItemKind::Block, child.bytes().clone()).expect("any bytes are a block");
    vec![
        parent,
        child,
        grandchild,
        rival,
        forged,
        lost,
        large,
        after_forged,
        sealed,
        first,
        second,
        twin,
    ]
}

#[cfg(test)]
mod tests {
    use rand::Rng as _;

    use super::*;

    /// A failure names the strategy and the seed: `Chaos::over(overlay, strategy)` with the same script repeats it.
    fn live_and_recover(overlay: OverlayKind, strategy: StrategyKind, seeds: u64) {
        for seed in 0..seeds {
            let mut script = [0; 400];
            ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut script);
            let run = std::panic::catch_unwind(|| {
                let mut chaos = Chaos::over(overlay, strategy);
                chaos.run(&script);
                chaos.finish();
            });
            assert!(run.is_ok(), "{strategy} fails with seed {seed}");
        }
    }

    #[test]
    fn whatever_happens_to_a_node_its_invariants_hold_and_it_recovers() {
        let all = StrategyKind::ALL.iter().copied();
        all.for_each(|strategy| live_and_recover(OverlayKind::Random, strategy, 150));
    }

    #[test]
    fn so_it_is_with_a_node_that_keeps_views() {
        for strategy in [StrategyKind::Adaptive, StrategyKind::Plumtree] {
            live_and_recover(OverlayKind::Hyparview, strategy, 400);
        }
    }
}
