//! What it costs two peers to find out what differs: a rateless sketch beside negentropy (how the relays of Nostr do it), on the
//! same sets.
//!
//! ```text
//! cargo run --release -p tidings-protocol --example sketch
//! ```
//!
//! Half of what differs is missing at either end. negentropy sorts by a time first: "any" has what differs at any time, "late"
//! has it all among the latest, which suits it best. Ours hangs on no order. A trip is a question and its answer; ids that were
//! found are fetched afterwards, at the same cost for all. CPU is of both ends together, without what either keeps up beforehand.

#![expect(clippy::unwrap_used, reason = "a measurement ends where it can't go on")]

use std::time::Duration;

use negentropy::{Id, Negentropy, NegentropyStorageVector};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rustix::time::{ClockId, clock_gettime};
use tidings_protocol::ground::item::{Hash256, ItemId, ShortId};
use tidings_protocol::reconcile::sketch::decoder::decode;
use tidings_protocol::reconcile::sketch::{Sketch, estimate};
use tidings_protocol::wire::codec::frame_len;
use tidings_protocol::wire::message::{Message, Reconcile};
use tidings_protocol::wire::sketch::{CELLS_MAX, COUNTS_MAX, Cells, Want};

/// Cells with which a comparison begins, as nodes do.
const FIRST: usize = 4;

/// Cells kept: as many as nodes keep, or more where more differ than nodes take by a sketch.
const KEPT: [usize; 2] = [CELLS_MAX, 32_768];

/// Exchanges of each kind, of which the mean is printed.
const TIMES: u32 = 10;

const CASES: [(usize, usize); 6] = [
    (10_000, 100),
    (10_000, 1_000),
    (100_000, 1_000),
    (1_000_000, 100),
    (1_000_000, 1_000),
    (1_000_000, 10_000),
];

fn main() {
    println!(
        "{:>9} {:>7}  {:<19} {:>6} {:>11} {:>10} {:>11} {:>13}",
        "entries", "differ", "by", "trips", "bytes", "CPU, ms", "memory, kB", "upkeep, ns"
    );
    for (entries, differ) in CASES {
        let mut sets = Sets::new(entries, differ);
        let ours = sketched(&sets);
        print(entries, differ, "rateless sketch", &ours);
        for (name, is_late) in [("negentropy, any", false), ("negentropy, late", true)] {
            sets.is_late = is_late;
            print(entries, differ, name, &ranged(&sets));
        }
    }
}

fn print(entries: usize, differ: usize, name: &str, cost: &Cost) {
    let Cost { trips, bytes, cpu, memory, upkeep } = cost;
    let [cpu, upkeep] = [cpu.as_secs_f64() * 1e3, upkeep.as_secs_f64() * 1e9 / entries as f64];
    let memory = memory / 1_000;
    println!(
        "{entries:>9} {differ:>7}  {name:<19} {trips:>6.1} {bytes:>11} {cpu:>10.3} {memory:>11} {upkeep:>13.0}"
    );
}

/// What it came to. Upkeep is of all entries of one end.
struct Cost {
    trips: f64,
    bytes: usize,
    cpu: Duration,
    memory: usize,
    upkeep: Duration,
}

/// Ids that both have, and those that each has alone.
struct Sets {
    shared: Vec<[u8; 32]>,
    alone: [Vec<[u8; 32]>; 2],
    is_late: bool,
}

impl Sets {
    fn new(entries: usize, differ: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(differ as u64);
        let mut ids = |count| (0..count).map(|_| rng.random()).collect::<Vec<[u8; 32]>>();
        let alone = [ids(differ / 2), ids(differ / 2)];
        Self { shared: ids(entries - differ / 2), alone, is_late: false }
    }

    fn of(&self, end: usize) -> impl Iterator<Item = &[u8; 32]> {
        self.shared.iter().chain(&self.alone[end])
    }
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.cast_unsigned(), u32::try_from(now.tv_nsec).unwrap())
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = cpu();
    let done = work();
    (done, cpu() - before)
}

