//! What it costs a node to take in transactions: CPU time of the core alone, by phase, and what the parts
//! that can be turned off have in it.
//!
//! ```text
//! cargo run --release -p tidings-protocol --example core_intake
//! ```
//!
//! The node has 8 outbound and 8 inbound peers. A transaction is announced by one of them, asked from it,
//! delivered, accepted, and told to the others in batches; 7 of those announce it too. Or our operator
//! submits it, all are told, and one asks for it.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures time")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::{Item, ItemId, ItemKind};
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::peer::PeerKey;
use tidings_protocol::ground::time::Time;
use tidings_protocol::items::pool::Pool;
use tidings_protocol::machine::{Action, Cx, Input, Machine as _};
use tidings_protocol::node::{Identity, Node};
use tidings_protocol::params::{Params, STEPS_DEFAULT, StrategyKind};
use tidings_protocol::wire::message::{Hello, Items, Message, Names, Session};

const LINKS: u32 = 16;

/// Peers that announce a transaction which is here already.
const LATECOMERS: u32 = 7;

/// Transactions of a batch: what a second's trickle collects at 20 a second.
const BATCH: u32 = 20;

/// Batches of one run: short, so that some pass between other work of the machine; so many transactions
/// fill the record and the smaller pool.
const BATCHES: u32 = 150;

/// Runs of each, taken in turns: the least of them is what the machine's other work disturbed least.
const TURNS: usize = 60;

/// Size of a transaction, bytes.
const SIZE: usize = 300;

/// What a variant changes.
type Change = fn(&mut Params);

fn main() {
    println!("Node {} B, Pool {} B", size_of::<Node>(), size_of::<Pool>());
    let variants: [(&str, Change); 5] = [
        ("all of it", |_| {}),
        ("without the record", |params| params.record.steps = None),
        ("without unbroadcast", |params| params.unbroadcast.items_max = 0),
        ("without digests", |params| params.relay.safety_pull_ms = 0),
        ("with a full pool", |params| {
            params.memory.pool_max_bytes = 300_000;
            params.memory.pool_entry_bytes = 0;
        }),
    ];
    let batches = batches();
    let mut least = [Costs::MAX; 5];
    for _ in 0..TURNS {
        for ((_, change), least) in variants.iter().zip(&mut least) {
            let mut params = params();
            change(&mut params);
            *least = least.min(run(&params, &batches));
        }
    }
    println!("ns per transaction     announced delivered      told | in all  share | own");
    let all = least[0];
    for ((name, _), costs) in variants.iter().zip(least) {
        let share = 100.0 * costs.relayed() / all.relayed();
        let [heard, arrived, told] = [costs.heard, costs.arrived, costs.told];
        let (sum, own) = (costs.relayed(), costs.own);
        println!(
            "{name:20} {heard:11.0} {arrived:9.0} {told:9.0} | {sum:6.0} {share:5.0} % | {own:.0}"
        );
    }
    println!("ns per announcement of what is here: {:.0}", all.known);
}

/// Nanoseconds per transaction.
#[derive(Clone, Copy)]
struct Costs {
    heard: f64,
    arrived: f64,
    told: f64,
    /// Per announcement.
    known: f64,
    own: f64,
}

impl Costs {
    const MAX: Self =
        Self { heard: f64::MAX, arrived: f64::MAX, told: f64::MAX, known: f64::MAX, own: f64::MAX };

    fn relayed(&self) -> f64 {
        self.heard + self.arrived + self.told
    }

    const fn min(self, other: Self) -> Self {
        Self {
            heard: self.heard.min(other.heard),
            arrived: self.arrived.min(other.arrived),
            told: self.told.min(other.told),
            known: self.known.min(other.known),
            own: self.own.min(other.own),
        }
    }
}

/// Announces everything to everybody.
fn params() -> Params {
    let mut params = Params::default();
    params.relay.strategy = StrategyKind::Inventory;
    params.record.steps = Some(STEPS_DEFAULT);
    params.health.ping_timeout_s = 1_000_000; // the peers here never answer
    params
}

