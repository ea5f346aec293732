//! Any bytes, as the life of a node: links that come and go, peers that say whatever can be said of a few items, late
//! verdicts, time that jumps. For fuzzing, and for a quick run of random bytes in the tests.
//!
//! After each input all invariants are checked. In the end every link is gone and every verdict given, and then
//! nothing may be left of either; and a healthy peer's item must still get through.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use super::ties::{Draft, Ties, block};
use crate::chain::Chain as _;
use crate::ground::item::{Hash256, Item, ItemId, ItemKind, ShortId, twin};
use crate::ground::link::{Direction, Link};
use crate::ground::peer::{DialError, PeerAddr, PeerKey};
use crate::ground::time::Time;
use crate::machine::{Action, Cx, Input, Machine as _, RestoredAs};
use crate::node::{Identity, Node};
use crate::params::{Params, StrategyKind};
use crate::report::event::Event;
use crate::wire::digest::{Digest, FAN, LIST_MAX, List, Span, Split};
use crate::wire::message::{Hello, Items, Message, Names, Reconcile, Session, Signal};

/// How many links there may be at once.
const SLOTS: usize = 6;

/// Wake-ups after the last link, before it counts as restlessness.
const WAKES_MAX: usize = 10_000;

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
    /// What the node said of items since this was last looked at.
    said: Vec<(Link, Items)>,
    /// Inputs so far.
    steps: u64,
}

/// The bytes, one after the other; zeros when there are no more.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    /// One of some.
    fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }
}

impl Chaos {
    /// A node with a strategy and room for little of everything, so that every bound is met.
    #[must_use]
    pub fn new(strategy: StrategyKind) -> Self {
        let mut params = Params::default();
        params.relay.strategy = strategy;
        params.relay.announce_queue_max = 8;
        params.memory.seen_max = 6;
        params.memory.verifying_max = 4;
        params.memory.pool_max_bytes = 600;
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
        let identity = Identity { advertise: None, ..Identity::for_tests(1_000) };
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
            steps: 0,
        }
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

    /// Ends it: everybody leaves, and time passes.
    ///
    /// # Panics
    /// When something stays of those who left, or what a healthy peer has doesn't get through afterwards.
    pub fn finish(mut self) {
        for slot in 0..SLOTS {
            self.disconnect(slot);
        }
        self.give_verdicts(usize::MAX, true);
        let until = self.now + Duration::from_secs(3_600);
        for _ in 0..WAKES_MAX {
            self.give_verdicts(usize::MAX, false);
            let at = self.node.deadline();
            if at > until {
                break;
            }
            self.now = self.now.max(at);
            self.hand(Input::Wake);
        }
        assert!(self.node.deadline() > self.now, "it never comes to rest");
        assert_eq!(self.node.links().count(), 0);
        assert_eq!(self.node.wanted(), 0, "wanted of nobody");
        assert!(self.node.orphanage().is_none(), "an orphan whose announcers are gone");
        self.heal();
    }

