//! A crash at any moment of a compaction, and while an older format is taken over: everything is there afterwards.
//!
//! What is done to the file is kept in a journal. A crash is a moment in it: what was synced before is on the disk, and of what
//! came after any sectors, in any order. Forty moments of each by default; `STORE_CRASHES=1000 cargo test -p tidings a_crash` makes it 1,000.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::store::file::Change as Done;
use crate::store::file::tests::KEEPS_JOURNAL;

/// How many crashes of each kind, unless the environment says otherwise.
const CRASHES: u64 = 40;

/// What a disk writes whole or not at all, bytes.
const SECTOR: usize = 512;

/// What is on the disk if the system ends after so many things of a journal.
fn crash(before: &[u8], journal: &[Done], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let done = &journal[..rng.random_range(0..=journal.len())];
    let synced = done.iter().rposition(|done| matches!(done, Done::Sync)).unwrap_or(0);
    let mut image = before.to_vec();
    for (at, done) in done.iter().enumerate() {
        let is_sure = at < synced;
        if !is_sure && rng.random_bool(0.5) {
            continue;
        }
        match done {
            Done::Write(offset, bytes) => {
                let is_torn = !is_sure && rng.random_bool(0.2);
                // Disks write sectors.
                let sectors = rng.random_range(0..=bytes.len() / SECTOR);
                let len = if is_torn { sectors * SECTOR } else { bytes.len() };
                let from = usize::try_from(*offset).unwrap();
                if image.len() < from + len {
                    image.resize(from + len, 0);
                }
                image[from..from + len].copy_from_slice(&bytes[..len]);
            }
            Done::SetLen(len) => image.resize(usize::try_from(*len).unwrap(), 0),
            Done::Sync => {}
        }
    }
    image
}

/// Crashes while something is done to a store in many ways, and looks what is left each time.
fn assert_survives(place: &Place, change: impl FnOnce(&Place) -> Store) {
    let (before, expected) = (fs::read(place.path()).unwrap(), {
        let read = ReadStore::open(&place.config).unwrap().unwrap();
        let mut ids = Vec::new();
        let taken = read.each(|stored| {
            ids.push((stored.id, stored.was));
            Ok::<(), ()>(())
        });
        taken.unwrap().unwrap();
        ids
    });
    KEEPS_JOURNAL.set(true);
    let store = change(place);
    KEEPS_JOURNAL.set(false);
    let journal = store.file.journal.lock().unwrap().take().unwrap();
    drop(store);
    let syncs = journal.iter().filter(|done| matches!(done, Done::Sync)).count();
    assert!(syncs > 1, "nothing was done: {syncs}");
    let crashes = std::env::var("STORE_CRASHES").ok().and_then(|crashes| crashes.parse().ok());
    for seed in 0..crashes.unwrap_or(CRASHES) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        fs::write(place.path(), crash(&before, &journal, &mut rng)).unwrap();
        let store = Store::open(&place.config).unwrap_or_else(|error| panic!("{error}, {seed}"));
        let all = place.everything(&store);
        let left: Vec<_> = all.restored.iter().map(|it| (it.item.id(), it.was)).collect();
        assert_eq!((left, all.dropped.len()), (expected.clone(), 0), "seed {seed}");
    }
}

#[test]
fn a_crash_at_any_moment_of_a_compaction_loses_nothing() {
    let place = Place::new();
    let mut store = place.open();
    let big = |n: u32| {
        let mut bytes = vec![7; 9_000];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        Opaque::default().item(ItemKind::Tx, bytes.into()).unwrap()
    };
    for part in 0..8 {
        let items: Vec<_> = (part * 20..part * 20 + 20).map(|n| put(&big(n), n % 2 == 0)).collect();
        store.apply(&items).unwrap();
    }
    let gone: Vec<_> = (0..120).map(|n| Change::Remove(big(n).id())).collect();
    store.apply(&gone).unwrap();
    store.apply(&[Change::Orphan(big(500)), put(&block(3), false)]).unwrap();
    drop(store);
    let full = fs::metadata(place.path()).unwrap().len();
    assert_survives(&place, |place| {
        let mut store = place.open();
        store.file.journal.lock().unwrap().as_mut().unwrap().clear();
        store.compact().unwrap();
        assert!(store.file_bytes().unwrap() < full * 3 / 4, "it didn't become smaller");
        store
    });
}

#[test]
fn a_crash_while_an_older_format_is_taken_over_loses_nothing() {
    assert_survives(&Place::of_first_format(), Place::open);
}
