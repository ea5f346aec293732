//! What nodes tell one another by sketch: what differs, for about what it takes to name it.

use super::comparing::{named, tx};
use super::spreading::lacked;
use super::work::{charged, charging, restore};
use super::*;
use crate::chain::Verified;
use crate::ground::fee::FeeRate;
use crate::ground::item::Item;
use crate::ground::item::ShortId;
use crate::machine::RestoredAs;
use crate::params::Rate;
use crate::reconcile::by_sketch::{self, Next};
use crate::reconcile::kept::{Kept, View};
use crate::reconcile::sketch::{Sketch, estimate};
use crate::relay::serve::BYTES_PER_REQUEST;
use crate::report::counters::Traffic;
use crate::testkit::Mesh;
use crate::wire::kinds::MessageKind;
use crate::wire::sketch::{CELLS_MAX, Cell, Cells, Want};
use rand::RngExt as _;
use std::ops::Range;
use std::time::Duration;

const OUT: Direction = Direction::Outbound;

fn restored(item: Arc<Item>) -> Input<'static> {
    let was = RestoredAs::Kept;
    Input::Restored { item, was, age: Duration::ZERO, verified: Verified::default() }
}

/// Two nodes that keep so many transactions in common and some of their own, and meet.
fn meeting(shared: u32, ours: u32, theirs: u32, seed: u64) -> Mesh {
    let params = named(StrategyKind::Inventory);
    let mut mesh = Mesh::new(2, seed, 1, params, Arc::new(Opaque::default()));
    for (index, own) in [(0, 100_000..100_000 + ours), (1, 200_000..200_000 + theirs)] {
        (0..shared).chain(own).for_each(|n| mesh.hand(index, restored(tx(n))));
    }
    mesh.connect(0, 1);
    mesh
}

/// What both sent so far of what comparisons are made of: messages and bytes of a kind.
fn compared(mesh: &Mesh, kind: MessageKind) -> (u64, u64) {
    (0..2).fold((0, 0), |(messages, bytes), index| {
        let traffic: &Traffic = &mesh.node(index).counters().traffic;
        let sent = traffic.sent(kind);
        (messages + sent.messages, bytes + sent.bytes)
    })
}

#[test]
fn pools_that_differ_become_equal_at_the_cost_of_the_difference() {
    const POOLS: [(u32, u32, u32); 4] =
        [(3_000, 200, 150), (6_000, 3, 0), (2_000, 0, 1), (6_000, 300, 0)];
    let (mut by_sketch, mut meetings) = (0, 0);
    for seed in 1..=4 {
        for (shared, ours, theirs) in POOLS {
            let mut mesh = meeting(shared, ours, theirs, seed);
            mesh.run_for(Duration::from_secs(60));
            for index in 0..2 {
                let all = (shared + ours + theirs) as usize;
                assert_eq!(mesh.node(index).pool().len(), all);
            }
            let (_, cells) = compared(&mesh, MessageKind::Cells);
            let (_, want) = compared(&mesh, MessageKind::Want);
            let differ = u64::from(ours + theirs);
            assert!(cells <= 24 * differ + 1_000, "{cells} bytes for {differ} of {shared}");
            assert!(want <= 1_000, "{want} bytes");
            by_sketch += usize::from(compared(&mesh, MessageKind::Held).0 == 0);
            meetings += 1;
        }
    }
    assert!(2 * by_sketch >= meetings, "the others began by salted sums, as some do");
}

#[test]
fn equal_pools_say_so_in_less_than_a_hundred_bytes() {
    let mut mesh = meeting(5_000, 0, 0, 1);
    mesh.run_for(Duration::from_secs(60));
    let kinds = [MessageKind::Cells, MessageKind::Digest, MessageKind::Want, MessageKind::Held];
    let [cells, digest, want, held] = kinds.map(|kind| compared(&mesh, kind));
    assert_eq!((cells.0 + digest.0, want.0, held.0), (1, 0, 0), "one question, and no answer");
    assert!(cells.1 + digest.1 <= 100, "{cells:?} {digest:?}");
}

#[test]
fn of_a_pool_that_is_much_larger_most_is_told_by_lists() {
    let mut mesh = meeting(40, 0, 3_000, 1);
    mesh.run_for(Duration::from_secs(120));
    assert_eq!(mesh.node(0).pool().len(), 3_040);
    let [cells, held] = [MessageKind::Cells, MessageKind::Lacked].map(|kind| compared(&mesh, kind));
    assert!(cells.1 <= 15 * 3_000, "{} bytes of cells", cells.1);
    assert!(held.1 >= 8 * 3_000);
}

