//! The states in which messages are dearest.

use std::sync::Arc;
use std::time::Duration;

use tidings_protocol::chain::Chain as _;
use tidings_protocol::ground::item::{Hash256, Item, ItemId, ItemKind, ShortId};
use tidings_protocol::ground::link::{Direction, Link};
use tidings_protocol::ground::peer::{AddressRecord, PeerAddr};
use tidings_protocol::machine::{Input, RestoredAs};
use tidings_protocol::params::{OverlayKind, Params, STEPS_DEFAULT, StrategyKind};
use tidings_protocol::replica::stamp::Tick;
use tidings_protocol::replica::state::Pen;
use tidings_protocol::replica::{Entry, Key, Kind, Millis, ReplicaId, State, Write};
use tidings_protocol::testkit::ties::Draft;
use tidings_protocol::wire::digest::{Digest, FAN, Span, Split};
use tidings_protocol::wire::message::{
    Accepts, Hello, Items, Message, Names, PeerExchange, Reconcile, SHUFFLED_MAX, Session,
};

use crate::bench::{Bench, Rules};

/// Peers as many as there may be by default, some of which have yet to say hello.
pub(crate) const OUTBOUND: u32 = 8;
pub(crate) const INBOUND: u32 = 107;
pub(crate) const SILENT: u32 = 10;

/// Links that are ready.
pub(crate) const READY: u32 = OUTBOUND + INBOUND;

/// Transactions of 300 bytes that fill the default pool.
pub(crate) const POOLED: u32 = 213_000;

/// What the peers do that is measured: one that dialled us.
pub(crate) const HOSTILE: Link = at(OUTBOUND);

/// How many, as a number of transactions.
pub(crate) fn count(len: usize) -> u32 {
    u32::try_from(len).expect("a bench has fewer")
}

/// A link by its slot.
pub(crate) const fn at(slot: u32) -> Link {
    Link::new(slot, 1)
}

/// The links that are ready, but for the hostile one.
pub(crate) fn others() -> impl Iterator<Item = Link> {
    (0..READY).map(at).filter(|link| *link != HOSTILE)
}

/// A transaction of the pool; of two the later one pays more for its size.
pub(crate) fn pooled(number: u32) -> Draft {
    Draft { filler: 284, ..Draft::paying(number, 1_000 + u64::from(number)) }
}

/// A transaction that isn't known, and pays as said.
pub(crate) fn fresh(number: u32, fee: u64) -> Draft {
    Draft::paying(1_000_000 + number, fee)
}

/// An id of a transaction that nobody has.
pub(crate) fn nowhere(number: u32) -> ShortId {
    ItemId::tx(Hash256::of(&[&b"nowhere"[..], &number.to_le_bytes()].concat())).into()
}

/// Announces transactions by their short ids.
pub(crate) fn announce(ids: impl Iterator<Item = ShortId>) -> Message {
    Message::Items(Items::Announce(Names::Short(ids.collect())))
}

/// A message that is an item.
pub(crate) fn item(item: &Arc<Item>) -> Message {
    Message::Items(Items::Item(item.clone()))
}

/// Parameters by which nothing is due but what the messages cause.
pub(crate) fn params(strategy: StrategyKind) -> Params {
    let mut params = Params::default();
    params.relay.strategy = strategy;
    params.record.steps = Some(STEPS_DEFAULT);
    params.health.ping_interval_s = 10_000_000;
    params.health.ping_timeout_s = 10_000_000;
    params.health.hello_timeout_s = 10_000_000;
    params.peers.outbound = OUTBOUND as usize;
    params.peers.feeler_s = 0;
    // The node begins no comparisons by itself: it would once in ten seconds, whatever comes.
    params.relay.safety_pull_ms = 10_000_000;
    params
}

/// A node that has been up for a while: its pool is full, and its address book; nothing came of late.
pub(crate) fn calm(strategy: StrategyKind, pool: u32) -> Bench {
    let mut bench = Bench::new(params(strategy));
    bench.hand(Input::Remembered(&addresses(20_000).into()));
    restore(&mut bench, [large_block()].into_iter());
    restore(&mut bench, (0..pool).map(|number| pooled(number).item()));
    for slot in 0..READY + SILENT {
        let direction = if slot < OUTBOUND { Direction::Outbound } else { Direction::Inbound };
        match slot < READY {
            true => bench.join(at(slot), direction),
            false => bench.connect(at(slot), direction),
        }
    }
    bench.pass(Duration::from_secs(300));
    bench
}

/// Transactions of an earlier run come back.
pub(crate) fn restore(bench: &mut Bench, items: impl Iterator<Item = Arc<Item>>) {
    for item in items {
        bench.restore(item, RestoredAs::Kept);
    }
}

/// Addresses of the world, each of another network.
pub(crate) fn addresses(count: u32) -> Vec<AddressRecord> {
    world(0, count).into_iter().map(AddressRecord::reached).collect()
}

/// Addresses of the world, from a number on.
pub(crate) fn world(first: u32, count: u32) -> Vec<PeerAddr> {
    let addr = |n: u32| {
        let [_, a, b, c] = n.to_be_bytes();
        PeerAddr::tcp(([20 + a, b, c, 7], 4_000).into())
    };
    (first..first + count).map(addr).collect()
}

