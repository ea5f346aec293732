//! What the record costs: CPU time of one node per delivery, with the record off and on. The node has 16
//! links; every transaction is announced by all of them, asked from one, accepted, and announced to nobody
//! else, or comes from our operator and is announced to all of them and asked for by two.
//!
//! ```text
//! cargo run --release -p tidings-protocol --example record_cost
//! ```

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures time")]

use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::item::{Item, ItemId, ItemKind};
use tidings_protocol::link::{Direction, Link};
use tidings_protocol::machine::{Action, Cx, Input, Machine as _, PeerKey};
use tidings_protocol::message::{Hello, Message, VERSION};
use tidings_protocol::node::{Identity, Node};
use tidings_protocol::params::Params;
use tidings_protocol::relay::StrategyKind;
use tidings_protocol::time::Time;

const LINKS: u32 = 16;

/// Transactions of a batch: what a second's trickle collects at 20 a second.
const BATCH: u32 = 20;

/// Batches of one measurement: short, so that some pass between other work of the machine; long enough
/// to fill the record.
const BATCHES: u32 = 200;

/// Measurements of each, taken in turns: the least of them is what the machine's other work disturbed least.
const TURNS: usize = 60;

fn main() {
    println!("                                  off us   on us   difference");
    for (name, ours) in [("from a peer, 16 announcers", false), ("own, told to 16 peers", true)] {
        let mut least = [Duration::MAX; 2];
        for _ in 0..TURNS {
            for (steps, least) in [0, 65_536].into_iter().zip(&mut least) {
                *least = run(steps, ours).min(*least);
            }
        }
        let per = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(BATCH * BATCHES);
        let [off, on] = least.map(per);
        println!("{name:30} {off:9.3} {on:7.3} {:9.3} us", on - off);
    }
}

struct Bench {
    node: Node,
    params: Params,
    chain: Opaque,
    rng: ChaCha8Rng,
    now: Time,
    actions: Vec<Action>,
}

impl Bench {
    fn hand(&mut self, input: Input<'_>) {
        let mut cx = Cx {
            now: self.now,
            params: &self.params,
            chain: &self.chain,
            rng: &mut self.rng,
            actions: &mut self.actions,
        };
        self.node.handle(input, &mut cx);
        self.actions.clear();
    }

    fn say(&mut self, link: Link, message: &Message) {
        self.hand(Input::Received { link, message });
    }
}

fn bench(steps: usize) -> Bench {
    let mut params = Params::default();
    params.relay.strategy = StrategyKind::Inventory; // announces everything, to everybody
    params.record.steps = Some(steps);
    params.relay.safety_pull_ms = 0;
    params.health.ping_timeout_s = 1_000_000; // the peers here never answer
    params.memory.pool_max_bytes = 1_000_000;
    let node = Node::new(Identity::for_tests(1), &params);
    let (chain, rng) = (Opaque::default(), ChaCha8Rng::seed_from_u64(1));
    let mut bench = Bench { node, params, chain, rng, now: Time::ZERO, actions: Vec::new() };
    for link in links() {
        let direction = if link.slot() < 8 { Direction::Outbound } else { Direction::Inbound };
        let peer = PeerKey(link.slot() as u64);
        bench.hand(Input::Connected { link, peer, direction, addr: None });
        let hello = Hello { version: VERSION, features: 0, advertise: None, region: None };
        bench.say(link, &Message::Hello(hello));
    }
    bench
}

fn links() -> impl Iterator<Item = Link> {
    (0..LINKS).map(|slot| Link::new(slot, 1))
}

/// The time that all batches take the node.
fn run(steps: usize, ours: bool) -> Duration {
    let mut bench = bench(steps);
    let mut taken = Duration::ZERO;
    for batch in 0..BATCHES {
        let items: Vec<_> = (0..BATCH)
            .map(|n| {
                let mut bytes = vec![0; 300];
                bytes[..4].copy_from_slice(&(batch * BATCH + n).to_le_bytes());
                Item::new(ItemKind::Tx, bytes.into(), &bench.chain).expect("opaque takes any bytes")
            })
            .collect();
        let ids: Vec<ItemId> = items.iter().map(|item| item.id()).collect();
        let announce = Message::Announce { kind: ItemKind::Tx, ids: ids.clone().into() };
        let ask = Message::GetData { kind: ItemKind::Tx, ids: ids.into() };
        let began = Instant::now();
        if ours {
            items.iter().for_each(|item| bench.hand(Input::Submitted(item.clone())));
        } else {
            links().for_each(|link| bench.say(link, &announce));
            for item in items {
                bench.say(Link::new(0, 1), &Message::Item(item));
            }
        }
        // Long enough for every trickle.
        bench.now = bench.now + Duration::from_secs(30);
        bench.hand(Input::Wake);
        if ours {
            links().take(2).for_each(|link| bench.say(link, &ask));
        }
        taken += began.elapsed();
    }
    let accepted = bench.node.counters().accepted;
    assert_eq!(accepted, u64::from(BATCH * BATCHES), "every item is delivered");
    taken
}
