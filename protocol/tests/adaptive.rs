//! `adaptive` in whole networks: it reaches everybody, cheaply, whoever lies or leaves.
//!
//! A failing test prints its seed; `MESH_SEED=n cargo test -p tidings-protocol --test adaptive`
//! replays all of them with that one.

use std::sync::Arc;
use std::time::Duration;

use tidings_protocol::chain::Chain as _;
use tidings_protocol::chain::opaque::Opaque;
use tidings_protocol::ground::item::{Item, ItemKind, ShortId};
use tidings_protocol::ground::time::Time;
use tidings_protocol::machine::Input;
use tidings_protocol::params::{Params, Preset, StrategyKind};
use tidings_protocol::relay::adaptive::{LAZY, WAIT_MAX};
use tidings_protocol::testkit::Mesh;
use tidings_protocol::wire::message::{Message, Signal};

const NODES: usize = 40;

/// The longest latency of a link.
const FAR: Duration = Duration::from_millis(100);

/// The seed of this run, printed when a test fails.
fn seed() -> u64 {
    let seed = std::env::var("MESH_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    println!("replay with MESH_SEED={seed}");
    seed
}

fn tx(n: u32) -> Arc<Item> {
    let bytes = n.to_le_bytes().repeat(75);
    Opaque::default().item(ItemKind::Tx, bytes.into()).expect("opaque rules take any bytes")
}

/// Each node dials the next ones at distances 1, 3, 7, 12 and 18: no gossip of addresses.
fn mesh(preset: Preset) -> Mesh {
    mesh_of(preset, seed())
}

fn mesh_of(preset: Preset, seed: u64) -> Mesh {
    mesh_where(preset, seed, false)
}

/// Every item is to arrive without comparisons, by lazy ids; or where peers are compared with and not told.
fn mesh_where(preset: Preset, seed: u64, compares: bool) -> Mesh {
    let mut params = Params::default();
    params.relay.strategy = StrategyKind::Adaptive;
    params.relay.adaptive.preset = preset;
    params.relay.safety_pull_ms = if compares { 10_000 } else { 0 };
    params.peers.outbound = 0;
    let mut mesh = Mesh::new(NODES, seed, 0, params, Arc::new(Opaque::default()));
    mesh.spread_latency(Duration::from_millis(5), FAR);
    for index in 0..NODES {
        for step in [1, 3, 7, 12, 18] {
            mesh.connect(index, (index + step) % NODES);
        }
    }
    mesh.run_for(Duration::from_secs(1));
    mesh
}

/// When the last of `nodes` accepted an item, since it was submitted; `None` if one never did.
fn last(
    mesh: &Mesh,
    item: &Item,
    since: Time,
    nodes: impl Iterator<Item = usize>,
) -> Option<Duration> {
    let accepted = |index| {
        let found = mesh.accepted(index).iter().find(|(_, id)| *id == item.id());
        found.map(|(at, _)| *at - since)
    };
    nodes.map(accepted).try_fold(Duration::ZERO, |last, at| Some(last.max(at?)))
}

/// Submits transactions at changing nodes, 100 ms apart, and lets everything settle.
fn spread(
    mesh: &mut Mesh,
    numbers: std::ops::Range<u32>,
    mut meanwhile: impl FnMut(&mut Mesh, &Item),
) -> Vec<(Time, Arc<Item>)> {
    let mut submitted = Vec::new();
    for n in numbers {
        let item = tx(n);
        submitted.push((mesh.now(), item.clone()));
        mesh.submit(n as usize * 17 % NODES, item.clone());
        mesh.run_for(Duration::from_millis(100));
        meanwhile(mesh, &item);
    }
    mesh.run_for(Duration::from_secs(8));
    submitted
}

fn copies_received(mesh: &Mesh) -> u64 {
    (0..NODES).map(|index| mesh.node(index).counters().duplicate_items).sum()
}

#[test]
fn every_item_reaches_everybody_and_copies_become_few() {
    for (preset, copies) in [(Preset::Fast, 4.0), (Preset::Balanced, 1.5), (Preset::Lean, 0.7)] {
        let mut mesh = mesh(preset);
        spread(&mut mesh, 0..150, |_, _| ());
        let before = copies_received(&mesh);
        let submitted = spread(&mut mesh, 150..250, |_, _| ());
        for (since, item) in submitted {
            assert!(last(&mesh, &item, since, 0..NODES).is_some(), "{preset:?}: {item:?}");
        }
        let redundancy = (copies_received(&mesh) - before) as f64 / (100 * NODES) as f64;
        assert!(redundancy < copies, "{preset:?}: {redundancy} copies too many for each delivery");
    }
}

/// Of the nodes that vanish, one in five.
fn is_gone(index: usize) -> bool {
    index.is_multiple_of(5)
}

fn kill_a_fifth(mesh: &mut Mesh) {
    (0..NODES).filter(|index| is_gone(*index)).for_each(|index| mesh.kill(index));
    mesh.run_for(2 * FAR);
}

/// When the last node that isn't gone had an item.
fn last_left(mesh: &Mesh, (since, item): &(Time, Arc<Item>)) -> Option<Duration> {
    last(mesh, item, *since, (0..NODES).filter(|index| !is_gone(*index)))
}

/// The median of that over items, but those that were submitted at who is gone.
fn median_left(mesh: &mut Mesh, numbers: std::ops::Range<u32>) -> Duration {
    let submitted = spread(mesh, numbers.clone(), |_, _| ());
    let left = numbers.zip(submitted).filter(|(n, _)| !is_gone(*n as usize * 17 % NODES));
    let mut took: Vec<_> =
        left.map(|(_, one)| last_left(mesh, &one).expect("it reaches all")).collect();
    took.sort_unstable();
    took[took.len() / 2]
}

#[test]
fn when_nodes_vanish_the_others_still_get_everything_soon() {
    // Whoever lost a link compares in haste: each peer within two seconds, of what is a second old.
    for (compares, most) in [(false, LAZY + Duration::from_secs(1)), (true, Duration::from_secs(6))]
    {
        vanishing(mesh_where(Preset::Lean, seed(), compares), most);
    }
}

/// A fifth of the nodes vanish, and whatever comes then reaches the others in time.
fn vanishing(mut mesh: Mesh, most: Duration) {
    spread(&mut mesh, 0..150, |_, _| ());
    kill_a_fifth(&mut mesh);
    let submitted: Vec<_> = (150..170)
        .map(|n| {
            let (since, item) = (mesh.now(), tx(n));
            mesh.submit((n as usize * 5 + 1) % NODES, item.clone());
            mesh.run_for(Duration::from_millis(100));
            (since, item)
        })
        .collect();
    mesh.run_for(Duration::from_secs(10));
    for one in &submitted {
        let took = last_left(&mesh, one);
        assert!(took.is_some_and(|took| took < most), "{took:?}, at most {most:?}");
    }
}

/// One network's median wanders by a tenth either way, and that of eight together by as much: so many are compared that chance decides little.
#[test]
fn a_hundred_items_after_nodes_vanished_it_is_as_if_they_had_never_been() {
    let (mut after, mut never) = (Duration::ZERO, Duration::ZERO);
    let first = seed();
    for seed in first..first + 48 {
        let mut bereft = mesh_of(Preset::Lean, seed);
        spread(&mut bereft, 0..150, |_, _| ());
        kill_a_fifth(&mut bereft);
        let mut fresh = mesh_of(Preset::Lean, seed);
        kill_a_fifth(&mut fresh);
        for mesh in [&mut bereft, &mut fresh] {
            median_left(mesh, 150..275);
        }
        after += median_left(&mut bereft, 275..325);
        never += median_left(&mut fresh, 275..325);
    }
    assert!(after < never * 5 / 4, "{after:?}, and {never:?} if they had never been");
}

/// Who lies, and what: of every item, to all peers.
#[derive(Clone, Copy, Debug)]
struct Liars {
    /// So many of ten nodes.
    tenths: usize,
    /// "I knew it already", "you were first".
    say: fn(Arc<[ShortId]>) -> Signal,
}

impl Liars {
    fn has(self, index: usize) -> bool {
        (index + 7) % 10 < self.tenths
    }

    fn lie(self, mesh: &mut Mesh, item: &Item) {
        let lie = Message::Relay((self.say)([ShortId::from(item.id())].into()));
        for index in 0..NODES {
            let links = mesh.links(index).into_iter().filter(|(_, peer)| self.has(*peer));
            for (link, _) in links.collect::<Vec<_>>() {
                mesh.hand(index, Input::Received { link, message: &lie });
            }
        }
    }
}

/// The median over items of when the last honest node had it; none may be later than the bound.
fn honest_median(liars: Liars) -> Duration {
    let mut mesh = mesh(Preset::Balanced);
    let meanwhile = |mesh: &mut Mesh, item: &Item| liars.lie(mesh, item);
    spread(&mut mesh, 0..160, meanwhile);
    let submitted = spread(&mut mesh, 160..200, meanwhile);
    let honest = || (0..NODES).filter(|index| !liars.has(*index));
    let mut took: Vec<_> = submitted
        .iter()
        .map(|(since, item)| last(&mesh, item, *since, honest()).expect("it reaches all"))
        .collect();
    took.sort_unstable();
    let bound = LAZY + WAIT_MAX + 2 * FAR + 4 * FAR; // and the way there
    assert!(took[took.len() - 1] < bound, "{liars:?}: {took:?}");
    took[took.len() / 2]
}

#[test]
fn peers_that_lie_about_duplicates_hardly_delay_the_others() {
    let without = honest_median(Liars { tenths: 0, say: Signal::Known });
    for tenths in [1, 2, 3] {
        for say in [Signal::Known, Signal::First] {
            let liars = Liars { tenths, say };
            let with = honest_median(liars);
            assert!(with < without * 3 / 2, "{liars:?}: {without:?} without, {with:?} with lies");
        }
    }
}

/// Two nodes with the same honest links; one of them also has a neighbour who is always first, until he
/// says nothing any more.
#[test]
fn who_was_always_first_and_falls_silent_delays_his_victims_by_the_bound_at_most() {
    let mut mesh = mesh(Preset::Lean);
    spread(&mut mesh, 0..150, |_, _| ());
    // He goes on receiving, but nothing that he sends arrives.
    mesh.mute(7);
    let submitted: Vec<_> = spread(&mut mesh, 150..190, |_, _| ());
    for (since, item) in submitted {
        if mesh.accepted(7).iter().any(|(at, id)| (*at, *id) == (since, item.id())) {
            continue; // his own, which nobody else can have
        }
        let took = last(&mesh, &item, since, (0..NODES).filter(|index| *index != 7));
        assert!(
            took.is_some_and(|took| took < LAZY + WAIT_MAX + 6 * FAR + Duration::from_secs(1)),
            "{took:?}"
        );
    }
}