fn kept(numbers: Range<u32>) -> Kept {
    let mut kept = Kept::default();
    numbers.for_each(|n| kept.insert(tx(n).id().into(), FeeRate(u64::from(n))));
    kept
}

fn shown(kept: &Kept) -> View<'_> {
    View::new(kept, Vec::new(), FeeRate::ZERO)
}

#[test]
fn what_is_not_shown_is_in_no_cell() {
    for count in [1_000, 6_000] {
        let (all, few) = (kept(0..count), kept(7..count));
        let hidden: Vec<ShortId> = (0..7).map(|n| tx(n).id().into()).collect();
        let views = [
            View::new(&all, hidden, FeeRate::ZERO),
            View::new(&all, vec![tx(3).id().into(), tx(99_999).id().into()], FeeRate(7)),
            shown(&few),
        ];
        let [one, other, model] = views.map(|view| view.sketch(100).unwrap().told());
        assert!(one == model && other == model, "of {count}");
    }
}

#[test]
fn where_much_is_not_shown_of_many_they_compare_by_spans() {
    let all = kept(0..9_000);
    let view = View::new(&all, Vec::new(), FeeRate(5_000));
    assert!(view.sketch(4).is_none() && by_sketch::begin(&view, 4).is_none());
    assert!(view.looked_at() < 1_000_000);
}

#[test]
fn what_a_stranger_sends_as_cells_is_answered_by_one_message_at_most() {
    let all = kept(0..6_000);
    let view = shown(&all);
    let garbage = |count: u64| {
        let cell = |n: u64| Cell { sum: n.wrapping_mul(0x9e37_79b9_7f4a_7c15), check: 7 };
        (1..=count).map(cell).collect::<Box<[Cell]>>()
    };
    for of in [0, 1, 6_000, u32::MAX] {
        for count in [1, 4, 81, CELLS_MAX as u64] {
            let next = by_sketch::take(&Cells { of, cells: garbage(count) }, &view);
            let asks = count <= 4 && of == 6_000;
            assert_eq!(matches!(next, Next::Ask(_)), asks, "{count} cells of {of}: {next:?}");
            assert_eq!(matches!(next, Next::Spans), !asks);
        }
        let none = by_sketch::take(&Cells { of, cells: [].into() }, &view);
        assert_eq!(none, Next::Found { theirs: vec![], ours: vec![] });
        for counts in [vec![], vec![0; 256], vec![i32::MAX; 256], vec![i32::MIN; 3]] {
            let told = by_sketch::answer(&Want { of, counts: counts.into() }, &view);
            assert!(told.is_none_or(|told| told.cells.len() <= CELLS_MAX));
        }
    }
}

#[test]
fn whoever_sends_cells_is_charged_for_each() {
    let mut solo = charging(named(StrategyKind::Inventory));
    restore(&mut solo, (0..100).map(tx));
    let link = solo.link(0, OUT);
    let cells = vec![Cell { sum: 1, check: 1 }; 1_000].into();
    let said = Message::Reconcile(Reconcile::Cells(Box::new(Cells { of: 100, cells })));
    let actions = solo.say(link, &said);
    assert!(charged(&solo, &actions) >= 1_000, "{actions:?}");
}

#[test]
fn what_a_peer_takes_no_announcements_of_it_is_told_by_comparing() {
    // 3,000 at once to a peer that grants 14 ids a second: by these it would take more than three minutes.
    let mut params = named(StrategyKind::Inventory);
    params.budgets.announcements = Rate::new(14.0, 14.0);
    for (compares, most) in [(true, 60), (false, 180)] {
        params.relay.safety_pull_ms = if compares { 10_000 } else { 0 };
        for seed in 1..=6 {
            let mut mesh = Mesh::new(2, seed, 1, params.clone(), Arc::new(Opaque::default()));
            mesh.connect(0, 1);
            mesh.run_for(Duration::from_secs(1));
            (0..3_000).for_each(|n| mesh.submit(0, tx(n)));
            mesh.run_for(Duration::from_secs(most));
            let arrived = mesh.node(1).pool().len();
            assert_eq!(arrived == 3_000, compares, "seed {seed}: {arrived} after {most} s");
        }
    }
}

#[test]
fn whom_we_compare_with_of_our_own_accord_is_charged_nothing_for_it() {
    for sketches in [true, false] {
        let mut params = named(StrategyKind::Inventory);
        params.relay.sketches = sketches;
        let mut solo = charging(params);
        restore(&mut solo, (0..3_000).map(tx));
        let link = solo.link(0, OUT);
        let sent = solo.node.counters().traffic;
        let begun = [MessageKind::Cells, MessageKind::Digest].map(|kind| sent.sent(kind).messages);
        assert_eq!(begun.iter().sum::<u64>(), 1, "it dialled, so it begins");
        let actions = solo.say(link, &get_data(&tx(99_999)));
        assert!(charged(&solo, &actions) <= 1, "for what it asked for: {actions:?}");
    }
}