fn batches() -> Vec<Vec<Arc<Item>>> {
    let item = |n: u32| {
        let mut bytes = vec![0; SIZE];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        Opaque::default().item(ItemKind::Tx, bytes.into()).expect("it takes any bytes")
    };
    (0..BATCHES).map(|batch| (0..BATCH).map(|n| item(batch * BATCH + n)).collect()).collect()
}

struct Bench<'a> {
    node: Node,
    params: &'a Params,
    rng: ChaCha8Rng,
    now: Time,
    actions: Vec<Action>,
}

impl<'a> Bench<'a> {
    fn new(params: &'a Params) -> Self {
        let (node, rng) =
            (Node::new(Identity::for_tests(99), params), ChaCha8Rng::seed_from_u64(1));
        let mut bench = Self { node, params, rng, now: Time::ZERO, actions: Vec::new() };
        for link in (0..LINKS).map(|slot| Link::new(slot, 1)) {
            let direction = if link.slot() < 8 { Direction::Outbound } else { Direction::Inbound };
            let peer = PeerKey(link.slot() as u64);
            bench.hand(Input::Connected { link, peer, direction, addr: None });
            let hello = Hello::default();
            bench.say(link, &Message::Session(Session::Hello(Box::new(hello))));
        }
        bench
    }

    fn hand(&mut self, input: Input<'_>) {
        let mut cx = Cx {
            now: self.now,
            params: self.params,
            chain: &Opaque::default(),
            rng: &mut self.rng,
            actions: &mut self.actions,
        };
        self.node.handle(input, &mut cx);
        self.actions.clear();
    }

    fn say(&mut self, link: Link, message: &Message) {
        self.hand(Input::Received { link, message });
    }

    /// Long enough for every trickle.
    fn pass_time(&mut self) {
        self.now = self.now + Duration::from_secs(30);
        self.hand(Input::Wake);
    }
}

/// What each phase took, per transaction.
fn run(params: &Params, batches: &[Vec<Arc<Item>>]) -> Costs {
    let (mut relayed, mut own) = (Bench::new(params), Bench::new(params));
    let mut taken = [Duration::ZERO; 5];
    for (batch, number) in batches.iter().zip(0..) {
        let ids: Vec<ItemId> = batch.iter().map(|item| item.id()).collect();
        let announce = Message::Items(Items::Announce(Names::Whole {
            kind: ItemKind::Tx,
            ids: ids.clone().into(),
        }));
        let ask =
            Message::Items(Items::GetData(Names::Whole { kind: ItemKind::Tx, ids: ids.into() }));
        let messages: Vec<_> =
            batch.iter().cloned().map(|item| Message::Items(Items::Item(item))).collect();
        let first = number % LINKS;
        let mut phase = 0;
        let mut time = |work: &mut dyn FnMut()| {
            let began = Instant::now();
            work();
            taken[phase] += began.elapsed();
            phase += 1;
        };
        let at = |n: u32| Link::new((first + n) % LINKS, 1);
        time(&mut || relayed.say(at(0), &announce));
        time(&mut || messages.iter().for_each(|message| relayed.say(at(0), message)));
        time(&mut || relayed.pass_time());
        time(&mut || (1..=LATECOMERS).for_each(|n| relayed.say(at(n), &announce)));
        time(&mut || {
            batch.iter().for_each(|item| own.hand(Input::Submitted(item.clone())));
            own.pass_time();
            own.say(at(0), &ask);
        });
    }
    for bench in [&relayed, &own] {
        assert_eq!(bench.node.counters().accepted, u64::from(BATCH * BATCHES), "all came in");
    }
    let per = |time: Duration| time.as_secs_f64() * 1e9 / f64::from(BATCH * BATCHES);
    let [heard, arrived, told, known, own] = taken.map(per);
    Costs { heard, arrived, told, known: known / f64::from(LATECOMERS), own }
}