    /// A healthy peer's transaction is fetched, and told to another.
    fn heal(&mut self) {
        self.now = self.now + Duration::from_secs(1);
        self.said.clear();
        // Strangers: those of before may have misbehaved.
        let [giver, taker] = [0, 1].map(|slot| self.connect(slot, 100, Direction::Outbound));
        for link in [giver, taker] {
            self.say(link, Message::Session(Session::Hello(Box::new(hello()))));
        }
        let tx = Draft::paying(u32::MAX, 1_000_000).item();
        let names = Names::Whole { kind: ItemKind::Tx, ids: [tx.id()].into() };
        self.say(giver, Message::Items(Items::Announce(names)));
        let until = self.now + Duration::from_secs(120);
        let mut is_told = false;
        while !is_told && self.now <= until {
            self.hand(Input::Wake);
            let said = std::mem::take(&mut self.said);
            let asks =
                |(link, said): &(Link, Items)| *link == giver && matches!(said, Items::GetData(_));
            if said.iter().any(asks) {
                self.say(giver, Message::Items(Items::Item(tx.clone())));
                self.give_verdicts(usize::MAX, false);
            }
            let tells = |(link, said): &(Link, Items)| {
                *link == taker
                    && match said {
                        Items::Item(item) => item.id() == tx.id(),
                        Items::Announce(names) => names.iter().any(|name| name.fits(tx.id())),
                        _ => false,
                    }
            };
            is_told = said.iter().any(tells);
            self.now = self.now.max(self.node.deadline()).max(self.now + Duration::from_millis(1));
        }
        assert!(self.node.item(&tx.id()).is_some(), "a healthy peer's item isn't taken");
        // These two tell nobody but who asks, or of nothing but our own.
        let is_silent =
            matches!(self.params.relay.strategy, StrategyKind::DirectMail | StrategyKind::Pull);
        assert!(is_told || is_silent, "a healthy peer isn't told");
    }

    fn step(&mut self, what: u8, script: &mut Script<'_>) {
        let slot = script.below(SLOTS);
        match what % 20 {
            0 => {
                let is_inbound = script.byte().is_multiple_of(2);
                let direction = if is_inbound { Direction::Inbound } else { Direction::Outbound };
                if self.links[slot].is_none() {
                    let link = self.connect(slot, 1, direction);
                    if !script.byte().is_multiple_of(8) {
                        self.say(link, Message::Session(Session::Hello(Box::new(hello()))));
                    }
                }
            }
            1 => self.disconnect(slot),
            2 => self.speak(slot, |chaos| Message::Items(Items::Announce(chaos.names(script)))),
            3 => self.speak(slot, |chaos| Message::Items(Items::GetData(chaos.names(script)))),
            4 => self.speak(slot, |chaos| Message::Items(Items::NotFound(chaos.names(script)))),
            5..=8 => self.speak(slot, |chaos| {
                Message::Items(Items::Item(chaos.items[script.below(chaos.items.len())].clone()))
            }),
            9 => self.speak(slot, |chaos| chaos.signal(script)),
            10 => self.speak(slot, |chaos| {
                let count = script.below(chaos.items.len());
                let some = chaos.items[..count].iter().take(LIST_MAX);
                let mut ids: Vec<ShortId> = some.map(|item| item.id().into()).collect();
                ids.sort_unstable();
                ids.dedup();
                let (span, salt) = (Span::ALL, u64::from(script.byte()));
                let splits = [Split { span, sums: [script.byte().into(); FAN] }].into();
                Message::Reconcile(match script.byte() % 2 {
                    0 => Reconcile::Held([List { span, ids: ids.into() }].into()),
                    _ => Reconcile::Digest(Box::new(Digest { salt, splits })),
                })
            }),
            11 => {
                let item = self.items[script.below(self.items.len())].clone();
                self.hand(Input::Submitted(item));
            }
            12 | 13 => self.give_verdicts(1 + script.below(3), what.is_multiple_of(2)),
            14 => {
                let item = self.items[script.below(self.items.len())].clone();
                let was = [RestoredAs::Kept, RestoredAs::Own, RestoredAs::Orphan][script.below(3)];
                let age = Duration::from_secs(u64::from(script.byte()) * 6_000);
                if self.params_allow(&item, was) {
                    self.hand(Input::Restored { item, was, age });
                }
            }
            15 => {
                if let Some(link) = self.links[slot] {
                    self.hand(Input::Congested { link });
                }
            }
            16 => {
                if let Some(link) = self.links[slot] {
                    self.hand(Input::Drained { link });
                }
            }
            17 => self.pass(Duration::from_millis(u64::from(script.byte()) * 7)),
            18 => {
                let jump = [1, 20, 300, 4_000, 100_000][script.below(5)];
                self.pass(Duration::from_secs(jump));
            }
            _ => {
                if let Some(addr) = self.dialled.pop() {
                    self.hand(Input::DialFailed { addr, why: DialError::Unreachable });
                }
            }
        }
    }

