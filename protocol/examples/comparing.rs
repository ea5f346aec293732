//! What a stranger's questions cost a node whose pool is full: time of the core alone, and what the link is charged.
//!
//! ```text
//! cargo run --release -p tidings-protocol --example comparing
//! ```

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures time")]

use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::ItemKind;
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::peer::PeerKey;
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::{Action, Cx, Input, Machine as _, RestoredAs};
use tidings_protocol::node::{Identity, Node};
use tidings_protocol::params::{Params, Rate};
use tidings_protocol::wire::codec;
use tidings_protocol::wire::digest::{Digest, FAN, LIST_MAX, LISTS_MAX, List, Span, Split};
use tidings_protocol::wire::message::{Message, Reconcile, Session};

/// Transactions of 300 bytes that the default pool holds.
const POOLED: u64 = 200_000;

/// Each question is asked so often, on a link of its own; the least counts.
const TURNS: u64 = 20;

struct Driver {
    node: Node,
    params: Params,
    rng: ChaCha8Rng,
    now: Time,
}

impl Driver {
    fn hand(&mut self, input: Input<'_>) -> (Duration, Vec<Action>) {
        let (mut actions, rules) = (Vec::new(), Opaque::default());
        let Self { params, rng, now, .. } = self;
        let mut cx = Cx { now: *now, params, chain: &rules, rng, actions: &mut actions };
        let start = Instant::now();
        self.node.handle(input, &mut cx);
        (start.elapsed(), actions)
    }
}

fn main() {
    let mut params = Params::default();
    // One unit a second: a debt tells what was charged.
    params.budgets.requests = Rate::new(1.0, 1.0);
    let node = Node::new(Identity::for_tests(1), &params);
    let rng = ChaCha8Rng::seed_from_u64(1);
    let mut driver = Driver { node, params, rng, now: Time::ZERO };
    for n in 0..POOLED {
        let bytes: Vec<u8> = n.to_le_bytes().into_iter().cycle().take(300).collect();
        let item = Opaque::default().item(ItemKind::Tx, bytes.into()).expect("any bytes will do");
        let (was, age) = (RestoredAs::Kept, Duration::ZERO);
        driver.hand(Input::Restored { item, was, age });
    }
    println!(
        "{} pooled\n{:34} {:>7} {:>8} {:>8} {:>10}",
        driver.node.pool().len(),
        "question",
        "bytes",
        "us",
        "charged",
        "ns/charged"
    );
    for (name, question) in questions() {
        ask(&mut driver, name, &question);
    }
}

fn ask(driver: &mut Driver, name: &str, question: &Message) {
    let (mut least, mut charged) = (Duration::MAX, 0.0);
    for _ in 0..TURNS {
        driver.now = driver.now + Duration::from_secs(100_000);
        let hello = Message::Session(Session::Hello(Box::default()));
        let generation = u32::try_from(driver.now.as_nanos() / 100_000_000_000_000).unwrap_or(0);
        let link = Link::new(0, generation);
        let (peer, direction) = (PeerKey(u64::from(generation) + 1), Direction::Inbound);
        driver.hand(Input::Connected { link, peer, direction, addr: None });
        driver.hand(Input::Received { link, message: &hello });
        let (took, actions) = driver.hand(Input::Received { link, message: question });
        least = least.min(took);
        let debts = actions.iter().filter_map(|action| match action {
            Action::Throttle { until, .. } => Some(until.since(driver.now).as_secs_f64() + 1.0),
            _ => None,
        });
        charged = debts.fold(1.0, f64::max);
        driver.hand(Input::Disconnected { link });
    }
    let (bytes, us) = (codec::frame_len(question), least.as_secs_f64() * 1e6);
    println!("{name:34} {bytes:7} {us:8.1} {charged:8.0} {:10.0}", us * 1e3 / charged);
}

fn questions() -> Vec<(&'static str, Message)> {
    let sums = |spans: Vec<Span>, sum| {
        let splits = spans.into_iter().map(|span| Split { span, sums: [sum; FAN] }).collect();
        Message::Reconcile(Reconcile::Digest(Box::new(Digest { salt: 7, splits })))
    };
    let held = |lists: Vec<List>| Message::Reconcile(Reconcile::Held(lists.into()));
    let none = |span| List { span, ids: [].into() };
    let second = || Span::ALL.children().flat_map(Span::children).collect::<Vec<_>>();
    let third = || second().into_iter().flat_map(Span::children);
    let full = |span: Span| {
        let ids = span.children().map(Span::first).take(LIST_MAX).collect();
        List { span, ids }
    };
    vec![
        ("I have nothing", held(vec![none(Span::ALL)])),
        ("sums of all, wrong", sums(vec![Span::ALL], 1)),
        ("256 splits, wrong", sums(second(), 1)),
        ("256 splits of single ids", sums(third().filter_map(deep).take(256).collect(), 1)),
        ("1,024 empty lists", held(third().take(LISTS_MAX).map(none).collect())),
        ("128 full lists of what isn't here", held(third().take(128).map(full).collect())),
    ]
}

/// The first id of a span, alone.
fn deep(span: Span) -> Option<Span> {
    Span::new(u64::from_be_bytes(span.first().0), 15)
}