#[test]
fn whoever_wants_cells_is_charged_for_their_bytes() {
    let mut solo = charging(named(StrategyKind::Inventory));
    restore(&mut solo, (0..6_000).map(tx));
    let link = solo.link(0, Direction::Inbound);
    let all: Vec<ShortId> = (1_000..6_000).map(|n| tx(n).id().into()).collect();
    let counts = estimate::counts(&Sketch::of(all.into_iter(), 257));
    let want = Message::Reconcile(Reconcile::Want(Box::new(Want { of: 5_000, counts })));
    let actions = solo.say(link, &want);
    let [(_, Message::Reconcile(Reconcile::Cells(told)))] = &sends(&actions)[..] else {
        panic!("{actions:?}")
    };
    assert!(told.cells.len() > 1_200);
    assert!(charged(&solo, &actions) >= told.cells.len() * Cell::LEN / BYTES_PER_REQUEST);
}

/// Cells as somebody hostile may send: honest ones of other sets, damaged, cut, doubled, and made up.
fn hostile_cells(ids: &[ShortId], rng: &mut ChaCha8Rng) -> Cells {
    let count = [0, 1, 4, 17, 80, 81, 300, CELLS_MAX][rng.random_range(0..8)];
    let some = rng.random_range(0..=ids.len());
    let mut cells = Sketch::of(ids[..some].iter().copied(), count).told();
    match rng.random_range(0..4) {
        0 => {}
        1 => cells
            .iter_mut()
            .for_each(|cell| *cell = Cell { sum: rng.random(), check: rng.random() }),
        2 => cells.fill(Cell::of(ids[0])),
        _ => {
            let place = rng.random_range(0..cells.len().max(1));
            cells.iter_mut().skip(place).for_each(|cell| cell.sum ^= 1 << rng.random_range(0..64));
        }
    }
    let some = u32::try_from(some).unwrap();
    let of = [0, some, some, some, 1_000_000_000, u32::MAX][rng.random_range(0..6)];
    Cells { of, cells }
}

/// A million: `EXCHANGES=1000000 cargo test --release -p tidings-protocol --lib exchanges_with_whoever`.
#[test]
fn exchanges_with_whoever_sends_anything_stay_within_every_bound() {
    let told = |name: &str| std::env::var(name).ok().and_then(|told| told.parse().ok());
    let (exchanges, seed) = (told("EXCHANGES").unwrap_or(300), told("MESH_SEED").unwrap_or(1));
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let all: Vec<ShortId> = (0..3_000).map(|n| tx(n).id().into()).collect();
    let sets = [5, 100, 700, 3_000].map(|count| kept(0..count));
    let (mut whole, mut asked) = (0, 0);
    for exchange in 0..exchanges {
        let set = &sets[rng.random_range(0..4)];
        let hidden = (0..rng.random_range(0..40)).map(|n| all[n * 7]).collect();
        let view = View::new(set, hidden, FeeRate(rng.random_range(0..3)));
        let theirs = hostile_cells(&all[rng.random_range(0..2_900)..], &mut rng);
        match by_sketch::take(&theirs, &view) {
            Next::Found { theirs: lacked, ours } => {
                let found = lacked.len() + ours.len();
                assert!(found <= theirs.cells.len(), "{exchange} of seed {seed}");
                assert!(lacked.iter().all(|id| view.shows(*id)), "{exchange} of seed {seed}");
                assert!(ours.iter().all(|id| !view.shows(*id)), "{exchange} of seed {seed}");
                whole += u64::from(found > 0);
            }
            Next::Ask(want) => {
                assert!(want.counts.len() <= 256 && theirs.cells.len() <= 80);
                asked += 1;
            }
            Next::Spans => {}
        }
        let counts = (0..rng.random_range(0..300_usize).min(256)).map(|_| rng.random()).collect();
        let answer = by_sketch::answer(&Want { of: theirs.of, counts }, &view);
        assert!(answer.is_none_or(|told| told.cells.len() <= CELLS_MAX));
        // Each cell and each id a few times: what is charged for grows no faster than what was sent.
        let most = 4 * (set.len() * 64 + CELLS_MAX + 64 * 64);
        assert!(view.looked_at() <= most, "{} in {exchange} of seed {seed}", view.looked_at());
    }
    assert!(whole > 0 && asked > 0, "{whole} and {asked} of {exchanges}: it tries all");
}