    /// Items come back as a driver brings them: only what it verified again.
    fn params_allow(&self, item: &Arc<Item>, was: RestoredAs) -> bool {
        Ties.verify(item).is_ok() && (item.kind() == ItemKind::Tx || was == RestoredAs::Kept)
    }

    /// Names of a few items, true and false.
    fn names(&self, script: &mut Script<'_>) -> Names {
        let count = 1 + script.below(4);
        let ids: Vec<ItemId> =
            (0..count).map(|_| self.items[script.below(self.items.len())].id()).collect();
        match script.below(5) {
            0 => Names::Short(ids.iter().map(ShortId::from).collect()),
            1 => Names::Whole {
                kind: ItemKind::Block,
                ids: ids.iter().map(|id| ItemId::block(id.hash())).collect(),
            },
            2 => Names::Whole {
                kind: ItemKind::Tx,
                ids: ids.iter().map(|id| twin(ItemId::tx(id.hash()))).collect(),
            },
            _ => Names::Whole {
                kind: ItemKind::Tx,
                ids: ids.iter().map(|id| ItemId::tx(id.hash())).collect(),
            },
        }
    }

    fn signal(&self, script: &mut Script<'_>) -> Message {
        let id = self.items[script.below(self.items.len())].id();
        let ids = [ShortId::from(id)].into();
        Message::Relay(match script.below(5) {
            0 => Signal::Prune,
            1 => Signal::Graft,
            2 => Signal::Poll,
            3 => Signal::Known(ids),
            _ => Signal::First(ids),
        })
    }

    fn connect(&mut self, slot: usize, first_key: u64, direction: Direction) -> Link {
        self.generations[slot] += 1;
        let link = Link::new(u32::try_from(slot).unwrap_or(0), self.generations[slot]);
        self.links[slot] = Some(link);
        let peer = PeerKey(slot as u64 + first_key);
        self.hand(Input::Connected { link, peer, direction, addr: None });
        link
    }

    fn disconnect(&mut self, slot: usize) {
        if let Some(link) = self.links[slot].take() {
            self.hand(Input::Disconnected { link });
        }
    }

    fn speak(&mut self, slot: usize, message: impl FnOnce(&Self) -> Message) {
        if let Some(link) = self.links[slot] {
            let message = message(self);
            self.say(link, message);
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
        for action in actions {
            match action {
                Action::Send { link, message: Message::Items(said) } => {
                    self.said.push((link, said));
                }
                Action::Verify(item) => self.checking.push(item),
                Action::Dial { addr } => self.dialled.push(addr),
                Action::Disconnect { link, .. } => self.on_close(link),
                Action::Report(Event::Accepted { id, .. }) => {
                    assert!(self.node.seen().contains(id), "accepted and forgotten at once");
                }
                _ => {}
            }
        }
        assert!(self.checking.len() <= 4 * SLOTS + self.params.memory.verifying_max);
    }

    /// The driver closes a link; the node hears of it as of any other.
    fn on_close(&mut self, link: Link) {
        let slot = link.slot();
        if self.links[slot] == Some(link) {
            self.disconnect(slot);
        }
    }
}

fn hello() -> Hello {
    Hello::default()
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

    /// A failure names the strategy and the seed: `Chaos::new(strategy)` with the same script repeats it.
    #[test]
    fn whatever_happens_to_a_node_its_invariants_hold_and_it_recovers() {
        for strategy in StrategyKind::ALL.iter().copied() {
            for seed in 0..150 {
                let mut script = [0; 400];
                ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut script);
                let run = std::panic::catch_unwind(|| {
                    let mut chaos = Chaos::new(strategy);
                    chaos.run(&script);
                    chaos.finish();
                });
                assert!(run.is_ok(), "{strategy} fails with seed {seed}");
            }
        }
    }
}