/// Peers bring transactions, of which nobody has been told when this returns.
pub(crate) fn bring(bench: &mut Bench, count: u32) {
    bring_from(bench, 0, count);
}

/// The same, of which none came before.
pub(crate) fn bring_from(bench: &mut Bench, first: u32, count: u32) {
    for number in first..first + count {
        let (news, link) =
            (Draft { filler: 284, ..fresh(number, 10_000_000) }.item(), at(number % OUTBOUND));
        bench.say(link, &announce([news.id().into()].into_iter()));
        bench.pass(Duration::from_micros(1));
        bench.say(link, &item(&news));
    }
}

/// Every peer announces the same transactions, as many as it may.
pub(crate) fn promise(bench: &mut Bench, count: u32) {
    for first in (0..count).step_by(1_000) {
        let last = count.min(first + 1_000);
        let message = announce((first..last).map(nowhere));
        (0..READY).for_each(|slot| bench.say(at(slot), &message));
    }
}

/// Orphans of one parent, as many as there may be of one link.
pub(crate) fn orphans_of(parents: &[&Arc<Item>], count: u32) -> Vec<Arc<Item>> {
    let orphan = |number| fresh(100_000 + number, 10_000_000).after(parents).item();
    (0..count).map(orphan).collect()
}

/// A block of so many transactions of the pool, beginning with one.
pub(crate) fn block_of(first: u32, count: u32) -> Arc<Item> {
    let all: Vec<_> = (first..first + count).map(|number| pooled(number).item()).collect();
    let block = block_bytes(&all.iter().collect::<Vec<_>>());
    Rules.item(ItemKind::Block, block).expect("any bytes are a block")
}

fn block_bytes(all: &[&Arc<Item>]) -> bytes::Bytes {
    // By hand: a block of the testkit's is no larger than its transactions.
    let mut bytes = vec![0; 32];
    for item in all {
        bytes.extend(u32::try_from(item.size()).expect("small transactions").to_le_bytes());
        bytes.extend(item.bytes().iter());
    }
    bytes.into()
}

/// A block of so many transactions that nobody has, of so many bytes each.
pub(crate) fn block_of_unknown(count: u32, size: usize) -> Arc<Item> {
    let draft = |number| Draft { filler: size - 16, ..fresh(2_000_000 + number, 1) };
    let all: Vec<_> = (0..count).map(|number| draft(number).item()).collect();
    let block = block_bytes(&all.iter().collect::<Vec<_>>());
    Rules.item(ItemKind::Block, block).expect("any bytes are a block")
}

/// The block that every node here has: as large as one may be.
pub(crate) fn large_block() -> Arc<Item> {
    block_of_unknown(39, 100_000)
}

/// Sums of everything, all of them wrong.
pub(crate) fn wrong_sums() -> Message {
    let splits = [Split { span: Span::ALL, sums: [1; FAN] }].into();
    Message::Reconcile(Reconcile::Digest(Box::new(Digest { salt: 7, splits })))
}

/// The hello of a peer.
pub(crate) fn hello(accepts: Accepts) -> Message {
    Message::Session(Session::Hello(Box::new(Hello { accepts, ..Hello::default() })))
}

/// Keys in the map, and a time for their stamps.
pub(crate) const KEYS: u32 = 4_000;
pub(crate) const NOON: Millis = 1_800_000_000_000;

/// An entry of the map.
pub(crate) fn entry(number: u32, len: usize, millis: Millis) -> Entry {
    let key = Key::new(Kind::Register, &number.to_le_bytes()).expect("a name of four bytes");
    let tick = Tick { millis, count: number };
    let pen = Pen { writer: ReplicaId(2), tick, limit: Millis::MAX };
    let write = Write::Put(vec![7; len].into());
    let (state, _) = State::written(None, &key, write, pen).expect("a short value");
    Entry { key, state }
}

/// Links that have yet to ask for anything, behind those of the views.
const ASKING: u32 = 100;

/// A node with full views; the hostile peer is a neighbour.
pub(crate) fn viewing() -> Bench {
    let mut params = params(StrategyKind::Adaptive);
    params.peers.overlay = OverlayKind::Hyparview;
    params.peers.hyparview.shuffle_s = 1_000_000;
    let mut bench = Bench::new(params);
    let neighbours = [HOSTILE, at(0), at(1), at(2), at(3)];
    let mut links: Vec<_> = neighbours.into_iter().chain(asking()).collect();
    links.sort_unstable_by_key(|link| link.slot());
    links.into_iter().for_each(|link| bench.join(link, Direction::Inbound));
    for link in neighbours {
        bench.say(link, &PeerExchange::Neighbour { is_urgent: false }.into());
    }
    for (number, link) in neighbours.into_iter().enumerate() {
        let first = 10_000 + 100 * count(number);
        bench.say(link, &shuffle(number, 0, first));
    }
    bench
}

/// Who may still ask.
pub(crate) fn asking() -> impl Iterator<Item = Link> {
    (READY..READY + ASKING).map(at)
}

/// Addresses, for as many in exchange.
pub(crate) fn shuffle(number: usize, steps: u8, first: u32) -> Message {
    let addrs = world(first, count(SHUFFLED_MAX)).into();
    PeerExchange::Shuffle { number: count(number), steps, addrs }.into()
}