#[test]
fn a_gap_is_passed_on_by_comparing_and_not_announced_to_everybody() {
    for strategy in [StrategyKind::Adaptive, StrategyKind::Inventory, StrategyKind::Flood] {
        let mut mesh = Mesh::new(6, 1, 1, named(strategy), Arc::new(Opaque::default()));
        (0..300).for_each(|n| mesh.hand(0, restored(tx(n))));
        // A ring of those that have nothing, of which one meets whoever has all.
        (1..6).for_each(|n| mesh.connect(n, n % 5 + 1));
        mesh.run_for(Duration::from_secs(5));
        mesh.connect(1, 0);
        mesh.run_for(Duration::from_secs(60));
        for n in 0..6 {
            assert_eq!(mesh.node(n).pool().len(), 300, "{strategy}, node {n}");
        }
        let sent = |kind| (0..6).map(|n| mesh.node(n).counters().traffic.sent(kind).messages).sum();
        let (told, items): (u64, u64) = (sent(MessageKind::Announce), sent(MessageKind::Tx));
        assert!(told <= 10, "{strategy}: {told} announcements");
        assert_eq!(items, 5 * 300, "{strategy}: each node gets each once");
    }
}

#[test]
fn a_restart_among_peers_that_have_the_same_pool_costs_less_than_50_kb_a_link() {
    let params = named(StrategyKind::Adaptive);
    let mut mesh = Mesh::new(4, 1, 1, params, Arc::new(Opaque::default()));
    let missed = 200;
    (0..50_000).for_each(|n| mesh.hand(0, restored(tx(n))));
    for peer in 1..4 {
        (0..50_000 + missed).for_each(|n| mesh.hand(peer, restored(tx(n))));
        mesh.connect(0, peer);
    }
    mesh.run_for(Duration::from_secs(60));
    assert_eq!(mesh.node(0).pool().len(), 50_200);
    let traffic = mesh.node(0).counters().traffic;
    let others = MessageKind::ALL.iter().filter(|kind| **kind != MessageKind::Tx);
    let bytes = others.map(|kind| traffic.sent(*kind).bytes + traffic.received(*kind).bytes);
    let a_link = bytes.sum::<u64>() / 3;
    eprintln!("{a_link} bytes a link besides the {missed} transactions that were missed");
    assert!(a_link <= 50_000, "{a_link}");
}

#[test]
fn whoever_claims_that_a_comparison_found_it_keeps_no_news_back() {
    let mut solo = Solo::new(at_once());
    let (liar, other) = (solo.link(0, Direction::Inbound), solo.link(1, OUT));
    let items: Vec<_> = (1..=4).map(|n| solo.tx(n)).collect();
    let claimed: Vec<&Item> = items.iter().map(|item| &**item).collect();
    solo.say(liar, &lacked(&claimed));
    let mut told = sends(&solo.hand(Input::Submitted(items[0].clone())));
    solo.say(other, &announce(&items[1]));
    solo.say(liar, &Message::Items(Items::Item(items[1].clone())));
    told.extend(sends(&solo.wait(0)));
    let is_told = |item: &Item| told.contains(&(other, announce(item)));
    assert!(is_told(&items[0]), "what our operator submits: {told:?}");
    assert!(solo.node.pool().contains(items[1].id()));
    solo.say(liar, &Message::Items(Items::Item(items[2].clone())));
    assert!(solo.node.pool().contains(items[2].id()));
    let later = sends(&solo.wait(0));
    assert!(
        !later.contains(&(other, announce(&items[2]))),
        "it was found, and is compared: {later:?}"
    );
}

#[test]
fn where_sketches_are_off_nobody_sends_cells() {
    for strategy in [StrategyKind::Adaptive, StrategyKind::Reconcile] {
        let mut params = named(strategy);
        params.relay.sketches = false;
        let mut mesh = Mesh::new(3, 1, 1, params, Arc::new(Opaque::default()));
        (0..100).for_each(|n| mesh.hand(0, restored(tx(n))));
        mesh.connect(1, 2);
        mesh.connect(1, 0);
        mesh.run_for(Duration::from_secs(10));
        (100..120).for_each(|n| mesh.submit(1, tx(n)));
        mesh.run_for(Duration::from_secs(60));
        assert_eq!(mesh.node(2).pool().len(), 120, "{strategy}");
        let cells =
            (0..3).map(|n| mesh.node(n).counters().traffic.sent(MessageKind::Cells).messages);
        assert_eq!(cells.sum::<u64>(), 0, "{strategy}");
    }
}