fn sketched(sets: &Sets) -> Cost {
    let short = |end| sets.of(end).map(|id| ShortId::from(ItemId::tx(Hash256(*id))));
    let ids: [Vec<ShortId>; 2] = [short(0).collect(), short(1).collect()];
    let differ = sets.alone.iter().map(Vec::len).sum::<usize>();
    let kept = KEPT[usize::from(2 * differ > CELLS_MAX)];
    let (one, upkeep) = timed(|| Sketch::of(ids[0].iter().copied(), kept));
    let other = Sketch::of(ids[1].iter().copied(), kept);
    let mut cost = Cost { trips: 0.0, bytes: 0, cpu: Duration::ZERO, memory: 16 * kept, upkeep };
    for _ in 0..TIMES {
        let ((trips, bytes), cpu) = timed(|| exchange(&one, &other, differ));
        cost.trips += trips / f64::from(TIMES);
        cost.bytes = bytes;
        cost.cpu += cpu / TIMES;
    }
    cost
}

/// What nodes do, see `reconcile/by_sketch.rs`, but that more cells are told where it takes more. Trips and bytes.
fn exchange(one: &Sketch, other: &Sketch, differ: usize) -> (f64, usize) {
    let of = |sketch: &Sketch| u32::try_from(sketch.len()).unwrap();
    let told = |sketch: &Sketch, cells| {
        let cells = Cells { of: of(sketch), cells: sketch.first(cells).told() };
        let message = Message::Reconcile(Reconcile::Cells(Box::new(cells)));
        let len = frame_len(&message);
        let Message::Reconcile(Reconcile::Cells(cells)) = message else { unreachable!() };
        (cells, len)
    };
    let (first, mut bytes) = told(one, FIRST);
    if decode(other.first(FIRST).against(&first.cells)).is_whole {
        return (0.5, bytes);
    }
    let counts = estimate::counts(&other.first(COUNTS_MAX + 1));
    let want = Want { of: of(other), counts };
    let mut cells = estimate::cells_for(estimate::difference(&one.first(COUNTS_MAX + 1), &want));
    bytes += frame_len(&Message::Reconcile(Reconcile::Want(Box::new(want))));
    for trips in 1.. {
        let (more, len) = told(one, cells);
        bytes += len;
        let decoded = decode(other.first(cells).against(&more.cells));
        if decoded.is_whole {
            assert_eq!(decoded.ids.len(), differ);
            return (f64::from(trips), bytes);
        }
        cells *= 2;
    }
    unreachable!("the sketch has cells enough")
}

fn ranged(sets: &Sets) -> Cost {
    let stored = |end: usize| {
        let mut storage = NegentropyStorageVector::new();
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let from = if sets.is_late { 1_000_000 } else { 0 };
        let shared = sets.shared.iter().map(|id| (rng.random_range(0..1_000_000), id));
        let mut rng = ChaCha8Rng::seed_from_u64(8 + end as u64);
        let alone = sets.alone[end].iter();
        let alone = alone.map(|id| (from + rng.random_range(0..1_000_000), id));
        for (time, id) in shared.chain(alone) {
            storage.insert(time, Id::from_byte_array(*id)).unwrap();
        }
        storage.seal().unwrap();
        storage
    };
    let (one, upkeep) = timed(|| stored(0));
    let other = stored(1);
    let memory = sets.of(0).count() * size_of::<negentropy::Item>();
    let mut cost = Cost { trips: 0.0, bytes: 0, cpu: Duration::ZERO, memory, upkeep };
    for _ in 0..TIMES {
        let ((trips, bytes), cpu) = timed(|| ranges(&one, &other));
        cost.trips = f64::from(trips);
        cost.bytes = bytes;
        cost.cpu += cpu / TIMES;
    }
    cost
}

fn ranges(one: &NegentropyStorageVector, other: &NegentropyStorageVector) -> (u32, usize) {
    let mut client = Negentropy::borrowed(one, 0).unwrap();
    let mut server = Negentropy::borrowed(other, 0).unwrap();
    let (mut have, mut need) = (Vec::new(), Vec::new());
    let (mut query, mut bytes, mut trips) = (client.initiate().unwrap(), 0, 0);
    loop {
        let answer = server.reconcile(&query).unwrap();
        bytes += query.len() + answer.len();
        trips += 1;
        match client.reconcile_with_ids(&answer, &mut have, &mut need).unwrap() {
            Some(next) => query = next,
            None => return (trips, bytes),
        }
    }
}
