//! What a capture costs: the same core takes transactions from eight peers, with and without.
//!
//! ```text
//! cargo run --release -p tidings --example capture
//! ```
//! The thread that compresses and writes is counted too: all CPU time of the process is.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rustix::time::{ClockId, clock_gettime};
use tidings::capture::{Capture, CaptureConfig, End, Head, Origin, rules_of};
use tidings::clock::Clock;
use tidings::files::network::Network;
use tidings_protocol::chain::{Chain, Rules};
use tidings_protocol::ground::item::{Item, ItemKind};
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::peer::PeerKey;
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::{Action, Cx, Input, Machine as _};
use tidings_protocol::node::{Identity, Node};
use tidings_protocol::params::{Params, StrategyKind};
use tidings_protocol::wire::message::{Items, Message, Names, Session};

/// Transactions, and their size in bytes.
const TXS: usize = 50_000;
const BYTES: usize = 300;
const PEERS: u32 = 8;

struct Driven {
    node: Node,
    params: Params,
    chain: Arc<dyn Chain>,
    rng: ChaCha8Rng,
    capture: Option<Capture>,
    now: Time,
    actions: Vec<Action>,
    inputs: u64,
}

impl Driven {
    fn hand(&mut self, input: Input<'_>) {
        self.inputs += 1;
        if let Some(capture) = &mut self.capture {
            capture.input(self.now, &input);
        }
        let (now, params, chain) = (self.now, &self.params, &*self.chain);
        let cx = &mut Cx { now, params, chain, rng: &mut self.rng, actions: &mut self.actions };
        self.node.handle(input, cx);
        if let Some(capture) = &mut self.capture {
            capture.acted(&self.actions);
        }
        self.actions.clear();
    }

    fn receive(&mut self, slot: u32, message: &Message) {
        self.hand(Input::Received { link: Link::new(slot, 1), message });
    }

    /// Each transaction is announced by all peers, comes from one of them, and is announced on.
    fn run(&mut self, items: &[Arc<Item>]) {
        for slot in 0..PEERS {
            let (link, peer) = (Link::new(slot, 1), PeerKey(100 + u64::from(slot)));
            // Whoever was dialled is asked at once, so that nothing comes unasked.
            let direction = Direction::Outbound;
            self.hand(Input::Connected { link, peer, direction, addr: None });
            self.receive(slot, &Session::Hello(Box::default()).into());
        }
        for (number, item) in (0..).zip(items) {
            // Within the budgets of a link, and over before anybody has to answer a ping.
            self.now = self.now + Duration::from_millis(1);
            let first = number % PEERS;
            let told = Names::Whole { kind: ItemKind::Tx, ids: vec![item.id()].into() };
            let told = Items::Announce(told).into();
            self.receive(first, &told);
            self.receive(first, &Items::Item(Arc::clone(item)).into());
            for slot in (0..PEERS).filter(|slot| *slot != first) {
                self.receive(slot, &told);
            }
            if self.node.deadline() <= self.now {
                self.hand(Input::Wake);
            }
        }
    }
}

/// CPU time of the process.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// CPU time of a run, its inputs, and bytes on the disk.
fn measure(items: &[Arc<Item>], captured: bool) -> Result<(Duration, u64, u64), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let network = Network::for_tests(Rules::Opaque);
    let (mut params, identity) = (Params::default(), Identity::for_tests(7));
    params.relay.strategy = StrategyKind::Inventory;
    let rng = ChaCha8Rng::seed_from_u64(3);
    let capture = if captured {
        let clock = Clock::start();
        let head = Head::of(&Origin {
            identity: &identity,
            peer_id: "",
            params: &params,
            network: &rules_of(&network),
            asmap: None,
            rng: &rng,
            began_unix_us: clock.unix_us(Time::ZERO),
        })?;
        let config = CaptureConfig {
            file: folder.path().join("node.capture"),
            segment_bytes: 1 << 30,
            segments: 1,
            network: rules_of(&network),
        };
        Some(Capture::start(config, &head, &clock)?)
    } else {
        None
    };
    let mut driven = Driven {
        node: Node::new(identity, &params),
        params,
        chain: network.chain(),
        rng,
        capture,
        now: Time::ZERO,
        actions: Vec::new(),
        inputs: 0,
    };
    let before = cpu();
    driven.run(items);
    if driven.node.pool().len() < items.len() {
        return Err(format!("only {} were accepted", driven.node.pool().len()).into());
    }
    let mut stored = 0;
    if let Some(capture) = driven.capture.take() {
        if let Some(why) = capture.status().ended {
            return Err(format!("the capture ended: {why}").into());
        }
        if let Some(thread) = capture.finish(End::Stopped) {
            let _ = thread.join();
        }
        stored = std::fs::metadata(folder.path().join("node.capture.1-0"))?.len();
    }
    Ok((cpu() - before, driven.inputs, stored))
}

fn main() -> Result<(), Box<dyn Error>> {
    let chain = Network::for_tests(Rules::Opaque).chain();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut items = Vec::new();
    for _ in 0..TXS {
        let bytes: Vec<u8> = (0..BYTES).map(|_| rng.random()).collect();
        items.push(chain.item(ItemKind::Tx, Bytes::from(bytes))?);
    }
    let mut least = [Duration::MAX; 2];
    let (mut inputs, mut stored) = (0, 0);
    for _ in 0..3 {
        for (which, captured) in [false, true].into_iter().enumerate() {
            let (took, handed, bytes) = measure(&items, captured)?;
            least[which] = least[which].min(took);
            (inputs, stored) = (handed, stored.max(bytes));
        }
    }
    let each = |took: Duration| took.as_secs_f64() * 1e6 / TXS as f64;
    println!("transactions {TXS} of {BYTES} bytes, {PEERS} peers, inputs {inputs}");
    println!("core alone          {:8.2} µs of CPU per transaction", each(least[0]));
    println!("core and capture    {:8.2} µs", each(least[1]));
    println!("on the disk         {:8.1} bytes per transaction", stored as f64 / TXS as f64);
    Ok(())
}
